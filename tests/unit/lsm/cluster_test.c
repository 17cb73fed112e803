/* cluster_test.c - append tables whose files have levels and are put in the order of clustering.columns. */
#include "src/lsm/compact.h"

#define CLUSTERED(name, columns, options)                                                                        \
    "CREATE TABLE d." name " (k INT, p INT, n BIGINT) WITH ('bucket' = '-1', 'clustering.incremental' = 'true'," \
    " 'clustering.columns' = '" columns "', 'num-sorted-run.compaction-trigger' = '3'" options ");"

#define TABLES                                                                                              \
    "CREATE DATABASE d;" CLUSTERED("one", "k", "") CLUSTERED("two", "k,n", "") CLUSTERED(                   \
        "marked", "k", ", 'deletion-vectors.enabled' = 'true'")                                             \
        CLUSTERED("curve", "k", ", 'clustering.strategy' = 'hilbert'") CLUSTERED(                           \
            "nothing", "",                                                                                  \
            "") "CREATE TABLE d.buckets (k INT, p INT, n BIGINT) WITH ('bucket' = '2', 'bucket-key' = 'k'," \
                " 'bucket-append-ordered' = 'false', 'clustering.incremental' = 'true', 'clustering.columns' = 'k');"

#include "tests/unit/lsm/told.h"

static int64_t compact(bool full)
{
    struct pfs_compact_want want = {.full = full};
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    if (pfs_table_compact(table, &want, &result, &err) < 0)
        fail_msg("%s", err.text);
    return result.snapshot;
}

/* Rows of the files at a level. */
static int64_t rows_at(int32_t level)
{
    struct pfs_state *s = newest();
    int64_t rows = 0;

    for (int64_t i = 0; i < s->files; i++)
        rows += s->file[i]->file.level == level ? s->file[i]->file.rows : 0;
    pfs_state_unref(s);
    return rows;
}

/* Keys as they are read, which is as they lie in the only file. */
static void check_order(void)
{
    struct pfs_state *s = newest();
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_reader *reader;
    struct pfs_scan *scan;
    int32_t last = INT32_MIN;
    int64_t rows;

    assert_int_equal(s->files, 1);
    assert_int_equal(pfs_scan_open(&(struct pfs_scan_want){.state = s, .columns = -1}, &scan, NULL), 0);
    assert_int_equal(pfs_scan_split(scan, 0, &reader, NULL), 0);
    while ((rows = pfs_reader_next(reader, &arena, &batch, NULL)) > 0)
        for (int64_t i = 0; i < rows; i++) {
            int32_t k = ((const int32_t *)batch.column[0].values)[i];

            assert_true(k >= last);
            last = k;
        }
    assert_int_equal(rows, 0);
    pfs_reader_close(reader);
    pfs_scan_close(scan);
    pfs_arena_done(&arena);
    pfs_state_unref(s);
}

static void few_runs_are_left_alone_and_many_go_to_the_top_in_order(void **state)
{
    (void)state;
    use("one");
    write_rows(100, -1, 50, 1, 0);
    write_rows(75, -1, 50, 1, 0);
    assert_int_equal(compact(false), 0);
    write_rows(300, -2, 100, 1, 0);
    assert_true(compact(false) > 0);
    assert_int_equal(rows_at(3), 200);
    check_order();
    assert_int_equal(read_all().rows, 200);
}

static void new_rows_do_not_move_the_large_run(void **state)
{
    (void)state;
    use("two");
    for (int32_t i = 0; i < 3; i++)
        write_rows(20000, -1, 20000, i, 0);
    assert_true(compact(false) > 0);
    assert_int_equal(rows_at(3), 60000);
    for (int32_t i = 0; i < 3; i++)
        write_rows(50, -1, 50, i, 0);
    assert_true(compact(false) > 0);
    assert_int_equal(rows_at(3), 60000);
    assert_int_equal(rows_at(0), 0);
    assert_int_equal(read_all().rows, 60150);
}

static void all_is_put_in_order_once_and_again_when_the_columns_are_others(void **state)
{
    struct pfs_buf answer = {0};

    (void)state;
    use("one");
    write_rows(100, -1, 50, 1, 0);
    assert_true(compact(true) > 0);
    check_order();
    assert_int_equal(rows_at(3), 50);
    assert_int_equal(compact(true), 0);
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str("ALTER TABLE d.one SET ('clustering.columns' = 'n');"),
                                         &answer, NULL),
                     0);
    pfs_buf_done(&answer);
    assert_true(compact(true) > 0);
    assert_int_equal(compact(true), 0);
    assert_int_equal(read_all().rows, 50);
}

static void a_statement_that_says_nothing_is_not_full(void **state)
{
    struct pfs_buf answer = {0};

    (void)state;
    use("marked");
    write_rows(100, -1, 50, 1, 0);
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str("CALL sys.compact('d.marked');"), &answer, NULL), 0);
    assert_int_equal(rows_at(0), 50);
    assert_int_equal(pfs_catalog_execute(
                         catalog, NULL, pfs_str("CALL sys.compact(`table` => 'd.marked', compact_strategy => 'full');"),
                         &answer, NULL),
                     0);
    pfs_buf_done(&answer);
    assert_int_equal(rows_at(3), 50);
    check_order();
}

static void what_cannot_be_put_in_order_is_refused(void **state)
{
    static const struct {
        const char *table, *why;
        int rc;
    } cases[] = {{"curve", "at least two columns", -EINVAL},
                 {"nothing", "clustering.columns", -EINVAL},
                 {"buckets", "clustering.incremental", -EOPNOTSUPP}};
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pfs_err err = {0};

        use(cases[i].table);
        write_rows(100, -1, 50, 1, 0);
        assert_int_equal(pfs_table_compact(table, &want, &result, &err), cases[i].rc);
        assert_non_null(strstr(err.text, cases[i].why));
        assert_int_equal(read_all().rows, 50);
        pfs_table_unref(table);
    }
    table = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(few_runs_are_left_alone_and_many_go_to_the_top_in_order),
        TEST(new_rows_do_not_move_the_large_run),
        TEST(all_is_put_in_order_once_and_again_when_the_columns_are_others),
        TEST(a_statement_that_says_nothing_is_not_full),
        TEST(what_cannot_be_put_in_order_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
