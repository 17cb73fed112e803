#include "base/arena.h"

#include "base/mem.h"
#include "tests/unit/cm.h"

static void pieces_are_aligned_and_apart(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4000, 5000, 70000, 3, 2000000, 8, 40000};
    struct pfs_arena arena;
    uint8_t *piece[COUNT(sizes)];

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        piece[i] = pfs_arena_alloc(&arena, sizes[i]);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % 16, 0);
        memset(piece[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(piece[i][k], i + 1);
    pfs_arena_done(&arena);
}

static void a_zeroed_arena_works(void **state)
{
    struct pfs_arena arena = {0};

    (void)state;
    pfs_arena_done(&arena);
    pfs_arena_reset(&arena);
    assert_non_null(pfs_arena_alloc(&arena, 10));
    pfs_arena_done(&arena);
    pfs_arena_done(&arena);
}

static void the_ceiling_holds_and_has_a_sentence(void **state)
{
    struct pfs_arena arena;
    struct pfs_err err = {0};
    size_t got = 0;

    (void)state;
    pfs_arena_init(&arena, 100000);
    assert_null(pfs_arena_alloc(&arena, 100001));
    while (pfs_arena_alloc(&arena, 64) != NULL)
        got += 64;
    assert_true(got > 90000 && got <= 100000);
    assert_true(arena.used_bytes <= 100000);
    assert_int_equal(pfs_arena_full(&arena, &err), -ENOMEM);
    assert_non_null(strstr(err.text, "100000"));
    pfs_arena_reset(&arena);
    assert_non_null(pfs_arena_alloc(&arena, 30000));
    pfs_arena_done(&arena);
}

static void huge_requests_do_not_wrap(void **state)
{
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, SIZE_MAX);
    assert_null(pfs_arena_alloc(&arena, SIZE_MAX));
    assert_null(pfs_arena_alloc(&arena, SIZE_MAX - 15));
    assert_null(pfs_arena_array(&arena, SIZE_MAX / 2, 4));
    assert_null(pfs_arena_string(&arena, (struct pfs_slice){NULL, SIZE_MAX}));
    assert_non_null(pfs_arena_alloc(&arena, 1));
    pfs_arena_done(&arena);
}

static void at_rest_little_is_kept(void **state)
{
    struct pfs_arena arena;
    void *first;

    (void)state;
    pfs_arena_init(&arena, 1 << 20);
    first = pfs_arena_alloc(&arena, 1000);
    pfs_arena_rest(&arena);
    assert_ptr_equal(pfs_arena_alloc(&arena, 1000), first);
    assert_non_null(pfs_arena_alloc(&arena, 20000));
    pfs_arena_rest(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_null(pfs_arena_alloc(&arena, 2 << 20)); /* the ceiling is what it was */
    pfs_arena_done(&arena);
}

static void reset_keeps_one_ordinary_block(void **state)
{
    struct pfs_arena arena;
    void *first, *again;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (int i = 0; i < 100; i++)
        assert_non_null(pfs_arena_alloc(&arena, 1000));
    assert_non_null(pfs_arena_alloc(&arena, 5 << 20));
    pfs_arena_reset(&arena);
    assert_true(arena.used_bytes > 0 && arena.used_bytes <= (size_t)1 << 20);
    pfs_mem_fail_after(0); /* what was kept is used before the heap is asked */
    first = pfs_arena_alloc(&arena, 1000);
    pfs_mem_fail_after(-1);
    assert_non_null(first);
    pfs_arena_reset(&arena);
    again = pfs_arena_alloc(&arena, 1000);
    assert_ptr_equal(again, first);
    pfs_arena_done(&arena);
    assert_int_equal(arena.used_bytes, 0);
}

static void a_large_piece_leaves_the_small_block_in_use(void **state)
{
    struct pfs_arena arena;
    uint8_t *a, *b;

    (void)state;
    pfs_arena_init(&arena, 0);
    a = pfs_arena_alloc(&arena, 32);
    assert_non_null(pfs_arena_alloc(&arena, 1 << 20));
    b = pfs_arena_alloc(&arena, 32);
    assert_ptr_equal(b, a + 32);
    pfs_arena_done(&arena);
}

static void a_small_one_takes_little_and_grows_like_others(void **state)
{
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init_small(&arena, 0);
    assert_int_equal(arena.used_bytes, 0);
    for (int i = 0; i < 8; i++)
        assert_non_null(pfs_arena_alloc(&arena, 16));
    assert_int_equal(arena.used_bytes, 128);
    for (int i = 0; i < 100000; i++)
        assert_non_null(pfs_arena_alloc(&arena, 16));
    assert_in_range(arena.used_bytes, 1600000, 3300000);
    pfs_arena_done(&arena);
    assert_int_equal(arena.used_bytes, 0);
}

static void copies_strings_and_formats(void **state)
{
    struct pfs_arena arena;
    struct pfs_slice copy;
    uint64_t *numbers;

    (void)state;
    pfs_arena_init(&arena, 1 << 16);
    assert_true(pfs_arena_copy(&arena, pfs_slice_of("a\0b", 3), &copy));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.at, "a\0b", 3);
    assert_true(pfs_arena_copy(&arena, (struct pfs_slice){NULL, 0}, &copy));
    assert_string_equal(pfs_arena_string(&arena, pfs_slice_of("snapshot-1", 8)), "snapshot");
    assert_string_equal(pfs_arena_string(&arena, (struct pfs_slice){NULL, 0}), "");
    assert_string_equal(pfs_arena_printf(&arena, "%s-%d", "bucket", 12), "bucket-12");
    numbers = pfs_arena_array(&arena, 50, sizeof(*numbers));
    for (int i = 0; i < 50; i++)
        assert_int_equal(numbers[i], 0);
    memset(numbers, 0xff, 50 * sizeof(*numbers));
    pfs_arena_reset(&arena);
    numbers = pfs_arena_zalloc(&arena, 400);
    for (int i = 0; i < 50; i++)
        assert_int_equal(numbers[i], 0);
    assert_false(pfs_arena_copy(&arena, (struct pfs_slice){(const uint8_t *)numbers, 1 << 20}, &copy));
    assert_null(copy.at);
    assert_int_equal(copy.len, 0);
    pfs_arena_done(&arena);
}

static void no_memory_is_null_and_recovers(void **state)
{
    struct pfs_arena arena;
    void *small, *large;

    (void)state;
    pfs_arena_init(&arena, 0);
    pfs_mem_fail_after(0);
    small = pfs_arena_alloc(&arena, 10);
    pfs_mem_fail_after(0);
    large = pfs_arena_alloc(&arena, 100000);
    pfs_mem_fail_after(-1);
    assert_null(small);
    assert_null(large);
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(pfs_arena_alloc(&arena, 10));
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_zeroed_arena_works),
        cmocka_unit_test(the_ceiling_holds_and_has_a_sentence),
        cmocka_unit_test(huge_requests_do_not_wrap),
        cmocka_unit_test(at_rest_little_is_kept),
        cmocka_unit_test(reset_keeps_one_ordinary_block),
        cmocka_unit_test(a_large_piece_leaves_the_small_block_in_use),
        cmocka_unit_test(a_small_one_takes_little_and_grows_like_others),
        cmocka_unit_test(copies_strings_and_formats),
        cmocka_unit_test(no_memory_is_null_and_recovers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
