/* binrow_nested.c - values of more than one part in a row (spec manifests 5).
 *
 *   ROW    a row without arity
 *   ARRAY  count (32 bits), null bits by 32, elements of their width, padding to 8, variable part
 *   MAP    bytes of the key array (32 bits), key array, value array; a MULTISET is a map to INT
 *
 * They stand in keys, partitions and statistics hardly ever, so that values are handled one at a time here.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "format/binrow_internal.h"

/* ---- length ---- */

/* What a value takes in the variable part. Rows keep room for NULLs of some types, arrays do not. */
static size_t variable_len(const struct pfs_column *c, int64_t row, bool in_row)
{
    bool has = pfs_column_present(c, row);

    if (!has && !in_row)
        return 0;
    if (pfs_binrow_wide_decimal(c->type))
        return 16;
    if (pfs_binrow_wide_time(c->type))
        return 8;
    if (!has)
        return 0;
    if (pfs_binrow_nested(c->type))
        return pfs_binrow_padded(pfs_binrow_nested_len(c, row));
    if (pfs_kind_is_bytes(c->type->kind)) {
        size_t len = pfs_column_bytes(c, row).len;

        return len > 7 ? pfs_binrow_padded(len) : 0;
    }
    return 0;
}

/* Bytes of an element: those of the type where they are at most 8, else a slot. */
static size_t element_width(const struct pfs_type *t)
{
    size_t width = (size_t)pfs_type_width(t);

    return width == 0 || width > 8 || pfs_binrow_wide_time(t) ? 8 : width;
}

static size_t array_header(size_t count)
{
    return 4 + (count + 31) / 32 * 4;
}

static size_t array_fixed(const struct pfs_type *t, size_t count)
{
    return pfs_binrow_padded(array_header(count) + count * element_width(t));
}

static size_t array_len(const struct pfs_column *element, int64_t from, int64_t to)
{
    size_t len = array_fixed(element->type, (size_t)(to - from));

    assert(from <= to);
    for (int64_t i = from; i < to; i++)
        len += variable_len(element, i, false);
    return len;
}

size_t pfs_binrow_nested_len(const struct pfs_column *c, int64_t row)
{
    const struct pfs_type *t = c->type;
    size_t len;

    assert(pfs_binrow_nested(t));
    assert(pfs_column_present(c, row));
    if (t->kind == PFS_VARIANT)
        return pfs_column_bytes(c, row).len;
    if (t->kind == PFS_ARRAY)
        return array_len(&c->children[0], c->offsets[row], c->offsets[row + 1]);
    if (t->kind != PFS_ROW)
        return 4 + array_len(&c->children[0], c->offsets[row], c->offsets[row + 1]) +
               array_len(&c->children[1], c->offsets[row], c->offsets[row + 1]);
    len = pfs_binrow_header(t->children) + (size_t)t->children * 8;
    for (int32_t i = 0; i < t->children; i++)
        len += variable_len(&c->children[i], row, true);
    return len;
}

/* ---- putting ---- */

/* Where a value goes: its slot, and the row or array whose next free byte of the variable part is at `next`. */
struct target {
    uint8_t *base, *slot;
    size_t next;
};

static void put_bytes(struct target *to, struct pfs_slice bytes)
{
    if (bytes.len <= 7) {
        if (bytes.len > 0)
            memcpy(to->slot, bytes.at, bytes.len);
        to->slot[7] = (uint8_t)(0x80 | bytes.len);
        return;
    }
    pfs_put_le64(to->slot, (uint64_t)to->next << 32 | bytes.len);
    memcpy(to->base + to->next, bytes.at, bytes.len);
    to->next += pfs_binrow_padded(bytes.len);
}

static void put_decimal(struct target *to, const struct pfs_column *c, int64_t row, bool has)
{
    uint8_t bytes[16];
    size_t len = has ? pfs_decimal_to_be(((const pfs_i128 *)c->values)[row], 0, true, bytes) : 0;

    memcpy(to->base + to->next, bytes, len);
    pfs_put_le64(to->slot, (uint64_t)to->next << 32 | len);
    to->next += 16;
}

static void put_time(struct target *to, const struct pfs_column *c, int64_t row, bool has)
{
    struct pfs_time96 t = {0};

    if (has)
        t = pfs_binrow_time(c, row);
    pfs_put_le64(to->base + to->next, (uint64_t)t.millis);
    pfs_put_le64(to->slot, (uint64_t)to->next << 32 | (uint32_t)t.nanos);
    to->next += 8;
}

/* A null in an array is nothing but its bit. In a row it keeps the room of its type, where that is fixed. */
static void put_value(struct target *to, const struct pfs_column *c, int64_t row, bool in_row)
{
    const struct pfs_type *t = c->type;
    bool has = pfs_column_present(c, row);
    size_t width = (size_t)pfs_type_width(t);

    if (!has && !in_row)
        return;
    if (pfs_binrow_wide_decimal(t)) {
        put_decimal(to, c, row, has);
    } else if (pfs_binrow_wide_time(t)) {
        put_time(to, c, row, has);
    } else if (has && pfs_binrow_nested(t)) {
        size_t len = pfs_binrow_nested_len(c, row);

        pfs_put_le64(to->slot, (uint64_t)to->next << 32 | len);
        pfs_binrow_nested_put(c, row, to->base + to->next);
        to->next += pfs_binrow_padded(len);
    } else if (has && pfs_kind_is_bytes(t->kind)) {
        put_bytes(to, pfs_column_bytes(c, row));
    } else if (has) {
        assert(width > 0 && width <= 8);
        memcpy(to->slot, (const uint8_t *)c->values + (size_t)row * width, width);
    }
}

static void put_array(const struct pfs_column *element, int64_t from, int64_t to, uint8_t *base)
{
    size_t count = (size_t)(to - from), width = element_width(element->type);
    struct target target = {.base = base, .next = array_fixed(element->type, count)};

    pfs_put_le32(base, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        if (!pfs_column_present(element, from + (int64_t)i))
            base[4 + i / 8] |= (uint8_t)(1u << i % 8);
        target.slot = base + array_header(count) + i * width;
        put_value(&target, element, from + (int64_t)i, false);
    }
    assert(target.next == array_len(element, from, to));
}

void pfs_binrow_nested_put(const struct pfs_column *c, int64_t row, uint8_t *to)
{
    int32_t fields = c->type->children;
    struct target target = {.base = to};

    assert(pfs_binrow_nested(c->type));
    if (c->type->kind == PFS_VARIANT) {
        struct pfs_slice bytes = pfs_column_bytes(c, row);

        memcpy(to, bytes.at, bytes.len);
    } else if (c->type->kind == PFS_ARRAY) {
        put_array(&c->children[0], c->offsets[row], c->offsets[row + 1], to);
    } else if (c->type->kind != PFS_ROW) {
        size_t keys = array_len(&c->children[0], c->offsets[row], c->offsets[row + 1]);

        pfs_put_le32(to, (uint32_t)keys);
        put_array(&c->children[0], c->offsets[row], c->offsets[row + 1], to + 4);
        put_array(&c->children[1], c->offsets[row], c->offsets[row + 1], to + 4 + keys);
    } else {
        target.next = pfs_binrow_header(fields) + (size_t)fields * 8;
        for (int32_t i = 0; i < fields; i++) {
            if (!pfs_column_present(&c->children[i], row))
                to[(i + 8) / 8] |= (uint8_t)(1u << (i + 8) % 8);
            target.slot = to + pfs_binrow_header(fields) + (size_t)i * 8;
            put_value(&target, &c->children[i], row, true);
        }
        assert(target.next == pfs_binrow_nested_len(c, row));
    }
}

/* ---- taking ---- */

static const struct pfs_type count_type = {.kind = PFS_INT};

static int take_or_null(struct pfs_slice base, const uint8_t *slot, bool null, const struct pfs_type *type,
                        struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    *out = (struct pfs_column){.type = type};
    return null ? pfs_column_nulls(type, 1, arena, out, err) : pfs_binrow_take(base, slot, arena, out, err);
}

/* The elements as a column of *count rows: each taken on its own, then gathered. Slow, and of no account: an array in a
 * key or partition is short. */
static int take_array(struct pfs_slice in, const struct pfs_type *type, struct pfs_arena *arena, int32_t *count,
                      struct pfs_column *out, struct pfs_err *err)
{
    size_t n = in.len < 4 ? 0 : pfs_le32(in.at), width = element_width(type);
    struct pfs_column *each;
    struct pfs_batch *batch;
    const struct pfs_batch **source;
    struct pfs_range *range;

    if (in.len < 4 || n > in.len / width || array_fixed(type, n) > in.len)
        return pfs_fail(err, EIO, "an array of %zu elements in %zu bytes", n, in.len);
    *count = (int32_t)n;
    if (n == 0)
        return pfs_column_nulls(type, 0, arena, out, err);
    each = pfs_arena_array(arena, n, sizeof(*each));
    batch = pfs_arena_array(arena, n, sizeof(*batch));
    source = pfs_arena_array(arena, n, sizeof(*source));
    range = pfs_arena_array(arena, n, sizeof(*range));
    if (each == NULL || batch == NULL || source == NULL || range == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < n; i++) {
        bool null = in.at[4 + i / 8] >> i % 8 & 1;

        PFS_TRY(take_or_null(in, in.at + array_header(n) + i * width, null, type, arena, &each[i], err));
        batch[i] = (struct pfs_batch){1, 1, &each[i]};
        source[i] = &batch[i];
        range[i] = (struct pfs_range){(int32_t)i, 0, 1};
    }
    return pfs_column_gather(source, 0, range, (int64_t)n, (int64_t)n, arena, out, err);
}

/* Two arrays that stand side by side; nothing says that they are of one length, so it is asked. */
static int take_map(struct pfs_slice in, struct pfs_arena *arena, struct pfs_column *out, int32_t *count,
                    struct pfs_err *err)
{
    const struct pfs_type *value = out->type->kind == PFS_MAP ? &out->type->child[1].type : &count_type;
    size_t keys = in.len < 4 ? 0 : pfs_le32(in.at);
    int32_t values;

    if (in.len < 4 || keys > in.len - 4)
        return pfs_fail(err, EIO, "a map of %zu bytes with keys of %zu", in.len, keys);
    PFS_TRY(take_array(pfs_slice_of(in.at + 4, keys), &out->type->child[0].type, arena, count, &out->children[0], err));
    PFS_TRY(
        take_array(pfs_slice_of(in.at + 4 + keys, in.len - 4 - keys), value, arena, &values, &out->children[1], err));
    return values == *count ? 0 : pfs_fail(err, EIO, "a map of %d keys and %d values", *count, values);
}

static int take_row(struct pfs_slice in, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    int32_t fields = out->type->children;
    size_t header = pfs_binrow_header(fields);

    if (in.len < header + (size_t)fields * 8)
        return pfs_fail(err, EIO, "a row of %zu bytes for %d fields", in.len, fields);
    for (int32_t i = 0; i < fields; i++) {
        bool null = in.at[(i + 8) / 8] >> (i + 8) % 8 & 1;

        PFS_TRY(take_or_null(in, in.at + header + (size_t)i * 8, null, &out->type->child[i].type, arena,
                             &out->children[i], err));
    }
    return 0;
}

int pfs_binrow_nested_take(struct pfs_slice bytes, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_array(arena, 2, sizeof(*offsets));

    assert(pfs_binrow_nested(out->type));
    if (offsets == NULL)
        return pfs_arena_full(arena, err);
    out->offsets = offsets;
    if (out->type->kind == PFS_VARIANT) {
        if (bytes.len > INT32_MAX)
            return pfs_fail(err, EIO, "a row has a value of %zu bytes", bytes.len);
        offsets[1] = (int32_t)bytes.len;
        out->values = bytes.at;
        return 0;
    }
    out->children = pfs_arena_array(arena, out->type->kind == PFS_MULTISET ? 2 : (size_t)out->type->children,
                                    sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(arena, err);
    if (out->type->kind == PFS_ARRAY)
        return take_array(bytes, &out->type->child[0].type, arena, &offsets[1], &out->children[0], err);
    if (out->type->kind != PFS_ROW)
        return take_map(bytes, arena, out, &offsets[1], err);
    out->offsets = NULL;
    return take_row(bytes, arena, out, err);
}
