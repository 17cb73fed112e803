/* expire_test.c - rows that are too old are left out, by times of every type. */
#include "src/merge/expire.h"

#include <errno.h>
#include <stdio.h>

#include "tests/unit/merge/rows.h"

#define NOW_MS 1700000000500

static const struct {
    const char *type, *gone, *stays; /* now is 1700000000 s, rows live for 100 s */
} cases[] = {
    {"INT", "1699999899", "1699999900"},
    {"BIGINT", "1699999899", "1699999900"},
    {"BIGINT", "1699999899999", "1699999900000"},
    {"BIGINT", "-5", "99999999999"},
    {"TIMESTAMP(3)", "1699999899999", "1699999900000"},
    {"TIMESTAMP(6)", "1699999899999+999000", "1699999900000"},
    {"TIMESTAMP(7)", "1699999899999+999900", "1699999900000"},
    {"TIMESTAMP_LTZ(9)", "1699999899999+999999", "1699999900000"},
};

static int open_table(struct rows_table *t, struct pfs_arena *arena, const char *type, const char *options)
{
    char columns[64];

    snprintf(columns, sizeof(columns), "k INT; t %s", type);
    return rows_table(t, arena, columns, 1, options);
}

static void rows_go_a_second_after_their_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char gone[80], stays[80];
        const char *const text[] = {gone, stays, "+I 3 null", gone, "-D 5 null"}, *const want[] = {stays, "+I 3 null",
                                                                                                   "-D 5 null"};
        struct pfs_arena arena;
        struct rows_table t;
        struct rows_reader in;
        struct pfs_reader *out;
        struct pfs_batch got, expected;

        pfs_arena_init(&arena, 0);
        snprintf(gone, sizeof(gone), "+I 1 %s", cases[i].gone);
        snprintf(stays, sizeof(stays), "+U 2 %s", cases[i].stays);
        assert_int_equal(
            open_table(&t, &arena, cases[i].type, "record-level.expire-time=100 s; record-level.time-field=t"), 0);
        rows_reader_init(&in, rows_batch(&t, text, 5, 0), 5);
        expected = rows_batch(&t, want, 3, 0);
        assert_int_equal(pfs_expire_open(&t.schema, t.column, 2, NOW_MS, &in.reader, &out, &t.err), 0);
        CHECK(cases[i].type, pfs_reader_next(out, &arena, &got, &t.err) == 3 && got.rows == 3);
        for (int64_t r = 0; r < 3; r++)
            CHECK(cases[i].type, rows_same(&got, r, &expected, r));
        CHECK(cases[i].type, pfs_reader_next(out, &arena, &got, &t.err) == 0);
        pfs_reader_close(out);
        CHECK(cases[i].type, in.closed);
        pfs_engine_close(t.engine);
        pfs_arena_done(&arena);
    }
}

static void batches_of_old_rows_alone_are_passed_over(void **state)
{
    static const char *const text[] = {"+I 1 5", "+I 2 6", "+I 3 1699999999"};
    struct pfs_arena arena;
    struct rows_table t;
    struct rows_reader in;
    struct pfs_reader *out;
    struct pfs_batch got;

    (void)state;
    pfs_arena_init(&arena, 0);
    assert_int_equal(open_table(&t, &arena, "INT", "record-level.expire-time=100 s; record-level.time-field=t"), 0);
    rows_reader_init(&in, rows_batch(&t, text, 3, 0), 1);
    assert_int_equal(pfs_expire_open(&t.schema, t.column, 2, NOW_MS, &in.reader, &out, &t.err), 0);
    assert_int_equal(pfs_reader_next(out, &arena, &got, &t.err), 1);
    assert_int_equal(((const int32_t *)got.column[0].values)[0], 3);
    assert_int_equal(pfs_reader_next(out, &arena, &got, &t.err), 0);
    pfs_reader_close(out);
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

/* A reader of old rows, a mebibyte each. */
struct heavy {
    struct pfs_reader reader; /* first */
    struct pfs_batch batch;
    int left;
};

static int64_t heavy_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct heavy *h = (struct heavy *)self;

    if (h->left-- <= 0)
        return 0;
    if (pfs_arena_alloc(arena, (size_t)1 << 20) == NULL)
        return pfs_arena_full(arena, err);
    *out = h->batch;
    return out->rows;
}

static void heavy_close(struct pfs_reader *self)
{
    (void)self;
}

static void a_file_of_old_rows_does_not_fill_the_arena(void **state)
{
    static const struct pfs_reader_ops ops = {heavy_next, heavy_close};
    static const char *const text[] = {"+I 1 5"};
    struct pfs_arena arena, small;
    struct rows_table t;
    struct heavy in = {.reader = {&ops}, .left = 64};
    struct pfs_reader *out;
    struct pfs_batch got;

    (void)state;
    pfs_arena_init(&arena, 0);
    pfs_arena_init(&small, (size_t)4 << 20);
    assert_int_equal(open_table(&t, &arena, "INT", "record-level.expire-time=100 s; record-level.time-field=t"), 0);
    in.batch = rows_batch(&t, text, 1, 0);
    assert_int_equal(pfs_expire_open(&t.schema, t.column, 2, NOW_MS, &in.reader, &out, &t.err), 0);
    if (pfs_reader_next(out, &small, &got, &t.err) != 0)
        fail_msg("%s", t.err.text);
    pfs_reader_close(out);
    pfs_engine_close(t.engine);
    pfs_arena_done(&small);
    pfs_arena_done(&arena);
}

static void tables_without_the_option_are_read_as_they_are(void **state)
{
    struct pfs_arena arena;
    struct rows_table t;
    struct rows_reader in = {.reader = {&rows_reader_ops}};
    struct pfs_reader *out;
    bool due = true;

    (void)state;
    pfs_arena_init(&arena, 0);
    assert_int_equal(open_table(&t, &arena, "INT", ""), 0);
    assert_int_equal(pfs_expire_open(&t.schema, t.column, 2, NOW_MS, &in.reader, &out, &t.err), 0);
    assert_ptr_equal(out, &in.reader);
    assert_int_equal(pfs_expire_is_due(&t.schema, 0, NOW_MS, &due, &t.err), 0);
    assert_false(due);
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

static void the_second_of_a_time_is_told_for_every_type(void **state)
{
    static const struct {
        const char *type, *time; /* of a timestamp: milliseconds, or those and the nanoseconds in one */
        int64_t second;
    } times[] = {
        {"INT", "-7", -7},
        {"BIGINT", "1700000000", 1700000000},
        {"BIGINT", "999999999999", 999999999999},
        {"BIGINT", "1000000000000", 1000000000},
        {"TIMESTAMP(0)", "3000", 3},
        {"TIMESTAMP(3)", "2999", 2},
        {"TIMESTAMP(3)", "-999", 0},
        {"TIMESTAMP(4)", "2999+999900", 2},
        {"TIMESTAMP(6)", "-1000+999000", -1},
        {"TIMESTAMP(6)", "-1001+999000", -1},
        {"TIMESTAMP_LTZ(6)", "3000+0", 3},
        {"TIMESTAMP(7)", "2999+999999", 2},
        {"TIMESTAMP_LTZ(9)", "-2001+1", -2},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        struct pfs_arena arena;
        struct pfs_column *time;

        pfs_arena_init(&arena, 0);
        time = make_column(&arena, times[i].type, &times[i].time, 1);
        if (pfs_expire_seconds(time) != times[i].second)
            fail_msg("%s %s: %lld", times[i].type, times[i].time, (long long)pfs_expire_seconds(time));
        pfs_arena_done(&arena);
    }
}

static void files_are_due_when_their_oldest_row_is(void **state)
{
    struct pfs_arena arena;
    struct rows_table t;
    bool due;

    (void)state;
    pfs_arena_init(&arena, 0);
    assert_int_equal(open_table(&t, &arena, "INT", "record-level.expire-time=100 s; record-level.time-field=t"), 0);
    assert_int_equal(pfs_expire_is_due(&t.schema, 1699999899, NOW_MS, &due, &t.err), 0);
    assert_true(due);
    assert_int_equal(pfs_expire_is_due(&t.schema, 1699999900, NOW_MS, &due, &t.err), 0);
    assert_false(due);
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

static void wrong_options_are_refused_and_close_the_reader(void **state)
{
    static const struct {
        const char *type, *options, *sentence;
    } wrong[] = {
        {"INT", "record-level.expire-time=1 s", "You should set time field for record-level expire."},
        {"STRING", "record-level.expire-time=1 s; record-level.time-field=t",
         "should be one of INT, BIGINT, or TIMESTAMP, but field t is none of them."},
        {"INT", "record-level.expire-time=soon; record-level.time-field=t", "record-level.expire-time"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct pfs_arena arena;
        struct rows_table t;
        struct rows_reader in = {.reader = {&rows_reader_ops}};
        struct pfs_reader *out;

        pfs_arena_init(&arena, 0);
        assert_int_equal(open_table(&t, &arena, wrong[i].type, ""), 0);
        rows_options(&arena, wrong[i].options, &t.schema.options); /* no statement lets them in */
        CHECK(wrong[i].sentence, pfs_expire_open(&t.schema, t.column, 2, NOW_MS, &in.reader, &out, &t.err) == -EINVAL);
        CHECK(wrong[i].sentence, in.closed && strstr(t.err.text, wrong[i].sentence) != NULL);
        pfs_engine_close(t.engine);
        pfs_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_a_second_after_their_time),
        cmocka_unit_test(batches_of_old_rows_alone_are_passed_over),
        cmocka_unit_test(a_file_of_old_rows_does_not_fill_the_arena),
        cmocka_unit_test(tables_without_the_option_are_read_as_they_are),
        cmocka_unit_test(the_second_of_a_time_is_told_for_every_type),
        cmocka_unit_test(files_are_due_when_their_oldest_row_is),
        cmocka_unit_test(wrong_options_are_refused_and_close_the_reader),
    };

    return cmocka_run_group_tests_name("merge/expire", tests, NULL, NULL);
}
