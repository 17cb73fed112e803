/* rows_out.c - kernels: what the values of one column take, and the values themselves.
 *
 * Each kind has two loops, made by MEASURE and PUT from one expression each, which must agree to the byte: `put` writes
 * where `measure` left room, into the middle of a row, with other values on both sides. */
#include "format/avro/rows_out.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"

/* ---- numbers of variable length ---- */

static inline uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

/* Seven bits a byte, without a loop: 9/64 is a little more than 1/7. */
static inline size_t long_bytes(int64_t v)
{
    return ((size_t)(63 - __builtin_clzll(zigzag(v) | 1)) * 9 + 73) / 64;
}

static inline uint8_t *put_long(uint8_t *p, int64_t v)
{
    uint64_t z = zigzag(v);

    for (; z >= 128; z >>= 7)
        *p++ = (uint8_t)(z | 128);
    *p++ = (uint8_t)z;
    return p;
}

/* ---- decimals: the shortest two's complement ---- */

static inline size_t narrow_bytes(int64_t v)
{
    return (size_t)(64 - __builtin_clrsbll(v) + 7) / 8;
}

static inline size_t wide_bytes(pfs_i128 v)
{
    return v == (int64_t)v ? narrow_bytes((int64_t)v) : 8 + narrow_bytes((int64_t)(v >> 64));
}

/* Never more than 16 bytes, so that the length takes one. */
static inline uint8_t *put_wide(uint8_t *p, pfs_i128 v)
{
    size_t len = wide_bytes(v);

    assert(len >= 1 && len <= 16);
    *p++ = (uint8_t)(len << 1);
    for (size_t i = len; i-- > 0;)
        *p++ = (uint8_t)(v >> (8 * i));
    return p;
}

/* ---- columns that do not nest ---- */

/* Loops over the rows: `len` of the present value number r. Columns without nulls have a loop of their own. */
#define MEASURE(name, value_type, len)                                                                              \
    static void name(const struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows, \
                     size_t *bytes)                                                                                 \
    {                                                                                                               \
        const value_type *v = c->values;                                                                            \
        size_t tag = node->tagged;                                                                                  \
                                                                                                                    \
        (void)v;                                                                                                    \
        if (tag == 0 || c->valid == NULL) {                                                                         \
            for (int64_t i = 0; i < rows; i++) {                                                                    \
                int32_t r = row[i];                                                                                 \
                                                                                                                    \
                (void)r;                                                                                            \
                bytes[i] += tag + (len);                                                                            \
            }                                                                                                       \
            return;                                                                                                 \
        }                                                                                                           \
        for (int64_t i = 0; i < rows; i++) {                                                                        \
            int32_t r = row[i];                                                                                     \
                                                                                                                    \
            bytes[i] += tag + (pfs_column_present(c, r) ? (len) : 0);                                               \
        }                                                                                                           \
    }

/* `write` moves p over the present value number r. Branch 0 of a union is null. */
#define PUT(name, value_type, write)                                                                                \
    static void name(const struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows, \
                     uint8_t **at)                                                                                  \
    {                                                                                                               \
        const value_type *v = c->values;                                                                            \
        bool tagged = node->tagged;                                                                                 \
                                                                                                                    \
        for (int64_t i = 0; i < rows; i++) {                                                                        \
            int32_t r = row[i];                                                                                     \
            uint8_t *p = at[i];                                                                                     \
                                                                                                                    \
            if (tagged) {                                                                                           \
                bool present = pfs_column_present(c, r);                                                            \
                                                                                                                    \
                *p++ = present ? 2 : 0;                                                                             \
                if (!present) {                                                                                     \
                    at[i] = p;                                                                                      \
                    continue;                                                                                       \
                }                                                                                                   \
            }                                                                                                       \
            write;                                                                                                  \
            at[i] = p;                                                                                              \
        }                                                                                                           \
    }

MEASURE(measure_one, uint8_t, 1u)
MEASURE(measure_four, uint8_t, 4u)
MEASURE(measure_eight, uint8_t, 8u)
MEASURE(measure_i8, int8_t, long_bytes(v[r]))
MEASURE(measure_i16, int16_t, long_bytes(v[r]))
MEASURE(measure_i32, int32_t, long_bytes(v[r]))
MEASURE(measure_i64, int64_t, long_bytes(v[r]))
MEASURE(measure_narrow, int64_t, 1 + narrow_bytes(v[r]))
MEASURE(measure_wide, pfs_i128, 1 + wide_bytes(v[r]))

static inline size_t text_bytes(const struct pfs_column *c, int32_t r)
{
    int32_t len = c->offsets[r + 1] - c->offsets[r];

    return long_bytes(len) + (size_t)len;
}

static inline uint8_t *put_text(uint8_t *p, const struct pfs_column *c, int32_t r)
{
    int32_t from = c->offsets[r], len = c->offsets[r + 1] - from;

    p = put_long(p, len);
    if (len > 0)
        memcpy(p, (const uint8_t *)c->values + from, (size_t)len);
    return p + len;
}

static inline uint8_t *put_four(uint8_t *p, const uint8_t *value)
{
    uint32_t bits;

    memcpy(&bits, value, 4);
    pfs_put_le32(p, bits);
    return p + 4;
}

static inline uint8_t *put_eight(uint8_t *p, const uint8_t *value)
{
    uint64_t bits;

    memcpy(&bits, value, 8);
    pfs_put_le64(p, bits);
    return p + 8;
}

MEASURE(measure_bytes, uint8_t, text_bytes(c, r))

PUT(put_boolean, uint8_t, *p++ = v[r] != 0)
PUT(put_i8, int8_t, p = put_long(p, v[r]))
PUT(put_i16, int16_t, p = put_long(p, v[r]))
PUT(put_i32, int32_t, p = put_long(p, v[r]))
PUT(put_i64, int64_t, p = put_long(p, v[r]))
PUT(put_float, uint8_t, p = put_four(p, v + 4 * (size_t)r))
PUT(put_double, uint8_t, p = put_eight(p, v + 8 * (size_t)r))
PUT(put_narrow, int64_t, p = put_wide(p, v[r]))
PUT(put_wide_decimal, pfs_i128, p = put_wide(p, v[r]))
PUT(put_bytes, uint8_t, (void)v; p = put_text(p, c, r))

static const struct {
    pfs_avro_measure_fn *measure;
    pfs_avro_write_fn *put;
} kernels[PFS_KIND_COUNT] = {
    [PFS_BOOLEAN] = {measure_one, put_boolean}, [PFS_TINYINT] = {measure_i8, put_i8},
    [PFS_SMALLINT] = {measure_i16, put_i16},    [PFS_INT] = {measure_i32, put_i32},
    [PFS_BIGINT] = {measure_i64, put_i64},      [PFS_FLOAT] = {measure_four, put_float},
    [PFS_DOUBLE] = {measure_eight, put_double}, [PFS_DECIMAL] = {measure_narrow, put_narrow},
    [PFS_CHAR] = {measure_bytes, put_bytes},    [PFS_VARCHAR] = {measure_bytes, put_bytes},
    [PFS_BINARY] = {measure_bytes, put_bytes},  [PFS_VARBINARY] = {measure_bytes, put_bytes},
    [PFS_DATE] = {measure_i32, put_i32},        [PFS_TIME] = {measure_i32, put_i32},
    [PFS_TIMESTAMP] = {measure_i64, put_i64},   [PFS_TIMESTAMP_LTZ] = {measure_i64, put_i64},
    [PFS_BLOB] = {measure_bytes, put_bytes},
};

void pfs_avro_out_kernels(struct pfs_avro_out *node)
{
    bool wide = node->type->kind == PFS_DECIMAL && node->type->precision > 18;

    assert(!pfs_kind_is_nested(node->type->kind));
    node->measure = wide ? measure_wide : kernels[node->type->kind].measure;
    node->put = wide ? put_wide_decimal : kernels[node->type->kind].put;
}

/* ---- nested columns ---- */

int pfs_avro_lane_grow(struct pfs_avro_lane *lane, int64_t count, struct pfs_err *err)
{
    size_t room = (size_t)(count < lane->room * 2 ? lane->room * 2 : count);

    assert(count >= 0);
    if (count <= lane->room)
        return 0;
    /* What was in it is of the piece before, and not kept. */
    pfs_avro_lane_done(lane);
    lane->row = pfs_alloc(room * sizeof(*lane->row));
    lane->bytes = pfs_alloc(room * sizeof(*lane->bytes));
    lane->at = pfs_alloc(room * sizeof(*lane->at));
    if (lane->row == NULL || lane->bytes == NULL || lane->at == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %zu values of a nested column", room);
    lane->room = (int64_t)room;
    return 0;
}

void pfs_avro_lane_done(struct pfs_avro_lane *lane)
{
    pfs_free(lane->row);
    pfs_free(lane->bytes);
    pfs_free(lane->at);
    *lane = (struct pfs_avro_lane){0};
}

/* Items of a list that is not null, fields of a row that is not: the numbers of the lane. */
static int fill_lane(struct pfs_avro_lane *lane, const struct pfs_column *c, const int32_t *row, int64_t rows,
                     struct pfs_err *err)
{
    int64_t count = 0, k = 0;

    for (int64_t i = 0; i < rows; i++)
        if (pfs_column_present(c, row[i]))
            count += c->offsets == NULL ? 1 : c->offsets[row[i] + 1] - c->offsets[row[i]];
    PFS_TRY(pfs_avro_lane_grow(lane, count, err));
    lane->count = count;
    for (int64_t i = 0; i < rows; i++) {
        if (!pfs_column_present(c, row[i]))
            continue;
        if (c->offsets == NULL)
            lane->row[k++] = row[i];
        else
            for (int32_t item = c->offsets[row[i]]; item < c->offsets[row[i] + 1]; item++)
                lane->row[k++] = item;
    }
    assert(k == count);
    if (count > 0)
        memset(lane->bytes, 0, (size_t)count * sizeof(*lane->bytes));
    return 0;
}

/* A list is the number of its items, the items, and 0; nothing but the 0 when there are none. */
static int measure_nested(struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                          size_t *bytes, struct pfs_err *err)
{
    struct pfs_avro_lane *lane = &node->lane;
    int64_t k = 0;

    PFS_TRY(fill_lane(lane, c, row, rows, err));
    for (int32_t i = 0; i < node->children; i++)
        PFS_TRY(pfs_avro_out_measure(&node->child[i], &c->children[i], lane->row, lane->count, lane->bytes, err));
    for (int64_t i = 0; i < rows; i++) {
        int32_t items;
        size_t sum = node->tagged;

        if (pfs_column_present(c, row[i])) {
            items = c->offsets == NULL ? 1 : c->offsets[row[i] + 1] - c->offsets[row[i]];
            if (c->offsets != NULL)
                sum += 1 + (items > 0 ? long_bytes(items) : 0);
            for (; items > 0; items--)
                sum += lane->bytes[k++];
        }
        bytes[i] += sum;
    }
    assert(k == lane->count);
    return 0;
}

/* Places of the items first, all of them; then the children fill them, column by column. */
static void put_list(struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                     uint8_t **at)
{
    struct pfs_avro_lane *lane = &node->lane;
    int64_t k = 0;

    for (int64_t i = 0; i < rows; i++) {
        bool present = pfs_column_present(c, row[i]);
        uint8_t *p = at[i];

        if (node->tagged)
            *p++ = present ? 2 : 0;
        if (present) {
            int32_t items = c->offsets[row[i] + 1] - c->offsets[row[i]];

            if (items > 0)
                p = put_long(p, items);
            for (; items > 0; items--, k++) {
                lane->at[k] = p;
                p += lane->bytes[k];
            }
            *p++ = 0;
        }
        at[i] = p;
    }
    assert(k == lane->count); /* over the same rows as measure */
    for (int32_t i = 0; i < node->children; i++)
        pfs_avro_out_put(&node->child[i], &c->children[i], lane->row, lane->count, lane->at);
}

static void put_row(struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                    uint8_t **at)
{
    struct pfs_avro_lane *lane = &node->lane;
    int64_t k = 0;

    for (int64_t i = 0; i < rows; i++) {
        bool present = pfs_column_present(c, row[i]);

        if (node->tagged)
            *at[i]++ = present ? 2 : 0;
        if (present) {
            lane->at[k] = at[i];
            at[i] += lane->bytes[k++];
        }
    }
    assert(k == lane->count);
    for (int32_t i = 0; i < node->children; i++)
        pfs_avro_out_put(&node->child[i], &c->children[i], lane->row, lane->count, lane->at);
}

/* ---- all ---- */

/* Before anything is laid out: a null without a union has no bytes that could say so. */
static int check_present(const struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                         struct pfs_err *err)
{
    if (node->tagged || c->valid == NULL)
        return 0;
    for (int64_t i = 0; i < rows; i++)
        if (!pfs_column_present(c, row[i]))
            return pfs_fail(err, EINVAL, "%s is null, and may not be", node->name);
    return 0;
}

int pfs_avro_out_measure(struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                         size_t *bytes, struct pfs_err *err)
{
    PFS_TRY(check_present(node, c, row, rows, err));
    if (pfs_kind_is_nested(node->type->kind))
        return measure_nested(node, c, row, rows, bytes, err);
    assert(node->measure != NULL);
    node->measure(node, c, row, rows, bytes);
    return 0;
}

void pfs_avro_out_put(struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                      uint8_t **at)
{
    if (node->type->kind == PFS_ROW)
        put_row(node, c, row, rows, at);
    else if (pfs_kind_is_nested(node->type->kind))
        put_list(node, c, row, rows, at);
    else
        node->put(node, c, row, rows, at);
}

void pfs_avro_out_done(struct pfs_avro_out *node)
{
    for (int32_t i = 0; node->child != NULL && i < node->children; i++)
        pfs_avro_out_done(&node->child[i]);
    pfs_avro_lane_done(&node->lane);
}
