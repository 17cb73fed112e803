/* parse_test.c - the dialect, rule by rule: each case is fed whole, cut at every byte, and a byte at a time. */
#include "format/text/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/number.h"
#include "base/utf8.h"

/* ---- rows as text: the row kind, then the values, `~` for NULL ---- */

static void show(const struct pfs_column *c, int64_t row, struct pfs_buf *out);

static void show_list(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    pfs_buf_putc(out, '[');
    for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        for (int32_t k = 0; k < (c->type->kind == PFS_ARRAY ? 1 : 2); k++) {
            if (i > c->offsets[row] || k > 0)
                pfs_buf_putc(out, k > 0 ? ':' : ' ');
            show(&c->children[k], i, out);
        }
    }
    pfs_buf_putc(out, ']');
}

static int64_t integer(const struct pfs_column *c, int64_t row)
{
    switch (pfs_type_width(c->type)) {
    case 1:
        return ((const int8_t *)c->values)[row];
    case 2:
        return ((const int16_t *)c->values)[row];
    case 4:
        return ((const int32_t *)c->values)[row];
    default:
        return ((const int64_t *)c->values)[row];
    }
}

static void show(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    if (!pfs_column_present(c, row)) {
        pfs_buf_putc(out, '~');
    } else if (pfs_kind_is_bytes(c->type->kind)) {
        struct pfs_slice s = pfs_column_bytes(c, row);

        pfs_buf_put(out, s.at, s.len);
    } else if (c->type->kind == PFS_ARRAY || c->type->kind == PFS_MAP || c->type->kind == PFS_MULTISET) {
        show_list(c, row, out);
    } else if (c->type->kind == PFS_ROW) {
        pfs_buf_putc(out, '{');
        for (int32_t i = 0; i < c->type->children; i++) {
            if (i > 0)
                pfs_buf_putc(out, ' ');
            show(&c->children[i], row, out);
        }
        pfs_buf_putc(out, '}');
    } else if (c->type->kind == PFS_DOUBLE || c->type->kind == PFS_FLOAT) {
        char text[PFS_NUMBER_TEXT];
        size_t len = c->type->kind == PFS_DOUBLE ? pfs_f64_print(((const double *)c->values)[row], text)
                                                 : pfs_f32_print(((const float *)c->values)[row], text);

        pfs_buf_put(out, text, len);
    } else if (c->type->kind == PFS_DECIMAL) {
        char text[PFS_DECIMAL_TEXT];
        pfs_i128 v = pfs_type_width(c->type) == 16 ? ((const pfs_i128 *)c->values)[row] : integer(c, row);

        pfs_buf_put(out, text, pfs_decimal_print(v, c->type->scale, text));
    } else if (pfs_type_width(c->type) == 16) {
        const struct pfs_time96 *t = (const struct pfs_time96 *)c->values + row;

        pfs_buf_printf(out, "%lld+%d", (long long)t->millis, t->nanos);
    } else {
        pfs_buf_printf(out, "%lld", (long long)integer(c, row));
    }
}

static void show_batch(const struct pfs_batch *batch, struct pfs_buf *out)
{
    for (int64_t row = 0; row < batch->rows; row++) {
        static const char *const kinds[] = {"+I", "-U", "+U", "-D"};

        pfs_buf_puts(out, kinds[integer(&batch->column[batch->columns - 1], row)]);
        for (int32_t i = 0; i < batch->columns - 1; i++) {
            pfs_buf_putc(out, ' ');
            show(&batch->column[i], row, out);
        }
        pfs_buf_putc(out, '\n');
    }
}

/* ---- one stream, cut somehow ---- */

struct table {
    struct pfs_arena arena;
    struct pfs_type row;
};

static void table_init(struct table *t, const char *columns)
{
    struct pfs_err err = {0};
    char *text;

    pfs_arena_init(&t->arena, 0);
    text = pfs_arena_printf(&t->arena, "ROW<%s>", columns);
    if (pfs_type_parse(pfs_str(text), NULL, &t->arena, &t->row, &err) < 0)
        fail_msg("%s: %s", columns, err.text);
}

struct answer {
    int code; /* 0 or positive errno */
    struct pfs_buf rows;
    struct pfs_err err;
    int64_t row;
    const char *column;
    char name[64]; /* the column's: a header's goes with the parser */
    uint64_t offset;
    struct pfs_buf text; /* of the refused row */
    size_t carried;
};

static void answer_done(struct answer *a)
{
    pfs_buf_done(&a->rows);
    pfs_buf_done(&a->text);
}

/* Feeds one piece to its end; a refused one is fed again, to see that the parser stands where it stood. */
static bool feed_piece(struct pfs_text_parser *p, struct pfs_slice piece, bool last, struct answer *a)
{
    for (;;) {
        struct pfs_text_refusal refusal = {0}, again = {0};
        struct pfs_err err = {0}, err_again = {0};
        struct pfs_arena arena;
        struct pfs_batch batch;
        size_t used = 0;
        int64_t rows;

        pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
        rows = pfs_text_parser_feed(p, piece, last, &arena, &batch, &used, &refusal, &err);
        if (rows < 0) {
            size_t carried = pfs_text_parser_carried(p);

            pfs_buf_put(&a->text, refusal.text.at, refusal.text.len);
            assert_int_equal(pfs_text_parser_feed(p, piece, last, &arena, &batch, &used, &again, &err_again), rows);
            assert_string_equal(err.text, err_again.text);
            assert_int_equal(refusal.row, again.row);
            assert_int_equal(refusal.offset, again.offset);
            assert_int_equal(carried, pfs_text_parser_carried(p));
            assert_int_equal(-rows, err.code);
            a->code = err.code;
            a->err = err;
            a->row = refusal.row;
            if (refusal.column != NULL)
                (void)snprintf(a->name, sizeof(a->name), "%s", refusal.column);
            a->column = refusal.column == NULL ? NULL : a->name;
            a->offset = refusal.offset;
        } else {
            assert_int_equal(batch.rows, rows);
            show_batch(&batch, &a->rows);
            assert_true(used <= piece.len);
            assert_true(used == piece.len || rows > 0);
        }
        pfs_arena_done(&arena);
        if (rows < 0)
            return false;
        piece.at += used;
        piece.len -= used;
        if (piece.len == 0 && (!last || rows == 0))
            return true;
    }
}

/* Pieces end at `cut` and, when step is not 0, after every step bytes. */
static struct answer parse(const struct pfs_text_parse *how, struct pfs_slice in, size_t cut, size_t step)
{
    struct answer a = {0};
    struct pfs_text_parser *p = NULL;
    size_t at = 0;
    bool good = true;

    assert_int_equal(pfs_text_parser_open(how, &p, &a.err), 0);
    while (good) {
        size_t len = step > 0 ? step : at < cut ? cut - at : in.len - at;
        /* A heap copy of the exact length, so that a sanitizer sees a read behind it. */
        uint8_t *copy;

        len = len > in.len - at ? in.len - at : len;
        copy = malloc(len + (len == 0));
        memcpy(copy, in.at + at, len);
        good = feed_piece(p, pfs_slice_of(copy, len), at + len == in.len, &a);
        free(copy);
        at += len;
        if (at == in.len)
            break;
    }
    a.carried = pfs_text_parser_carried(p);
    pfs_text_parser_close(p);
    return a;
}

struct pfs_case {
    const char *what;
    const char *columns;
    const char *in;
    const char *rows; /* NULL: refused */
    int code;
    int64_t row;
    const char *column;
    const char *why; /* the whole sentence */
};

static void check(const struct pfs_case *c, struct answer *a, const char *how, size_t cut)
{
    if (a->code != c->code)
        fail_msg("%s (%s %zu): code %d, %s", c->what, how, cut, a->code, a->err.text);
    if (c->code == 0) {
        pfs_buf_putc(&a->rows, '\0');
        if (strcmp((char *)a->rows.at, c->rows) != 0)
            fail_msg("%s (%s %zu): rows\n%s", c->what, how, cut, (char *)a->rows.at);
        assert_int_equal(a->carried, 0);
    } else {
        if (strcmp(a->err.text, c->why) != 0 || a->row != c->row)
            fail_msg("%s (%s %zu): row %lld, %s", c->what, how, cut, (long long)a->row, a->err.text);
        if (c->column == NULL ? a->column != NULL : a->column == NULL || strcmp(a->name, c->column) != 0)
            fail_msg("%s (%s %zu): column %s", c->what, how, cut, a->column == NULL ? "none" : a->name);
    }
    answer_done(a);
}

static void run(const struct pfs_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct pfs_case *c = &cases[i];
        struct pfs_slice in = pfs_str(c->in);
        struct pfs_text_parse how = {.format = -1};
        struct table t;
        struct answer a;

        table_init(&t, c->columns);
        how.columns = t.row.children;
        how.fields = t.row.child;
        a = parse(&how, in, in.len, 0);
        check(c, &a, "whole", 0);
        for (size_t cut = 0; cut < in.len; cut++) {
            a = parse(&how, in, cut, 0);
            check(c, &a, "cut at", cut);
        }
        for (size_t step = 1; step < 4; step++) {
            a = parse(&how, in, 0, step);
            check(c, &a, "step", step);
        }
        pfs_arena_done(&t.arena);
    }
}

#define RUN(cases) run(cases, sizeof(cases) / sizeof(*(cases)))
#define AB "a INT, b STRING"

/* ---- CSV ---- */

static void csv_records_follow_rfc_4180(void **state)
{
    static const struct pfs_case cases[] = {
        {"no header", AB, "1,x\n2,y\n", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"no last newline", AB, "1,x\n2,y", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"header", AB, "a,b\n1,x\n", "+I 1 x\n", 0, 0, 0, 0},
        {"header in another order", AB, "b,a\nx,1\n", "+I 1 x\n", 0, 0, 0, 0},
        {"header only", AB, "a,b\n", "", 0, 0, 0, 0},
        {"header without newline", AB, "a,b", "", 0, 0, 0, 0},
        {"quoted header", AB, "\"a\",\"b\"\n1,x\n", "+I 1 x\n", 0, 0, 0, 0},
        {"header with a doubled quote", "`a\"` INT, b INT", "\"a\"\"\",b\n1,2\n", "+I 1 2\n", 0, 0, 0, 0},
        {"some columns", AB, "b\nx\n", "+I ~ x\n", 0, 0, 0, 0},
        {"nothing", AB, "", "", 0, 0, 0, 0},
        {"crlf", AB, "a,b\r\n1,x\r\n2,y\r\n", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"crlf behind a quote", AB, "1,\"x\"\r\n2,\"y\"\r\n", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"mixed line ends", AB, "a,b\r\n1,x\n2,y\r\n", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"a last return", AB, "1,x\r", "+I 1 x\n", 0, 0, 0, 0},
        {"a last return behind a quote", AB, "1,\"x\"\r", "+I 1 x\n", 0, 0, 0, 0},
        {"byte-order mark", AB,
         "\xEF\xBB\xBF"
         "1,x\n",
         "+I 1 x\n", 0, 0, 0, 0},
        {"byte-order mark and header", AB,
         "\xEF\xBB\xBF"
         "a,b\n1,x\n",
         "+I 1 x\n", 0, 0, 0, 0},
        {"only a byte-order mark", AB, "\xEF\xBB\xBF", "", 0, 0, 0, 0},
        {"separators in quotes", AB, "1,\"x,y\n\"\"z\"\"\r\n\"\n", "+I 1 x,y\n\"z\"\r\n\n", 0, 0, 0, 0},
        {"only a quote", AB, "1,\"\"\"\"\n", "+I 1 \"\n", 0, 0, 0, 0},
        {"backslash is data", AB, "1,\\N\n2,\\\n3,\"\\\"\n", "+I 1 \\N\n+I 2 \\\n+I 3 \\\n", 0, 0, 0, 0},
        {"blanks are data", AB, "1, x \n2,\t\n", "+I 1  x \n+I 2 \t\n", 0, 0, 0, 0},
        {"empty is null", AB, ",\n1,\n,x\n", "+I ~ ~\n+I 1 ~\n+I ~ x\n", 0, 0, 0, 0},
        {"quoted empty is empty", AB, "1,\"\"\n", "+I 1 \n", 0, 0, 0, 0},
        {"blank lines", AB, "\n\na,b\n\n1,x\n\r\n\n2,y\n\n", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"blank lines only", AB, "\n\r\n\n", "", 0, 0, 0, 0},
        {"repeated header", AB, "a,b\n1,x\na,b\n2,y\n", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"repeated header with return", AB, "a,b\n1,x\na,b\r\n2,y\na,b", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"quoted header text is data", "b STRING, c STRING", "b,c\n\"b\",c\n", "+I b c\n", 0, 0, 0, 0},
        {"other order of header is data", "b STRING, c STRING", "b,c\nc,b\n", "+I c b\n", 0, 0, 0, 0},
        {"one column", "b STRING", "x\n\n\"\"\ny\n", "+I x\n+I ~\n+I \n+I y\n", 0, 0, 0, 0},
        {"one column, header", "b STRING", "b\nx\r\n\r\nb\n\"b\"\n", "+I x\n+I ~\n+I b\n", 0, 0, 0, 0},
        {"one column, null first", "b STRING", "\nx\n", "+I ~\n+I x\n", 0, 0, 0, 0},
        {"one column, only nulls", "b STRING", "\n\n", "+I ~\n+I ~\n", 0, 0, 0, 0},
        {"one column of many, blank line", AB, "b\nx\n\ny\n", "+I ~ x\n+I ~ y\n", 0, 0, 0, 0},
        {"text behind a quote", AB, "1,x\n2,\"y\"z\n", NULL, EINVAL, 2, "b",
         "row 2, column b (STRING): text behind a closing quote"},
        {"text behind a quote and return", AB, "2,\"y\"\rz\n", NULL, EINVAL, 1, NULL,
         "row 1: text behind a closing quote"},
        {"quote inside", AB, "1,x\n2,y\"z\"\n", NULL, EINVAL, 2, "b",
         "row 2, column b (STRING): a quote inside a field that does not begin with one"},
        {"open quote", AB, "1,x\n2,\"y\n3,z\n", NULL, EINVAL, 2, "b",
         "row 2, column b (STRING): a quote is not closed"},
        {"too few", AB, "1,x\n2\n", NULL, EINVAL, 2, NULL, "row 2: 1 fields where 2 belong"},
        {"too many", AB, "a,b\n1,x,\n", NULL, EINVAL, 1, NULL, "row 1: 3 fields where 2 belong"},
        {"too many, no header", AB, "1,x,y,z,u,v,w\n", NULL, EINVAL, 1, NULL,
         "row 1: 7 fields where 2 belong, and no column's name is among them"},
        {"semicolons", AB, "a;b\n1;x\n", NULL, EINVAL, 1, NULL,
         "row 1: 1 fields where 2 belong, which commas part, and no column's name is among them"},
        {"tabs", AB, "1\tx\n", NULL, EINVAL, 1, NULL,
         "row 1: 1 fields where 2 belong, which commas part, and no column's name is among them"},
        {"half a header", AB, "a,c\n1,x\n", NULL, EINVAL, 0, "c", "header: unknown column \"c\""},
        {"header with an empty name", AB, "a,\n1,x\n", NULL, EINVAL, 0, "",
         "header: unknown column (an index? pandas: index=False) \"\""},
        {"column twice", AB, "a,b,a\n1,x,1\n", NULL, EINVAL, 0, "a", "header: twice the column \"a\""},
        {"columns again and again", AB, "a,b,a,b,a,b,a\n1,x,1\n", NULL, EINVAL, 0, "a",
         "header: twice the column \"a\""},
        {"header with other case", AB, "A,b\n1,x\n", NULL, EINVAL, 0, "A", "header: unknown column \"A\""},
    };

    (void)state;
    RUN(cases);
}

static void row_kinds_come_from_kind_or_rowkind(void **state)
{
    static const struct pfs_case cases[] = {
        {"_kind", AB, "_kind,a,b\n+I,1,x\n-U,2,\n+U,3,\n-D,4,\n,5,\n", "+I 1 x\n-U 2 ~\n+U 3 ~\n-D 4 ~\n+I 5 ~\n", 0, 0,
         0, 0},
        {"rowkind last", AB, "a,b,rowkind\n1,x,\"-D\"\n", "-D 1 x\n", 0, 0, 0, 0},
        {"a changelog", AB, "_snapshot,_kind,a,b\n7,+U,1,x\n", "+U 1 x\n", 0, 0, 0, 0},
        {"a snapshot alone", AB, "_snapshot,a,b\nanything,1,x\n", "+I 1 x\n", 0, 0, 0, 0},
        {"the table's own column", "rowkind STRING, a INT", "rowkind,a\n-D,1\n", "+I -D 1\n", 0, 0, 0, 0},
        {"json", AB, "{\"_kind\":\"-D\",\"a\":1}\n{\"rowkind\":\"\\u002bU\",\"_snapshot\":[1]}{\"_kind\":null}",
         "-D 1 ~\n+U ~ ~\n+I ~ ~\n", 0, 0, 0, 0},
        {"bad kind", AB, "_kind,a,b\n+I,1,\n+X,1,x\n", NULL, EINVAL, 2, "_kind",
         "row 2, column _kind: \"+X\" is not one of +I -U +U -D"},
        {"two kinds", AB, "_kind,rowkind,a\n+I,+I,1\n", NULL, EINVAL, 0, "rowkind",
         "header: twice the column \"rowkind\""},
        {"two kinds in json", AB, "{\"_kind\":\"+I\",\"rowkind\":\"+I\"}\n", NULL, EINVAL, 1, NULL,
         "row 1: twice the column \"rowkind\""},
    };

    (void)state;
    RUN(cases);
}

/* ---- JSON ---- */

static void json_rows_are_lines_or_pretty_or_one_array(void **state)
{
    static const struct pfs_case cases[] = {
        {"lines", AB, "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n", "+I 1 x\n+I 2 y\n", 0, 0, 0, 0},
        {"no newline", AB, "{\"a\":1}{\"b\":\"y\"}", "+I 1 ~\n+I ~ y\n", 0, 0, 0, 0},
        {"pretty", AB, "{\n  \"a\" : 1,\r\n\t\"b\" : \"x\"\n}\n\n{ }\n", "+I 1 x\n+I ~ ~\n", 0, 0, 0, 0},
        {"array", AB, "[{\"a\":1},{\"a\":2} ,\n {\"a\":3}]\n", "+I 1 ~\n+I 2 ~\n+I 3 ~\n", 0, 0, 0, 0},
        {"empty array", AB, " [ ] \n", "", 0, 0, 0, 0},
        {"byte-order mark, blanks", AB, "\xEF\xBB\xBF \n{\"a\":1}", "+I 1 ~\n", 0, 0, 0, 0},
        {"record separators", AB, "{\"a\":1}\n\x1e{\"a\":2}\n", "+I 1 ~\n+I 2 ~\n", 0, 0, 0, 0},
        {"null and missing", AB, "{\"a\":null,\"b\":\"\"}\n", "+I ~ \n", 0, 0, 0, 0},
        {"keys in another order", AB, "{\"b\":\"x\",\"a\":1}{\"a\":2,\"b\":\"y\"}{\"b\":\"z\"}",
         "+I 1 x\n+I 2 y\n+I ~ z\n", 0, 0, 0, 0},
        {"escaped key", AB, "{\"\\u0061\":1,\"\\u0062\":\"x\"}", "+I 1 x\n", 0, 0, 0, 0},
        {"escapes", AB,
         "{\"b\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00\\ud800\\udc00\\udbff\\udfff\"}",
         "+I ~ \"\\/\b\f\n\r\t\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\n", 0, 0, 0, 0},
        {"brackets in strings", AB, "{\"b\":\"}{][\\\"}\"}\n", "+I ~ }{][\"}\n", 0, 0, 0, 0},
        {"numbers as strings", AB, "{\"a\":\"7\"}", "+I 7 ~\n", 0, 0, 0, 0},
        {"no digit is lost", "a BIGINT, d DECIMAL(38,2)",
         "{\"a\":9223372036854775807,\"d\":123456789012345678901234567890123456.78}",
         "+I 9223372036854775807 123456789012345678901234567890123456.78\n", 0, 0, 0, 0},
        {"unknown key", AB, "{\"a\":1}\n{\"c\":1}\n", NULL, EINVAL, 2, NULL, "row 2: unknown column \"c\""},
        {"key twice", AB, "{\"a\":1,\"a\":1}\n", NULL, EINVAL, 1, NULL, "row 1: twice the column \"a\""},
        {"not an object", AB, "{\"a\":1}\n5\n", NULL, EINVAL, 2, NULL, "row 2: a row must be a JSON object"},
        {"a number in the array", AB, "[1]", NULL, EINVAL, 1, NULL, "row 1: a row must be a JSON object"},
        {"array without comma", AB, "[{\"a\":1} {\"a\":2}]", NULL, EINVAL, 2, NULL,
         "row 2: the array of rows goes on with neither , nor ]"},
        {"array not closed", AB, "[{\"a\":1}\n", NULL, EINVAL, 2, NULL, "row 2: the array of rows is not closed"},
        {"object not closed", AB, "{\"a\":1\n", NULL, EINVAL, 1, NULL, "row 1: a JSON object is not closed"},
        {"brackets that differ", AB, "{\"a\":[1}\n{\"a\":2}\n", NULL, EINVAL, 1, NULL,
         "row 1: JSON brackets, quotes or commas do not match"},
        {"a brace is missing", AB, "{\"a\":1\n{\"a\":2}\n", NULL, EINVAL, 1, NULL, "row 1: \"{\" where , or } belongs"},
        {"a brace is missing behind a string", AB, "{\"a\":1}\n{\"b\":\"x\"\n \n{\"a\":2}\n", NULL, EINVAL, 2, NULL,
         "row 2: \"{\" where , or } belongs"},
        {"string over the line's end", AB, "{\"b\":\"x}\n{\"b\":\"y\"}\n", NULL, EINVAL, 1, NULL,
         "row 1: a control character (10) in a JSON string"},
        {"control character", AB, "{\"b\":\"x\ty\"}\n", NULL, EINVAL, 1, NULL,
         "row 1: a control character (9) in a JSON string"},
        {"bad escape", AB, "{\"b\":\"\\x\"}\n", NULL, EINVAL, 1, NULL, "row 1: \"\\x\"}\" where an escape belongs"},
        {"two first halves", AB, "{\"b\":\"\\ud83d\\ud83d\"}\n", NULL, EILSEQ, 1, NULL,
         "row 1: half a surrogate pair in a JSON string"},
        {"a second half first", AB, "{\"b\":\"\\udc00\\udc00\"}\n", NULL, EILSEQ, 1, NULL,
         "row 1: half a surrogate pair in a JSON string"},
        {"a first half and what is none", AB, "{\"b\":\"\\ud83d\\ue000\"}\n", NULL, EILSEQ, 1, NULL,
         "row 1: half a surrogate pair in a JSON string"},
        {"half a pair", AB, "{\"b\":\"\\ud83d\"}\n", NULL, EILSEQ, 1, NULL,
         "row 1: half a surrogate pair in a JSON string"},
        {"no comma", AB, "{\"a\":1 \"b\":2}\n", NULL, EINVAL, 1, NULL, "row 1: \"\"b\":2}\" where , or } belongs"},
        {"no colon", AB, "{\"a\" 1}\n", NULL, EINVAL, 1, NULL, "row 1: \"1}\" where : belongs"},
        {"comma at the end", AB, "{\"a\":1,}\n", NULL, EINVAL, 1, NULL, "row 1: \"}\" where a key belongs"},
        {"leading zero", AB, "{\"a\":01}\n", NULL, EINVAL, 1, NULL, "row 1: \"01}\" where a JSON value belongs"},
        {"bare word", AB, "{\"a\":yes}\n", NULL, EINVAL, 1, NULL, "row 1: \"yes}\" where a JSON value belongs"},
        {"number for a string", AB, "{\"b\":5}\n", NULL, EINVAL, 1, "b",
         "row 1, column b (STRING): \"5\" is not a string"},
        {"array for a number", AB, "{\"a\":[5]}\n", NULL, EINVAL, 1, "a",
         "row 1, column a (INT): \"[5]\" is not an integer"},
    };

    (void)state;
    RUN(cases);
}

/* ---- values ---- */

static void values_are_typed(void **state)
{
    static const struct pfs_case cases[] = {
        {"booleans", "a BOOLEAN", "true\nfalse\nTrue\nFALSE\nt\nf\n1\n0\n",
         "+I 1\n+I 0\n+I 1\n+I 0\n+I 1\n+I 0\n+I 1\n+I 0\n", 0, 0, 0, 0},
        {"json booleans", "a BOOLEAN, b BOOLEAN", "{\"a\":true,\"b\":\"false\"}", "+I 1 0\n", 0, 0, 0, 0},
        {"integers", "a TINYINT, b SMALLINT, c INT, d BIGINT",
         "-128,-32768,-2147483648,-9223372036854775808\n127,32767,2147483647,9223372036854775807\n+5,5.0,-0,007\n",
         "+I -128 -32768 -2147483648 -9223372036854775808\n+I 127 32767 2147483647 9223372036854775807\n+I 5 5 0 7\n",
         0, 0, 0, 0},
        {"pandas", AB, "5.0,x\n,\n", "+I 5 x\n+I ~ ~\n", 0, 0, 0, 0},
        {"floats", "a FLOAT, b DOUBLE", "0.1,1e22\n-0.0,-0\nNaN,nan\nInfinity,-inf\n3,1.5E-7\n",
         "+I 0.1 1e+22\n+I -0.0 -0.0\n+I NaN NaN\n+I Infinity -Infinity\n+I 3.0 1.5e-07\n", 0, 0, 0, 0},
        {"json floats", "a FLOAT, b DOUBLE",
         "{\"a\":NaN,\"b\":-Infinity}{\"a\":\"NaN\",\"b\":\"Infinity\"}{\"a\":1,\"b\":1e5}",
         "+I NaN -Infinity\n+I NaN Infinity\n+I 1.0 100000.0\n", 0, 0, 0, 0},
        {"signs of exponents", "a FLOAT, b DOUBLE", "{\"a\":5e-1,\"b\":1E+5}{\"a\":-2.5E1,\"b\":1.5e-3}",
         "+I 0.5 100000.0\n+I -25.0 0.0015\n", 0, 0, 0, 0},
        {"decimals", "a DECIMAL(5,2), b DECIMAL(18,0), c DECIMAL(38,10)",
         "-0.1,123456789012345678,1\n999.99,-999999999999999999,-9999999999999999999999999999.9999999999\n1.500,1e3,."
         "5\n+1,2.,0\n",
         "+I -0.10 123456789012345678 1.0000000000\n"
         "+I 999.99 -999999999999999999 -9999999999999999999999999999.9999999999\n+I 1.50 1000 0.5000000000\n"
         "+I 1.00 2 0.0000000000\n",
         0, 0, 0, 0},
        {"dates", "a DATE", "1970-01-01\n1969-12-31\n2024-02-29\n9999-12-31\n0001-01-01\n",
         "+I 0\n+I -1\n+I 19782\n+I 2932896\n+I -719162\n", 0, 0, 0, 0},
        {"times", "a TIME", "00:00:00.000\n23:59:59.999\n12:30\n", "+I 0\n+I 86399999\n+I 45000000\n", 0, 0, 0, 0},
        {"timestamps", "a TIMESTAMP(3), b TIMESTAMP(6), c TIMESTAMP(9), d TIMESTAMP(0)",
         "1970-01-01 00:00:01.5,1970-01-01T00:00:00.000001,1969-12-31 23:59:59.999999999,2024-02-29 12:00:00\n"
         "1970-01-02,1970-01-01 00:01,1970-01-01 00:00:00.100000,1970-01-01 00:00:01.000\n",
         "+I 1500 1 -1+999999 1709208000000\n+I 86400000 60000000 100+0 1000\n", 0, 0, 0, 0},
        {"timestamps with the fewest and the most digits of their kind", "a TIMESTAMP(4), b TIMESTAMP(7)",
         "1970-01-01 00:00:00.0001,1969-12-31 23:59:59.9999999\n", "+I 100 -1+999900\n", 0, 0, 0, 0},
        {"zoned timestamps", "a TIMESTAMP_LTZ(3), b TIMESTAMP_LTZ(6)",
         "1970-01-01 00:00:01.5Z,1970-01-01 01:00:00+01:00\n1970-01-01 00:00:01,1970-01-01T00:00:00.000001Z\n",
         "+I 1500 0\n+I 1000 1\n", 0, 0, 0, 0},
        {"strings", "a CHAR(2), b VARCHAR(3)", "ab,\xC3\xA9\xC3\xA9\xC3\xA9\n\"\",\"\"\n",
         "+I ab \xC3\xA9\xC3\xA9\xC3\xA9\n+I  \n", 0, 0, 0, 0},
        {"binary", "a BINARY(3), b BYTES", "YWJj,eA==\n\"\",\n", "+I abc x\n+I  ~\n", 0, 0, 0, 0},
        {"json binary", "a BYTES", "{\"a\":\"YWI=\"}", "+I ab\n", 0, 0, 0, 0},
        {"nulls of all",
         "a BOOLEAN, b FLOAT, c DECIMAL(38,2), d DATE, e TIME, f TIMESTAMP(9), g BYTES, h DECIMAL(5,2), "
         "i TIMESTAMP(3), j ARRAY<INT>, k VARIANT",
         ",,,,,,,,,,\n", "+I ~ ~ ~ ~ ~ ~ ~ ~ ~ ~ ~\n", 0, 0, 0, 0},
    };

    (void)state;
    RUN(cases);
}

static void bad_values_are_refused_by_row_and_column(void **state)
{
    static const struct pfs_case cases[] = {
        {"no integer", AB, "1,x\nx,y\n", NULL, EINVAL, 2, "a", "row 2, column a (INT): \"x\" is not an integer"},
        {"first row wins", "a INT, b INT", "1,1\n1,x\ny,1\n", NULL, EINVAL, 2, "b",
         "row 2, column b (INT): \"x\" is not an integer"},
        {"first column wins", "a INT, b INT", "1,1\ny,x\n", NULL, EINVAL, 2, "a",
         "row 2, column a (INT): \"y\" is not an integer"},
        {"value before a wrong count", AB, "x,\n1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (INT): \"x\" is not an integer"},
        {"empty is no integer", AB, "\"\",x\n", NULL, EINVAL, 1, "a", "row 1, column a (INT): \"\" is not an integer"},
        {"blank before", AB, " 1,x\n", NULL, EINVAL, 1, "a", "row 1, column a (INT): \" 1\" is not an integer"},
        {"fraction", AB, "1.5,x\n", NULL, EINVAL, 1, "a", "row 1, column a (INT): \"1.5\" is not an integer"},
        {"exponent", AB, "1e3,x\n", NULL, EINVAL, 1, "a", "row 1, column a (INT): \"1e3\" is not an integer"},
        {"too big", AB, "2147483648,x\n", NULL, ERANGE, 1, "a", "row 1, column a (INT): \"2147483648\" does not fit"},
        {"tiny", "a TINYINT, b INT", "-129,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (TINYINT): \"-129\" does not fit"},
        {"huge", "a BIGINT, b INT", "9223372036854775808,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (BIGINT): \"9223372036854775808\" does not fit"},
        {"no boolean", "a BOOLEAN, b INT", "yes,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (BOOLEAN): \"yes\" is not true or false"},
        {"no number", "a DOUBLE, b INT", "1..2,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (DOUBLE): \"1..2\" is not a number"},
        {"float overflow", "a FLOAT, b INT", "1e39,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (FLOAT): \"1e39\" does not fit"},
        {"decimals that count", "a DECIMAL(5,2), b INT", "1.005,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (DECIMAL(5, 2)): \"1.005\" does not fit"},
        {"too many digits", "a DECIMAL(5,2), b INT", "1000,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (DECIMAL(5, 2)): \"1000\" does not fit"},
        {"19 digits for 18", "a DECIMAL(18,18), b INT", "9999999999999999999,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (DECIMAL(18, 18)): \"9999999999999999999\" does not fit"},
        {"no decimal", "a DECIMAL(5,2), b INT", "1,1\n-,1\n", NULL, EINVAL, 2, "a",
         "row 2, column a (DECIMAL(5, 2)): \"-\" is not a decimal number"},
        {"point alone", "a DECIMAL(5,2), b INT", ".,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (DECIMAL(5, 2)): \".\" is not a decimal number"},
        {"wide decimal", "a DECIMAL(38,0), b INT", "0.5,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (DECIMAL(38, 0)): \"0.5\" does not fit"},
        {"no such day", "a DATE, b INT", "2023-02-29,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (DATE): \"2023-02-29\" is not a date"},
        {"month 0", "a DATE, b INT", "2023-00-10,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (DATE): \"2023-00-10\" is not a date"},
        {"no time", "a TIME, b INT", "25:00:00,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (TIME(0)): \"25:00:00\" is not a time"},
        {"finer", "a TIMESTAMP(3), b INT", "2024-01-01 00:00:00.0001,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (TIMESTAMP(3)): \"2024-01-01 00:00:00.0001\" does not fit"},
        {"finer than 9", "a TIMESTAMP(9), b INT", "2024-01-01 00:00:00.0000000001,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (TIMESTAMP(9)): \"2024-01-01 00:00:00.0000000001\" does not fit"},
        {"zone without zone", "a TIMESTAMP(3), b INT", "2024-01-01 00:00:00+01:00,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (TIMESTAMP(3)): \"2024-01-01 00:00:00+01:00\" is not a timestamp"},
        {"point without digits", "a TIMESTAMP(3), b INT", "2024-01-01 00:00:00.,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (TIMESTAMP(3)): \"2024-01-01 00:00:00.\" is not a timestamp"},
        {"one byte behind the seconds", "a TIMESTAMP(3), b INT", "2024-01-01 00:00:00x,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (TIMESTAMP(3)): \"2024-01-01 00:00:00x\" is not a timestamp"},
        {"a blank behind the seconds", "a TIMESTAMP(6), b INT", "2024-01-01 00:00:00 ,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (TIMESTAMP(6)): \"2024-01-01 00:00:00 \" is not a timestamp"},
        {"two zones", "a TIMESTAMP_LTZ(3), b INT", "2024-01-01 00:00:00ZZ,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (TIMESTAMP(3) WITH LOCAL TIME ZONE): \"2024-01-01 00:00:00ZZ\" is not a timestamp"},
        {"too many characters", "a VARCHAR(2), b INT", "\xC3\xA9\xC3\xA9,1\nabc,1\n", NULL, ERANGE, 2, "a",
         "row 2, column a (VARCHAR(2)): \"abc\" has too many characters"},
        {"too many bytes", "a BINARY(2), b INT", "YWJj,1\n", NULL, ERANGE, 1, "a",
         "row 1, column a (BINARY(2)): \"YWJj\" has too many bytes"},
        {"no base64", "a BYTES, b INT", "YW,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (BYTES): \"YW\" is not base64"},
        {"variant", "a VARIANT, b INT", "1,1\n01,1\n", NULL, EINVAL, 2, "a",
         "row 2, column a (VARIANT): \"01\" is no variant: \"01\" where a JSON value belongs"},
        {"not null", "a INT NOT NULL, b STRING", "1,\n,x\n", NULL, EINVAL, 2, "a",
         "row 2, column a (INT): no value, and NULL is not allowed"},
        {"not null, left out", "a INT NOT NULL, b STRING", "b\nx\n", NULL, EINVAL, 1, "a",
         "row 1, column a (INT): no value, and NULL is not allowed"},
        {"not null in json", "a INT NOT NULL, b STRING", "{\"a\":1}{\"b\":\"x\"}", NULL, EINVAL, 2, "a",
         "row 2, column a (INT): no value, and NULL is not allowed"},
        {"bad value before a null", "a INT NOT NULL, b STRING", "x,\n,x\n", NULL, EINVAL, 1, "a",
         "row 1, column a (INT): \"x\" is not an integer"},
        {"latin-1", AB, "1,x\n2,\xE9t\xE9\n", NULL, EILSEQ, 2, "b",
         "row 2, column b (STRING): the text is not UTF-8; try iconv -t UTF-8"},
        {"latin-1 in front of another column", "a STRING, b STRING", "x,x\n\xE9t\xE9,x\n", NULL, EILSEQ, 2, "a",
         "row 2, column a (STRING): the text is not UTF-8; try iconv -t UTF-8"},
        {"latin-1 behind a bad value", AB, "x,y\n2,\xE9t\xE9\n", NULL, EINVAL, 1, "a",
         "row 1, column a (INT): \"x\" is not an integer"},
        {"latin-1 in json", AB, "{\"a\":1}\n{\"b\":\"\xE9t\xE9\"}\n", NULL, EILSEQ, 2, "b",
         "row 2, column b (STRING): the text is not UTF-8; try iconv -t UTF-8"},
        {"utf-16", AB,
         "\xFF\xFE"
         "1,x\n",
         NULL, EILSEQ, 1, NULL, "row 1: the text is not UTF-8; try iconv -t UTF-8"},
    };

    (void)state;
    RUN(cases);
}

/* One byte of a good value is another one: wherever that is, it is no value of its type. */
static void every_byte_of_a_moment_counts(void **state)
{
    static const struct {
        const char *type, *good;
    } cases[] = {{"DATE", "2023-11-10"},
                 {"TIME", "10:11:12"},
                 {"TIMESTAMP(3)", "2023-11-10 10:11:12.125"},
                 {"TIMESTAMP(9)", "2023-11-10T10:11:12"},
                 {"TIMESTAMP_LTZ(3)", "2023-11-10 10:11:12Z"}};
    static const char bad[] = {'x', '/', ':', ',', '.', '-', 'Z'};
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pfs_column out;
        struct pfs_type type;
        char text[40];

        assert_int_equal(pfs_type_parse(pfs_str(cases[i].type), NULL, &arena, &type, NULL), 0);
        assert_int_equal(pfs_text_parse_value(&type, pfs_str(cases[i].good), false, &arena, &out, NULL), 0);
        for (size_t at = 0; cases[i].good[at] != '\0'; at++)
            for (size_t b = 0; b < sizeof(bad); b++) {
                (void)snprintf(text, sizeof(text), "%s", cases[i].good);
                if (text[at] == bad[b] ||
                    (bad[b] == 'Z' && text[at + 1] == '\0')) /* UTC, which is what no zone means */
                    continue;
                text[at] = bad[b];
                if (pfs_text_parse_value(&type, pfs_str(text), false, &arena, &out, NULL) == 0)
                    fail_msg("%s is a %s", text, cases[i].type);
            }
    }
    pfs_arena_done(&arena);
}

static void nested_values_are_json_in_csv_and_json(void **state)
{
    static const struct pfs_case cases[] = {
        {"array", "a ARRAY<INT>, b INT", "\"[1, null ,3]\",1\n[],2\n,3\n", "+I [1 ~ 3] 1\n+I [] 2\n+I ~ 3\n", 0, 0, 0,
         0},
        {"strings in an array", "a ARRAY<STRING>, b INT", "\"[\"\"x\"\",\"\"a\\u0062\"\"]\",1\n", "+I [x ab] 1\n", 0, 0,
         0, 0},
        {"array of arrays", "a ARRAY<ARRAY<INT>>", "{\"a\":[[1,2],[],null,[3]]}", "+I [[1 2] [] ~ [3]]\n", 0, 0, 0, 0},
        {"map", "a MAP<STRING,INT>", "{\"a\":[[\"x\",1],[\"y\",null]]}{\"a\":{\"z\":3}}{\"a\":[]}",
         "+I [x:1 y:~]\n+I [z:3]\n+I []\n", 0, 0, 0, 0},
        {"map with integer keys", "a MAP<INT,STRING>", "{\"a\":[[1,\"x\"]]}{\"a\":{\"2\":\"y\"}}",
         "+I [1:x]\n+I [2:y]\n", 0, 0, 0, 0},
        {"multiset", "a MULTISET<STRING>", "{\"a\":[[\"x\",2]]}", "+I [x:2]\n", 0, 0, 0, 0},
        {"row", "a ROW<x INT, y STRING>, b INT", "{\"a\":{\"y\":\"q\",\"x\":1}}{\"a\":{}}{\"b\":1}",
         "+I {1 q} ~\n+I {~ ~} ~\n+I ~ 1\n", 0, 0, 0, 0},
        {"row not null inside a null", "a ROW<x INT NOT NULL>, b INT", "{\"b\":1}{\"a\":{\"x\":2}}",
         "+I ~ 1\n+I {2} ~\n", 0, 0, 0, 0},
        {"rows in an array", "a ARRAY<ROW<x INT>>", "{\"a\":[{\"x\":1},{},null]}", "+I [{1} {~} ~]\n", 0, 0, 0, 0},
        {"bad element", "b INT, a ARRAY<INT>", "1,[1]\n2,\"[1,x]\"\n", NULL, EINVAL, 2, "a",
         "row 2, column a (ARRAY<INT>): \"x]\" where a JSON value belongs"},
        {"element does not fit", "a ARRAY<TINYINT>", "{\"a\":[1]}{\"a\":[1,300]}", NULL, ERANGE, 2, "a",
         "row 2, column a (ARRAY<TINYINT>): element 2: \"300\" does not fit"},
        {"null element", "a ARRAY<INT NOT NULL>", "{\"a\":[]}{\"a\":[null]}", NULL, EINVAL, 2, "a",
         "row 2, column a (ARRAY<INT NOT NULL>): element 1: no value, and NULL is not allowed"},
        {"earlier row wins", "b INT, a ARRAY<INT>", "1,\"[\"\"x\"\"]\"\n2,[1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (ARRAY<INT>): element 1: \"x\" is not an integer"},
        {"null key", "a MAP<STRING,INT>", "{\"a\":[[null,1]]}", NULL, EINVAL, 1, "a",
         "row 1, column a (MAP<STRING, INT>): the key of a map is null"},
        {"no pair", "a MAP<STRING,INT>", "{\"a\":[[\"x\",1,2]]}", NULL, EINVAL, 1, "a",
         "row 1, column a (MAP<STRING, INT>): an entry of a map must be [key, value]"},
        {"bad map value", "a MAP<STRING,INT>", "{\"a\":[[\"x\",1],[\"y\",\"z\"]]}", NULL, EINVAL, 1, "a",
         "row 1, column a (MAP<STRING, INT>): value 2: \"z\" is not an integer"},
        {"unknown field", "a ROW<x INT>", "{\"a\":{\"y\":1}}", NULL, EINVAL, 1, "a",
         "row 1, column a (ROW<`x` INT>): unknown field \"y\""},
        {"field twice", "a ROW<x INT>", "{\"a\":{\"x\":1,\"x\":1}}", NULL, EINVAL, 1, "a",
         "row 1, column a (ROW<`x` INT>): twice the field \"x\""},
        {"bad field", "a ROW<x INT>", "{\"a\":{\"x\":1}}{\"a\":{\"x\":\"q\"}}", NULL, EINVAL, 2, "a",
         "row 2, column a (ROW<`x` INT>): field x: \"q\" is not an integer"},
        {"a string is no array", "a ARRAY<INT>", "{\"a\":\"[1]\"}", NULL, EINVAL, 1, "a",
         "row 1, column a (ARRAY<INT>): \"[1]\" is not an array"},
        {"a number is no map", "a MAP<STRING,INT>, b INT", "5,1\n", NULL, EINVAL, 1, "a",
         "row 1, column a (MAP<STRING, INT>): \"5\" where [ belongs"},
    };

    (void)state;
    RUN(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_records_follow_rfc_4180),
        cmocka_unit_test(row_kinds_come_from_kind_or_rowkind),
        cmocka_unit_test(json_rows_are_lines_or_pretty_or_one_array),
        cmocka_unit_test(values_are_typed),
        cmocka_unit_test(bad_values_are_refused_by_row_and_column),
        cmocka_unit_test(every_byte_of_a_moment_counts),
        cmocka_unit_test(nested_values_are_json_in_csv_and_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
