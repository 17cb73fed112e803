/* listing.c - the state of a key as a list of picks, at the end of the lists of the keys before it.
 *
 *   pick     | answers of key 0 | key 1 | state of key 2 . . .
 *                                       ^ picks              ^ room for all elements that its records bring
 *
 * A state is the own list of a record (nothing was looked up in it yet), indexed (the table finds its elements) or
 * settled (in Java's order, the table empty again). Only what a function needs is done: a key whose records are added
 * to once costs one pass over their elements.
 */
#include "src/merge/listing.h"

#include <assert.h>
#include <string.h>

/* ---- the state ---- */

static int32_t *state(const struct pfs_listing *l)
{
    return l->pick + l->picks;
}

static void copy_entry(struct pfs_listing *l, int64_t at, const struct pfs_element_list *in, int64_t i)
{
    state(l)[at] = in->pick[i];
    for (int32_t p = 0; p < l->parts; p++)
        l->part[p][l->picks + at] = pfs_list_part(in, p, i);
}

static void move_entry(struct pfs_listing *l, int64_t to, int64_t from)
{
    state(l)[to] = state(l)[from];
    for (int32_t p = 0; p < l->parts; p++)
        l->part[p][l->picks + to] = l->part[p][l->picks + from];
}

void pfs_listing_append(struct pfs_listing *l, const struct pfs_element_list *in, int64_t i)
{
    assert(l->len < l->room); /* a state holds no more than its records bring */
    copy_entry(l, l->len++, in, i);
}

void pfs_listing_set(struct pfs_listing *l, const struct pfs_element_list *in)
{
    l->len = 0;
    l->has = in->has;
    l->indexed = l->unsettled = l->gaps = false;
    for (int64_t i = 0; i < in->len; i++)
        pfs_listing_append(l, in, i);
}

/* The key's table, empty, as it is between two keys. */
static void forget_index(struct pfs_listing *l)
{
    l->indexed = l->unsettled = false;
    pfs_element_table_clear(&l->table);
}

static bool is_skipped(const struct pfs_listing *l, int32_t element)
{
    return l->ops->skip_nulls && !pfs_column_present(&l->fold->in.children[0], element);
}

void pfs_listing_put(struct pfs_listing *l, const struct pfs_element_list *in, int64_t i)
{
    int64_t at;

    if (is_skipped(l, in->pick[i]))
        return;
    at = pfs_element_table_find(&l->table, &l->elements, state(l), in->pick[i], l->len);
    l->grew = at < 0;
    if (l->grew)
        pfs_listing_append(l, in, i);
    else if (l->ops->meet != NULL)
        l->ops->meet(l, at, in, i);
}

int64_t pfs_listing_find(struct pfs_listing *l, int32_t element)
{
    return pfs_element_table_find(&l->table, &l->elements, state(l), element, -1);
}

void pfs_listing_index(struct pfs_listing *l)
{
    struct pfs_element_list own = {.pick = state(l), .part = l->mine, .len = l->len, .has = true};

    if (l->indexed)
        return;
    for (int32_t p = 0; p < l->parts; p++)
        l->mine[p] = l->part[p] + l->picks;
    l->len = 0;
    for (int64_t i = 0; i < own.len; i++) /* what is put in stands before what is looked at */
        pfs_listing_put(l, &own, i);
    l->indexed = true;
    l->unsettled = l->elements.ordered;
}

/* One array in another order. */
static void permute(int32_t *values, const int32_t *order, int64_t count, int32_t *scratch)
{
    for (int64_t i = 0; i < count; i++)
        scratch[i] = values[order[i]];
    memcpy(values, scratch, (size_t)count * sizeof(*values));
}

static void drop_gaps(struct pfs_listing *l)
{
    int64_t len = l->len;

    assert(l->parts > 0); /* gaps are told by the first part */
    l->len = 0;
    for (int64_t i = 0; i < len; i++)
        if (l->part[0][l->picks + i] != PFS_PART_GONE)
            move_entry(l, l->len++, i);
    l->gaps = false;
}

void pfs_listing_settle(struct pfs_listing *l, int64_t most)
{
    if (l->gaps)
        drop_gaps(l);
    assert(most >= l->len - l->ops->last_first);
    if (l->unsettled) {
        pfs_elements_java_order(&l->elements, state(l), l->len, most, l->ops->last_first, l->scratch, l->order);
        permute(state(l), l->order, l->len, l->scratch);
        for (int32_t p = 0; p < l->parts; p++)
            permute(l->part[p] + l->picks, l->order, l->len, l->scratch);
    }
    if (l->indexed)
        forget_index(l);
}

/* Those of the list in the table, by the place where they stand first, and how often each is there. */
static void count_list(struct pfs_listing *l, const struct pfs_element_list *in, int32_t *count)
{
    for (int64_t i = 0; i < in->len; i++) {
        int64_t at;

        if (is_skipped(l, in->pick[i]))
            continue;
        at = pfs_element_table_find(&l->table, &l->elements, in->pick, in->pick[i], i);
        if (at < 0)
            count[i] = 1;
        else
            count[at]++;
    }
}

void pfs_listing_subtract(struct pfs_listing *l, const struct pfs_element_list *in, bool all)
{
    int64_t len = l->len;

    assert(!l->unsettled && !l->gaps);
    assert(in->len <= l->most); /* the room in `order`, which counts here */
    count_list(l, in, l->order);
    l->len = 0;
    for (int64_t i = 0; i < len; i++) {
        int64_t at = pfs_element_table_find(&l->table, &l->elements, in->pick, state(l)[i], -1);

        if (at >= 0 && (all || l->order[at]-- > 0))
            continue;
        move_entry(l, l->len++, i);
    }
    forget_index(l);
}

/* ---- setting up ---- */

int pfs_listing_init(struct pfs_listing *l, const struct pfs_fold *f, const struct pfs_listing_ops *ops,
                     const struct pfs_column *const *column, int32_t columns, bool row, int32_t parts,
                     struct pfs_arena *arena, struct pfs_err *err)
{
    const int32_t *offsets = f->in.offsets;
    int64_t records = f->start[f->keys], from = offsets[0], all = offsets[records] - from;
    size_t bytes = (size_t)all * sizeof(int32_t);

    assert(f->keys > 0);
    assert(ops->add != NULL);
    *l = (struct pfs_listing){.fold = f, .ops = ops, .parts = parts};
    for (int64_t k = 0; k < f->keys; k++) {
        int64_t count = offsets[f->start[k + 1]] - offsets[f->start[k]];

        l->most = count > l->most ? count : l->most;
    }
    PFS_TRY(pfs_elements_init(&l->elements, column, columns, row, from, from + all, arena, err));
    PFS_TRY(pfs_element_table_init(&l->table, l->most, arena, err));
    l->pick = pfs_arena_alloc(arena, bytes);
    l->every = pfs_arena_alloc(arena, bytes);
    l->part = pfs_arena_array(arena, (size_t)parts, sizeof(*l->part));
    l->mine = pfs_arena_array(arena, (size_t)parts, sizeof(int32_t *));
    l->saved_part = pfs_arena_array(arena, (size_t)parts, sizeof(int32_t *));
    l->saved = pfs_arena_alloc(arena, (size_t)(l->most * (1 + parts)) * sizeof(int32_t));
    l->order = pfs_arena_alloc(arena, (size_t)l->most * sizeof(int32_t));
    l->scratch = pfs_arena_alloc(arena, (size_t)(4 * l->most + 32) * sizeof(int32_t));
    if (l->pick == NULL || l->every == NULL || l->part == NULL || l->mine == NULL || l->saved_part == NULL ||
        l->saved == NULL || l->order == NULL || l->scratch == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t p = 0; p < parts; p++) {
        l->part[p] = pfs_arena_alloc(arena, bytes);
        if (l->part[p] == NULL)
            return pfs_arena_full(arena, err);
    }
    for (int64_t i = 0; i < all; i++)
        l->every[i] = (int32_t)(from + i);
    return 0;
}

/* ---- folding ---- */

static struct pfs_element_list list_of(const struct pfs_listing *l, int64_t record)
{
    const int32_t *offsets = l->fold->in.offsets;
    bool has = pfs_fold_has(l->fold, record);

    return (struct pfs_element_list){.pick = l->every + offsets[record] - l->elements.base,
                                     .len = has ? offsets[record + 1] - offsets[record] : 0,
                                     .has = has};
}

/* NULL and a list give the list, unless the function wants to see both. */
static void add(struct pfs_listing *l, const struct pfs_element_list *in)
{
    if (l->has ? in->has || l->ops->nulls : in->has && l->ops->nulls)
        l->ops->add(l, in);
    else if (!l->has && in->has)
        pfs_listing_set(l, in);
}

/* The older list first, and then what was there. */
static void add_before(struct pfs_listing *l, const struct pfs_element_list *in)
{
    struct pfs_element_list old = {.pick = l->saved, .part = l->saved_part, .has = l->has};

    pfs_listing_settle(l, l->len);
    old.len = l->len;
    memcpy(l->saved, state(l), (size_t)l->len * sizeof(int32_t));
    for (int32_t p = 0; p < l->parts; p++) {
        int32_t *to = l->saved + l->most * (1 + p);

        memcpy(to, l->part[p] + l->picks, (size_t)l->len * sizeof(int32_t));
        l->saved_part[p] = to;
    }
    pfs_listing_set(l, in);
    add(l, &old);
}

static void fold_key(struct pfs_listing *l, int64_t key)
{
    const struct pfs_fold *f = l->fold;

    l->len = 0;
    l->has = l->gaps = false;
    l->room = f->in.offsets[f->start[key + 1]] - f->in.offsets[f->start[key]];
    l->indexed = l->unsettled = false;
    assert(l->room <= l->most);
    pfs_element_table_fit(&l->table, l->room);
    for (int64_t i = f->start[key]; i < f->start[key + 1]; i++) {
        struct pfs_element_list in = list_of(l, i);
        unsigned step = f->step[i];

        if (step & PFS_STEP_TAKE) {
            if (l->indexed)
                forget_index(l);
            pfs_listing_set(l, &in);
        }
        if ((step & PFS_STEP_ADD) || ((step & PFS_STEP_ADD_OLD) && l->ops->never_old && !f->use->ignore_retract))
            add(l, &in);
        else if (step & PFS_STEP_ADD_OLD)
            add_before(l, &in);
        else if ((step & PFS_STEPS_RETRACT) && l->has && in.has && l->ops->retract != NULL)
            l->ops->retract(l, &in);
    }
    pfs_listing_settle(l, l->len);
}

int pfs_listing_run(struct pfs_listing *l, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    const struct pfs_fold *f = l->fold;
    int32_t *offsets = pfs_arena_alloc(arena, (size_t)(f->keys + 1) * sizeof(*offsets));
    uint8_t *some = pfs_arena_alloc(arena, (size_t)f->keys);

    if (offsets == NULL || some == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t k = 0; k < f->keys; k++) {
        offsets[k] = (int32_t)l->picks;
        fold_key(l, k);
        some[k] = l->has;
        assert(l->len <= l->room);
        l->picks += l->has ? l->len : 0; /* the state becomes the answer where it stands */
    }
    offsets[f->keys] = (int32_t)l->picks;
    PFS_TRY(pfs_computed(f, NULL, some, arena, out, err));
    out->offsets = offsets;
    return 0;
}

/* ---- gathering ---- */

int pfs_listing_gather(const struct pfs_column *from, const int32_t *pick, int64_t rows, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_range *range = pfs_arena_alloc(arena, (size_t)rows * sizeof(*range));
    struct pfs_column column = *from, null;
    const struct pfs_batch values = {INT32_MAX, 1, &column}, nulls = {1, 1, &null};
    const struct pfs_batch *source[] = {&values, &nulls};
    int64_t ranges = 0;

    if (range == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_column_nulls(from->type, 1, arena, &null, err));
    for (int64_t i = 0; i < rows; i++) {
        struct pfs_range *last = ranges > 0 ? &range[ranges - 1] : NULL;

        if (pick[i] >= 0 && last != NULL && last->source == 0 && last->from + last->len == pick[i])
            last->len++;
        else
            range[ranges++] = pick[i] < 0 ? (struct pfs_range){1, 0, 1} : (struct pfs_range){0, pick[i], 1};
    }
    return pfs_column_gather(source, 0, range, ranges, rows, arena, out, err);
}
