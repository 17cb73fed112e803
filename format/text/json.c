/* json.c - JSON text as cells: members, elements, and where a value that nests ends.
 *
 * Numbers stay text; what nests stays text too, with its brackets matched: whoever types it opens it again, one level
 * at a time, so that no recursion is needed here. NaN, Infinity and -Infinity pass as numbers, as Python writes them.
 *
 * Where a value ends is found 64 bytes at a time, as masks with a bit a byte: quotes that no backslash takes away, then
 * by their parity what is inside strings, then the brackets that are not. Only those are walked, with a stack of one
 * bit a level. The same walk goes on across pieces of input, since a row may come in many.
 */
#include <assert.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "format/text/marks.h"
#include "format/text/parse.h"

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static void skip_blanks(struct pfs_json *j)
{
    while (j->at < j->end && is_blank(*j->at))
        j->at++;
}

static int fail_at(const struct pfs_json *j, const char *expected, struct pfs_err *err)
{
    size_t left = (size_t)(j->end - j->at);
    size_t shown = pfs_utf8_prefix(pfs_slice_of(j->at, left), 20);

    assert(j->at <= j->end);
    if (left == 0)
        return pfs_fail(err, EINVAL, "JSON ends where %s belongs", expected);
    return pfs_fail(err, EINVAL, "\"%.*s\" where %s belongs", (int)shown, (const char *)j->at, expected);
}

/* ---- strings ---- */

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits at `at`, of which `left` bytes are there; -1 when they are not. */
static int32_t unit_of(const uint8_t *at, size_t left)
{
    int32_t v = 0;

    if (left < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(at[i]);

        if (digit < 0)
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

/* Checks the escape whose backslash is at j->at and passes it. */
static int pass_escape(struct pfs_json *j, struct pfs_err *err)
{
    size_t left = (size_t)(j->end - j->at);
    int32_t unit;

    assert(left > 0 && *j->at == '\\');
    if (left >= 2 && j->at[1] != '\0' && strchr("\"\\/bfnrt", j->at[1]) != NULL) {
        j->at += 2;
        return 0;
    }
    unit = left >= 2 && j->at[1] == 'u' ? unit_of(j->at + 2, left - 2) : -1;
    if (unit < 0)
        return fail_at(j, "an escape", err);
    if (unit >= 0xD800 && unit <= 0xDFFF) {
        int32_t low = left >= 12 && j->at[6] == '\\' && j->at[7] == 'u' ? unit_of(j->at + 8, 4) : -1;

        if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
            return pfs_fail(err, EILSEQ, "half a surrogate pair in a JSON string");
        j->at += 6;
    }
    j->at += 6;
    return 0;
}

/* The first byte from `at` on that is not plain in a JSON string; `end` when all are. */
static inline const uint8_t *pass_plain(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 16) {
        uint32_t marks = pfs_marks_string(at);

        if (marks != 0)
            return at + __builtin_ctz(marks);
        at += 16;
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20)
        at++;
    return at;
}

/* A string whose opening quote is at j->at. */
static int take_string(struct pfs_json *j, struct pfs_cell *out, struct pfs_err *err)
{
    const uint8_t *from = ++j->at;
    uint8_t form = PFS_CELL_STRING;

    assert(from[-1] == '"');
    for (;;) {
        j->at = pass_plain(j->at, j->end);
        if (j->at == j->end)
            return pfs_fail(err, EINVAL, "a JSON string is not closed");
        if (*j->at == '"')
            break;
        if (*j->at < 0x20)
            return pfs_fail(err, EINVAL, "a control character (%d) in a JSON string", *j->at);
        form = PFS_CELL_ESCAPED;
        PFS_TRY(pass_escape(j, err));
    }
    *out = (struct pfs_cell){from, (uint32_t)(j->at - from), form};
    j->at++;
    return 0;
}

static size_t put_utf8(uint32_t c, uint8_t *out)
{
    assert(c <= 0x10FFFF);
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xC0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xE0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

/* The escape at `at` has been checked. Returns its length; its bytes go to out. */
static size_t put_escape(const uint8_t *at, uint8_t *out, size_t *len)
{
    static const char letters[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    const char *letter = strchr(letters, at[1]);
    uint32_t unit;

    if (at[1] != 'u') {
        out[(*len)++] = letter != NULL ? (uint8_t)bytes[letter - letters] : at[1];
        return 2;
    }
    unit = (uint32_t)unit_of(at + 2, 4);
    if (unit < 0xD800 || unit > 0xDFFF) {
        *len += put_utf8(unit, out + *len);
        return 6;
    }
    unit = 0x10000 + ((unit - 0xD800) << 10) + ((uint32_t)unit_of(at + 8, 4) - 0xDC00);
    *len += put_utf8(unit, out + *len);
    return 12;
}

size_t pfs_cell_unescape(const struct pfs_cell *cell, uint8_t *out)
{
    uint8_t mark = cell->form == PFS_CELL_DOUBLED ? '"' : '\\';
    size_t i = 0, len = 0;

    assert(cell->form == PFS_CELL_DOUBLED || cell->form == PFS_CELL_ESCAPED);
    while (i < cell->len) {
        const uint8_t *stop = memchr(cell->at + i, mark, cell->len - i);
        size_t plain = stop == NULL ? cell->len - i : (size_t)(stop - (cell->at + i));

        memcpy(out + len, cell->at + i, plain);
        len += plain;
        i += plain;
        if (stop == NULL)
            break;
        if (mark == '"') {
            out[len++] = '"';
            i += 2;
        } else {
            i += put_escape(stop, out, &len);
        }
    }
    assert(len <= cell->len); /* every escape is longer than what it spells */
    return len;
}

/* ---- values ---- */

static bool is_digit(const struct pfs_json *j)
{
    return j->at < j->end && *j->at >= '0' && *j->at <= '9';
}

static bool pass_digits(struct pfs_json *j)
{
    const uint8_t *from = j->at;

    while (is_digit(j))
        j->at++;
    return j->at > from;
}

static bool pass_word(struct pfs_json *j, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(j->end - j->at) < len || memcmp(j->at, word, len) != 0)
        return false;
    j->at += len;
    return true;
}

static bool pass_number(struct pfs_json *j)
{
    const uint8_t *from;

    (void)pass_word(j, "-");
    if (pass_word(j, "Infinity"))
        return true;
    from = j->at;
    if (!pass_digits(j) || (*from == '0' && j->at - from > 1))
        return false;
    if (pass_word(j, ".") && !pass_digits(j))
        return false;
    if (pass_word(j, "e") || pass_word(j, "E")) {
        if (!pass_word(j, "+"))
            (void)pass_word(j, "-");
        return pass_digits(j);
    }
    return true;
}

static int take_nested(struct pfs_json *j, struct pfs_cell *out, struct pfs_err *err)
{
    struct pfs_row_end end = {0};
    size_t len = pfs_json_row_end(&end, pfs_slice_of(j->at, (size_t)(j->end - j->at)));

    if (len == PFS_ROW_GOES_ON)
        return pfs_fail(err, EINVAL, "a JSON bracket is not closed");
    if (end.malformed && end.depth >= PFS_JSON_DEPTH_MAX)
        return pfs_fail(err, EINVAL, "JSON nests deeper than %d levels", PFS_JSON_DEPTH_MAX);
    if (end.malformed)
        return pfs_fail(err, EINVAL, "JSON brackets, quotes or commas do not match");
    assert(len >= 2 && len <= (size_t)(j->end - j->at));
    *out = (struct pfs_cell){j->at, (uint32_t)len, *j->at == '[' ? PFS_CELL_ARRAY : PFS_CELL_OBJECT};
    j->at += len;
    return 0;
}

/* One value as a cell. What is wrong in a number is told from its beginning on, not from where it went wrong. */
static int take_value(struct pfs_json *j, struct pfs_cell *out, struct pfs_err *err)
{
    const uint8_t *from = j->at;
    struct pfs_json start = *j;

    if (from == j->end)
        return fail_at(j, "a value", err);
    if (*from == '"')
        return take_string(j, out, err);
    if (*from == '[' || *from == '{')
        return take_nested(j, out, err);
    if (pass_word(j, "null")) {
        *out = (struct pfs_cell){from, 0, PFS_CELL_NULL};
        return 0;
    }
    if (!pass_word(j, "true") && !pass_word(j, "false") && !pass_word(j, "NaN") && !pass_number(j))
        return fail_at(&start, "a JSON value", err);
    *out = (struct pfs_cell){from, (uint32_t)(j->at - from), PFS_CELL_WORD};
    return 0;
}

int pfs_json_open(struct pfs_json *json, struct pfs_slice text, uint8_t bracket, struct pfs_err *err)
{
    assert(bracket == '{' || bracket == '[');
    *json = (struct pfs_json){text.at, text.at + text.len, true};
    skip_blanks(json);
    if (json->at == json->end || *json->at != bracket)
        return fail_at(json, bracket == '{' ? "{" : "[", err);
    json->at++;
    return 0;
}

/* Passes the comma between two items, or the closing bracket and what follows it: 1 or 0. */
static int pass_separator(struct pfs_json *j, uint8_t close, struct pfs_err *err)
{
    bool first = j->first;

    j->first = false;
    skip_blanks(j);
    if (j->at < j->end && *j->at == close) {
        j->at++;
        skip_blanks(j);
        return j->at == j->end ? 0 : fail_at(j, "the end of the value", err);
    }
    if (first)
        return 1;
    if (j->at == j->end || *j->at != ',')
        return fail_at(j, close == '}' ? ", or }" : ", or ]", err);
    j->at++;
    skip_blanks(j);
    return 1;
}

int pfs_json_member(struct pfs_json *json, struct pfs_cell *key, struct pfs_cell *value, struct pfs_err *err)
{
    int more = pass_separator(json, '}', err);

    if (more <= 0)
        return more;
    if (json->at == json->end || *json->at != '"')
        return fail_at(json, "a key", err);
    PFS_TRY(take_string(json, key, err));
    skip_blanks(json);
    if (json->at == json->end || *json->at != ':')
        return fail_at(json, ":", err);
    json->at++;
    skip_blanks(json);
    PFS_TRY(take_value(json, value, err));
    return 1;
}

int pfs_json_element(struct pfs_json *json, struct pfs_cell *value, struct pfs_err *err)
{
    int more = pass_separator(json, ']', err);

    if (more <= 0)
        return more;
    PFS_TRY(take_value(json, value, err));
    return 1;
}

int pfs_json_value(struct pfs_slice text, struct pfs_cell *value, struct pfs_err *err)
{
    struct pfs_json json = {text.at, text.at + text.len, true};

    skip_blanks(&json);
    PFS_TRY(take_value(&json, value, err));
    skip_blanks(&json);
    return json.at == json.end ? 0 : fail_at(&json, "the end of the value", err);
}

/* ---- where a value that nests ends ---- */

/* 64 bytes at a time: a bit a byte. */
struct block {
    uint64_t quotes, backslashes, newlines, brackets;
};

static void load(struct block *b, const uint8_t *at)
{
    *b = (struct block){0};
    for (int i = 0; i < 64; i += 16) {
        b->quotes |= (uint64_t)pfs_marks_byte(at + i, '"') << i;
        b->backslashes |= (uint64_t)pfs_marks_byte(at + i, '\\') << i;
        b->newlines |= (uint64_t)pfs_marks_byte(at + i, '\n') << i;
        b->brackets |= (uint64_t)pfs_marks_bracket(at + i) << i;
    }
}

enum { OUTSIDE, INSIDE }; /* of a string */

/* Bytes behind a backslash that counts, of the `len` bytes of a block. */
static uint64_t escaped(struct pfs_row_end *end, uint64_t backslashes, size_t len)
{
    uint64_t bits = end->escape;

    assert(len >= 1 && len <= 64);
    end->escape = false;
    for (; backslashes != 0; backslashes &= backslashes - 1) {
        size_t at = (size_t)__builtin_ctzll(backslashes);

        if ((bits >> at & 1) != 0)
            continue;
        if (at + 1 == len)
            end->escape = true;
        else
            bits |= (uint64_t)1 << (at + 1);
    }
    return bits;
}

/* Bits from each quote that opens up to the one that closes: the parity of the quotes so far. */
static uint64_t parity(uint64_t quotes)
{
    for (int shift = 1; shift < 64; shift *= 2)
        quotes ^= quotes << shift;
    return quotes;
}

/* One bracket outside strings; true at the value's end. */
static bool pass_bracket(struct pfs_row_end *end, uint8_t byte)
{
    bool object = byte == '{' || byte == '}';

    assert(end->depth <= PFS_JSON_DEPTH_MAX); /* as many as `kinds` has bits */
    if (byte == '{' || byte == '[') {
        end->malformed = end->depth == PFS_JSON_DEPTH_MAX;
        if (!end->malformed)
            end->depth++;
        end->kinds = end->kinds << 1 | object;
        return end->malformed;
    }
    end->malformed = end->depth == 0 || (end->kinds & 1) != object;
    if (!end->malformed)
        end->depth--;
    end->kinds >>= 1;
    return end->malformed || end->depth == 0;
}

/* The last byte before offset `at` that is not blank; the pieces of the row that came earlier remember theirs. */
static uint8_t byte_before(const struct pfs_row_end *end, struct pfs_slice in, size_t at)
{
    while (at > 0 && is_blank(in.at[at - 1]))
        at--;
    return at > 0 ? in.at[at - 1] : end->before;
}

/* A bracket that opens where no value may begin is the next row, behind one that lacks its end. */
static bool opens_nowhere(const struct pfs_row_end *end, struct pfs_slice in, size_t at)
{
    uint8_t before;

    if (end->depth == 0 || (in.at[at] != '{' && in.at[at] != '['))
        return false;
    before = byte_before(end, in, at);
    return before != ':' && before != ',' && before != '[';
}

size_t pfs_json_row_end(struct pfs_row_end *end, struct pfs_slice in)
{
    for (size_t at = 0; at < in.len; at += 64) {
        size_t len = in.len - at < 64 ? in.len - at : 64;
        uint8_t padded[64] = {0};
        const uint8_t *bytes = in.at + at;
        uint64_t inside, events;
        struct block b;

        if (len < 64)
            bytes = memcpy(padded, bytes, len);
        load(&b, bytes);
        if (b.backslashes != 0 || end->escape)
            b.quotes &= ~escaped(end, b.backslashes, len);
        inside = parity(b.quotes) ^ (end->state == INSIDE ? UINT64_MAX : 0);
        end->state = inside >> 63 != 0 ? INSIDE : OUTSIDE;
        /* A raw newline is in no JSON string; it is taken as the sign of a missing quote, so that the rows behind it
         * are not swallowed. */
        for (events = (b.brackets & ~inside) | (b.newlines & inside); events != 0; events &= events - 1) {
            size_t i = (size_t)__builtin_ctzll(events);

            end->malformed = bytes[i] == '\n' || opens_nowhere(end, in, at + i);
            if (end->malformed || pass_bracket(end, bytes[i]))
                return at + i + 1;
        }
    }
    end->before = byte_before(end, in, in.len);
    return PFS_ROW_GOES_ON;
}
