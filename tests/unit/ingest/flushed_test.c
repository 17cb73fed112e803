/* flushed_test.c - what a flush has acknowledged, and what it has not, when the journal's disk fails. */
#include <errno.h>
#include <unistd.h>

#include "src/ingest/internal.h"
#include "src/statement/statement.h"
#include "src/table/parts.h"
#include "tests/unit/format/make.h"
#include "tests/unit/ingest/handles.h"

static struct {
    struct pfs_store_ops ops; /* the memory store's, with calls that fail */
    const struct pfs_store_ops *below;
    atomic_bool sync_fails;   /* the next one of a file, when it is let go */
    atomic_bool append_fails; /* all of them */
    atomic_ullong room;
    sem_t syncing;
    struct pfs_catalog *catalog;
    struct pfs_ingest *ingest;
    struct pfs_table *table;
} s;

static int sync_or_fail(struct pfs_file *file, struct pfs_err *err)
{
    if (!atomic_exchange(&s.sync_fails, false))
        return s.below->sync(file, err);
    while (sem_wait(&s.syncing) != 0)
        ;
    return pfs_fail(err, EIO, "the disk is broken");
}

static int append_or_fail(struct pfs_file *file, const void *at, size_t len, struct pfs_err *err)
{
    return atomic_load(&s.append_fails) ? pfs_fail(err, ENOSPC, "the disk is full")
                                        : s.below->append(file, at, len, err);
}

static uint64_t room(void *self)
{
    (void)self;
    return atomic_load(&s.room);
}

/* Files point to the operations they were opened by. */
static int open_locked(void *self, const char *path, bool create, struct pfs_file **out, struct pfs_err *err)
{
    PFS_TRY(s.below->open_locked(self, path, create, out, err));
    (*out)->ops = &s.ops;
    return 0;
}

static int begin(void **state)
{
    struct pfs_buf answer = {0};
    struct pfs_store *store;

    (void)state;
    memset(&s, 0, sizeof(s));
    assert_int_equal(sem_init(&s.syncing, 0, 0), 0);
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    s.below = store->ops;
    s.ops = *store->ops;
    s.ops.sync = sync_or_fail;
    s.ops.append = append_or_fail;
    s.ops.open_locked = open_locked;
    s.ops.room = room;
    atomic_store(&s.room, UINT64_MAX);
    store->ops = &s.ops;
    assert_int_equal(pfs_catalog_open(&(struct pfs_catalog_config){.store = store}, &s.catalog, NULL), 0);
    assert_int_equal(pfs_catalog_execute(s.catalog, NULL,
                                         pfs_str("CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, PRIMARY KEY (k) NOT"
                                                 " ENFORCED) WITH ('bucket' = '1');"),
                                         &answer, NULL),
                     0);
    pfs_buf_done(&answer);
    assert_int_equal(pfs_catalog_table(s.catalog, "d", "t", NULL, &s.table, NULL), 0);
    assert_int_equal(pfs_ingest_open(&(struct pfs_ingest_config){.catalog = s.catalog}, &s.ingest, NULL), 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(pfs_ingest_close(s.ingest, NULL), 0);
    pfs_table_unref(s.table);
    pfs_catalog_close(s.catalog);
    (void)sem_destroy(&s.syncing);
    return 0;
}

static struct pfs_transaction *open_handle(void)
{
    struct pfs_transaction *t;

    assert_int_equal(
        pfs_transaction_open(s.ingest, &(struct pfs_transaction_config){.table = s.table, .append = true}, &t, NULL),
        0);
    return t;
}

static int try(struct pfs_transaction *t, const char *k, bool tail, struct pfs_err *err)
{
    struct pfs_arena rows;
    int rc;
    struct pfs_column *column;

    pfs_arena_init(&rows, 0);
    column = pfs_arena_array(&rows, 2, sizeof(*column));
    column[0] = *make_column(&rows, "BIGINT", (const char *[]){k}, 1);
    column[1] = *make_column(&rows, "TINYINT", (const char *[]){"0"}, 1);
    rc = (tail ? pfs_transaction_tail : pfs_transaction_add)(t, &rows, &(struct pfs_batch){1, 2, column}, err);
    pfs_arena_done(&rows);
    return rc;
}

static void put(struct pfs_transaction *t, const char *k, bool tail)
{
    assert_int_equal(try(t, k, tail, NULL), 0);
}

static void commit(void)
{
    struct answer a;

    prepare(&a);
    pfs_ingest_commit(s.ingest, s.table, PFS_INGEST_NOW, done, &a);
    assert_int_equal(await(&a), 0);
}

static int64_t rows_committed(void)
{
    struct pfs_state *state;
    int64_t rows = 0;

    assert_int_equal(pfs_table_state(s.table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, NULL), 0);
    for (int64_t i = 0; i < state->files; i++)
        rows += state->file[i]->file.rows;
    pfs_state_unref(state);
    return rows;
}

/* One who is told takes its time, and those behind it hear later. */
struct slow {
    sem_t told, go_on;
    int rc;
};

static void be_told(void *context, int rc, const struct pfs_err *err)
{
    struct slow *slow = context;

    (void)err;
    slow->rc = rc;
    (void)sem_post(&slow->told);
    while (sem_wait(&slow->go_on) != 0)
        ;
}

static void a_flush_that_has_nothing_new_tells_what_became_of_the_one_before(void **state)
{
    struct pfs_transaction *one = open_handle(), *two = open_handle();
    struct answer first;
    struct slow slow;

    (void)state;
    assert_int_equal(sem_init(&slow.told, 0, 0), 0);
    assert_int_equal(sem_init(&slow.go_on, 0, 0), 0);
    put(one, "1", false);
    put(two, "2", false);
    assert_int_equal(flush(one), 0); /* the segment is there */
    put(one, "3", false);
    prepare(&first);
    atomic_store(&s.sync_fails, true);
    pfs_transaction_flush(one, be_told, &slow);
    pfs_transaction_flush(two, done, &first);
    (void)sem_post(&s.syncing);
    while (sem_wait(&slow.told) != 0)
        ;
    commit(); /* finds that the rows of the second one are lost, before it hears of that itself */
    assert_int_equal(flush(two), -EIO);
    (void)sem_post(&slow.go_on);
    assert_int_equal(await(&first), -EIO);
    assert_int_equal(slow.rc, -EIO);
    assert_int_equal(seal(two), -EIO);
    assert_int_equal(seal(one), -EIO);
    assert_int_equal(rows_committed(), 1);
    (void)sem_destroy(&slow.told);
    (void)sem_destroy(&slow.go_on);
}

static void a_last_line_that_was_acknowledged_stays_when_its_handle_fails(void **state)
{
    struct pfs_transaction *t = open_handle();

    (void)state;
    put(t, "1", false);
    put(t, "2", true);
    assert_int_equal(flush(t), 0);
    atomic_store(&s.append_fails, true);
    assert_int_equal(pfs_transaction_untail(t, NULL), -ENOSPC);
    atomic_store(&s.append_fails, false);
    commit();
    assert_int_equal(seal(t), -ENOSPC);
    commit();
    assert_int_equal(rows_committed(), 2);
}

static void nothing_is_pending_when_all_is_committed(void **state)
{
    struct pfs_transaction *t = open_handle();
    int64_t rows, bytes;

    (void)state;
    put(t, "1", false);
    put(t, "2", true);
    assert_int_equal(flush(t), 0);
    commit(); /* all but the last line, which moves on */
    pfs_ingest_pending(s.ingest, s.table, &rows, &bytes);
    assert_true(bytes > 0);
    assert_int_equal(seal(t), 0);
    commit();
    assert_int_equal(rows_committed(), 2);
    pfs_ingest_pending(s.ingest, s.table, &rows, &bytes);
    assert_int_equal(rows, 0);
    assert_int_equal(bytes, 0);
}

/* Most writers hear of a write that failed, and few of a close. */
static void a_full_disk_is_told_of_when_rows_come_and_not_when_they_are_flushed(void **state)
{
    struct pfs_transaction *t = open_handle();
    struct pfs_err err = {0};

    (void)state;
    put(t, "1", false);
    assert_int_equal(flush(t), 0);
    atomic_store(&s.room, 1000);
    while (try(t, "3", false, &err) == 0) /* there was plenty a moment ago */
        (void)usleep(1000);
    assert_int_equal(err.code, ENOSPC);
    assert_non_null(strstr(err.text, "1000 bytes are free"));
    assert_int_equal(flush(t), -ENOSPC);
    assert_int_equal(seal(t), -ENOSPC);
    t = open_handle();
    assert_int_equal(try(t, "4", false, NULL), -ENOSPC);
    assert_int_equal(seal(t), -ENOSPC);
    atomic_store(&s.room, 1000000); /* little, and asked for each time */
    t = open_handle();
    put(t, "5", false);
    assert_int_equal(seal(t), 0);
    commit();
    assert_int_equal(rows_committed(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_flush_that_has_nothing_new_tells_what_became_of_the_one_before, begin, end),
        cmocka_unit_test_setup_teardown(a_last_line_that_was_acknowledged_stays_when_its_handle_fails, begin, end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_of_when_rows_come_and_not_when_they_are_flushed, begin,
                                        end),
        cmocka_unit_test_setup_teardown(nothing_is_pending_when_all_is_committed, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
