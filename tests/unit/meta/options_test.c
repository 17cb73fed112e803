/* options_test.c - option values and their errors. */
#include "src/meta/options.h"

#include <errno.h>

#include "tests/unit/cm.h"

static void option_values_are_read_as_paimon_reads_them(void **state)
{
    struct pfs_option item[] = {{"b", "TRUE"},     {"bad", "many"},   {"day", "1 d"}, {"ms", "250"},
                                {"size", "64 kb"}, {"size2", "1 mb"}, {"word", "Two"}};
    struct pfs_options options = {7, item};
    static const char *const words[] = {"one", "two", NULL};
    struct pfs_err err;
    int64_t number;
    bool flag;
    int which;

    (void)state;
    assert_int_equal(pfs_options_bool(&options, "b", false, &flag, NULL), 0);
    assert_true(flag);
    assert_int_equal(pfs_options_bytes(&options, "size", 0, &number, NULL), 0);
    assert_int_equal(number, 64 << 10);
    assert_int_equal(pfs_options_bytes(&options, "size2", 0, &number, NULL), 0);
    assert_int_equal(number, 1 << 20);
    assert_int_equal(pfs_options_millis(&options, "day", 0, &number, NULL), 0);
    assert_int_equal(number, 86400000);
    assert_int_equal(pfs_options_millis(&options, "ms", 0, &number, NULL), 0);
    assert_int_equal(number, 250);
    assert_int_equal(pfs_options_int(&options, "absent", 7, &number, NULL), 0);
    assert_int_equal(number, 7);
    assert_int_equal(pfs_options_enum(&options, "word", words, 0, &which, NULL), 0);
    assert_int_equal(which, 1);
    assert_int_equal(pfs_options_int(&options, "bad", 0, &number, &err), -EINVAL);
    assert_non_null(strstr(err.text, "bad"));
    assert_non_null(strstr(err.text, "many"));
    assert_int_equal(pfs_options_bool(&options, "bad", true, &flag, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_values_are_read_as_paimon_reads_them),
    };

    return cmocka_run_group_tests_name("meta/options", tests, NULL, NULL);
}
