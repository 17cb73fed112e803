/* among_test.c - ranges of keys against rows: the sieve leaves what a look at each row leaves. */
#include "src/scan/among.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/unit/cm.h"

#define ROWS 300
#define RANGES 40

static const struct pfs_type number = {.kind = PFS_BIGINT}, text = {.kind = PFS_VARCHAR, .length = 100};

static uint64_t seed = 1;

static int random_below(int n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (int)((seed >> 33) % (uint64_t)n);
}

/* One column of rows: numbers, or their digits as text. */
static struct pfs_batch batch_of(const int64_t *value, int64_t rows, bool texts, struct pfs_arena *arena)
{
    struct pfs_column *column = pfs_arena_array(arena, 1, sizeof(*column));
    int32_t *offsets = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*offsets));
    char *bytes = pfs_arena_alloc(arena, (size_t)rows * 8 + 1);

    assert_true(column != NULL && offsets != NULL && bytes != NULL);
    *column = (struct pfs_column){.type = &number, .values = value};
    if (texts) {
        for (int64_t i = 0; i < rows; i++)
            offsets[i + 1] = offsets[i] + (int32_t)snprintf(bytes + offsets[i], 8, "%05d", (int)value[i]);
        *column = (struct pfs_column){.type = &text, .offsets = offsets, .values = bytes};
    }
    return (struct pfs_batch){rows, 1, column};
}

struct once { /* gives its batch in pieces */
    struct pfs_reader reader;
    struct pfs_batch batch;
    int64_t given;
};

static int64_t once_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct once *o = (struct once *)self;
    struct pfs_column *column = pfs_arena_array(arena, 1, sizeof(*column));
    int64_t rows = o->batch.rows - o->given < 50 ? o->batch.rows - o->given : 50;

    assert_non_null(column);
    if (rows == 0)
        return 0;
    assert_int_equal(pfs_column_slice(o->batch.column, o->given, rows, arena, column, err), 0);
    *out = (struct pfs_batch){rows, 1, column};
    o->given += rows;
    return rows;
}

static void once_close(struct pfs_reader *self)
{
    (void)self;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Ascending numbers, no two alike when `apart`. */
static int64_t numbers(int64_t *out, int64_t most, bool apart)
{
    int64_t n = 0;

    for (int64_t i = 0; i < most; i++)
        out[i] = random_below(1000);
    qsort(out, (size_t)most, sizeof(*out), compare);
    for (int64_t i = 0; i < most; i++)
        if (!apart || n == 0 || out[n - 1] != out[i])
            out[n++] = out[i];
    return n;
}

static bool is_in(const struct pfs_among *a, const int64_t *low, const int64_t *high, int64_t value)
{
    for (int64_t i = 0; i < a->count; i++) {
        bool from = (a->from_start && i == 0) || value >= low[i];
        bool to = (a->to_end && i == a->count - 1) || (a->apart ? value < high[i] : value <= high[i]);

        if (from && to)
            return true;
    }
    return false;
}

static void try_once(int round, struct pfs_arena *arena)
{
    static const int32_t key = 0;
    static const struct pfs_reader_ops ops = {once_next, once_close};
    int64_t low[RANGES], high[RANGES], bound[2 * RANGES], value[ROWS], want = 0, got = 0, rows, bounds;
    bool texts = round & 1, single = round & 2, ascend = round & 4;
    struct pfs_among among = {
        .apart = !single && (round & 8), .from_start = !single && (round & 16), .to_end = !single && (round & 32)};
    struct once once = {.reader = {&ops}};
    struct pfs_batch batch, out;
    struct pfs_reader *reader = NULL;

    bounds = numbers(bound, single ? RANGES : 2 * RANGES, true);
    among.count = single ? bounds : bounds / 2;
    for (int64_t i = 0; i < among.count; i++) {
        low[i] = single ? bound[i] : bound[2 * i];
        high[i] = single ? bound[i] : bound[2 * i + 1];
    }
    (void)numbers(value, ROWS, false);
    for (int64_t i = 0; !ascend && i < ROWS; i++)
        value[i] = random_below(1000);
    batch = batch_of(low, among.count, texts, arena);
    assert_int_equal(pfs_keys_of(&batch, &key, 1, arena, &among.low, NULL), 0);
    among.high = among.low;
    if (!single) {
        batch = batch_of(high, among.count, texts, arena);
        assert_int_equal(pfs_keys_of(&batch, &key, 1, arena, &among.high, NULL), 0);
    }
    once.batch = batch_of(value, ROWS, texts, arena);
    assert_int_equal(pfs_among_sieve(&among, &once.reader, &key, 1, &reader, NULL), 0);
    while ((rows = pfs_reader_next(reader, arena, &out, NULL)) > 0)
        for (int64_t i = 0; i < rows; i++, got++) {
            int64_t v = texts ? strtoll(pfs_arena_string(arena, pfs_column_bytes(out.column, i)), NULL, 10)
                              : ((const int64_t *)out.column->values)[i];

            while (want < ROWS && !is_in(&among, low, high, value[want]))
                want++;
            assert_true(want < ROWS);
            assert_int_equal(v, value[want++]);
        }
    assert_int_equal(rows, 0);
    while (want < ROWS)
        assert_false(is_in(&among, low, high, value[want++]));
    pfs_reader_close(reader);
}

static void the_sieve_leaves_the_rows_of_the_ranges(void **state)
{
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (int round = 0; round < 640; round++) {
        try_once(round, &arena);
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
}

static const struct {
    int64_t low[3], high[3];
    bool from_start, to_end;
    int64_t min, max;
    bool meets;
} meetings[] = {
    {{5, 20, 40}, {5, 30, 40}, false, false, 6, 19, false}, {{5, 20, 40}, {5, 30, 40}, false, false, 6, 20, true},
    {{5, 20, 40}, {5, 30, 40}, false, false, 30, 35, true}, {{5, 20, 40}, {5, 30, 40}, false, false, 41, 90, false},
    {{5, 20, 40}, {5, 30, 40}, false, true, 41, 90, true},  {{5, 20, 40}, {5, 30, 40}, false, false, 1, 4, false},
    {{5, 20, 40}, {5, 30, 40}, true, false, 1, 4, true},    {{5, 20, 40}, {5, 30, 40}, false, false, 1, 90, true},
};

static void files_are_told_by_their_smallest_and_greatest_key(void **state)
{
    static const int32_t key = 0;
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT(meetings); i++)
        for (int texts = 0; texts < 2; texts++) {
            struct pfs_among among = {.count = 3, .from_start = meetings[i].from_start, .to_end = meetings[i].to_end};
            struct pfs_batch low = batch_of(meetings[i].low, 3, texts, &arena);
            struct pfs_batch high = batch_of(meetings[i].high, 3, texts, &arena);
            struct pfs_batch min = batch_of(&meetings[i].min, 1, texts, &arena);
            struct pfs_batch max = batch_of(&meetings[i].max, 1, texts, &arena);
            struct pfs_keys first, last;

            assert_int_equal(pfs_keys_of(&low, &key, 1, &arena, &among.low, NULL), 0);
            assert_int_equal(pfs_keys_of(&high, &key, 1, &arena, &among.high, NULL), 0);
            assert_int_equal(pfs_keys_of(&min, &key, 1, &arena, &first, NULL), 0);
            assert_int_equal(pfs_keys_of(&max, &key, 1, &arena, &last, NULL), 0);
            if (pfs_among_meets(&among, &first, &last) != meetings[i].meets)
                fail_msg("case %zu", i);
        }
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sieve_leaves_the_rows_of_the_ranges),
        cmocka_unit_test(files_are_told_by_their_smallest_and_greatest_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
