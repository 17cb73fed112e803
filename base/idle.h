/* idle.h - work that a thread puts off until it has nothing else to do.
 *
 * A thread that serves one small thing after the other is cheaper to come back to than another thread is to wake. What
 * it puts off it is asked about again and again, at its idle moments, until that says that it is done; should the
 * thread be held up, whoever watches it has the work handed on. At most one thing is put off at a time.
 *
 *   none -> put off -> (a moment, one asks) -> done: none; not yet: put off
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum pfs_idle_moment {
    PFS_IDLE_FREE,  /* there is nothing else to do now */
    PFS_IDLE_BUSY,  /* there is */
    PFS_IDLE_LEAVE, /* the thread does not come back soon: the work is to be handed on, without waiting */
};
/* True: done, or handed on; always so for PFS_IDLE_LEAVE. No lock is held around it. */
typedef bool pfs_idle_fn(void *context, enum pfs_idle_moment moment);

struct pfs_idle { /* a thread's own; zeroed at the beginning */
    atomic_int state;
    atomic_llong since_ns; /* monotonic, of what is put off, */
    int64_t patience_ns;   /* which waits so long while there is something else to do */
    bool far;              /* the thread does not expect its next idle moment soon */
    pfs_idle_fn *fn;
    void *context;
};

/* The calling thread has idle moments from now on; NULL = none any more, and what is put off is handed on. */
void pfs_idle_begin(struct pfs_idle *idle);

/* Does it expect idle moments soon? Yes, until it is said. While it does not, nothing is put off. */
void pfs_idle_expect(bool soon);
bool pfs_idle_is_expected(void);

/* Puts off; pfs_idle_is_due says when `patience_ns` have passed. False: the calling thread expects no idle moments, or
 * has put off something already. */
bool pfs_idle_put_off(pfs_idle_fn *fn, void *context, int64_t patience_ns);

/* Is something put off by the calling thread? Has its patience come to its end? now_ns: monotonic, maybe of a moment
 * ago. */
bool pfs_idle_has_work(void);
bool pfs_idle_is_due(int64_t now_ns);
/* The calling thread has such a moment; nothing happens when nothing is put off. */
void pfs_idle_moment(enum pfs_idle_moment moment);

/* Threads: any. Hands on what was put off longer than `ns` ago. Is something put off still? */
bool pfs_idle_watch(struct pfs_idle *idle, int64_t ns);
