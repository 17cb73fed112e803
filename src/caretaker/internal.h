/* internal.h - what a caretaker knows of a table. Private to the suite. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "src/caretaker/caretaker.h"
#include "src/lsm/turns.h"

struct pfs_care { /* of a table. Names never change; all else is guarded by the caretaker's lock */
    char *database, *name, *branch;
    struct pfs_table *table; /* while there is something to do; NULL = let go */
    struct pfs_turn turn;
    struct pfs_commits commits; /* whoever looks or compacts changes a copy */
    struct pfs_backlog backlog;
    bool looked;
    int64_t done, conflicts, failed, took_ms, old_bytes, bytes, last_ms, last_snapshot;
    struct pfs_err error;
    atomic_llong rows_done, rows; /* of the compaction that runs */
};

struct pfs_caretaker {
    struct pfs_caretaker_config config;
    struct pfs_cancel cancel; /* closing */
    pthread_mutex_t lock;     /* guards all below; never held across I/O */
    pthread_cond_t changed;
    struct pfs_care **care; /* one a table that was committed to */
    const struct pfs_turn **turn;
    int32_t cares, room;
    pthread_t thread[2]; /* one looks, one compacts */
    int threads;
};

/* NULL: nothing was committed to it. Lock held. */
struct pfs_care *pfs_care_find(const struct pfs_caretaker *caretaker, const struct pfs_table *table);

/* ---- care.c: one table. Lock held on entry and exit, not in between ---- */

void pfs_care_look(struct pfs_caretaker *caretaker, struct pfs_care *care, bool batch);
/* 0 when it was done or another was quicker. */
int pfs_care_compact(struct pfs_caretaker *caretaker, struct pfs_care *care, bool quiet, struct pfs_err *err);
