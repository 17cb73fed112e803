/* budget.h - what a reader of rows may take, handed down to whoever opens files and merges them. */
#pragma once

#include <assert.h>

#include "base/store.h"

struct pfs_budget {
    size_t bytes;            /* of memory; 0 = 64 MiB */
    struct pfs_store *spill; /* where sorted runs go that are too many to be read at once, in files that nothing names
                                once they are open; NULL = nowhere: they are read at once */
};

/* A part of it. */
static inline struct pfs_budget pfs_budget_share(struct pfs_budget budget, size_t parts)
{
    assert(parts > 0);
    return (struct pfs_budget){budget.bytes / parts, budget.spill};
}
