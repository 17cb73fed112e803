/* read_test.c - records out of containers: by name, past what is not wanted, and never past the end. */
#include "tests/unit/avro/container.h"

static struct pfs_arena arena;

static int set_up(void **state)
{
    (void)state;
    pfs_arena_init(&arena, MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    pfs_arena_done(&arena);
    return 0;
}

/* The first record of a file whose writer is closed; the reader stays open in *reader. */
static struct pfs_avro_value first(const struct pfs_buf *file, const struct pfs_avro_wanted *wanted,
                                   struct pfs_avro_reader **reader)
{
    struct pfs_avro_value value;
    struct pfs_err err = {0};

    if (pfs_avro_open(pfs_buf_slice(file), wanted, MAX, &arena, reader, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(pfs_avro_next(*reader, &value, &err), 1);
    assert_int_equal(value.kind, PFS_AVRO_RECORD);
    return value;
}

static const struct pfs_avro_wanted two[] = {{"b", NULL}, {"a", NULL}, {"none", NULL}, {NULL, NULL}};

/* One way to write a value, and what it must read as. */
static const struct {
    const char *what, *type;
    const char *bytes;
    size_t len;
    enum pfs_avro_kind kind;
    int64_t number;
    const char *text;
} values[] = {
    {"int", "\"int\"", "\x03", 1, PFS_AVRO_LONG, -2, NULL},
    {"long of two bytes", "\"long\"", "\x80\x01", 2, PFS_AVRO_LONG, 64, NULL},
    {"long of three bytes", "\"long\"", "\x81\x80\x01", 3, PFS_AVRO_LONG, -8193, NULL},
    {"smallest long", "\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, PFS_AVRO_LONG, INT64_MIN, NULL},
    {"logical type", "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "\x02", 1, PFS_AVRO_LONG, 1, NULL},
    {"type inside a type", "{\"type\":{\"type\":\"int\"}}", "\x02", 1, PFS_AVRO_LONG, 1, NULL},
    {"boolean", "\"boolean\"", "\x01", 1, PFS_AVRO_LONG, 1, NULL},
    {"float", "\"float\"", "\x00\x00\x20\xc0", 4, PFS_AVRO_DOUBLE, -25, NULL},
    {"double", "\"double\"", "\x00\x00\x00\x00\x00\x00\x04\xc0", 8, PFS_AVRO_DOUBLE, -25, NULL},
    {"string", "\"string\"",
     "\x06"
     "abc",
     4, PFS_AVRO_BYTES, 0, "abc"},
    {"bytes", "\"bytes\"",
     "\x04"
     "xy",
     3, PFS_AVRO_BYTES, 0, "xy"},
    {"empty bytes", "\"bytes\"", "\x00", 1, PFS_AVRO_BYTES, 0, ""},
    {"fixed", "{\"type\":\"fixed\",\"name\":\"f\",\"size\":3}", "123", 3, PFS_AVRO_BYTES, 0, "123"},
    {"enum", "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"BC\"]}", "\x02", 1, PFS_AVRO_BYTES, 0, "BC"},
    {"null first", "[\"null\",\"long\"]", "\x02\x0a", 2, PFS_AVRO_LONG, 5, NULL},
    {"null first, null", "[\"null\",\"long\"]", "\x00", 1, PFS_AVRO_NULL, 0, NULL},
    {"null last", "[\"long\",\"null\"]", "\x00\x0a", 2, PFS_AVRO_LONG, 5, NULL},
    {"null last, null", "[\"long\",\"null\"]", "\x02", 1, PFS_AVRO_NULL, 0, NULL},
    {"map", "{\"type\":\"map\",\"values\":\"int\"}", "\x02\x02k\x08\x00", 5, PFS_AVRO_NULL, 0, NULL},
    {"map with its size", "{\"type\":\"map\",\"values\":\"int\"}", "\x01\x06\x02k\x08\x00", 6, PFS_AVRO_NULL, 0, NULL},
    {"empty array", "{\"type\":\"array\",\"items\":\"int\"}", "\x00", 1, PFS_AVRO_ARRAY, 0, NULL},
    {"array", "{\"type\":\"array\",\"items\":\"int\"}", "\x04\x02\x04\x00", 4, PFS_AVRO_ARRAY, 2, NULL},
    {"array with its size", "{\"type\":\"array\",\"items\":\"int\"}", "\x03\x04\x02\x04\x00", 5, PFS_AVRO_ARRAY, 2,
     NULL},
    {"array of three blocks", "{\"type\":\"array\",\"items\":\"int\"}", "\x02\x02\x01\x02\x04\x02\x06\x00", 8,
     PFS_AVRO_ARRAY, 3, NULL},
    {"record", RECORD("r", FIELD("x", "\"int\"")), "\x02", 1, PFS_AVRO_RECORD, 0, NULL},
    {"array of records", "{\"type\":\"array\",\"items\":" RECORD("r", FIELD("x", "\"int\"")) "}", "\x02\x02\x00", 3,
     PFS_AVRO_ARRAY, 1, NULL},
};

static void check_value(const char *what, const struct pfs_avro_value *v, size_t i)
{
    CHECK(what, v->kind == values[i].kind);
    if (v->kind == PFS_AVRO_LONG)
        CHECK(what, v->number == values[i].number);
    if (v->kind == PFS_AVRO_DOUBLE)
        CHECK(what, v->real * 10 == (double)values[i].number);
    if (v->kind == PFS_AVRO_BYTES)
        CHECK(what, pfs_slice_eq(v->bytes, pfs_str(values[i].text)));
    if (v->kind == PFS_AVRO_ARRAY)
        CHECK(what, v->count == values[i].number);
    for (int64_t k = 0; v->kind == PFS_AVRO_ARRAY && k < v->count; k++)
        CHECK(what, v->item[k].kind == PFS_AVRO_RECORD || v->item[k].number == k + 1);
}

/* Every type, wanted, between two that are wanted too. */
static void values_of_every_type_are_read(void **state)
{
    static const struct pfs_avro_wanted wanted[] = {{"b", NULL}, {"v", NULL}, {"a", NULL}, {NULL, NULL}};

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct pfs_avro_reader *reader;
        struct pfs_avro_value got;
        struct pfs_buf schema = {0}, record = {0}, file;

        pfs_buf_printf(&schema,
                       RECORD("t", FIELD("a", "\"int\"") ",{\"name\":\"v\",\"type\":%s}," FIELD("b", "\"int\"")),
                       values[i].type);
        pfs_buf_putc(&schema, 0);
        pfs_avro_put_long(&record, 7);
        pfs_buf_put(&record, values[i].bytes, values[i].len);
        pfs_avro_put_long(&record, 8);
        file = container((const char *)schema.at, "null", pfs_buf_slice(&record), 1);
        got = first(&file, wanted, &reader);
        CHECK(values[i].what, got.count == 3 && got.item[0].number == 8 && got.item[2].number == 7);
        check_value(values[i].what, &got.item[1], i);
        pfs_avro_close(reader);
        pfs_buf_done(&file);
        pfs_buf_done(&record);
        pfs_buf_done(&schema);
    }
}

/* The same, not wanted: what comes behind must still be found. */
static void fields_not_wanted_are_stepped_over(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct pfs_avro_reader *reader;
        struct pfs_avro_value got;
        struct pfs_buf schema = {0}, record = {0}, file;

        pfs_buf_printf(&schema,
                       RECORD("t", FIELD("a", "\"int\"") ",{\"name\":\"v\",\"type\":%s}," FIELD("b", "\"int\"")),
                       values[i].type);
        pfs_buf_putc(&schema, 0);
        pfs_avro_put_long(&record, 7);
        pfs_buf_put(&record, values[i].bytes, values[i].len);
        pfs_avro_put_long(&record, 8);
        file = container((const char *)schema.at, "null", pfs_buf_slice(&record), 1);
        got = first(&file, two, &reader);
        CHECK(values[i].what, got.item[0].number == 8 && got.item[1].number == 7);
        CHECK(values[i].what, got.item[2].kind == PFS_AVRO_NULL);
        pfs_avro_close(reader);
        pfs_buf_done(&file);
        pfs_buf_done(&record);
        pfs_buf_done(&schema);
    }
}

static void fields_of_nested_records_are_found_by_name(void **state)
{
    static const char schema[] = RECORD(
        "t",
        FIELD("list", "{\"type\":\"array\",\"items\":[\"null\"," RECORD(
                          "r", FIELD("skip", "\"string\"") "," FIELD("x", "\"int\"")) "]}") "," FIELD("one", "\"r\""));
    static const struct pfs_avro_wanted inner[] = {{"x", NULL}, {"lacks", NULL}, {NULL, NULL}};
    static const struct pfs_avro_wanted wanted[] = {{"one", inner}, {"list", inner}, {NULL, NULL}};
    static const uint8_t record[] = {0x06, 0x02, 0x02, 'q', 0x0a, 0x00, 0x02, 0x00, 0x0c, 0x00, 0x04, 'z', 'z', 0x0e};
    struct pfs_buf file = container(schema, "null", pfs_slice_of(record, sizeof(record)), 1);
    struct pfs_avro_reader *reader;
    struct pfs_avro_value got;

    (void)state;
    got = first(&file, wanted, &reader);
    assert_int_equal(got.item[0].kind, PFS_AVRO_RECORD);
    assert_int_equal(got.item[0].count, 2);
    assert_int_equal(got.item[0].item[0].number, 7);
    assert_int_equal(got.item[0].item[1].kind, PFS_AVRO_NULL);
    assert_int_equal(got.item[1].count, 3);
    assert_int_equal(got.item[1].item[0].item[0].number, 5);
    assert_int_equal(got.item[1].item[1].kind, PFS_AVRO_NULL);
    assert_int_equal(got.item[1].item[2].item[0].number, 6);
    assert_int_equal(pfs_avro_next(reader, &got, NULL), 0);
    assert_int_equal(pfs_avro_next(reader, &got, NULL), 0);
    pfs_avro_close(reader);
    pfs_buf_done(&file);
}

static void bytes_outlive_the_reader(void **state)
{
    struct pfs_avro_reader *reader;
    struct pfs_avro_value got;
    struct pfs_buf file = container(RECORD("t", FIELD("a", "\"string\"") "," FIELD("b", "\"int\"")), "zstandard",
                                    pfs_slice_of("\x0aPaimo\x02", 7), 3);
    struct pfs_slice kept;

    (void)state;
    got = first(&file, two, &reader);
    kept = got.item[1].bytes;
    assert_int_equal(pfs_avro_claimed(reader), 3);
    assert_int_equal(pfs_avro_next(reader, &got, NULL), 1);
    pfs_avro_close(reader);
    pfs_buf_done(&file);
    assert_true(pfs_slice_eq(kept, pfs_str("Paimo")));
}

static const char damaged_schema[] = RECORD(
    "t", FIELD("a", "{\"type\":\"array\",\"items\":[\"null\",\"string\"]}") "," FIELD("s", "\"string\"") "," FIELD(
             "m", "{\"type\":\"map\",\"values\":\"long\"}") "," FIELD("b", "[\"null\",\"double\"]"));
static const uint8_t damaged_record[] = {0x04, 0x02, 0x04, 'x',  'y',  0x00, 0x00, 0x06, 'a', 'b', 'c', 0x02, 0x02,
                                         'k',  0x80, 0x01, 0x00, 0x02, 0,    0,    0,    0,   0,   0,   4,    0xc0};

/* An answer, or a sentence; never a step past the end (the sanitizers watch an exact copy). */
static int64_t try_bytes(const uint8_t *at, size_t len)
{
    uint8_t *exact = pfs_alloc(len);
    struct pfs_err err = {0};
    int64_t got;

    memcpy(exact, at, len);
    got = read_all(pfs_slice_of(exact, len), two, &arena, &err);
    if (got < 0)
        assert_true(err.text[0] != '\0' && (got == -EIO || got == -EOPNOTSUPP || got == -EFBIG || got == -ENOMEM));
    pfs_free(exact);
    pfs_arena_reset(&arena);
    return got;
}

static void damage_at_every_byte_is_an_answer_or_a_sentence(void **state)
{
    static const char *const codecs[] = {"null", "deflate", "snappy", "zstandard"};
    static const uint8_t masks[] = {0x01, 0x02, 0x80, 0xff};

    (void)state;
    for (size_t c = 0; c < COUNT(codecs); c++) {
        struct pfs_buf file =
            container(damaged_schema, codecs[c], pfs_slice_of(damaged_record, sizeof(damaged_record)), 9);
        size_t first_block = file.len;

        CHECK(codecs[c], try_bytes(file.at, file.len) == 9);
        for (size_t i = 0; i < file.len; i++)
            for (size_t m = 0; m < COUNT(masks); m++) {
                file.at[i] ^= masks[m];
                (void)try_bytes(file.at, file.len);
                file.at[i] ^= masks[m];
            }
        for (size_t len = 0; len < file.len; len++) {
            int64_t got = try_bytes(file.at, len);

            if (got == 0 && first_block == file.len) /* the header alone is a file without records */
                first_block = len;
            else
                CHECK(codecs[c], got == -EIO);
        }
        CHECK(codecs[c], first_block < file.len);
        pfs_buf_done(&file);
    }
}

static void a_wrong_checksum_of_snappy_is_damage(void **state)
{
    struct pfs_buf file = container(damaged_schema, "snappy", pfs_slice_of(damaged_record, sizeof(damaged_record)), 1);
    struct pfs_err err = {0};

    (void)state;
    file.at[file.len - 17] ^= 1; /* the checksum's last byte stands before the mark */
    assert_int_equal(read_all(pfs_buf_slice(&file), two, &arena, &err), -EIO);
    assert_non_null(strstr(err.text, "checksum"));
    pfs_buf_done(&file);
}

static void more_than_the_ceiling_is_refused(void **state)
{
    struct pfs_buf file = container(RECORD("t", FIELD("a", "\"int\"")), "zstandard", pfs_slice_of("\x02", 1), 5000);
    struct pfs_avro_reader *reader;
    struct pfs_avro_value value;
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_avro_open(pfs_buf_slice(&file), two, 4999, &arena, &reader, &err), 0);
    assert_int_equal(pfs_avro_next(reader, &value, &err), -EFBIG);
    pfs_avro_close(reader);
    assert_int_equal(pfs_avro_open(pfs_buf_slice(&file), two, 5000, &arena, &reader, &err), 0);
    assert_int_equal(pfs_avro_next(reader, &value, &err), 1);
    pfs_avro_close(reader);
    pfs_buf_done(&file);
}

/* 20 bytes must not become 2^40 records, and a claim no larger a hint than the file. */
static void a_block_cannot_claim_more_records_than_bytes(void **state)
{
    struct pfs_buf file = container(RECORD("t", FIELD("a", "\"int\"")), "null", pfs_slice_of("\x02", 1), 0);
    struct pfs_avro_reader *reader;
    struct pfs_avro_value value;
    struct pfs_err err = {0};
    uint8_t sync[16];

    (void)state;
    memcpy(sync, file.at + file.len - sizeof(sync), sizeof(sync));
    pfs_avro_put_long(&file, (int64_t)1 << 40);
    pfs_avro_put_bytes(&file, pfs_slice_of("\x02\x02", 2));
    pfs_buf_put(&file, sync, sizeof(sync));
    assert_int_equal(pfs_avro_open(pfs_buf_slice(&file), two, MAX, &arena, &reader, &err), 0);
    assert_true(pfs_avro_claimed(reader) <= (int64_t)file.len);
    assert_int_equal(pfs_avro_next(reader, &value, &err), -EIO);
    assert_non_null(strstr(err.text, "claims"));
    pfs_avro_close(reader);
    pfs_buf_done(&file);
}

static void an_array_cannot_claim_more_items_than_bytes(void **state)
{
    static const uint8_t record[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x02};
    struct pfs_buf file = container(RECORD("t", FIELD("a", "{\"type\":\"array\",\"items\":\"int\"}")), "null",
                                    pfs_slice_of(record, sizeof(record)), 1);

    (void)state;
    assert_int_equal(read_all(pfs_buf_slice(&file), two, &arena, NULL), -EIO);
    pfs_buf_done(&file);
}

static void every_allocation_that_fails_is_reported(void **state)
{
    struct pfs_buf file =
        container(damaged_schema, "zstandard", pfs_slice_of(damaged_record, sizeof(damaged_record)), 3000);
    int64_t got = -ENOMEM;
    int tries = 0;

    (void)state;
    for (; got == -ENOMEM; tries++) {
        struct pfs_err err = {0};

        pfs_arena_done(&arena);
        pfs_mem_fail_after(tries);
        got = read_all(pfs_buf_slice(&file), two, &arena, &err);
        pfs_mem_fail_after(-1);
        assert_true(got >= 0 || err.text[0] != '\0');
    }
    assert_int_equal(got, 3000);
    assert_true(tries > 5);
    pfs_buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_of_every_type_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_not_wanted_are_stepped_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fields_of_nested_records_are_found_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_outlive_the_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_at_every_byte_is_an_answer_or_a_sentence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_checksum_of_snappy_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_the_ceiling_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_block_cannot_claim_more_records_than_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_array_cannot_claim_more_items_than_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_allocation_that_fails_is_reported, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("avro/read", tests, NULL, NULL);
}
