/* sums_test.c - $partitions and $buckets of a table that Paimon wrote. */
#include "src/system/tables.h"

#include "tests/unit/scan/tables.h"

/* The only row's counts of records, bytes and files, and its last update. */
static void check(const struct pfs_system *system,
                  int (*open)(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err),
                  int32_t first)
{
    static const int64_t want[] = {4, 1142, 1, 1795747879253};
    struct pfs_rows *rows = NULL;
    struct pfs_batch batch;

    assert_int_equal(open(system, &rows, NULL), 0);
    assert_int_equal(pfs_reader_next(rows->reader, &arena, &batch, NULL), 1);
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(((const int64_t *)batch.column[first + i].values)[0], want[i]);
    pfs_rows_close(rows);
}

static void files_that_have_gone_are_updates_too(void **state)
{
    struct pfs_system system = {0};
    struct table t;

    (void)state;
    open_table("db.db/once", &t);
    system.state = t.state;
    system.schema = t.state->schema;
    check(&system, pfs_system_partitions, 1);
    check(&system, pfs_system_buckets, 2);
    close_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_that_have_gone_are_updates_too, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("system/sums", tests, NULL, NULL);
}
