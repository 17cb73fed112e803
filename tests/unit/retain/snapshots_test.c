/* Snapshots that have had their time, and what goes with them. */
#include "tests/unit/retain/fixture.h"

#define HOUR_MS 3600000

static int64_t expire(int64_t most, int64_t least)
{
    struct pfs_expire_want want = {most, least, PFS_NO_NUMBER, PFS_NO_NUMBER};
    struct pfs_err err = {0};
    int64_t expired = -1;

    if (pfs_table_expire_snapshots(table, &want, &expired, &err) < 0)
        fail_msg("%s", err.text);
    return expired;
}

static void expect_snapshots(int64_t first, int64_t last)
{
    struct pfs_arena arena = {0};
    int64_t *ids, count;
    struct pfs_slice hint;

    assert_int_equal(pfs_table_snapshots(table, &arena, &ids, &count, NULL), 0);
    assert_int_equal(count, last - first + 1);
    assert_int_equal(ids[0], first);
    assert_int_equal(ids[count - 1], last);
    assert_int_equal(pfs_store_load(memory, "d.db/t/snapshot/EARLIEST", 64, &hint, NULL), 0);
    assert_int_equal(strtol((const char *)hint.at, NULL, 10), first);
    pfs_free((void *)(uintptr_t)hint.at);
    pfs_arena_done(&arena);
}

/* ---- which ---- */

static void more_than_the_most_go_however_young(void **state)
{
    (void)state;
    begin("'snapshot.time-retained' = '1 h'");
    commits(6);
    assert_int_equal(expire(4, 1), 2);
    expect_snapshots(3, 6);
    check_all("after", NULL);
    end();
}

static void old_ones_go_and_the_least_stay(void **state)
{
    (void)state;
    begin("'snapshot.time-retained' = '1 h'");
    commits(3);
    now_ms += HOUR_MS / 2;
    commits(2);
    now_ms += HOUR_MS / 2;
    assert_int_equal(expire(100, 1), 0); /* not older, but just as old */
    now_ms++;
    assert_int_equal(expire(100, 4), 1);
    assert_int_equal(expire(100, 1), 2); /* the fourth is young, and those after it are not looked at */
    expect_snapshots(4, 5);
    now_ms += HOUR_MS;
    assert_int_equal(expire(100, 1), 1);
    expect_snapshots(5, 5);
    end();
}

static void what_a_consumer_wants_next_stays(void **state)
{
    (void)state;
    begin("'consumer.expiration-time' = '1 d'");
    commits(6);
    assert_int_equal(pfs_table_consumer_create(table, "reader", NULL), 0);
    assert_int_equal(pfs_table_consumer_set(table, "reader", 4, NULL), 0);
    assert_int_equal(expire(1, 1), 3);
    expect_snapshots(4, 6);
    assert_int_equal(pfs_table_consumer_delete(table, "reader", NULL), 0);
    assert_int_equal(expire(1, 1), 2);
    end();
}

static void one_call_takes_no_more_than_it_may(void **state)
{
    struct pfs_expire_want want = {1, 1, PFS_NO_NUMBER, 2};
    int64_t expired;

    (void)state;
    begin("'snapshot.expire.limit' = '3'");
    commits(8);
    assert_int_equal(expire(1, 1), 3);
    assert_int_equal(pfs_table_expire_snapshots(table, &want, &expired, NULL), 0);
    assert_int_equal(expired, 2);
    expect_snapshots(6, 8);
    end();
}

static void more_to_keep_than_may_be_kept_is_refused(void **state)
{
    struct pfs_expire_want want = {1, 2, PFS_NO_NUMBER, PFS_NO_NUMBER};
    struct pfs_err err = {0};
    int64_t expired;

    (void)state;
    begin("'snapshot.expire.limit' = '3'");
    commits(1);
    assert_int_equal(pfs_table_expire_snapshots(table, &want, &expired, &err), -EINVAL);
    assert_string_equal(err.text, "retainMax (1) must not be less than retainMin (2).");
    end();
}

static void nothing_to_do_leaves_a_hint_behind(void **state)
{
    (void)state;
    begin("'snapshot.expire.limit' = '3'");
    assert_int_equal(expire(1, 1), 0); /* no snapshot at all */
    commits(1);
    assert_false(is_there("d.db/t/snapshot/EARLIEST"));
    assert_int_equal(expire(1, 1), 0);
    expect_snapshots(1, 1);
    end();
}

/* ---- what goes with them ---- */

static void files_go_that_a_later_snapshot_deleted(void **state)
{
    (void)state;
    begin("'write-only' = 'true'");
    commits(4);
    compact();
    commits(1);
    assert_int_equal(files_in("d.db/t/bucket-0"), 6);
    assert_int_equal(expire(1, 1), 5);
    assert_int_equal(files_in("d.db/t/bucket-0"), 2);
    check_all("after", NULL);
    end();
}

static void no_metadata_is_left_over(void **state)
{
    (void)state;
    begin("'write-only' = 'true'");
    commits(9);
    compact();
    assert_int_equal(expire(1, 1), 9);
    /* The base list and the delta list, the one manifest of the delta, and those of the base: some were merged. */
    assert_true(files_in("d.db/t/manifest") < 9);
    check_all("after", NULL);
    run("TRUNCATE TABLE d.t;");
    assert_int_equal(expire(1, 1), 1);
    assert_int_equal(files_in("d.db/t/bucket-0"), 0);
    check_all("emptied", NULL);
    end();
}

static void what_a_tag_names_stays(void **state)
{
    int before;

    (void)state;
    begin("'write-only' = 'true'");
    commits(3);
    assert_int_equal(pfs_table_tag_create(table, "kept", 2, NULL), 0);
    compact();
    commits(1);
    before = files_in("d.db/t/bucket-0");
    assert_int_equal(expire(1, 1), 4);
    assert_int_equal(files_in("d.db/t/bucket-0"), before - 1); /* the third commit's */
    check_all("after", NULL);
    end();
}

static void copy_file(const char *from, const char *to)
{
    struct pfs_slice bytes;

    assert_int_equal(pfs_store_load(memory, from, 1 << 20, &bytes, NULL), 0);
    assert_int_equal(pfs_store_publish(memory, to, bytes, false, NULL), 0);
    pfs_free((void *)(uintptr_t)bytes.at);
}

/* A branch as another engine leaves it; its one snapshot is a copy of that file. */
static void branch_off(const char *snapshot)
{
    assert_int_equal(pfs_store_mkdir(memory, "d.db/t/branch/branch-b/snapshot", NULL), 0);
    copy_file("d.db/t/schema/schema-0", "d.db/t/branch/branch-b/schema/schema-0");
    copy_file(snapshot, "d.db/t/branch/branch-b/snapshot/snapshot-2");
}

static void what_a_branch_names_stays(void **state)
{
    (void)state;
    begin("'write-only' = 'true'");
    commits(2);
    branch_off("d.db/t/snapshot/snapshot-2"); /* the tag that it was made from is gone */
    compact();
    commits(1);
    assert_int_equal(expire(1, 1), 3);
    check_all("main", NULL);
    check_all("branch", "b");
    end();
}

/* The tag's changelog went with its snapshot, before the branch was made. */
static void a_branch_without_its_first_changelog_stops_nothing(void **state)
{
    (void)state;
    begin("'write-only' = 'true', 'changelog-producer' = 'input'");
    commits(2);
    run("CALL sys.create_tag('d.t', 'x', 2);");
    commits(2);
    assert_int_equal(expire(1, 1), 3);
    branch_off("d.db/t/tag/tag-x");
    compact();
    commits(1);
    assert_int_equal(expire(1, 1), 2);
    run("CALL sys.delete_tag('d.t', 'x');");
    check_all("main", NULL);
    check_all("branch", "b");
    end();
}

static bool names_a_changelog(const char *meta)
{
    struct pfs_arena arena = {0};
    struct pfs_snapshot s;
    bool names;

    assert_int_equal(pfs_snapshot_load(memory, meta, 2, &arena, &s, NULL, NULL), 0);
    names = s.changelog_list != NULL;
    assert_int_equal(names, s.changelog_records == 1);
    pfs_arena_done(&arena);
    return names;
}

static void a_snapshot_that_comes_back_names_no_changelog_that_went(void **state)
{
    (void)state;
    begin("'write-only' = 'true', 'changelog-producer' = 'input'");
    commits(2);
    run("CALL sys.create_tag('d.t', 'x', 2); CALL sys.create_branch('d.t', 'early', 'x');");
    assert_true(names_a_changelog("d.db/t/branch/branch-early"));
    run("CALL sys.delete_branch('d.t', 'early');");
    commits(2);
    assert_int_equal(expire(1, 1), 3);
    run("CALL sys.create_branch('d.t', 'late', 'x'); CALL sys.rollback_to('d.t', 'x');");
    assert_false(names_a_changelog("d.db/t/branch/branch-late"));
    assert_false(names_a_changelog("d.db/t"));
    check_all("main", NULL);
    end();
}

static void empty_directories_go_when_asked_for(void **state)
{
    (void)state;
    begin("'write-only' = 'true', 'snapshot.clean-empty-directories' = 'true'");
    commits(2);
    run("TRUNCATE TABLE d.t;");
    assert_int_equal(expire(1, 1), 2);
    assert_false(is_there("d.db/t/bucket-0"));
    assert_true(is_there("d.db/t"));
    end();
}

static void a_damaged_manifest_list_keeps_its_files(void **state)
{
    struct pfs_state *s;
    char path[256];

    (void)state;
    begin("'write-only' = 'true'");
    commits(2);
    compact();
    commits(1);
    s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = 3});
    (void)snprintf(path, sizeof(path), "d.db/t/manifest/%s", s->snapshot.delta_list);
    pfs_state_unref(s);
    assert_int_equal(pfs_store_unlink(memory, path, NULL), 0);
    assert_int_equal(pfs_store_publish(memory, path, pfs_str("rubbish"), false, NULL), 0);
    assert_int_equal(expire(1, 1), 3);
    assert_int_equal(files_in("d.db/t/bucket-0"), 4);
    check_all("after", NULL);
    end();
}

/* ---- what is read ---- */

static void what_is_read_stays_until_it_is_not(void **state)
{
    struct pfs_state *third;

    (void)state;
    begin("'write-only' = 'true'");
    commits(6);
    third = state_of(table, (struct pfs_when){.kind = PFS_WHEN_SNAPSHOT, .number = 3});
    pfs_state_hold(third, 0, true);
    pfs_state_hold(third, 2, true); /* changes from the second snapshot on */
    assert_int_equal(expire(1, 1), 1);
    pfs_state_hold(third, 2, false);
    assert_int_equal(expire(1, 1), 1);
    expect_snapshots(3, 6);
    pfs_state_hold(third, 0, false);
    assert_int_equal(expire(1, 1), 3);
    pfs_state_unref(third);
    end();
}

static void a_tag_that_is_read_leaves_its_files(void **state)
{
    struct pfs_state *tagged;

    (void)state;
    begin("'write-only' = 'true'");
    commits(2);
    assert_int_equal(pfs_table_tag_create(table, "kept", 2, NULL), 0);
    compact();
    assert_int_equal(expire(1, 1), 2);
    tagged = state_of(table, (struct pfs_when){.kind = PFS_WHEN_TAG, .tag = "kept"});
    pfs_state_hold(tagged, 0, true);
    assert_int_equal(pfs_table_tag_delete(table, "kept", NULL), 0);
    pfs_state_hold(tagged, 0, false);
    check_state("tagged", tagged);
    end();
}

/* ---- after commits ---- */

static void upkeep_follows_the_options(void **state)
{
    (void)state;
    begin("'snapshot.num-retained.min' = '2', 'snapshot.num-retained.max' = '3'");
    commits(5);
    assert_int_equal(pfs_table_maintain(table, 5, NULL), 0);
    expect_snapshots(3, 5);
    commits(1);
    assert_int_equal(pfs_table_maintain(table, 6, NULL), 0);
    expect_snapshots(4, 6);
    end();
}

static void upkeep_leaves_a_write_only_table_alone(void **state)
{
    struct pfs_arena arena = {0};
    int64_t *ids, count;

    (void)state;
    begin("'write-only' = 'true', 'snapshot.num-retained.min' = '1', 'snapshot.num-retained.max' = '1'");
    commits(3);
    assert_int_equal(pfs_table_maintain(table, 5, NULL), 0);
    assert_int_equal(pfs_table_snapshots(table, &arena, &ids, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_false(is_there("d.db/t/snapshot/EARLIEST"));
    pfs_arena_done(&arena);
    end();
}

static void upkeep_with_nothing_due_lists_nothing(void **state)
{
    int64_t calls;

    (void)state;
    begin("'snapshot.num-retained.min' = '2'");
    commits(20);
    assert_int_equal(pfs_table_maintain(table, 20, NULL), 0);
    calls = fault.calls;
    assert_int_equal(pfs_table_maintain(table, 20, NULL), 0);
    assert_true(fault.calls - calls <= 8);
    end();
}

/* ---- failures ---- */

static void sync_all_but_snapshots(void)
{
    assert_int_equal(pfs_store_sync_dir(memory, "d.db/t/bucket-0", NULL), 0);
    assert_int_equal(pfs_store_sync_dir(memory, "d.db/t/manifest", NULL), 0);
}

static void set_up_history(void)
{
    begin("'write-only' = 'true'");
    commits(3);
    assert_int_equal(pfs_table_tag_create(table, "kept", 2, NULL), 0);
    compact();
    commits(2);
}

/* Call by call, until one run does not fail any more. */
static void whatever_fails_no_snapshot_loses_a_file(void **state)
{
    (void)state;
    for (int mode = 0; mode < 3; mode++) {
        bool failed = true;

        for (int64_t n = 1; failed; n++) {
            struct pfs_expire_want want = {1, 1, PFS_NO_NUMBER, PFS_NO_NUMBER};
            int64_t expired;
            char what[64];

            (void)snprintf(what, sizeof(what), "mode %d, call %d", mode, (int)n);
            set_up_history();
            fault.fail_errno = EIO;
            fault.fail_at = fault.calls + n;
            fault.fail_on = mode > 0;
            (void)pfs_table_expire_snapshots(table, &want, &expired, NULL);
            failed = fault.calls >= fault.fail_at;
            fault.fail_at = 0;
            if (mode == 2) {
                sync_all_but_snapshots();
                pfs_store_memory_power_cut(memory);
            }
            check_all(what, NULL);
            if (mode < 2) {
                (void)expire(1, 1); /* and it goes on from there */
                check_all(what, NULL);
            }
            end();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_the_most_go_however_young),
        cmocka_unit_test(old_ones_go_and_the_least_stay),
        cmocka_unit_test(what_a_consumer_wants_next_stays),
        cmocka_unit_test(one_call_takes_no_more_than_it_may),
        cmocka_unit_test(more_to_keep_than_may_be_kept_is_refused),
        cmocka_unit_test(nothing_to_do_leaves_a_hint_behind),
        cmocka_unit_test(files_go_that_a_later_snapshot_deleted),
        cmocka_unit_test(no_metadata_is_left_over),
        cmocka_unit_test(what_a_tag_names_stays),
        cmocka_unit_test(what_a_branch_names_stays),
        cmocka_unit_test(a_branch_without_its_first_changelog_stops_nothing),
        cmocka_unit_test(a_snapshot_that_comes_back_names_no_changelog_that_went),
        cmocka_unit_test(empty_directories_go_when_asked_for),
        cmocka_unit_test(a_damaged_manifest_list_keeps_its_files),
        cmocka_unit_test(what_is_read_stays_until_it_is_not),
        cmocka_unit_test(a_tag_that_is_read_leaves_its_files),
        cmocka_unit_test(upkeep_follows_the_options),
        cmocka_unit_test(upkeep_leaves_a_write_only_table_alone),
        cmocka_unit_test(upkeep_with_nothing_due_lists_nothing),
        cmocka_unit_test(whatever_fails_no_snapshot_loses_a_file),
    };

    return cmocka_run_group_tests_name("snapshots", tests, NULL, NULL);
}
