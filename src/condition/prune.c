/* prune.c - files left out unread, by what is known of their columns.
 *
 * The bounds of a column hold all its values but nulls and, for FLOAT and DOUBLE, NaNs (some writers leave them out of
 * the statistics); bounds of texts may be wider than the values (cut, the upper one then raised). A bound that is NaN
 * says nothing.
 */
#include "src/condition/node.h"

#include <assert.h>

static double real(const struct pfs_column *c)
{
    assert(c->type->kind == PFS_FLOAT || c->type->kind == PFS_DOUBLE);
    return c->type->kind == PFS_FLOAT ? (double)*(const float *)c->values : *(const double *)c->values;
}

/* Order of two values of the leaf's type, as the comparisons see it. */
static int order(const struct pfs_column *a, const struct pfs_column *b)
{
    assert(pfs_kind_is_text(a->type->kind) ? pfs_kind_is_text(b->type->kind) : a->type->kind == b->type->kind);
    if (a->type->kind == PFS_FLOAT || a->type->kind == PFS_DOUBLE)
        return (real(a) > real(b)) - (real(a) < real(b));
    return pfs_value_compare(a, 0, b, 0);
}

/* Wrong bounds lose rows, so each case asks only what the head of this file promises of them. <> is ruled out by two
 * equal bounds alone, and never for floating point: a NaN may lie outside of them, and differs from all literals. */
static bool compare_may_match(const struct pfs_condition *leaf, const struct pfs_column *min,
                              const struct pfs_column *max)
{
    const struct pfs_column *x = &leaf->literal;
    bool floating = leaf->type->kind == PFS_FLOAT || leaf->type->kind == PFS_DOUBLE;

    if (leaf->how == PFS_IS_NOT_NULL || pfs_is_nan(x))
        return true;
    switch (leaf->how) {
    case PFS_EQ:
        return !(min != NULL && order(min, x) > 0) && !(max != NULL && order(max, x) < 0);
    case PFS_NE:
        return floating || min == NULL || max == NULL || order(min, x) != 0 || order(max, x) != 0;
    case PFS_LT:
        return min == NULL || order(min, x) < 0;
    case PFS_LE:
        return min == NULL || order(min, x) <= 0;
    case PFS_GT:
        return max == NULL || order(max, x) > 0;
    case PFS_GE:
        return max == NULL || order(max, x) >= 0;
    case PFS_IS_NULL:
    case PFS_IS_NOT_NULL:
        break;
    }
    return true;
}

/* A match begins with the prefix: it lies neither above all texts that do, nor below them. */
static bool like_may_match(struct pfs_slice pattern, const struct pfs_column *min, const struct pfs_column *max)
{
    struct pfs_slice prefix = pfs_like_prefix(pattern), low, high;

    if (max != NULL) {
        high = pfs_column_bytes(max, 0);
        if (pfs_slice_compare(high, prefix) < 0)
            return false;
    }
    if (min != NULL) {
        low = pfs_column_bytes(min, 0);
        if (low.len > prefix.len)
            low.len = prefix.len;
        if (pfs_slice_compare(low, prefix) > 0)
            return false;
    }
    return true;
}

static const struct pfs_column *known(const struct pfs_column *const *bound, int32_t column)
{
    const struct pfs_column *c = bound == NULL ? NULL : bound[column];

    return c == NULL || !pfs_column_present(c, 0) || pfs_is_nan(c) ? NULL : c;
}

static bool leaf_may_match(const struct pfs_condition *leaf, const struct pfs_bounds *bounds)
{
    int64_t nulls = bounds->nulls == NULL ? -1 : bounds->nulls[leaf->column];
    bool null_test = leaf->kind == PFS_COND_COMPARE && leaf->how == PFS_IS_NULL;
    const struct pfs_column *min, *max;

    if (nulls >= 0 && nulls >= bounds->rows) /* every field of a null is null */
        return null_test;
    if (leaf->steps > 0)
        return true;
    if (null_test)
        return nulls != 0;
    min = known(bounds->min, leaf->column);
    max = known(bounds->max, leaf->column);
    if (leaf->kind == PFS_COND_COMPARE)
        return compare_may_match(leaf, min, max);
    return leaf->kind == PFS_COND_NOT_LIKE || like_may_match(leaf->pattern, min, max);
}

bool pfs_condition_may_match(const struct pfs_condition *condition, const struct pfs_bounds *bounds)
{
    bool all = condition->kind == PFS_COND_ALL;

    assert(bounds->rows >= 0);
    if (!all && condition->kind != PFS_COND_ANY)
        return leaf_may_match(condition, bounds);
    for (int32_t i = 0; i < condition->children; i++)
        if (pfs_condition_may_match(condition->child[i], bounds) != all)
            return !all;
    return all;
}

/* ---- by file index ---- */

struct asking {
    const struct pfs_fileindex *index;
    const char *const *name;
    const struct pfs_type *const *type;
    int64_t rows;
    struct pfs_err *err;
};

/* What an index cannot answer (patterns, fields of rows, columns that it is not of) is "any row may match": below an OR
 * that takes the whole answer, below an AND the others still count. */
static int ask(const struct asking *a, const struct pfs_condition *node, struct pfs_index_rows *out)
{
    int rc = 0;

    if (node->kind != PFS_COND_ALL && node->kind != PFS_COND_ANY) {
        *out = (struct pfs_index_rows){PFS_INDEX_ALL, NULL};
        if (node->kind != PFS_COND_COMPARE || node->steps > 0 || a->name[node->column] == NULL ||
            a->type[node->column] == NULL)
            return 0;
        return pfs_fileindex_test(a->index, a->name[node->column], a->type[node->column], node->how, &node->literal,
                                  a->rows, &out->answer, &out->some, a->err);
    }
    *out = (struct pfs_index_rows){node->kind == PFS_COND_ALL ? PFS_INDEX_ALL : PFS_INDEX_NONE, NULL};
    for (int32_t i = 0; i < node->children && rc == 0; i++) {
        struct pfs_index_rows one;

        rc = ask(a, node->child[i], &one);
        if (rc == 0)
            rc = node->kind == PFS_COND_ALL ? pfs_index_rows_and(out, &one, a->err)
                                            : pfs_index_rows_or(out, &one, a->err);
    }
    if (rc < 0)
        pfs_index_rows_done(out);
    return rc;
}

int pfs_condition_index(const struct pfs_condition *condition, const struct pfs_fileindex *index,
                        const char *const *name, const struct pfs_type *const *type, int64_t rows,
                        enum pfs_index_answer *answer, struct pfs_bitmap **some, struct pfs_err *err)
{
    const struct asking a = {index, name, type, rows, err};
    struct pfs_index_rows got;

    PFS_TRY(ask(&a, condition, &got));
    if (got.answer == PFS_INDEX_SOME && pfs_bitmap_count(got.some) == 0) {
        pfs_index_rows_done(&got);
        got.answer = PFS_INDEX_NONE;
    }
    assert((got.answer == PFS_INDEX_SOME) == (got.some != NULL)); /* the caller frees what it is given */
    *answer = got.answer;
    if (got.answer == PFS_INDEX_SOME)
        *some = got.some;
    return 0;
}
