/* print.c - rows out. A kernel a column is chosen once a batch; rows are then written one after the other into room
 * that was reserved for many of them at once, so that no value asks for room. Nested values are printed ahead, as JSON,
 * and then go out like text.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/datetime.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/number.h"
#include "format/text/text.h"
#include "format/variant.h"

#define CHUNK_ROWS 256
#define FIXED_ROOM 64 /* more than any number, date or timestamp takes, with quotes */

struct printer;
typedef uint8_t *print_fn(struct printer *p, int64_t row, uint8_t *to);

struct printer {
    const struct pfs_column *column;
    print_fn *print;     /* a present value */
    struct pfs_buf key;  /* what stands before the value: {"a":  ,"b":  or a comma */
    const uint8_t *safe; /* CSV text: eight bytes may be read from anywhere up to here; NULL = nowhere */
    bool quote;          /* JSON: dates and the like stand in quotes */
    int64_t day;         /* the date is printed once a day */
    size_t date_len;     /* 0 = none yet */
    char date[16];
    struct pfs_buf nested; /* values printed ahead */
    size_t *nested_end;    /* where each row's value ends in it; one more in front */
};

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

static uint8_t *put_cell(struct pfs_slice text, uint8_t *to)
{
    if (text.len == 0 || needs_quotes(text.at, text.len))
        return put_quoted_cell(text.at, text.len, to);
    memcpy(to, text.at, text.len);
    return to + text.len;
}

/* The same where bytes behind the text may be read and written: it is copied while it is looked at. */
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

static uint8_t *put_escape(uint8_t c, uint8_t *to)
{
    static const char digits[] = "0123456789abcdef";
    static const char shorts[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    *to++ = '\\';
    if (c == '"' || c == '\\') {
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

static uint8_t *put_json_text(struct pfs_slice text, uint8_t *to)
{
    const uint8_t *at = text.at, *end = at + text.len;

    *to++ = '"';
    while (at < end) {
        const uint8_t *from = at;

        while (at < end && *at >= ' ' && *at != '"' && *at != '\\')
            at++;
        memcpy(to, from, (size_t)(at - from));
        to += at - from;
        if (at < end)
            to = put_escape(*at++, to);
    }
    *to++ = '"';
    return to;
}

static uint8_t *print_csv_text(struct printer *p, int64_t row, uint8_t *to)
{
    struct pfs_slice text = pfs_column_bytes(p->column, row);

    return text.at + text.len <= p->safe ? put_short_cell(text, to) : put_cell(text, to);
}

static uint8_t *print_json_text(struct printer *p, int64_t row, uint8_t *to)
{
    return put_json_text(pfs_column_bytes(p->column, row), to);
}

static uint8_t *print_binary(struct printer *p, int64_t row, uint8_t *to)
{
    struct pfs_slice bytes = pfs_column_bytes(p->column, row);
    bool quote = p->quote || bytes.len == 0;

    if (quote)
        *to++ = '"';
    to += pfs_base64_encode(bytes, (char *)to);
    if (quote)
        *to++ = '"';
    return to;
}

/* ---- numbers ---- */

#define PRINT_INTEGER(name, type)                                                      \
    static uint8_t *name(struct printer *p, int64_t row, uint8_t *to)                  \
    {                                                                                  \
        return to + pfs_i64_print(((const type *)p->column->values)[row], (char *)to); \
    }

PRINT_INTEGER(print_int8, int8_t)
PRINT_INTEGER(print_int16, int16_t)
PRINT_INTEGER(print_int32, int32_t)
PRINT_INTEGER(print_int64, int64_t)

static uint8_t *print_bool(struct printer *p, int64_t row, uint8_t *to)
{
    bool v = ((const uint8_t *)p->column->values)[row] != 0;

    memcpy(to, v ? "true" : "false", 5);
    return to + (v ? 4 : 5);
}

/* NaN and infinities are strings in JSON. */
static uint8_t *put_real(bool quote, bool finite, size_t len, uint8_t *to)
{
    if (quote && !finite) {
        memmove(to + 1, to, len);
        to[0] = '"';
        to[len + 1] = '"';
        return to + len + 2;
    }
    return to + len;
}

static uint8_t *print_float(struct printer *p, int64_t row, uint8_t *to)
{
    float v = ((const float *)p->column->values)[row];

    return put_real(p->quote, isfinite(v), pfs_f32_print(v, (char *)to), to);
}

static uint8_t *print_double(struct printer *p, int64_t row, uint8_t *to)
{
    double v = ((const double *)p->column->values)[row];

    return put_real(p->quote, isfinite(v), pfs_f64_print(v, (char *)to), to);
}

static uint8_t *quoted_end(const struct printer *p, uint8_t *to)
{
    if (p->quote)
        *to++ = '"';
    return to;
}

static uint8_t *quoted_begin(const struct printer *p, uint8_t *to)
{
    if (p->quote)
        *to++ = '"';
    return to;
}

/* Exactly `width` digits. */
static uint8_t *put_digits(uint64_t v, int width, uint8_t *to)
{
    int i = width;

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

    if (v < 0)
        *to++ = '-';
    if (scale == 0)
        return to + pfs_u64_print(u, (char *)to);
    to += pfs_u64_print(u / unit, (char *)to);
    *to++ = '.';
    return put_digits(u % unit, scale, to);
}

static uint8_t *print_decimal(struct printer *p, int64_t row, uint8_t *to)
{
    to = quoted_begin(p, to);
    to = put_scaled(((const int64_t *)p->column->values)[row], p->column->type->scale, to);
    return quoted_end(p, to);
}

static uint8_t *print_wide_decimal(struct printer *p, int64_t row, uint8_t *to)
{
    to = quoted_begin(p, to);
    to += pfs_decimal_print(((const pfs_i128 *)p->column->values)[row], p->column->type->scale, (char *)to);
    return quoted_end(p, to);
}

/* ---- dates and times ---- */

static uint8_t *put_date(struct printer *p, int64_t day, uint8_t *to)
{
    if (p->date_len == 0 || p->day != day) {
        p->day = day;
        p->date_len = pfs_date_print((int32_t)day, p->date);
    }
    memcpy(to, p->date, sizeof(p->date));
    return to + p->date_len;
}

static uint8_t *print_date(struct printer *p, int64_t row, uint8_t *to)
{
    to = quoted_begin(p, to);
    to = put_date(p, ((const int32_t *)p->column->values)[row], to);
    return quoted_end(p, to);
}

static uint8_t *print_time(struct printer *p, int64_t row, uint8_t *to)
{
    to = quoted_begin(p, to);
    to += pfs_time_print(((const int32_t *)p->column->values)[row], (char *)to);
    return quoted_end(p, to);
}

static uint8_t *put_two(uint32_t v, uint8_t *to)
{
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

static uint8_t *put_timestamp(struct printer *p, int64_t seconds, int32_t nanos, uint8_t *to)
{
    const struct pfs_type *t = p->column->type;
    int64_t day = seconds / 86400, rest = seconds % 86400;

    if (rest < 0) {
        rest += 86400;
        day--;
    }
    to = quoted_begin(p, to);
    to = put_date(p, day, to);
    *to++ = ' ';
    to = put_clock((uint32_t)rest, to);
    if (t->precision > 0) {
        *to++ = '.';
        to = put_digits((uint64_t)nanos / pfs_powers10[9 - t->precision], t->precision, to);
    }
    if (t->kind == PFS_TIMESTAMP_LTZ)
        *to++ = 'Z';
    return quoted_end(p, to);
}

/* The common ones: three divisions by constants and no more. */
static uint8_t *print_millis(struct printer *p, int64_t row, uint8_t *to)
{
    const struct pfs_type *t = p->column->type;
    int64_t v = ((const int64_t *)p->column->values)[row], day = v / 86400000;
    uint32_t rest;

    day -= v < day * 86400000;
    rest = (uint32_t)(v - day * 86400000);
    to = quoted_begin(p, to);
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
    return quoted_end(p, to);
}

static uint8_t *print_micros(struct printer *p, int64_t row, uint8_t *to)
{
    int64_t v = ((const int64_t *)p->column->values)[row], rest = v % 1000000;

    return put_timestamp(p, v / 1000000 - (rest < 0), (int32_t)(rest < 0 ? rest + 1000000 : rest) * 1000, to);
}

static uint8_t *print_time96(struct printer *p, int64_t row, uint8_t *to)
{
    const struct pfs_time96 *t = (const struct pfs_time96 *)p->column->values + row;
    int64_t rest = t->millis % 1000;

    return put_timestamp(p, t->millis / 1000 - (rest < 0),
                         (int32_t)(rest < 0 ? rest + 1000 : rest) * 1000000 + t->nanos, to);
}

/* ---- nested values, printed ahead ---- */

static uint8_t *print_ahead_csv(struct printer *p, int64_t row, uint8_t *to)
{
    size_t from = p->nested_end[row];

    return put_cell(pfs_slice_of(p->nested.at + from, p->nested_end[row + 1] - from), to);
}

static uint8_t *print_ahead_json(struct printer *p, int64_t row, uint8_t *to)
{
    size_t from = p->nested_end[row], len = p->nested_end[row + 1] - from;

    memcpy(to, p->nested.at + from, len);
    return to + len;
}

/* A variant's JSON is a string. */
static uint8_t *print_variant_json(struct printer *p, int64_t row, uint8_t *to)
{
    size_t from = p->nested_end[row];

    return put_json_text(pfs_slice_of(p->nested.at + from, p->nested_end[row + 1] - from), to);
}

static int put_value(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err);

static int put_list(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    pfs_buf_putc(out, '[');
    for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        if (i > c->offsets[row])
            pfs_buf_putc(out, ',');
        PFS_TRY(put_value(&c->children[0], i, depth + 1, out, err));
    }
    pfs_buf_putc(out, ']');
    return 0;
}

struct pair { /* an entry of a map: where its text lies, and its key's */
    const struct pfs_buf *text;
    size_t from, key, to;
};

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;

    return pfs_slice_compare(pfs_slice_of(a->text->at + a->from, a->key - a->from),
                             pfs_slice_of(b->text->at + b->from, b->key - b->from));
}

/* [[key,value],...] sorted by the bytes of the key's text. */
static int put_map(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    int32_t first = c->offsets[row], count = c->offsets[row + 1] - first;
    struct pair *pair = pfs_alloc_array((size_t)count, sizeof(*pair));
    struct pfs_buf text = {0};
    int rc = pair == NULL ? pfs_fail(err, ENOMEM, "no memory for a map of %d entries", count) : 0;

    for (int32_t i = 0; rc == 0 && i < count; i++) {
        pair[i] = (struct pair){.text = &text, .from = text.len};
        rc = put_value(&c->children[0], first + i, depth + 1, &text, err);
        pair[i].key = text.len;
        pfs_buf_putc(&text, ',');
        if (rc == 0)
            rc = put_value(&c->children[1], first + i, depth + 1, &text, err);
        pair[i].to = text.len;
    }
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    if (rc == 0 && count > 0)
        qsort(pair, (size_t)count, sizeof(*pair), compare_pairs);
    pfs_buf_putc(out, '[');
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        pfs_buf_puts(out, i > 0 ? ",[" : "[");
        pfs_buf_put(out, text.at + pair[i].from, pair[i].to - pair[i].from);
        pfs_buf_putc(out, ']');
    }
    pfs_buf_putc(out, ']');
    pfs_buf_done(&text);
    pfs_free(pair);
    return rc;
}

static void put_name(const char *name, struct pfs_buf *out)
{
    struct pfs_slice text = pfs_str(name);
    uint8_t *to = pfs_buf_reserve(out, text.len * 6 + 2);

    if (to != NULL)
        out->len += (size_t)(put_json_text(text, to) - to);
}

static int put_row(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    pfs_buf_putc(out, '{');
    for (int32_t i = 0; i < c->type->children; i++) {
        if (i > 0)
            pfs_buf_putc(out, ',');
        put_name(c->type->child[i].name, out);
        pfs_buf_putc(out, ':');
        PFS_TRY(put_value(&c->children[i], row, depth + 1, out, err));
    }
    pfs_buf_putc(out, '}');
    return 0;
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

static int choose(enum pfs_text format, const struct pfs_column *c, struct printer *p, struct pfs_err *err)
{
    static print_fn *const integers[] = {[1] = print_int8, [2] = print_int16, [4] = print_int32, [8] = print_int64};
    const struct pfs_type *t = c->type;
    bool json = format == PFS_TEXT_JSON;

    p->column = c;
    p->quote = json;
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
    case PFS_ARRAY:
    case PFS_MAP:
    case PFS_MULTISET:
    case PFS_ROW:
        p->print = json ? print_ahead_json : print_ahead_csv;
        return 0;
    case PFS_VARIANT:
        p->print = json ? print_variant_json : print_ahead_csv;
        return 0;
    case PFS_KIND_COUNT:
        break;
    }
    return unsupported(t, err);
}

/* Room for one value that is not nested. */
static size_t value_room(const struct pfs_column *c, int64_t row)
{
    if (pfs_kind_is_bytes(c->type->kind) && pfs_column_present(c, row))
        return pfs_column_bytes(c, row).len * 6 + 8;
    return FIXED_ROOM;
}

static int put_variant(const struct pfs_column *c, int64_t row, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_buf text;
    uint8_t *to;
    int rc;

    pfs_buf_init(&text, PFS_BATCH_BYTES_MAX);
    rc = pfs_variant_print(pfs_column_bytes(c, row), &text, err);
    if (rc == 0)
        rc = pfs_buf_check(&text, err);
    to = rc == 0 ? pfs_buf_reserve(out, text.len * 6 + 2) : NULL;
    if (to != NULL)
        out->len += (size_t)(put_json_text(pfs_buf_slice(&text), to) - to);
    pfs_buf_done(&text);
    return rc;
}

static int put_value(const struct pfs_column *c, int64_t row, int depth, struct pfs_buf *out, struct pfs_err *err)
{
    struct printer p = {0};
    uint8_t *to;

    if (depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(err, E2BIG, "a value nested too deep");
    if (!pfs_column_present(c, row)) {
        pfs_buf_puts(out, "null");
        return 0;
    }
    if (c->type->kind == PFS_ARRAY)
        return put_list(c, row, depth, out, err);
    if (c->type->kind == PFS_MAP || c->type->kind == PFS_MULTISET)
        return put_map(c, row, depth, out, err);
    if (c->type->kind == PFS_ROW)
        return put_row(c, row, depth, out, err);
    if (c->type->kind == PFS_VARIANT)
        return put_variant(c, row, out, err);
    PFS_TRY(choose(PFS_TEXT_JSON, c, &p, err));
    to = pfs_buf_reserve(out, value_room(c, row));
    if (to != NULL)
        out->len += (size_t)(p.print(&p, row, to) - to);
    return 0;
}

/* ---- rows ---- */

struct table {
    enum pfs_text format;
    int32_t columns;
    struct printer *printer;
    struct pfs_buf header; /* CSV, when rows could spell it */
};

static int print_ahead(struct printer *p, int64_t rows, struct pfs_err *err)
{
    p->nested_end = pfs_alloc_array((size_t)rows + 1, sizeof(*p->nested_end));
    if (p->nested_end == NULL)
        return pfs_fail(err, ENOMEM, "no memory to print %lld rows", (long long)rows);
    p->nested.limit_bytes = PFS_BATCH_BYTES_MAX;
    for (int64_t i = 0; i < rows; i++) {
        if (!pfs_column_present(p->column, i))
            ;
        else if (p->column->type->kind == PFS_VARIANT)
            PFS_TRY(pfs_variant_print(pfs_column_bytes(p->column, i), &p->nested, err));
        else
            PFS_TRY(put_value(p->column, i, 0, &p->nested, err));
        p->nested_end[i + 1] = p->nested.len;
    }
    return pfs_buf_check(&p->nested, err);
}

static int table_init(struct table *t, enum pfs_text format, const struct pfs_field *fields,
                      const struct pfs_batch *batch, struct pfs_err *err)
{
    bool all_text = true;

    t->format = format;
    t->columns = batch->columns;
    t->printer = pfs_alloc_array((size_t)batch->columns, sizeof(*t->printer));
    if (t->printer == NULL)
        return pfs_fail(err, ENOMEM, "no memory to print %d columns", batch->columns);
    for (int32_t i = 0; i < batch->columns; i++) {
        struct printer *p = &t->printer[i];

        PFS_TRY(choose(format, &batch->column[i], p, err));
        if (p->column->offsets != NULL && p->column->values != NULL && p->column->offsets[batch->rows] >= 8)
            p->safe = (const uint8_t *)p->column->values + p->column->offsets[batch->rows] - 8;
        if (pfs_kind_is_nested(p->column->type->kind) || p->column->type->kind == PFS_VARIANT)
            PFS_TRY(print_ahead(p, batch->rows, err));
        if (format == PFS_TEXT_JSON) {
            pfs_buf_putc(&p->key, i == 0 ? '{' : ',');
            put_name(fields[i].name, &p->key);
            pfs_buf_putc(&p->key, ':');
        } else if (i > 0) {
            pfs_buf_putc(&p->key, ',');
        }
        PFS_TRY(pfs_buf_check(&p->key, err));
        all_text &= pfs_kind_is_text(p->column->type->kind);
    }
    if (format == PFS_TEXT_CSV && all_text)
        pfs_text_header(format, fields, batch->columns, &t->header);
    return pfs_buf_check(&t->header, err);
}

static void table_done(struct table *t)
{
    for (int32_t i = 0; t->printer != NULL && i < t->columns; i++) {
        pfs_buf_done(&t->printer[i].key);
        pfs_buf_done(&t->printer[i].nested);
        pfs_free(t->printer[i].nested_end);
    }
    pfs_free(t->printer);
    pfs_buf_done(&t->header);
}

/* Room for rows [from, to): what fixed values take, and text at its longest. */
static size_t room(const struct table *t, int64_t from, int64_t to)
{
    size_t factor = t->format == PFS_TEXT_JSON ? 6 : 2, sum = (size_t)(to - from) * 2;

    for (int32_t i = 0; i < t->columns; i++) {
        const struct printer *p = &t->printer[i];
        const struct pfs_column *c = p->column;

        sum += (size_t)(to - from) * (FIXED_ROOM + p->key.len);
        if (p->nested_end != NULL)
            sum += (p->nested_end[to] - p->nested_end[from]) * factor;
        else if (c->offsets != NULL)
            sum += (size_t)(c->offsets[to] - c->offsets[from]) * factor;
    }
    return sum;
}

static uint8_t *put_key(const struct printer *p, uint8_t *to)
{
    memcpy(to, p->key.at, p->key.len);
    return to + p->key.len;
}

/* A data row that spells the header would be taken for one: its first field is put in quotes. */
static uint8_t *guard_header(const struct table *t, uint8_t *from, uint8_t *to)
{
    size_t first;

    if (t->header.len != (size_t)(to - from) || memcmp(t->header.at, from, t->header.len) != 0 || from[0] == '"')
        return to;
    first = strcspn((const char *)from, t->columns > 1 ? "," : "\n");
    memmove(from + 1, from, (size_t)(to - from));
    from[0] = '"';
    memmove(from + first + 2, from + first + 1, (size_t)(to - from) - first);
    from[first + 1] = '"';
    return to + 2;
}

static uint8_t *print_csv_row(struct table *t, int64_t row, uint8_t *to)
{
    uint8_t *from = to;

    for (int32_t i = 0; i < t->columns; i++) {
        struct printer *p = &t->printer[i];

        if (i > 0)
            *to++ = ',';
        if (pfs_column_present(p->column, row))
            to = p->print(p, row, to);
    }
    *to++ = '\n';
    return t->header.len > 0 ? guard_header(t, from, to) : to;
}

static uint8_t *print_json_row(struct table *t, int64_t row, uint8_t *to)
{
    for (int32_t i = 0; i < t->columns; i++) {
        struct printer *p = &t->printer[i];

        to = put_key(p, to);
        if (pfs_column_present(p->column, row)) {
            to = p->print(p, row, to);
        } else {
            memcpy(to, "null", 4);
            to += 4;
        }
    }
    memcpy(to, "}\n", 2);
    return to + 2;
}

static int print_rows(struct table *t, int64_t rows, struct pfs_buf *out, struct pfs_err *err)
{
    for (int64_t from = 0; from < rows; from += CHUNK_ROWS) {
        int64_t end = from + CHUNK_ROWS < rows ? from + CHUNK_ROWS : rows;
        uint8_t *to = pfs_buf_reserve(out, room(t, from, end)), *at = to;

        if (to == NULL) {
            int rc = pfs_buf_check(out, err);

            return rc == -EFBIG ? -E2BIG : rc;
        }
        for (int64_t row = from; row < end; row++)
            at = t->format == PFS_TEXT_CSV ? print_csv_row(t, row, at) : print_json_row(t, row, at);
        out->len += (size_t)(at - to);
    }
    return 0;
}

int pfs_text_print(enum pfs_text format, const struct pfs_field *fields, const struct pfs_batch *batch,
                   struct pfs_buf *out, struct pfs_err *err)
{
    struct table t = {0};
    int rc = table_init(&t, format, fields, batch, err);

    if (rc == 0)
        rc = print_rows(&t, batch->rows, out, err);
    table_done(&t);
    return rc;
}

void pfs_text_header(enum pfs_text format, const struct pfs_field *fields, int32_t columns, struct pfs_buf *out)
{
    for (int32_t i = 0; format == PFS_TEXT_CSV && i < columns; i++) {
        struct pfs_slice name = pfs_str(fields[i].name);
        uint8_t *to;

        if (i > 0)
            pfs_buf_putc(out, ',');
        to = pfs_buf_reserve(out, name.len * 2 + 2);
        if (to != NULL)
            out->len += (size_t)(put_cell(name, to) - to);
    }
    if (format == PFS_TEXT_CSV)
        pfs_buf_putc(out, '\n');
}

int pfs_text_print_value(enum pfs_text format, const struct pfs_column *column, int64_t row, struct pfs_buf *out,
                         struct pfs_err *err)
{
    struct printer p = {0};
    uint8_t *to;

    if (format == PFS_TEXT_JSON || pfs_kind_is_nested(column->type->kind) || column->type->kind == PFS_VARIANT) {
        if (format == PFS_TEXT_JSON || pfs_column_present(column, row))
            PFS_TRY(put_value(column, row, 0, out, err));
        return pfs_buf_check(out, err);
    }
    if (!pfs_column_present(column, row))
        return 0;
    if (pfs_kind_is_text(column->type->kind)) {
        struct pfs_slice text = pfs_column_bytes(column, row);

        pfs_buf_put(out, text.at, text.len);
        return pfs_buf_check(out, err);
    }
    PFS_TRY(choose(format, column, &p, err));
    p.quote = false;
    to = pfs_buf_reserve(out, value_room(column, row));
    if (to != NULL)
        out->len += (size_t)(p.print(&p, row, to) - to);
    return pfs_buf_check(out, err);
}
