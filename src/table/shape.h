/* shape.h - how the files of a state lie: counted for status.json, for metrics, and for whoever decides what is
 * compacted next. Pure; threads: any.
 */
#pragma once

#include "src/scan/state.h"

struct pfs_shape {
    int64_t buckets, files, rows, bytes;
    int64_t level0, small;   /* files: of level 0; below 70% of target-file-size, which a compaction would still join */
    int64_t hidden;          /* rows that batch reads leave out until a compaction */
    int64_t runs, most_runs; /* of all buckets; of the bucket that has most. Append tables have none */
    int64_t top_bytes;       /* of the oldest run of each bucket */
};

/* Bytes above the oldest runs in percent of those: what size amplification is. 0 without runs. */
int64_t pfs_shape_amplification(const struct pfs_shape *shape);

int pfs_shape_count(const struct pfs_state *state, struct pfs_arena *arena, struct pfs_shape *out, struct pfs_err *err);
