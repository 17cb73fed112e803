/* envelope_test.c - change data capture: which rows come out of which envelopes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "format/text/text.h"

static const int32_t first_column = 0;

/* What the parser gives: kind, blank, row as JSON, a line each; then "skipped N" when N > 0; or the sentence. */
static void run(enum pfs_envelope envelope, const char *columns, const char *in, size_t step, struct pfs_buf *out)
{
    struct pfs_text_parse how = {.format = PFS_TEXT_JSON, .envelope = envelope, .keys = 1, .key = &first_column};
    struct pfs_text_parser *parser;
    struct pfs_arena types, arena;
    struct pfs_slice rest = pfs_str(in);
    struct pfs_type row;
    bool more = true;

    pfs_arena_init(&types, 0);
    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    assert_int_equal(pfs_type_parse(pfs_str(pfs_arena_printf(&types, "ROW<%s>", columns)), NULL, &types, &row, NULL),
                     0);
    how.columns = row.children;
    how.fields = row.child;
    assert_int_equal(pfs_text_parser_open(&how, &parser, NULL), 0);
    while (more) {
        struct pfs_slice piece = {rest.at, rest.len < step ? rest.len : step};
        bool last = piece.len == rest.len;
        struct pfs_text_refusal refusal;
        struct pfs_batch batch;
        struct pfs_err err;
        size_t used;
        int64_t rows = pfs_text_parser_feed(parser, piece, last, &arena, &batch, &used, &refusal, &err);

        if (rows < 0) {
            pfs_buf_printf(out, "%s\n", err.text);
            break;
        }
        for (int64_t i = 0; i < rows; i++) {
            struct pfs_column cells[16];
            struct pfs_batch one = {1, row.children, cells};

            for (int32_t c = 0; c < row.children; c++)
                assert_int_equal(pfs_column_slice(&batch.column[c], i, 1, &arena, &cells[c], NULL), 0);
            pfs_buf_printf(
                out, "%s ",
                pfs_row_kind_name((enum pfs_row_kind)((const int8_t *)batch.column[row.children].values)[i]));
            assert_int_equal(pfs_text_print(PFS_TEXT_JSON, row.child, &one, out, NULL), 0);
        }
        rest.at += used;
        rest.len -= used;
        more = rest.len > 0 || (last && rows > 0);
        pfs_arena_reset(&arena);
    }
    if (pfs_text_parser_skipped(parser) > 0)
        pfs_buf_printf(out, "skipped %d\n", (int)pfs_text_parser_skipped(parser));
    pfs_text_parser_close(parser);
    pfs_arena_done(&arena);
    pfs_arena_done(&types);
}

/* Whole and cut into pieces, it is the same. */
static void expect(enum pfs_envelope envelope, const char *columns, const char *in, const char *want)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7, 64};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct pfs_buf out = {0};

        run(envelope, columns, in, steps[i], &out);
        pfs_buf_putc(&out, 0);
        assert_string_equal((const char *)out.at, want);
        pfs_buf_done(&out);
    }
}

static void debezium_operations_become_row_kinds(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT, v STRING",
           "{\"before\":null,\"after\":{\"id\":1,\"v\":\"a\",\"other\":[1]},\"source\":{\"v\":3},\"op\":\"c\",\"ts_"
           "ms\":5}\n"
           "{\"op\":\"r\",\"after\":{\"id\":2,\"v\":\"snapshot\"}}\n"
           "{\"op\":\"u\",\"before\":{\"id\":1,\"v\":\"a\"},\"after\":{\"id\":1,\"v\":\"b\"}}\n"
           "{\"op\":\"u\",\"before\":null,\"after\":{\"id\":2,\"v\":\"c\"}}\n"
           "{\"op\":\"d\",\"before\":{\"id\":1,\"v\":\"b\"},\"after\":null}\n",
           "+I {\"id\":1,\"v\":\"a\"}\n+I {\"id\":2,\"v\":\"snapshot\"}\n+U {\"id\":1,\"v\":\"b\"}\n"
           "+U {\"id\":2,\"v\":\"c\"}\n-D {\"id\":1,\"v\":\"b\"}\n");
}

static void an_update_of_the_key_deletes_the_old_one(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT, v STRING NOT NULL",
           "{\"op\":\"u\",\"before\":{\"id\":1},\"after\":{\"id\":9,\"v\":\"b\"}}",
           "-D {\"id\":1,\"v\":\"b\"}\n+I {\"id\":9,\"v\":\"b\"}\n");
}

static void what_has_no_row_is_skipped_and_counted(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT, v STRING",
           "null\n{\"op\":\"c\",\"after\":{\"id\":1}}\nnull\n{\"schema\":{},\"payload\":null}\n"
           "{\"databaseName\":\"d\",\"ddl\":\"ALTER TABLE t\"}\n{\"op\":\"t\",\"source\":{}}\n null ",
           "+I {\"id\":1,\"v\":null}\nskipped 6\n");
}

static void a_schema_in_the_envelope_tells_decimals_and_times(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT, d DECIMAL(10, 2), t TIMESTAMP(6), day DATE",
           "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"field\":\"before\",\"fields\":[]},{\"field\":\"after\","
           "\"fields\":["
           "{\"field\":\"d\",\"type\":\"bytes\",\"name\":\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{"
           "\"scale\":"
           "\"2\"}},{\"field\":\"t\",\"type\":\"int64\",\"name\":\"io.debezium.time.Timestamp\"}]}]},"
           "\"payload\":{\"op\":\"c\",\"after\":{\"id\":1,\"d\":\"BNI=\",\"t\":1700000000123,\"day\":20000}}}",
           "+I {\"id\":1,\"d\":\"12.34\",\"t\":\"2023-11-14 22:13:20.123000\",\"day\":\"2024-10-04\"}\n");
}

/* More decimals than any DECIMAL has: the value counts, wherever its point is said to be. */
static void decimals_of_any_scale_are_read(void **state)
{
    static const struct {
        const char *scale, *base64, *want;
    } cases[] = {
        {"100", "AA==", "+I {\"id\":1,\"d\":\"0.00\"}\n"},
        {"40", "AA==", "+I {\"id\":1,\"d\":\"0.00\"}\n"},
        /* 12 * 10^37 with 38 decimals */
        {"38", "WkcoygY7UiwLco+AAAAAAA==", "+I {\"id\":1,\"d\":\"1.20\"}\n"},
        {"100", "AQ==", "row 1, column d (DECIMAL(10, 2)): \"1e-100\" does not fit\n"},
        {"-2", "DA==", "+I {\"id\":1,\"d\":\"1200.00\"}\n"},
        {"-100", "DA==", "row 1, column d (DECIMAL(10, 2)): \"12e100\" does not fit\n"},
        {"101", "AA==", "row 1: the schema gives column d a scale that is none\n"},
        {"-101", "AA==", "row 1: the schema gives column d a scale that is none\n"},
        {"2.5", "AA==", "row 1: the schema gives column d a scale that is none\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char in[512];

        (void)snprintf(in, sizeof(in),
                       "{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"d\",\"name\":"
                       "\"org.apache.kafka.connect.data.Decimal\",\"parameters\":{\"scale\":\"%s\"}}]}]},"
                       "\"payload\":{\"op\":\"c\",\"after\":{\"id\":1,\"d\":\"%s\"}}}",
                       cases[i].scale, cases[i].base64);
        expect(PFS_ENVELOPE_DEBEZIUM, "id INT, d DECIMAL(10, 2)", in, cases[i].want);
    }
}

/* What connectors write for a column of that type, by the name in their schema. */
static void times_before_1970_and_values_that_are_none(void **state)
{
    static const struct {
        const char *type, *name, *value, *want; /* want: of the value, or the sentence */
    } cases[] = {
        {"TIMESTAMP(3)", "io.debezium.time.Timestamp", "-1", "\"1969-12-31 23:59:59.999\""},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "-1", "\"1969-12-31 23:59:59.999999\""},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "-1000", "\"1969-12-31 23:59:59.999000\""},
        {"TIMESTAMP(9)", "io.debezium.time.NanoTimestamp", "-1", "\"1969-12-31 23:59:59.999999999\""},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "-62135596800000000", "\"0001-01-01 00:00:00.000000\""},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "-62135596800000001", "is no time of the years 1 to 9999"},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "1.5", "is no number of time units"},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "null", "null"},
        {"TIMESTAMP(6)", "io.debezium.time.NanoTimestamp", "1001", "does not fit"},
        {"TIME(3)", "io.debezium.time.MicroTime", "86399999000", "\"23:59:59.999\""},
        {"TIMESTAMP(7)", "io.debezium.time.NanoTimestamp", "1700", "\"1970-01-01 00:00:00.0000017\""},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "253402300799999999", "\"9999-12-31 23:59:59.999999\""},
        {"TIMESTAMP(6)", "io.debezium.time.MicroTimestamp", "253402300800000000", "is no time of the years 1 to 9999"},
        {"TIME(3)", "io.debezium.time.MicroTime", "0", "\"00:00:00.000\""},
        {"TIME(3)", "io.debezium.time.MicroTime", "-1", "is no time of a day"},
        {"TIME(3)", "io.debezium.time.MicroTime", "86400000000", "is no time of a day"},
        {"DATE", "io.debezium.time.Date", "-1", "\"1969-12-31\""},
        {"DATE", "io.debezium.time.Date", "-719163", "is no number of days since 1970"},
        {"DECIMAL(4, 1)", "org.apache.kafka.connect.data.Decimal", "\"/w==\"", "\"-0.1\""},
        {"DECIMAL(4, 1)", "org.apache.kafka.connect.data.Decimal", "\"?\"", "is no decimal in base64"},
        {"DECIMAL(4, 1)", "org.apache.kafka.connect.data.Decimal", "null", "null"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char in[512], columns[64], want[128];
        struct pfs_buf out = {0};

        (void)snprintf(
            in, sizeof(in),
            "{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"field\":\"v\",\"name\":\"%s\","
            "\"parameters\":{\"scale\":\"1\"}}]}]},\"payload\":{\"op\":\"c\",\"after\":{\"id\":1,\"v\":%s}}}",
            cases[i].name, cases[i].value);
        (void)snprintf(columns, sizeof(columns), "id INT, v %s", cases[i].type);
        (void)snprintf(want, sizeof(want), "+I {\"id\":1,\"v\":%s}\n", cases[i].want);
        run(PFS_ENVELOPE_DEBEZIUM, columns, in, strlen(in), &out);
        pfs_buf_putc(&out, 0);
        if (strcmp((const char *)out.at, want) != 0 && (strncmp((const char *)out.at, "row 1, column v", 15) != 0 ||
                                                        strstr((const char *)out.at, cases[i].want) == NULL))
            fail_msg("%s %s: %s", cases[i].name, cases[i].value, (const char *)out.at);
        pfs_buf_done(&out);
    }
}

static void numbers_of_times_follow_the_precision_without_a_schema(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT, a TIMESTAMP(3), b TIMESTAMP(6), n TIMESTAMP(7), c TIME, z TIMESTAMP_LTZ(3)",
           "{\"op\":\"c\",\"after\":{\"id\":1,\"a\":-1,\"b\":1700000000123456,\"n\":1700,\"c\":3600001,\"z\":\"2020-01-"
           "02T03:04:"
           "05Z\"}}",
           "+I {\"id\":1,\"a\":\"1969-12-31 23:59:59.999\",\"b\":\"2023-11-14 22:13:20.123456\",\"n\":\"1970-01-01 "
           "00:00:00.0000017\",\"c\":\"01:00:00.001\","
           "\"z\":\"2020-01-02 03:04:05.000Z\"}\n");
}

static void text_that_holds_json_fills_nested_columns_and_back(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT, a STRING, b STRING",
           "{\"op\":\"c\",\"after\":{\"id\":1,\"a\":[1, 2],\"b\":true}}",
           "+I {\"id\":1,\"a\":\"[1, 2]\",\"b\":\"true\"}\n");
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT, a ARRAY<ROW<n INT>>, s STRING, e ARRAY<INT>",
           "{\"op\":\"c\",\"after\":{\"id\":1,\"a\":\"[{\\\"n\\\":3}]\",\"s\":{\"k\":[1]},\"e\":\"\"}}",
           "+I {\"id\":1,\"a\":[{\"n\":3}],\"s\":\"{\\\"k\\\":[1]}\",\"e\":null}\n");
}

static void text_that_holds_no_json_is_left_as_it_is(void **state)
{
    static const char *const cases[][2] = {
        {"[1", "\"[1\" is not an array"}, {"1]", "\"1]\" is not an array"}, {"[1]x", "\"[1]x\" is not an array"}};

    (void)state;
    expect(PFS_ENVELOPE_CANAL, "id INT, m MAP<STRING, INT>, r ROW<n INT>",
           "{\"type\":\"INSERT\",\"data\":[{\"id\":\"1\",\"m\":\"[[\\\"x\\\",1]]\",\"r\":\"{\\\"n\\\":3}\"}]}",
           "+I {\"id\":1,\"m\":[[\"x\",1]],\"r\":{\"n\":3}}\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char in[128], want[128];

        (void)snprintf(in, sizeof(in), "{\"type\":\"INSERT\",\"data\":[{\"a\":\"%s\"}]}", cases[i][0]);
        (void)snprintf(want, sizeof(want), "row 1, column a (ARRAY<INT>): %s\n", cases[i][1]);
        expect(PFS_ENVELOPE_CANAL, "a ARRAY<INT>", in, want);
    }
}

static void canal_rows_come_in_arrays(void **state)
{
    (void)state;
    expect(
        PFS_ENVELOPE_CANAL, "id INT, v STRING, n INT",
        "{\"data\":[{\"id\":\"1\",\"v\":\"a\",\"n\":null},{\"id\":\"2\",\"v\":\"b\",\"n\":\"7\"}],\"type\":\"INSERT\","
        "\"isDdl\":false,\"old\":null}\n"
        "{\"data\":[{\"id\":\"1\",\"v\":\"c\",\"n\":\"1\"},{\"id\":\"3\",\"v\":\"b\",\"n\":\"7\"}],"
        "\"old\":[{\"v\":\"a\"},{\"id\":\"2\"}],\"type\":\"UPDATE\"}\n"
        "{\"data\":[{\"id\":\"1\",\"v\":\"c\"}],\"type\":\"DELETE\"}\n"
        "{\"data\":null,\"type\":\"ALTER\",\"isDdl\":true,\"sql\":\"alter table t add x int\"}\n",
        "+I {\"id\":1,\"v\":\"a\",\"n\":null}\n+I {\"id\":2,\"v\":\"b\",\"n\":7}\n+U {\"id\":1,\"v\":\"c\",\"n\":1}\n"
        "-D {\"id\":2,\"v\":\"b\",\"n\":7}\n+I {\"id\":3,\"v\":\"b\",\"n\":7}\n-D {\"id\":1,\"v\":\"c\",\"n\":null}\n"
        "skipped 1\n");
}

static void an_envelope_of_more_rows_than_a_batch_is_one_batch(void **state)
{
    struct pfs_buf in = {0}, out = {0};
    int rows = 0;

    (void)state;
    pfs_buf_puts(&in, "{\"type\":\"INSERT\",\"data\":[{\"id\":0}]}{\"type\":\"UPDATE\",\"old\":[],\"data\":[");
    for (int i = 0; i < 10000; i++)
        pfs_buf_printf(&in, "%s{\"id\":%d}", i > 0 ? "," : "", i);
    pfs_buf_puts(&in, "]}{\"type\":\"DELETE\",\"data\":[{\"id\":77}]}");
    pfs_buf_putc(&in, 0);
    run(PFS_ENVELOPE_CANAL, "id INT", (const char *)in.at, SIZE_MAX, &out);
    for (size_t i = 0; i < out.len; i++)
        rows += out.at[i] == '\n';
    assert_int_equal(rows, 10002);
    pfs_buf_putc(&out, 0);
    assert_non_null(strstr((const char *)out.at, "+I {\"id\":0}\n+U {\"id\":0}\n+U {\"id\":1}\n"));
    assert_non_null(strstr((const char *)out.at, "+U {\"id\":9999}\n-D {\"id\":77}\n"));
    pfs_buf_done(&in);
    pfs_buf_done(&out);
}

static void maxwell_types_become_row_kinds(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_MAXWELL, "id INT, v STRING",
           "{\"database\":\"d\",\"table\":\"t\",\"type\":\"insert\",\"ts\":1,\"xid\":2,\"data\":{\"id\":1,\"v\":5}}\n"
           "{\"type\":\"update\",\"data\":{\"id\":1,\"v\":\"b\"},\"old\":{\"v\":\"5\"}}\n"
           "{\"type\":\"bootstrap-start\",\"data\":{}}{\"type\":\"bootstrap-insert\",\"data\":{\"id\":2}}\n"
           "{\"type\":\"delete\",\"data\":{\"id\":1,\"v\":\"b\"}}{\"type\":\"table-alter\",\"def\":{}}",
           "+I {\"id\":1,\"v\":\"5\"}\n+U {\"id\":1,\"v\":\"b\"}\n+I {\"id\":2,\"v\":null}\n-D {\"id\":1,\"v\":\"b\"}\n"
           "skipped 2\n");
}

static void envelopes_that_are_none_are_refused_with_the_reason(void **state)
{
    (void)state;
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT", "{\"after\":{\"id\":1}}", "row 1: a Debezium envelope without \"op\"\n");
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT", "{\"op\":\"x\"}", "row 1: \"x\" is no \"op\" of Debezium\n");
    expect(PFS_ENVELOPE_DEBEZIUM, "id INT", "{\"op\":\"d\",\"before\":null}",
           "row 1: \"before\" of a delete (in PostgreSQL set REPLICA IDENTITY FULL) is no object\n");
    expect(PFS_ENVELOPE_CANAL, "id INT", "{\"type\":\"INSERT\",\"data\":[{\"id\":\"x\"}]}",
           "row 1, column id (INT): \"x\" is not an integer\n");
    expect(PFS_ENVELOPE_CANAL, "id INT",
           "{\"type\":\"UPDATE\",\"data\":[{\"id\":1},{\"id\":2}],\"old\":[{\"id\":1},x]}",
           "row 1: \"x]\" where a JSON value belongs\n");
    expect(PFS_ENVELOPE_CANAL, "id INT", "{\"type\":\"INSERT\",\"data\":{\"id\":1}}",
           "row 1: \"data\" of Canal is no array\n");
    expect(PFS_ENVELOPE_CANAL, "id INT", "{\"data\":[]}", "row 1: a Canal envelope without \"type\"\n");
    expect(PFS_ENVELOPE_MAXWELL, "id INT", "{\"type\":\"insert\",\"data\":[]}", "row 1: \"data\" is no object\n");
    expect(PFS_ENVELOPE_MAXWELL, "id INT", "7", "row 1: a row must be a JSON object\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debezium_operations_become_row_kinds),
        cmocka_unit_test(an_update_of_the_key_deletes_the_old_one),
        cmocka_unit_test(what_has_no_row_is_skipped_and_counted),
        cmocka_unit_test(a_schema_in_the_envelope_tells_decimals_and_times),
        cmocka_unit_test(decimals_of_any_scale_are_read),
        cmocka_unit_test(times_before_1970_and_values_that_are_none),
        cmocka_unit_test(numbers_of_times_follow_the_precision_without_a_schema),
        cmocka_unit_test(text_that_holds_json_fills_nested_columns_and_back),
        cmocka_unit_test(text_that_holds_no_json_is_left_as_it_is),
        cmocka_unit_test(canal_rows_come_in_arrays),
        cmocka_unit_test(an_envelope_of_more_rows_than_a_batch_is_one_batch),
        cmocka_unit_test(maxwell_types_become_row_kinds),
        cmocka_unit_test(envelopes_that_are_none_are_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
