/* merging_test.c - merged manifests mean what those meant that they were merged of, are there as long as a snapshot may
 * name them, and no longer. manifest.merge-min-count is 4. */
#include "src/commit/publish.h"

#include <errno.h>
#include <stdio.h>

#include "base/uuid.h"
#include "tests/unit/commit/files.h"
#include "tests/unit/commit/table.h"

static int64_t deletes_on_disk;

/* The live files of the newest snapshot, as its manifests on the disk say; all of them are there. */
static int64_t live_on_disk(void)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena = {0};
    int64_t id, live = 0;
    const char *list[2];

    assert_int_equal(pfs_snapshot_latest_id(memory, "d.db/t", &id, NULL), 0);
    assert_int_equal(pfs_snapshot_load(memory, "d.db/t", id, &arena, &snapshot, NULL, NULL), 0);
    deletes_on_disk = 0;
    list[0] = snapshot.base_list;
    list[1] = snapshot.delta_list;
    for (int i = 0; i < 2; i++) {
        struct pfs_manifest_file *file;
        int64_t files;

        assert_int_equal(pfs_manifest_list_load(memory, "d.db/t", list[i], &arena, &file, &files, NULL), 0);
        for (int64_t k = 0; k < files; k++) {
            struct pfs_manifest_entry *entry;
            int64_t entries;

            assert_int_equal(pfs_manifest_load(memory, "d.db/t", file[k].name, &arena, &entry, &entries, NULL), 0);
            live += file[k].added - file[k].deleted;
            deletes_on_disk += file[k].deleted;
            assert_int_equal(entries, file[k].added + file[k].deleted);
        }
    }
    pfs_arena_done(&arena);
    return live;
}

static int64_t manifests_of_base(void)
{
    struct pfs_state *s = newest();
    struct pfs_manifest_file *file;
    struct pfs_arena arena = {0};
    int64_t count;

    assert_int_equal(pfs_manifest_list_load(memory, "d.db/t", s->snapshot.base_list, &arena, &file, &count, NULL), 0);
    pfs_arena_done(&arena);
    pfs_state_unref(s);
    return count;
}

/* ---- a change by hand ---- */

struct given {
    struct pfs_arena arena;
    struct pfs_change change;
    void (*meanwhile)(void); /* once, before the attempt; NULL = nothing */
};

static int give(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    (void)state;
    (void)err;
    *out = ((struct given *)context)->change;
    return 0;
}

static int look(void *context, struct pfs_state **out, struct pfs_err *err)
{
    (void)context;
    return pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, out, err);
}

static int tell(void *context, int64_t seen, const struct pfs_change *change, struct pfs_err *err)
{
    struct given *g = context;
    void (*meanwhile)(void) = g->meanwhile;

    (void)seen;
    (void)change;
    (void)err;
    g->meanwhile = NULL;
    if (meanwhile != NULL)
        meanwhile();
    return 0;
}

static int publish(struct given *g, int64_t *id, bool *unclear)
{
    struct pfs_publish p = {.store = store,
                            .table = "d.db/t",
                            .meta = "d.db/t",
                            .user = "given",
                            .identifier = 7,
                            .context = g,
                            .newest = look,
                            .prepare = give,
                            .intent = tell};

    return pfs_publish(&p, id, unclear, NULL);
}

/* Copies of a live file's entry, with names of their own. */
static struct pfs_manifest_entry *invent(struct given *g, int64_t entries)
{
    struct pfs_manifest_entry *out = pfs_arena_array(&g->arena, (size_t)entries, sizeof(*out)), one;
    struct pfs_state *s = newest();

    assert_int_equal(pfs_manifest_entry_copy(s->file[0], &g->arena, &one, NULL), 0);
    for (int64_t i = 0; i < entries; i++) {
        char uuid[PFS_UUID_TEXT];

        pfs_uuid_make(uuid);
        out[i] = one;
        out[i].file.name = pfs_arena_printf(&g->arena, "data-%s", uuid);
    }
    pfs_state_unref(s);
    g->change = (struct pfs_change){.kind = PFS_COMMIT_APPEND, .entries = entries, .entry = out};
    return out;
}

static void publish_now(struct given *g)
{
    int64_t id;
    bool unclear;

    assert_int_equal(publish(g, &id, &unclear), 0);
    assert_true(id > 0);
}

/* ---- lost races ---- */

/* A rival that merges nothing: what this one has merged stays at the list's front. */
static void add_only(void)
{
    struct given g = {0};
    struct pfs_state *s = newest();
    struct pfs_arena arena = {0};
    struct pfs_snapshot made;
    bool unclear;
    struct pfs_commit c = {.store = store,
                           .table = "d.db/t",
                           .meta = "d.db/t",
                           .schema = s->schema,
                           .user = "rival",
                           .identifier = 1,
                           .kind = PFS_COMMIT_APPEND,
                           .entries = 1,
                           .entry = invent(&g, 1)};

    assert_int_equal(pfs_commit_try(&c, &s->snapshot, NULL, 0, &arena, &made, &unclear, NULL), PFS_COMMIT_DONE);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
    pfs_arena_done(&g.arena);
}

/* One that merges the same ones; after it the list becomes longer than before, and begins with another. */
static void merge_and_add(void)
{
    (void)commit(100);
    for (int i = 0; i < 6; i++)
        add_only();
}

static void a_merge_is_used_again_when_the_list_still_begins_with_it(void **state)
{
    static const struct {
        const char *what;
        void (*rival)(void);
        int64_t rivals;
    } cases[] = {{"the rival only adds", add_only, 1}, {"the rival merges them too", merge_and_add, 7}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct given g = {.meanwhile = cases[i].rival};
        int before;

        (void)tear_down(state);
        (void)set_up(state);
        for (int32_t k = 0; k < 4; k++)
            (void)commit(k);
        before = manifests_of(memory);
        (void)invent(&g, 1);
        publish_now(&g);
        CHECK(cases[i].what, live_on_disk() == 4 + cases[i].rivals + 1);
        /* Each commit has its own manifest and two lists; each of the two who merged has made one. */
        CHECK(cases[i].what, manifests_of(memory) == before + 3 * (int)(cases[i].rivals + 1) + (i == 0 ? 1 : 2));
        pfs_arena_done(&g.arena);
    }
}

/* ---- failures ---- */

static int64_t fails_from, fails_until;

static void fail_a_while(void *context, const char *op, const char *path)
{
    (void)context;
    (void)op;
    (void)path;
    if (fault.calls >= fails_from && fault.calls < fails_until)
        fault.fail_at = fault.calls;
}

/* The store fails for a while, and then answers again: what may be named is there (invariant 5), all else is gone. */
static void a_failing_attempt_leaves_what_may_be_named_and_no_more(void **state)
{
    static const int lengths[] = {1, 2, 5, 12};

    for (size_t i = 0; i < COUNT(lengths); i++) {
        bool passed = false;

        for (int64_t at = 0; !passed && at < 300; at++) {
            struct given g = {0};
            int64_t id;
            bool unclear;
            int before, rc;

            (void)tear_down(state);
            (void)set_up(state);
            for (int32_t k = 0; k < 4; k++)
                (void)commit(k);
            before = manifests_of(memory);
            (void)invent(&g, 1);
            fails_from = fault.calls + 1 + at;
            fails_until = fails_from + lengths[i];
            fault.fail_errno = EIO;
            fault.each = fail_a_while;
            rc = publish(&g, &id, &unclear);
            passed = fault.calls < fails_from;
            fault = (struct pfs_fault){0};
            if (rc == 0)
                assert_int_equal(live_on_disk(), 5);
            else if (unclear)
                assert_in_range(live_on_disk(), 4, 5);
            else
                assert_int_equal(live_on_disk(), 4);
            if (rc < 0 && !unclear) /* a removal that fails leaves its file: at most one for each failing call */
                assert_in_range(manifests_of(memory), before, before + lengths[i] + 1);
            if (rc < 0 && !unclear && lengths[i] == 1)
                assert_int_equal(manifests_of(memory), before);
            pfs_arena_done(&g.arena);
        }
        assert_true(passed);
    }
}

/* ---- what deletes ---- */

/* The first manifest is so large that it is left alone; DELETEs of its files are kept when those behind it merge. */
static void a_delete_is_kept_until_it_meets_its_add(void **state)
{
    struct given g = {0}, gone = {0};

    (void)state;
    (void)commit(0);
    (void)invent(&g, 3000);
    publish_now(&g);
    gone.change = g.change;
    for (int i = 0; i < 7; i++) {
        struct pfs_manifest_entry e = g.change.entry[i];

        e.deleted = true;
        gone.change = (struct pfs_change){.kind = PFS_COMMIT_COMPACT, .entries = 1, .entry = &e};
        publish_now(&gone);
    }
    assert_in_range(manifests_of_base(), 2, 5);
    assert_int_equal(live_on_disk(), 3001 - 7);
    assert_in_range(deletes_on_disk, 2, 7);
    run("ALTER TABLE d.t SET ('manifest.full-compaction-threshold-size' = '1 b');");
    (void)commit(1);
    assert_int_equal(live_on_disk(), 3001 - 7 + 1);
    assert_int_equal(manifests_of_base(), 1);
    assert_int_equal(deletes_on_disk, 0);
    (void)commit(2);
    assert_int_equal(live_on_disk(), 3001 - 7 + 2);
    pfs_arena_done(&g.arena);
}

/* Large ones without DELETEs stay as they are; but not when others delete their files. */
static void a_full_merge_takes_large_ones_when_others_delete(void **state)
{
    struct given g = {0}, gone = {0};
    struct pfs_manifest_entry e;

    (void)state;
    (void)commit(0);
    (void)invent(&g, 3000);
    publish_now(&g);
    run("ALTER TABLE d.t SET ('manifest.target-file-size' = '20 kb', 'manifest.merge-min-count' = '100',"
        " 'manifest.full-compaction-threshold-size' = '1 b');");
    (void)commit(1);
    (void)commit(2);
    assert_int_equal(live_on_disk(), 3003);
    e = g.change.entry[0];
    e.deleted = true;
    gone.change = (struct pfs_change){.kind = PFS_COMMIT_COMPACT, .entries = 1, .entry = &e};
    publish_now(&gone);
    assert_int_equal(live_on_disk(), 3002);
    assert_int_equal(deletes_on_disk, 1);
    (void)commit(3);
    assert_int_equal(live_on_disk(), 3003);
    assert_int_equal(deletes_on_disk, 0);
    pfs_arena_done(&g.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_merge_is_used_again_when_the_list_still_begins_with_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failing_attempt_leaves_what_may_be_named_and_no_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_delete_is_kept_until_it_meets_its_add, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_merge_takes_large_ones_when_others_delete, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
