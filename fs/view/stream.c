/* stream.c - rounds of a growing text, and who waits for them.
 *
 * Rounds are numbered. Who asks wants a round that begins after the question: the next one. While it waits it is on the
 * stream's list, which is woken at every step and at the end of every round; each then looks whether it has what it
 * came for. One lock, the park's, guards every stream; rendering and reads of spools run without it.
 */
#include "fs/view/stream.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fs/view/spool.h"

#define TICK_MS 500
#define KEEP_BYTES ((uint64_t)1 << 20) /* before what was read last: a read that was interrupted comes again */

struct pfs_stream { /* all but source and all are guarded by the park's lock */
    struct pfs_streams *all;
    struct pfs_stream_source source;
    char *key; /* NULL = found by nobody */
    uint64_t serial;
    int refs, holds;
    int asking;             /* who waits */
    struct pfs_spool spool; /* its end is the renderer's own */
    uint64_t shown;
    int64_t stamp_ms, mtime_ms;
    bool over;
    bool busy;             /* a round runs */
    uint64_t begun, ended; /* rounds */
    int rc;                /* of the last round */
    struct pfs_err err;
    struct pfs_cancel cancel;
    struct pfs_waitlist waiting;
    struct pfs_waiter tick;
    struct pfs_request tick_request; /* interrupts the tick */
    struct pfs_waitlist ticks;       /* the tick alone */
    bool ticking;
    struct pfs_stream *next, **link; /* among all */
};

struct pfs_streams {
    struct pfs_streams_config config;
    char *cache_dir;
    struct pfs_stream *first;
    uint64_t serials;
    int running; /* rounds and ticks */
    bool stopped;
};

/* ---- life ---- */

int pfs_streams_open(const struct pfs_streams_config *config, struct pfs_streams **out, struct pfs_err *err)
{
    struct pfs_streams *s = pfs_zalloc(sizeof(*s));

    if (s == NULL || (config->cache_dir != NULL && (s->cache_dir = pfs_strdup(config->cache_dir)) == NULL)) {
        pfs_free(s);
        return pfs_fail(err, ENOMEM, "no memory for streams");
    }
    s->config = *config;
    *out = s;
    return 0;
}

static void free_stream(struct pfs_stream *stream)
{
    assert(!stream->busy);
    assert(!stream->ticking);
    if (stream->source.release != NULL)
        stream->source.release(stream->source.context);
    pfs_spool_done(&stream->spool);
    pfs_free(stream->key);
    pfs_free(stream);
}

static void unlist(struct pfs_stream *stream)
{
    *stream->link = stream->next;
    if (stream->next != NULL)
        stream->next->link = stream->link;
}

struct pfs_stream *pfs_stream_ref(struct pfs_stream *stream)
{
    pfs_park_lock(stream->all->config.park);
    stream->refs++;
    pfs_park_unlock(stream->all->config.park);
    return stream;
}

void pfs_stream_unref(struct pfs_stream *stream)
{
    bool last;

    if (stream == NULL)
        return;
    pfs_park_lock(stream->all->config.park);
    assert(stream->refs > 0);
    last = --stream->refs == 0;
    if (last)
        unlist(stream);
    pfs_park_unlock(stream->all->config.park);
    if (last)
        free_stream(stream);
}

/* The one after `stream` (NULL: the first) with a reference; the reference on `stream` is let go. */
static struct pfs_stream *walk(struct pfs_streams *streams, struct pfs_stream *stream)
{
    struct pfs_stream *next;

    pfs_park_lock(streams->config.park);
    next = stream == NULL ? streams->first : stream->next;
    if (next != NULL)
        next->refs++;
    pfs_park_unlock(streams->config.park);
    pfs_stream_unref(stream);
    return next;
}

void pfs_streams_stop(struct pfs_streams *streams)
{
    int running = 1;

    pfs_park_lock(streams->config.park);
    streams->stopped = true;
    pfs_park_unlock(streams->config.park);
    for (struct pfs_stream *s = walk(streams, NULL); s != NULL; s = walk(streams, s)) {
        pfs_cancel(&s->cancel);
        pfs_park_interrupt(streams->config.park, &s->tick_request);
        pfs_park_wake(streams->config.park, &s->waiting);
    }
    while (running > 0) { /* rounds look at their flag once a batch */
        pfs_park_lock(streams->config.park);
        running = streams->running;
        pfs_park_unlock(streams->config.park);
        if (running > 0)
            usleep(1000);
    }
}

void pfs_streams_close(struct pfs_streams *streams)
{
    if (streams == NULL)
        return;
    pfs_streams_stop(streams);
    for (struct pfs_stream *s = streams->first, *next; s != NULL; s = next) { /* handles that nobody released */
        next = s->next;
        free_stream(s);
    }
    pfs_free(streams->cache_dir);
    pfs_free(streams);
}

static int new_stream(struct pfs_streams *streams, const char *key, const struct pfs_stream_source *source,
                      struct pfs_stream **out, struct pfs_err *err)
{
    struct pfs_stream *s = pfs_zalloc(sizeof(*s));

    if (s == NULL || (key != NULL && (s->key = pfs_strdup(key)) == NULL)) {
        pfs_free(s);
        if (source->release != NULL)
            source->release(source->context);
        return pfs_fail(err, ENOMEM, "no memory for a stream");
    }
    s->all = streams;
    s->source = *source;
    s->refs = 1;
    pfs_spool_init(&s->spool, 0);
    *out = s;
    return 0;
}

int pfs_streams_get(struct pfs_streams *streams, const char *key, const struct pfs_stream_source *source,
                    struct pfs_stream **out, struct pfs_err *err)
{
    struct pfs_stream *made, *found = NULL;

    PFS_TRY(new_stream(streams, key, source, &made, err));
    pfs_park_lock(streams->config.park);
    for (struct pfs_stream *s = key != NULL ? streams->first : NULL; s != NULL && found == NULL; s = s->next)
        if (s->key != NULL && !s->over && strcmp(s->key, key) == 0)
            found = s;
    if (found != NULL) {
        found->refs++;
    } else {
        made->serial = ++streams->serials;
        made->next = streams->first;
        made->link = &streams->first;
        if (made->next != NULL)
            made->next->link = &made->next;
        streams->first = made;
    }
    pfs_park_unlock(streams->config.park);
    if (found != NULL)
        free_stream(made);
    *out = found != NULL ? found : made;
    return 0;
}

struct pfs_stream_facts pfs_stream_facts(struct pfs_stream *stream)
{
    struct pfs_stream_facts facts;

    pfs_park_lock(stream->all->config.park);
    facts = (struct pfs_stream_facts){stream->serial, stream->shown, stream->mtime_ms, stream->over};
    pfs_park_unlock(stream->all->config.park);
    return facts;
}

/* ---- rounds ---- */

const struct pfs_cancel *pfs_stream_cancel(const struct pfs_stream *stream)
{
    return &stream->cancel;
}

void pfs_stream_stamp(struct pfs_stream *stream, int64_t mtime_ms)
{
    pfs_park_lock(stream->all->config.park);
    stream->stamp_ms = mtime_ms;
    pfs_park_unlock(stream->all->config.park);
}

int pfs_stream_put(struct pfs_stream *stream, struct pfs_slice bytes, struct pfs_err *err)
{
    struct pfs_park *park = stream->all->config.park;
    bool kept;
    int fd;

    pfs_park_lock(park);
    kept = pfs_spool_keep(&stream->spool, bytes);
    pfs_park_unlock(park);
    if (kept)
        return 0;
    PFS_TRY(pfs_spool_store(&stream->spool, stream->all->cache_dir, bytes, &fd, err));
    pfs_park_lock(park);
    pfs_spool_moved(&stream->spool, fd, bytes.len);
    pfs_park_unlock(park);
    return 0;
}

static void run(void *context);

static bool submit(struct pfs_stream *stream)
{
    return pfs_pool_submit(stream->all->config.pool, true, run, stream) == 0;
}

/* Begins a round unless one runs or the streams are stopped; lock held. */
static void begin(struct pfs_stream *stream)
{
    if (stream->busy || stream->all->stopped)
        return;
    assert(stream->begun == stream->ended);
    stream->begun++;
    stream->busy = true;
    stream->refs++;
    stream->all->running++;
    if (!submit(stream)) {
        stream->busy = false;
        stream->refs--; /* the caller holds another */
        stream->all->running--;
        stream->ended = stream->begun;
        stream->rc = pfs_fail(&stream->err, ENOMEM, "no memory to render");
    }
}

/* What a step leaves; true: the round goes on. One that nobody wants any more ends between two steps. */
static bool settle(struct pfs_stream *stream, int rc, const struct pfs_err *err)
{
    assert(stream->busy);
    assert(stream->shown <= stream->spool.high);
    if (rc == PFS_GROWN_STEP) {
        stream->shown = stream->spool.high;
        stream->mtime_ms = stream->stamp_ms;
    }
    if (rc == PFS_GROWN_PART || (rc == PFS_GROWN_STEP && (stream->holds > 0 || stream->asking > 0)))
        return true;
    stream->spool.high = stream->shown; /* an unfinished step is taken back */
    stream->over |= rc == PFS_GROWN_OVER;
    stream->rc = rc < 0 ? rc : 0;
    if (rc < 0)
        stream->err = *err;
    stream->ended = stream->begun;
    stream->busy = false;
    return false;
}

/* One call of the source; true: the round goes on. */
static bool step(struct pfs_stream *stream)
{
    struct pfs_park *park = stream->all->config.park;
    struct pfs_err err = {0};
    int rc = pfs_cancelled(&stream->cancel) ? -ECANCELED : stream->source.grow(stream->source.context, stream, &err);
    bool more;

    if (rc < 0 && err.code == 0)
        pfs_fail(&err, -rc, "%s", pfs_errno_text(-rc));
    pfs_park_lock(park);
    more = settle(stream, rc, &err);
    pfs_park_unlock(park);
    if (rc != PFS_GROWN_PART)
        pfs_park_wake(park, &stream->waiting);
    return more;
}

static void run(void *context)
{
    struct pfs_stream *stream = context;
    struct pfs_streams *all = stream->all;

    while (step(stream))
        if (submit(stream))
            return;
    pfs_stream_unref(stream); /* the round's own */
    pfs_park_lock(all->config.park);
    assert(all->running > 0);
    all->running--;
    pfs_park_unlock(all->config.park);
}

void pfs_streams_poke(struct pfs_streams *streams)
{
    pfs_park_lock(streams->config.park);
    for (struct pfs_stream *s = streams->first; s != NULL; s = s->next)
        if (s->holds > 0)
            begin(s);
    pfs_park_unlock(streams->config.park);
}

/* ---- ticks, while a handle is open ---- */

static void tick(struct pfs_waiter *waiter, enum pfs_wake why);

/* Lock held. The tick holds a reference. */
static void wind(struct pfs_stream *stream)
{
    if (stream->ticking || stream->holds == 0 || stream->all->stopped)
        return;
    stream->tick = (struct pfs_waiter){
        .wake = tick, .request = &stream->tick_request, .deadline_ms = pfs_clock_monotonic_ms() + TICK_MS};
    if (!pfs_park_add(stream->all->config.park, &stream->ticks, &stream->tick))
        return;
    stream->ticking = true;
    stream->refs++;
    stream->all->running++;
}

static void tick(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct pfs_stream *stream = (struct pfs_stream *)((char *)waiter - offsetof(struct pfs_stream, tick));
    struct pfs_streams *all = stream->all;

    pfs_park_lock(all->config.park);
    assert(stream->ticking);
    stream->ticking = false;
    if (why == PFS_WAKE_TIMEOUT && stream->holds > 0) {
        begin(stream);
        wind(stream);
    }
    pfs_park_unlock(all->config.park);
    pfs_stream_unref(stream);
    pfs_park_lock(all->config.park);
    all->running--;
    pfs_park_unlock(all->config.park);
}

void pfs_stream_hold(struct pfs_stream *stream)
{
    pfs_park_lock(stream->all->config.park);
    if (stream->holds++ == 0 && stream->source.hold != NULL)
        stream->source.hold(stream->source.context, true);
    wind(stream);
    pfs_park_unlock(stream->all->config.park);
}

void pfs_stream_release(struct pfs_stream *stream)
{
    pfs_park_lock(stream->all->config.park);
    assert(stream->holds > 0);
    if (--stream->holds == 0 && stream->source.hold != NULL)
        stream->source.hold(stream->source.context, false);
    pfs_park_unlock(stream->all->config.park);
}

/* ---- who waits ---- */

struct wait {
    struct pfs_waiter waiter;  /* first */
    struct pfs_stream *stream; /* referenced by who asked */
    struct pfs_request *request;
    uint64_t round; /* that it wants to end; 0 = not said yet */
    bool block;
    uint8_t *to; /* of a read; NULL = it wants the round alone */
    uint64_t off;
    size_t len;
};

static void finish(struct wait *w, int64_t result)
{
    struct pfs_request *request = w->request;
    struct pfs_park *park = w->stream->all->config.park;

    pfs_park_lock(park);
    assert(w->stream->asking > 0);
    w->stream->asking--;
    pfs_park_unlock(park);
    pfs_free(w);
    request->done(request, result);
}

/* Bytes that are shown at the offset, copied or (with *fd) to be read from the spool's file; lock held. */
static size_t there(const struct wait *w, int *fd)
{
    const struct pfs_stream *stream = w->stream;
    size_t len = w->len;

    *fd = -1;
    if (w->to == NULL || w->off >= stream->shown || w->off < stream->spool.low)
        return 0;
    if (len > stream->shown - w->off)
        len = (size_t)(stream->shown - w->off);
    if (stream->spool.fd < 0)
        pfs_spool_copy(&stream->spool, w->off, w->to, len);
    else
        *fd = stream->spool.fd;
    return len;
}

static bool gave_up(const struct wait *w)
{
    return w->to != NULL && w->off < w->stream->spool.low;
}

/* A round that begins after the question is wanted: one that runs already may have looked before the commit was there.
 * What can be said now: 1 = the answer is *result, 0 = it has to wait; lock held. */
static int answer(struct wait *w, int64_t *result)
{
    struct pfs_stream *stream = w->stream;

    if (stream->all->stopped) {
        *result = -ENODEV;
        return 1;
    }
    if (gave_up(w)) {
        *result = pfs_fail(&w->request->err, ESPIPE, "what was read is not kept");
        return 1;
    }
    if (w->round == 0)
        w->round = stream->begun + 1;
    if (stream->begun < w->round)
        begin(stream);
    if (stream->ended < w->round)
        return 0;
    *result = stream->rc;
    if (stream->rc < 0)
        w->request->err = stream->err;
    return stream->rc < 0 || !w->block || stream->over;
}

static void try(struct wait *w)
{
    struct pfs_stream *stream = w->stream;
    struct pfs_park *park = stream->all->config.park;
    int64_t result = 0;
    bool parked = false;
    size_t len;
    int fd;

    pfs_park_lock(park);
    len = there(w, &fd);
    if (len == 0 && answer(w, &result) == 0) {
        parked = pfs_park_add(park, &stream->waiting, &w->waiter);
        result = parked ? 0 : -EINTR;
    }
    pfs_park_unlock(park);
    if (parked)
        return;
    if (len > 0) { /* the handle holds the stream, and nothing that it may still read is given up */
        result = fd < 0 ? 0 : pfs_spool_read(fd, w->off, w->to, len, &w->request->err);
        result = result < 0 ? result : (int64_t)len;
    }
    finish(w, result);
}

static void woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct wait *w = (struct wait *)waiter;

    if (why == PFS_WAKE_READY)
        try(w);
    else
        finish(w, why == PFS_WAKE_TIMEOUT ? -ETIMEDOUT : -EINTR);
}

static void ask(struct pfs_stream *stream, struct pfs_request *request, int64_t wait_ms, const struct wait *what)
{
    struct wait *w = pfs_zalloc(sizeof(*w));

    if (w == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    *w = *what;
    w->waiter.wake = woken;
    w->waiter.request = request;
    w->waiter.deadline_ms = wait_ms == 0 ? 0 : pfs_clock_monotonic_ms() + wait_ms;
    w->stream = stream;
    w->request = request;
    pfs_park_lock(stream->all->config.park);
    stream->asking++;
    pfs_park_unlock(stream->all->config.park);
    try(w);
}

void pfs_stream_settle(struct pfs_stream *stream, struct pfs_request *request, int64_t wait_ms)
{
    ask(stream, request, wait_ms, &(struct wait){0});
}

void pfs_stream_read(struct pfs_stream *stream, struct pfs_request *request, uint64_t off, void *to, size_t len,
                     bool block)
{
    ask(stream, request, 0, &(struct wait){.block = block, .to = to, .off = off, .len = len});
}

void pfs_stream_drop(struct pfs_stream *stream, uint64_t off)
{
    pfs_park_lock(stream->all->config.park);
    if (off > KEEP_BYTES)
        pfs_spool_drop(&stream->spool, off - KEEP_BYTES);
    pfs_park_unlock(stream->all->config.park);
}
