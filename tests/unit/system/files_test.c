/* files_test.c - $files of a table whose partitions are another branch's where that one has them. */
#include "src/system/tables.h"

#include "tests/unit/scan/tables.h"

#define BRANCH "db.db/primary/branch/branch-f"

static void load_branch(struct table *t, struct pfs_state **out)
{
    const struct pfs_schema *schema;
    struct pfs_schemas *schemas;
    struct pfs_snapshot snapshot;
    int64_t id;

    assert_int_equal(pfs_schemas_open(store, BRANCH, &schemas, NULL), 0);
    assert_int_equal(pfs_schemas_latest(schemas, &schema, NULL), 0);
    assert_int_equal(pfs_snapshot_latest_id(store, BRANCH, &id, NULL), 0);
    assert_int_equal(pfs_snapshot_load(store, BRANCH, id, &arena, &snapshot, NULL, NULL), 0);
    assert_int_equal(pfs_state_load(t->manifests, store, "db.db/primary", schemas, schema, &snapshot, out, NULL), 0);
    pfs_schemas_unref(schemas);
}

/* a, b and c are the table's partitions; b, c and e the branch's, where each record is 20 or 30. */
static void partitions_of_the_primary_branch_show_its_files(void **state)
{
    static const char *const want[] = {"{b}", "{c}", "{a}"};
    struct pfs_system system = {0};
    struct pfs_rows *rows = NULL;
    struct pfs_state *branch;
    struct pfs_batch batch;
    struct table t;

    (void)state;
    open_table("db.db/primary", &t);
    load_branch(&t, &branch);
    assert_int_equal(pfs_state_set_fallback(t.state, branch, true, NULL), 0);
    system.state = t.state;
    system.schema = t.state->schema;
    assert_int_equal(pfs_system_files(&system, &rows, NULL), 0);
    assert_int_equal(pfs_reader_next(rows->reader, &arena, &batch, NULL), 3);
    for (int i = 0; i < 3; i++)
        assert_true(pfs_slice_eq(pfs_column_bytes(&batch.column[0], i), pfs_str(want[i])));
    assert_true(pfs_slice_eq(pfs_column_bytes(&batch.column[12], 0), pfs_str("{dt=b, k=1, v=20}")));
    pfs_rows_close(rows);
    close_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(partitions_of_the_primary_branch_show_its_files, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("system/files", tests, NULL, NULL);
}
