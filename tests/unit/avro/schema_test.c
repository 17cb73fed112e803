/* schema_test.c - which schemas a header may hold. */
#include "format/avro/schema.h"

#include "tests/unit/avro/container.h"

static const struct {
    const char *what, *json;
    int want;
} cases[] = {
    {"a record", RECORD("t", FIELD("a", "\"int\"")), 0},
    {"white space", " { \"type\" : \"record\" , \"name\":\"t\",\"fields\" : [ " FIELD("a", "\"int\"") " ] } ", 0},
    {"a type named before", RECORD("t", FIELD("a", RECORD("n.r", FIELD("x", "\"int\""))) "," FIELD("b", "\"n.r\"")), 0},
    {"its short name", RECORD("t", FIELD("a", RECORD("n.r", FIELD("x", "\"int\""))) "," FIELD("b", "\"r\"")), 0},
    {"a fixed named before",
     RECORD("t", FIELD("a", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":2}") "," FIELD("b", "\"f\"")), 0},
    {"a record that holds itself", RECORD("t", FIELD("a", "[\"null\",\"t\"]")), -EIO},
    {"a record that holds itself twice", RECORD("t", FIELD("a", "[\"t\",\"t\"]") "," FIELD("b", "[\"t\",\"t\"]")),
     -EIO},
    {"not JSON", "{\"type\"", -EIO},
    {"nothing", "", -EIO},
    {"a number", "1", -EIO},
    {"a primitive", "\"int\"", -EIO},
    {"an array", "{\"type\":\"array\",\"items\":\"int\"}", -EIO},
    {"no fields", RECORD("t", ""), -EIO},
    {"fields that are no list", "{\"type\":\"record\",\"name\":\"t\",\"fields\":{}}", -EIO},
    {"a record without a name", "{\"type\":\"record\",\"fields\":[" FIELD("a", "\"int\"") "]}", -EIO},
    {"a field without a name", RECORD("t", "{\"type\":\"int\"}"), -EIO},
    {"a field without a type", RECORD("t", "{\"name\":\"a\"}"), -EIO},
    {"an unknown type", RECORD("t", FIELD("a", "\"integer\"")), -EIO},
    {"a type named later", RECORD("t", FIELD("b", "\"r\"") "," FIELD("a", RECORD("r", FIELD("x", "\"int\"")))), -EIO},
    {"a fixed without a size", RECORD("t", FIELD("a", "{\"type\":\"fixed\",\"name\":\"f\"}")), -EIO},
    {"a fixed below nothing", RECORD("t", FIELD("a", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}")), -EIO},
    {"an enum without symbols", RECORD("t", FIELD("a", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[]}")), -EIO},
    {"an enum of numbers", RECORD("t", FIELD("a", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[1]}")), -EIO},
    {"an array without items", RECORD("t", FIELD("a", "{\"type\":\"array\"}")), -EIO},
    {"a field that takes no bytes", RECORD("t", FIELD("a", "\"null\"")), -EIO},
    {"items that take no bytes", RECORD("t", FIELD("a", "{\"type\":\"array\",\"items\":\"null\"}")), -EIO},
    {"items of a record without fields", RECORD("t", FIELD("a", "{\"type\":\"array\",\"items\":" RECORD("r", "") "}")),
     -EIO},
    {"an empty fixed", RECORD("t", FIELD("a", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":0}")), -EIO},
};

static int parse(const char *json, struct pfs_avro_schema *out, const struct pfs_avro_wanted *wanted,
                 struct pfs_arena *arena, struct pfs_err *err)
{
    return pfs_avro_schema_parse(pfs_str(json), arena, out, wanted, NULL, err);
}

static void schemas_are_taken_or_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_avro_schema schema;
        struct pfs_arena arena;
        struct pfs_err err = {0};

        pfs_arena_init(&arena, MAX);
        CHECK(cases[i].what, parse(cases[i].json, &schema, NULL, &arena, &err) == cases[i].want);
        CHECK(cases[i].what, (cases[i].want < 0) == (err.text[0] != '\0'));
        pfs_arena_done(&arena);
    }
}

static void deep_nesting_is_refused(void **state)
{
    static const char open[] = "{\"type\":\"array\",\"items\":", tail[] = "}";
    struct pfs_arena arena;

    (void)state;
    for (int depth = 30; depth <= 100000; depth *= 50) {
        struct pfs_buf json = {0};
        struct pfs_avro_schema schema;

        pfs_arena_init(&arena, MAX);
        pfs_buf_puts(&json, "{\"type\":\"record\",\"name\":\"t\",\"fields\":[{\"name\":\"a\",\"type\":");
        for (int i = 0; i < depth; i++)
            pfs_buf_puts(&json, open);
        pfs_buf_puts(&json, "\"int\"");
        for (int i = 0; i < depth; i++)
            pfs_buf_puts(&json, tail);
        pfs_buf_puts(&json, "}]}");
        assert_int_equal(pfs_avro_schema_parse(pfs_buf_slice(&json), &arena, &schema, NULL, NULL, NULL),
                         depth == 30 ? 0 : -EIO);
        pfs_buf_done(&json);
        pfs_arena_done(&arena);
    }
}

/* r1 holds r0 ten times, r2 holds r1 ten times, ...: a few hundred bytes that unfold to 10^12 types. */
static void references_cannot_multiply_without_end(void **state)
{
    struct pfs_buf json = {0};
    struct pfs_avro_schema schema;
    struct pfs_arena arena;
    struct pfs_err err = {0};

    (void)state;
    pfs_arena_init(&arena, MAX);
    pfs_buf_puts(&json,
                 "{\"type\":\"record\",\"name\":\"t\",\"fields\":[" FIELD("r0", RECORD("r0", FIELD("a", "\"int\""))));
    for (int i = 1; i <= 12; i++) {
        pfs_buf_printf(&json, ",{\"name\":\"r%d\",\"type\":{\"type\":\"record\",\"name\":\"r%d\",\"fields\":[", i, i);
        for (int k = 0; k < 10; k++)
            pfs_buf_printf(&json, "%s{\"name\":\"f%d\",\"type\":\"r%d\"}", k == 0 ? "" : ",", k, i - 1);
        pfs_buf_puts(&json, "]}}");
    }
    pfs_buf_puts(&json, "]}");
    assert_int_equal(pfs_avro_schema_parse(pfs_buf_slice(&json), &arena, &schema, NULL, NULL, &err), -EIO);
    assert_non_null(strstr(err.text, "too many types"));
    pfs_buf_done(&json);
    pfs_arena_done(&arena);
}

static void what_is_wanted_of_a_named_type_depends_on_the_place(void **state)
{
    static const struct pfs_avro_wanted x[] = {{"x", NULL}, {NULL, NULL}}, y[] = {{"y", NULL}, {NULL, NULL}};
    static const struct pfs_avro_wanted wanted[] = {{"a", x}, {"b", y}, {NULL, NULL}};
    struct pfs_avro_schema schema;
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, MAX);
    assert_int_equal(
        parse(RECORD("t",
                     FIELD("a", RECORD("r", FIELD("x", "\"int\"") "," FIELD("y", "\"int\""))) "," FIELD("b", "\"r\"")),
              &schema, wanted, &arena, NULL),
        0);
    assert_int_equal(schema.child[0].place[0], 0);
    assert_int_equal(schema.child[0].place[1], -1);
    assert_int_equal(schema.child[1].place[0], -1);
    assert_int_equal(schema.child[1].place[1], 0);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_are_taken_or_refused_with_a_sentence),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(references_cannot_multiply_without_end),
        cmocka_unit_test(what_is_wanted_of_a_named_type_depends_on_the_place),
    };

    return cmocka_run_group_tests_name("avro/schema", tests, NULL, NULL);
}
