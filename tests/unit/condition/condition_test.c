/* condition_test.c - conditions are parsed, hold for the right rows, and leave out no file that has such a row. */
#include "src/condition/condition.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "format/reader.h"
#include "format/text/text.h"
#include "tests/unit/cm.h"

static struct pfs_arena arena;
static struct pfs_schema schema;
static struct pfs_batch batch;
static int32_t place[64];

static const char *const columns[][2] = {
    {"k", "INT NOT NULL"},
    {"s", "VARCHAR(5)"},
    {"b", "BOOLEAN"},
    {"t", "TINYINT"},
    {"h", "SMALLINT"},
    {"l", "BIGINT"},
    {"f", "FLOAT"},
    {"d", "DOUBLE"},
    {"dec", "DECIMAL(10, 2)"},
    {"big", "DECIMAL(38, 2)"},
    {"dt", "DATE"},
    {"tm", "TIME(3)"},
    {"ts", "TIMESTAMP(3)"},
    {"nano", "TIMESTAMP(9)"},
    {"lz", "TIMESTAMP(6) WITH LOCAL TIME ZONE"},
    {"bin", "VARBINARY(9)"},
    {"r", "ROW<a INT, q ROW<z STRING>>"},
    {"arr", "ARRAY<INT>"},
    {"odd name", "INT"},
    {"and", "INT"},
};

static const char rows[] =
    "{\"k\":0,\"s\":\"a\",\"b\":true,\"t\":-1,\"h\":300,\"l\":5,\"f\":1.5,\"d\":0.0,\"dec\":\"1.25\",\"big\":\"99.00\","
    "\"dt\":\"2026-11-19\",\"tm\":\"08:00:00.000\",\"ts\":\"2026-11-19 08:00:00.500\","
    "\"nano\":\"2026-11-19 08:00:00.000000001\",\"lz\":\"2026-11-19 08:00:00.000001Z\",\"bin\":\"AQI=\","
    "\"r\":{\"a\":1,\"q\":{\"z\":\"deep\"}},\"arr\":[1],\"odd name\":7,\"and\":1}\n"
    "{\"k\":1,\"s\":\"bc\",\"b\":false,\"t\":5,\"h\":-300,\"l\":6,\"f\":\"NaN\",\"d\":-0.0,\"dec\":\"-1.25\","
    "\"big\":\"-99.00\",\"dt\":\"2026-11-20\",\"tm\":\"09:00:00.000\",\"ts\":\"2026-11-20 08:00:00.500\","
    "\"nano\":\"2026-11-19 08:00:00.000000002\",\"lz\":\"2026-11-19 08:00:00.000002Z\",\"bin\":\"\","
    "\"r\":{\"a\":null,\"q\":null},\"arr\":[],\"odd name\":8,\"and\":2}\n"
    "{\"k\":2}\n"
    "{\"k\":3,\"s\":\"a*c\\u00e9\",\"b\":true,\"t\":127,\"h\":0,\"l\":9223372036854775807,\"f\":-2.25,\"d\":\"NaN\","
    "\"dec\":\"0.00\",\"big\":\"0.00\",\"dt\":\"1969-12-31\",\"tm\":\"00:00:00.001\",\"ts\":\"1969-12-31 "
    "23:59:59.999\","
    "\"nano\":\"1969-12-31 23:59:59.999999999\",\"lz\":\"1970-01-01 00:00:00.000000Z\",\"bin\":\"/w==\","
    "\"r\":{\"a\":3,\"q\":{\"z\":null}},\"arr\":null,\"odd name\":null,\"and\":null}\n";

static int set_up(void **state)
{
    static struct pfs_field fields[COUNT(columns)];
    struct pfs_text_parse parse = {.columns = COUNT(columns), .fields = fields, .format = PFS_TEXT_JSON};
    struct pfs_text_parser *parser = NULL;
    size_t used;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(columns); i++) {
        fields[i] = (struct pfs_field){.id = (int32_t)i, .name = columns[i][0]};
        assert_int_equal(pfs_type_parse(pfs_str(columns[i][1]), NULL, &arena, &fields[i].type, NULL), 0);
        place[i] = (int32_t)i;
    }
    schema = (struct pfs_schema){.columns = COUNT(columns), .field = fields};
    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    assert_int_equal(pfs_text_parser_feed(parser, pfs_str(rows), true, &arena, &batch, &used, NULL, NULL), 4);
    pfs_text_parser_close(parser);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

static const struct pfs_condition *parsed(const char *text)
{
    const struct pfs_condition *condition = NULL;
    struct pfs_err err = {0};

    if (pfs_condition_parse(pfs_str(text), &schema, &arena, &condition, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return condition;
}

static const char *kept_of(const struct pfs_condition *condition)
{
    static char text[64];
    int32_t kept[4];
    int64_t n = pfs_condition_select(condition, &batch, place, &arena, kept, NULL);
    size_t at = 0;

    assert_true(n >= 0);
    for (int64_t i = 0; i < n; i++)
        text[at++] = (char)('0' + kept[i]);
    text[at] = '\0';
    return text;
}

/* ---- which rows ---- */

static const struct {
    const char *text;
    const char *kept; /* indexes of rows */
} selections[] = {
    {"k = 1", "1"},
    {"k=1", "1"},
    {"k != 1", "023"},
    {"k <> 1", "023"},
    {"k < 1", "0"},
    {"k <= 1", "01"},
    {"k>1", "23"},
    {"k >= 1", "123"},
    {"k > -5", "0123"},
    {"k in (0, 3,7)", "03"},
    {"k not in (0,3)", "12"},
    {"k between 1 and 2", "12"},
    {"k not between 1 and 2", "03"},
    {"not k between 1 and 2", "03"},
    {"k = 1 or k = 2 and s is null", "12"},
    {"(k = 1 or k = 2) and s is null", "2"},
    {"not (k = 1 or k = 2)", "03"},
    {"not (k = 1 and s = 'bc') and not k = 0", "23"},
    {"s = 'a'", "0"},
    {"s != 'a'", "13"},
    {"not s = 'a'", "13"},
    {"s < 'b'", "03"},
    {"s >= 'a*' and s < 'b'", "3"},
    {"s = 'longer than its column'", ""},
    {"s != 'it''s'", "013"},
    {"s in ('a', 'bc')", "01"},
    {"s like 'a*'", "03"},
    {"s like '*c*'", "13"},
    {"s like '?c'", "1"},
    {"s like '?'", "0"},
    {"s like 'a?c?'", "3"},
    {"s not like 'a*'", "1"},
    {"not s like 'a*'", "1"},
    {"s is null", "2"},
    {"s is not null", "013"},
    {"not s is null", "013"},
    {"b = true", "03"},
    {"b = FALSE", "1"},
    {"b != true", "1"},
    {"t = -1", "0"},
    {"t > 5", "3"},
    {"h = 300 or h = -300", "01"},
    {"l = 9223372036854775807", "3"},
    {"l <= 6", "01"},
    {"f > 0", "0"},
    {"f <= 100", "03"},
    {"not f > 0", "3"},
    {"f != 1.5", "13"},
    {"f = NaN", "1"},
    {"f != 'NaN'", "03"},
    {"f is not null", "013"},
    {"d = 0", "01"},
    {"d = -0.0", "01"},
    {"d >= 0", "01"},
    {"d < 0", ""},
    {"d != 0", "3"},
    {"dec = 1.25", "0"},
    {"dec = '1.250'", "0"},
    {"dec < 1", "13"},
    {"big > 98.99", "0"},
    {"big <= 0", "13"},
    {"dt = 2026-11-19", "0"},
    {"dt = '2026-11-19'", "0"},
    {"dt = DATE '2026-11-19'", "0"},
    {"dt < 1970-01-01", "3"},
    {"tm >= 08:00:00", "01"},
    {"ts > 2026-11-19T08:00:00.5", "1"},
    {"ts > TIMESTAMP '2026-11-19 08:00:00'", "01"},
    {"ts <= '1969-12-31 23:59:59.999'", "3"},
    {"nano = '2026-11-19 08:00:00.000000001'", "0"},
    {"nano > '2026-11-19 08:00:00.000000001'", "1"},
    {"nano < 1970-01-01", "3"},
    {"lz >= '2026-11-19 08:00:00.000002Z'", "1"},
    {"bin = 'AQI='", "0"},
    {"bin > ''", "03"},
    {"r.a = 3", "3"},
    {"r.a is null", "12"},
    {"r.a is not null", "03"},
    {"r.q.z = 'deep'", "0"},
    {"r.q.z is null", "123"},
    {"r.q.z != 'x'", "0"},
    {"r.q.z like 'd*'", "0"},
    {"r is null", "2"},
    {"r.q is null", "12"},
    {"arr is null", "23"},
    {"`odd name` = 7", "0"},
    {"`and` = 1 and k = 0", "0"},
    {"k = 0 and s = 'a' and b = true and t < 0", "0"},
    {"k = 0 or s is null or d = NaN", "023"},
    {"((((((k = 0))))))", "0"},
};

static void a_condition_keeps_the_rows_for_which_it_is_true(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(selections); i++) {
        if (strcmp(kept_of(parsed(selections[i].text)), selections[i].kept) != 0)
            fail_msg("%s: rows %s, not %s", selections[i].text, kept_of(parsed(selections[i].text)),
                     selections[i].kept);
    }
}

static const struct {
    const char *text;
    const char *says;
} refusals[] = {
    {"", "column name is missing"},
    {"   ", "column name is missing"},
    {"k", "operator is expected"},
    {"k =", "value is missing"},
    {"k = 1 k = 2", "'and', 'or' or the end is expected at character 7"},
    {"k = 1 and", "column name is missing"},
    {"= 1", "column name is expected at character 1"},
    {"x = 1", "no column x"},
    {"K = 1", "no column K"},
    {"(k = 1", "')' is expected"},
    {"k = 1)", "the end is expected"},
    {"k in 1", "'(' is expected"},
    {"k in ()", "value is missing"},
    {"k in (1", "',' or ')'"},
    {"k between 1", "'and' is expected"},
    {"k is 1", "'null' is expected"},
    {"k = one", "'one' is no INT NOT NULL at character 5"},
    {"k = 3000000000", "is no INT"},
    {"k = 1.5", "is no INT"},
    {"t = 128", "is no TINYINT"},
    {"dt = 2026-02-30", "is no DATE"},
    {"s = a", "single quotes"},
    {"s = 'a", "never closed"},
    {"`k = 1", "never closed"},
    {"s like a", "pattern"},
    {"k like 'a'", "strings alone"},
    {"k = null", "is null"},
    {"f > NaN", "NaN has no order"},
    {"arr = 1", "nothing but null"},
    {"r = 1", "nothing but null"},
    {"r.x = 1", "no field x"},
    {"k.x = 1", "no field x"},
    {"s = '\xff'", "UTF-8"},
    {"((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((k = 1", "too deep"},
};

static void what_is_no_condition_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct pfs_condition *condition = NULL;
        struct pfs_err err = {0};

        CHECK(refusals[i].text,
              pfs_condition_parse(pfs_str(refusals[i].text), &schema, &arena, &condition, &err) == -EINVAL);
        if (strstr(err.text, refusals[i].says) == NULL)
            fail_msg("%s: says %s", refusals[i].text, err.text);
    }
}

static void conditions_are_joined(void **state)
{
    const struct pfs_condition *equal = parsed("k = 3 and `odd name` is null"), *both = NULL;
    bool uses[COUNT(columns)] = {false}, two[COUNT(columns)] = {[0] = true, [18] = true};

    (void)state;
    assert_string_equal(kept_of(equal), "3");
    pfs_condition_columns(equal, uses);
    assert_true(uses[0] && uses[18] && !uses[1]);
    assert_true(pfs_condition_only(equal, two));
    assert_true(pfs_condition_only(NULL, two));
    assert_int_equal(pfs_condition_and(equal, parsed("s = 'x' or r.a = 3"), &arena, &both, NULL), 0);
    assert_string_equal(kept_of(both), "3");
    assert_false(pfs_condition_only(both, two));
    pfs_condition_columns(both, uses);
    assert_true(uses[1] && uses[16]);
    assert_int_equal(pfs_condition_and(NULL, equal, &arena, &both, NULL), 0);
    assert_ptr_equal(both, equal);
    assert_int_equal(pfs_condition_and(equal, NULL, &arena, &both, NULL), 0);
    assert_ptr_equal(both, equal);
    assert_int_equal(pfs_condition_and(NULL, NULL, &arena, &both, NULL), 0);
    assert_null(both);
}

static void conditions_do_not_tell_zeros_apart(void **state)
{
    (void)state;
    assert_string_equal(kept_of(parsed("d = -0.0")), "01");
}

static void a_column_that_is_held_to_one_value_has_it(void **state)
{
    static const struct {
        const char *text;
        int32_t column;
        bool held;
    } cases[] = {
        {"k = 3", 0, true},      {"s = 'a' and (k = 3 and b = true)", 0, true},
        {"k = 3", 1, false},     {"k = 3 or s = 'a'", 0, false},
        {"k in (3)", 0, true},   {"k in (3, 4)", 0, false},
        {"not k != 3", 0, true}, {"k >= 3", 0, false},
        {"d = 3", 7, false},     {"r.a = 3", 16, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct pfs_column *value = pfs_condition_value(parsed(cases[i].text), cases[i].column);

        CHECK(cases[i].text, (value != NULL) == cases[i].held);
        if (value != NULL)
            CHECK(cases[i].text, *(const int32_t *)value->values == 3);
    }
    assert_null(pfs_condition_value(NULL, 0));
}

static void a_column_that_was_not_read_is_an_error(void **state)
{
    int32_t nowhere[COUNT(columns)] = {-1}, kept[4];
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_condition_select(parsed("k = 1"), &batch, nowhere, &arena, kept, &err), -EINVAL);
    assert_true(err.text[0] != '\0');
}

/* ---- which files ---- */

static const struct {
    const char *condition;
    const char *min, *max; /* NULL = unknown */
    int64_t nulls;         /* of 10 rows; -1 = unknown */
    bool may;
} prunings[] = {
    {"k = 5", "5", "9", 0, true},
    {"k = 9", "5", "9", 0, true},
    {"k = 4", "5", "9", 0, false},
    {"k = 10", "5", "9", -1, false},
    {"k = 4", NULL, "9", 0, true},
    {"k = 10", NULL, "9", 0, false},
    {"k = 4", NULL, NULL, 0, true},
    {"k < 5", "5", "9", 0, false},
    {"k <= 5", "5", "9", 0, true},
    {"k > 9", "5", "9", 0, false},
    {"k >= 9", "5", "9", 0, true},
    {"k != 5", "5", "5", 0, false},
    {"k != 5", "5", "6", 0, true},
    {"k is null", "5", "9", 0, false},
    {"k is null", "5", "9", 3, true},
    {"k is null", "5", "9", -1, true},
    {"k is not null", NULL, NULL, 10, false},
    {"k is not null", NULL, NULL, 9, true},
    {"k = 5", NULL, NULL, 10, false},
    {"k != 5", NULL, NULL, 10, false},
    {"k = 1 or k = 6", "5", "9", 0, true},
    {"k = 1 or k = 2", "5", "9", 0, false},
    {"k = 6 and k = 1", "5", "9", 0, false},
    {"k = 1 or b = true", "5", "9", 0, true},
    {"k = 1 and b = true", "5", "9", 0, false},
    {"not k between 1 and 20", "5", "9", 0, false},
    {"s = 'abcdef'", "abc", "abd", 0, true}, /* bounds that were cut */
    {"s = 'abd'", "abc", "abd", 0, true},
    {"s = 'abe'", "abc", "abd", 0, false},
    {"s < 'abc'", "abc", "abd", 0, false},
    {"s like 'ab*'", "aaa", "abb", 0, true},
    {"s like 'ab*'", "abb", "abb", 0, true},
    {"s like 'ab*'", "aba", "zz", 0, true},
    {"s like 'ab*'", "ac", "zz", 0, false},
    {"s like 'ab*'", "a", "aa", 0, false},
    {"s like 'ab'", "b", "c", 0, false},
    {"s like '*b'", "x", "y", 0, true},
    {"s not like 'ab*'", "ab", "ab", 0, true},
    {"s like 'ab*'", NULL, NULL, 10, false},
    {"d = 0", "-0.0", "-0.0", 0, true},
    {"d > 5", "1", "5", 0, false},
    {"d != 5", "5", "5", 0, true}, /* a NaN may be there */
    {"d = NaN", "1", "5", 0, true},
    {"d > 5", "NaN", "NaN", 0, true},
    {"d = NaN", NULL, NULL, 10, false},
    {"r.a = 1", NULL, NULL, 10, false},
    {"r.a = 1", NULL, NULL, 0, true},
    {"r.a is null", NULL, NULL, 0, true},
    {"r.a is null", NULL, NULL, 10, true},
    {"dt >= 2026-11-20", "2026-11-01", "2026-11-19", 0, false},
};

static void a_file_is_left_out_only_when_no_row_can_match(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(prunings); i++) {
        const struct pfs_column *min[COUNT(columns)] = {NULL}, *max[COUNT(columns)] = {NULL};
        const struct pfs_condition *condition = parsed(prunings[i].condition);
        struct pfs_column bound[2];
        struct pfs_bounds bounds = {.min = min, .max = max, .rows = 10};
        int64_t nulls[COUNT(columns)];
        bool uses[COUNT(columns)] = {false};
        int32_t c = 0;

        pfs_condition_columns(condition, uses);
        for (size_t k = 0; k < COUNT(columns); k++)
            nulls[k] = -1;
        while (!uses[c] || c == 2)
            c++;
        if (prunings[i].min != NULL)
            assert_int_equal(
                pfs_text_parse_value(&schema.field[c].type, pfs_str(prunings[i].min), false, &arena, &bound[0], NULL),
                0);
        if (prunings[i].max != NULL)
            assert_int_equal(
                pfs_text_parse_value(&schema.field[c].type, pfs_str(prunings[i].max), false, &arena, &bound[1], NULL),
                0);
        min[c] = prunings[i].min != NULL ? &bound[0] : NULL;
        max[c] = prunings[i].max != NULL ? &bound[1] : NULL;
        nulls[c] = prunings[i].nulls;
        bounds.nulls = nulls;
        CHECK(prunings[i].condition, pfs_condition_may_match(condition, &bounds) == prunings[i].may);
    }
}

static void the_bounds_of_every_row_alone_admit_what_it_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(selections); i++) {
        const struct pfs_condition *condition;

        condition = parsed(selections[i].text);
        for (int row = 0; row < 4; row++) {
            const struct pfs_column *bound[COUNT(columns)] = {NULL};
            struct pfs_column value[COUNT(columns)];
            int64_t nulls[COUNT(columns)];
            struct pfs_bounds bounds = {bound, bound, nulls, 1};
            bool matches = strchr(selections[i].kept, '0' + row) != NULL;

            for (size_t c = 0; c < COUNT(columns); c++) {
                nulls[c] = pfs_column_present(&batch.column[c], row) ? 0 : 1;
                assert_int_equal(pfs_column_repeat(&batch.column[c], row, 1, &arena, &value[c], NULL), 0);
                if (nulls[c] == 0 && !pfs_kind_is_nested(value[c].type->kind))
                    bound[c] = &value[c];
            }
            if (matches)
                CHECK(selections[i].text, pfs_condition_may_match(condition, &bounds));
        }
    }
}

/* ---- which rows by index ---- */

static struct pfs_slice load(const char *name)
{
    uint8_t *at = pfs_arena_alloc(&arena, 1 << 17);
    char path[200];
    size_t len;
    FILE *in;

    (void)snprintf(path, sizeof(path), "tests/data/fileindex/%s", name);
    in = fopen(path, "rb");
    assert_non_null(in);
    len = fread(at, 1, 1 << 17, in);
    fclose(in);
    return pfs_slice_of(at, len);
}

static void an_index_gives_at_least_the_rows_that_match(void **state)
{
    static const char *const names[] = {"id", "s", "t8", "i32", "d", "ts3", "n"};
    static const char *const types[] = {"INT NOT NULL", "STRING", "TINYINT", "INT", "DOUBLE", "TIMESTAMP(3)", "INT"};
    static const char *const files[] = {"bitmap1.index", "bitmap2.index", "bsi.index", "range.index", "bloom.index"};
    static const struct {
        const char *text;
        bool found; /* by bitmaps and ranges: less than all rows */
    } cases[] = {
        {"i32 = 7", true},
        {"i32 = 7 or i32 = -1", true},
        {"i32 in (0, 1, 2) and t8 > 0", true},
        {"i32 > 5 or s like 'a*'", false},
        {"not (i32 = 7 or t8 < 0)", true},
        {"s >= 'b' and s < 'c'", true},
        {"s is null and i32 is not null", true},
        {"n = 1 or i32 = 7", true},
        {"d >= 0", true},
        {"ts3 < 1970-01-01 and t8 between -50 and 50", true},
        {"id = 5 and i32 = 1", true},
        {"id = 5 or i32 = 1", false},
        {"i32 = 123456789", true},
    };
    struct pfs_field fields[COUNT(names)];
    struct pfs_schema small = {.columns = COUNT(names), .field = fields};
    const struct pfs_type *type[COUNT(names)];
    struct pfs_text_parse parse = {.columns = COUNT(names), .fields = fields, .format = PFS_TEXT_JSON};
    struct pfs_batch data;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        fields[i] = (struct pfs_field){.id = (int32_t)i, .name = names[i]};
        assert_int_equal(pfs_type_parse(pfs_str(types[i]), NULL, &arena, &fields[i].type, NULL), 0);
        type[i] = &fields[i].type;
    }
    {
        /* Only these columns: the parser refuses others, so each row is cut down to them first. */
        struct pfs_text_parser *parser = NULL;
        struct pfs_buf cut = {0};
        struct pfs_slice text = load("rows.ndjson");
        size_t used, from = 0;

        while (from < text.len) {
            const uint8_t *end = memchr(text.at + from, '\n', text.len - from);
            size_t len = (size_t)(end - (text.at + from));
            const char *sign = "{";

            for (size_t i = 0; i < COUNT(names); i++) {
                char key[16];
                const uint8_t *at;
                size_t n = 0, left;
                bool quoted = false;

                (void)snprintf(key, sizeof(key), "\"%s\":", names[i]);
                at = memmem(text.at + from, len, key, strlen(key));
                assert_non_null(at);
                left = (size_t)(end - at);
                while (n < left && (quoted || (at[n] != ',' && at[n] != '}')))
                    quoted ^= at[n++] == '"';
                pfs_buf_puts(&cut, sign);
                pfs_buf_put(&cut, at, n);
                sign = ",";
            }
            pfs_buf_puts(&cut, "}\n");
            from += len + 1;
        }
        assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
        assert_int_equal(pfs_text_parser_feed(parser, pfs_buf_slice(&cut), true, &arena, &data, &used, NULL, NULL),
                         110);
        pfs_text_parser_close(parser);
        pfs_buf_done(&cut);
    }
    for (size_t f = 0; f < COUNT(files); f++) {
        struct pfs_fileindex *index = NULL;

        assert_int_equal(pfs_fileindex_parse(load(files[f]), &index, NULL), 0);
        for (size_t i = 0; i < COUNT(cases); i++) {
            const struct pfs_condition *condition = NULL;
            enum pfs_index_answer answer;
            struct pfs_bitmap *some = NULL;
            int32_t kept[110];
            int64_t n;

            assert_int_equal(pfs_condition_parse(pfs_str(cases[i].text), &small, &arena, &condition, NULL), 0);
            n = pfs_condition_select(condition, &data, place, &arena, kept, NULL);
            assert_int_equal(pfs_condition_index(condition, index, names, type, 110, &answer, &some, NULL), 0);
            for (int64_t k = 0; k < n; k++)
                CHECK(cases[i].text,
                      answer == PFS_INDEX_ALL || (answer == PFS_INDEX_SOME && pfs_bitmap_has(some, (uint64_t)kept[k])));
            if (f == 3)
                CHECK(cases[i].text, (answer != PFS_INDEX_ALL) == cases[i].found);
            pfs_bitmap_free(some);
        }
        pfs_fileindex_close(index);
    }
}

/* ---- the filter ---- */

struct source {
    struct pfs_reader reader; /* first */
    int left;
};

static int64_t source_next(struct pfs_reader *self, struct pfs_arena *to, struct pfs_batch *out, struct pfs_err *err)
{
    struct source *s = (struct source *)self;

    (void)to;
    (void)err;
    if (s->left-- <= 0)
        return 0;
    *out = batch;
    return batch.rows;
}

static void source_close(struct pfs_reader *self)
{
    ((struct source *)self)->left = -100;
}

static void a_filter_gives_the_rows_that_are_true_and_the_columns_to_keep(void **state)
{
    static const struct pfs_reader_ops ops = {source_next, source_close};
    struct source source = {.reader = {&ops}, .left = 2};
    struct pfs_reader *reader = NULL;
    struct pfs_batch got;

    (void)state;
    assert_int_equal(pfs_condition_filter(&source.reader, parsed("`and` = 2"), place, COUNT(columns), 3, &reader, NULL),
                     0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pfs_reader_next(reader, &arena, &got, NULL), 1);
        assert_int_equal(got.columns, 3);
        assert_int_equal(((const int32_t *)got.column[0].values)[0], 1);
    }
    assert_int_equal(pfs_reader_next(reader, &arena, &got, NULL), 0);
    pfs_reader_close(reader);
    assert_int_equal(source.left, -100);
}

static void parsing_and_filtering_without_memory_is_enomem(void **state)
{
    int rc = -ENOMEM;

    (void)state;
    for (int64_t n = 0; rc != 0; n++) {
        const struct pfs_condition *condition = NULL;
        struct pfs_arena small;
        int32_t kept[4];

        assert_true(n < 100);
        pfs_arena_init(&small, 0);
        pfs_mem_fail_after(n);
        rc = pfs_condition_parse(pfs_str("k in (1, 2, 3, 4, 5, 6) and s like 'a*' or `and` between 1 and 2"), &schema,
                                 &small, &condition, NULL);
        if (rc == 0 && pfs_condition_select(condition, &batch, place, &small, kept, NULL) < 0)
            rc = -ENOMEM;
        pfs_mem_fail_after(-1);
        assert_true(rc == 0 || rc == -ENOMEM);
        pfs_arena_done(&small);
    }
}

/* Literals take the room that they need, not that of what follows them. */
static void a_long_list_takes_memory_by_its_length(void **state)
{
    const struct pfs_condition *condition = NULL;
    struct pfs_buf text = {0};
    struct pfs_arena room;
    struct pfs_err err = {0};

    (void)state;
    pfs_buf_puts(&text, "s in ('x'");
    for (int i = 0; i < 20000; i++)
        pfs_buf_printf(&text, ", 'it''s %d'", i);
    pfs_buf_puts(&text, ")");
    pfs_arena_init(&room, (size_t)64 << 20);
    if (pfs_condition_parse(pfs_buf_slice(&text), &schema, &room, &condition, &err) < 0)
        fail_msg("%s", err.text);
    pfs_arena_done(&room);
    pfs_buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_condition_keeps_the_rows_for_which_it_is_true),
        cmocka_unit_test(what_is_no_condition_is_refused_with_a_sentence),
        cmocka_unit_test(conditions_are_joined),
        cmocka_unit_test(conditions_do_not_tell_zeros_apart),
        cmocka_unit_test(a_column_that_is_held_to_one_value_has_it),
        cmocka_unit_test(a_column_that_was_not_read_is_an_error),
        cmocka_unit_test(a_file_is_left_out_only_when_no_row_can_match),
        cmocka_unit_test(the_bounds_of_every_row_alone_admit_what_it_matches),
        cmocka_unit_test(an_index_gives_at_least_the_rows_that_match),
        cmocka_unit_test(a_filter_gives_the_rows_that_are_true_and_the_columns_to_keep),
        cmocka_unit_test(parsing_and_filtering_without_memory_is_enomem),
        cmocka_unit_test(a_long_list_takes_memory_by_its_length),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
