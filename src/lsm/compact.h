/* compact.h - picks of buckets carried out: the files of a pick become files of the output level (spec lsm 5, 9).
 *
 *   files by smallest key -> sections of overlapping key ranges
 *   large file that overlaps nothing       stays as it is, at another level ("upgrade": DELETE and ADD, same name)
 *   small files and overlapping ones       read, merged, written anew, neighbours together
 *
 * Reading and merging of the next rows overlaps with the encoding of the last ones on the pool. Rows that are too old
 * (record-level.expire-time) are left out before the merge, deletes after it where nothing lies below. Append tables
 * have their files joined in order; with data evolution those that hold columns of the same rows are joined, and the
 * rows next to them, so that each keeps its id. With changelog-producer = full-compaction or lookup what changes at the
 * top level is written beside.
 *
 * Lookup mode (spec lsm 7): keys of level 0 are looked for in the levels over the output, the upper files of a job.
 * Their keys are read, and the rows of those that are found: they are the rows before of a changelog, are merged with
 * what is new, keep a first row, or are marked in the deletion vectors of the bucket, which are one index file. Upper
 * files are never written. Threads: a compactor may run any number of jobs at once.
 */
#pragma once

#include "base/budget.h"
#include "base/clock.h"
#include "base/pool.h"
#include "src/condition/condition.h"
#include "src/lsm/order.h"
#include "src/lsm/pick.h"
#include "src/scan/plan.h"

struct pfs_compact_job {
    struct pfs_slice partition;
    const struct pfs_column *value; /* of it: one row a partition key */
    int32_t bucket;
    int32_t level;     /* of the output */
    bool to_top;       /* that is the bucket's top level */
    bool drop_deletes; /* nothing lies below the output */
    bool alone;        /* each file is rewritten by itself */
    int32_t files;
    const struct pfs_plan_file *file; /* by smallest key; append tables: in order */
    int64_t rows;                     /* of them */
    const struct pfs_order *order;    /* append tables: the rows are put in; NULL = as they are */
    int32_t uppers;
    const struct pfs_plan_file *upper; /* lookup mode: files of higher levels than the output, by level, then key */
};

/* ---- which jobs there are ---- */

struct pfs_jobs_want {
    struct pfs_state *state;
    bool full;
    bool fresh;    /* only buckets with files of level 0 */
    int32_t specs; /* partitions that match one of them; 0 = all */
    const struct pfs_jobs_spec {
        int32_t count;
        const struct pfs_partition_value *value;
    } * spec;
    const struct pfs_condition *where; /* of partition columns alone; NULL = all */
    int64_t idle_ms;                   /* partitions that got no file for so long; 0 = all */
    int32_t bucket;                    /* -1 = all */
    const struct pfs_order *order;     /* append tables without buckets: all rows of a partition, in this order */
    int64_t now_ms;
    int64_t zone_ms; /* of local time before UTC: files are dated by the local wall clock */
};

/* At most one job a bucket (append tables without buckets: any number a partition), in the order of reading. Facts in
 * the arena and the state. -EOPNOTSUPP with the sentence: compaction of such tables is not there yet. */
int pfs_jobs_make(const struct pfs_jobs_want *want, struct pfs_arena *arena, struct pfs_compact_job **out,
                  int32_t *count, struct pfs_err *err);

/* Are its files put in the order of clustering.columns, level by level (clustering.incremental)? A compaction that is
 * not said to be full is then none. */
bool pfs_cluster_is_on(const struct pfs_schema *schema);

/* The columns that a text names, as the option or argument `key` has it; names in the arena. -EINVAL with the sentence.
 */
int pfs_order_by(const struct pfs_schema *schema, const char *key, const char *text, struct pfs_arena *arena,
                 struct pfs_order *out, struct pfs_err *err);

/* ---- carrying them out ---- */

struct pfs_compactor;

struct pfs_compactor_config {
    struct pfs_state *state; /* referenced */
    const struct pfs_clock *clock;
    struct pfs_pool *pool; /* NULL = on the caller alone */
    const struct pfs_cancel *cancel;
    int64_t now_ms;                                /* for what is too old */
    bool silent;                                   /* without changelogs */
    void (*progress)(void *context, int64_t rows); /* so many more rows of the jobs are done; any thread; NULL = none */
    void *context;
};

struct pfs_compacted {
    int64_t deletes, adds;
    struct pfs_manifest_entry *deleted, *added;
    int64_t mades;
    struct pfs_manifest_entry *made; /* those of `added` whose files are new */
    int64_t changelogs;
    struct pfs_manifest_entry *changelog; /* of changelog-producer full-compaction or lookup: new files too */
    bool vectors;                         /* the bucket's deletion vectors are others now */
    struct pfs_index_entry index;         /* then: in their place, a new file; name NULL = there are none any more */
};

int pfs_compactor_open(const struct pfs_compactor_config *config, struct pfs_compactor **out, struct pfs_err *err);
void pfs_compactor_close(struct pfs_compactor *compactor); /* NULL allowed */

/* Entries in the arena and the state, files synced. -ECANCELED once the flag is set (looked at once a batch). After a
 * failure no file is left behind. */
int pfs_compact_run(const struct pfs_compactor *compactor, const struct pfs_compact_job *job, struct pfs_budget budget,
                    struct pfs_arena *arena, struct pfs_compacted *out, struct pfs_err *err);
/* Does what was done for the state of the compactor also hold on `now`? The upper files and the deletion vectors of
 * the bucket are still those that it was done with. -EBUSY with the sentence, -ENOMEM. */
int pfs_compact_check(const struct pfs_compactor *compactor, const struct pfs_compact_job *job,
                      const struct pfs_state *now, struct pfs_err *err);
/* Removes the files that a job made: they got into no snapshot. */
void pfs_compact_undo(const struct pfs_compactor *compactor, const struct pfs_compacted *done);
