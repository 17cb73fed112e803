/* view.c - rendered bytes in unlinked files, and who waits for them.
 *
 *            start                    end                     evicted
 *   IDLE ----------> RENDERING ----------> READY ------------------------> SIZED
 *     ^  failed, unwanted |                  ^                               |
 *     +-------------------+                  +-------- rendered again -------+
 *
 * SIZED knows its size and has no spool; rendering it again passes through RENDERING with the size still known. One
 * lock, the park's, guards every view and the cache; renders and reads of spools run without it.
 */
#include "fs/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define BUCKETS 4096
#define CACHE_DEFAULT ((uint64_t)1 << 30)

enum stage { IDLE, RENDERING, READY, SIZED };

struct pfs_sink {
    struct pfs_view *view;
    struct pfs_cancel cancel;
    uint64_t off;
    struct pfs_request *pour; /* NULL = to the spool; else the request to answer, and: */
    int to;                   /* where the bytes go */
};

struct pfs_view { /* all but key, source and sink are guarded by the park's lock */
    struct pfs_views *views;
    char *key;
    struct pfs_view_source source;
    int refs;
    int holds;   /* open handles */
    int waiting; /* requests that wait for a size or for bytes */
    enum stage stage;
    int fd; /* spool; -1 = none */
    uint64_t produced;
    bool sized;
    uint64_t size;
    struct pfs_waitlist progress; /* wait for bytes */
    struct pfs_waitlist ended;    /* wait for the size */
    int rc;                       /* of the last render: tells those that were woken by its failure */
    struct pfs_err err;
    struct pfs_sink sink;
    struct pfs_view *chain;         /* same hash bucket */
    struct pfs_view *newer, *older; /* among spools that may go */
    bool listed;
};

struct pfs_views {
    struct pfs_views_config config;
    char *cache_dir;
    struct pfs_view *bucket[BUCKETS];
    struct pfs_view *newest, *oldest; /* READY views without a hold */
    uint64_t bytes;                   /* of all spools */
    int rendering;
};

/* ---- the cache ---- */

int pfs_views_open(const struct pfs_views_config *config, struct pfs_views **out, struct pfs_err *err)
{
    struct pfs_views *v = pfs_zalloc(sizeof(*v));

    if (v == NULL || (config->cache_dir != NULL && (v->cache_dir = pfs_strdup(config->cache_dir)) == NULL)) {
        pfs_free(v);
        return pfs_fail(err, ENOMEM, "no memory for the cache of views");
    }
    v->config = *config;
    if (v->config.cache_bytes == 0)
        v->config.cache_bytes = CACHE_DEFAULT;
    *out = v;
    return 0;
}

void pfs_views_close(struct pfs_views *views)
{
    if (views == NULL)
        return;
    for (;;) { /* renders were told to stop when their views were let go; they look once a batch */
        int rendering;

        pfs_park_lock(views->config.park);
        rendering = views->rendering;
        pfs_park_unlock(views->config.park);
        if (rendering == 0)
            break;
        usleep(1000);
    }
    pfs_free(views->cache_dir);
    pfs_free(views);
}

static struct pfs_view **place(struct pfs_views *v, const char *key)
{
    return &v->bucket[pfs_hash64(key, strlen(key), 0) % BUCKETS];
}

static void unlist(struct pfs_view *view)
{
    struct pfs_views *v = view->views;

    if (!view->listed)
        return;
    *(view->newer != NULL ? &view->newer->older : &v->newest) = view->older;
    *(view->older != NULL ? &view->older->newer : &v->oldest) = view->newer;
    view->newer = view->older = NULL;
    view->listed = false;
}

static void drop_spool(struct pfs_view *view)
{
    if (view->fd < 0)
        return;
    close(view->fd);
    view->fd = -1;
    view->views->bytes -= view->produced;
    view->produced = 0;
}

/* Spools that nobody holds go, oldest first, until the cache is small enough. */
static void shrink(struct pfs_views *v)
{
    while (v->bytes > v->config.cache_bytes && v->oldest != NULL) {
        struct pfs_view *view = v->oldest;

        unlist(view);
        drop_spool(view);
        view->stage = SIZED;
    }
}

/* Lists a READY view as one that may go when nobody holds it. */
static void settle(struct pfs_view *view)
{
    struct pfs_views *v = view->views;

    unlist(view);
    if (view->stage != READY || view->holds > 0)
        return;
    view->older = v->newest;
    if (v->newest != NULL)
        v->newest->newer = view;
    v->newest = view;
    if (v->oldest == NULL)
        v->oldest = view;
    view->listed = true;
    shrink(v);
}

static int new_view(struct pfs_views *v, const char *key, const struct pfs_view_source *source, struct pfs_view **out,
                    struct pfs_err *err)
{
    struct pfs_view *view = pfs_zalloc(sizeof(*view));

    if (view == NULL || (view->key = pfs_strdup(key)) == NULL) {
        pfs_free(view);
        return pfs_fail(err, ENOMEM, "no memory for a view");
    }
    view->views = v;
    view->source = *source;
    view->refs = 1;
    view->fd = -1;
    view->sink.view = view;
    *out = view;
    return 0;
}

static void free_view(struct pfs_view *view)
{
    if (view->source.release != NULL)
        view->source.release(view->source.context);
    pfs_free(view->key);
    pfs_free(view);
}

/* The view of that key with one more reference; lock held. */
static struct pfs_view *find(struct pfs_views *v, const char *key)
{
    for (struct pfs_view *view = *place(v, key); view != NULL; view = view->chain)
        if (strcmp(view->key, key) == 0) {
            view->refs++;
            return view;
        }
    return NULL;
}

int pfs_views_get(struct pfs_views *views, const char *key, const struct pfs_view_source *source, struct pfs_view **out,
                  struct pfs_err *err)
{
    struct pfs_view *made, *found;
    int rc = new_view(views, key, source, &made, err);

    if (rc < 0) {
        if (source->release != NULL)
            source->release(source->context);
        return rc;
    }
    pfs_park_lock(views->config.park);
    found = find(views, key);
    if (found == NULL) {
        made->chain = *place(views, key);
        *place(views, key) = made;
    }
    pfs_park_unlock(views->config.park);
    if (found != NULL)
        free_view(made);
    *out = found != NULL ? found : made;
    return 0;
}

struct pfs_view *pfs_view_ref(struct pfs_view *view)
{
    pfs_park_lock(view->views->config.park);
    view->refs++;
    pfs_park_unlock(view->views->config.park);
    return view;
}

void pfs_view_unref(struct pfs_view *view)
{
    struct pfs_view **at;
    bool last;

    if (view == NULL)
        return;
    pfs_park_lock(view->views->config.park);
    last = --view->refs == 0;
    if (last) {
        for (at = place(view->views, view->key); *at != view; at = &(*at)->chain)
            ;
        *at = view->chain;
        unlist(view);
        drop_spool(view);
    }
    pfs_park_unlock(view->views->config.park);
    if (last)
        free_view(view);
}

const char *pfs_view_key(const struct pfs_view *view)
{
    return view->key;
}

/* ---- rendering ---- */

static int open_spool(const struct pfs_views *v, struct pfs_err *err)
{
    int fd = -1;

    if (v->cache_dir != NULL)
        fd = open(v->cache_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (v->cache_dir == NULL || errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
        fd = memfd_create("paimonfs-view", MFD_CLOEXEC);
    return fd >= 0 ? fd : pfs_fail(err, errno, "spool in %s: %s", v->cache_dir, pfs_errno_text(errno));
}

const struct pfs_cancel *pfs_sink_cancel(const struct pfs_sink *sink)
{
    return &sink->cancel;
}

/* Of what cannot seek `off` means nothing. */
static int put_all(int fd, struct pfs_slice bytes, uint64_t off, bool seeks, struct pfs_err *err)
{
    while (bytes.len > 0) {
        ssize_t put = seeks ? pwrite(fd, bytes.at, bytes.len, (off_t)off) : write(fd, bytes.at, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return pfs_fail(err, errno, "%s: %s", seeks ? "spool" : "writing", pfs_errno_text(errno));
        bytes.at += put;
        bytes.len -= (size_t)put;
        off += (uint64_t)put;
    }
    return 0;
}

int pfs_sink_write(struct pfs_sink *sink, struct pfs_slice bytes, struct pfs_err *err)
{
    struct pfs_view *view = sink->view;
    struct pfs_park *park = view->views->config.park;
    bool wanted;

    PFS_TRY(put_all(sink->pour != NULL ? sink->to : view->fd, bytes, sink->off, sink->pour == NULL, err));
    sink->off += bytes.len;
    if (sink->pour != NULL)
        return pfs_cancelled(&sink->pour->cancel) ? -ECANCELED : 0;
    pfs_park_lock(park);
    view->views->bytes += bytes.len;
    view->produced = sink->off;
    wanted = view->holds > 0 || view->waiting > 0;
    if (!wanted)
        pfs_cancel(&sink->cancel);
    pfs_park_unlock(park);
    if (!wanted)
        return -ECANCELED;
    pfs_park_wake(park, &view->progress);
    return 0;
}

static void start(struct pfs_view *view);

static void end_render(struct pfs_view *view, int rc, const struct pfs_err *err)
{
    struct pfs_views *v = view->views;
    bool again;

    pfs_park_lock(v->config.park);
    view->rc = rc;
    again = rc == -ECANCELED && view->waiting > 0; /* somebody came just after it was given up */
    if (rc == 0) {
        view->stage = view->fd >= 0 ? READY : SIZED;
        view->sized = true;
        view->size = view->sink.off;
    } else {
        drop_spool(view);
        view->stage = view->sized ? SIZED : IDLE;
        view->err = *err;
    }
    if (again)
        start(view);
    again = again && view->stage == RENDERING;
    settle(view);
    pfs_park_unlock(v->config.park);
    if (!again) {
        pfs_park_wake(v->config.park, &view->progress);
        pfs_park_wake(v->config.park, &view->ended);
    }
    pfs_park_lock(v->config.park);
    v->rendering--;
    pfs_park_unlock(v->config.park);
    pfs_view_unref(view); /* the render's own */
}

static void render_task(void *context)
{
    struct pfs_view *view = context;
    struct pfs_err err = {0};
    int rc = open_spool(view->views, &err);

    if (rc >= 0) {
        pfs_park_lock(view->views->config.park);
        view->fd = rc;
        pfs_park_unlock(view->views->config.park);
        rc = view->source.render(view->source.context, &view->sink, &err);
    }
    if (rc < 0 && err.code == 0)
        pfs_fail(&err, -rc, "%s", pfs_errno_text(-rc));
    end_render(view, rc < 0 ? rc : 0, &err);
}

/* The view is the sink's while it is RENDERING; whoever comes meanwhile waits, and then has it rendered to a spool. */
static void pour_task(void *context)
{
    struct pfs_view *view = context;
    struct pfs_request *request = view->sink.pour;
    struct pfs_err err = {0};
    int rc = view->source.render(view->source.context, &view->sink, &err);

    request->err = err;
    end_render(view, rc, &err);
    request->done(request, rc == -ECANCELED ? -EINTR : rc);
}

/* Starts a render unless there is one or none is needed; lock held. */
static void start(struct pfs_view *view)
{
    struct pfs_views *v = view->views;

    if (view->stage == RENDERING || view->stage == READY)
        return;
    view->stage = RENDERING;
    view->produced = 0;
    view->rc = 0;
    view->sink = (struct pfs_sink){.view = view};
    view->refs++;
    v->rendering++;
    if (pfs_pool_submit(v->config.pool, view->source.small, render_task, view) < 0) {
        view->stage = view->sized ? SIZED : IDLE;
        view->refs--; /* the caller holds another */
        v->rendering--;
        view->rc = pfs_fail(&view->err, ENOMEM, "no memory to render");
    }
}

int pfs_views_put(struct pfs_views *views, const char *key, struct pfs_slice bytes, struct pfs_view **out,
                  struct pfs_err *err)
{
    const struct pfs_view_source none = {0};
    struct pfs_view *view;
    int rc;

    PFS_TRY(pfs_views_get(views, key, &none, &view, err));
    pfs_park_lock(views->config.park);
    rc = view->stage == READY ? 0 : open_spool(views, err);
    if (rc > 0) {
        view->fd = rc;
        rc = put_all(view->fd, bytes, 0, true, err);
        view->produced = view->size = bytes.len;
        views->bytes += bytes.len;
        view->sized = true;
        view->stage = READY;
        view->holds++; /* cannot be rendered again: it stays as long as the view */
    }
    pfs_park_unlock(views->config.park);
    if (rc < 0) {
        pfs_view_unref(view);
        return rc;
    }
    *out = view;
    return 0;
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

struct wait {
    struct pfs_waiter waiter; /* first */
    struct pfs_view *view;    /* referenced by who asked */
    struct pfs_request *request;
    uint64_t *size; /* of a size request; else a read: */
    uint64_t off;
    uint8_t *to;
    size_t len;
};

static void finish(struct wait *w, int64_t result)
{
    struct pfs_request *request = w->request;

    pfs_free(w);
    request->done(request, result);
}

/* One waiter less; what a failed render left, told to a request. */
static int leave(struct wait *w, enum pfs_wake why)
{
    struct pfs_view *view = w->view;
    int rc = 0;

    pfs_park_lock(view->views->config.park);
    view->waiting--;
    if (why == PFS_WAKE_READY && view->stage != RENDERING && view->rc < 0) {
        w->request->err = view->err;
        rc = view->rc == -ECANCELED ? -EINTR : view->rc;
    }
    pfs_park_unlock(view->views->config.park);
    if (why == PFS_WAKE_INTERRUPT)
        return -EINTR;
    return why == PFS_WAKE_TIMEOUT ? -ETIMEDOUT : rc;
}

static void size_woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct wait *w = (struct wait *)waiter;
    int rc = leave(w, why);

    if (rc == 0 && !pfs_view_try_size(w->view, w->size))
        rc = pfs_fail(&w->request->err, EIO, "the view could not be measured");
    finish(w, rc);
}

static struct wait *new_wait(struct pfs_view *view, struct pfs_request *request,
                             void (*wake)(struct pfs_waiter *, enum pfs_wake))
{
    struct wait *w = pfs_zalloc(sizeof(*w));

    if (w == NULL)
        return NULL;
    w->waiter.wake = wake;
    w->waiter.request = request;
    w->view = view;
    w->request = request;
    return w;
}

static int no_memory(struct pfs_request *request)
{
    return pfs_fail(&request->err, ENOMEM, "no memory for a request");
}

void pfs_view_size(struct pfs_view *view, struct pfs_request *request, uint64_t *size, int64_t wait_ms)
{
    struct pfs_park *park = view->views->config.park;
    struct wait *w;
    int64_t result = 0;
    bool parked = false;

    if (pfs_view_try_size(view, size)) {
        request->done(request, 0);
        return;
    }
    w = new_wait(view, request, size_woken);
    if (w == NULL) {
        request->done(request, no_memory(request));
        return;
    }
    w->size = size;
    w->waiter.deadline_ms = wait_ms == 0 ? 0 : pfs_clock_monotonic_ms() + wait_ms;
    pfs_park_lock(park);
    if (view->sized) {
        *size = view->size;
    } else {
        view->waiting++;
        start(view);
        if (view->stage != RENDERING) {
            result = view->rc;
            request->err = view->err;
        } else {
            parked = pfs_park_add(park, &view->ended, &w->waiter);
            result = parked ? 0 : -EINTR;
        }
        if (!parked)
            view->waiting--;
    }
    pfs_park_unlock(park);
    if (!parked)
        finish(w, result);
}

/* ---- bytes ---- */

static int64_t get_all(int fd, uint64_t off, uint8_t *to, size_t len, struct pfs_err *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(fd, to + done, len - done, (off_t)(off + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return pfs_fail(err, errno, "spool: %s", pfs_errno_text(errno));
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

static void try_read(struct wait *w);

static void read_woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct wait *w = (struct wait *)waiter;
    int rc = leave(w, why);

    if (rc < 0)
        finish(w, rc);
    else
        try_read(w);
}

/* Reads if the bytes are there, else waits for more of them. */
static void try_read(struct wait *w)
{
    struct pfs_view *view = w->view;
    struct pfs_park *park = view->views->config.park;
    int64_t result = 0;
    bool parked = false, there = false;
    size_t len = w->len;
    int fd = -1;

    pfs_park_lock(park);
    view->waiting++;
    start(view);
    if (view->stage == READY) {
        there = true;
        len = w->off >= view->size ? 0 : view->size - w->off < len ? (size_t)(view->size - w->off) : len;
    } else if (view->stage == RENDERING) {
        there = view->fd >= 0 && w->off <= view->produced && w->len <= view->produced - w->off;
    } else {
        result = view->rc;
        w->request->err = view->err;
    }
    if (there)
        fd = view->fd;
    else if (result == 0) {
        parked = pfs_park_add(park, &view->progress, &w->waiter);
        result = parked ? 0 : -EINTR;
    }
    if (!parked && !there)
        view->waiting--;
    pfs_park_unlock(park);
    if (parked)
        return;
    if (there) { /* the handle holds the spool, and waiting keeps a render from being dropped */
        result = get_all(fd, w->off, w->to, len, &w->request->err);
        pfs_park_lock(park);
        view->waiting--;
        pfs_park_unlock(park);
    }
    finish(w, result);
}

void pfs_view_read(struct pfs_view *view, struct pfs_request *request, uint64_t off, void *to, size_t len)
{
    struct wait *w = new_wait(view, request, read_woken);

    if (w == NULL) {
        request->done(request, no_memory(request));
        return;
    }
    w->off = off;
    w->to = to;
    w->len = len;
    try_read(w);
}

void pfs_view_pour(struct pfs_view *view, struct pfs_request *request, int to)
{
    struct pfs_views *v = view->views;
    int64_t result = 0;

    pfs_park_lock(v->config.park);
    if (view->stage == RENDERING || view->stage == READY) {
        result = -EAGAIN;
    } else {
        enum stage before = view->stage;

        view->stage = RENDERING;
        view->produced = 0;
        view->rc = 0;
        view->sink = (struct pfs_sink){.view = view, .pour = request, .to = to};
        view->refs++;
        v->rendering++;
        if (pfs_pool_submit(v->config.pool, view->source.small, pour_task, view) < 0) {
            view->stage = before;
            view->refs--; /* the caller holds another */
            v->rendering--;
            result = -EAGAIN;
        }
    }
    pfs_park_unlock(v->config.park);
    if (result < 0)
        request->done(request, result);
}

void pfs_view_hold(struct pfs_view *view)
{
    pfs_park_lock(view->views->config.park);
    view->holds++;
    unlist(view);
    pfs_park_unlock(view->views->config.park);
}

void pfs_view_release(struct pfs_view *view)
{
    pfs_park_lock(view->views->config.park);
    view->holds--;
    settle(view);
    pfs_park_unlock(view->views->config.park);
}
