/* blobs_test.c - rows with BLOBs on their way into a table: which files they become, that the values come back with
 * their rows whatever is done to these files, and that a failure leaves none behind. */
#include <errno.h>

#include "base/store.h"

#define EVOLVES "'row-tracking.enabled' = 'true', 'data-evolution.enabled' = 'true', 'compaction.min.file-num' = '2'"

static const char tables_sql[] =
    "CREATE DATABASE d;"
    "CREATE TABLE d.one (k INT, x BLOB, n BIGINT) WITH (" EVOLVES ");"
    "CREATE TABLE d.rolled (k INT, x BLOB, n BIGINT) WITH (" EVOLVES ", 'blob.target-file-size' = '1 b');"
    "CREATE TABLE d.both (k INT, x BLOB, n BIGINT) WITH (" EVOLVES ", 'target-file-size' = '1 b',"
    " 'blob.target-file-size' = '20 kb');"
    "CREATE TABLE d.named (k INT, x BYTES, n BIGINT) WITH (" EVOLVES ", 'blob-field' = 'x');";

#define TABLES tables_sql
#include "tests/unit/write/rows.h"

/* ---- rows ---- */

static size_t len_of(int32_t k)
{
    return (size_t)(k % 50);
}

static bool is_null(int32_t k)
{
    return k % 7 == 3;
}

/* Rows k = from, from + 1, ...: x is k % 50 bytes of the lowest byte of k, or null; n = k. */
static int try_blobs(struct pfs_write *w, int32_t from, int32_t count, struct pfs_state *s, struct pfs_err *err)
{
    static const struct pfs_type kind_type = {.kind = PFS_TINYINT};
    const struct pfs_schema *schema;
    struct pfs_arena arena = {0};
    struct pfs_column *column = pfs_arena_array(&arena, 4, sizeof(*column));
    int32_t *k = pfs_arena_array(&arena, (size_t)count, sizeof(*k));
    int32_t *offset = pfs_arena_array(&arena, (size_t)count + 1, sizeof(*offset));
    int64_t *n = pfs_arena_array(&arena, (size_t)count, sizeof(*n));
    uint8_t *valid = pfs_arena_array(&arena, (size_t)count / 8 + 1, 1),
            *bytes = pfs_arena_array(&arena, (size_t)count * 50, 1);

    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    for (int32_t i = 0; i < count; i++) {
        size_t len = is_null(from + i) ? 0 : len_of(from + i);

        n[i] = k[i] = from + i;
        valid[i / 8] |= (uint8_t)(!is_null(k[i]) << i % 8);
        memset(bytes + offset[i], k[i] & 255, len);
        offset[i + 1] = offset[i] + (int32_t)len;
    }
    column[0] = (struct pfs_column){.type = &schema->field[0].type, .values = k};
    column[1] = (struct pfs_column){.type = &schema->field[1].type, .valid = valid, .offsets = offset, .values = bytes};
    column[2] = (struct pfs_column){.type = &schema->field[2].type, .values = n};
    column[3] = (struct pfs_column){.type = &kind_type, .values = pfs_arena_array(&arena, (size_t)count, 1)};
    return pfs_write_add(w, &arena, &(struct pfs_batch){count, 4, column}, s, err);
}

static void add_blobs(struct pfs_write *w, int32_t from, int32_t count)
{
    struct pfs_state *s = newest();

    assert_int_equal(try_blobs(w, from, count, s, NULL), 0);
    pfs_state_unref(s);
}

static void write_blobs(int32_t from, int32_t count)
{
    struct pfs_write *w = open_write(0);

    add_blobs(w, from, count);
    commit(w);
    pfs_write_close(w);
}

/* All rows 0 to rows - 1, each once, with what they came with and the ids of their order. */
static void expect_rows(int64_t rows)
{
    struct pfs_scan_want want = {.state = newest(), .columns = -1, .row_ids = true};
    struct pfs_arena arena = {0};
    struct pfs_err err = {0};
    struct pfs_batch batch;
    struct pfs_rows *all;
    int64_t more, seen = 0;

    assert_int_equal(pfs_scan_rows(&want, &all, NULL), 0);
    while ((more = pfs_reader_next(all->reader, &arena, &batch, &err)) > 0)
        for (int64_t i = 0; i < more; i++, seen++) {
            const struct pfs_column *x = &batch.column[1];
            int32_t k = ((const int32_t *)batch.column[0].values)[i];

            assert_int_equal(((const int64_t *)batch.column[3].values)[i], k);
            assert_int_equal(pfs_column_present(x, i), !is_null(k));
            if (is_null(k))
                continue;
            assert_int_equal(pfs_column_bytes(x, i).len, len_of(k));
            for (size_t b = 0; b < len_of(k); b++)
                assert_int_equal(pfs_column_bytes(x, i).at[b], k & 255);
        }
    if (more < 0)
        fail_msg("%s", err.text);
    assert_int_equal(seen, rows);
    pfs_rows_close(all);
    pfs_arena_done(&arena);
    pfs_state_unref(want.state);
}

/* Live files: of rows, and of BLOBs. Each says which columns it has. */
static void expect_files(int64_t mains, int64_t blobs)
{
    struct pfs_state *s = newest();
    int64_t count[2] = {0}, rows[2] = {0};

    for (int64_t i = 0; i < s->files; i++) {
        const struct pfs_data_file *f = &s->file[i]->file;
        bool aside = pfs_data_file_is_aside(f);

        count[aside]++;
        rows[aside] += f->rows;
        assert_int_equal(f->write_columns, aside ? 1 : 2);
        assert_string_equal(f->write_column[0], aside ? "x" : "k");
        assert_int_equal(f->source, 0);
    }
    assert_int_equal(count[0], mains);
    assert_int_equal(count[1], blobs);
    assert_int_equal(rows[0], rows[1]);
    assert_int_equal(s->snapshot.total_records, rows[0] + rows[1]); /* as Paimon counts */
    pfs_state_unref(s);
}

static void must_compact(void)
{
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    struct pfs_err err = {0};

    if (pfs_table_compact(table, &want, &result, &err) < 0)
        fail_msg("%s", err.text);
}

/* ---- tests ---- */

static void values_lie_beside_their_rows(void **state)
{
    (void)state;
    use("one");
    write_blobs(0, 100);
    expect_files(1, 1);
    write_blobs(100, 3000);
    expect_files(2, 2);
    expect_rows(3100);
    must_compact();
    expect_files(1, 2); /* they stay */
    expect_rows(3100);
}

static void blob_files_are_rolled_by_their_own_size(void **state)
{
    (void)state;
    use("rolled");
    write_blobs(0, 20);
    expect_files(1, 17); /* a file for each value; nulls (3, 10 and 17) go with the next one */
    expect_rows(20);
    write_blobs(20, 20);
    must_compact();
    expect_rows(40);
}

static void blob_files_end_where_their_rows_do(void **state)
{
    struct pfs_state *s;

    (void)state;
    use("both");
    write_blobs(0, 2500);
    expect_rows(2500);
    s = newest();
    for (int64_t i = 0; i < s->files; i++) {
        const struct pfs_data_file *f = &s->file[i]->file;

        if (!pfs_data_file_is_aside(f))
            assert_int_equal(f->first_row_id % 1000, 0);
        else
            assert_int_equal(f->first_row_id / 1000, (f->first_row_id + f->rows - 1) / 1000);
    }
    pfs_state_unref(s);
    expect_files(3, 5); /* some 35 bytes a row: two files for each thousand, and one for the last 500 */
}

static void columns_of_bytes_become_blobs(void **state)
{
    const struct pfs_schema *schema;

    (void)state;
    use("named");
    assert_int_equal(pfs_table_schema(table, &schema, NULL), 0);
    assert_int_equal(schema->field[1].type.kind, PFS_BLOB);
    write_blobs(0, 10);
    expect_files(1, 1);
    expect_rows(10);
}

static void spilled_files_are_adopted_and_read_back(void **state)
{
    struct pfs_write_files spilled;
    struct pfs_write *w, *next, *into;
    struct pfs_state *s;

    (void)state;
    use("rolled");
    s = newest();
    into = open_write(0);
    add_blobs(into, 0, 30);
    w = open_write(0);
    add_blobs(w, 30, 30);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    next = open_write(0);
    assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0);
    assert_int_equal(pfs_write_take(into, next, s, NULL), 0); /* its files are read */
    pfs_write_close(next);
    pfs_state_unref(s);
    commit(into);
    pfs_write_close(into);
    pfs_write_close(w);
    expect_rows(60);

    s = newest();
    w = open_write(0);
    add_blobs(w, 60, 30);
    assert_int_equal(pfs_write_spill(w, s, &spilled, NULL), 0);
    next = open_write(0);
    assert_int_equal(pfs_write_adopt(next, &spilled, s, NULL), 0); /* as they are */
    pfs_write_close(w);
    pfs_state_unref(s);
    commit(next);
    pfs_write_close(next);
    expect_rows(90);
}

static void tables_that_cannot_have_blobs_are_refused(void **state)
{
    static const struct {
        const char *text, *why;
        int code;
    } cases[] = {
        {"CREATE TABLE d.a (k INT, x BLOB);", "Data evolution config must enabled for table with BLOB type column.",
         EINVAL},
        {"CREATE TABLE d.a (x BLOB) WITH (" EVOLVES ");", "Table with BLOB type column must have other normal columns.",
         EINVAL},
        {"CREATE TABLE d.a (k INT, x BLOB) PARTITIONED BY (x) WITH (" EVOLVES ");",
         "The BLOB type column can not be part of partition keys.", EINVAL},
        {"CREATE TABLE d.a (k INT, x BYTES) WITH ('blob-field' = 'x');",
         "Data evolution config must enabled for table with BLOB type column.", EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_buf answer = {0};
        struct pfs_err err = {0};

        assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str(cases[i].text), &answer, &err), -cases[i].code);
        if (strstr(err.text, cases[i].why) == NULL)
            fail_msg("%s: %s", cases[i].text, err.text);
        pfs_buf_done(&answer);
    }
}

/* What is made can be read, but not be written. */
static void blobs_that_lie_elsewhere_are_not_written(void **state)
{
    static const struct {
        const char *option, *why;
    } cases[] = {
        {"'blob-descriptor-field' = 'x'", "column x is a BLOB without a file of its own, which is not there yet"},
        {"'blob-as-descriptor' = 'true'", "blob-as-descriptor = true: BLOBs by reference are not there yet"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_buf answer = {0};
        struct pfs_err err = {0};
        struct pfs_write *w;
        char text[512];

        (void)snprintf(text, sizeof(text), "CREATE TABLE d.at%zu (k INT, x BLOB) WITH (" EVOLVES ", %s);", i,
                       cases[i].option);
        assert_int_equal(pfs_catalog_execute(catalog, NULL, pfs_str(text), &answer, NULL), 0);
        pfs_buf_done(&answer);
        (void)snprintf(text, sizeof(text), "at%zu", i);
        use(text);
        assert_int_equal(pfs_table_write_open(table, 0, &w, &err), -EOPNOTSUPP);
        CHECK(cases[i].option, strcmp(err.text, cases[i].why) == 0);
        pfs_table_unref(table);
        table = NULL;
    }
}

/* ---- failures ---- */

static int set_up_alone(void **state)
{
    (void)state;
    return set_up_with(0);
}

/* Each call of the store fails once: the commit is there or it is not, and then none of its files is. */
static void every_call_may_fail(void **state)
{
    int32_t rows = 20, failed = 0;
    bool reached = true;

    (void)state;
    use("rolled");
    write_blobs(0, rows);
    for (int64_t at = 1; reached && at < 1000; at++) {
        int64_t before = files_on_disk("d.db/rolled/bucket-0"), live = files(), id = 0;
        struct pfs_write *w = open_write(0);
        struct pfs_err err = {0};
        int rc;

        add_blobs(w, rows, 10);
        fault.fail_at = fault.calls + at;
        fault.fail_errno = ENOSPC;
        rc = pfs_table_commit(table, w, "u", at, false, &id, &err);
        reached = fault.calls >= fault.fail_at;
        fault.fail_at = 0;
        pfs_write_close(w);
        assert_int_equal(rc < 0, err.code != 0);
        rows += rc == 0 ? 10 : 0;
        if (rc < 0) {
            assert_int_equal(files(), live);
            assert_int_equal(files_on_disk("d.db/rolled/bucket-0"), before);
        }
        failed += rc < 0;
        expect_rows(rows);
    }
    assert_false(reached);
    assert_true(failed > 20);
}

static void memory_may_end_at_any_point(void **state)
{
    int rc = -1;

    (void)state;
    use("rolled");
    for (int64_t at = 0; rc < 0 && at < 100000; at += 1 + at / 64) {
        struct pfs_write *w = open_write(0);
        struct pfs_err err = {0};
        int64_t id;

        add_blobs(w, 0, 10);
        pfs_mem_fail_after(at);
        rc = pfs_table_commit(table, w, "u", 1, false, &id, &err);
        pfs_mem_fail_after(-1);
        pfs_write_close(w);
        if (rc < 0 && files_on_disk("d.db/rolled/bucket-0") > 0)
            fail_msg("%lld: %s: %lld files are left", (long long)at, err.text,
                     (long long)files_on_disk("d.db/rolled/bucket-0"));
    }
    assert_int_equal(rc, 0);
    expect_rows(10);
}

#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_alone, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_lie_beside_their_rows),
        TEST(blob_files_are_rolled_by_their_own_size),
        TEST(blob_files_end_where_their_rows_do),
        TEST(columns_of_bytes_become_blobs),
        TEST(spilled_files_are_adopted_and_read_back),
        TEST(tables_that_cannot_have_blobs_are_refused),
        TEST(blobs_that_lie_elsewhere_are_not_written),
        TEST_ALONE(every_call_may_fail),
        TEST_ALONE(memory_may_end_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
