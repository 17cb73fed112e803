/* key.c - keys as bytes. Fixed-width columns are written by loops over one column; the prefix is then read off. When
 * the whole key is one value of at most 8 bytes the prefix is it, and no bytes are kept. */
#include "src/merge/key.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- one value of at most 8 bytes ---- */

/* IEEE bits as a number that ascends with the value: a negative one turned over, a positive one put above them. */
static uint64_t float_order(uint64_t bits, uint64_t sign)
{
    return bits & sign ? ~bits & (sign | (sign - 1)) : bits | sign;
}

/* Zeros are one key: Paimon compares by < and >. */
static uint64_t double_key(const void *values, int64_t i)
{
    double v = ((const double *)values)[i];
    uint64_t bits;

    if (v != v)
        return UINT64_MAX;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof(bits));
    return float_order(bits, (uint64_t)1 << 63);
}

static uint64_t float_key(const void *values, int64_t i)
{
    float v = ((const float *)values)[i];
    uint32_t bits;

    if (v != v)
        return UINT32_MAX;
    v = v == 0 ? 0 : v;
    memcpy(&bits, &v, sizeof(bits));
    return float_order(bits, (uint64_t)1 << 31) & UINT32_MAX;
}

/* Bytes of the encoding; 0 = variable or nested. */
static int key_width(const struct pfs_type *t)
{
    return pfs_type_width(t);
}

/* The value's encoding as the low `width * 8` bits. */
static uint64_t fixed_key(const struct pfs_column *c, int64_t i)
{
    switch (c->type->kind) {
    case PFS_DOUBLE:
        return double_key(c->values, i);
    case PFS_FLOAT:
        return float_key(c->values, i);
    case PFS_BOOLEAN:
        return ((const uint8_t *)c->values)[i];
    case PFS_TINYINT:
        return (uint8_t)(((const uint8_t *)c->values)[i] ^ 0x80u);
    case PFS_SMALLINT:
        return (uint16_t)(((const uint16_t *)c->values)[i] ^ 0x8000u);
    case PFS_INT:
    case PFS_DATE:
    case PFS_TIME:
        return ((const uint32_t *)c->values)[i] ^ 0x80000000u;
    case PFS_BIGINT:
    case PFS_DECIMAL:
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        return ((const uint64_t *)c->values)[i] ^ (uint64_t)1 << 63;
    case PFS_CHAR:
    case PFS_VARCHAR:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_VARIANT:
    case PFS_BLOB:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return 0;
}

static int exact_keys(const struct pfs_column *c, int64_t rows, struct pfs_arena *arena, struct pfs_keys *out,
                      struct pfs_err *err)
{
    uint64_t *prefix = pfs_arena_alloc(arena, (size_t)rows * sizeof(*prefix));
    int shift = 64 - 8 * key_width(c->type);

    assert(shift >= 0 && shift < 64);
    if (prefix == NULL)
        return pfs_arena_full(arena, err);
    if (c->type->kind == PFS_BIGINT) {
        const uint64_t *in = c->values;

        for (int64_t i = 0; i < rows; i++)
            prefix[i] = in[i] ^ (uint64_t)1 << 63;
    } else if (c->type->kind == PFS_INT) {
        const uint32_t *in = c->values;

        for (int64_t i = 0; i < rows; i++)
            prefix[i] = (uint64_t)(in[i] ^ 0x80000000u) << 32;
    } else {
        for (int64_t i = 0; i < rows; i++)
            prefix[i] = fixed_key(c, i) << shift;
    }
    *out = (struct pfs_keys){.prefix = prefix, .exact = true};
    return 0;
}

/* ---- encodings of any length ---- */

/* A text that another column follows ends by 00 00, and its own 00 become 00 FF: a prefix of a text then comes before
 * it, whatever follows. The last column needs no end. */
static size_t escaped_len(struct pfs_slice text, bool last)
{
    size_t len = text.len;

    if (last)
        return len;
    for (size_t i = 0; i < text.len; i++)
        len += text.at[i] == 0;
    return len + 2;
}

static uint8_t *put_escaped(uint8_t *to, struct pfs_slice text, bool last)
{
    if (last) {
        if (text.len > 0)
            memcpy(to, text.at, text.len);
        return to + text.len;
    }
    for (size_t i = 0; i < text.len; i++) {
        *to++ = text.at[i];
        if (text.at[i] == 0)
            *to++ = 0xff;
    }
    *to++ = 0;
    *to++ = 0;
    return to;
}

/* 16-byte values: decimals as their integer, timestamps as milliseconds and nanoseconds. */
static uint8_t *put_wide(uint8_t *to, const struct pfs_column *c, int64_t i)
{
    if (c->type->kind == PFS_DECIMAL) {
        pfs_u128 v = (pfs_u128)((const pfs_i128 *)c->values)[i] ^ (pfs_u128)1 << 127;

        pfs_put_be64(to, (uint64_t)(v >> 64));
        pfs_put_be64(to + 8, (uint64_t)v);
    } else {
        const struct pfs_time96 *t = (const struct pfs_time96 *)c->values + i;

        pfs_put_be64(to, (uint64_t)t->millis ^ (uint64_t)1 << 63);
        pfs_put_be64(to + 8, (uint64_t)(uint32_t)t->nanos);
    }
    return to + 16;
}

static uint8_t *put_value(uint8_t *to, const struct pfs_column *c, int64_t i, bool last)
{
    int width = key_width(c->type);
    uint64_t v;

    if (width == 0)
        return put_escaped(to, pfs_column_bytes(c, i), last);
    if (width == 16)
        return put_wide(to, c, i);
    v = fixed_key(c, i);
    for (int k = width - 1; k >= 0; k--)
        *to++ = (uint8_t)(v >> (8 * k));
    return to;
}

/* Where each row's key will begin; so many bytes are then allocated at once. */
static int measure(const struct pfs_batch *batch, const int32_t *index, int32_t count, uint32_t *offset,
                   struct pfs_err *err)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < batch->rows; i++) {
        offset[i] = (uint32_t)sum;
        for (int32_t k = 0; k < count; k++) {
            const struct pfs_column *c = &batch->column[index[k]];
            int width = key_width(c->type);

            sum += width > 0 ? (size_t)width : escaped_len(pfs_column_bytes(c, i), k == count - 1);
        }
        if (sum > UINT32_MAX)
            return pfs_fail(err, E2BIG, "keys of more than 4 GiB in one batch");
    }
    offset[batch->rows] = (uint32_t)sum;
    return 0;
}

static int encode(const struct pfs_batch *batch, const int32_t *index, int32_t count, struct pfs_arena *arena,
                  struct pfs_keys *out, struct pfs_err *err)
{
    uint64_t *prefix = pfs_arena_alloc(arena, (size_t)batch->rows * sizeof(*prefix));
    uint32_t *offset = pfs_arena_alloc(arena, (size_t)(batch->rows + 1) * sizeof(*offset));
    uint8_t *bytes, *to;

    if (prefix == NULL || offset == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(measure(batch, index, count, offset, err));
    bytes = pfs_arena_alloc(arena, offset[batch->rows]);
    if (bytes == NULL)
        return pfs_arena_full(arena, err);
    to = bytes;
    for (int64_t i = 0; i < batch->rows; i++) {
        for (int32_t k = 0; k < count; k++)
            to = put_value(to, &batch->column[index[k]], i, k == count - 1);
        assert(to == bytes + offset[i + 1]); /* as long as it was measured */
        prefix[i] = pfs_key_word(bytes + offset[i], offset[i + 1] - offset[i]);
    }
    *out = (struct pfs_keys){.prefix = prefix, .offset = offset, .bytes = bytes};
    return 0;
}

int pfs_keys_of(const struct pfs_batch *batch, const int32_t *index, int32_t count, struct pfs_arena *arena,
                struct pfs_keys *out, struct pfs_err *err)
{
    assert(count > 0);
    for (int32_t k = 0; k < count; k++)
        assert(index[k] >= 0 && index[k] < batch->columns);
    for (int32_t k = 0; k < count; k++)
        if (pfs_kind_is_nested(batch->column[index[k]].type->kind))
            return pfs_fail(err, EOPNOTSUPP, "a nested column in a key");
    if (count == 1 && key_width(batch->column[index[0]].type) > 0 && key_width(batch->column[index[0]].type) <= 8)
        return exact_keys(&batch->column[index[0]], batch->rows, arena, out, err);
    return encode(batch, index, count, arena, out, err);
}

int64_t pfs_keys_reach(const struct pfs_keys *keys, int64_t from, int64_t rows, const struct pfs_keys *other,
                       int64_t row)
{
    int64_t low = from, high = from, step = 1;

    assert(from >= 0 && from <= rows);
    /* Invariant: rows before low are below; row high, if there is one, is not known or not below. */
    while (high < rows && pfs_keys_compare(keys, high, other, row) < 0) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    high = high < rows ? high : rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (pfs_keys_compare(keys, middle, other, row) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
