/* park.c - two lists hold each waiter: the one of what it waits for, and that of all, which deadlines and interrupts
 * are looked for in. Whoever takes it off both, under the lock, is the one that continues it. */
#include "fs/view/park.h"

#include <assert.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

struct pfs_park {
    pthread_mutex_t lock;  /* guards all lists, and what their owners say it guards */
    pthread_cond_t sooner; /* a deadline was added, or closing */
    struct pfs_waiter *all;
    bool closing;
    pthread_t thread;
};

static void unlink_waiter(struct pfs_waiter *w)
{
    assert(w->link != NULL);
    assert(w->link_all != NULL);
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    *w->link_all = w->next_all;
    if (w->next_all != NULL)
        w->next_all->link_all = w->link_all;
    w->link = w->link_all = NULL;
    w->next = w->next_all = NULL;
}

/* The waiter with the nearest deadline; NULL when none has one. */
static struct pfs_waiter *nearest(const struct pfs_park *park)
{
    struct pfs_waiter *found = NULL;

    for (struct pfs_waiter *w = park->all; w != NULL; w = w->next_all)
        if (w->deadline_ms != 0 && (found == NULL || w->deadline_ms < found->deadline_ms))
            found = w;
    return found;
}

static void sleep_until(struct pfs_park *park, const struct pfs_waiter *w)
{
    struct timespec ts;

    if (w == NULL) {
        pthread_cond_wait(&park->sooner, &park->lock);
        return;
    }
    ts.tv_sec = (time_t)(w->deadline_ms / 1000);
    ts.tv_nsec = (long)(w->deadline_ms % 1000) * 1000000;
    pthread_cond_timedwait(&park->sooner, &park->lock, &ts);
}

static void *watch_deadlines(void *context)
{
    struct pfs_park *park = context;

    pthread_mutex_lock(&park->lock);
    while (!park->closing) {
        struct pfs_waiter *w = nearest(park);

        if (w == NULL || w->deadline_ms > pfs_clock_monotonic_ms()) {
            sleep_until(park, w);
            continue;
        }
        unlink_waiter(w);
        pthread_mutex_unlock(&park->lock);
        w->wake(w, PFS_WAKE_TIMEOUT);
        pthread_mutex_lock(&park->lock);
    }
    pthread_mutex_unlock(&park->lock);
    return NULL;
}

int pfs_park_open(struct pfs_park **out, struct pfs_err *err)
{
    struct pfs_park *park = pfs_zalloc(sizeof(*park));
    pthread_condattr_t attr;

    if (park == NULL)
        return pfs_fail(err, ENOMEM, "no memory for the list of waiting requests");
    pthread_mutex_init(&park->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&park->sooner, &attr);
    pthread_condattr_destroy(&attr);
    if (pthread_create(&park->thread, NULL, watch_deadlines, park) != 0) {
        pthread_cond_destroy(&park->sooner);
        pthread_mutex_destroy(&park->lock);
        pfs_free(park);
        return pfs_fail(err, EAGAIN, "the thread for deadlines cannot be started");
    }
    *out = park;
    return 0;
}

void pfs_park_close(struct pfs_park *park)
{
    if (park == NULL)
        return;
    pthread_mutex_lock(&park->lock);
    park->closing = true;
    pthread_cond_signal(&park->sooner);
    pthread_mutex_unlock(&park->lock);
    pthread_join(park->thread, NULL);
    assert(park->all == NULL);
    pthread_cond_destroy(&park->sooner);
    pthread_mutex_destroy(&park->lock);
    pfs_free(park);
}

void pfs_park_lock(struct pfs_park *park)
{
    pthread_mutex_lock(&park->lock);
}

void pfs_park_unlock(struct pfs_park *park)
{
    pthread_mutex_unlock(&park->lock);
}

bool pfs_park_add(struct pfs_park *park, struct pfs_waitlist *list, struct pfs_waiter *waiter)
{
    assert(waiter->wake != NULL);
    assert(waiter->link == NULL);
    if (waiter->request != NULL && pfs_cancelled(&waiter->request->cancel))
        return false;
    waiter->next = list->first;
    waiter->link = &list->first;
    if (list->first != NULL)
        list->first->link = &waiter->next;
    list->first = waiter;
    waiter->next_all = park->all;
    waiter->link_all = &park->all;
    if (park->all != NULL)
        park->all->link_all = &waiter->next_all;
    park->all = waiter;
    if (waiter->deadline_ms != 0)
        pthread_cond_signal(&park->sooner);
    return true;
}

void pfs_park_wake(struct pfs_park *park, struct pfs_waitlist *list)
{
    struct pfs_waiter *woken = NULL;

    pthread_mutex_lock(&park->lock);
    while (list->first != NULL) {
        struct pfs_waiter *w = list->first;

        unlink_waiter(w);
        w->next = woken;
        woken = w;
    }
    pthread_mutex_unlock(&park->lock);
    while (woken != NULL) {
        struct pfs_waiter *w = woken;

        woken = w->next;
        w->next = NULL;
        w->wake(w, PFS_WAKE_READY);
    }
}

void pfs_park_interrupt(struct pfs_park *park, struct pfs_request *request)
{
    struct pfs_waiter *w;

    pthread_mutex_lock(&park->lock);
    pfs_cancel(&request->cancel);
    for (w = park->all; w != NULL && w->request != request; w = w->next_all)
        ;
    if (w != NULL)
        unlink_waiter(w);
    pthread_mutex_unlock(&park->lock);
    if (w != NULL)
        w->wake(w, PFS_WAKE_INTERRUPT);
}
