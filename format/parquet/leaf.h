/* leaf.h - one leaf of a nested column: its levels and its present values, for the rows of a batch. Private to the
 * suite.
 *
 * Levels say where in the tree a value stands (parquet-format, "Nested Encoding"). Each entry has a repetition level
 * (0: a row begins; r: another item of the r-th list on the way down) and a definition level (how far down something is
 * there; the leaf's own value only at definition_max). Levels of a page are decoded when it is loaded, a byte each;
 * entries of the rows that are taken are gathered over pages. What they mean together is the matter of nested.c.
 * Threads: one leaf, one thread at a time.
 */
#pragma once

#include "format/parquet/column.h"

struct pfs_pq_leaf {
    struct pfs_pq_column column;
    uint8_t *page; /* levels of the current page: definition, then, if it repeats, repetition, page.values each */
    size_t page_cap;
    int32_t page_row; /* rows that begin among the entries that were not taken */

    /* The rows of the batch. */
    int64_t entries, cap;
    uint8_t *definition;
    uint8_t *repetition;         /* NULL when nothing above it repeats: an entry a row */
    uint8_t *scratch;            /* as many bytes */
    struct pfs_pq_target target; /* present values at its front; room for as many as there are entries */
};

/* As pfs_pq_column_init. */
int pfs_pq_leaf_init(struct pfs_pq_leaf *leaf, const struct pfs_type *type, const struct pfs_pq_node *node,
                     struct pfs_pq_ahead *ahead, struct pfs_err *err);
void pfs_pq_leaf_done(struct pfs_pq_leaf *leaf);

/* As pfs_pq_column_limit. */
int pfs_pq_leaf_limit(struct pfs_pq_leaf *leaf, int32_t group, int64_t row, int64_t *rows, struct pfs_err *err);

/* Gathers these rows of row group `group`, each range behind those of the calls before. Values lie in `arena`, the
 * levels stay the leaf's until the next call. Every level is at most the node's. */
int pfs_pq_leaf_next(struct pfs_pq_leaf *leaf, int32_t group, const struct pfs_row_range *range, int32_t ranges,
                     uint32_t *index, struct pfs_arena *arena, struct pfs_err *err);
