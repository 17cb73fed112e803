/* control.h - small files: what a table is and how it is, as text; and the sql file. Private to fs/. */
#pragma once

#include "fs/inbox/inbox.h"
#include "fs/place/place.h"
#include "src/ingest/ingest.h"
#include "src/table/catalog.h"

/* The text of schema.sql, schema.json, snapshot.json, options, status.json or errors.jsonl of a place. */
int pfs_control_print(const struct pfs_place *place, struct pfs_table *table, struct pfs_errors *errors,
                      struct pfs_buf *out, struct pfs_err *err);

/* Answers of the sql files, the last one of each user. Threads: any. */
struct pfs_answers;
int pfs_answers_open(struct pfs_answers **out, struct pfs_err *err);
void pfs_answers_close(struct pfs_answers *answers); /* NULL allowed */

/* A handle on an sql file. Statements are executed by the write that brings their ';', one that is not in quotes or a
 * comment; a failing one fails the write and is the answer too. USE holds for what follows on the handle. Reading gives
 * this handle's answer from its start, those of statements that came since it was read last, or, before it has written,
 * the last one of that user. `ingest` (may be NULL) commits what is pending before statements. */
struct pfs_console;
int pfs_console_open(struct pfs_catalog *catalog, struct pfs_ingest *ingest, struct pfs_pool *pool,
                     struct pfs_answers *answers, const char *database, uint32_t uid, struct pfs_console **out,
                     struct pfs_err *err);
void pfs_console_close(struct pfs_console *console);
void pfs_console_write(struct pfs_console *console, struct pfs_request *request, uint64_t off, struct pfs_slice bytes);
/* -EINVAL when a statement without ';' is left. */
void pfs_console_flush(struct pfs_console *console, struct pfs_request *request);
void pfs_console_read(struct pfs_console *console, struct pfs_request *request, uint64_t off, void *to, size_t len);
