/* collect.c - functions over arrays: collect, nested_update, nested_partial_update (spec merge-engines 7). */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/merge/listing.h"

/* ---- collect ---- */

static void append_all(struct pfs_listing *l, const struct pfs_element_list *in)
{
    for (int64_t i = 0; i < in->len; i++)
        pfs_listing_append(l, in, i);
}

static void put_all(struct pfs_listing *l, const struct pfs_element_list *in)
{
    pfs_listing_index(l);
    for (int64_t i = 0; i < in->len; i++)
        pfs_listing_put(l, in, i);
    l->has = true;
}

/* Nested elements: what the state holds already is not made distinct, only what comes in is looked up in it. */
static void put_nested(struct pfs_listing *l, const struct pfs_element_list *in)
{
    const int32_t *list = l->pick + l->picks;

    assert(l->len <= l->room);
    for (int64_t i = 0; !l->indexed && i < l->len; i++)
        pfs_element_table_find(&l->table, &l->elements, list, list[i], i);
    l->indexed = true;
    for (int64_t i = 0; i < in->len; i++)
        pfs_listing_put(l, in, i);
    l->has = true;
}

/* Java's List.remove for each element that is taken back: one that is there twice loses one of the two. */
static void take_one_for_each(struct pfs_listing *l, const struct pfs_element_list *in)
{
    pfs_listing_settle(l, l->len);
    pfs_listing_subtract(l, in, false);
}

static const struct pfs_listing_ops collect_ops = {.add = append_all, .retract = take_one_for_each, .never_old = true};
static const struct pfs_listing_ops collect_distinct_ops = {
    .add = put_all, .retract = take_one_for_each, .nulls = true, .never_old = true};
static const struct pfs_listing_ops collect_nested_ops = {
    .add = put_nested, .retract = take_one_for_each, .nulls = true, .never_old = true};

/* The answers' one child, from the picks. */
static int gather_child(const struct pfs_listing *l, struct pfs_arena *arena, struct pfs_column *out,
                        struct pfs_err *err)
{
    assert(l->parts == 0); /* elements are picked whole */
    out->children = pfs_arena_array(arena, 1, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(arena, err);
    return pfs_listing_gather(&l->fold->in.children[0], l->pick, l->picks, arena, &out->children[0], err);
}

int pfs_compute_collect(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    const struct pfs_column *element = &f->in.children[0];
    /* Three ways, as Paimon has three classes: a plain list, a HashSet, and for nested elements a list that is gone
     * through with equalisers. */
    bool nested = pfs_kind_is_nested(element->type->kind);
    const struct pfs_listing_ops *ops = !f->use->distinct ? &collect_ops
                                        : nested          ? &collect_nested_ops
                                                          : &collect_distinct_ops;
    struct pfs_listing l;

    PFS_TRY(pfs_listing_init(&l, f, ops, &element, 1, false, 0, arena, err));
    l.elements.apart = element->type->kind == PFS_BINARY || element->type->kind == PFS_VARBINARY;
    PFS_TRY(pfs_listing_run(&l, arena, out, err));
    return gather_child(&l, arena, out, err);
}

/* ---- nested_update ---- */

static bool is_null(const struct pfs_listing *l, int32_t element)
{
    return !pfs_column_present(&l->fold->in.children[0], element);
}

/* The own list of a record loses its NULL rows once something is added or taken away. */
static void clean(struct pfs_listing *l)
{
    int32_t *list = l->pick + l->picks;
    int64_t len = l->len;

    if (l->indexed)
        return;
    l->indexed = true;
    l->len = 0;
    for (int64_t i = 0; i < len; i++)
        if (!is_null(l, list[i]))
            list[l->len++] = list[i];
}

static void add_rows(struct pfs_listing *l, const struct pfs_element_list *in)
{
    bool keyed = l->fold->use->nested_keys > 0;
    int64_t left = l->fold->use->count_limit - l->len;

    /* The limit counts rows that come in, also those that replace one: a full state takes none at all. */
    if (left <= 0)
        return;
    if (keyed)
        pfs_listing_index(l);
    else
        clean(l);
    for (int64_t i = 0; i < in->len && left > 0; i++) {
        if (is_null(l, in->pick[i]))
            continue;
        left--;
        if (keyed)
            pfs_listing_put(l, in, i);
        else
            pfs_listing_append(l, in, i);
    }
}

static void take_rows(struct pfs_listing *l, const struct pfs_element_list *in)
{
    if (l->fold->use->nested_keys > 0)
        pfs_listing_index(l);
    else
        clean(l);
    pfs_listing_settle(l, l->len);
    pfs_listing_subtract(l, in, true);
}

static void replace_row(struct pfs_listing *l, int64_t at, const struct pfs_element_list *in, int64_t i)
{
    l->pick[l->picks + at] = in->pick[i];
}

static const struct pfs_listing_ops nested_update_ops = {
    .add = add_rows, .retract = take_rows, .meet = replace_row, .skip_nulls = true};

/* The columns that tell rows apart: fields of the nested key, or the row itself. */
static int key_columns(const struct pfs_fold *f, struct pfs_arena *arena, const struct pfs_column ***out,
                       struct pfs_err *err)
{
    const struct pfs_function_use *use = f->use;
    const struct pfs_column *row = &f->in.children[0];
    const struct pfs_column **column = pfs_arena_array(arena, (size_t)use->nested_keys + 1, sizeof(row));

    if (column == NULL)
        return pfs_arena_full(arena, err);
    column[0] = row;
    assert(row->type->kind == PFS_ROW); /* the function's check saw to it */
    for (int32_t i = 0; i < use->nested_keys; i++)
        column[i] = &row->children[use->nested_key[i]];
    *out = column;
    return 0;
}

int pfs_compute_nested_update(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out,
                              struct pfs_err *err)
{
    bool keyed = f->use->nested_keys > 0;
    const struct pfs_column **key;
    struct pfs_listing l;

    PFS_TRY(key_columns(f, arena, &key, err));
    PFS_TRY(pfs_listing_init(&l, f, &nested_update_ops, key, keyed ? f->use->nested_keys : 1, keyed, 0, arena, err));
    PFS_TRY(pfs_listing_run(&l, arena, out, err));
    return gather_child(&l, arena, out, err);
}

/* ---- nested_partial_update: each field of a row is a part ---- */

/* Java makes its table anew for every record, and turns the order of those in one place around each time.
 * computeIfAbsent looks whether the table has to grow before it looks for the key, and so not after the last row: when
 * that one is new, the table is as large as it was without it. */
static void add_fields(struct pfs_listing *l, const struct pfs_element_list *in)
{
    pfs_listing_index(l);
    for (int64_t i = 0; i < in->len; i++)
        pfs_listing_put(l, in, i);
    pfs_listing_settle(l, l->len > 0 && l->grew ? l->len - 1 : l->len);
}

static void overwrite_fields(struct pfs_listing *l, int64_t at, const struct pfs_element_list *in, int64_t i)
{
    const struct pfs_column *field = l->fold->in.children[0].children;

    assert(at >= 0 && at < l->len);
    for (int32_t p = 0; p < l->parts; p++) {
        int32_t from = pfs_list_part(in, p, i);

        if (pfs_column_present(&field[p], from))
            l->part[p][l->picks + at] = from;
    }
}

static const struct pfs_listing_ops nested_partial_ops = {
    .add = add_fields, .meet = overwrite_fields, .skip_nulls = true, .last_first = true};

/* Rows by their fields' parts; those of records alone may be NULL. */
static int gather_rows(const struct pfs_listing *l, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err)
{
    const struct pfs_column *row = &l->fold->in.children[0];
    uint8_t *valid = pfs_arena_zalloc(arena, (size_t)(l->picks + 7) / 8 + 8);

    out->children = pfs_arena_array(arena, 1, sizeof(*out->children));
    if (valid == NULL || out->children == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < l->picks; i++)
        valid[i >> 3] |= (uint8_t)(pfs_column_present(row, l->pick[i]) << (i & 7));
    out->children[0] = (struct pfs_column){.type = row->type, .valid = row->valid == NULL ? NULL : valid};
    out->children[0].children = pfs_arena_array(arena, (size_t)l->parts, sizeof(*out->children));
    if (out->children[0].children == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t p = 0; p < l->parts; p++)
        PFS_TRY(pfs_listing_gather(&row->children[p], l->part[p], l->picks, arena, &out->children[0].children[p], err));
    return 0;
}

int pfs_compute_nested_partial(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out,
                               struct pfs_err *err)
{
    const struct pfs_column **key;
    struct pfs_listing l;

    assert(f->use->nested_keys > 0); /* the function is refused without */
    PFS_TRY(key_columns(f, arena, &key, err));
    PFS_TRY(pfs_listing_init(&l, f, &nested_partial_ops, key, f->use->nested_keys, true,
                             f->in.children[0].type->children, arena, err));
    PFS_TRY(pfs_listing_run(&l, arena, out, err));
    return gather_rows(&l, arena, out, err);
}
