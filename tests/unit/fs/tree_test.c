/* tree_test.c - the tree over a store in memory: what a person sees, without FUSE. */
#include <stdio.h>

#include "tests/unit/fs/over_memory.h"

static void rows_are_appended_and_read_merged(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox", "2,two,20\n1,one,10\n"), 0);
    assert_string_equal(text_of("d/t/snapshot/1.csv"), text_of("d/t/snapshot/latest.csv"));
    assert_int_equal(append("d/t/inbox.jsonl", "{\"k\":1,\"v\":\"uno\"}\n"), 0);
    assert_non_null(strstr(text_of("d/t/snapshot/latest.csv"), "1,uno,\n"));
    assert_non_null(strstr(text_of("d/t/snapshot/1.csv"), "1,one,10\n"));
    assert_null(text_of("d/t/snapshot/3.csv"));
    assert_int_equal(append("d/sums/inbox", "1,10\n1,5\n2,1\n"), 0);
    assert_int_equal(append("d/sums/inbox", "1,100\n"), 0);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,115\n2,1\n");
    assert_int_equal(append("d/logs/inbox", "a,1\nb,2\na,1\n"), 0);
    assert_string_equal(text_of("d/logs/partition/p=1/snapshot/latest.csv"), "line,p\na,1\na,1\n");
}

/* Begins and ends as one, and is as long as it says. */
static void expect_parquet(const char *path)
{
    struct pfs_entry entry;
    struct pfs_opened file;
    char bytes[4000];
    int64_t got;

    assert_int_equal(open_path(path, O_RDONLY, &entry, &file), 0);
    pfs_tree_read(t.tree, &t.waiting.request, file.handle, 0, bytes, sizeof(bytes));
    got = pfs_waiting_result(&t.waiting, NULL);
    assert_int_equal(got, entry.attr.size);
    assert_true(got > 12 && got < (int64_t)sizeof(bytes));
    assert_memory_equal(bytes, "PAR1", 4);
    assert_memory_equal(bytes + got - 4, "PAR1", 4);
    (void)close_path(&entry, &file);
}

static void merged_rows_are_a_parquet_file_too(void **state)
{
    (void)state;
    expect_parquet("d/sums/snapshot/latest.parquet"); /* of no row */
    assert_int_equal(append("d/sums/inbox", "1,10\n1,5\n2,1\n"), 0);
    expect_parquet("d/sums/snapshot/latest.parquet");
    expect_parquet("d/sums/snapshot/1.parquet");
    assert_null(text_of("d/sums/snapshot/2.parquet"));
    assert_null(text_of("d/sums/key/1.parquet"));
}

static void an_open_view_never_changes(void **state)
{
    struct pfs_entry before, after;
    struct pfs_opened file;
    char text[100] = {0};
    int64_t got;

    (void)state;
    assert_int_equal(append("d/t/inbox", "1,a,1\n"), 0);
    assert_int_equal(open_path("d/t/snapshot/latest.csv", O_RDONLY, &before, &file), 0);
    assert_int_equal(append("d/t/inbox", "1,b,2\n2,c,3\n"), 0);
    pfs_tree_read(t.tree, &t.waiting.request, file.handle, 0, text, sizeof(text) - 1);
    got = pfs_waiting_result(&t.waiting, NULL);
    assert_int_equal(got, before.attr.size);
    assert_string_equal(text, "k,v,n\n1,a,1\n");
    assert_int_equal(pfs_tree_walk(t.tree, "d/t/snapshot/latest.csv", &after, NULL), 0);
    assert_true(after.attr.ino != before.attr.ino && after.attr.exact);
    assert_int_equal(after.attr.size, strlen("k,v,n\n1,b,2\n2,c,3\n"));
    pfs_tree_forget(t.tree, after.node, 1);
    (void)close_path(&before, &file);
}

static void a_wrong_row_keeps_nothing_of_its_handle(void **state)
{
    static const struct {
        const char *rows, *word;
    } cases[] = {
        {"1,a,1\n2,b,many\n", "many"}, {"1,a\n", "column"},       {",a,1\n", "null"},
        {"1,\xff\xfe,1\n", "UTF-8"},   {"1,\"open,1\n2,b,2", ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t rc = append("d/t/inbox", cases[i].rows);

        /* A quote that is never closed is seen when the handle ends, and then only told in errors.jsonl. */
        CHECK(cases[i].rows, rc < 0 || cases[i].word[0] == '\0');
        CHECK(cases[i].rows, strstr(text_of("d/t/errors.jsonl"), cases[i].word) != NULL);
    }
    assert_null(text_of("d/t/snapshot/1.csv"));
}

static void a_numbered_append_happens_once(void **state)
{
    (void)state;
    assert_int_equal(append("d/sums/inbox@me:1", "1,10\n"), 0);
    assert_int_equal(append("d/sums/inbox@me:1", "1,10\n"), 0);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n");
    assert_int_equal(append("d/sums/inbox@me:2", "1,10\n"), 0);
    assert_int_equal(append("d/sums/inbox@you:1", "1,10\n"), 0);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,30\n");
}

static void a_failing_disk_is_the_writers_error(void **state)
{
    (void)state;
    assert_int_equal(append("d/t/inbox@w:1", "1,a,1\n"), 0);
    for (int64_t call = 1; call < 200; call++) {
        int64_t rc;

        t.fault.fail_at = t.fault.calls + call;
        rc = append("d/t/inbox@w:2", "2,b,2\n");
        if (t.fault.calls < t.fault.fail_at) {
            assert_int_equal(rc, 0);
            break;
        }
        t.fault.fail_at = 0;
        if (rc == 0)
            break;
    }
    t.fault.fail_at = 0;
    assert_int_equal(append("d/t/inbox@w:2", "2,b,2\n"), 0);
    assert_non_null(strstr(text_of("d/t/snapshot/latest.csv"), "2,b,2\n"));
    assert_non_null(strstr(text_of("d/t/snapshot/latest.csv"), "1,a,1\n"));
}

static void what_is_not_there_yet_is_refused_by_name(void **state)
{
    (void)state;
    assert_int_equal(append("d/outside/inbox", "1,a\n"), -EOPNOTSUPP);
    assert_non_null(strstr(text_of("d/outside/status.json"), "data-file.external-paths"));
    assert_null(text_of("d/none/snapshot/latest.csv"));
    assert_int_equal(append("d/t/schema.sql", "x"), -EROFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_appended_and_read_merged, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(merged_rows_are_a_parquet_file_too, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(an_open_view_never_changes, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_wrong_row_keeps_nothing_of_its_handle, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_numbered_append_happens_once, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_failing_disk_is_the_writers_error, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_is_not_there_yet_is_refused_by_name, open_tree, close_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
