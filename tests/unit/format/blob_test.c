/* Blob files: the bytes of Paimon, ranges of rows, and what is wrong with a file. */
#include "format/blob.h"

#include <errno.h>

#include "base/hash.h"
#include "base/mem.h"
#include "tests/unit/cm.h"

/* The payload 01..05, as Paimon writes it (spec datafiles 8). */
static const uint8_t paimon[] = {0xcf, 0x11, 0x4e, 0x58, 1,    2,    3,    4,    5,    0x15, 0, 0, 0, 0,
                                 0,    0,    0,    0xb9, 0x8e, 0x5a, 0x4c, 0x2a, 0x01, 0,    0, 0, 1};

struct answer {
    int rc;
    int64_t rows;
    int batches;
    struct pfs_buf text; /* each value behind '+', nulls as '-' */
    struct pfs_err err;
};

static void collect(const struct pfs_batch *batch, struct answer *out)
{
    for (int64_t i = 0; i < batch->rows; i++) {
        if (!pfs_column_present(&batch->column[0], i)) {
            pfs_buf_putc(&out->text, '-');
            continue;
        }
        pfs_buf_putc(&out->text, '+');
        pfs_buf_put(&out->text, pfs_column_bytes(&batch->column[0], i).at, pfs_column_bytes(&batch->column[0], i).len);
    }
}

static void read_file(struct pfs_slice bytes, struct pfs_file_read read, struct answer *out)
{
    static const struct pfs_field field = {.name = "b", .type = {.kind = PFS_BLOB, .nullable = true}};
    struct pfs_store *store;
    struct pfs_file *file;
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    int64_t rows = 0;

    *out = (struct answer){0};
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_store_create(store, "f", &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, bytes.at, bytes.len, NULL), 0);
    pfs_file_close(file);
    assert_int_equal(pfs_store_open(store, "f", &file, NULL), 0);
    if (read.fields == NULL) {
        read.fields = &field;
        read.columns = 1;
    }
    out->rc = pfs_blob_open(file, &read, &reader, &out->err);
    while (out->rc == 0 && (rows = pfs_reader_next(reader, &arena, &batch, &out->err)) > 0) {
        out->rows += rows;
        out->batches++;
        collect(&batch, out);
        pfs_arena_reset(&arena);
    }
    out->rc = rows < 0 ? (int)rows : out->rc;
    pfs_reader_close(reader);
    pfs_file_close(file);
    pfs_store_close(store);
    pfs_arena_done(&arena);
}

/* A file of these values; NULL = null. */
static struct pfs_buf make_file(const char *const *value, int count)
{
    struct pfs_buf out = {0}, index = {0};
    int64_t before = 0;

    for (int i = 0; i < count; i++) {
        int64_t len = value[i] == NULL ? -1 : (int64_t)strlen(value[i]) + 16;
        size_t from = out.len;

        pfs_buf_zigzag(&index, len - before);
        before = len;
        if (value[i] == NULL)
            continue;
        pfs_buf_put(&out, paimon, 4);
        pfs_buf_puts(&out, value[i]);
        pfs_buf_le64(&out, (uint64_t)len);
        pfs_buf_le32(&out, pfs_crc32(out.at + from, out.len - from));
    }
    pfs_buf_put(&out, index.at, index.len);
    pfs_buf_le32(&out, (uint32_t)index.len);
    pfs_buf_putc(&out, 1);
    pfs_buf_done(&index);
    return out;
}

static void expect(const struct answer *a, const char *want)
{
    if (a->rc != 0)
        fail_msg("%s", a->err.text);
    assert_true(pfs_slice_eq(pfs_buf_slice(&a->text), pfs_str(want)));
}

static void the_bytes_of_paimon_are_one_value(void **state)
{
    struct answer a;

    (void)state;
    read_file(pfs_slice_of(paimon, sizeof(paimon)), (struct pfs_file_read){0}, &a);
    expect(&a, "+\1\2\3\4\5");
    pfs_buf_done(&a.text);
}

static void nulls_and_empty_values_differ(void **state)
{
    static const char *const values[] = {NULL, "", "abc", NULL, NULL, "d"};
    struct pfs_buf file = make_file(values, 6);
    struct answer a;

    (void)state;
    read_file(pfs_buf_slice(&file), (struct pfs_file_read){0}, &a);
    expect(&a, "-++abc--+d");
    assert_int_equal(a.batches, 1);
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
    file = make_file(NULL, 0);
    read_file(pfs_buf_slice(&file), (struct pfs_file_read){0}, &a);
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.rows, 0);
    pfs_buf_done(&file);
}

static void ranges_give_their_rows_alone(void **state)
{
    static const char *const values[] = {"0", NULL, "2", "3", "4", NULL, "6", "7"};
    static const struct pfs_row_range ranges[] = {{1, 3}, {4, 5}, {6, 20}};
    struct pfs_buf file = make_file(values, 8);
    struct answer a;

    (void)state;
    read_file(pfs_buf_slice(&file), (struct pfs_file_read){.range = ranges, .ranges = 3}, &a);
    expect(&a, "-+2+4+6+7");
    pfs_buf_done(&a.text);
    read_file(pfs_buf_slice(&file), (struct pfs_file_read){.range = ranges, .ranges = 0}, &a);
    assert_int_equal(a.rows, 0);
    read_file(pfs_buf_slice(&file), (struct pfs_file_read){.batch_rows = 3}, &a);
    expect(&a, "+0-+2+3+4-+6+7");
    assert_int_equal(a.batches, 3);
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
}

static void large_values_end_a_batch(void **state)
{
    size_t len = (size_t)10 << 20;
    char *text = pfs_alloc(len + 1);
    const char *const values[] = {text, text, text};
    struct pfs_buf file;
    struct answer a;

    (void)state;
    memset(text, 'x', len);
    text[len] = '\0';
    file = make_file(values, 3);
    read_file(pfs_buf_slice(&file), (struct pfs_file_read){0}, &a);
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.rows, 3);
    assert_int_equal(a.batches, 2);
    assert_int_equal(a.text.len, 3 * (len + 1));
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
    pfs_free(text);
}

static void columns_of_other_types_are_not_in_the_file(void **state)
{
    static const struct pfs_field fields[] = {{.name = "a", .type = {.kind = PFS_INT}},
                                              {.name = "b", .type = {.kind = PFS_BLOB}}};
    const bool missing_ok[] = {true, false};
    struct answer a;

    (void)state;
    read_file(pfs_slice_of(paimon, sizeof(paimon)), (struct pfs_file_read){.columns = 2, .fields = fields}, &a);
    assert_int_equal(a.rc, -EIO);
    assert_non_null(strstr(a.err.text, "column a"));
    read_file(pfs_slice_of(paimon, sizeof(paimon)),
              (struct pfs_file_read){.columns = 2, .fields = fields, .missing_ok = missing_ok}, &a);
    expect(&a, "-");
    pfs_buf_done(&a.text);
}

static void every_changed_byte_is_told(void **state)
{
    uint8_t file[sizeof(paimon)];

    (void)state;
    for (size_t len = 0; len < sizeof(paimon); len++) {
        struct answer a;

        read_file(pfs_slice_of(paimon, len), (struct pfs_file_read){0}, &a);
        assert_true(a.rc < 0 && a.err.text[0] != '\0');
        pfs_buf_done(&a.text);
    }
    for (size_t i = 0; i < sizeof(paimon); i++)
        for (int bit = 0; bit < 8; bit++) {
            struct answer a;

            memcpy(file, paimon, sizeof(paimon));
            file[i] ^= (uint8_t)(1 << bit);
            read_file(pfs_slice_of(file, sizeof(file)), (struct pfs_file_read){0}, &a);
            assert_true(a.rc < 0 && a.err.text[0] != '\0');
            pfs_buf_done(&a.text);
        }
}

/* The writer's file of these values, given `step` at a time; NULL = null. */
static struct pfs_buf write_file(const char *const *value, int count, int step)
{
    static const struct pfs_type type = {.kind = PFS_BLOB, .nullable = true};
    struct pfs_store *store;
    struct pfs_file *file;
    struct pfs_writer *writer;
    struct pfs_buf out = {0};
    uint64_t size;
    uint8_t *bytes;

    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_store_create(store, "f", &file, NULL), 0);
    assert_int_equal(pfs_blob_create(file, &writer, NULL), 0);
    for (int from = 0; from < count; from += step) {
        int32_t offsets[16] = {0}, rows = count - from < step ? count - from : step;
        uint8_t valid[2] = {0};
        struct pfs_buf values = {0};
        struct pfs_column column = {.type = &type, .valid = valid, .offsets = offsets};

        for (int i = 0; i < rows; i++) {
            if (value[from + i] != NULL) {
                pfs_buf_puts(&values, value[from + i]);
                valid[i / 8] |= (uint8_t)(1 << i % 8);
            }
            offsets[i + 1] = (int32_t)values.len;
        }
        column.values = values.at;
        assert_int_equal(pfs_writer_write(writer, &(struct pfs_batch){rows, 1, &column}, NULL), 0);
        pfs_buf_done(&values);
    }
    size = pfs_writer_size(writer);
    assert_int_equal(size, pfs_file_size(file));
    assert_int_equal(pfs_writer_finish(writer, NULL), 0);
    assert_int_equal(pfs_writer_stats(writer)->nulls, -1);
    pfs_writer_close(writer);
    size = pfs_file_size(file);
    pfs_file_close(file);
    assert_int_equal(pfs_store_open(store, "f", &file, NULL), 0);
    bytes = pfs_alloc((size_t)size);
    assert_int_equal(pfs_file_pread(file, 0, bytes, (size_t)size, NULL), 0);
    pfs_buf_put(&out, bytes, (size_t)size);
    pfs_free(bytes);
    pfs_file_close(file);
    pfs_store_close(store);
    return out;
}

static void what_is_written_is_what_paimon_writes(void **state)
{
    static const char *const one[] = {"\1\2\3\4\5"};
    static const char *const some[] = {
        NULL, "a", "", NULL, NULL, "a long value that needs two bytes for its length, so it does", "b"};

    (void)state;
    for (int step = 1; step < 8; step++) {
        struct pfs_buf ours = write_file(one, 1, step), want = make_file(some, 7);

        assert_true(pfs_slice_eq(pfs_buf_slice(&ours), pfs_slice_of(paimon, sizeof(paimon))));
        pfs_buf_done(&ours);
        ours = write_file(some, 7, step);
        assert_true(pfs_slice_eq(pfs_buf_slice(&ours), pfs_buf_slice(&want)));
        pfs_buf_done(&ours);
        ours = write_file(some, 0, step);
        assert_int_equal(ours.len, 5); /* no rows: an index of nothing */
        pfs_buf_done(&ours);
        pfs_buf_done(&want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_of_paimon_are_one_value),
        cmocka_unit_test(nulls_and_empty_values_differ),
        cmocka_unit_test(ranges_give_their_rows_alone),
        cmocka_unit_test(large_values_end_a_batch),
        cmocka_unit_test(columns_of_other_types_are_not_in_the_file),
        cmocka_unit_test(every_changed_byte_is_told),
        cmocka_unit_test(what_is_written_is_what_paimon_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
