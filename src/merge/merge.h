/* merge.h - sorted runs of one bucket, merged into one stream of batches by a loser tree.
 *
 * Promise: rows leave in key order, one a key, as the engine decides. Deletes are returned, marked; the caller drops
 * them after its own bound checks. A run's keys are unique and ascending inside it (a run that is not is -EIO: the file
 * is damaged). One run left alive streams through untouched, unless single records are folded. Threads: one merge, one
 * thread.
 */
#pragma once

#include "format/reader.h"
#include "src/merge/engine.h"

struct pfs_merge {
    const struct pfs_engine *engine;
    const int32_t *key; /* positions of the trimmed key columns in the key-value batches */
    int32_t keys;
    const struct pfs_cancel *cancel;
    /* Of each run, the level that its files are of; NULL: all are 0. A table in lookup mode takes of several levels
     * above 0 only the lowest that has the key: its record holds what is below (spec merge-engines 1.2). */
    const int32_t *level;
    bool alone; /* the engine folds a record that is the only one of its key, too: lookup (spec merge-engines 1.2) */
};

/* Takes the readers (closed with the merge, also when open fails): they yield key-value batches of the engine's
 * columns. The order of `runs` does not matter: records of a key are ordered by sequence number. -ECANCELED once the
 * flag is set. */
int pfs_merge_open(const struct pfs_merge *merge, struct pfs_reader **runs, int32_t count, struct pfs_reader **out,
                   struct pfs_err *err);

/* Rows that are not sorted: a write buffer. */
struct pfs_sort {
    const struct pfs_batch *const *source; /* key-value batches; they outlive the reader */
    const struct pfs_keys *keys;           /* of each source, by pfs_sort_keys */
    int32_t sources;
    const struct pfs_range *range; /* the rows that count; sequence numbers ascend in this order */
    int64_t ranges, rows;
    bool unmerged;      /* give every record: by key, sequence.field, sequence number */
    int32_t batch_rows; /* of the answers; 0 = PFS_BATCH_ROWS */
};

int pfs_sort_keys(const struct pfs_merge *merge, const struct pfs_batch *batch, struct pfs_arena *arena,
                  struct pfs_keys *out, struct pfs_err *err);
/* Sorts now; the reader gives one merged row a key, in key order, deletes kept. */
int pfs_sort_open(const struct pfs_merge *merge, const struct pfs_sort *sort, struct pfs_reader **out,
                  struct pfs_err *err);

/* The same all at once. `in`: key-value batches (their sequence numbers ascend in
 * order of arrival); gives all merged rows in key order as one batch, deletes kept. */
int pfs_merge_buffer(const struct pfs_merge *merge, const struct pfs_batch *in, int32_t count, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err);
