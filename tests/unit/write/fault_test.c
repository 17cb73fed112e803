/* fault_test.c - each call of the store fails once: what failed leaves nothing behind, and the next attempt works. */
#include <errno.h>

#include "base/store.h"

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.one (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');"
    "CREATE TABLE d.told (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"
    " 'changelog-producer' = 'input');"
    "CREATE TABLE d.dynamic (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED)"
    " WITH ('dynamic-bucket.target-row-num' = '1000');"
    "CREATE TABLE d.moving (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('dynamic-bucket.target-row-num' = '1000');"
    "CREATE TABLE d.later (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '-2');"
    "CREATE TABLE d.log (k INT, p INT, n BIGINT);";

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

static int alone(void **state)
{
    (void)state;
    return set_up_with(0);
}

/* Files below a directory, in all of its directories but those that commits write. */
struct tree {
    const char *path;
    int64_t files;
};

static int count_tree(void *context, struct pfs_slice name, bool directory)
{
    struct tree *t = context;
    char path[512];
    struct tree below = {path, 0};

    (void)snprintf(path, sizeof(path), "%s/%.*s", t->path, (int)name.len, (const char *)name.at);
    if (!directory)
        t->files++;
    else if (pfs_slice_eq(name, pfs_str("snapshot")) || pfs_slice_eq(name, pfs_str("manifest")) ||
             pfs_slice_eq(name, pfs_str("schema")))
        return 0;
    else if (pfs_store_list(store, path, count_tree, &below, NULL) == 0)
        t->files += below.files;
    return 0;
}

static int64_t files_of(const char *name)
{
    char path[64];
    struct tree t = {path, 0};

    (void)snprintf(path, sizeof(path), "d.db/%s", name);
    assert_int_equal(pfs_store_list(store, path, count_tree, &t, NULL), 0);
    return t.files;
}

/* Each of the first calls, then every seventh: what is written in between are pages of one file. */
static int64_t next_call(int64_t n)
{
    return n < 30 ? n + 1 : n + 7;
}

/* Where keys live is read as any read is, which asks for the newest schema and does without when it cannot be had. */
static void note_schema(void *context, const char *op, const char *path)
{
    (void)op;
    if (fault.calls == fault.fail_at)
        *(bool *)context = strstr(path, "/schema") != NULL;
}

/* Two commits; the write of the second one goes beyond its budget. The n-th call of the store fails in prepare. True:
 * it was made, and failed the prepare unless it asked for a schema. */
static bool prepare_with_failure(const char *name, size_t memory, int64_t n, int64_t rows)
{
    struct pfs_write_files out;
    struct pfs_err err = {0};
    struct pfs_write *w;
    struct pfs_state *s;
    bool of_schema = false;
    int64_t before;
    int rc;

    alone(NULL);
    use(name);
    w = open_write(0);
    partition_shift = 1;
    add(w, 0, 1, 3000, 1, PFS_INSERT);
    commit(w);
    partition_shift = 0;
    before = files_of(name);
    pfs_write_close(w);
    w = open_write(memory);
    for (int32_t i = 0; i < 3; i++)
        add(w, 500 * i, 1, 4000, 2 + i, PFS_INSERT);
    s = newest();
    fault.fail_errno = EIO;
    fault.each = note_schema;
    fault.context = &of_schema;
    fault.fail_at = fault.calls + n;
    rc = pfs_write_prepare(w, s, &out, &err);
    fault.fail_at = 0;
    fault.each = NULL;
    if (rc < 0) {
        assert_int_equal(rc, -EIO);
        assert_int_equal(err.code, EIO);
        assert_true(err.text[0] != '\0');
    }
    pfs_state_unref(s);
    if (n % 2 == 0 || rc == 0) {
        commit(w);
        if (rows >= 0)
            assert_int_equal(read_all().rows, rows);
        before = files_of(name);
    }
    pfs_write_close(w);
    assert_int_equal(files_of(name), before);
    tear_down(NULL);
    return rc < 0 || of_schema;
}

static void every_failing_call_leaves_nothing_behind(void **state)
{
    static const struct {
        const char *table;
        size_t memory; /* SMALL where what is beyond it does not go to files that a failure loses for good */
        int64_t rows;
    } cases[] = {{"one", 0, 5000},    {"one", SMALL, 5000}, {"told", 0, 5000}, {"dynamic", 0, 5000},
                 {"moving", 0, 5000}, {"later", 0, 0},      {"log", 0, 15000}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t n = 1;

        while (prepare_with_failure(cases[i].table, cases[i].memory, n, cases[i].rows))
            n = next_call(n);
        assert_true(n > 3);
    }
}

/* Beyond the budget rows become files while they are added: a call that fails there fails the write. */
static bool add_with_failure(const char *name, int64_t n)
{
    struct pfs_state *s;
    struct pfs_write *w;
    int64_t before, id = 0;
    int32_t taken = 1; /* of five times 4000 rows */
    bool failed;

    alone(NULL);
    use(name);
    w = open_write(0);
    add(w, 0, 1, 3000, 1, PFS_INSERT);
    commit(w);
    pfs_write_close(w);
    before = files_of(name);
    w = open_write(SMALL);
    add(w, 0, 1, 4000, 2, PFS_INSERT);
    s = newest();
    fault.fail_errno = EIO;
    fault.fail_at = fault.calls + n;
    for (int32_t i = 0; i < 4; i++)
        taken += try_add(w, 0, 1, 4000, 3 + i, PFS_INSERT, s) == 0;
    failed = fault.calls >= fault.fail_at;
    fault.fail_at = 0;
    pfs_state_unref(s);
    if (!failed) {
        commit(w);
        before = files_of(name);
    } else if (pfs_table_commit(table, w, "u", 1, false, &id, NULL) == 0) {
        before = files_of(name); /* what could not be put aside stayed in memory */
        if (strcmp(name, "log") == 0)
            assert_in_range(read_all().rows, 3000 + 4000 * taken, 3000 + 4000 * 5);
    }
    pfs_write_close(w);
    assert_int_equal(files_of(name), before);
    tear_down(NULL);
    return failed;
}

static void every_call_that_fails_while_rows_are_added_leaves_nothing_behind(void **state)
{
    static const char *const names[] = {"told", "moving", "later", "log"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int64_t n = 1;

        while (add_with_failure(names[i], n))
            n = next_call(n);
        assert_true(n > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_call_leaves_nothing_behind),
        cmocka_unit_test(every_call_that_fails_while_rows_are_added_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
