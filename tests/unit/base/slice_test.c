#include "base/slice.h"

#include "tests/unit/cm.h"

static void slices_order_as_unsigned_bytes(void **state)
{
    static const struct {
        const char *what, *a, *b;
        int want;
    } cases[] = {
        {"equal", "abc", "abc", 0},           {"both empty", "", "", 0},    {"prefix first", "ab", "abc", -1},
        {"longer last", "abc", "ab", 1},      {"empty first", "", "a", -1}, {"first difference", "abd", "abcz", 1},
        {"high bytes last", "z", "\xff", -1},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int got = pfs_slice_compare(pfs_str(cases[i].a), pfs_str(cases[i].b));

        CHECK(cases[i].what, (got > 0) - (got < 0) == cases[i].want);
        CHECK(cases[i].what, pfs_slice_eq(pfs_str(cases[i].a), pfs_str(cases[i].b)) == (cases[i].want == 0));
    }
    assert_true(pfs_slice_eq((struct pfs_slice){NULL, 0}, pfs_str("")));
    assert_int_equal(pfs_slice_compare((struct pfs_slice){NULL, 0}, pfs_str("")), 0);
}

static void a_cursor_reads_each_width(void **state)
{
    static const uint8_t bytes[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27};
    struct pfs_cursor c = pfs_cursor_of(pfs_slice_of(bytes, sizeof(bytes)));

    (void)state;
    assert_int_equal(pfs_take_u8(&c), 1);
    assert_int_equal(pfs_take_le16(&c), 0x0302);
    assert_int_equal(pfs_take_le32(&c), 0x07060504);
    assert_int_equal(pfs_take_le64(&c), 0x0f0e0d0c0b0a0908);
    assert_int_equal(pfs_take_be32(&c), 0x10111213);
    assert_int_equal(pfs_take_be64(&c), 0x1415161718191a1b);
    assert_false(c.bad);
    assert_int_equal(pfs_left(&c), 0);
}

static void past_the_end_is_bad_and_stays_bad(void **state)
{
    static const uint8_t bytes[3] = {1, 2, 3};
    struct pfs_cursor c = pfs_cursor_of(pfs_slice_of(bytes, 3));
    struct pfs_slice out = pfs_str("left over");

    (void)state;
    assert_int_equal(pfs_take_le32(&c), 0);
    assert_true(c.bad);
    assert_int_equal(c.pos, 0);
    assert_int_equal(pfs_take_u8(&c), 0);
    assert_false(pfs_take(&c, 0, &out));
    assert_null(out.at);
    assert_int_equal(out.len, 0);
    assert_false(pfs_skip(&c, 1));
    assert_int_equal(c.pos, 0);
}

static void a_length_that_would_wrap_is_refused(void **state)
{
    static const uint8_t bytes[3] = {1, 2, 3};
    struct pfs_cursor c = pfs_cursor_of(pfs_slice_of(bytes, 3));
    struct pfs_slice out;

    (void)state;
    assert_true(pfs_skip(&c, 2));
    assert_false(pfs_take(&c, SIZE_MAX, &out));
    assert_int_equal(c.pos, 2);
}

static void varints_are_read_to_64_bits(void **state)
{
    static const struct {
        const char *what, *bytes;
        size_t len;
        uint64_t want;
        bool bad;
    } cases[] = {
        {"zero", "\0", 1, 0, false},
        {"one byte", "\x7f", 1, 127, false},
        {"two bytes", "\x80\x01", 2, 128, false},
        {"padded zero", "\x80\x80\0", 3, 0, false},
        {"greatest", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, false},
        {"bits past 64", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 0, true},
        {"eleven bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0", 11, 0, true},
        {"cut", "\x80", 1, 0, true},
        {"empty", "", 0, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_cursor c = pfs_cursor_of(pfs_slice_of(cases[i].bytes, cases[i].len));

        CHECK(cases[i].what, pfs_take_uleb(&c) == cases[i].want);
        CHECK(cases[i].what, c.bad == cases[i].bad);
        CHECK(cases[i].what, c.bad || pfs_left(&c) == 0);
    }
}

static void zigzag_keeps_signs(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int64_t want;
    } cases[] = {
        {"\0", 1, 0},
        {"\x01", 1, -1},
        {"\x02", 1, 1},
        {"\x7f", 1, -64},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, INT64_MIN},
        {"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_cursor c = pfs_cursor_of(pfs_slice_of(cases[i].bytes, cases[i].len));

        assert_int_equal(pfs_take_zigzag(&c), cases[i].want);
        assert_false(c.bad);
    }
}

static void stores_are_the_inverse_of_loads(void **state)
{
    uint8_t b[8];

    (void)state;
    pfs_put_le32(b, 0xf1e2d3c4);
    assert_memory_equal(b, "\xc4\xd3\xe2\xf1", 4);
    assert_int_equal(pfs_le32(b), 0xf1e2d3c4);
    assert_int_equal(pfs_le16(b), 0xd3c4);
    pfs_put_be32(b, 0xf1e2d3c4);
    assert_memory_equal(b, "\xf1\xe2\xd3\xc4", 4);
    assert_int_equal(pfs_be32(b), 0xf1e2d3c4);
    pfs_put_le64(b, 0xf1e2d3c4b5a69788);
    assert_int_equal(pfs_le64(b), 0xf1e2d3c4b5a69788);
    assert_int_equal(b[0], 0x88);
    pfs_put_be64(b, 0xf1e2d3c4b5a69788);
    assert_int_equal(pfs_be64(b), 0xf1e2d3c4b5a69788);
    assert_int_equal(b[0], 0xf1);
}

static void sizes_that_overflow_are_not_written(void **state)
{
    size_t out = 5;

    (void)state;
    assert_false(pfs_add_size(SIZE_MAX, 1, &out));
    assert_false(pfs_mul_size(SIZE_MAX / 2, 3, &out));
    assert_int_equal(out, 5);
    assert_true(pfs_add_size(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(pfs_mul_size(6, 7, &out));
    assert_int_equal(out, 42);
}

static void brackets_within_texts_do_not_nest(void **state)
{
    (void)state;
    assert_false(pfs_json_is_deeper(pfs_str("[{\"a\":[1]},{\"b\":2}]"), 3));
    assert_true(pfs_json_is_deeper(pfs_str("[{\"a\":[1]},{\"b\":2}]"), 2));
    assert_false(pfs_json_is_deeper(pfs_str("[\"[[[\\\"[[[\"]"), 1));
    assert_true(pfs_json_is_deeper(pfs_str("[\"\\\\\",["), 1)); /* the text ends behind a backslash of its own */
    assert_false(pfs_json_is_deeper(pfs_str("\"\\"), 0));
    assert_false(pfs_json_is_deeper(pfs_str("]]]["), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_order_as_unsigned_bytes),    cmocka_unit_test(a_cursor_reads_each_width),
        cmocka_unit_test(past_the_end_is_bad_and_stays_bad), cmocka_unit_test(a_length_that_would_wrap_is_refused),
        cmocka_unit_test(varints_are_read_to_64_bits),       cmocka_unit_test(zigzag_keeps_signs),
        cmocka_unit_test(stores_are_the_inverse_of_loads),   cmocka_unit_test(sizes_that_overflow_are_not_written),
        cmocka_unit_test(brackets_within_texts_do_not_nest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
