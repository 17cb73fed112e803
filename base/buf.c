/* buf.c - one allocation that doubles until its ceiling.
 *
 * Always: len <= cap; at is NULL exactly while cap is 0; over is set only together with failed. Every writer goes
 * through pfs_buf_reserve, the one place where the ceiling is looked at and memory can fail. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>

#include "base/mem.h"

#define LIMIT_DEFAULT ((size_t)1 << 30)
#define CAP_FIRST ((size_t)64) /* some hold a bound of a column, and there may be ten thousand columns */

void pfs_buf_init(struct pfs_buf *buf, size_t limit_bytes)
{
    *buf = (struct pfs_buf){.limit_bytes = limit_bytes};
}

void pfs_buf_done(struct pfs_buf *buf)
{
    pfs_free(buf->at);
    *buf = (struct pfs_buf){.limit_bytes = buf->limit_bytes};
}

void pfs_buf_clear(struct pfs_buf *buf)
{
    buf->len = 0;
    buf->failed = buf->over = false;
}

static size_t limit_of(const struct pfs_buf *buf)
{
    return buf->limit_bytes == 0 ? LIMIT_DEFAULT : buf->limit_bytes;
}

uint8_t *pfs_buf_reserve(struct pfs_buf *buf, size_t bytes)
{
    size_t limit = limit_of(buf), cap;
    uint8_t *more;

    assert(buf->len <= buf->cap);
    assert((buf->at == NULL) == (buf->cap == 0));
    if (buf->failed)
        return NULL;
    if (bytes <= buf->cap - buf->len && buf->at != NULL)
        return buf->at + buf->len;
    if (buf->len > limit || bytes > limit - buf->len) {
        buf->failed = buf->over = true;
        return NULL;
    }
    /* Doubled, so that bytes are moved twice at most on average; the last step stops at the ceiling instead. */
    cap = buf->cap < CAP_FIRST / 2 ? CAP_FIRST : buf->cap * 2;
    if (cap < buf->len + bytes)
        cap = buf->len + bytes;
    if (cap > limit)
        cap = limit;
    more = pfs_realloc(buf->at, cap);
    if (more == NULL) {
        buf->failed = true;
        return NULL;
    }
    buf->at = more;
    buf->cap = cap;
    assert(bytes <= buf->cap - buf->len);
    return buf->at + buf->len;
}

void pfs_buf_put(struct pfs_buf *buf, const void *at, size_t len)
{
    uint8_t *to = pfs_buf_reserve(buf, len);

    assert(at != NULL || len == 0);
    if (to == NULL || len == 0)
        return;
    memcpy(to, at, len);
    buf->len += len;
}

void pfs_buf_puts(struct pfs_buf *buf, const char *text)
{
    pfs_buf_put(buf, text, strlen(text));
}

void pfs_buf_putc(struct pfs_buf *buf, uint8_t byte)
{
    uint8_t *to = pfs_buf_reserve(buf, 1);

    if (to != NULL) {
        *to = byte;
        buf->len++;
    }
}

void pfs_buf_printf(struct pfs_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    uint8_t *to;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    /* Room for the NUL that vsnprintf writes, too; it is not counted, and the next bytes go over it. */
    to = len < 0 ? NULL : pfs_buf_reserve(buf, (size_t)len + 1);
    if (to != NULL) {
        (void)vsnprintf((char *)to, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void pfs_buf_le32(struct pfs_buf *buf, uint32_t v)
{
    uint8_t b[4];

    pfs_put_le32(b, v);
    pfs_buf_put(buf, b, sizeof(b));
}

void pfs_buf_le64(struct pfs_buf *buf, uint64_t v)
{
    uint8_t b[8];

    pfs_put_le64(b, v);
    pfs_buf_put(buf, b, sizeof(b));
}

void pfs_buf_be32(struct pfs_buf *buf, uint32_t v)
{
    uint8_t b[4];

    pfs_put_be32(b, v);
    pfs_buf_put(buf, b, sizeof(b));
}

void pfs_buf_be64(struct pfs_buf *buf, uint64_t v)
{
    uint8_t b[8];

    pfs_put_be64(b, v);
    pfs_buf_put(buf, b, sizeof(b));
}

void pfs_buf_uleb(struct pfs_buf *buf, uint64_t v)
{
    uint8_t b[10];
    size_t len = 0;

    for (; v >= 128; v >>= 7)
        b[len++] = (uint8_t)(v | 128);
    b[len++] = (uint8_t)v;
    assert(len <= sizeof(b)); /* 64 bits, seven a byte */
    pfs_buf_put(buf, b, len);
}

void pfs_buf_zigzag(struct pfs_buf *buf, int64_t v)
{
    pfs_buf_uleb(buf, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

int pfs_buf_check(const struct pfs_buf *buf, struct pfs_err *err)
{
    assert(buf->failed || !buf->over);
    if (!buf->failed)
        return 0;
    if (buf->over)
        return pfs_fail(err, EFBIG, "more than %zu bytes", limit_of(buf));
    return pfs_fail(err, ENOMEM, "out of memory at %zu bytes", buf->len);
}
