/* buf.h - a run of bytes that grows up to a ceiling: what printers write to and files are built in.
 *
 * Sticky: the first failure (no memory, over the ceiling) sets `failed`; later calls do nothing, so that a printer
 * writes straight down and asks pfs_buf_check once. Threads: one buffer, one thread at a time.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct pfs_buf {
    uint8_t *at;
    size_t len, cap;
    size_t limit_bytes; /* ceiling; 0 = 1 GiB */
    bool failed;
    bool over; /* failed for the ceiling, not for want of memory */
};

void pfs_buf_init(struct pfs_buf *buf, size_t limit_bytes); /* a zeroed buffer is a valid one too */
void pfs_buf_done(struct pfs_buf *buf);
void pfs_buf_clear(struct pfs_buf *buf); /* empty again, keeps its memory, forgets a failure */

/* Room for `bytes` more at the returned pointer (buf->at + buf->len); NULL when failed. The caller adds what it
 * wrote to buf->len. */
uint8_t *pfs_buf_reserve(struct pfs_buf *buf, size_t bytes);

void pfs_buf_put(struct pfs_buf *buf, const void *at, size_t len);
void pfs_buf_puts(struct pfs_buf *buf, const char *text); /* without its NUL */
void pfs_buf_putc(struct pfs_buf *buf, uint8_t byte);
void pfs_buf_printf(struct pfs_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pfs_buf_le32(struct pfs_buf *buf, uint32_t v);
void pfs_buf_le64(struct pfs_buf *buf, uint64_t v);
void pfs_buf_be32(struct pfs_buf *buf, uint32_t v);
void pfs_buf_be64(struct pfs_buf *buf, uint64_t v);
void pfs_buf_uleb(struct pfs_buf *buf, uint64_t v);
void pfs_buf_zigzag(struct pfs_buf *buf, int64_t v);

/* 0, or -ENOMEM / -EFBIG with the sentence when the buffer failed. */
int pfs_buf_check(const struct pfs_buf *buf, struct pfs_err *err);

static inline struct pfs_slice pfs_buf_slice(const struct pfs_buf *buf)
{
    return (struct pfs_slice){buf->at, buf->len};
}
