/* gate.c - writes that have to wait, since the table's files or the journal have to catch up first. They are looked at
 * every moment instead of being told: what they wait for has many reasons to be over. */
#include "fs/tree/gate.h"

#include <assert.h>

#include "base/mem.h"
#include "fs/tree/internal.h"

#define HELD_MAX_MS 10000
#define LOOK_MS 10

struct held {
    struct pfs_waiter waiter; /* first */
    struct pfs_tree *tree;
    struct pfs_request *request;
    struct pfs_inbox *inbox;
    uint64_t off;
    struct pfs_slice bytes;
    int64_t until_ms;
    struct pfs_waitlist list; /* this one alone. Guarded by the park's lock */
};

/* On the pool: rows are parsed here. */
static void let_in(void *context)
{
    struct held h = *(struct held *)context;

    pfs_free(context);
    pfs_inbox_write(h.inbox, h.request, h.off, h.bytes);
}

/* The handle fails with it: its writer was told that rows were not taken, and must not find later ones without them. */
static void refuse(struct held *h, const struct pfs_err *why)
{
    struct pfs_request *request = h->request;
    struct pfs_inbox *inbox = h->inbox;

    pfs_free(h);
    pfs_inbox_refuse(inbox, request, why);
}

/* Nothing of the write was taken, and the handle is as it was. */
static void interrupt(struct held *h)
{
    struct pfs_request *request = h->request;

    pfs_free(h);
    request->done(request, -EINTR);
}

static void park(struct held *h)
{
    bool parked;

    assert(h->waiter.link == NULL);
    h->waiter.deadline_ms = pfs_clock_monotonic_ms() + LOOK_MS;
    pfs_park_lock(h->tree->park);
    parked = pfs_park_add(h->tree->park, &h->list, &h->waiter);
    pfs_park_unlock(h->tree->park);
    if (!parked)
        interrupt(h);
}

/* Rows are parsed by the pool: who wakes serves no request. */
static void woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct held *h = (struct held *)waiter;
    struct pfs_err err = {0};

    if (why == PFS_WAKE_INTERRUPT) {
        interrupt(h);
    } else if (pfs_ingest_check(h->tree->ingest, pfs_inbox_table(h->inbox), &err) == 0) {
        if (h->tree->config.pool == NULL || pfs_pool_submit(h->tree->config.pool, true, let_in, h) < 0)
            let_in(h);
    } else if (pfs_clock_monotonic_ms() >= h->until_ms) {
        refuse(h, &err);
    } else {
        park(h);
    }
}

/* The usual case costs one look: nobody waits. */
void pfs_gate_write(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                    struct pfs_slice bytes)
{
    struct held *h;

    if (tree->ingest == NULL || pfs_ingest_check(tree->ingest, pfs_inbox_table(handle->inbox), NULL) == 0) {
        pfs_inbox_write(handle->inbox, request, off, bytes);
        return;
    }
    h = pfs_zalloc(sizeof(*h));
    if (h == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    *h = (struct held){.waiter = {.wake = woken, .request = request},
                       .tree = tree,
                       .request = request,
                       .inbox = handle->inbox,
                       .off = off,
                       .bytes = bytes,
                       .until_ms = pfs_clock_monotonic_ms() + HELD_MAX_MS};
    park(h);
}
