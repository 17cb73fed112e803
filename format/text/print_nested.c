/* print_nested.c - printers as trees: lists, maps and rows as JSON, by a kernel each that calls those of its children.
 *
 * A map is printed as its entries lie and then put in the order of its keys, by their text: batches keep entries as
 * they came, and the same map must always be the same line. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "format/text/printer.h"
#include "format/variant.h"

/* ---- kernels ---- */

/* Keys are short: 16 bytes at a time, what is too much is written over. */
static uint8_t *put_key(const struct pfs_printer *p, uint8_t *to)
{
    size_t done = 0;

    do {
        memcpy(to + done, p->key.at + done, 16);
        done += 16;
    } while (done < p->key.len);
    return to + p->key.len;
}

uint8_t *pfs_put_members(struct pfs_printer *member, int32_t count, int64_t row, uint8_t *to)
{
    if (count == 0)
        *to++ = '{';
    for (int32_t i = 0; i < count; i++)
        to = pfs_put_json_value(&member[i], row, put_key(&member[i], to));
    return to;
}

static uint8_t *print_row(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    to = pfs_put_members(p->child, p->children, row, to);
    *to++ = '}';
    return to;
}

static uint8_t *print_list(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    int32_t first = p->column->offsets[row], end = p->column->offsets[row + 1];

    *to++ = '[';
    for (int32_t i = first; i < end; i++) {
        if (i > first)
            *to++ = ',';
        to = pfs_put_json_value(p->child, i, to);
    }
    *to++ = ']';
    return to;
}

struct pfs_print_pair { /* an entry of a map: [key,value] with its brackets */
    const uint8_t *at;
    size_t key, len; /* key: where it ends */
};

/* By the bytes of the key's text, which doubled quotes leave in the same order. */
static int compare_pairs(const void *left, const void *right)
{
    const struct pfs_print_pair *a = left, *b = right;

    return pfs_slice_compare(pfs_slice_of(a->at, a->key), pfs_slice_of(b->at, b->key));
}

/* Puts entries, which stand side by side up to `end` with a byte between them, in their order. */
static void sort_pairs(struct pfs_print_pair *pair, int32_t count, uint8_t *from, uint8_t *end)
{
    uint8_t *to = end;
    bool sorted = true;

    assert(from <= end);
    for (int32_t i = 1; i < count && sorted; i++)
        sorted = compare_pairs(&pair[i - 1], &pair[i]) <= 0;
    if (sorted)
        return;
    qsort(pair, (size_t)count, sizeof(*pair), compare_pairs);
    for (int32_t i = 0; i < count; i++) {
        if (i > 0)
            *to++ = ',';
        memcpy(to, pair[i].at, pair[i].len);
        to += pair[i].len;
    }
    assert(to - end == end - from); /* the same entries, in another order */
    memcpy(from, end, (size_t)(to - end));
}

/* [[key,value],...] sorted by keys. */
static uint8_t *print_map(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    int32_t first = p->column->offsets[row], count = p->column->offsets[row + 1] - first;
    uint8_t *from;

    assert(count >= 0);
    *to++ = '[';
    from = to;
    for (int32_t i = 0; i < count; i++) {
        struct pfs_print_pair *pair = &p->pair[i];

        if (i > 0)
            *to++ = ',';
        pair->at = to;
        *to++ = '[';
        to = pfs_put_json_value(&p->child[0], first + i, to);
        pair->key = (size_t)(to - pair->at);
        *to++ = ',';
        to = pfs_put_json_value(&p->child[1], first + i, to);
        *to++ = ']';
        pair->len = (size_t)(to - pair->at);
    }
    sort_pairs(p->pair, count, from, to);
    *to++ = ']';
    return to;
}

static uint8_t *print_cell(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    return pfs_put_cell_around(to, p->inner(p, row, to + 1));
}

/* ---- making ---- */

struct rows {
    int64_t from, to;
    const uint8_t *shown; /* from row `from` on, not 0 = the row is printed unless it is null; NULL = all are */
};

struct maker {
    struct pfs_print_store *store;
    struct pfs_err *err;
};

static int make(const struct maker *m, const struct pfs_column *c, enum pfs_print_place place, struct rows rows,
                int depth, struct pfs_printer *p);

static int full(const struct maker *m)
{
    return pfs_arena_full(&m->store->arena, m->err);
}

static bool is_shown(const struct pfs_column *c, struct rows rows, int64_t row)
{
    return (rows.shown == NULL || rows.shown[row - rows.from] != 0) && pfs_column_present(c, row);
}

static int print_ahead(const struct maker *m, struct rows rows, struct pfs_printer *p)
{
    struct pfs_buf *text = &m->store->ahead;

    p->ahead = text;
    p->ahead_first = rows.from;
    p->ahead_end = pfs_arena_alloc(&m->store->arena, (size_t)(rows.to - rows.from + 1) * sizeof(*p->ahead_end));
    if (p->ahead_end == NULL)
        return full(m);
    text->limit_bytes = PFS_BATCH_BYTES_MAX;
    p->ahead_end[0] = text->len;
    for (int64_t i = rows.from; i < rows.to; i++) {
        if (is_shown(p->column, rows, i))
            PFS_TRY(pfs_variant_print(pfs_column_bytes(p->column, i), text, m->err));
        p->ahead_end[i - rows.from + 1] = text->len;
    }
    return pfs_buf_check(text, m->err);
}

static bool holds_variant(const struct pfs_type *type)
{
    bool holds = type->kind == PFS_VARIANT;

    for (int32_t i = 0; pfs_kind_is_nested(type->kind) && i < type->children && !holds; i++)
        holds = holds_variant(&type->child[i].type);
    return holds;
}

/* The children's rows. What a null row holds is not looked at where it could be no variant. */
static int rows_below(const struct maker *m, const struct pfs_column *c, struct rows rows, struct rows *out)
{
    const int32_t *offsets = c->type->kind == PFS_ROW ? NULL : c->offsets;
    struct rows below = {rows.from, rows.to, NULL};
    uint8_t *shown;

    if (offsets != NULL)
        below = (struct rows){offsets[rows.from], offsets[rows.to], NULL};
    *out = below;
    if (!holds_variant(c->type))
        return 0;
    shown = pfs_arena_zalloc(&m->store->arena, (size_t)(below.to - below.from));
    if (shown == NULL)
        return full(m);
    for (int64_t i = rows.from; i < rows.to; i++) {
        if (!is_shown(c, rows, i))
            continue;
        if (offsets == NULL)
            shown[i - below.from] = 1;
        else
            memset(shown + offsets[i] - below.from, 1, (size_t)(offsets[i + 1] - offsets[i]));
    }
    out->shown = shown;
    return 0;
}

/* Room for the entries of the longest map, used again for each. Maps inside maps have their own, in their own printer.
 */
static int make_pairs(const struct maker *m, struct rows rows, struct pfs_printer *p)
{
    const int32_t *offsets = p->column->offsets;
    int32_t most = 0;

    for (int64_t i = rows.from; i < rows.to; i++)
        most = offsets[i + 1] - offsets[i] > most ? offsets[i + 1] - offsets[i] : most;
    p->pair = pfs_arena_alloc(&m->store->arena, (size_t)most * sizeof(*p->pair));
    p->maps = true;
    return p->pair == NULL ? full(m) : 0;
}

static int make_nested(const struct maker *m, struct rows rows, int depth, struct pfs_printer *p)
{
    const struct pfs_column *c = p->column;
    enum pfs_kind kind = c->type->kind;
    pfs_print_fn *print = kind == PFS_ROW ? print_row : kind == PFS_ARRAY ? print_list : print_map;
    enum pfs_print_place place = p->place == PFS_IN_CELL ? PFS_IN_JSON_IN_CELL : p->place;
    struct rows below;

    assert(rows.from <= rows.to);
    p->print = p->place == PFS_IN_CELL ? print_cell : print;
    p->inner = print;
    p->children = kind == PFS_MULTISET ? 2 : c->type->children;
    p->child = pfs_arena_array(&m->store->arena, (size_t)p->children, sizeof(*p->child));
    if (p->child == NULL)
        return full(m);
    if (print == print_map)
        PFS_TRY(make_pairs(m, rows, p));
    PFS_TRY(rows_below(m, c, rows, &below));
    for (int32_t i = 0; i < p->children; i++) {
        PFS_TRY(make(m, &c->children[i], place, below, depth + 1, &p->child[i]));
        p->maps |= p->child[i].maps;
        if (kind == PFS_ROW)
            PFS_TRY(pfs_printer_name(&p->child[i], i, c->type->child[i].name, m->store, m->err));
    }
    return 0;
}

static int make(const struct maker *m, const struct pfs_column *c, enum pfs_print_place place, struct rows rows,
                int depth, struct pfs_printer *p)
{
    *p = (struct pfs_printer){.column = c, .place = place};
    if (depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(m->err, E2BIG, "a value nested too deep");
    if (pfs_kind_is_nested(c->type->kind))
        return make_nested(m, rows, depth, p);
    PFS_TRY(pfs_printer_choose(p, m->err));
    if (c->type->kind == PFS_VARIANT)
        return print_ahead(m, rows, p);
    if (c->offsets != NULL && c->values != NULL && c->offsets[rows.to] >= 16)
        p->safe = (const uint8_t *)c->values + c->offsets[rows.to] - 16;
    return 0;
}

int pfs_printer_make(struct pfs_printer *p, const struct pfs_column *c, enum pfs_print_place place, int64_t from,
                     int64_t to, struct pfs_print_store *store, struct pfs_err *err)
{
    return make(&(struct maker){store, err}, c, place, (struct rows){from, to, NULL}, 0, p);
}

int pfs_printer_name(struct pfs_printer *p, int32_t i, const char *name, struct pfs_print_store *store,
                     struct pfs_err *err)
{
    struct pfs_slice text = pfs_str(name);
    uint8_t *key = pfs_arena_alloc(&store->arena, text.len * 6 + 6 + PFS_PRINT_SLACK), *end = key;

    if (key == NULL)
        return pfs_arena_full(&store->arena, err);
    *end++ = i == 0 ? '{' : ',';
    end = pfs_put_json_text(text, NULL, p->place, end);
    *end++ = ':';
    memset(end, 0, 16);
    p->key = pfs_slice_of(key, (size_t)(end - key));
    return 0;
}

void pfs_print_store_done(struct pfs_print_store *store)
{
    pfs_arena_done(&store->arena);
    pfs_buf_done(&store->ahead);
}

/* ---- room ---- */

static size_t room_for(const struct pfs_printer *p, int64_t from, int64_t to)
{
    const struct pfs_column *c = p->column;
    size_t rows = (size_t)(to - from), factor = p->place == PFS_IN_CELL ? 2 : 6, sum = rows * p->key.len;

    assert(from <= to);
    if (p->ahead != NULL)
        return sum + rows * 4 + (p->ahead_end[to - p->ahead_first] - p->ahead_end[from - p->ahead_first]) * factor;
    if (!pfs_kind_is_nested(c->type->kind))
        return sum + rows * pfs_printer_width(c->type) +
               (c->offsets == NULL ? 0 : (size_t)(c->offsets[to] - c->offsets[from]) * factor);
    sum += rows * 4; /* its brackets, the quotes of a cell, or null */
    if (c->type->kind != PFS_ROW) {
        from = c->offsets[from];
        to = c->offsets[to];
        sum += (size_t)(to - from) * 4; /* a comma, or that and [ , ] of a map */
    }
    for (int32_t i = 0; i < p->children; i++)
        sum += room_for(&p->child[i], from, to);
    return sum;
}

/* A map that is put in order takes its room once more, behind what was printed so far. */
size_t pfs_printer_room(const struct pfs_printer *p, int64_t from, int64_t to)
{
    size_t sum = room_for(p, from, to);

    return p->maps ? sum * 2 : sum;
}
