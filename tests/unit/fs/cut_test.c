/* cut_test.c - files that end within a row: whoever closes one is told, as the release that refuses the row tells
 * nobody. */
#include "tests/unit/fs/lives.h"

static struct pfs_entry entry;
static struct pfs_opened file;

static void write_rows(const char *path, int flags, const char *rows)
{
    assert_int_equal(open_path(path, O_WRONLY | flags, &entry, &file), 0);
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(rows));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
}

static int64_t flush(struct pfs_err *err)
{
    pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
    return pfs_waiting_result(&t.waiting, err);
}

static int64_t sync_rows(void)
{
    pfs_tree_fsync(t.tree, &t.waiting.request, file.handle);
    return pfs_waiting_result(&t.waiting, NULL);
}

static void what_is_copied_is_refused_whole_at_its_close(void **state)
{
    static const struct {
        const char *what, *path, *rows;
        int64_t code;
        const char *why;
    } cases[] = {
        {"a quote", "d/t/inbox", "1,a,1\n2,\"b", -EINVAL, "a quote is not closed"},
        {"a field", "d/t/inbox", "1,a,1\n2", -EINVAL, "row 2"},
        {"a value", "d/t/inbox", "1,a,1\n2,b,x", -EINVAL, "column n"},
        {"a number", "d/t/inbox", "1,a,1\n9876543210,b,1", -ERANGE, "column k"},
        {"an object", "d/t/inbox", "{\"k\":1}\n{\"k\":2", -EINVAL, "not closed"},
        {"an array", "d/t/inbox", "[{\"k\":1},{\"k\":2}", -EINVAL, "the array of rows is not closed"},
        {"numbered", "d/t/inbox@u:5", "1,a,1\n2,\"b", -EINVAL, "a quote is not closed"},
        {"overwrite", "d/t/overwrite", "1,a,1\n2,\"b", -EINVAL, "a quote is not closed"},
        {"an event", "d/t/inbox.debezium", "{\"op\":\"c\",\"after\":{\"k\":1}", -EINVAL, "not closed"},
    };

    (void)state;
    give("d/t/inbox", "0,old,0\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_err err = {0};

        write_rows(cases[i].path, 0, cases[i].rows);
        CHECK(cases[i].what, flush(&err) == cases[i].code);
        CHECK(cases[i].what, strstr(err.text, "the file ends within a row") != NULL);
        CHECK(cases[i].what, strstr(err.text, cases[i].why) != NULL);
        (void)close_path(&entry, &file);
        CHECK(cases[i].what, strstr(text_of("d/t/errors.jsonl"), cases[i].why) != NULL);
        CHECK(cases[i].what, strcmp(text_of("d/t/snapshot/latest.csv"), "k,v,n\n0,old,0\n") == 0);
    }
}

/* The handle has not failed: a copy of the descriptor was closed, and the row goes on. */
static void a_row_that_is_completed_later_is_taken(void **state)
{
    (void)state;
    write_rows("d/t/inbox", 0, "1,a,1\n2,\"b");
    assert_int_equal(flush(NULL), -EINVAL);
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 10, pfs_str("c\",3"));
    assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    assert_int_equal(flush(NULL), 0);
    assert_int_equal(close_path(&entry, &file), 0);
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n2,bc,3\n");
}

/* A sync says nothing of the end; what it has acknowledged stays when the end turns out to be none. */
static void a_sync_within_a_row_acknowledges_the_rows_before_it(void **state)
{
    (void)state;
    write_rows("d/t/inbox", 0, "1,a,1\n2,\"b");
    assert_int_equal(sync_rows(), 0);
    assert_int_equal(flush(NULL), -EINVAL);
    (void)close_path(&entry, &file);
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v,n\n1,a,1\n");
}

/* Of a stream that was cut the rows before the cut are acknowledged, though its writer is told. */
static void whole_rows_of_an_append_are_kept(void **state)
{
    (void)state;
    write_rows("d/logs/inbox", O_APPEND, "x,1\ny");
    assert_int_equal(flush(NULL), -EINVAL);
    die(&entry, &file);
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_string_equal(text_of("d/logs/snapshot/latest.csv"), "line,p\nx,1\n");
}

static void rows_that_may_be_left_out_are_no_error(void **state)
{
    (void)state;
    execute("CREATE TABLE d.lenient (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"
            " 'paimonfs.on-error' = 'skip');");
    write_rows("d/lenient/inbox", 0, "1\n2\nx");
    assert_int_equal(flush(NULL), 0);
    assert_int_equal(close_path(&entry, &file), 0);
    assert_string_equal(text_of("d/lenient/snapshot/latest.csv"), "k\n1\n2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_copied_is_refused_whole_at_its_close, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_row_that_is_completed_later_is_taken, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_sync_within_a_row_acknowledges_the_rows_before_it, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(whole_rows_of_an_append_are_kept, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_that_may_be_left_out_are_no_error, open_memory, close_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
