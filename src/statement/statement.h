/* statement.h - statements carried out: parsed by src/sql, done by catalog and tables, answered as CSV. Threads: any.
 */
#pragma once

#include "src/table/catalog.h"

/* Executes the statements of a text, one after the other; `database` is the current one (NULL: "default"). The answer
 * is CSV with a header (statements without rows give one row: result OK), one after the other in *answer. The first
 * failing statement ends it: what was done before stays. */
int pfs_catalog_execute(struct pfs_catalog *catalog, const char *database, struct pfs_slice text,
                        struct pfs_buf *answer, struct pfs_err *err);
/* The same, in a conversation: *database (the caller's, of the heap; NULL: "default") is what USE made it. */
int pfs_catalog_converse(struct pfs_catalog *catalog, char **database, struct pfs_slice text, struct pfs_buf *answer,
                         struct pfs_err *err);

/* Of a text that comes in pieces: bytes that are whole statements, ended by ';' (0 too when there is no memory to
 * tell); and does it say anything but blanks and comments? */
size_t pfs_statements_whole(struct pfs_slice text);
bool pfs_statements_say(struct pfs_slice text);
