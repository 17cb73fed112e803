/* roundtrip.h - for tests of writers: rows of every type made up, written in batches of odd lengths, and read again.
 *
 * Rows are JSON lines; what a reader gives is compared as text with what the parser of text understood.
 */
#pragma once

#include "base/decimal.h"
#include "format/writer.h"
#include "tests/unit/load.h"

/* Columns of all types that Avro and ORC have; nullable unless said otherwise. */
static const char *const rt_all[][2] = {
    {"id", "INT NOT NULL"},
    {"b", "BOOLEAN"},
    {"i8", "TINYINT"},
    {"i16", "SMALLINT"},
    {"i32", "INT"},
    {"i64", "BIGINT"},
    {"f", "FLOAT"},
    {"d", "DOUBLE"},
    {"dec1", "DECIMAL(1, 0)"},
    {"dec9", "DECIMAL(9, 2)"},
    {"dec18", "DECIMAL(18, 18)"},
    {"dec20", "DECIMAL(20, 5)"},
    {"dec38", "DECIMAL(38, 10)"},
    {"ch", "CHAR(7)"},
    {"vc", "VARCHAR(20)"},
    {"s", "STRING"},
    {"bi", "BINARY(9)"},
    {"by", "BYTES"},
    {"da", "DATE"},
    {"t0", "TIME(0)"},
    {"t3", "TIME(3)"},
    {"ts0", "TIMESTAMP(0)"},
    {"ts3", "TIMESTAMP(3)"},
    {"ts6", "TIMESTAMP(6)"},
    {"lz3", "TIMESTAMP_LTZ(3)"},
    {"lz6", "TIMESTAMP_LTZ(6)"},
    {"ai", "ARRAY<INT>"},
    {"as", "ARRAY<STRING NOT NULL>"},
    {"aa", "ARRAY<ARRAY<DECIMAL(20, 5)>>"},
    {"ms", "MAP<STRING, INT>"},
    {"mi", "MAP<INT, STRING>"},
    {"mm", "MAP<BIGINT, MAP<STRING, ARRAY<DOUBLE>>>"},
    {"mu", "MULTISET<STRING>"},
    {"ro", "ROW<a INT, b STRING NOT NULL, c ROW<d DATE, e ARRAY<TIMESTAMP(3)>>>"},
    {"ar", "ARRAY<ROW<x BIGINT, y MAP<STRING, BOOLEAN>>>"},
    {NULL, NULL},
};

static inline uint64_t rt_random(uint64_t *seed)
{
    uint64_t x = *seed += 0x9e3779b97f4a7c15u;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static inline int64_t rt_below(uint64_t *seed, int64_t limit)
{
    return (int64_t)(rt_random(seed) % (uint64_t)limit);
}

/* Of at most `bits` bits with the sign: small ones as often as large ones, runs and ends of the range too. */
static inline int64_t rt_integer(uint64_t *seed, int bits)
{
    int64_t most = (int64_t)((uint64_t)-1 >> (65 - bits)), v = (int64_t)rt_random(seed) & most;

    v >>= rt_below(seed, bits);
    switch (rt_below(seed, 16)) {
    case 0:
        return -most - 1;
    case 1:
        return most;
    case 2:
        return 0;
    default:
        return rt_below(seed, 2) ? v : -v;
    }
}

static inline void rt_text(uint64_t *seed, int64_t characters, struct pfs_buf *out)
{
    static const char *const letters[] = {
        "a", "b", "Z", "0", "_", "\\\"", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x99\x82"};

    for (int64_t i = rt_below(seed, characters + 1); i > 0; i--)
        pfs_buf_puts(out, letters[rt_below(seed, COUNT(letters))]);
}

static inline void rt_scalar(const struct pfs_type *type, uint64_t *seed, struct pfs_buf *out)
{
    char text[PFS_DECIMAL_TEXT];
    pfs_i128 wide;

    if (type->kind == PFS_BOOLEAN) {
        pfs_buf_puts(out, rt_below(seed, 2) ? "true" : "false");
    } else if (type->kind == PFS_DECIMAL) {
        wide = ((pfs_i128)rt_random(seed) << 62 | (pfs_i128)(rt_random(seed) >> 1)) %
               pfs_decimal_power(1 + (int)rt_below(seed, type->precision));
        pfs_buf_puts(out, "\"");
        pfs_buf_put(out, text, pfs_decimal_print(rt_below(seed, 2) ? wide : -wide, type->scale, text));
        pfs_buf_puts(out, "\"");
    } else if (type->kind == PFS_FLOAT || type->kind == PFS_DOUBLE) {
        if (rt_below(seed, 8) == 0)
            pfs_buf_puts(out, rt_below(seed, 2) ? "-0.0" : "\"-Infinity\"");
        else
            pfs_buf_printf(out, "%.6g", (double)rt_integer(seed, 40) / 1024.0);
    } else if (pfs_kind_is_text(type->kind)) {
        pfs_buf_puts(out, "\"");
        rt_text(seed, type->length < 60 ? type->length : 60, out);
        pfs_buf_puts(out, "\"");
    } else if (pfs_kind_is_bytes(type->kind)) {
        pfs_buf_puts(out, "\"");
        for (int64_t i = rt_below(seed, 4); i > 0; i--)
            pfs_buf_printf(out, "%c%c/%c", (int)('A' + rt_below(seed, 26)), (int)('a' + rt_below(seed, 26)),
                           (int)('0' + rt_below(seed, 10)));
        pfs_buf_puts(out, "\"");
    } else {
        pfs_buf_printf(out, "%lld", (long long)rt_integer(seed, pfs_type_width(type) * 8));
    }
}

static inline void rt_time(const struct pfs_type *type, uint64_t *seed, struct pfs_buf *out)
{
    int year = rt_below(seed, 8) == 0 ? (int)rt_below(seed, 9999) + 1 : 1960 + (int)rt_below(seed, 80);
    int precision = type->kind == PFS_TIME && type->precision > 3 ? 3 : type->precision;

    pfs_buf_puts(out, "\"");
    if (type->kind != PFS_TIME)
        pfs_buf_printf(out, "%04d-%02d-%02d", year, 1 + (int)rt_below(seed, 12), 1 + (int)rt_below(seed, 28));
    if (type->kind != PFS_DATE) {
        pfs_buf_printf(out, "%s%02d:%02d:%02d", type->kind == PFS_TIME ? "" : " ", (int)rt_below(seed, 24),
                       (int)rt_below(seed, 60), (int)rt_below(seed, 60));
        for (int i = 0; i < precision; i++) {
            if (i == 0)
                pfs_buf_puts(out, ".");
            pfs_buf_printf(out, "%d", (int)rt_below(seed, i % 2 == 0 ? 10 : 3));
        }
    }
    pfs_buf_puts(out, type->kind == PFS_TIMESTAMP_LTZ ? "Z\"" : "\"");
}

static inline void rt_value(const struct pfs_type *type, uint64_t *seed, struct pfs_buf *out);

/* Keys that differ: a number of their own is in each. */
static inline void rt_entries(const struct pfs_type *type, uint64_t *seed, struct pfs_buf *out)
{
    int entries = (int)rt_below(seed, 4);

    pfs_buf_puts(out, "[");
    for (int i = 0; i < entries; i++) {
        pfs_buf_puts(out, i > 0 ? ",[" : "[");
        if (pfs_kind_is_text(type->child[0].type.kind)) {
            pfs_buf_printf(out, "\"%d", i);
            rt_text(seed, 8, out);
            pfs_buf_puts(out, "\"");
        } else {
            pfs_buf_printf(out, "%d", (int)rt_below(seed, 1000) * 4 + i);
        }
        pfs_buf_puts(out, ",");
        if (type->kind == PFS_MULTISET)
            pfs_buf_printf(out, "%d", 1 + (int)rt_below(seed, 1000));
        else
            rt_value(&type->child[1].type, seed, out);
        pfs_buf_puts(out, "]");
    }
    pfs_buf_puts(out, "]");
}

static inline void rt_value(const struct pfs_type *type, uint64_t *seed, struct pfs_buf *out)
{
    if (type->nullable && rt_below(seed, 5) == 0) {
        pfs_buf_puts(out, "null");
    } else if (type->kind == PFS_ARRAY) {
        int items = (int)rt_below(seed, 5);

        pfs_buf_puts(out, "[");
        for (int i = 0; i < items; i++) {
            pfs_buf_puts(out, i > 0 ? "," : "");
            rt_value(&type->child[0].type, seed, out);
        }
        pfs_buf_puts(out, "]");
    } else if (type->kind == PFS_MAP || type->kind == PFS_MULTISET) {
        rt_entries(type, seed, out);
    } else if (type->kind == PFS_ROW) {
        for (int i = 0; i < type->children; i++) {
            pfs_buf_printf(out, "%s\"%s\":", i > 0 ? "," : "{", type->child[i].name);
            rt_value(&type->child[i].type, seed, out);
        }
        pfs_buf_puts(out, "}");
    } else if (type->kind >= PFS_DATE && type->kind <= PFS_TIMESTAMP_LTZ) {
        rt_time(type, seed, out);
    } else {
        rt_scalar(type, seed, out);
    }
}

/* Rows made up, as JSON lines. */
static inline void rt_rows(const struct pfs_field *fields, int32_t columns, int rows, uint64_t seed,
                           struct pfs_buf *out)
{
    for (int i = 0; i < rows; i++) {
        for (int32_t c = 0; c < columns; c++) {
            pfs_buf_printf(out, "%s\"%s\":", c > 0 ? "," : "{", fields[c].name);
            rt_value(&fields[c].type, &seed, out);
        }
        pfs_buf_puts(out, "}\n");
    }
    assert_int_equal(pfs_buf_check(out, NULL), 0);
}

/* Writes rows [from, from + len) of the batch. */
static inline int rt_write_slice(struct pfs_writer *writer, const struct pfs_batch *batch, int64_t from, int64_t len,
                                 struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_batch piece = {len, batch->columns, NULL};

    piece.column = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*piece.column));
    for (int32_t i = 0; i < batch->columns; i++)
        assert_int_equal(pfs_column_slice(&batch->column[i], from, len, arena, &piece.column[i], NULL), 0);
    return pfs_writer_write(writer, &piece, err);
}

/* Parses the lines and writes them in pieces of up to `most` rows, of different lengths; what was understood goes to
 * `said`. The writer's first error, or 0. */
static inline int rt_write(struct pfs_writer *writer, const struct pfs_field *fields, int32_t columns,
                           struct pfs_slice lines, int64_t most, struct pfs_buf *said, struct pfs_err *err)
{
    const struct pfs_text_parse parse = {.columns = columns, .fields = fields, .format = PFS_TEXT_JSON};
    struct pfs_text_parser *parser;
    struct pfs_text_refusal refusal;
    struct pfs_batch batch;
    struct pfs_arena arena = {0};
    int64_t rows = 1, step = most;
    size_t used = 0;
    int rc = 0;

    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    while (rc == 0 && rows > 0) {
        size_t consumed;

        rows = pfs_text_parser_feed(parser, pfs_slice_of(lines.at + used, lines.len - used), true, &arena, &batch,
                                    &consumed, &refusal, err);
        if (rows < 0)
            fail_msg("%s: %.*s", err->text, PFS_P(refusal.text));
        used += consumed;
        batch.columns = columns;
        if (rows > 0)
            assert_int_equal(pfs_text_print(PFS_TEXT_JSON, fields, &batch, said, NULL), 0);
        for (int64_t from = 0; rc == 0 && from < rows; from += step) {
            step = step % most * 7 % most + 1;
            if (step > rows - from)
                step = rows - from;
            rc = rt_write_slice(writer, &batch, from, step, &arena, err);
        }
        pfs_arena_reset(&arena);
    }
    pfs_text_parser_close(parser);
    pfs_arena_done(&arena);
    return rc;
}

/* Both as texts: where they first differ is shown. */
static inline void rt_same(const char *what, struct pfs_slice got, struct pfs_slice want)
{
    size_t i = 0, row = 1;

    if (pfs_slice_eq(got, want))
        return;
    for (; i < got.len && i < want.len && got.at[i] == want.at[i]; i++)
        row += got.at[i] == '\n';
    i = i > 40 ? i - 40 : 0;
    fail_msg("%s, row %zu: %.*s is not %.*s", what, row, (int)(got.len - i < 120 ? got.len - i : 120),
             (const char *)got.at + i, (int)(want.len - i < 120 ? want.len - i : 120), (const char *)want.at + i);
}
