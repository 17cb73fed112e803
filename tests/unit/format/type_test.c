#include "format/type.h"

#include <errno.h>

#include "base/limits.h"
#include "tests/unit/cm.h"

static void types_print_as_paimon_writes_them(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"BOOLEAN", "BOOLEAN"},
        {"TINYINT", "TINYINT"},
        {"SMALLINT", "SMALLINT"},
        {"INT", "INT"},
        {"int", "INT"},
        {"INTEGER", "INT"},
        {"BIGINT NOT NULL", "BIGINT NOT NULL"},
        {"BIGINT NULL", "BIGINT"},
        {"  bigint\tnot\n null ", "BIGINT NOT NULL"},
        {"FLOAT", "FLOAT"},
        {"DOUBLE", "DOUBLE"},
        {"DOUBLE PRECISION NOT NULL", "DOUBLE NOT NULL"},
        {"DECIMAL", "DECIMAL(10, 0)"},
        {"DECIMAL(5)", "DECIMAL(5, 0)"},
        {"DECIMAL( 10 ,2 )", "DECIMAL(10, 2)"},
        {"NUMERIC(38,38)", "DECIMAL(38, 38)"},
        {"DEC(1, 0)", "DECIMAL(1, 0)"},
        {"CHAR", "CHAR(1)"},
        {"CHAR(5)", "CHAR(5)"},
        {"VARCHAR", "VARCHAR(1)"},
        {"VARCHAR(20)", "VARCHAR(20)"},
        {"VARCHAR(2147483647)", "STRING"},
        {"STRING NOT NULL", "STRING NOT NULL"},
        {"BINARY(3)", "BINARY(3)"},
        {"VARBINARY(2147483647)", "BYTES"},
        {"VARBINARY(7)", "VARBINARY(7)"},
        {"BYTES", "BYTES"},
        {"DATE", "DATE"},
        {"TIME", "TIME(0)"},
        {"TIME(3) WITHOUT TIME ZONE", "TIME(3)"},
        {"TIMESTAMP", "TIMESTAMP(6)"},
        {"TIMESTAMP(9)", "TIMESTAMP(9)"},
        {"TIMESTAMP(0) WITHOUT TIME ZONE NOT NULL", "TIMESTAMP(0) NOT NULL"},
        {"TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP(3) WITH LOCAL TIME ZONE"},
        {"TIMESTAMP WITH LOCAL TIME ZONE", "TIMESTAMP(6) WITH LOCAL TIME ZONE"},
        {"TIMESTAMP_LTZ(3)", "TIMESTAMP(3) WITH LOCAL TIME ZONE"},
        {"TIMESTAMP_LTZ", "TIMESTAMP(6) WITH LOCAL TIME ZONE"},
        {"VARIANT", "VARIANT"},
        {"BLOB", "BLOB"},
        {"ARRAY<INT>", "ARRAY<INT>"},
        {"array < int not null > not null", "ARRAY<INT NOT NULL> NOT NULL"},
        {"INT ARRAY", "ARRAY<INT>"},
        {"INT NOT NULL ARRAY NOT NULL", "ARRAY<INT NOT NULL> NOT NULL"},
        {"INT ARRAY ARRAY", "ARRAY<ARRAY<INT>>"},
        {"STRING MULTISET", "MULTISET<STRING>"},
        {"MULTISET<STRING>", "MULTISET<STRING>"},
        {"MAP<STRING,ARRAY<BIGINT>>", "MAP<STRING, ARRAY<BIGINT>>"},
        {"ROW<a INT, `b c` STRING NOT NULL>", "ROW<`a` INT, `b c` STRING NOT NULL>"},
        {"ROW(a INT, b ROW<c DATE>)", "ROW<`a` INT, `b` ROW<`c` DATE>>"},
        {"STRUCT<a: INT, b: ARRAY<STRING>>", "ROW<`a` INT, `b` ARRAY<STRING>>"},
        {"character varying(3)", "VARCHAR(3)"},
        {"BINARY VARYING(4) NOT NULL", "VARBINARY(4) NOT NULL"},
        {"CHARACTER(2)", "CHAR(2)"},
        {"TIMESTAMP_NTZ(3)", "TIMESTAMP(3)"},
        {"ROW<a INT 'it''s'>", "ROW<`a` INT 'it''s'>"},
        {"ROW<a INT COMMENT 'note', b INT>", "ROW<`a` INT 'note', `b` INT>"},
        {"ROW<`a``b` INT>", "ROW<`a``b` INT>"},
        {"ROW<gr\xc3\xb6\xc3\x9f"
         "e INT>",
         "ROW<`gr\xc3\xb6\xc3\x9f"
         "e` INT>"},
        {"ROW<>", "ROW<>"},
    };
    struct pfs_arena arena;
    struct pfs_buf out = {0};

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_type type, again;

        CHECK(cases[i].text, pfs_type_parse(pfs_str(cases[i].text), NULL, &arena, &type, NULL) == 0);
        pfs_buf_clear(&out);
        pfs_type_print(&type, &out);
        CHECK(cases[i].text, pfs_slice_eq(pfs_buf_slice(&out), pfs_str(cases[i].want)));
        CHECK(cases[i].text, pfs_type_parse(pfs_buf_slice(&out), NULL, &arena, &again, NULL) == 0);
        CHECK(cases[i].text, pfs_type_equal(&type, &again, true));
    }
    pfs_buf_done(&out);
    pfs_arena_done(&arena);
}

static void what_is_no_type_is_refused_with_its_text(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "INTT",
        "VECTOR<FLOAT, 3>",
        "INT(3)",
        "INT NOT",
        "INT NOT ENFORCED",
        "INT x",
        "DECIMAL(0)",
        "DECIMAL(39)",
        "DECIMAL(5, 6)",
        "DECIMAL(5",
        "DECIMAL(5,",
        "DECIMAL(-5)",
        "DECIMAL(,2)",
        "DECIMAL(99999999999999999999)",
        "CHAR(0)",
        "VARCHAR(2147483648)",
        "VARCHAR()",
        "TIMESTAMP(10)",
        "TIME(3) WITH LOCAL TIME ZONE",
        "TIMESTAMP(3) WITH TIME ZONE",
        "TIMESTAMP(3) WITH LOCAL",
        "ARRAY",
        "ARRAY<",
        "ARRAY<>",
        "ARRAY<INT",
        "ARRAY<INT>>",
        "MAP<INT>",
        "MAP<INT, >",
        "ROW<a>",
        "ROW<a INT,>",
        "ROW<a INT",
        "ROW(a INT>",
        "ROW<`a INT>",
        "ROW<a INT 'open>",
        "ROW<INT>",
        "MULTISET",
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct pfs_type type;
        struct pfs_err err = {0};

        CHECK(texts[i], pfs_type_parse(pfs_str(texts[i]), NULL, &arena, &type, &err) == -EINVAL);
        CHECK(texts[i], err.code == EINVAL && strstr(err.text, texts[i]) != NULL);
    }
    pfs_arena_done(&arena);
}

static void parsing_says_where_it_stopped(void **state)
{
    static const struct {
        const char *text;
        size_t used;
    } cases[] = {
        {"INT, b STRING", 3},    {"INT NOT NULL PRIMARY KEY", 12},
        {"INT NOT ENFORCED", 3}, {"DECIMAL(10, 2) COMMENT 'x'", 14},
        {"ARRAY<INT>)", 10},     {"INT", 3},
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_type type;
        size_t used = 0;

        CHECK(cases[i].text, pfs_type_parse(pfs_str(cases[i].text), &used, &arena, &type, NULL) == 0);
        CHECK(cases[i].text, used == cases[i].used);
    }
    pfs_arena_done(&arena);
}

static void texts_without_a_length_are_as_long_as_may_be_in_statements(void **state)
{
    static const char *const cases[][2] = {
        {"VARCHAR", "STRING"},
        {"VARBINARY NOT NULL", "BYTES NOT NULL"},
        {"CHARACTER VARYING", "STRING"},
        {"CHAR", "CHAR(1)"},
        {"BINARY", "BINARY(1)"},
        {"VARCHAR(1)", "VARCHAR(1)"},
        {"MAP<VARCHAR, ROW<a VARBINARY, b BINARY VARYING(2)>>", "MAP<STRING, ROW<`a` BYTES, `b` VARBINARY(2)>>"},
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_buf out = {0};
        struct pfs_type type;
        size_t used = 0;

        CHECK(cases[i][0], pfs_type_parse(pfs_str(cases[i][0]), &used, &arena, &type, NULL) == 0);
        pfs_type_print(&type, &out);
        CHECK(cases[i][0], pfs_slice_eq(pfs_buf_slice(&out), pfs_str(cases[i][1])));
        pfs_buf_done(&out);
    }
    pfs_arena_done(&arena);
}

static int parse_nested(const char *before, const char *core, const char *after, int levels, struct pfs_arena *arena)
{
    struct pfs_buf text = {0};
    struct pfs_type type;
    int rc;

    for (int i = 0; i < levels; i++)
        pfs_buf_puts(&text, before);
    pfs_buf_puts(&text, core);
    for (int i = 0; i < levels; i++)
        pfs_buf_puts(&text, after);
    rc = pfs_type_parse(pfs_buf_slice(&text), NULL, arena, &type, NULL);
    pfs_buf_done(&text);
    return rc;
}

static void nesting_ends_at_the_limit(void **state)
{
    static const struct {
        const char *before, *core, *after;
    } forms[] = {
        {"ARRAY<", "INT", ">"},
        {"", "INT", " ARRAY"},
        {"MAP<INT, ", "INT", ">"},
        {"ROW<a ", "INT", ">"},
        {"", "INT", " NOT NULL MULTISET"},
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(forms); i++) {
        const char *b = forms[i].before, *c = forms[i].core, *a = forms[i].after;

        CHECK(a, parse_nested(b, c, a, PFS_JSON_DEPTH_MAX, &arena) == 0);
        CHECK(a, parse_nested(b, c, a, PFS_JSON_DEPTH_MAX + 1, &arena) == -EINVAL);
        CHECK(a, parse_nested(b, c, a, 20000, &arena) == -EINVAL);
    }
    assert_int_equal(parse_nested("ARRAY<", "INT", " ARRAY>", PFS_JSON_DEPTH_MAX / 2, &arena), 0);
    assert_int_equal(parse_nested("ARRAY<", "INT", " ARRAY>", PFS_JSON_DEPTH_MAX / 2 + 1, &arena), -EINVAL);
    pfs_arena_done(&arena);
}

/* Each name once took the rest of the text: a megabyte of fields then took gigabytes. */
static void quoted_names_take_their_own_length(void **state)
{
    struct pfs_arena arena;
    struct pfs_buf text = {0};
    struct pfs_type type;

    (void)state;
    pfs_arena_init(&arena, 4 << 20);
    pfs_buf_puts(&text, "ROW<`f` INT");
    for (int i = 1; i < 5000; i++)
        pfs_buf_printf(&text, ", `field %d` INT 'comment'", i);
    pfs_buf_puts(&text, ">");
    assert_int_equal(pfs_type_parse(pfs_buf_slice(&text), NULL, &arena, &type, NULL), 0);
    assert_int_equal(type.children, 5000);
    assert_string_equal(type.child[4999].name, "field 4999");
    assert_string_equal(type.child[4999].comment, "comment");
    assert_int_equal(type.child[4999].id, -1);
    pfs_buf_done(&text);
    pfs_arena_done(&arena);
}

static void types_are_equal_or_strictly_equal(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal, strict;
    } cases[] = {
        {"INT", "INT", true, true},
        {"INT", "INT NOT NULL", true, false},
        {"INT", "BIGINT", false, false},
        {"DECIMAL(10, 2)", "DECIMAL(10, 3)", false, false},
        {"VARCHAR(5)", "VARCHAR(6)", false, false},
        {"TIMESTAMP(3)", "TIMESTAMP(6)", false, false},
        {"TIMESTAMP(3)", "TIMESTAMP_LTZ(3)", false, false},
        {"ARRAY<INT>", "ARRAY<INT NOT NULL>", true, false},
        {"ARRAY<INT>", "ARRAY<BIGINT>", false, false},
        {"ROW<a INT>", "ROW<b INT>", false, false},
        {"ROW<a INT>", "ROW<a INT, b INT>", false, false},
        {"ROW<a INT 'x'>", "ROW<a INT>", true, true},
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_type a, b;

        CHECK(cases[i].a, pfs_type_parse(pfs_str(cases[i].a), NULL, &arena, &a, NULL) == 0);
        CHECK(cases[i].b, pfs_type_parse(pfs_str(cases[i].b), NULL, &arena, &b, NULL) == 0);
        CHECK(cases[i].a, pfs_type_equal(&a, &b, false) == cases[i].equal);
        CHECK(cases[i].a, pfs_type_equal(&a, &b, true) == cases[i].strict);
    }
    pfs_arena_done(&arena);
}

static void widths_follow_kind_and_precision(void **state)
{
    static const struct {
        const char *text;
        int width;
    } cases[] = {
        {"BOOLEAN", 1},      {"TINYINT", 1},      {"SMALLINT", 2},     {"INT", 4},           {"BIGINT", 8},
        {"FLOAT", 4},        {"DOUBLE", 8},       {"DATE", 4},         {"TIME(3)", 4},       {"DECIMAL(18, 0)", 8},
        {"DECIMAL(19)", 16}, {"TIMESTAMP(3)", 8}, {"TIMESTAMP(6)", 8}, {"TIMESTAMP(7)", 16}, {"TIMESTAMP_LTZ(9)", 16},
        {"STRING", 0},       {"BYTES", 0},        {"ARRAY<INT>", 0},   {"ROW<a INT>", 0},    {"VARIANT", 0},
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_type type;

        CHECK(cases[i].text, pfs_type_parse(pfs_str(cases[i].text), NULL, &arena, &type, NULL) == 0);
        CHECK(cases[i].text, pfs_type_width(&type) == cases[i].width);
    }
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_print_as_paimon_writes_them),
        cmocka_unit_test(what_is_no_type_is_refused_with_its_text),
        cmocka_unit_test(parsing_says_where_it_stopped),
        cmocka_unit_test(texts_without_a_length_are_as_long_as_may_be_in_statements),
        cmocka_unit_test(nesting_ends_at_the_limit),
        cmocka_unit_test(quoted_names_take_their_own_length),
        cmocka_unit_test(types_are_equal_or_strictly_equal),
        cmocka_unit_test(widths_follow_kind_and_precision),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
