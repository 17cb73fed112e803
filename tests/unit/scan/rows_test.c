/* rows_test.c - the rows of a table as one reader: the columns that it has, and places to go on from. */
#include "format/rows.h"

#include "tests/unit/scan/tables.h"

/* The first column of all rows from a place on, the first `skip` of them passed; how many batches came. */
static int32_t read_from(const struct pfs_scan_want *want, const struct pfs_rows_place *from, struct pfs_buf *out,
                         struct pfs_rows_place *place, int32_t places)
{
    struct pfs_rows *rows = NULL;
    struct pfs_batch batch;
    struct pfs_arena scratch;
    int64_t got, skip = from == NULL ? 0 : from->row;
    int32_t batches = 0;

    pfs_arena_init(&scratch, 0);
    assert_int_equal(pfs_scan_rows(want, &rows, NULL), 0);
    if (from != NULL)
        assert_int_equal(rows->seek(rows, from->piece, NULL), 0);
    for (;; batches++) {
        if (batches < places)
            place[batches] = rows->tell(rows);
        pfs_arena_reset(&scratch);
        got = pfs_reader_next(rows->reader, &scratch, &batch, NULL);
        if (got <= 0)
            break;
        for (int64_t i = 0; i < got; i++)
            if (skip > 0)
                skip--;
            else
                pfs_buf_printf(out, "%d ", ((const int32_t *)batch.column[0].values)[i]);
    }
    assert_int_equal(got, 0);
    pfs_rows_close(rows);
    pfs_arena_done(&scratch);
    return batches;
}

/* What is read from the place of each batch on is the end of what is read from the first. */
static void reading_goes_on_from_every_place(void **state)
{
    static const char *const names[] = {"db.db/merged", "db.db/parted", "db.db/appended"};
    int32_t places = 0;

    (void)state;
    for (size_t n = 0; n < COUNT(names); n++) {
        struct pfs_rows_place place[16];
        struct pfs_buf all = {0};
        int32_t wanted, batches;
        struct pfs_scan_want want = {.columns = 1, .column = &wanted};
        struct table t;

        open_table(names[n], &t);
        want.state = t.state;
        wanted = pfs_schema_find(t.state->schema, pfs_str("k"));
        batches = read_from(&want, NULL, &all, place, COUNT(place));
        assert_true(batches > 0 && batches <= (int32_t)COUNT(place));
        places += batches;
        for (int32_t i = 0; i < batches; i++) {
            struct pfs_buf end = {0};

            (void)read_from(&want, &place[i], &end, NULL, 0);
            assert_true(end.len > 0 && end.len <= all.len);
            assert_memory_equal(all.at + all.len - end.len, end.at, end.len);
            assert_true(i > 0 || end.len == all.len);
            pfs_buf_done(&end);
        }
        pfs_buf_done(&all);
        close_table(&t);
    }
    assert_true(places > (int32_t)COUNT(names));
}

static void a_place_that_is_none_is_refused(void **state)
{
    struct pfs_scan_want want = {.columns = -1};
    struct pfs_rows *rows = NULL;
    struct table t;

    (void)state;
    open_table("db.db/parted", &t); /* three splits, as it has three partitions */
    want.state = t.state;
    assert_int_equal(pfs_scan_rows(&want, &rows, NULL), 0);
    assert_int_equal(rows->seek(rows, -1, NULL), -EINVAL);
    assert_int_equal(rows->seek(rows, (int64_t)3 << 32, NULL), -EINVAL);
    assert_int_equal(rows->seek(rows, (int64_t)2 << 32, NULL), 0);
    pfs_rows_close(rows);
    close_table(&t);
}

/* Sequence numbers without kinds, also of what needs no merge. */
static void numbers_come_without_kinds(void **state)
{
    static const int32_t wanted[] = {0};
    struct pfs_scan_want want = {.columns = 1, .column = wanted, .sequences = true};
    struct pfs_rows *rows = NULL;
    struct pfs_batch batch;
    int64_t got, n = 0;
    struct table t;

    (void)state;
    open_table("db.db/merged", &t);
    want.state = t.state;
    assert_int_equal(pfs_scan_rows(&want, &rows, NULL), 0);
    assert_int_equal(rows->columns, 2);
    assert_string_equal(rows->field[1].name, "_SEQUENCE_NUMBER");
    while ((got = pfs_reader_next(rows->reader, &arena, &batch, NULL)) > 0) {
        assert_int_equal(batch.columns, 2);
        assert_int_equal(batch.column[1].type->kind, PFS_BIGINT);
        for (int64_t i = 0; i < got; i++, n++)
            assert_true(((const int64_t *)batch.column[1].values)[i] >= 0);
    }
    assert_int_equal(got, 0);
    assert_int_equal(n, 19);
    pfs_rows_close(rows);
    close_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reading_goes_on_from_every_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_place_that_is_none_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_come_without_kinds, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
