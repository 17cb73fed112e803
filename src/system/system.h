/* system.h - Paimon's system tables: how a table is, as rows (spec system-tables).
 *
 * The suite's door. Names are Paimon's, any case. Paths are relative to the warehouse, times are wall clock in UTC.
 * Some tables show the snapshot that is travelled to, others always what is there now. Threads: any; what is given here
 * is borrowed until the answer, the rows keep references of their own.
 */
#pragma once

#include "format/rows.h"
#include "src/scan/scan.h"

/* STATE: what the state shows; NEWEST: what the newest state shows; SCHEMA SNAPSHOT TAG BRANCH CONSUMER: files of that
 * directory. */
enum pfs_system_source {
    PFS_FROM_STATE,
    PFS_FROM_NEWEST,
    PFS_FROM_SCHEMA,
    PFS_FROM_SNAPSHOT,
    PFS_FROM_TAG,
    PFS_FROM_BRANCH,
    PFS_FROM_CONSUMER
};

#define PFS_SYSTEM_TABLES(X)                          \
    X(AGGREGATION_FIELDS, aggregation_fields, SCHEMA) \
    X(AUDIT_LOG, audit_log, STATE)                    \
    X(BINLOG, binlog, STATE)                          \
    X(BRANCHES, branches, BRANCH)                     \
    X(BUCKETS, buckets, NEWEST)                       \
    X(CONSUMERS, consumers, CONSUMER)                 \
    X(FILE_KEY_RANGES, file_key_ranges, STATE)        \
    X(FILES, files, STATE)                            \
    X(MANIFESTS, manifests, STATE)                    \
    X(OPTIONS, options, SCHEMA)                       \
    X(PARTITIONS, partitions, STATE)                  \
    X(RO, ro, STATE)                                  \
    X(ROW_TRACKING, row_tracking, STATE)              \
    X(SCHEMAS, schemas, SCHEMA)                       \
    X(SNAPSHOTS, snapshots, SNAPSHOT)                 \
    X(STATISTICS, statistics, STATE)                  \
    X(TABLE_INDEXES, table_indexes, STATE)            \
    X(TAGS, tags, TAG)

enum pfs_system_table {
#define X(id, name, source) PFS_SYSTEM_##id,
    PFS_SYSTEM_TABLES(X)
#undef X
        PFS_SYSTEM_COUNT
};

const char *pfs_system_name(enum pfs_system_table table);
enum pfs_system_source pfs_system_source(enum pfs_system_table table);
/* It has the table's own rows, not metadata: as large as the table. */
bool pfs_system_has_rows(enum pfs_system_table table);
/* PFS_SYSTEM_COUNT when there is none of that name. */
enum pfs_system_table pfs_system_find(const char *name);

struct pfs_system {
    struct pfs_store *store;
    const char *root, *meta;         /* directories: of the main table; of the branch, = root for main */
    const struct pfs_schema *schema; /* the newest */
    struct pfs_schemas *schemas;
    struct pfs_state *state; /* the one travelled to, or the newest: of tables from STATE and NEWEST */
    struct pfs_pool *pool;   /* may be NULL */
    struct pfs_budget budget;
    const struct pfs_cancel *cancel;
};

/* Text that changes when the table's rows may have changed, in the arena. */
int pfs_system_identity(const struct pfs_system *system, enum pfs_system_table table, struct pfs_arena *arena,
                        const char **out, struct pfs_err *err);

/* The rows. -EOPNOTSUPP with a sentence: a table that this program or this kind of table lacks. */
int pfs_system_rows(const struct pfs_system *system, enum pfs_system_table table, struct pfs_rows **out,
                    struct pfs_err *err);
