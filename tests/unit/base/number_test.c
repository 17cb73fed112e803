#include "base/number.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/cm.h"

static void integers_print_as_printf_does(void **state)
{
    char text[PFS_NUMBER_TEXT], want[PFS_NUMBER_TEXT];
    int64_t v = 1;

    (void)state;
    for (int i = 0; i < 64; i++, v = (int64_t)((uint64_t)v * 10 + 9)) {
        int64_t values[] = {v, -v, v - 1, v + 1, (int64_t)((uint64_t)1 << i), i, INT64_MIN, INT64_MAX};

        for (size_t k = 0; k < COUNT(values); k++) {
            size_t len = pfs_i64_print(values[k], text);

            snprintf(want, sizeof(want), "%lld", (long long)values[k]);
            assert_int_equal(len, strlen(want));
            assert_memory_equal(text, want, len);
        }
        if (v > INT64_MAX / 20)
            v = i;
    }
}

static void integers_parse_whole_or_not_at_all(void **state)
{
    static const struct {
        const char *text;
        int rc;
        int64_t want;
    } cases[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"+7", 0, 7},
        {"007", 0, 7},
        {"-12", 0, -12},
        {"5.0", 0, 5},
        {"-5.000", 0, -5},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"00000000000000000000000000012", 0, 12},
        {"9223372036854775808", -ERANGE, 0},
        {"-9223372036854775809", -ERANGE, 0},
        {"18446744073709551616", -ERANGE, 0},
        {"99999999999999999999999", -ERANGE, 0},
        {"99999999999999999999999x", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"-", -EINVAL, 0},
        {"+-1", -EINVAL, 0},
        {"--1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"1.", -EINVAL, 0},
        {".0", -EINVAL, 0},
        {"1.5", -EINVAL, 0},
        {"1.0.0", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
        {"1,000", -EINVAL, 0},
        {"\xd9\xa1", -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t out = 4711;

        CHECK(cases[i].text, pfs_i64_parse(pfs_str(cases[i].text), &out) == cases[i].rc);
        CHECK(cases[i].text, out == (cases[i].rc == 0 ? cases[i].want : 4711));
    }
    assert_int_equal(pfs_i64_parse((struct pfs_slice){NULL, 0}, &(int64_t){0}), -EINVAL);
}

static void base64_goes_both_ways(void **state)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16];
        uint8_t bytes[16];
        size_t len = pfs_base64_encode(pfs_str(cases[i].bytes), text);

        CHECK(cases[i].text, pfs_slice_eq(pfs_slice_of(text, len), pfs_str(cases[i].text)));
        CHECK(cases[i].text, pfs_base64_decode(pfs_str(cases[i].text), bytes) == (int64_t)strlen(cases[i].bytes));
        CHECK(cases[i].text, memcmp(bytes, cases[i].bytes, strlen(cases[i].bytes)) == 0);
    }
}

static void base64_refuses_what_it_would_not_write(void **state)
{
    static const char *const texts[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm=v", "Zm9v\n", "Zm9-", "Zm9v====", "=Zg="};
    uint8_t bytes[16];

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        CHECK(texts[i], pfs_base64_decode(pfs_str(texts[i]), bytes) == -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_print_as_printf_does),
        cmocka_unit_test(integers_parse_whole_or_not_at_all),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(base64_refuses_what_it_would_not_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
