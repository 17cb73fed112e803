/* diff.h - what differs between two complete states (design: mount.md "diff/"; spec changelog 5).
 *
 * Both states are read merged, as a snapshot read gives them, but with the deletes that no compaction has dropped yet;
 * per partition and bucket the two streams are joined by key. Rows: `_kind` (STRING), then the wanted columns: of each
 * key that differs in any column the record that the end has, with its stored kind (a delete too, as `$audit_log` shows
 * it), or `-D` with the start row when the end has none. Sections of files that are the same on both sides are not
 * read. Tables without a primary key: the rows of the files that only the end has, +I. The schema is that of `to`.
 * -EOPNOTSUPP when the number of buckets of a partition changed in between. Threads: as a scan.
 */
#pragma once

#include "src/scan/scan.h"

struct pfs_diff_want {
    struct pfs_state *from, *to; /* references are taken */
    int32_t columns;             /* -1 = all */
    const int32_t *column;
    int32_t partitions;
    const struct pfs_partition_value *partition;
    const struct pfs_condition
        *condition; /* of the rows that are given; parsed against the schema of `to`; NULL = none */
    struct pfs_budget budget;
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool;
};

int pfs_diff_rows(const struct pfs_diff_want *want, struct pfs_rows **out, struct pfs_err *err);
