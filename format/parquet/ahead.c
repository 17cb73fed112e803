/* ahead.c - one page in advance: a small machine between the caller and at most one worker.
 *
 *              want                    a worker begins
 *     IDLE -------------> WANTED ------------------------> RUNNING
 *      ^                    |                                 |
 *      |   the caller is    |                                 | the worker is done
 *      +--- faster ---------+                                 v
 *      +---------------------------------------------------- READY
 *
 * CLOSED is the end, from any state but RUNNING, which close waits for. There is one task in the pool's queue at most:
 * it serves whatever is wanted when its turn comes, be it a later page than the one that queued it. A task that comes
 * too late finds IDLE or READY and goes; one that comes after the end lets go of the struct.
 */
#include "format/parquet/ahead.h"

#include <assert.h>
#include <pthread.h>

#include "base/mem.h"

enum state {
    STATE_IDLE,    /* nothing is asked for */
    STATE_WANTED,  /* the next page is to be made by whoever comes first */
    STATE_RUNNING, /* a worker makes it */
    STATE_READY,   /* it is there, or its failure */
    STATE_CLOSED,
};

/* The source, `page`, `got` and `err` belong to the worker while RUNNING, else to the caller. A task may still be
 * queued when its page was made by the caller, or when all is closed: it then keeps the struct, not what is in it. */
struct pfs_pq_ahead {
    struct pfs_pq_source source;
    struct pfs_pool *pool;
    struct pfs_pq_page page; /* the one that is being made */
    int got;
    struct pfs_err err;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t ready;
    enum state state;
    bool queued; /* a task is in the pool and has not begun: it serves whatever is wanted when it does */
};

static void free_ahead(struct pfs_pq_ahead *ahead)
{
    pthread_cond_destroy(&ahead->ready);
    pthread_mutex_destroy(&ahead->lock);
    pfs_free(ahead);
}

/* By whoever owns the source at the moment: the worker in RUNNING, the caller else. No lock is held across its reads.
 */
static void make(struct pfs_pq_ahead *ahead)
{
    pfs_err_clear(&ahead->err);
    ahead->got = pfs_pq_source_next(&ahead->source, &ahead->page, &ahead->err);
}

/* The task. The lock is held to change the state alone; between RUNNING and READY all but the state is the worker's. */
static void run(void *context)
{
    struct pfs_pq_ahead *ahead = context;
    bool wanted, closed;

    pthread_mutex_lock(&ahead->lock);
    ahead->queued = false;
    wanted = ahead->state == STATE_WANTED;
    closed = ahead->state == STATE_CLOSED;
    assert(ahead->state != STATE_RUNNING); /* one task at a time, and this one has not begun */
    if (wanted)
        ahead->state = STATE_RUNNING;
    pthread_mutex_unlock(&ahead->lock);
    if (closed)
        free_ahead(ahead);
    if (!wanted)
        return;
    make(ahead);
    pthread_mutex_lock(&ahead->lock);
    assert(ahead->state == STATE_RUNNING); /* close and obtain wait for the end of it */
    ahead->state = STATE_READY;
    pthread_cond_signal(&ahead->ready);
    pthread_mutex_unlock(&ahead->lock); /* nothing is touched after this: the caller may close */
}

int pfs_pq_ahead_open(const struct pfs_pq_source *source, struct pfs_pool *pool, struct pfs_pq_ahead **out,
                      struct pfs_err *err)
{
    struct pfs_pq_ahead *ahead = pfs_zalloc(sizeof(*ahead));

    assert(source->window == NULL); /* a copy: what the source owns would have two owners */
    assert(source->group == -1);
    if (ahead == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a column");
    ahead->source = *source;
    ahead->pool = pool;
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    *out = ahead;
    return 0;
}

void pfs_pq_ahead_close(struct pfs_pq_ahead *ahead)
{
    bool queued;

    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->lock);
    while (ahead->state == STATE_RUNNING)
        pthread_cond_wait(&ahead->ready, &ahead->lock);
    assert(ahead->state != STATE_CLOSED);
    pfs_pq_source_done(&ahead->source);
    pfs_pq_page_done(&ahead->page);
    ahead->state = STATE_CLOSED;
    queued = ahead->queued;
    pthread_mutex_unlock(&ahead->lock);
    if (!queued)
        free_ahead(ahead);
}

/* A queue that is full costs only the parallelism: the caller makes the page when it needs it. */
static void want(struct pfs_pq_ahead *ahead)
{
    if (ahead->pool == NULL)
        return;
    pthread_mutex_lock(&ahead->lock);
    assert(ahead->state == STATE_IDLE); /* the page before was taken: nothing that is there is made again */
    ahead->state = STATE_WANTED;
    if (!ahead->queued)
        ahead->queued = pfs_pool_submit(ahead->pool, false, run, ahead) == 0;
    pthread_mutex_unlock(&ahead->lock);
}

void pfs_pq_ahead_start(struct pfs_pq_ahead *ahead)
{
    if (ahead != NULL)
        want(ahead);
}

/* Leaves the next page, or why there is none, in `page`, `got` and `err`. */
static void obtain(struct pfs_pq_ahead *ahead)
{
    bool ready;

    pthread_mutex_lock(&ahead->lock);
    while (ahead->state == STATE_RUNNING)
        pthread_cond_wait(&ahead->ready, &ahead->lock);
    ready = ahead->state == STATE_READY;
    ahead->state = STATE_IDLE;
    pthread_mutex_unlock(&ahead->lock);
    if (!ready)
        make(ahead);
}

/* The caller's old page and the new one change places, so that two pages' memory is all that a column ever takes. */
int pfs_pq_ahead_next(struct pfs_pq_ahead *ahead, struct pfs_pq_page *page, struct pfs_err *err)
{
    struct pfs_pq_page used = *page;
    int got;

    obtain(ahead);
    got = ahead->got;
    if (got < 0) {
        if (err != NULL)
            *err = ahead->err;
        return got;
    }
    *page = ahead->page;
    ahead->page = used;
    if (got > 0)
        want(ahead); /* from here on all of it may be a worker's */
    return got;
}
