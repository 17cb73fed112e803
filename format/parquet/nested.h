/* nested.h - one nested column of a file: ROW, ARRAY, MAP, MULTISET or VARIANT, of any depth. Private to the suite.
 *
 * When it is opened, the wanted type is laid over the tree of the file's schema: each of its parts finds the group or
 * leaf that holds it (fields of a ROW by name; one that the file lacks is nulls). A batch then goes through three
 * steps, each a loop over all entries of a leaf: the leaves gather levels and present values of the rows (leaf.h);
 * offsets and validity of every part are read off the levels; present values are spread to their places.
 *
 * Lists come in several forms, all of which are taken: `group f (LIST) { repeated group list { element } }` of today,
 * the same under other names, the older `group f (LIST) { repeated T array }` without a group between, where T may be a
 * ROW, and a repeated field without any group around it. The entries of a map are its repeated group, whatever its
 * name: the first field is the key, the second the value. Threads: one column, one thread at a time.
 */
#pragma once

#include "format/parquet/leaf.h"

/* The field of a list or map that repeats; NULL when it has none or others beside it. */
const struct pfs_pq_node *pfs_pq_repeated_of(const struct pfs_pq_node *node);
/* Where the items of a list lie, whose repeated field this is, when they are to be of type `item`. `all`: the footer's
 * nodes. */
const struct pfs_pq_node *pfs_pq_item_of(const struct pfs_pq_node *all, const struct pfs_pq_node *repeated,
                                         const struct pfs_type *item);

struct pfs_pq_nested;

/* What leaves need to be opened; borrowed, except for the numbers. */
struct pfs_pq_nested_open {
    const struct pfs_pq_source *source; /* of any leaf: the model of the others */
    struct pfs_pool *pool;
    struct pfs_arena *arena; /* outlives the column */
};

/* Is this one for pfs_pq_column: a leaf that does not repeat, of a flat type? */
static inline bool pfs_pq_is_flat(const struct pfs_pq_node *node, const struct pfs_type *type)
{
    return node->children == 0 && node->repetition != PFS_PQ_REPEATED && !pfs_kind_is_nested(type->kind) &&
           type->kind != PFS_VARIANT;
}

/* -EIO when the file's column cannot be of that type, -EOPNOTSUPP for a shredded VARIANT, -ENOMEM. `node` is of top
 * level. */
int pfs_pq_nested_open(const struct pfs_pq_nested_open *open, const struct pfs_pq_node *node,
                       const struct pfs_type *type, struct pfs_pq_nested **out, struct pfs_err *err);
void pfs_pq_nested_close(struct pfs_pq_nested *nested); /* NULL allowed */

void pfs_pq_nested_start(struct pfs_pq_nested *nested); /* as pfs_pq_ahead_start, for all leaves */

/* As pfs_pq_column_limit and pfs_pq_column_next. */
int pfs_pq_nested_limit(struct pfs_pq_nested *nested, int32_t group, int64_t row, int64_t *rows, struct pfs_err *err);
int pfs_pq_nested_next(struct pfs_pq_nested *nested, int32_t group, const struct pfs_row_range *range, int32_t ranges,
                       int64_t rows, uint32_t *index, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err);
