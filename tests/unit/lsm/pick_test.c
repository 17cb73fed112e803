/* pick_test.c - every worked pick of the specification, and the options around them. */
#include "src/lsm/pick.h"

#include "tests/unit/cm.h"

#define L(level, bytes) \
    {                   \
        level, bytes, 1 \
    }
#define RUNS_MAX 8

static const struct pfs_pick_rules plain = {.trigger = 5,
                                            .top = 5,
                                            .amplification_percent = 200,
                                            .ratio_percent = 1,
                                            .peak_start = -1,
                                            .peak_end = -1,
                                            .interval_ms = -1,
                                            .total_bytes = -1,
                                            .incremental_bytes = -1};
static const struct pfs_pick_now noon = {.hour = 12, .ms = 1000000, .full_ms = INT64_MIN};

struct pick_case {
    const char *what;
    struct pfs_pick_run run[RUNS_MAX];
    int64_t picked;
    int32_t level;
};

static int64_t count_of(const struct pfs_pick_run *run)
{
    int64_t count = 0;

    while (count < RUNS_MAX && run[count].files > 0)
        count++;
    return count;
}

static void check(const struct pick_case *c, struct pfs_pick got)
{
    if (got.runs != c->picked || (got.runs > 0 && got.level != c->level))
        fail_msg("%s: %lld runs to level %d", c->what, (long long)got.runs, got.level);
}

static void universal_picks_are_those_of_the_specification(void **state)
{
    static const struct pick_case cases[] = {
        {"no runs", {L(0, 0)}, 0, 0},
        {"fewer runs than the trigger", {L(0, 10), L(0, 10), L(0, 10), L(5, 100)}, 0, 0},
        {"five equal files", {L(0, 10), L(0, 10), L(0, 10), L(0, 10), L(0, 10)}, 5, 5},
        {"by size ratio to the top", {L(0, 10), L(0, 10), L(0, 10), L(0, 10), L(5, 20)}, 5, 5},
        {"below a large top level", {L(0, 10), L(0, 10), L(0, 10), L(0, 10), L(5, 100)}, 4, 4},
        {"sizes that double", {L(0, 10), L(0, 20), L(0, 40), L(0, 80), L(5, 1000)}, 0, 0},
        {"run count reaches the top", {L(0, 10), L(0, 20), L(0, 40), L(0, 80), L(0, 160), L(5, 1000)}, 6, 5},
        {"run count reaches level 4", {L(0, 10), L(0, 20), L(0, 40), L(0, 80), L(4, 200), L(5, 1000)}, 5, 4},
        {"the level below the next run", {L(0, 10), L(0, 10), L(0, 40), L(3, 80), L(4, 200), L(5, 1000)}, 4, 3},
        {"level 0 is no output", {L(0, 100), L(0, 101), L(0, 300), L(4, 1000), L(5, 10000)}, 4, 4},
        {"just beyond the ratio", {L(0, 100), L(0, 102), L(0, 300), L(4, 1000), L(5, 10000)}, 0, 0},
        {"level 1 is taken along", {L(0, 10), L(0, 10), L(1, 100), L(2, 1000), L(5, 10000)}, 3, 1},
        {"four new files and the top", {L(0, 9), L(0, 9), L(0, 9), L(0, 9), L(5, 9)}, 5, 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t count = i == 0 ? 0 : count_of(cases[i].run);

        check(&cases[i], pfs_pick_normal(&plain, cases[i].run, count, &noon));
    }
}

static void level_0_is_forced_up(void **state)
{
    static const struct pick_case cases[] = {
        {"a move", {L(0, 10), L(5, 1000)}, 1, 4},
        {"a move below level 4", {L(0, 10), L(4, 11), L(5, 1000)}, 1, 3},
        {"level 1 directly below", {L(0, 10), L(1, 100), L(5, 1000)}, 2, 1},
        {"grows by ratio", {L(0, 10), L(0, 500), L(1, 100), L(5, 1000)}, 3, 4},
        {"nothing at level 0", {L(4, 100), L(5, 1000)}, 0, 0},
        {"one file alone", {L(0, 10)}, 1, 5},
        {"one file at the top", {L(5, 10)}, 0, 0},
    };
    struct pfs_pick_rules rules = plain;

    (void)state;
    rules.force_level_0 = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(&cases[i], pfs_pick_normal(&rules, cases[i].run, count_of(cases[i].run), &noon));
}

static void early_full_compaction_takes_all(void **state)
{
    static const struct pfs_pick_run runs[] = {L(0, 10), L(0, 20), L(5, 1000)};
    struct pfs_pick_rules rules = plain;
    struct pfs_pick_now now = noon;

    (void)state;
    rules.interval_ms = 1000;
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).runs, 3);
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).level, 5);
    now.full_ms = now.ms - 1000;
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).runs, 0);
    now.full_ms--;
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).runs, 3);
    rules = plain;
    rules.total_bytes = 1030;
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).runs, 0);
    rules.total_bytes = 1031;
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).runs, 3);
    assert_int_equal(pfs_pick_normal(&rules, runs, 1, &now).runs, 0); /* a single run is left alone */
    rules = plain;
    rules.incremental_bytes = 30;
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).runs, 0);
    rules.incremental_bytes = 29;
    assert_int_equal(pfs_pick_normal(&rules, runs, 3, &now).runs, 3);
}

/* With a trigger of nothing a run is picked by itself, again and again if it stays where it is. */
static void a_file_that_would_stay_where_it_is_is_left_alone(void **state)
{
    static const struct pfs_pick_run top[] = {L(5, 10)}, below[] = {L(4, 10)}, files[] = {{5, 10, 2}};
    struct pfs_pick_rules rules = plain;

    (void)state;
    rules.trigger = 0;
    assert_int_equal(pfs_pick_normal(&rules, top, 1, &noon).runs, 0);
    assert_int_equal(pfs_pick_normal(&rules, below, 1, &noon).runs, 1);
    assert_int_equal(pfs_pick_normal(&rules, below, 1, &noon).level, 5);
    assert_int_equal(pfs_pick_normal(&rules, files, 1, &noon).runs, 1);
}

static void off_peak_hours_are_generous(void **state)
{
    static const struct pfs_pick_run runs[] = {L(0, 100), L(0, 140), L(0, 1000), L(4, 2000), L(5, 20000)};
    static const struct {
        int64_t start, end;
        int32_t hour;
        bool generous;
    } cases[] = {{-1, -1, 3, false}, {2, 5, 3, true},   {2, 5, 2, true},    {2, 5, 5, false}, {22, 4, 23, true},
                 {22, 4, 3, true},   {22, 4, 4, false}, {22, 4, 12, false}, {3, 3, 3, false}, {-1, 5, 3, false}};
    struct pfs_pick_rules rules = plain;

    (void)state;
    rules.offpeak_percent = 39;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pfs_pick_now now = {.hour = cases[i].hour, .full_ms = INT64_MIN};

        rules.peak_start = cases[i].start;
        rules.peak_end = cases[i].end;
        if ((pfs_pick_normal(&rules, runs, 5, &now).runs > 0) != cases[i].generous)
            fail_msg("case %zu", i);
    }
}

static void full_compaction_takes_every_run_to_the_top(void **state)
{
    static const struct pfs_pick_run one[] = {L(0, 10)}, top[] = {L(5, 10)}, high[] = {L(0, 1), L(8, 10)};

    (void)state;
    assert_int_equal(pfs_pick_full(&plain, one, 0).runs, 0);
    assert_int_equal(pfs_pick_full(&plain, one, 1).runs, 1);
    assert_int_equal(pfs_pick_full(&plain, one, 1).level, 5);
    assert_int_equal(pfs_pick_full(&plain, top, 1).runs, 0);
    assert_int_equal(pfs_pick_full(&plain, high, 2).runs, 2);
    assert_int_equal(pfs_pick_full(&plain, high, 2).level, 8); /* num-levels was lowered */
}

static void buckets_of_append_tables_are_taken_in_order(void **state)
{
    static const int64_t small[] = {1, 1, 1, 1, 1, 1}, mixed[] = {80, 90, 1, 80, 1, 1}, large[] = {80, 90, 1, 80, 1};
    static const int64_t many[] = {150, 60, 1, 1, 1, 1};
    struct pfs_append_rules rules = {.files_min = 5, .small_bytes = 70, .target_bytes = 100};
    struct pfs_pick_files p;

    (void)state;
    p = pfs_pick_bucket(&rules, small, NULL, 4, false);
    assert_int_equal(p.count, 0);
    p = pfs_pick_bucket(&rules, small, NULL, 6, false);
    assert_int_equal(p.from, 0);
    assert_int_equal(p.count, 5);
    p = pfs_pick_bucket(&rules, many, NULL, 6, false); /* too much before there are five: the first goes */
    assert_int_equal(p.from, 1);
    assert_int_equal(p.count, 5);
    assert_int_equal(pfs_pick_bucket(&rules, small, NULL, 2, true).count, 0);
    assert_int_equal(pfs_pick_bucket(&rules, small, NULL, 3, true).count, 3);
    p = pfs_pick_bucket(&rules, mixed, NULL, 6, true);
    assert_int_equal(p.from, 2);
    assert_int_equal(p.count, 4);
    assert_int_equal(pfs_pick_bucket(&rules, large, NULL, 5, true).count, 3);
    assert_int_equal(pfs_pick_bucket(&rules, large, NULL, 4, true).count, 0);
}

static void deletion_vectors_of_a_bucket_end(void **state)
{
    static const int64_t bytes[] = {90, 90, 1};
    static const bool marked[] = {false, true, false};
    struct pfs_append_rules rules = {.files_min = 5, .small_bytes = 70, .target_bytes = 100, .vectors = true};
    struct pfs_pick_files p;

    (void)state;
    p = pfs_pick_bucket(&rules, bytes, marked, 3, true);
    assert_int_equal(p.from, 1);
    assert_int_equal(p.count, 2);
    assert_int_equal(pfs_pick_bucket(&rules, &bytes[1], &marked[1], 1, true).count, 1);
    assert_int_equal(pfs_pick_bucket(&rules, bytes, NULL, 3, true).count, 0); /* one file, and it has none */
    assert_int_equal(pfs_pick_bucket(&rules, bytes, NULL, 0, true).count, 0);
}

static void small_files_without_buckets_fill_bins(void **state)
{
    static const int64_t bytes[] = {1, 1, 1, 1, 1, 1, 1};
    struct pfs_append_rules rules = {.files_min = 5, .small_bytes = 70, .target_bytes = 100, .open_bytes = 49};
    struct pfs_pick_files p = pfs_pick_bin(&rules, bytes, 7, 0);

    (void)state;
    assert_int_equal(p.from, 0);
    assert_int_equal(p.count, 4);
    assert_int_equal(pfs_pick_bin(&rules, bytes, 7, 4).count, 0);
    rules.files_min = 3;
    assert_int_equal(pfs_pick_bin(&rules, bytes, 7, 4).count, 3);
    rules.open_bytes = 0;
    rules.files_min = 8;
    assert_int_equal(pfs_pick_bin(&rules, bytes, 7, 0).count, 0);
    rules.files_min = 7;
    assert_int_equal(pfs_pick_bin(&rules, bytes, 7, 0).count, 7);
    rules.target_bytes = INT64_MAX; /* twice as much is no number */
    assert_int_equal(pfs_pick_bin(&rules, bytes, 7, 0).count, 7);
    assert_int_equal(pfs_pick_bucket(&rules, bytes, NULL, 7, false).count, 7);
}

static void neighbours_with_columns_of_the_same_rows_are_joined(void **state)
{
    static const struct {
        const char *what;
        struct pfs_pick_range range[4];
        int64_t ranges, min, from, count; /* the first pick */
    } cases[] = {
        {"too few files", {{0, 5, 1, 10}, {5, 5, 1, 10}}, 2, 3, 2, 0},
        {"files of one range count each", {{0, 5, 2, 10}, {5, 5, 1, 10}}, 2, 3, 0, 2},
        {"a gap ends a stretch", {{0, 5, 1, 10}, {6, 5, 1, 10}, {11, 5, 1, 10}}, 3, 2, 1, 2},
        {"the one that fills it belongs to it", {{0, 5, 1, 60}, {5, 5, 1, 60}, {10, 5, 1, 60}}, 3, 2, 0, 2},
        {"just the target is not enough", {{0, 5, 1, 60}, {5, 5, 1, 40}, {10, 5, 1, 60}}, 3, 2, 0, 3},
        {"what is too large stands alone", {{0, 5, 1, 10}, {5, 5, 2, 101}, {10, 5, 1, 10}}, 3, 2, 1, 1},
        {"just the target is not too large", {{0, 5, 1, 10}, {5, 5, 1, 100}, {10, 5, 1, 10}}, 3, 2, 0, 2},
        {"and parts its neighbours", {{0, 5, 1, 10}, {5, 5, 1, 101}, {10, 5, 1, 10}}, 3, 2, 3, 0},
        {"sums are no numbers", {{0, 5, 1, 100}, {5, 5, 1, INT64_MAX}, {10, 5, 1, INT64_MAX}}, 3, 1, 0, 1},
        {"nothing", {{0}}, 0, 1, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_append_rules rules = {.files_min = cases[i].min, .target_bytes = 100};
        struct pfs_pick_files p = pfs_pick_ranges(&rules, cases[i].range, cases[i].ranges, 0);

        CHECK(cases[i].what, p.from == cases[i].from && p.count == cases[i].count);
    }
}

static void rules_come_from_the_options(void **state)
{
    static struct pfs_option few[] = {{"num-levels", "1", 0}}, two[] = {{"num-levels", "2", 0}};
    static struct pfs_option some[] = {{"compaction.size-ratio", "7", 0},
                                       {"num-sorted-run.compaction-trigger", "3", 0},
                                       {"target-file-size", "128 mb", 0}};
    static struct pfs_option most[] = {{"num-sorted-run.compaction-trigger", "2147483647", 0}};
    static struct pfs_option beyond[] = {{"num-sorted-run.compaction-trigger", "9223372036854775807", 0}};
    struct pfs_schema schema = {.options = {3, some}};
    struct pfs_pick_rules rules;
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_pick_rules_read(&schema, &rules, &err), 0);
    assert_int_equal(rules.trigger, 3);
    assert_int_equal(rules.top, 3);
    assert_int_equal(rules.ratio_percent, 7);
    assert_int_equal(rules.small_bytes, 93952404);
    assert_false(rules.force_level_0);
    schema.lookup_mode = true;
    assert_int_equal(pfs_pick_rules_read(&schema, &rules, &err), 0);
    assert_true(rules.force_level_0);
    schema.options = (struct pfs_options){1, few};
    assert_int_equal(pfs_pick_rules_read(&schema, &rules, &err), -EINVAL);
    assert_string_equal(err.text, "Number of levels must be at least 2.");
    schema.options = (struct pfs_options){1, two};
    assert_int_equal(pfs_pick_rules_read(&schema, &rules, &err), 0);
    assert_int_equal(rules.top, 1);
    schema.options = (struct pfs_options){1, most};
    assert_int_equal(pfs_pick_rules_read(&schema, &rules, &err), 0);
    assert_int_equal(rules.trigger, INT32_MAX);
    assert_true(rules.top > 0);
    schema.options = (struct pfs_options){1, beyond};
    assert_int_equal(pfs_pick_rules_read(&schema, &rules, &err), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(universal_picks_are_those_of_the_specification),
        cmocka_unit_test(level_0_is_forced_up),
        cmocka_unit_test(early_full_compaction_takes_all),
        cmocka_unit_test(a_file_that_would_stay_where_it_is_is_left_alone),
        cmocka_unit_test(off_peak_hours_are_generous),
        cmocka_unit_test(full_compaction_takes_every_run_to_the_top),
        cmocka_unit_test(buckets_of_append_tables_are_taken_in_order),
        cmocka_unit_test(deletion_vectors_of_a_bucket_end),
        cmocka_unit_test(small_files_without_buckets_fill_bins),
        cmocka_unit_test(neighbours_with_columns_of_the_same_rows_are_joined),
        cmocka_unit_test(rules_come_from_the_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
