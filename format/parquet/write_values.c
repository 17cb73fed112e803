#include "format/parquet/write_values.h"

#include <string.h>

#include "base/decimal.h"

#define TAKE(name, from_type, to_type)                                                                 \
    static void name(const void *values, const int32_t *row, int64_t from, int64_t count, uint8_t *to) \
    {                                                                                                  \
        const from_type *in = values;                                                                  \
        to_type *out = (to_type *)(void *)to;                                                          \
                                                                                                       \
        if (row == NULL)                                                                               \
            for (int64_t i = 0; i < count; i++)                                                        \
                out[i] = (to_type)in[from + i];                                                        \
        else                                                                                           \
            for (int64_t i = 0; i < count; i++)                                                        \
                out[i] = (to_type)in[row[from + i]];                                                   \
    }

TAKE(take_1, uint8_t, uint8_t)
TAKE(take_4, int32_t, int32_t)
TAKE(take_8, int64_t, int64_t)
TAKE(widen_1, int8_t, int32_t)
TAKE(widen_2, int16_t, int32_t)
TAKE(narrow_8, int64_t, int32_t)

static void put_int96(uint8_t *to, const struct pfs_time96 *v)
{
    int64_t day = v->millis / 86400000, rest = v->millis % 86400000;

    if (rest < 0) {
        rest += 86400000;
        day--;
    }
    pfs_put_le64(to, (uint64_t)rest * 1000000 + (uint32_t)v->nanos);
    pfs_put_le32(to + 8, (uint32_t)(day + PFS_PQ_JULIAN_EPOCH));
}

static void take_times(const void *values, const int32_t *row, int64_t from, int64_t count, uint8_t *to)
{
    const struct pfs_time96 *in = values;

    for (int64_t i = from; i < from + count; i++, to += 12)
        put_int96(to, &in[row == NULL ? i : row[i]]);
}

static void take_decimals(int32_t width, const void *values, const int32_t *row, int64_t from, int64_t count,
                          uint8_t *to)
{
    const pfs_i128 *in = values;
    uint8_t bytes[16];

    for (int64_t i = from; i < from + count; i++, to += width) {
        pfs_decimal_to_be(in[row == NULL ? i : row[i]], (size_t)width, false, bytes);
        memcpy(to, bytes, (size_t)width);
    }
}

const void *pfs_pq_out_fixed(const struct pfs_pq_out_node *node, const struct pfs_pq_out_entries *in, int64_t from,
                             int64_t count, uint8_t *to)
{
    int width = pfs_type_width(in->column->type);
    const void *values = in->column->values;

    if (width == node->width && width <= 8 && in->row == NULL)
        return (const uint8_t *)values + from * width;
    if (node->physical == PFS_PQ_INT96)
        take_times(values, in->row, from, count, to);
    else if (node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY)
        take_decimals(node->width, values, in->row, from, count, to);
    else if (width == 1)
        (node->width == 1 ? take_1 : widen_1)(values, in->row, from, count, to);
    else if (width == 2)
        widen_2(values, in->row, from, count, to);
    else if (width == 4)
        take_4(values, in->row, from, count, to);
    else
        (node->width == 4 ? narrow_8 : take_8)(values, in->row, from, count, to);
    return to;
}

void pfs_pq_out_texts(const struct pfs_pq_out_entries *in, int64_t from, int64_t count, struct pfs_buf *out)
{
    for (int64_t i = from; i < from + count; i++) {
        struct pfs_slice text = pfs_column_bytes(in->column, in->row == NULL ? i : in->row[i]);
        uint8_t *to = pfs_buf_reserve(out, text.len + 4);

        if (to == NULL)
            return;
        pfs_put_le32(to, (uint32_t)text.len);
        if (text.len > 0)
            memcpy(to + 4, text.at, text.len);
        out->len += text.len + 4;
    }
}
