#include "format/parquet/bits.h"

#include <stdlib.h>

#include "tests/unit/cm.h"

#define VALUES 3000
#define ROOM 65536

static uint32_t seed;

static uint32_t any(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

static uint32_t any_of_width(int width)
{
    return width == 32 ? any(UINT32_MAX) : any((uint32_t)1 << width);
}

/* Writes runs of both kinds in any order; the plainest code that can. Returns the bytes. */
static size_t encode(uint32_t *values, int width, uint8_t *out)
{
    size_t at = 0;
    int done = 0;

    memset(out, 0, ROOM);
    while (done < VALUES) {
        uint32_t groups = 1 + any(12), value = any_of_width(width);
        bool packed = any(2) == 1;
        uint64_t head = packed ? groups << 1 | 1 : (uint64_t)groups << 1;

        for (; head >= 128; head >>= 7)
            out[at++] = (uint8_t)(head | 128);
        out[at++] = (uint8_t)head;
        if (!packed) {
            for (uint32_t i = 0; i < groups && done < VALUES; i++)
                values[done++] = value;
            for (int i = 0; i < (width + 7) / 8; i++)
                out[at++] = (uint8_t)(value >> 8 * i);
            continue;
        }
        for (uint32_t i = 0; i < groups * 8; i++) {
            uint32_t v = any_of_width(width);

            for (int b = 0; b < width; b++) {
                uint32_t bit = i * (uint32_t)width + (uint32_t)b;

                out[at + bit / 8] = (uint8_t)(out[at + bit / 8] | (v >> b & 1) << bit % 8);
            }
            if (done < VALUES)
                values[done++] = v;
        }
        at += groups * (uint32_t)width;
    }
    return at;
}

static void every_width_decodes_in_pieces_of_any_size(void **state)
{
    static uint32_t want[VALUES], got[VALUES];
    static uint8_t bytes[ROOM];

    (void)state;
    seed = 7;
    for (int width = 0; width <= 32; width++) {
        struct pfs_pq_runs runs;
        size_t len = encode(want, width, bytes);

        pfs_pq_runs_init(&runs, pfs_slice_of(bytes, len), width);
        for (int done = 0; done < VALUES;) {
            int k = 1 + (int)any(300);

            k = k < VALUES - done ? k : VALUES - done;
            assert_true(pfs_pq_runs_take(&runs, got + done, k));
            done += k;
        }
        assert_memory_equal(got, want, sizeof(want));
    }
}

static void narrow_values_decode_as_bytes_and_are_skipped(void **state)
{
    static uint32_t want[VALUES];
    static uint8_t bytes[ROOM], got[VALUES];

    (void)state;
    seed = 11;
    for (int width = 0; width <= 8; width++) {
        struct pfs_pq_runs runs;
        size_t len = encode(want, width, bytes);

        pfs_pq_runs_init(&runs, pfs_slice_of(bytes, len), width);
        for (int done = 0; done < VALUES;) {
            int k = 1 + (int)any(200);
            bool skipped = any(3) == 0;

            k = k < VALUES - done ? k : VALUES - done;
            assert_true(skipped ? pfs_pq_runs_skip(&runs, k) : pfs_pq_runs_bytes(&runs, got, k));
            for (int i = 0; !skipped && i < k; i++)
                assert_int_equal(got[i], want[done + i]);
            done += k;
        }
    }
}

/* 5, 1, 7, 0 of three bits, lowest bits first; behind the eight that two bytes and a half hold nothing comes. */
static void values_packed_without_runs_are_read(void **state)
{
    static const uint8_t bytes[3 + PFS_PQ_PAD] = {0xcd, 0x01, 0x00};
    static const uint8_t want[] = {5, 1, 7, 0, 0, 0, 0, 0};
    uint8_t got[8];
    struct pfs_pq_runs runs;

    (void)state;
    pfs_pq_runs_init_packed(&runs, pfs_slice_of(bytes, 3), 3);
    assert_true(pfs_pq_runs_bytes(&runs, got, 8));
    assert_memory_equal(got, want, sizeof(want));
    assert_false(pfs_pq_runs_bytes(&runs, got, 1));
}

static void levels_become_bits(void **state)
{
    static uint8_t levels[1000], bitmap[1000 / 8 + 9];

    (void)state;
    seed = 12;
    for (int n = 0; n < 1000; n += 1 + (int)any(70)) {
        int64_t set = 0;

        for (int i = 0; i < n; i++)
            levels[i] = (uint8_t)any(6);
        set = pfs_pq_bits_reach(levels, n, 3, bitmap);
        for (int i = 0; i < n; i++) {
            assert_int_equal(bitmap[i / 8] >> i % 8 & 1, levels[i] >= 3);
            set -= levels[i] >= 3;
        }
        assert_int_equal(set, 0);
    }
}

static void runs_that_end_early_are_noticed(void **state)
{
    static uint32_t values[VALUES], got[VALUES];
    static uint8_t bytes[ROOM], bitmap[VALUES / 8 + 16];
    struct pfs_pq_runs runs;
    size_t len;

    (void)state;
    seed = 8;
    len = encode(values, 5, bytes);
    for (size_t cut = 0; cut < len / 2; cut++) {
        pfs_pq_runs_init(&runs, pfs_slice_of(bytes, cut), 5);
        assert_false(pfs_pq_runs_take(&runs, got, VALUES));
    }
    len = encode(values, 1, bytes);
    memset(bitmap, 0, sizeof(bitmap));
    pfs_pq_runs_init(&runs, pfs_slice_of(bytes, len / 2), 1);
    assert_int_equal(pfs_pq_runs_bits(&runs, bitmap, 0, VALUES), -1);
}

static void a_level_above_one_is_noticed(void **state)
{
    static const uint8_t bytes[PFS_PQ_PAD] = {8 << 1, 2};
    uint8_t bitmap[16] = {0};
    struct pfs_pq_runs runs;

    (void)state;
    pfs_pq_runs_init(&runs, pfs_slice_of(bytes, 2), 1);
    assert_int_equal(pfs_pq_runs_bits(&runs, bitmap, 0, 8), -1);
}

static void bits_land_where_they_are_sent(void **state)
{
    static uint32_t want[VALUES];
    static uint8_t bytes[ROOM], bitmap[VALUES / 8 + 32], spelt[VALUES + 16];

    (void)state;
    for (seed = 0; seed < 50; seed++) {
        uint32_t first = any(70);
        struct pfs_pq_runs runs;
        size_t len = encode(want, 1, bytes);
        int64_t set = 0, sum = 0;

        memset(bitmap, 0, sizeof(bitmap));
        pfs_pq_runs_init(&runs, pfs_slice_of(bytes, len), 1);
        for (int64_t done = 0; done < VALUES;) {
            int64_t k = 1 + any(200);

            k = k < VALUES - done ? k : VALUES - done;
            set += pfs_pq_runs_bits(&runs, bitmap, first + done, k);
            done += k;
        }
        pfs_pq_bits_spell(bitmap, first, VALUES, spelt);
        for (int64_t i = 0; i < VALUES; i++) {
            sum += want[i];
            assert_int_equal(spelt[i], want[i]);
        }
        assert_int_equal(sum, set);
        for (uint32_t i = 0; i < first; i++)
            assert_int_equal(bitmap[i / 8] >> i % 8 & 1, 0);
    }
}

/* Bits with long stretches of either kind, so that whole words of both occur. Returns how many are set. */
static int64_t any_bits(uint8_t *bitmap, int64_t from, int64_t n)
{
    int64_t set = 0;

    memset(bitmap, 0, VALUES / 8 + 32);
    for (int64_t i = 0; i < n;) {
        int64_t run = any(3) == 0 ? any(200) : any(4);
        bool bit = any(2) == 1;

        for (; run > 0 && i < n; i++, run--) {
            bitmap[(from + i) / 8] = (uint8_t)(bitmap[(from + i) / 8] | bit << (from + i) % 8);
            set += bit;
        }
    }
    return set;
}

static void present_values_spread_to_their_rows(void **state)
{
    static const int widths[] = {1, 2, 4, 8, 16};
    static uint8_t bitmap[VALUES / 8 + 32];
    static _Alignas(16) uint8_t values[VALUES * 16 + 64];

    (void)state;
    for (seed = 0; seed < 200; seed++) {
        int width = widths[seed % COUNT(widths)];
        int64_t from = any(70), n = any(VALUES), present = any_bits(bitmap, from, n), met = 0;

        for (int64_t i = 0; i < present * width; i++)
            values[i] = (uint8_t)(i / width * 7 + i % width);
        pfs_pq_spread(values, width, bitmap, from, n, present);
        for (int64_t i = 0; i < n; i++) {
            if ((bitmap[(from + i) / 8] >> (from + i) % 8 & 1) == 0)
                continue;
            for (int b = 0; b < width; b++)
                assert_int_equal(values[i * width + b], (uint8_t)(met * 7 + b));
            met++;
        }
        assert_int_equal(met, present);
    }
}

static void absent_strings_are_empty(void **state)
{
    static uint8_t bitmap[VALUES / 8 + 32];
    static int32_t offsets[VALUES + 1];

    (void)state;
    for (seed = 0; seed < 100; seed++) {
        int64_t from = any(70), n = any(VALUES), present = any_bits(bitmap, from, n), met = 0;

        for (int64_t i = 0; i <= present; i++)
            offsets[i] = (int32_t)(100 + i * 3);
        pfs_pq_spread_offsets(offsets, bitmap, from, n, present);
        assert_int_equal(offsets[0], 100);
        for (int64_t i = 0; i < n; i++) {
            met += bitmap[(from + i) / 8] >> (from + i) % 8 & 1;
            assert_int_equal(offsets[i + 1], 100 + met * 3);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_decodes_in_pieces_of_any_size),
        cmocka_unit_test(narrow_values_decode_as_bytes_and_are_skipped),
        cmocka_unit_test(values_packed_without_runs_are_read),
        cmocka_unit_test(levels_become_bits),
        cmocka_unit_test(runs_that_end_early_are_noticed),
        cmocka_unit_test(a_level_above_one_is_noticed),
        cmocka_unit_test(bits_land_where_they_are_sent),
        cmocka_unit_test(present_values_spread_to_their_rows),
        cmocka_unit_test(absent_strings_are_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
