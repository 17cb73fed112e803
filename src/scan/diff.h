/* diff.h - what differs between two complete states (design: mount.md "diff/"; spec changelog 5).
 *
 * Both states are read merged, as a snapshot read gives them; per partition and bucket the two streams are joined by
 * key. Rows: `_kind` (STRING), then the wanted columns: the end row of each changed key with its stored kind, `-D` with
 * the start row for a vanished one, no `-U`. Buckets whose live files are the same on both sides are not read. Tables
 * without a primary key: the rows of the files that only the end has, +I. The schema is that of `to`. Threads: as a
 * scan.
 */
#pragma once

#include "src/scan/scan.h"

struct pfs_diff_want {
    struct pfs_state *from, *to; /* references are taken */
    int32_t columns;             /* -1 = all */
    const int32_t *column;
    int32_t partitions;
    const struct pfs_partition_value *partition;
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool;
};

int pfs_diff_rows(const struct pfs_diff_want *want, struct pfs_rows **out, struct pfs_err *err);
