/* envelope_values.c - values as capture tools spell them, respelled as rows spell them, one column at a time.
 *
 * Only spellings that a row would refuse or misread are touched: a number for a date or time, base64 for a decimal,
 * text around nested JSON and the other way round. What a cell says after that is typed as always. */
#include <assert.h>
#include <stdio.h>

#include "base/datetime.h"
#include "base/decimal.h"
#include "base/number.h"
#include "format/text/parse.h"

#define EXPONENT_TEXT 16 /* e, a sign, a scale, the NUL */

/* ---- what the schema in an envelope says ---- */

static const struct {
    const char *name;
    enum pfs_source_type type;
} source_names[] = {
    {"org.apache.kafka.connect.data.Decimal", PFS_SOURCE_DECIMAL},
    {"org.apache.kafka.connect.data.Date", PFS_SOURCE_DAYS},
    {"org.apache.kafka.connect.data.Time", PFS_SOURCE_MILLIS},
    {"org.apache.kafka.connect.data.Timestamp", PFS_SOURCE_MILLIS},
    {"io.debezium.time.Date", PFS_SOURCE_DAYS},
    {"io.debezium.time.Time", PFS_SOURCE_MILLIS},
    {"io.debezium.time.MicroTime", PFS_SOURCE_MICROS},
    {"io.debezium.time.NanoTime", PFS_SOURCE_NANOS},
    {"io.debezium.time.Timestamp", PFS_SOURCE_MILLIS},
    {"io.debezium.time.MicroTimestamp", PFS_SOURCE_MICROS},
    {"io.debezium.time.NanoTimestamp", PFS_SOURCE_NANOS},
};

/* The member of an object; form NULL when it has none. */
static int find_member(struct pfs_text_parser *p, const struct pfs_cell *object, const char *name, struct pfs_cell *out)
{
    struct pfs_cell key, value;
    struct pfs_json json;
    int more;

    *out = (struct pfs_cell){0};
    if (object->form != PFS_CELL_OBJECT)
        return 0;
    PFS_TRY(pfs_json_open(&json, pfs_cell_text(object), '{', &p->err));
    while ((more = pfs_json_member(&json, &key, &value, &p->err)) > 0)
        if (pfs_slice_eq(pfs_cell_text(&key), pfs_str(name)))
            *out = value;
    return more;
}

/* {"field": "amount", "name": "org...Decimal", "parameters": {"scale": "2"}} */
static int read_field(struct pfs_text_parser *p, const struct pfs_cell *field)
{
    struct pfs_cell column, name, parameters, scale;
    int64_t digits = 0;
    int32_t i;

    PFS_TRY(find_member(p, field, "field", &column));
    PFS_TRY(find_member(p, field, "name", &name));
    PFS_TRY(find_member(p, field, "parameters", &parameters));
    PFS_TRY(find_member(p, &parameters, "scale", &scale));
    i = column.form == PFS_CELL_STRING ? pfs_text_names_find(&p->names, pfs_cell_text(&column)) : -1;
    if (i < 0)
        return 0;
    if (scale.form != PFS_CELL_NULL &&
        (pfs_i64_parse(pfs_cell_text(&scale), &digits) < 0 || digits < -100 || digits > 100))
        return pfs_fail(&p->err, EINVAL, "the schema gives column %s a scale that is none", p->parse.fields[i].name);
    p->source.column[i] = (struct pfs_source_column){PFS_SOURCE_UNKNOWN, (int32_t)digits};
    for (size_t k = 0; k < sizeof(source_names) / sizeof(source_names[0]) && name.form == PFS_CELL_STRING; k++)
        if (pfs_slice_eq(pfs_cell_text(&name), pfs_str(source_names[k].name)))
            p->source.column[i].type = source_names[k].type;
    return 0;
}

static int read_fields(struct pfs_text_parser *p, const struct pfs_cell *fields, int depth)
{
    struct pfs_cell field, name, inner;
    struct pfs_json json;
    int more;

    if (fields->form != PFS_CELL_ARRAY)
        return 0;
    PFS_TRY(pfs_json_open(&json, pfs_cell_text(fields), '[', &p->err));
    while ((more = pfs_json_element(&json, &field, &p->err)) > 0) {
        if (depth > 0) {
            PFS_TRY(read_field(p, &field));
            continue;
        }
        PFS_TRY(find_member(p, &field, "field", &name));
        if (pfs_slice_eq(pfs_cell_text(&name), pfs_str("after"))) {
            PFS_TRY(find_member(p, &field, "fields", &inner));
            PFS_TRY(read_fields(p, &inner, 1));
        }
    }
    return more;
}

/* Kept until another schema comes: Debezium repeats it in each envelope, and a comparison of bytes is all that costs.
 */
int pfs_source_types_read(struct pfs_text_parser *p, struct pfs_slice schema)
{
    struct pfs_cell whole = {schema.at, (uint32_t)schema.len, PFS_CELL_OBJECT}, fields;
    size_t columns = (size_t)p->parse.columns;

    if (p->source.column != NULL && pfs_slice_eq(pfs_buf_slice(&p->source.text), schema))
        return 0; /* mostly it is that of the envelope before */
    if (p->rows > 0) {
        p->full = true; /* the rows before are spelled by the schema before */
        return 0;
    }
    if (p->source.column == NULL)
        p->source.column = pfs_arena_array(&p->arena, columns, sizeof(*p->source.column));
    if (p->source.column == NULL)
        return pfs_arena_full(&p->arena, &p->err);
    memset(p->source.column, 0, columns * sizeof(*p->source.column));
    pfs_buf_clear(&p->source.text);
    PFS_TRY(find_member(p, &whole, "fields", &fields));
    PFS_TRY(read_fields(p, &fields, 0));
    pfs_buf_put(&p->source.text, schema.at, schema.len);
    return pfs_buf_check(&p->source.text, &p->err);
}

/* ---- cells ---- */

static bool is_string(const struct pfs_cell *cell)
{
    return cell->form == PFS_CELL_STRING || cell->form == PFS_CELL_ESCAPED;
}

static int respell(struct pfs_convert *c, struct pfs_cell *cell, const char *text, size_t len)
{
    uint8_t *to = pfs_arena_alloc(c->arena, len > 0 ? len : 1);

    if (to == NULL)
        return pfs_arena_full(c->arena, c->err);
    memcpy(to, text, len);
    *cell = (struct pfs_cell){to, (uint32_t)len, PFS_CELL_STRING};
    return 0;
}

/* Numbers, true, false and nested JSON are text. */
static int as_text(struct pfs_cell *cells, int32_t rows)
{
    for (int32_t i = 0; i < rows; i++)
        if (cells[i].form == PFS_CELL_WORD || cells[i].form == PFS_CELL_ARRAY || cells[i].form == PFS_CELL_OBJECT)
            cells[i].form = PFS_CELL_STRING;
    return 0;
}

/* Text that holds JSON is what it holds; an empty one is null, as databases give for no document. */
static int as_nested(struct pfs_convert *c, struct pfs_cell *cells, int32_t rows)
{
    for (int32_t i = 0; i < rows; i++) {
        struct pfs_cell *cell = &cells[i], value;
        struct pfs_row_end end = {0};
        struct pfs_slice text;

        if (!is_string(cell))
            continue;
        if (cell->form == PFS_CELL_ESCAPED) {
            uint8_t *plain = pfs_arena_alloc(c->arena, cell->len);

            if (plain == NULL)
                return pfs_arena_full(c->arena, c->err);
            cell->len = (uint32_t)pfs_cell_unescape(cell, plain);
            cell->at = plain;
            cell->form = PFS_CELL_STRING;
        }
        text = pfs_cell_text(cell);
        value = (struct pfs_cell){text.at, cell->len, PFS_CELL_ARRAY};
        if (text.len == 0)
            *cell = (struct pfs_cell){0};
        else if ((text.at[0] == '[' || text.at[0] == '{') && pfs_json_row_end(&end, text) == text.len &&
                 !end.malformed) {
            value.form = text.at[0] == '[' ? PFS_CELL_ARRAY : PFS_CELL_OBJECT;
            *cell = value;
        }
    }
    return 0;
}

/* An unscaled value as text: with a point where the scale is one that a DECIMAL can have, else with an exponent, for
 * which zeros at the end are taken off first. */
static size_t print_scaled(pfs_i128 v, int32_t scale, char *text)
{
    size_t len;

    assert(scale >= -100 && scale <= 100); /* read_field took no other */
    for (; scale > PFS_DECIMAL_DIGITS && v % 10 == 0; scale = v == 0 ? 0 : scale - 1)
        v /= 10;
    if (scale >= 0 && scale <= PFS_DECIMAL_DIGITS)
        return pfs_decimal_print(v, scale, text);
    len = pfs_decimal_print(v, 0, text);
    return len + (size_t)snprintf(text + len, EXPONENT_TEXT, "e%d", -scale);
}

static int as_decimal(struct pfs_convert *c, struct pfs_cell *cells, int32_t rows, int32_t scale)
{
    for (int32_t i = 0; i < rows; i++) {
        uint8_t bytes[64];
        char text[PFS_DECIMAL_TEXT + EXPONENT_TEXT];
        int64_t len;
        pfs_i128 v;

        if (cells[i].form != PFS_CELL_STRING)
            continue;
        len = cells[i].len <= 80 ? pfs_base64_decode(pfs_cell_text(&cells[i]), bytes) : -1;
        if (len < 0 || !pfs_decimal_from_be(pfs_slice_of(bytes, (size_t)len), &v))
            return pfs_cell_refuse(c, cells, i, EINVAL, "is no decimal in base64");
        PFS_TRY(respell(c, &cells[i], text, print_scaled(v, scale, text)));
    }
    return 0;
}

/* Days beyond the years that text can spell are refused here: typed they would be malformed, which says less. */
static int as_date(struct pfs_convert *c, struct pfs_cell *cells, int32_t rows)
{
    for (int32_t i = 0; i < rows; i++) {
        int64_t days;
        char text[16];

        if (cells[i].form != PFS_CELL_WORD)
            continue;
        if (pfs_i64_parse(pfs_cell_text(&cells[i]), &days) < 0 || days < -719162 || days > 2932896)
            return pfs_cell_refuse(c, cells, i, EINVAL, "is no number of days since 1970");
        PFS_TRY(respell(c, &cells[i], text, pfs_date_print((int32_t)days, text)));
    }
    return 0;
}

static int64_t floor_of(int64_t a, int64_t b, int64_t *rest)
{
    int64_t q = a / b, r = a % b;

    assert(b > 0);
    if (r < 0) {
        r += b;
        q--;
    }
    assert(r >= 0 && r < b);
    *rest = r;
    return q;
}

/* Units of time since 1970, or since midnight. */
static int as_time(struct pfs_convert *c, const struct pfs_type *type, struct pfs_cell *cells, int32_t rows,
                   int64_t units_a_milli)
{
    for (int32_t i = 0; i < rows; i++) {
        int64_t v, millis, rest;
        char text[40];
        size_t len;

        if (cells[i].form != PFS_CELL_WORD)
            continue;
        if (pfs_i64_parse(pfs_cell_text(&cells[i]), &v) < 0)
            return pfs_cell_refuse(c, cells, i, EINVAL, "is no number of time units");
        millis = floor_of(v, units_a_milli, &rest);
        if (type->kind == PFS_TIME && (millis < 0 || millis >= 86400000))
            return pfs_cell_refuse(c, cells, i, EINVAL, "is no time of a day");
        if (millis < -62135596800000 || millis > 253402300799999)
            return pfs_cell_refuse(c, cells, i, ERANGE, "is no time of the years 1 to 9999");
        len = type->kind == PFS_TIME
                  ? pfs_time_print((int32_t)millis, text)
                  : pfs_timestamp_print(millis, (int32_t)(rest * (1000000 / units_a_milli)), 9, text);
        PFS_TRY(respell(c, &cells[i], text, len));
    }
    return 0;
}

/* Units in a millisecond. Without a schema the column's precision is the best guess: connectors choose theirs by it. */
static int64_t unit_of(const struct pfs_source_column *source, const struct pfs_type *type)
{
    switch (source->type) {
    case PFS_SOURCE_MILLIS:
        return 1;
    case PFS_SOURCE_MICROS:
        return 1000;
    case PFS_SOURCE_NANOS:
        return 1000000;
    case PFS_SOURCE_UNKNOWN:
    case PFS_SOURCE_DECIMAL:
    case PFS_SOURCE_DAYS:
        break;
    }
    return type->precision <= 3 ? 1 : type->precision <= 6 ? 1000 : 1000000;
}

int pfs_envelope_values(struct pfs_text_parser *p, struct pfs_convert *c, int32_t i, struct pfs_cell *cells)
{
    static const struct pfs_source_column unknown = {0};
    const struct pfs_source_column *source = p->source.column != NULL ? &p->source.column[i] : &unknown;
    const struct pfs_type *type = &p->parse.fields[i].type;

    assert(i >= 0 && i < p->parse.columns);
    if (pfs_kind_is_text(type->kind))
        return as_text(cells, p->rows);
    if (pfs_kind_is_nested(type->kind))
        return as_nested(c, cells, p->rows);
    if (source->type == PFS_SOURCE_DECIMAL)
        return as_decimal(c, cells, p->rows, source->scale);
    if (type->kind == PFS_DATE)
        return as_date(c, cells, p->rows);
    if (type->kind == PFS_TIME || type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ)
        return as_time(c, type, cells, p->rows, unit_of(source, type));
    return 0;
}
