/* grid_test.c - rows made value after value. */
#include "src/system/grid.h"

#include <stdio.h>

#include "base/limits.h"
#include "format/text/text.h"
#include "tests/unit/cm.h"

static const struct pfs_field text_element = {.name = "element", .type = PFS_STRING_TYPE};
static const struct pfs_field pair[] = {{.name = "a", .type = PFS_STRING_TYPE}, {.name = "b", .type = PFS_INT_TYPE}};
static const struct pfs_field pair_element = {
    .name = "element",
    .type = {.kind = PFS_ROW, .nullable = true, .children = 2, .child = (struct pfs_field *)(uintptr_t)pair}};
static const struct pfs_field fields[] = {
    {.name = "s", .type = PFS_STRING_TYPE},
    {.name = "n", .type = PFS_BIGINT_TYPE},
    {.name = "t", .type = PFS_MOMENT_TYPE},
    {.name = "y", .type = PFS_BOOLEAN_TYPE},
    {.name = "l",
     .type =
         {.kind = PFS_ARRAY, .nullable = true, .children = 1, .child = (struct pfs_field *)(uintptr_t)&text_element}},
    {.name = "p",
     .type =
         {.kind = PFS_ARRAY, .nullable = true, .children = 1, .child = (struct pfs_field *)(uintptr_t)&pair_element}},
};

static void put_row(struct pfs_grid *g, const char *text, int64_t number)
{
    pfs_grid_text(g, text);
    pfs_grid_number(g, number);
    pfs_grid_number(g, number);
    pfs_grid_number(g, 1);
    pfs_grid_null(g);
    pfs_grid_null(g);
}

static const char *print(struct pfs_rows *rows)
{
    static char text[4096];
    struct pfs_buf out = {0};
    struct pfs_arena arena;
    struct pfs_batch batch;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    while (pfs_reader_next(rows->reader, &arena, &batch, NULL) > 0)
        assert_int_equal(pfs_text_print(PFS_TEXT_JSON, rows->field, &batch, &out, NULL), 0);
    (void)snprintf(text, sizeof(text), "%.*s", PFS_P(pfs_buf_slice(&out)));
    pfs_buf_done(&out);
    pfs_arena_done(&arena);
    pfs_rows_close(rows);
    return text;
}

static void lists_of_text_and_of_rows_come_back_as_they_were_put(void **state)
{
    struct pfs_cell *list, *member;
    struct pfs_rows *rows;
    struct pfs_grid *g;

    (void)state;
    assert_int_equal(pfs_grid_open(fields, COUNT(fields), &g, NULL), 0);
    put_row(g, "first", 7);
    pfs_grid_text(g, NULL);
    pfs_grid_exactly(g, INT64_MIN);
    pfs_grid_number(g, INT64_MIN);
    pfs_grid_number(g, 0);
    list = pfs_grid_list(g, 2);
    pfs_cell_text(list, "x");
    pfs_cell_text(list, NULL);
    list = pfs_grid_list(g, 2);
    member = pfs_cell_row(list);
    pfs_cell_text(pfs_cell_at(member, 0), "one");
    pfs_cell_number(pfs_cell_at(member, 1), 1);
    pfs_cell_null(list);
    assert_int_equal(pfs_grid_count(g), 2);
    assert_int_equal(pfs_grid_rows(g, &rows, NULL), 0);
    assert_string_equal(print(rows),
                        "{\"s\":\"first\",\"n\":7,\"t\":\"1970-01-01 00:00:00.007\",\"y\":true,\"l\":null,\"p\":null}\n"
                        "{\"s\":null,\"n\":-9223372036854775808,\"t\":null,\"y\":false,\"l\":[\"x\",null],"
                        "\"p\":[{\"a\":\"one\",\"b\":1},null]}\n");
}

static void more_rows_than_a_batch_come_in_batches(void **state)
{
    int64_t want = PFS_BATCH_ROWS + 5, read = 0, rows_now;
    struct pfs_arena arena;
    struct pfs_batch batch;
    struct pfs_rows *rows;
    struct pfs_grid *g;

    (void)state;
    assert_int_equal(pfs_grid_open(fields, COUNT(fields), &g, NULL), 0);
    for (int64_t i = 0; i < want; i++)
        put_row(g, i % 3 == 0 ? NULL : "x", i);
    assert_int_equal(pfs_grid_rows(g, &rows, NULL), 0);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    while ((rows_now = pfs_reader_next(rows->reader, &arena, &batch, NULL)) > 0) {
        for (int64_t i = 0; i < rows_now; i++) {
            assert_int_equal(pfs_column_present(&batch.column[0], i), (read + i) % 3 != 0);
            assert_int_equal(((const int64_t *)batch.column[1].values)[i], read + i);
        }
        read += rows_now;
    }
    assert_int_equal(read, want);
    assert_int_equal(pfs_reader_next(rows->reader, &arena, &batch, NULL), 0);
    pfs_arena_done(&arena);
    pfs_rows_close(rows);
}

static void a_grid_without_rows_ends_at_once(void **state)
{
    struct pfs_rows *rows;
    struct pfs_grid *g;

    (void)state;
    assert_int_equal(pfs_grid_open(fields, COUNT(fields), &g, NULL), 0);
    assert_int_equal(pfs_grid_rows(g, &rows, NULL), 0);
    assert_string_equal(print(rows), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_text_and_of_rows_come_back_as_they_were_put),
        cmocka_unit_test(more_rows_than_a_batch_come_in_batches),
        cmocka_unit_test(a_grid_without_rows_ends_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
