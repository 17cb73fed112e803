/* Casts value by value against what Paimon gives (spec metadata 1.3.3): text in, text out. */
#include "src/file/cast.h"

#include <errno.h>

#include "format/text/text.h"
#include "tests/unit/cm.h"

struct item {
    const char *from, *in, *to;
    const char *want; /* JSON; NULL = -EINVAL */
};

/* Fields of a ROW carry their id at the end of their name. */
static void number_fields(struct pfs_type *type)
{
    for (int32_t i = 0; i < type->children; i++) {
        const char *name = type->child[i].name;

        if (type->kind == PFS_ROW)
            type->child[i].id = name[strlen(name) - 1] - '0';
        number_fields(&type->child[i].type);
    }
}

static void parse_type(struct pfs_arena *arena, const char *text, struct pfs_type *out)
{
    assert_int_equal(pfs_type_parse(pfs_str(text), NULL, arena, out, NULL), 0);
    number_fields(out);
}

static void check_column(const struct item *c, const struct pfs_column *in, int64_t row, int64_t rows)
{
    struct pfs_arena arena = {0};
    struct pfs_type to;
    struct pfs_column out;
    struct pfs_buf text = {0};
    struct pfs_err err = {0};
    int rc;

    parse_type(&arena, c->to, &to);
    CHECK(c->to, pfs_cast_check(in->type, &to, &err) == 0);
    rc = pfs_cast_column(in, rows, &to, &arena, &out, &err);
    CHECK(c->in, rc == (c->want == NULL ? -EINVAL : 0));
    if (rc == 0) {
        CHECK(c->to, out.type == &to);
        CHECK(c->in, pfs_text_print_value(PFS_TEXT_JSON, &out, row, &text, &err) == 0);
        if (text.len != strlen(c->want) || memcmp(text.at, c->want, text.len) != 0)
            fail_msg("%s '%s' as %s is %.*s, not %s", c->from, c->in, c->to, (int)text.len, (const char *)text.at,
                     c->want);
    }
    pfs_buf_done(&text);
    pfs_arena_done(&arena);
}

/* Each value alone, and as the last of three with a null in front. */
static void check(const struct item *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct item *c = &cases[i];
        struct pfs_arena arena = {0};
        struct pfs_type from;
        struct pfs_column one, null, many;
        const struct pfs_batch a = {1, 1, &one}, b = {1, 1, &null}, *sources[] = {&a, &b};
        const struct pfs_range ranges[] = {{0, 0, 1}, {1, 0, 1}, {0, 0, 1}};

        parse_type(&arena, c->from, &from);
        if (pfs_text_parse_value(&from, pfs_str(c->in), false, &arena, &one, NULL) < 0)
            fail_msg("%s '%s' is no value", c->from, c->in);
        check_column(c, &one, 0, 1);
        assert_int_equal(pfs_column_nulls(&from, 1, &arena, &null, NULL), 0);
        check_column(&(struct item){c->from, "NULL", c->to, "null"}, &null, 0, 1);
        assert_int_equal(pfs_column_gather(sources, 0, ranges, 3, 3, &arena, &many, NULL), 0);
        check_column(c, &many, 2, 3);
        pfs_arena_done(&arena);
    }
}

static void integers_keep_their_low_bits(void **state)
{
    static const struct item cases[] = {
        {"INT", "70000", "TINYINT", "112"},
        {"BIGINT", "-1", "SMALLINT", "-1"},
        {"BIGINT", "4294967297", "INT", "1"},
        {"TINYINT", "-5", "BIGINT", "-5"},
        {"SMALLINT", "300", "FLOAT", "300.0"},
        {"BIGINT", "9007199254740993", "DOUBLE", "9007199254740992.0"},
        {"INT", "16777217", "FLOAT", "16777216.0"},
        {"INT", "-3", "BOOLEAN", "true"},
        {"BIGINT", "4294967296", "BOOLEAN", "true"},
        {"TINYINT", "0", "BOOLEAN", "false"},
        {"BOOLEAN", "true", "INT", "1"},
        {"BOOLEAN", "false", "DOUBLE", "0.0"},
    };

    (void)state;
    check(cases, COUNT(cases));
}

static void floating_values_go_toward_zero_and_saturate(void **state)
{
    static const struct item cases[] = {
        {"DOUBLE", "-7.9", "INT", "-7"},
        {"DOUBLE", "NaN", "BIGINT", "0"},
        {"DOUBLE", "1e30", "BIGINT", "9223372036854775807"},
        {"DOUBLE", "-1e30", "INT", "-2147483648"},
        {"DOUBLE", "3e9", "TINYINT", "-1"},
        {"DOUBLE", "-200.9", "TINYINT", "56"},
        {"FLOAT", "3e9", "SMALLINT", "-1"},
        {"FLOAT", "0.1", "DOUBLE", "0.10000000149011612"},
        {"DOUBLE", "1e300", "FLOAT", "\"Infinity\""},
        {"DOUBLE", "0.1", "FLOAT", "0.1"},
    };

    (void)state;
    check(cases, COUNT(cases));
}

static void decimals_round_half_up_and_are_null_beyond_their_digits(void **state)
{
    static const struct item cases[] = {
        {"INT", "123", "DECIMAL(5, 2)", "\"123.00\""},
        {"INT", "1234", "DECIMAL(5, 2)", "null"},
        {"BOOLEAN", "true", "DECIMAL(3, 1)", "\"1.0\""},
        {"BIGINT", "-9223372036854775808", "DECIMAL(38, 10)", "\"-9223372036854775808.0000000000\""},
        {"BIGINT", "9223372036854775807", "DECIMAL(38, 37)", "null"},
        {"DECIMAL(18, 5)", "5120747767584.47411", "DOUBLE", "5120747767584.475"}, /* rounded twice */
        {"DECIMAL(19, 5)", "5120747767584.47411", "DOUBLE", "5120747767584.474"},
        {"DOUBLE", "1.005", "DECIMAL(5, 2)", "\"1.01\""},
        {"FLOAT", "0.1", "DECIMAL(20, 10)", "\"0.1000000015\""},
        {"DOUBLE", "1e300", "DECIMAL(38, 0)", "null"},
        {"DOUBLE", "Infinity", "DECIMAL(38, 0)", NULL},
        {"DECIMAL(3, 1)", "-2.5", "DECIMAL(3, 0)", "\"-3\""},
        {"DECIMAL(3, 1)", "2.4", "DECIMAL(20, 0)", "\"2\""},
        {"DECIMAL(20, 1)", "999.9", "DECIMAL(3, 0)", "null"},
        {"DECIMAL(9, 2)", "-7.99", "INT", "-7"},
        {"DECIMAL(20, 0)", "4294967297", "INT", "1"},
        {"DECIMAL(38, 0)", "18446744073709551617", "BIGINT", "1"},
        {"DECIMAL(9, 3)", "-0.125", "DOUBLE", "-0.125"},
        {"DECIMAL(38, 30)", "12345678.123456789012345678901234567890", "DOUBLE", "12345678.12345679"},
        {"DECIMAL(20, 2)", "0.10", "FLOAT", "0.1"},
        {"DECIMAL(9, 2)", "7.50", "DECIMAL(18, 2)", "\"7.50\""},
    };

    (void)state;
    check(cases, COUNT(cases));
}

static void text_is_parsed_by_the_rules_of_each_kind(void **state)
{
    static const struct item cases[] = {
        {"STRING", "Yes", "BOOLEAN", "true"},
        {"STRING", "0", "BOOLEAN", "false"},
        {"STRING", "on", "BOOLEAN", NULL},
        {"STRING", "-7.9", "INT", "-7"},
        {"STRING", ".5", "INT", "0"},
        {"STRING", "+12", "TINYINT", "12"},
        {"STRING", " 12", "INT", NULL},
        {"STRING", "128", "TINYINT", NULL},
        {"STRING", "1e3", "INT", NULL},
        {"STRING", "-", "INT", NULL},
        {"STRING", "-9223372036854775808", "BIGINT", "-9223372036854775808"},
        {"STRING", "9223372036854775808", "BIGINT", NULL},
        {"STRING", " 1.5e3 ", "DOUBLE", "1500.0"},
        {"STRING", "-Infinity", "DOUBLE", "\"-Infinity\""},
        {"STRING", "NaN", "FLOAT", "\"NaN\""},
        {"STRING", "nan", "DOUBLE", NULL},
        {"STRING", "1f", "FLOAT", "1.0"},
        {"STRING", "1e999", "DOUBLE", "\"Infinity\""},
        {"STRING", "x", "DOUBLE", NULL},
        {"STRING", "1.005", "DECIMAL(5, 2)", "\"1.01\""},
        {"STRING", "1e2", "DECIMAL(5, 2)", "\"100.00\""},
        {"STRING", "1000", "DECIMAL(5, 2)", "null"},
        {"STRING", "1 ", "DECIMAL(5, 2)", NULL},
        {"STRING", "19723", "DATE", "\"2024-01-01\""},
        {"STRING", "2024-2-3", "DATE", "\"2024-02-03\""},
        {"STRING", "2024-02-03 25:99", "DATE", "\"2024-02-03\""},
        {"STRING", "2023-02-29", "DATE", NULL},
        {"STRING", "2023/02/01", "DATE", NULL},
        {"STRING", "1500", "TIME(3)", "\"00:00:01.500\""},
        {"STRING", "9:5", "TIME(3)", "\"09:05:00.000\""},
        {"STRING", "9:5:7.12345", "TIME(3)", "\"09:05:07.123\""},
        {"STRING", "24:00:00", "TIME(3)", NULL},
        {"STRING", "2024-01-02 3:4:5.123456", "TIMESTAMP(3)", "\"2024-01-02 03:04:05.123\""},
        {"STRING", "1969-12-31 23:59:59.999", "TIMESTAMP(0)", "\"1969-12-31 23:59:59\""},
        {"STRING", "2024-01-02", "TIMESTAMP(6)", "\"2024-01-02 00:00:00.000000\""},
        {"STRING", "1", "TIMESTAMP(0)", "\"1970-01-01 00:00:01\""},
        {"STRING", "-1", "TIMESTAMP(6)", "\"1969-12-31 23:59:59.999999\""},
        {"STRING", "-1", "TIMESTAMP(9)", "\"1969-12-31 23:59:59.999999999\""},
        {"STRING", "-9223372036854775808", "TIMESTAMP(9)", "\"1677-09-21 00:12:43.145224192\""},
        {"STRING", "1", "TIMESTAMP(4)", NULL},
        {"STRING", "2024-01-02T03:04:05", "TIMESTAMP(3)", NULL},
        {"STRING", "2024-01-02 03:04", "TIMESTAMP(3)", NULL},
        {"STRING", "2024-01-02 03:04:05.5", "TIMESTAMP(3) WITH LOCAL TIME ZONE", "\"2024-01-02 03:04:05.500Z\""},
        {"STRING", "1", "TIMESTAMP(3) WITH LOCAL TIME ZONE", NULL},
    };

    (void)state;
    check(cases, COUNT(cases));
}

static void everything_has_a_text_cut_to_the_length(void **state)
{
    static const struct item cases[] = {
        {"BOOLEAN", "true", "STRING", "\"true\""},
        {"BOOLEAN", "true", "VARCHAR(2)", "\"tr\""},
        {"INT", "-12", "CHAR(5)", "\"-12  \""},
        {"BIGINT", "123456", "VARCHAR(3)", "\"123\""},
        {"FLOAT", "16777216", "STRING", "\"1.6777216E7\""},
        {"DOUBLE", "0.00012", "STRING", "\"1.2E-4\""},
        {"DOUBLE", "0.3", "STRING", "\"0.3\""},
        {"DOUBLE", "-1e22", "STRING", "\"-1.0E22\""},
        {"DOUBLE", "1234567.5", "STRING", "\"1234567.5\""},
        {"DECIMAL(5, 2)", "-0.10", "STRING", "\"-0.10\""},
        {"DATE", "2024-01-01", "STRING", "\"2024-01-01\""},
        {"TIME(3)", "01:02:03.450", "STRING", "\"01:02:03.45\""},
        {"TIME(3)", "01:02:00.000", "STRING", "\"01:02:00.0\""},
        {"TIME(0)", "01:02:03", "STRING", "\"01:02:03\""},
        {"TIMESTAMP(3)", "2024-01-01 00:00:00.5", "STRING", "\"2024-01-01 00:00:00.500\""},
        {"TIMESTAMP(0)", "2024-01-01 00:00:00", "STRING", "\"2024-01-01 00:00:00\""},
        {"TIMESTAMP(9)", "1969-12-31 23:59:59.000000001", "STRING", "\"1969-12-31 23:59:59.000000001\""},
        {"STRING", "äöü", "VARCHAR(2)", "\"äö\""},
        {"VARCHAR(5)", "äö", "CHAR(4)", "\"äö  \""},
        {"VARCHAR(5)", "ab", "VARCHAR(9)", "\"ab\""},
        {"CHAR(5)", "ab", "STRING", "\"ab\""},
        {"STRING", "abc", "BYTES", "\"YWJj\""},
        {"STRING", "abc", "BINARY(2)", "\"YWI=\""},
        {"BYTES", "YQ==", "BINARY(3)", "\"YQAA\""},
        {"BYTES", "YWJj", "VARBINARY(2)", "\"YWI=\""},
        {"BYTES", "YWJj", "STRING", "\"abc\""},
        {"BYTES", "Yf/gpA==", "STRING", "\"a\xef\xbf\xbd\xef\xbf\xbd\""}, /* no UTF-8: 61 ff, e0 a4 that ends early */
        {"BYTES", "YWJjZA==", "VARCHAR(2)", "\"abcd\""},                  /* never cut */
        {"ARRAY<BYTES>", "[\"/w==\"]", "STRING", "\"[\xef\xbf\xbd]\""},
        {"ARRAY<INT>", "[1,null,3]", "STRING", "\"[1, null, 3]\""},
        {"ARRAY<INT>", "[]", "STRING", "\"[]\""},
        {"MAP<STRING, INT>", "[[\"a\",1],[\"b\",null]]", "STRING", "\"{a -> 1, b -> null}\""},
        {"ROW<a1 INT, b2 STRING>", "{\"a1\":1,\"b2\":null}", "STRING", "\"{1, null}\""},
        {"ARRAY<ROW<a1 DOUBLE>>", "[{\"a1\":1e9}]", "VARCHAR(3)", "\"[{1.0E9}]\""}, /* never cut */
        {"BYTES", "YWJj", "VARCHAR(2)", "\"abc\""},
        {"BYTES", "YQ==", "CHAR(2)", "\"a\""},
        {"ARRAY<INT>", "[1]", "CHAR(9)", "\"[1]\""},
    };

    (void)state;
    check(cases, COUNT(cases));
}

static void times_follow_each_other_as_in_paimon(void **state)
{
    static const struct item cases[] = {
        {"TIMESTAMP(3)", "2024-01-01 12:00:00", "DATE", "\"2024-01-01\""},
        {"TIMESTAMP(3)", "1969-12-31 12:00:00", "DATE", "\"1970-01-01\""},
        {"TIMESTAMP(6)", "1969-12-30 00:00:00", "DATE", "\"1969-12-30\""},
        {"TIMESTAMP(3)", "1969-12-31 23:59:58.500", "BIGINT", "-1"},
        {"TIMESTAMP(9)", "1970-01-01 00:00:03.999999999", "INT", "3"},
        {"TIMESTAMP(6)", "1970-01-02 01:02:03.5", "TIME(3)", "\"01:02:03.500\""},
        {"TIMESTAMP(6)", "1960-01-01 00:00:00.123456", "TIMESTAMP(2)", "\"1960-01-01 00:00:00.13\""},
        {"TIMESTAMP(6)", "1960-01-01 00:00:00.123456", "TIMESTAMP(3)", "\"1960-01-01 00:00:00.123\""},
        {"TIMESTAMP(9)", "1960-01-01 00:00:00.123456789", "TIMESTAMP(5)", "\"1960-01-01 00:00:00.12345\""},
        {"TIMESTAMP(3)", "2024-01-01 00:00:00.123", "TIMESTAMP(9)", "\"2024-01-01 00:00:00.123000000\""},
        {"TIMESTAMP(1)", "2024-01-01 00:00:00.1", "TIMESTAMP(3)", "\"2024-01-01 00:00:00.100\""},
        {"TIMESTAMP(3)", "2024-01-01 00:00:00.123", "TIMESTAMP(6) WITH LOCAL TIME ZONE",
         "\"2024-01-01 00:00:00.123000Z\""},
        {"TIMESTAMP(3) WITH LOCAL TIME ZONE", "1969-12-31 12:00:00Z", "DATE", "\"1969-12-31\""},
        {"TIMESTAMP(3) WITH LOCAL TIME ZONE", "1969-12-31 12:00:00Z", "TIME(0)", "\"12:00:00.000\""},
        {"TIMESTAMP(3) WITH LOCAL TIME ZONE", "1969-12-31 23:59:58.500Z", "INT", "-1"},
        {"DATE", "1960-01-02", "TIMESTAMP(6)", "\"1960-01-02 00:00:00.000000\""},
        {"TIME(3)", "01:02:03.004", "TIMESTAMP(9)", "\"1970-01-01 01:02:03.004000000\""},
        {"INT", "-1", "TIMESTAMP(3)", "\"1969-12-31 23:59:59.000\""},
        {"BIGINT", "86400", "TIMESTAMP(6) WITH LOCAL TIME ZONE", "\"1970-01-02 00:00:00.000000Z\""},
    };

    (void)state;
    check(cases, COUNT(cases));
}

/* Files hold what they like: the first moment that fits in 64 bits has a day, and a time of it. */
static void the_first_moment_of_all_is_cast(void **state)
{
    static const int64_t first = INT64_MIN;
    static const struct {
        const char *from, *to;
        int32_t want;
    } cases[] = {
        {"TIMESTAMP(6)", "DATE", -106751991},
        {"TIMESTAMP(6) WITH LOCAL TIME ZONE", "DATE", -106751992},
        {"TIMESTAMP(6) WITH LOCAL TIME ZONE", "TIME(3)", 71945224},
        {"TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIME(3)", 60424192},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena = {0};
        struct pfs_type from, to;
        struct pfs_column in = {.type = &from, .values = &first}, out;

        parse_type(&arena, cases[i].from, &from);
        parse_type(&arena, cases[i].to, &to);
        assert_int_equal(pfs_cast_column(&in, 1, &to, &arena, &out, NULL), 0);
        assert_int_equal(*(const int32_t *)out.values, cases[i].want);
        pfs_arena_done(&arena);
    }
}

static void fields_are_found_by_id_however_deep(void **state)
{
    static const struct item cases[] = {
        {"ROW<a1 INT, b2 STRING>", "{\"a1\":5,\"b2\":\"x\"}", "ROW<new3 DATE, y2 STRING, x1 BIGINT>",
         "{\"new3\":null,\"y2\":\"x\",\"x1\":5}"},
        {"ROW<a1 INT, b2 STRING>", "{\"a1\":5,\"b2\":\"x\"}", "ROW<a3 INT>", "{\"a3\":null}"},
        {"ROW<a1 INT>", "{\"a1\":5}", "ROW<b1 INT>", "{\"b1\":5}"},
        {"ARRAY<ROW<a1 INT, b2 INT>>", "[{\"a1\":1,\"b2\":2},null]", "ARRAY<ROW<b2 STRING>>", "[{\"b2\":\"2\"},null]"},
        {"ARRAY<ROW<a1 ROW<c5 INT>>>", "[{\"a1\":{\"c5\":7}}]", "ARRAY<ROW<z1 ROW<q5 INT>>>", "[{\"z1\":{\"q5\":7}}]"},
        {"MAP<STRING, INT>", "[[\"k\",1]]", "MAP<STRING, BIGINT>", "[[\"k\",1]]"},
        {"MAP<STRING, ROW<a1 INT>>", "[[\"k\",{\"a1\":1}]]", "MAP<STRING, ROW<a1 INT, b2 INT>>",
         "[[\"k\",{\"a1\":1,\"b2\":null}]]"},
        {"ARRAY<ARRAY<INT>>", "[[1],[],null,[2,3]]", "ARRAY<ARRAY<STRING>>", "[[\"1\"],[],null,[\"2\",\"3\"]]"},
        {"ARRAY<INT>", "[1,2]", "ARRAY<BIGINT>", "[1,2]"},
    };

    (void)state;
    check(cases, COUNT(cases));
}

static void pairs_that_paimon_has_not_are_named(void **state)
{
    static const char *const pairs[][2] = {
        {"TIMESTAMP(3)", "DOUBLE"},
        {"FLOAT", "TIMESTAMP(3)"},
        {"DATE", "CHAR(10)"},
        {"TIME(3)", "TIME(0)"},
        {"MULTISET<STRING>", "STRING"},
        {"ARRAY<INT>", "INT"},
        {"INT", "BYTES"},
        {"TIMESTAMP(3)", "VARCHAR(30)"},
        {"ROW<a1 DATE>", "ROW<a1 BOOLEAN>"},
        {"INT", "ARRAY<INT>"},
        {"BYTES", "INT"},
        {"MULTISET<INT>", "MULTISET<BIGINT>"},
        {"DOUBLE", "BOOLEAN"},
        {"DECIMAL(3, 0)", "BOOLEAN"},
        {"MAP<INT, INT>", "ARRAY<INT>"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct pfs_arena arena = {0};
        struct pfs_type from, to;
        struct pfs_err err = {0};

        parse_type(&arena, pairs[i][0], &from);
        parse_type(&arena, pairs[i][1], &to);
        CHECK(pairs[i][0], pfs_cast_check(&from, &to, &err) == -EOPNOTSUPP);
        CHECK(pairs[i][1], strstr(err.text, " cannot be read as ") != NULL);
        pfs_arena_done(&arena);
    }
}

static void the_same_memory_is_told_from_work(void **state)
{
    static const struct {
        const char *from, *to;
        bool same;
    } cases[] = {
        {"INT", "INT", true},
        {"INT NOT NULL", "INT", true},
        {"INT", "BIGINT", false},
        {"CHAR(5)", "STRING", true},
        {"BYTES", "CHAR(2)", false}, /* not every byte is text */
        {"STRING", "VARCHAR(5)", false},
        {"CHAR(3)", "CHAR(5)", false},
        {"TIMESTAMP(4)", "TIMESTAMP(6)", true},
        {"TIMESTAMP(3)", "TIMESTAMP(6)", false},
        {"DECIMAL(5, 2)", "DECIMAL(18, 2)", true},
        {"DECIMAL(5, 2)", "DECIMAL(19, 2)", false},
        {"ROW<a1 INT>", "ROW<b1 INT>", true},
        {"ROW<a1 INT>", "ROW<a2 INT>", false},
        {"ROW<a1 INT, b2 INT>", "ROW<a1 INT>", false},
        {"ARRAY<CHAR(2)>", "ARRAY<STRING>", true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena = {0};
        struct pfs_type from, to;

        parse_type(&arena, cases[i].from, &from);
        parse_type(&arena, cases[i].to, &to);
        CHECK(cases[i].to, pfs_cast_is_same(&from, &to) == cases[i].same);
        pfs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_keep_their_low_bits),
        cmocka_unit_test(floating_values_go_toward_zero_and_saturate),
        cmocka_unit_test(decimals_round_half_up_and_are_null_beyond_their_digits),
        cmocka_unit_test(text_is_parsed_by_the_rules_of_each_kind),
        cmocka_unit_test(everything_has_a_text_cut_to_the_length),
        cmocka_unit_test(times_follow_each_other_as_in_paimon),
        cmocka_unit_test(the_first_moment_of_all_is_cast),
        cmocka_unit_test(fields_are_found_by_id_however_deep),
        cmocka_unit_test(pairs_that_paimon_has_not_are_named),
        cmocka_unit_test(the_same_memory_is_told_from_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
