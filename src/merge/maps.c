/* maps.c - functions over maps: merge_map, merge_map_with_keytime (spec merge-engines 7). A map is a list of keys, each
 * with one part, its value. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/number.h"
#include "format/text/text.h"
#include "src/merge/listing.h"

static int32_t *value_of(struct pfs_listing *l, int64_t at)
{
    assert(at >= 0 && at < l->len);
    return &l->part[0][l->picks + at];
}

static void replace_value(struct pfs_listing *l, int64_t at, const struct pfs_element_list *in, int64_t i)
{
    *value_of(l, at) = pfs_list_part(in, 0, i);
}

/* ---- merge_map ---- */

static void add_entries(struct pfs_listing *l, const struct pfs_element_list *in)
{
    pfs_listing_index(l);
    for (int64_t i = 0; i < in->len; i++)
        pfs_listing_put(l, in, i);
}

/* Java puts what stays into a table of its own, which may be smaller than the one that it comes from. */
static void take_keys(struct pfs_listing *l, const struct pfs_element_list *in)
{
    if (in->len == 0)
        return;
    if (l->indexed)
        pfs_listing_settle(l, l->len);
    pfs_listing_subtract(l, in, true);
    pfs_listing_index(l);
}

static const struct pfs_listing_ops merge_map_ops = {.add = add_entries, .retract = take_keys, .meet = replace_value};

static int compute_map(const struct pfs_fold *f, const struct pfs_listing_ops *ops, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err)
{
    const struct pfs_column *key = &f->in.children[0];
    struct pfs_listing l;

    assert(f->in.type->kind == PFS_MAP);
    PFS_TRY(pfs_listing_init(&l, f, ops, &key, 1, false, 1, arena, err));
    PFS_TRY(pfs_listing_run(&l, arena, out, err));
    out->children = pfs_arena_array(arena, 2, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_listing_gather(&f->in.children[0], l.pick, l.picks, arena, &out->children[0], err));
    return pfs_listing_gather(&f->in.children[1], l.part[0], l.picks, arena, &out->children[1], err);
}

int pfs_compute_merge_map(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out,
                          struct pfs_err *err)
{
    return compute_map(f, &merge_map_ops, arena, out, err);
}

/* ---- merge_map_with_keytime ---- */

/* As Java compares strings: by UTF-16 units, in which what lies beyond U+FFFF comes before U+E000. */
static int compare_utf16(struct pfs_slice a, struct pfs_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len, i = 0;

    while (i < len && a.at[i] == b.at[i])
        i++;
    if (i == len)
        return a.len < b.len ? -1 : a.len > b.len;
    if ((a.at[i] >= 0xf0) != (b.at[i] >= 0xf0) && a.at[i] >= 0xee && b.at[i] >= 0xee)
        return a.at[i] >= 0xf0 ? -1 : 1;
    return a.at[i] < b.at[i] ? -1 : 1;
}

static struct pfs_slice number_text(const struct pfs_column *c, int32_t row, char *to)
{
    int64_t v = 0;

    if (c->type->kind == PFS_DECIMAL) {
        pfs_i128 unscaled =
            pfs_type_width(c->type) == 8 ? ((const int64_t *)c->values)[row] : ((const pfs_i128 *)c->values)[row];

        return pfs_slice_of(to, pfs_decimal_print(unscaled, c->type->scale, to));
    }
    switch (pfs_type_width(c->type)) {
    case 1:
        v = ((const int8_t *)c->values)[row];
        break;
    case 2:
        v = ((const int16_t *)c->values)[row];
        break;
    case 4:
        v = ((const int32_t *)c->values)[row];
        break;
    default:
        v = ((const int64_t *)c->values)[row];
    }
    return pfs_slice_of(to, pfs_i64_print(v, to));
}

/* Times are compared as texts. Those of timestamps and booleans order like the values. */
static int compare_times(const struct pfs_column *c, int32_t a, int32_t b)
{
    enum pfs_kind kind = c->type->kind;
    char text_a[PFS_DECIMAL_TEXT], text_b[PFS_DECIMAL_TEXT];

    if (pfs_kind_is_text(kind))
        return compare_utf16(pfs_column_bytes(c, a), pfs_column_bytes(c, b));
    if (kind == PFS_TIMESTAMP || kind == PFS_TIMESTAMP_LTZ || kind == PFS_BOOLEAN)
        return pfs_value_compare(c, a, c, b);
    return compare_utf16(number_text(c, a, text_a), number_text(c, b, text_b));
}

static const struct pfs_column *time_column(const struct pfs_listing *l)
{
    assert(l->fold->use->ts_field < l->fold->in.children[1].type->children);
    return &l->fold->in.children[1].children[l->fold->use->ts_field];
}

/* An entry that stands gives way where it has no time. */
static bool gives_way(const struct pfs_listing *l, int32_t old, int32_t new)
{
    const struct pfs_column *time = time_column(l);

    return old == PFS_PART_GONE || !pfs_column_present(&l->fold->in.children[1], old) ||
           !pfs_column_present(time, old) || compare_times(time, new, old) > 0;
}

/* An entry whose value is NULL takes its key away: a gap, since the places of the others are known to the table. One
 * without a time says nothing. Java makes its table anew for every record, of those that are left: after a gap the
 * order of this one counts, of a table that was never as large as all of its entries. */
static void add_newer(struct pfs_listing *l, const struct pfs_element_list *in)
{
    const struct pfs_column *value = &l->fold->in.children[1], *time = time_column(l);
    int64_t there, most;

    assert(!l->gaps);
    pfs_listing_index(l);
    there = most = l->len;
    for (int64_t i = 0; i < in->len; i++) {
        int32_t new = pfs_list_part(in, 0, i);
        int64_t at = pfs_listing_find(l, in->pick[i]);
        bool stands = at >= 0 && *value_of(l, at) != PFS_PART_GONE;

        if (!pfs_column_present(value, new)) {
            if (stands)
                *value_of(l, at) = PFS_PART_GONE;
            l->gaps |= stands;
            there -= stands;
        } else if (pfs_column_present(time, new)) {
            there += !stands;
            if (at < 0)
                pfs_listing_put(l, in, i);
            else if (gives_way(l, *value_of(l, at), new))
                *value_of(l, at) = new;
        }
        most = there > most ? there : most;
    }
    if (l->gaps)
        pfs_listing_settle(l, most);
}

static const struct pfs_listing_ops keytime_ops = {.add = add_newer, .meet = replace_value};

int pfs_compute_keytime(const struct pfs_fold *f, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    return compute_map(f, &keytime_ops, arena, out, err);
}
