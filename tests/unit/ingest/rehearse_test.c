/* rehearse_test.c - rows that no commit would take are refused at the flush, and what can be committed by itself is. */
#include <errno.h>
#include <stdio.h>

#include "src/ingest/internal.h"
#include "src/statement/statement.h"
#include "tests/unit/format/make.h"
#include "tests/unit/ingest/handles.h"

static struct pfs_store *store;
static struct pfs_catalog *catalog;
static struct pfs_ingest *ingest;
static struct pfs_table *table;

static void begin(const char *options)
{
    struct pfs_buf answer = {0}, text = {0};

    pfs_buf_printf(&text,
                   "CREATE DATABASE d; CREATE TABLE d.t (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH "
                   "('bucket' = '1', 'merge-engine' = 'aggregation', 'fields.n.aggregate-function' = 'max'%s);",
                   options);
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&(struct pfs_catalog_config){.store = store}, &catalog, NULL), 0);
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_buf_slice(&text), &answer, NULL), 0);
    pfs_buf_done(&answer);
    pfs_buf_done(&text);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    assert_int_equal(pfs_ingest_open(&(struct pfs_ingest_config){.catalog = catalog}, &ingest, NULL), 0);
}

static void end(void)
{
    assert_int_equal(pfs_ingest_close(ingest, NULL), 0);
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
}

static struct pfs_transaction *open_handle(bool append)
{
    struct pfs_transaction *t;

    assert_int_equal(
        pfs_transaction_open(ingest, &(struct pfs_transaction_config){.table = table, .append = append}, &t, NULL), 0);
    return t;
}

static int put(struct pfs_transaction *t, const char *kind, bool tail)
{
    struct pfs_arena rows;
    struct pfs_column *column;
    struct pfs_batch batch;
    int rc;

    pfs_arena_init(&rows, 0);
    column = pfs_arena_array(&rows, 3, sizeof(*column));
    column[0] = *make_column(&rows, "BIGINT", (const char *[]){"1"}, 1);
    column[1] = *make_column(&rows, "BIGINT", (const char *[]){"7"}, 1);
    column[2] = *make_column(&rows, "TINYINT", (const char *[]){kind}, 1);
    batch = (struct pfs_batch){1, 3, column};
    rc = (tail ? pfs_transaction_tail : pfs_transaction_add)(t, &rows, &batch, NULL);
    pfs_arena_done(&rows);
    return rc;
}

static void commit(void)
{
    struct answer a;

    prepare(&a);
    pfs_ingest_commit(ingest, table, PFS_INGEST_NOW, done, &a);
    assert_int_equal(await(&a), 0);
    assert_true(pfs_ingest_idle(ingest, table));
}

static int64_t snapshots(void)
{
    struct pfs_stat stat;
    int64_t count = 0;
    char path[64];

    do
        (void)snprintf(path, sizeof(path), "d.db/t/snapshot/snapshot-%lld", (long long)++count);
    while (pfs_store_stat(store, path, &stat, NULL) == 0);
    return count - 1;
}

static void what_one_flush_cannot_take_back_is_refused(void **state)
{
    struct pfs_transaction *t;

    (void)state;
    begin("");
    t = open_handle(false);
    assert_int_equal(put(t, "0", false), 0);
    assert_int_equal(put(t, "3", false), 0);
    assert_int_equal(flush(t), -EINVAL);
    assert_int_equal(seal(t), -EINVAL);
    commit();
    assert_int_equal(snapshots(), 0);
    end();
}

static void an_earlier_flush_of_the_same_snapshot_counts(void **state)
{
    struct pfs_transaction *t;

    (void)state;
    begin("");
    t = open_handle(false);
    assert_int_equal(put(t, "0", false), 0);
    assert_int_equal(flush(t), 0);
    assert_int_equal(put(t, "3", true), 0);
    assert_int_equal(flush(t), -EINVAL);
    assert_int_equal(seal(t), -EINVAL);
    commit();
    assert_int_equal(snapshots(), 1);
    end();
}

static void a_handle_that_appends_goes_on_in_another_snapshot(void **state)
{
    static const char *const kinds[] = {"0", "0", "3", "0", "0"};
    struct pfs_transaction *t;

    (void)state;
    begin(", 'write-only' = 'true'");
    t = open_handle(true);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        assert_int_equal(put(t, kinds[i], false), 0);
        assert_int_equal(flush(t), 0);
    }
    assert_int_equal(seal(t), 0);
    commit();
    assert_int_equal(snapshots(), 3);
    end();
}

/* The other handle was opened first, and is flushed in between: both first rows are one snapshot, the delete is the
 * next. */
static void what_was_flushed_before_it_stays_before_it(void **state)
{
    struct pfs_transaction *first, *second;

    (void)state;
    begin(", 'write-only' = 'true'");
    first = open_handle(true);
    second = open_handle(true);
    assert_int_equal(put(second, "0", false), 0);
    assert_int_equal(flush(second), 0);
    assert_int_equal(put(first, "0", false), 0);
    assert_int_equal(flush(first), 0);
    assert_int_equal(put(second, "3", false), 0);
    assert_int_equal(flush(second), 0);
    assert_int_equal(seal(first), 0);
    assert_int_equal(seal(second), 0);
    commit();
    assert_int_equal(snapshots(), 2);
    end();
}

static void what_a_function_ignores_is_taken(void **state)
{
    struct pfs_transaction *t;

    (void)state;
    begin(", 'fields.n.ignore-retract' = 'true'");
    t = open_handle(false);
    assert_int_equal(put(t, "0", false), 0);
    assert_int_equal(put(t, "3", false), 0);
    assert_int_equal(seal(t), 0);
    commit();
    assert_int_equal(snapshots(), 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_flush_cannot_take_back_is_refused),
        cmocka_unit_test(an_earlier_flush_of_the_same_snapshot_counts),
        cmocka_unit_test(a_handle_that_appends_goes_on_in_another_snapshot),
        cmocka_unit_test(what_was_flushed_before_it_stays_before_it),
        cmocka_unit_test(what_a_function_ignores_is_taken),
    };

    return cmocka_run_group_tests_name("ingest/rehearse", tests, NULL, NULL);
}
