/* adapt_test.c - columns of other types become the table's: rows are made by the parser with the file's types, adapted
 * to the table's, and printed. */
#include "format/text/adapt.h"

#include <stdio.h>

#include "base/limits.h"
#include "tests/unit/cm.h"

#define FIELDS_MAX 8

struct columns {
    int32_t count;
    struct pfs_field field[FIELDS_MAX];
};

/* "a INT, b STRING" */
static struct columns columns_of(const char *text, struct pfs_arena *arena)
{
    struct columns out = {0};
    struct pfs_type row;
    char whole[400];

    (void)snprintf(whole, sizeof(whole), "ROW<%s>", text);
    assert_int_equal(pfs_type_parse(pfs_str(whole), NULL, arena, &row, NULL), 0);
    assert_true(row.children <= FIELDS_MAX);
    for (int32_t i = 0; i < row.children; i++)
        out.field[out.count++] = row.child[i];
    return out;
}

/* Rows of JSON as a batch of these columns, without the row kind. */
static struct pfs_batch rows_of(const struct columns *columns, const char *json, struct pfs_arena *arena)
{
    const struct pfs_text_parse parse = {.columns = columns->count, .fields = columns->field, .format = PFS_TEXT_JSON};
    struct pfs_text_parser *parser;
    struct pfs_batch batch;
    struct pfs_err err = {0};
    size_t used;

    assert_int_equal(pfs_text_parser_open(&parse, &parser, NULL), 0);
    if (pfs_text_parser_feed(parser, pfs_str(json), true, arena, &batch, &used, NULL, &err) <= 0)
        fail_msg("%s: %s", json, err.text);
    pfs_text_parser_close(parser);
    batch.columns--;
    return batch;
}

/* All that is good, then the refusals, a line each. */
static void adapt(const struct columns *from, const struct columns *to, const struct pfs_column *implied,
                  const struct pfs_batch *in, struct pfs_arena *arena, struct pfs_buf *out)
{
    const struct pfs_text_parse parse = {.columns = to->count, .fields = to->field, .implied = implied};
    struct pfs_text_refusal refusal;
    struct pfs_adapt *a = NULL;
    struct pfs_err err = {0};
    struct pfs_batch batch;

    if (pfs_adapt_open(&parse, from->field, from->count, &a, &err) < 0)
        pfs_buf_printf(out, "%s", err.text);
    for (int64_t row = 0; a != NULL && row < in->rows;) {
        int64_t rows = pfs_adapt_rows(a, in, row, PFS_BATCH_ROWS, arena, &batch, &refusal, &err);

        if (rows < 0) {
            assert_int_equal(refusal.row, row + 1);
            pfs_buf_printf(out, "%d %s\n", (int)-rows, err.text);
        } else {
            assert_int_equal(batch.columns, to->count + 1);
            batch.columns--;
            assert_int_equal(pfs_text_print(PFS_TEXT_JSON, to->field, &batch, out, NULL), 0);
        }
        row += rows < 0 ? 1 : rows;
    }
    pfs_adapt_close(a);
}

static void expect(const char *what, const struct pfs_buf *got, const char *want)
{
    if (got->len != strlen(want) || memcmp(got->at, want, got->len) != 0)
        fail_msg("%s: got %.*s, want %s", what, (int)got->len, got->at == NULL ? "" : (const char *)got->at, want);
}

static const struct {
    const char *what, *from, *rows, *to, *want;
} cases[] = {
    {"the same types are taken as they lie", "a INT, b STRING", "{\"a\":1,\"b\":\"x,\\\"y\"}{\"b\":\"\"}",
     "a INT, b STRING", "{\"a\":1,\"b\":\"x,\\\"y\"}\n{\"a\":null,\"b\":\"\"}\n"},
    {"columns are matched by name", "b INT, a STRING", "{\"a\":\"x\",\"b\":2}", "a STRING, c DATE, b INT",
     "{\"a\":\"x\",\"c\":null,\"b\":2}\n"},
    {"an unknown column", "a INT, z INT", "{\"a\":1}", "a INT", "the file's column z is no column of the table"},
    {"a column twice", "a INT, a INT", "{}", "a INT", "the file has column a twice"},
    {"integers narrow as far as they fit", "a BIGINT", "{\"a\":127}{\"a\":128}{\"a\":-128}", "a TINYINT",
     "{\"a\":127}\n34 column a: \"128\" does not fit\n{\"a\":-128}\n"},
    {"whole floating point numbers are integers", "a DOUBLE", "{\"a\":5}{\"a\":5.5}", "a INT",
     "{\"a\":5}\n22 column a: \"5.5\" is not an integer\n"},
    {"decimals keep their digits or are refused", "a DECIMAL(6, 3)", "{\"a\":\"1.500\"}{\"a\":\"1.234\"}",
     "a DECIMAL(4, 1)", "{\"a\":\"1.5\"}\n34 column a: \"1.234\" does not fit\n"},
    {"moments at midnight are dates", "a TIMESTAMP(3)",
     "{\"a\":\"2026-01-02 00:00:00\"}{\"a\":\"2026-01-02 00:00:01\"}", "a DATE",
     "{\"a\":\"2026-01-02\"}\n22 column a: \"2026-01-02 00:00:01.000\" is not a date\n"},
    {"a text that spells midnight is no date", "a STRING", "{\"a\":\"2026-01-02\"}{\"a\":\"2026-01-02 00:00:00.000\"}",
     "a DATE", "{\"a\":\"2026-01-02\"}\n22 column a: \"2026-01-02 00:00:00.000\" is not a date\n"},
    {"finer times are cut only where nothing is lost", "a TIMESTAMP(9)",
     "{\"a\":\"2026-01-02 03:04:05.006\"}{\"a\":\"2026-01-02 03:04:05.0061\"}", "a TIMESTAMP(3)",
     "{\"a\":\"2026-01-02 03:04:05.006\"}\n34 column a: \"2026-01-02 03:04:05.006100000\" does not fit\n"},
    {"anything flat becomes text", "a DOUBLE, b DATE, c BOOLEAN", "{\"a\":0.1,\"b\":\"2026-01-02\",\"c\":true}",
     "a STRING, b STRING, c STRING", "{\"a\":\"0.1\",\"b\":\"2026-01-02\",\"c\":\"true\"}\n"},
    {"anything becomes a variant", "a INT, b STRING, c ARRAY<INT>", "{\"a\":7,\"b\":\"{\\\"k\\\":1}\",\"c\":[1,2]}",
     "a VARIANT, b VARIANT, c VARIANT", "{\"a\":\"7\",\"b\":\"{\\\"k\\\":1}\",\"c\":\"[1,2]\"}\n"},
    {"text becomes what it spells", "a STRING, b STRING", "{\"a\":\"7\",\"b\":\"[1,2]\"}", "a INT, b ARRAY<INT>",
     "{\"a\":7,\"b\":[1,2]}\n"},
    {"a date is no number", "a DATE", "{}", "a INT", "column a: DATE of the file cannot become INT"},
    {"bytes are no number", "a BYTES", "{}", "a INT", "column a: BYTES of the file cannot become INT"},
    {"an array is no map", "a ARRAY<INT>", "{}", "a MAP<INT, INT>",
     "column a: ARRAY<INT> of the file cannot become MAP<INT, INT>"},
    {"nested values are typed at every depth", "a ARRAY<ROW<x BIGINT, y STRING>>",
     "{\"a\":[{\"x\":1,\"y\":\"q\"},null]}{\"a\":[{\"x\":99999}]}", "a ARRAY<ROW<y STRING, x SMALLINT>>",
     "{\"a\":[{\"y\":\"q\",\"x\":1},null]}\n34 column a: element 1: field x: \"99999\" does not fit\n"},
    {"null where none may be", "a INT, b INT", "{\"a\":1,\"b\":1}{\"b\":2}", "a INT NOT NULL, b INT",
     "{\"a\":1,\"b\":1}\n22 column a: no value, and NULL is not allowed\n"},
    {"a column that must be there is left out", "b INT", "{\"b\":1}", "a INT NOT NULL, b INT",
     "22 column a: no value, and NULL is not allowed\n"},
    {"null inside", "a ARRAY<INT>, b ROW<x INT>", "{\"a\":[1],\"b\":null}{\"a\":[1,null]}{\"a\":[],\"b\":{}}",
     "a ARRAY<INT NOT NULL>, b ROW<x INT NOT NULL>",
     "{\"a\":[1],\"b\":null}\n22 column a: no value, and NULL is not allowed\n"
     "22 column b: no value, and NULL is not allowed\n"},
    {"text that is too long", "a STRING", "{\"a\":\"abc\"}{\"a\":\"\xc3\xa4\xc3\xa4\xc3\xa4\"}{\"a\":\"abcd\"}",
     "a VARCHAR(3)",
     "{\"a\":\"abc\"}\n{\"a\":\"\xc3\xa4\xc3\xa4\xc3\xa4\"}\n34 column a: \"abcd\" has too many characters\n"},
    {"the first bad column of the first bad row is told", "a BIGINT, b BIGINT",
     "{\"a\":1,\"b\":1}{\"a\":1,\"b\":300}{\"a\":300,\"b\":1}", "a TINYINT, b TINYINT",
     "{\"a\":1,\"b\":1}\n34 column b: \"300\" does not fit\n34 column a: \"300\" does not fit\n"},
};

static void columns_become_the_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct columns from, to;
        struct pfs_buf out = {0};
        struct pfs_arena arena;
        struct pfs_batch in;

        pfs_arena_init(&arena, 0);
        from = columns_of(cases[i].from, &arena);
        to = columns_of(cases[i].to, &arena);
        in = strcmp(cases[i].rows, "{}") == 0 ? (struct pfs_batch){0} : rows_of(&from, cases[i].rows, &arena);
        adapt(&from, &to, NULL, &in, &arena, &out);
        expect(cases[i].what, &out, cases[i].want);
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
    }
}

static void row_kinds_come_from_their_column(void **state)
{
    struct pfs_text_refusal refusal;
    struct pfs_arena arena;
    struct columns from, to;
    struct pfs_batch in, out;
    struct pfs_adapt *a;
    struct pfs_err err = {0};

    (void)state;
    pfs_arena_init(&arena, 0);
    from = columns_of("k STRING, s BIGINT, a INT", &arena);
    to = columns_of("a INT", &arena);
    in = rows_of(&from, "{\"k\":\"-D\",\"s\":7,\"a\":1}{\"a\":2}{\"k\":\"?\",\"a\":3}", &arena);
    from.field[0].name = "_kind";
    from.field[1].name = "_snapshot";
    assert_int_equal(
        pfs_adapt_open(&(struct pfs_text_parse){.columns = 1, .fields = to.field}, from.field, 3, &a, NULL), 0);
    assert_int_equal(pfs_adapt_rows(a, &in, 0, 3, &arena, &out, &refusal, &err), 2);
    assert_int_equal(((const int8_t *)out.column[1].values)[0], PFS_DELETE);
    assert_int_equal(((const int8_t *)out.column[1].values)[1], PFS_INSERT);
    assert_int_equal(pfs_adapt_rows(a, &in, 2, 3, &arena, &out, &refusal, &err), -EINVAL);
    assert_string_equal(err.text, "column _kind: the row kind is not one of +I -U +U -D");
    assert_string_equal(refusal.column, "_kind");
    assert_int_equal(refusal.text.len, strlen("{\"_kind\":\"?\",\"_snapshot\":null,\"a\":3}"));
    pfs_adapt_close(a);
    pfs_arena_done(&arena);
}

/* Of a partition's inbox: the last column is the directory's. The file may repeat its value, or leave it out. */
static const struct {
    const char *what, *from, *rows, *type, *value, *want;
} implied[] = {
    {"left out", "a INT", "{\"a\":1}{\"a\":2}", "INT NOT NULL", "{\"p\":7}", "{\"a\":1,\"p\":7}\n{\"a\":2,\"p\":7}\n"},
    {"repeated, or null", "a INT, p INT", "{\"a\":1,\"p\":7}{\"a\":2}", "INT NOT NULL", "{\"p\":7}",
     "{\"a\":1,\"p\":7}\n{\"a\":2,\"p\":7}\n"},
    {"repeated as text", "p STRING, a INT", "{\"a\":1,\"p\":\"2026-01-02\"}", "DATE", "{\"p\":\"2026-01-02\"}",
     "{\"a\":1,\"p\":\"2026-01-02\"}\n"},
    {"another one", "a INT, p BIGINT", "{\"a\":1,\"p\":7}{\"a\":2,\"p\":8}{\"a\":3}", "INT", "{\"p\":7}",
     "{\"a\":1,\"p\":7}\n22 column p: the value is not that of the partition\n{\"a\":3,\"p\":7}\n"},
    {"null, and a value", "a INT, p INT", "{\"a\":1}{\"a\":2,\"p\":8}", "INT", "{}",
     "{\"a\":1,\"p\":null}\n22 column p: the value is not that of the partition\n"},
    {"what cannot be one", "a INT, p BIGINT", "{\"a\":1,\"p\":5000000000}", "INT", "{\"p\":7}",
     "34 column p: \"5000000000\" does not fit\n"},
};

static void the_directory_says_the_value_of_a_partition(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(implied); i++) {
        struct pfs_column values[2] = {{0}};
        struct columns from, to, one;
        struct pfs_buf out = {0};
        struct pfs_arena arena;
        struct pfs_batch in, value;
        char text[60];

        pfs_arena_init(&arena, 0);
        from = columns_of(implied[i].from, &arena);
        (void)snprintf(text, sizeof(text), "a INT, p %s", implied[i].type);
        to = columns_of(text, &arena);
        one = columns_of(text + strlen("a INT, "), &arena);
        value = rows_of(&one, implied[i].value, &arena);
        values[1] = value.column[0];
        in = rows_of(&from, implied[i].rows, &arena);
        adapt(&from, &to, values, &in, &arena, &out);
        expect(implied[i].what, &out, implied[i].want);
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
    }
}

/* ---- what only a file can hold ---- */

static void expect_refusal(const char *from, const char *type, const struct pfs_column *column, int64_t rows, int code,
                           int64_t bad, const char *words)
{
    struct pfs_text_refusal refusal;
    struct pfs_arena arena;
    struct columns one, given;
    struct pfs_batch in = {rows, 1, NULL}, out;
    struct pfs_column copy = *column;
    struct pfs_adapt *a;
    struct pfs_err err = {0};
    char text[100];

    pfs_arena_init(&arena, 0);
    (void)snprintf(text, sizeof(text), "a %s", type);
    one = columns_of(text, &arena);
    (void)snprintf(text, sizeof(text), "a %s", from);
    given = columns_of(text, &arena);
    copy.type = &given.field[0].type;
    in.column = &copy;
    assert_int_equal(
        pfs_adapt_open(&(struct pfs_text_parse){.columns = 1, .fields = one.field}, given.field, 1, &a, NULL), 0);
    assert_int_equal(pfs_adapt_rows(a, &in, 0, rows, &arena, &out, &refusal, &err), bad - 1);
    assert_int_equal(pfs_adapt_rows(a, &in, bad - 1, rows, &arena, &out, &refusal, &err), -code);
    assert_int_equal(refusal.row, bad);
    if (strstr(err.text, words) == NULL)
        fail_msg("%s: %s", type, err.text);
    pfs_adapt_close(a);
    pfs_arena_done(&arena);
}

static void values_that_no_text_spells_are_refused(void **state)
{
    static const int32_t offsets[] = {0, 1, 2, 3};
    const struct pfs_column damaged = {.offsets = offsets, .values = "a\xffz"};
    const struct pfs_column split = {.offsets = offsets, .values = "z\xc3\xa4"}; /* two halves: valid as a run */
    const struct pfs_column times = {.values = (const int32_t[]){0, 86399999, 86400000}};
    const struct pfs_column digits = {.values = (const int64_t[]){-999, 999, 1000}};

    (void)state;
    expect_refusal("STRING", "STRING", &damaged, 3, EILSEQ, 2, "not UTF-8");
    expect_refusal("STRING", "STRING", &split, 3, EILSEQ, 2, "not UTF-8");
    expect_refusal("STRING", "VARCHAR(9)", &damaged, 3, EILSEQ, 2, "not UTF-8");
    expect_refusal("STRING", "VARCHAR(9)", &split, 3, EILSEQ, 2, "not UTF-8");
    expect_refusal("TIME(3)", "TIME(3)", &times, 3, ERANGE, 3, "not one of a day");
    expect_refusal("DECIMAL(3, 1)", "DECIMAL(3, 1)", &digits, 3, ERANGE, 3, "too many digits");
}

/* ---- what nests ---- */

/* Of four lists of two entries each the third is refused, for what its parts say. */
static const struct {
    const char *what, *type;
    struct pfs_column part[2];
    int code;
    const char *words;
} nested[] = {
    {"the key that is too long",
     "MAP<VARCHAR(1), VARCHAR(1)>",
     {{.offsets = (const int32_t[]){0, 1, 2, 3, 4, 5, 7, 8, 9}, .values = "abcdeffgh"},
      {.offsets = (const int32_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8}, .values = "abcdefgh"}},
     ERANGE,
     "too many characters"},
    {"both a key and a value of one row, the value in front",
     "MAP<VARCHAR(1), VARCHAR(1)>",
     {{.offsets = (const int32_t[]){0, 1, 2, 3, 4, 5, 7, 8, 9}, .values = "abcdeffgh"},
      {.offsets = (const int32_t[]){0, 1, 2, 3, 4, 6, 7, 8, 9}, .values = "abcdeefgh"}},
     ERANGE,
     "too many characters"},
    {"a map with a null for a key",
     "MAP<INT, INT>",
     {{.valid = (const uint8_t[]){0xef}, .values = (const int32_t[8]){0}}, {.values = (const int32_t[8]){0}}},
     EINVAL,
     "the key of a map is null"},
    {"a multiset with a null for an element",
     "MULTISET<INT>",
     {{.valid = (const uint8_t[]){0xdf}, .values = (const int32_t[8]){0}}, {.values = (const int32_t[8]){0}}},
     EINVAL,
     "the key of a map is null"},
    {"a multiset without a count",
     "MULTISET<INT>",
     {{.values = (const int32_t[8]){0}}, {.valid = (const uint8_t[]){0xdf}, .values = (const int32_t[8]){0}}},
     EINVAL,
     "no value, and NULL is not allowed"},
};

static void a_list_is_refused_for_any_of_its_parts(void **state)
{
    static const int32_t offsets[] = {0, 2, 4, 6, 8};

    (void)state;
    for (size_t i = 0; i < COUNT(nested); i++) {
        struct pfs_column part[2] = {nested[i].part[0], nested[i].part[1]};
        const struct pfs_column list = {.offsets = offsets, .children = part};
        static const struct pfs_type count = {.kind = PFS_INT, .nullable = true};
        struct pfs_arena arena;
        struct columns one;
        char text[60];

        pfs_arena_init(&arena, 0);
        (void)snprintf(text, sizeof(text), "a %s", nested[i].type);
        one = columns_of(text, &arena);
        part[0].type = &one.field[0].type.child[0].type;
        part[1].type = one.field[0].type.children > 1 ? &one.field[0].type.child[1].type : &count;
        expect_refusal(nested[i].type, nested[i].type, &list, 4, nested[i].code, 3, nested[i].words);
        pfs_arena_done(&arena);
    }
}

/* Value and metadata as they lie in memory: the second of three is refused. */
static const struct {
    const char *what, *value;
    int32_t len;
    int code;
    const char *words;
} variants[] = {
    {"no length", "\1\0", 2, EINVAL, "it is cut"},
    {"a length beyond it", "\11\0\0\0\0\1\0\0", 8, EINVAL, "it is cut"},
    {"no metadata", "\1\0\0\0\0", 5, EINVAL, "its metadata"},
    {"no value", "\0\0\0\0\1\0\0", 7, EINVAL, "a value is missing"},
    {"a type that is not known", "\1\0\0\0\xf0\1\0\0", 8, EINVAL, "no known type"},
    {"text that is not UTF-8", "\2\0\0\0\5\xff\1\0\0", 9, EILSEQ, "not UTF-8"},
};

static void a_variant_that_cannot_be_printed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(variants); i++) {
        static const char good[] = "\1\0\0\0\0\1\0\0"; /* null */
        const int32_t offsets[] = {0, 8, 8 + variants[i].len, 16 + variants[i].len};
        char values[40];

        memcpy(values, good, 8);
        memcpy(values + 8, variants[i].value, (size_t)variants[i].len);
        memcpy(values + 8 + variants[i].len, good, 8);
        expect_refusal("VARIANT", "VARIANT", &(struct pfs_column){.offsets = offsets, .values = values}, 3,
                       variants[i].code, 2, variants[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_become_the_tables),
        cmocka_unit_test(row_kinds_come_from_their_column),
        cmocka_unit_test(the_directory_says_the_value_of_a_partition),
        cmocka_unit_test(values_that_no_text_spells_are_refused),
        cmocka_unit_test(a_list_is_refused_for_any_of_its_parts),
        cmocka_unit_test(a_variant_that_cannot_be_printed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
