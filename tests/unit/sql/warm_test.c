/* Tables that the catalog holds because they were asked for: what is kept of them, and when it goes. */
#include "tests/unit/sql/statements.h"

static struct pfs_table *table_of(const char *name)
{
    struct pfs_table *t = NULL;

    assert_int_equal(pfs_catalog_table(q.catalog, "d", name, NULL, &t, NULL), 0);
    return t;
}

static int32_t columns_of(const char *name)
{
    struct pfs_table *t = table_of(name);
    const struct pfs_schema *schema;
    int32_t columns;

    assert_int_equal(pfs_table_schema(t, &schema, NULL), 0);
    columns = schema->columns;
    pfs_table_unref(t);
    return columns;
}

static void a_table_that_was_asked_for_is_not_opened_again(void **state)
{
    struct pfs_table *t;
    int64_t before;

    (void)state;
    run_sql("CREATE TABLE d.t (k INT);");
    t = table_of("t");
    pfs_table_unref(t);
    before = q.fault.calls;
    assert_ptr_equal(table_of("t"), t);
    assert_true(q.fault.calls - before <= 2); /* the schema's file, and that there is none after it */
    assert_int_equal(pfs_catalog_open_tables(q.catalog), 1);
    pfs_table_unref(t);
    assert_int_equal(pfs_catalog_open_tables(q.catalog), 0);
}

static void only_the_last_ones_are_held(void **state)
{
    struct pfs_table *first, *last;
    char name[8], sql[64];
    int64_t before;

    (void)state;
    for (int i = 0; i < 20; i++) {
        snprintf(sql, sizeof(sql), "CREATE TABLE d.t%d (k INT);", i);
        run_sql(sql);
        snprintf(name, sizeof(name), "t%d", i);
        pfs_table_unref(table_of(name));
    }
    before = q.fault.calls;
    last = table_of("t19");
    assert_true(q.fault.calls - before <= 2);
    before = q.fault.calls;
    first = table_of("t0");
    assert_true(q.fault.calls - before > 2);
    assert_int_equal(pfs_catalog_open_tables(q.catalog), 2);
    pfs_table_unref(first);
    pfs_table_unref(last);
}

static void a_table_made_again_under_its_name_is_another(void **state)
{
    static const char *const schemas[] = {"CREATE TABLE d.t (k INT, a INT);", "CREATE TABLE d.t (k INT, b INT, c INT);",
                                          "CREATE TABLE d.t (k INT);"};
    struct pfs_table *held;

    (void)state;
    run_sql("CREATE TABLE d.t (k INT, x INT, y INT, z INT);");
    assert_int_equal(columns_of("t"), 4);
    for (size_t i = 0; i < COUNT(schemas); i++) {
        held = i == 1 ? table_of("t") : NULL; /* somebody still has the old one */
        run_sql("DROP TABLE d.t;");
        if (i != 2) /* seen by nobody while it is away */
            assert_int_equal(pfs_catalog_table(q.catalog, "d", "t", NULL, &(struct pfs_table *){NULL}, NULL), -ENOENT);
        run_sql(schemas[i]);
        assert_int_equal(columns_of("t"), i == 0 ? 2 : i == 1 ? 3 : 1);
        pfs_table_unref(held);
    }
}

/* The new one has fewer schemas: the greatest one of the old table is not there. */
static void a_table_made_again_after_changes_is_another(void **state)
{
    (void)state;
    run_sql("CREATE TABLE d.t (k INT, v INT);");
    run_sql("ALTER TABLE d.t ADD c INT;");
    assert_int_equal(columns_of("t"), 3);
    run_sql("ALTER TABLE d.t ADD e INT;");
    assert_int_equal(columns_of("t"), 4);
    run_sql("DROP TABLE d.t;");
    run_sql("CREATE TABLE d.t (k INT);");
    assert_int_equal(columns_of("t"), 1);
    run_sql("ALTER TABLE d.t ADD c INT;");
    assert_int_equal(columns_of("t"), 2);
}

static void a_renamed_table_is_found_under_its_new_name_alone(void **state)
{
    struct pfs_table *t;

    (void)state;
    run_sql("CREATE TABLE d.t (k INT);");
    assert_int_equal(columns_of("t"), 1);
    run_sql("ALTER TABLE d.t RENAME TO d.u;");
    assert_int_equal(pfs_catalog_table(q.catalog, "d", "t", NULL, &t, NULL), -ENOENT);
    assert_int_equal(columns_of("u"), 1);
    run_sql("CREATE TABLE d.t (k INT, v INT);");
    assert_int_equal(columns_of("t"), 2);
    assert_int_equal(columns_of("u"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_that_was_asked_for_is_not_opened_again, open_warehouse,
                                        close_warehouse),
        cmocka_unit_test_setup_teardown(only_the_last_ones_are_held, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_table_made_again_under_its_name_is_another, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_table_made_again_after_changes_is_another, open_warehouse, close_warehouse),
        cmocka_unit_test_setup_teardown(a_renamed_table_is_found_under_its_new_name_alone, open_warehouse,
                                        close_warehouse),
    };

    return cmocka_run_group_tests_name("sql/warm", tests, NULL, NULL);
}
