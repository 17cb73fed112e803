/* prune.h - what a condition lets a scan leave unread: partitions, files by statistics, rows by file index. Private to
 * the suite.
 *
 * Leaving out is only ever a saving: the rows that are read are looked at one by one afterwards. What is damaged or
 * unknown of statistics and indexes means "may match". Threads: immutable; the arenas are the caller's.
 */
#pragma once

#include "src/condition/condition.h"
#include "src/scan/scan.h"

struct pfs_pruner {
    const struct pfs_condition *condition;
    struct pfs_state *state;
    bool *uses;   /* a place each schema column: the condition looks at it */
    bool indexed; /* the table's options name a file index on one of them */
    bool hashed;  /* all rows that match have this hash of their bucket key: they lie in one bucket */
    int32_t hash;
};

/* In the arena. *out NULL: there is no condition. */
int pfs_pruner_make(const struct pfs_scan_want *want, struct pfs_arena *arena, const struct pfs_pruner **out,
                    struct pfs_err *err);

/* KEYS: by partition, key and key statistics alone, which hold for all versions of a row. VALUES: by all statistics of
 * the file; only where no other file may hold a row of the same key. */
enum pfs_prune_by { PFS_PRUNE_KEYS, PFS_PRUNE_VALUES };

/* May rows of the partition (one-row columns in the order of the partition keys) match? -ENOMEM. */
int pfs_prune_partition(const struct pfs_pruner *pruner, const struct pfs_column *partition, struct pfs_arena *arena,
                        bool *may, struct pfs_err *err);
/* May rows of the file match? -ENOMEM. */
int pfs_prune_file(const struct pfs_pruner *pruner, const struct pfs_manifest_entry *entry,
                   const struct pfs_column *partition, enum pfs_prune_by by, struct pfs_arena *arena, bool *may,
                   struct pfs_err *err);

/* The rows of the file that may match by its file index: *range NULL = all of them, *ranges 0 with *range set = none;
 * in the arena. Ranges that lie close together are one. -ENOMEM. */
int pfs_prune_rows(const struct pfs_pruner *pruner, const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                   const struct pfs_row_range **range, int32_t *ranges, struct pfs_err *err);
