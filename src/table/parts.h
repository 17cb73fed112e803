/* parts.h - what statements and ingestion need of catalog and tables, and a mount does not. Threads: any. */
#pragma once

#include "src/table/catalog.h"

struct pfs_store *pfs_catalog_store(struct pfs_catalog *catalog);
/* What time it is for the catalog; NULL = the system's. */
const struct pfs_clock *pfs_catalog_clock(const struct pfs_catalog *catalog);
/* -EROFS with the sentence on a read-only warehouse. */
int pfs_catalog_check_writable(const struct pfs_catalog *catalog, struct pfs_err *err);
/* Directories of a table: the main table's, and the one with its schemas and snapshots. */
int pfs_catalog_paths(const char *database, const char *table, const char *branch, struct pfs_arena *arena,
                      const char **root, const char **meta, struct pfs_err *err);
/* Has a statement of this process, since `since_ms` (monotonic), taken the table back to before snapshot `id`, or put
 * another history in its place? Then it is gone because somebody wanted it. */
bool pfs_table_was_rewound(struct pfs_table *table, int64_t id, int64_t since_ms);
/* -EINVAL with Paimon's sentence for the first column whose default value its type does not take. */
int pfs_table_check_defaults(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err);
