/* same_test.c - values of two columns compared pair by pair. */
#include "src/scan/same.h"

#include "tests/unit/cm.h"
#include "tests/unit/format/make.h"

static void values_of_each_type_are_told_apart(void **state)
{
    static const struct {
        const char *type;
        const char *a[3], *b[3];
        bool same[3];
    } cases[] = {
        {"BOOLEAN", {"1", "0", NULL}, {"1", "1", NULL}, {true, false, true}},
        {"TINYINT", {"1", "2", NULL}, {"1", "3", "0"}, {true, false, false}},
        {"SMALLINT", {"1", "256", "5"}, {"1", "512", NULL}, {true, false, false}},
        {"INT", {"-1", "70000", NULL}, {"-1", "70001", NULL}, {true, false, true}},
        {"BIGINT", {"4294967296", "1", NULL}, {"4294967296", "2", NULL}, {true, false, true}},
        {"DOUBLE", {"NaN", "0.0", "1.5"}, {"NaN", "-0.0", "1.5"}, {true, false, true}},
        {"DECIMAL(30, 2)",
         {"1.00", "123456789012345678901.00", NULL},
         {"1.00", "123456789012345678902.00", "0.00"},
         {true, false, false}},
        {"STRING", {"", "ab", NULL}, {"", "abc", ""}, {true, false, false}},
        {"STRING", {"abc", NULL, "x"}, {"abc", NULL, "y"}, {true, true, false}},
        {"TINYINT", {"1", "2", "3"}, {"1", "2", "4"}, {true, true, false}},
        {"SMALLINT", {"1", "2", "3"}, {"1", "2", "4"}, {true, true, false}},
        {"INT", {"1", "2", "3"}, {"1", "2", "4"}, {true, true, false}},
        {"BIGINT", {"1", "2", "3"}, {"1", "2", "4"}, {true, true, false}},
        {"DECIMAL(30, 2)", {"1.00", "2.00", "3.00"}, {"1.00", "2.00", "4.00"}, {true, true, false}},
        {"TIMESTAMP(9)", {"1+1", "1+1", NULL}, {"1+1", "1+2", NULL}, {true, false, true}},
    };
    static const struct pfs_pair pair[] = {{0, 0}, {1, 1}, {2, 2}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        bool same[3] = {true, true, true}, never[3] = {false, false, false};
        const struct pfs_column *a, *b;

        pfs_arena_init(&arena, 0);
        a = make_column(&arena, cases[i].type, cases[i].a, 3);
        b = make_column(&arena, cases[i].type, cases[i].b, 3);
        pfs_column_same(a, b, pair, 3, same);
        pfs_column_same(a, b, pair, 3, never);
        for (int k = 0; k < 3; k++) {
            CHECK(cases[i].type, same[k] == cases[i].same[k]);
            CHECK(cases[i].type, !never[k]); /* what differs in another column stays different */
        }
        pfs_arena_done(&arena);
    }
}

static void lists_and_rows_are_compared_by_their_parts(void **state)
{
    static const char *const x[] = {"1", "2", "3", NULL}, *const y[] = {"1", "2", "3", "3"};
    static const int32_t two_two[] = {0, 2, 4}, one_three[] = {0, 1, 4}, cut[] = {0, 2, 3};
    static const struct pfs_pair pair[] = {{0, 0}, {1, 1}};
    const struct {
        const char *what;
        const int32_t *a, *b;
        bool same[2];
    } cases[] = {
        {"an element is null", two_two, two_two, {true, false}},
        {"other lengths", two_two, one_three, {false, false}},
        {"a shorter one", cut, cut, {true, true}},
    };
    struct pfs_arena arena;
    struct pfs_column *inner_x, *inner_y;

    (void)state;
    pfs_arena_init(&arena, 0);
    inner_x = make_column(&arena, "INT", x, 4);
    inner_y = make_column(&arena, "INT", y, 4);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct pfs_type *type = make_type(&arena, "ARRAY<INT>");
        const struct pfs_column a = {.type = type, .offsets = cases[i].a, .children = inner_x};
        const struct pfs_column b = {.type = type, .offsets = cases[i].b, .children = inner_y};
        const struct pfs_type *row = make_type(&arena, "ROW<l ARRAY<INT>>");
        const struct pfs_column in_row_a = {.type = row, .children = (struct pfs_column *)(uintptr_t)&a};
        const struct pfs_column in_row_b = {.type = row, .children = (struct pfs_column *)(uintptr_t)&b};
        bool same[2] = {true, true}, same_row[2] = {true, true};

        pfs_column_same(&a, &b, pair, 2, same);
        pfs_column_same(&in_row_a, &in_row_b, pair, 2, same_row);
        for (int k = 0; k < 2; k++) {
            CHECK(cases[i].what, same[k] == cases[i].same[k]);
            CHECK(cases[i].what, same_row[k] == cases[i].same[k]);
        }
    }
    pfs_arena_done(&arena);
}

/* What lies beneath a row that is NULL is no part of it. */
static void rows_that_are_null_are_the_same(void **state)
{
    static const char *const x[] = {"1", "2", "3"}, *const y[] = {"1", "9", "9"};
    static const uint8_t first_alone = 1, first_two = 3;
    static const struct pfs_pair pair[] = {{0, 0}, {1, 1}, {2, 2}};
    struct pfs_column a, b;
    struct pfs_arena arena;
    bool same[3] = {true, true, true};

    (void)state;
    pfs_arena_init(&arena, 0);
    a = (struct pfs_column){.type = make_type(&arena, "ROW<v INT>"), .valid = &first_alone};
    b = a;
    a.children = make_column(&arena, "INT", x, 3);
    b.children = make_column(&arena, "INT", y, 3);
    pfs_column_same(&a, &b, pair, 3, same);
    assert_true(same[0] && same[1] && same[2]);
    b.valid = &first_two;
    pfs_column_same(&a, &b, pair, 3, same);
    assert_true(same[0] && !same[1] && same[2]);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_each_type_are_told_apart),
        cmocka_unit_test(lists_and_rows_are_compared_by_their_parts),
        cmocka_unit_test(rows_that_are_null_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
