/* postponed_test.c - bucket = -2: rows that waited get real buckets when their table is compacted. */
#include "src/lsm/compact.h"

#define POSTPONED(name, options)                                                                                    \
    "CREATE TABLE d." name " (k INT, p INT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '-2'," options \
    " 'postpone.default-bucket-num' = '2');"

#define TABLES                                                                                                      \
    "CREATE DATABASE d;" POSTPONED("plain", "") POSTPONED("told", " 'changelog-producer' = 'lookup',") POSTPONED(   \
        "marked", " 'deletion-vectors.enabled' = 'true',") POSTPONED("first", " 'merge-engine' = 'first-row',")     \
        POSTPONED("input",                                                                                          \
                  " 'changelog-producer' = 'input',") "CREATE TABLE d.parted (k INT, p INT, n BIGINT, PRIMARY KEY " \
                                                      "(k, p) NOT ENFORCED) PARTITIONED BY (p)"                     \
                                                      " WITH ('bucket' = '-2', 'postpone.default-bucket-num' = '3');"

#include "tests/unit/lsm/told.h"

static const struct pfs_compact_want fully = {.full = true};

static int try_compact(struct pfs_err *err)
{
    struct pfs_compact_result result;

    return pfs_table_compact(table, &fully, &result, err);
}

static struct pfs_compact_result compact(void)
{
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    if (pfs_table_compact(table, &fully, &result, &err) < 0)
        fail_msg("%s", err.text);
    return result;
}

static int64_t newest_id(void)
{
    struct pfs_state *s = newest();
    int64_t id = s->snapshot.id;

    pfs_state_unref(s);
    return id;
}

/* Files of the newest snapshot in one bucket; -1: in all real ones. */
static int64_t files_in(int32_t bucket)
{
    struct pfs_state *s = newest();
    int64_t count = 0;

    for (int64_t i = 0; i < s->files; i++)
        count += bucket >= 0 || bucket == PFS_POSTPONE_BUCKET ? s->file[i]->bucket == bucket : s->file[i]->bucket >= 0;
    pfs_state_unref(s);
    return count;
}

/* Nothing lies in the real buckets that no snapshot names. */
static void check_nothing_is_left(const char *name)
{
    char first[64], second[64];

    (void)snprintf(first, sizeof(first), "d.db/%s/bucket-0", name);
    (void)snprintf(second, sizeof(second), "d.db/%s/bucket-1", name);
    assert_int_equal(files_on_disk(first) + files_on_disk(second), files_in(-1));
}

static void a_stream_alone_is_told_of_what_waits(void **state)
{
    (void)state;
    use("plain");
    write_rows(0, 1, 100, 1, PFS_INSERT);
    assert_int_equal(read_told(newest_id()).rows, 100);
    assert_int_equal(read_told_by(newest_id(), PFS_CHANGES_AUTO).rows, 0);
    assert_int_equal(read_told_by(newest_id(), PFS_CHANGES_DELTA).rows, 0);
}

static void the_last_one_written_wins(void **state)
{
    struct pfs_compact_result done;

    (void)state;
    use("plain");
    write_rows(0, 1, 100, 1, PFS_INSERT);
    write_rows(0, 1, 10, 7, PFS_INSERT);
    write_rows(3, 1, 1, 0, PFS_DELETE);
    assert_int_equal(read_all().rows, 0);
    done = compact();
    assert_int_equal(done.snapshot, 4);
    assert_int_equal(done.old_rows, 111);
    assert_int_equal(read_all().rows, 99);
    assert_int_equal(read_all().sum, 90 + 9 * 7);
    assert_int_equal(read_all().n_of[3], -1);
    assert_int_equal(files_in(PFS_POSTPONE_BUCKET), 0);
    assert_int_equal(files_in(0), 1);
    assert_int_equal(files_in(1), 1);
    check_nothing_is_left("plain");
    assert_int_equal(compact().snapshot, 0); /* nothing waits */
    write_rows(3, 1, 1, 9, PFS_INSERT);
    (void)compact();
    assert_int_equal(read_all().n_of[3], 9);
}

static void a_partition_keeps_its_number_of_buckets(void **state)
{
    struct pfs_buf answer = {0};
    struct pfs_state *s;

    (void)state;
    use("parted");
    write_rows(0, 3, 50, 1, PFS_INSERT); /* p = 0 */
    (void)compact();
    assert_int_equal(pfs_catalog_execute(catalog, NULL,
                                         pfs_str("ALTER TABLE d.parted SET ('postpone.default-bucket-num' = '2');"),
                                         &answer, NULL),
                     0);
    pfs_buf_done(&answer);
    write_rows(0, 1, 100, 2, PFS_INSERT);
    assert_true(compact().snapshot > 0);
    s = newest();
    for (int64_t i = 0; i < s->files; i++)
        assert_int_equal(s->file[i]->total_buckets, pfs_slice_eq(s->file[i]->partition, s->file[0]->partition) ? 3 : 2);
    pfs_state_unref(s);
    assert_int_equal(read_all().rows, 116); /* of p = 0 there were some beyond 99 */
    assert_int_equal(read_all().sum, 200 + 16);
}

static void changes_are_told_with_the_rows_before(void **state)
{
    struct told told;

    (void)state;
    use("told");
    write_rows(0, 1, 10, 1, PFS_INSERT);
    (void)compact();
    told = read_told(newest_id());
    assert_int_equal(told.inserts, 10);
    write_rows(0, 1, 5, 3, PFS_INSERT);
    write_rows(20, 1, 2, 4, PFS_INSERT);
    (void)compact();
    told = read_told(newest_id());
    assert_int_equal(told.inserts, 2);
    assert_int_equal(told.befores, 5);
    assert_int_equal(told.afters, 5);
    assert_int_equal(told.sum, 5 * 2 + 2 * 4);
    assert_int_equal(newest_id(), 5); /* one snapshot each */
}

static void rows_are_seen_where_level_0_is_not(void **state)
{
    static const char *const names[] = {"marked", "first"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        use(names[i]);
        write_rows(0, 1, 100, 1, PFS_INSERT);
        (void)compact();
        write_rows(0, 1, 10, 5, PFS_INSERT);
        (void)compact();
        assert_int_equal(newest_id(), 4);
        assert_int_equal(read_all().rows, 100);
        assert_int_equal(read_all().sum, i == 0 ? 90 + 50 : 100);
        check_nothing_is_left(names[i]);
        pfs_table_unref(table);
    }
    table = NULL;
}

static void what_was_written_is_told_where_that_is_asked_for(void **state)
{
    struct told told;

    (void)state;
    use("input");
    write_rows(0, 1, 10, 1, PFS_INSERT);
    write_rows(0, 1, 4, 2, PFS_UPDATE_AFTER);
    (void)compact();
    told = read_told(newest_id());
    assert_int_equal(told.inserts, 10);
    assert_int_equal(told.afters, 4);
}

static void some_partitions_alone_are_refused(void **state)
{
    struct pfs_compact_want want = {.full = true, .one_bucket = true};
    struct pfs_compact_result result;

    (void)state;
    use("plain");
    write_rows(0, 1, 10, 1, PFS_INSERT);
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), -EOPNOTSUPP);
    assert_int_equal(files_in(PFS_POSTPONE_BUCKET), 1);
}

static int set_up_alone(void **state)
{
    (void)state;
    return set_up_with(0);
}

/* Each call of the store fails once: no row is lost, doubled, or left in a file that nobody knows. */
static void fail_each_step(const char *name, int64_t sum)
{
    int64_t before = 100;
    int failed = 0;
    bool reached = true;

    use(name);
    write_rows(0, 1, 100, 1, PFS_INSERT);
    (void)compact();
    write_rows(0, 1, 10, 5, PFS_INSERT);
    for (int64_t at = 1; reached && at < 2000; at++) {
        struct pfs_err err = {0};
        int rc;

        fault.fail_at = fault.calls + at;
        fault.fail_errno = ENOSPC;
        rc = try_compact(&err);
        reached = fault.calls >= fault.fail_at;
        fault.fail_at = 0;
        assert_int_equal(rc < 0, err.code != 0);
        failed += rc < 0;
        if (files_in(PFS_POSTPONE_BUCKET) > 0) {
            assert_int_equal(read_all().sum, before);
            continue;
        }
        before = sum;
        assert_int_equal(read_all().rows, 100);
        assert_int_equal(read_all().sum, sum);
        write_rows(0, 1, 10, 5, PFS_INSERT);
    }
    assert_false(reached);
    assert_true(failed > 20);
}

static void every_step_may_fail_and_leaves_the_rows(void **state)
{
    (void)state;
    fail_each_step("plain", 140);
}

static void every_step_may_fail_where_changes_are_looked_up(void **state)
{
    (void)state;
    fail_each_step("told", 140);
}

static void memory_may_end_at_any_point(void **state)
{
    static const char *const names[] = {"plain", "marked"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int rc = -1;

        use(names[i]);
        write_rows(0, 1, 100, 1, PFS_INSERT);
        for (int64_t at = 0; rc < 0 && at < 5000; at++) {
            pfs_mem_fail_after(at);
            rc = try_compact(NULL);
            pfs_mem_fail_after(-1);
        }
        assert_int_equal(rc, 0);
        assert_int_equal(read_all().sum, 100);
        check_nothing_is_left(names[i]);
        pfs_table_unref(table);
    }
    table = NULL;
}

#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_alone, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stream_alone_is_told_of_what_waits),
        TEST(the_last_one_written_wins),
        TEST(a_partition_keeps_its_number_of_buckets),
        TEST(changes_are_told_with_the_rows_before),
        TEST(rows_are_seen_where_level_0_is_not),
        TEST(what_was_written_is_told_where_that_is_asked_for),
        TEST(some_partitions_alone_are_refused),
        TEST_ALONE(every_step_may_fail_and_leaves_the_rows),
        TEST_ALONE(every_step_may_fail_where_changes_are_looked_up),
        TEST_ALONE(memory_may_end_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
