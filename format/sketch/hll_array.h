/* hll_array.h - HLL sketches that are arrays: for each of 1 << lg_k slots the greatest value of a coupon that fell
 * there.
 *
 *   10, 1, 7, lgK, lg of the exceptions' table, flags, least value, mode | type << 2
 *   f64 count so far | f64, f64 sums of 2^-value | i32 slots with the least value | i32 exceptions | slots | exceptions
 *   HLL_4: a slot is 4 bits above the least value, 15 = an exception: slot | value << 26. HLL_6: 6 bits. HLL_8: a byte
 *
 * What is added in order keeps count of itself; of two arrays that are united nobody knows the order, and their count
 * is 0. Private to the suite. Threads: pure functions.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

struct pfs_hll_array {
    uint32_t lg_k;
    uint8_t *value; /* 1 << lg_k of them, at most 63 */
    double count;   /* of what was added in order */
    double sum[2];  /* of 2^-value: of values below 32, and of the others. Exact: 21 + 31 bits */
    bool out_of_order;
};

/* All slots 0. */
int pfs_hll_array_new(uint32_t lg_k, struct pfs_arena *arena, struct pfs_hll_array *out, struct pfs_err *err);
/* Of stored bytes, whose head (8 bytes, checked) says lg_k and what follows. -EIO: damaged. */
int pfs_hll_array_take(struct pfs_slice in, uint32_t lg_k, struct pfs_arena *arena, struct pfs_hll_array *out,
                       struct pfs_err *err);
/* Adds a coupon in order. */
void pfs_hll_array_add(struct pfs_hll_array *array, uint32_t coupon);
/* The same with fewer slots: 1 << lg_k <= those of `from`. */
int pfs_hll_array_fold(const struct pfs_hll_array *from, uint32_t lg_k, struct pfs_arena *arena,
                       struct pfs_hll_array *out, struct pfs_err *err);
/* `from` has at least as many slots. */
void pfs_hll_array_merge(struct pfs_hll_array *into, const struct pfs_hll_array *from);
/* Appends it as HLL_4, compact. */
int pfs_hll_array_put(const struct pfs_hll_array *array, struct pfs_arena *scratch, struct pfs_buf *out,
                      struct pfs_err *err);

/* How many values gave so many coupons. */
double pfs_hll_estimate(uint32_t coupons);
