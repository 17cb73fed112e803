/* column.c - flat columns: pages into batches.
 *
 * Two counts are kept apart. `row` is a row of the group, counted over pages; page_left is what is not taken of the
 * current page, nulls included. Definition levels and values are two streams of that page and move together: whoever
 * passes over rows must pass over the values of those among them that are present, and how many that are only the
 * levels tell. In a column that is required there are no levels, and a row is a value.
 *
 *     levels   1 1 0 1 0 0 1        one bit a row
 *     values   a b   c     d        the present ones alone
 *     batch    a b - c - - d        spread, from the last one back
 */
#include "format/parquet/column.h"

#include <assert.h>

#define BYTES_BATCH_AIM ((int64_t)64 << 20)
#define LONG_VALUE 16384 /* average bytes of a string from which on a batch does not reach into the next page */

int pfs_pq_column_init(struct pfs_pq_column *column, const struct pfs_type *type, const struct pfs_pq_node *node,
                       struct pfs_pq_ahead *ahead, struct pfs_err *err)
{
    assert((node == NULL) == (ahead == NULL));
    assert(node != NULL || type != NULL);
    *column = (struct pfs_pq_column){.type = type,
                                     .node = node,
                                     .no_values = type == NULL,
                                     .ahead = ahead,
                                     .page = {.group = -1},
                                     .dictionary_group = -1};
    return node == NULL || type == NULL ? 0 : pfs_pq_plan_pick(node, type, &column->plan, err);
}

void pfs_pq_column_done(struct pfs_pq_column *c)
{
    pfs_pq_ahead_close(c->ahead);
    pfs_pq_page_done(&c->page);
    pfs_pq_page_done(&c->dictionary);
    pfs_pq_values_done(c);
}

/* A dictionary comes once, in front of the data pages of its row group. Its page is kept, as strings point into it; the
 * group of the page before stays until a data page says another. */
int pfs_pq_column_load(struct pfs_pq_column *c, struct pfs_err *err)
{
    assert(c->ahead != NULL);
    for (;;) {
        int32_t group = c->page.group;
        int got = pfs_pq_ahead_next(c->ahead, &c->page, err);

        c->page_left = 0;
        if (got <= 0)
            return got;
        if (c->page.type == PFS_PQ_PAGE_DICTIONARY) {
            struct pfs_pq_page used = c->dictionary;

            c->dictionary = c->page;
            c->page = used;
            c->page.group = group;
            if (!c->no_values)
                PFS_TRY(pfs_pq_values_dictionary(c, err));
            continue;
        }
        c->page_left = c->page.values;
        c->row = c->page.row >= 0 ? c->page.row : c->page.group == group ? c->row : 0;
        if (!c->no_values)
            PFS_TRY(pfs_pq_values_start(c, err));
        return 1;
    }
}

/* ---- flat columns ---- */

/* k rows of the page are passed over. */
static int skip_rows(struct pfs_pq_column *c, int64_t k, uint32_t *index, struct pfs_err *err)
{
    assert(k <= c->page_left);
    assert(c->node->definition_max <= 1); /* flat: its own level alone */
    c->row += k;
    c->page_left -= (int32_t)k;
    if (c->node->definition_max == 0)
        return pfs_pq_values_skip(c, k, err);
    while (k > 0) {
        uint8_t *bitmap = (uint8_t *)index;
        int64_t piece = k < PFS_PQ_PIECE ? k : PFS_PQ_PIECE, present;

        memset(bitmap, 0, (size_t)piece / 8 + 9);
        present = pfs_pq_runs_bits(&c->levels, bitmap, 0, piece);
        if (present < 0)
            return pfs_pq_damaged(err, "its definition levels");
        if (present > 0)
            PFS_TRY(pfs_pq_values_skip(c, present, err));
        k -= piece;
    }
    return 0;
}

/* Makes the current page the one that has the row, all before it taken or passed over. */
static int seek(struct pfs_pq_column *c, int32_t group, int64_t row, uint32_t *index, struct pfs_err *err)
{
    while (c->page.group != group || c->row + c->page_left <= row) {
        int got = pfs_pq_column_load(c, err);

        if (got < 0)
            return got;
        if (got == 0 || c->page.group > group)
            return pfs_pq_damaged(err, "a row group has fewer values than rows");
        if (c->page.bit_packed_definition)
            pfs_pq_runs_init_packed(&c->levels, c->page.definition, 1);
        else
            pfs_pq_runs_init(&c->levels, c->page.definition, 1);
    }
    if (c->row > row)
        return pfs_pq_damaged(err, "rows before it are nowhere");
    assert(row - c->row < c->page_left);
    return c->row < row ? skip_rows(c, row - c->row, index, err) : 0;
}

int pfs_pq_column_limit(struct pfs_pq_column *c, int32_t group, int64_t row, int64_t *rows, uint32_t *index,
                        struct pfs_err *err)
{
    int64_t each, most;

    assert(*rows > 0);
    if (c->node == NULL || c->plan.shape != PFS_PQ_SHAPE_BYTES)
        return 0;
    PFS_TRY(seek(c, group, row, index, err));
    each = (int64_t)c->page.content.len / c->page.values;
    if (c->content == PFS_PQ_CONTENT_DICTIONARY)
        each = c->entry_bytes_max;
    most = each > LONG_VALUE && c->page_left < *rows ? c->page_left : *rows;
    if (each > BYTES_BATCH_AIM / *rows && BYTES_BATCH_AIM / each < most)
        most = BYTES_BATCH_AIM / each;
    *rows = most > 0 ? most : 1;
    return 0;
}

/* k rows of the current page; adds the absent ones to *nulls. */
static int take_rows(struct pfs_pq_column *c, int64_t k, struct pfs_pq_target *t, uint8_t *valid, int64_t *nulls)
{
    int64_t present = k;

    assert(k > 0);
    assert(k <= c->page_left);
    if (valid != NULL) {
        present = pfs_pq_runs_bits(&c->levels, valid, t->done, k);
        if (present < 0)
            return pfs_pq_damaged(t->err, "its definition levels");
    }
    assert(present == k || valid != NULL);
    if (present > 0)
        PFS_TRY(pfs_pq_values_take(c, present, t));
    if (present < k && c->plan.shape == PFS_PQ_SHAPE_BYTES)
        pfs_pq_spread_offsets(t->offsets + t->done, valid, t->done, k, present);
    else if (present < k)
        pfs_pq_spread(t->values + t->done * c->plan.width, c->plan.width, valid, t->done, k, present);
    *nulls += k - present;
    t->done += k;
    c->row += k;
    c->page_left -= (int32_t)k;
    return 0;
}

/* Offsets start at 0 in every batch; the bytes of strings get their room as they come, as their lengths are in the
 * pages. Validity is made where it may be needed, and handed out only when some row is null. */
static int make_room(const struct pfs_pq_column *c, int64_t rows, struct pfs_pq_target *t, uint8_t **valid)
{
    if (c->node->definition_max > 0) {
        *valid = pfs_arena_zalloc(t->arena, (size_t)rows / 8 + 17);
        if (*valid == NULL)
            return pfs_arena_full(t->arena, t->err);
    }
    if (c->plan.shape == PFS_PQ_SHAPE_BYTES) {
        t->offsets = pfs_arena_alloc(t->arena, (size_t)(rows + 1) * sizeof(*t->offsets));
        if (t->offsets == NULL)
            return pfs_arena_full(t->arena, t->err);
        t->offsets[0] = 0;
        return pfs_pq_target_reserve(t, 0);
    }
    t->values = pfs_arena_alloc(t->arena, (size_t)rows * (size_t)c->plan.width + PFS_PQ_PAD);
    return t->values == NULL ? pfs_arena_full(t->arena, t->err) : 0;
}

int pfs_pq_column_next(struct pfs_pq_column *c, int32_t group, const struct pfs_row_range *range, int32_t ranges,
                       int64_t rows, uint32_t *index, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err)
{
    struct pfs_pq_target t = {.arena = arena, .index = index, .err = err};
    uint8_t *valid = NULL;
    int64_t nulls = 0;

    if (c->node == NULL)
        return pfs_column_nulls(c->type, rows, arena, out, err);
    PFS_TRY(make_room(c, rows, &t, &valid));
    for (int32_t i = 0; i < ranges; i++)
        for (int64_t row = range[i].from, k; row < range[i].to; row += k) {
            PFS_TRY(seek(c, group, row, index, err));
            k = range[i].to - row < c->page_left ? range[i].to - row : c->page_left;
            PFS_TRY(take_rows(c, k, &t, valid, &nulls));
        }
    assert(t.done == rows);
    assert(nulls <= rows);
    *out = (struct pfs_column){
        .type = c->type, .valid = nulls > 0 ? valid : NULL, .offsets = t.offsets, .values = t.values};
    return 0;
}
