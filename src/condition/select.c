/* select.c - the rows of a batch for which a condition is true: a mask of bytes a node.
 *
 * A leaf fills its mask by one loop over one column; ALL and ANY join the masks of their children by and and or, and
 * stop once no row can change any more. "Unknown" needs no third value: there is no NOT above a leaf (node.h), so what
 * is unknown is as good as false.
 */
#include "src/condition/node.h"

#include <assert.h>

struct evaluation {
    const struct pfs_batch *batch;
    const int32_t *place;
    struct pfs_arena *arena;
    struct pfs_err *err;
};

static void like_rows(const struct pfs_column *column, int64_t rows, struct pfs_slice pattern, bool matches,
                      uint8_t *mask)
{
    for (int64_t i = 0; i < rows; i++)
        mask[i] = (uint8_t)(pfs_like_matches(pattern, pfs_column_bytes(column, i)) == matches);
    pfs_mask_nulls(column, rows, mask);
}

/* A field below a row that is null is null itself, whatever its own column says: files need not repeat it there. So
 * each ROW on the way down takes its nulls out of the mask, or puts them in for a test of null. */
static int leaf(const struct evaluation *e, const struct pfs_condition *node, uint8_t *mask)
{
    int64_t rows = e->batch->rows;
    int32_t place = e->place[node->column];
    const struct pfs_column *column;

    if (place < 0 || place >= e->batch->columns)
        return pfs_fail(e->err, EINVAL, "column %d of the condition was not read", node->column);
    column = &e->batch->column[place];
    for (int32_t i = 0; i < node->steps; i++) {
        assert(column->type->kind == PFS_ROW); /* the parser went down the same way */
        assert(node->step[i] < column->type->children);
        column = &column->children[node->step[i]];
    }
    if (node->kind == PFS_COND_COMPARE)
        pfs_compare_rows(column, rows, node->how, &node->literal, mask);
    else
        like_rows(column, rows, node->pattern, node->kind == PFS_COND_LIKE, mask);
    column = &e->batch->column[place];
    for (int32_t i = 0; i < node->steps; i++) {
        if (node->kind == PFS_COND_COMPARE && node->how == PFS_IS_NULL) {
            for (int64_t r = 0; column->valid != NULL && r < rows; r++)
                mask[r] = (uint8_t)(mask[r] | ((column->valid[r >> 3] >> (r & 7) & 1) ^ 1));
        } else {
            pfs_mask_nulls(column, rows, mask);
        }
        column = &column->children[node->step[i]];
    }
    return 0;
}

static int evaluate(const struct evaluation *e, const struct pfs_condition *node, uint8_t *mask);

static int join(const struct evaluation *e, const struct pfs_condition *node, uint8_t *mask)
{
    int64_t rows = e->batch->rows;
    uint8_t *more = pfs_arena_alloc(e->arena, (size_t)rows);

    if (more == NULL)
        return pfs_arena_full(e->arena, e->err);
    assert(node->children > 1);
    memset(mask, node->kind == PFS_COND_ALL, (size_t)rows);
    for (int32_t c = 0; c < node->children; c++) {
        PFS_TRY(evaluate(e, node->child[c], more));
        if (node->kind == PFS_COND_ALL)
            for (int64_t i = 0; i < rows; i++)
                mask[i] &= more[i];
        else
            for (int64_t i = 0; i < rows; i++)
                mask[i] |= more[i];
        if (memchr(mask, node->kind == PFS_COND_ALL ? 1 : 0, (size_t)rows) == NULL)
            break; /* no row is left to lose, or to win */
    }
    return 0;
}

static int evaluate(const struct evaluation *e, const struct pfs_condition *node, uint8_t *mask)
{
    return node->kind == PFS_COND_ALL || node->kind == PFS_COND_ANY ? join(e, node, mask) : leaf(e, node, mask);
}

int64_t pfs_condition_select(const struct pfs_condition *condition, const struct pfs_batch *batch, const int32_t *place,
                             struct pfs_arena *arena, int32_t *kept, struct pfs_err *err)
{
    const struct evaluation e = {batch, place, arena, err};
    uint8_t *mask = pfs_arena_alloc(arena, (size_t)batch->rows);
    int64_t n = 0;

    assert(batch->rows >= 0);
    assert(batch->rows <= INT32_MAX); /* indexes of rows are of 32 bits */
    if (mask == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(evaluate(&e, condition, mask));
    for (int64_t i = 0; i < batch->rows; i++) { /* without a branch: every row is written, the next one over it */
        kept[n] = (int32_t)i;
        n += mask[i];
    }
    assert(n <= batch->rows); /* a mask of other numbers than 0 and 1 would count more */
    return n;
}
