/* pool.c - two queues and their workers, all behind one lock.
 *
 *   urgent   -> worker 0 takes nothing else; the others take these first
 *   ordinary -> workers 1 .. threads
 *
 * Tasks are long against a lock: one for everything is simpler than it is slow. It is never held while a task runs. */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"

struct task {
    pfs_task_fn *fn;
    void *context;
};

struct queue { /* a ring that grows */
    struct task *task;
    size_t first, count, room;
};

struct pfs_pool {
    pthread_mutex_t lock; /* guards all below but threads */
    pthread_cond_t more;  /* something was queued, or closing */
    pthread_cond_t still; /* nothing is queued, and nothing runs */
    struct queue urgent, ordinary;
    bool closing;
    int running; /* workers that are at a task */
    int threads; /* ordinary workers */
    int started;
    pthread_t thread[];
};

/* A ring that is full moves to one of twice the size, its first task at place 0. It never shrinks. */
static bool push(struct queue *q, struct task task)
{
    assert(q->count <= q->room);
    if (q->count == q->room) {
        size_t room = q->room == 0 ? 64 : q->room * 2;
        struct task *more = pfs_alloc_array(room, sizeof(*more));

        if (more == NULL)
            return false;
        for (size_t i = 0; i < q->count; i++)
            more[i] = q->task[(q->first + i) % q->room];
        pfs_free(q->task);
        q->task = more;
        q->first = 0;
        q->room = room;
    }
    q->task[(q->first + q->count++) % q->room] = task;
    return true;
}

static bool pop(struct queue *q, struct task *out)
{
    if (q->count == 0)
        return false;
    assert(q->first < q->room);
    *out = q->task[q->first];
    q->first = (q->first + 1) % q->room;
    q->count--;
    return true;
}

static bool is_still(const struct pfs_pool *pool)
{
    assert(pool->running >= 0);
    return pool->running == 0 && pool->urgent.count == 0 && pool->ordinary.count == 0;
}

/* The next task for a worker, which is done with its last one, if any; false when the pool closes and nothing is left.
 */
static bool next_task(struct pfs_pool *pool, bool urgent_only, bool done, struct task *out)
{
    bool found;

    pthread_mutex_lock(&pool->lock);
    pool->running -= done;
    if (done && is_still(pool))
        pthread_cond_broadcast(&pool->still);
    for (;;) {
        found = pop(&pool->urgent, out) || (!urgent_only && pop(&pool->ordinary, out));
        if (found || pool->closing)
            break;
        pthread_cond_wait(&pool->more, &pool->lock);
    }
    pool->running += found;
    pthread_mutex_unlock(&pool->lock);
    return found;
}

static void *work(void *context)
{
    struct pfs_pool *pool = context;
    struct task task;

    for (bool done = false; next_task(pool, false, done, &task); done = true)
        task.fn(task.context);
    return NULL;
}

static void *work_urgent(void *context)
{
    struct pfs_pool *pool = context;
    struct task task;

    for (bool done = false; next_task(pool, true, done, &task); done = true)
        task.fn(task.context);
    return NULL;
}

int pfs_pool_open(int threads, struct pfs_pool **out, struct pfs_err *err)
{
    struct pfs_pool *pool;

    assert(out != NULL);
    if (threads <= 0)
        threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (threads <= 0)
        threads = 1;
    pool = pfs_zalloc(sizeof(*pool) + (size_t)(threads + 1) * sizeof(pthread_t));
    if (pool == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d threads", threads);
    pool->threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->more, NULL);
    pthread_cond_init(&pool->still, NULL);
    for (; pool->started < threads + 1; pool->started++) {
        int rc = pthread_create(&pool->thread[pool->started], NULL, pool->started == 0 ? work_urgent : work, pool);

        if (rc != 0) {
            (void)pfs_fail(err, rc, "thread %d of %d cannot be started", pool->started, threads + 1);
            pfs_pool_close(pool);
            return -rc;
        }
    }
    *out = pool;
    return 0;
}

void pfs_pool_close(struct pfs_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->thread[i], NULL);
    assert(is_still(pool)); /* workers leave when nothing is left; of a pool that did not open nothing was asked */
    pthread_cond_destroy(&pool->more);
    pthread_cond_destroy(&pool->still);
    pthread_mutex_destroy(&pool->lock);
    pfs_free(pool->urgent.task);
    pfs_free(pool->ordinary.task);
    pfs_free(pool);
}

void pfs_pool_settle(struct pfs_pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    while (!is_still(pool))
        pthread_cond_wait(&pool->still, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

int pfs_pool_threads(const struct pfs_pool *pool)
{
    return pool->threads;
}

/* Also while the pool closes: a task that runs then may still submit others, and its own worker will come to them. */
int pfs_pool_submit(struct pfs_pool *pool, bool urgent, pfs_task_fn *fn, void *context)
{
    bool queued;

    assert(fn != NULL);
    pthread_mutex_lock(&pool->lock);
    queued = push(urgent ? &pool->urgent : &pool->ordinary, (struct task){fn, context});
    /* An ordinary task must reach an ordinary worker, and the urgent one may be the one that a signal wakes. */
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    return queued ? 0 : -ENOMEM;
}

/* ---- many indexes at once ----
 *
 * Each participant takes the next index until there is none. A helper that gets its turn when all is done finds nothing
 * and leaves, perhaps long after the caller has gone on: so the crowd is counted, and belongs to whoever leaves last.
 */

struct crowd {
    atomic_int refs; /* the caller and each helper task */
    atomic_int next, done;
    int count;
    void (*fn)(void *context, int index);
    void *context;
    pthread_mutex_t lock;
    pthread_cond_t finished;
};

static void crowd_unref(struct crowd *c)
{
    int before = atomic_fetch_sub(&c->refs, 1);

    assert(before > 0);
    if (before != 1)
        return;
    pthread_cond_destroy(&c->finished);
    pthread_mutex_destroy(&c->lock);
    pfs_free(c);
}

static void crowd_work(struct crowd *c)
{
    int index;

    while ((index = atomic_fetch_add(&c->next, 1)) < c->count) {
        c->fn(c->context, index);
        if (atomic_fetch_add(&c->done, 1) + 1 == c->count) {
            pthread_mutex_lock(&c->lock);
            pthread_cond_broadcast(&c->finished);
            pthread_mutex_unlock(&c->lock);
        }
    }
}

static void crowd_task(void *context)
{
    crowd_work(context);
    crowd_unref(context);
}

void pfs_pool_run(struct pfs_pool *pool, int count, void (*fn)(void *context, int index), void *context)
{
    struct crowd *c = pool == NULL || count <= 1 ? NULL : pfs_zalloc(sizeof(*c));
    int helpers;

    assert(count >= 0);
    assert(fn != NULL);
    if (c == NULL) { /* nobody to share with, or no memory to say how: alone */
        for (int i = 0; i < count; i++)
            fn(context, i);
        return;
    }
    c->count = count;
    c->fn = fn;
    c->context = context;
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->finished, NULL);
    helpers = pool->threads < count - 1 ? pool->threads : count - 1; /* the caller takes part */
    assert(helpers > 0);
    for (int i = 0; i < helpers; i++) {
        atomic_fetch_add(&c->refs, 1);
        if (pfs_pool_submit(pool, false, crowd_task, c) < 0)
            crowd_unref(c);
    }
    /* What is left when this returns is being worked on by helpers that run: waiting for them cannot be for ever. */
    crowd_work(c);
    pthread_mutex_lock(&c->lock);
    while (atomic_load(&c->done) < count)
        pthread_cond_wait(&c->finished, &c->lock);
    pthread_mutex_unlock(&c->lock);
    crowd_unref(c);
}
