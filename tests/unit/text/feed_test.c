/* feed_test.c - the parser call by call: batches, carrying, limits, defaults, implied columns, what errors leave. */
#include "format/text/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/mem.h"

struct fixture {
    struct pfs_arena arena; /* of the types */
    struct pfs_type row;
    struct pfs_text_parse how;
    struct pfs_text_parser *parser;
    /* of the last call */
    struct pfs_arena batch_arena;
    struct pfs_batch batch;
    struct pfs_text_refusal refusal;
    struct pfs_err err;
    size_t used;
};

static struct fixture open_table(const char *columns)
{
    struct fixture f = {.how = {.format = -1}};
    char *text;

    pfs_arena_init(&f.arena, 0);
    pfs_arena_init(&f.batch_arena, PFS_BATCH_BYTES_MAX);
    text = pfs_arena_printf(&f.arena, "ROW<%s>", columns);
    assert_int_equal(pfs_type_parse(pfs_str(text), NULL, &f.arena, &f.row, &f.err), 0);
    f.how.columns = f.row.children;
    f.how.fields = f.row.child;
    return f;
}

static void close_table(struct fixture *f)
{
    pfs_text_parser_close(f->parser);
    pfs_arena_done(&f->batch_arena);
    pfs_arena_done(&f->arena);
}

static int64_t feed_bytes(struct fixture *f, struct pfs_slice in, bool last)
{
    if (f->parser == NULL)
        assert_int_equal(pfs_text_parser_open(&f->how, &f->parser, &f->err), 0);
    pfs_arena_reset(&f->batch_arena);
    pfs_err_clear(&f->err);
    f->refusal = (struct pfs_text_refusal){0};
    return pfs_text_parser_feed(f->parser, in, last, &f->batch_arena, &f->batch, &f->used, &f->refusal, &f->err);
}

static int64_t feed(struct fixture *f, const char *text, bool last)
{
    return feed_bytes(f, pfs_str(text), last);
}

static int32_t int_at(const struct fixture *f, int32_t column, int64_t row)
{
    return ((const int32_t *)f->batch.column[column].values)[row];
}

static void assert_text(const struct fixture *f, int32_t column, int64_t row, const char *want)
{
    assert_true(pfs_column_present(&f->batch.column[column], row));
    assert_true(pfs_slice_eq(pfs_column_bytes(&f->batch.column[column], row), pfs_str(want)));
}

struct refusals { /* what was left out */
    struct pfs_buf text;
};

static void note_refusal(void *context, const struct pfs_text_refusal *refusal, const struct pfs_err *why)
{
    struct refusals *r = context;

    (void)why;
    pfs_buf_printf(&r->text, "%d@%d:", (int)refusal->row, (int)refusal->offset);
    pfs_buf_put(&r->text, refusal->text.at, refusal->text.len);
    pfs_buf_putc(&r->text, '|');
}

/* Feeds in pieces of `step` bytes; rows that were given as "a,a,...", then what was left out. */
static void skip_all(const char *columns, int format, const char *in, size_t step, struct pfs_buf *out)
{
    struct fixture f = open_table(columns);
    struct refusals refused = {0};
    size_t at = 0, size = strlen(in);
    bool more = true;

    f.how.format = format;
    f.how.refused = note_refusal;
    f.how.context = &refused;
    while (more) {
        size_t len = size - at < step ? size - at : step;
        bool last = at + len == size;
        int64_t rows = feed_bytes(&f, pfs_slice_of(in + at, len), last);

        assert_true(rows >= 0);
        for (int64_t i = 0; i < rows; i++)
            pfs_buf_printf(out, "%d,", int_at(&f, 0, i));
        at += f.used;
        more = at < size || (last && rows > 0);
    }
    pfs_buf_putc(out, ' ');
    pfs_buf_put(out, refused.text.at, refused.text.len);
    pfs_buf_putc(out, 0);
    pfs_buf_done(&refused.text);
    close_table(&f);
}

static void refused_rows_are_left_out_and_told_of(void **state)
{
    static const struct {
        const char *columns, *in, *want;
        int format;
    } cases[] = {
        {"a INT, b STRING", "a,b\n1,x\ny,z\n3,w\n4\n5,v\n", "1,3,5, 2@8:y,z|4@16:4|", -1},
        {"a INT, b STRING", "1,x\n\"2,x\n3,y\n", "1, 2@4:\"2,x\n3,y|", -1},
        {"a INT, b STRING", "q,x\n2,\"a\nb\"\nr,\"c\nd\"\n4,y", "2,4, 1@0:q,x|3@12:r,\"c\nd\"|", PFS_TEXT_CSV},
        {"a INT", "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":3}\nnonsense {\n{\"b\":4}{\"a\":5}",
         "1,3,5, 2@8:{\"a\":\"x\"}|4@26:nonsense {|5@37:{\"b\":4}|", -1},
        {"a INT", "[{\"a\":1},{\"a\":\"x\"},{\"a\":3}]", "1,3, 2@9:{\"a\":\"x\"}|", -1},
        {"a INT", "{\"a\":1,\"a\n{\"a\":2}", "2, 1@0:{\"a\":1,\"a|", -1},
    };
    static const size_t steps[] = {SIZE_MAX, 1, 5, 13};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            struct pfs_buf out = {0};

            if (strstr(cases[i].in, "nonsense") != NULL && steps[k] != SIZE_MAX)
                continue; /* what is no row at all is shown as far as it is there */
            skip_all(cases[i].columns, cases[i].format, cases[i].in, steps[k], &out);
            assert_string_equal((const char *)out.at, cases[i].want);
            pfs_buf_done(&out);
        }
}

static void a_row_that_is_too_deep_is_left_out_as_a_line(void **state)
{
    struct pfs_buf in = {0}, out = {0};

    (void)state;
    pfs_buf_puts(&in, "{\"a\":");
    for (int i = 0; i < 80; i++)
        pfs_buf_puts(&in, "{\"a\":");
    pfs_buf_puts(&in, "{\"a\":7}\n{\"a\":8}\n");
    pfs_buf_putc(&in, 0);
    for (size_t step = 1; step < 700; step += 97) {
        pfs_buf_clear(&out);
        skip_all("a INT", -1, (const char *)in.at, step, &out);
        assert_memory_equal(out.at, "8, 1@0:", 7);
    }
    pfs_buf_done(&in);
    pfs_buf_done(&out);
}

static void a_full_batch_leaves_the_rest_of_the_input(void **state)
{
    struct fixture f = open_table("a INT, b STRING");
    struct pfs_buf text = {0};
    struct pfs_slice in;
    int64_t rows, all = 0;

    (void)state;
    for (int i = 0; i < 10000; i++)
        pfs_buf_printf(&text, "%d,x%d\n", i, i);
    in = pfs_buf_slice(&text);
    while ((rows = feed_bytes(&f, in, true)) > 0) {
        assert_true(rows <= PFS_BATCH_ROWS);
        assert_int_equal(int_at(&f, 0, 0), all);
        assert_int_equal(int_at(&f, 0, rows - 1), all + rows - 1);
        all += rows;
        in.at += f.used;
        in.len -= f.used;
    }
    assert_int_equal(rows, 0);
    assert_int_equal(all, 10000);
    assert_int_equal(in.len, 0);
    pfs_buf_done(&text);
    close_table(&f);
}

static void wide_tables_have_shorter_batches(void **state)
{
    struct pfs_buf text = {0}, columns = {0};
    struct fixture f;
    struct pfs_slice in;
    int64_t rows, all = 0;

    (void)state;
    for (int i = 0; i < 5000; i++)
        pfs_buf_printf(&columns, "%sc%d INT", i > 0 ? "," : "", i);
    pfs_buf_putc(&columns, '\0');
    f = open_table((const char *)columns.at);
    for (int row = 0; row < 200; row++)
        for (int i = 0; i < 5000; i++)
            pfs_buf_printf(&text, "%d%c", row + i, i < 4999 ? ',' : '\n');
    for (in = pfs_buf_slice(&text); (rows = feed_bytes(&f, in, true)) > 0; in.len -= f.used) {
        assert_true(rows < 200);
        assert_int_equal(int_at(&f, 4999, 0), all + 4999);
        all += rows;
        in.at += f.used;
    }
    assert_int_equal(all, 200);
    pfs_buf_done(&text);
    pfs_buf_done(&columns);
    close_table(&f);
}

static void a_row_is_carried_until_it_is_whole(void **state)
{
    struct fixture f = open_table("a INT, b STRING");

    (void)state;
    assert_int_equal(feed(&f, "1,x\n2,\"y", false), 1);
    assert_int_equal(pfs_text_parser_carried(f.parser), 4);
    assert_int_equal(feed(&f, "\n", false), 0);
    assert_int_equal(feed(&f, "", false), 0);
    assert_int_equal(pfs_text_parser_carried(f.parser), 5);
    assert_int_equal(feed(&f, "z\"\n3,", false), 1);
    assert_text(&f, 1, 0, "y\nz");
    assert_int_equal(pfs_text_parser_carried(f.parser), 2);
    assert_int_equal(feed(&f, "", true), 1);
    assert_int_equal(int_at(&f, 0, 0), 3);
    assert_int_equal(pfs_text_parser_carried(f.parser), 0);
    assert_int_equal(feed(&f, "", true), 0);
    close_table(&f);
}

static void an_open_json_array_is_unfinished(void **state)
{
    struct fixture f = open_table("a INT");

    (void)state;
    assert_int_equal(feed(&f, "[{\"a\":1}", false), 1);
    assert_true(pfs_text_parser_carried(f.parser) > 0);
    assert_int_equal(feed(&f, "", true), -EINVAL);
    assert_string_equal(f.err.text, "row 2: the array of rows is not closed");
    assert_int_equal(feed(&f, "]", true), 0);
    assert_int_equal(pfs_text_parser_carried(f.parser), 0);
    close_table(&f);
}

static void an_error_leaves_the_parser_where_it_stood(void **state)
{
    struct fixture f = open_table("a INT, b STRING");

    (void)state;
    assert_int_equal(feed(&f, "a,b\n1,x\n2,", false), 1);
    assert_int_equal(feed(&f, "y\n3,z\nbad,z\n", false), -EINVAL);
    assert_int_equal(f.refusal.row, 4);
    assert_string_equal(f.refusal.column, "a");
    assert_int_equal(f.refusal.offset, 16);
    assert_true(pfs_slice_eq(f.refusal.text, pfs_str("bad,z")));
    assert_int_equal(f.batch.rows, 0);
    assert_int_equal(pfs_text_parser_carried(f.parser), 2);
    assert_int_equal(feed(&f, "y\n3,z\n", false), 2);
    assert_text(&f, 1, 0, "y");
    assert_text(&f, 1, 1, "z");
    close_table(&f);
}

static void an_error_in_the_header_is_row_0(void **state)
{
    struct fixture f = open_table("a INT, b STRING");

    (void)state;
    assert_int_equal(feed(&f, "\n\na,bad\n1,x\n", false), -EINVAL);
    assert_int_equal(f.refusal.row, 0);
    assert_int_equal(f.refusal.offset, 2);
    assert_true(pfs_slice_eq(f.refusal.text, pfs_str("a,bad")));
    assert_int_equal(feed(&f, "b,a\nx,1\n", false), 1);
    assert_text(&f, 1, 0, "x");
    close_table(&f);
}

static void offsets_count_from_the_streams_first_byte(void **state)
{
    struct fixture f = open_table("a INT, b STRING");

    (void)state;
    assert_int_equal(feed(&f, "\xEF\xBB\xBF", false), 0);
    assert_int_equal(feed(&f, "1,x\n", false), 1);
    assert_int_equal(feed(&f, "2", false), 0);
    assert_int_equal(feed(&f, "x,", false), 0);
    assert_int_equal(feed(&f, "y\n3,z\n", false), -EINVAL); /* the carried row itself */
    assert_int_equal(f.refusal.row, 2);
    assert_int_equal(f.refusal.offset, 7);
    assert_true(pfs_slice_eq(f.refusal.text, pfs_str("2x,y")));
    close_table(&f);
}

static void refused_text_is_cut_at_200_bytes(void **state)
{
    struct fixture f = open_table("a INT, b STRING");
    struct pfs_buf text = {0};

    (void)state;
    pfs_buf_puts(&text, "x,");
    for (int i = 0; i < 1000; i++)
        pfs_buf_putc(&text, 'y');
    pfs_buf_puts(&text, "\n1,z\n");
    assert_int_equal(feed_bytes(&f, pfs_buf_slice(&text), false), -EINVAL);
    assert_int_equal(f.refusal.text.len, 200);
    pfs_buf_done(&text);
    close_table(&f);
}

static void long_rows_are_refused(void **state)
{
    static const char row[] = "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n";
    static const char json[] = "{\"b\":\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}";

    (void)state;
    for (int way = 0; way < 5; way++) {
        struct fixture f = open_table("a INT, b STRING");
        int64_t rc;

        f.how.row_bytes_max = 30;
        switch (way) {
        case 0: /* whole */
            rc = feed(&f, row, false);
            break;
        case 1: /* not ended */
            rc = feed(&f, "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", false);
            break;
        case 2: /* carried */
            assert_int_equal(feed(&f, "1,xxxxxxxxxxxxxxxxxxxx", false), 0);
            rc = feed(&f, "xxxxxxxxxxxx", false);
            break;
        case 3: /* ended in the carry */
            assert_int_equal(feed(&f, "1,xxxxxxxxxxxxxxxxxxxx", false), 0);
            rc = feed(&f, "xxxxxxxxxxxx\n", false);
            break;
        default:
            rc = feed(&f, json, false);
            break;
        }
        assert_int_equal(rc, -EMSGSIZE);
        assert_string_equal(f.err.text, "row 1: the row has more than 30 bytes");
        close_table(&f);
    }
}

static void a_long_row_costs_each_byte_once(void **state)
{
    struct fixture f = open_table("b STRING");
    char piece[64];

    (void)state;
    memset(piece, 'x', sizeof(piece));
    /* 16 MiB in 64-byte pieces: a scan from the row's start each time would read 2 TiB. */
    for (int i = 0; i < 1 << 18; i++)
        assert_int_equal(feed_bytes(&f, pfs_slice_of(piece, sizeof(piece)), false), 0);
    assert_int_equal(feed(&f, "\n", false), 1);
    assert_int_equal(pfs_column_bytes(&f.batch.column[0], 0).len, 16 << 20);
    close_table(&f);
}

static void defaults_fill_nulls_but_not_where_none_may_be(void **state)
{
    struct fixture f = open_table("a INT, b STRING, c INT NOT NULL");

    (void)state;
    f.row.child[0].default_value = "7";
    f.row.child[1].default_value = "none";
    f.row.child[2].default_value = "1";
    assert_int_equal(feed(&f, "a,c\n,1\n5,2\n", false), 2);
    assert_int_equal(int_at(&f, 0, 0), 7);
    assert_int_equal(int_at(&f, 0, 1), 5);
    assert_text(&f, 1, 0, "none");
    assert_text(&f, 1, 1, "none");
    assert_int_equal(feed(&f, ",\n", false), -EINVAL);
    assert_string_equal(f.err.text, "row 3, column c (INT): no value, and NULL is not allowed");
    close_table(&f);
}

static void implied_columns_fill_and_must_not_be_contradicted(void **state)
{
    struct fixture f = open_table("a INT, d STRING NOT NULL, e INT");
    struct pfs_column implied[3] = {0};

    (void)state;
    assert_int_equal(pfs_text_parse_value(&f.row.child[1].type, pfs_str("mon"), false, &f.arena, &implied[1], &f.err),
                     0);
    assert_int_equal(pfs_text_parse_value(&f.row.child[2].type, pfs_str(""), true, &f.arena, &implied[2], &f.err), 0);
    f.how.implied = implied;
    assert_int_equal(feed(&f, "1\n2\n", false), 2); /* without a header the implied ones may be left out */
    assert_text(&f, 1, 1, "mon");
    assert_false(pfs_column_present(&f.batch.column[2], 0));
    pfs_text_parser_close(f.parser);
    f.parser = NULL;
    assert_int_equal(feed(&f, "1,mon,\n2,,\n", false), 2);
    assert_text(&f, 1, 0, "mon");
    assert_text(&f, 1, 1, "mon");
    assert_int_equal(feed(&f, "1,tue,\n", false), -EINVAL);
    assert_string_equal(f.err.text, "row 3, column d (STRING): \"tue\" is not the value of the partition");
    assert_int_equal(feed(&f, "1,mon,5\n", false), -EINVAL);
    assert_string_equal(f.err.text, "row 3, column e (INT): \"5\" is not the value of the partition");
    pfs_text_parser_close(f.parser);
    f.parser = NULL;
    assert_int_equal(feed(&f, "{\"a\":1}{\"a\":2,\"d\":\"mon\"}", false), 2);
    assert_text(&f, 1, 0, "mon");
    close_table(&f);
}

static void a_format_that_is_given_is_not_guessed(void **state)
{
    struct fixture f = open_table("a STRING, b STRING");

    (void)state;
    f.how.format = PFS_TEXT_CSV;
    assert_int_equal(feed(&f, "{a,[b\n", false), 1);
    assert_text(&f, 0, 0, "{a");
    pfs_text_parser_close(f.parser);
    f.parser = NULL;
    f.how.format = PFS_TEXT_JSON;
    assert_int_equal(feed(&f, "a,b\n", false), -EINVAL);
    assert_string_equal(f.err.text, "row 1: a row must be a JSON object");
    close_table(&f);
}

static void one_value_is_parsed_as_in_a_cell(void **state)
{
    static const struct {
        const char *type, *text;
        bool null_text;
        int want;
        const char *why;
    } cases[] = {
        {"INT", "5", false, 0, ""},
        {"INT", "x", false, EINVAL, "\"x\" is not an integer"},
        {"INT", "", false, EINVAL, "\"\" is not an integer"},
        {"INT", "anything", true, 0, ""},
        {"INT NOT NULL", "", true, EINVAL, "no value, and NULL is not allowed"},
        {"STRING", "", false, 0, ""},
        {"STRING", "\xFF", false, EILSEQ, "the text is not UTF-8"},
        {"TINYINT", "128", false, ERANGE, "\"128\" does not fit"},
        {"ARRAY<INT>", "[1,2]", false, 0, ""},
        {"VARIANT", "{\"a\":[1]}", false, 0, ""},
        {"VARIANT", "{\"a\":1,\"a\":2}", false, EINVAL, "\"{\"a\":1,\"a\":2}\" is no variant: twice the key \"a\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct pfs_err err = {0};
        struct pfs_arena arena;
        struct pfs_column column;
        struct pfs_type type;

        pfs_arena_init(&arena, 0);
        assert_int_equal(pfs_type_parse(pfs_str(cases[i].type), NULL, &arena, &type, &err), 0);
        assert_int_equal(
            -pfs_text_parse_value(&type, pfs_str(cases[i].text), cases[i].null_text, &arena, &column, &err),
            cases[i].want);
        assert_string_equal(err.text, cases[i].why);
        if (cases[i].want == 0)
            assert_int_equal(pfs_column_present(&column, 0), !cases[i].null_text);
        assert_int_equal(
            -pfs_text_parse_value(&type, pfs_str(cases[i].text), cases[i].null_text, &arena, &column, NULL),
            cases[i].want);
        pfs_arena_done(&arena);
    }
}

/* Every allocation fails once: the call answers -ENOMEM, and the same call afterwards succeeds. */
static void without_memory_nothing_is_lost(void **state)
{
    static const char *const pieces[] = {"a,b,c\n1,x,\"[1,2]\"\n2,\"y", "\"\"z\",[3]\n3,w,\n4"};
    struct fixture f = open_table("a INT, b STRING, c ARRAY<INT>");
    int failures = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int64_t rows = -1;

        for (int64_t n = 0; rows < 0; n++) {
            struct pfs_arena arena;

            if (f.parser == NULL)
                assert_int_equal(pfs_text_parser_open(&f.how, &f.parser, &f.err), 0);
            pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
            pfs_mem_fail_after(n);
            rows = pfs_text_parser_feed(f.parser, pfs_str(pieces[i]), false, &arena, &f.batch, &f.used, &f.refusal,
                                        &f.err);
            pfs_mem_fail_after(-1);
            if (rows < 0) {
                assert_int_equal(rows, -ENOMEM);
                failures++;
            } else {
                assert_int_equal(rows, i + 1);
                assert_text(&f, 1, 0, i == 0 ? "x" : "y\"z");
            }
            pfs_arena_done(&arena);
        }
    }
    assert_true(failures > 3);
    close_table(&f);
}

/* A look ahead may want for memory at every step: what was carried is still there afterwards. */
static void a_look_ahead_without_memory_loses_nothing(void **state)
{
    int64_t rows = -1;

    (void)state;
    for (int64_t n = 0; rows < 0; n++) {
        struct fixture f = open_table("a INT, b STRING");
        struct pfs_batch ahead;
        struct pfs_arena arena;

        f.how.format = PFS_TEXT_CSV;
        assert_int_equal(feed(&f, "1,x\n2,y", false), 1);
        pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
        pfs_mem_fail_after(n);
        rows = pfs_text_parser_peek(f.parser, &arena, &ahead, NULL);
        pfs_mem_fail_after(-1);
        assert_true(rows == -ENOMEM || rows == 1);
        assert_int_equal(pfs_text_parser_carried(f.parser), 3);
        assert_int_equal(feed(&f, "z\n", true), 1);
        assert_text(&f, 1, 0, "yz");
        pfs_arena_done(&arena);
        close_table(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_rows_are_left_out_and_told_of),
        cmocka_unit_test(a_row_that_is_too_deep_is_left_out_as_a_line),
        cmocka_unit_test(a_full_batch_leaves_the_rest_of_the_input),
        cmocka_unit_test(wide_tables_have_shorter_batches),
        cmocka_unit_test(a_row_is_carried_until_it_is_whole),
        cmocka_unit_test(an_open_json_array_is_unfinished),
        cmocka_unit_test(an_error_leaves_the_parser_where_it_stood),
        cmocka_unit_test(an_error_in_the_header_is_row_0),
        cmocka_unit_test(offsets_count_from_the_streams_first_byte),
        cmocka_unit_test(refused_text_is_cut_at_200_bytes),
        cmocka_unit_test(long_rows_are_refused),
        cmocka_unit_test(a_long_row_costs_each_byte_once),
        cmocka_unit_test(defaults_fill_nulls_but_not_where_none_may_be),
        cmocka_unit_test(implied_columns_fill_and_must_not_be_contradicted),
        cmocka_unit_test(a_format_that_is_given_is_not_guessed),
        cmocka_unit_test(one_value_is_parsed_as_in_a_cell),
        cmocka_unit_test(without_memory_nothing_is_lost),
        cmocka_unit_test(a_look_ahead_without_memory_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
