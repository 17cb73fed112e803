/* order_test.c - rows put in another order: what comes before what, and that none is lost on the way. */
#include "src/lsm/order.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/lsm/internal.h"
#include "src/merge/key.h"
#include "tests/unit/cm.h"

#define ROWS 20000
#define BATCH 500
#define GRID 8 /* a power of two */

static const struct pfs_type int_type = {.kind = PFS_INT, .nullable = true};
static const struct pfs_type text_type = {.kind = PFS_VARCHAR, .nullable = true, .length = 100};

/* ---- rows: a number, a text of it, and their place ---- */

struct source {
    struct pfs_reader reader; /* first */
    int64_t at, rows;
    size_t ballast; /* of each batch, that nobody touches */
    bool closed;
};

static int32_t number_of(int64_t row)
{
    return (int32_t)((uint32_t)row * 2654435761u % 1000) - 500;
}

static int64_t source_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct source *s = (struct source *)self;
    int64_t rows = s->rows - s->at < BATCH ? s->rows - s->at : BATCH;
    int32_t *number = pfs_arena_array(arena, BATCH, sizeof(*number)),
            *place = pfs_arena_array(arena, BATCH, sizeof(*place));
    int32_t *offset = pfs_arena_array(arena, BATCH + 1, sizeof(*offset));
    struct pfs_column *column = pfs_arena_array(arena, 3, sizeof(*column));
    uint8_t *valid = pfs_arena_zalloc(arena, BATCH / 8 + 1);
    char *text = pfs_arena_array(arena, BATCH, 8);

    (void)err;
    if (s->ballast > 0 && pfs_arena_alloc(arena, s->ballast) == NULL)
        return pfs_arena_full(arena, err);
    offset[0] = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t row = s->at + i;

        number[i] = number_of(row);
        place[i] = (int32_t)row;
        valid[i >> 3] |= (uint8_t)((row % 7 != 0) << (i & 7));
        offset[i + 1] = offset[i] + snprintf(text + offset[i], 8, "%d", (int)(row % 10));
    }
    s->at += rows;
    column[0] = (struct pfs_column){.type = &int_type, .values = number, .valid = valid};
    column[1] = (struct pfs_column){.type = &text_type, .values = text, .offsets = offset};
    column[2] = (struct pfs_column){.type = &int_type, .values = place};
    *out = (struct pfs_batch){rows, 3, column};
    return rows;
}

static void source_close(struct pfs_reader *self)
{
    ((struct source *)self)->closed = true;
}

static const struct pfs_reader_ops source_ops = {source_next, source_close};

/* Text first, then the number with its nulls, then the place: < 0, 0, > 0. */
static int compare(int64_t a, int64_t b)
{
    bool a_null = a % 7 == 0, b_null = b % 7 == 0;

    if (a % 10 != b % 10)
        return a % 10 < b % 10 ? -1 : 1;
    if (a_null != b_null)
        return a_null ? -1 : 1;
    if (!a_null && number_of(a) != number_of(b))
        return number_of(a) < number_of(b) ? -1 : 1;
    return (a > b) - (a < b);
}

static void check_sorted(size_t bytes, int64_t rows, size_t ballast, bool spills)
{
    struct pfs_order order = {.strategy = PFS_ORDER_PLAIN, .columns = 2, .column = {1, 0}};
    struct source source = {.reader = {&source_ops}, .rows = rows, .ballast = ballast};
    struct pfs_store *store = NULL;
    struct pfs_reader *sorted;
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t seen = 0, got, last = -1;

    assert_int_equal(pfs_store_open_memory(&store, NULL), 0);
    assert_int_equal(
        pfs_order_open(&order, (struct pfs_budget){bytes, spills ? store : NULL}, NULL, &source.reader, &sorted, NULL),
        0);
    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    while ((got = pfs_reader_next(sorted, &arena, &batch, NULL)) > 0) {
        const int32_t *place = batch.column[2].values;

        assert_int_equal(batch.columns, 3);
        for (int64_t i = 0; i < got; i++) {
            if (last >= 0 && compare(last, place[i]) >= 0)
                fail_msg("row %lld before row %d", (long long)last, place[i]);
            assert_int_equal(pfs_column_present(&batch.column[0], i), place[i] % 7 != 0);
            assert_int_equal(((const int32_t *)batch.column[0].values)[i], number_of(place[i]));
            last = place[i];
        }
        seen += got;
        pfs_arena_reset(&arena);
    }
    assert_int_equal(got, 0);
    assert_int_equal(seen, rows);
    pfs_reader_close(sorted);
    assert_true(source.closed);
    pfs_arena_done(&arena);
    pfs_store_close(store);
}

static void rows_are_sorted_in_memory_and_beyond(void **state)
{
    (void)state;
    check_sorted(0, 0, 0, true);
    check_sorted(64 << 20, 1, 0, true);
    check_sorted(64 << 20, ROWS, 0, true);
    check_sorted(1 << 18, ROWS, 0, true);
    check_sorted(1 << 10, ROWS, 0, true);
    check_sorted(1 << 10, ROWS, 0, false); /* nowhere to put runs: all at once */
}

/* More than what one batch may take, and less than the share of a large budget. */
static void a_large_share_is_used_whole(void **state)
{
    (void)state;
    check_sorted((size_t)4 << 30, 10 * BATCH, (size_t)64 << 20, true);
}

/* ---- curves ---- */

/* All points of a small square, by their keys: sorted[i] is y * GRID + x. */
static void sort_grid(enum pfs_order_strategy strategy, int sorted[static GRID * GRID])
{
    const struct pfs_order order = {.strategy = strategy, .columns = 2, .column = {0, 1}};
    int32_t x[GRID * GRID], y[GRID * GRID];
    struct pfs_column column[3] = {{.type = &int_type, .values = x}, {.type = &int_type, .values = y}};
    const struct pfs_batch batch = {GRID * GRID, 2, column};
    struct pfs_arena arena;
    const int32_t place = 0;
    struct pfs_batch of_keys = {GRID * GRID, 1, &column[2]};
    struct pfs_keys keys;

    for (int i = 0; i < GRID * GRID; i++) {
        x[i] = i % GRID;
        y[i] = i / GRID;
    }
    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    assert_int_equal(pfs_order_keys(&order, &batch, &arena, &column[2], NULL), 0);
    assert_int_equal(pfs_keys_of(&of_keys, &place, 1, &arena, &keys, NULL), 0);
    for (int i = 0; i < GRID * GRID; i++) {
        int before = 0;

        for (int k = 0; k < GRID * GRID; k++)
            before += pfs_keys_compare(&keys, k, &keys, i) < 0;
        sorted[before] = i; /* no two are equal, or a place stays as it was */
    }
    pfs_arena_done(&arena);
}

static void the_curve_goes_from_neighbour_to_neighbour(void **state)
{
    int sorted[GRID * GRID] = {0}, seen[GRID * GRID] = {0};

    (void)state;
    sort_grid(PFS_ORDER_HILBERT, sorted);
    for (int i = 0; i < GRID * GRID; i++)
        seen[sorted[i]]++;
    for (int i = 0; i < GRID * GRID; i++)
        assert_int_equal(seen[i], 1);
    for (int i = 1; i < GRID * GRID; i++) {
        int dx = sorted[i] % GRID - sorted[i - 1] % GRID, dy = sorted[i] / GRID - sorted[i - 1] / GRID;

        assert_int_equal(dx * dx + dy * dy, 1);
    }
}

static void zorder_takes_bits_in_turn(void **state)
{
    static const int first[] = {0, 8, 1, 9, 16, 24, 17, 25, 2, 10, 3, 11}; /* y * 8 + x: the first column leads */
    int sorted[GRID * GRID] = {0};

    (void)state;
    sort_grid(PFS_ORDER_ZORDER, sorted);
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++)
        assert_int_equal(sorted[i], first[i]);
}

/* One column is sorted by, few make a Z, many a Hilbert curve; what is named wins. */
static void the_columns_choose_the_order(void **state)
{
    static const struct {
        const char *columns, *strategy; /* NULL: none is named */
        enum pfs_order_strategy want;
    } cases[] = {
        {"a", NULL, PFS_ORDER_PLAIN},
        {"a,b", NULL, PFS_ORDER_ZORDER},
        {"a,b,c,d", NULL, PFS_ORDER_ZORDER},
        {"a,b,c,d,e", NULL, PFS_ORDER_HILBERT},
        {"a,b", "auto", PFS_ORDER_ZORDER},
        {"a,b,c,d,e", "auto", PFS_ORDER_HILBERT},
        {"a,b,c,d,e", "order", PFS_ORDER_PLAIN},
        {"a,b", "hilbert", PFS_ORDER_HILBERT},
    };
    static struct pfs_field field[] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}, {.name = "e"}};

    (void)state;
    for (size_t i = 0; i < COUNT(field); i++)
        field[i].type = int_type;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_option option[] = {{"clustering.columns", cases[i].columns, 0},
                                      {"clustering.strategy", cases[i].strategy, 0}};
        const struct pfs_schema schema = {
            .columns = COUNT(field), .field = field, .options = {cases[i].strategy == NULL ? 1 : 2, option}};
        struct pfs_order order = {0};
        struct pfs_arena arena;

        pfs_arena_init(&arena, 0);
        CHECK(cases[i].columns, pfs_cluster_order(&schema, &arena, &order, NULL) == 0);
        CHECK(cases[i].columns, order.strategy == cases[i].want);
        CHECK(cases[i].columns, order.columns == (int32_t)(strlen(cases[i].columns) + 1) / 2);
        pfs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted_in_memory_and_beyond),
        cmocka_unit_test(a_large_share_is_used_whole),
        cmocka_unit_test(the_curve_goes_from_neighbour_to_neighbour),
        cmocka_unit_test(zorder_takes_bits_in_turn),
        cmocka_unit_test(the_columns_choose_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
