/* catalog.h - an open warehouse: databases, tables, statements. With table.h the front door of src/ for fs/ and tools/.
 *
 * A database is a directory <db>.db, a table one with a schema below it (spec layout 1); both may appear and vanish at
 * any time by the hand of other engines, so nothing here remembers that one exists. Open tables are shared: two opens
 * of one name give the same struct pfs_table while anyone holds it. The few that were asked for last are held here, so
 * that their metadata is not read anew each time; one that was dropped, or made again, is seen when it is asked for.
 * Threads: any.
 */
#pragma once

#include "base/clock.h"
#include "base/pool.h"
#include "base/store.h"
#include "src/table/table.h"

struct pfs_catalog;

struct pfs_catalog_config {
    struct pfs_store *store; /* the warehouse's root; taken, also on failure */
    struct pfs_pool *pool;   /* borrowed; NULL = everything on the caller */
    const struct pfs_clock *clock;
    bool read_only;             /* every change is -EROFS */
    size_t memory_bytes;        /* budget; 0 = 256 MiB */
    const char *external_paths; /* absolute directories, ':' between them: where data files outside of the warehouse
                                   may be read; NULL = nowhere. Copied */
};

int pfs_catalog_open(const struct pfs_catalog_config *config, struct pfs_catalog **out, struct pfs_err *err);
void pfs_catalog_close(struct pfs_catalog *catalog); /* NULL allowed; every table is unreferenced before */

/* Names, sorted, in the arena. tables: bare -ENOENT without that database. */
int pfs_catalog_databases(struct pfs_catalog *catalog, struct pfs_arena *arena, const char ***names, int64_t *count,
                          struct pfs_err *err);
int pfs_catalog_tables(struct pfs_catalog *catalog, const char *database, struct pfs_arena *arena, const char ***names,
                       int64_t *count, struct pfs_err *err);
bool pfs_catalog_has_database(struct pfs_catalog *catalog, const char *database);
bool pfs_catalog_has_table(struct pfs_catalog *catalog, const char *database, const char *table, const char *branch);

/* Bare -EEXIST; bare -ENOENT, -ENOTEMPTY when it has tables. */
int pfs_catalog_create_database(struct pfs_catalog *catalog, const char *name, struct pfs_err *err);
int pfs_catalog_drop_database(struct pfs_catalog *catalog, const char *name, struct pfs_err *err);

/* Opens a table (branch NULL: main); bare -ENOENT. A reference is the caller's. */
int pfs_catalog_table(struct pfs_catalog *catalog, const char *database, const char *table, const char *branch,
                      struct pfs_table **out, struct pfs_err *err);

/* Removes the table's directory, with its branches. Bare -ENOENT; only_empty: -ENOTEMPTY with a sentence when it or a
 * branch has a snapshot. */
int pfs_catalog_drop_table(struct pfs_catalog *catalog, const char *database, const char *table, bool only_empty,
                           struct pfs_err *err);
/* Bare -ENOENT without the table, -EEXIST when the new name is taken; -ENOENT with a sentence without the new database.
 * Open tables of the old name are gone. */
int pfs_catalog_rename_table(struct pfs_catalog *catalog, const char *database, const char *table,
                             const char *new_database, const char *new_table, struct pfs_err *err);

/* Tells the other processes on the warehouse which snapshots are read here, so that they do not expire them; to be
 * called every PFS_LEASE_TICK_MS (src/scan/leases.h) by one thread. Nothing on a read-only warehouse. */
void pfs_catalog_tell_reads(struct pfs_catalog *catalog);

/* How many tables somebody holds. */
int64_t pfs_catalog_open_tables(struct pfs_catalog *catalog);
