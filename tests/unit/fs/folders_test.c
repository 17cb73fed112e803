/* Folders that people make, move and remove: tables, tags, branches. */
#include "fs/tree/internal.h"
#include "src/statement/statement.h"
#include "tests/unit/fs/over_memory.h"

static void execute(const char *sql)
{
    struct pfs_buf answer = {0};
    struct pfs_err err = {0};

    if (pfs_catalog_execute(t.catalog, NULL, pfs_str(sql), &answer, &err) < 0)
        fail_msg("%s: %s", sql, err.text);
    pfs_buf_done(&answer);
}

static struct pfs_node *node_of(const char *path)
{
    struct pfs_entry entry;

    if (pfs_tree_walk(t.tree, path, &entry, NULL) < 0)
        fail_msg("%s is not there", path);
    return entry.node;
}

static bool there(const char *path)
{
    struct pfs_entry entry;

    if (pfs_tree_walk(t.tree, path, &entry, NULL) < 0)
        return false;
    pfs_tree_forget(t.tree, entry.node, 1);
    return true;
}

static int unmake(const char *parent, const char *name)
{
    struct pfs_node *node = node_of(parent);
    int rc;

    pfs_tree_rmdir(t.tree, &t.waiting.request, node, name);
    rc = (int)pfs_waiting_result(&t.waiting, NULL);
    pfs_tree_forget(t.tree, node, 1);
    return rc;
}

static int unlink_at(const char *parent, const char *name)
{
    struct pfs_node *node = node_of(parent);

    pfs_tree_unlink(t.tree, &t.waiting.request, node, name);
    pfs_tree_forget(t.tree, node, 1);
    return (int)pfs_waiting_result(&t.waiting, NULL);
}

static int move(const char *parent, const char *name, const char *new_parent, const char *new_name)
{
    struct pfs_node *from = node_of(parent), *to = strcmp(parent, new_parent) == 0 ? from : node_of(new_parent);
    int rc;

    pfs_tree_rename(t.tree, &t.waiting.request, from, name, to, new_name, 0);
    rc = (int)pfs_waiting_result(&t.waiting, NULL);
    pfs_tree_forget(t.tree, from, 1);
    if (to != from)
        pfs_tree_forget(t.tree, to, 1);
    return rc;
}

static void a_branch_is_a_folder(void **state)
{
    (void)state;
    assert_int_equal(mkdir_at("d/t/branch", "b"), 0);
    assert_int_equal(mkdir_at("d/t/branch", "b"), -EEXIST);
    assert_true(there("d/t/branch/b/snapshot/latest.csv"));
    assert_int_equal(move("d/t/branch", "b", "d/t/branch", "c"), 0);
    assert_false(there("d/t/branch/b"));
    assert_true(there("d/t/branch/c/inbox"));
    assert_int_equal(unmake("d/t/branch", "c"), 0);
    assert_false(there("d/t/branch/c"));
    assert_int_equal(unmake("d/t/branch", "c"), -ENOENT);
}

static void a_branch_of_a_tag_is_made_below_it(void **state)
{
    (void)state;
    execute("TRUNCATE TABLE d.t;");
    assert_int_equal(mkdir_at("d/t/tag", "v1"), 0);
    assert_int_equal(mkdir_at("d/t/tag/v1/branch", "b"), 0);
    assert_true(there("d/t/branch/b/tag/v1"));
    execute("TRUNCATE TABLE d.t;");
    assert_int_equal(unmake("d/t/branch", "b"), 0); /* its snapshot is the main table's */
    assert_int_equal(mkdir_at("d/t/tag/v1/branch", "b"), 0);
    execute("TRUNCATE TABLE d.`t$branch_b`;");
    assert_int_equal(unmake("d/t/branch", "b"), -ENOTEMPTY);
    assert_true(there("d/t/branch/b"));
}

static void names_that_paimon_refuses_are_refused(void **state)
{
    static const struct {
        const char *name;
        int want;
    } cases[] = {{"main", -EINVAL}, {"12", -EINVAL}, {" ", -EINVAL}, {".hidden", -ENOENT}, {"a/b", -EINVAL}};
    char longest[250];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int rc = mkdir_at("d/t/branch", cases[i].name);

        CHECK(cases[i].name, rc == cases[i].want || rc == -ENOENT);
    }
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0'; /* 249 bytes: "branch-" does not fit before it */
    assert_int_equal(mkdir_at("d/t/branch", longest), -EINVAL);
    longest[248] = '\0';
    assert_int_equal(mkdir_at("d/t/branch", longest), 0);
}

static void what_a_statement_must_do_no_folder_does(void **state)
{
    (void)state;
    assert_int_equal(mkdir_at("d", "new"), -EPERM);
    assert_int_equal(mkdir_at("d/t", "new"), -EPERM);
    execute("TRUNCATE TABLE d.t;");
    assert_int_equal(unmake("d", "t"), -ENOTEMPTY);
    assert_true(there("d/t"));
    assert_int_equal(unmake("d", "sums"), 0);
    assert_false(there("d/sums"));
    assert_int_equal(unmake("d/t", "snapshot"), -EPERM);
    assert_int_equal(move("d/t/tag", "x", "d/logs/tag", "y"), -EPERM);
}

static void a_table_moves_with_its_rows(void **state)
{
    (void)state;
    execute("CREATE DATABASE e;");
    assert_int_equal(append("d/t/inbox", "1,one,10\n"), 0);
    assert_int_equal(move("d", "t", "d", "logs"), -EEXIST);
    assert_int_equal(move("d", "t", "e", "u"), 0);
    assert_false(there("d/t"));
    assert_string_equal(text_of("e/u/snapshot/latest.csv"), "k,v,n\n1,one,10\n");
    assert_int_equal(move("d", "zz", "e", "v"), -ENOENT);
}

static void who_could_not_remove_what_is_below_does_not_remove_the_folder(void **state)
{
    (void)state;
    execute("TRUNCATE TABLE d.t;");
    assert_int_equal(mkdir_at("d/t/tag", "v1"), 0);
    t.waiting.request.pid = 77;
    assert_int_equal(unlink_at("d/t/tag/v1", "schema.sql"), -EROFS);
    assert_int_equal(unmake("d/t/tag", "v1"), -EPERM);
    assert_int_equal(unmake("d/t/tag", "v1"), -EPERM); /* not only once */
    t.waiting.request.pid = 78;
    assert_int_equal(unmake("d/t/tag", "v1"), 0);
    assert_int_equal(mkdir_at("d/t/branch", "b"), 0);
    assert_int_equal(unlink_at("d/t/branch/b", "schema.sql"), -EPERM);
    assert_int_equal(unmake("d/t/branch", "b"), -EPERM);
    t.waiting.request.pid = 77;
    assert_int_equal(unmake("d/t/branch", "b"), 0);
}

/* As append(), and nobody looks: the rows wait for their commit. */
static void acknowledge(const char *path, const char *rows)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    assert_int_equal(open_path(path, O_WRONLY | O_APPEND, &entry, &file), 0);
    pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(rows));
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), strlen(rows));
    pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
    assert_int_equal(close_path(&entry, &file), 0);
}

static void what_was_acknowledged_moves_with_its_branch_and_table(void **state)
{
    (void)state;
    assert_int_equal(mkdir_at("d/t/branch", "b"), 0);
    acknowledge("d/t/branch/b/inbox", "1,one,10\n");
    assert_int_equal(move("d/t/branch", "b", "d/t/branch", "c"), 0);
    assert_string_equal(text_of("d/t/branch/c/snapshot/latest.csv"), "k,v,n\n1,one,10\n");
    acknowledge("d/t/branch/c/inbox", "2,two,20\n");
    acknowledge("d/t/inbox", "3,three,30\n");
    assert_int_equal(move("d", "t", "d", "u"), 0);
    assert_string_equal(text_of("d/u/snapshot/latest.csv"), "k,v,n\n3,three,30\n");
    assert_string_equal(text_of("d/u/branch/c/snapshot/latest.csv"), "k,v,n\n1,one,10\n2,two,20\n");
}

static void what_was_acknowledged_is_not_removed_with_a_folder(void **state)
{
    (void)state;
    acknowledge("d/sums/inbox", "1,10\n");
    assert_int_equal(unmake("d", "sums"), -ENOTEMPTY);
    assert_string_equal(text_of("d/sums/snapshot/latest.csv"), "k,n\n1,10\n");
    assert_int_equal(mkdir_at("d/t/branch", "b"), 0);
    acknowledge("d/t/branch/b/inbox", "1,one,10\n");
    assert_int_equal(unmake("d/t/branch", "b"), -ENOTEMPTY);
    assert_int_equal(unmake("d", "t"), -ENOTEMPTY);
    assert_string_equal(text_of("d/t/branch/b/snapshot/latest.csv"), "k,v,n\n1,one,10\n");
}

static void what_is_written_to_is_neither_moved_nor_removed(void **state)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    (void)state;
    assert_int_equal(mkdir_at("d/t/branch", "b"), 0);
    assert_int_equal(open_path("d/t/branch/b/inbox", O_WRONLY | O_APPEND, &entry, &file), 0);
    assert_int_equal(unmake("d/t/branch", "b"), -EBUSY);
    assert_int_equal(move("d/t/branch", "b", "d/t/branch", "c"), -EBUSY);
    assert_int_equal(unmake("d", "t"), -EBUSY);
    assert_int_equal(move("d", "t", "d", "u"), -EBUSY);
    assert_int_equal(close_path(&entry, &file), 0);
    assert_int_equal(unmake("d/t/branch", "b"), 0);
    assert_int_equal(unmake("d", "t"), 0);
}

static void who_is_refused_a_file_is_given_no_node(void **state)
{
    static const char *const names[] = {"inbox", "overwrite", "nothing"};
    struct pfs_node *node = node_of("d/t");
    long long nodes = atomic_load(&t.tree->nodes);

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct pfs_opened file;
        struct pfs_entry entry;

        pfs_tree_create(t.tree, &t.waiting.request, node, names[i], O_RDWR | O_CREAT, &entry, &file);
        CHECK(names[i], pfs_waiting_result(&t.waiting, NULL) < 0);
    }
    assert_int_equal(atomic_load(&t.tree->nodes), nodes);
    pfs_tree_forget(t.tree, node, 1);
}

/* A queue has rows of two tables that had its name one after the other, and both are gone: under a sanitizer it is seen
 * when their schemas are, too. */
static void rows_of_tables_that_are_gone_keep_their_schemas(void **state)
{
    static const char anew[] = "DROP TABLE d.t; CREATE TABLE d.t (k INT, v STRING, PRIMARY KEY (k) NOT ENFORCED);";

    (void)state;
    assert_int_equal(append("d/t/inbox", "1,a,1\n"), 0);
    execute(anew);
    assert_int_equal(append("d/t/inbox", "2,b\n"), 0);
    execute(anew);
    assert_true(there("d/t/inbox")); /* the one between is forgotten */
    assert_string_equal(text_of("d/t/snapshot/latest.csv"), "k,v\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_branch_is_a_folder, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_branch_of_a_tag_is_made_below_it, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(names_that_paimon_refuses_are_refused, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_a_statement_must_do_no_folder_does, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(who_is_refused_a_file_is_given_no_node, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(rows_of_tables_that_are_gone_keep_their_schemas, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_table_moves_with_its_rows, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_was_acknowledged_moves_with_its_branch_and_table, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_was_acknowledged_is_not_removed_with_a_folder, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(what_is_written_to_is_neither_moved_nor_removed, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(who_could_not_remove_what_is_below_does_not_remove_the_folder, open_tree,
                                        close_tree),
    };

    return cmocka_run_group_tests_name("fs/folders", tests, NULL, NULL);
}
