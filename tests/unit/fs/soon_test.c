/* soon_test.c - rows that are on their way to the disk before their writer asks for it. */
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/idle.h"
#include "tests/unit/fs/lives.h"

#define WRITERS 3
#define CYCLES_MAX 200

static struct {
    struct pfs_fault fault;
    atomic_int begun; /* syncs: nothing but the journal is written */
    struct pfs_entry entry[WRITERS];
    struct pfs_opened file[WRITERS];
    struct pfs_waiting waiting[WRITERS];
    uint64_t at[WRITERS];
    int rows; /* of each writer */
} slow;

/* A sync that takes long enough for others to ask for the next one. */
static void sync_slowly(void *context, const char *op, const char *path)
{
    (void)context;
    (void)path;
    if (strcmp(op, "sync") != 0)
        return;
    atomic_fetch_add(&slow.begun, 1);
    (void)usleep(5000);
}

static void begin_slow_life(void)
{
    struct pfs_store *store;

    end_life();
    memset(&slow, 0, sizeof(slow));
    slow.fault = (struct pfs_fault){.each = sync_slowly};
    assert_int_equal(pfs_store_open_fault(handle(), &slow.fault, &store, NULL), 0);
    begin_life_on(store);
}

static void open_writers(int flags)
{
    begin_slow_life();
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(open_path("d/logs/inbox", O_WRONLY | flags, &slow.entry[i], &slow.file[i]), 0);
        assert_int_equal(pfs_waiting_init(&slow.waiting[i], NULL), 0);
    }
}

static void write_row(int writer)
{
    char row[32];

    (void)snprintf(row, sizeof(row), "%c%d,1\n", 'a' + writer, slow.rows);
    pfs_tree_write(t.tree, &t.waiting.request, slow.file[writer].handle, slow.at[writer], pfs_str(row));
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), (int64_t)strlen(row));
    slow.at[writer] += strlen(row);
}

/* All at once, as processes of their own would. */
static void sync_all(void)
{
    for (int i = 0; i < WRITERS; i++)
        pfs_tree_fsync(t.tree, &slow.waiting[i].request, slow.file[i].handle);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pfs_waiting_result(&slow.waiting[i], NULL), 0);
    slow.rows++;
}

/* Has a sync begun that nobody has asked for? */
static bool begins(void)
{
    int before = atomic_load(&slow.begun);

    write_row(0);
    for (int ms = 0; ms < 20 && atomic_load(&slow.begun) == before; ms++)
        (void)usleep(1000);
    return atomic_load(&slow.begun) != before;
}

static void die_all(void)
{
    for (int i = 0; i < WRITERS; i++) {
        pfs_waiting_done(&slow.waiting[i]);
        keep_dead(slow.file[i].handle, slow.entry[i].node);
    }
    die(&slow.entry[0], &slow.file[0]);
    pfs_waiting_done(&t.waiting);
}

static void who_syncs_after_each_row_is_synced_before_it_asks(void **state)
{
    bool begun = false;
    char last[32];

    (void)state;
    open_writers(O_APPEND);
    for (int i = 0; i < CYCLES_MAX && !begun; i++) {
        begun = begins();
        for (int k = 1; k < WRITERS && !begun; k++)
            write_row(k);
        if (!begun)
            sync_all();
    }
    assert_true(begun);
    assert_in_range(slow.rows, 3, CYCLES_MAX);
    (void)usleep(20000);
    (void)snprintf(last, sizeof(last), "a%d,1\n", slow.rows);
    die_all();
    begin_life();
    assert_non_null(strstr(text_of("d/logs/snapshot/latest.csv"), last));
}

static void who_writes_twice_is_waited_for(void **state)
{
    (void)state;
    open_writers(O_APPEND);
    for (int i = 0; i < 20; i++) {
        write_row(0);
        assert_false(begins());
        for (int k = 1; k < WRITERS; k++)
            write_row(k);
        sync_all();
    }
    write_row(0);
    die_all();
    begin_life();
    assert_null(strstr(text_of("d/logs/snapshot/latest.csv"), "a20,1\n"));
}

/* Rows of `>` are there all together, or none. */
static void rows_of_a_file_that_is_not_appended_wait_for_their_writer(void **state)
{
    (void)state;
    open_writers(0);
    for (int i = 0; i < 20; i++) {
        assert_false(begins());
        for (int k = 1; k < WRITERS; k++)
            write_row(k);
        sync_all();
    }
    die_all();
    begin_life();
}

static struct pfs_entry kept; /* as the kernel keeps the name */
static struct pfs_idle idle;

static void begin_rows(void)
{
    begin_slow_life();
    assert_int_equal(pfs_tree_walk(t.tree, "d/logs/inbox", &kept, NULL), 0);
    idle = (struct pfs_idle){0};
    pfs_idle_begin(&idle);
}

static void end_rows(void)
{
    pfs_idle_begin(NULL);
    pfs_tree_forget(t.tree, kept.node, 1);
}

static void open_one(uint32_t pid)
{
    slow.at[0] = 0;
    t.waiting.request.pid = pid;
    assert_int_equal(open_path("d/logs/inbox", O_WRONLY | O_APPEND, &slow.entry[0], &slow.file[0]), 0);
}

static void close_one(void)
{
    pfs_tree_flush(t.tree, &t.waiting.request, slow.file[0].handle);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), 0);
    assert_int_equal(close_path(&slow.entry[0], &slow.file[0]), 0);
    slow.rows++;
}

/* Opened by that process: nothing is synced before it closes. */
static void write_and_be_waited_for(uint32_t pid, int writes)
{
    int before;

    open_one(pid);
    before = atomic_load(&slow.begun);
    for (int i = 0; i < writes; i++)
        write_row(0);
    (void)usleep(2000);
    assert_int_equal(atomic_load(&slow.begun), before);
    close_one();
}

/* Not the first ones, and not for longer than it closes at once. */
static void who_opens_for_each_row_is_synced_before_it_closes(void **state)
{
    bool begun = false;
    char last[32];
    int before;

    (void)state;
    begin_rows();
    for (int i = 0; i < CYCLES_MAX && !begun; i++) {
        open_one(7);
        before = atomic_load(&slow.begun);
        write_row(0);
        for (int tenths = 0; tenths < 50 && atomic_load(&slow.begun) == before; tenths++)
            (void)usleep(100);
        begun = atomic_load(&slow.begun) != before;
        if (!begun)
            close_one();
    }
    assert_true(begun);
    assert_in_range(slow.rows, 8, CYCLES_MAX);
    assert_false(begins()); /* it goes on */
    pfs_idle_begin(NULL);
    (void)usleep(20000);
    (void)snprintf(last, sizeof(last), "a%d,1\n", slow.rows);
    pfs_waiting_done(&t.waiting);
    die(&slow.entry[0], &slow.file[0]);
    begin_life();
    assert_non_null(strstr(text_of("d/logs/snapshot/latest.csv"), last));
}

/* More than one row is more than one write. */
static void who_opens_for_more_is_waited_for(void **state)
{
    (void)state;
    begin_rows();
    for (int i = 0; i < 20; i++)
        write_and_be_waited_for(7, 2);
    end_rows();
}

/* What one process does each time says nothing of another one. */
static void who_comes_between_is_waited_for(void **state)
{
    (void)state;
    begin_rows();
    for (int i = 0; i < 5; i++) {
        for (int k = 0; k < 12; k++) {
            open_one(7);
            write_row(0);
            close_one();
        }
        write_and_be_waited_for(8, 1);
    }
    end_rows();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_syncs_after_each_row_is_synced_before_it_asks, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(who_writes_twice_is_waited_for, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(who_opens_for_each_row_is_synced_before_it_closes, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(who_opens_for_more_is_waited_for, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(who_comes_between_is_waited_for, open_memory, close_memory),
        cmocka_unit_test_setup_teardown(rows_of_a_file_that_is_not_appended_wait_for_their_writer, open_memory,
                                        close_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
