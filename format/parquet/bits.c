/* bits.c - kernels over packed numbers, runs and bitmaps.
 *
 * The hybrid of the format is a row of runs, each behind a ULEB128 header whose lowest bit tells which:
 *
 *     count << 1        one value of (width + 7) / 8 bytes, little-endian, that stands for `count` values
 *     groups << 1 | 1   groups * 8 values of `width` bits, lowest bits first: groups * width bytes
 *
 * pfs_pq_runs is the place in it: behind the header of the current run, `left` values of it not taken. Values of a
 * packed run are never unpacked twice nor kept: `pos` says how many were taken. Every eighth value begins at a byte
 * whatever the width, so that loops over whole groups need no shifts between words.
 *
 * Nothing here knows where a buffer ends but by the lengths that it is given: the callers have proven the room, and the
 * PFS_PQ_PAD bytes behind it that whole words may reach into.
 */
#include "format/parquet/bits.h"

#include <assert.h>

#include "base/decimal.h"

/* Blocks of 32 values each, a function for each width, unrolled: value i lies at bit i * width, and a word loaded at
 * its first byte holds all of it, as 7 + 32 < 64. */
#define WIDTHS(X)                                                                                                     \
    X(1)                                                                                                              \
    X(2)                                                                                                              \
    X(3)                                                                                                              \
    X(4)                                                                                                              \
    X(5)                                                                                                              \
    X(6)                                                                                                              \
    X(7)                                                                                                              \
    X(8)                                                                                                              \
    X(9)                                                                                                              \
    X(10)                                                                                                             \
    X(11)                                                                                                             \
    X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) \
        X(31) X(32)

#define ONE(w, i) \
    out[i] = (uint32_t)(pfs_pq_load64(in + (i) * (w) / 8) >> ((i) * (w) % 8) & (((uint64_t)1 << (w)) - 1));
#define FOUR(w, i) ONE(w, i) ONE(w, (i) + 1) ONE(w, (i) + 2) ONE(w, (i) + 3)
#define X(w)                                                                                   \
    static void unpack_##w(const uint8_t *restrict in, uint32_t *restrict out, int64_t blocks) \
    {                                                                                          \
        for (; blocks > 0; blocks--, in += 4 * (w), out += 32) {                               \
            FOUR(w, 0)                                                                         \
            FOUR(w, 4)                                                                         \
            FOUR(w, 8)                                                                         \
            FOUR(w, 12)                                                                        \
            FOUR(w, 16)                                                                        \
            FOUR(w, 20)                                                                        \
            FOUR(w, 24)                                                                        \
            FOUR(w, 28)                                                                        \
        }                                                                                      \
    }
WIDTHS(X)
#undef X

typedef void unpack_fn(const uint8_t *in, uint32_t *out, int64_t blocks);

#define X(w) [w] = unpack_##w,
static unpack_fn *const unpack[33] = {WIDTHS(X)};
#undef X

void pfs_pq_runs_init(struct pfs_pq_runs *runs, struct pfs_slice in, int width)
{
    assert(width >= 0);
    assert(width <= 32);
    *runs = (struct pfs_pq_runs){.width = width};
    if (in.len > 0) {
        runs->at = in.at;
        runs->end = in.at + in.len;
    }
}

void pfs_pq_runs_init_packed(struct pfs_pq_runs *runs, struct pfs_slice in, int width)
{
    pfs_pq_runs_init(runs, in, width);
    runs->packed = true;
    runs->base = runs->at;
    runs->at = runs->end;
    runs->left = width == 0 ? 0 : (uint64_t)in.len * 8 / (uint64_t)width;
}

/* Reads headers until a run has values; false at the end of the bytes. Writers may leave out the unused end of the
 * last packed run, so its values are bounded by the bytes that are there. */
static bool next_run(struct pfs_pq_runs *runs)
{
    while (runs->left == 0) {
        struct pfs_cursor c = pfs_cursor_of((struct pfs_slice){runs->at, (size_t)(runs->end - runs->at)});
        uint64_t head = pfs_take_uleb(&c);
        size_t bytes = (size_t)(runs->width + 7) / 8;
        uint64_t count = head >> 1;

        if (c.bad || count > UINT32_MAX)
            return false;
        runs->packed = (head & 1) != 0;
        if (runs->packed) {
            uint64_t held = pfs_left(&c) * 8 / (uint64_t)(runs->width == 0 ? 1 : runs->width);

            count *= 8;
            bytes = (size_t)(count / 8 * (uint64_t)runs->width);
            if (bytes > pfs_left(&c)) {
                bytes = pfs_left(&c);
                count = held;
            }
            runs->base = runs->at + c.pos;
            runs->pos = 0;
        } else {
            runs->value = 0;
            for (size_t i = 0; i < bytes; i++)
                runs->value |= (uint32_t)pfs_take_u8(&c) << 8 * i;
            if (c.bad)
                return false;
            bytes = 0;
        }
        runs->at += c.pos + bytes;
        runs->left = count;
    }
    return true;
}

/* A value of at most 32 bits that begins within a byte: 7 + 32 bits are in one word. */
static uint32_t unpack_one(const struct pfs_pq_runs *runs, uint64_t pos)
{
    uint64_t bit = pos * (uint64_t)runs->width;

    return (uint32_t)(pfs_pq_load64(runs->base + bit / 8) >> bit % 8 & (((uint64_t)1 << runs->width) - 1));
}

/* n values of the current packed run. At every eighth value a byte begins, there whole blocks can start. */
static void take_packed(struct pfs_pq_runs *runs, uint32_t *out, int64_t n)
{
    uint64_t pos = runs->pos;
    int64_t i = 0, blocks;

    assert(runs->packed);
    assert((uint64_t)n <= runs->left);
    for (; i < n && pos % 8 != 0; i++)
        out[i] = unpack_one(runs, pos++);
    blocks = (n - i) / 32;
    if (blocks > 0) {
        unpack[runs->width](runs->base + pos / 8 * (uint64_t)runs->width, out + i, blocks);
        i += blocks * 32;
        pos += (uint64_t)blocks * 32;
    }
    for (; i < n; i++)
        out[i] = unpack_one(runs, pos++);
    runs->pos = pos;
}

/* Width 0 has no bytes at all: dictionaries of one entry, levels of columns that are always there. */
bool pfs_pq_runs_take(struct pfs_pq_runs *runs, uint32_t *out, int64_t n)
{
    assert(n >= 0);
    if (runs->width == 0) {
        memset(out, 0, (size_t)n * sizeof(*out));
        return true;
    }
    while (n > 0) {
        int64_t k;

        if (!next_run(runs))
            return false;
        k = runs->left < (uint64_t)n ? (int64_t)runs->left : n;
        if (runs->packed)
            take_packed(runs, out, k);
        else
            for (int64_t i = 0; i < k; i++)
                out[i] = runs->value;
        runs->left -= (uint64_t)k;
        out += k;
        n -= k;
    }
    return true;
}

bool pfs_pq_runs_skip(struct pfs_pq_runs *runs, int64_t n)
{
    while (n > 0 && runs->width > 0) {
        int64_t k;

        if (!next_run(runs))
            return false;
        k = runs->left < (uint64_t)n ? (int64_t)runs->left : n;
        runs->pos += runs->packed ? (uint64_t)k : 0;
        runs->left -= (uint64_t)k;
        n -= k;
    }
    return true;
}

/* Eight narrow values lie within one word where a byte begins. */
static void take_packed_bytes(struct pfs_pq_runs *runs, uint8_t *out, int64_t n)
{
    uint64_t pos = runs->pos, mask = ((uint64_t)1 << runs->width) - 1;
    int64_t i = 0;

    assert((uint64_t)n <= runs->left);
    for (; i < n && pos % 8 != 0; i++)
        out[i] = (uint8_t)unpack_one(runs, pos++);
    for (; i + 8 <= n; i += 8, pos += 8) {
        uint64_t word = pfs_pq_load64(runs->base + pos / 8 * (uint64_t)runs->width);

        for (int j = 0; j < 8; j++)
            out[i + j] = (uint8_t)(word >> j * runs->width & mask);
    }
    for (; i < n; i++)
        out[i] = (uint8_t)unpack_one(runs, pos++);
    runs->pos = pos;
}

/* An RLE value may have bits beyond its width: the caller holds the levels against their greatest. */
bool pfs_pq_runs_bytes(struct pfs_pq_runs *runs, uint8_t *out, int64_t n)
{
    assert(runs->width <= 8);
    if (runs->width == 0) {
        memset(out, 0, (size_t)n);
        return true;
    }
    while (n > 0) {
        int64_t k;

        if (!next_run(runs))
            return false;
        k = runs->left < (uint64_t)n ? (int64_t)runs->left : n;
        if (runs->packed)
            take_packed_bytes(runs, out, k);
        else
            memset(out, (int)(runs->value & 0xff), (size_t)k);
        runs->left -= (uint64_t)k;
        out += k;
        n -= k;
    }
    return true;
}

/* 56 bits a round: shifted by up to 7 they still fit a word. */
int64_t pfs_pq_bits_copy(uint8_t *bitmap, int64_t to, const uint8_t *in, uint64_t from, int64_t n)
{
    int64_t set = 0;

    while (n > 0) {
        int64_t k = n < 56 ? n : 56;
        uint64_t bits = pfs_pq_load64(in + from / 8) >> from % 8 & (((uint64_t)1 << k) - 1);
        uint64_t word = pfs_pq_load64(bitmap + to / 8) | bits << to % 8;

        memcpy(bitmap + to / 8, &word, sizeof(word));
        set += __builtin_popcountll(bits);
        from += (uint64_t)k;
        to += k;
        n -= k;
    }
    return set;
}

/* Ones: bit by bit up to a byte, whole bytes, and what is left, in a byte that holds nothing yet. */
static void bits_set(uint8_t *bitmap, int64_t to, int64_t n)
{
    for (; n > 0 && to % 8 != 0; to++, n--)
        bitmap[to / 8] = (uint8_t)(bitmap[to / 8] | 1 << to % 8);
    memset(bitmap + to / 8, 0xff, (size_t)n / 8);
    if (n % 8 != 0)
        bitmap[(to + n) / 8] = (uint8_t)((1 << n % 8) - 1);
}

int64_t pfs_pq_runs_bits(struct pfs_pq_runs *runs, uint8_t *bitmap, int64_t to, int64_t n)
{
    int64_t set = 0;

    assert(runs->width == 1);
    assert(to >= 0);
    while (n > 0) {
        int64_t k;

        if (!next_run(runs) || (!runs->packed && runs->value > 1))
            return -1;
        k = runs->left < (uint64_t)n ? (int64_t)runs->left : n;
        if (runs->packed) {
            set += pfs_pq_bits_copy(bitmap, to, runs->base, runs->pos, k);
            runs->pos += (uint64_t)k;
        } else if (runs->value == 1) {
            bits_set(bitmap, to, k);
            set += k;
        }
        runs->left -= (uint64_t)k;
        to += k;
        n -= k;
    }
    return set;
}

/* Eight bits a round: the multiplication puts a copy of the byte's bit i at the top of byte i. */
void pfs_pq_bits_spell(const uint8_t *in, uint64_t from, int64_t n, uint8_t *out)
{
    for (; n > 0; n -= 8, from += 8, out += 8) {
        uint64_t bits = pfs_pq_load64(in + from / 8) >> from % 8 & 0xff;
        uint64_t low = (bits & 0x7f) * 0x0002040810204081 & 0x0101010101010101;
        uint64_t bytes = low | (bits & 0x80) << 49;

        memcpy(out, &bytes, sizeof(bytes));
    }
}

/* Eight bytes a round become a byte of bits: the multiplication gathers the lowest bit of each. */
int64_t pfs_pq_bits_reach(const uint8_t *in, int64_t n, uint8_t least, uint8_t *bitmap)
{
    int64_t set = 0, i = 0;

    assert(least > 0); /* else every bit were set, and no bitmap needed */
    for (; i + 8 <= n; i += 8) {
        uint8_t hit[8];
        uint64_t word;

        for (int j = 0; j < 8; j++)
            hit[j] = in[i + j] >= least;
        memcpy(&word, hit, sizeof(word));
        bitmap[i / 8] = (uint8_t)(word * 0x0102040810204080 >> 56);
        set += __builtin_popcountll(word);
    }
    if (i < n)
        bitmap[i / 8] = 0;
    for (; i < n; i++) {
        bitmap[i / 8] = (uint8_t)(bitmap[i / 8] | (in[i] >= least) << i % 8);
        set += in[i] >= least;
    }
    return set;
}

/* The k <= 64 bits from bit `from` on; a ninth byte holds the rest when they straddle it. */
static uint64_t bits_word(const uint8_t *bitmap, int64_t from, int64_t k)
{
    const uint8_t *at = bitmap + from / 8;
    uint64_t word = pfs_pq_load64(at) >> from % 8;

    if (from % 8 + k > 64)
        word |= (uint64_t)at[8] << (64 - from % 8);
    return k == 64 ? word : word & (((uint64_t)1 << k) - 1);
}

/* From the last row back, so that nothing is overwritten before it moved: what is left to place never reaches past the
 * row that is filled. Words without nulls move as a run. */
#define SPREAD(name, type)                                                                          \
    static void name(type *values, const uint8_t *bitmap, int64_t from, int64_t n, int64_t present) \
    {                                                                                               \
        while (n > 0) {                                                                             \
            int64_t k = n % 64 == 0 ? 64 : n % 64;                                                  \
            uint64_t word = bits_word(bitmap, from + n - k, k);                                     \
            int64_t held = __builtin_popcountll(word);                                              \
            type *to = values + n - k;                                                              \
            const type *in = values + present - held;                                               \
                                                                                                    \
            n -= k;                                                                                 \
            present -= held;                                                                        \
            if (held == k) {                                                                        \
                memmove(to, in, (size_t)k * sizeof(type));                                          \
                continue;                                                                           \
            }                                                                                       \
            if (held == 0) {                                                                        \
                memset(to, 0, (size_t)k * sizeof(type));                                            \
                continue;                                                                           \
            }                                                                                       \
            for (int64_t i = k - 1, j = held - 1; i >= 0; i--) {                                    \
                to[i] = in[j];                                                                      \
                j -= (word >> i & 1) != 0 && j > 0;                                                 \
            }                                                                                       \
        }                                                                                           \
    }
SPREAD(spread_1, uint8_t)
SPREAD(spread_2, uint16_t)
SPREAD(spread_4, uint32_t)
SPREAD(spread_8, uint64_t)
SPREAD(spread_16, pfs_i128)

void pfs_pq_spread(void *values, int width, const uint8_t *bitmap, int64_t from, int64_t n, int64_t present)
{
    assert(from >= 0);
    assert(present <= n);
    assert(width == 1 || width == 2 || width == 4 || width == 8 || width == 16);
    if (width == 1)
        spread_1(values, bitmap, from, n, present);
    else if (width == 2)
        spread_2(values, bitmap, from, n, present);
    else if (width == 4)
        spread_4(values, bitmap, from, n, present);
    else if (width == 8)
        spread_8(values, bitmap, from, n, present);
    else
        spread_16(values, bitmap, from, n, present);
}

/* From the last row back as well: the end of a row is that of the last present one up to it. What stands at offsets[0]
 * is no row's and stays. */
void pfs_pq_spread_offsets(int32_t *offsets, const uint8_t *bitmap, int64_t from, int64_t n, int64_t present)
{
    assert(present <= n);
    for (int64_t i = n; i > 0; i--) {
        int64_t bit = from + i - 1;

        offsets[i] = offsets[present];
        present -= bitmap[bit / 8] >> bit % 8 & 1;
    }
    assert(present == 0); /* as many bits were set as values were taken */
}
