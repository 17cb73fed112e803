/* Files that vanish under a reader: damage, unless the snapshot is gone with them. */
#include <errno.h>
#include <stdio.h>

#include "src/scan/scan.h"
#include "src/statement/statement.h"
#include "src/table/catalog.h"
#include "src/write/write.h"
#include "tests/unit/cm.h"

static struct pfs_store *store; /* the catalog's */
static struct pfs_catalog *catalog;
static struct pfs_table *table;

static int set_up(void **state)
{
    static const char sql[] = "CREATE DATABASE d; CREATE TABLE d.t (k INT, PRIMARY KEY (k) NOT ENFORCED)"
                              " WITH ('bucket' = '1');";
    struct pfs_catalog_config config = {0};
    struct pfs_buf answer = {0};

    (void)state;
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    config.store = store;
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, NULL), 0);
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    pfs_buf_done(&answer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
    return 0;
}

static struct pfs_state *newest(void)
{
    struct pfs_state *s = NULL;

    assert_int_equal(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, NULL), 0);
    return s;
}

/* One snapshot with one row. */
static void commit(int32_t key)
{
    const struct pfs_schema *schema;
    struct pfs_write *write;
    struct pfs_arena arena = {0};
    struct pfs_state *s = newest();
    struct pfs_column *column = pfs_arena_array(&arena, 2, sizeof(*column));
    static const struct pfs_type kind = {.kind = PFS_TINYINT};
    int64_t id;

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = pfs_arena_alloc(&arena, 4)};
    memcpy((void *)(uintptr_t)column[0].values, &key, 4);
    column[1] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, 1)};
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){1, 2, column}, s, NULL), 0);
    assert_int_equal(pfs_table_commit(table, write, "u", key, false, &id, NULL), 0);
    pfs_write_close(write);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

/* Removes every file of a directory. */
static int each(void *context, struct pfs_slice name, bool directory)
{
    char path[256];

    (void)directory;
    snprintf(path, sizeof(path), "%s/%.*s", (const char *)context, PFS_P(name));
    return pfs_store_unlink(store, path, NULL);
}

static void empty(char *directory)
{
    assert_int_equal(pfs_store_list(store, directory, each, directory, NULL), 0);
}

/* Reads all rows of a state: how many, or the failure. */
static int64_t read_all(struct pfs_state *s, struct pfs_err *err)
{
    struct pfs_scan *scan;
    struct pfs_reader *reader;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t rows = 0, more = 0;

    assert_int_equal(pfs_scan_open(&(struct pfs_scan_want){.state = s, .columns = -1}, &scan, NULL), 0);
    for (int32_t i = 0; i < pfs_scan_splits(scan) && more >= 0; i++) {
        assert_int_equal(pfs_scan_split(scan, i, &reader, NULL), 0);
        while ((more = pfs_reader_next(reader, &arena, &batch, err)) > 0)
            rows += more;
        pfs_reader_close(reader);
    }
    pfs_scan_close(scan);
    pfs_arena_done(&arena);
    return more < 0 ? more : rows;
}

static void a_missing_file_of_a_snapshot_that_is_there_is_damage(void **state)
{
    char bucket[] = "d.db/t/bucket-0";
    struct pfs_err err = {0};
    struct pfs_state *s;

    (void)state;
    commit(1);
    s = newest();
    assert_int_equal(read_all(s, NULL), 1);
    empty(bucket);
    assert_int_equal(read_all(s, &err), -EIO);
    assert_non_null(strstr(err.text, "is not there"));
    pfs_state_unref(s);
}

static void a_missing_file_of_a_snapshot_that_is_gone_is_stale(void **state)
{
    char bucket[] = "d.db/t/bucket-0";
    struct pfs_err err = {0};
    struct pfs_state *s;

    (void)state;
    commit(1);
    s = newest();
    empty(bucket);
    assert_int_equal(pfs_store_unlink(store, "d.db/t/snapshot/snapshot-1", NULL), 0);
    assert_int_equal(read_all(s, &err), -ESTALE);
    assert_int_equal(err.code, ESTALE);
    assert_non_null(strstr(err.text, "snapshot 1 is gone"));
    assert_non_null(strstr(err.text, "is not there")); /* what was missed */
    pfs_state_unref(s);
}

static void files_that_are_left_are_read_though_the_snapshot_is_gone(void **state)
{
    struct pfs_state *s;

    (void)state;
    commit(1);
    commit(2);
    s = newest();
    assert_int_equal(pfs_store_unlink(store, "d.db/t/snapshot/snapshot-2", NULL), 0);
    assert_int_equal(read_all(s, NULL), 2);
    pfs_state_unref(s);
}

static void a_tag_keeps_a_missing_file_damage(void **state)
{
    char bucket[] = "d.db/t/bucket-0";
    struct pfs_state *s;

    (void)state;
    commit(1);
    s = newest();
    assert_int_equal(pfs_tag_create(store, "d.db/t", "kept", &s->snapshot, NULL, false, NULL), 0);
    assert_int_equal(pfs_store_unlink(store, "d.db/t/snapshot/snapshot-1", NULL), 0);
    empty(bucket);
    assert_int_equal(read_all(s, NULL), -EIO);
    pfs_state_unref(s);
}

/* Expiry between the look at a snapshot and at its manifests; done here by hand, with the facts of before. */
static void manifests_of_a_snapshot_that_is_gone_are_stale(void **state)
{
    char manifest[] = "d.db/t/manifest";
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_state *s, *again = NULL;
    struct pfs_err err = {0};

    (void)state;
    commit(1);
    s = newest();
    empty(manifest);
    assert_int_equal(
        pfs_state_load(parts.manifests, store, parts.root, parts.schemas, s->schema, &s->snapshot, &again, &err), -EIO);
    assert_int_equal(pfs_store_unlink(store, "d.db/t/snapshot/snapshot-1", NULL), 0);
    assert_int_equal(
        pfs_state_load(parts.manifests, store, parts.root, parts.schemas, s->schema, &s->snapshot, &again, &err),
        -ESTALE);
    assert_non_null(strstr(err.text, "manifest"));
    assert_null(again);
    pfs_state_unref(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_file_of_a_snapshot_that_is_there_is_damage),
        TEST(a_missing_file_of_a_snapshot_that_is_gone_is_stale),
        TEST(files_that_are_left_are_read_though_the_snapshot_is_gone),
        TEST(a_tag_keeps_a_missing_file_damage),
        TEST(manifests_of_a_snapshot_that_is_gone_are_stale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
