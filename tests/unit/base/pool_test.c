/* Every task runs once; who waits for all of them comes after the last. */
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/unit/cm.h"

#define TASKS 300

static struct pfs_pool *pool;

static int set_up(void **state)
{
    (void)state;
    return pfs_pool_open(2, &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pfs_pool_close(pool);
    return 0;
}

static void rest(long ms)
{
    (void)nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

static void count(void *context)
{
    rest(1);
    atomic_fetch_add((atomic_int *)context, 1);
}

static void settling_waits_for_what_is_queued_and_what_runs(void **state)
{
    atomic_int done = 0;

    (void)state;
    pfs_pool_settle(NULL);
    pfs_pool_settle(pool); /* at once: nothing ever ran */
    for (int round = 1; round <= 3; round++) {
        for (int i = 0; i < TASKS; i++)
            assert_int_equal(pfs_pool_submit(pool, i % 3 == 0, count, &done), 0);
        pfs_pool_settle(pool);
        assert_int_equal(atomic_load(&done), round * TASKS);
    }
}

struct chain {
    atomic_int left;
};

static void link_on(void *context)
{
    struct chain *c = context;

    rest(1);
    if (atomic_fetch_sub(&c->left, 1) > 1)
        assert_int_equal(pfs_pool_submit(pool, false, link_on, c), 0);
}

static void settling_waits_for_what_tasks_submit(void **state)
{
    struct chain chain = {50};

    (void)state;
    assert_int_equal(pfs_pool_submit(pool, true, link_on, &chain), 0);
    pfs_pool_settle(pool);
    assert_int_equal(atomic_load(&chain.left), 0);
}

static void closing_runs_what_is_queued(void **state)
{
    struct pfs_pool *other;
    atomic_int done = 0;

    (void)state;
    assert_int_equal(pfs_pool_open(1, &other, NULL), 0);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(pfs_pool_submit(other, false, count, &done), 0);
    pfs_pool_close(other);
    assert_int_equal(atomic_load(&done), TASKS);
}

/* The threads want stacks that no address space has. */
static void a_pool_whose_threads_cannot_start_says_so(void **state)
{
    struct pfs_pool *none = NULL;
    pthread_attr_t before, huge;
    struct pfs_err err = {0};
    int rc;

    (void)state;
    assert_int_equal(pthread_getattr_default_np(&before), 0);
    assert_int_equal(pthread_getattr_default_np(&huge), 0);
    assert_int_equal(pthread_attr_setstacksize(&huge, (size_t)1 << 46), 0);
    assert_int_equal(pthread_setattr_default_np(&huge), 0);
    rc = pfs_pool_open(3, &none, &err);
    assert_int_equal(pthread_setattr_default_np(&before), 0);
    pthread_attr_destroy(&huge);
    pthread_attr_destroy(&before);
    assert_true(rc < 0);
    assert_int_equal(err.code, -rc);
    assert_string_equal(err.text, "thread 0 of 4 cannot be started");
    assert_null(none);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
};

static void wait_at_gate(void *context)
{
    struct gate *g = context;

    pthread_mutex_lock(&g->lock);
    while (!g->open)
        pthread_cond_wait(&g->opened, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void open_gate(void *context)
{
    struct gate *g = context;

    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->opened);
    pthread_mutex_unlock(&g->lock);
}

/* Would hang otherwise: all ordinary workers wait for the urgent task. */
static void urgent_tasks_run_while_all_others_wait(void **state)
{
    struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

    (void)state;
    for (int i = 0; i < 2 * pfs_pool_threads(pool); i++)
        assert_int_equal(pfs_pool_submit(pool, false, wait_at_gate, &gate), 0);
    assert_int_equal(pfs_pool_submit(pool, true, open_gate, &gate), 0);
    pfs_pool_settle(pool);
    assert_true(gate.open);
}

static void mark(void *context, int index)
{
    atomic_int *seen = context;

    atomic_fetch_add(&seen[index], 1);
}

static void a_run_calls_each_index_once(void **state)
{
    static const int counts[] = {0, 1, 2, 3, TASKS};
    struct pfs_pool *const pools[] = {NULL, pool};

    (void)state;
    for (size_t p = 0; p < COUNT(pools); p++)
        for (size_t i = 0; i < COUNT(counts); i++) {
            atomic_int seen[TASKS] = {0};

            pfs_pool_run(pools[p], counts[i], mark, seen);
            for (int k = 0; k < TASKS; k++)
                assert_int_equal(atomic_load(&seen[k]), k < counts[i]);
        }
}

static void run_inside(void *context, int index)
{
    (void)index;
    pfs_pool_run(pool, 4, mark, context);
}

static void runs_within_runs_end(void **state)
{
    atomic_int seen[4] = {0};

    (void)state;
    pfs_pool_run(pool, 8, run_inside, seen);
    for (int k = 0; k < 4; k++)
        assert_int_equal(atomic_load(&seen[k]), 8);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settling_waits_for_what_is_queued_and_what_runs),
        TEST(settling_waits_for_what_tasks_submit),
        cmocka_unit_test(a_pool_whose_threads_cannot_start_says_so),
        TEST(closing_runs_what_is_queued),
        TEST(urgent_tasks_run_while_all_others_wait),
        TEST(a_run_calls_each_index_once),
        TEST(runs_within_runs_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
