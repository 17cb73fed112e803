/* order_key.c - what a row is put in order by, as bytes.
 *
 *   order           each column: 00 for null, else 01 and its bytes; strings escaped and ended by 00 00
 *   zorder, hilbert one word of 8 bytes a column, their bits in turn: all keys of a batch are as long
 *
 * The bytes are compared as unsigned ones and are kept nowhere: nothing on disk depends on them. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/lsm/order.h"
#include "src/merge/key.h"

#define WORD_BITS 64

static const struct pfs_type key_type = {.kind = PFS_VARBINARY, .length = INT32_MAX};

struct wanted { /* columns of a batch, each encoded by itself */
    int64_t rows;
    int32_t columns;
    const struct pfs_column *column[PFS_ORDER_COLUMNS_MAX];
    struct pfs_keys keys[PFS_ORDER_COLUMNS_MAX];
    int width[PFS_ORDER_COLUMNS_MAX]; /* 0 = strings and bytes */
};

static int encode(const struct pfs_order *order, const struct pfs_batch *batch, struct pfs_arena *arena,
                  struct wanted *out, struct pfs_err *err)
{
    out->rows = batch->rows;
    out->columns = order->columns;
    for (int32_t i = 0; i < order->columns; i++) {
        const int32_t place = order->column[i];

        assert(place >= 0);
        assert(place < batch->columns);
        out->column[i] = &batch->column[place];
        out->width[i] = pfs_type_width(out->column[i]->type);
        PFS_TRY(pfs_keys_of(batch, &place, 1, arena, &out->keys[i], err));
    }
    return 0;
}

static int new_column(int64_t rows, size_t bytes, struct pfs_arena *arena, int32_t **offsets, uint8_t **values,
                      struct pfs_column *out, struct pfs_err *err)
{
    if (bytes > INT32_MAX)
        return pfs_fail(err, E2BIG, "keys of %zu bytes in a batch", bytes);
    *offsets = pfs_arena_array(arena, (size_t)rows + 1, sizeof(**offsets));
    *values = pfs_arena_array(arena, bytes, 1);
    if (*offsets == NULL || *values == NULL)
        return pfs_arena_full(arena, err);
    *out = (struct pfs_column){.type = &key_type, .offsets = *offsets, .values = *values};
    return 0;
}

/* ---- one column after the other ---- */

/* A mark for null, the encoding; that of a string has its zeros escaped and an end, so that it is no other's prefix. */
static size_t plain_len(const struct wanted *w, int32_t i, int64_t row)
{
    const struct pfs_column *c = w->column[i];
    struct pfs_slice text;
    size_t len;

    if (!pfs_column_present(c, row))
        return 1;
    if (w->width[i] > 0)
        return 1 + (size_t)w->width[i];
    text = pfs_column_bytes(c, row);
    len = 1 + text.len + 2;
    for (size_t k = 0; k < text.len; k++)
        len += text.at[k] == 0;
    return len;
}

static uint8_t *put_fixed(uint8_t *to, const struct pfs_keys *keys, int64_t row, int width)
{
    assert(width > 0);
    assert(!keys->exact || width <= 8);
    if (!keys->exact) {
        memcpy(to, keys->bytes + keys->offset[row], (size_t)width);
        return to + width;
    }
    for (int k = 0; k < width; k++)
        *to++ = (uint8_t)(keys->prefix[row] >> (56 - 8 * k));
    return to;
}

static uint8_t *put_plain(uint8_t *to, const struct wanted *w, int32_t i, int64_t row)
{
    struct pfs_slice text;

    *to++ = pfs_column_present(w->column[i], row);
    if (to[-1] == 0)
        return to;
    if (w->width[i] > 0)
        return put_fixed(to, &w->keys[i], row, w->width[i]);
    text = pfs_column_bytes(w->column[i], row);
    for (size_t k = 0; k < text.len; k++) {
        *to++ = text.at[k];
        if (text.at[k] == 0)
            *to++ = 0xff;
    }
    *to++ = 0;
    *to++ = 0;
    return to;
}

static int plain(const struct wanted *w, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    int32_t *offsets;
    uint8_t *values, *to;
    size_t bytes = 0;

    for (int32_t i = 0; i < w->columns; i++)
        for (int64_t row = 0; row < w->rows; row++)
            bytes += plain_len(w, i, row);
    PFS_TRY(new_column(w->rows, bytes, arena, &offsets, &values, out, err));
    to = values;
    for (int64_t row = 0; row < w->rows; row++) {
        offsets[row] = (int32_t)(to - values);
        for (int32_t i = 0; i < w->columns; i++)
            to = put_plain(to, w, i, row);
    }
    assert(to == values + bytes); /* as plain_len counted them */
    offsets[w->rows] = (int32_t)(to - values);
    return 0;
}

/* ---- all columns at once ---- */

/* Small types stand at the lowest bits, as if they were wide ones: else the curve would follow them alone. */
static uint64_t word_of(const struct wanted *w, int32_t i, int64_t row)
{
    uint64_t word = w->keys[i].prefix[row];
    int width = w->width[i];

    if (!pfs_column_present(w->column[i], row))
        return 0;
    return width > 0 && width < 8 ? word >> (WORD_BITS - 8 * width) : word;
}

/* Coordinates become the transposed index on the curve (J. Skilling, "Programming the Hilbert curve", 2004). */
static void follow_curve(uint64_t *x, int32_t n)
{
    const uint64_t high = (uint64_t)1 << (WORD_BITS - 1);
    uint64_t t = 0;

    for (uint64_t q = high; q > 1; q >>= 1)
        for (int32_t i = 0; i < n; i++) {
            if (x[i] & q) {
                x[0] ^= q - 1;
            } else {
                t = (x[0] ^ x[i]) & (q - 1);
                x[0] ^= t;
                x[i] ^= t;
            }
        }
    for (int32_t i = 1; i < n; i++)
        x[i] ^= x[i - 1];
    t = 0;
    for (uint64_t q = high; q > 1; q >>= 1)
        if (x[n - 1] & q)
            t ^= q - 1;
    for (int32_t i = 0; i < n; i++)
        x[i] ^= t;
}

/* The highest bit of each word, then the next one of each, ... */
static void interleave(const uint64_t *x, int32_t n, uint8_t *to)
{
    int32_t at = 0;

    memset(to, 0, (size_t)n * sizeof(*x));
    for (int bit = WORD_BITS - 1; bit >= 0; bit--)
        for (int32_t i = 0; i < n; i++, at++)
            to[at >> 3] |= (uint8_t)((x[i] >> bit & 1) << (7 - (at & 7)));
    assert(at == n * WORD_BITS);
}

static int curve(const struct wanted *w, bool hilbert, struct pfs_arena *arena, struct pfs_column *out,
                 struct pfs_err *err)
{
    size_t bytes = (size_t)w->columns * sizeof(uint64_t);
    uint64_t x[PFS_ORDER_COLUMNS_MAX];
    int32_t *offsets;
    uint8_t *values;

    PFS_TRY(new_column(w->rows, bytes * (size_t)w->rows, arena, &offsets, &values, out, err));
    for (int64_t row = 0; row < w->rows; row++) {
        for (int32_t i = 0; i < w->columns; i++)
            x[i] = word_of(w, i, row);
        if (hilbert)
            follow_curve(x, w->columns);
        interleave(x, w->columns, values + (size_t)row * bytes);
        offsets[row] = (int32_t)((size_t)row * bytes);
    }
    offsets[w->rows] = (int32_t)((size_t)w->rows * bytes);
    return 0;
}

int pfs_order_check(const struct pfs_order *order, struct pfs_err *err)
{
    if (order->strategy == PFS_ORDER_HILBERT && order->columns < 2)
        return pfs_fail(err, EINVAL, "Hilbert sort needs at least two columns.");
    return 0;
}

int pfs_order_keys(const struct pfs_order *order, const struct pfs_batch *batch, struct pfs_arena *arena,
                   struct pfs_column *out, struct pfs_err *err)
{
    struct wanted wanted = {0};

    assert(order->columns >= 1);
    assert(order->columns <= PFS_ORDER_COLUMNS_MAX);
    PFS_TRY(encode(order, batch, arena, &wanted, err));
    if (order->strategy == PFS_ORDER_PLAIN)
        return plain(&wanted, arena, out, err);
    return curve(&wanted, order->strategy == PFS_ORDER_HILBERT, arena, out, err);
}
