/* write_values.c - values of a batch in the file's layout.
 *
 * Integers widen or narrow to the 4 or 8 bytes of the file, wide decimals turn their bytes round and lose those above
 * their width, fine times become INT96. Where the layouts are the same and all rows are there, nothing is copied.
 */
#include "format/parquet/write_values.h"

#include <assert.h>
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
    assert(v->nanos >= 0 && v->nanos < 1000000);
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

    assert(node->width > 0);
    assert(width > 0);
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

/* Without their lengths. */
static size_t bytes_of_texts(const struct pfs_pq_out_entries *in, int64_t from, int64_t count)
{
    const int32_t *off = in->column->offsets;
    size_t bytes = 0;

    if (in->row == NULL)
        return (size_t)(off[from + count] - off[from]);
    for (int64_t i = from; i < from + count; i++)
        bytes += (size_t)(off[in->row[i] + 1] - off[in->row[i]]);
    return bytes;
}

#define STEP 16 /* short texts are copied as so many bytes, as far as there are as many on both sides */

void pfs_pq_out_texts(const struct pfs_pq_out_entries *in, int64_t from, int64_t count, struct pfs_buf *out)
{
    const int32_t *off = in->column->offsets;
    const uint8_t *values = in->column->values;
    uint8_t *to = pfs_buf_reserve(out, bytes_of_texts(in, from, count) + (size_t)count * 4 + STEP);
    int64_t last = from + count - 1;
    int32_t end;

    if (to == NULL || count == 0)
        return;
    end = off[(in->row == NULL ? last : in->row[last]) + 1];
    for (int64_t i = from; i <= last; i++) {
        int64_t row = in->row == NULL ? i : in->row[i];
        int32_t at = off[row], len = off[row + 1] - at;

        pfs_put_le32(to, (uint32_t)len);
        to += 4;
        if (len <= STEP && end - at >= STEP)
            memcpy(to, values + at, STEP);
        else if (len > 0)
            memcpy(to, values + at, (size_t)len);
        to += len;
    }
    out->len = (size_t)(to - out->at);
}
