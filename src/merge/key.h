/* key.h - keys as bytes that compare like the values: a fixed 8-byte prefix compared as one integer, the rest on a tie.
 *
 * Encoding, column after column: integers, dates, times, timestamps big-endian with the sign bit flipped; BOOLEAN one
 * byte; DECIMAL as its integer; FLOAT and DOUBLE in total order, but for the zeros,
 * which are one key, and NaN, which is one and the greatest; strings and bytes with 00 escaped as 00 FF and ended
 * by 00 00 (the last column: as they are). Key columns are never null. Threads: pure functions over an arena.
 */
#pragma once

#include "format/batch.h"

struct pfs_keys {
    const uint64_t *prefix; /* first 8 bytes of the encoding, zero filled, as a big-endian number */
    bool exact;             /* the prefix is the whole key, for every row: equal prefixes are equal keys */
    const uint32_t *offset; /* rows + 1; the full encodings, when not exact */
    const uint8_t *bytes;
};

/* Keys of every row, from the columns column[index[0..count-1]]. -EOPNOTSUPP for nested kinds. */
int pfs_keys_of(const struct pfs_batch *batch, const int32_t *index, int32_t count, struct pfs_arena *arena,
                struct pfs_keys *out, struct pfs_err *err);

/* The first 8 of `len` bytes, zero filled, as a big-endian number. */
static inline uint64_t pfs_key_word(const uint8_t *at, size_t len)
{
    uint64_t v = 0;

    if (len >= 8)
        return pfs_be64(at);
    for (size_t i = 0; i < len; i++)
        v |= (uint64_t)at[i] << (56 - 8 * i);
    return v;
}

/* < 0, 0, > 0. Both made from the same column types. */
static inline int pfs_keys_compare(const struct pfs_keys *a, int64_t row_a, const struct pfs_keys *b, int64_t row_b)
{
    uint64_t x = a->prefix[row_a], y = b->prefix[row_b];

    if (x != y)
        return x < y ? -1 : 1;
    if (a->exact)
        return 0;
    return pfs_slice_compare(pfs_slice_of(a->bytes + a->offset[row_a], a->offset[row_a + 1] - a->offset[row_a]),
                             pfs_slice_of(b->bytes + b->offset[row_b], b->offset[row_b + 1] - b->offset[row_b]));
}

/* Of ascending keys the first from `from` on, before `rows`, that is not below the other; `rows` when there is none. A
 * near one is found at once. */
int64_t pfs_keys_reach(const struct pfs_keys *keys, int64_t from, int64_t rows, const struct pfs_keys *other,
                       int64_t row);
