#include "base/mem.h"

#include "tests/unit/cm.h"

static void zero_bytes_are_a_valid_pointer(void **state)
{
    void *a = pfs_alloc(0), *b = pfs_zalloc(0), *c = pfs_realloc(NULL, 0);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    pfs_free(a);
    pfs_free(b);
    pfs_free(c);
    pfs_free(NULL);
}

static void arrays_are_zeroed_and_never_wrap(void **state)
{
    uint32_t *a = pfs_alloc_array(1000, sizeof(*a));
    size_t half = SIZE_MAX / 2 + 1;

    (void)state;
    assert_non_null(a);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(a[i], 0);
    pfs_free(a);
    assert_null(pfs_alloc_array(half, 2));
    assert_null(pfs_alloc_array(SIZE_MAX, SIZE_MAX));
}

static void strings_are_copied_whole(void **state)
{
    char *copy = pfs_strdup("bucket");

    (void)state;
    assert_string_equal(copy, "bucket");
    pfs_free(copy);
}

static void the_nth_allocation_fails_once(void **state)
{
    void *a, *b, *c, *d;

    (void)state;
    pfs_mem_fail_after(2);
    a = pfs_alloc(8);
    b = pfs_zalloc(8);
    c = pfs_alloc_array(1, 8);
    d = pfs_alloc(8);
    pfs_mem_fail_after(-1);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(c);
    assert_non_null(d);
    pfs_free(a);
    pfs_free(b);
    pfs_free(d);
}

static void a_failed_realloc_keeps_the_bytes(void **state)
{
    uint8_t *a = pfs_alloc(4), *more;

    (void)state;
    memcpy(a, "abcd", 4);
    pfs_mem_fail_after(0);
    more = pfs_realloc(a, 4096);
    pfs_mem_fail_after(-1);
    assert_null(more);
    assert_memory_equal(a, "abcd", 4);
    more = pfs_realloc(a, 4096);
    assert_non_null(more);
    assert_memory_equal(more, "abcd", 4);
    pfs_free(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_bytes_are_a_valid_pointer),   cmocka_unit_test(arrays_are_zeroed_and_never_wrap),
        cmocka_unit_test(strings_are_copied_whole),         cmocka_unit_test(the_nth_allocation_fails_once),
        cmocka_unit_test(a_failed_realloc_keeps_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
