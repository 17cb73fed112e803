#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "tests/unit/cm.h"

static void doubles_are_laid_out_as_the_door_says(void **state)
{
    static const struct {
        double v;
        const char *want;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1.5, "-1.5"},
        {100, "100.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {1e-4, "0.0001"},
        {0.00012345, "0.00012345"},
        {9.9999e-5, "9.9999e-05"},
        {1e-5, "1e-05"},
        {1e15, "1000000000000000.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {12345678901234567.0, "1.2345678901234568e+16"},
        {123456.789, "123456.789"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {1e100, "1e+100"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {-DBL_MAX, "-1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {4.9406564584124654e-324, "5e-324"},
        {9007199254740992.0, "9007199254740992.0"},
        {9007199254740993.0, "9007199254740992.0"},
        {5e-7, "5e-07"},
        {(double)NAN, "NaN"},
        {-(double)NAN, "NaN"},
        {(double)INFINITY, "Infinity"},
        {-(double)INFINITY, "-Infinity"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[PFS_NUMBER_TEXT];
        size_t len = pfs_f64_print(cases[i].v, text);

        CHECK(cases[i].want, pfs_slice_eq(pfs_slice_of(text, len), pfs_str(cases[i].want)));
    }
}

static void floats_have_their_own_fewest_digits(void **state)
{
    static const struct {
        float v;
        const char *want;
    } cases[] = {
        {0.0f, "0.0"},
        {-0.0f, "-0.0"},
        {0.1f, "0.1"},
        {1.5f, "1.5"},
        {3.4028235e38f, "3.4028235e+38"},
        {1.17549435e-38f, "1.1754944e-38"},
        {1.4e-45f, "1e-45"},
        {16777216.0f, "16777216.0"},
        {0.333333343f, "0.33333334"},
        {1e-4f, "0.0001"},
        {1e10f, "10000000000.0"},
        {1e16f, "1e+16"},
        {NAN, "NaN"},
        {-INFINITY, "-Infinity"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[PFS_NUMBER_TEXT];
        size_t len = pfs_f32_print(cases[i].v, text);

        CHECK(cases[i].want, pfs_slice_eq(pfs_slice_of(text, len), pfs_str(cases[i].want)));
    }
}

static uint64_t random_bits(void)
{
    static const uint64_t seed = 88172645463325252u;
    static _Thread_local uint64_t s;

    s = s == 0 ? seed : s;
    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    return s;
}

/* Values of all shapes: bits at random, prices, fractions, powers of two. */
static double random_double(int i)
{
    uint64_t bits = random_bits();
    double v;

    switch (i % 5) {
    case 0:
        memcpy(&v, &bits, sizeof(v));
        return v;
    case 1:
        return (double)(bits % 100000000) / 100;
    case 2:
        return ldexp((double)(bits >> 11), -(int)(bits % 80));
    case 3:
        return ldexp(1, (int)(bits % 2098) - 1074);
    default:
        return (double)(bits % 1000000) * 1e-6;
    }
}

/* The significant digits of a text, zeros at both ends left out. */
static size_t significant(const char *text, char *out)
{
    size_t len = 0;

    for (; *text != '\0' && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (len > 0 || *text != '0'))
            out[len++] = *text;
    while (len > 0 && out[len - 1] == '0')
        len--;
    return len;
}

static void digits_are_the_fewest_that_printf_needs(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        double v = random_double(i), back;
        char text[64], want[64], digits[64], want_digits[64];
        int precision = 0;
        size_t len;

        if (!isfinite(v) || v == 0)
            continue;
        text[pfs_f64_print(v, text)] = '\0';
        do
            snprintf(want, sizeof(want), "%.*e", precision++, v);
        while (strtod(want, NULL) != v);
        len = significant(text, digits);
        CHECK(text, len == significant(want, want_digits) && memcmp(digits, want_digits, len) == 0);
        CHECK(text, strtod(text, NULL) == v);
        CHECK(text, pfs_f64_parse(pfs_str(text), &back) == 0 && back == v);
    }
}

static void float_digits_are_the_fewest_that_printf_needs(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint32_t bits = (uint32_t)random_bits();
        char text[64], want[64], digits[64], want_digits[64];
        float v = (float)random_double(i | 1), back;
        int precision = 0;
        size_t len;

        if (i % 2 == 0)
            memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v) || v == 0)
            continue;
        text[pfs_f32_print(v, text)] = '\0';
        do
            snprintf(want, sizeof(want), "%.*e", precision++, (double)v);
        while (strtof(want, NULL) != v);
        len = significant(text, digits);
        CHECK(text, len == significant(want, want_digits) && memcmp(digits, want_digits, len) == 0);
        CHECK(text, pfs_f32_parse(pfs_str(text), &back) == 0 && back == v);
    }
}

/* Random decimal texts of up to 22 digits, with a point and an exponent or without: what strtod says, to the bit. */
static void numbers_parse_to_the_nearest_value(void **state)
{
    (void)state;
    for (int i = 0; i < 100000; i++) {
        int count = 1 + (int)(random_bits() % 22), point = (int)(random_bits() % 24);
        char text[64];
        int len = 0;
        double v, want;
        float f, want_f;

        if (random_bits() & 1)
            text[len++] = '-';
        for (int k = 0; k < count; k++) {
            if (k == point)
                text[len++] = '.';
            text[len++] = (char)('0' + random_bits() % 10);
        }
        snprintf(text + len, sizeof(text) - (size_t)len, "%s%d", i % 3 == 0 ? "e" : "", (int)(random_bits() % 70) - 35);
        if (i % 3 != 0)
            text[len] = '\0';
        want = strtod(text, NULL);
        CHECK(text, pfs_f64_parse(pfs_str(text), &v) == 0 && memcmp(&v, &want, sizeof(v)) == 0);
        want_f = strtof(text, NULL);
        if (isinf(want_f)) {
            CHECK(text, pfs_f32_parse(pfs_str(text), &f) == -ERANGE);
        } else {
            CHECK(text, pfs_f32_parse(pfs_str(text), &f) == 0 && memcmp(&f, &want_f, sizeof(f)) == 0);
        }
    }
}

static void parsing_takes_numbers_only(void **state)
{
    static const struct {
        const char *text;
        int rc;
        double want;
    } cases[] = {
        {"1", 0, 1},
        {"-1.5", 0, -1.5},
        {"+.5", 0, 0.5},
        {"5.", 0, 5},
        {"1e3", 0, 1000},
        {"1E-2", 0, 0.01},
        {"1e+2", 0, 100},
        {"0e999999999999", 0, 0},
        {"1e-999999999999", 0, 0},
        {"0.000", 0, 0},
        {"8.98846567431158e307", 0, 8.98846567431158e307},
        {"2.4703282292062328e-324", 0, 4.9406564584124654e-324},
        {"9007199254740993", 0, 9007199254740992.0},
        {"9007199254740993.0000000000000000000001", 0, 9007199254740994.0},
        {"inf", 0, (double)INFINITY},
        {"-Infinity", 0, -(double)INFINITY},
        {"+INF", 0, (double)INFINITY},
        {"1e309", -ERANGE, 0},
        {"-1e400", -ERANGE, 0},
        {"1e999999999999", -ERANGE, 0},
        {"", -EINVAL, 0},
        {".", -EINVAL, 0},
        {"-", -EINVAL, 0},
        {"e5", -EINVAL, 0},
        {"1e", -EINVAL, 0},
        {"1e+", -EINVAL, 0},
        {"1e5.5", -EINVAL, 0},
        {"1.2.3", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"0x1p3", -EINVAL, 0},
        {"1f", -EINVAL, 0},
        {"infinit", -EINVAL, 0},
        {"nan(1)", -EINVAL, 0},
        {"1,5", -EINVAL, 0},
    };
    double v;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        v = 4711;
        CHECK(cases[i].text, pfs_f64_parse(pfs_str(cases[i].text), &v) == cases[i].rc);
        CHECK(cases[i].text, v == (cases[i].rc == 0 ? cases[i].want : 4711));
    }
    assert_int_equal(pfs_f64_parse(pfs_str("NaN"), &v), 0);
    assert_true(isnan(v));
    assert_int_equal(pfs_f64_parse(pfs_str("-0.0"), &v), 0);
    assert_true(v == 0 && signbit(v));
    assert_int_equal(pfs_f64_parse(pfs_str("-0e5"), &v), 0);
    assert_true(v == 0 && signbit(v));
}

static void floats_are_rounded_once(void **state)
{
    static const struct {
        const char *text;
        int rc;
        float want;
    } cases[] = {
        {"16777217", 0, 16777216.0f}, /* halfway, to even */
        {"16777217.0000000001", 0, 16777218.0f},
        {"16777219", 0, 16777220.0f},
        {"1.00000005960464477539062500", 0, 1.0f},
        {"1.00000005960464477539062501", 0, 1.00000012f}, /* a double of it lies halfway */
        {"3.4028235e38", 0, FLT_MAX},
        {"3.40282357e38", -ERANGE, 0}, /* above the half of the last step */
        {"1e39", -ERANGE, 0},
        {"1e-46", 0, 0.0f},
        {"1e-40", 0, 1e-40f},
        {"x", -EINVAL, 0},
        {"-inf", 0, -INFINITY},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        float v = 4711;
        float want = cases[i].rc == 0 ? cases[i].want : 4711;

        CHECK(cases[i].text, pfs_f32_parse(pfs_str(cases[i].text), &v) == cases[i].rc);
        CHECK(cases[i].text, v == want);
    }
}

static void absurdly_long_numbers_end(void **state)
{
    static char text[5000];
    double v;

    (void)state;
    memset(text, '0', sizeof(text));
    text[4999] = '1';
    assert_int_equal(pfs_f64_parse(pfs_slice_of(text, 5000), &v), 0); /* zeros in front do not count */
    assert_true(v == 1);
    text[0] = '1';
    assert_int_equal(pfs_f64_parse(pfs_slice_of(text, 5000), &v), -ERANGE);
    assert_int_equal(pfs_f64_parse(pfs_slice_of(text, 900), &v), -ERANGE);
    assert_int_equal(pfs_f64_parse(pfs_slice_of(text, 300), &v), 0);
    assert_true(v == 1e299);
}

static void java_lays_out_the_same_digits_otherwise(void **state)
{
    static const struct {
        double v;
        const char *want, *narrow; /* as FLOAT */
    } cases[] = {
        {0.3, "0.3", "0.3"},
        {100, "100.0", "100.0"},
        {16777216, "1.6777216E7", "1.6777216E7"},
        {9999999, "9999999.0", "9999999.0"},
        {1e7, "1.0E7", "1.0E7"},
        {-1e22, "-1.0E22", "-1.0E22"},
        {0.001, "0.001", "0.001"},
        {0.00099, "9.9E-4", "9.9E-4"},
        {1.5e-7, "1.5E-7", "1.5E-7"},
        {-1.25e-10, "-1.25E-10", "-1.25E-10"},
        {4.9e-324, "4.9E-324", "0.0"},
        {1e-323, "9.9E-324", "0.0"},
        {2e-323, "2.0E-323", "0.0"},
        {1.401298464324817e-45, "1.401298464324817E-45", "1.4E-45"},
        {0.0, "0.0", "0.0"},
        {NAN, "NaN", "NaN"},
        {-INFINITY, "-Infinity", "-Infinity"},
    };
    char text[PFS_NUMBER_TEXT];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = pfs_f64_print_java(cases[i].v, text);

        CHECK(cases[i].want, pfs_slice_eq(pfs_slice_of(text, len), pfs_str(cases[i].want)));
        len = pfs_f32_print_java((float)cases[i].v, text);
        CHECK(cases[i].narrow, pfs_slice_eq(pfs_slice_of(text, len), pfs_str(cases[i].narrow)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_are_laid_out_as_the_door_says),
        cmocka_unit_test(floats_have_their_own_fewest_digits),
        cmocka_unit_test(digits_are_the_fewest_that_printf_needs),
        cmocka_unit_test(float_digits_are_the_fewest_that_printf_needs),
        cmocka_unit_test(numbers_parse_to_the_nearest_value),
        cmocka_unit_test(parsing_takes_numbers_only),
        cmocka_unit_test(floats_are_rounded_once),
        cmocka_unit_test(java_lays_out_the_same_digits_otherwise),
        cmocka_unit_test(absurdly_long_numbers_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
