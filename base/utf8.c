/* utf8.c - what the Unicode standard calls well-formed (its table of byte sequences): each code point has one spelling.
 *
 *   00..7F | C2..DF c | E0 A0..BF c | E1..EC c c | ED 80..9F c | EE..EF c c
 *          | F0 90..BF c c | F1..F3 c c c | F4 80..8F c c           c: 80..BF
 */
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

#define HIGH_BITS 0x8080808080808080ull

/* Length of the well-formed sequence at the start (not ASCII); 0 when there is none. */
static size_t sequence(const uint8_t *p, size_t left)
{
    uint8_t a = p[0];
    size_t len = a >= 0xF0 ? 4 : a >= 0xE0 ? 3 : 2;

    assert(left > 0);
    assert(a >= 128); /* ASCII was passed by the caller, eight bytes at a time */
    if (a < 0xC2 || a > 0xF4 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((a == 0xE0 && p[1] < 0xA0) || (a == 0xED && p[1] > 0x9F) || (a == 0xF0 && p[1] < 0x90) ||
        (a == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

size_t pfs_utf8_check(struct pfs_slice in)
{
    size_t i = 0;

    while (i < in.len) {
        size_t len;

        while (in.len - i >= 8 && (pfs_le64(in.at + i) & HIGH_BITS) == 0)
            i += 8;
        while (i < in.len && in.at[i] < 128)
            i++;
        if (i == in.len)
            break;
        len = sequence(in.at + i, in.len - i);
        if (len == 0)
            return i;
        i += len;
    }
    assert(i == in.len);
    return in.len;
}

size_t pfs_utf8_count(struct pfs_slice in)
{
    size_t count = 0;

    for (size_t i = 0; i < in.len; i++)
        count += (in.at[i] & 0xC0) != 0x80;
    return count;
}

size_t pfs_utf8_prefix(struct pfs_slice in, size_t count)
{
    size_t i = 0;

    if (in.len <= count)
        return in.len;
    for (; i < in.len; i++)
        if ((in.at[i] & 0xC0) != 0x80 && count-- == 0)
            break;
    assert(i <= in.len);
    return i;
}

/* Bytes of the malformed sequence at the start that one replacement character stands for: what could begin a character
 * (a surrogate is one here), or one byte. */
static size_t malformed(struct pfs_slice in)
{
    size_t whole = in.at[0] < 0xe0 ? 2 : in.at[0] < 0xf0 ? 3 : 4, len = 1;
    uint8_t text[4] = {in.at[0] == 0xed ? 0xee : in.at[0]};

    for (; len < whole && len < in.len; len++) {
        text[len] = in.at[len];
        memset(text + len + 1, 0xbf, sizeof(text) - len - 1);
        if (pfs_utf8_check(pfs_slice_of(text, whole)) != whole)
            break;
    }
    return len;
}

void pfs_utf8_decode(struct pfs_slice in, struct pfs_buf *out)
{
    while (in.len > 0) {
        size_t len = pfs_utf8_check(in);

        pfs_buf_put(out, in.at, len);
        if (len < in.len) {
            pfs_buf_puts(out, "\xef\xbf\xbd");
            len += malformed(pfs_slice_of(in.at + len, in.len - len));
        }
        in = pfs_slice_of(in.at + len, in.len - len);
    }
}
