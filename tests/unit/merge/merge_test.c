/* merge_test.c - sorted runs merged: against a naive model, and at the edges. */
#include "src/merge/merge.h"

#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tests/unit/merge/model.h"

#define RUNS_MAX 9

/* Deals random records to runs: ascending keys, one record a key in each; numbers in no order across runs. */
static int32_t deal(uint64_t *seed, const struct model_engine *engine, int32_t runs, struct model_record *all,
                    int32_t *start)
{
    int32_t count = 0;

    for (int32_t r = 0; r < runs; r++) {
        uint32_t step = 1 + model_random(seed) % 40;
        int64_t number = (int64_t)(model_random(seed) % 1000);

        start[r] = count;
        for (int32_t key = (int32_t)(model_random(seed) % 50); key < MODEL_KEYS && count < MODEL_RECORDS;
             key += 1 + (int32_t)(model_random(seed) % step)) {
            number = 1 + (number + 7919) % 100000;
            all[count] = model_make(seed, engine, key, number * RUNS_MAX + r);
            count++;
        }
    }
    start[runs] = count;
    return count;
}

static void merge_and_compare(const char *what, const struct rows_table *t, const struct pfs_batch *run, int32_t runs,
                              int64_t size, const struct pfs_batch *want)
{
    struct rows_reader reader[RUNS_MAX];
    struct pfs_reader *readers[RUNS_MAX], *merged;
    struct pfs_merge merge = rows_merge(t);
    struct pfs_arena arena;
    struct pfs_batch got;
    struct pfs_err err = {0};
    int64_t rows, sum = 0;

    for (int32_t r = 0; r < runs; r++) {
        rows_reader_init(&reader[r], run[r], size);
        readers[r] = &reader[r].reader;
    }
    pfs_arena_init(&arena, 0);
    assert_int_equal(pfs_merge_open(&merge, readers, runs, &merged, &err), 0);
    while ((rows = pfs_reader_next(merged, &arena, &got, &err)) > 0) {
        CHECK(what, rows == got.rows && rows <= PFS_BATCH_ROWS);
        model_expect(what, &got, want, sum);
        sum += rows;
        pfs_arena_reset(&arena);
    }
    if (rows < 0)
        fail_msg("%s: %s", what, err.text);
    CHECK(what, sum == want->rows);
    CHECK(what, pfs_reader_next(merged, &arena, &got, &err) == 0);
    pfs_reader_close(merged);
    for (int32_t r = 0; r < runs; r++)
        CHECK(what, reader[r].closed);
    pfs_arena_done(&arena);
}

static void check_random(uint64_t *seed, int engine, const struct model_shape *shape, int32_t runs)
{
    static const int64_t sizes[] = {1, 2, 7, 4096};
    struct model_record *all = pfs_alloc_array(MODEL_RECORDS, sizeof(*all));
    struct model_record *left = pfs_alloc_array(MODEL_RECORDS, sizeof(*left));
    int32_t start[RUNS_MAX + 1], count = deal(seed, &model_engines[engine], runs, all, start);
    struct pfs_batch run[RUNS_MAX], want;
    struct pfs_arena arena;
    struct rows_table t;
    char what[120];

    pfs_arena_init(&arena, 0);
    assert_int_equal(rows_table(&t, &arena, shape->columns, shape->keys, model_engines[engine].options), 0);
    for (int32_t r = 0; r < runs; r++)
        run[r] = model_batch(&t, shape, all + start[r], start[r + 1] - start[r]);
    want = model_batch(&t, shape, left, model_merge(engine, all, count, left));
    for (size_t i = 0; i < COUNT(sizes); i++) {
        snprintf(what, sizeof(what), "%s, key %s, %d runs, batches of %lld", model_engines[engine].what, shape->what,
                 runs, (long long)sizes[i]);
        merge_and_compare(what, &t, run, runs, sizes[i], &want);
    }
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
    pfs_free(all);
    pfs_free(left);
}

static void random_runs_merge_as_the_model_says(void **state)
{
    static const int32_t runs[] = {1, 2, 3, 5, 9};
    uint64_t seed = 20260801;

    (void)state;
    for (size_t engine = 0; engine < COUNT(model_engines); engine++)
        for (size_t shape = 0; shape < COUNT(model_shapes); shape++)
            for (size_t i = 0; i < COUNT(runs); i++)
                check_random(&seed, (int)engine, &model_shapes[shape], runs[i]);
}

/* ---- small merges ---- */

struct small {
    struct pfs_arena arena;
    struct rows_table t;
    struct pfs_merge merge;
    struct rows_reader reader[3];
    struct pfs_reader *readers[3];
    struct pfs_reader *merged;
    struct pfs_err err;
};

static void small_init_with(struct small *s, const char *columns, int32_t keys, const char *options)
{
    *s = (struct small){0};
    pfs_arena_init(&s->arena, 0);
    assert_int_equal(rows_table(&s->t, &s->arena, columns, keys, options), 0);
    s->merge = rows_merge(&s->t);
}

static void small_init(struct small *s, const char *columns, int32_t keys)
{
    small_init_with(s, columns, keys, "");
}

static void small_run(struct small *s, int run, const char *const *text, int32_t rows, int64_t number, int64_t size)
{
    rows_reader_init(&s->reader[run], rows_batch(&s->t, text, rows, number), size);
    s->readers[run] = &s->reader[run].reader;
}

static void small_open(struct small *s, int32_t runs)
{
    assert_int_equal(pfs_merge_open(&s->merge, s->readers, runs, &s->merged, &s->err), 0);
}

/* Reads to the end; the sum of rows or the error. */
static int64_t small_read(struct small *s)
{
    struct pfs_batch got;
    int64_t rows, sum = 0;

    while ((rows = pfs_reader_next(s->merged, &s->arena, &got, &s->err)) > 0)
        sum += rows;
    return rows < 0 ? rows : sum;
}

static void small_done(struct small *s)
{
    pfs_reader_close(s->merged);
    pfs_engine_close(s->t.engine);
    pfs_arena_done(&s->arena);
}

static const char *const five[] = {"+I 1 1", "+U 2 2", "-D 3 3", "+I 4 4", "-U 5 5"};

static void one_run_streams_through_untouched(void **state)
{
    struct small s;
    struct pfs_batch got;
    int64_t want[] = {2, 2, 1, 0, 0}, at = 0;

    (void)state;
    small_init(&s, "k INT; v INT", 1);
    small_run(&s, 0, five, 5, 10, 2);
    small_open(&s, 1);
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_int_equal(pfs_reader_next(s.merged, &s.arena, &got, &s.err), want[i]);
        for (int64_t k = 0; k < want[i]; k++)
            assert_true(rows_same(&got, k, &s.reader[0].all, at++));
    }
    small_done(&s);
}

static void no_runs_are_an_empty_stream(void **state)
{
    struct small s;

    (void)state;
    small_init(&s, "k INT; v INT", 1);
    small_open(&s, 0);
    assert_int_equal(small_read(&s), 0);
    small_done(&s);
}

static void empty_runs_are_left_out(void **state)
{
    struct small s;

    (void)state;
    small_init(&s, "k INT; v INT", 1);
    small_run(&s, 0, five, 0, 0, 7);
    small_run(&s, 1, five, 5, 0, 7);
    small_run(&s, 2, five, 0, 0, 7);
    small_open(&s, 3);
    assert_int_equal(small_read(&s), 5);
    small_done(&s);
}

static void the_greater_number_wins_whatever_the_order_of_runs(void **state)
{
    static const char *const old[] = {"+I 1 1"}, *const new[] = {"+I 1 2"};

    (void)state;
    for (int first = 0; first < 2; first++) {
        struct small s;
        struct pfs_batch got;

        small_init(&s, "k INT; v INT", 1);
        small_run(&s, first, old, 1, 5, 7);
        small_run(&s, 1 - first, new, 1, 6, 7);
        small_open(&s, 2);
        assert_int_equal(pfs_reader_next(s.merged, &s.arena, &got, &s.err), 1);
        assert_int_equal(((const int32_t *)got.column[1].values)[0], 2);
        small_done(&s);
    }
}

static void an_answer_outlives_the_next_one(void **state)
{
    struct small s;
    struct pfs_arena arena[6];
    struct pfs_batch got[6], want;
    static const char *const odd[] = {"+I 1 a", "+I 3 c", "+I 5 e"}, *const even[] = {"+I 2 b", "+I 4 d", "+I 6 f"};
    static const char *const all[] = {"+I 1 a", "+I 2 b", "+I 3 c", "+I 4 d", "+I 5 e", "+I 6 f"};
    int answers = 0;
    int64_t at = 0;

    (void)state;
    small_init(&s, "k INT; v STRING", 1);
    want = rows_batch(&s.t, all, 6, 0);
    small_run(&s, 0, odd, 3, 0, 1);
    small_run(&s, 1, even, 3, 10, 1);
    small_open(&s, 2);
    for (int i = 0; i < 6; i++)
        pfs_arena_init(&arena[i], 0);
    while (answers < 6 && pfs_reader_next(s.merged, &arena[answers], &got[answers], &s.err) > 0)
        answers++;
    for (int i = 0; i < answers; i++)
        for (int64_t k = 0; k < got[i].rows; k++)
            assert_true(rows_same(&got[i], k, &want, at++));
    assert_int_equal(at, 6);
    for (int i = 0; i < 6; i++)
        pfs_arena_done(&arena[i]);
    small_done(&s);
}

static void large_batches_give_answers_of_ordinary_size(void **state)
{
    enum { ROWS = 3 * PFS_BATCH_ROWS };
    struct small s;
    const char **text = pfs_alloc_array(ROWS, sizeof(*text));
    struct pfs_batch got;
    int64_t rows, sum = 0;

    (void)state;
    small_init(&s, "k INT; v INT", 1);
    for (int i = 0; i < ROWS; i++)
        text[i] = pfs_arena_printf(&s.arena, "+I %d 0", i);
    small_run(&s, 0, text, ROWS, 0, ROWS);
    small_run(&s, 1, text + ROWS - 1, 1, ROWS, ROWS);
    small_open(&s, 2);
    while ((rows = pfs_reader_next(s.merged, &s.arena, &got, &s.err)) > 0) {
        assert_true(rows <= PFS_BATCH_ROWS);
        sum += rows;
    }
    assert_int_equal(rows, 0);
    assert_int_equal(sum, ROWS);
    small_done(&s);
    pfs_free(text);
}

/* ---- damage, failure, cancelling ---- */

static void keys_of_a_run_that_do_not_ascend_are_damage(void **state)
{
    static const struct {
        const char *what, *columns;
        const char *row[3];
    } cases[] = {
        {"equal numbers", "k INT; v INT", {"+I 1 1", "+I 2 1", "+I 2 2"}},
        {"falling numbers", "k INT; v INT", {"+I 1 1", "+I 3 1", "+I 2 2"}},
        {"equal texts", "k STRING; v INT", {"+I a 1", "+I b 1", "+I b 2"}},
        {"equal long texts", "k STRING; v INT", {"+I beginning-a 1", "+I beginning-b 1", "+I beginning-b 2"}},
        {"falling long texts", "k STRING; v INT", {"+I beginning-a 1", "+I beginning-c 1", "+I beginning-b 2"}},
        {"falling short texts", "k STRING; v INT", {"+I a 1", "+I c 1", "+I b 2"}},
    };
    static const int64_t sizes[] = {1, 2, 4096};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(sizes); k++) {
            struct small s;

            small_init(&s, cases[i].columns, 1);
            small_run(&s, 0, cases[i].row, 3, 0, sizes[k]);
            small_run(&s, 1, (const char *[]){strchr(cases[i].columns, 'S') ? "+I zz 1" : "+I 99 1"}, 1, 10, 7);
            small_open(&s, 2);
            CHECK(cases[i].what, small_read(&s) == -EIO);
            CHECK(cases[i].what, strstr(s.err.text, "do not ascend") != NULL);
            small_done(&s);
        }
}

static void the_failure_of_a_run_is_handed_on(void **state)
{
    (void)state;
    for (int calls = 0; calls < 4; calls++) {
        struct small s;

        small_init(&s, "k INT; v INT", 1);
        small_run(&s, 0, five, 5, 0, 2);
        small_run(&s, 1, five, 5, 10, 2);
        s.reader[1].fail_after = calls;
        small_open(&s, 2);
        assert_int_equal(small_read(&s), -EIO);
        assert_string_equal(s.err.text, "the disk is gone");
        small_done(&s);
        assert_true(s.reader[0].closed && s.reader[1].closed);
    }
}

static void a_cancelled_merge_stops(void **state)
{
    struct small s;
    struct pfs_cancel cancel = {0};
    struct pfs_batch got;

    (void)state;
    small_init(&s, "k INT; v INT", 1);
    small_run(&s, 0, five, 5, 0, 2);
    small_run(&s, 1, five, 5, 10, 2);
    s.merge.cancel = &cancel;
    small_open(&s, 2);
    assert_int_equal(pfs_reader_next(s.merged, &s.arena, &got, &s.err), 2);
    pfs_cancel(&cancel);
    assert_int_equal(pfs_reader_next(s.merged, &s.arena, &got, &s.err), -ECANCELED);
    small_done(&s);
}

static void want_of_memory_at_any_point_is_reported(void **state)
{
    bool finished = false;

    (void)state;
    for (int n = 0; !finished; n++) {
        struct small s;
        int rc;

        small_init(&s, "k STRING; v INT", 1);
        small_run(&s, 0, five, 5, 0, 2);
        small_run(&s, 1, five, 5, 10, 2);
        pfs_mem_fail_after(n);
        rc = pfs_merge_open(&s.merge, s.readers, 2, &s.merged, &s.err);
        if (rc == 0)
            rc = (int)small_read(&s);
        pfs_mem_fail_after(-1);
        finished = rc == 5;
        assert_true(finished || rc == -ENOMEM);
        assert_true(n < 200);
        small_done(&s);
        assert_true(s.reader[0].closed && s.reader[1].closed);
    }
}

/* The sum over records of key 1 at levels 5, 4 and 0; of key 2 at 5 and 4; of key 3 at 5 and 0. */
static void check_levels(const char *options, const int32_t *level, const char *second, const char *const *want)
{
    static const char *const bottom[] = {"+I 1 1000", "+I 2 2000", "+I 3 3000"}, *const top[] = {"+I 1 10", "+I 3 30"};
    const char *const middle[] = {"+I 1 100", second};
    struct small s;
    struct pfs_batch got, expected;
    int64_t rows, at = 0;

    small_init_with(&s, "k INT; v INT", 1, options);
    small_run(&s, 0, bottom, 3, 0, 7);
    small_run(&s, 1, top, 2, 20, 7);
    small_run(&s, 2, middle, 2, 10, 7);
    s.merge.level = level;
    small_open(&s, 3);
    expected = rows_batch(&s.t, want, 3, 0);
    while ((rows = pfs_reader_next(s.merged, &s.arena, &got, &s.err)) > 0)
        for (int64_t i = 0; i < rows; i++)
            assert_true(at < 3 && rows_same(&got, i, &expected, at++));
    assert_int_equal(rows, 0);
    assert_int_equal(at, 3);
    small_done(&s);
}

#define SUMS "merge-engine=aggregation; fields.v.aggregate-function=sum"

static void lookup_mode_takes_the_lowest_of_the_higher_levels_alone(void **state)
{
    static const int32_t level[] = {5, 0, 4};
    static const char *const all[] = {"+I 1 1110", "+I 2 2200", "+I 3 3030"}, *const lowest[] = {"+I 1 110", "+I 2 200",
                                                                                                 "+I 3 3030"};

    (void)state;
    check_levels(SUMS, level, "+U 2 200", all);
    check_levels(SUMS "; changelog-producer=lookup", NULL, "+U 2 200", all);
    check_levels(SUMS "; changelog-producer=lookup", level, "+U 2 200", lowest);
    check_levels(SUMS "; force-lookup=true", level, "+U 2 200", lowest);
}

/* It is not the only one of its key, so the engine sees it: a sum takes it back from nothing. */
static void a_retract_that_is_left_of_several_is_folded(void **state)
{
    static const int32_t level[] = {5, 0, 4};
    static const char *const all[] = {"+I 1 1110", "+I 2 1800", "+I 3 3030"}, *const lowest[] = {
                                                                                  "+I 1 110", "+I 2 -200", "+I 3 3030"};

    (void)state;
    check_levels(SUMS, level, "-D 2 200", all);
    check_levels(SUMS "; force-lookup=true", level, "-D 2 200", lowest);
}

static void lookup_mode_keeps_a_higher_level_from_winning_by_its_sequence(void **state)
{
    static const int32_t level[] = {5, 0, 4};
    static const char *const most[] = {"+I 1 1000", "+I 2 2000", "+I 3 3000"}, *const lowest[] = {
                                                                                   "+I 1 100", "+U 2 200", "+I 3 3000"};

    (void)state;
    check_levels("sequence.field=v", level, "+U 2 200", most);
    check_levels("sequence.field=v; force-lookup=true", level, "+U 2 200", lowest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_runs_merge_as_the_model_says),
        cmocka_unit_test(one_run_streams_through_untouched),
        cmocka_unit_test(no_runs_are_an_empty_stream),
        cmocka_unit_test(empty_runs_are_left_out),
        cmocka_unit_test(the_greater_number_wins_whatever_the_order_of_runs),
        cmocka_unit_test(an_answer_outlives_the_next_one),
        cmocka_unit_test(large_batches_give_answers_of_ordinary_size),
        cmocka_unit_test(keys_of_a_run_that_do_not_ascend_are_damage),
        cmocka_unit_test(the_failure_of_a_run_is_handed_on),
        cmocka_unit_test(a_cancelled_merge_stops),
        cmocka_unit_test(lookup_mode_takes_the_lowest_of_the_higher_levels_alone),
        cmocka_unit_test(a_retract_that_is_left_of_several_is_folded),
        cmocka_unit_test(lookup_mode_keeps_a_higher_level_from_winning_by_its_sequence),
        cmocka_unit_test(want_of_memory_at_any_point_is_reported),
    };

    return cmocka_run_group_tests_name("merge/merge", tests, NULL, NULL);
}
