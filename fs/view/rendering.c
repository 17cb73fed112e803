/* rendering.c - one pass over a view's text: steps on the pool, pauses, its end. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fs/view/internal.h"

#define GRACE_MS 100 /* who waited a moment for the size comes back with another request */
#define MARK_BYTES ((uint64_t)64 << 20)
#define WINDOW_MIN ((uint64_t)4 << 20)
#define WINDOW_MAX ((uint64_t)32 << 20)
#define BEHIND_BYTES ((uint64_t)4 << 20) /* kept for readers whose requests overtake each other */

/* ---- its spool ---- */

/* The cache's sums follow the spool. */
static void count(struct pfs_rendering *r, uint64_t in_file, uint64_t in_memory, int files)
{
    struct pfs_views *v = r->view->views;

    assert(files >= 0);
    v->file_bytes += in_file - r->in_file;
    v->memory_bytes += in_memory - r->in_memory;
    v->files += files - r->files;
    assert(v->files >= 0);
    r->in_file = in_file;
    r->in_memory = in_memory;
    r->files = files;
}

static void count_spool(struct pfs_rendering *r)
{
    bool file = r->listed && r->spool.fd >= 0;
    uint64_t bytes = r->listed ? pfs_spool_file_bytes(&r->spool) : 0;

    count(r, file ? bytes : 0, file ? 0 : bytes, r->listed ? pfs_spool_files(&r->spool) : 0);
}

bool pfs_rendering_is_whole(const struct pfs_rendering *r)
{
    return r->pace == PFS_ENDED && r->rc == 0 && r->spool.low == 0 && !r->stopped;
}

/* How far a rendering of a large view runs ahead of its reader. */
static uint64_t window(const struct pfs_views *v)
{
    uint64_t bytes = v->config.cache_bytes / 16;

    return bytes < WINDOW_MIN ? WINDOW_MIN : bytes > WINDOW_MAX ? WINDOW_MAX : bytes;
}

void pfs_rendering_unref(struct pfs_rendering *r)
{
    assert(r->refs > 0);
    if (--r->refs > 0)
        return;
    r->next = r->view->views->dead;
    r->view->views->dead = r;
}

/* ---- the sink ---- */

/* Sizes change as the spool does. */
static void note_spool(struct pfs_rendering *r)
{
    if (r->spool.high > r->view->furthest)
        r->view->furthest = r->spool.high;
    count_spool(r);
}

/* `high` is the renderer's own: the file is written without the lock, and its bytes count once they are there. */
int pfs_sink_write(struct pfs_sink *sink, struct pfs_slice bytes, struct pfs_err *err)
{
    struct pfs_rendering *r = sink->rendering;
    struct pfs_view *view;
    struct pfs_park *park;
    bool kept;
    int fd;

    if (r == NULL)
        return pfs_pour_write(sink->to, bytes, err);
    view = r->view;
    park = view->views->config.park;
    pfs_park_lock(park);
    kept = pfs_spool_keep(&r->spool, bytes);
    pfs_park_unlock(park);
    if (!kept)
        PFS_TRY(pfs_spool_store(&r->spool, view->views->cache_dir, bytes, &fd, err));
    pfs_park_lock(park);
    if (!kept)
        pfs_spool_moved(&r->spool, fd, bytes.len);
    note_spool(r);
    pfs_park_unlock(park);
    return 0;
}

int pfs_sink_reuse(struct pfs_sink *sink, uint64_t off, uint64_t len, struct pfs_err *err)
{
    struct pfs_rendering *r = sink->rendering;
    struct pfs_views *views = r->view->views;
    uint64_t some;

    for (; len > 0; off += some, len -= some) {
        int fd, rc;

        PFS_TRY(pfs_spool_reuse(&r->spool, views->cache_dir, off, len, &fd, &some, err));
        pfs_park_lock(views->config.park);
        rc = pfs_spool_reused(&r->spool, fd, off, some, err);
        note_spool(r);
        pfs_park_unlock(views->config.park);
        PFS_TRY(rc);
    }
    return 0;
}

/* A mark that cannot be stored costs only time: there are others before it. */
static void add_mark(struct pfs_view *view, const struct pfs_mark *mark)
{
    struct pfs_mark *more = pfs_realloc(view->mark, (size_t)(view->marks + 1) * sizeof(*more));

    if (more == NULL)
        return;
    view->mark = more;
    assert(view->marks == 0 || more[view->marks - 1].off < mark->off);
    more[view->marks++] = *mark;
}

void pfs_sink_mark(struct pfs_sink *sink, int64_t piece, int64_t row)
{
    struct pfs_rendering *r = sink->rendering;
    struct pfs_view *view;
    struct pfs_mark mark;

    if (r == NULL)
        return;
    view = r->view;
    mark = (struct pfs_mark){r->spool.high, piece, row}; /* high is this thread's own to change */
    pfs_park_lock(view->views->config.park);
    if (mark.off >= (view->marks == 0 ? 0 : view->mark[view->marks - 1].off) + MARK_BYTES)
        add_mark(view, &mark);
    pfs_park_unlock(view->views->config.park);
}

/* ---- steps ---- */

/* The one that is nearest to the end of the text; NULL = none runs or pauses, but to end before that. */
static struct pfs_rendering *furthest(const struct pfs_view *view)
{
    struct pfs_rendering *best = NULL;

    for (struct pfs_rendering *r = view->first; r != NULL; r = r->next)
        if (r->pace != PFS_ENDED && !r->stopped && (best == NULL || r->spool.high > best->spool.high))
            best = r;
    return best;
}

static bool measures(const struct pfs_rendering *r)
{
    return r->view->measured > 0 && !r->view->sized && furthest(r->view) == r;
}

/* Of a large view only what is read now is kept. */
static void drop_read(struct pfs_rendering *r)
{
    uint64_t keep = measures(r) ? window(r->view->views) : BEHIND_BYTES;
    uint64_t end = measures(r) ? r->spool.high : r->read_to;
    uint64_t low = end > keep ? end - keep : 0;

    for (const struct pfs_wait *w = r->reads; w != NULL; w = w->next)
        low = w->off < low ? w->off : low;
    pfs_spool_drop(&r->spool, low);
    count_spool(r);
}

/* After a step: who pauses keeps its slot until somebody reads on; who stops leaves the slot to one that waits for it,
 * and its readers begin another one from the nearest mark. */
enum verdict { GO_ON, PAUSE, STOP, GIVE_UP };

static enum verdict judge(struct pfs_rendering *r)
{
    struct pfs_view *view = r->view;
    int64_t now = pfs_clock_monotonic_ms();

    if (!r->listed)
        return GIVE_UP;
    if (view->holds > 0 || view->waiting > 0)
        r->alone_ms = 0;
    else if (r->alone_ms == 0)
        r->alone_ms = now;
    else if (now - r->alone_ms > GRACE_MS)
        return GIVE_UP;
    if (!pfs_view_is_large(view))
        return GO_ON;
    drop_read(r);
    if (measures(r) || r->parked > 0 || r->alone_ms != 0 || r->spool.high < r->read_to + window(view->views))
        return GO_ON;
    return view->views->queue != NULL ? STOP : PAUSE;
}

/* What a rendering leaves when it ends; lock held. */
static void leave_result(struct pfs_rendering *r, int rc, const struct pfs_err *err)
{
    struct pfs_view *view = r->view;

    assert(r->pace == PFS_RUNS);
    assert(rc <= 0);
    r->pace = PFS_ENDED;
    r->rc = rc;
    if (rc < 0)
        r->err = *err;
    if (rc == 0 && r->stopped)
        ;
    else if (rc == 0 && view->sized && view->size != r->spool.high) {
        r->rc = pfs_fail(&r->err, EIO, "the view has %llu bytes, and had %llu before",
                         (unsigned long long)r->spool.high, (unsigned long long)view->size);
    } else if (rc == 0 && !view->sized) {
        view->size = r->spool.high;
        view->sized = true;
    }
    if (r->rc < 0 && rc != -ECANCELED) {
        view->rc = r->rc;
        view->err = r->err;
    }
    if (r->rc < 0 && r->listed)
        pfs_rendering_unlist(r);
    pfs_view_settle(view);
}

/* ---- slots ---- */

static void run(void *context);

/* On to the next step; lock held or not. False: it cannot be queued. */
static bool submit(struct pfs_rendering *r)
{
    return pfs_pool_submit(r->view->views->config.pool, r->view->source.small, run, r) == 0;
}

static void resume(struct pfs_rendering *r)
{
    if (r->pace != PFS_PAUSED)
        return;
    r->pace = PFS_RUNS;
    if (!submit(r))
        r->pace = PFS_PAUSED; /* the next one who asks tries again */
}

/* The slot that the rendering holds (NULL: one that is free); NULL when there is none. */
static struct pfs_rendering **find_slot(struct pfs_views *v, const struct pfs_rendering *r)
{
    for (int i = 0; i < v->slots; i++)
        if (v->slot[i] == r)
            return &v->slot[i];
    return NULL;
}

/* Begins it, or puts it in the queue; one that only pauses then ends, and its readers come back later. */
static bool enter(struct pfs_rendering *r)
{
    struct pfs_views *v = r->view->views;
    struct pfs_rendering **slot = find_slot(v, NULL), **last = &v->queue;

    assert(r->queue == NULL);
    if (r->view->source.small)
        return submit(r);
    if (slot != NULL && submit(r)) {
        *slot = r;
        return true;
    }
    if (slot != NULL)
        return false;
    while (*last != NULL)
        last = &(*last)->queue;
    *last = r;
    for (int i = 0; i < v->slots; i++) /* none is free: each has a rendering */
        if (v->slot[i]->pace == PFS_PAUSED) {
            v->slot[i]->stopped = true;
            resume(v->slot[i]);
            break;
        }
    return true;
}

/* Its slot goes to the first in the queue. */
static void leave_slot(struct pfs_rendering *r)
{
    struct pfs_views *v = r->view->views;
    struct pfs_rendering **slot = r->view->source.small ? NULL : find_slot(v, r), *next = v->queue;

    if (slot == NULL)
        return;
    *slot = NULL;
    if (next == NULL)
        return;
    v->queue = next->queue;
    next->queue = NULL;
    *slot = next;
    if (!submit(next))
        next->pace = PFS_PAUSED; /* the next one who asks tries again */
}

/* The last act of a rendering's task. Whoever is told here may ask anew before the others are told. */
static void finish(struct pfs_rendering *r, int rc, const struct pfs_err *err)
{
    struct pfs_view *view = r->view;
    struct pfs_views *v = view->views;
    struct pfs_park *park = v->config.park;
    void *index = NULL;
    uint64_t size;
    bool measured, kept;

    if (r->pass != NULL && view->source.index != NULL && rc == 0)
        index = view->source.index(r->pass);
    if (r->pass != NULL) {
        view->source.end(r->pass);
        pfs_view_hold_source(view, false);
    }
    r->pass = NULL;
    pfs_view_unref(r->base);
    r->base = NULL;
    pfs_park_lock(park);
    leave_result(r, rc, err);
    leave_slot(r);
    if (view->index == NULL) {
        view->index = index;
        index = NULL;
    }
    kept = view->index != NULL && pfs_rendering_is_whole(r) && r->listed && r->spool.fd >= 0;
    rc = r->rc;
    measured = rc != -ECANCELED && !r->stopped;
    size = r->spool.high;
    pfs_park_unlock(park);
    if (index != NULL)
        view->source.drop(index);
    if (kept)
        pfs_series_put(view);
    if (view->source.lasting && v->sizes != NULL && measured) {
        if (rc == 0)
            pfs_sizes_put(v->sizes, view->key, size);
        else
            pfs_sizes_forget(v->sizes, view->key);
    }
    pfs_park_wake(park, &view->progress);
    if (measured)
        pfs_park_wake(park, &view->ended);
    pfs_park_lock(park);
    pfs_rendering_unref(r);
    pfs_park_unlock(park);
    pfs_views_bury(v);
    pfs_view_unref(view);
    pfs_park_lock(park);
    assert(v->running > 0);
    v->running--;
    pfs_park_unlock(park);
}

/* From an older version of the text, when there is one; what stands in the way of that does not matter. */
static bool begin_patch(struct pfs_rendering *r)
{
    struct pfs_view_source *source = &r->view->source;
    struct pfs_park *park = r->view->views->config.park;
    struct pfs_spool_base *text;

    assert(r->base == NULL);
    assert(r->pass == NULL);
    if (r->from.off > 0 || source->patch == NULL)
        return false;
    pfs_park_lock(park);
    r->base = pfs_series_find(r->view, &text);
    pfs_park_unlock(park);
    if (r->base == NULL)
        return false;
    if (source->patch(source->context, r->base->index, text, &r->cancel, &r->pass, NULL) > 0) {
        pfs_park_lock(park);
        pfs_spool_build_on(&r->spool, text);
        count_spool(r);
        pfs_park_unlock(park);
        return true;
    }
    pfs_spool_base_close(text);
    pfs_view_unref(r->base);
    r->base = NULL;
    return false;
}

static int begin(struct pfs_rendering *r, struct pfs_err *err)
{
    struct pfs_view_source *source = &r->view->source;
    int rc;

    pfs_view_hold_source(r->view, true);
    if (begin_patch(r))
        return 0;
    rc = source->begin(source->context, r->from.off > 0 ? &r->from : NULL, &r->cancel, &r->pass, err);
    if (rc < 0)
        pfs_view_hold_source(r->view, false);
    return rc;
}

static int step(struct pfs_rendering *r, struct pfs_err *err)
{
    struct pfs_view_source *source = &r->view->source;
    struct pfs_sink sink = {r, -1};

    if (pfs_cancelled(&r->cancel))
        return -ECANCELED;
    if (r->pass == NULL)
        PFS_TRY(begin(r, err));
    return source->step(r->pass, &sink, err);
}

/* One that paused was resumed to end here. */
static bool must_stop(struct pfs_rendering *r)
{
    bool stop;

    pfs_park_lock(r->view->views->config.park);
    stop = r->stopped;
    pfs_park_unlock(r->view->views->config.park);
    return stop;
}

static void run(void *context)
{
    struct pfs_rendering *r = context;
    struct pfs_park *park = r->view->views->config.park;
    struct pfs_err err = {0};
    int rc = must_stop(r) ? 0 : step(r, &err);
    enum verdict verdict = GO_ON;

    if (rc > 0) {
        pfs_park_wake(park, &r->view->progress);
        pfs_park_lock(park);
        verdict = judge(r);
        if (verdict == GIVE_UP && r->listed)
            pfs_rendering_unlist(r);
        if (verdict == STOP)
            r->stopped = true;
        if (verdict == PAUSE)
            r->pace = PFS_PAUSED; /* the next reader may resume it as soon as the lock is free */
        pfs_park_unlock(park);
    }
    if (rc > 0 && verdict == PAUSE)
        return;
    if (rc > 0 && verdict == GO_ON && submit(r))
        return;
    if (rc > 0 && verdict == STOP)
        rc = 0;
    if (rc > 0)
        rc = verdict == GIVE_UP ? -ECANCELED : pfs_fail(&err, ENOMEM, "no memory to go on rendering");
    if (rc < 0 && err.code == 0)
        pfs_fail(&err, -rc, "%s", pfs_errno_text(-rc));
    finish(r, rc, &err);
}

/* ---- starting, resuming, giving up ---- */

void pfs_rendering_unlist(struct pfs_rendering *r)
{
    struct pfs_rendering **at = &r->view->first;

    assert(r->listed);
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->next = NULL;
    r->listed = false;
    count(r, 0, 0, false);
    pfs_cancel(&r->cancel);
    resume(r);
    pfs_rendering_unref(r);
}

/* Its task may begin before it is listed, and waits for the lock then. */
static struct pfs_rendering *start(struct pfs_view *view, struct pfs_mark from, int *rc)
{
    struct pfs_rendering *r = pfs_zalloc(sizeof(*r));

    if (r == NULL) {
        *rc = pfs_fail(&view->err, ENOMEM, "no memory to render");
        return NULL;
    }
    r->view = view;
    r->from = from;
    r->read_to = from.off;
    r->refs = 2; /* the list's and the task's */
    r->listed = true;
    pfs_spool_init(&r->spool, from.off);
    if (!enter(r)) {
        pfs_free(r);
        *rc = pfs_fail(&view->err, ENOMEM, "no memory to render");
        return NULL;
    }
    r->next = view->first;
    view->first = r;
    view->refs++;
    view->views->running++;
    return r;
}

/* The last mark not after `off`. A view that can be kept whole is rendered from its start. */
static struct pfs_mark nearest(const struct pfs_view *view, uint64_t off)
{
    struct pfs_mark best = {0};

    if (pfs_view_is_large(view))
        for (int32_t i = 0; i < view->marks && view->mark[i].off <= off; i++)
            best = view->mark[i];
    return best;
}

/* Makes room for one more; false: all are needed. */
static bool make_room(struct pfs_view *view)
{
    struct pfs_rendering *oldest = NULL;
    int count = 0;

    for (struct pfs_rendering *r = view->first; r != NULL; r = r->next) {
        count++;
        if (r->parked == 0 && r->reads == NULL && !measures(r) && (oldest == NULL || r->used < oldest->used))
            oldest = r;
    }
    if (count < PFS_RENDERINGS_MAX)
        return true;
    if (oldest == NULL)
        return false;
    pfs_rendering_unlist(oldest);
    return true;
}

struct pfs_rendering *pfs_rendering_for(struct pfs_view *view, uint64_t off, int *rc)
{
    struct pfs_mark mark = nearest(view, off);
    struct pfs_rendering *best = NULL;

    *rc = 0;
    for (struct pfs_rendering *r = view->first; r != NULL; r = r->next)
        if (r->pace != PFS_ENDED && !r->stopped && r->spool.low <= off && r->spool.high >= mark.off &&
            (best == NULL || r->spool.high > best->spool.high))
            best = r;
    if (best == NULL)
        return make_room(view) ? start(view, mark, rc) : NULL;
    resume(best);
    return best;
}

struct pfs_rendering *pfs_rendering_to_measure(struct pfs_view *view, int *rc)
{
    struct pfs_rendering *r = furthest(view);

    *rc = 0;
    if (r == NULL)
        return start(view, nearest(view, UINT64_MAX), rc);
    resume(r);
    return r;
}

void pfs_rendering_was_read(struct pfs_rendering *r, uint64_t to)
{
    r->used = ++r->view->clock;
    if (to > r->read_to)
        r->read_to = to;
    if (r->spool.high < r->read_to + window(r->view->views) / 2)
        resume(r);
}
