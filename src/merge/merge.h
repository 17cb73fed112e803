/* merge.h - sorted runs of one bucket, merged into one stream of batches by a loser tree.
 *
 * Promise: rows leave in key order, one a key, as the engine decides. Deletes are returned, marked; the caller drops
 * them after its own bound checks. A run's keys are unique and ascending inside it (a run that is not is -EIO: the file
 * is damaged). One run left alive streams through untouched. Threads: one merge, one thread.
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
};

/* Takes the readers (closed with the merge, also when open fails): they yield key-value batches of the engine's
 * columns. The order of `runs` does not matter: records of a key are ordered by sequence number. -ECANCELED once the
 * flag is set. */
int pfs_merge_open(const struct pfs_merge *merge, struct pfs_reader **runs, int32_t count, struct pfs_reader **out,
                   struct pfs_err *err);

/* Sorts and merges rows that are not sorted: a write buffer. `in`: key-value batches (their sequence numbers ascend in
 * order of arrival); gives all merged rows in key order as one batch, deletes kept. */
int pfs_merge_buffer(const struct pfs_merge *merge, const struct pfs_batch *in, int32_t count, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err);
