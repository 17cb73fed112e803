/* bitmap_test.c - sets of positions: bytes of Paimon both ways, damage of every kind, and the set operations. */
#include "format/bitmap.h"

#include "tests/unit/cm.h"

struct bytes {
    size_t len;
    uint8_t at[48];
};

static struct pfs_bitmap *of(const uint64_t *values, size_t count)
{
    struct pfs_bitmap *b = NULL;

    assert_int_equal(pfs_bitmap_new(&b, NULL), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(pfs_bitmap_add(b, values[i], NULL), 0);
    return b;
}

static void has_exactly(const char *what, const struct pfs_bitmap *b, const uint64_t *values, size_t count)
{
    uint64_t got[64];

    CHECK(what, pfs_bitmap_count(b) == count);
    CHECK(what, pfs_bitmap_values(b, 0, UINT64_MAX, got, 64) == (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        CHECK(what, got[i] == values[i]);
        CHECK(what, pfs_bitmap_has(b, values[i]));
    }
}

static const struct {
    const char *what;
    struct bytes bytes;
    size_t count;
    uint64_t values[4];
} good[] = {
    {"an array, by Paimon", {20, {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 0, 0, 1, 0}}, 2, {0, 1}},
    {"a run, by Paimon", {15, {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 1, 0, 0, 0, 3, 0}}, 4, {0, 1, 2, 3}},
    {"nothing", {8, {0x3a, 0x30, 0, 0, 0, 0, 0, 0}}, 0, {0}},
    {"two containers, one of runs",
     {21, {0x3b, 0x30, 1, 0, 1, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 7, 0, 1, 0, 9, 0}},
     3,
     {7, 8, 0x20009}},
};

static void what_paimon_wrote_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct pfs_bitmap *b = NULL;
        size_t used = 0;

        CHECK(good[i].what,
              pfs_bitmap_parse32(pfs_slice_of(good[i].bytes.at, good[i].bytes.len + 5), &used, &b, NULL) == 0);
        CHECK(good[i].what, used == good[i].bytes.len);
        has_exactly(good[i].what, b, good[i].values, good[i].count);
        pfs_bitmap_free(b);
    }
}

static void a_bitmap_prints_as_paimon_writes_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct pfs_bitmap *b = of(good[i].values, good[i].count);
        struct pfs_buf out = {0};
        struct pfs_bitmap *again = NULL;

        CHECK(good[i].what, pfs_bitmap_print32(b, &out, NULL) == 0);
        if (i < 3)
            CHECK(good[i].what, pfs_slice_eq(pfs_buf_slice(&out), pfs_slice_of(good[i].bytes.at, good[i].bytes.len)));
        CHECK(good[i].what, pfs_bitmap_parse32(pfs_buf_slice(&out), NULL, &again, NULL) == 0);
        has_exactly(good[i].what, again, good[i].values, good[i].count);
        pfs_bitmap_free(b);
        pfs_bitmap_free(again);
        pfs_buf_done(&out);
    }
}

static const struct {
    const char *what;
    struct bytes bytes;
} bad[] = {
    {"empty", {0, {0}}},
    {"half a cookie", {3, {0x3a, 0x30, 0}}},
    {"another cookie", {8, {0x39, 0x30, 0, 0, 0, 0, 0, 0}}},
    {"a billion containers", {12, {0x3a, 0x30, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0}}},
    {"more containers than bytes", {12, {0x3a, 0x30, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}}},
    {"no offsets", {12, {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0}}},
    {"values cut off", {18, {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 0, 0}}},
    {"values that fall", {20, {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 1, 0, 0, 0}}},
    {"a value twice", {20, {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 1, 0, 1, 0}}},
    {"bits cut off", {24, {0x3a, 0x30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x20, 16, 0, 0, 0}}},
    {"keys that fall", {21, {0x3b, 0x30, 1, 0, 1, 2, 0, 1, 0, 1, 0, 0, 0, 1, 0, 7, 0, 1, 0, 9, 0}}},
    {"more runs than bytes", {15, {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 9, 0, 0, 0, 3, 0}}},
    {"runs that hold too little", {15, {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 1, 0, 0, 0, 2, 0}}},
    {"a run past the end", {15, {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 1, 0, 0xfe, 0xff, 3, 0}}},
    {"runs that overlap", {19, {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 2, 0, 5, 0, 1, 0, 6, 0, 1, 0}}},
    {"no runs at all", {11, {0x3b, 0x30, 0, 0, 1, 0, 0, 3, 0, 0, 0}}},
};

static void damage_is_refused_with_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct pfs_bitmap *b = NULL;
        struct pfs_err err = {0};

        CHECK(bad[i].what, pfs_bitmap_parse32(pfs_slice_of(bad[i].bytes.at, bad[i].bytes.len), NULL, &b, &err) == -EIO);
        CHECK(bad[i].what, err.text[0] != '\0');
    }
}

static void a_bitset_must_hold_as_many_values_as_it_says(void **state)
{
    struct pfs_bitmap *b = NULL;
    struct pfs_buf out = {0};

    (void)state;
    assert_int_equal(pfs_bitmap_new(&b, NULL), 0);
    for (uint64_t v = 0; v < 60000; v += 3)
        assert_int_equal(pfs_bitmap_add(b, v, NULL), 0);
    assert_int_equal(pfs_bitmap_print32(b, &out, NULL), 0);
    pfs_bitmap_free(b);
    assert_int_equal(out.len, 16 + 8192);
    assert_int_equal(pfs_bitmap_parse32(pfs_buf_slice(&out), NULL, &b, NULL), 0);
    assert_int_equal(pfs_bitmap_count(b), 20000);
    pfs_bitmap_free(b);
    out.at[100] ^= 1;
    assert_int_equal(pfs_bitmap_parse32(pfs_buf_slice(&out), NULL, &b, NULL), -EIO);
    pfs_buf_done(&out);
}

static void bytes_behind_a_bitmap_are_damage_when_all_must_be_taken(void **state)
{
    struct pfs_bitmap *b = NULL;

    (void)state;
    assert_int_equal(pfs_bitmap_parse32(pfs_slice_of(good[0].bytes.at, 21), NULL, &b, NULL), -EIO);
}

static void values_over_32_bits_go_both_ways(void **state)
{
    static const uint64_t values[] = {0, 1, 0x100000005, 0x7fffffff00000000};
    struct pfs_bitmap *b = of(values, COUNT(values)), *again = NULL;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_bitmap_print32(b, &out, &err), -E2BIG);
    assert_int_equal(out.len, 0);
    assert_int_equal(pfs_bitmap_print64(b, &out, NULL), 0);
    assert_int_equal(pfs_bitmap_parse64(pfs_buf_slice(&out), NULL, &again, NULL), 0);
    has_exactly("64 bits", again, values, COUNT(values));
    pfs_bitmap_free(again);
    out.at[0] = 4;
    assert_int_equal(pfs_bitmap_parse64(pfs_buf_slice(&out), NULL, &again, NULL), -EIO);
    out.at[0] = 3;
    out.at[8] = 9; /* the first part's key is now above the second's */
    assert_int_equal(pfs_bitmap_parse64(pfs_buf_slice(&out), NULL, &again, NULL), -EIO);
    out.at[7] = 0x40;
    assert_int_equal(pfs_bitmap_parse64(pfs_buf_slice(&out), NULL, &again, NULL), -EIO);
    pfs_buf_done(&out);
    pfs_bitmap_free(b);
}

static void sets_are_combined_in_place(void **state)
{
    static const uint64_t left[] = {1, 2, 0x100000000, 0x300000007}, right[] = {2, 3, 0x200000000, 0x300000007};
    static const struct {
        const char *what;
        int (*combine)(struct pfs_bitmap *a, const struct pfs_bitmap *b, struct pfs_err *err);
        size_t count;
        uint64_t values[6];
    } cases[] = {
        {"or", pfs_bitmap_or, 6, {1, 2, 3, 0x100000000, 0x200000000, 0x300000007}},
        {"and", pfs_bitmap_and, 2, {2, 0x300000007}},
        {"and not", pfs_bitmap_andnot, 2, {1, 0x100000000}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_bitmap *a = of(left, COUNT(left)), *b = of(right, COUNT(right));

        CHECK(cases[i].what, cases[i].combine(a, b, NULL) == 0);
        has_exactly(cases[i].what, a, cases[i].values, cases[i].count);
        has_exactly(cases[i].what, b, right, COUNT(right));
        pfs_bitmap_free(a);
        pfs_bitmap_free(b);
    }
}

static void a_flip_gives_the_other_rows_and_nothing_beyond(void **state)
{
    static const uint64_t values[] = {0, 2, 9}, others[] = {1, 3, 4};
    struct pfs_bitmap *b = of(values, COUNT(values));

    (void)state;
    assert_int_equal(pfs_bitmap_flip(b, 5, NULL), 0);
    has_exactly("flip", b, others, COUNT(others));
    assert_int_equal(pfs_bitmap_flip(b, 0, NULL), 0);
    assert_int_equal(pfs_bitmap_count(b), 0);
    assert_int_equal(pfs_bitmap_flip(b, ((uint64_t)1 << 32) + 3, NULL), 0);
    assert_int_equal(pfs_bitmap_count(b), ((uint64_t)1 << 32) + 3);
    assert_int_equal(pfs_bitmap_flip(b, UINT64_MAX, NULL), -E2BIG);
    pfs_bitmap_free(b);
}

static void a_walk_stays_in_its_window(void **state)
{
    struct pfs_bitmap *b = NULL;
    uint64_t got[1000];
    int64_t n;

    (void)state;
    assert_int_equal(pfs_bitmap_new(&b, NULL), 0);
    assert_int_equal(pfs_bitmap_add_range(b, 100, 1100, NULL), 0);
    assert_int_equal(pfs_bitmap_add_range(b, 0xfffffffe, 0x100000002, NULL), 0);
    n = pfs_bitmap_values(b, 0, 1000, got, 1000);
    assert_int_equal(n, 900);
    assert_int_equal(got[0], 100);
    assert_int_equal(got[899], 999);
    assert_int_equal(pfs_bitmap_values(b, 300, 1100, got, 300), 300);
    assert_int_equal(got[299], 599);
    assert_int_equal(pfs_bitmap_values(b, 0, 100, got, 1000), 0);
    assert_int_equal(pfs_bitmap_values(b, 1099, 0xffffffff, got, 1000), 2);
    assert_int_equal(got[1], 0xfffffffe);
    assert_int_equal(pfs_bitmap_values(b, 0xffffffff, UINT64_MAX, got, 1000), 3);
    assert_int_equal(got[2], 0x100000001);
    assert_int_equal(pfs_bitmap_values(b, 500, 500, got, 1000), 0);
    pfs_bitmap_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_paimon_wrote_is_read),
        cmocka_unit_test(a_bitmap_prints_as_paimon_writes_it),
        cmocka_unit_test(damage_is_refused_with_a_sentence),
        cmocka_unit_test(a_bitset_must_hold_as_many_values_as_it_says),
        cmocka_unit_test(bytes_behind_a_bitmap_are_damage_when_all_must_be_taken),
        cmocka_unit_test(values_over_32_bits_go_both_ways),
        cmocka_unit_test(sets_are_combined_in_place),
        cmocka_unit_test(a_flip_gives_the_other_rows_and_nothing_beyond),
        cmocka_unit_test(a_walk_stays_in_its_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
