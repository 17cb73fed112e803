/* Files that nothing names. */
#include "tests/unit/retain/fixture.h"

#include "format/writer.h"
#include "src/ingest/internal.h"

#define DAY_MS ((int64_t)86400000)

static void put_file(const char *path)
{
    assert_int_equal(pfs_store_publish(memory, path, pfs_str("12345"), false, NULL), 0);
}

static int64_t newest_ms(void)
{
    return pfs_clock_now_ms(NULL) + 1000;
}

static int64_t remove_orphans(bool dry)
{
    int64_t files = -1, bytes;
    struct pfs_err err = {0};

    if (pfs_table_remove_orphans(table, newest_ms(), dry, &files, &bytes, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(bytes, files * 5);
    return files;
}

static const char *const orphans[] = {"d.db/t/manifest/manifest-x-0",       "d.db/t/index/index-x-0",
                                      "d.db/t/statistics/stat-x-0",         "d.db/t/bucket-0/data-x-0.parquet",
                                      "d.db/t/bucket-9/data-x-1.parquet",   "d.db/t/snapshot/.snapshot-7.x.tmp",
                                      "d.db/t/changelog/.changelog-7.x.tmp"};

static void only_what_nothing_names_goes(void **state)
{
    int before;

    (void)state;
    begin("'write-only' = 'true'");
    commits(3);
    assert_int_equal(pfs_table_tag_create(table, "kept", 2, NULL), 0);
    compact();
    before = files_in("d.db/t/bucket-0") + files_in("d.db/t/manifest");
    for (size_t i = 0; i < COUNT(orphans); i++)
        put_file(orphans[i]);
    put_file("d.db/t/snapshot/LATER"); /* no name of ours, and old enough */
    assert_int_equal(remove_orphans(true), (int64_t)COUNT(orphans) + 1);
    assert_true(is_there(orphans[0]));
    assert_int_equal(remove_orphans(false), (int64_t)COUNT(orphans) + 1);
    for (size_t i = 0; i < COUNT(orphans); i++)
        assert_false(is_there(orphans[i]));
    assert_false(is_there("d.db/t/bucket-9"));
    assert_int_equal(files_in("d.db/t/bucket-0") + files_in("d.db/t/manifest"), before);
    assert_int_equal(remove_orphans(false), 0);
    check_all("after", NULL);
    end();
}

static void young_files_stay(void **state)
{
    int64_t files, bytes;

    (void)state;
    begin("'write-only' = 'true'");
    commits(1);
    put_file(orphans[3]);
    assert_int_equal(pfs_table_remove_orphans(table, pfs_clock_now_ms(NULL) - DAY_MS, false, &files, &bytes, NULL), 0);
    assert_int_equal(files, 0);
    assert_true(is_there(orphans[3]));
    end();
}

static void a_branch_without_a_schema_stops_it(void **state)
{
    int64_t files, bytes;
    struct pfs_err err = {0};

    (void)state;
    begin("'write-only' = 'true'");
    commits(1);
    put_file(orphans[3]);
    assert_int_equal(pfs_store_mkdir(memory, "d.db/t/branch/branch-b", NULL), 0);
    assert_int_equal(pfs_table_remove_orphans(table, newest_ms(), false, &files, &bytes, &err), -EIO);
    assert_non_null(strstr(err.text, "branch-b has no schema"));
    assert_true(is_there(orphans[3]));
    end();
}

static void a_manifest_that_cannot_be_read_stops_it(void **state)
{
    struct pfs_state *s;
    char path[256];
    int64_t files, bytes;

    (void)state;
    begin("'write-only' = 'true'");
    commits(1);
    put_file(orphans[3]);
    s = state_of(table, (struct pfs_when){.kind = PFS_WHEN_LATEST});
    (void)snprintf(path, sizeof(path), "d.db/t/manifest/%s", s->snapshot.delta_list);
    pfs_state_unref(s);
    assert_int_equal(pfs_store_publish(memory, path, pfs_str("rubbish"), true, NULL), 0);
    assert_int_equal(pfs_table_remove_orphans(table, newest_ms(), false, &files, &bytes, NULL), -EIO);
    assert_true(is_there(orphans[3]));
    end();
}

/* A journal as a process leaves it that died with rows in files which no snapshot names yet. */
static void files_of_acknowledged_rows_stay(void **state)
{
    struct pfs_manifest_entry entry = {.file = {.name = "data-x-0.parquet", .schema_id = 0}};
    struct pfs_journal_config config = {0};
    struct pfs_journal *journal;
    struct pfs_buf body = {0};
    uint64_t number;
    struct pfs_err err = {0};
    uint8_t empty_row[12] = {0};

    (void)state;
    begin("'write-only' = 'true'");
    commits(1);
    put_file("d.db/t/bucket-0/data-x-0.parquet");
    put_file("d.db/t/bucket-0/data-y-0.parquet");
    entry.partition = pfs_slice_of(empty_row, sizeof(empty_row));
    entry.file.min_key = entry.file.max_key = entry.partition;
    entry.file.key_stats = entry.file.value_stats = (struct pfs_stats){.min = entry.partition, .max = entry.partition};
    entry.file.stats_columns = entry.file.write_columns = -1;
    entry.file.first_row_id = PFS_NO_NUMBER;
    config.store = memory;
    config.user = "u";
    assert_int_equal(pfs_journal_open(&config, &journal, &err), 0);
    number = pfs_journal_transaction(journal);
    assert_int_equal(pfs_manifest_print(&entry, 1, NULL, &body, &err), 0);
    assert_int_equal(pfs_journal_add(journal, number, PFS_JOURNAL_FILES, pfs_buf_slice(&body), NULL, &err), 0);
    assert_int_equal(pfs_journal_sync(journal, number, &err), 0);
    assert_int_equal(remove_orphans(false), 1);
    assert_true(is_there("d.db/t/bucket-0/data-x-0.parquet"));
    assert_false(is_there("d.db/t/bucket-0/data-y-0.parquet"));
    pfs_journal_close(journal);
    pfs_buf_done(&body);
    end();
}

static void partitions_are_searched(void **state)
{
    (void)state;
    begin("'write-only' = 'true'");
    run("CREATE TABLE d.p (k INT, p STRING, q STRING) PARTITIONED BY (p, q) WITH ('bucket' = '-1');");
    pfs_table_unref(table);
    assert_int_equal(pfs_catalog_table(catalog, "d", "p", NULL, &table, NULL), 0);
    put_file("d.db/p/p=1/q=2/bucket-0/data-x-0.parquet");
    put_file("d.db/p/p=1/q=3/bucket-0/data-x-1.parquet");
    put_file("d.db/p/p=1/q=3/notes.txt");
    put_file("d.db/p/other/bucket-0/data-x-2.parquet");
    assert_int_equal(pfs_store_mkdir(memory, "d.db/p/p=7/q=8/bucket-0", NULL), 0);
    assert_int_equal(remove_orphans(false), 2);
    assert_false(is_there("d.db/p/p=1/q=2"));
    assert_false(is_there("d.db/p/p=7"));
    assert_true(is_there("d.db/p/p=1/q=3/notes.txt"));
    assert_true(is_there("d.db/p/other/bucket-0/data-x-2.parquet"));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_nothing_names_goes),       cmocka_unit_test(young_files_stay),
        cmocka_unit_test(a_branch_without_a_schema_stops_it), cmocka_unit_test(a_manifest_that_cannot_be_read_stops_it),
        cmocka_unit_test(files_of_acknowledged_rows_stay),    cmocka_unit_test(partitions_are_searched),
    };

    return cmocka_run_group_tests_name("orphans", tests, NULL, NULL);
}
