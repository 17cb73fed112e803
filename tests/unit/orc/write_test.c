/* Files as they are written: read back, and their row groups, stripes, statistics. */
#include <errno.h>

#include "base/mem.h"
#include "tests/unit/orc/load.h"
#include "tests/unit/roundtrip.h"

struct made {
    struct pfs_store *store;
    struct pfs_file *file;
    struct pfs_writer *writer;
    struct pfs_arena arena;
    struct pfs_field field[LOAD_FIELDS_MAX];
    int32_t columns;
    struct pfs_err err;
};

static int start(struct made *m, const char *const (*pairs)[2], struct pfs_orc_write write)
{
    *m = (struct made){0};
    assert_int_equal(pfs_store_open_memory(&m->store, NULL), 0);
    assert_int_equal(pfs_store_create(m->store, "f", &m->file, NULL), 0);
    m->columns = write.columns = load_fields(pairs, &m->arena, m->field);
    write.fields = m->field;
    return pfs_orc_create(m->file, &write, &m->writer, &m->err);
}

static void stop(struct made *m)
{
    pfs_writer_close(m->writer);
    pfs_file_close(m->file);
    pfs_store_close(m->store);
    pfs_arena_done(&m->arena);
}

static void write_lines(struct made *m, struct pfs_slice lines, int64_t most, struct pfs_buf *said)
{
    if (rt_write(m->writer, m->field, m->columns, lines, most, said, &m->err) < 0 ||
        pfs_writer_finish(m->writer, &m->err) < 0)
        fail_msg("%s", m->err.text);
    assert_int_equal(pfs_writer_size(m->writer), pfs_file_size(m->file));
}

static void read_again(struct made *m, const struct pfs_row_range *range, struct pfs_buf *out)
{
    const struct pfs_file_read read = {
        .columns = m->columns, .fields = m->field, .range = range, .ranges = range != NULL};
    struct pfs_file *file;
    int64_t rows;

    assert_int_equal(pfs_store_open(m->store, "f", &file, NULL), 0);
    rows = load_rows(file, &read, out, &m->err);
    pfs_file_close(file);
    if (rows < 0)
        fail_msg("%s", m->err.text);
}

/* Line number `row` (from 0) of a text; its end at the end. */
static size_t line(struct pfs_slice text, int64_t row)
{
    size_t at = 0;

    for (; row > 0; row--) {
        const uint8_t *end = memchr(text.at + at, '\n', text.len - at);

        if (end == NULL)
            return text.len;
        at = (size_t)(end - text.at) + 1;
    }
    return at;
}

static void expect_range(struct made *m, struct pfs_slice said, int64_t from, int64_t to)
{
    const struct pfs_row_range range = {from, to};
    struct pfs_buf got = {0};
    size_t start = line(said, from);

    read_again(m, &range, &got);
    rt_same("a range", pfs_buf_slice(&got), pfs_slice_of(said.at + start, line(said, to) - start));
    pfs_buf_done(&got);
}

static void write_and_compare(const char *const (*pairs)[2], int rows, int64_t most, struct pfs_orc_write write)
{
    struct made m;
    struct pfs_buf lines = {0}, said = {0}, got = {0};

    if (start(&m, pairs, write) < 0)
        fail_msg("%s", m.err.text);
    rt_rows(m.field, m.columns, rows, (uint64_t)rows, &lines);
    write_lines(&m, pfs_buf_slice(&lines), most, &said);
    read_again(&m, NULL, &got);
    rt_same(pfs_codec_name(write.codec), pfs_buf_slice(&got), pfs_buf_slice(&said));
    if (rows > 20100) {
        expect_range(&m, pfs_buf_slice(&said), 10000, 10003);
        expect_range(&m, pfs_buf_slice(&said), 20007, 20050);
        expect_range(&m, pfs_buf_slice(&said), 9990, 20010);
    }
    pfs_buf_done(&lines);
    pfs_buf_done(&said);
    pfs_buf_done(&got);
    stop(&m);
}

static const char *const times[][2] = {{"t9", "TIMESTAMP(9)"},
                                       {"t7", "TIMESTAMP(7)"},
                                       {"l9", "TIMESTAMP_LTZ(9)"},
                                       {"at", "ARRAY<TIMESTAMP(8)>"},
                                       {NULL, NULL}};

static void rows_of_every_type_are_read_as_they_were_written(void **state)
{
    static const enum pfs_codec codecs[] = {PFS_CODEC_NONE, PFS_CODEC_ZSTD, PFS_CODEC_SNAPPY, PFS_CODEC_DEFLATE,
                                            PFS_CODEC_LZ4};

    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++)
        write_and_compare(rt_all, 700, 90, (struct pfs_orc_write){.codec = codecs[i]});
    write_and_compare(rt_all, 0, 1, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD});
    write_and_compare(rt_all, 900, 200, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD, .no_dictionary = true});
    write_and_compare(times, 3000, 1000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD});
}

/* Of each shape of streams one. */
static const char *const shapes[][2] = {
    {"b", "BOOLEAN"},
    {"i8", "TINYINT"},
    {"i32", "INT NOT NULL"},
    {"d", "DOUBLE"},
    {"dec", "DECIMAL(20, 5)"},
    {"ts", "TIMESTAMP(6)"},
    {"s", "STRING"},
    {"by", "BYTES"},
    {"ai", "ARRAY<INT>"},
    {"ms", "MAP<STRING, BOOLEAN>"},
    {"ro", "ROW<a INT, b STRING>"},
    {NULL, NULL},
};

static void row_groups_are_found_again(void **state)
{
    (void)state;
    write_and_compare(shapes, 23000, 5000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD});
    write_and_compare(shapes, 23000, 5000, (struct pfs_orc_write){.codec = PFS_CODEC_NONE, .dictionary_share = 1});
}

static void stripes_end_where_they_are_full(void **state)
{
    (void)state;
    write_and_compare(shapes, 23000, 3000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD, .stripe_bytes = 1 << 20});
    write_and_compare(rt_all, 3000, 3000, (struct pfs_orc_write){.codec = PFS_CODEC_ZSTD, .stripe_bytes = 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_type_are_read_as_they_were_written),
        cmocka_unit_test(row_groups_are_found_again),
        cmocka_unit_test(stripes_end_where_they_are_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
