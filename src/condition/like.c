/* like.c - patterns with * (any run of characters) and ? (one character), over UTF-8.
 *
 * Bytes are compared, characters are counted: a literal byte of the pattern meets a byte of the text, but ? and a star
 * that gives way move on by whole characters. So a match never begins inside a character.
 */
#include "src/condition/node.h"

#include <assert.h>

/* Bytes of the character at `at` (UTF-8; a byte that begins none is one). */
static size_t character(struct pfs_slice text, size_t at)
{
    size_t n = 1;

    assert(at < text.len);
    while (at + n < text.len && (text.at[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

/* A star takes nothing at first; at a mismatch the last star takes one byte more. Earlier stars need not be tried
 * again: what stands between two stars was found at its first place. */
bool pfs_like_matches(struct pfs_slice pattern, struct pfs_slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_text = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.len && pattern.at[p] == '?') {
            p++;
            t += character(text, t);
        } else if (p < pattern.len && pattern.at[p] == text.at[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            star_text += character(text, star_text);
            t = star_text;
        } else {
            return false;
        }
    }
    assert(t == text.len); /* steps are of characters, and none reaches beyond the text */
    assert(p <= pattern.len);
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

struct pfs_slice pfs_like_prefix(struct pfs_slice pattern)
{
    size_t n = 0;

    while (n < pattern.len && pattern.at[n] != '*' && pattern.at[n] != '?')
        n++;
    return pfs_slice_of(pattern.at, n);
}
