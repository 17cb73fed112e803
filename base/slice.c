/* slice.c - what the cursor takes. Nothing is taken once it is bad, so that a decoder may go on to its end and ask
 * then: all that it got meanwhile are zeros. */
#include "base/slice.h"

#include <assert.h>

int pfs_slice_compare(struct pfs_slice a, struct pfs_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);

    assert(a.at != NULL || a.len == 0);
    assert(b.at != NULL || b.len == 0);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool pfs_take(struct pfs_cursor *c, size_t len, struct pfs_slice *out)
{
    assert(c->pos <= c->in.len);
    if (c->bad || len > pfs_left(c)) {
        c->bad = true;
        *out = (struct pfs_slice){NULL, 0};
        return false;
    }
    *out = pfs_slice_of(c->in.at + c->pos, len);
    c->pos += len;
    return true;
}

bool pfs_skip(struct pfs_cursor *c, size_t len)
{
    struct pfs_slice ignored;

    return pfs_take(c, len, &ignored);
}

uint8_t pfs_take_u8(struct pfs_cursor *c)
{
    if (c->bad || pfs_left(c) < 1) {
        c->bad = true;
        return 0;
    }
    return c->in.at[c->pos++];
}

uint16_t pfs_take_le16(struct pfs_cursor *c)
{
    struct pfs_slice s;

    return pfs_take(c, 2, &s) ? pfs_le16(s.at) : 0;
}

uint32_t pfs_take_le32(struct pfs_cursor *c)
{
    struct pfs_slice s;

    return pfs_take(c, 4, &s) ? pfs_le32(s.at) : 0;
}

uint64_t pfs_take_le64(struct pfs_cursor *c)
{
    struct pfs_slice s;

    return pfs_take(c, 8, &s) ? pfs_le64(s.at) : 0;
}

uint32_t pfs_take_be32(struct pfs_cursor *c)
{
    struct pfs_slice s;

    return pfs_take(c, 4, &s) ? pfs_be32(s.at) : 0;
}

uint64_t pfs_take_be64(struct pfs_cursor *c)
{
    struct pfs_slice s;

    return pfs_take(c, 8, &s) ? pfs_be64(s.at) : 0;
}

uint64_t pfs_take_uleb(struct pfs_cursor *c)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = pfs_take_u8(c);

        /* The tenth byte has room for the 64th bit alone; more would be another number than the one that is told. */
        if (c->bad || (shift == 63 && byte > 1))
            break;
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return v;
    }
    c->bad = true;
    return 0;
}

int64_t pfs_take_zigzag(struct pfs_cursor *c)
{
    uint64_t v = pfs_take_uleb(c);

    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

bool pfs_json_is_deeper(struct pfs_slice json, int depth)
{
    int nested = 0;
    bool quoted = false;

    assert(depth >= 0);
    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.at[i];

        if (c == '\\' && quoted)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            nested++;
        else if (!quoted && (c == '}' || c == ']'))
            nested--;
        if (nested > depth)
            return true;
    }
    return false;
}
