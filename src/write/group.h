/* group.h - routed rows sorted out by partition and bucket, and numbered. Private to the suite. */
#pragma once

#include "src/write/route.h"

struct pfs_group { /* the rows of one bucket, in order of arrival */
    int32_t partition, bucket;
    int64_t first; /* number of its first row; the others follow */
    int64_t rows;
    int64_t ranges;
    struct pfs_range *range; /* source = number of the routed batch */
};

struct pfs_grouping {
    const struct pfs_routed *const *routed;
    int32_t count;
    bool single; /* all rows are of partition 0 and bucket 0 */
    void *context;
    /* The bucket of a row of a partition. Not asked when `single`. */
    int (*bucket_of)(void *context, int32_t partition, int32_t hash, int32_t *bucket, struct pfs_err *err);
    /* The number that a bucket's first row gets. */
    int64_t (*first_of)(void *context, int32_t partition, int32_t bucket);
    int64_t **number; /* of each batch, an array of its rows, filled; NULL = not wanted */
};

/* Groups the rows of all batches; groups are ordered by partition number and bucket. Everything in the arena. */
int pfs_group_rows(const struct pfs_grouping *grouping, struct pfs_arena *arena, struct pfs_group **out,
                   int64_t *groups, struct pfs_err *err);
