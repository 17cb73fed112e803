/* sketch.h - bytes that stand for sets, united exactly as Paimon Java does: Roaring bitmaps of 32 and 64 bits, theta
 * and HLL sketches of Apache DataSketches (spec merge-engines 12).
 *
 * Every function takes two serialised sets, the older one (`acc`) first, and appends their union to `out`, byte for
 * byte what Java's union gives. Both are input: lengths, order and structure are checked, -EIO with the fact. Memory
 * that is needed meanwhile comes from `scratch`, which the caller resets. Threads: pure functions.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "format/bitmap.h"

/* RoaringBitmap32: portable serialisation, runs where they are smaller. */
int pfs_rbm32_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err);
/* RoaringBitmap64: the radix tree form. */
int pfs_rbm64_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err);
/* Adds the values of a stored bitmap to `into`; its first byte tells which of the two forms it is (*wide: of 64 bits).
 */
int pfs_rbm_add_to(struct pfs_slice in, struct pfs_arena *scratch, struct pfs_bitmap *into, bool *wide,
                   struct pfs_err *err);
/* Appends a bitmap as RoaringBitmap64; as RoaringBitmap32 pfs_bitmap_print32 does. */
int pfs_rbm64_print(const struct pfs_bitmap *bitmap, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err);
/* Theta sketches, of 4096 nominal hashes when united. -EOPNOTSUPP: forms of other versions of the library; -EINVAL:
 * made with different seeds. */
int pfs_theta_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                    struct pfs_err *err);
/* HLL sketches; the answer is of type HLL_4. */
int pfs_hll_union(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                  struct pfs_err *err);
