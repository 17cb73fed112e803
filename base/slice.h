/* slice.h - bytes with a length, a cursor over them that cannot run past the end, and checked arithmetic.
 *
 * A slice is borrowed: it never outlives what owns the bytes. The cursor's invariant is pos <= in.len; a read past
 * the end sets `bad`, gives zeros from then on, and never moves: a decoder reads straight down and checks once.
 * Lengths are compared with what remains, never added to an offset first. Nothing here allocates. Threads: values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pfs_slice {
    const uint8_t *at; /* may be NULL when len is 0 */
    size_t len;
};

struct pfs_cursor {
    struct pfs_slice in;
    size_t pos; /* <= in.len */
    bool bad;   /* sticky: something did not fit */
};

static inline struct pfs_slice pfs_slice_of(const void *at, size_t len)
{
    return (struct pfs_slice){(const uint8_t *)at, len};
}

static inline struct pfs_slice pfs_str(const char *text)
{
    return pfs_slice_of(text, strlen(text));
}

static inline bool pfs_slice_eq(struct pfs_slice a, struct pfs_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Unsigned byte order, the shorter one first when it is a prefix: < 0, 0, > 0. */
int pfs_slice_compare(struct pfs_slice a, struct pfs_slice b);

/* For printf: "%.*s", PFS_P(slice). Cuts at INT_MAX. */
#define PFS_P(s) ((s).len > 0x7fffffff ? 0x7fffffff : (int)(s).len), (const char *)(s).at

static inline struct pfs_cursor pfs_cursor_of(struct pfs_slice in)
{
    return (struct pfs_cursor){in, 0, false};
}

static inline size_t pfs_left(const struct pfs_cursor *c)
{
    return c->in.len - c->pos;
}

/* Takes len bytes; false (and bad) when fewer are left. */
bool pfs_take(struct pfs_cursor *c, size_t len, struct pfs_slice *out);
bool pfs_skip(struct pfs_cursor *c, size_t len);

/* One value each; 0 when bad. */
uint8_t pfs_take_u8(struct pfs_cursor *c);
uint16_t pfs_take_le16(struct pfs_cursor *c);
uint32_t pfs_take_le32(struct pfs_cursor *c);
uint64_t pfs_take_le64(struct pfs_cursor *c);
uint32_t pfs_take_be32(struct pfs_cursor *c);
uint64_t pfs_take_be64(struct pfs_cursor *c);
uint64_t pfs_take_uleb(struct pfs_cursor *c); /* LEB128, at most 10 bytes; bits past 64 make it bad */
int64_t pfs_take_zigzag(struct pfs_cursor *c);

/* Unaligned loads and stores; the caller has proven that the bytes are there. */
static inline uint16_t pfs_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | (uint16_t)p[1] << 8);
}

static inline uint32_t pfs_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t pfs_le64(const uint8_t *p)
{
    return (uint64_t)pfs_le32(p) | (uint64_t)pfs_le32(p + 4) << 32;
}

static inline uint32_t pfs_be32(const uint8_t *p)
{
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static inline uint64_t pfs_be64(const uint8_t *p)
{
    return (uint64_t)pfs_be32(p) << 32 | pfs_be32(p + 4);
}

static inline void pfs_put_le32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void pfs_put_le64(uint8_t *p, uint64_t v)
{
    pfs_put_le32(p, (uint32_t)v);
    pfs_put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline void pfs_put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

static inline void pfs_put_be64(uint8_t *p, uint64_t v)
{
    pfs_put_be32(p, (uint32_t)(v >> 32));
    pfs_put_be32(p + 4, (uint32_t)v);
}

/* True when the result fits; *out is written only then. */
static inline bool pfs_add_size(size_t a, size_t b, size_t *out)
{
    size_t r;

    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool pfs_mul_size(size_t a, size_t b, size_t *out)
{
    size_t r;

    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

/* Do the brackets of a JSON text nest deeper than that? Asked before a parser that recurses sees it; whether the text
 * is JSON at all is the parser's to say. */
bool pfs_json_is_deeper(struct pfs_slice json, int depth);
