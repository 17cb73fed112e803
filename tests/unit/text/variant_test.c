/* variant_test.c - JSON text to VARIANT: the bytes that Paimon's own parser makes, and what is refused. */
#include <stdio.h>

#include "base/limits.h"
#include "format/text/text.h"
#include "format/variant.h"
#include "tests/unit/cm.h"

static const struct pfs_type variant = {.kind = PFS_VARIANT, .nullable = true};

static int parse(struct pfs_slice text, struct pfs_arena *arena, struct pfs_slice *out, struct pfs_err *err)
{
    struct pfs_column column;
    int rc;

    pfs_arena_init(arena, 0);
    rc = pfs_text_parse_value(&variant, text, false, arena, &column, err);
    if (rc == 0)
        *out = pfs_column_bytes(&column, 0);
    return rc;
}

#define NO_KEYS "\x01\x00\x00"
#define BYTES(text)                               \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }

static const struct {
    const char *json;
    struct pfs_slice value, metadata;
} samples[] = {
    {"null", BYTES("\x00"), BYTES(NO_KEYS)},
    {" true ", BYTES("\x04"), BYTES(NO_KEYS)},
    {"-1", BYTES("\x0c\xff"), BYTES(NO_KEYS)},
    {"-0", BYTES("\x0c\x00"), BYTES(NO_KEYS)},
    {"300", BYTES("\x10\x2c\x01"), BYTES(NO_KEYS)},
    {"-2147483648", BYTES("\x14\x00\x00\x00\x80"), BYTES(NO_KEYS)},
    {"12345678901", BYTES("\x18\x35\x1c\xdc\xdf\x02\x00\x00\x00"), BYTES(NO_KEYS)},
    {"9223372036854775808", BYTES("\x28\x00\x00\x00\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00"),
     BYTES(NO_KEYS)},
    {"1.50", BYTES("\x20\x02\x96\x00\x00\x00"), BYTES(NO_KEYS)},
    {"0.0000000001", BYTES("\x24\x0a\x01\x00\x00\x00\x00\x00\x00\x00"), BYTES(NO_KEYS)},
    {"0.123456789", BYTES("\x20\x09\x15\xcd\x5b\x07"), BYTES(NO_KEYS)},
    {"0.123456789012345678", BYTES("\x24\x12\x4e\xf3\x30\xa6\x4b\x9b\xb6\x01"), BYTES(NO_KEYS)},
    {"1e10", BYTES("\x1c\x00\x00\x00\x20\x5f\xa0\x02\x42"), BYTES(NO_KEYS)},
    {"1e400", BYTES("\x1c\x00\x00\x00\x00\x00\x00\xf0\x7f"), BYTES(NO_KEYS)},
    {"\"h\\u0069\"", BYTES("\x09hi"), BYTES(NO_KEYS)},
    {"{}", BYTES("\x02\x00\x00"), BYTES(NO_KEYS)},
    {"[null,true]", BYTES("\x03\x02\x00\x01\x02\x00\x04"), BYTES(NO_KEYS)},
    {"{\"b\":5,\"a\":null}", BYTES("\x02\x02\x01\x00\x02\x00\x03\x0c\x05\x00"),
     BYTES("\x01\x02\x00\x01\x02"
           "ba")},
    /* Java sorts by UTF-16 units: U+1F600 before U+E000 */
    {"{\"\xEE\x80\x80\":1,\"\\ud83d\\ude00\":2}", BYTES("\x02\x02\x01\x00\x02\x00\x04\x0c\x01\x0c\x02"),
     BYTES("\x01\x02\x00\x03\x07\xEE\x80\x80\xF0\x9F\x98\x80")},
};

static void json_becomes_the_bytes_of_paimons_parser(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct pfs_slice memory = {NULL, 0};
        struct pfs_err err = {0};
        struct pfs_arena arena;

        if (parse(pfs_str(samples[i].json), &arena, &memory, &err) < 0)
            fail_msg("%s: %s", samples[i].json, err.text);
        assert_int_equal(memory.len, 4 + samples[i].value.len + samples[i].metadata.len);
        assert_int_equal(pfs_le32(memory.at), samples[i].value.len);
        assert_memory_equal(memory.at + 4, samples[i].value.at, samples[i].value.len);
        assert_memory_equal(memory.at + 4 + samples[i].value.len, samples[i].metadata.at, samples[i].metadata.len);
        pfs_arena_done(&arena);
    }
}

/* Three keys of 100 bytes: what says where the third of them ends takes two bytes, and so do the others. */
static void the_names_of_keys_may_take_more_than_255_bytes(void **state)
{
    static const uint8_t head[] = {0x41, 3, 0, 0, 0, 100, 0, 200, 0, 300 & 0xff, 300 >> 8};
    char json[400] = "{", name[101] = "";
    struct pfs_slice memory = {NULL, 0}, metadata;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    struct pfs_arena arena;

    (void)state;
    for (int i = 0; i < 3; i++) {
        memset(name, 'a' + i, 100);
        (void)snprintf(json + strlen(json), sizeof(json) - strlen(json), "%s\"%s\":%d", i > 0 ? "," : "", name, i);
    }
    strcat(json, "}");
    assert_int_equal(parse(pfs_str(json), &arena, &memory, &err), 0);
    metadata = pfs_slice_of(memory.at + 4 + pfs_le32(memory.at), memory.len - 4 - pfs_le32(memory.at));
    assert_int_equal(metadata.len, sizeof(head) + 300);
    assert_memory_equal(metadata.at, head, sizeof(head));
    assert_int_equal(pfs_variant_print(memory, &out, &err), 0);
    assert_true(pfs_slice_eq(pfs_buf_slice(&out), pfs_str(json)));
    pfs_buf_done(&out);
    pfs_arena_done(&arena);
}

static void what_is_no_json_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *json, *why;
        int code;
    } cases[] = {
        {"", "\"\" is no variant: JSON ends where a value belongs", EINVAL},
        {"text", "\"text\" is no variant: \"text\" where a JSON value belongs", EINVAL},
        {"1 2", "\"1 2\" is no variant: \"2\" where the end of the value belongs", EINVAL},
        {"[1", "\"[1\" is no variant: a JSON bracket is not closed", EINVAL},
        {"[1,]", "\"[1,]\" is no variant: \"]\" where a JSON value belongs", EINVAL},
        {"NaN", "\"NaN\" is no variant: JSON has no NaN", EINVAL},
        {"[-Infinity]", "\"[-Infinity]\" is no variant: JSON has no -Infinity", EINVAL},
        {"{\"a\":1,\"\\u0061\":2}", "\"{\"a\":1,\"\\u0061\":2}\" is no variant: twice the key \"a\"", EINVAL},
        {"\"\\ud800\"", "\"\"\\ud800\"\" is no variant: half a surrogate pair in a JSON string", EILSEQ},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pfs_slice memory;
        struct pfs_err err = {0};
        struct pfs_arena arena;

        assert_int_equal(parse(pfs_str(cases[i].json), &arena, &memory, &err), -cases[i].code);
        assert_string_equal(err.text, cases[i].why);
        pfs_arena_done(&arena);
    }
}

/* `levels` arrays around a 1. */
static int parse_deep(int levels)
{
    struct pfs_buf text = {0};
    struct pfs_slice memory;
    struct pfs_err err = {0};
    struct pfs_arena arena;
    int rc;

    for (int i = 0; i < levels; i++)
        pfs_buf_putc(&text, '[');
    pfs_buf_putc(&text, '1');
    for (int i = 0; i < levels; i++)
        pfs_buf_putc(&text, ']');
    rc = parse(pfs_buf_slice(&text), &arena, &memory, &err);
    if (rc == 0) {
        struct pfs_buf out = {0};

        assert_int_equal(pfs_variant_print(memory, &out, &err), 0);
        assert_true(pfs_slice_eq(pfs_buf_slice(&out), pfs_buf_slice(&text)));
        pfs_buf_done(&out);
    }
    pfs_arena_done(&arena);
    pfs_buf_done(&text);
    return rc;
}

static void nesting_is_limited_and_what_is_taken_prints(void **state)
{
    (void)state;
    assert_int_equal(parse_deep(PFS_JSON_DEPTH_MAX), 0);
    assert_int_equal(parse_deep(PFS_JSON_DEPTH_MAX + 1), -EINVAL);
}

/* A string of `bytes` bytes. */
static int parse_long(size_t bytes, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    struct pfs_slice memory;
    struct pfs_arena arena;
    uint8_t *to;
    int rc;

    pfs_buf_putc(&text, '"');
    to = pfs_buf_reserve(&text, bytes);
    assert_non_null(to);
    memset(to, 'x', bytes);
    text.len += bytes;
    pfs_buf_putc(&text, '"');
    rc = parse(pfs_buf_slice(&text), &arena, &memory, err);
    pfs_arena_done(&arena);
    pfs_buf_done(&text);
    return rc;
}

static void a_variant_that_readers_would_refuse_is_refused(void **state)
{
    size_t most = ((size_t)16 << 20) - 5; /* header and length */
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(parse_long(most, &err), 0);
    assert_int_equal(parse_long(most + 1, &err), -ERANGE);
    assert_non_null(strstr(err.text, "is no variant: it has more than 16 MiB"));
}

static void many_keys_and_many_values_come_back(void **state)
{
    struct pfs_buf text = {0}, out = {0};
    struct pfs_slice memory;
    struct pfs_err err = {0};
    struct pfs_arena arena;

    (void)state;
    pfs_buf_putc(&text, '{');
    for (int i = 10000; i < 11000; i++) /* in their order */
        pfs_buf_printf(&text, "%s\"k%d\":[%d,\"%*d\"]", i > 10000 ? "," : "", i, i, i % 90, i);
    pfs_buf_putc(&text, '}');
    assert_int_equal(parse(pfs_buf_slice(&text), &arena, &memory, &err), 0);
    assert_int_equal(pfs_variant_print(memory, &out, &err), 0);
    assert_true(pfs_slice_eq(pfs_buf_slice(&out), pfs_buf_slice(&text)));
    pfs_arena_done(&arena);
    pfs_buf_done(&text);
    pfs_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(json_becomes_the_bytes_of_paimons_parser),
                                       cmocka_unit_test(the_names_of_keys_may_take_more_than_255_bytes),
                                       cmocka_unit_test(what_is_no_json_is_refused_with_the_reason),
                                       cmocka_unit_test(nesting_is_limited_and_what_is_taken_prints),
                                       cmocka_unit_test(a_variant_that_readers_would_refuse_is_refused),
                                       cmocka_unit_test(many_keys_and_many_values_come_back)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
