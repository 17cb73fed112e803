#include "base/utf8.h"

#include "tests/unit/cm.h"

/* Every case stands alone, behind eleven ASCII bytes (the fast path) and in front of eleven. */
static void malformed_sequences_are_found_where_they_start(void **state)
{
    static const struct {
        const char *what, *text;
        size_t ok; /* bytes before the first malformed sequence; strlen when well-formed */
    } cases[] = {
        {"ASCII", "plain", 5},
        {"two bytes", "\xc2\x80\xdf\xbf", 4},
        {"three bytes", "\xe0\xa0\x80\xef\xbf\xbf", 6},
        {"four bytes", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
        {"before surrogates", "\xed\x9f\xbf", 3},
        {"behind surrogates", "\xee\x80\x80", 3},
        {"low surrogate", "a\xed\xa0\x80", 1},
        {"high surrogate", "\xed\xbf\xbf", 0},
        {"overlong two", "\xc0\x80", 0},
        {"overlong two, c1", "\xc1\xbf", 0},
        {"overlong three", "\xe0\x9f\xbf", 0},
        {"overlong four", "\xf0\x8f\xbf\xbf", 0},
        {"above 10ffff", "\xf4\x90\x80\x80", 0},
        {"f5", "\xf5\x80\x80\x80", 0},
        {"ff", "ab\xff", 2},
        {"lone continuation", "\x80", 0},
        {"good then lone continuation", "\xc3\xa4\xa4", 2},
        {"second byte missing", "\xc3-", 0},
        {"third byte missing", "\xe2\x82-", 0},
        {"fourth byte missing", "\xf0\x9f\x98-", 0},
        {"two bytes cut", "x\xc3", 1},
        {"three bytes cut", "\xe2\x82", 0},
        {"four bytes cut", "\xf0\x9f\x98", 0},
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].text);

        CHECK(cases[i].what, pfs_utf8_check(pfs_str(cases[i].text)) == cases[i].ok);
        memcpy(text, "eleven byte", 11);
        memcpy(text + 11, cases[i].text, len);
        memcpy(text + 11 + len, "eleven more", 11);
        CHECK(cases[i].what,
              pfs_utf8_check(pfs_slice_of(text, 22 + len)) == (cases[i].ok == len ? 22 + len : 11 + cases[i].ok));
    }
    assert_int_equal(pfs_utf8_check((struct pfs_slice){NULL, 0}), 0);
}

static void a_bad_byte_is_found_at_every_place(void **state)
{
    uint8_t text[40];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++) {
        memset(text, 'a', sizeof(text));
        text[i] = 0xfe;
        assert_int_equal(pfs_utf8_check(pfs_slice_of(text, sizeof(text))), i);
    }
}

static void code_points_are_counted_and_cut(void **state)
{
    struct pfs_slice text = pfs_str("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z"); /* 1 2 3 4 1 bytes */
    static const size_t ends[] = {0, 1, 3, 6, 10, 11, 11, 11};

    (void)state;
    assert_int_equal(pfs_utf8_count(text), 5);
    assert_int_equal(pfs_utf8_count(pfs_str("")), 0);
    for (size_t i = 0; i < COUNT(ends); i++)
        assert_int_equal(pfs_utf8_prefix(text, i), ends[i]);
    assert_int_equal(pfs_utf8_prefix(text, SIZE_MAX), 11);
    assert_int_equal(pfs_utf8_prefix(pfs_str("a longer string value"), 16), 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_sequences_are_found_where_they_start),
        cmocka_unit_test(a_bad_byte_is_found_at_every_place),
        cmocka_unit_test(code_points_are_counted_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
