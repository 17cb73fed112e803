/* statistics.h - statistics/stat-...: what ANALYZE found (spec metadata 7). `table` is the main table's directory.
 * Threads: any. */
#pragma once

#include "base/arena.h"
#include "base/store.h"

struct pfs_statistics {
    int64_t snapshot_id, schema_id;       /* the analysed one */
    int64_t merged_records, merged_bytes; /* INT64_MIN = absent */
    const char *columns_json;             /* laid out as Paimon prints JSON; in the arena */
};

/* -EIO with its name when it is damaged or missing: a snapshot names it. */
int pfs_statistics_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                        struct pfs_statistics *out, struct pfs_err *err);
int pfs_statistics_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_statistics *out,
                         struct pfs_err *err);
