/* key_test.c - encoded keys compare as the values do. */
#include "src/merge/key.h"

#include <errno.h>

#include "tests/unit/format/make.h"

struct ladder {
    const char *what;
    const char *type[2]; /* of one or two key columns */
    int rows;
    const char *value[2][10]; /* ascending */
    bool exact;
};

static const struct ladder ladders[] = {
    {"BOOLEAN", {"BOOLEAN"}, 2, {{"0", "1"}}, true},
    {"TINYINT", {"TINYINT"}, 5, {{"-128", "-1", "0", "1", "127"}}, true},
    {"SMALLINT", {"SMALLINT"}, 4, {{"-32768", "-1", "0", "32767"}}, true},
    {"INT", {"INT"}, 5, {{"-2147483648", "-1", "0", "1", "2147483647"}}, true},
    {"BIGINT", {"BIGINT"}, 5, {{"-9223372036854775808", "-1", "0", "1", "9223372036854775807"}}, true},
    {"DATE", {"DATE"}, 3, {{"-1", "0", "20000"}}, true},
    {"TIME", {"TIME(3)"}, 3, {{"0", "1", "86399999"}}, true},
    {"FLOAT", {"FLOAT"}, 6, {{"-Infinity", "-1.5", "0.0", "1.5", "Infinity", "NaN"}}, true},
    {"DOUBLE", {"DOUBLE"}, 6, {{"-Infinity", "-1.5", "0.0", "1.5", "Infinity", "NaN"}}, true},
    {"DECIMAL of a word", {"DECIMAL(10, 2)"}, 4, {{"-12345678.90", "-0.01", "0.00", "99999999.99"}}, true},
    {"DECIMAL of two words",
     {"DECIMAL(38, 0)"},
     5,
     {{"-99999999999999999999999999999999999999", "-1", "0", "18446744073709551616",
       "99999999999999999999999999999999999999"}},
     false},
    {"TIMESTAMP of milliseconds", {"TIMESTAMP(3)"}, 3, {{"-1", "0", "1700000000000"}}, true},
    {"TIMESTAMP of microseconds", {"TIMESTAMP(6)"}, 4, {{"-1", "0", "0+1000", "1700000000000"}}, true},
    {"TIMESTAMP of nanoseconds", {"TIMESTAMP(9)"}, 5, {{"-1", "-1+999999", "0", "0+1", "1700000000000"}}, false},
    {"STRING",
     {"STRING"},
     9,
     {{"", "a", "aaaaaaa", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaab", "b", "\xc3\xa4", "\xf0\x9f\x98\x80"}},
     false},
    {"VARBINARY", {"VARBINARY(20)"}, 6, {{"0x", "0x00", "0x0000", "0x0001", "0x01", "0xff"}}, false},
    {"INT and STRING", {"INT", "STRING"}, 5, {{"-5", "-5", "0", "7", "7"}, {"b", "c", "a", "", "a"}}, false},
    {"STRING and INT", {"STRING", "INT"}, 5, {{"", "a", "a", "a", "ab"}, {"9", "-1", "0", "1", "-9"}}, false},
    {"bytes of zero and INT",
     {"VARBINARY(20)", "INT"},
     6,
     {{"0x", "0x00", "0x00", "0x0000", "0x00ff", "0x01"}, {"5", "-1", "4", "3", "2", "1"}},
     false},
    {"two STRINGs", {"STRING", "STRING"}, 4, {{"a", "a", "ab", "b"}, {"", "z", "a", ""}}, false},
};

static void keys_are_ordered_as_their_values(void **state)
{
    static const int32_t index[] = {0, 1};

    (void)state;
    for (size_t i = 0; i < COUNT(ladders); i++) {
        const struct ladder *l = &ladders[i];
        int32_t columns = l->type[1] == NULL ? 1 : 2;
        struct pfs_column column[2];
        struct pfs_batch batch = {l->rows, columns, column};
        struct pfs_arena arena;
        struct pfs_keys keys;

        pfs_arena_init(&arena, 0);
        for (int32_t c = 0; c < columns; c++)
            column[c] = *make_column(&arena, l->type[c], l->value[c], l->rows);
        CHECK(l->what, pfs_keys_of(&batch, index, columns, &arena, &keys, NULL) == 0);
        CHECK(l->what, keys.exact == l->exact);
        for (int a = 0; a < l->rows; a++)
            for (int b = 0; b < l->rows; b++) {
                int order = pfs_keys_compare(&keys, a, &keys, b);

                if ((order > 0) - (order < 0) != (a > b) - (a < b))
                    fail_msg("%s: values %d and %d are out of order", l->what, a, b);
            }
        pfs_arena_done(&arena);
    }
}

static void every_nan_is_the_same_key(void **state)
{
    static const uint64_t bits[] = {0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001};
    static const int32_t index = 0;
    struct pfs_arena arena;
    struct pfs_column column = {.values = bits};
    struct pfs_batch batch = {3, 1, &column};
    struct pfs_keys keys;

    (void)state;
    pfs_arena_init(&arena, 0);
    column.type = make_type(&arena, "DOUBLE");
    assert_int_equal(pfs_keys_of(&batch, &index, 1, &arena, &keys, NULL), 0);
    assert_int_equal(pfs_keys_compare(&keys, 0, &keys, 1), 0);
    assert_int_equal(pfs_keys_compare(&keys, 1, &keys, 2), 0);
    pfs_arena_done(&arena);
}

static void both_zeros_are_the_same_key(void **state)
{
    static const double wide[] = {-0.0, 0.0, -4.9e-324};
    static const float narrow[] = {-0.0f, 0.0f, 1.4e-45f};
    static const int32_t index = 0;
    struct pfs_arena arena;
    struct pfs_column column = {.values = wide};
    struct pfs_batch batch = {3, 1, &column};
    struct pfs_keys keys;

    (void)state;
    pfs_arena_init(&arena, 0);
    column.type = make_type(&arena, "DOUBLE");
    assert_int_equal(pfs_keys_of(&batch, &index, 1, &arena, &keys, NULL), 0);
    assert_int_equal(pfs_keys_compare(&keys, 0, &keys, 1), 0);
    assert_true(pfs_keys_compare(&keys, 2, &keys, 0) < 0);
    column = (struct pfs_column){.type = make_type(&arena, "FLOAT"), .values = narrow};
    assert_int_equal(pfs_keys_of(&batch, &index, 1, &arena, &keys, NULL), 0);
    assert_int_equal(pfs_keys_compare(&keys, 0, &keys, 1), 0);
    assert_true(pfs_keys_compare(&keys, 2, &keys, 1) > 0);
    pfs_arena_done(&arena);
}

static void nested_columns_make_no_key(void **state)
{
    static const int32_t index = 0;
    struct pfs_arena arena;
    struct pfs_column column = {0};
    struct pfs_batch batch = {0, 1, &column};
    struct pfs_keys keys;
    struct pfs_err err;

    (void)state;
    pfs_arena_init(&arena, 0);
    column.type = make_type(&arena, "ARRAY<INT>");
    assert_int_equal(pfs_keys_of(&batch, &index, 1, &arena, &keys, &err), -EOPNOTSUPP);
    assert_non_null(strstr(err.text, "nested"));
    pfs_arena_done(&arena);
}

static void a_search_reaches_the_first_key_that_is_not_below(void **state)
{
    uint64_t at[40], wanted;
    struct pfs_keys keys = {.prefix = at, .exact = true}, other = {.prefix = &wanted, .exact = true};

    (void)state;
    for (uint64_t i = 0; i < 40; i++)
        at[i] = i / 2 * 10; /* each twice */
    for (wanted = 0; wanted < 205; wanted++)
        for (int64_t rows = 0; rows <= 40; rows++)
            for (int64_t from = 0; from <= rows; from++) {
                int64_t first = from;

                while (first < rows && at[first] < wanted)
                    first++;
                assert_int_equal(pfs_keys_reach(&keys, from, rows, &other, 0), first);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_ordered_as_their_values),
        cmocka_unit_test(every_nan_is_the_same_key),
        cmocka_unit_test(both_zeros_are_the_same_key),
        cmocka_unit_test(nested_columns_make_no_key),
        cmocka_unit_test(a_search_reaches_the_first_key_that_is_not_below),
    };

    return cmocka_run_group_tests_name("merge/key", tests, NULL, NULL);
}
