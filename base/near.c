#include "base/near.h"

#include <assert.h>
#include <sched.h>
#include <stdbool.h>

#include "base/clock.h"

#define TRIED_WAITS 16
#define SETTLED_WAITS 4096
#define CLEARLY 8             /* a wait is clearly shorter by this part of it */
#define OUTLIER 4             /* so many times the mean is what a longer wait counts for */
#define LONG_NS 500000        /* others who take so long compute */
#define AVOIDED_NS 1000000000 /* then nothing is chosen for so long */

void pfs_near_init_among(struct pfs_near *near, const int *number, int count)
{
    assert(count >= 0);
    *near = (struct pfs_near){.lock = PTHREAD_MUTEX_INITIALIZER, .count = count > PFS_NEAR_MAX ? 0 : count};
    for (int i = 0; i < near->count; i++)
        near->number[i] = number[i];
}

void pfs_near_init(struct pfs_near *near)
{
    int number[PFS_NEAR_MAX], count = 0;
    cpu_set_t all;

    if (sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) > PFS_NEAR_MAX)
        CPU_ZERO(&all);
    for (int i = 0; i < CPU_SETSIZE && count < PFS_NEAR_MAX; i++)
        if (CPU_ISSET((size_t)i, &all))
            number[count++] = i;
    pfs_near_init_among(near, number, count);
}

void pfs_near_done(struct pfs_near *near)
{
    pthread_mutex_destroy(&near->lock);
}

/* ---- choosing ---- */

static int index_of(const struct pfs_near *near, int processor)
{
    for (int i = 0; i < near->count; i++)
        if (near->number[i] == processor)
            return i;
    return -1;
}

/* Of those that are known; -1 when none is. */
static int nearest(const struct pfs_near *near)
{
    int best = -1;

    for (int i = 0; i < near->count; i++)
        if (near->mean_ns[i] > 0 && (best < 0 || near->mean_ns[i] < near->mean_ns[best]))
            best = i;
    return best;
}

int pfs_near_choose(struct pfs_near *near, int here)
{
    int to = -1, at, best;

    pthread_mutex_lock(&near->lock);
    at = index_of(near, here);
    best = nearest(near);
    if (near->count >= 2 && near->trying < near->count)
        to = near->number[near->trying];
    else if (near->count >= 2 && best >= 0)
        to =
            at >= 0 && near->mean_ns[at] > 0 && near->mean_ns[at] <= near->mean_ns[best] + near->mean_ns[best] / CLEARLY
                ? here
                : near->number[best];
    pthread_mutex_unlock(&near->lock);
    return to;
}

/* The thread may not get to the one that is being tried, as its processors have changed: then the next one's turn comes
 * all the same. Lock held. */
static void count_wait(struct pfs_near *near, int at)
{
    if (near->trying == near->count) {
        if (++near->waits < SETTLED_WAITS)
            return;
        near->trying = 0;
    } else {
        near->waits += at == near->trying;
        near->missed += at != near->trying;
        if (near->waits < TRIED_WAITS && near->missed < 2 * TRIED_WAITS)
            return;
        if (near->waits == 0)
            near->mean_ns[near->trying] = 0;
        near->trying++;
    }
    near->waits = near->missed = 0;
    assert(near->trying <= near->count);
}

void pfs_near_note(struct pfs_near *near, int processor, int64_t ns)
{
    int at;

    pthread_mutex_lock(&near->lock);
    at = index_of(near, processor);
    if (at >= 0 && near->mean_ns[at] == 0) {
        near->mean_ns[at] = ns > 0 ? ns : 1;
    } else if (at >= 0) {
        int64_t mean = near->mean_ns[at], most = OUTLIER * mean;

        mean += ((ns > most ? most : ns) - mean) / CLEARLY;
        near->mean_ns[at] = mean > 0 ? mean : 1;
    }
    if (near->count >= 2)
        count_wait(near, at);
    pthread_mutex_unlock(&near->lock);
}

/* ---- the system ---- */

static _Thread_local struct {
    bool begun, kept;
    int at;           /* where it is kept */
    cpu_set_t all;    /* where it may be; of one that is kept */
    int64_t until_ns; /* nothing is chosen: somebody computes there */
} own;

int pfs_near_here(void)
{
    return sched_getcpu();
}

void pfs_near_begin(void)
{
    own.begun = true;
}

static void let_go(void)
{
    if (own.kept)
        (void)sched_setaffinity(0, sizeof(own.all), &own.all);
    own.kept = false;
}

void pfs_near_leave(void)
{
    let_go();
    own.begun = false;
}

static void keep_at(int processor)
{
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((size_t)processor, &one);
    if (!own.kept && sched_getaffinity(0, sizeof(own.all), &own.all) < 0)
        return;
    if (!CPU_ISSET((size_t)processor, &own.all) || sched_setaffinity(0, sizeof(one), &one) < 0)
        return;
    own.at = processor;
    own.kept = true;
}

void pfs_near_go(struct pfs_near *near)
{
    int to;

    if (!own.begun || pfs_clock_monotonic_ns() < own.until_ns)
        return;
    to = pfs_near_choose(near, pfs_near_here());
    if (to >= 0 && !(own.kept && own.at == to))
        keep_at(to);
}

void pfs_near_yield(void)
{
    int64_t began;

    if (!own.kept) {
        (void)sched_yield();
        return;
    }
    began = pfs_clock_monotonic_ns();
    (void)sched_yield();
    if (pfs_clock_monotonic_ns() - began < LONG_NS)
        return;
    let_go();
    own.until_ns = pfs_clock_monotonic_ns() + AVOIDED_NS;
}
