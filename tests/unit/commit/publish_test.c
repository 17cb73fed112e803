/* The loop around an attempt, over a memory store that fails where it is told to; by the invariants of commit.h. */
#include "src/commit/publish.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/uuid.h"
#include "tests/unit/commit/table.h"

static int count_name(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    (void)directory;
    ++*(int *)context;
    return 0;
}

static int files_in(const char *directory)
{
    int count = 0;

    assert_int_equal(pfs_store_list(store, directory, count_name, &count, NULL), 0);
    return count;
}

/* ---- a rival between the look and the attempt ---- */

struct racer {
    struct pfs_write *write;
    int rivals; /* how many times a rival is still quicker */
    int prepared, intents;
    int64_t seen;
    int32_t key;
    struct pfs_cancel *cancel;
};

static int prepare(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    struct racer *r = context;
    struct pfs_write_files files;

    r->prepared++;
    PFS_TRY(pfs_write_prepare(r->write, state, &files, err));
    *out =
        (struct pfs_change){.kind = PFS_COMMIT_APPEND, .entries = files.entries, .entry = files.entry, .check = true};
    return 0;
}

static int look(void *context, struct pfs_state **out, struct pfs_err *err)
{
    (void)context;
    return pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, out, err);
}

static int intent(void *context, int64_t seen, const struct pfs_change *change, struct pfs_err *err)
{
    struct racer *r = context;

    (void)err;
    assert_true(change->entries > 0);
    r->intents++;
    r->seen = seen;
    if (r->rivals > 0) {
        r->rivals--;
        (void)commit(r->key++);
        if (r->cancel != NULL)
            pfs_cancel(r->cancel);
    }
    return 0;
}

static struct pfs_publish publication(struct racer *r)
{
    return (struct pfs_publish){.store = store,
                                .table = "d.db/t",
                                .meta = "d.db/t",
                                .user = "racer",
                                .identifier = 7,
                                .context = r,
                                .cancel = r->cancel,
                                .newest = look,
                                .prepare = prepare,
                                .intent = intent};
}

static int race(struct racer *r, int64_t *id, bool *unclear, struct pfs_err *err)
{
    struct pfs_publish p = publication(r);
    int rc;

    r->write = row(1000);
    rc = pfs_publish(&p, id, unclear, err);
    if (*id != 0 || *unclear)
        pfs_write_committed(r->write);
    pfs_write_close(r->write);
    return rc;
}

static void a_lost_race_is_prepared_again_on_the_newer_state(void **state)
{
    struct racer r = {.rivals = 2, .key = 1};
    struct pfs_err err = {0};
    struct pfs_state *s;
    int64_t id;
    bool unclear;

    (void)state;
    assert_int_equal(race(&r, &id, &unclear, &err), 0);
    assert_int_equal(id, 3);
    assert_false(unclear);
    assert_int_equal(r.prepared, 3);
    assert_int_equal(r.seen, 2);
    s = newest();
    assert_int_equal(s->files, 3);
    assert_int_equal(s->snapshot.total_records, 3);
    pfs_state_unref(s);
}

/* Invariant 3. */
static void losing_leaves_none_of_its_manifests(void **state)
{
    struct racer r = {.rivals = 100, .key = 1};
    struct pfs_err err = {0};
    int64_t id;
    bool unclear;

    (void)state;
    assert_int_equal(race(&r, &id, &unclear, &err), -EBUSY);
    assert_non_null(strstr(err.text, "commit.max-retries"));
    assert_int_equal(id, 0);
    assert_int_equal(r.intents, 4);
    assert_int_equal(files_in("d.db/t/snapshot"), 4 + 1);
    assert_int_equal(files_in("d.db/t/manifest"), 4 * 3);
    assert_int_equal(files_in("d.db/t/bucket-0"), 4);
}

static void a_cancelled_commit_ends_before_the_next_attempt(void **state)
{
    struct pfs_cancel cancel = {0};
    struct racer r = {.rivals = 100, .key = 1, .cancel = &cancel};
    struct pfs_err err = {0};
    int64_t id;
    bool unclear;

    (void)state;
    assert_int_equal(race(&r, &id, &unclear, &err), -ECANCELED);
    assert_int_equal(r.intents, 1);
    assert_false(unclear);
}

/* ---- a snapshot that somebody replaced ---- */

static void a_replaced_snapshot_does_not_stand(void **state)
{
    struct racer r = {0};
    struct pfs_publish p = publication(&r);
    struct pfs_err err = {0};
    struct pfs_slice bytes;
    int64_t id;
    bool unclear;

    (void)state;
    (void)commit(1);
    assert_int_equal(race(&r, &id, &unclear, &err), 0);
    assert_int_equal(id, 2);
    assert_int_equal(pfs_publish_stands(&p, 2, PFS_COMMIT_APPEND, &err), 1);
    assert_int_equal(pfs_publish_stands(&p, 2, PFS_COMMIT_COMPACT, &err), 0);
    assert_int_equal(pfs_publish_stands(&p, 3, PFS_COMMIT_APPEND, &err), 0);
    assert_int_equal(pfs_store_load(store, "d.db/t/snapshot/snapshot-1", 1 << 16, &bytes, NULL), 0);
    assert_int_equal(pfs_store_publish(store, "d.db/t/snapshot/snapshot-2", bytes, true, NULL), 0);
    pfs_free((void *)(uintptr_t)bytes.at);
    assert_int_equal(pfs_publish_stands(&p, 2, PFS_COMMIT_APPEND, &err), -EIO); /* it says that it is number 1 */
}

static int known(int64_t identifier, const struct pfs_commit_moment *given)
{
    return pfs_commit_known(store, "d.db/t", "u", identifier, given, NULL);
}

static struct pfs_commit_moment now(void)
{
    struct pfs_commit_moment out;

    assert_int_equal(pfs_commit_moment(store, "d.db/t", &out, NULL), 0);
    return out;
}

/* Numbers of a user ascend; rows that were acknowledged before a later number landed may land behind it. */
static void a_later_number_speaks_for_an_earlier_one_that_came_after_it(void **state)
{
    struct pfs_commit_moment none = now(), five, seven, other;

    (void)state;
    assert_int_equal(none.id, 0);
    (void)commit(5);
    five = now();
    (void)commit(7);
    seven = now();
    assert_int_equal(seven.id, 2);
    assert_int_equal(known(7, &five), 1);
    assert_int_equal(known(5, &five), 1);
    assert_int_equal(known(6, &seven), 1); /* a repetition of what has expired */
    assert_int_equal(known(6, &five), 0);  /* begun before 7 landed */
    assert_int_equal(known(6, &none), 0);
    assert_int_equal(known(6, NULL), 1);
    other = seven;
    other.hash++; /* that one was rolled back, and 7 came since */
    assert_int_equal(known(6, &other), 0);
    assert_int_equal(known(8, NULL), 0);
    (void)commit(6);
    assert_int_equal(known(6, &none), 1);
    assert_int_equal(known(7, &none), 1); /* though the newest number is a smaller one */
}

static void an_expired_snapshot_stands_below_a_later_one_of_its_user(void **state)
{
    struct racer r = {0};
    struct pfs_publish p = publication(&r);
    struct pfs_err err = {0};
    int64_t id;
    bool unclear;

    (void)state;
    assert_int_equal(race(&r, &id, &unclear, &err), 0);
    (void)commit(1);
    assert_int_equal(pfs_store_unlink(store, "d.db/t/snapshot/snapshot-1", NULL), 0);
    assert_int_equal(pfs_publish_stands(&p, 1, PFS_COMMIT_APPEND, &err), -ENOENT);
    p.identifier = 8;
    r.write = row(1001);
    assert_int_equal(pfs_publish(&p, &id, &unclear, &err), 0);
    pfs_write_committed(r.write);
    pfs_write_close(r.write);
    p.identifier = 7;
    assert_int_equal(pfs_publish_stands(&p, 1, PFS_COMMIT_APPEND, &err), 1);
}

/* ---- attempts that end in other ways ---- */

struct turns {
    struct racer racer; /* first */
    int stale;          /* how many times the state is gone while it is looked at */
    int refused;        /* what the intent gives, once; 0 = nothing */
};

static int look_in_turns(void *context, struct pfs_state **out, struct pfs_err *err)
{
    struct turns *t = context;

    if (t->stale > 0) {
        t->stale--;
        return pfs_fail(err, ESTALE, "the snapshot is gone");
    }
    return look(&t->racer, out, err);
}

static int refuse_once(void *context, int64_t seen, const struct pfs_change *change, struct pfs_err *err)
{
    struct turns *t = context;
    int rc = t->refused;

    t->refused = 0;
    return rc < 0 ? pfs_fail(err, -rc, "there is no room for it") : intent(&t->racer, seen, change, err);
}

static int publish_in_turns(struct turns *t, int64_t *id, struct pfs_err *err)
{
    struct pfs_publish p = publication(&t->racer);
    bool unclear;
    int rc;

    p.newest = look_in_turns;
    p.intent = refuse_once;
    t->racer.write = row(1000);
    rc = pfs_publish(&p, id, &unclear, err);
    assert_false(unclear);
    if (rc == 0)
        pfs_write_committed(t->racer.write);
    pfs_write_close(t->racer.write);
    return rc;
}

static void a_state_that_vanished_is_looked_at_again(void **state)
{
    struct turns t = {.stale = 2};
    struct pfs_err err = {0};
    int64_t id;

    (void)state;
    (void)commit(1);
    assert_int_equal(publish_in_turns(&t, &id, &err), 0);
    assert_int_equal(id, 2);
    assert_int_equal(err.code, 0); /* nothing is left of tries that failed */
}

/* Nobody would know of its files after a crash. */
static void nothing_is_published_without_its_intent(void **state)
{
    struct turns t = {.refused = -ENOSPC};
    struct pfs_err err = {0};
    int64_t id;

    (void)state;
    (void)commit(1);
    assert_int_equal(publish_in_turns(&t, &id, &err), -ENOSPC);
    assert_int_equal(id, 0);
    assert_int_equal(files_in("d.db/t/snapshot"), 1 + 1);
}

static void a_commit_that_takes_too_long_is_given_up(void **state)
{
    struct racer r = {.rivals = 10000, .key = 1};
    struct pfs_err err = {0};
    int64_t id;
    bool unclear;

    (void)state;
    run("ALTER TABLE d.t SET ('commit.max-retries' = '10000', 'commit.timeout' = '20 ms');");
    assert_int_equal(race(&r, &id, &unclear, &err), -EBUSY);
    assert_non_null(strstr(err.text, "commit.timeout"));
    assert_in_range(r.intents, 1, 2000);
}

/* There is no pause in which anybody would look. */
static void a_commit_without_pauses_is_cancelled_too(void **state)
{
    struct pfs_cancel cancel = {0};
    struct racer r = {.rivals = 100, .key = 1, .cancel = &cancel};
    struct pfs_err err = {0};
    int64_t id;
    bool unclear;

    (void)state;
    run("ALTER TABLE d.t SET ('commit.max-retry-wait' = '0 ms');");
    assert_int_equal(race(&r, &id, &unclear, &err), -ECANCELED);
    assert_int_equal(r.intents, 1);
}

/* ---- an attempt whose end is not known ---- */

static const char *failing_op, *failing_path; /* once; NULL = never */
static void (*before_failing)(void);

static void fail_op(void *context, const char *op, const char *path)
{
    const int64_t number = fault.calls;

    (void)context;
    if (failing_op == NULL || strcmp(op, failing_op) != 0 || strstr(path, failing_path) == NULL)
        return;
    failing_op = NULL;
    if (before_failing != NULL)
        before_failing();
    fault.fail_errno = EIO;
    fault.fail_at = number;
}

/* One of the same user, one of the same number, and one that is gone already. */
static void commit_others(void)
{
    struct pfs_write *write = row(2000);
    int64_t id;

    (void)commit(6);
    assert_int_equal(pfs_table_commit(table, write, "racer", 8, false, &id, NULL), 0);
    pfs_write_close(write);
    (void)commit(7);
    assert_int_equal(pfs_store_unlink(memory, "d.db/t/snapshot/snapshot-2", NULL), 0);
}

static void what_others_committed_is_not_taken_for_ours(void **state)
{
    struct racer r = {0};
    struct pfs_err err = {0};
    struct pfs_state *s;
    int64_t id;
    bool unclear;

    (void)state;
    (void)commit(1);
    fault.each = fail_op;
    failing_op = "rename";
    failing_path = "snapshot/snapshot-2";
    before_failing = commit_others;
    assert_int_equal(race(&r, &id, &unclear, &err), 0);
    assert_null(failing_op);
    assert_int_equal(id, 5);
    assert_int_equal(err.code, 0);
    s = newest();
    assert_int_equal(s->files, 5);
    pfs_state_unref(s);
}

/* Before the rename nothing can have come of it, and no other try would do better. */
static void a_failure_before_the_rename_is_clear(void **state)
{
    static const struct {
        const char *op, *path;
        int intents; /* tries */
    } cases[] = {
        {"create", "snapshot/.snapshot-2", 1}, {"create", "manifest/manifest-list", 1}, {"rename", "snapshot-2", 2}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct racer r = {0};
        struct pfs_err err = {0};
        int64_t id;
        bool unclear;

        (void)tear_down(state);
        (void)set_up(state);
        (void)commit(1);
        fault.each = fail_op;
        failing_op = cases[i].op;
        failing_path = cases[i].path;
        before_failing = NULL;
        CHECK(cases[i].path, race(&r, &id, &unclear, &err) == (cases[i].intents == 1 ? -EIO : 0));
        CHECK(cases[i].path, r.intents == cases[i].intents);
        CHECK(cases[i].path, !unclear);
        CHECK(cases[i].path, files_in("d.db/t/manifest") == 3 * cases[i].intents);
    }
}

/* ---- a table that moves ---- */

struct moving {
    struct racer racer; /* first */
    const char *statement;
    pthread_t thread;
};

static void *move(void *context)
{
    run(((struct moving *)context)->statement);
    return NULL;
}

/* The other thread has time enough to get through. */
static int move_meanwhile(void *context, int64_t seen, const struct pfs_change *change, struct pfs_err *err)
{
    struct moving *m = context;

    (void)seen;
    (void)change;
    (void)err;
    assert_int_equal(pthread_create(&m->thread, NULL, move, m), 0);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    return 0;
}

/* Else the commit would make directories of the old name again. */
static void what_moves_a_table_waits_for_a_commit_that_is_under_way(void **state)
{
    static const struct {
        const char *branch, *statement, *now, *left;
        int snapshots;
    } cases[] = {
        {NULL, "ALTER TABLE d.t RENAME TO u;", "d.db/u/snapshot", "d.db/t", 2},
        {"b", "CALL sys.rename_branch('d.u', 'b', 'c');", "d.db/u/branch/branch-c/snapshot", "d.db/u/branch/branch-b",
         2},
        {"c", "CALL sys.delete_branch('d.u', 'c');", "d.db/u/branch", "d.db/u/branch/branch-c", 0},
        {NULL, "DROP TABLE d.u;", "d.db", "d.db/u", 0},
    };

    (void)state;
    run("CALL sys.create_branch('d.t', 'b');");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct moving m = {.statement = cases[i].statement};
        struct pfs_publish p = publication(&m.racer);
        struct pfs_err err = {0};
        struct pfs_stat st;
        bool unclear;
        int64_t id;

        pfs_table_unref(table);
        assert_int_equal(pfs_catalog_table(catalog, "d", i == 0 ? "t" : "u", cases[i].branch, &table, NULL), 0);
        m.racer.write = row(1);
        p.intent = move_meanwhile;
        assert_int_equal(pfs_table_publish(table, &p, &id, &unclear, &err), 0);
        pfs_write_committed(m.racer.write);
        pfs_write_close(m.racer.write);
        assert_int_equal(pthread_join(m.thread, NULL), 0);
        assert_int_equal(files_in(cases[i].now), cases[i].snapshots);
        assert_int_equal(pfs_store_stat(store, cases[i].left, &st, NULL), -ENOENT);
        m.racer.write = NULL;
    }
}

/* ---- failing calls ---- */

/* One row is committed while call `at` fails: gives true when the commit went through without meeting it. */
static bool commit_failing(int64_t at, int code, bool on)
{
    struct racer r = {0};
    struct pfs_publish p = publication(&r);
    struct pfs_err err = {0};
    struct pfs_state *s;
    int64_t id = 0, before, calls;
    bool unclear = false;
    int rc;

    s = newest();
    before = s->files;
    pfs_state_unref(s);
    r.write = row((int32_t)at);
    p.identifier = at;
    fault = (struct pfs_fault){.fail_at = at, .fail_errno = code, .fail_on = on};
    rc = pfs_publish(&p, &id, &unclear, &err);
    calls = fault.calls;
    fault = (struct pfs_fault){0};
    if (id != 0 || unclear)
        pfs_write_committed(r.write);
    pfs_write_close(r.write);
    s = newest();
    if (rc == 0)
        assert_int_equal(s->files, before + 1); /* exactly once */
    else if (!unclear)
        assert_int_equal(s->files, before);
    else
        assert_in_range(s->files, before, before + 1);
    for (int64_t i = 0; i < s->files; i++) { /* invariants 1 and 5: all that is named is there */
        char path[256];
        struct pfs_stat st;

        snprintf(path, sizeof(path), "d.db/t/bucket-0/%s", s->file[i]->file.name);
        assert_int_equal(pfs_store_stat(store, path, &st, NULL), 0);
    }
    pfs_state_unref(s);
    return calls < at;
}

static void every_call_fails_once_and_the_row_is_there_once_or_never(void **state)
{
    static const int code[] = {ENOSPC, EIO};

    for (size_t i = 0; i < 2; i++)
        for (int on = 0; on < 2; on++) {
            int64_t at = 0;
            bool passed = false;

            while (!passed && at < 500) {
                (void)tear_down(state);
                (void)set_up(state);
                (void)commit(0);
                passed = commit_failing(++at, code[i], on != 0);
            }
            assert_in_range(at, 10, 499);
        }
}

/* Renames of the second snapshot fail, so often. */
static void fail_rename(void *context, const char *op, const char *path)
{
    int *left = context;

    if (strcmp(op, "rename") == 0 && strcmp(path, "d.db/t/snapshot/snapshot-2") == 0 && (*left)-- > 0)
        fault.fail_at = fault.calls;
}

static int count_file(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    *(int *)context += !directory;
    return 0;
}

/* What can still be under way stays, and nothing else. */
static void a_rename_that_failed_leaves_no_manifests(void **state)
{
    static const struct {
        const char *what;
        int code, times, rc, files; /* two lists and a manifest a snapshot */
    } cases[] = {{"once, and the number is had by the next attempt", EIO, 1, 0, 3},
                 {"more than once", EIO, 2, 0, 3},
                 {"refused, and not tried again", ENOSPC, 1, -ENOSPC, 0},
                 {"each time, and nobody knows what is under way", EIO, 100, -EIO, 12}};

    for (size_t i = 0; i < COUNT(cases); i++) {
        int left = cases[i].times, before = 0, after = 0;
        struct racer r = {0};
        struct pfs_err err = {0};
        int64_t id;
        bool unclear;

        (void)tear_down(state);
        (void)set_up(state);
        (void)commit(0);
        assert_int_equal(pfs_store_list(store, "d.db/t/manifest", count_file, &before, NULL), 0);
        fault = (struct pfs_fault){.fail_errno = cases[i].code, .each = fail_rename, .context = &left};
        CHECK(cases[i].what, race(&r, &id, &unclear, &err) == cases[i].rc);
        CHECK(cases[i].what, !unclear);
        fault = (struct pfs_fault){0};
        assert_int_equal(pfs_store_list(store, "d.db/t/manifest", count_file, &after, NULL), 0);
        CHECK(cases[i].what, after - before == cases[i].files);
    }
}

/* ---- merging ---- */

#define MANY 12000

struct many {
    char name[MANY][PFS_UUID_TEXT];
    struct pfs_manifest_entry entry[MANY];
};

static int64_t manifests_of_newest(void)
{
    struct pfs_state *s = newest();
    struct pfs_manifest_file *file;
    struct pfs_arena arena = {0};
    int64_t count;

    assert_int_equal(pfs_manifest_list_load(store, "d.db/t", s->snapshot.base_list, &arena, &file, &count, NULL), 0);
    pfs_arena_done(&arena);
    pfs_state_unref(s);
    return count;
}

static void forty_commits_leave_few_manifests(void **state)
{
    struct pfs_state *s;

    (void)state;
    for (int32_t i = 0; i < 40; i++) {
        (void)commit(i);
        assert_in_range(manifests_of_newest(), 0, 4);
    }
    s = newest();
    assert_int_equal(s->files, 40);
    assert_int_equal(s->snapshot.total_records, 40);
    pfs_state_unref(s);
}

static const struct pfs_manifest_entry *first_entry(const struct pfs_state *s)
{
    assert_true(s->files > 0);
    return s->file[0];
}

/* Many files of names that do not compress, as ADDs and as DELETEs of them. */
static int prepare_many(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    struct many *m = context;

    (void)err;
    for (int64_t i = 0; i < MANY; i++) {
        m->entry[i] = *first_entry(state);
        pfs_uuid_make(m->name[i]);
        m->entry[i].file.name = m->name[i];
        m->entry[i].file.max_sequence = m->entry[i].file.min_sequence = 1000 + i;
    }
    *out = (struct pfs_change){.kind = PFS_COMMIT_APPEND, .entries = MANY, .entry = m->entry};
    return 0;
}

/* manifest.target-file-size is lowered: what is merged becomes more manifests than there were. */
static void merging_may_make_more_manifests_than_it_reads(void **state)
{
    struct many *m = test_calloc(1, sizeof(*m));
    struct pfs_publish publish = {.user = "u", .identifier = 1, .context = m, .prepare = prepare_many};
    struct pfs_err err = {0};
    struct pfs_state *s;
    int64_t id;
    bool unclear;

    (void)state;
    (void)commit(0);
    assert_int_equal(pfs_table_publish(table, &publish, &id, &unclear, &err), 0);
    run("ALTER TABLE d.t SET ('manifest.target-file-size' = '8 kb');");
    (void)commit(1);
    (void)commit(2);
    assert_in_range(manifests_of_newest(), 8, 1000);
    s = newest();
    assert_int_equal(s->files, MANY + 3);
    pfs_state_unref(s);
    test_free(m);
}

/* manifest.merge-min-count is 4: the race that is lost is one that merges. */
static void a_lost_race_takes_its_merged_manifest_back_or_uses_it_again(void **state)
{
    struct racer r = {.rivals = 1, .key = 10};
    struct pfs_err err = {0};
    int64_t id;
    bool unclear;

    (void)state;
    for (int32_t i = 0; i < 4; i++)
        (void)commit(i);
    assert_int_equal(race(&r, &id, &unclear, &err), 0);
    assert_int_equal(id, 6);
    /* Three files a commit; the rival and then this one merged the same four, each for itself. */
    assert_int_equal(files_in("d.db/t/manifest"), 6 * 3 + 1);
    assert_int_equal(manifests_of_newest(), 2);
}

/* ---- overwriting ---- */

static void truncating_removes_every_row_in_one_snapshot(void **state)
{
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    (void)commit(2);
    assert_int_equal(pfs_table_truncate(table, NULL), 0);
    s = newest();
    assert_int_equal(s->snapshot.id, 3);
    assert_int_equal(s->snapshot.kind, PFS_COMMIT_OVERWRITE);
    assert_int_equal(s->snapshot.delta_records, -2);
    assert_int_equal(s->snapshot.total_records, 0);
    assert_int_equal(s->files, 0);
    pfs_state_unref(s);
    assert_int_equal(pfs_table_truncate(table, NULL), 0);
    s = newest();
    assert_int_equal(s->snapshot.id, 4);
    pfs_state_unref(s);
}

/* Rows are written through the table that statements drop partitions of. */
static void partitions_are_dropped_by_any_of_several_specs(void **state)
{
    static const struct pfs_type kind = {.kind = PFS_TINYINT};
    static const int32_t days[] = {1, 2, 3, 4}, hours[] = {7, 7, 8, 8};
    struct pfs_arena arena = {0};
    struct pfs_column column[3];
    const struct pfs_schema *schema;
    struct pfs_write *write;
    struct pfs_state *s;
    int64_t id;

    (void)state;
    run("CREATE TABLE d.p (d INT, h INT) PARTITIONED BY (d, h);");
    pfs_table_unref(table);
    assert_int_equal(pfs_catalog_table(catalog, "d", "p", NULL, &table, NULL), 0);
    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = days};
    column[1] = (struct pfs_column){.type = &schema->field[1].type, .values = hours};
    column[2] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, 4)};
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    s = newest();
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){4, 3, column}, s, NULL), 0);
    pfs_state_unref(s);
    assert_int_equal(pfs_table_commit(table, write, "u", 1, false, &id, NULL), 0);
    pfs_write_close(write);
    pfs_arena_done(&arena);

    run("ALTER TABLE d.p DROP PARTITION (d = 1, h = 7), PARTITION (h = '8');");
    s = newest();
    assert_int_equal(s->files, 1);
    assert_int_equal(s->snapshot.delta_records, -3);
    pfs_state_unref(s);
    run("ALTER TABLE d.p DROP PARTITION (d = 9);"); /* nothing matches: a snapshot all the same */
    s = newest();
    assert_int_equal(s->snapshot.id, 3);
    assert_int_equal(s->files, 1);
    pfs_state_unref(s);
}

struct given { /* a change made by hand; its entries by name of the newest file */
    struct pfs_change change;
};

static int give(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    (void)state;
    (void)err;
    *out = ((const struct given *)context)->change;
    return 0;
}

static int publish_given(struct given *g, struct pfs_err *err)
{
    struct racer r = {0};
    struct pfs_publish p = publication(&r);
    int64_t id;
    bool unclear;

    p.context = g;
    p.prepare = give;
    p.intent = NULL;
    return pfs_publish(&p, &id, &unclear, err);
}

/* A copy of a live file's entry that stays when the state goes. */
static struct pfs_manifest_entry live_file(struct pfs_arena *arena, int64_t index)
{
    struct pfs_state *s = newest();
    struct pfs_manifest_entry out;

    assert_true(index < s->files);
    assert_int_equal(pfs_manifest_entry_copy(s->file[index], arena, &out, NULL), 0);
    pfs_state_unref(s);
    return out;
}

static void new_files_of_an_overwrite_go_to_the_top_level(void **state)
{
    struct pfs_arena arena = {0};
    struct pfs_manifest_entry e;
    struct given g = {
        .change = {
            .kind = PFS_COMMIT_OVERWRITE, .overwrite = {.kind = PFS_OVERWRITE_DYNAMIC}, .entries = 1, .entry = &e}};
    struct pfs_err err = {0};
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    e = live_file(&arena, 0);
    e.file.name = "data-new.parquet";
    assert_int_equal(publish_given(&g, &err), 0);
    s = newest();
    assert_int_equal(s->files, 1);
    assert_string_equal(s->file[0]->file.name, "data-new.parquet");
    assert_int_equal(s->file[0]->file.level, 5);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

/* ---- conflicts ---- */

static void conflicts_are_told_in_a_sentence(void **state)
{
    struct pfs_arena arena = {0};
    struct pfs_manifest_entry e[3], one, two;
    struct given g = {.change = {.kind = PFS_COMMIT_COMPACT, .entry = e}};
    struct pfs_err err = {0};

    (void)state;
    (void)commit(1);
    (void)commit(2);
    one = live_file(&arena, 0);
    two = live_file(&arena, 1);

    e[0] = one; /* added again */
    g.change.entries = 1;
    assert_int_equal(publish_given(&g, &err), -EBUSY);
    assert_non_null(strstr(err.text, "is there already"));

    e[0].deleted = true; /* removed in another level than it lies in */
    e[0].file.level = 3;
    assert_int_equal(publish_given(&g, &err), -EBUSY);
    assert_non_null(strstr(err.text, "was removed by another commit"));

    e[0] = one;
    e[0].file.name = "data-x.parquet";
    e[0].total_buckets = 2;
    assert_int_equal(publish_given(&g, &err), -EBUSY);
    assert_non_null(strstr(err.text, "2 buckets"));

    e[0] = two; /* one run of two files with the same keys */
    e[0].file.name = "data-x.parquet";
    e[0].file.level = 5;
    e[1] = e[0];
    e[1].file.name = "data-y.parquet";
    g.change.entries = 2;
    assert_int_equal(publish_given(&g, &err), -EBUSY);
    assert_non_null(strstr(err.text, "overlap in level 5"));

    e[0] = one; /* and what is right: both become one file each at the top */
    e[0].deleted = true;
    e[1] = one;
    e[1].file.level = 5;
    e[2] = two;
    e[2].deleted = true;
    g.change.entries = 3;
    assert_int_equal(publish_given(&g, &err), 0);
    pfs_arena_done(&arena);
}

static void a_vector_of_a_removed_file_is_a_conflict(void **state)
{
    struct pfs_arena arena = {0};
    struct pfs_manifest_entry one;
    struct pfs_deletion_range range = {.cardinality = 1, .len = 10};
    struct pfs_index_entry vector = {
        .type = "DELETION_VECTORS", .name = "index-1", .size = 20, .rows = 1, .vectors = 1, .vector = &range};
    struct given g = {.change = {.kind = PFS_COMMIT_COMPACT, .indexes = 1, .index = &vector}};
    struct pfs_err err = {0};
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    one = live_file(&arena, 0);
    vector.partition = one.partition;
    range.file = one.file.name;
    assert_int_equal(publish_given(&g, &err), 0);
    s = newest();
    assert_int_equal(s->indexes, 1);
    pfs_state_unref(s);

    one.deleted = true;
    g.change = (struct pfs_change){.kind = PFS_COMMIT_COMPACT, .entries = 1, .entry = &one};
    assert_int_equal(publish_given(&g, &err), -EBUSY);
    assert_non_null(strstr(err.text, "its deletion vector is not"));
    vector.name = NULL; /* only removes it */
    g.change.indexes = 1;
    g.change.index = &vector;
    assert_int_equal(publish_given(&g, &err), 0);
    s = newest();
    assert_int_equal(s->indexes, 0);
    assert_null(s->snapshot.index_manifest);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

/* Or the vectors would name files that are gone. */
static void what_is_overwritten_takes_its_indexes_along(void **state)
{
    struct pfs_arena arena = {0};
    struct pfs_index_entry index = {.type = "HASH", .name = "index-1", .size = 4, .rows = 1, .vectors = -1};
    struct given g = {.change = {.kind = PFS_COMMIT_COMPACT, .indexes = 1, .index = &index}};
    struct pfs_err err = {0};
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    index.partition = live_file(&arena, 0).partition;
    assert_int_equal(publish_given(&g, &err), 0);
    s = newest();
    assert_int_equal(s->indexes, 1);
    pfs_state_unref(s);
    assert_int_equal(pfs_table_truncate(table, NULL), 0);
    s = newest();
    assert_int_equal(s->indexes, 0);
    assert_null(s->snapshot.index_manifest);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

static void changelog_files_have_a_list_of_their_own(void **state)
{
    struct pfs_arena arena = {0};
    struct pfs_manifest_entry e;
    struct given g = {.change = {.kind = PFS_COMMIT_COMPACT, .changelogs = 1, .changelog = &e}};
    struct pfs_err err = {0};
    struct pfs_state *s;

    (void)state;
    (void)commit(1);
    e = live_file(&arena, 0);
    e.file.name = "changelog-1.parquet";
    assert_int_equal(publish_given(&g, &err), 0);
    s = newest();
    assert_non_null(s->snapshot.changelog_list);
    assert_int_equal(s->snapshot.changelog_records, 1);
    assert_int_equal(s->snapshot.delta_records, 0);
    assert_int_equal(s->files, 1);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_race_is_prepared_again_on_the_newer_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(losing_leaves_none_of_its_manifests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_commit_ends_before_the_next_attempt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_replaced_snapshot_does_not_stand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_later_number_speaks_for_an_earlier_one_that_came_after_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_expired_snapshot_stands_below_a_later_one_of_its_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_moves_a_table_waits_for_a_commit_that_is_under_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rename_that_failed_leaves_no_manifests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_call_fails_once_and_the_row_is_there_once_or_never, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forty_commits_leave_few_manifests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(merging_may_make_more_manifests_than_it_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_race_takes_its_merged_manifest_back_or_uses_it_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(truncating_removes_every_row_in_one_snapshot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(partitions_are_dropped_by_any_of_several_specs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(new_files_of_an_overwrite_go_to_the_top_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(conflicts_are_told_in_a_sentence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_vector_of_a_removed_file_is_a_conflict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_state_that_vanished_is_looked_at_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_published_without_its_intent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_that_takes_too_long_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_without_pauses_is_cancelled_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_committed_is_not_taken_for_ours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_before_the_rename_is_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_overwritten_takes_its_indexes_along, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changelog_files_have_a_list_of_their_own, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
