/* bitmap.h - sets of row positions: Roaring bitmaps (by CRoaring) in the portable serialisation, 32 and 64 bits.
 *
 * Hostile bytes are checked before they reach the library: lengths, ascending containers and values; -EIO with the
 * fact. A bitmap is built or parsed once and then only read. Threads: immutable after construction.
 */
#pragma once

#include "base/buf.h"
#include "base/mem.h"

struct pfs_bitmap;

int pfs_bitmap_new(struct pfs_bitmap **out, struct pfs_err *err);
void pfs_bitmap_free(struct pfs_bitmap *bitmap); /* NULL allowed */
PFS_DEFINE_AUTO(bitmap, pfs_bitmap_free)

/* Portable form of 32-bit values: takes what it needs from the front of `in` and says how much in *used (NULL: all must
 * be taken). */
int pfs_bitmap_parse32(struct pfs_slice in, size_t *used, struct pfs_bitmap **out, struct pfs_err *err);
/* i64 little-endian count, then (i32 key, portable 32-bit bitmap) each, keys ascending. Values over 2^32 - 1 are kept.
 */
int pfs_bitmap_parse64(struct pfs_slice in, size_t *used, struct pfs_bitmap **out, struct pfs_err *err);
int pfs_bitmap_print32(const struct pfs_bitmap *bitmap, struct pfs_buf *out, struct pfs_err *err); /* -E2BIG: too large
                                                                                                     a value */
int pfs_bitmap_print64(const struct pfs_bitmap *bitmap, struct pfs_buf *out, struct pfs_err *err);

/* Appends the portable form of the bitmap that has these values: ascending, each once. */
int pfs_bitmap_print_values(const uint32_t *value, size_t count, struct pfs_buf *out, struct pfs_err *err);

int pfs_bitmap_add(struct pfs_bitmap *bitmap, uint64_t value, struct pfs_err *err);
int pfs_bitmap_add_range(struct pfs_bitmap *bitmap, uint64_t from, uint64_t to, struct pfs_err *err);
bool pfs_bitmap_has(const struct pfs_bitmap *bitmap, uint64_t value);
uint64_t pfs_bitmap_count(const struct pfs_bitmap *bitmap);

/* In place: a := a or b, a and b, a without b, [0, rows) without a. */
int pfs_bitmap_or(struct pfs_bitmap *a, const struct pfs_bitmap *b, struct pfs_err *err);
int pfs_bitmap_and(struct pfs_bitmap *a, const struct pfs_bitmap *b, struct pfs_err *err);
int pfs_bitmap_andnot(struct pfs_bitmap *a, const struct pfs_bitmap *b, struct pfs_err *err);
int pfs_bitmap_flip(struct pfs_bitmap *a, uint64_t rows, struct pfs_err *err);

/* Values in [from, to), ascending, at most `max` of them, to `out`; how many. The river's way to walk a bitmap. */
int64_t pfs_bitmap_values(const struct pfs_bitmap *bitmap, uint64_t from, uint64_t to, uint64_t *out, int64_t max);
