/* bits.h - bit-packed numbers, RLE runs and bitmaps: the lowest layer of decoding. Private to the suite.
 *
 * Everything works on whole runs of values. Sources are read up to PFS_PQ_PAD bytes past their end, so they must lie in
 * a buffer that has as many bytes more. Loads and stores of whole words take the host's byte order for the file's.
 * Threads: values.
 */
#pragma once

#include "base/slice.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "runs of values are copied as they lie in the file");

#define PFS_PQ_PAD 64 /* bytes that may be read (and, in outputs that say so, written) past the end */

static inline uint32_t pfs_pq_load32(const uint8_t *at)
{
    uint32_t v;

    memcpy(&v, at, sizeof(v));
    return v;
}

static inline uint64_t pfs_pq_load64(const uint8_t *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof(v));
    return v;
}

/* Bits that numbers up to `max` need. */
static inline int pfs_pq_bit_width(int max)
{
    return max == 0 ? 0 : 32 - __builtin_clz((unsigned)max);
}

/* The hybrid of RLE and bit-packed runs: definition levels, dictionary indexes, booleans. */
struct pfs_pq_runs {
    const uint8_t *at, *end; /* the next run's header; the end */
    int width;               /* bits a value, 0..32 */
    bool packed;             /* what the current run is */
    uint32_t value;          /* of an RLE run */
    const uint8_t *base;     /* of a packed run */
    uint64_t pos;            /* values already taken from a packed run */
    uint64_t left;           /* values left in the current run */
};

void pfs_pq_runs_init(struct pfs_pq_runs *runs, struct pfs_slice in, int width);

/* Values packed without headers, lowest bits first: one run of as many as the bytes hold. */
void pfs_pq_runs_init_packed(struct pfs_pq_runs *runs, struct pfs_slice in, int width);

/* The next n values; false when the bytes end before. */
bool pfs_pq_runs_take(struct pfs_pq_runs *runs, uint32_t *out, int64_t n);
bool pfs_pq_runs_skip(struct pfs_pq_runs *runs, int64_t n);

/* The same for a width of at most 8, a byte each: levels. */
bool pfs_pq_runs_bytes(struct pfs_pq_runs *runs, uint8_t *out, int64_t n);

/* The next n values of width 1 as bits, from bit `to` of `bitmap` on, which are 0 before; the bitmap has 8 bytes more
 * than it needs. Returns how many are set; -1 when the bytes end before or hold another value than 0 and 1. */
int64_t pfs_pq_runs_bits(struct pfs_pq_runs *runs, uint8_t *bitmap, int64_t to, int64_t n);

/* Copies n bits to bit `to` of a zeroed bitmap with 8 bytes of room more; returns how many are set. */
int64_t pfs_pq_bits_copy(uint8_t *bitmap, int64_t to, const uint8_t *in, uint64_t from, int64_t n);

/* n bits from bit `from` on become bytes 0 and 1; may write 7 bytes more. */
void pfs_pq_bits_spell(const uint8_t *in, uint64_t from, int64_t n, uint8_t *out);

/* A bit for each of n bytes: set where it is at least `least`. The bitmap has 8 bytes more than it needs; returns how
 * many are set. */
int64_t pfs_pq_bits_reach(const uint8_t *in, int64_t n, uint8_t least, uint8_t *bitmap);

/* n values of `width` bytes at `values` hold only the present ones, at the front: moves each to its row, as told by the
 * bits from `from` on. Rows that are absent get some value or 0. The bitmap has 8 bytes more than it needs. */
void pfs_pq_spread(void *values, int width, const uint8_t *bitmap, int64_t from, int64_t n, int64_t present);

/* The same for n + 1 offsets, of which the first `present` + 1 are given: an absent row is empty. */
void pfs_pq_spread_offsets(int32_t *offsets, const uint8_t *bitmap, int64_t from, int64_t n, int64_t present);
