/* lex.c - words. The place of a word is kept with it, so that sentences can say line and column; what cannot be a word
 * is one of kind BAD at its place, and the lexer stays there. */
#include "src/sql/lex.h"

#include <assert.h>

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* Bytes above ASCII belong to names: column names are in any language. */
static bool is_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           c >= 128;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* 0 behind the end, which no word begins with: callers need not look for it. */
static uint8_t peek(const struct pfs_lexer *l, size_t ahead)
{
    assert(l->pos <= l->text.len);
    return ahead < l->text.len - l->pos ? l->text.at[l->pos + ahead] : 0;
}

/* Blanks, "-- ... end of line", slash-star comments. False at an unclosed comment. */
static bool skip_blanks(struct pfs_lexer *l)
{
    while (l->pos < l->text.len) {
        if (is_blank(peek(l, 0))) {
            l->pos++;
        } else if (peek(l, 0) == '-' && peek(l, 1) == '-') {
            while (l->pos < l->text.len && peek(l, 0) != '\n')
                l->pos++;
        } else if (peek(l, 0) == '/' && peek(l, 1) == '*') {
            l->pos += 2;
            while (l->pos < l->text.len && !(peek(l, 0) == '*' && peek(l, 1) == '/'))
                l->pos++;
            if (l->pos >= l->text.len)
                return false;
            l->pos += 2;
        } else {
            break;
        }
    }
    return true;
}

/* Bytes of a quoted word's meaning, from the opening quote at `pos`; -1 when it is never closed. *end: after the quote.
 */
static int64_t quoted_len(struct pfs_slice text, size_t pos, size_t *end)
{
    uint8_t quote = text.at[pos];
    int64_t len = 0;

    assert(pos < text.len);
    for (pos++; pos < text.len; pos++, len++) {
        if (text.at[pos] != quote)
            continue;
        if (pos + 1 >= text.len || text.at[pos + 1] != quote) {
            *end = pos + 1;
            return len;
        }
        pos++;
    }
    *end = text.len;
    return -1;
}

/* Between two quotes; a doubled quote is one. */
static struct pfs_word quoted(struct pfs_lexer *l, enum pfs_word_kind kind)
{
    struct pfs_word w = {.kind = PFS_WORD_BAD, .quoted = true, .from = l->pos};
    uint8_t quote = peek(l, 0), *out;
    int64_t len = quoted_len(l->text, l->pos, &w.to);

    l->pos = w.to;
    if (len < 0)
        return w;
    out = pfs_arena_alloc(l->arena, (size_t)len);
    w.kind = out == NULL ? PFS_WORD_FULL : kind;
    if (out == NULL)
        return w;
    w.text = pfs_slice_of(out, (size_t)len);
    for (size_t i = w.from + 1; len > 0; len--, i++) {
        *out++ = l->text.at[i];
        i += l->text.at[i] == quote;
    }
    return w;
}

/* Of "e3", "E-12" behind a number's digits, when no name goes on there. */
static size_t exponent_len(const struct pfs_lexer *l)
{
    size_t len = peek(l, 1) == '-' || peek(l, 1) == '+' ? 2 : 1;

    if ((peek(l, 0) != 'e' && peek(l, 0) != 'E') || !is_digit(peek(l, len)))
        return 0;
    while (is_digit(peek(l, len)))
        len++;
    return is_name(peek(l, len)) ? 0 : len;
}

struct pfs_word pfs_lex(struct pfs_lexer *l)
{
    struct pfs_word w = {.kind = PFS_WORD_BAD, .from = l->pos};
    uint8_t c;

    if (!skip_blanks(l)) {
        w.to = l->pos;
        return w;
    }
    w.from = l->pos;
    c = peek(l, 0);
    if (l->pos >= l->text.len) {
        w.kind = PFS_WORD_END;
    } else if (c == '\'') {
        return quoted(l, PFS_WORD_STRING);
    } else if (c == '`' || c == '"') {
        return quoted(l, PFS_WORD_NAME);
    } else if (is_digit(c) || (c == '-' && is_digit(peek(l, 1)))) {
        w.kind = PFS_WORD_NUMBER;
        l->pos++;
        while (is_digit(peek(l, 0)) || (peek(l, 0) == '.' && is_digit(peek(l, 1))))
            l->pos++;
        l->pos += exponent_len(l);
        if (is_name(peek(l, 0))) /* a name that begins with digits */
            w.kind = PFS_WORD_NAME;
        while (is_name(peek(l, 0)))
            l->pos++;
    } else if (is_name(c)) {
        w.kind = PFS_WORD_NAME;
        while (is_name(peek(l, 0)))
            l->pos++;
    } else if (c > ' ' && c < 127) { /* one character each, so that ")," needs no blank between */
        w.kind = PFS_WORD_SIGN;
        l->pos += c == '=' && peek(l, 1) == '>' ? 2 : 1;
    }
    assert(l->pos <= l->text.len);
    w.to = l->pos;
    w.text = pfs_slice_of(l->text.at + w.from, w.to - w.from);
    return w;
}

/* Counted when a sentence needs it, which is once a statement at most. */
void pfs_lex_place(struct pfs_slice text, size_t pos, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < pos && i < text.len; i++) {
        if (text.at[i] == '\n') {
            (*line)++;
            *column = 1;
        } else {
            (*column)++;
        }
    }
}
