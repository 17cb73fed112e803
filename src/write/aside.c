/* aside.c - rows beyond the budget become runs on the pool, while the next ones are parsed and held.
 *
 * One flush at a time: numbers follow the order of arrival. Whoever has to wait for one that no worker has begun does
 * it himself, so that a worker may wait too.
 *
 *   QUEUED -> RUNNING   by whoever comes first, the pool's task or the writer that settles
 *   RUNNING -> DONE     by the same; `rc` and `err` are written before, and read after
 *
 * The object outlives the write when the pool gets to its task late: then it is DONE, and only its reference is left.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>

#include "base/mem.h"
#include "src/write/internal.h"

enum progress { QUEUED, RUNNING, DONE };

struct pfs_aside {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int refs; /* the write's and the queue's */
    enum progress progress;
    struct pfs_write *write; /* there as long as this is not DONE */
    struct pfs_hold hold;
    struct pfs_state *state;
    int rc;
    struct pfs_err err;
};

bool pfs_aside_can(const struct pfs_write *w)
{
    /* Dynamic buckets are assigned while rows are sorted, by partitions that adding rows makes. */
    return w->spillable && w->config.pool != NULL && !pfs_write_is_dynamic(w->config.schema);
}

static void unref(struct pfs_aside *a)
{
    bool last;

    pthread_mutex_lock(&a->lock);
    assert(a->refs > 0);
    last = --a->refs == 0;
    pthread_mutex_unlock(&a->lock);
    if (!last)
        return;
    assert(a->progress == DONE);
    pfs_hold_done(&a->hold);
    pfs_state_unref(a->state);
    pthread_cond_destroy(&a->done);
    pthread_mutex_destroy(&a->lock);
    pfs_free(a);
}

/* Does it, unless somebody has begun. */
static void run(struct pfs_aside *a)
{
    bool mine;

    pthread_mutex_lock(&a->lock);
    mine = a->progress == QUEUED;
    if (mine)
        a->progress = RUNNING;
    pthread_mutex_unlock(&a->lock);
    if (!mine)
        return;
    a->rc = pfs_flush_runs(a->write, &a->hold, a->state, &a->err);
    if (a->rc < 0 && a->err.code == 0) /* the rows are lost: settle goes by the code */
        (void)pfs_fail(&a->err, -a->rc, "rows could not be put aside: %s", pfs_errno_text(-a->rc));
    pfs_hold_clear(&a->hold);
    pthread_mutex_lock(&a->lock);
    assert(a->progress == RUNNING);
    a->progress = DONE;
    pthread_cond_broadcast(&a->done);
    pthread_mutex_unlock(&a->lock);
}

static void task(void *context)
{
    struct pfs_aside *a = context;

    run(a);
    unref(a);
}

int pfs_aside_settle(struct pfs_write *w, struct pfs_err *err)
{
    struct pfs_aside *a = w->aside;

    if (a != NULL) {
        assert(a->write == w);
        run(a);
        pthread_mutex_lock(&a->lock);
        while (a->progress != DONE)
            pthread_cond_wait(&a->done, &a->lock);
        pthread_mutex_unlock(&a->lock);
        w->aside = NULL;
        if (a->rc < 0 && w->failed.code == 0)
            w->failed = a->err;
        unref(a);
    }
    if (w->failed.code != 0 && err != NULL)
        *err = w->failed;
    return -w->failed.code;
}

int pfs_aside_begin(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_aside *a;

    PFS_TRY(pfs_aside_settle(w, err));
    assert(pfs_aside_can(w));
    assert(w->aside == NULL);
    assert(w->hold.count > 0);
    a = pfs_zalloc(sizeof(*a));
    if (a == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->done, NULL);
    a->refs = 2;
    a->write = w;
    a->hold = w->hold;
    a->state = state != NULL ? pfs_state_ref(state) : NULL;
    w->hold = (struct pfs_hold){0};
    w->aside = a;
    if (pfs_pool_submit(w->config.pool, false, task, a) < 0) {
        unref(a);
        return pfs_aside_settle(w, err);
    }
    return 0;
}
