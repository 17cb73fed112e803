#include "base/hash.h"

#include "tests/unit/cm.h"

static void murmur_agrees_with_paimon(void **state)
{
    static const struct {
        const char *what;
        uint8_t row[16];
        int32_t want;
    } cases[] = {
        {"INT 1", {0, 0, 0, 0, 0, 0, 0, 0, 1}, 1465514398},
        {"INT 0", {0}, -300363099},
        {"INT -7", {0, 0, 0, 0, 0, 0, 0, 0, 0xf9, 0xff, 0xff, 0xff}, 1485184587},
        {"null", {0, 1}, -1748325344},
        {"'hello'", {0, 0, 0, 0, 0, 0, 0, 0, 'h', 'e', 'l', 'l', 'o', 0, 0, 0x85}, 243722546},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(cases[i].what, pfs_murmur_words(cases[i].row, 16) == cases[i].want);
}

static void crc32_is_zlibs(void **state)
{
    (void)state;
    assert_int_equal(pfs_crc32("123456789", 9), 0xcbf43926);
    assert_int_equal(pfs_crc32("", 0), 0);
}

static void hash64_depends_on_bytes_length_and_seed(void **state)
{
    uint64_t h = pfs_hash64("manifest-1", 10, 0);

    (void)state;
    assert_true(h == pfs_hash64("manifest-1", 10, 0));
    assert_true(h != pfs_hash64("manifest-1", 9, 0));
    assert_true(h != pfs_hash64("manifest-2", 10, 0));
    assert_true(h != pfs_hash64("manifest-1", 10, 1));
    assert_true(pfs_hash64(NULL, 0, 0) == pfs_hash64("", 0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur_agrees_with_paimon),
        cmocka_unit_test(crc32_is_zlibs),
        cmocka_unit_test(hash64_depends_on_bytes_length_and_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
