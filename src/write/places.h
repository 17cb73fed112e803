/* places.h - what is known of buckets, found by partition number and bucket. Private to the suite.
 *
 * A commit may write to a hundred thousand partitions, so that nothing which is done for each of them may look through
 * all of them. Facts: zeroed is empty. Threads: one, or several that only look. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pfs_place { /* 16 bytes */
    int32_t partition, bucket;
    int64_t value; /* PFS_PLACE_FREE = nothing is known */
};

#define PFS_PLACE_FREE INT64_MIN

struct pfs_places {
    struct pfs_place *place; /* open addressing */
    size_t room, used;       /* room: a power of two, or 0 */
};

/* Its value, PFS_PLACE_FREE when it is a new one and the caller's to set; it lives until the next call. -ENOMEM. */
int pfs_places_at(struct pfs_places *places, int32_t partition, int32_t bucket, int64_t **out, struct pfs_err *err);
/* PFS_PLACE_FREE: nothing is known. */
int64_t pfs_places_find(const struct pfs_places *places, int32_t partition, int32_t bucket);
void pfs_places_done(struct pfs_places *places); /* it is empty, and may be used again */
