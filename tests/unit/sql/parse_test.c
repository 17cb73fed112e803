#include <errno.h>

#include "src/sql/sql.h"
#include "tests/unit/cm.h"

static struct pfs_arena arena;

static int set_up(void **state)
{
    (void)state;
    pfs_arena_init(&arena, 16 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

static struct pfs_statement parsed(const char *text)
{
    struct pfs_statement statement;
    struct pfs_err err = {0};
    size_t used = 0;
    int rc = pfs_sql_parse(pfs_str(text), &used, &arena, &statement, &err);

    if (rc != 1)
        fail_msg("%s: %d %s", text, rc, err.text);
    assert_int_equal(used, strlen(text));
    return statement;
}

static void a_table_is_its_columns_keys_and_options(void **state)
{
    struct pfs_statement s = parsed("create table if not exists `shop`.orders ( -- a comment\n"
                                    "  `dt` STRING, id BIGINT NOT NULL COMMENT 'it''s the key',\n"
                                    "  amount DECIMAL(10, 2), /* many\n lines */ at TIMESTAMP(3),\n"
                                    "  PRIMARY KEY (dt, id) NOT ENFORCED\n"
                                    ") COMMENT 'orders' PARTITIONED BY (dt)\n"
                                    "WITH ('connector' = 'paimon', 'bucket' = '4', 'x.y' = 'kept');");

    (void)state;
    assert_int_equal(s.kind, PFS_SQL_CREATE_TABLE);
    assert_true(s.if_exists);
    assert_string_equal(s.database, "shop");
    assert_string_equal(s.table, "orders");
    assert_null(s.branch);
    assert_int_equal(s.schema.columns, 4);
    assert_int_equal(s.schema.field[2].type.kind, PFS_DECIMAL);
    assert_int_equal(s.schema.field[2].type.scale, 2);
    assert_int_equal(s.schema.primary_keys, 2);
    assert_int_equal(s.schema.partition_keys, 1);
    assert_string_equal(s.schema.comment, "orders");
    assert_null(pfs_options_get(&s.schema.options, "connector"));
    assert_string_equal(pfs_options_get(&s.schema.options, "bucket"), "4");
    assert_string_equal(pfs_options_get(&s.schema.options, "x.y"), "kept");
}

static void options_are_stored_under_paimons_own_names(void **state)
{
    struct pfs_statement s =
        parsed("CREATE TABLE t (a INT) WITH ('changelog-producer.lookup-wait' = 'false',"
               " 'fields.a.aggregate-function' = 'last_non_null', 'any.thing' = 'last_non_null');");

    (void)state;
    assert_string_equal(pfs_options_get(&s.schema.options, "lookup-wait"), "false");
    assert_null(pfs_options_get(&s.schema.options, "changelog-producer.lookup-wait"));
    assert_string_equal(pfs_options_get(&s.schema.options, "fields.a.aggregate-function"), "last_non_null_value");
    assert_string_equal(pfs_options_get(&s.schema.options, "any.thing"), "last_non_null");
}

static void bytes_that_an_option_names_are_blobs(void **state)
{
    struct pfs_statement s = parsed("CREATE TABLE t (a INT, b BYTES, c BYTES NOT NULL, d BYTES, e STRING)"
                                    " WITH ('blob-field' = 'b, c,e,zz');");

    (void)state;
    assert_int_equal(s.schema.field[1].type.kind, PFS_BLOB);
    assert_int_equal(s.schema.field[2].type.kind, PFS_BLOB);
    assert_true(s.schema.field[1].type.nullable);
    assert_false(s.schema.field[2].type.nullable);
    assert_int_equal(s.schema.field[3].type.kind, PFS_VARBINARY);
    assert_int_equal(s.schema.field[4].type.kind, PFS_VARCHAR);
}

static void names_come_in_every_form(void **state)
{
    (void)state;
    assert_string_equal(parsed("DROP TABLE `a.b`;").database, "a");
    assert_string_equal(parsed("DROP TABLE `a.b`;").table, "b");
    assert_null(parsed("DROP TABLE t;").database);
    assert_string_equal(parsed("DROP TABLE d.`t$branch_fix`;").branch, "fix");
    assert_string_equal(parsed("DROP TABLE d.`t$branch_fix`;").table, "t");
    assert_true(parsed("DROP DATABASE IF EXISTS d CASCADE;").cascade);
}

static void a_call_takes_arguments_by_place_and_by_name(void **state)
{
    struct pfs_statement s = parsed("CALL sys.create_tag('d.t', 'v''1', 3);");

    (void)state;
    assert_string_equal(s.procedure, "create_tag");
    assert_int_equal(s.arguments, 3);
    assert_null(s.argument[1].name);
    assert_string_equal(s.argument[1].value, "v'1");
    assert_string_equal(s.argument[2].value, "3");
    s = parsed("CALL sys.create_tag(`table` => 'd.t', tag => 'v1');");
    assert_string_equal(s.argument[0].name, "table");
    assert_string_equal(s.argument[1].value, "v1");
}

static void a_text_holds_statements_one_after_another(void **state)
{
    static const char text[] = "USE d; -- first\nSHOW TABLES; /* nothing more */ \n";
    struct pfs_statement s;
    struct pfs_err err = {0};
    size_t used = 0;

    (void)state;
    assert_int_equal(pfs_sql_parse(pfs_str(text), &used, &arena, &s, NULL), 1);
    assert_int_equal(s.kind, PFS_SQL_USE);
    assert_true(pfs_slice_eq(s.text, pfs_str("USE d")));
    assert_int_equal(pfs_sql_parse(pfs_str(text), &used, &arena, &s, NULL), 1);
    assert_int_equal(s.kind, PFS_SQL_SHOW_TABLES);
    assert_int_equal(pfs_sql_parse(pfs_str(text), &used, &arena, &s, NULL), 0);
    assert_int_equal(used, strlen(text));
    used = 0;
    assert_int_equal(pfs_sql_parse(pfs_str("SHOW TABLES"), &used, &arena, &s, NULL), -EAGAIN);
    assert_int_equal(pfs_sql_parse(pfs_str("USE 'a;b"), &used, &arena, &s, NULL), -EAGAIN);
    assert_int_equal(pfs_sql_parse(pfs_str("USE d;\nUSE d;\n  USE;"), &used, &arena, &s, NULL), 1);
    assert_int_equal(pfs_sql_parse(pfs_str("USE d;\nUSE d;\n  USE;"), &used, &arena, &s, NULL), 1);
    assert_int_equal(pfs_sql_parse(pfs_str("USE d;\nUSE d;\n  USE;"), &used, &arena, &s, &err), -EINVAL);
    assert_non_null(strstr(err.text, "line 3, column 6: ")); /* of the whole text */
}

static void pieces_of_a_text_are_whole_at_a_semicolon(void **state)
{
    static const struct {
        const char *text;
        size_t complete;
    } cases[] = {{"", 0},
                 {"USE d", 0},
                 {"USE d;", 6},
                 {"USE d; SHOW", 6},
                 {"USE d; -- a; b", 6},
                 {"USE d; SHOW TABLES;\n", 19},
                 {"-- a;\nUSE d", 0},
                 {"USE 'a;", 0},
                 {"USE `a;` ;", 10},
                 {"/* ; */", 0}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].text, pfs_sql_complete(pfs_str(cases[i].text), &arena) == cases[i].complete);
}

static void notes_name_catalogs_and_define_partitions(void **state)
{
    struct pfs_statement s = parsed("CREATE TABLE lake.shop.t (k INT DEFAULT 1e3, d DATE DEFAULT DATE '2026-11-20') "
                                    "USING paimon PARTITIONED BY (k, dt STRING COMMENT 'day', hh INT);");

    (void)state;
    assert_string_equal(s.database, "shop");
    assert_string_equal(s.table, "t");
    assert_int_equal(s.schema.columns, 4);
    assert_string_equal(s.schema.field[0].default_value, "1e3");
    assert_string_equal(s.schema.field[1].default_value, "2026-11-20");
    assert_string_equal(s.schema.field[2].comment, "day");
    assert_int_equal(s.schema.partition_keys, 3);
    assert_int_equal(s.schema.partition_key[1], 2);
    s = parsed("USE lake.shop;");
    assert_string_equal(s.database, "shop");
    s = parsed("DROP TABLE `..` PURGE;");
    assert_null(s.database);
    assert_string_equal(s.table, "..");
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    static const char *const cases[] = {
        "CREATE TABLE t (k INTEGERS);",
        "CREATE TABLE t (k INT\nv STRING);",
        "CREATE TABLE t k INT;",
        "CREATE TABLE t (k INT) WITH (bucket = );",
        "SELECT * FROM t;",
        "CALL create_tag 'x';",
        "DROP TABLE a.b.c.d;",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_statement s;
        struct pfs_err err = {0};
        size_t used = 0;
        int rc = pfs_sql_parse(pfs_str(cases[i]), &used, &arena, &s, &err);

        CHECK(cases[i], rc == -EINVAL);
        CHECK(cases[i], strstr(err.text, "line ") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_is_its_columns_keys_and_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_are_stored_under_paimons_own_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_that_an_option_names_are_blobs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_come_in_every_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_call_takes_arguments_by_place_and_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_holds_statements_one_after_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pieces_of_a_text_are_whole_at_a_semicolon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notes_name_catalogs_and_define_partitions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_told_with_its_place, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
