/* utf8.h - validity and length of UTF-8 text. Pure functions. */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

/* Offset of the first byte of the first malformed sequence; in.len when all is well. Surrogates, overlong forms and
 * code points above U+10FFFF are malformed. ASCII runs are checked eight bytes at a time. */
size_t pfs_utf8_check(struct pfs_slice in);

/* Code points of valid UTF-8. */
size_t pfs_utf8_count(struct pfs_slice in);

/* Bytes that the first `count` code points of valid UTF-8 take (in.len when there are fewer). */
size_t pfs_utf8_prefix(struct pfs_slice in, size_t count);

/* Appends the text that Java makes of bytes: U+FFFD stands for each malformed sequence. */
void pfs_utf8_decode(struct pfs_slice in, struct pfs_buf *out);
