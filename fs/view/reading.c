/* reading.c - requests for a view's size and bytes: answered at once, or parked until a rendering came far enough. */
#include <assert.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fs/view/internal.h"

static void finish(struct pfs_wait *w, int64_t result)
{
    struct pfs_request *request = w->request;

    pfs_free(w);
    request->done(request, result);
}

static struct pfs_wait *new_wait(struct pfs_view *view, struct pfs_request *request,
                                 void (*wake)(struct pfs_waiter *, enum pfs_wake))
{
    struct pfs_wait *w = pfs_zalloc(sizeof(*w));

    if (w == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return NULL;
    }
    w->waiter.wake = wake;
    w->waiter.request = request;
    w->view = view;
    w->request = request;
    return w;
}

/* ---- sizes ---- */

bool pfs_view_try_size(struct pfs_view *view, uint64_t *size)
{
    bool sized;

    pfs_park_lock(view->views->config.park);
    sized = view->sized;
    if (sized)
        *size = view->size;
    pfs_park_unlock(view->views->config.park);
    return sized;
}

/* One that waits however long it takes makes a rendering of a large view run to the end. */
static void come_for_size(struct pfs_wait *w, int by)
{
    w->view->waiting += by;
    assert(w->view->waiting >= 0);
    if (w->waiter.deadline_ms == 0)
        w->view->measured += by;
    assert(w->view->measured >= 0);
    assert(w->view->measured <= w->view->waiting);
}

/* Lock held: parks until a rendering has come to its end. False: *rc says why not. */
static bool wait_for_size(struct pfs_wait *w, int *rc)
{
    struct pfs_view *view = w->view;

    assert(!view->sized);
    come_for_size(w, 1);
    if (pfs_rendering_to_measure(view, rc) == NULL)
        w->request->err = view->err;
    else if (pfs_park_add(view->views->config.park, &view->ended, &w->waiter))
        return true;
    else
        *rc = -EINTR;
    come_for_size(w, -1);
    return false;
}

/* When nothing is known of the size, and of no failure either, another one has asked anew since the rendering ended:
 * the next one is waited for. */
static void size_woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct pfs_wait *w = (struct pfs_wait *)waiter;
    struct pfs_view *view = w->view;
    struct pfs_views *views = view->views;
    bool parked = false;
    int rc = 0;

    pfs_park_lock(views->config.park);
    come_for_size(w, -1);
    if (why != PFS_WAKE_READY) {
        rc = why == PFS_WAKE_TIMEOUT ? -ETIMEDOUT : -EINTR;
    } else if (view->sized) {
        *w->size = view->size;
    } else if (view->rc < 0) {
        w->request->err = view->err;
        rc = view->rc;
    } else {
        parked = wait_for_size(w, &rc);
    }
    pfs_view_settle(view);
    pfs_park_unlock(views->config.park);
    pfs_views_bury(views);
    if (!parked)
        finish(w, rc);
}

void pfs_view_size(struct pfs_view *view, struct pfs_request *request, uint64_t *size, int64_t wait_ms)
{
    struct pfs_park *park = view->views->config.park;
    struct pfs_wait *w;
    bool parked = false;
    int rc = 0;

    if (pfs_view_try_size(view, size)) {
        request->done(request, 0);
        return;
    }
    w = new_wait(view, request, size_woken);
    if (w == NULL)
        return;
    w->size = size;
    w->waiter.deadline_ms = wait_ms == 0 ? 0 : pfs_clock_monotonic_ms() + wait_ms;
    pfs_park_lock(park);
    if (view->sized) {
        *size = view->size;
    } else {
        view->rc = 0;
        parked = wait_for_size(w, &rc);
    }
    pfs_park_unlock(park);
    if (!parked)
        finish(w, rc);
}

/* ---- bytes ---- */

/* The rendering whose spool has the bytes wanted; NULL = none yet. *len: how many there are, fewer at the end. */
static struct pfs_rendering *holder(struct pfs_view *view, uint64_t off, size_t *len)
{
    if (view->sized)
        *len = off >= view->size ? 0 : view->size - off < *len ? (size_t)(view->size - off) : *len;
    for (struct pfs_rendering *r = view->first; r != NULL; r = r->next)
        if (r->spool.low <= off && off <= r->spool.high && *len <= r->spool.high - off)
            return r;
    return NULL;
}

static void let_go(struct pfs_wait *w)
{
    struct pfs_rendering *r = w->rendering;

    w->rendering = NULL;
    assert(r != NULL);
    pfs_rendering_unref(r);
}

static struct pfs_span span_of(const struct pfs_spool *spool, uint64_t off, size_t len)
{
    struct pfs_span span = {0};

    while (len > 0) {
        struct pfs_span_part part = {0};
        uint64_t there = pfs_spool_where(spool, off, &part.fd, &part.off);

        assert(there > 0);
        assert(part.fd >= 0);

        if (span.parts == PFS_SPAN_PARTS)
            return (struct pfs_span){0};
        part.len = there < len ? (size_t)there : len;
        span.part[span.parts++] = part;
        off += part.len;
        len -= part.len;
    }
    return span;
}

/* Lock held: takes the bytes from memory, or says that they are to be read from the file. */
static bool take(struct pfs_wait *w, struct pfs_rendering *r)
{
    assert(w->rendering == NULL);
    assert(r->spool.low <= w->off);
    assert(w->off + w->len <= r->spool.high);
    pfs_rendering_was_read(r, w->off + w->len);
    if (r->spool.fd < 0) {
        pfs_spool_copy(&r->spool, w->off, w->to, w->len);
        return false;
    }
    w->rendering = r;
    w->lies = span_of(&r->spool, w->off, w->len);
    r->refs++;
    w->next = r->reads;
    r->reads = w;
    return true;
}

/* Piece by piece; where each lies is asked with the lock. */
static int read_pieces(struct pfs_wait *w)
{
    struct pfs_park *park = w->view->views->config.park;

    for (size_t done = 0, some; done < w->len; done += some) {
        uint64_t left, off;
        int fd;

        pfs_park_lock(park);
        left = pfs_spool_where(&w->rendering->spool, w->off + done, &fd, &off);
        pfs_park_unlock(park);
        some = left < w->len - done ? (size_t)left : w->len - done;
        PFS_TRY(pfs_spool_read(fd, off, w->to + done, some, &w->request->err));
    }
    return 0;
}

static int read_file(struct pfs_wait *w)
{
    uint8_t *to = w->to;

    if (w->lies.parts == 0)
        return read_pieces(w);
    if (w->span != NULL) {
        *w->span = w->lies;
        return 0;
    }
    for (int i = 0; i < w->lies.parts; i++) {
        const struct pfs_span_part *part = &w->lies.part[i];

        PFS_TRY(pfs_spool_read(part->fd, part->off, to, part->len, &w->request->err));
        to += part->len;
    }
    return 0;
}

/* The file's bytes stay as they are until the answer is given. */
static void answer_from_file(struct pfs_wait *w)
{
    struct pfs_rendering *r = w->rendering;
    struct pfs_view *view = w->view;
    struct pfs_views *views = view->views;
    int64_t result = (int64_t)w->len;

    if (read_file(w) < 0)
        result = -w->request->err.code;
    w->request->done(w->request, result);
    pfs_park_lock(views->config.park);
    for (struct pfs_wait **at = &r->reads; *at != NULL; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    pfs_rendering_unref(r);
    pfs_park_unlock(views->config.park);
    pfs_views_bury(views);
    pfs_free(w);
}

static void try_read(struct pfs_wait *w);

/* Whoever was let down by a rendering is told; else it looks again. */
static void read_woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct pfs_wait *w = (struct pfs_wait *)waiter;
    struct pfs_view *view = w->view;
    struct pfs_rendering *r = w->rendering;
    int rc = 0;

    pfs_park_lock(view->views->config.park);
    assert(view->waiting > 0);
    assert(r == NULL || r->parked > 0);
    view->waiting--;
    if (r != NULL) {
        r->parked--;
        if (r->pace == PFS_ENDED && r->rc < 0 && r->rc != -ECANCELED) {
            w->request->err = r->err;
            rc = r->rc;
        }
        let_go(w);
    }
    if (why != PFS_WAKE_READY)
        rc = -EINTR;
    if (rc < 0)
        pfs_view_settle(view);
    pfs_park_unlock(view->views->config.park);
    if (rc < 0)
        finish(w, rc);
    else
        try_read(w);
}

/* Lock held: parks until the rendering has come on. 0 = parked. */
static int wait_for(struct pfs_wait *w)
{
    struct pfs_view *view = w->view;
    struct pfs_rendering *r;
    int rc;

    r = pfs_rendering_for(view, w->off, &rc);
    if (rc < 0) {
        w->request->err = view->err;
        return rc;
    }
    if (!pfs_park_add(view->views->config.park, &view->progress, &w->waiter))
        return -EINTR;
    view->waiting++;
    w->rendering = r;
    if (r != NULL) {
        r->refs++;
        r->parked++;
    }
    return 0;
}

static void try_read(struct pfs_wait *w)
{
    struct pfs_view *view = w->view;
    struct pfs_views *views = view->views;
    struct pfs_rendering *r;
    bool from_file = false, parked = false;
    size_t len = w->len;
    int64_t result = 0;

    pfs_park_lock(views->config.park);
    r = holder(view, w->off, &len);
    if (r != NULL) {
        w->len = len;
        result = (int64_t)len;
        from_file = take(w, r);
    } else if (len > 0) {
        result = wait_for(w);
        parked = result == 0;
    }
    pfs_park_unlock(views->config.park);
    if (from_file)
        answer_from_file(w);
    else if (!parked)
        finish(w, result);
}

void pfs_view_read(struct pfs_view *view, struct pfs_request *request, uint64_t off, void *to, size_t len,
                   struct pfs_span *span)
{
    struct pfs_wait *w = new_wait(view, request, read_woken);

    if (w == NULL)
        return;
    if (span != NULL)
        span->parts = 0;
    w->off = off;
    w->to = to;
    w->len = len;
    w->span = span;
    try_read(w);
}
