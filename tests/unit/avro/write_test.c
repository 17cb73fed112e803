/* write_test.c - containers as Avro describes them: header, blocks of 64000 bytes, codecs. */
#include "tests/unit/avro/container.h"

static const char schema[] = RECORD("t", FIELD("a", "\"long\"") "," FIELD("b", "\"bytes\""));
static const struct pfs_avro_wanted wanted[] = {{"a", NULL}, {"b", NULL}, {NULL, NULL}};
static const char *const codecs[] = {"null", "deflate", "snappy", "zstandard"};

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (size_t c = 0; c < COUNT(codecs); c++)
        for (int64_t count = 0; count <= 20000; count = count * 20 + 50) {
            struct pfs_avro_writer w;
            struct pfs_avro_reader *reader;
            struct pfs_avro_value v;
            struct pfs_arena arena;
            struct pfs_buf out = {0}, record = {0};

            pfs_arena_init(&arena, MAX);
            assert_int_equal(pfs_avro_begin(&w, schema, codecs[c], &out, NULL), 0);
            for (int64_t i = 0; i < count; i++) {
                pfs_buf_clear(&record);
                pfs_avro_put_long(&record, i * i - 5);
                pfs_avro_put_bytes(&record, pfs_slice_of("abcdefghijklmnopqrstuvwxyz", (size_t)(i % 27)));
                assert_int_equal(pfs_avro_add(&w, pfs_buf_slice(&record), NULL), 0);
            }
            assert_int_equal(pfs_avro_end(&w, NULL), 0);
            assert_int_equal(pfs_avro_open(pfs_buf_slice(&out), wanted, MAX, &arena, &reader, NULL), 0);
            assert_int_equal(pfs_avro_claimed(reader), count);
            for (int64_t i = 0; i < count; i++) {
                assert_int_equal(pfs_avro_next(reader, &v, NULL), 1);
                CHECK(codecs[c], v.item[0].number == i * i - 5 && v.item[1].bytes.len == (size_t)(i % 27));
            }
            CHECK(codecs[c], pfs_avro_next(reader, &v, NULL) == 0);
            pfs_avro_close(reader);
            pfs_buf_done(&record);
            pfs_buf_done(&out);
            pfs_arena_done(&arena);
        }
}

static void the_header_is_schema_then_codec(void **state)
{
    struct pfs_buf file = container(schema, "zstandard", pfs_str(""), 0), want = {0};

    (void)state;
    pfs_buf_puts(&want, "Obj\1\4\26avro.schema");
    pfs_avro_put_bytes(&want, pfs_str(schema));
    pfs_buf_puts(&want, "\24avro.codec\22zstandard");
    pfs_buf_putc(&want, 0);
    assert_int_equal(file.len, want.len + 16);
    assert_memory_equal(file.at, want.at, want.len);
    pfs_buf_done(&want);
    pfs_buf_done(&file);
}

static void blocks_end_at_64000_bytes(void **state)
{
    struct pfs_buf file = container(RECORD("t", FIELD("a", "\"int\"")), "null", pfs_slice_of("\x02", 1), 64001);
    struct pfs_cursor c = pfs_cursor_of(pfs_buf_slice(&file));
    size_t header = file.len - (3 + 3 + 64000 + 16) - (1 + 1 + 1 + 16);

    (void)state;
    assert_true(pfs_skip(&c, header));
    assert_int_equal(pfs_take_zigzag(&c), 64000);
    assert_int_equal(pfs_take_zigzag(&c), 64000);
    assert_true(pfs_skip(&c, 64000));
    assert_memory_equal(file.at + c.pos, file.at + header - 16, 16);
    pfs_buf_done(&file);
}

static void two_files_have_different_marks(void **state)
{
    struct pfs_buf a = container(schema, "null", pfs_str(""), 0), b = container(schema, "null", pfs_str(""), 0);

    (void)state;
    assert_int_equal(a.len, b.len);
    assert_memory_not_equal(a.at + a.len - 16, b.at + b.len - 16, 16);
    pfs_buf_done(&a);
    pfs_buf_done(&b);
}

static void codecs_that_avro_lacks_are_refused(void **state)
{
    struct pfs_avro_writer w;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_avro_begin(&w, schema, "gzip", &out, &err), -EINVAL);
    assert_int_equal(pfs_avro_begin(&w, schema, "lz4", &out, &err), -EINVAL);
    assert_int_equal(pfs_avro_begin(&w, schema, "bzip2", &out, &err), -EINVAL);
    pfs_buf_done(&out);
}

static void a_full_buffer_is_reported(void **state)
{
    struct pfs_avro_writer w;
    struct pfs_buf out = {.limit_bytes = 300};
    uint8_t noise[500];

    (void)state;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * 2654435761u >> 13);
    assert_int_equal(pfs_avro_begin(&w, schema, "null", &out, NULL), 0);
    assert_int_equal(pfs_avro_add(&w, pfs_slice_of(noise, sizeof(noise)), NULL), 0);
    assert_int_equal(pfs_avro_end(&w, NULL), -EFBIG);
    pfs_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_header_is_schema_then_codec),
        cmocka_unit_test(blocks_end_at_64000_bytes),
        cmocka_unit_test(two_files_have_different_marks),
        cmocka_unit_test(codecs_that_avro_lacks_are_refused),
        cmocka_unit_test(a_full_buffer_is_reported),
    };

    return cmocka_run_group_tests_name("avro/write", tests, NULL, NULL);
}
