/* near.h - the processor at which a thread is woken soonest by what it waits for.
 *
 * A device with one queue interrupts one processor. Whoever waits for it at another one is woken by way of that, and by
 * that much later; a quick sync takes a third longer. Which one it is nobody tells, so it is measured: each processor
 * is tried for a few waits, and the thread is kept where they are shortest, if they are clearly so. Now and then all
 * are tried again. Where there are many processors devices have queues for each, and nothing is done.
 *
 *   trying the first .. the last -> settled -> (after many waits) trying the first ..
 *
 * A thread is kept only while it does nothing but wait and answer: from pfs_near_begin to pfs_near_leave. If it finds
 * at pfs_near_yield that somebody else computes there it is let go for a while.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#define PFS_NEAR_MAX 8

/* Threads: any may use one at the same time. */
struct pfs_near {
    pthread_mutex_t lock; /* guards all below */
    int count;            /* processors; below 2 there is nothing to choose */
    int number[PFS_NEAR_MAX];
    int64_t mean_ns[PFS_NEAR_MAX]; /* of waits at each; 0 = none yet */
    int trying;                    /* index; count = settled */
    int waits, missed;             /* at the one that is being tried, and elsewhere meanwhile; or since they settled */
};

/* Among those that the calling thread may run on. */
void pfs_near_init(struct pfs_near *near);
/* Among these; more than PFS_NEAR_MAX of them: nothing is chosen. */
void pfs_near_init_among(struct pfs_near *near, const int *number, int count);
void pfs_near_done(struct pfs_near *near);

/* The calling thread may be kept at one processor from now on. Cheap, and so is each of the next while nothing
 * changes. */
void pfs_near_begin(void);
/* Where the system sends it, from now on. */
void pfs_near_leave(void);
/* It is about to wait, and goes to where that takes least. Nothing happens without pfs_near_begin. */
void pfs_near_go(struct pfs_near *near);
/* Others may run, as by sched_yield; if they take long where the thread is kept, it is let go. */
void pfs_near_yield(void);

int pfs_near_here(void); /* the processor; -1 = not known */
/* A wait of ns at that processor has ended; -1 = nobody knows where, since the thread went elsewhere meanwhile. */
void pfs_near_note(struct pfs_near *near, int processor, int64_t ns);
/* Where to be for the next wait: what pfs_near_go does. -1 = anywhere. */
int pfs_near_choose(struct pfs_near *near, int here);
