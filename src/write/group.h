/* group.h - routed rows sorted out by partition and bucket. Private to the suite. */
#pragma once

#include "src/write/route.h"

struct pfs_group { /* the rows of one bucket, in order of arrival */
    int32_t partition, bucket;
    int64_t rows;
    int64_t ranges;
    struct pfs_range *range; /* source = number of the routed batch */
};

/* Tells the bucket of a row of a partition. */
typedef int pfs_bucket_fn(void *context, int32_t partition, int32_t hash, int32_t *bucket, struct pfs_err *err);

/* Groups the rows of all batches; groups are ordered by partition number and bucket. Everything in the arena. */
int pfs_group_rows(const struct pfs_routed *const *routed, int32_t count, pfs_bucket_fn *bucket_of, void *context,
                   struct pfs_arena *arena, struct pfs_group **out, int64_t *groups, struct pfs_err *err);
