/* run_test.c - rows that are put aside in runs: none is lost where they cannot be, and each keeps a number of its own.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/store.h"
#include "src/write/internal.h"

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.one (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1');";

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

#define BATCHES 12
#define BATCH_ROWS 4000

/* Adds rows far beyond the budget, and commits, though one could not be added. What was taken is there then, or nobody
 * is told so. -errno: of what failed first. */
static int add_and_commit(struct pfs_write *w)
{
    struct pfs_state *s = newest();
    struct pfs_err err = {0};
    int64_t id = 0, taken = 0;
    int rc = 0, committed;

    for (int32_t i = 0; i < BATCHES && rc == 0; i++) {
        rc = try_add(w, i * BATCH_ROWS, 1, BATCH_ROWS, i, PFS_INSERT, s);
        taken += rc == 0;
    }
    pfs_state_unref(s);
    committed = pfs_table_commit(table, w, "u", 1, false, &id, &err);
    if (committed < 0) {
        assert_true(err.text[0] != '\0');
        assert_int_equal(pfs_table_commit(table, w, "u", 1, false, &id, NULL), committed); /* nor later */
        assert_int_equal(read_all().rows, 0);
    } else { /* what could not be put aside stayed in memory */
        assert_in_range(read_all().rows, taken * BATCH_ROWS, (taken + (rc < 0)) * BATCH_ROWS);
    }
    pfs_write_close(w);
    return rc < 0 ? rc : committed;
}

static void rows_that_have_no_room_aside_are_no_success(void **state)
{
    (void)state;
    for (int workers = 0; workers <= 2; workers += 2) {
        struct pfs_write *w;

        set_up_with(workers);
        use("one");
        w = open_write(SMALL);
        w->config.scratch_dir = "/none/of/this/is/there";
        assert_true(add_and_commit(w) < 0);
        tear_down(NULL);
    }
}

/* The file may grow to so many bytes: there is room for the first runs, or for a part of one. */
static void a_full_disk_is_no_success(void **state)
{
    static const rlim_t limits[] = {1, 5000, 70000};
    struct rlimit before, limit;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (int workers = 0; workers <= 2; workers += 2)
        for (size_t i = 0; i < COUNT(limits); i++) {
            set_up_with(workers);
            use("one");
            limit = before;
            limit.rlim_cur = limits[i];
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
            CHECK("no room", add_and_commit(open_write(SMALL / 8)) < 0);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
            tear_down(NULL);
        }
    (void)signal(SIGXFSZ, handler);
}

/* Else two rows of one key would have the same number, and either might win. */
static void each_row_of_all_runs_has_a_number(void **state)
{
    (void)state;
    for (int workers = 0; workers <= 2; workers += 2) {
        struct pfs_state *s;

        set_up_with(workers);
        use("one");
        assert_int_equal(add_and_commit(open_write(SMALL)), 0);
        s = newest();
        assert_int_equal(s->files, 1);
        assert_int_equal(s->file[0]->file.min_sequence, 0);
        assert_int_equal(s->file[0]->file.max_sequence, BATCHES * BATCH_ROWS - 1);
        pfs_state_unref(s);
        tear_down(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_have_no_room_aside_are_no_success),
        cmocka_unit_test(a_full_disk_is_no_success),
        cmocka_unit_test(each_row_of_all_runs_has_a_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
