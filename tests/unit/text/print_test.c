/* print_test.c - nested values out: what stands in a line of JSON, and the same in a cell of CSV. */
#include "format/text/text.h"
#include "tests/unit/cm.h"

struct sample {
    const char *type, *value, *json, *csv; /* json NULL: as the value; csv NULL: as the JSON, without quotes */
};

static const struct sample samples[] = {
    {"ARRAY<INT>", "[]", NULL, NULL},
    {"ARRAY<INT>", "[-2147483648]", NULL, NULL},
    {"ARRAY<INT>", "[null]", NULL, NULL},
    {"ARRAY<INT>", "[1,null,2]", NULL, "\"[1,null,2]\""},
    {"ARRAY<ARRAY<BIGINT>>", "[[],null,[-9223372036854775808]]", NULL, "\"[[],null,[-9223372036854775808]]\""},
    {"ARRAY<STRING>", "[\"\"]", NULL, "\"[\"\"\"\"]\""},
    {"ARRAY<STRING>", "[\"a\\\"b\\\\\\n\\u0001\"]", NULL, "\"[\"\"a\\\"\"b\\\\\\n\\u0001\"\"]\""},
    {"ARRAY<STRING>", "[\"sixteen bytes ok\",\"15 bytes and a\\t\",\"seventeen bytes \\\"\"]", NULL,
     "\"[\"\"sixteen bytes ok\"\",\"\"15 bytes and a\\t\"\",\"\"seventeen bytes \\\"\"\"\"]\""},
    {"ARRAY<DOUBLE>", "[\"NaN\",1.5,\"-Infinity\"]", NULL, "\"[\"\"NaN\"\",1.5,\"\"-Infinity\"\"]\""},
    {"ARRAY<FLOAT>", "[\"Infinity\"]", NULL, "\"[\"\"Infinity\"\"]\""},
    {"ARRAY<BYTES>", "[\"\",\"AQI=\"]", NULL, "\"[\"\"\"\",\"\"AQI=\"\"]\""},
    {"ARRAY<BOOLEAN>", "[true]", NULL, NULL},
    {"ARRAY<DECIMAL(20,2)>", "[\"-0.10\"]", NULL, "\"[\"\"-0.10\"\"]\""},
    {"ROW<d DATE, t TIME, s TIMESTAMP(9), z TIMESTAMP_LTZ(3), e TIMESTAMP(6)>",
     "{\"d\":\"2024-02-29\",\"t\":\"01:02:03.004\",\"s\":\"1969-12-31 23:59:59.999999999\","
     "\"z\":\"2024-02-29 00:00:00.001Z\",\"e\":null}",
     NULL,
     "\"{\"\"d\"\":\"\"2024-02-29\"\",\"\"t\"\":\"\"01:02:03.004\"\",\"\"s\"\":\"\"1969-12-31 23:59:59.999999999\"\","
     "\"\"z\"\":\"\"2024-02-29 00:00:00.001Z\"\",\"\"e\"\":null}\""},
    {"ROW<a TIME, b TIME, c TIMESTAMP(3)>",
     "{\"a\":\"01:00:00.000\",\"b\":\"23:01:00.000\",\"c\":\"2024-02-29 23:00:00.000\"}", NULL,
     "\"{\"\"a\"\":\"\"01:00:00.000\"\",\"\"b\"\":\"\"23:01:00.000\"\",\"\"c\"\":\"\"2024-02-29 23:00:00.000\"\"}\""},
    {"ROW<`a name of more than 16 bytes` TINYINT, `q\"` SMALLINT>",
     "{\"a name of more than 16 bytes\":-128,\"q\\\"\":-32768}", NULL,
     "\"{\"\"a name of more than 16 bytes\"\":-128,\"\"q\\\"\"\"\":-32768}\""},
    {"ROW<r ROW<v INT>>", "{\"r\":null}", NULL, "\"{\"\"r\"\":null}\""},
    {"MAP<STRING, INT>", "[]", NULL, NULL},
    {"MAP<STRING, INT>", "[[\"b\",1],[\"a\\\"\",2],[\"a\",null]]", "[[\"a\",null],[\"a\\\"\",2],[\"b\",1]]",
     "\"[[\"\"a\"\",null],[\"\"a\\\"\"\"\",2],[\"\"b\"\",1]]\""},
    {"MAP<INT, MAP<INT, STRING>>", "[[3,[]],[2,[[9,\"y\"],[10,\"x\"]]]]", "[[2,[[10,\"x\"],[9,\"y\"]]],[3,[]]]",
     "\"[[2,[[10,\"\"x\"\"],[9,\"\"y\"\"]]],[3,[]]]\""},
    {"MULTISET<STRING>", "[[\"z\",2],[\"y\",1]]", "[[\"y\",1],[\"z\",2]]", "\"[[\"\"y\"\",1],[\"\"z\"\",2]]\""},
    {"ARRAY<VARIANT>", "[{\"k\":\"v\"},null,[1]]", "[\"{\\\"k\\\":\\\"v\\\"}\",null,\"[1]\"]",
     "\"[\"\"{\\\"\"k\\\"\":\\\"\"v\\\"\"}\"\",null,\"\"[1]\"\"]\""},
    {"VARIANT", "[1,\"a\"]", "\"[1,\\\"a\\\"]\"", "\"[1,\"\"a\"\"]\""},
};

/* The value in a batch whose rows are: it, NULL, and it again; printed from row `from` on. */
static void print(const struct sample *s, enum pfs_text format, int64_t from, struct pfs_buf *out)
{
    static const struct pfs_range ranges[] = {{0, 0, 1}, {1, 0, 1}, {0, 0, 1}};
    struct pfs_field field = {.name = "c"};
    struct pfs_column column[2], three, some;
    const struct pfs_batch value = {1, 1, &column[0]}, null = {1, 1, &column[1]};
    const struct pfs_batch *const sources[] = {&value, &null};
    struct pfs_arena arena;
    struct pfs_err err = {0};

    pfs_arena_init(&arena, 0);
    CHECK(s->type, pfs_type_parse(pfs_str(s->type), NULL, &arena, &field.type, &err) == 0);
    CHECK(s->value, pfs_text_parse_value(&field.type, pfs_str(s->value), false, &arena, &column[0], &err) == 0);
    CHECK(s->type, pfs_column_nulls(&field.type, 1, &arena, &column[1], &err) == 0);
    CHECK(s->type, pfs_column_gather(sources, 0, ranges, 3, 3, &arena, &three, &err) == 0);
    CHECK(s->type, pfs_column_slice(&three, from, 3 - from, &arena, &some, &err) == 0);
    CHECK(s->value, pfs_text_print(format, &field, &(struct pfs_batch){3 - from, 1, &some}, out, &err) == 0);
    pfs_arena_done(&arena);
}

/* What print makes of a batch, when it prints a value and a NULL like this. */
static void expect(const char *value, const char *null, int64_t from, const struct pfs_buf *out)
{
    struct pfs_buf all = {0};

    if (from == 0)
        pfs_buf_printf(&all, "%s\n", value);
    pfs_buf_printf(&all, "%s\n%s\n%c", null, value, 0);
    CHECK((const char *)all.at, all.len - 1 == out->len && memcmp(all.at, out->at, out->len) == 0);
    pfs_buf_done(&all);
}

static void nested_values_are_json_with_maps_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        const char *json = samples[i].json != NULL ? samples[i].json : samples[i].value;

        for (int64_t from = 0; from < 2; from++) {
            struct pfs_buf out = {0}, value = {0};

            pfs_buf_printf(&value, "{\"c\":%s}%c", json, 0);
            print(&samples[i], PFS_TEXT_JSON, from, &out);
            expect((const char *)value.at, "{\"c\":null}", from, &out);
            pfs_buf_done(&value);
            pfs_buf_done(&out);
        }
    }
}

static void a_cell_doubles_their_quotes_and_has_some_only_where_it_must(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++) {
        const char *json = samples[i].json != NULL ? samples[i].json : samples[i].value;

        for (int64_t from = 0; from < 2; from++) {
            struct pfs_buf out = {0};

            print(&samples[i], PFS_TEXT_CSV, from, &out);
            expect(samples[i].csv != NULL ? samples[i].csv : json, "", from, &out);
            pfs_buf_done(&out);
        }
    }
}

/* Years that no text of ours can spell, but that a file may hold: days of them pass 32 bits. */
/* Column names are text, and rows may spell them: in what is printed such a row is told from a header that is repeated,
 * and is a row when it is read again. */
static const struct {
    const char *type, *row, *csv; /* type: of a ROW whose fields are the columns */
} spelling[] = {
    {"ROW<a STRING, b STRING>", "{\"a\":\"a\",\"b\":\"b\"}", "a,b\n\"a\",b\n"},
    {"ROW<a STRING>", "{\"a\":\"a\"}", "a\n\"a\"\n"},
    {"ROW<`a,x` STRING, b STRING, c STRING>", "{\"a,x\":\"a,x\",\"b\":\"b\",\"c\":\"c\"}",
     "\"a,x\",b,c\n\"a,x\",\"b\",c\n"},
    {"ROW<`\"` STRING, `x\"\"y` STRING, b STRING>", "{\"\\\"\":\"\\\"\",\"x\\\"\\\"y\":\"x\\\"\\\"y\",\"b\":\"b\"}",
     "\"\"\"\",\"x\"\"\"\"y\",b\n\"\"\"\",\"x\"\"\"\"y\",\"b\"\n"},
    {"ROW<`2023` INT, `2024` INT>", "{\"2023\":2023,\"2024\":2024}", "2023,2024\n\"2023\",2024\n"},
    {"ROW<`true` BOOLEAN>", "{\"true\":true}", "true\n\"true\"\n"},
    {"ROW<`[]` ARRAY<INT>, `NaN` DOUBLE>", "{\"[]\":[],\"NaN\":\"NaN\"}", "[],NaN\n\"[]\",NaN\n"},
    {"ROW<a STRING, b STRING>", "{\"a\":\"a\",\"b\":null}", "a,b\na,\n"},
};

static void a_row_that_spells_the_header_stays_a_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(spelling); i++) {
        struct pfs_text_parse parse = {.format = PFS_TEXT_JSON};
        struct pfs_buf csv = {0}, json = {0};
        struct pfs_type row;
        struct pfs_arena arena;

        pfs_arena_init(&arena, 0);
        CHECK(spelling[i].type, pfs_type_parse(pfs_str(spelling[i].type), NULL, &arena, &row, NULL) == 0);
        parse.columns = row.children;
        parse.fields = row.child;
        for (int k = 0; k < 2; k++) {
            struct pfs_text_parser *parser;
            struct pfs_batch batch;
            struct pfs_err err = {0};
            size_t used;

            assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
            if (pfs_text_parser_feed(parser, k == 0 ? pfs_str(spelling[i].row) : pfs_buf_slice(&csv), true, &arena,
                                     &batch, &used, NULL, &err) != 1)
                fail_msg("%s, %d: %s", spelling[i].row, k, err.text);
            pfs_text_parser_close(parser);
            batch.columns--; /* the row kind */
            if (k == 0) {
                pfs_text_header(PFS_TEXT_CSV, row.child, row.children, &csv);
                assert_int_equal(pfs_text_print(PFS_TEXT_CSV, row.child, &batch, &csv, NULL), 0);
                CHECK(spelling[i].csv, csv.len == strlen(spelling[i].csv));
                CHECK(spelling[i].csv, memcmp(csv.at, spelling[i].csv, csv.len) == 0);
            }
            assert_int_equal(pfs_text_print(PFS_TEXT_JSON, row.child, &batch, &json, NULL), 0);
            parse.format = PFS_TEXT_CSV;
        }
        CHECK(spelling[i].row, json.len == 2 * strlen(spelling[i].row) + 2);
        CHECK(spelling[i].row, memcmp(json.at, spelling[i].row, strlen(spelling[i].row)) == 0);
        CHECK(spelling[i].row, memcmp(json.at, json.at + json.len / 2, json.len / 2) == 0);
        pfs_buf_done(&csv);
        pfs_buf_done(&json);
        pfs_arena_done(&arena);
    }
}

static void moments_far_away_have_their_own_day(void **state)
{
    static const struct {
        int64_t millis;
        const char *want;
    } cases[] = {
        {INT64_MAX, "292278994-08-17 07:12:55.807"},
        {INT64_MIN, "-292275055-05-16 16:47:04.192"},
        {185542587187199999, "5881580-07-11 23:59:59.999"},
        {185542587187200000, "5881580-07-12 00:00:00.000"},
    };
    const struct pfs_type millis = {.kind = PFS_TIMESTAMP, .precision = 3},
                          nanos = {.kind = PFS_TIMESTAMP, .precision = 9};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct pfs_time96 wide = {.millis = cases[i].millis};
        const struct pfs_column narrow_column = {.type = &millis, .values = &cases[i].millis};
        const struct pfs_column wide_column = {.type = &nanos, .values = &wide};
        struct pfs_buf out = {0};
        size_t len;

        CHECK(cases[i].want, pfs_text_print_value(PFS_TEXT_CSV, &narrow_column, 0, &out, NULL) == 0);
        len = out.len;
        CHECK(cases[i].want, pfs_slice_eq(pfs_buf_slice(&out), pfs_str(cases[i].want)));
        CHECK(cases[i].want, pfs_text_print_value(PFS_TEXT_CSV, &wide_column, 0, &out, NULL) == 0);
        CHECK(cases[i].want, out.len == 2 * len + 6 && memcmp(out.at, out.at + len, len) == 0);
        pfs_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nested_values_are_json_with_maps_in_order),
        cmocka_unit_test(a_row_that_spells_the_header_stays_a_row),
        cmocka_unit_test(moments_far_away_have_their_own_day),
        cmocka_unit_test(a_cell_doubles_their_quotes_and_has_some_only_where_it_must),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
