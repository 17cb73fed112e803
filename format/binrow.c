/* binrow.c - rows of fixed slots and a variable part (spec manifests 5).
 *
 *   header + null bits (8 bytes for up to 56 fields) | a slot of 8 bytes each | variable part, items padded to 8
 *
 * Bit i + 8 says that field i is null. A slot holds the value, or (offset << 32 | length) of an item in the variable
 * part; text of at most 7 bytes lies in the slot itself, its last byte 0x80 | length.
 */
#include "format/binrow.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"

static size_t header_bytes(int32_t arity)
{
    return ((size_t)arity + 63 + 8) / 64 * 8;
}

/* ---- printing ---- */

static size_t padded(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

/* Bytes that a field takes in the variable part. */
static int variable_bytes(const struct pfs_column *c, int64_t row, size_t *out, struct pfs_err *err)
{
    const struct pfs_type *t = c->type;
    bool present = pfs_column_present(c, row);

    *out = 0;
    if (pfs_kind_is_nested(t->kind) || t->kind == PFS_VARIANT)
        return pfs_fail(err, EOPNOTSUPP, "a nested value in a row of keys or statistics");
    if (pfs_kind_is_bytes(t->kind)) {
        size_t len = present ? pfs_column_bytes(c, row).len : 0;

        *out = len > 7 ? padded(len) : 0;
    } else if (t->kind == PFS_DECIMAL && t->precision > 18) {
        *out = 16;
    } else if ((t->kind == PFS_TIMESTAMP || t->kind == PFS_TIMESTAMP_LTZ) && t->precision > 3) {
        *out = 8;
    }
    return 0;
}

static void put_bytes(struct pfs_slice text, uint8_t *row, uint8_t *slot, size_t *at)
{
    if (text.len <= 7) {
        if (text.len > 0)
            memcpy(slot, text.at, text.len);
        slot[7] = (uint8_t)(0x80 | text.len);
        return;
    }
    pfs_put_le64(slot, (uint64_t)*at << 32 | text.len);
    memcpy(row + *at, text.at, text.len);
    *at += padded(text.len);
}

static void put_decimal(const struct pfs_column *c, int64_t i, bool present, uint8_t *row, uint8_t *slot, size_t *at)
{
    uint8_t bytes[16];
    size_t len = 0;

    if (present) {
        len = pfs_decimal_to_be(((const pfs_i128 *)c->values)[i], 0, true, bytes);
        memcpy(row + *at, bytes, len);
    }
    pfs_put_le64(slot, (uint64_t)*at << 32 | len);
    *at += 16;
}

static void put_time(const struct pfs_column *c, int64_t i, bool present, uint8_t *row, uint8_t *slot, size_t *at)
{
    int64_t millis = 0;
    int32_t nanos = 0;

    if (present && c->type->precision > 6) {
        const struct pfs_time96 *t = (const struct pfs_time96 *)c->values + i;

        millis = t->millis;
        nanos = t->nanos;
    } else if (present) {
        int64_t micros = ((const int64_t *)c->values)[i], rest = micros % 1000;

        millis = micros / 1000 - (rest < 0);
        nanos = (int32_t)(rest < 0 ? rest + 1000 : rest) * 1000;
    }
    pfs_put_le64(row + *at, (uint64_t)millis);
    pfs_put_le64(slot, (uint64_t)*at << 32 | (uint32_t)nanos);
    *at += 8;
}

static void put_field(const struct pfs_column *c, int64_t i, uint8_t *row, uint8_t *slot, size_t *at)
{
    const struct pfs_type *t = c->type;
    bool present = pfs_column_present(c, i);
    int width = pfs_type_width(t);

    if (t->kind == PFS_DECIMAL && t->precision > 18)
        put_decimal(c, i, present, row, slot, at);
    else if ((t->kind == PFS_TIMESTAMP || t->kind == PFS_TIMESTAMP_LTZ) && t->precision > 3)
        put_time(c, i, present, row, slot, at);
    else if (!present)
        return;
    else if (pfs_kind_is_bytes(t->kind))
        put_bytes(pfs_column_bytes(c, i), row, slot, at);
    else
        memcpy(slot, (const uint8_t *)c->values + i * width, (size_t)width);
}

int pfs_binrow_print(const struct pfs_column *const *columns, int32_t count, int64_t row, bool prefix,
                     struct pfs_buf *out, struct pfs_err *err)
{
    size_t header = header_bytes(count), at = header + (size_t)count * 8, len = at;
    uint8_t *to;

    for (int32_t i = 0; i < count; i++) {
        size_t variable;

        PFS_TRY(variable_bytes(columns[i], row, &variable, err));
        len += variable;
    }
    if (prefix)
        pfs_buf_be32(out, (uint32_t)count);
    to = pfs_buf_reserve(out, len);
    if (to == NULL)
        return pfs_buf_check(out, err);
    memset(to, 0, len);
    for (int32_t i = 0; i < count; i++) {
        if (!pfs_column_present(columns[i], row))
            to[(i + 8) / 8] |= (uint8_t)(1u << (i + 8) % 8);
        put_field(columns[i], row, to, to + header + (size_t)i * 8, &at);
    }
    out->len += len;
    return 0;
}

int pfs_binrow_hash(const struct pfs_column *const *columns, int32_t count, int64_t row, struct pfs_buf *scratch,
                    int32_t *out, struct pfs_err *err)
{
    pfs_buf_clear(scratch);
    PFS_TRY(pfs_binrow_print(columns, count, row, false, scratch, err));
    *out = pfs_murmur_words(scratch->at, scratch->len);
    return 0;
}

/* One column of integers without nulls: the row is 16 bytes, of which 8 are zero. */
static bool hash_integers(const struct pfs_column *c, int64_t rows, int32_t *out)
{
    int width = pfs_type_width(c->type);
    uint8_t row[16] = {0};

    if (c->valid != NULL || pfs_kind_is_bytes(c->type->kind) || pfs_kind_is_nested(c->type->kind) || width > 8 ||
        ((c->type->kind == PFS_TIMESTAMP || c->type->kind == PFS_TIMESTAMP_LTZ) && c->type->precision > 3))
        return false;
    for (int64_t i = 0; i < rows; i++) {
        memcpy(row + 8, (const uint8_t *)c->values + i * width, (size_t)width);
        out[i] = pfs_murmur_words(row, sizeof(row));
    }
    return true;
}

int pfs_binrow_hash_batch(const struct pfs_column *const *columns, int32_t count, int64_t rows, struct pfs_buf *scratch,
                          int32_t *out, struct pfs_err *err)
{
    if (count == 1 && hash_integers(columns[0], rows, out))
        return 0;
    for (int64_t i = 0; i < rows; i++)
        PFS_TRY(pfs_binrow_hash(columns, count, i, scratch, &out[i], err));
    return 0;
}

/* ---- parsing ---- */

struct source {
    struct pfs_slice row; /* without the arity */
    size_t header;
    struct pfs_arena *arena;
    struct pfs_err *err;
};

/* An item of the variable part. */
static int take_item(const struct source *s, uint64_t slot, size_t len, struct pfs_slice *out)
{
    size_t off = (size_t)(slot >> 32);

    if (off > s->row.len || len > s->row.len - off)
        return pfs_fail(s->err, EIO, "a row of %zu bytes names %zu bytes at %zu", s->row.len, len, off);
    *out = pfs_slice_of(s->row.at + off, len);
    return 0;
}

static int parse_bytes(const struct source *s, const uint8_t *slot, struct pfs_column *out)
{
    int32_t *offsets = pfs_arena_array(s->arena, 2, sizeof(*offsets));
    uint64_t v = pfs_le64(slot);
    struct pfs_slice text;

    if (offsets == NULL)
        return pfs_arena_full(s->arena, s->err);
    if (slot[7] & 0x80) {
        text = pfs_slice_of(slot, slot[7] & 0x7f);
        if (text.len > 7)
            return pfs_fail(s->err, EIO, "a row has %zu bytes in a slot", text.len);
    } else {
        PFS_TRY(take_item(s, v, (size_t)(v & UINT32_MAX), &text));
    }
    if (text.len > INT32_MAX)
        return pfs_fail(s->err, EIO, "a row has a value of %zu bytes", text.len);
    offsets[1] = (int32_t)text.len;
    out->offsets = offsets;
    out->values = text.at;
    return 0;
}

static int parse_decimal(const struct source *s, const uint8_t *slot, struct pfs_column *out)
{
    pfs_i128 *value = pfs_arena_alloc(s->arena, sizeof(*value));
    uint64_t v = pfs_le64(slot);
    struct pfs_slice bytes;

    if (value == NULL)
        return pfs_arena_full(s->arena, s->err);
    PFS_TRY(take_item(s, v, (size_t)(v & UINT32_MAX), &bytes));
    if (bytes.len > 16 || !pfs_decimal_from_be(bytes, value))
        return pfs_fail(s->err, EIO, "a row has a decimal of %zu bytes", bytes.len);
    out->values = value;
    return 0;
}

static int parse_time(const struct source *s, const uint8_t *slot, struct pfs_column *out)
{
    struct pfs_time96 *value = pfs_arena_zalloc(s->arena, sizeof(*value));
    uint64_t v = pfs_le64(slot);
    struct pfs_slice bytes;
    uint32_t nanos = (uint32_t)v;
    int64_t millis;

    if (value == NULL)
        return pfs_arena_full(s->arena, s->err);
    PFS_TRY(take_item(s, v, 8, &bytes));
    millis = (int64_t)pfs_le64(bytes.at);
    if (nanos > 999999)
        return pfs_fail(s->err, EIO, "a row has a timestamp with %u nanoseconds", nanos);
    if (out->type->precision > 6) {
        value->millis = millis;
        value->nanos = (int32_t)nanos;
    } else if (__builtin_mul_overflow(millis, (int64_t)1000, &value->millis) ||
               __builtin_add_overflow(value->millis, (int64_t)(nanos / 1000), &value->millis)) {
        return pfs_fail(s->err, EIO, "a row has a timestamp that does not fit");
    }
    out->values = value; /* up to precision 6 the first member is the value */
    return 0;
}

static int parse_field(const struct source *s, int32_t index, struct pfs_column *out)
{
    const uint8_t *slot = s->row.at + s->header + (size_t)index * 8;
    const struct pfs_type *t = out->type;
    uint8_t *value;

    if (pfs_kind_is_nested(t->kind) || t->kind == PFS_VARIANT)
        return pfs_fail(s->err, EOPNOTSUPP, "a nested value in a row of keys or statistics");
    if (s->row.at[(index + 8) / 8] >> (index + 8) % 8 & 1)
        return pfs_column_nulls(t, 1, s->arena, out, s->err);
    if (pfs_kind_is_bytes(t->kind))
        return parse_bytes(s, slot, out);
    if (t->kind == PFS_DECIMAL && t->precision > 18)
        return parse_decimal(s, slot, out);
    if ((t->kind == PFS_TIMESTAMP || t->kind == PFS_TIMESTAMP_LTZ) && t->precision > 3)
        return parse_time(s, slot, out);
    value = pfs_arena_zalloc(s->arena, 8);
    if (value == NULL)
        return pfs_arena_full(s->arena, s->err);
    memcpy(value, slot, (size_t)pfs_type_width(t));
    if (t->kind == PFS_BOOLEAN)
        value[0] = value[0] != 0;
    out->values = value;
    return 0;
}

int pfs_binrow_parse(struct pfs_slice in, const struct pfs_type *const *types, int32_t count, struct pfs_arena *arena,
                     struct pfs_column *out, struct pfs_err *err)
{
    struct source s = {.header = header_bytes(count), .arena = arena, .err = err};

    if (in.len < 4 || pfs_be32(in.at) != (uint32_t)count)
        return pfs_fail(err, EIO, "a row of %u fields instead of %d", in.len < 4 ? 0 : pfs_be32(in.at), count);
    s.row = pfs_slice_of(in.at + 4, in.len - 4);
    if (s.row.len < s.header + (size_t)count * 8)
        return pfs_fail(err, EIO, "a row of %zu bytes for %d fields", s.row.len, count);
    for (int32_t i = 0; i < count; i++) {
        out[i] = (struct pfs_column){.type = types[i]};
        PFS_TRY(parse_field(&s, i, &out[i]));
    }
    return 0;
}
