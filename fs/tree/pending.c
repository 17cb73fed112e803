/* pending.c - whoever waits for a commit. The commit and the one who waits end in any order: who waits no longer, since
 * it was interrupted or has waited long enough, leaves its part to be freed by the commit. */
#include "fs/tree/pending.h"

#include <assert.h>

#include "base/mem.h"
#include "fs/tree/internal.h"

#define PENDING_WAIT_MS 5000

struct pending {
    struct pfs_waiter waiter; /* first */
    struct pfs_tree *tree;
    struct pfs_request *request;
    struct pfs_waitlist list; /* this one alone. Guarded by the park's lock, as all below */
    int refs;                 /* the commit's and the request's */
    bool done;
    int rc;
    struct pfs_err err;
};

/* Whoever comes last frees it, the commit or the one who waited. */
static void unref(struct pending *p)
{
    bool last;

    pfs_park_lock(p->tree->park);
    assert(p->refs > 0);
    last = --p->refs == 0;
    pfs_park_unlock(p->tree->park);
    if (last)
        pfs_free(p);
}

static void answer(struct pending *p, int64_t result)
{
    struct pfs_request *request = p->request;

    unref(p);
    if (request->err.code != 0)
        (void)pfs_wrap(&request->err, "rows that were acknowledged cannot be committed");
    request->done(request, result);
}

/* The commit is over: nobody writes to what it left. */
static void answer_as_committed(struct pending *p)
{
    assert(p->done);
    if (p->rc < 0)
        p->request->err = p->err;
    answer(p, p->rc);
}

static void woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct pending *p = (struct pending *)waiter;

    if (why == PFS_WAKE_READY)
        answer_as_committed(p);
    else if (why == PFS_WAKE_INTERRUPT)
        answer(p, -EINTR);
    else
        answer(p, pfs_fail(&p->request->err, EBUSY, "they did not get through in %d s", PENDING_WAIT_MS / 1000));
}

/* On the thread that committed. */
static void committed(void *context, int rc, const struct pfs_err *err)
{
    struct pending *p = context;

    pfs_park_lock(p->tree->park);
    assert(!p->done);
    p->done = true;
    p->rc = rc;
    if (err != NULL)
        p->err = *err;
    pfs_park_unlock(p->tree->park);
    pfs_park_wake(p->tree->park, &p->list);
    unref(p);
}

/* Nothing to commit is the usual case, and answered at once. Readers look for doubts by themselves, behind their look;
 * whoever acts on the table does so before. */
void pfs_pending_commit(struct pfs_tree *tree, struct pfs_request *request, struct pfs_table *table,
                        enum pfs_ingest_when when)
{
    struct pending *p;
    bool done, parked = false;

    if (tree->ingest != NULL && when == PFS_INGEST_NOW)
        (void)pfs_ingest_is_doubtful(tree->ingest, table);
    if (tree->ingest == NULL || pfs_ingest_idle(tree->ingest, table)) {
        request->done(request, 0);
        return;
    }
    p = pfs_zalloc(sizeof(*p));
    if (p == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    p->waiter = (struct pfs_waiter){
        .wake = woken, .request = request, .deadline_ms = pfs_clock_monotonic_ms() + PENDING_WAIT_MS};
    p->tree = tree;
    p->request = request;
    p->refs = 2;
    pfs_ingest_commit(tree->ingest, table, when, committed, p);
    pfs_park_lock(tree->park);
    done = p->done;
    if (!done)
        parked = pfs_park_add(tree->park, &p->list, &p->waiter);
    pfs_park_unlock(tree->park);
    if (done)
        answer_as_committed(p);
    else if (!parked)
        answer(p, -EINTR);
}
