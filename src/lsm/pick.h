/* pick.h - which sorted runs of a bucket are compacted, and to which level: universal compaction (spec lsm 1, 3, 4).
 *
 * Pure functions over facts. Runs come newest first: level-0 files one by one, then the levels that are not empty. A
 * pick is a prefix of that list, in whole runs, so that the record of a key in an earlier run stays the newer one.
 * Choices never change the merged rows of a table; which deletes, expired rows and files there are afterwards they do.
 * Threads: any.
 */
#pragma once

#include "src/meta/schema.h"

struct pfs_pick_run {
    int32_t level;
    int64_t bytes; /* of its files */
    int64_t files;
};

struct pfs_pick_rules { /* of a table's options; -1 = not set, where said */
    int64_t trigger;    /* num-sorted-run.compaction-trigger */
    int32_t top;        /* num-levels - 1 */
    int64_t amplification_percent, ratio_percent;
    int64_t peak_start, peak_end; /* compaction.offpeak.*: hours; -1 or both the same: no such window */
    int64_t offpeak_percent;      /* added to the ratio in it */
    int64_t interval_ms;          /* compaction.optimization-interval; -1 */
    int64_t total_bytes;          /* compaction.total-size-threshold; -1 */
    int64_t incremental_bytes;    /* compaction.incremental-size-threshold; -1 */
    bool force_level_0;           /* level 0 always moves up: by option; in lookup mode unless that is gentle */
    bool rewrite_all;             /* compaction.force-rewrite-all-files */
    int64_t small_bytes;          /* smaller files are merged with their neighbours: 7 tenths of target-file-size */
    int64_t target_bytes;
};

/* -EINVAL with Paimon's sentence: fewer than two levels, malformed options. */
int pfs_pick_rules_read(const struct pfs_schema *schema, struct pfs_pick_rules *out, struct pfs_err *err);

struct pfs_pick_now {
    int32_t hour;    /* 0..23, local */
    int64_t ms;      /* wall clock */
    int64_t full_ms; /* of the bucket's last full compaction; INT64_MIN = there was none */
};

struct pfs_pick {
    int64_t runs;  /* the first so many; 0 = nothing is to be done */
    int32_t level; /* of the output */
};

/* The top level of a bucket: num-levels may have been lowered since its files were made. */
int32_t pfs_pick_top(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count);

/* What a writer picks after a flush. */
struct pfs_pick pfs_pick_normal(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count,
                                const struct pfs_pick_now *now);
/* What somebody who asks for a full compaction gets: every run to the top level. Nothing when the only run is there
 * already; then files that need it are rewritten one by one, which is for the caller to see. */
struct pfs_pick pfs_pick_full(const struct pfs_pick_rules *rules, const struct pfs_pick_run *run, int64_t count);

/* Append tables have no keys and no levels (spec lsm 9): `bytes` of files in their order of writing (fixed buckets), or
 * by size (without buckets). A pick is `count` files from `from` on. */
struct pfs_pick_files {
    int64_t from, count; /* 0: nothing */
};

struct pfs_append_rules {
    int64_t files_min;   /* compaction.min.file-num */
    int64_t small_bytes; /* 7 tenths of target-file-size */
    int64_t target_bytes;
    int64_t open_bytes; /* source.split.open-file-cost */
    double
        deletes_share; /* compaction.delete-ratio-threshold: with more of its rows deleted a file is as good as small */
    bool rewrite_all;
    bool vectors; /* deletion-vectors.enabled: a full compaction is to end them, however few files there are */
};

int pfs_append_rules_read(const struct pfs_schema *schema, struct pfs_append_rules *out, struct pfs_err *err);
/* Of a bucket's files. marked: those with a deletion vector; NULL = none has one. */
struct pfs_pick_files pfs_pick_bucket(const struct pfs_append_rules *rules, const int64_t *bytes, const bool *marked,
                                      int64_t count, bool full);
/* Of small files without buckets, ascending by size, the next bin from `from` on; called until it says nothing. */
struct pfs_pick_files pfs_pick_bin(const struct pfs_append_rules *rules, const int64_t *bytes, int64_t count,
                                   int64_t from);

/* Data evolution: files that hold columns of the same rows, blobs and the like apart. */
struct pfs_pick_range {
    int64_t first, rows; /* row ids; the sum is a number */
    int64_t files;       /* at least 1 */
    int64_t bytes;       /* of them, each taken for open_bytes at least */
};

/* Of the ranges of a partition, ascending and apart, the next ones from `from` on whose rows become one file: next to
 * each other, so that its row ids have no gap, and with files_min files; what holds more than the target is taken
 * alone. Called until it says nothing. */
struct pfs_pick_files pfs_pick_ranges(const struct pfs_append_rules *rules, const struct pfs_pick_range *range,
                                      int64_t count, int64_t from);
