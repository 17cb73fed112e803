/* sieve.h - a reader that leaves rows out: what deletion vectors and conditions have in common.
 *
 * Somebody says which rows of each batch stay; batches that stay whole pass untouched, batches that lose all rows are
 * skipped (in memory of the sieve's own, so that a long stretch of nothing does not fill the caller's arena), the rest
 * is gathered. Threads: one reader, one thread at a time.
 */
#pragma once

#include "format/reader.h"

struct pfs_sieve_ops {
    /* Indexes of the rows that stay, ascending, to `kept` (room for batch->rows); how many, or -errno. `arena` is for
     * scratch. */
    int64_t (*select)(void *self, const struct pfs_batch *batch, struct pfs_arena *arena, int32_t *kept,
                      struct pfs_err *err);
    void (*close)(void *self);
};

/* Takes `in` and `self` (both closed with the answer, also on failure). The first `columns` columns of each batch go on
 * (-1 = all). */
int pfs_sieve_open(struct pfs_reader *in, const struct pfs_sieve_ops *ops, void *self, int32_t columns,
                   struct pfs_reader **out, struct pfs_err *err);
