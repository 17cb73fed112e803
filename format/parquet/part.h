/* part.h - a part of a nested column, made from the levels of its leaves. Private to the suite.
 *
 * Every part has slots: rows at the top, items within a list. An entry of a leaf makes a slot of the part when it
 * repeats no list further in than the one around the part (repetition level at most `repetition`) and comes as far as
 * an item of that list (definition level at least `around`). The slot holds something when the entry comes as far as
 * the part itself (at least `definition`). Of a list, an entry makes an item by the same rule with `item_repetition`
 * and `item_definition`. Threads: values.
 */
#pragma once

#include "format/parquet/leaf.h"

enum pfs_pq_form {
    PFS_PQ_PART_LEAF,
    PFS_PQ_PART_ROW,
    PFS_PQ_PART_LIST,    /* ARRAY: a child; MAP, MULTISET: two */
    PFS_PQ_PART_VARIANT, /* children value and metadata, both leaves */
    PFS_PQ_PART_MISSING, /* the file lacks it: nulls */
};

struct pfs_pq_part {
    enum pfs_pq_form form;
    const struct pfs_type *type;
    struct pfs_pq_leaf *shape; /* any leaf below, whose levels are looked at; NULL for MISSING */
    uint8_t repetition, around, definition;
    uint8_t item_repetition, item_definition; /* LIST */
    int32_t children;
    struct pfs_pq_part *child;
};

/* Its column of `slots` slots; leaves have gathered their entries. -EIO when the leaves do not agree on the slots. */
int pfs_pq_part_make(const struct pfs_pq_part *part, int64_t slots, struct pfs_arena *arena, struct pfs_column *out,
                     struct pfs_err *err);
