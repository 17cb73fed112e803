/* Columns of the same rows from several files; every file is written by this program into a store in memory. */
#include <errno.h>
#include <stdio.h>

#include "base/hash.h"
#include "format/text/text.h"
#include "src/file/file.h"
#include "src/meta/snapshot.h"
#include "tests/unit/cm.h"

struct world {
    struct pfs_store *store;
    struct pfs_schemas *schemas;
    struct pfs_arena arena;
    const struct pfs_schema *today; /* id 9: a INT, b STRING, c BIGINT, x BLOB */
    int32_t files;
    struct pfs_manifest_entry file[8];
    const struct pfs_manifest_entry *entry[8];
};

static void put_schema(struct world *w, int id, const char *fields)
{
    char path[64], json[1024];

    snprintf(path, sizeof(path), "t/schema/schema-%d", id);
    snprintf(json, sizeof(json),
             "{\"version\":3,\"id\":%d,\"fields\":[%s],\"highestFieldId\":5,\"partitionKeys\":[],\"primaryKeys\":[],"
             "\"options\":{\"bucket\":\"-1\"},\"timeMillis\":0}",
             id, fields);
    assert_int_equal(pfs_store_publish(w->store, path, pfs_str(json), false, NULL), 0);
}

#define A "{\"id\":0,\"name\":\"a\",\"type\":\"INT\"}"
#define OLD_B "{\"id\":1,\"name\":\"old_b\",\"type\":\"INT\"}"
#define B "{\"id\":1,\"name\":\"b\",\"type\":\"STRING\"}"
#define C "{\"id\":2,\"name\":\"c\",\"type\":\"BIGINT\"}"
#define X "{\"id\":3,\"name\":\"x\",\"type\":\"BLOB\"}"

static int set_up(void **state)
{
    static struct world w;

    w = (struct world){0};
    assert_int_equal(pfs_store_open_memory(&w.store, NULL), 0);
    put_schema(&w, 1, A "," OLD_B);
    put_schema(&w, 2, OLD_B "," C);
    put_schema(&w, 3, A);
    put_schema(&w, 9, A "," B "," C "," X);
    assert_int_equal(pfs_schemas_open(w.store, "t", &w.schemas, NULL), 0);
    assert_int_equal(pfs_schemas_get(w.schemas, 9, &w.today, NULL), 0);
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    pfs_schemas_unref(w->schemas);
    pfs_store_close(w->store);
    pfs_arena_done(&w->arena);
    return 0;
}

static void keep(struct world *w, struct pfs_manifest_entry made, int64_t first, int64_t sequence,
                 const char *const *names, int64_t count)
{
    made.file.first_row_id = first;
    made.file.min_sequence = made.file.max_sequence = sequence;
    made.file.write_columns = count;
    made.file.write_column = names;
    w->file[w->files] = made;
    w->entry[w->files] = &w->file[w->files];
    w->files++;
}

/* A file of all columns of a schema, row i holding base + i in each, at row ids from `first` on. */
static void add_file(struct world *w, int schema_id, int base, int rows, int64_t first, int64_t sequence,
                     const char *const *names, int64_t count)
{
    static const uint8_t no_partition[12] = {0};
    const struct pfs_schema *schema;
    struct pfs_data_write write = {
        .store = w->store, .table = "t", .partition = {no_partition, 12}, .total_buckets = -1};
    struct pfs_data_writer *writer;
    struct pfs_manifest_entry *made;
    struct pfs_column column[2];
    int32_t *narrow = pfs_arena_array(&w->arena, (size_t)rows, sizeof(*narrow));
    int64_t *wide = pfs_arena_array(&w->arena, (size_t)rows, sizeof(*wide)), n;

    assert_int_equal(pfs_schemas_get(w->schemas, schema_id, &schema, NULL), 0);
    for (int i = 0; i < rows; i++)
        wide[i] = narrow[i] = base + i;
    for (int32_t i = 0; i < schema->columns; i++)
        column[i] = (struct pfs_column){.type = &schema->field[i].type,
                                        .values = schema->field[i].type.kind == PFS_BIGINT ? (const void *)wide
                                                                                           : (const void *)narrow};
    write.schema = schema;
    assert_int_equal(pfs_data_writer_open(&write, &writer, NULL), 0);
    assert_int_equal(pfs_data_writer_add(writer, &(struct pfs_batch){rows, schema->columns, column}, NULL), 0);
    assert_int_equal(pfs_data_writer_finish(writer, &w->arena, &made, &n, NULL), 0);
    assert_int_equal(n, 1);
    pfs_data_writer_close(writer);
    keep(w, made[0], first, sequence, names, count);
}

/* A blob file whose values are one letter each, from `letter` on. */
static void add_blobs(struct world *w, char letter, int rows, int64_t first, int64_t sequence)
{
    static const char *const names[] = {"x"};
    static const uint8_t no_partition[12] = {0};
    static const char *const files[] = {"f0.blob", "f1.blob", "f2.blob", "f3.blob",
                                        "f4.blob", "f5.blob", "f6.blob", "f7.blob"};
    struct pfs_manifest_entry made = {.partition = {no_partition, 12},
                                      .file = {.name = files[w->files], .rows = rows, .schema_id = 9}};
    struct pfs_buf out = {0}, index = {0};
    char path[64];

    for (int i = 0; i < rows; i++) {
        size_t from = out.len;

        pfs_buf_le32(&out, 1481511375);
        pfs_buf_putc(&out, (uint8_t)(letter + i));
        pfs_buf_le64(&out, 17);
        pfs_buf_le32(&out, pfs_crc32(out.at + from, out.len - from));
        pfs_buf_zigzag(&index, i == 0 ? 17 : 0);
    }
    pfs_buf_put(&out, index.at, index.len);
    pfs_buf_le32(&out, (uint32_t)index.len);
    pfs_buf_putc(&out, 1);
    snprintf(path, sizeof(path), "t/bucket-0/%s", made.file.name);
    assert_int_equal(pfs_store_publish(w->store, path, pfs_buf_slice(&out), false, NULL), 0);
    pfs_buf_done(&out);
    pfs_buf_done(&index);
    keep(w, made, first, sequence, names, 1);
}

/* Reads columns of today from all files, as JSON; rows without columns as points. */
static int read_all(struct world *w, const int32_t *column, int32_t columns, bool row_ids, int32_t batch_rows,
                    struct pfs_buf *text, struct pfs_err *err)
{
    struct pfs_data_read read = {.store = w->store,
                                 .table = "t",
                                 .schema = w->today,
                                 .schemas = w->schemas,
                                 .columns = columns,
                                 .column = column,
                                 .row_ids = row_ids,
                                 .batch_rows = batch_rows};
    struct pfs_field fields[8];
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t rows = pfs_data_open_joined(&read, w->entry, w->files, &reader, err);

    for (int32_t i = 0; i < columns; i++)
        fields[i] = w->today->field[column[i]];
    for (int32_t i = 0; i < 2; i++)
        fields[columns + i] = (struct pfs_field){.name = i == 0 ? "_ROW_ID" : "_SEQUENCE_NUMBER",
                                                 .type = {.kind = PFS_BIGINT, .nullable = true}};
    while (rows == 0 && (rows = pfs_reader_next(reader, &arena, &batch, err)) > 0) {
        assert_int_equal(batch.columns, columns + (row_ids ? 2 : 0));
        for (int64_t i = 0; batch.columns == 0 && i < batch.rows; i++)
            pfs_buf_putc(text, '.');
        if (batch.columns > 0)
            assert_int_equal(pfs_text_print(PFS_TEXT_JSON, fields, &batch, text, NULL), 0);
        pfs_arena_reset(&arena);
        rows = 0;
    }
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    return (int)rows;
}

static void expect(struct world *w, const int32_t *column, int32_t columns, bool row_ids, const char *want)
{
    static const int32_t batch_rows[] = {0, 1, 2};

    for (size_t i = 0; i < COUNT(batch_rows); i++) {
        struct pfs_buf text = {0};
        struct pfs_err err = {0};

        if (read_all(w, column, columns, row_ids, batch_rows[i], &text, &err) != 0)
            fail_msg("%s", err.text);
        if (!pfs_slice_eq(pfs_buf_slice(&text), pfs_str(want)))
            fail_msg("%.*s", PFS_P(pfs_buf_slice(&text)));
        pfs_buf_done(&text);
    }
}

static const char *const only_b[] = {"old_b"}, *const b_and_c[] = {"old_b", "c"}, *const only_c[] = {"c"};
static const int32_t all[] = {0, 1, 2, 3};

static void the_newest_file_with_a_column_gives_it(void **state)
{
    struct world *w = *state;

    add_file(w, 1, 10, 3, 0, 1, NULL, -1);
    add_file(w, 2, 20, 3, 0, 2, b_and_c, 2);
    expect(w, all, 4, false,
           "{\"a\":10,\"b\":\"20\",\"c\":20,\"x\":null}\n{\"a\":11,\"b\":\"21\",\"c\":21,\"x\":null}\n"
           "{\"a\":12,\"b\":\"22\",\"c\":22,\"x\":null}\n");
    add_file(w, 2, 30, 3, 0, 3, only_b, 1);
    expect(w, all, 3, false,
           "{\"a\":10,\"b\":\"30\",\"c\":20}\n{\"a\":11,\"b\":\"31\",\"c\":21}\n{\"a\":12,\"b\":\"32\",\"c\":22}\n");
}

static void columns_outside_of_write_cols_are_not_looked_at(void **state)
{
    struct world *w = *state;

    add_file(w, 1, 10, 2, 0, 1, NULL, -1);
    add_file(w, 2, 20, 2, 0, 2, only_c, 1); /* its old_b is there, but says nothing */
    expect(w, all, 3, false, "{\"a\":10,\"b\":\"10\",\"c\":20}\n{\"a\":11,\"b\":\"11\",\"c\":21}\n");
}

static void row_ids_count_on_from_the_first_one(void **state)
{
    struct world *w = *state;

    add_file(w, 1, 10, 3, 40, 5, NULL, -1);
    add_file(w, 2, 20, 3, 40, 7, only_c, 1);
    expect(w, &all[2], 1, true,
           "{\"c\":20,\"_ROW_ID\":40,\"_SEQUENCE_NUMBER\":7}\n{\"c\":21,\"_ROW_ID\":41,\"_SEQUENCE_NUMBER\":7}\n"
           "{\"c\":22,\"_ROW_ID\":42,\"_SEQUENCE_NUMBER\":7}\n");
    expect(w, NULL, 0, true,
           "{\"_ROW_ID\":40,\"_SEQUENCE_NUMBER\":7}\n{\"_ROW_ID\":41,\"_SEQUENCE_NUMBER\":7}\n"
           "{\"_ROW_ID\":42,\"_SEQUENCE_NUMBER\":7}\n");
}

static void blobs_lie_in_several_files_in_order(void **state)
{
    struct world *w = *state;

    add_file(w, 3, 1, 4, 10, 1, NULL, -1);
    add_blobs(w, 'r', 1, 13, 1);
    add_blobs(w, 'o', 3, 10, 1);
    expect(w, (const int32_t[]){3, 0}, 2, false,
           "{\"x\":\"bw==\",\"a\":1}\n{\"x\":\"cA==\",\"a\":2}\n{\"x\":\"cQ==\",\"a\":3}\n{\"x\":\"cg==\",\"a\":4}\n");
    add_blobs(w, 'A', 3, 10, 2); /* newer ones of some rows */
    expect(w, &all[3], 1, false, "{\"x\":\"QQ==\"}\n{\"x\":\"Qg==\"}\n{\"x\":\"Qw==\"}\n{\"x\":\"cg==\"}\n");
}

static void rows_are_counted_without_columns(void **state)
{
    struct world *w = *state;

    add_file(w, 1, 10, 3, 0, 1, NULL, -1);
    add_file(w, 2, 20, 3, 0, 2, only_c, 1);
    expect(w, NULL, 0, false, "...");
}

static void expect_failure(struct world *w, const char *word)
{
    struct pfs_buf text = {0};
    struct pfs_err err = {0};

    assert_int_equal(read_all(w, all, 4, false, 0, &text, &err), -EIO);
    if (strstr(err.text, word) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", err.text, word);
    pfs_buf_done(&text);
}

static void files_that_do_not_cover_the_same_rows_are_refused(void **state)
{
    struct world *w = *state;

    add_file(w, 1, 10, 3, 0, 1, NULL, -1);
    add_file(w, 2, 20, 3, 1, 2, b_and_c, 2);
    expect_failure(w, "share some of their row ids");
    w->files = 1;
    add_file(w, 2, 20, 2, 0, 2, b_and_c, 2);
    expect_failure(w, "share some of their row ids");
    w->files = 1;
    add_file(w, 2, 20, 2, PFS_NO_NUMBER, 2, b_and_c, 2);
    expect_failure(w, "has no row ids");
    w->files = 1;
    add_file(w, 2, 20, 2, 0, 2, b_and_c, 2); /* lies about its rows */
    w->file[1].file.rows = 3;
    expect_failure(w, "not as many rows");
    w->files = 1;
    add_blobs(w, 'a', 2, 0, 1);
    expect_failure(w, "do not hold its rows");
    w->entry[0] = w->entry[1];
    w->files = 1;
    expect_failure(w, "no file to go with it");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_file_with_a_column_gives_it), TEST(columns_outside_of_write_cols_are_not_looked_at),
        TEST(row_ids_count_on_from_the_first_one),    TEST(blobs_lie_in_several_files_in_order),
        TEST(rows_are_counted_without_columns),       TEST(files_that_do_not_cover_the_same_rows_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
