/* hive_test.c - the buckets that Paimon 1.4.2 put these keys into, of 1000. */
#include "src/write/hive.h"

#include "format/text/text.h"
#include "tests/unit/cm.h"

#define BUCKETS 1000

static const struct {
    const char *type, *json; /* of the column k */
    int32_t bucket;
} cases[] = {
    {"INT", "1", 1},
    {"INT", "-7", 641},
    {"INT", "2147483647", 647},
    {"INT", "-2147483648", 0},
    {"INT", "null", 0},
    {"BIGINT", "1234567890123", 436},
    {"BIGINT", "-1234567890123", 437},
    {"BIGINT", "-1", 0},
    {"STRING", "\"hello\"", 322},
    {"STRING", "\"\xc3\xa9\xe2\x82\xac\"", 230},
    {"STRING", "\"\"", 0},
    {"CHAR(9)", "\"hello\"", 322},
    {"BYTES", "\"aGVsbG8=\"", 322},
    {"BYTES", "\"//79\"", 622},
    {"DECIMAL(10, 2)", "\"1.50\"", 466},
    {"DECIMAL(10, 2)", "\"100.00\"", 100},
    {"DECIMAL(10, 2)", "\"-1.25\"", 775},
    {"DECIMAL(10, 2)", "\"0.00\"", 0},
    {"DECIMAL(10, 2)", "\"-120.00\"", 928},
    {"DECIMAL(10, 2)", "\"0.01\"", 33},
    {"DECIMAL(30, 5)", "\"1.50000\"", 466},
    {"DECIMAL(30, 5)", "\"123456789012345678901234.50000\"", 206},
    {"DECIMAL(30, 5)", "\"-123456789012345678901234.00000\"", 902},
    {"FLOAT", "1.5", 520},
    {"FLOAT", "-2.5", 976},
    {"FLOAT", "-0.0", 0},
    {"DOUBLE", "1.5", 536},
    {"DOUBLE", "-2.5", 968},
    {"DOUBLE", "-0.0", 0},
    {"TINYINT", "-1", 647},
    {"SMALLINT", "-300", 348},
    {"BOOLEAN", "true", 1},
    {"DATE", "\"2024-01-01\"", 723},
    {"TIME(3)", "\"10:00:00.000\"", 0},
};

/* One row of these columns as JSON. */
static void parse(struct pfs_field *fields, int32_t count, const char *line, struct pfs_arena *arena,
                  struct pfs_batch *out)
{
    struct pfs_text_parse parse = {.columns = count, .fields = fields, .format = PFS_TEXT_JSON};
    struct pfs_text_parser *parser = NULL;
    size_t used;

    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    assert_int_equal(pfs_text_parser_feed(parser, pfs_str(line), true, arena, out, &used, NULL, NULL), 1);
    pfs_text_parser_close(parser);
}

static int32_t bucket_of(const struct pfs_batch *row, int32_t columns)
{
    const struct pfs_column *key[3] = {0};
    int32_t hash = 7;

    for (int32_t i = 0; i < columns; i++)
        key[i] = &row->column[i];
    assert_int_equal(pfs_hive_hash(key, columns, 1, &hash, NULL), 0);
    return (hash & INT32_MAX) % BUCKETS;
}

static void every_type_falls_into_the_bucket_of_paimon(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_field field = {.id = 0, .name = "k"};
        struct pfs_arena arena;
        struct pfs_batch row;

        pfs_arena_init(&arena, 0);
        assert_int_equal(pfs_type_parse(pfs_str(cases[i].type), NULL, &arena, &field.type, NULL), 0);
        parse(&field, 1, pfs_arena_printf(&arena, "{\"k\":%s}\n", cases[i].json), &arena, &row);
        CHECK(cases[i].json, bucket_of(&row, 1) == cases[i].bucket);
        pfs_arena_done(&arena);
    }
}

static void several_keys_are_mixed_and_a_null_counts_zero(void **state)
{
    static const char *const types[] = {"INT", "STRING", "DECIMAL(10, 3)"};
    struct pfs_field field[] = {{.id = 0, .name = "k"}, {.id = 1, .name = "v"}, {.id = 2, .name = "w"}};
    struct pfs_arena arena;
    struct pfs_batch row;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pfs_type_parse(pfs_str(types[i]), NULL, &arena, &field[i].type, NULL), 0);
    parse(field, 3, "{\"k\":42,\"v\":\"paimon\",\"w\":\"1.500\"}\n", &arena, &row);
    assert_int_equal(bucket_of(&row, 3), 296);
    parse(field, 3, "{\"k\":-42,\"v\":null,\"w\":\"-7.010\"}\n", &arena, &row);
    assert_int_equal(bucket_of(&row, 3), 557);
    pfs_arena_done(&arena);
}

static void a_timestamp_is_refused(void **state)
{
    static const struct pfs_type type = {.kind = PFS_TIMESTAMP, .precision = 3};
    static const int64_t value = 0;
    struct pfs_column column = {.type = &type, .values = &value};
    const struct pfs_column *key = &column;
    struct pfs_err err = {0};
    int32_t hash;

    (void)state;
    assert_int_equal(pfs_hive_hash(&key, 1, 1, &hash, &err), -EINVAL);
    assert_non_null(strstr(err.text, "hive"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_falls_into_the_bucket_of_paimon),
        cmocka_unit_test(several_keys_are_mixed_and_a_null_counts_zero),
        cmocka_unit_test(a_timestamp_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
