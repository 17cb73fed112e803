/* park.h - requests that wait: lists of them, woken by whoever completes what they wait for, by a deadline, or by an
 * interrupt; each is continued exactly once.
 *
 * A parking place (struct pfs_park) has one lock for all its lists and one thread for deadlines that serves no request.
 * A waiter is embedded by whoever waits; when it is woken it is off its list, and `wake` runs without the lock, on the
 * thread that woke it. Threads: any.
 */
#pragma once

#include "base/err.h"
#include "fs/view/request.h"

struct pfs_park;

enum pfs_wake { PFS_WAKE_READY, PFS_WAKE_TIMEOUT, PFS_WAKE_INTERRUPT };

struct pfs_waiter {
    void (*wake)(struct pfs_waiter *self, enum pfs_wake why);
    struct pfs_request *request;             /* whose interrupt wakes it; may be NULL */
    int64_t deadline_ms;                     /* monotonic; 0 = none */
    struct pfs_waiter *next, **link;         /* on its list; link NULL = on none. Guarded by the park's lock */
    struct pfs_waiter *next_all, **link_all; /* among all parked. Guarded by the park's lock */
};

struct pfs_waitlist { /* zeroed = empty. Guarded by the park's lock */
    struct pfs_waiter *first;
};

int pfs_park_open(struct pfs_park **out, struct pfs_err *err);
void pfs_park_close(struct pfs_park *park); /* nothing is parked any more; NULL allowed */

/* The lock that guards the conditions waited for: check the condition and park under one hold of it. */
void pfs_park_lock(struct pfs_park *park);
void pfs_park_unlock(struct pfs_park *park);

/* Puts the waiter on the list (lock held). False, and not parked, when the request was interrupted already. */
bool pfs_park_add(struct pfs_park *park, struct pfs_waitlist *list, struct pfs_waiter *waiter);
/* Takes all waiters off the list and continues them with READY (lock not held). */
void pfs_park_wake(struct pfs_park *park, struct pfs_waitlist *list);
/* Sets the request's flag and, if it is parked here, continues it with INTERRUPT. */
void pfs_park_interrupt(struct pfs_park *park, struct pfs_request *request);
