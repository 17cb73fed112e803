/* variant.h - VARIANT values as JSON text (the open variant encoding; spec datafiles 4.1).
 *
 * In memory (batch.h): u32 little-endian length of the value, the value, the metadata. Every offset, count and key id
 * is compared with the bytes that are there, nesting is limited: damage is -EIO with the fact. Threads: pure.
 */
#pragma once

#include "base/buf.h"

/* Appends the JSON of one value: no blanks, keys in the order of the object's ids, decimals without trailing zeros,
 * doubles laid out as Java does; NaN, infinities, dates and times are strings, binary is base64. */
int pfs_variant_print(struct pfs_slice memory, struct pfs_buf *out, struct pfs_err *err);
