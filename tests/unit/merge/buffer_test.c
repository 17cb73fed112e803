/* buffer_test.c - a write buffer sorted and merged: against a naive model, and Paimon's examples of one commit. */
#include <errno.h>

#include "base/mem.h"
#include "src/merge/merge.h"
#include "tests/unit/merge/model.h"

static void check_random(uint64_t *seed, int engine, const struct model_shape *shape, int32_t keys, int32_t batches)
{
    enum { COUNT_MAX = 4000 };
    struct model_record *all = pfs_alloc_array(COUNT_MAX, sizeof(*all));
    struct model_record *left = pfs_alloc_array(COUNT_MAX, sizeof(*left));
    struct pfs_batch in[8], want, got;
    struct pfs_merge merge;
    struct pfs_arena arena;
    struct rows_table t;
    char what[120];
    int rc;

    snprintf(what, sizeof(what), "%s, key %s, %d keys, %d batches", model_engines[engine].what, shape->what, keys,
             batches);
    pfs_arena_init(&arena, 0);
    assert_int_equal(rows_table(&t, &arena, shape->columns, shape->keys, model_engines[engine].options), 0);
    for (int32_t i = 0; i < COUNT_MAX; i++)
        all[i] = model_make(seed, &model_engines[engine], (int32_t)(model_random(seed) % (uint32_t)keys), 1000 + i);
    for (int32_t i = 0; i < batches; i++)
        in[i] = model_batch(&t, shape, all + COUNT_MAX / batches * i, COUNT_MAX / batches);
    want = model_batch(&t, shape, left, model_merge(engine, all, COUNT_MAX / batches * batches, left));
    merge = rows_merge(&t);
    rc = pfs_merge_buffer(&merge, in, batches, &arena, &got, &t.err);
    if (rc < 0)
        fail_msg("%s: %s", what, t.err.text);
    CHECK(what, got.rows == want.rows);
    model_expect(what, &got, &want, 0);
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
    pfs_free(all);
    pfs_free(left);
}

static void random_rows_merge_as_the_model_says(void **state)
{
    static const int32_t keys[] = {1, 3, 1000, MODEL_KEYS};
    uint64_t seed = 77;

    (void)state;
    for (size_t engine = 0; engine < COUNT(model_engines); engine++)
        for (size_t shape = 0; shape < COUNT(model_shapes); shape++)
            for (size_t i = 0; i < COUNT(keys); i++)
                check_random(&seed, (int)engine, &model_shapes[shape], keys[i], 1 + (int32_t)i * 2);
}

static void rows_of_one_commit_become_one_a_key(void **state)
{
    static const struct {
        const char *what, *columns, *options;
        const char *row[7], *want[7];
    } cases[] = {
        {"deletes stay, with their values",
         "k INT; a INT; b STRING",
         "",
         {"+I 1 1 a", "+I 1 2 b", "+I 2 1 x", "-D 2 1 x", "+U 3 5 u", "-U 4 9 z"},
         {"+I 1 2 b", "-D 2 1 x", "+U 3 5 u", "-U 4 9 z"}},
        {"descending is ascending inside a flush",
         "k INT; s INT; v STRING",
         "sequence.field=s; sequence.field.sort-order=descending",
         {"+I 1 5 five", "+I 1 3 three"},
         {"+I 1 5 five"}},
        {"sequence fields order rows of one flush",
         "k INT; s INT; v STRING",
         "sequence.field=s",
         {"+I 1 5 five", "+I 1 3 three", "+I 1 5 again", "+I 1 null none"},
         {"+I 1 5 again"}},
        {"the first bytes of a row have a zero's sign, and the greatest is no number",
         "k INT; s DOUBLE; v STRING",
         "sequence.field=s",
         {"+I 1 0.0 zero", "+I 1 -0.0 less", "+I 2 NaN none", "+I 2 1.0 one"},
         {"+I 1 0.0 zero", "+I 2 NaN none"}},
        {"a text leaves no room among them",
         "k STRING; s DOUBLE; v STRING",
         "sequence.field=s",
         {"+I a 0.0 zero", "+I a -0.0 less", "+I b NaN none", "+I b 1.0 one"},
         {"+I a -0.0 less", "+I b 1.0 one"}},
        {"a moment of milliseconds leaves room",
         "k INT; t TIMESTAMP(3); s DOUBLE; v STRING",
         "sequence.field=t,s",
         {"+I 1 5 0.0 zero", "+I 1 5 -0.0 less", "+I 2 5 NaN none", "+I 2 5 1.0 one"},
         {"+I 1 5 0.0 zero", "+I 2 5 NaN none"}},
        {"also one with a zone",
         "k INT; t TIMESTAMP_LTZ(3); s DOUBLE; v STRING",
         "sequence.field=t,s",
         {"+I 1 5 0.0 zero", "+I 1 5 -0.0 less", "+I 2 5 NaN none", "+I 2 5 1.0 one"},
         {"+I 1 5 0.0 zero", "+I 2 5 NaN none"}},
        {"one of microseconds is none of the first bytes, nor is what follows it",
         "k INT; t TIMESTAMP(6); s DOUBLE; v STRING",
         "sequence.field=t,s",
         {"+I 1 5 0.0 zero", "+I 1 5 -0.0 less", "+I 2 5 NaN none", "+I 2 5 1.0 one"},
         {"+I 1 5 -0.0 less", "+I 2 5 1.0 one"}},
        {"neither is one with a zone",
         "k INT; t TIMESTAMP_LTZ(6); s DOUBLE; v STRING",
         "sequence.field=t,s",
         {"+I 1 5 0.0 zero", "+I 1 5 -0.0 less", "+I 2 5 NaN none", "+I 2 5 1.0 one"},
         {"+I 1 5 -0.0 less", "+I 2 5 1.0 one"}},
        {"a removing delete of partial-update is cleared by what follows",
         "k INT; a INT; b STRING; c INT",
         "merge-engine=partial-update; partial-update.remove-record-on-delete=true",
         {"+I 5 1 a 1", "-U 5 2 b 2", "-D 5 3 c 3", "-U 5 4 d 4"},
         {"+I 5 3 c 3"}},
        {"rows already in order", "k INT; v INT", "", {"+I 1 1", "+I 2 2", "-D 3 3"}, {"+I 1 1", "+I 2 2", "-D 3 3"}},
        {"negative keys come first",
         "k INT; v INT",
         "",
         {"+I 1 1", "+I 0 2", "+I -1 3"},
         {"+I -1 3", "+I 0 2", "+I 1 1"}},
        {"texts that begin alike",
         "k STRING; v INT",
         "",
         {"+I beginning-b 1", "+I beginning 2", "+I beginning-a 3", "+I beginning-b 4"},
         {"+I beginning 2", "+I beginning-a 3", "+I beginning-b 4"}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pfs_arena arena;
        struct rows_table t;
        struct pfs_batch in, want, got;
        struct pfs_merge merge;
        int32_t rows = 0, left = 0;

        pfs_arena_init(&arena, 0);
        CHECK(cases[i].what, rows_table(&t, &arena, cases[i].columns, 1, cases[i].options) == 0);
        while (cases[i].row[rows] != NULL)
            rows++;
        while (cases[i].want[left] != NULL)
            left++;
        in = rows_batch(&t, cases[i].row, rows, 0);
        want = rows_batch(&t, cases[i].want, left, 0);
        merge = rows_merge(&t);
        CHECK(cases[i].what, pfs_merge_buffer(&merge, &in, 1, &arena, &got, &t.err) == 0);
        CHECK(cases[i].what, got.rows == left);
        for (int32_t k = 0; k < left; k++)
            CHECK(cases[i].what, rows_same(&got, k, &want, k));
        pfs_engine_close(t.engine);
        pfs_arena_done(&arena);
    }
}

static void no_rows_give_no_rows(void **state)
{
    struct pfs_arena arena;
    struct rows_table t;
    struct pfs_batch in, got;
    struct pfs_merge merge;

    (void)state;
    pfs_arena_init(&arena, 0);
    assert_int_equal(rows_table(&t, &arena, "k INT; v STRING", 1, ""), 0);
    in = rows_batch(&t, NULL, 0, 0);
    merge = rows_merge(&t);
    assert_int_equal(pfs_merge_buffer(&merge, &in, 1, &arena, &got, &t.err), 0);
    assert_int_equal(got.rows, 0);
    assert_int_equal(got.columns, 4);
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

static void rows_that_the_engine_refuses_fail_the_flush(void **state)
{
    static const char *const rows[] = {"+I 1 1", "-D 1 1"};
    struct pfs_arena arena;
    struct rows_table t;
    struct pfs_batch in, got;
    struct pfs_merge merge;

    (void)state;
    pfs_arena_init(&arena, 0);
    assert_int_equal(rows_table(&t, &arena, "k INT; v INT", 1, "merge-engine=partial-update"), 0);
    in = rows_batch(&t, rows, 2, 0);
    merge = rows_merge(&t);
    assert_int_equal(pfs_merge_buffer(&merge, &in, 1, &arena, &got, &t.err), -EINVAL);
    assert_non_null(strstr(t.err.text, "can not accept delete records"));
    pfs_engine_close(t.engine);
    pfs_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_rows_merge_as_the_model_says),
        cmocka_unit_test(rows_of_one_commit_become_one_a_key),
        cmocka_unit_test(no_rows_give_no_rows),
        cmocka_unit_test(rows_that_the_engine_refuses_fail_the_flush),
    };

    return cmocka_run_group_tests_name("merge/buffer", tests, NULL, NULL);
}
