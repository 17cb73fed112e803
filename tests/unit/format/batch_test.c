#include "format/batch.h"

#include <errno.h>

#include "base/mem.h"
#include "tests/unit/format/make.h"

enum { source_rows = 300, sources = 3, places_max = 2000 };

static const char *const types[] = {
    "BOOLEAN",      "TINYINT",        "SMALLINT",       "INT",    "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP(3)",
    "TIMESTAMP(9)", "DECIMAL(10, 2)", "DECIMAL(30, 2)", "STRING", "BYTES",
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Strings are of 0 to 40 bytes, so that each way of copying them is taken. */
static const char *value_of(struct pfs_arena *arena, const char *type, uint32_t v)
{
    if (strcmp(type, "STRING") == 0 || strcmp(type, "BYTES") == 0)
        return pfs_arena_printf(arena, "%.*s%u", (int)(v % 37), "abcdefghijklmnopqrstuvwxyz0123456789", v % 10);
    return pfs_arena_printf(arena, "%u", strcmp(type, "BOOLEAN") == 0 ? v % 2 : v % 100);
}

/* A column of one of the types; with nulls: every third to fifth row. */
static struct pfs_column *random_column(struct pfs_arena *arena, const char *type, bool nulls, uint32_t *seed)
{
    const char *texts[source_rows];

    for (int i = 0; i < source_rows; i++)
        texts[i] = nulls && next_random(seed) % 4 == 0 ? NULL : value_of(arena, type, next_random(seed));
    return make_column(arena, type, texts, source_rows);
}

struct shape {
    const char *what;
    int32_t len_max; /* ranges of 1..len_max rows, or 0..len_max with empty */
    bool empty;
};

static const struct shape shapes[] = {
    {"single rows", 1, false},
    {"short runs", 9, false},
    {"with empty ranges", 3, true},
    {"long runs", 200, false},
};

static int64_t random_ranges(const struct shape *shape, uint32_t *seed, struct pfs_range *ranges, int64_t *rows)
{
    int64_t count = 0;

    *rows = 0;
    while (*rows < places_max - 200) {
        uint32_t len = next_random(seed) % ((uint32_t)shape->len_max + shape->empty) + !shape->empty;

        ranges[count++] = (struct pfs_range){(int32_t)(next_random(seed) % sources),
                                             (int32_t)(next_random(seed) % (source_rows - len + 1)), (int32_t)len};
        *rows += len;
        if (count == places_max)
            break;
    }
    return count;
}

static void gathering_gives_each_row_of_each_range(void **state)
{
    static struct pfs_range ranges[places_max];
    struct pfs_arena arena;
    uint32_t seed = 1;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t t = 0; t < COUNT(types) * COUNT(shapes) * 3; t++) {
        const char *type = types[t % COUNT(types)];
        const struct shape *shape = &shapes[t / COUNT(types) % COUNT(shapes)];
        size_t nulls = t / COUNT(types) / COUNT(shapes); /* nowhere, in one source, in all */
        struct pfs_column *columns[sources], out;
        struct pfs_batch batches[sources];
        const struct pfs_batch *source[sources];
        int64_t rows, count, at = 0;

        for (int i = 0; i < sources; i++) {
            columns[i] = random_column(&arena, type, nulls == 2 || (nulls == 1 && i == 1), &seed);
            batches[i] = (struct pfs_batch){source_rows, 1, columns[i]};
            source[i] = &batches[i];
        }
        count = random_ranges(shape, &seed, ranges, &rows);
        CHECK(type, pfs_column_gather(source, 0, ranges, count, rows, &arena, &out, NULL) == 0);
        for (int64_t i = 0; i < count; i++)
            for (int32_t k = 0; k < ranges[i].len; k++)
                CHECK(shape->what, same_value(columns[ranges[i].source], ranges[i].from + k, &out, at++));
        CHECK(shape->what, at == rows);
        CHECK(shape->what, nulls > 0 || out.valid == NULL);
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
}

static void a_whole_source_is_copied(void **state)
{
    static const char *const texts[] = {"a", NULL, "c"};
    const struct pfs_range whole = {0, 0, 3}, part = {0, 0, 2};
    struct pfs_arena arena;
    struct pfs_column *c, out;

    (void)state;
    pfs_arena_init(&arena, 0);
    c = make_column(&arena, "STRING", texts, 3);
    {
        const struct pfs_batch batch = {3, 1, c}, *source = &batch;

        assert_int_equal(pfs_column_gather(&source, 0, &whole, 1, 3, &arena, &out, NULL), 0);
        assert_ptr_not_equal(out.values, c->values);
        assert_ptr_not_equal(out.offsets, c->offsets);
        assert_true(same_value(&out, 2, c, 2));
        assert_int_equal(pfs_column_gather(&source, 0, &part, 1, 2, &arena, &out, NULL), 0);
        assert_ptr_not_equal(out.values, c->values);
        assert_true(same_value(&out, 0, c, 0) && same_value(&out, 1, c, 1));
        assert_int_equal(pfs_column_gather(&source, 0, NULL, 0, 0, &arena, &out, NULL), 0);
        assert_int_equal(out.offsets[0], 0); /* no rows still have a first offset */
        assert_ptr_equal(out.type, c->type);
    }
    pfs_arena_done(&arena);
}

/* Two lists, [1, 2] and null and [3], beside a row of (INT, STRING). */
struct nested {
    struct pfs_column list, list_element, row, row_children[2];
    int32_t offsets[4];
    uint8_t valid;
};

static void make_nested(struct pfs_arena *arena, struct nested *n)
{
    static const char *const elements[] = {"1", "2", "3"}, *const ints[] = {"7", "8", NULL};
    static const char *const strings[] = {"x", NULL, "long enough to be copied"};

    *n = (struct nested){.offsets = {0, 2, 2, 3}, .valid = 5};
    n->list_element = *make_column(arena, "INT", elements, 3);
    n->list = (struct pfs_column){.type = make_type(arena, "ARRAY<INT>"),
                                  .valid = &n->valid,
                                  .offsets = n->offsets,
                                  .children = &n->list_element};
    n->row_children[0] = *make_column(arena, "INT", ints, 3);
    n->row_children[1] = *make_column(arena, "STRING", strings, 3);
    n->row = (struct pfs_column){.type = make_type(arena, "ROW<a INT, b STRING>"), .children = n->row_children};
}

static void nested_columns_are_gathered_with_their_children(void **state)
{
    static const struct pfs_range ranges[] = {{0, 2, 1}, {0, 0, 2}, {0, 0, 1}};
    static const int32_t want_offsets[] = {0, 1, 3, 3, 5}, want_elements[] = {3, 1, 2, 1, 2};
    static const int64_t want_rows[] = {2, 0, 1, 0};
    struct pfs_arena arena;
    struct nested n;
    struct pfs_column out;

    (void)state;
    pfs_arena_init(&arena, 0);
    make_nested(&arena, &n);
    {
        struct pfs_column columns[2] = {n.list, n.row};
        const struct pfs_batch batch = {3, 2, columns}, *source = &batch;

        assert_int_equal(pfs_column_gather(&source, 0, ranges, 3, 4, &arena, &out, NULL), 0);
        assert_memory_equal(out.offsets, want_offsets, sizeof(want_offsets));
        assert_memory_equal(out.children[0].values, want_elements, sizeof(want_elements));
        assert_int_equal(pfs_column_null_count(&out, 4), 1);
        assert_false(pfs_column_present(&out, 2));
        assert_int_equal(pfs_column_gather(&source, 1, ranges, 3, 4, &arena, &out, NULL), 0);
        for (int i = 0; i < 4; i++)
            for (int c = 0; c < 2; c++)
                assert_true(same_value(&out.children[c], i, &n.row_children[c], want_rows[i]));
    }
    pfs_arena_done(&arena);
}

static void nested_values_are_repeated(void **state)
{
    static const int32_t want_offsets[] = {0, 2, 4, 6}, want_elements[] = {1, 2, 1, 2, 1, 2};
    struct pfs_arena arena;
    struct nested n;
    struct pfs_column out;

    (void)state;
    pfs_arena_init(&arena, 0);
    make_nested(&arena, &n);
    assert_int_equal(pfs_column_repeat(&n.list, 0, 3, &arena, &out, NULL), 0);
    assert_memory_equal(out.offsets, want_offsets, sizeof(want_offsets));
    assert_memory_equal(out.children[0].values, want_elements, sizeof(want_elements));
    assert_int_equal(pfs_column_repeat(&n.list, 1, 3, &arena, &out, NULL), 0);
    assert_int_equal(pfs_column_null_count(&out, 3), 3);
    assert_int_equal(out.offsets[3], 0);
    assert_int_equal(pfs_column_repeat(&n.row, 2, 2, &arena, &out, NULL), 0);
    assert_true(same_value(&out.children[1], 1, &n.row_children[1], 2));
    pfs_arena_done(&arena);
}

static void slices_are_views_of_their_rows(void **state)
{
    static const int64_t cuts[][2] = {{0, 300}, {0, 0}, {300, 0}, {1, 299}, {8, 64}, {13, 64}, {7, 1}, {64, 130}};
    struct pfs_arena arena;
    uint32_t seed = 7;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t t = 0; t < COUNT(types); t++) {
        const struct pfs_column *c = random_column(&arena, types[t], t % 2 == 0, &seed);

        for (size_t k = 0; k < COUNT(cuts); k++) {
            struct pfs_column out;

            CHECK(types[t], pfs_column_slice(c, cuts[k][0], cuts[k][1], &arena, &out, NULL) == 0);
            for (int64_t i = 0; i < cuts[k][1]; i++)
                CHECK(types[t], same_value(c, cuts[k][0] + i, &out, i));
        }
    }
    pfs_arena_done(&arena);
}

static void a_slice_of_a_row_column_cuts_its_children(void **state)
{
    struct pfs_arena arena;
    struct nested n;
    struct pfs_column out;

    (void)state;
    pfs_arena_init(&arena, 0);
    make_nested(&arena, &n);
    assert_int_equal(pfs_column_slice(&n.row, 1, 2, &arena, &out, NULL), 0);
    for (int i = 0; i < 2; i++)
        for (int c = 0; c < 2; c++)
            assert_true(same_value(&out.children[c], i, &n.row_children[c], i + 1));
    assert_int_equal(pfs_column_slice(&n.list, 2, 1, &arena, &out, NULL), 0);
    assert_true(pfs_column_present(&out, 0));
    assert_int_equal(out.offsets[0], 2); /* the first offset may be above 0, the child stays whole */
    assert_int_equal(out.offsets[1], 3);
    pfs_arena_done(&arena);
}

/* The bits end exactly with the source's last byte: a sanitizer sees a read behind it. */
static void bits_are_not_read_behind_the_source(void **state)
{
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (int64_t rows = 1; rows <= 200; rows += 3) {
        uint8_t *valid = pfs_alloc((size_t)(rows + 7) / 8);
        int8_t *values = pfs_zalloc((size_t)rows);
        struct pfs_column c = {.type = make_type(&arena, "TINYINT"), .valid = valid, .values = values}, out;

        for (int64_t i = 0; i < (rows + 7) / 8; i++)
            valid[i] = (uint8_t)(i * 73 + rows);
        for (int64_t from = 0; from <= rows; from += rows > 20 ? 5 : 1) {
            assert_int_equal(pfs_column_slice(&c, from, rows - from, &arena, &out, NULL), 0);
            for (int64_t i = from; i < rows; i++)
                assert_true(same_value(&c, i, &out, i - from));
        }
        pfs_free(valid);
        pfs_free(values);
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
}

static void constants_repeat_one_value(void **state)
{
    static const char *const texts[] = {"41", NULL, "11"};
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t t = 1; t < COUNT(types); t++) {
        const struct pfs_column *c = make_column(&arena, types[t], texts, 3);

        for (int64_t row = 0; row < 3; row++) {
            struct pfs_column out;

            CHECK(types[t], pfs_column_repeat(c, row, 100, &arena, &out, NULL) == 0);
            CHECK(types[t], pfs_column_null_count(&out, 100) == (row == 1 ? 100 : 0));
            for (int64_t i = 0; i < 100; i++)
                CHECK(types[t], same_value(c, row, &out, i));
        }
    }
    pfs_arena_done(&arena);
}

static void null_columns_have_every_part_of_their_type(void **state)
{
    struct pfs_arena arena;
    struct pfs_column out;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t t = 0; t < COUNT(types); t++) {
        assert_int_equal(pfs_column_nulls(make_type(&arena, types[t]), 9, &arena, &out, NULL), 0);
        CHECK(types[t], pfs_column_null_count(&out, 9) == 9);
        CHECK(types[t], out.values != NULL && (pfs_type_width(out.type) > 0) == (out.offsets == NULL));
    }
    assert_int_equal(
        pfs_column_nulls(make_type(&arena, "ROW<a MULTISET<STRING>, b MAP<INT, DATE>>"), 2, &arena, &out, NULL), 0);
    assert_int_equal(out.children[0].offsets[2], 0);
    assert_int_equal(out.children[0].children[1].type->kind, PFS_INT);
    assert_int_equal(out.children[1].children[1].type->kind, PFS_DATE);
    pfs_arena_done(&arena);
}

static void nulls_are_counted_to_the_last_row_only(void **state)
{
    static const uint8_t valid[] = {0xff, 0x0f, 0xf5};
    const struct pfs_column c = {.valid = valid}, all = {0};

    (void)state;
    assert_int_equal(pfs_column_null_count(&c, 8), 0);
    assert_int_equal(pfs_column_null_count(&c, 12), 0);
    assert_int_equal(pfs_column_null_count(&c, 16), 4);
    assert_int_equal(pfs_column_null_count(&c, 20), 6);
    assert_int_equal(pfs_column_null_count(&c, 0), 0);
    assert_int_equal(pfs_column_null_count(&all, 1000), 0);
}

static void values_order_as_paimon_orders_them(void **state)
{
    static const struct {
        const char *type;
        const char *rising[8];
    } cases[] = {
        {"BOOLEAN", {"0", "1"}},
        {"TINYINT", {"-128", "-1", "0", "127"}},
        {"SMALLINT", {"-32768", "-1", "0", "32767"}},
        {"INT", {"-2147483648", "-1", "0", "2147483647"}},
        {"BIGINT", {"-9223372036854775808", "-1", "0", "9223372036854775807"}},
        {"FLOAT", {"-Infinity", "-1.5", "-0.0", "0.0", "1e-45", "1.5", "Infinity", "NaN"}},
        {"DOUBLE", {"-Infinity", "-1.5", "-0.0", "0.0", "5e-324", "1.5", "Infinity", "NaN"}},
        {"DATE", {"-1", "0", "1"}},
        {"TIMESTAMP(3)", {"-1", "0", "1"}},
        {"TIMESTAMP(6)", {"-1", "-1+1000", "0", "0+1000"}},
        {"TIMESTAMP(9)", {"-1+5", "-1+999999", "0", "0+1", "1"}},
        {"DECIMAL(10, 2)", {"-99.99", "-0.01", "0", "0.01"}},
        {"DECIMAL(38, 2)", {"-999999999999999999999", "-0.01", "0", "0.01", "999999999999999999999"}},
        {"STRING", {"", "A", "Aa", "a", "\xc3\xa4"}},
        {"BYTES", {"0x00", "0x0001", "0x01", "0x7f", "0x80", "0xff", "0xff00"}},
    };
    struct pfs_arena arena;

    (void)state;
    pfs_arena_init(&arena, 0);
    for (size_t t = 0; t < COUNT(cases); t++) {
        const struct pfs_column *c;
        int rows = 0;

        while (rows < 8 && cases[t].rising[rows] != NULL)
            rows++;
        c = make_column(&arena, cases[t].type, cases[t].rising, rows);
        for (int i = 0; i < rows; i++)
            for (int k = 0; k < rows; k++) {
                int got = pfs_value_compare(c, i, c, k);

                CHECK(cases[t].type, (got > 0) - (got < 0) == (i > k) - (i < k));
            }
    }
    pfs_arena_done(&arena);
}

static void too_many_bytes_and_no_memory_are_errors(void **state)
{
    static const char *const texts[] = {"0123456789abcdef", "x"};
    static struct pfs_range ranges[3];
    struct pfs_arena arena;
    struct pfs_column *c, out;
    struct pfs_err err = {0};

    (void)state;
    pfs_arena_init(&arena, 1 << 20);
    c = make_column(&arena, "STRING", texts, 2);
    assert_int_equal(pfs_column_repeat(c, 0, INT32_MAX / 16 + 1, &arena, &out, &err), -E2BIG);
    assert_int_equal(pfs_column_repeat(c, 0, 1 << 20, &arena, &out, &err), -ENOMEM);
    {
        int32_t offsets[] = {0, 1 << 30, 1 << 30};
        struct pfs_column huge = {.type = c->type, .offsets = offsets, .values = c->values};
        const struct pfs_batch batch = {2, 1, &huge}, *source = &batch;

        for (int i = 0; i < 3; i++)
            ranges[i] = (struct pfs_range){0, 0, 1}; /* three times a claimed GiB; no byte of it is read */
        assert_int_equal(pfs_column_gather(&source, 0, ranges, 3, 3, &arena, &out, &err), -E2BIG);
        assert_true(err.text[0] != '\0');
        assert_int_equal(pfs_column_gather(&source, 0, ranges, 1, 1, &arena, &out, &err), -ENOMEM);
    }
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathering_gives_each_row_of_each_range),
        cmocka_unit_test(a_whole_source_is_copied),
        cmocka_unit_test(nested_columns_are_gathered_with_their_children),
        cmocka_unit_test(nested_values_are_repeated),
        cmocka_unit_test(slices_are_views_of_their_rows),
        cmocka_unit_test(a_slice_of_a_row_column_cuts_its_children),
        cmocka_unit_test(bits_are_not_read_behind_the_source),
        cmocka_unit_test(constants_repeat_one_value),
        cmocka_unit_test(null_columns_have_every_part_of_their_type),
        cmocka_unit_test(nulls_are_counted_to_the_last_row_only),
        cmocka_unit_test(values_order_as_paimon_orders_them),
        cmocka_unit_test(too_many_bytes_and_no_memory_are_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
