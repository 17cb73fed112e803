/* cancel.h - the flag by which a request is told to stop; handed down, looked at once a batch.
 *
 * Set once, never cleared while in use. A NULL flag is never set. Threads: any.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct pfs_cancel {
    atomic_bool set;
};

static inline bool pfs_cancelled(const struct pfs_cancel *cancel)
{
    return cancel != NULL && atomic_load_explicit(&cancel->set, memory_order_relaxed);
}

static inline void pfs_cancel(struct pfs_cancel *cancel)
{
    atomic_store(&cancel->set, true);
}
