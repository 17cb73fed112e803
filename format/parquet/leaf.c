/* leaf.c - levels and values of one leaf, gathered over pages.
 *
 * Levels of a page lie decoded side by side, a byte each: `page` has page.values definition levels, then as many
 * repetition levels. Entries that were taken are known by page_left alone, so that both are found by it.
 *
 *     R  0 1 1 0 0 1      a row begins wherever R is 0: here three rows, of 3, 1 and 2 entries
 *     D  3 3 2 0 3 3      how far down each is there; values exist only where D is the leaf's own
 *
 * Where a row ends is known only when the next one begins, maybe on the next page: `walk` therefore goes on over the
 * end of a page even when all wanted rows have begun, unless that page or the next says that it begins with a row.
 *
 * Three rooms grow: levels (the leaf's own memory, kept), offsets or values (in the batch's arena, doubled), bytes of
 * strings (values.c). ENTRIES_MAX bounds them all, whatever a file says.
 */
#include "format/parquet/leaf.h"

#include <assert.h>

#include "base/mem.h"

#define ENTRIES_MAX ((int64_t)1 << 25) /* of a page, and of a leaf in one batch */
#define ENTRIES_AIM ((int64_t)1 << 20)
#define BYTES_AIM ((int64_t)64 << 20)

int pfs_pq_leaf_init(struct pfs_pq_leaf *leaf, const struct pfs_type *type, const struct pfs_pq_node *node,
                     struct pfs_pq_ahead *ahead, struct pfs_err *err)
{
    *leaf = (struct pfs_pq_leaf){0};
    return pfs_pq_column_init(&leaf->column, type, node, ahead, err);
}

void pfs_pq_leaf_done(struct pfs_pq_leaf *leaf)
{
    pfs_pq_column_done(&leaf->column);
    pfs_free(leaf->page);
    pfs_free(leaf->definition);
    pfs_free(leaf->repetition);
    pfs_free(leaf->scratch);
}

/* ---- levels of a page ---- */

/* Packed levels of old lie with their highest bits first: after pages turned the bytes round, values are reversed. */
static void turn(uint8_t *levels, int64_t n, int width)
{
    for (int64_t i = 0; i < n; i++) {
        unsigned v = levels[i], turned = 0;

        for (int bit = 0; bit < width; bit++)
            turned |= (v >> bit & 1) << (width - 1 - bit);
        levels[i] = (uint8_t)turned;
    }
}

/* All levels of a page. None is above `max` behind it, which everything that reads them leans on. */
static int decode_levels(struct pfs_slice in, bool bit_packed, int max, int64_t n, uint8_t *out, struct pfs_err *err)
{
    int width = pfs_pq_bit_width(max);
    struct pfs_pq_runs runs;
    uint8_t most = 0;

    assert(max <= UINT8_MAX);
    if (bit_packed)
        pfs_pq_runs_init_packed(&runs, in, width);
    else
        pfs_pq_runs_init(&runs, in, width);
    if (!pfs_pq_runs_bytes(&runs, out, n))
        return pfs_pq_damaged(err, "it has fewer levels than values");
    if (bit_packed)
        turn(out, n, width);
    for (int64_t i = 0; i < n; i++)
        most = out[i] > most ? out[i] : most;
    return most <= max ? 0 : pfs_pq_damaged(err, "a level is higher than its column's");
}

/* Of the entries that are not taken yet. */
static const uint8_t *page_definition(const struct pfs_pq_leaf *leaf)
{
    assert(leaf->column.page_left <= leaf->column.page.values);
    return leaf->page + (leaf->column.page.values - leaf->column.page_left);
}

/* NULL when nothing repeats. */
static const uint8_t *page_repetition(const struct pfs_pq_leaf *leaf)
{
    if (leaf->column.node->repetition_max == 0)
        return NULL;
    return page_definition(leaf) + leaf->column.page.values;
}

static int64_t count_rows(const uint8_t *repetition, int64_t n)
{
    int64_t rows = 0;

    for (int64_t i = 0; i < n; i++)
        rows += repetition[i] == 0;
    return rows;
}

/* The next page and its levels: 1; 0 behind the last one. */
static int load_page(struct pfs_pq_leaf *leaf, struct pfs_err *err)
{
    const struct pfs_pq_page *page = &leaf->column.page;
    const struct pfs_pq_node *node = leaf->column.node;
    int got = pfs_pq_column_load(&leaf->column, err);
    size_t need;

    leaf->page_row = 0;
    if (got <= 0)
        return got;
    need = (size_t)page->values * 2 + PFS_PQ_PAD;
    if (page->values > ENTRIES_MAX)
        return pfs_fail(err, E2BIG, "a page of %d values", page->values);
    if (need > leaf->page_cap) {
        pfs_free(leaf->page);
        leaf->page_cap = 0;
        leaf->page = pfs_alloc(need);
        if (leaf->page == NULL)
            return pfs_fail(err, ENOMEM, "no memory for the levels of %d values", page->values);
        leaf->page_cap = need;
    }
    PFS_TRY(decode_levels(page->definition, page->bit_packed_definition, node->definition_max, page->values, leaf->page,
                          err));
    leaf->page_row = page->values;
    if (node->repetition_max == 0)
        return 1;
    PFS_TRY(decode_levels(page->repetition, page->bit_packed_repetition, node->repetition_max, page->values,
                          leaf->page + page->values, err));
    leaf->page_row = (int32_t)count_rows(leaf->page + page->values, page->values);
    if (page->row == 0 && page->values > 0 && leaf->page[page->values] != 0)
        return pfs_pq_damaged(err, "a row group begins within a row");
    return 1;
}

/* ---- entries of the batch ---- */

/* A column whose leaf does not repeat has no repetition levels: NULL is how part.c knows. */
static int grow_levels(struct pfs_pq_leaf *leaf, int64_t cap, struct pfs_err *err)
{
    uint8_t **all[] = {&leaf->definition, &leaf->repetition, &leaf->scratch};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        uint8_t *grown;

        if (all[i] == &leaf->repetition && leaf->column.node->repetition_max == 0)
            continue;
        grown = pfs_realloc(*all[i], (size_t)cap + PFS_PQ_PAD);
        if (grown == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %lld levels", (long long)cap);
        *all[i] = grown;
    }
    leaf->cap = cap;
    return 0;
}

/* Room for values of `cap` entries; what is there moves. */
static int grow_values(struct pfs_pq_leaf *leaf, int64_t cap)
{
    struct pfs_pq_target *t = &leaf->target;
    size_t width = (size_t)leaf->column.plan.width;
    void *grown;

    if (leaf->column.no_values)
        return 0;
    assert(t->done <= cap);
    if (leaf->column.plan.shape == PFS_PQ_SHAPE_BYTES) {
        grown = pfs_arena_alloc(t->arena, (size_t)(cap + 1) * sizeof(*t->offsets));
        if (grown == NULL)
            return pfs_arena_full(t->arena, t->err);
        if (t->offsets != NULL)
            memcpy(grown, t->offsets, (size_t)(t->done + 1) * sizeof(*t->offsets));
        else
            *(int32_t *)grown = 0;
        t->offsets = grown;
        return pfs_pq_target_reserve(t, 0);
    }
    grown = pfs_arena_alloc(t->arena, (size_t)cap * width + PFS_PQ_PAD);
    if (grown == NULL)
        return pfs_arena_full(t->arena, t->err);
    if (t->done > 0)
        memcpy(grown, t->values, (size_t)t->done * width);
    t->values = grown;
    return 0;
}

/* Makes room for `more` entries; `room` is how many the values have. */
static int reserve(struct pfs_pq_leaf *leaf, int64_t more, int64_t *room, struct pfs_err *err)
{
    int64_t need = leaf->entries + more;

    assert(more >= 0);
    assert(leaf->entries <= leaf->cap);
    if (need > ENTRIES_MAX)
        return pfs_fail(err, E2BIG, "lists of %lld items in one batch", (long long)need);
    if (need > leaf->cap)
        PFS_TRY(grow_levels(leaf, need > leaf->cap * 2 ? need : leaf->cap * 2, err));
    if (need > *room) {
        *room = need > *room * 2 ? need : *room * 2;
        PFS_TRY(grow_values(leaf, *room));
    }
    return 0;
}

/* How many entries of the page to go before row `rows` + 1 begins among them; *begun of them begin a row. */
static int64_t entries_of(const struct pfs_pq_leaf *leaf, int64_t rows, int64_t *begun)
{
    const uint8_t *repetition = page_repetition(leaf);
    int64_t left = leaf->column.page_left, at = 0;

    assert(rows >= 0);
    if (repetition == NULL) {
        *begun = rows < left ? rows : left;
        return *begun;
    }
    *begun = 0;
    if (leaf->page_row <= rows) {
        *begun = leaf->page_row;
        return left;
    }
    while (at < left) {
        int64_t step = left - at < 64 ? left - at : 64, more = count_rows(repetition + at, step);

        if (*begun + more > rows)
            break;
        *begun += more;
        at += step;
    }
    for (; at < left && *begun + (repetition[at] == 0) <= rows; at++)
        *begun += repetition[at] == 0;
    return at;
}

static int64_t count_present(const struct pfs_pq_leaf *leaf, int64_t entries)
{
    const uint8_t *definition = page_definition(leaf);
    uint8_t max = leaf->column.node->definition_max;
    int64_t present = 0;

    for (int64_t i = 0; i < entries; i++)
        present += definition[i] == max;
    return present;
}

/* The next `entries` of the page behind those that the batch has. Values go in pieces, as the scratch has room for so
 * many indexes. */
static int take_entries(struct pfs_pq_leaf *leaf, int64_t entries, int64_t *room, struct pfs_err *err)
{
    int64_t present = leaf->column.no_values ? 0 : count_present(leaf, entries);

    assert(entries <= leaf->column.page_left);
    PFS_TRY(reserve(leaf, entries, room, err));
    memcpy(leaf->definition + leaf->entries, page_definition(leaf), (size_t)entries);
    if (leaf->repetition != NULL)
        memcpy(leaf->repetition + leaf->entries, page_repetition(leaf), (size_t)entries);
    leaf->entries += entries;
    while (present > 0) {
        int64_t piece = present < PFS_PQ_PIECE ? present : PFS_PQ_PIECE;

        PFS_TRY(pfs_pq_values_take(&leaf->column, piece, &leaf->target));
        leaf->target.done += piece;
        present -= piece;
    }
    return 0;
}

/* Goes on until all rows before `row` are done, with entries that are taken (`room`) or passed over (NULL). The end of
 * the last one is known only when the next begins, which may be on another page. */
static int walk(struct pfs_pq_leaf *leaf, int32_t group, int64_t row, int64_t *room, struct pfs_err *err)
{
    struct pfs_pq_column *c = &leaf->column;

    for (;;) {
        int64_t entries, begun;

        if (c->page.group != group || c->page_left == 0) {
            bool done = c->page.group == group && c->row == row;
            int got;

            if (done && c->page.last)
                return 0;
            got = load_page(leaf, err);
            if (got < 0)
                return got;
            if (got == 0 || c->page.group > group)
                return done ? 0 : pfs_pq_damaged(err, "a row group has fewer values than rows");
            if (done && c->page.row >= 0)
                return 0; /* that page begins with a row */
            continue;
        }
        if (c->row > row)
            return pfs_pq_damaged(err, "rows before it are nowhere");
        entries = entries_of(leaf, row - c->row, &begun);
        if (entries > 0 && room != NULL)
            PFS_TRY(take_entries(leaf, entries, room, err));
        else if (entries > 0 && !leaf->column.no_values)
            PFS_TRY(pfs_pq_values_skip(c, count_present(leaf, entries), err));
        assert(begun <= entries);
        assert(c->row + begun <= row);
        c->row += begun;
        leaf->page_row -= (int32_t)begun;
        c->page_left -= (int32_t)entries;
        if (c->page_left > 0)
            return 0;
    }
}

/* The current page is taken for a sample: so many entries a row, so many bytes an entry. */
int pfs_pq_leaf_limit(struct pfs_pq_leaf *leaf, int32_t group, int64_t row, int64_t *rows, struct pfs_err *err)
{
    struct pfs_pq_column *c = &leaf->column;
    int64_t entries, each, begun, most = ENTRIES_AIM;

    PFS_TRY(walk(leaf, group, row, NULL, err));
    if (c->page.group != group || c->page_left == 0)
        return 0; /* no such row: the next call says so */
    each = c->no_values ? 1 : (int64_t)c->page.content.len / c->page.values + 1;
    if (!c->no_values && c->content == PFS_PQ_CONTENT_DICTIONARY)
        each += c->entry_bytes_max;
    most = BYTES_AIM / each < most ? BYTES_AIM / each : most;
    entries = entries_of(leaf, *rows, &begun);
    if (entries > most) {
        const uint8_t *repetition = page_repetition(leaf);

        begun = repetition == NULL ? most : count_rows(repetition, most) - 1;
    } else if (entries * *rows <= most * begun) {
        return 0; /* the next page is likely to be like this one */
    }
    if (begun < *rows)
        *rows = begun > 1 ? begun : 1;
    return 0;
}

int pfs_pq_leaf_next(struct pfs_pq_leaf *leaf, int32_t group, const struct pfs_row_range *range, int32_t ranges,
                     uint32_t *index, struct pfs_arena *arena, struct pfs_err *err)
{
    int64_t room = 0, rows = 0;

    for (int32_t i = 0; i < ranges; i++)
        rows += range[i].to - range[i].from;
    leaf->entries = 0;
    leaf->target = (struct pfs_pq_target){.arena = arena, .index = index, .err = err};
    PFS_TRY(reserve(leaf, rows, &room, err));
    for (int32_t i = 0; i < ranges; i++) {
        PFS_TRY(walk(leaf, group, range[i].from, NULL, err));
        PFS_TRY(walk(leaf, group, range[i].to, &room, err));
    }
    return 0;
}
