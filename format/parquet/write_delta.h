/* write_delta.h - DELTA_BINARY_PACKED, out: integers as differences in blocks of 128, four widths a block. Private to
 * the suite. */
#pragma once

#include "base/buf.h"

/* Appends `count` plain values of 4 or 8 bytes. */
void pfs_pq_put_delta(struct pfs_buf *out, const uint8_t *plain, size_t count, int32_t width);
