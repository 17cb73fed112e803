/* schemas.h - the schemas of one table by id: old files are read by the schema that they were written with.
 *
 * A machine: loads schema-<id> when it is first asked for and keeps it. Schemas are facts that live as long as this
 * machine; it is reference-counted so that states may outlive the table's own handle. Threads: any.
 */
#pragma once

#include "src/meta/schema.h"

struct pfs_schemas;

/* `meta` is the directory with schema/ (a branch: the branch's own). The store outlives it. */
int pfs_schemas_open(struct pfs_store *store, const char *meta, struct pfs_schemas **out, struct pfs_err *err);
struct pfs_schemas *pfs_schemas_ref(struct pfs_schemas *schemas);
void pfs_schemas_unref(struct pfs_schemas *schemas); /* NULL allowed; the last one frees */

const char *pfs_schemas_directory(const struct pfs_schemas *schemas); /* `meta` */

/* -EIO with a sentence when the file is not there: somebody refers to it. */
int pfs_schemas_get(struct pfs_schemas *schemas, int64_t id, const struct pfs_schema **out, struct pfs_err *err);
/* The schema of that id for reads of its time: its columns and keys under the options of `newest`, one of the table's,
 * since options do not travel (spec timetravel 3); its own number of buckets. Where `newest` says of rows what it says
 * itself, or what does not fit its columns, it is as it is; else its time is that of `newest`: what is read with it
 * changes with these options. */
int pfs_schemas_under(struct pfs_schemas *schemas, int64_t id, const struct pfs_schema *newest,
                      const struct pfs_schema **out, struct pfs_err *err);
/* The schema with the greatest id now (a cheap check when nothing changed). Bare -ENOENT when there is none. */
int pfs_schemas_latest(struct pfs_schemas *schemas, const struct pfs_schema **out, struct pfs_err *err);
/* The one that the last look found, without a look; the same as pfs_schemas_latest when there was none. */
int pfs_schemas_seen(struct pfs_schemas *schemas, const struct pfs_schema **out, struct pfs_err *err);
/* Forgets what is cached: a table was dropped and made again under the same name, or a branch was fast-forwarded.
 * Schemas handed out before stay valid. `latest` does so by itself when the file of the greatest one was replaced. */
void pfs_schemas_forget(struct pfs_schemas *schemas);
bool pfs_schemas_were_replaced(struct pfs_schemas *schemas); /* it has, ever */
