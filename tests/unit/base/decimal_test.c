#include "base/decimal.h"

#include <errno.h>

#include "tests/unit/cm.h"

#define MAX38 (pfs_decimal_power(38) - 1)

static bool prints_as(pfs_i128 v, int scale, const char *want)
{
    char text[PFS_DECIMAL_TEXT];
    size_t len = pfs_decimal_print(v, scale, text);

    return len <= PFS_DECIMAL_TEXT && pfs_slice_eq(pfs_slice_of(text, len), pfs_str(want));
}

static void powers_are_powers(void **state)
{
    pfs_i128 v = 1;

    (void)state;
    for (int n = 0; n <= 38; n++) {
        assert_true(pfs_decimal_power(n) == v);
        if (n < 38)
            v *= 10;
    }
}

static void fits_counts_digits(void **state)
{
    (void)state;
    assert_true(pfs_decimal_fits(999, 3));
    assert_true(pfs_decimal_fits(-999, 3));
    assert_false(pfs_decimal_fits(1000, 3));
    assert_false(pfs_decimal_fits(-1000, 3));
    assert_true(pfs_decimal_fits(MAX38, 38));
    assert_false(pfs_decimal_fits(MAX38 + 1, 38));
}

static void values_print_with_all_decimals(void **state)
{
    (void)state;
    assert_true(prints_as(0, 0, "0"));
    assert_true(prints_as(0, 2, "0.00"));
    assert_true(prints_as(-10, 2, "-0.10"));
    assert_true(prints_as(-125, 2, "-1.25"));
    assert_true(prints_as(7, 0, "7"));
    assert_true(prints_as(12345, 5, "0.12345"));
    assert_true(prints_as(-10000000005, 10, "-1.0000000005"));
    assert_true(prints_as(MAX38, 0, "99999999999999999999999999999999999999"));
    assert_true(prints_as(-MAX38, 38, "-0.99999999999999999999999999999999999999"));
    assert_true(prints_as(pfs_decimal_power(20), 1, "10000000000000000000.0"));
}

static void text_parses_to_unscaled_values(void **state)
{
    static const struct {
        const char *text;
        int precision, scale;
        bool exact;
        int rc;
        int64_t want;
    } cases[] = {
        {"1.25", 10, 2, true, 0, 125},       {"-1.25", 10, 2, true, 0, -125},
        {"+1", 10, 2, true, 0, 100},         {"0", 5, 2, true, 0, 0},
        {"-0.00", 5, 2, true, 0, 0},         {".5", 5, 2, true, 0, 50},
        {"5.", 5, 2, true, 0, 500},          {"0001.5", 3, 2, true, 0, 150},
        {"1.2500000", 10, 2, true, 0, 125},  {"1.251", 10, 2, true, -ERANGE, 0},
        {"1.251", 10, 2, false, 0, 125},     {"1.255", 10, 2, false, 0, 126},
        {"-1.255", 10, 2, false, 0, -126},   {"1.2549999", 10, 2, false, 0, 125},
        {"0.005", 10, 2, false, 0, 1},       {"0.0049", 10, 2, false, 0, 0},
        {"0.0005", 10, 2, false, 0, 0},      {"0.0009", 10, 2, true, -ERANGE, 0},
        {"9.99", 3, 2, true, 0, 999},        {"9.995", 3, 2, false, -ERANGE, 0},
        {"10", 3, 2, true, -ERANGE, 0},      {"1e2", 5, 0, true, 0, 100},
        {"1.5E+2", 5, 0, true, 0, 150},      {"125e-2", 5, 2, true, 0, 125},
        {"1e-3", 5, 2, true, -ERANGE, 0},    {"1e-3", 5, 2, false, 0, 0},
        {"0e999999999", 5, 2, true, 0, 0},   {"1e999999999", 5, 2, true, -ERANGE, 0},
        {"1e-999999999", 5, 2, false, 0, 0}, {"1e38", 38, 0, true, -ERANGE, 0},
        {"", 5, 2, true, -EINVAL, 0},        {"-", 5, 2, true, -EINVAL, 0},
        {".", 5, 2, true, -EINVAL, 0},       {"1e", 5, 2, true, -EINVAL, 0},
        {"1e+", 5, 2, true, -EINVAL, 0},     {"1e1.5", 5, 2, true, -EINVAL, 0},
        {"1.2.3", 5, 2, true, -EINVAL, 0},   {" 1", 5, 2, true, -EINVAL, 0},
        {"1 ", 5, 2, true, -EINVAL, 0},      {"NaN", 5, 2, true, -EINVAL, 0},
        {"0x1", 5, 2, true, -EINVAL, 0},     {"--1", 5, 2, true, -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        pfs_i128 v = 4711;

        CHECK(cases[i].text, pfs_decimal_parse(pfs_str(cases[i].text), cases[i].precision, cases[i].scale,
                                               cases[i].exact, &v) == cases[i].rc);
        CHECK(cases[i].text, v == (cases[i].rc == 0 ? cases[i].want : 4711));
    }
}

static void the_greatest_value_goes_both_ways(void **state)
{
    pfs_i128 v;

    (void)state;
    assert_int_equal(pfs_decimal_parse(pfs_str("-99999999999999999999999999999999999999"), 38, 0, true, &v), 0);
    assert_true(v == -MAX38);
    assert_int_equal(pfs_decimal_parse(pfs_str("0.99999999999999999999999999999999999999"), 38, 38, true, &v), 0);
    assert_true(v == MAX38);
    assert_int_equal(pfs_decimal_parse(pfs_str("0.999999999999999999999999999999999999995"), 38, 38, false, &v),
                     -ERANGE);
    assert_int_equal(pfs_decimal_parse(pfs_str("100000000000000000000000000000000000000"), 38, 0, true, &v), -ERANGE);
}

static void rescaling_rounds_half_up(void **state)
{
    static const struct {
        int64_t in;
        int from, to;
        int64_t want;
    } cases[] = {
        {125, 2, 1, 13},   {-125, 2, 1, -13}, {124, 2, 1, 12},  {125, 2, 2, 125}, {125, 2, 5, 125000},
        {149, 2, 0, 1},    {150, 2, 0, 2},    {-150, 2, 0, -2}, {4, 1, 0, 0},     {5, 1, 0, 1},
        {9999, 2, 0, 100}, {1, 38, 0, 0},     {0, 0, 38, 0},
    };
    pfs_i128 v;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(pfs_decimal_rescale(cases[i].in, cases[i].from, cases[i].to, &v));
        assert_true(v == cases[i].want);
    }
    assert_true(pfs_decimal_rescale(MAX38, 38, 0, &v));
    assert_true(v == 1);
    assert_false(pfs_decimal_rescale(MAX38, 0, 2, &v));
}

static void products_are_rounded_at_256_bits(void **state)
{
    pfs_i128 v, e19 = pfs_decimal_power(19);

    (void)state;
    assert_true(pfs_decimal_multiply(150, -250, 2, 10, &v));
    assert_true(v == -375);
    assert_true(pfs_decimal_multiply(15, 15, 1, 10, &v)); /* 1.5 * 1.5 = 2.25 */
    assert_true(v == 23);
    assert_true(pfs_decimal_multiply(-15, 15, 1, 10, &v));
    assert_true(v == -23);
    assert_true(pfs_decimal_multiply(12, 12, 1, 10, &v)); /* 1.44 */
    assert_true(v == 14);
    assert_true(pfs_decimal_multiply(MAX38, pfs_decimal_power(37), 37, 38, &v)); /* times 1 */
    assert_true(v == MAX38);
    assert_false(pfs_decimal_multiply(MAX38, MAX38, 0, 38, &v));
    assert_false(pfs_decimal_multiply(MAX38, MAX38, 37, 38, &v));
    assert_true(pfs_decimal_multiply(e19, e19 - 1, 0, 38, &v));
    assert_true(v == e19 * (e19 - 1));
    assert_false(pfs_decimal_multiply(100, 100, 0, 4, &v));
    assert_true(pfs_decimal_multiply(0, MAX38, 38, 38, &v));
    assert_true(v == 0);
}

static void big_endian_bytes_go_both_ways(void **state)
{
    static const struct {
        int64_t v;
        const char *bytes;
        size_t len;
    } cases[] = {
        {0, "\0", 1},          {1, "\x01", 1},     {-1, "\xff", 1},
        {127, "\x7f", 1},      {128, "\0\x80", 2}, {-128, "\x80", 1},
        {-129, "\xff\x7f", 2}, {-125, "\x83", 1},  {-10000000005, "\xfd\xab\xf4\x1b\xfb", 5},
    };
    uint8_t out[16];
    pfs_i128 back;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(pfs_decimal_to_be(cases[i].v, 0, true, out), cases[i].len);
        assert_memory_equal(out, cases[i].bytes, cases[i].len);
        assert_true(pfs_decimal_from_be(pfs_slice_of(out, cases[i].len), &back));
        assert_true(back == cases[i].v);
        assert_int_equal(pfs_decimal_to_be(cases[i].v, 16, false, out), 16);
        assert_true(pfs_decimal_from_be(pfs_slice_of(out, 16), &back));
        assert_true(back == cases[i].v);
    }
    assert_int_equal(pfs_decimal_to_be(-MAX38, 0, true, out), 16);
    assert_true(pfs_decimal_from_be(pfs_slice_of(out, 16), &back));
    assert_true(back == -MAX38);
    assert_true(pfs_decimal_from_be(pfs_str(""), &back));
    assert_true(back == 0);
}

static void longer_bytes_must_be_sign_extension(void **state)
{
    uint8_t in[20];
    pfs_i128 v;

    (void)state;
    memset(in, 0xff, sizeof(in));
    in[19] = 0x83;
    assert_true(pfs_decimal_from_be(pfs_slice_of(in, 20), &v));
    assert_true(v == -125);
    in[0] = 0x7f;
    assert_false(pfs_decimal_from_be(pfs_slice_of(in, 20), &v));
    memset(in, 0, sizeof(in));
    in[4] = 0x80; /* positive, and needs 17 bytes */
    assert_false(pfs_decimal_from_be(pfs_slice_of(in, 20), &v));
    in[4] = 0x7f;
    assert_true(pfs_decimal_from_be(pfs_slice_of(in, 20), &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_are_powers),
        cmocka_unit_test(fits_counts_digits),
        cmocka_unit_test(values_print_with_all_decimals),
        cmocka_unit_test(text_parses_to_unscaled_values),
        cmocka_unit_test(the_greatest_value_goes_both_ways),
        cmocka_unit_test(rescaling_rounds_half_up),
        cmocka_unit_test(products_are_rounded_at_256_bits),
        cmocka_unit_test(big_endian_bytes_go_both_ways),
        cmocka_unit_test(longer_bytes_must_be_sign_extension),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
