/* assign_test.c - index files of dynamic buckets are whole and durable when a snapshot names them. */
#include <errno.h>

#include "base/store.h"

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.dynamic (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED)"
    " WITH ('dynamic-bucket.target-row-num' = '50');"
    "CREATE TABLE d.parts (k INT, p INT, n BIGINT, PRIMARY KEY (k, p) NOT ENFORCED) PARTITIONED BY (p)"
    " WITH ('dynamic-bucket.target-row-num' = '50', 'index-file-in-data-file-dir' = 'true');";

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

#define ROWS 120

struct sizes { /* of index files below a directory */
    const char *path;
    int64_t files, bytes;
};

static int add_sizes(void *context, struct pfs_slice name, bool directory)
{
    struct sizes *s = context;
    char path[512];
    struct sizes below = {path, 0, 0};
    struct pfs_stat st;

    (void)snprintf(path, sizeof(path), "%s/%.*s", s->path, (int)name.len, (const char *)name.at);
    if (directory && !pfs_slice_eq(name, pfs_str("manifest"))) {
        assert_int_equal(pfs_store_list(bare, path, add_sizes, &below, NULL), 0);
        s->files += below.files;
        s->bytes += below.bytes;
    } else if (!directory && name.len > 6 && memcmp(name.at, "index-", 6) == 0) {
        assert_int_equal(pfs_store_stat(bare, path, &st, NULL), 0);
        s->files++;
        s->bytes += (int64_t)st.size;
    }
    return 0;
}

/* Of each key four bytes, in one file a bucket. */
static void check_indexes(const char *name)
{
    struct pfs_state *s = newest();
    char path[64];
    struct sizes all = {path, 0, 0};
    int64_t rows = 0;

    (void)snprintf(path, sizeof(path), "d.db/%s", name);
    assert_int_equal(pfs_store_list(bare, path, add_sizes, &all, NULL), 0);
    for (int64_t i = 0; i < s->indexes; i++)
        rows += s->index[i].rows;
    assert_int_equal(rows, ROWS);
    assert_int_equal(all.files, s->indexes);
    assert_int_equal(all.bytes, 4 * ROWS);
    pfs_state_unref(s);
}

/* Call `n` of a commit fails, once; then it is tried again, and the power goes. False: there was no such call. */
static bool commit_with_failure(const char *name, int64_t n)
{
    struct pfs_write *w;
    int64_t id = 0;
    bool failed;

    set_up_with(0);
    use(name);
    w = open_write(0);
    add(w, 0, 1, ROWS, 1, PFS_INSERT);
    fault.fail_errno = EIO;
    fault.fail_at = fault.calls + n;
    failed = pfs_table_commit(table, w, "u", 1, false, &id, NULL) < 0;
    n = fault.fail_at - fault.calls;
    fault.fail_at = 0;
    if (failed)
        commit(w);
    pfs_store_memory_power_cut(bare);
    check_indexes(name);
    pfs_write_close(w);
    tear_down(NULL);
    return n <= 0;
}

static void index_files_are_whole_and_durable(void **state)
{
    static const char *const names[] = {"dynamic", "parts"};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        int64_t n = 1;

        while (commit_with_failure(names[i], n))
            n++;
        assert_in_range(n, 10, 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_files_are_whole_and_durable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
