/* printer.c - the kernels: each prints present values of one kind of column into room that was made for them.
 *
 * None of them asks for room or looks at validity. They may write up to PFS_PRINT_SLACK bytes further than they print,
 * so that short texts are copied in whole words, and read as far as `safe` lets them. */
#include "format/text/printer.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/datetime.h"
#include "base/number.h"
#include "format/text/marks.h"

/* ---- text ---- */

/* Not 0 when one of eight bytes needs quotes; the lowest byte that is not 0 is such a one. */
static uint64_t marks(uint64_t v)
{
    const uint64_t ones = 0x0101010101010101ull, high = 0x8080808080808080ull;
    uint64_t comma = v ^ ones * ',', quote = v ^ ones * '"', lf = v ^ ones * '\n', cr = v ^ ones * '\r';

    return (((comma - ones) & ~comma) | ((quote - ones) & ~quote) | ((lf - ones) & ~lf) | ((cr - ones) & ~cr)) & high;
}

static bool needs_quotes(const uint8_t *at, size_t len)
{
    for (; len >= 8; at += 8, len -= 8)
        if (marks(pfs_le64(at)) != 0)
            return true;
    for (; len > 0; at++, len--)
        if (*at == ',' || *at == '"' || *at == '\n' || *at == '\r')
            return true;
    return false;
}

/* RFC 4180: quotes around it, those inside doubled. */
static uint8_t *put_quoted_cell(const uint8_t *at, size_t len, uint8_t *to)
{
    *to++ = '"';
    while (len > 0) {
        const uint8_t *quote = memchr(at, '"', len);
        size_t run = quote == NULL ? len : (size_t)(quote - at) + 1;

        memcpy(to, at, run);
        to += run;
        if (quote != NULL)
            *to++ = '"';
        at += run;
        len -= run;
    }
    *to++ = '"';
    return to;
}

uint8_t *pfs_put_cell(struct pfs_slice text, uint8_t *to)
{
    if (text.len == 0 || needs_quotes(text.at, text.len))
        return put_quoted_cell(text.at, text.len, to);
    memcpy(to, text.at, text.len);
    return to + text.len;
}

uint8_t *pfs_put_cell_around(uint8_t *to, uint8_t *end)
{
    size_t len = (size_t)(end - to) - 1;

    assert(end > to);
    if (!needs_quotes(to + 1, len)) {
        memmove(to, to + 1, len);
        return to + len;
    }
    *to = '"';
    *end = '"';
    return end + 1;
}

/* As pfs_put_cell where bytes behind the text may be read and written: it is copied while it is looked at. */
static uint8_t *put_short_cell(struct pfs_slice text, uint8_t *to)
{
    size_t done = 0;

    for (; text.len - done >= 8; done += 8) {
        uint64_t v = pfs_le64(text.at + done);

        if (marks(v) != 0)
            return put_quoted_cell(text.at, text.len, to);
        memcpy(to + done, &v, 8);
    }
    if (text.len > done) {
        uint64_t v = pfs_le64(text.at + done);

        if ((marks(v) & (((uint64_t)1 << 8 * (text.len - done)) - 1)) != 0)
            return put_quoted_cell(text.at, text.len, to);
        memcpy(to + done, &v, 8);
    }
    return text.len == 0 ? put_quoted_cell(text.at, 0, to) : to + text.len;
}

/* On each side of a string: none, one, or two for one in a cell. */
static uint8_t *put_quotes(enum pfs_print_place place, uint8_t *to)
{
    memset(to, '"', 2);
    return to + place;
}

/* A quote inside a string that stands in a cell is three bytes: the backslash, and the quote doubled for the cell. */
static uint8_t *put_escape(uint8_t c, enum pfs_print_place place, uint8_t *to)
{
    static const char digits[] = "0123456789abcdef";
    static const char shorts[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    *to++ = '\\';
    if (c == '"')
        return put_quotes(place, to);
    if (c == '\\') {
        *to++ = c;
    } else if (c < sizeof(shorts) && shorts[c] != 0) {
        *to++ = (uint8_t)shorts[c];
    } else {
        memcpy(to, "u00", 3);
        to[3] = (uint8_t)digits[c >> 4];
        to[4] = (uint8_t)digits[c & 15];
        to += 5;
    }
    return to;
}

/* Copies 16 bytes while they are looked at; only at the end of all text, when they may not be read, one by one. */
uint8_t *pfs_put_json_text(struct pfs_slice text, const uint8_t *safe, enum pfs_print_place place, uint8_t *to)
{
    const uint8_t *at = text.at, *end = at + text.len;

    to = put_quotes(place, to);
    while (at < end) {
        size_t left = (size_t)(end - at);

        if (left >= 16 || at <= safe) {
            uint32_t plain = left < 16 ? (uint32_t)left : 16, special = pfs_marks_string(at) | 1u << plain;

            memcpy(to, at, 16);
            plain = (uint32_t)__builtin_ctz(special);
            at += plain;
            to += plain;
            if (plain == 16)
                continue;
        } else if (*at >= ' ' && *at != '"' && *at != '\\') {
            *to++ = *at++;
            continue;
        }
        if (at < end)
            to = put_escape(*at++, place, to);
    }
    return put_quotes(place, to);
}

/* Only the last texts of a column may not be read behind their end. */
static uint8_t *print_csv_text(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    struct pfs_slice text = pfs_column_bytes(p->column, row);

    return text.at + text.len <= p->safe ? put_short_cell(text, to) : pfs_put_cell(text, to);
}

static uint8_t *print_json_text(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    return pfs_put_json_text(pfs_column_bytes(p->column, row), p->safe, p->place, to);
}

/* No byte of base64 needs quotes in a cell; without any bytes they tell it from a null. */
static uint8_t *print_binary(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    struct pfs_slice bytes = pfs_column_bytes(p->column, row);
    enum pfs_print_place place = p->place == PFS_IN_CELL && bytes.len == 0 ? PFS_IN_JSON : p->place;

    to = put_quotes(place, to);
    to += pfs_base64_encode(bytes, (char *)to);
    return put_quotes(place, to);
}

/* ---- numbers ---- */

/* One or two digits are most of what lists of rows hold: the second is written either way. */
static uint8_t *put_integer(int64_t v, uint8_t *to)
{
    const char *pair;

    if ((uint64_t)v >= 100)
        return to + pfs_i64_print(v, (char *)to);
    pair = pfs_digit_pairs + v * 2;
    to[0] = (uint8_t)pair[v < 10];
    to[1] = (uint8_t)pair[1];
    return to + 1 + (v >= 10);
}

#define PRINT_INTEGER(name, type)                                         \
    static uint8_t *name(struct pfs_printer *p, int64_t row, uint8_t *to) \
    {                                                                     \
        return put_integer(((const type *)p->column->values)[row], to);   \
    }

PRINT_INTEGER(print_int8, int8_t)
PRINT_INTEGER(print_int16, int16_t)
PRINT_INTEGER(print_int32, int32_t)
PRINT_INTEGER(print_int64, int64_t)

static uint8_t *print_bool(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    bool v = ((const uint8_t *)p->column->values)[row] != 0;

    memcpy(to, v ? "true" : "false", 5);
    return to + (v ? 4 : 5);
}

/* NaN and infinities are strings in JSON. */
static uint8_t *put_real(const struct pfs_printer *p, bool finite, size_t len, uint8_t *to)
{
    assert(len <= PFS_NUMBER_TEXT);
    if (finite || p->place == PFS_IN_CELL)
        return to + len;
    memmove(to + p->place, to, len);
    memset(to, '"', p->place);
    return put_quotes(p->place, to + p->place + len);
}

static uint8_t *print_float(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    float v = ((const float *)p->column->values)[row];

    return put_real(p, isfinite(v), pfs_f32_print(v, (char *)to), to);
}

static uint8_t *print_double(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    double v = ((const double *)p->column->values)[row];

    return put_real(p, isfinite(v), pfs_f64_print(v, (char *)to), to);
}

/* Exactly `width` digits. */
static uint8_t *put_digits(uint64_t v, int width, uint8_t *to)
{
    int i = width;

    assert(width >= 0 && width <= 18);
    for (; i >= 2; i -= 2, v /= 100)
        memcpy(to + i - 2, pfs_digit_pairs + v % 100 * 2, 2);
    if (i == 1)
        to[0] = (uint8_t)('0' + v % 10);
    return to + width;
}

/* Digits with a point before the last `scale` (up to 18) of them. */
static uint8_t *put_scaled(int64_t v, int scale, uint8_t *to)
{
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, unit = pfs_powers10[scale];

    assert(scale >= 0 && scale <= 18);
    if (v < 0)
        *to++ = '-';
    if (scale == 0)
        return to + pfs_u64_print(u, (char *)to);
    to += pfs_u64_print(u / unit, (char *)to);
    *to++ = '.';
    return put_digits(u % unit, scale, to);
}

/* A string in JSON: as a number it would lose digits in most programs that read it. */
static uint8_t *print_decimal(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    to = put_quotes(p->place, to);
    to = put_scaled(((const int64_t *)p->column->values)[row], p->column->type->scale, to);
    return put_quotes(p->place, to);
}

static uint8_t *print_wide_decimal(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    to = put_quotes(p->place, to);
    to += pfs_decimal_print(((const pfs_i128 *)p->column->values)[row], p->column->type->scale, (char *)to);
    return put_quotes(p->place, to);
}

/* ---- dates and times ---- */

static uint8_t *put_date(struct pfs_printer *p, int64_t day, uint8_t *to)
{
    if (p->date_len == 0 || p->day != day) { /* rows of a table mostly are of the same day as the row before */
        p->day = day;
        p->date_len = pfs_day_print(day, p->date);
    }
    assert(p->date_len <= sizeof(p->date));
    memcpy(to, p->date, sizeof(p->date));
    return to + p->date_len;
}

static uint8_t *print_date(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    to = put_quotes(p->place, to);
    to = put_date(p, ((const int32_t *)p->column->values)[row], to);
    return put_quotes(p->place, to);
}

static uint8_t *print_time(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    to = put_quotes(p->place, to);
    to += pfs_time_print(((const int32_t *)p->column->values)[row], (char *)to);
    return put_quotes(p->place, to);
}

static uint8_t *put_two(uint32_t v, uint8_t *to)
{
    assert(v <= 99);
    memcpy(to, pfs_digit_pairs + v * 2, 2);
    return to + 2;
}

/* Seconds of the day. */
static uint8_t *put_clock(uint32_t second, uint8_t *to)
{
    to = put_two(second / 3600, to);
    *to++ = ':';
    to = put_two(second / 60 % 60, to);
    *to++ = ':';
    return put_two(second % 60, to);
}

static uint8_t *put_timestamp(struct pfs_printer *p, int64_t seconds, int32_t nanos, uint8_t *to)
{
    const struct pfs_type *t = p->column->type;
    int64_t day = seconds / 86400, rest = seconds % 86400;

    assert(t->precision >= 0 && t->precision <= 9);
    assert(nanos >= 0 && nanos <= 999999999);
    if (rest < 0) {
        rest += 86400;
        day--;
    }
    to = put_quotes(p->place, to);
    to = put_date(p, day, to);
    *to++ = ' ';
    to = put_clock((uint32_t)rest, to);
    if (t->precision > 0) {
        *to++ = '.';
        to = put_digits((uint64_t)nanos / pfs_powers10[9 - t->precision], t->precision, to);
    }
    if (t->kind == PFS_TIMESTAMP_LTZ)
        *to++ = 'Z';
    return put_quotes(p->place, to);
}

/* The common ones: three divisions by constants and no more. */
static uint8_t *print_millis(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    const struct pfs_type *t = p->column->type;
    int64_t v = ((const int64_t *)p->column->values)[row], day = v / 86400000;
    uint32_t rest;

    day -= v < day * 86400000;
    rest = (uint32_t)(v - day * 86400000);
    to = put_quotes(p->place, to);
    to = put_date(p, day, to);
    *to++ = ' ';
    to = put_clock(rest / 1000, to);
    if (t->precision > 0) {
        *to++ = '.';
        put_digits(rest % 1000, 3, to);
        to += t->precision;
    }
    if (t->kind == PFS_TIMESTAMP_LTZ)
        *to++ = 'Z';
    return put_quotes(p->place, to);
}

static uint8_t *print_micros(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    int64_t v = ((const int64_t *)p->column->values)[row], rest = v % 1000000;

    return put_timestamp(p, v / 1000000 - (rest < 0), (int32_t)(rest < 0 ? rest + 1000000 : rest) * 1000, to);
}

static uint8_t *print_time96(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    const struct pfs_time96 *t = (const struct pfs_time96 *)p->column->values + row;
    int64_t rest = t->millis % 1000;

    return put_timestamp(p, t->millis / 1000 - (rest < 0),
                         (int32_t)(rest < 0 ? rest + 1000 : rest) * 1000000 + t->nanos, to);
}

/* ---- variants, printed ahead ---- */

static struct pfs_slice printed(const struct pfs_printer *p, int64_t row)
{
    const size_t *end = p->ahead_end + (row - p->ahead_first);

    assert(row >= p->ahead_first);
    assert(end[0] <= end[1] && end[1] <= p->ahead->len);
    return pfs_slice_of(p->ahead->at + end[0], end[1] - end[0]);
}

static uint8_t *print_variant_csv(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    return pfs_put_cell(printed(p, row), to);
}

/* A variant's JSON is a string. */
static uint8_t *print_variant_json(struct pfs_printer *p, int64_t row, uint8_t *to)
{
    return pfs_put_json_text(printed(p, row), NULL, p->place, to);
}

/* ---- choosing kernels ---- */

static int unsupported(const struct pfs_type *type, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc;

    pfs_type_print(type, &text);
    pfs_buf_putc(&text, 0);
    rc = pfs_fail(err, EOPNOTSUPP, "%s cannot be printed yet", text.failed ? "a type" : (const char *)text.at);
    pfs_buf_done(&text);
    return rc;
}

int pfs_printer_choose(struct pfs_printer *p, struct pfs_err *err)
{
    static pfs_print_fn *const integers[] = {[1] = print_int8, [2] = print_int16, [4] = print_int32, [8] = print_int64};
    const struct pfs_type *t = p->column->type;
    bool json = p->place != PFS_IN_CELL;

    switch (t->kind) {
    case PFS_BOOLEAN:
        p->print = print_bool;
        return 0;
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_BIGINT:
        p->print = integers[pfs_type_width(t)];
        return 0;
    case PFS_FLOAT:
        p->print = print_float;
        return 0;
    case PFS_DOUBLE:
        p->print = print_double;
        return 0;
    case PFS_DECIMAL:
        p->print = t->precision > 18 ? print_wide_decimal : print_decimal;
        return 0;
    case PFS_CHAR:
    case PFS_VARCHAR:
        p->print = json ? print_json_text : print_csv_text;
        return 0;
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_BLOB:
        p->print = print_binary;
        return 0;
    case PFS_DATE:
        p->print = print_date;
        return 0;
    case PFS_TIME:
        p->print = print_time;
        return 0;
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        p->print = t->precision > 6 ? print_time96 : t->precision > 3 ? print_micros : print_millis;
        return 0;
    case PFS_VARIANT:
        p->print = json ? print_variant_json : print_variant_csv;
        return 0;
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_KIND_COUNT:
        break;
    }
    return unsupported(t, err);
}

size_t pfs_printer_width(const struct pfs_type *type)
{
    switch (type->kind) {
    case PFS_BOOLEAN:
    case PFS_TINYINT:
    case PFS_SMALLINT:
        return 6;
    case PFS_INT:
        return 11;
    case PFS_BIGINT:
        return 20;
    case PFS_CHAR:
    case PFS_VARCHAR:
    case PFS_BINARY:
    case PFS_VARBINARY:
    case PFS_BLOB:
        return 8; /* quotes, and what fills up the last four of base64 */
    case PFS_FLOAT:
    case PFS_DOUBLE:
    case PFS_DECIMAL:
    case PFS_DATE:
    case PFS_TIME:
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
    case PFS_VARIANT:
    case PFS_KIND_COUNT:
        break;
    }
    return 48; /* more than any number, date or timestamp takes, with quotes */
}
