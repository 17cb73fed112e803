/* overlap_test.c - requests of one handle that overlap: a descriptor is closed while another one is written to; and
 * what is left of a file that cannot be opened. */
#include <semaphore.h>
#include <time.h>

#include "fs/tree/internal.h"
#include "tests/unit/fs/over_memory.h"

static struct {
    sem_t inside, let_go;
} busy;

static void keep_busy(void *context)
{
    (void)context;
    (void)sem_post(&busy.inside);
    while (sem_wait(&busy.let_go) != 0)
        ;
}

/* All of the pool's threads: what is submitted from here on waits. */
static void occupy_pool(void)
{
    assert_int_equal(sem_init(&busy.inside, 0, 0), 0);
    assert_int_equal(sem_init(&busy.let_go, 0, 0), 0);
    for (int i = 0; i < 3; i++) { /* the last one is urgent: the thread that takes nothing else is left for it */
        assert_int_equal(pfs_pool_submit(t.pool, i == 2, keep_busy, NULL), 0);
        while (sem_wait(&busy.inside) != 0)
            ;
    }
}

static void leave_pool(void)
{
    for (int i = 0; i < 3; i++)
        (void)sem_post(&busy.let_go);
}

struct asking {
    struct pfs_request request; /* first */
    sem_t answered;
    int64_t result;
};

static void answered(struct pfs_request *request, int64_t result)
{
    struct asking *a = (struct asking *)request;

    a->result = result;
    (void)sem_post(&a->answered);
}

static void prepare(struct asking *a)
{
    memset(a, 0, sizeof(*a));
    a->request.done = answered;
    assert_int_equal(sem_init(&a->answered, 0, 0), 0);
}

static int64_t await(struct asking *a)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    while (sem_timedwait(&a->answered, &until) != 0)
        if (errno == ETIMEDOUT)
            return -ETIMEDOUT;
    (void)sem_destroy(&a->answered);
    return a->result;
}

/* Writes to the path and closes a descriptor of it before the write is done. */
static void write_and_flush(const char *path, int flags, const char *text)
{
    struct asking write, flush;
    struct pfs_entry entry;
    struct pfs_opened file;

    assert_int_equal(open_path(path, flags, &entry, &file), 0);
    prepare(&write);
    prepare(&flush);
    occupy_pool();
    pfs_tree_write(t.tree, &write.request, file.handle, 0, pfs_str(text));
    pfs_tree_flush(t.tree, &flush.request, file.handle);
    leave_pool();
    assert_int_equal(await(&write), strlen(text));
    assert_int_equal(await(&flush), 0);
    assert_int_equal(close_path(&entry, &file), 0);
}

static void options_that_are_being_set_are_set_once(void **state)
{
    (void)state;
    write_and_flush("d/t/options", O_WRONLY | O_APPEND, "snapshot.num-retained.min = 5\n");
    assert_string_equal(text_of("d/t/options"), "bucket = 2\nsnapshot.num-retained.min = 5\n");
}

static void a_statement_that_waits_is_not_taken_for_half_of_one(void **state)
{
    struct pfs_entry entry;

    (void)state;
    write_and_flush("sql", O_RDWR, "CREATE DATABASE e;");
    assert_int_equal(pfs_tree_walk(t.tree, "e", &entry, NULL), 0);
    pfs_tree_forget(t.tree, entry.node, 1);
}

static void nothing_is_left_of_an_inbox_that_cannot_be_opened(void **state)
{
    struct pfs_entry table, entry;
    struct pfs_opened file;
    long long nodes;

    (void)state;
    assert_int_equal(pfs_tree_walk(t.tree, "d/t", &table, NULL), 0);
    nodes = atomic_load(&t.tree->nodes);
    pfs_tree_create(t.tree, &t.waiting.request, table.node, "inbox", O_RDWR | O_CREAT, &entry, &file);
    assert_int_equal(pfs_waiting_result(&t.waiting, NULL), -EACCES);
    assert_int_equal(atomic_load(&t.tree->nodes), nodes);
    pfs_tree_forget(t.tree, table.node, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(options_that_are_being_set_are_set_once, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(a_statement_that_waits_is_not_taken_for_half_of_one, open_tree, close_tree),
        cmocka_unit_test_setup_teardown(nothing_is_left_of_an_inbox_that_cannot_be_opened, open_tree, close_tree),
    };

    return cmocka_run_group_tests_name("overlap", tests, NULL, NULL);
}
