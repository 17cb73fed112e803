#include "base/err.h"

#include "base/utf8.h"
#include "tests/unit/cm.h"

static void fail_states_code_and_sentence(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_fail(&err, ENOENT, "page %d of %s", 7, "f"), -ENOENT);
    assert_int_equal(err.code, ENOENT);
    assert_string_equal(err.text, "page 7 of f");
}

static void wrap_reads_from_the_outside_in(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    pfs_fail(&err, EIO, "short read");
    assert_int_equal(pfs_wrap(&err, "manifest m-%d", 3), -EIO);
    assert_int_equal(pfs_wrap(&err, "commit 12"), -EIO);
    assert_string_equal(err.text, "commit 12: manifest m-3: short read");
}

static void wrapping_no_failure_is_still_a_failure(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_wrap(&err, "where"), -EIO);
    assert_int_equal(err.code, EIO);
    assert_int_equal(pfs_wrap(NULL, "where"), -EIO);
}

static void null_drops_the_sentence(void **state)
{
    (void)state;
    assert_int_equal(pfs_fail(NULL, EINVAL, "%s", "x"), -EINVAL);
    pfs_err_clear(NULL);
}

static void clear_forgets(void **state)
{
    struct pfs_err err = {0};

    (void)state;
    pfs_fail(&err, EIO, "x");
    pfs_err_clear(&err);
    assert_int_equal(err.code, 0);
    assert_string_equal(err.text, "");
}

/* Characters of two bytes, shifted by one byte or not: one of the two has a character across the cut. */
static void long_text_is_cut_between_characters(void **state)
{
    char text[2 * PFS_ERR_TEXT_MAX];

    (void)state;
    for (int shift = 0; shift < 2; shift++) {
        struct pfs_err err = {0};
        size_t len;

        memset(text, 'a', sizeof(text));
        for (size_t i = (size_t)shift; i + 2 < sizeof(text); i += 2)
            memcpy(text + i, "\xc3\xa4", 2);
        text[sizeof(text) - 1] = '\0';
        pfs_fail(&err, EIO, "%s", text);
        len = strlen(err.text);
        assert_true(len == PFS_ERR_TEXT_MAX - 1 || len == PFS_ERR_TEXT_MAX - 2);
        assert_int_equal(pfs_utf8_check(pfs_str(err.text)), len);
        pfs_wrap(&err, "%s", text);
        len = strlen(err.text);
        assert_true(len == PFS_ERR_TEXT_MAX - 1 || len == PFS_ERR_TEXT_MAX - 2);
        assert_int_equal(pfs_utf8_check(pfs_str(err.text)), len);
    }
}

static void errno_texts_are_known_or_said_to_be_unknown(void **state)
{
    (void)state;
    assert_string_equal(pfs_errno_text(ENOSPC), "no space left on device");
    assert_string_equal(pfs_errno_text(EROFS), "read-only file system");
    assert_string_equal(pfs_errno_text(99999), "unknown error");
    assert_string_equal(pfs_errno_text(-1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_states_code_and_sentence),
        cmocka_unit_test(wrap_reads_from_the_outside_in),
        cmocka_unit_test(wrapping_no_failure_is_still_a_failure),
        cmocka_unit_test(null_drops_the_sentence),
        cmocka_unit_test(clear_forgets),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(errno_texts_are_known_or_said_to_be_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
