/* bits.h - kernels over bits: packed integers apart, validity and its use. Private to the suite.
 *
 * Loops over one array each, without errors or allocation; the callers have proven all lengths. Packed integers are big
 * endian and may be read PFS_ORC_SLACK bytes past their end. Validity is as in batches: bit (i & 7) of byte i >> 3,
 * NULL = all. "Dense" values are those of present rows only. Threads: pure functions.
 */
#pragma once

#include "base/slice.h"

/* n integers of `width` bits (1..56 or 64) each. */
void pfs_orc_unpack(const uint8_t *in, int width, int64_t n, uint64_t *out);

/* Each to its signed self: 0, -1, 1, -2, ... */
void pfs_orc_zigzag(int64_t *values, int64_t n);

/* The first bit of a byte to its last place, and so on. */
static inline uint8_t pfs_orc_reverse_bits(uint8_t b)
{
    b = (uint8_t)((b & 0xf0) >> 4 | (b & 0x0f) << 4);
    b = (uint8_t)((b & 0xcc) >> 2 | (b & 0x33) << 2);
    return (uint8_t)((b & 0xaa) >> 1 | (b & 0x55) << 1);
}

int64_t pfs_orc_bits_count(const uint8_t *bits, int64_t n);

/* Bits [from, from + n) of `in` to the front of `out`. */
void pfs_orc_bits_copy(const uint8_t *in, int64_t from, int64_t n, uint8_t *out);

/* One dense bit for each set bit of `mask` (n bits), to the place of that bit; the others are 0. */
void pfs_orc_bits_spread(const uint8_t *dense, const uint8_t *mask, int64_t n, uint8_t *out);

/* n bits to bytes of 0 and 1. */
void pfs_orc_bits_expand(const uint8_t *bits, int64_t n, uint8_t *out);

/* Moves `present` dense values of `width` bytes (1, 2, 4, 8, 16) at the front to their places among n; the places
 * between become 0. */
void pfs_orc_spread(void *values, int width, int64_t n, const uint8_t *valid, int64_t present);

/* Dense lengths to n + 1 offsets, rows that are not valid having none; false, and nothing to be used, when a length is
 * below 0 or the sum over `limit` (< 2^31). */
bool pfs_orc_offsets(const int64_t *length, const uint8_t *valid, int64_t n, int64_t limit, int32_t *out);
