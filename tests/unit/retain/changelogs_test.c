/* Changelogs that outlive their snapshots. */
#include "tests/unit/retain/fixture.h"

static void expire_to(int64_t most)
{
    struct pfs_expire_want want = {most, 1, PFS_NO_NUMBER, PFS_NO_NUMBER};
    struct pfs_err err = {0};
    int64_t expired;

    if (pfs_table_expire_snapshots(table, &want, &expired, &err) < 0)
        fail_msg("%s", err.text);
}

static int64_t expire_changelogs(int64_t most, bool all)
{
    struct pfs_expire_want want = {most, 1, PFS_NO_NUMBER, 1000};
    struct pfs_err err = {0};
    int64_t expired = -1;

    if (pfs_table_expire_changelogs(table, &want, all, &expired, &err) < 0)
        fail_msg("%s", err.text);
    return expired;
}

/* What the changelog of the snapshot says was added is there: by its list, or its delta. */
static void check_changelog(int64_t id)
{
    const char *list;
    struct pfs_arena arena = {0};
    struct pfs_manifest_file *file;
    struct pfs_snapshot s;
    int64_t files;

    assert_int_equal(pfs_changelog_load(memory, "d.db/t", id, &arena, &s, NULL), 0);
    list = s.changelog_list != NULL ? s.changelog_list : s.delta_list;
    assert_int_equal(pfs_manifest_list_load(memory, "d.db/t", list, &arena, &file, &files, NULL), 0);
    for (int64_t i = 0; i < files; i++) {
        struct pfs_manifest_entry *entry;
        const struct pfs_schema *schema;
        const char *path;
        int64_t entries;

        assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
        assert_int_equal(pfs_manifest_load(memory, "d.db/t", file[i].name, &arena, &entry, &entries, NULL), 0);
        for (int64_t k = 0; k < entries; k++) {
            assert_int_equal(pfs_data_path("d.db/t", schema, &entry[k], &arena, &path, NULL), 0);
            if (!entry[k].deleted && entry[k].file.source != 1)
                assert_true(is_there(path));
        }
    }
    pfs_arena_done(&arena);
}

#define LONGER "'write-only' = 'true', 'changelog.num-retained.min' = '5', 'changelog.num-retained.max' = '6', "
#define SNAPSHOTS "'snapshot.num-retained.min' = '1', 'snapshot.num-retained.max' = '2'"

/* Commits whose changes a later compaction was to make have none, and nothing of them stays but their numbers. */
static void changelogs_without_changes_stop_no_branch(void **state)
{
    struct pfs_table *branch;

    (void)state;
    begin(LONGER SNAPSHOTS ", 'changelog-producer' = 'full-compaction'");
    commits(4);
    expire_to(1);
    assert_true(is_there("d.db/t/changelog/changelog-1"));
    run("CALL sys.create_branch('d.t', 'b');");
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", "b", &branch, NULL), 0);
    (void)commit_to(branch, 1);
    (void)commit_to(branch, 2);
    pfs_table_unref(branch);
    run("CALL sys.expire_snapshots(`table` => 'd.t$branch_b', retain_max => 1, retain_min => 1);");
    assert_false(is_there("d.db/t/branch/branch-b/snapshot/snapshot-1"));
    end();
}

static void changelogs_stay_when_their_snapshots_go(void **state)
{
    (void)state;
    begin(LONGER SNAPSHOTS ", 'changelog-producer' = 'input'");
    commits(4);
    expire_to(1);
    assert_int_equal(files_in("d.db/t/changelog"), 3 + 1); /* and LATEST */
    for (int64_t id = 1; id <= 3; id++)
        check_changelog(id);
    assert_int_equal(expire_changelogs(2, false), 2); /* the newest snapshot counts; so the last changelog stays */
    assert_int_equal(files_in("d.db/t/bucket-0"), 4 + 2);
    check_changelog(3);
    assert_int_equal(expire_changelogs(1, false), 0);
    check_all("after", NULL);
    end();
}

static void check_data_files_stay(const char *options)
{
    begin(options);
    commits(3);
    compact();
    commits(1);
    expire_to(1);
    assert_int_equal(files_in("d.db/t/bucket-0"), 3 + 2);
    for (int64_t id = 1; id <= 4; id++)
        check_changelog(id);
    assert_int_equal(expire_changelogs(2, false), 3);
    check_all("expired", NULL);
    assert_int_equal(expire_changelogs(1, true), 1);
    assert_int_equal(files_in("d.db/t/changelog"), 0);
    assert_int_equal(files_in("d.db/t/bucket-0"), 2);
    check_all("all gone", NULL);
    end();
}

static void without_a_producer_the_data_files_stay(void **state)
{
    (void)state;
    check_data_files_stay(LONGER SNAPSHOTS);
    check_data_files_stay(LONGER SNAPSHOTS ", 'changelog-producer' = 'none'");
    check_data_files_stay(LONGER SNAPSHOTS ", 'changelog-producer' = 'NONE'"); /* names of kinds have no case */
}

static void upkeep_expires_changelogs_after_snapshots(void **state)
{
    (void)state;
    begin("'changelog.num-retained.min' = '3', 'changelog.num-retained.max' = '4', 'changelog-producer' = "
          "'input', " SNAPSHOTS);
    for (int i = 0; i < 8; i++) {
        commits(1);
        assert_int_equal(pfs_table_maintain(table, i, NULL), 0);
    }
    assert_int_equal(files_in("d.db/t/snapshot"), 2 + 2);
    assert_int_equal(files_in("d.db/t/changelog"), 2 + 2);
    assert_int_equal(files_in("d.db/t/bucket-0"), 8 + 4);
    end();
}

static void whatever_fails_no_changelog_loses_a_file(void **state)
{
    bool failed = true;

    (void)state;
    for (int64_t n = 1; failed; n++) {
        struct pfs_expire_want want = {2, 1, PFS_NO_NUMBER, 1000};
        int64_t expired, *ids, count;
        struct pfs_arena arena = {0};

        begin(LONGER SNAPSHOTS);
        commits(3);
        compact();
        commits(1);
        expire_to(1);
        fault.fail_errno = EIO;
        fault.fail_at = fault.calls + n;
        fault.fail_on = n % 2;
        (void)pfs_table_expire_changelogs(table, &want, false, &expired, NULL);
        failed = fault.calls >= fault.fail_at;
        fault.fail_at = 0;
        assert_int_equal(pfs_changelog_list(memory, "d.db/t", &arena, &ids, &count, NULL), 0);
        for (int64_t i = 0; i < count; i++)
            check_changelog(ids[i]);
        check_all("after", NULL);
        pfs_arena_done(&arena);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changelogs_without_changes_stop_no_branch),
        cmocka_unit_test(changelogs_stay_when_their_snapshots_go),
        cmocka_unit_test(without_a_producer_the_data_files_stay),
        cmocka_unit_test(upkeep_expires_changelogs_after_snapshots),
        cmocka_unit_test(whatever_fails_no_changelog_loses_a_file),
    };

    return cmocka_run_group_tests_name("changelogs", tests, NULL, NULL);
}
