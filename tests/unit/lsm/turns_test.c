/* turns_test.c - whose turn it is. */
#include "src/lsm/turns.h"

#include "tests/unit/cm.h"

#define TABLES_MAX 3

struct turn_case {
    const char *what;
    enum pfs_turn_kind kind;
    struct pfs_turn turn[TABLES_MAX];
    int32_t table;
    int64_t at_ms;
};

#define NOW 100000

static void check(const struct turn_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct pfs_turn *turn[TABLES_MAX];
        struct pfs_next_turn next;

        for (int k = 0; k < TABLES_MAX; k++)
            turn[k] = &cases[i].turn[k];
        next = pfs_turn_next(turn, TABLES_MAX, cases[i].kind, NOW);
        if (next.table != cases[i].table || (next.table < 0 && next.at_ms != cases[i].at_ms))
            fail_msg("%s: table %d, at %lld", cases[i].what, next.table, (long long)next.at_ms);
    }
}

static void a_look_follows_a_commit_and_takes_little_of_the_time(void **state)
{
    static const struct turn_case cases[] = {
        {"nothing was committed", PFS_TURN_LOOK, {{.looked_ms = 1}}, -1, INT64_MAX},
        {"never looked at", PFS_TURN_LOOK, {{0}, {.changed = true}}, 1, 0},
        {"looked at right now", PFS_TURN_LOOK, {{.changed = true, .looking = true}}, -1, INT64_MAX},
        {"a look of 20 ms, 199 ms ago",
         PFS_TURN_LOOK,
         {{.changed = true, .looked_ms = NOW - 199, .look_took_ms = 20}},
         -1,
         NOW + 1},
        {"a look of 20 ms, 200 ms ago",
         PFS_TURN_LOOK,
         {{.changed = true, .looked_ms = NOW - 200, .look_took_ms = 20}},
         0,
         0},
        {"longest ago first",
         PFS_TURN_LOOK,
         {{.changed = true, .looked_ms = 30}, {.changed = true, .looked_ms = 10}, {.changed = true, .looked_ms = 20}},
         1,
         0},
        {"a compaction keeps nobody from looking", PFS_TURN_LOOK, {{.changed = true, .compacting = true}}, 0, 0},
    };

    (void)state;
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void the_table_with_most_pressure_is_compacted_first(void **state)
{
    static const struct turn_case cases[] = {
        {"nothing to do", PFS_TURN_COMPACT, {{.changed = true}}, -1, INT64_MAX},
        {"nearest to its stop",
         PFS_TURN_COMPACT,
         {{.due = true, .due_since_ms = NOW - 9, .runs = 50, .stop = 100},
          {.due = true, .due_since_ms = NOW - 1, .runs = 6, .stop = 8},
          {.due = true, .due_since_ms = NOW - 5, .runs = 5, .stop = 8}},
         1,
         0},
        {"equal: who waits longer",
         PFS_TURN_COMPACT,
         {{.due = true, .due_since_ms = NOW - 1, .runs = 5, .stop = 8},
          {.due = true, .due_since_ms = NOW - 2, .runs = 5, .stop = 8}},
         1,
         0},
        {"without runs comes last",
         PFS_TURN_COMPACT,
         {{.due = true, .due_since_ms = NOW - 29000}, {.due = true, .due_since_ms = NOW, .runs = 5, .stop = 8}},
         1,
         0},
        {"but not for ever",
         PFS_TURN_COMPACT,
         {{.due = true, .due_since_ms = NOW - 30000}, {.due = true, .due_since_ms = NOW, .runs = 50, .stop = 8}},
         0,
         0},
        {"one at a time", PFS_TURN_COMPACT, {{.due = true, .compacting = true}}, -1, INT64_MAX},
        {"a failure waits",
         PFS_TURN_COMPACT,
         {{.due = true, .failures = 2, .failed_ms = NOW - 500, .runs = 90, .stop = 8},
          {.due = true, .due_since_ms = NOW, .runs = 5, .stop = 8}},
         1,
         0},
        {"and is tried again",
         PFS_TURN_COMPACT,
         {{.due = true, .failures = 2, .failed_ms = NOW - 500, .runs = 90, .stop = 8}},
         -1,
         NOW + 1500},
    };

    (void)state;
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void failures_wait_longer_each_time(void **state)
{
    (void)state;
    assert_int_equal(pfs_turn_backoff_ms(0), 0);
    assert_int_equal(pfs_turn_backoff_ms(1), 1000);
    assert_int_equal(pfs_turn_backoff_ms(4), 8000);
    assert_int_equal(pfs_turn_backoff_ms(11), 600000);
    assert_int_equal(pfs_turn_backoff_ms(INT32_MAX), 600000);
}

static void writers_are_held_while_a_compaction_can_help(void **state)
{
    (void)state;
    assert_false(pfs_turn_holds(&(struct pfs_turn){.due = true, .runs = 8, .stop = 8}));
    assert_true(pfs_turn_holds(&(struct pfs_turn){.due = true, .runs = 9, .stop = 8}));
    assert_true(pfs_turn_holds(&(struct pfs_turn){.compacting = true, .runs = 9, .stop = 8}));
    assert_true(pfs_turn_holds(&(struct pfs_turn){.failures = 1, .changed = true, .runs = 9, .stop = 8}));
    assert_false(pfs_turn_holds(&(struct pfs_turn){.runs = 9, .stop = 8}));
    assert_false(pfs_turn_holds(&(struct pfs_turn){.due = true, .runs = 9, .stop = 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_follows_a_commit_and_takes_little_of_the_time),
        cmocka_unit_test(the_table_with_most_pressure_is_compacted_first),
        cmocka_unit_test(failures_wait_longer_each_time),
        cmocka_unit_test(writers_are_held_while_a_compaction_can_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
