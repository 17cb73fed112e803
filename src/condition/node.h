/* node.h - a condition as a tree. Private to the suite.
 *
 * There is no "not" in it: the parser moves it down to the leaves, where every operator has its contrary; in
 * three-valued logic that changes nothing. So only one question is left, "is it true?", and the rows of AND and OR are
 * those of their children, intersected and united. IN, BETWEEN and their contraries are ORs and ANDs of comparisons.
 */
#pragma once

#include "src/condition/condition.h"

enum pfs_cond { PFS_COND_ALL, PFS_COND_ANY, PFS_COND_COMPARE, PFS_COND_LIKE, PFS_COND_NOT_LIKE };

struct pfs_condition {
    enum pfs_cond kind;
    /* ALL, ANY: */
    int32_t children;
    const struct pfs_condition **child;
    /* the leaves: a column, and the way down to a field of it */
    int32_t column;
    int32_t steps;
    const int32_t *step;         /* the child of a ROW, one a level */
    const struct pfs_type *type; /* of the field */
    /* COMPARE: */
    enum pfs_compare how;
    struct pfs_column literal; /* one row, of the field's type (texts: STRING); unused by the null tests */
    /* LIKE, NOT_LIKE: */
    struct pfs_slice pattern;
};

/* ALL or ANY over `children` of list (copied). One child alone stands for itself. */
int pfs_cond_join(enum pfs_cond kind, const struct pfs_condition *const *list, int32_t children,
                  struct pfs_arena *arena, const struct pfs_condition **out, struct pfs_err *err);

/* ---- compare.c ---- */

/* mask[i] = row i of a column compares so with row 0 of the literal; rows that are null are not true. */
void pfs_compare_rows(const struct pfs_column *column, int64_t rows, enum pfs_compare how,
                      const struct pfs_column *literal, uint8_t *mask);
/* mask[i] = 0 where row i is null. */
void pfs_mask_nulls(const struct pfs_column *column, int64_t rows, uint8_t *mask);
/* Can values of this type be compared with a literal? */
bool pfs_can_compare(const struct pfs_type *type);
/* Row 0 is a NaN. */
bool pfs_is_nan(const struct pfs_column *column);

/* ---- like.c: patterns with * (any run) and ? (one character) ---- */

bool pfs_like_matches(struct pfs_slice pattern, struct pfs_slice text);
/* What every match begins with: the pattern up to its first * or ?. */
struct pfs_slice pfs_like_prefix(struct pfs_slice pattern);
