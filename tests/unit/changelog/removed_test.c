/* removed_test.c - what an overwrite removed, as a stream that shows overwrites gives it; files that went meanwhile. */
#include "src/changelog/changelog.h"

#include <errno.h>
#include <stdio.h>

#include "src/statement/statement.h"
#include "src/table/catalog.h"
#include "tests/unit/cm.h"

static struct pfs_catalog *catalog;

static void run(const char *sql)
{
    struct pfs_buf answer = {0};
    struct pfs_err err = {0};

    if (pfs_catalog_execute(catalog, NULL, pfs_str(sql), &answer, &err) < 0)
        fail_msg("%s: %s", sql, err.text);
    pfs_buf_done(&answer);
}

/* A row in each of the partitions p, p + 1, ..., into a branch of the table (NULL: main). */
static void commit_rows(const char *branch, int32_t p, int32_t count)
{
    static const struct pfs_type kind = {.kind = PFS_TINYINT};
    const struct pfs_schema *schema;
    struct pfs_table *table = NULL;
    struct pfs_write *write = NULL;
    struct pfs_state *s = NULL;
    struct pfs_arena arena = {0};
    struct pfs_column *column = pfs_arena_array(&arena, 3, sizeof(*column));
    int32_t *value = pfs_arena_alloc(&arena, (size_t)count * sizeof(*value));
    struct pfs_err err = {0};
    int64_t id;

    for (int32_t i = 0; i < count; i++)
        value[i] = p + i;
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", branch, &table, NULL), 0);
    assert_int_equal(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &s, NULL), 0);
    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    for (int i = 0; i < 2; i++)
        column[i] = (struct pfs_column){.type = &schema->field[i].type, .values = value};
    column[2] = (struct pfs_column){.type = &kind, .values = pfs_arena_zalloc(&arena, (size_t)count)};
    assert_int_equal(pfs_table_write_open(table, 0, &write, NULL), 0);
    assert_int_equal(pfs_write_add(write, &arena, &(struct pfs_batch){count, 3, column}, s, NULL), 0);
    if (pfs_table_commit(table, write, "u", p, false, &id, &err) < 0)
        fail_msg("%s", err.text);
    pfs_write_close(write);
    pfs_state_unref(s);
    pfs_table_unref(table);
    pfs_arena_done(&arena);
}

static void commit(const char *branch, int32_t p)
{
    commit_rows(branch, p, 1);
}

static void files_that_went_with_their_snapshot_are_no_damage(void **state)
{
    static const struct {
        const char *what, *gone;
        int want;
    } cases[] = {{"damaged", "d.db/t/p=2/bucket-0", -EIO}, {"expired", "d.db/t/snapshot/snapshot-1", -ESTALE}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_catalog_config config = {0};
        struct pfs_changes_want want = {.mode = PFS_CHANGES_STREAM, .columns = -1, .from = 1, .to = 1};
        struct pfs_table *table = NULL;
        struct pfs_rows *rows = NULL;
        struct pfs_arena arena = {0};
        struct pfs_batch batch;
        struct pfs_err err = {0};
        char path[200];

        assert_int_equal(pfs_store_open_memory(&config.store, NULL), 0);
        assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
        run("CREATE DATABASE d; CREATE TABLE d.t (p INT, k INT, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p)"
            " WITH ('bucket' = '1');");
        commit_rows(NULL, 1, 2);
        commit(NULL, 3);
        assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
        assert_int_equal(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &want.state, NULL), 0);
        want.meta = pfs_table_parts(table).meta;
        want.manifests = pfs_table_parts(table).manifests;
        assert_int_equal(pfs_changes_rows(&want, &rows, NULL), 0);
        assert_int_equal(pfs_reader_next(rows->reader, &arena, &batch, NULL), 1);
        for (int64_t k = 0; k < want.state->files; k++) {
            (void)snprintf(path, sizeof(path), "d.db/t/p=2/bucket-0/%s", want.state->file[k]->file.name);
            (void)pfs_store_unlink(config.store, path, NULL);
        }
        (void)pfs_store_unlink(config.store, cases[i].gone, NULL);
        CHECK(cases[i].what, pfs_reader_next(rows->reader, &arena, &batch, &err) == cases[i].want);
        pfs_rows_close(rows);
        pfs_arena_done(&arena);
        pfs_state_unref(want.state);
        pfs_table_unref(table);
        pfs_catalog_close(catalog);
    }
}

static void rows_of_the_fallback_branch_were_not_removed(void **state)
{
    struct pfs_catalog_config config = {0};
    struct pfs_changes_want want = {.mode = PFS_CHANGES_STREAM, .columns = -1};
    struct pfs_table *table = NULL;
    struct pfs_table_parts parts;
    struct pfs_rows *rows = NULL;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_store_open_memory(&config.store, NULL), 0);
    assert_int_equal(pfs_catalog_open(&config, &catalog, NULL), 0);
    run("CREATE DATABASE d; CREATE TABLE d.t (p INT, k INT, PRIMARY KEY (p, k) NOT ENFORCED) PARTITIONED BY (p)"
        " WITH ('bucket' = '1', 'streaming-read-overwrite' = 'true');");
    commit(NULL, 1);
    run("CALL sys.create_branch('d.t', 'b');");
    commit("b", 2);
    run("ALTER TABLE d.t SET ('scan.fallback-branch' = 'b'); ALTER TABLE d.t DROP PARTITION (p = 1);");
    assert_int_equal(pfs_catalog_table(catalog, "d", "t", NULL, &table, NULL), 0);
    assert_int_equal(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &want.state, NULL), 0);
    assert_non_null(want.state->fallback);
    parts = pfs_table_parts(table);
    want.meta = parts.meta;
    want.manifests = parts.manifests;
    want.from = want.to = want.state->snapshot.id;
    if (pfs_changes_rows(&want, &rows, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(pfs_reader_next(rows->reader, &arena, &batch, NULL), 1);
    assert_int_equal(pfs_column_bytes(&batch.column[0], 0).at[1], 'D');
    assert_int_equal(((const int32_t *)batch.column[1].values)[0], 1);
    assert_int_equal(pfs_reader_next(rows->reader, &arena, &batch, NULL), 0);
    pfs_rows_close(rows);
    pfs_arena_done(&arena);
    pfs_state_unref(want.state);
    pfs_table_unref(table);
    pfs_catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_went_with_their_snapshot_are_no_damage),
        cmocka_unit_test(rows_of_the_fallback_branch_were_not_removed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
