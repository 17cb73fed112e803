/* caretaker_test.c - tables that were committed to are compacted; what fails is told once, and holds writers. */
#include "src/caretaker/caretaker.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/commit/table.h"

static struct pfs_caretaker *caretaker;
static int reports;
static char reported[1024];
static bool fails;              /* each file that is made below a bucket */
static void (*meanwhile)(void); /* once, when such a file is about to be made; NULL = nothing */

static void note_report(void *context, const char *database, const char *name, const char *branch,
                        const struct pfs_err *why)
{
    assert_ptr_equal(context, &reports);
    reports++;
    (void)snprintf(reported, sizeof(reported), "%s.%s %s: %s", database, name, branch == NULL ? "" : branch, why->text);
}

static void watch(void *context, const char *op, const char *path)
{
    const int64_t number = fault.calls;

    (void)context;
    if (strcmp(op, "create") != 0 || strstr(path, "/bucket-") == NULL)
        return;
    if (meanwhile != NULL) {
        void (*then)(void) = meanwhile;

        meanwhile = NULL;
        then();
    }
    if (fails) {
        fault.fail_errno = EIO;
        fault.fail_at = number;
    }
}

static int begin(void **state)
{
    struct pfs_caretaker_config config = {.report = note_report, .context = &reports};

    (void)set_up(state);
    config.catalog = catalog;
    reports = 0;
    fails = false;
    meanwhile = NULL;
    assert_int_equal(pfs_caretaker_open(&config, &caretaker, NULL), 0);
    for (int32_t i = 0; i < 7; i++)
        (void)commit(i);
    fault.each = watch;
    return 0;
}

static int end(void **state)
{
    pfs_caretaker_close(caretaker);
    return tear_down(state);
}

static struct pfs_caretaker_facts facts(void)
{
    struct pfs_caretaker_facts out;

    assert_true(pfs_caretaker_facts(caretaker, table, &out));
    return out;
}

static int64_t newest_id(enum pfs_commit_kind *kind)
{
    struct pfs_state *s = newest();
    int64_t id = s->snapshot.id;

    *kind = s->snapshot.kind;
    pfs_state_unref(s);
    return id;
}

static void a_table_is_compacted_when_it_was_committed_to(void **state)
{
    struct pfs_caretaker_facts f;
    enum pfs_commit_kind kind;

    (void)state;
    assert_false(pfs_caretaker_facts(caretaker, table, &f));
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    assert_int_equal(newest_id(&kind), 7);
    pfs_caretaker_committed(caretaker, table);
    f = facts();
    assert_true(f.due && !f.looked);
    assert_string_equal(f.table, "t");
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    assert_int_equal(newest_id(&kind), 8);
    assert_int_equal(kind, PFS_COMMIT_COMPACT);
    f = facts();
    assert_true(f.looked && !f.due && !f.compacting && !f.holds);
    assert_int_equal(f.done, 1);
    assert_int_equal(f.last_snapshot, 8);
    assert_true(f.old_bytes > f.bytes && f.bytes > 0);
    assert_int_equal(f.failed + f.conflicts, 0);
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    assert_int_equal(newest_id(&kind), 8);
    pfs_caretaker_committed(caretaker, table); /* nothing is due */
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    assert_int_equal(newest_id(&kind), 8);
    assert_int_equal(facts().done, 1);
    assert_int_equal(reports, 0);
}

static void a_failure_is_told_once_and_forgotten_when_it_is_over(void **state)
{
    enum pfs_commit_kind kind;
    struct pfs_err err = {0};
    struct pfs_caretaker_facts f;

    (void)state;
    fails = true;
    for (int i = 1; i <= 3; i++) {
        pfs_caretaker_committed(caretaker, table);
        assert_int_equal(pfs_caretaker_run(caretaker, &err), -EIO);
        assert_non_null(strstr(err.text, "compaction"));
        f = facts();
        assert_int_equal(f.failed, i);
        assert_int_equal(f.error.code, EIO);
        assert_true(f.retry_ms > 0);
        assert_int_equal(reports, 1);
    }
    assert_memory_equal(reported, "d.t : compaction", 16);
    assert_int_equal(newest_id(&kind), 7);
    fails = false;
    fault.fail_at = 0;
    pfs_caretaker_committed(caretaker, table);
    assert_int_equal(pfs_caretaker_run(caretaker, &err), 0);
    f = facts();
    assert_int_equal(f.failed, 3);
    assert_int_equal(f.error.code, 0);
    assert_int_equal(f.retry_ms, 0);
    assert_int_equal(f.done, 1);
}

static void writers_are_held_while_a_compaction_fails(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    run("ALTER TABLE d.t SET ('num-sorted-run.stop-trigger' = '6');");
    assert_int_equal(pfs_caretaker_check(caretaker, table, &err), 0);
    fails = true;
    pfs_caretaker_committed(caretaker, table);
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), -EIO);
    assert_true(facts().holds);
    assert_int_equal(pfs_caretaker_check(caretaker, table, &err), -EBUSY);
    assert_non_null(strstr(err.text, "7 sorted runs"));
    assert_non_null(strstr(err.text, "its compaction fails"));
    fails = false;
    fault.fail_at = 0;
    pfs_caretaker_committed(caretaker, table);
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    pfs_caretaker_committed(caretaker, table);
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    assert_int_equal(pfs_caretaker_check(caretaker, table, &err), 0);
}

static void empty_table(void)
{
    assert_int_equal(pfs_table_truncate(table, NULL), 0);
}

/* Somebody was quicker: that is no failure, and nothing is left to do. */
static void what_others_took_is_given_up(void **state)
{
    enum pfs_commit_kind kind;
    struct pfs_caretaker_facts f;

    (void)state;
    meanwhile = empty_table;
    pfs_caretaker_committed(caretaker, table);
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    f = facts();
    assert_int_equal(f.done + f.failed, 0);
    assert_int_equal(newest_id(&kind), 8);
    assert_int_equal(kind, PFS_COMMIT_OVERWRITE);
    assert_int_equal(reports, 0);
}

static void a_table_that_is_gone_has_nothing_to_do(void **state)
{
    (void)state;
    pfs_caretaker_committed(caretaker, table);
    run("DROP TABLE d.t;");
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    assert_int_equal(facts().failed, 0);
    assert_int_equal(reports, 0);
}

static void each_branch_is_a_table_of_its_own(void **state)
{
    struct pfs_caretaker_facts f;
    struct pfs_table *main_table = table;

    (void)state;
    run("CALL sys.create_branch('d.t', 'b');");
    pfs_caretaker_committed(caretaker, table);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", "b", &table, NULL), 0);
    assert_false(pfs_caretaker_facts(caretaker, table, &f));
    for (int i = 0; i < 40; i++) /* the list grows, and nobody is twice on it */
        pfs_caretaker_committed(caretaker, i % 2 == 0 ? table : main_table);
    assert_string_equal(facts().branch, "b");
    assert_int_equal(pfs_caretaker_run(caretaker, NULL), 0);
    assert_int_equal(facts().failed, 0);
    pfs_table_unref(main_table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_table_is_compacted_when_it_was_committed_to, begin, end),
        cmocka_unit_test_setup_teardown(a_failure_is_told_once_and_forgotten_when_it_is_over, begin, end),
        cmocka_unit_test_setup_teardown(writers_are_held_while_a_compaction_fails, begin, end),
        cmocka_unit_test_setup_teardown(what_others_took_is_given_up, begin, end),
        cmocka_unit_test_setup_teardown(a_table_that_is_gone_has_nothing_to_do, begin, end),
        cmocka_unit_test_setup_teardown(each_branch_is_a_table_of_its_own, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
