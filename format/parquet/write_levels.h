/* write_levels.h - Dremel's levels of one column's rows, leaf by leaf. Private to the suite.
 *
 * Going down from the column, every step is a loop over all entries: what is null ends there, what is there goes a
 * definition level deeper, a list becomes as many entries as it has elements (one when it has none). At a leaf the
 * entries that came all the way have a value. Threads: pure.
 */
#pragma once

#include "format/batch.h"
#include "format/parquet/write_tree.h"

/* What one leaf gets of a batch. */
struct pfs_pq_out_entries {
    int64_t entries, values;
    const uint8_t *definition; /* NULL: all have a value */
    const uint8_t *repetition; /* NULL: every entry begins a row */
    const struct pfs_column *column;
    const int32_t *row; /* in the column, of each value; NULL: 0, 1, ... */
    int64_t nulls;      /* of a column that is a leaf */
};

typedef int pfs_pq_out_leaf_fn(void *context, const struct pfs_pq_out_node *leaf,
                               const struct pfs_pq_out_entries *entries, struct pfs_err *err);

/* Hands the entries of every leaf of a column to `add`, in order; they live in the arena. -EINVAL: null where the type
 * has none; add's errors. */
int pfs_pq_out_levels(const struct pfs_pq_out_node *node, const struct pfs_column *column, int64_t rows,
                      struct pfs_arena *arena, pfs_pq_out_leaf_fn *add, void *context, struct pfs_err *err);
