/* numbered_test.c - a batch under a number of the loader's own, inbox@user:n, whose writer does not come to its end:
 * its rows are there once, however it is repeated. */
#include <stdio.h>

#include "tests/unit/fs/lives.h"

static const char view[] = "d/sums/snapshot/latest.csv";

/* Is the table's text that? */
static bool shows(const char *want)
{
    const char *text = text_of(view);

    return text != NULL && strcmp(text, want) == 0;
}

/* Two rows are acknowledged, and the writer goes on; nothing of that is. */
static void begin_batch(struct pfs_entry *entry, struct pfs_opened *file)
{
    flush_rows("d/sums/inbox@u:5", O_APPEND, "1,1\n1,10\n", entry, file);
}

enum end { KILLED, HELPER_KILLED, REFUSED, UNMOUNTED, DIED, ENDS };

static const char *const ends[ENDS] = {"the writer is killed", "one of the writers is killed", "a row is refused",
                                       "the file system ends", "the daemon dies"};

static void cut_off(enum end end)
{
    struct pfs_entry entry;
    struct pfs_opened file;

    begin_batch(&entry, &file);
    if (end == KILLED || end == REFUSED) {
        pfs_tree_write(t.tree, &t.waiting.request, file.handle, 0, pfs_str(end == KILLED ? "1,100\n" : "1,x\n"));
        CHECK(ends[end], (pfs_waiting_result(&t.waiting, NULL) > 0) == (end == KILLED));
        if (end == KILLED)
            pfs_cancel(&t.waiting.request.cancel);
        pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
        (void)pfs_waiting_result(&t.waiting, NULL);
        atomic_store(&t.waiting.request.cancel.set, false);
        (void)close_path(&entry, &file);
    } else if (end == HELPER_KILLED) {
        pfs_cancel(&t.waiting.request.cancel);
        pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
        (void)pfs_waiting_result(&t.waiting, NULL);
        atomic_store(&t.waiting.request.cancel.set, false);
        pfs_tree_flush(t.tree, &t.waiting.request, file.handle);
        assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
        assert_int_equal(close_path(&entry, &file), 0);
    } else if (end == UNMOUNTED) {
        assert_int_equal(pfs_tree_finish(t.tree, NULL), 0);
        (void)close_path(&entry, &file);
        end_life();
        begin_life();
    } else {
        die(&entry, &file);
        pfs_waiting_done(&t.waiting);
        begin_life();
    }
}

static void a_repetition_brings_what_is_not_there(void **state)
{
    for (enum end end = KILLED; end < ENDS; end++)
        for (int looked = 0; looked < 2; looked++) {
            cut_off(end);
            CHECK(ends[end], looked == 0 || shows("k,n\n1,11\n"));
            for (int again = 0; again < 2; again++) {
                give("d/sums/inbox@u:5", "1,1\n1,10\n1,100\n2,7\n");
                CHECK(ends[end], shows("k,n\n1,111\n2,7\n"));
            }
            give("d/sums/inbox@u:6", "2,1\n");
            CHECK(ends[end], shows("k,n\n1,111\n2,8\n"));
            (void)close_memory(state);
            (void)open_memory(state);
        }
}

static void a_repetition_that_is_cut_off_as_well_goes_on_from_there(void **state)
{
    (void)state;
    cut_off(DIED);
    acknowledge("d/sums/inbox@u:5", O_APPEND, "1,1\n1,10\n1,100\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_true(shows("k,n\n1,111\n"));
    acknowledge("d/sums/inbox@u:5", O_APPEND, "1,1\n");
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_true(shows("k,n\n1,111\n"));
    give("d/sums/inbox@u:5", "1,1\n1,10\n1,100\n1,1000\n");
    assert_true(shows("k,n\n1,1111\n"));
    end_life();
    begin_life();
    give("d/sums/inbox@u:5", "1,1\n1,10\n1,100\n1,1000\n");
    assert_true(shows("k,n\n1,1111\n"));
}

static int keep_journals(void *context, struct pfs_slice name, bool directory)
{
    if (!directory && name.len > 8 && memcmp(name.at, "journal-", 8) == 0)
        (void)snprintf(context, 256, ".paimonfs/%.*s", PFS_P(name));
    return 0;
}

/* The whole batch is committed first, by who repeated it, and the beginning is seen afterwards. */
static void a_beginning_that_comes_late_is_in_the_table(void **state)
{
    struct pfs_slice bytes;
    char path[256] = "";

    (void)state;
    acknowledge("d/sums/inbox@u:5", O_APPEND, "1,1\n1,10\n");
    pfs_waiting_done(&t.waiting);
    assert_int_equal(pfs_store_list(memory, ".paimonfs", keep_journals, path, NULL), 0);
    assert_int_equal(pfs_store_load(memory, path, 1 << 20, &bytes, NULL), 0);
    assert_int_equal(pfs_store_unlink(memory, path, NULL), 0);
    begin_life();
    give("d/sums/inbox@u:5", "1,1\n1,10\n1,100\n");
    assert_true(shows("k,n\n1,111\n"));
    end_life();
    assert_int_equal(pfs_store_publish(memory, path, bytes, false, NULL), 0);
    pfs_free((void *)(uintptr_t)bytes.at);
    begin_life();
    assert_true(shows("k,n\n1,111\n"));
}

/* The process that commits the rest, or the beginning, dies at any call of its store: the next one finds what is there.
 */
static void a_repetition_is_there_once_whoever_dies(void **state)
{
    for (int64_t call = 1; call < 4000; call += call < 100 ? 1 : 7) {
        struct pfs_fault fault = {.fail_errno = EIO, .fail_on = true};
        struct pfs_store *store;
        struct pfs_entry entry;
        struct pfs_opened file;
        bool done;

        begin_batch(&entry, &file);
        die(&entry, &file);
        pfs_waiting_done(&t.waiting);
        assert_int_equal(pfs_store_open_fault(handle(), &fault, &store, NULL), 0);
        begin_life_on(store);
        fault.fail_at = fault.calls + call;
        if (append("d/sums/inbox@u:5", "1,1\n1,10\n1,100\n") == 0)
            (void)text_of(view);
        done = fault.calls < fault.fail_at;
        pfs_store_memory_power_cut(memory);
        keep_dead(t.pool, t.tree);
        pfs_waiting_done(&t.waiting);
        begin_life();
        give("d/sums/inbox@u:5", "1,1\n1,10\n1,100\n");
        CHECK("repeated", shows("k,n\n1,111\n"));
        (void)close_memory(state);
        (void)open_memory(state);
        if (done)
            return;
    }
    fail_msg("there is no end to it");
}

static int count_files(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    *(int *)context += !directory;
    return 0;
}

/* What does not begin with the rows that are there cannot be added to them, and is not lost. */
static void a_repetition_of_other_rows_is_set_aside(void **state)
{
    int files = 0;

    (void)state;
    cut_off(DIED);
    give("d/sums/inbox@u:5", "1,1\n1,20\n1,100\n");
    assert_true(shows("k,n\n1,11\n"));
    assert_int_equal(pfs_store_list(memory, ".paimonfs/rejected", count_files, &files, NULL), 0);
    assert_int_equal(files, 1);
    assert_non_null(strstr(text_of("d/sums/errors.jsonl"), "number 5 of u was cut off"));
    give("d/sums/inbox@u:5", "1,1\n"); /* and this is taken and dropped: there are as many */
    assert_true(shows("k,n\n1,11\n"));
}

/* Rows of a MiB each, which are files before their handle is sealed; 0, or the errno of the flush. */
static int64_t write_large(int rows, struct pfs_entry *entry, struct pfs_opened *file)
{
    const size_t row = (size_t)1 << 20;
    struct pfs_buf text = {0};

    assert_int_equal(open_path("d/t/inbox@u:5", O_WRONLY | O_APPEND, entry, file), 0);
    for (int i = 0; i < rows; i++) {
        pfs_buf_clear(&text);
        pfs_buf_printf(&text, "%d,", i);
        memset(pfs_buf_reserve(&text, row), 'x', row);
        text.len += row;
        pfs_buf_puts(&text, ",1\n");
        pfs_tree_write(t.tree, &t.waiting.request, file->handle, 0, pfs_buf_slice(&text));
        assert_true(pfs_waiting_result(&t.waiting, NULL) > 0);
    }
    pfs_buf_done(&text);
    pfs_tree_flush(t.tree, &t.waiting.request, file->handle);
    return pfs_waiting_result(&t.waiting, NULL);
}

/* The rows of the newest snapshot, and of how many snapshots. */
static void count_rows(int64_t *rows, int *snapshots)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena = {0};
    int64_t latest;

    *snapshots = 0;
    assert_int_equal(pfs_snapshot_latest_id(memory, "d.db/t", &latest, NULL), 0);
    for (int64_t id = 1; id <= latest; id++) {
        assert_int_equal(pfs_snapshot_load(memory, "d.db/t", id, &arena, &snapshot, NULL, NULL), 0);
        *snapshots += snapshot.commit_identifier == 5 && strcmp(snapshot.commit_user, "u") == 0;
        *rows = snapshot.total_records;
    }
    pfs_arena_done(&arena);
}

/* What is in files cannot be passed over: a repetition has as many rows, or is refused. */
static void a_large_repetition_is_done_or_refused(void **state)
{
    struct pfs_entry entry;
    struct pfs_opened file;
    int64_t rows;
    int snapshots;

    (void)state;
    assert_int_equal(write_large(10, &entry, &file), 0);
    die(&entry, &file);
    pfs_waiting_done(&t.waiting);
    begin_life();
    assert_int_equal(append("d/t/inbox", "1000,a,1\n"), 0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(write_large(10, &entry, &file), 0);
        assert_int_equal(close_path(&entry, &file), 0);
        assert_int_equal(append("d/t/inbox", "1001,a,1\n"), 0);
        assert_int_equal(write_large(12, &entry, &file), -EEXIST);
        (void)close_path(&entry, &file);
        assert_int_equal(append("d/t/inbox", "1002,a,1\n"), 0);
    }
    count_rows(&rows, &snapshots);
    assert_int_equal(snapshots, 1);
    assert_int_equal(rows, 10 + 1 + 2 + 2); /* before they are merged */
    assert_int_equal(pfs_store_list(memory, ".paimonfs/rejected", count_files, &snapshots, NULL), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_repetition_brings_what_is_not_there, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_repetition_that_is_cut_off_as_well_goes_on_from_there, open_memory,
                                        close_memory),
        cmocka_unit_test_setup_teardown(a_beginning_that_comes_late_is_in_the_table, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_repetition_is_there_once_whoever_dies, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_large_repetition_is_done_or_refused, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(a_repetition_of_other_rows_is_set_aside, open_memory, close_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
