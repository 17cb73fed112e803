/* commit_test.c - what a commit leaves behind after a power cut, whichever call failed before; and what is known of
 * commits that others made. By the invariants of commit.h. */
#include "src/commit/commit.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/commit/files.h"
#include "tests/unit/commit/table.h"

#define BEFORE 5 /* snapshots: the next one merges their manifests */

/* Every file that the entry names is there, as long as it says. */
static void check_entry(const struct pfs_manifest_entry *e)
{
    char path[300];
    struct pfs_stat st;

    (void)snprintf(path, sizeof(path), "d.db/t/bucket-0/%s", e->file.name);
    assert_int_equal(pfs_store_stat(memory, path, &st, NULL), 0);
    assert_int_equal(st.size, e->file.size);
}

static int64_t check_list(const char *name, struct pfs_arena *arena)
{
    struct pfs_manifest_file *file;
    int64_t files, live = 0;

    assert_int_equal(pfs_manifest_list_load(memory, "d.db/t", name, arena, &file, &files, NULL), 0);
    for (int64_t i = 0; i < files; i++) {
        struct pfs_manifest_entry *entry;
        int64_t entries;

        assert_int_equal(pfs_manifest_load(memory, "d.db/t", file[i].name, arena, &entry, &entries, NULL), 0);
        assert_int_equal(entries, file[i].added + file[i].deleted);
        for (int64_t k = 0; k < entries; k++) {
            check_entry(&entry[k]);
            live += entry[k].deleted ? -1 : 1;
        }
    }
    return live;
}

/* The files of the newest snapshot that a power cut leaves, all of which is there (invariant 1). */
static int64_t files_after_power_cut(void)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena = {0};
    int64_t id, live;

    pfs_store_memory_power_cut(memory);
    assert_int_equal(pfs_snapshot_latest_id(memory, "d.db/t", &id, NULL), 0);
    assert_int_equal(pfs_snapshot_load(memory, "d.db/t", id, &arena, &snapshot, NULL, NULL), 0);
    live = check_list(snapshot.base_list, &arena) + check_list(snapshot.delta_list, &arena);
    pfs_arena_done(&arena);
    return live;
}

/* Call `at` of a commit fails, alone or with all that follow; the power goes. True when there was no such call. */
static bool commit_and_cut(int64_t at, bool on)
{
    struct pfs_write *write = row(1000);
    int64_t id, files, calls;
    int rc;

    fault = (struct pfs_fault){.fail_at = fault.calls + at, .fail_errno = EIO, .fail_on = on};
    calls = fault.fail_at;
    rc = pfs_table_commit(table, write, "u", 1000, false, &id, NULL);
    calls = fault.calls < calls ? 1 : 0;
    files = files_after_power_cut();
    if (rc == 0)
        assert_int_equal(files, BEFORE + 1); /* what was told is there */
    else
        assert_in_range(files, BEFORE, BEFORE + 1);
    fault = (struct pfs_fault){.fail_at = 1, .fail_on = true, .fail_errno = EIO}; /* nobody tidies up */
    pfs_write_close(write);
    fault.fail_at = 0;
    return calls == 1;
}

static void what_is_told_is_there_after_a_power_cut(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        bool passed = false;
        int64_t at = 0;

        while (!passed && at < 500) {
            (void)tear_down(state);
            (void)set_up(state);
            for (int32_t i = 0; i < BEFORE; i++)
                (void)commit(i);
            passed = commit_and_cut(++at, on != 0);
        }
        assert_in_range(at, 10, 499);
    }
}

/* ---- what is known of others ---- */

static int known(const char *user, int64_t identifier)
{
    return pfs_commit_known(store, "d.db/t", user, identifier, NULL, NULL);
}

/* Of one process the snapshot may be seen by another one before it is durable. */
static void what_is_known_is_durable(void **state)
{
    int64_t syncs;

    (void)state;
    assert_int_equal(known("u", 1), 0);
    (void)commit(1);
    (void)commit(2);
    syncs = fault.syncs;
    assert_int_equal(known("u", 3), 0);
    assert_int_equal(known("v", 1), 0);
    assert_int_equal(fault.syncs, syncs);
    assert_int_equal(known("u", 1), 1); /* the oldest one there is */
    assert_int_equal(fault.syncs, syncs + 1);
    fault.fail_errno = EIO;
    for (int64_t call = 1; fault.syncs == syncs + 1; call++) {
        fault.fail_at = fault.calls + call;
        if (known("u", 1) < 0)
            fault.fail_at = 0;
        else
            assert_int_equal(fault.syncs, syncs + 2);
    }
}

/* Later ones that were not there when the rows were given say nothing. Among a few that landed behind it, and not among
 * all that there are. */
static void a_late_landing_is_looked_for_a_while(void **state)
{
    static const struct pfs_commit_moment begin = {0};

    (void)state;
    (void)commit(1);
    for (int32_t i = 100; i < 163; i++)
        (void)commit(i);
    assert_int_equal(pfs_commit_known(store, "d.db/t", "u", 1, &begin, NULL), 1);
    (void)commit(163);
    (void)commit(164);
    assert_int_equal(pfs_commit_known(store, "d.db/t", "u", 1, &begin, NULL), 0);
}

/* One that was moved or deleted meanwhile does not get its directory back. */
static void a_branch_that_is_gone_is_not_made_again(void **state)
{
    struct pfs_arena arena = {0};
    struct pfs_snapshot made;
    struct pfs_err err = {0};
    struct pfs_commit c = {
        .store = store, .table = "d.db/t", .meta = "d.db/t/branch/branch-b", .user = "u", .identifier = 1};
    bool unclear = true;
    struct pfs_state *s;
    int before;

    (void)state;
    (void)commit(1);
    before = manifests_of(store);
    s = newest();
    c.schema = s->schema;
    assert_int_equal(pfs_commit_try(&c, &s->snapshot, NULL, 0, &arena, &made, &unclear, &err), -ENOENT);
    assert_non_null(strstr(err.text, "moved or dropped"));
    assert_false(unclear);
    assert_int_equal(pfs_store_stat(store, "d.db/t/branch", &(struct pfs_stat){0}, NULL), -ENOENT);
    assert_int_equal(manifests_of(store), before);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

static struct pfs_snapshot load(int64_t id, struct pfs_arena *arena)
{
    struct pfs_snapshot out;

    assert_int_equal(pfs_snapshot_load(store, "d.db/t", id, arena, &out, NULL, NULL), 0);
    return out;
}

/* Invariant 4, with its limit; sums that nobody knows are begun anew. */
static void what_the_snapshot_before_carried_is_carried_on(void **state)
{
    struct pfs_index_entry index = {.type = "HASH", .name = "index-1", .size = 4, .rows = 1, .vectors = -1};
    struct pfs_arena arena = {0};
    struct pfs_snapshot base, made;
    struct pfs_err err = {0};
    struct pfs_commit c = {.store = store, .table = "d.db/t", .meta = "d.db/t", .user = "u", .identifier = 7};
    struct pfs_state *s;
    bool unclear;

    (void)state;
    (void)commit(1);
    s = newest();
    c.schema = s->schema;
    base = s->snapshot;
    base.watermark = 77;
    base.has_watermark = true;
    base.statistics = "stat-1";
    index.partition = s->file[0]->partition;
    c.indexes = 1;
    c.index = &index;
    assert_int_equal(pfs_commit_try(&c, &base, NULL, 0, &arena, &made, &unclear, &err), PFS_COMMIT_DONE);
    base = load(2, &arena);
    assert_non_null(base.index_manifest);
    assert_int_equal(base.watermark, 77);
    assert_true(base.has_watermark);
    assert_string_equal(base.statistics, "stat-1");
    assert_int_equal(base.total_records, 1);
    c.indexes = 0;
    base.schema_id++; /* statistics are of a schema */
    base.total_records = PFS_NO_NUMBER;
    assert_int_equal(pfs_commit_try(&c, &base, NULL, 0, &arena, &made, &unclear, &err), PFS_COMMIT_DONE);
    made = load(3, &arena);
    assert_string_equal(made.index_manifest, base.index_manifest);
    assert_int_equal(made.watermark, 77);
    assert_null(made.statistics);
    assert_int_equal(made.total_records, 0);
    assert_int_equal(pfs_commit_try(&c, &base, NULL, 0, &arena, &made, &unclear, &err), PFS_COMMIT_LOST);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_told_is_there_after_a_power_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_known_is_durable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_landing_is_looked_for_a_while, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_branch_that_is_gone_is_not_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_snapshot_before_carried_is_carried_on, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
