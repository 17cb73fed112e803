/* write_bits.h - the RLE / bit-packing hybrid, out. Private to the suite. */
#pragma once

#include "base/buf.h"

/* Appends `count` values of `width` bits (0 to 32; 0 to 8): runs that begin where a packed group of 8 does become RLE,
 * the rest is packed. */
void pfs_pq_put_hybrid(struct pfs_buf *out, const uint32_t *value, size_t count, int width);
void pfs_pq_put_levels(struct pfs_buf *out, const uint8_t *value, size_t count, int width);
/* One run of the same value. */
void pfs_pq_put_run(struct pfs_buf *out, uint32_t value, size_t count, int width);
/* Bits that hold every value up to `most`. */
int pfs_pq_bit_width(uint32_t most);
