/* binrow.c - rows of fixed slots and a variable part (spec manifests 5).
 *
 *   header + null bits (8 bytes for up to 56 fields) | a slot of 8 bytes each | variable part, items padded to 8
 *
 * Bit i + 8 says that field i is null. A slot holds the value, or (offset << 32 | length) of an item in the variable
 * part; text of at most 7 bytes lies in the slot itself, its last byte 0x80 | length.
 */
#include "format/binrow.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "format/binrow_internal.h"

/* ---- laying rows out ---- */

#define BLOCK_ROWS 256
#define BLOCK_BYTES ((size_t)1 << 20) /* a block ends at the row that passes this */

/* Rows [from, from + rows) of some columns, laid out one behind the other: column by column, so that what depends on
 * the type is decided once a column. */
struct block {
    int64_t from;
    int32_t rows;
    size_t fixed;                 /* header and slots of one row */
    uint8_t *to;                  /* row r begins at to + start[r] */
    size_t start[BLOCK_ROWS + 1]; /* before the layout of a row is known: its length */
    size_t at[BLOCK_ROWS];        /* next free byte of row r's variable part, from the row's start */
};

/* Adds what column c takes in the variable part of each row to its length. */
static void measure_column(const struct pfs_column *c, const struct block *b, size_t *lengths)
{
    size_t wide = pfs_binrow_wide_decimal(c->type) ? 16 : pfs_binrow_wide_time(c->type) ? 8 : 0;

    if (wide > 0) {
        for (int32_t r = 0; r < b->rows; r++)
            lengths[r] += wide;
    } else if (pfs_binrow_nested(c->type)) {
        for (int32_t r = 0; r < b->rows; r++)
            if (pfs_column_present(c, b->from + r))
                lengths[r] += pfs_binrow_padded(pfs_binrow_nested_len(c, b->from + r));
    } else if (pfs_kind_is_bytes(c->type->kind)) {
        const int32_t *offsets = c->offsets + b->from;

        for (int32_t r = 0; r < b->rows; r++) {
            size_t len = (size_t)(offsets[r + 1] - offsets[r]);

            if (len > 7 && pfs_column_present(c, b->from + r))
                lengths[r] += pfs_binrow_padded(len);
        }
    }
}

/* Chooses how many of `most` rows the block takes and where each begins; returns the bytes of all. */
static size_t measure(const struct pfs_column *const *columns, int32_t count, int64_t most, struct block *b)
{
    size_t total = 0;

    assert(most >= 1);
    b->fixed = pfs_binrow_header(count) + (size_t)count * 8;
    b->rows = most < BLOCK_ROWS ? (int32_t)most : BLOCK_ROWS;
    for (int32_t r = 0; r < b->rows; r++)
        b->start[r] = b->fixed;
    for (int32_t i = 0; i < count; i++)
        measure_column(columns[i], b, b->start);
    for (int32_t r = 0; r < b->rows; r++) {
        size_t len = b->start[r];

        b->start[r] = total;
        b->at[r] = b->fixed;
        total += len;
        if (total > BLOCK_BYTES)
            b->rows = r + 1;
    }
    b->start[b->rows] = total;
    assert(b->rows >= 1);   /* a row of any size is a block */
    assert(total % 8 == 0); /* all that a row is made of is padded */
    return total;
}

/* Fixed widths: every row is written, null rows are cleared again. */
#define FILL_FIXED(name, width)                                                      \
    static void name(const struct pfs_column *c, const struct block *b, size_t slot) \
    {                                                                                \
        const uint8_t *in = (const uint8_t *)c->values + (size_t)b->from * (width);  \
                                                                                     \
        for (int32_t r = 0; r < b->rows; r++)                                        \
            memcpy(b->to + b->start[r] + slot, in + (size_t)r * (width), width);     \
        for (int32_t r = 0; r < b->rows && c->valid != NULL; r++)                    \
            if (!pfs_column_present(c, b->from + r))                                 \
                memset(b->to + b->start[r] + slot, 0, 8);                            \
    }

FILL_FIXED(fill_1, 1)
FILL_FIXED(fill_2, 2)
FILL_FIXED(fill_4, 4)
FILL_FIXED(fill_8, 8)

static void fill_bytes(const struct pfs_column *c, struct block *b, size_t slot)
{
    for (int32_t r = 0; r < b->rows; r++) {
        uint8_t *row = b->to + b->start[r];
        struct pfs_slice text;

        if (!pfs_column_present(c, b->from + r))
            continue;
        text = pfs_column_bytes(c, b->from + r);
        if (text.len > 7) {
            pfs_put_le64(row + slot, (uint64_t)b->at[r] << 32 | text.len);
            memcpy(row + b->at[r], text.at, text.len);
            b->at[r] += pfs_binrow_padded(text.len);
            continue;
        }
        for (size_t i = 0; i < text.len; i++)
            row[slot + i] = text.at[i];
        row[slot + 7] = (uint8_t)(0x80 | text.len);
    }
}

/* A null DECIMAL of more than 18 digits keeps its 16 bytes, zeroed, and its offset. */
static void fill_decimals(const struct pfs_column *c, struct block *b, size_t slot)
{
    for (int32_t r = 0; r < b->rows; r++) {
        uint8_t *row = b->to + b->start[r], bytes[16];
        size_t len = 0;

        if (pfs_column_present(c, b->from + r)) {
            len = pfs_decimal_to_be(((const pfs_i128 *)c->values)[b->from + r], 0, true, bytes);
            memcpy(row + b->at[r], bytes, len);
        }
        pfs_put_le64(row + slot, (uint64_t)b->at[r] << 32 | len);
        b->at[r] += 16;
    }
}

struct pfs_time96 pfs_binrow_time(const struct pfs_column *c, int64_t i)
{
    struct pfs_time96 t = {0};
    int64_t micros, rest;

    assert(pfs_binrow_wide_time(c->type));
    if (c->type->precision > 6)
        return ((const struct pfs_time96 *)c->values)[i];
    micros = ((const int64_t *)c->values)[i];
    rest = micros % 1000;
    t.millis = micros / 1000 - (rest < 0);
    t.nanos = (int32_t)(rest < 0 ? rest + 1000 : rest) * 1000;
    return t;
}

/* So does a null TIMESTAMP of more than 3 decimals, with 8. */
static void fill_times(const struct pfs_column *c, struct block *b, size_t slot)
{
    for (int32_t r = 0; r < b->rows; r++) {
        uint8_t *row = b->to + b->start[r];
        struct pfs_time96 t = {0};

        if (pfs_column_present(c, b->from + r))
            t = pfs_binrow_time(c, b->from + r);
        pfs_put_le64(row + b->at[r], (uint64_t)t.millis);
        pfs_put_le64(row + slot, (uint64_t)b->at[r] << 32 | (uint32_t)t.nanos);
        b->at[r] += 8;
    }
}

static void fill_nested(const struct pfs_column *c, struct block *b, size_t slot)
{
    for (int32_t r = 0; r < b->rows; r++) {
        uint8_t *row = b->to + b->start[r];
        size_t len;

        if (!pfs_column_present(c, b->from + r))
            continue;
        len = pfs_binrow_nested_len(c, b->from + r);
        pfs_put_le64(row + slot, (uint64_t)b->at[r] << 32 | len);
        pfs_binrow_nested_put(c, b->from + r, row + b->at[r]);
        b->at[r] += pfs_binrow_padded(len);
    }
}

static void fill_column(const struct pfs_column *c, struct block *b, int32_t index, size_t slot)
{
    const struct pfs_type *t = c->type;

    assert(slot + 8 <= b->fixed);
    for (int32_t r = 0; r < b->rows && c->valid != NULL; r++)
        if (!pfs_column_present(c, b->from + r))
            b->to[b->start[r] + (size_t)(index + 8) / 8] |= (uint8_t)(1u << (index + 8) % 8);
    if (pfs_binrow_wide_decimal(t))
        fill_decimals(c, b, slot);
    else if (pfs_binrow_wide_time(t))
        fill_times(c, b, slot);
    else if (pfs_binrow_nested(t))
        fill_nested(c, b, slot);
    else if (pfs_kind_is_bytes(t->kind))
        fill_bytes(c, b, slot);
    else if (pfs_type_width(t) == 1)
        fill_1(c, b, slot);
    else if (pfs_type_width(t) == 2)
        fill_2(c, b, slot);
    else if (pfs_type_width(t) == 4)
        fill_4(c, b, slot);
    else
        fill_8(c, b, slot);
}

/* Appends rows from `from` on, as many as a block takes of `most`. */
static int lay_out(const struct pfs_column *const *columns, int32_t count, int64_t from, int64_t most, struct block *b,
                   struct pfs_buf *out, struct pfs_err *err)
{
    size_t total;

    b->from = from;
    total = measure(columns, count, most, b);
    b->to = pfs_buf_reserve(out, total);
    if (b->to == NULL)
        return pfs_buf_check(out, err);
    memset(b->to, 0, total);
    for (int32_t i = 0; i < count; i++)
        fill_column(columns[i], b, i, pfs_binrow_header(count) + (size_t)i * 8);
    assert(b->start[b->rows - 1] + b->at[b->rows - 1] == total); /* what was measured is what was filled */
    out->len += total;
    return 0;
}

int pfs_binrow_print(const struct pfs_column *const *columns, int32_t count, int64_t row, bool prefix,
                     struct pfs_buf *out, struct pfs_err *err)
{
    struct block b;

    if (prefix)
        pfs_buf_be32(out, (uint32_t)count);
    return lay_out(columns, count, row, 1, &b, out, err);
}

/* ---- hashing ---- */

int pfs_binrow_hash(const struct pfs_column *const *columns, int32_t count, int64_t row, struct pfs_buf *scratch,
                    int32_t *out, struct pfs_err *err)
{
    assert(row >= 0);
    pfs_buf_clear(scratch);
    PFS_TRY(pfs_binrow_print(columns, count, row, false, scratch, err));
    *out = pfs_murmur_words(scratch->at, scratch->len);
    return 0;
}

/* The hash of a row of one slot, its four words known. */
static inline int32_t hash_slot(uint32_t nulls, uint32_t low, uint32_t high)
{
    uint32_t h = pfs_murmur_mix(pfs_murmur_mix(PFS_MURMUR_SEED, nulls), 0);

    return (int32_t)pfs_murmur_end(pfs_murmur_mix(pfs_murmur_mix(h, low), high), 16);
}

#define HASH_FIXED(name, type, low, high)                             \
    static void name(const void *values, int64_t rows, int32_t *out)  \
    {                                                                 \
        const type *in = values;                                      \
                                                                      \
        for (int64_t i = 0; i < rows; i++)                            \
            out[i] = hash_slot(0, (uint32_t)(low), (uint32_t)(high)); \
    }

HASH_FIXED(hash_1, uint8_t, in[i], 0)
HASH_FIXED(hash_2, uint16_t, in[i], 0)
HASH_FIXED(hash_4, uint32_t, in[i], 0)
HASH_FIXED(hash_8, uint64_t, in[i], in[i] >> 32)

/* One column whose values lie in the slot: no row is laid out. False when it is not such a column. Most bucket keys are
 * one INT or BIGINT: it is four steps of the hash, instead of a row that is laid out and read again. */
static bool hash_single(const struct pfs_column *c, int64_t rows, int32_t *out)
{
    if (pfs_binrow_wide_decimal(c->type) || pfs_binrow_wide_time(c->type))
        return false;
    switch (pfs_type_width(c->type)) {
    case 1:
        hash_1(c->values, rows, out);
        break;
    case 2:
        hash_2(c->values, rows, out);
        break;
    case 4:
        hash_4(c->values, rows, out);
        break;
    case 8:
        hash_8(c->values, rows, out);
        break;
    default:
        return false;
    }
    for (int64_t i = 0; i < rows && c->valid != NULL; i++)
        if (!pfs_column_present(c, i))
            out[i] = hash_slot(1 << 8, 0, 0);
    return true;
}

int pfs_binrow_hash_batch(const struct pfs_column *const *columns, int32_t count, int64_t rows, struct pfs_buf *scratch,
                          int32_t *out, struct pfs_err *err)
{
    struct block b = {0};

    assert(count >= 0);
    assert(rows >= 0);
    if (count == 1 && hash_single(columns[0], rows, out))
        return 0;
    for (int64_t from = 0; from < rows; from += b.rows) {
        pfs_buf_clear(scratch);
        PFS_TRY(lay_out(columns, count, from, rows - from, &b, scratch, err));
        for (int32_t r = 0; r < b.rows; r++)
            out[from + r] = pfs_murmur_words(b.to + b.start[r], b.start[r + 1] - b.start[r]);
    }
    return 0;
}

/* ---- parsing ---- */

struct source {
    struct pfs_slice row; /* without the arity; or an array */
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

/* Borrowed from the row, which must outlive the column: manifests keep their bytes. */
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

/* The slot has offset and nanoseconds, the variable part the milliseconds. */
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

int pfs_binrow_take(struct pfs_slice base, const uint8_t *slot, struct pfs_arena *arena, struct pfs_column *out,
                    struct pfs_err *err)
{
    const struct source s = {base, arena, err};
    const struct pfs_type *t = out->type;
    struct pfs_slice bytes;
    uint8_t *value;

    assert(slot >= base.at && slot < base.at + base.len);
    if (pfs_binrow_nested(t)) {
        PFS_TRY(take_item(&s, pfs_le64(slot), (size_t)(pfs_le64(slot) & UINT32_MAX), &bytes));
        return pfs_binrow_nested_take(bytes, arena, out, err);
    }
    if (pfs_kind_is_bytes(t->kind))
        return parse_bytes(&s, slot, out);
    if (pfs_binrow_wide_decimal(t))
        return parse_decimal(&s, slot, out);
    if (pfs_binrow_wide_time(t))
        return parse_time(&s, slot, out);
    value = pfs_arena_zalloc(arena, 8);
    if (value == NULL)
        return pfs_arena_full(arena, err);
    memcpy(value, slot, (size_t)pfs_type_width(t));
    if (t->kind == PFS_BOOLEAN) /* any byte but 0 is true to Java; in a batch it is 1 */
        value[0] = value[0] != 0;
    out->values = value;
    return 0;
}

int pfs_binrow_parse(struct pfs_slice in, const struct pfs_type *const *types, int32_t count, struct pfs_arena *arena,
                     struct pfs_column *out, struct pfs_err *err)
{
    size_t header = pfs_binrow_header(count);
    struct pfs_slice row;

    if (in.len < 4 || pfs_be32(in.at) != (uint32_t)count)
        return pfs_fail(err, EIO, "a row of %u fields instead of %d", in.len < 4 ? 0 : pfs_be32(in.at), count);
    row = pfs_slice_of(in.at + 4, in.len - 4);
    if (row.len < header + (size_t)count * 8)
        return pfs_fail(err, EIO, "a row of %zu bytes for %d fields", row.len, count);
    for (int32_t i = 0; i < count; i++) {
        out[i] = (struct pfs_column){.type = types[i]};
        if (row.at[(i + 8) / 8] >> (i + 8) % 8 & 1)
            PFS_TRY(pfs_column_nulls(types[i], 1, arena, &out[i], err));
        else
            PFS_TRY(pfs_binrow_take(row, row.at + header + (size_t)i * 8, arena, &out[i], err));
    }
    return 0;
}
