/* The loop around an attempt, over a memory store that fails where it is told to; by the invariants of commit.h. */
#include "src/commit/publish.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "src/catalog.h"
#include "tests/unit/cm.h"

static struct pfs_fault fault;
static struct pfs_store *store; /* the catalog's */
static struct pfs_catalog *catalog;
static struct pfs_table *table;

static void run(const char *sql)
{
    struct pfs_buf answer = {0};
    struct pfs_err err = {0};

    if (pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, &err) < 0)
        fail_msg("%s", err.text);
    pfs_buf_done(&answer);
}

static int set_up(void **state)
{
    struct pfs_catalog_config config = {0};
    struct pfs_store *memory;

    (void)state;
    fault = (struct pfs_fault){0};
    assert_int_equal(pfs_store_open_memory(&memory, NULL), 0);
    assert_int_equal(pfs_store_open_fault(memory, &fault, &store, NULL), 0);
    config.store = store;
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    run("CREATE DATABASE d; CREATE TABLE d.t (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('bucket' = '1',"
        " 'commit.min-retry-wait' = '0 ms', 'commit.max-retry-wait' = '1 ms', 'commit.max-retries' = '3',"
        " 'manifest.merge-min-count' = '4');");
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault = (struct pfs_fault){0};
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
    return 0;
}

static struct pfs_state *newest(void)
{
    struct pfs_state *s = NULL;
    struct pfs_err err = {0};

    if (pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

/* A write that holds one row. */
static struct pfs_write *row(int32_t key)
{
    const struct pfs_schema *schema;
    struct pfs_write *write;
    struct pfs_arena arena = {0};
    struct pfs_state *s = newest();
    struct pfs_column *column = pfs_arena_array(&arena, 2, sizeof(*column));
    static const struct pfs_type kind = {.kind = PFS_TINYINT};

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = pfs_arena_alloc(&arena, 4)};
    memcpy((void *)(uintptr_t)column[0].values, &key, 4);
    column[1] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, 1)};
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){1, 2, column}, s, NULL), 0);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
    return write;
}

static int64_t commit(int32_t key)
{
    struct pfs_write *write = row(key);
    struct pfs_err err = {0};
    int64_t id = 0;

    if (pfs_table_commit(table, write, "u", key, false, &id, &err) < 0)
        fail_msg("%s", err.text);
    pfs_write_close(write);
    return id;
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lost_race_is_prepared_again_on_the_newer_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(losing_leaves_none_of_its_manifests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cancelled_commit_ends_before_the_next_attempt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_replaced_snapshot_does_not_stand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_expired_snapshot_stands_below_a_later_one_of_its_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_call_fails_once_and_the_row_is_there_once_or_never, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
