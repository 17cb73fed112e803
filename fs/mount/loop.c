/* loop.c - who receives, who rests, who looks.
 *
 *   receive -> brief? -> process, and receive again while the others rest
 *                \-> long: another one is called to receive, then process
 *
 * There is always a thread that receives, or one is called: before a long request, and by the thread that looks, when a
 * brief one turns out to be none. What a brief request puts off (base/idle.h) is seen to by the same thread while it
 * waits awake; it is handed on before the thread goes elsewhere, and by the one that looks when it sleeps all the
 * same. */
#include "fs/mount/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/idle.h"
#include "base/mem.h"
#include "base/near.h"
#include "base/thread.h"

#define BRIEF_RUN 16       /* brief requests in a row, before one thread is enough for them */
#define SOON_NS 100000     /* after the last answer: a writer's next request comes within 10 to 20 microseconds */
#define SOON_RUN 16        /* requests in a row that came so soon, before the next one is awaited awake */
#define SOON_MAX 64        /* so many as are remembered */
#define SOON_LATE 8        /* and so many of them that a late one counts for */
#define STUCK_NS 4000000   /* a brief request that takes so long is none */
#define IDLE_LOOKS 25      /* without a request, before nobody looks any more */
#define AWAY_NS 5000000000 /* at most: a signal may have come just before the wait */

struct loop {
    const struct pfs_loop_config *config;
    atomic_int receiving;  /* threads */
    atomic_uint run;       /* brief requests in a row */
    atomic_llong began_ns; /* a brief request is under way since; 0 = none is */
    atomic_uint brief;     /* requests so far */
    atomic_bool unwatched; /* nobody looks whether one is stuck */
    bool crowded;          /* one processor: who waits awake keeps it from whom it waits for */
    sem_t watch;           /* for the thread that looks: `ended`, or a brief request came */
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* of `resting`, `ended` */
    int resting, called;   /* threads; those of them that are to go on. Guarded by lock */
    atomic_bool ended;
    int rc; /* of the receiver that failed. Guarded by lock */
    struct worker *workers;
    int started;
};

struct worker {
    struct loop *loop;
    struct pfs_loop_request request;
    int64_t left_ns; /* when its last request was answered */
    unsigned soon;   /* requests in a row that came soon after that */
    pthread_t thread;
    struct pfs_idle idle;
};

/* ---- threads that rest ---- */

/* Unless it is the only one to receive. */
static void rest(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    if (atomic_load(&l->receiving) > 0 && !atomic_load(&l->ended)) {
        l->resting++;
        while (l->called == 0 && !atomic_load(&l->ended))
            pthread_cond_wait(&l->wanted, &l->lock);
        l->resting--;
        if (l->called > 0)
            l->called--;
        assert(l->resting >= 0);
    }
    pthread_mutex_unlock(&l->lock);
}

/* The caller is about to be busy: another one is to receive, if nobody does. */
static void call_another(struct loop *l)
{
    if (atomic_load(&l->receiving) > 0)
        return;
    pthread_mutex_lock(&l->lock);
    if (atomic_load(&l->receiving) == 0 && l->called == 0 && l->resting > 0) {
        l->called++;
        pthread_cond_signal(&l->wanted);
        assert(l->called <= l->resting);
    }
    pthread_mutex_unlock(&l->lock);
}

/* What is under way is finished; nobody receives any more. The first one's result counts. */
static void end(struct loop *l, int rc)
{
    assert(rc <= 0);
    pthread_mutex_lock(&l->lock);
    if (l->rc == 0)
        l->rc = rc;
    atomic_store(&l->ended, true);
    pthread_cond_broadcast(&l->wanted);
    pthread_mutex_unlock(&l->lock);
    (void)sem_post(&l->watch);
}

/* ---- serving ---- */

/* Who asks for one brief thing after the other asks for the next one in a moment: to be awake then costs less than to
 * be woken, which may take longer than the answer. */
static bool is_in_a_run(const struct worker *w)
{
    const struct loop *l = w->loop;

    return !l->crowded && w->soon >= SOON_RUN && atomic_load(&l->run) >= BRIEF_RUN;
}

static bool stays_awake(const struct worker *w)
{
    return is_in_a_run(w) && atomic_load(&w->loop->receiving) == 1;
}

/* Not receiving meanwhile, and watched as a brief request is. */
static void see_to_work(struct worker *w, enum pfs_idle_moment moment)
{
    struct loop *l = w->loop;

    if (!pfs_idle_has_work())
        return;
    atomic_fetch_sub(&l->receiving, 1);
    atomic_store(&l->began_ns, pfs_clock_monotonic_ns());
    pfs_idle_moment(moment);
    atomic_store(&l->began_ns, 0);
    atomic_fetch_add(&l->receiving, 1);
    if (!pfs_idle_has_work())
        w->left_ns = pfs_clock_monotonic_ns();
}

/* Whoever was not to wait may wait all the same, when another thread has told the device so meanwhile. */
PFS_CANCELLABLE static int ask(struct worker *w, bool waits)
{
    const struct pfs_loop_config *config = w->loop->config;
    int rc;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    rc = config->receive(config->context, &w->request, waits);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    return rc;
}

/* Others who want the processor have it. The next request's length, or -EAGAIN when none comes soon, and then with
 * nothing put off: a thread that sleeps sees to nothing. */
PFS_CANCELLABLE static int await_next(struct worker *w)
{
    int rc;

    while (stays_awake(w)) {
        pfs_near_begin();
        if (pfs_idle_is_due(w->left_ns))
            see_to_work(w, PFS_IDLE_BUSY);
        rc = ask(w, false);
        if (rc != -EAGAIN)
            return rc;
        see_to_work(w, PFS_IDLE_FREE);
        if (!pfs_idle_has_work() && pfs_clock_monotonic_ns() - w->left_ns >= SOON_NS)
            break;
        pfs_near_yield();
    }
    see_to_work(w, PFS_IDLE_LEAVE);
    pfs_near_leave();
    return -EAGAIN;
}

PFS_CANCELLABLE static int receive(struct worker *w)
{
    struct loop *l = w->loop;
    int rc;

    atomic_fetch_add(&l->receiving, 1);
    rc = await_next(w);
    if (rc == -EAGAIN)
        rc = ask(w, true);
    atomic_fetch_sub(&l->receiving, 1);
    return rc;
}

/* One that comes late, since a sync took longer or the processor was somebody else's, does not end the run. */
static void note_soon(struct worker *w, bool soon)
{
    if (soon)
        w->soon += w->soon < SOON_MAX;
    else
        w->soon -= w->soon < SOON_LATE ? w->soon : SOON_LATE;
}

/* Whoever looks is woken only when it had gone to sleep: a post costs more than the request. */
static void process_brief(struct worker *w)
{
    struct loop *l = w->loop;
    int64_t began;

    atomic_fetch_add(&l->brief, 1);
    if (atomic_load(&l->unwatched) && atomic_exchange(&l->unwatched, false))
        (void)sem_post(&l->watch);
    began = pfs_clock_monotonic_ns();
    note_soon(w, began - w->left_ns < SOON_NS);
    pfs_idle_expect(is_in_a_run(w));
    atomic_store(&l->began_ns, began);
    l->config->process(l->config->context, &w->request);
    atomic_store(&l->began_ns, 0);
    w->left_ns = pfs_clock_monotonic_ns();
    if (atomic_fetch_add(&l->run, 1) >= BRIEF_RUN && atomic_load(&l->receiving) > 0) {
        pfs_idle_moment(PFS_IDLE_LEAVE);
        pfs_near_leave();
        rest(l);
    }
}

/* Another one is called before, not after: whoever comes next must not wait for this one. */
static void process_long(struct worker *w)
{
    struct loop *l = w->loop;

    atomic_store(&l->run, 0);
    call_another(l);
    pfs_idle_moment(PFS_IDLE_LEAVE);
    pfs_idle_expect(false);
    pfs_near_leave();
    l->config->process(l->config->context, &w->request);
}

PFS_CANCELLABLE static void *work(void *context)
{
    struct worker *w = context;
    struct loop *l = w->loop;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pfs_idle_begin(&w->idle);
    while (!atomic_load(&l->ended)) {
        int rc = receive(w);

        if (rc == -EINTR || rc == -EAGAIN)
            continue;
        if (rc <= 0)
            end(l, rc);
        else if (l->config->brief(l->config->context, &w->request))
            process_brief(w);
        else
            process_long(w);
    }
    pfs_idle_begin(NULL);
    return NULL;
}

/* ---- the thread that looks ---- */

static void wait_for(struct loop *l, int64_t ns)
{
    int64_t end = pfs_clock_monotonic_ns() + ns;
    struct timespec until = {(time_t)(end / 1000000000), (long)(end % 1000000000)};

    (void)sem_clockwait(&l->watch, CLOCK_MONOTONIC, &until);
}

/* Until a brief request comes, or it is over. */
static void look_away(struct loop *l, unsigned seen)
{
    atomic_store(&l->unwatched, true);
    if (atomic_load(&l->brief) == seen)
        wait_for(l, AWAY_NS);
    atomic_store(&l->unwatched, false);
}

/* Is something put off by any thread? Not for long: the thread sleeps when another one took the request it saw. */
static bool watch_work(struct loop *l)
{
    bool any = false;

    for (int i = 0; i < l->started; i++)
        any = pfs_idle_watch(&l->workers[i].idle, STUCK_NS) || any;
    return any;
}

/* Ends by a signal, too: that is when the waits return. */
static void look_on(struct loop *l)
{
    unsigned seen = atomic_load(&l->brief), idle = 0;

    while (!atomic_load(&l->ended) && !l->config->ended(l->config->context)) {
        int64_t began = atomic_load(&l->began_ns);
        unsigned now = atomic_load(&l->brief);

        if (began != 0 && pfs_clock_monotonic_ns() - began > STUCK_NS)
            call_another(l);
        idle = !watch_work(l) && now == seen && began == 0 ? idle + 1 : 0;
        seen = now;
        if (idle < IDLE_LOOKS)
            wait_for(l, STUCK_NS);
        else
            look_away(l, seen);
    }
}

/* ---- life ---- */

/* Signals are for the thread that looks. */
static void start(struct loop *l, int count)
{
    for (; l->started < count; l->started++) {
        struct worker *w = &l->workers[l->started];

        w->loop = l;
        if (pfs_thread_start(&w->thread, work, w) != 0)
            break;
    }
}

static bool one_processor(void)
{
    cpu_set_t all;

    return sched_getaffinity(0, sizeof(all), &all) == 0 && CPU_COUNT(&all) < 2;
}

/* Threads that wait for a request are cancelled at the end: nothing else wakes them. What such a one has put off is
 * handed on before others are waited for, which may take their time. */
int pfs_loop_run(const struct pfs_loop_config *config, struct pfs_err *err)
{
    struct loop l = {.config = config,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .wanted = PTHREAD_COND_INITIALIZER,
                     .crowded = one_processor(),
                     .workers = pfs_alloc_array((size_t)config->threads, sizeof(struct worker))};

    if (l.workers == NULL)
        return pfs_fail(err, ENOMEM, "no memory for threads that serve");
    assert(config->threads > 0);
    (void)sem_init(&l.watch, 0, 0);
    start(&l, config->threads);
    if (l.started == 0)
        l.rc = pfs_fail(err, EAGAIN, "no thread can be started to serve requests");
    else
        look_on(&l);
    end(&l, 0);
    for (int i = 0; i < l.started; i++) {
        (void)pthread_cancel(l.workers[i].thread);
        (void)pfs_idle_watch(&l.workers[i].idle, -1);
    }
    for (int i = 0; i < l.started; i++) {
        (void)pthread_join(l.workers[i].thread, NULL);
        (void)pfs_idle_watch(&l.workers[i].idle, -1);
        config->drop(config->context, &l.workers[i].request);
    }
    pfs_free(l.workers);
    (void)sem_destroy(&l.watch);
    if (l.rc < 0 && l.started > 0)
        return pfs_fail(err, -l.rc, "requests cannot be received: %s", pfs_errno_text(-l.rc));
    return l.rc;
}
