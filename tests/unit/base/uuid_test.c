#include "base/uuid.h"

#include "tests/unit/cm.h"

static void uuids_are_canonical_version_4(void **state)
{
    (void)state;
    for (int k = 0; k < 200; k++) {
        char text[PFS_UUID_TEXT];

        pfs_uuid_make(text);
        assert_int_equal(strlen(text), 36);
        for (int i = 0; i < 36; i++) {
            if (i == 8 || i == 13 || i == 18 || i == 23)
                assert_int_equal(text[i], '-');
            else
                assert_non_null(strchr("0123456789abcdef", text[i]));
        }
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
    }
}

static void uuids_differ(void **state)
{
    char texts[200][PFS_UUID_TEXT];

    (void)state;
    for (int i = 0; i < 200; i++) {
        pfs_uuid_make(texts[i]);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(texts[i], texts[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids_are_canonical_version_4),
        cmocka_unit_test(uuids_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
