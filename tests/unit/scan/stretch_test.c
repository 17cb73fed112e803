/* Long stretches of rows that come to nothing: they are passed in memory of the reader's own, whatever the table. */
#include "format/text/text.h"
#include "src/scan/diff.h"
#include "src/scan/scan.h"
#include "tests/unit/commit/table.h"

#define ROWS 100000
#define ROOM ((size_t)1 << 20) /* of the caller's arena: some batches, by no means all of them */

/* Commits one record of each key from 0 to `rows` - 1. */
static void commit_many(int32_t rows, int8_t kind, int64_t id)
{
    static const struct pfs_type kind_type = {.kind = PFS_TINYINT};
    const struct pfs_schema *schema;
    struct pfs_write *write;
    struct pfs_arena arena = {0};
    struct pfs_state *s = newest();
    struct pfs_column *column = pfs_arena_array(&arena, 2, sizeof(*column));
    int32_t *key = pfs_arena_alloc(&arena, (size_t)rows * sizeof(*key));
    int8_t *kinds = pfs_arena_alloc(&arena, (size_t)rows);
    struct pfs_err err = {0};

    for (int32_t i = 0; i < rows; i++) {
        key[i] = i;
        kinds[i] = kind;
    }
    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = key};
    column[1] = (struct pfs_column){.type = &kind_type, .values = kinds};
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){rows, 2, column}, s, NULL), 0);
    if (pfs_table_commit(table, write, "u", id, false, &id, &err) < 0)
        fail_msg("%s", err.text);
    pfs_write_close(write);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

static void deletes_alone_do_not_fill_the_arena(void **state)
{
    struct pfs_state *s;
    struct pfs_scan *scan = NULL;
    struct pfs_reader *reader = NULL;
    struct pfs_arena small;
    struct pfs_batch batch;
    struct pfs_err err = {0};

    (void)state;
    commit_many(ROWS, PFS_INSERT, 1);
    commit_many(ROWS - 1, PFS_DELETE, 2);
    s = newest();
    assert_int_equal(pfs_scan_open(&(struct pfs_scan_want){.state = s, .columns = -1}, &scan, NULL), 0);
    assert_int_equal(pfs_scan_splits(scan), 1);
    assert_int_equal(pfs_scan_split(scan, 0, &reader, NULL), 0);
    pfs_arena_init(&small, ROOM);
    if (pfs_reader_next(reader, &small, &batch, &err) != 1)
        fail_msg("%s", err.text);
    assert_int_equal(batch.columns, 1);
    assert_int_equal(((const int32_t *)batch.column[0].values)[0], ROWS - 1);
    assert_int_equal(pfs_reader_next(reader, &small, &batch, &err), 0);
    pfs_reader_close(reader);
    pfs_arena_done(&small);
    pfs_scan_close(scan);
    pfs_state_unref(s);
}

static void rows_that_did_not_change_do_not_fill_the_arena(void **state)
{
    struct pfs_diff_want want = {.columns = -1};
    struct pfs_rows *rows = NULL;
    struct pfs_arena small;
    struct pfs_batch batch;
    struct pfs_err err = {0};

    (void)state;
    commit_many(ROWS, PFS_INSERT, 1);
    want.from = newest();
    commit_many(ROWS, PFS_INSERT, 2);
    want.to = newest();
    assert_int_equal(pfs_diff_rows(&want, &rows, NULL), 0);
    pfs_arena_init(&small, ROOM);
    if (pfs_reader_next(rows->reader, &small, &batch, &err) != 0)
        fail_msg("%s", err.text);
    pfs_rows_close(rows);
    pfs_arena_done(&small);
    pfs_state_unref(want.from);
    pfs_state_unref(want.to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deletes_alone_do_not_fill_the_arena, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_did_not_change_do_not_fill_the_arena, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
