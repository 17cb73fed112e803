/* evolved_test.c - tables whose files hold columns of the same rows: what a compaction puts together, and that each row
 * keeps its id and the newest of its values. Columns are updated as another engine does it, file by file. */
#include "src/file/file.h"
#include "src/lsm/compact.h"
#include "src/statement/statement.h"

#define EVOLVES "'row-tracking.enabled' = 'true', 'data-evolution.enabled' = 'true'"
#define TABLES                                                                                                    \
    "CREATE DATABASE d;"                                                                                          \
    "CREATE TABLE d.rows (k INT, p INT, n BIGINT) WITH (" EVOLVES ");"                                            \
    "CREATE TABLE d.eager (k INT, p INT, n BIGINT) WITH (" EVOLVES ", 'compaction.min.file-num' = '2');"          \
    "CREATE TABLE d.parts (k INT, p INT, n BIGINT) PARTITIONED BY (p) WITH (" EVOLVES                             \
    ", 'compaction.min.file-num' = '2');"                                                                         \
    "CREATE TABLE d.full (k INT, p INT, n BIGINT) WITH (" EVOLVES ", 'compaction.min.file-num' = '2',"            \
    " 'target-file-size' = '2 kb', 'source.split.open-file-cost' = '1 b', 'parquet.enable.dictionary' = 'false'," \
    " 'file.compression' = 'none');"

#include "tests/unit/lsm/told.h"

#define N 2 /* the column that is updated */

static int compact(struct pfs_err *err)
{
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;

    return pfs_table_compact(table, &want, &result, err);
}

static void must_compact(void)
{
    struct pfs_err err = {0};

    if (compact(&err) < 0)
        fail_msg("%s", err.text);
}

/* ---- updates ---- */

struct update {
    struct pfs_manifest_entry *entry;
    int64_t entries;
};

static int add_update(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    const struct update *u = context;

    (void)state;
    (void)err;
    *out = (struct pfs_change){.kind = PFS_COMMIT_APPEND, .entries = u->entries, .entry = u->entry};
    return 0;
}

/* Column n of the rows [first, first + rows) becomes `value`. */
static void update(int64_t first, int32_t rows, int64_t value)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_arena arena = {0};
    struct pfs_state *s = newest();
    struct pfs_schema narrow;
    struct pfs_data_write write = {.store = s->store,
                                   .table = s->store_table,
                                   .schema = &narrow,
                                   .partition = s->file[0]->partition,
                                   .bucket = 0,
                                   .total_buckets = -1,
                                   .named = true,
                                   .clock = parts.clock};
    struct pfs_publish publish = {.user = "updater", .identifier = 1, .prepare = add_update};
    int64_t *n = pfs_arena_array(&arena, (size_t)rows, sizeof(*n)), id = 0;
    struct pfs_data_writer *writer;
    struct pfs_column column;
    struct update u = {0};
    bool unclear;

    assert_int_equal(pfs_schema_narrow(s->schema, (const int32_t[]){N}, 1, &arena, &narrow, NULL), 0);
    for (int32_t i = 0; i < rows; i++)
        n[i] = value;
    column = (struct pfs_column){.type = &narrow.field[0].type, .values = n};
    assert_int_equal(pfs_data_writer_open(&write, &writer, NULL), 0);
    assert_int_equal(pfs_data_writer_add(writer, &(struct pfs_batch){rows, 1, &column}, NULL), 0);
    assert_int_equal(pfs_data_writer_finish(writer, &arena, &u.entry, &u.entries, NULL), 0);
    pfs_data_writer_close(writer);
    assert_int_equal(u.entries, 1);
    assert_int_equal(u.entry->file.write_columns, 1);
    assert_string_equal(u.entry->file.write_column[0], "n");
    u.entry->file.first_row_id = first;
    publish.context = &u;
    assert_int_equal(pfs_table_publish(table, &publish, &id, &unclear, NULL), 0);
    assert_true(id > 0);
    pfs_state_unref(s);
    pfs_arena_done(&arena);
}

/* ---- what there is ---- */

/* Files by their first row ids, as "first+rows:smallest..greatest number[columns]" one after the other. */
static void expect_files(const char *want)
{
    struct pfs_state *s = newest();
    struct pfs_buf text = {0};
    int64_t last = -1;

    for (int64_t left = s->files; left > 0; left--) {
        const struct pfs_data_file *next = NULL;

        for (int64_t i = 0; i < s->files; i++) {
            const struct pfs_data_file *f = &s->file[i]->file;

            if (f->first_row_id * 100 + f->max_sequence > last &&
                (next == NULL ||
                 f->first_row_id * 100 + f->max_sequence < next->first_row_id * 100 + next->max_sequence))
                next = f;
        }
        assert_non_null(next);
        last = next->first_row_id * 100 + next->max_sequence;
        assert_int_equal(next->source, 0);
        assert_int_equal(next->level, 0);
        pfs_buf_printf(&text, "%s%lld+%lld:%lld..%lld", text.len > 0 ? " " : "", (long long)next->first_row_id,
                       (long long)next->rows, (long long)next->min_sequence, (long long)next->max_sequence);
        if (next->write_columns >= 0)
            pfs_buf_printf(&text, "[%lld]", (long long)next->write_columns);
    }
    if (!pfs_slice_eq(pfs_buf_slice(&text), pfs_str(want)))
        fail_msg("%.*s", PFS_P(pfs_buf_slice(&text)));
    pfs_buf_done(&text);
    pfs_state_unref(s);
}

/* The rows with their ids: each key once, under its own id. */
static void expect_ids(int64_t rows)
{
    struct pfs_scan_want want = {.state = newest(), .columns = -1, .row_ids = true};
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_rows *all;
    int64_t more, seen = 0;

    assert_int_equal(pfs_scan_rows(&want, &all, NULL), 0);
    while ((more = pfs_reader_next(all->reader, &arena, &batch, NULL)) > 0)
        for (int64_t i = 0; i < more; i++, seen++)
            assert_int_equal(((const int32_t *)batch.column[0].values)[i],
                             ((const int64_t *)batch.column[3].values)[i]);
    assert_int_equal(more, 0);
    assert_int_equal(seen, rows);
    pfs_rows_close(all);
    pfs_arena_done(&arena);
    pfs_state_unref(want.state);
}

/* ---- tests ---- */

static void five_files_in_a_row_become_one(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("rows");
    for (int32_t i = 0; i < 4; i++)
        write_rows(10 * i, 1, 10, i, 0);
    must_compact();
    assert_int_equal(files(), 4); /* too few */
    write_rows(40, 1, 10, 4, 0);
    must_compact();
    expect_files("0+50:1..5");
    expect_ids(50);
    s = newest();
    assert_int_equal(s->snapshot.id, 6);
    assert_int_equal(s->snapshot.kind, PFS_COMMIT_COMPACT);
    assert_int_equal(s->snapshot.delta_records, 0);
    assert_int_equal(s->snapshot.next_row_id, 50);
    pfs_state_unref(s);
    must_compact();
    assert_int_equal(files(), 1);
}

static void the_newest_value_of_a_column_stays(void **state)
{
    (void)state;
    use("eager");
    write_rows(0, 1, 10, 1, 0);
    write_rows(10, 1, 10, 2, 0);
    update(0, 10, 5);
    update(0, 10, 6);
    expect_files("0+10:1..1 0+10:3..3[1] 0+10:4..4[1] 10+10:2..2");
    must_compact();
    expect_files("0+20:1..4");
    expect_ids(20);
    assert_int_equal(read_all().sum, 60 + 20);
    update(0, 20, 7); /* newer than what was put together */
    assert_int_equal(read_all().sum, 140);
    must_compact();
    expect_files("0+20:1..6");
    assert_int_equal(read_all().sum, 140);
}

/* Rows of a partition whose ids have those of another one between them. */
static void a_gap_in_the_ids_is_never_closed(void **state)
{
    (void)state;
    use("parts");
    partition_shift = 0;
    write_rows(0, 3, 4, 1, 0); /* p = 0: ids 0 to 3 */
    write_rows(1, 3, 4, 1, 0); /* p = 1: ids 4 to 7 */
    write_rows(0, 3, 4, 1, 0); /* p = 0: ids 8 to 11 */
    write_rows(0, 3, 4, 1, 0); /* p = 0: ids 12 to 15 */
    must_compact();
    expect_files("0+4:1..1 4+4:2..2 8+8:3..4");
}

static void what_is_large_is_compacted_alone(void **state)
{
    (void)state;
    use("full");
    write_rows(0, 1, 10, 1, 0);
    write_rows(10, 1, 400, 1, 0); /* more than the target: no neighbour joins it */
    write_rows(410, 1, 10, 1, 0);
    must_compact();
    expect_files("0+10:1..1 10+400:2..2 410+10:3..3");
    update(10, 400, 2);
    must_compact();
    expect_files("0+10:1..1 10+400:2..4 410+10:3..3"); /* one file, although it is larger than the target */
    assert_int_equal(read_all().sum, 20 + 800);
    expect_ids(420);
}

static void files_that_share_some_rows_are_told(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    use("eager");
    write_rows(0, 1, 10, 1, 0);
    update(0, 7, 5);
    assert_int_equal(compact(&err), -EIO);
    assert_non_null(strstr(err.text, "share some of their row ids, but not all"));
    assert_int_equal(files(), 2);
}

/* ---- rivals and failures ---- */

static bool busy;
static void (*rival)(void);

static void meanwhile(void *context, int64_t done, int64_t rows)
{
    (void)context;
    (void)done;
    (void)rows;
    if (!busy) {
        busy = true;
        rival();
    }
}

static void update_the_first(void)
{
    update(0, 10, 9);
}

static void an_update_that_comes_meanwhile_is_kept(void **state)
{
    struct pfs_compact_want want = {.full = true, .progress = meanwhile, .once = true};
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    (void)state;
    use("eager");
    rival = update_the_first;
    write_rows(0, 1, 10, 1, 0);
    write_rows(10, 1, 10, 1, 0);
    busy = false;
    assert_int_equal(pfs_table_compact(table, &want, &result, &err), -EBUSY);
    assert_non_null(strstr(err.text, "share some of their rows, but not all"));
    assert_int_equal(files_on_disk("d.db/eager/bucket-0"), 3);
    assert_int_equal(read_all().sum, 90 + 10);
    want.once = busy = false; /* planned again, with the second update */
    assert_int_equal(pfs_table_compact(table, &want, &result, &err), 0);
    expect_files("0+20:1..4");
    assert_int_equal(read_all().sum, 90 + 10);
}

/* One range: the update is newer than what the compaction makes of the others, so both stand. */
static void an_update_of_a_whole_range_is_in_nobodys_way(void **state)
{
    struct pfs_compact_want want = {.full = true, .progress = meanwhile, .once = true};
    struct pfs_compact_result result;

    (void)state;
    use("eager");
    rival = update_the_first;
    write_rows(0, 1, 10, 1, 0);
    update(0, 10, 4);
    busy = false;
    assert_int_equal(pfs_table_compact(table, &want, &result, NULL), 0);
    expect_files("0+10:1..2 0+10:3..3[1]");
    assert_int_equal(read_all().sum, 90);
}

static int set_up_alone(void **state)
{
    (void)state;
    return set_up_with(0);
}

/* Rows and ids are there whatever fails, and of the files that no snapshot names none is left but where removing it
 * failed as well. */
static void every_step_may_fail_and_leaves_the_rows(void **state)
{
    int failed = 0;
    bool reached = true;

    (void)state;
    use("eager");
    write_rows(0, 1, 100, 1, 0);
    update(0, 100, 2);
    for (int64_t at = 1; reached && at < 1000; at++) {
        int64_t before = files_on_disk("d.db/eager/bucket-0");
        struct pfs_err err = {0};
        int rc;

        if (files() == 1) { /* compacted, in spite of the failure */
            update(0, 100, 2);
            before++;
        }
        fault.fail_at = fault.calls + at;
        fault.fail_errno = ENOSPC;
        rc = compact(&err);
        reached = fault.calls >= fault.fail_at;
        fault.fail_at = 0;
        assert_int_equal(rc < 0, err.code != 0);
        assert_true(rc < 0 || files() == 1);
        assert_int_equal(read_all().sum, 200);
        expect_ids(100);
        if (files() > 1)
            assert_int_equal(files_on_disk("d.db/eager/bucket-0"), before);
        failed += rc < 0;
    }
    assert_false(reached);
    assert_true(failed > 10);
    assert_int_equal(files(), 1);
}

static void memory_may_end_at_any_point(void **state)
{
    int rc = -1;

    (void)state;
    use("eager");
    write_rows(0, 1, 100, 1, 0);
    update(0, 100, 2);
    for (int64_t at = 0; rc < 0 && at < 5000; at++) {
        pfs_mem_fail_after(at);
        rc = compact(NULL);
        pfs_mem_fail_after(-1);
        assert_true(rc == 0 || files_on_disk("d.db/eager/bucket-0") == 2);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(read_all().sum, 200);
    expect_ids(100);
    assert_int_equal(files_on_disk("d.db/eager/bucket-0"), 3);
}

#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_alone, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(five_files_in_a_row_become_one),
        TEST(the_newest_value_of_a_column_stays),
        TEST(a_gap_in_the_ids_is_never_closed),
        TEST(what_is_large_is_compacted_alone),
        TEST(files_that_share_some_rows_are_told),
        TEST_ALONE(an_update_that_comes_meanwhile_is_kept),
        TEST_ALONE(an_update_of_a_whole_range_is_in_nobodys_way),
        TEST_ALONE(every_step_may_fail_and_leaves_the_rows),
        TEST_ALONE(memory_may_end_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
