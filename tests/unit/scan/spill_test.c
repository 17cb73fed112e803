/* spill_test.c - runs that are put aside come back as they were. */
#include "src/scan/spill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/cm.h"
#include "tests/unit/format/make.h"

#define BATCHES 40

struct given { /* a reader of BATCHES batches of three rows */
    struct pfs_reader reader;
    int next;
    int fails_at; /* this batch; -1 = none does */
    bool *closed;
};

static int64_t given_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct given *g = (struct given *)self;
    struct pfs_column *column = pfs_arena_array(arena, 2, sizeof(*column));
    char number[24];
    const char *id[] = {number, "7", "8"}, *text[] = {"a", NULL, number};

    assert_non_null(column);
    if (g->next == g->fails_at)
        return pfs_fail(err, EIO, "a damaged page");
    if (g->next == BATCHES)
        return 0;
    (void)snprintf(number, sizeof(number), "%d", 1000 + g->next++);
    column[0] = *make_column(arena, "BIGINT", id, 3);
    column[1] = *make_column(arena, "STRING", text, 3);
    *out = (struct pfs_batch){3, 2, column};
    return 3;
}

static void given_close(struct pfs_reader *self)
{
    *((struct given *)self)->closed = true;
}

static const struct pfs_reader_ops given_ops = {given_next, given_close};

static int count_name(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    (void)directory;
    ++*(int *)context;
    return 0;
}

static int names_in(struct pfs_store *store)
{
    int names = 0;

    assert_int_equal(pfs_store_list(store, "", count_name, &names, NULL), 0);
    return names;
}

static int remove_name(void *context, struct pfs_slice name, bool directory)
{
    char text[64];

    (void)directory;
    (void)snprintf(text, sizeof(text), "%.*s", (int)name.len, (const char *)name.at);
    return pfs_store_unlink(context, text, NULL);
}

static const struct pfs_type bigint = {.kind = PFS_BIGINT}, text = {.kind = PFS_VARCHAR, .nullable = true};
static const struct pfs_type *const types[] = {&bigint, &text};

static struct pfs_store *open_dir(char *dir)
{
    struct pfs_store *store;

    assert_non_null(mkdtemp(dir));
    assert_int_equal(pfs_store_open_posix(dir, &store, NULL), 0);
    return store;
}

static void a_spilled_run_gives_its_batches_and_leaves_no_name(void **state)
{
    char dir[] = "/tmp/spill-XXXXXX";
    struct pfs_store *store = open_dir(dir);
    bool closed = false;
    struct given given = {.reader = {&given_ops}, .fails_at = -1, .closed = &closed};
    struct pfs_spill_want want = {.store = store, .type = types, .columns = 2};
    struct pfs_reader *run;
    struct pfs_arena arena;
    struct pfs_batch batch;

    (void)state;
    assert_int_equal(pfs_spill_run(&want, &given.reader, &run, NULL), 0);
    assert_true(closed);
    assert_int_equal(names_in(store), 0);
    pfs_arena_init(&arena, 0);
    for (int i = 0; i < BATCHES; i++) {
        pfs_arena_reset(&arena);
        assert_int_equal(pfs_reader_next(run, &arena, &batch, NULL), 3);
        assert_int_equal(((const int64_t *)batch.column[0].values)[0], 1000 + i);
        assert_true(pfs_column_present(&batch.column[1], 0));
        assert_false(pfs_column_present(&batch.column[1], 1));
        assert_int_equal(batch.column[1].offsets[3], 5);
    }
    assert_int_equal(pfs_reader_next(run, &arena, &batch, NULL), 0);
    assert_int_equal(pfs_reader_next(run, &arena, &batch, NULL), 0);
    pfs_reader_close(run);
    pfs_arena_done(&arena);
    pfs_store_close(store);
    assert_int_equal(rmdir(dir), 0);
}

static void a_failure_of_either_side_is_told_and_leaves_no_name(void **state)
{
    char dir[] = "/tmp/spill-XXXXXX";
    struct pfs_fault fault = {.fail_errno = ENOSPC};
    struct pfs_store *below = open_dir(dir), *store;
    struct pfs_reader *run;
    int passed = 0;

    (void)state;
    assert_int_equal(pfs_store_open_fault(below, &fault, &store, NULL), 0);
    for (int i = 0; !passed; i++) {
        struct pfs_spill_want want = {.store = store, .type = types, .columns = 2};
        struct pfs_err err = {0};
        bool closed = false;
        struct given given = {.reader = {&given_ops}, .fails_at = i == 0 ? 5 : -1, .closed = &closed};
        int rc;

        fault.fail_at = i == 0 ? 0 : fault.calls + i;
        rc = pfs_spill_run(&want, &given.reader, &run, &err);
        passed = rc == 0;
        assert_true(passed || err.code != 0);
        assert_true(passed || rc == (i == 0 ? -EIO : -ENOSPC));
        assert_true(closed);
        fault.fail_at = 0;
        assert_true(i < 20);
        assert_true(names_in(store) <= 1);
    }
    /* One of the runs could not have its name removed, and said so. */
    assert_int_equal(names_in(store), 1);
    assert_int_equal(pfs_store_list(store, "", remove_name, store, NULL), 0);
    pfs_reader_close(run);
    pfs_store_close(store);
    assert_int_equal(rmdir(dir), 0);
}

static void an_interrupted_spill_stops(void **state)
{
    char dir[] = "/tmp/spill-XXXXXX";
    struct pfs_store *store = open_dir(dir);
    struct pfs_cancel cancel = {0};
    bool closed = false;
    struct given given = {.reader = {&given_ops}, .fails_at = -1, .closed = &closed};
    struct pfs_spill_want want = {.store = store, .type = types, .columns = 2, .cancel = &cancel};
    struct pfs_reader *run;

    (void)state;
    pfs_cancel(&cancel);
    assert_int_equal(pfs_spill_run(&want, &given.reader, &run, NULL), -ECANCELED);
    assert_int_equal(given.next, 0);
    assert_true(closed);
    assert_int_equal(names_in(store), 0);
    pfs_store_close(store);
    assert_int_equal(rmdir(dir), 0);
}

static void tiny_files_are_worth_no_spill(void **state)
{
    struct pfs_manifest_entry small = {.file = {.rows = 100, .size = 2000}},
                              large = {.file = {.rows = 1000000, .size = 20000000}};

    (void)state;
    assert_true(pfs_spill_cost(&small, 5) < 32 * pfs_spill_row_cost(&small, 5) * 2);
    assert_true(pfs_spill_cost(&large, 5) > 256 * pfs_spill_row_cost(&large, 5));
    assert_true(pfs_spill_cost(&large, 5) < (size_t)8 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spilled_run_gives_its_batches_and_leaves_no_name),
        cmocka_unit_test(a_failure_of_either_side_is_told_and_leaves_no_name),
        cmocka_unit_test(an_interrupted_spill_stops),
        cmocka_unit_test(tiny_files_are_worth_no_spill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
