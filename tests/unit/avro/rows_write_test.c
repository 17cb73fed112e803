/* Data files as they are written: read back, and byte by byte. */
#include <errno.h>

#include "base/mem.h"
#include "format/avro/rows.h"
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

static int start(struct made *m, const char *const (*pairs)[2], enum pfs_codec codec)
{
    struct pfs_avro_rows_write write = {.codec = codec, .fields = m->field};

    *m = (struct made){0};
    assert_int_equal(pfs_store_open_memory(&m->store, NULL), 0);
    assert_int_equal(pfs_store_create(m->store, "f", &m->file, NULL), 0);
    m->columns = write.columns = load_fields(pairs, &m->arena, m->field);
    return pfs_avro_rows_create(m->file, &write, &m->writer, &m->err);
}

static void stop(struct made *m)
{
    pfs_writer_close(m->writer);
    pfs_file_close(m->file);
    pfs_store_close(m->store);
    pfs_arena_done(&m->arena);
}

static int64_t no_count(const struct pfs_reader *reader)
{
    (void)reader;
    return -1;
}

static void read_again(struct made *m, struct pfs_buf *out)
{
    const struct load_codec avro = {pfs_avro_rows_open, no_count};
    const struct pfs_row_range all = {0, INT64_MAX}; /* the file does not know how many rows it has */
    const struct pfs_file_read read = {.columns = m->columns, .fields = m->field, .range = &all, .ranges = 1};
    struct pfs_file *file;
    int64_t rows;

    assert_int_equal(pfs_store_open(m->store, "f", &file, NULL), 0);
    rows = load_all(&avro, file, &read, out, &m->err);
    pfs_file_close(file);
    if (rows < 0)
        fail_msg("%s", m->err.text);
}

static void write_and_compare(const char *const (*pairs)[2], int rows, int64_t most, enum pfs_codec codec)
{
    struct made m;
    struct pfs_buf lines = {0}, said = {0}, got = {0};

    assert_int_equal(start(&m, pairs, codec), 0);
    rt_rows(m.field, m.columns, rows, (uint64_t)rows, &lines);
    if (rt_write(m.writer, m.field, m.columns, pfs_buf_slice(&lines), most, &said, &m.err) < 0)
        fail_msg("%s", m.err.text);
    assert_int_equal(pfs_writer_finish(m.writer, &m.err), 0);
    assert_int_equal(pfs_writer_stats(m.writer)[0].nulls, -1);
    assert_false(pfs_writer_stats(m.writer)[0].has_bounds);
    assert_int_equal(pfs_writer_size(m.writer), pfs_file_size(m.file));
    read_again(&m, &got);
    rt_same(pfs_codec_name(codec), pfs_buf_slice(&got), pfs_buf_slice(&said));
    pfs_buf_done(&lines);
    pfs_buf_done(&said);
    pfs_buf_done(&got);
    stop(&m);
}

static void rows_of_every_type_are_read_as_they_were_written(void **state)
{
    static const enum pfs_codec codecs[] = {PFS_CODEC_NONE, PFS_CODEC_ZSTD, PFS_CODEC_SNAPPY, PFS_CODEC_DEFLATE};

    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++)
        write_and_compare(rt_all, 700, 90, codecs[i]);
    write_and_compare(rt_all, 4000, 3000, PFS_CODEC_ZSTD);
    write_and_compare(rt_all, 0, 1, PFS_CODEC_ZSTD);
}

static void one_row(const char *const (*pairs)[2], const char *line, const char *want, size_t len)
{
    struct made m;
    struct pfs_buf said = {0};
    struct pfs_slice bytes;

    if (start(&m, pairs, PFS_CODEC_NONE) < 0 ||
        rt_write(m.writer, m.field, m.columns, pfs_str(line), 1, &said, &m.err) < 0)
        fail_msg("%s", m.err.text);
    assert_int_equal(pfs_writer_finish(m.writer, NULL), 0);
    assert_int_equal(pfs_store_load(m.store, "f", 1 << 20, &bytes, NULL), 0);
    /* The block at the end: rows, bytes, the row, the mark. */
    CHECK(line, bytes.len > 18 + len && bytes.at[bytes.len - 18 - len] == 2 &&
                    bytes.at[bytes.len - 17 - len] == 2 * len &&
                    memcmp(bytes.at + bytes.len - 16 - len, want, len) == 0);
    pfs_free((void *)(uintptr_t)bytes.at);
    pfs_buf_done(&said);
    stop(&m);
}

#define ROW(type, value, want) \
    one_row((const char *const[][2]){{"a", type}, {NULL, NULL}}, "{\"a\":" value "}", want, sizeof(want) - 1)

static void a_value_is_the_bytes_that_avro_describes(void **state)
{
    (void)state;
    ROW("INT NOT NULL", "-65", "\x81\x01");
    ROW("INT NOT NULL", "63", "\x7e");
    ROW("INT", "null", "\x00");
    ROW("INT", "1", "\x02\x02");
    ROW("BIGINT NOT NULL", "-9223372036854775808", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    ROW("BOOLEAN", "true", "\x02\x01");
    ROW("FLOAT NOT NULL", "1.0", "\x00\x00\x80\x3f");
    ROW("DOUBLE NOT NULL", "1.0", "\x00\x00\x00\x00\x00\x00\xf0\x3f");
    ROW("STRING", "\"ab\"",
        "\x02\x04"
        "ab");
    ROW("DECIMAL(9, 2) NOT NULL", "\"-1.29\"", "\x04\xff\x7f");
    ROW("DECIMAL(9, 2) NOT NULL", "\"1.28\"", "\x04\x00\x80");
    ROW("DECIMAL(20, 0) NOT NULL", "\"9223372036854775808\"", "\x12\x00\x80\x00\x00\x00\x00\x00\x00\x00");
    ROW("DECIMAL(20, 0) NOT NULL", "\"-9223372036854775809\"", "\x12\xff\x7f\xff\xff\xff\xff\xff\xff\xff");
    ROW("TIMESTAMP(3)", "\"1970-01-01 00:00:00.001\"", "\x02\x02");
    ROW("TIMESTAMP_LTZ(6)", "\"1970-01-01 00:00:00.000001Z\"", "\x02\x02");
    ROW("ARRAY<INT>", "[]", "\x02\x00");
    ROW("ARRAY<INT>", "[1,null]", "\x02\x04\x02\x02\x00\x00");
    ROW("MAP<STRING, INT>", "[[\"k\",1]]", "\x02\x02\x02k\x02\x02\x00");
    ROW("MAP<INT, INT>", "[[1,null]]", "\x02\x02\x02\x02\x00\x00");
    ROW("MULTISET<STRING>", "[[\"k\",3]]", "\x02\x02\x02k\x02\x06\x00");
    ROW("ROW<p INT, q ROW<r INT> NOT NULL>", "{\"p\":null,\"q\":{\"r\":5}}", "\x02\x00\x02\x0a");
    ROW("ROW<p INT>", "null", "\x00");
}

static void expect_schema(const char *const (*pairs)[2], const char *fields)
{
    struct made m;
    struct pfs_slice bytes;
    struct pfs_buf want = {0};

    if (start(&m, pairs, PFS_CODEC_ZSTD) < 0)
        fail_msg("%s", m.err.text);
    assert_int_equal(pfs_store_load(m.store, "f", 1 << 20, &bytes, NULL), 0);
    pfs_buf_printf(&want,
                   "{\"type\":\"record\",\"name\":\"record\",\"namespace\":\"org.apache.paimon.avro.generated\","
                   "\"fields\":[%s]}",
                   fields);
    if (memmem(bytes.at, bytes.len, want.at, want.len) == NULL)
        fail_msg("%.*s is not in %.*s", PFS_P(pfs_buf_slice(&want)), PFS_P(bytes));
    pfs_free((void *)(uintptr_t)bytes.at);
    pfs_buf_done(&want);
    stop(&m);
}

#define NULLABLE(name, type) "{\"name\":\"" name "\",\"type\":[\"null\"," type "],\"default\":null}"

static void the_schema_is_named_as_paimon_names_it(void **state)
{
    (void)state;
    expect_schema(
        (const char *const[][2]){{"id", "BIGINT NOT NULL"},
                                 {"dec", "DECIMAL(20, 5)"},
                                 {"ts", "TIMESTAMP(6)"},
                                 {"lz", "TIMESTAMP_LTZ(3)"},
                                 {NULL, NULL}},
        "{\"name\":\"id\",\"type\":\"long\"}," NULLABLE("dec", "{\"type\":\"bytes\",\"logicalType\":\"decimal\","
                                                               "\"precision\":20,\"scale\":5}") "," NULLABLE(
            "ts", "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}") "," NULLABLE("lz",
                                                                                           "{\"type\":\"long\","
                                                                                           "\"logicalType\":\"local-"
                                                                                           "timestamp-millis\"}"));
    expect_schema(
        (const char *const[][2]){{"ar", "ARRAY<ROW<x INT>>"}, {"ms", "MULTISET<STRING>"}, {NULL, NULL}},
        NULLABLE("ar",
                 "{\"type\":\"array\",\"items\":[\"null\",{\"type\":\"record\",\"name\":"
                 "\"record_ar\",\"fields\":[" NULLABLE(
                     "x", "\"int\"") "]}]}") "," NULLABLE("ms", "{\"type\":\"map\",\"values\":[\"null\",\"int\"]}"));
    expect_schema(
        (const char *const[][2]){{"m", "MAP<ROW<x INT>, MAP<INT NOT NULL, INT NOT NULL>>"}, {NULL, NULL}},
        NULLABLE("m", "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"record_m\",\"fields\":["
                      "{\"name\":\"key\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"record_m_key\","
                      "\"fields\":[" NULLABLE("x", "\"int\"") "]}]}," NULLABLE(
                          "value",
                          "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"record_m_value\",\"fields\":["
                          "{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"int\"}]},"
                          "\"logicalType\":\"map\"}") "]},\"logicalType\":\"map\"}"));
}

static void what_paimon_cannot_hold_in_avro_is_refused(void **state)
{
    static const struct {
        const char *name, *type;
        enum pfs_codec codec;
        int code;
        const char *word;
    } cases[] = {
        {"a", "VARIANT", PFS_CODEC_NONE, EOPNOTSUPP, "no VARIANT"},
        {"a", "TIMESTAMP(7)", PFS_CODEC_NONE, EOPNOTSUPP, "no TIMESTAMP(7)"},
        {"a", "ARRAY<TIMESTAMP_LTZ(9)>", PFS_CODEC_NONE, EOPNOTSUPP, "no TIMESTAMP(9) WITH LOCAL"},
        {"a", "MULTISET<INT>", PFS_CODEC_NONE, EOPNOTSUPP, "no MULTISET<INT>"},
        {"a b", "INT", PFS_CODEC_NONE, EINVAL, "\"a b\""},
        {"1a", "INT", PFS_CODEC_NONE, EINVAL, "\"1a\""},
        {"a", "ROW<`x-y` INT>", PFS_CODEC_NONE, EINVAL, "\"x-y\""},
        {"a", "INT", PFS_CODEC_LZ4, EINVAL, "lz4 is no codec"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct made m;

        CHECK(cases[i].word, start(&m, (const char *const[][2]){{cases[i].name, cases[i].type}, {NULL, NULL}},
                                   cases[i].codec) == -cases[i].code);
        if (strstr(m.err.text, cases[i].word) == NULL)
            fail_msg("\"%s\" says nothing of \"%s\"", m.err.text, cases[i].word);
        stop(&m);
    }
}

/* The parser lets no such row pass; a merge might. */
static void a_null_that_may_not_be_is_refused(void **state)
{
    static const int32_t number = 5;
    static const uint8_t nobody = 0;
    struct made m;
    struct pfs_column column = {.valid = &nobody, .values = &number};

    (void)state;
    assert_int_equal(start(&m, (const char *const[][2]){{"a", "INT NOT NULL"}, {NULL, NULL}}, PFS_CODEC_NONE), 0);
    column.type = &m.field[0].type;
    assert_int_equal(pfs_writer_write(m.writer, &(struct pfs_batch){1, 1, &column}, &m.err), -EINVAL);
    assert_string_equal(m.err.text, "a is null, and may not be");
    stop(&m);
}

/* What lies below a null is not written, whatever it is. */
static void items_below_a_null_are_left_out(void **state)
{
    static const int32_t offsets[] = {0, 2, 3}, items[] = {7, 8, 9};
    static const uint8_t second = 2;
    struct made m;
    struct pfs_column item = {.values = items}, list = {.valid = &second, .offsets = offsets, .children = &item};
    struct pfs_buf got = {0};

    (void)state;
    assert_int_equal(start(&m, (const char *const[][2]){{"a", "ARRAY<INT>"}, {NULL, NULL}}, PFS_CODEC_NONE), 0);
    list.type = &m.field[0].type;
    item.type = &list.type->child[0].type;
    assert_int_equal(pfs_writer_write(m.writer, &(struct pfs_batch){2, 1, &list}, &m.err), 0);
    assert_int_equal(pfs_writer_finish(m.writer, &m.err), 0);
    read_again(&m, &got);
    rt_same("nulls", pfs_buf_slice(&got), pfs_str("{\"a\":null}\n{\"a\":[9]}\n"));
    pfs_buf_done(&got);
    stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_every_type_are_read_as_they_were_written),
        cmocka_unit_test(a_value_is_the_bytes_that_avro_describes),
        cmocka_unit_test(the_schema_is_named_as_paimon_names_it),
        cmocka_unit_test(what_paimon_cannot_hold_in_avro_is_refused),
        cmocka_unit_test(a_null_that_may_not_be_is_refused),
        cmocka_unit_test(items_below_a_null_are_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
