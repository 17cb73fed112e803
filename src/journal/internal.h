/* internal.h - the journal's own state: segments, transactions, who waits. Private to src/journal.
 *
 * Two locks, taken in this order: `append` is held while a record is written (so that records lie one after another)
 * and while a segment is begun; `state` guards every field below that does not say otherwise, and is never held across
 * I/O. One thread at a time leads a sync (`leading`), holding neither; only the current segment has bytes that are not
 * durable, because a segment is synced before the next one begins.
 */
#pragma once

#include <pthread.h>

#include "base/near.h"
#include "src/journal/record.h"
#include "src/journal/segment.h"

struct segment {
    struct segment *next; /* younger */
    struct pfs_file *file;
    int32_t number;
    int64_t refs;      /* one of the list, one a reader */
    int64_t waiting;   /* transactions that began here and are not retired */
    uint64_t seed;     /* set once */
    uint64_t durable;  /* bytes */
    uint64_t appended; /* bytes in whole records */
    uint64_t reserved; /* the file's end; below `append` */
    bool ended;        /* nothing is appended any more */
    bool poisoned;     /* a sync failed: what lies beyond `durable` does not count */
};

struct transaction {
    struct transaction *next;      /* of the same hash slot */
    struct transaction *next_left; /* of the list of those that leave */
    uint64_t number;
    struct segment *first;        /* where its first record lies; NULL when it has none */
    uint64_t first_seq, last_seq; /* of its records */
    bool leaving;                 /* RETIRED was added, in last_seq; UINT64_MAX: it could not be */
    bool again;                   /* it is among the first records of a segment */
    bool failed;
    uint64_t seal_seq; /* of its SEAL; 0 = it has none, */
    uint8_t seal[PFS_RECORD_SEAL];
    bool seal_lost; /* with a failed sync, and is to be among the first records of the next segment */
};

struct waiter {
    struct waiter *next;
    uint64_t target; /* records that must be durable */
    bool again;      /* another one waits for the same: they count as one */
    bool done;       /* of one who waits on the condition */
    int rc;
    struct pfs_err err;
    pfs_journal_done_fn *tell; /* NULL: waits on the condition; else the waiter is on the heap */
    void *context;
};

#define SLOTS_BEGIN 64

struct pfs_journal {
    pthread_mutex_t append, state;
    pthread_cond_t change; /* of `leading`, `inside`, a waiter's `done` */
    pthread_cond_t wanted; /* of `leading`, the lists of waiters, `closing`: for the thread */
    pthread_cond_t gather; /* of `waiters`, up to `gathered`: for the one who leads */
    pthread_t leader;

    struct pfs_store *store;
    uint64_t segment_bytes, limit_bytes;
    struct pfs_segment_header header; /* of the next segment; below `append` */
    struct pfs_buf scratch;           /* below `append` */

    struct segment *oldest, *current; /* current changes only below both locks */
    uint64_t bytes;                   /* of all segments */
    struct transaction **slots;
    size_t slot_count, transactions;
    struct transaction *left_first, *left_last; /* leaving, in the order of their RETIRED */
    uint64_t numbers;                           /* handed out */

    uint64_t added, durable; /* records, over all segments; a lost one counts as durable: it is settled */
    struct waiter *waiter_first, *waiter_last;
    struct waiter *untold; /* they were served, and are to be told */
    bool leading;
    int waiters, companions; /* records waited for now; and when the last sync had ended, its own included */
    int gathered;            /* how many the one who leads waits for; 0 = for nobody */
    struct pfs_near near;    /* to the disk: has a lock of its own */
    int64_t sync_ns;         /* how long the last sync took, from when it was started, */
    int64_t ended_ns;        /* when it ended, */
    int served, returned;    /* whom it served, and how many came since */
    int64_t back_ns;         /* what it takes until all have come back; 0 = not known */

    bool put_off;       /* a thread leads at an idle moment of its own */
    int64_t put_off_ns; /* since */
    int64_t started_ns; /* what is put off has begun to be written, since; 0 = not yet, */
    int64_t ready_ns;   /* and is led from then on */
    int inside;         /* callers of sync_later who lead, or have put it off */
    bool closing;
};

/* sync.c */
/* Transactions whose RETIRED is durable leave, and then segments may. `state` held. */
void pfs_journal_settle_ends(struct pfs_journal *j);
/* Its thread. At the end all who waited are told; without a lock. */
int pfs_journal_start_leader(struct pfs_journal *j, struct pfs_err *err);
void pfs_journal_end_leader(struct pfs_journal *j);

/* journal.c */
/* With `append` held and the current segment settled (or none). */
int pfs_journal_begin_segment(struct pfs_journal *j, struct pfs_err *err);
struct transaction *pfs_journal_find(struct pfs_journal *j, uint64_t number); /* `state` held */
void pfs_journal_forget(struct pfs_journal *j, struct transaction *t);        /* `state` held */
void pfs_journal_lose(struct pfs_journal *j, struct transaction *t);          /* `state` held: marks it failed */
struct segment *pfs_journal_detach(struct pfs_journal *j, bool all);          /* `state` held: what may be removed */
int pfs_journal_remove(struct pfs_journal *j, struct segment *segment, struct pfs_err *err); /* no lock */
void pfs_journal_unref(struct pfs_journal *j, struct segment *segment);                      /* no lock */
int pfs_segment_path(char out[static 128], const char *uuid, int32_t number);
