/* sketch_test.c - unions of bitmaps and sketches: byte for byte those of Paimon Java, and what is damaged is refused.
 */
#include "format/sketch/sketch.h"

#include <errno.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/store.h"
#include "format/bitmap.h"
#include "tests/unit/cm.h"

typedef int union_fn(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                     struct pfs_err *err);

/* Made by Apache Paimon 1.4.2: two values in base64, and what its aggregate function makes of them. */
static const struct {
    const char *what;
    union_fn *unite;
    const char *acc, *in, *want;
} cases[] = {
    {"arrays side by side", pfs_rbm32_union, "OjAAAAEAAAAAAAIAEAAAAAEABQAJAA==",
     "OjAAAAIAAAAAAAEAAQAAABgAAAAcAAAAAgAFAHAR", "OjAAAAIAAAAAAAMAAQAAABgAAAAgAAAAAQACAAUACQBwEQ=="},
    {"three in a row are an array", pfs_rbm32_union, "OjAAAAEAAAAAAAAAEAAAAAEA",
     "OjAAAAEAAAAAAAEAEAAAAAIAAwA=", "OjAAAAEAAAAAAAIAEAAAAAEAAgADAA=="},
    {"four in a row are a run", pfs_rbm32_union,
     "OjAAAAEAAAAAAAEAEAAAAAEAAgA=", "OjAAAAEAAAAAAAEAEAAAAAMABAA=", "OzAAAAEAAAMAAQABAAMA"},
    {"runs meet an array", pfs_rbm32_union, "OzAAAAEAAAkAAQAKAAkA",
     "OjAAAAIAAAAAAAIAAwAAABgAAAAeAAAAGQAaABsAQQ0=", "OzABAAEAAAwAAwAAAAIACgAJABkAAgBBDQ=="},
    {"five containers with a run keep their offsets", pfs_rbm32_union, "OzAAAAEAAAgAAQAAAAgA",
     "OjAAAAQAAAABAAAAAgAAAAMAAAAEAAAAKAAAACoAAAAsAAAALgAAAAAAAAAAAAAA",
     "OzAEAAEAAAgAAQAAAAIAAAADAAAABAAAAC0AAAAzAAAANQAAADcAAAA5AAAAAQAAAAgAAAAAAAAAAAA="},
    {"keys that part in the last byte", pfs_rbm64_union,
     "AQEAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAQAAAP4BAAAAAQICAAAAAQACAAEAAAAAAAAAAAAAAAAAAAA=",
     "AQIAAAAAAAAAAAIABQAAAAAAAAABAAQAAAAAAAAAAAABAAAAAAAAAAQAAAAAAAAAAAEAAAAAAAAAAAEAAAD+"
     "AgAAAAECAQAAAAAAAQIBAAAAAwACAAAAAAAAAAAAAAABAAAA",
     "AQIAAAAAAAAAAAIABQAAAAAAAAABAAQAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAEBAAAAAAAAAAEAAAD+"
     "AgAAAAECAwAAAAEAAgADAAECAQAAAAAAAgAAAAAAAAAAAAAAAQAAAA=="},
    {"keys that part in the first byte", pfs_rbm64_union,
     "AQIAAAAAAAAAAAIAAgAAAAABAAQAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAEAAAABAAAAAAAAAAEAAAD+"
     "AgAAAAECAQAAAAEAAQIBAAAAAAACAAAAAAAAAAAAAAABAAAA",
     "AQIAAAAAAAAAAAIAAAAAQAAEAAAAAAAAAAAAAQAAAAAAAAAEAAAAQAAAAAAAAAAAAAAAAAABAAAA/"
     "gIAAAABAgEAAAAAAAECAQAAAAcAAgAAAAAAAAAAAAAAAQAAAA==",
     "AQMAAAAAAAAAAAIAAAAAQAAAAgABAAAAAQAEAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAABAAAAAQAAAAAAAAAEAAAAQAAAAAAAAgAAAAAAAAABAAAA/"
     "gMAAAABAgIAAAABAAcAAQIBAAAAAAABAgEAAAAAAAMAAAAAAAAAAAAAAAIAAAA="},
    {"five children need a larger node", pfs_rbm64_union,
     "AQQAAAAAAAAAAAQABQAAAAAAAwIBAAQAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAEBAAAAAAAAAAQAAAAAAAAAAAICAAAAAAAAAAQAAAAAAAAAA"
     "AMDAAAAAAAAAAEAAAD+BAAAAAECAQAAAAAAAQIBAAAAAAABAgEAAAAAAAECAQAAAAAABAAAAAAAAAAAAAAAAwAAAA==",
     "AQIAAAAAAAAAAAIABQAAAAAAAAAJAQQAAAAAAAAAAAEBAAAAAAAAAAQAAAAAAAAAAAkAAAAAAAAAAAEAAAD+"
     "AgAAAAECAQAAAAAAAQIBAAAAAQACAAAAAAAAAAAAAAABAAAA",
     "AQUAAAAAAAAAAQUABQAAAAAAAAAACQMCAQAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAEBAAAAAAAAAAQAAAAAAAAAAAICAAAAA"
     "AAAAAQAAAAAAAAAAAMDAAAAAAAAAAQAAAAAAAAAAAkEAAAAAAAAAAEAAAD+"
     "BgAAAAECAQAAAAAAAQICAAAAAAABAAECAQAAAAAAAQIBAAAAAAABAgEAAAAAAAAFAAAAAAAAAAAAAAAEAAAA"},
    {"a node splits inside its prefix", pfs_rbm64_union,
     "AQIAAAAAAAAAAAIABQAAAQAAAAAQAAQAAAAAAAEAAAAAAAAAAAAAAAQAAAAAAAEAABABAAAAAAAAAAEAAAD+"
     "AgAAAAECAQAAAAEAAQIBAAAAAAACAAAAAAAAAAAAAAABAAAA",
     "AQIAAAAAAAAAAAIAAgAAAAABAAQAAAAAAAAAAAABAAAAAAAAAAQAAAAAAAECAAAAAAAAAAAAAAEAAAD+"
     "AgAAAAECAQAAAAAAAQIBAAAABQACAAAAAAAAAAAAAAABAAAA",
     "AQQAAAAAAAAAAAIAAgAAAAABAAQAAAAAAAAAAAACAAAAAAAAAAACAAAAAAIAAAIAAQAAABAABAAAAAAAAQAAAAAAAAAAAAAABAAAAAAAAQAAEAEAA"
     "AAAAAAABAAAAAAAAQIAAAMAAAAAAAAAAQAAAP4EAAAAAQIBAAAAAQABAgEAAAAAAAECAQAAAAUAAQIBAAAAAAAEAAAAAAAAAAAAAAADAAAA"},
    {"two lists", pfs_hll_union,
     "AgEHDAMIAwAr8vsGhi/5DXWBZgc=", "AgEHDAMIAgB1gWYHgbxdBg==", "AgEHDAMIBAB1gWYHgbxdBivy+waGL/kN"},
    {"the eighth makes a set", pfs_hll_union, "AgEHDAMIBQAr8vsGhi/5DXWBZgeBvF0Ge2XmCA==",
     "AgEHDAMIBAB7ZeYI/C1CCsHpFwXSFnMH", "AwEHDAUIAAEIAAAAwekXBYYv+Q0r8vsGgbxdBtIWcwd1gWYHe2XmCPwtQgo="},
    {"a list and a set", pfs_hll_union,
     "AgEHDAMIAgAr8vsGhi/5DQ==", "AwEHDAUIAAEJAAAARkq3BK48iBGwW0YSzvBbH/Zx8ga4P/kHbsU0BttSLQR8dLkH",
     "AwEHDAUIAAELAAAAhi/5DUZKtwQr8vsGrjyIEbBbRhLO8Fsf9nHyBrg/+QduxTQG21ItBHx0uQc="},
    {"two of one", pfs_theta_union,
     "AQMDAAA6zJMV+X3LvYahBQ==", "AQMDAAA6zJPDl/wSgXCdHg==", "AgMDAAAazJMCAAAAAACAPxX5fcu9hqEFw5f8EoFwnR4="},
    {"the same one", pfs_theta_union,
     "AQMDAAA6zJPg9IvqmYPDfA==", "AQMDAAA6zJPg9IvqmYPDfA==", "AQMDAAA6zJPg9IvqmYPDfA=="},
    {"three and two", pfs_theta_union,
     "AgMDAAAazJMDAAAAAACAPxX5fcu9hqEFw5f8EoFwnR66QLPB2gZpXQ==", "AgMDAAAazJMCAAAAAACAPxrRMAuZjC8iukCzwdoGaV0=",
     "AgMDAAAazJMEAAAAAACAPxX5fcu9hqEFw5f8EoFwnR4a0TALmYwvIrpAs8HaBmld"},
};

static struct pfs_slice decode(struct pfs_arena *arena, const char *text)
{
    uint8_t *at = pfs_arena_alloc(arena, strlen(text));

    return pfs_slice_of(at, (size_t)pfs_base64_decode(pfs_str(text), at));
}

static void unions_are_those_of_paimon(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct pfs_buf out = {0};
        struct pfs_err err = {0};

        pfs_arena_init(&arena, 0);
        if (cases[i].unite(decode(&arena, cases[i].acc), decode(&arena, cases[i].in), &arena, &out, &err) < 0)
            fail_msg("%s: %s", cases[i].what, err.text);
        CHECK(cases[i].what, pfs_slice_eq(pfs_buf_slice(&out), decode(&arena, cases[i].want)));
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
    }
}

static void what_is_cut_off_is_damage(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct pfs_slice whole, good;

        pfs_arena_init(&arena, 0);
        whole = decode(&arena, cases[i].acc);
        good = decode(&arena, cases[i].in);
        for (size_t len = 0; len < whole.len; len++) {
            struct pfs_slice cut;
            struct pfs_buf out = {0};
            struct pfs_err err = {0};

            pfs_arena_copy(&arena, pfs_slice_of(whole.at, len), &cut);
            CHECK(cases[i].what, cases[i].unite(cut, good, &arena, &out, &err) == -EIO);
            CHECK(cases[i].what, cases[i].unite(good, cut, &arena, &out, &err) == -EIO);
            pfs_buf_done(&out);
        }
        pfs_arena_done(&arena);
    }
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Values alone, stretches, and a container that becomes a bitset. */
static struct pfs_slice take_sketch(struct pfs_cursor *all)
{
    struct pfs_slice out;

    assert_true(pfs_take(all, pfs_take_le32(all), &out));
    return out;
}

/* A file of tests/data/sketches; `each` looks at what came out. How many pairs it has. */
static int unite_all(const char *name, union_fn *unite, void (*each)(struct pfs_slice in, struct pfs_slice want))
{
    struct pfs_store *store;
    struct pfs_slice file;
    struct pfs_cursor all;
    int pairs = 0;

    assert_int_equal(pfs_store_open_posix("tests/data/sketches", &store, NULL), 0);
    assert_int_equal(pfs_store_load(store, name, 1 << 20, &file, NULL), 0);
    for (all = pfs_cursor_of(file); pfs_left(&all) > 0; pairs++) {
        struct pfs_slice acc = take_sketch(&all), in = take_sketch(&all), want = take_sketch(&all);
        struct pfs_arena arena;
        struct pfs_buf out = {0};

        pfs_arena_init(&arena, 0);
        assert_int_equal(unite(acc, in, &arena, &out, NULL), 0);
        assert_int_equal(out.len, want.len);
        assert_memory_equal(out.at, want.at, want.len);
        each(in, want);
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
    }
    pfs_free((void *)(uintptr_t)file.at);
    pfs_store_close(store);
    return pairs;
}

static int arrays;

static void cut_array(struct pfs_slice in, struct pfs_slice want)
{
    if ((want.at[7] & 3) != 2)
        return;
    arrays++;
    for (size_t len = 0; len < want.len; len += 1 + len / 8) {
        struct pfs_arena arena;
        struct pfs_buf out = {0};

        pfs_arena_init(&arena, 0);
        assert_int_equal(pfs_hll_union(pfs_slice_of(want.at, len), in, &arena, &out, NULL), -EIO);
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
    }
}

static void hll_unions_are_those_of_paimon(void **state)
{
    (void)state;
    assert_int_equal(unite_all("hll.bin", pfs_hll_union, cut_array), 162);
    assert_true(arrays > 100);
}

/* What an array counts begins with an estimate of what its coupons did. */
static void lists_and_sets_become_arrays_as_in_datasketches(void **state)
{
    (void)state;
    arrays = 0;
    assert_int_equal(unite_all("promoted.bin", pfs_hll_union, cut_array), 12);
    assert_int_equal(arrays, 12);
}

static int opens;

static void cut_open(struct pfs_slice in, struct pfs_slice want)
{
    struct pfs_arena arena;
    struct pfs_buf out = {0};

    if (in.at[2] == 3)
        return;
    opens++;
    pfs_arena_init(&arena, 0);
    if ((in.at[5] & 4) == 0)
        assert_int_equal(pfs_theta_union(want, pfs_slice_of(in.at, in.len - 1), &arena, &out, NULL), -EIO);
    pfs_buf_done(&out);
    pfs_arena_done(&arena);
}

static void theta_unions_are_those_of_paimon(void **state)
{
    (void)state;
    assert_int_equal(unite_all("theta.bin", pfs_theta_union, cut_open), 63);
    assert_true(opens > 20);
}

static void fill(struct pfs_bitmap *b, uint64_t *seed)
{
    for (int i = 0; i < 300; i++) {
        uint64_t at = next_random(seed) % 400000;

        if (i % 3 == 0)
            assert_int_equal(pfs_bitmap_add_range(b, at, at + next_random(seed) % 200, NULL), 0);
        else
            assert_int_equal(pfs_bitmap_add(b, at, NULL), 0);
    }
    for (int i = 0; i < 9000 && next_random(seed) % 20000 != 0; i++) /* more than an array holds, mostly, and no runs */
        assert_int_equal(pfs_bitmap_add(b, 3 * 65536 + next_random(seed) % 65536, NULL), 0);
}

static void a_union_holds_what_both_hold(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 50; round++) {
        struct pfs_bitmap *a, *b, *both;
        struct pfs_buf x = {0}, y = {0}, out = {0};
        struct pfs_arena arena;
        uint64_t *want = pfs_alloc_array(400400, 8), *got = pfs_alloc_array(400400, 8);
        int64_t count;

        pfs_arena_init(&arena, 0);
        assert_int_equal(pfs_bitmap_new(&a, NULL), 0);
        assert_int_equal(pfs_bitmap_new(&b, NULL), 0);
        fill(a, &seed);
        fill(b, &seed);
        assert_int_equal(pfs_bitmap_print32(a, &x, NULL), 0);
        assert_int_equal(pfs_bitmap_print32(b, &y, NULL), 0);
        assert_int_equal(pfs_rbm32_union(pfs_buf_slice(&x), pfs_buf_slice(&y), &arena, &out, NULL), 0);
        assert_int_equal(pfs_bitmap_parse32(pfs_buf_slice(&out), NULL, &both, NULL), 0);
        assert_int_equal(pfs_bitmap_or(a, b, NULL), 0);
        count = pfs_bitmap_values(a, 0, 400400, want, 400400);
        assert_int_equal(pfs_bitmap_values(both, 0, 400400, got, 400400), count);
        assert_memory_equal(got, want, (size_t)count * sizeof(*want));
        pfs_free(want);
        pfs_free(got);
        pfs_bitmap_free(a);
        pfs_bitmap_free(b);
        pfs_bitmap_free(both);
        pfs_buf_done(&x);
        pfs_buf_done(&y);
        pfs_buf_done(&out);
        pfs_arena_done(&arena);
    }
}

static uint64_t wide_random(uint64_t *seed, int round)
{
    uint64_t v = (uint64_t)next_random(seed) << 32 | next_random(seed);

    return round % 3 == 0 ? v : round % 3 == 1 ? v % 5000000 : v >> 20;
}

/* Positions of any width go into the stored form and come back. */
static void a_bitmap_of_64_bits_is_what_was_put_into_it(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct pfs_bitmap *put, *got;
        struct pfs_buf bytes = {0}, again = {0};
        struct pfs_arena arena;
        bool wide;

        pfs_arena_init(&arena, 0);
        assert_int_equal(pfs_bitmap_new(&put, NULL), 0);
        assert_int_equal(pfs_bitmap_new(&got, NULL), 0);
        for (int i = 0; i < 500; i++)
            assert_int_equal(pfs_bitmap_add(put, wide_random(&seed, round), NULL), 0);
        assert_int_equal(pfs_bitmap_add_range(put, 1000, 1000 + (uint64_t)round * 9000, NULL), 0);
        assert_int_equal(pfs_bitmap_add(put, UINT64_MAX, NULL), 0);
        if (round % 2 == 1) /* runs up to the last value of all */
            assert_int_equal(pfs_bitmap_add_range(put, UINT64_MAX - 5000, UINT64_MAX, NULL), 0);
        for (int i = 0; i < round * 900; i++)
            assert_int_equal(pfs_bitmap_add(put, 7 * 65536 + next_random(&seed) % 65536, NULL), 0);
        assert_int_equal(pfs_rbm64_print(put, &arena, &bytes, NULL), 0);
        assert_int_equal(pfs_rbm_add_to(pfs_buf_slice(&bytes), &arena, got, &wide, NULL), 0);
        assert_true(wide);
        assert_int_equal(pfs_bitmap_count(got), pfs_bitmap_count(put));
        assert_int_equal(pfs_bitmap_andnot(got, put, NULL), 0);
        assert_int_equal(pfs_bitmap_count(got), 0);
        assert_int_equal(pfs_rbm64_union(pfs_buf_slice(&bytes), pfs_buf_slice(&bytes), &arena, &again, NULL), 0);
        assert_true(pfs_slice_eq(pfs_buf_slice(&bytes), pfs_buf_slice(&again)));
        pfs_bitmap_free(put);
        pfs_bitmap_free(got);
        pfs_buf_done(&bytes);
        pfs_buf_done(&again);
        pfs_arena_done(&arena);
    }
}

/* What Paimon united, told by its first byte; and every beginning of it is damage. */
static void stored_bitmaps_are_added_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_bitmap *parts, *whole;
        struct pfs_arena arena;
        struct pfs_slice want;
        bool wide;

        if (cases[i].unite != pfs_rbm32_union && cases[i].unite != pfs_rbm64_union)
            continue;
        pfs_arena_init(&arena, 0);
        assert_int_equal(pfs_bitmap_new(&parts, NULL), 0);
        assert_int_equal(pfs_bitmap_new(&whole, NULL), 0);
        want = decode(&arena, cases[i].want);
        assert_int_equal(pfs_rbm_add_to(decode(&arena, cases[i].acc), &arena, parts, &wide, NULL), 0);
        assert_int_equal(pfs_rbm_add_to(decode(&arena, cases[i].in), &arena, parts, &wide, NULL), 0);
        assert_int_equal(pfs_rbm_add_to(want, &arena, whole, &wide, NULL), 0);
        CHECK(cases[i].what, wide == (cases[i].unite == pfs_rbm64_union));
        CHECK(cases[i].what, pfs_bitmap_count(parts) > 0 && pfs_bitmap_count(parts) == pfs_bitmap_count(whole));
        assert_int_equal(pfs_bitmap_andnot(whole, parts, NULL), 0);
        CHECK(cases[i].what, pfs_bitmap_count(whole) == 0);
        for (size_t len = 0; len < want.len; len++) {
            struct pfs_slice cut;

            pfs_arena_copy(&arena, pfs_slice_of(want.at, len), &cut);
            CHECK(cases[i].what, pfs_rbm_add_to(cut, &arena, whole, &wide, NULL) == -EIO);
        }
        pfs_bitmap_free(parts);
        pfs_bitmap_free(whole);
        pfs_arena_done(&arena);
    }
}

/* A sketch of `count` hashes first, first + step, ... below the bound; 0 = none. */
static void put_theta(struct pfs_buf *out, uint32_t count, uint64_t first, uint64_t step, uint64_t bound)
{
    const uint8_t head[8] = {bound == 0 ? 2 : 3, 3, 3, 0, 0, 0x1a, 0xcc, 0x93};

    pfs_buf_put(out, head, sizeof(head));
    pfs_buf_le32(out, count);
    pfs_buf_le32(out, 0x3f800000);
    if (bound != 0)
        pfs_buf_le64(out, bound);
    for (uint32_t i = 0; i < count; i++)
        pfs_buf_le64(out, first + i * step);
}

static void a_theta_union_keeps_the_smallest(void **state)
{
    struct pfs_buf odd = {0}, even = {0}, few = {0}, want = {0}, out = {0};
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    put_theta(&odd, 3000, 1, 2, 0);
    put_theta(&even, 3000, 2, 2, 0);
    put_theta(&want, 4096, 1, 1, 4097);
    assert_int_equal(pfs_theta_union(pfs_buf_slice(&odd), pfs_buf_slice(&even), &arena, &out, NULL), 0);
    assert_true(pfs_slice_eq(pfs_buf_slice(&out), pfs_buf_slice(&want)));
    pfs_buf_clear(&out);
    pfs_buf_clear(&want);
    put_theta(&few, 2, 10, 1, 20); /* its bound holds for the other as well */
    put_theta(&want, 11, 1, 1, 20);
    memcpy(want.at + 24, (const uint64_t[]){1, 3, 5, 7, 9, 10, 11, 13, 15, 17, 19}, 88);
    assert_int_equal(pfs_theta_union(pfs_buf_slice(&few), pfs_buf_slice(&odd), &arena, &out, NULL), 0);
    assert_true(pfs_slice_eq(pfs_buf_slice(&out), pfs_buf_slice(&want)));
    pfs_buf_done(&odd);
    pfs_buf_done(&even);
    pfs_buf_done(&few);
    pfs_buf_done(&want);
    pfs_buf_done(&out);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unions_are_those_of_paimon),
        cmocka_unit_test(hll_unions_are_those_of_paimon),
        cmocka_unit_test(lists_and_sets_become_arrays_as_in_datasketches),
        cmocka_unit_test(theta_unions_are_those_of_paimon),
        cmocka_unit_test(what_is_cut_off_is_damage),
        cmocka_unit_test(a_union_holds_what_both_hold),
        cmocka_unit_test(a_bitmap_of_64_bits_is_what_was_put_into_it),
        cmocka_unit_test(stored_bitmaps_are_added_up),
        cmocka_unit_test(a_theta_union_keeps_the_smallest),
    };

    return cmocka_run_group_tests_name("format/sketch", tests, NULL, NULL);
}
