/* bits.c - kernels over packed integers, bitmaps and dense values.
 *
 * Bitmaps are gone through in words of 64 bits. word_at and put_word are the only places that know where a bitmap ends:
 * the last word is put together from the bytes that there are, and bits past the end are 0 in what is read and written.
 *
 *     mask       1 0 1 1 0 1      rows that are there at all
 *     dense      1   0 1   1      a stream that has bits for these only
 *     spread     1 0 0 1 0 1      back in their places
 */
#include "format/orc/bits.h"

#include <assert.h>

#include "base/decimal.h"

/* ---- packed integers ---- */

static void unpack8(const uint8_t *in, int64_t n, uint64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = in[i];
}

static void unpack16(const uint8_t *in, int64_t n, uint64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (uint64_t)in[2 * i] << 8 | in[2 * i + 1];
}

static void unpack32(const uint8_t *in, int64_t n, uint64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = pfs_be32(in + 4 * i);
}

static void unpack64(const uint8_t *in, int64_t n, uint64_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = pfs_be64(in + 8 * i);
}

/* Eight values of `width` bits are `width` bytes: a step begins at a whole byte, and none of the eight needs more than
 * the 64 bits from its own first byte on (7 + 56 at most). */
static void unpack_any(const uint8_t *in, int width, int64_t n, uint64_t *out)
{
    int drop = 64 - width;
    int64_t bit = 0;

    assert(width >= 1);
    assert(width <= 56);
    for (int64_t i = 0; i < n; i++, bit += width)
        out[i] = pfs_be64(in + (bit >> 3)) << (bit & 7) >> drop;
}

/* Widths of whole bytes, which most files have, are loops without shifts. */
void pfs_orc_unpack(const uint8_t *in, int width, int64_t n, uint64_t *out)
{
    if (width == 8)
        unpack8(in, n, out);
    else if (width == 16)
        unpack16(in, n, out);
    else if (width == 32)
        unpack32(in, n, out);
    else if (width == 64)
        unpack64(in, n, out);
    else
        unpack_any(in, width, n, out);
}

void pfs_orc_zigzag(int64_t *values, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t v = (uint64_t)values[i];

        values[i] = (int64_t)(v >> 1 ^ (0 - (v & 1)));
    }
}

/* ---- bits ---- */

/* Bits [at, at + 64) of n; those past the end are 0. */
static uint64_t word_at(const uint8_t *bits, int64_t at, int64_t n)
{
    int64_t left = n - at, bytes = (left + 7) / 8;
    uint64_t word = 0;

    assert(at % 8 == 0);
    assert(left > 0);
    if (left >= 64)
        return pfs_le64(bits + at / 8);
    for (int64_t i = 0; i < bytes; i++)
        word |= (uint64_t)bits[at / 8 + i] << (8 * i);
    return word & (((uint64_t)1 << left) - 1);
}

/* Whole bytes: what is past the end in the last one is 0. */
static void put_word(uint8_t *bits, int64_t at, int64_t n, uint64_t word)
{
    int64_t left = n - at, bytes = left >= 64 ? 8 : (left + 7) / 8;

    for (int64_t i = 0; i < bytes; i++)
        bits[at / 8 + i] = (uint8_t)(word >> (8 * i));
}

int64_t pfs_orc_bits_count(const uint8_t *bits, int64_t n)
{
    int64_t count = 0;

    for (int64_t at = 0; at < n; at += 64)
        count += __builtin_popcountll(word_at(bits, at, n));
    return count;
}

void pfs_orc_bits_copy(const uint8_t *in, int64_t from, int64_t n, uint8_t *out)
{
    int shift = (int)(from & 7);

    assert(from >= 0);
    in += from >> 3;
    for (int64_t at = 0; at < n; at += 64) {
        uint64_t low = word_at(in, at, n + shift) >> shift;
        uint64_t high = shift > 0 && at + 64 < n + shift ? word_at(in, at + 64, n + shift) << (64 - shift) : 0;

        put_word(out, at, n, low | high);
    }
}

void pfs_orc_bits_spread(const uint8_t *dense, const uint8_t *mask, int64_t n, uint8_t *out)
{
    int64_t next = 0;

    for (int64_t at = 0; at < n; at += 64) {
        uint64_t word = word_at(mask, at, n), got = 0;

        for (uint64_t left = word; left != 0; left &= left - 1, next++)
            got |= (uint64_t)(dense[next >> 3] >> (next & 7) & 1) << __builtin_ctzll(left);
        put_word(out, at, n, got);
    }
}

void pfs_orc_bits_expand(const uint8_t *bits, int64_t n, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = bits[i >> 3] >> (i & 7) & 1;
}

/* ---- values to their places ---- */

/* From the back, so that nothing is overwritten before it moved: a place is never before its dense one. Whole words of
 * present rows move at once. */
#define SPREAD(name, type)                                                \
    static void name(type *v, int64_t n, const uint8_t *valid, int64_t k) \
    {                                                                     \
        for (int64_t at = (n - 1) & ~(int64_t)63; at >= 0; at -= 64) {    \
            int64_t rows = n - at < 64 ? n - at : 64;                     \
            uint64_t word = word_at(valid, at, n);                        \
                                                                          \
            if (word == UINT64_MAX) {                                     \
                k -= 64;                                                  \
                memmove(v + at, v + k, 64 * sizeof(*v));                  \
                continue;                                                 \
            }                                                             \
            for (int64_t i = rows - 1; i >= 0; i--) {                     \
                bool set = word >> i & 1;                                 \
                                                                          \
                k -= set;                                                 \
                v[at + i] = set ? v[k] : 0;                               \
            }                                                             \
        }                                                                 \
    }

SPREAD(spread1, uint8_t)
SPREAD(spread2, uint16_t)
SPREAD(spread4, uint32_t)
SPREAD(spread8, uint64_t)
SPREAD(spread16, pfs_u128)

void pfs_orc_spread(void *values, int width, int64_t n, const uint8_t *valid, int64_t present)
{
    assert(present <= n);
    if (valid == NULL || present == n)
        return;
    if (width == 1)
        spread1(values, n, valid, present);
    else if (width == 2)
        spread2(values, n, valid, present);
    else if (width == 4)
        spread4(values, n, valid, present);
    else if (width == 8)
        spread8(values, n, valid, present);
    else
        spread16(values, n, valid, present);
}

/* Lengths are summed up without a branch; whether one was too long is or-ed together and asked for once. */
static bool offsets_dense(const int64_t *length, int64_t n, int64_t limit, int32_t *out)
{
    uint64_t sum = 0, bad = 0;

    for (int64_t i = 0; i < n; i++) {
        bad |= (uint64_t)length[i] & ~(uint64_t)INT32_MAX; /* negative ones and long ones */
        sum += (uint64_t)length[i] & INT32_MAX;
        out[i + 1] = (int32_t)(uint32_t)sum;
    }
    return bad == 0 && sum <= (uint64_t)limit;
}

bool pfs_orc_offsets(const int64_t *length, const uint8_t *valid, int64_t n, int64_t limit, int32_t *out)
{
    uint64_t sum = 0, bad = 0;
    int64_t next = 0;

    assert(limit >= 0);
    assert(limit <= INT32_MAX);
    out[0] = 0;
    if (valid == NULL)
        return offsets_dense(length, n, limit, out);
    for (int64_t i = 0; i < n; i++) {
        if (valid[i >> 3] >> (i & 7) & 1) {
            bad |= (uint64_t)length[next] & ~(uint64_t)INT32_MAX;
            sum += (uint64_t)length[next++] & INT32_MAX;
        }
        out[i + 1] = (int32_t)(uint32_t)sum;
    }
    return bad == 0 && sum <= (uint64_t)limit;
}
