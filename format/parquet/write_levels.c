/* write_levels.c - a column of a batch on its way down to its leaves.
 *
 * The opposite of part.c. A set of entries belongs to one node of the tree; at the top there is one for each row. Each
 * has the definition level that it reached and the row of the node's column that it stands for, or -1 when it has
 * ended. Going down, a null ends an entry, a list turns an entry into one for each element, and a ROW hands the same
 * entries to each of its fields, which need copies, as each ends others.
 *
 *     ARRAY<INT>: [5, null], null, []     rows 0 1 2, D 0 0 0
 *     who is there                        rows 0 -1 2, D 1 0 1
 *     as elements                         rows 0 1 -1 -1, D 2 2 0 1, R 0 1 0 0
 *     who is there                        rows 0 -1 -1 -1, D 3 2 0 1: one value
 *
 * A column that is a leaf, the common one, takes none of this way.
 */
#include "format/parquet/write_levels.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Entries on their way down. Those that ended have row -1; the others are rows of the column that is looked at. */
struct entries {
    int64_t count;
    uint8_t *definition;
    const uint8_t *repetition; /* NULL: each begins a row */
    int32_t *row;
};

struct walk {
    struct pfs_arena *arena;
    pfs_pq_out_leaf_fn *add;
    void *context;
    struct pfs_err *err;
};

static int refuse_null(const struct walk *w, const struct pfs_pq_out_node *n)
{
    const struct pfs_pq_out_node *top = n;

    while (top->parent != NULL)
        top = top->parent;
    if (top == n)
        return pfs_fail(w->err, EINVAL, "column %s may not be null", n->name);
    return pfs_fail(w->err, EINVAL, "%s in column %s may not be null", n->name, top->name);
}

/* Nulls end; the rest goes a level deeper when the node may be null. */
static int end_nulls(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c,
                     struct entries *e)
{
    if (n->optional)
        for (int64_t i = 0; i < e->count; i++) {
            if (e->row[i] < 0)
                continue;
            if (pfs_column_present(c, e->row[i]))
                e->definition[i] = n->definition;
            else
                e->row[i] = -1;
        }
    else if (c->valid != NULL)
        for (int64_t i = 0; i < e->count; i++)
            if (e->row[i] >= 0 && !pfs_column_present(c, e->row[i]))
                return refuse_null(w, n);
    return 0;
}

/* Repetition levels are the same for all below a node, and shared. */
static int copy_entries(const struct walk *w, const struct entries *in, struct entries *out)
{
    *out = *in;
    out->definition = pfs_arena_alloc(w->arena, (size_t)in->count);
    out->row = pfs_arena_alloc(w->arena, (size_t)in->count * sizeof(*out->row));
    if (out->definition == NULL || out->row == NULL)
        return pfs_arena_full(w->arena, w->err);
    if (in->count > 0) {
        memcpy(out->definition, in->definition, (size_t)in->count);
        memcpy(out->row, in->row, (size_t)in->count * sizeof(*out->row));
    }
    return 0;
}

/* Entries that a list's elements take: an entry without any stays one. */
static int64_t count_items(const struct pfs_column *c, const struct entries *e)
{
    int64_t count = 0;

    for (int64_t i = 0; i < e->count; i++) {
        int64_t len = e->row[i] < 0 ? 0 : c->offsets[e->row[i] + 1] - c->offsets[e->row[i]];

        count += len == 0 ? 1 : len;
    }
    return count;
}

/* Each entry becomes its list's elements. */
static int spread(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c,
                  const struct entries *in, struct entries *out)
{
    uint8_t item_repetition = (uint8_t)(n->repetition + 1), item_definition = (uint8_t)(n->definition + 1);
    int64_t count = count_items(c, in), at = 0;
    uint8_t *repetition = pfs_arena_alloc(w->arena, (size_t)count);

    *out = (struct entries){.count = count,
                            .definition = pfs_arena_alloc(w->arena, (size_t)count),
                            .repetition = repetition,
                            .row = pfs_arena_alloc(w->arena, (size_t)count * sizeof(*out->row))};
    if (repetition == NULL || out->definition == NULL || out->row == NULL)
        return pfs_arena_full(w->arena, w->err);
    for (int64_t i = 0; i < in->count; i++) {
        uint8_t first = in->repetition == NULL ? 0 : in->repetition[i];
        int32_t row = in->row[i], from = row < 0 ? 0 : c->offsets[row], to = row < 0 ? 0 : c->offsets[row + 1];

        repetition[at] = first;
        if (from == to) {
            out->definition[at] = in->definition[i];
            out->row[at++] = -1;
            continue;
        }
        for (int32_t k = from; k < to; k++, at++) {
            if (k > from)
                repetition[at] = item_repetition;
            out->definition[at] = item_definition;
            out->row[at] = k;
        }
    }
    assert(at == count);
    return 0;
}

static int go_down(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c,
                   struct entries *e);

static int go_on(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c,
                 const struct entries *e)
{
    assert(n->children > 0);
    for (int32_t i = 0; i < n->children; i++) {
        struct entries own;

        PFS_TRY(copy_entries(w, e, &own));
        PFS_TRY(go_down(w, &n->child[i], &c->children[i], &own));
    }
    return 0;
}

/* Rows of the entries that have a value, for a leaf; the row numbers are packed in place. */
static int leave(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c, struct entries *e)
{
    struct pfs_pq_out_entries out = {.entries = e->count,
                                     .definition = n->definition > 0 ? e->definition : NULL,
                                     .repetition = e->repetition,
                                     .column = c,
                                     .row = e->row};

    for (int64_t i = 0; i < e->count; i++)
        if (e->row[i] >= 0)
            e->row[out.values++] = e->row[i];
    assert(out.definition != NULL || out.values == out.entries);
    return w->add(w->context, n, &out, w->err);
}

/* One of a VARIANT's two parts, as a column of its own (batch.h tells how they lie in memory). */
static int take_part(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c,
                     const struct entries *e, bool metadata, struct pfs_column *out)
{
    int32_t *offsets = pfs_arena_alloc(w->arena, ((size_t)e->count + 1) * sizeof(*offsets));
    size_t bytes = 0, at = 0;
    uint8_t *to;

    for (int64_t i = 0; i < e->count; i++)
        bytes += e->row[i] < 0 ? 0 : pfs_column_bytes(c, e->row[i]).len;
    to = pfs_arena_alloc(w->arena, bytes);
    if (offsets == NULL || to == NULL)
        return pfs_arena_full(w->arena, w->err);
    for (int64_t i = 0; i < e->count; i++) {
        struct pfs_slice part = {0};

        offsets[i] = (int32_t)at;
        if (e->row[i] < 0)
            continue;
        part = pfs_column_bytes(c, e->row[i]);
        if (part.len < 4 || pfs_le32(part.at) > part.len - 4)
            return pfs_fail(w->err, EINVAL, "column %s has a damaged VARIANT", n->name);
        if (metadata)
            part = pfs_slice_of(part.at + 4 + pfs_le32(part.at), part.len - 4 - pfs_le32(part.at));
        else
            part = pfs_slice_of(part.at + 4, pfs_le32(part.at));
        if (part.len > 0)
            memcpy(to + at, part.at, part.len);
        at += part.len;
    }
    assert(at <= bytes);
    offsets[e->count] = (int32_t)at;
    *out = (struct pfs_column){.type = n->child[metadata].type, .offsets = offsets, .values = to};
    return 0;
}

/* Parts of rows that ended are not there, and the others' lie in the order of the entries: a part's row is its entry's.
 */
static int split_variant(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c,
                         const struct entries *e)
{
    for (int32_t k = 0; k < 2; k++) {
        struct pfs_column *part = pfs_arena_array(w->arena, 1, sizeof(*part));
        struct entries own;

        if (part == NULL)
            return pfs_arena_full(w->arena, w->err);
        PFS_TRY(copy_entries(w, e, &own));
        PFS_TRY(take_part(w, n, c, e, k == 1, part));
        for (int64_t i = 0; i < own.count; i++)
            if (own.row[i] >= 0)
                own.row[i] = (int32_t)i;
        PFS_TRY(leave(w, &n->child[k], part, &own));
    }
    return 0;
}

static int go_down(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c, struct entries *e)
{
    struct entries items;

    PFS_TRY(end_nulls(w, n, c, e));
    switch (n->form) {
    case PFS_PQ_OUT_LEAF:
        return leave(w, n, c, e);
    case PFS_PQ_OUT_ROW:
        return go_on(w, n, c, e);
    case PFS_PQ_OUT_LIST:
    case PFS_PQ_OUT_MAP:
        PFS_TRY(spread(w, n, c, e, &items));
        return go_on(w, n, c, &items);
    case PFS_PQ_OUT_VARIANT:
        return split_variant(w, n, c, e);
    }
    return 0;
}

/* A column that is a leaf: its levels are its validity bits. */
static int levels_of_leaf(const struct walk *w, const struct pfs_pq_out_node *n, const struct pfs_column *c,
                          int64_t rows)
{
    struct pfs_pq_out_entries out = {.entries = rows, .values = rows, .column = c};
    uint8_t *definition;
    int32_t *row;

    assert(n->definition <= 1);
    assert(n->repetition == 0);
    out.nulls = c->valid == NULL ? 0 : pfs_column_null_count(c, rows);
    if (out.nulls > 0 && !n->optional)
        return refuse_null(w, n);
    if (out.nulls == 0)
        return w->add(w->context, n, &out, w->err);
    definition = pfs_arena_alloc(w->arena, (size_t)rows);
    row = pfs_arena_alloc(w->arena, (size_t)rows * sizeof(*row));
    if (definition == NULL || row == NULL)
        return pfs_arena_full(w->arena, w->err);
    out.values = 0;
    for (int64_t i = 0; i < rows; i++) {
        bool present = pfs_column_present(c, i);

        definition[i] = present;
        row[out.values] = (int32_t)i; /* stays when there is a value */
        out.values += present;
    }
    out.definition = definition;
    out.row = row;
    return w->add(w->context, n, &out, w->err);
}

int pfs_pq_out_levels(const struct pfs_pq_out_node *node, const struct pfs_column *column, int64_t rows,
                      struct pfs_arena *arena, pfs_pq_out_leaf_fn *add, void *context, struct pfs_err *err)
{
    struct walk w = {arena, add, context, err};
    struct entries e = {.count = rows};

    assert(node->parent == NULL);
    assert(rows >= 0);
    if (node->form == PFS_PQ_OUT_LEAF)
        return levels_of_leaf(&w, node, column, rows);
    e.definition = pfs_arena_zalloc(arena, (size_t)rows);
    e.row = pfs_arena_alloc(arena, (size_t)rows * sizeof(*e.row));
    if (e.definition == NULL || e.row == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++)
        e.row[i] = (int32_t)i;
    return go_down(&w, node, column, &e);
}
