/* Data files as batches: built byte by byte, read back as JSON lines. */
#include "format/avro/rows.h"

#include <stdio.h>

#include "base/hash.h"
#include "format/compress.h"
#include "format/text/text.h"
#include "tests/unit/avro/container.h"

#define FIELDS_MAX 8

struct wanted { /* NULL name ends a list */
    const char *name, *type;
};

static int32_t fields_of(const struct wanted *wanted, struct pfs_arena *arena, struct pfs_field *out)
{
    int32_t count = 0;

    for (; wanted[count].name != NULL; count++) {
        out[count] = (struct pfs_field){.id = count, .name = wanted[count].name};
        assert_int_equal(pfs_type_parse(pfs_str(wanted[count].type), NULL, arena, &out[count].type, NULL), 0);
    }
    return count;
}

struct answer {
    struct pfs_buf text;
    int64_t rows;
    int batches;
    int rc;
    struct pfs_err err;
};

/* Reads the file as `read` asks (its fields are set here), prints every batch. */
static void read_file(struct pfs_slice bytes, const struct wanted *wanted, struct pfs_file_read read,
                      struct answer *out)
{
    struct pfs_store *store;
    struct pfs_file *file;
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena = {0}, batches = {0};
    struct pfs_field fields[FIELDS_MAX];
    struct pfs_batch batch;
    int64_t rows = 0;

    *out = (struct answer){0};
    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(pfs_store_create(store, "f", &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, bytes.at, bytes.len, NULL), 0);
    pfs_file_close(file);
    assert_int_equal(pfs_store_open(store, "f", &file, NULL), 0);
    read.fields = fields;
    read.columns = fields_of(wanted, &arena, fields);
    out->rc = pfs_avro_rows_open(file, &read, &reader, &out->err);
    while (out->rc == 0 && (rows = pfs_reader_next(reader, &batches, &batch, &out->err)) > 0) {
        assert_int_equal(batch.rows, rows);
        assert_int_equal(batch.columns, read.columns);
        out->rows += rows;
        out->batches++;
        if (read.columns > 0)
            assert_int_equal(pfs_text_print(PFS_TEXT_JSON, fields, &batch, &out->text, NULL), 0);
        pfs_arena_reset(&batches);
    }
    if (rows < 0)
        out->rc = (int)rows;
    pfs_reader_close(reader);
    pfs_file_close(file);
    pfs_store_close(store);
    pfs_arena_done(&arena);
    pfs_arena_done(&batches);
}

static void expect_text(const struct answer *a, const char *want)
{
    if (a->rc != 0)
        fail_msg("%s", a->err.text);
    if (!pfs_slice_eq(pfs_buf_slice(&a->text), pfs_str(want)))
        fail_msg("%.*s is not %s", PFS_P(pfs_buf_slice(&a->text)), want);
}

/* One record of these bytes, read as `wanted`. */
static void expect_one(const char *fields, const char *record, size_t len, const struct wanted *wanted,
                       const char *want)
{
    char schema[2048];
    struct pfs_buf file;
    struct answer a;

    snprintf(schema, sizeof(schema), RECORD("r", "%s"), fields);
    file = container(schema, "null", pfs_slice_of(record, len), 1);
    read_file(pfs_buf_slice(&file), wanted, (struct pfs_file_read){0}, &a);
    expect_text(&a, want);
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
}

#define ONE(fields, record, want, ...) \
    expect_one(fields, record, sizeof(record) - 1, (const struct wanted[]){__VA_ARGS__, {NULL, NULL}}, want)

static void every_scalar_is_read_as_its_type(void **state)
{
    (void)state;
    ONE(FIELD("a", "\"boolean\"") "," FIELD("b", "\"int\"") "," FIELD("c", "\"int\"") "," FIELD("d", "\"long\""),
        "\x01\xff\x01\xfe\xff\x03\x01", "{\"a\":true,\"b\":-128,\"c\":32767,\"d\":-1}\n", {"a", "BOOLEAN"},
        {"b", "TINYINT"}, {"c", "SMALLINT"}, {"d", "BIGINT"});
    ONE(FIELD("a", "\"float\"") "," FIELD("b", "\"double\"") "," FIELD("c", "\"string\"") "," FIELD("d", "\"bytes\""),
        "\0\0\xc0\x3f\0\0\0\0\0\0\xf8\x3f\x04h\xc3"
        "\x02\x01",
        "{\"a\":1.5,\"b\":1.5,\"c\":\"h\xc3\",\"d\":\"AQ==\"}\n", {"a", "FLOAT"}, {"b", "DOUBLE"}, {"c", "STRING"},
        {"d", "BYTES"});
    ONE(FIELD("a", "{\"type\":\"int\",\"logicalType\":\"date\"}") "," FIELD("b", "\"int\"") "," FIELD(
            "c", "\"long\"") "," FIELD("d", "\"long\""),
        "\x02\xd0\x0f\xd0\x0f\x03",
        "{\"a\":\"1970-01-02\",\"b\":\"00:00:01.000\",\"c\":\"1970-01-01 00:00:01.000\","
        "\"d\":\"1969-12-31 23:59:59.999998Z\"}\n",
        {"a", "DATE"}, {"b", "TIME(3)"}, {"c", "TIMESTAMP(3)"}, {"d", "TIMESTAMP(6) WITH LOCAL TIME ZONE"});
    ONE(FIELD("a", "\"bytes\"") "," FIELD("b", "\"bytes\"") "," FIELD("c", "{\"type\":\"fixed\",\"name\":\"f\","
                                                                           "\"size\":2}"),
        "\x02\xf6\x12\x0d\xe0\xb6\xb3\xa7\x64\x00\x00\x00\xff\x9c",
        "{\"a\":\"-0.10\",\"b\":\"256000000000000000000\",\"c\":\"-1.00\"}\n", {"a", "DECIMAL(5, 2)"},
        {"b", "DECIMAL(38, 0)"}, {"c", "DECIMAL(5, 2)"});
}

static void decimals_beyond_their_precision_are_null(void **state)
{
    (void)state;
    ONE(FIELD("a", "\"bytes\"") "," FIELD("b", "[\"null\",\"bytes\"]") "," FIELD("c", "\"bytes\"") "," FIELD(
            "d", "{\"type\":\"array\",\"items\":\"bytes\"}") "," FIELD("e", "\"int\""),
        "\x04\x03\xe8\x02\x04\xfc\x18\x22\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
        "\x04\x04\x03\xe7\x04\x03\xe8\x00\x0a",
        "{\"a\":null,\"b\":null,\"c\":null,\"d\":[\"999\",null],\"e\":5}\n", {"a", "DECIMAL(3, 0)"},
        {"b", "DECIMAL(3, 0)"}, {"c", "DECIMAL(38, 0)"}, {"d", "ARRAY<DECIMAL(3, 0)>"}, {"e", "INT"});
}

static void null_may_be_any_branch_of_a_union(void **state)
{
    (void)state;
    ONE(FIELD("a", "[\"null\",\"int\"]") "," FIELD("b", "[\"int\",\"null\"]") "," FIELD(
            "c", "[\"int\",\"null\"]") "," FIELD("d", "[\"int\"]") "," FIELD("e", "[\"null\"]"),
        "\x00\x02\x00\x0a\x00\x0c\x00", "{\"a\":null,\"b\":null,\"c\":5,\"d\":6,\"e\":null}\n", {"a", "INT"},
        {"b", "INT"}, {"c", "INT"}, {"d", "INT"}, {"e", "ROW<x INT>"});
}

/* Rows of a type that is nullable as a whole, as Paimon writes them beside BLOBs. */
static void rows_may_be_the_branch_of_a_union(void **state)
{
    static const struct {
        const char *what, *schema, *rows;
        int rc;
    } cases[] = {
        {"null first", "[\"null\"," RECORD("r", FIELD("a", "\"int\"")) "]", "\x02\x02\x02\x04\x02\x06", 0},
        {"null last", "[" RECORD("r", FIELD("a", "\"int\"")) ",\"null\"]", "\x00\x02\x00\x04\x00\x06", 0},
        {"a null", "[\"null\"," RECORD("r", FIELD("a", "\"int\"")) "]", "\x02\x02\x00\x04\x02\x06", -EIO},
        {"no such branch", "[\"null\"," RECORD("r", FIELD("a", "\"int\"")) "]", "\x02\x02\x04\x04\x02\x06", -EIO},
        {"two records", "[" RECORD("r", FIELD("a", "\"int\"")) "," RECORD("s", FIELD("a", "\"int\"")) "]",
         "\x02\x02\x02\x04\x02\x06", -EIO},
    };
    static const struct wanted a[] = {{"a", "INT"}, {NULL, NULL}};
    static const struct pfs_row_range last = {2, 3};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_buf file = {0};
        struct pfs_avro_writer w;
        struct answer all, some;

        assert_int_equal(pfs_avro_begin(&w, cases[i].schema, "null", &file, NULL), 0);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(pfs_avro_add(&w, pfs_slice_of(cases[i].rows + 2 * k, 2), NULL), 0);
        assert_int_equal(pfs_avro_end(&w, NULL), 0);
        read_file(pfs_buf_slice(&file), a, (struct pfs_file_read){0}, &all);
        read_file(pfs_buf_slice(&file), a, (struct pfs_file_read){.range = &last, .ranges = 1}, &some);
        CHECK(cases[i].what, all.rc == cases[i].rc && some.rc == cases[i].rc);
        if (cases[i].rc == 0) {
            expect_text(&all, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
            expect_text(&some, "{\"a\":3}\n");
        }
        pfs_buf_done(&all.text);
        pfs_buf_done(&some.text);
        pfs_buf_done(&file);
    }
}

static void fields_are_found_by_name_and_the_rest_is_stepped_over(void **state)
{
    (void)state;
    ONE(FIELD("x", "{\"type\":\"array\",\"items\":\"int\"}") "," FIELD("a", "\"int\"") "," FIELD(
            "y", "\"string\"") "," FIELD("b", "\"long\""),
        "\x04\x02\x04\x00\x0a\x06xyz\x0c", "{\"b\":6,\"a\":5}\n", {"b", "BIGINT"}, {"a", "INT"});
}

#define ENTRY(key, value) "{\"type\":\"array\",\"items\":" RECORD("e", FIELD("key", key) "," FIELD("value", value)) "}"

static void lists_and_maps_in_both_forms(void **state)
{
    (void)state;
    ONE(FIELD("a", "{\"type\":\"array\",\"items\":[\"null\",\"int\"]}"), "\x05\x0a\x00\x02\x02\x02\x04\x00",
        "{\"a\":[null,1,2]}\n", {"a", "ARRAY<INT>"});
    ONE(FIELD("a", "{\"type\":\"map\",\"values\":[\"null\",\"int\"]}"), "\x04\x02k\x02\x02\x00\x00\x00",
        "{\"a\":[[\"\",null],[\"k\",1]]}\n", {"a", "MAP<STRING, INT>"});
    ONE(FIELD("a", ENTRY("[\"null\",\"int\"]", "\"string\"")), "\x02\x02\x0a\x02v\x00", "{\"a\":[[5,\"v\"]]}\n",
        {"a", "MAP<INT, STRING>"});
    ONE(FIELD("a", "{\"type\":\"map\",\"values\":[\"null\",\"int\"]}"), "\x02\x02k\x02\x06\x00",
        "{\"a\":[[\"k\",3]]}\n", {"a", "MULTISET<STRING>"});
    ONE(FIELD("a", ENTRY("\"int\"", "\"int\"")), "\x02\x0a\x06\x00", "{\"a\":[[5,3]]}\n", {"a", "MULTISET<INT>"});
    ONE(FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"int\"}}"), "\x04\x02\x02\x00\x00\x00",
        "{\"a\":[[1],[]]}\n", {"a", "ARRAY<ARRAY<INT>>"});
}

static void rows_nest_and_lack_fields(void **state)
{
    (void)state;
    ONE(FIELD("a", "[\"null\"," RECORD("s", FIELD("p", "\"int\"") "," FIELD("q", "\"int\"")) "]"), "\x02\x02\x04",
        "{\"a\":{\"q\":2,\"z\":null}}\n", {"a", "ROW<q INT, z STRING>"});
    ONE(FIELD("a", "[\"null\"," RECORD("s", FIELD("p", "[\"null\",\"string\"]")) "]"), "\x00", "{\"a\":null}\n",
        {"a", "ROW<p STRING, z ARRAY<INT>>"});
    ONE(FIELD("a", "{\"type\":\"array\",\"items\":[\"null\"," RECORD("s", FIELD("p", "\"int\"")) "]}"),
        "\x06\x02\x02\x00\x02\x04\x00", "{\"a\":[{\"p\":1},null,{\"p\":2}]}\n", {"a", "ARRAY<ROW<p INT>>"});
}

/* ---- many rows ---- */

/* Blocks of ten records each: n as an int and as text, n from 0. */
static struct pfs_buf numbered(const char *codec, int blocks)
{
    struct pfs_buf out = container(RECORD("r", FIELD("n", "\"int\"") "," FIELD("t", "[\"null\",\"string\"]")), codec,
                                   pfs_slice_of(NULL, 0), 0);
    uint8_t sync[16];
    enum pfs_codec c;

    memcpy(sync, out.at + out.len - 16, 16);
    assert_int_equal(pfs_codec_parse(pfs_str(codec), &c, NULL), 0);
    for (int b = 0; b < blocks; b++) {
        struct pfs_buf block = {0}, packed = {0};

        for (int n = b * 10; n < b * 10 + 10; n++) {
            char text[16];

            pfs_avro_put_long(&block, n);
            pfs_avro_put_long(&block, n % 3 == 0 ? 0 : 1);
            if (n % 3 != 0)
                pfs_avro_put_bytes(&block, pfs_slice_of(text, (size_t)snprintf(text, sizeof(text), "%d", n)));
        }
        assert_int_equal(pfs_compress(c, 0, pfs_buf_slice(&block), &packed, NULL), 0);
        if (c == PFS_CODEC_SNAPPY)
            pfs_buf_be32(&packed, pfs_crc32(block.at, block.len));
        pfs_avro_put_long(&out, 10);
        pfs_avro_put_bytes(&out, pfs_buf_slice(&packed));
        pfs_buf_put(&out, sync, 16);
        pfs_buf_done(&block);
        pfs_buf_done(&packed);
    }
    assert_int_equal(pfs_buf_check(&out, NULL), 0);
    return out;
}

static const struct wanted numbers[] = {{"n", "INT"}, {"t", "STRING"}, {NULL, NULL}};

static void expect_numbers(const struct answer *a, const struct pfs_row_range *range, int ranges)
{
    struct pfs_buf want = {0};

    for (int i = 0; i < ranges; i++)
        for (int64_t n = range[i].from; n < range[i].to; n++) {
            pfs_buf_printf(&want, "{\"n\":%lld,\"t\":", (long long)n);
            pfs_buf_printf(&want, n % 3 == 0 ? "null}\n" : "\"%lld\"}\n", (long long)n);
        }
    pfs_buf_putc(&want, 0);
    expect_text(a, (const char *)want.at);
    pfs_buf_done(&want);
}

static void every_codec_gives_the_same_rows(void **state)
{
    static const char *const codecs[] = {"null", "deflate", "snappy", "zstandard"};

    (void)state;
    for (size_t i = 0; i < COUNT(codecs); i++) {
        struct pfs_buf file = numbered(codecs[i], 5);
        struct answer a;

        read_file(pfs_buf_slice(&file), numbers, (struct pfs_file_read){0}, &a);
        expect_numbers(&a, &(struct pfs_row_range){0, 50}, 1);
        assert_int_equal(a.batches, 1);
        pfs_buf_done(&a.text);
        pfs_buf_done(&file);
    }
}

static void batches_are_cut_where_they_are_asked_to(void **state)
{
    struct pfs_buf file = numbered("zstandard", 5);
    struct answer a;

    (void)state;
    read_file(pfs_buf_slice(&file), numbers, (struct pfs_file_read){.batch_rows = 7}, &a);
    expect_numbers(&a, &(struct pfs_row_range){0, 50}, 1);
    assert_int_equal(a.batches, 8);
    pfs_buf_done(&a.text);
    read_file(pfs_buf_slice(&file), (const struct wanted[]){{NULL, NULL}}, (struct pfs_file_read){.batch_rows = 20},
              &a);
    assert_int_equal(a.rc, 0);
    assert_int_equal(a.rows, 50);
    pfs_buf_done(&file);
}

static void ranges_give_their_rows_alone(void **state)
{
    static const struct {
        const char *what;
        struct pfs_row_range range[3];
        int ranges;
    } cases[] = {
        {"within a block", {{12, 15}}, 1},
        {"over blocks", {{5, 35}}, 1},
        {"several in one block", {{1, 2}, {4, 6}, {9, 10}}, 3},
        {"far apart", {{0, 1}, {49, 50}}, 2},
        {"whole blocks", {{10, 20}, {30, 40}}, 2},
        {"none", {{0, 0}}, 0},
        {"empty ones between", {{3, 3}, {7, 8}, {8, 8}}, 3},
    };
    struct pfs_buf file = numbered("null", 5);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct answer a;

        read_file(pfs_buf_slice(&file), numbers,
                  (struct pfs_file_read){.range = cases[i].range, .ranges = cases[i].ranges, .batch_rows = 4}, &a);
        expect_numbers(&a, cases[i].range, cases[i].ranges);
        pfs_buf_done(&a.text);
    }
    pfs_buf_done(&file);
}

static void blocks_outside_of_ranges_are_not_decoded(void **state)
{
    struct pfs_buf file = numbered("null", 3);
    const struct pfs_row_range range = {0, 10};
    struct answer a;

    (void)state;
    memset(file.at + file.len - 40, 0xff, 20); /* in the last block */
    read_file(pfs_buf_slice(&file), numbers, (struct pfs_file_read){.range = &range, .ranges = 1}, &a);
    expect_numbers(&a, &range, 1);
    pfs_buf_done(&a.text);
    read_file(pfs_buf_slice(&file), numbers, (struct pfs_file_read){0}, &a);
    assert_int_equal(a.rc, -EIO);
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
}

static void headers_longer_than_the_window_are_read(void **state)
{
    size_t len = (size_t)3 << 20;
    char *schema = pfs_alloc(len + 200);
    struct pfs_buf file;
    struct answer a;
    int at = snprintf(schema, 100, "{\"type\":\"record\",\"name\":\"r\",\"doc\":\"");

    (void)state;
    memset(schema + at, 'x', len);
    snprintf(schema + at + (int)len, 100, "\",\"fields\":[" FIELD("a", "\"int\"") "]}");
    file = container(schema, "null", pfs_slice_of("\x02", 1), 3);
    read_file(pfs_buf_slice(&file), (const struct wanted[]){{"a", "INT"}, {NULL, NULL}}, (struct pfs_file_read){0}, &a);
    expect_text(&a, "{\"a\":1}\n{\"a\":1}\n{\"a\":1}\n");
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
    pfs_free(schema);
}

/* ---- damage ---- */

static void expect_refusal(const char *fields, const char *record, size_t len, const char *name, const char *type,
                           int code, const char *word)
{
    const struct wanted wanted[] = {{name, type}, {NULL, NULL}};
    char schema[2048];
    struct pfs_buf file;
    struct answer a;

    snprintf(schema, sizeof(schema), RECORD("r", "%s"), fields);
    file = container(schema, "null", pfs_slice_of(record, len), 1);
    read_file(pfs_buf_slice(&file), wanted, (struct pfs_file_read){0}, &a);
    CHECK(word, a.rc == -code);
    if (strstr(a.err.text, word) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", a.err.text, word);
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
}

#define REFUSED(fields, record, name, type, code, word) \
    expect_refusal(fields, record, sizeof(record) - 1, name, type, code, word)

static void what_does_not_fit_is_refused_with_a_sentence(void **state)
{
    (void)state;
    REFUSED(FIELD("a", "\"int\""), "\x02", "b", "INT", EIO, "not in the file");
    REFUSED(FIELD("a", "\"string\""), "\x02x", "a", "INT", EIO, "is no INT");
    REFUSED(FIELD("a", "[\"int\",\"string\"]"), "\x00\x02", "a", "INT", EIO, "is no INT");
    REFUSED(FIELD("a", "\"int\""), "\x02", "a", "VARIANT", EOPNOTSUPP, "no VARIANT");
    REFUSED(FIELD("a", "\"long\""), "\x02", "a", "TIMESTAMP(9)", EOPNOTSUPP, "no TIMESTAMP(9)");
    REFUSED(FIELD("a", ENTRY("\"int\"", "\"string\"")), "\x00", "a", "MAP<STRING, STRING>", EIO, "field key");
    REFUSED(FIELD("a", "{\"type\":\"array\",\"items\":\"int\"}"), "\x00", "a", "MAP<INT, INT>", EIO, "is no MAP");
    REFUSED(FIELD("a", "\"int\""), "\x80\x02", "a", "TINYINT", EIO, "beyond its type");
    REFUSED(FIELD("a", "[\"null\",\"int\"]"), "\x04\x02", "a", "INT", EIO, "cut off");
    REFUSED(FIELD("a", "\"string\""), "\x10xy", "a", "STRING", EIO, "cut off");
    REFUSED(FIELD("a", "{\"type\":\"array\",\"items\":\"int\"}"), "\x7e\x02\x02", "a", "ARRAY<INT>", EIO, "cut off");
    REFUSED(FIELD("a", "\"int\""), "\x02\x02", "a", "INT", EIO, "behind its rows");
}

static void columns_that_may_be_missing_are_nulls(void **state)
{
    struct pfs_buf file = container(RECORD("r", FIELD("a", "\"int\"")), "null", pfs_slice_of("\x02", 1), 2);
    const bool missing_ok[] = {false, true};
    struct answer a;

    (void)state;
    read_file(pfs_buf_slice(&file), (const struct wanted[]){{"a", "INT"}, {"b", "ARRAY<INT>"}, {NULL, NULL}},
              (struct pfs_file_read){.missing_ok = missing_ok}, &a);
    expect_text(&a, "{\"a\":1,\"b\":null}\n{\"a\":1,\"b\":null}\n");
    pfs_buf_done(&a.text);
    pfs_buf_done(&file);
}

/* Whatever is cut off or turned over: an answer or a sentence, never a wrong length. */
static void cut_and_changed_files_are_told(void **state)
{
    struct pfs_buf file = numbered("snappy", 2);

    (void)state;
    for (size_t len = 0; len < file.len; len++) {
        struct answer a;

        read_file(pfs_slice_of(file.at, len), numbers, (struct pfs_file_read){0}, &a);
        assert_true((a.rc == -EIO && a.err.text[0] != '\0') || (a.rc == 0 && a.rows % 10 == 0));
        pfs_buf_done(&a.text);
    }
    for (size_t i = 0; i < file.len; i++) {
        struct answer a;

        file.at[i] ^= 0x41;
        read_file(pfs_buf_slice(&file), numbers, (struct pfs_file_read){0}, &a);
        assert_true(a.rc == 0 || a.err.text[0] != '\0');
        pfs_buf_done(&a.text);
        file.at[i] ^= 0x41;
    }
    pfs_buf_done(&file);
}

static void counts_that_claim_too_much_are_damage(void **state)
{
    static const struct {
        const char *what;
        int64_t records, bytes;
    } cases[] = {
        {"more rows than bytes", 1000, 4},         {"negative rows", -1, 4},
        {"more bytes than the file has", 1, 1000}, {"negative bytes", 1, -1},
        {"more than any block", 1, INT64_MAX},     {"more rows than there are numbers", INT64_MAX, 4},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_buf file = container(RECORD("r", FIELD("n", "\"int\"") "," FIELD("t", "[\"null\",\"string\"]")),
                                        "null", pfs_slice_of(NULL, 0), 0);
        struct answer a;
        uint8_t sync[16];

        memcpy(sync, file.at + file.len - 16, 16);
        pfs_avro_put_long(&file, cases[i].records);
        pfs_avro_put_long(&file, cases[i].bytes);
        pfs_buf_put(&file, "\0\0\0\0", 4);
        pfs_buf_put(&file, sync, 16);
        read_file(pfs_buf_slice(&file), numbers, (struct pfs_file_read){0}, &a);
        CHECK(cases[i].what, a.rc == -EIO);
        pfs_buf_done(&a.text);
        pfs_buf_done(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_is_read_as_its_type),
        cmocka_unit_test(decimals_beyond_their_precision_are_null),
        cmocka_unit_test(null_may_be_any_branch_of_a_union),
        cmocka_unit_test(rows_may_be_the_branch_of_a_union),
        cmocka_unit_test(fields_are_found_by_name_and_the_rest_is_stepped_over),
        cmocka_unit_test(lists_and_maps_in_both_forms),
        cmocka_unit_test(rows_nest_and_lack_fields),
        cmocka_unit_test(every_codec_gives_the_same_rows),
        cmocka_unit_test(batches_are_cut_where_they_are_asked_to),
        cmocka_unit_test(ranges_give_their_rows_alone),
        cmocka_unit_test(blocks_outside_of_ranges_are_not_decoded),
        cmocka_unit_test(headers_longer_than_the_window_are_read),
        cmocka_unit_test(what_does_not_fit_is_refused_with_a_sentence),
        cmocka_unit_test(columns_that_may_be_missing_are_nulls),
        cmocka_unit_test(cut_and_changed_files_are_told),
        cmocka_unit_test(counts_that_claim_too_much_are_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
