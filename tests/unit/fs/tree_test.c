/* tree_test.c - the tree over a store in memory: what a person sees, without FUSE. */
#include "fs/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/mem.h"
#include "tests/unit/cm.h"

static struct {
    struct pfs_pool *pool;
    struct pfs_catalog *catalog;
    struct pfs_tree *tree;
    struct pfs_fault fault;
    struct pfs_waiting waiting;
} t;

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.t (k INT, v STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '2');"
    "CREATE TABLE d.sums (k INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('merge-engine' = 'aggregation',"
    " 'fields.n.aggregate-function' = 'sum');"
    "CREATE TABLE d.logs (line STRING, p INT) PARTITIONED BY (p);"
    "CREATE TABLE d.first (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED) WITH ('merge-engine' = 'first-row');";

static int open_tree(void **state)
{
    struct pfs_catalog_config catalog = {0};
    struct pfs_tree_config tree = {.umask = 022};
    struct pfs_buf answer = {0};

    (void)state;
    memset(&t, 0, sizeof(t));
    t.fault.fail_errno = ENOSPC;
    assert_int_equal(pfs_store_open_memory(&catalog.store, NULL), 0);
    assert_int_equal(pfs_store_open_fault(catalog.store, &t.fault, &catalog.store, NULL), 0);
    assert_int_equal(pfs_pool_open(2, &t.pool, NULL), 0);
    catalog.pool = t.pool;
    assert_int_equal(pfs_catalog_open(&catalog, &t.catalog, NULL), 0);
    tree.catalog = t.catalog;
    tree.pool = t.pool;
    assert_int_equal(pfs_tree_open(&tree, &t.tree, NULL), 0);
    assert_int_equal(pfs_catalog_execute(t.catalog, NULL, pfs_str(tables_sql), &answer, NULL), 0);
    assert_int_equal(pfs_waiting_init(&t.waiting, NULL), 0);
    pfs_buf_done(&answer);
    return 0;
}

static int close_tree(void **state)
{
    (void)state;
    pfs_waiting_done(&t.waiting);
    pfs_tree_close(t.tree);
    pfs_pool_close(t.pool);
    return 0;
}

static int open_path(const char *path, int flags, struct pfs_entry *entry, struct pfs_opened *file)
{
    int64_t rc;

    PFS_TRY(pfs_tree_walk(t.tree, path, entry, NULL));
    pfs_tree_open_file(t.tree, &t.waiting.request, entry->node, flags, file);
    rc = pfs_waiting_result(&t.waiting, NULL);
    if (rc < 0)
        pfs_tree_forget(t.tree, entry->node, 1);
    return (int)rc;
}

static int64_t close_path(struct pfs_entry *entry, struct pfs_opened *file)
{
    int64_t rc;

    pfs_tree_release(t.tree, &t.waiting.request, file->handle);
    rc = pfs_waiting_result(&t.waiting, NULL);
    pfs_tree_forget(t.tree, entry->node, 1);
    return rc;
}

/* The text of a file, or NULL. */
static const char *text_of(const char *path)
{
    static char text[1 << 16];
    struct pfs_entry entry;
    struct pfs_opened file;
    int64_t got;

    if (open_path(path, O_RDONLY, &entry, &file) < 0)
        return NULL;
    pfs_tree_read(t.tree, &t.waiting.request, file.handle, 0, text, sizeof(text) - 1);
    got = pfs_waiting_result(&t.waiting, NULL);
    (void)close_path(&entry, &file);
    if (got < 0)
        return NULL;
    text[got] = '\0';
    return text;
}

/* What a shell's `printf ... >> path` meets first: 0, or the errno of write(2) or of close(2). */
static int64_t append(const char *path, const char *rows)
{
    struct pfs_entry entry;
    struct pfs_opened file;
    int64_t rc, released;

    PFS_TRY(open_path(path, O_WRONLY | O_APPEND, &entry, &file));
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(rows));
    rc = pfs_waiting_result(&t.waiting, NULL);
    if (rc >= 0) {
        pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
        rc = pfs_waiting_result(&t.waiting, NULL);
    }
    released = close_path(&entry, &file);
    return rc < 0 ? rc : released;
}

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
    assert_int_equal(append("d/first/inbox", "1,a\n"), -EOPNOTSUPP);
    assert_non_null(strstr(text_of("d/first/status.json"), "first-row"));
    assert_null(text_of("d/none/snapshot/latest.csv"));
    assert_int_equal(append("d/t/schema.sql", "x"), -EROFS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_appended_and_read_merged, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(an_open_view_never_changes, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_wrong_row_keeps_nothing_of_its_handle, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_numbered_append_happens_once, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_failing_disk_is_the_writers_error, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_is_not_there_yet_is_refused_by_name, open_tree, close_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
