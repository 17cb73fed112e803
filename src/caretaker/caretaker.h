/* caretaker.h - the tables that this process commits to are compacted as their writers would: with catalog.h, table.h
 * and ingest.h a front door of src/.
 *
 *   a commit -> look (src/lsm/turns.h: whose turn it is) -> what a writer would pick -> quietly, a table's buckets one
 *   after the other -> a COMPACT snapshot of its own -> look again
 *
 * One thread looks, another compacts; rows are read and written on a thread of low priority, and published on one of
 * the ordinary one, for then writers wait. Somebody else was quicker: what was made is given up, and picked anew. A
 * compaction that fails leaves the table as it was; it is told of once, and tried again later and later.
 *
 * While a bucket of a table has more runs than num-sorted-run.stop-trigger, and a compaction can help, its writers are
 * held. Tables that are write-only, or that cannot be compacted, hold nobody.
 *
 * Threads: any. What is known of a table is kept as long as the caretaker; the table itself is held only while there is
 * something to do.
 */
#pragma once

#include "src/table/catalog.h"
#include "src/table/table.h"

struct pfs_caretaker;

struct pfs_caretaker_config {
    struct pfs_catalog *catalog; /* borrowed; outlives */
    const struct pfs_clock *clock;
    struct pfs_budget budget; /* 0 bytes = a quarter of the warehouse's */
    bool background;          /* false (CLI): nothing is done but by pfs_caretaker_run */
    /* A compaction failed, for errors.jsonl and the log: once in a row of equal failures. May be NULL. */
    void (*report)(void *context, const char *database, const char *table, const char *branch,
                   const struct pfs_err *why);
    void *context;
};

int pfs_caretaker_open(const struct pfs_caretaker_config *config, struct pfs_caretaker **out, struct pfs_err *err);
/* Gives up what is being compacted. NULL allowed. */
void pfs_caretaker_close(struct pfs_caretaker *caretaker);

/* There was a commit. Cheap. */
void pfs_caretaker_committed(struct pfs_caretaker *caretaker, struct pfs_table *table);
/* Compacts, at full speed and on the caller, what was committed to, as a writer that ends does. Goes on after a
 * failure; the first one is the result. */
int pfs_caretaker_run(struct pfs_caretaker *caretaker, struct pfs_err *err);

/* 0, or -EBUSY with the sentence: writers of the table are held for now. Cheap. */
int pfs_caretaker_check(struct pfs_caretaker *caretaker, const struct pfs_table *table, struct pfs_err *err);

/* What is known of a table, as of the last look. */
struct pfs_caretaker_facts {
    const char *database, *table, *branch; /* as long as the caretaker */
    bool looked;                           /* else all below is 0 */
    struct pfs_backlog backlog;
    bool due; /* something waits to be compacted, or a commit to be looked at */
    bool compacting, holds;
    int64_t rows_done, rows;                    /* of the compaction that runs */
    int64_t done, conflicts, failed;            /* compactions so far */
    int64_t took_ms, old_bytes, bytes, last_ms; /* of those done; when the last one ended, 0 = never (wall clock) */
    int64_t last_snapshot;                      /* that it made */
    struct pfs_err error;                       /* of the newest one if it failed; code 0 = it did not */
    int64_t retry_ms;                           /* until it is tried again */
};

/* False: nothing was committed to it. */
bool pfs_caretaker_facts(struct pfs_caretaker *caretaker, const struct pfs_table *table,
                         struct pfs_caretaker_facts *out);
/* Of every table that was committed to, one after the other, without a lock. */
void pfs_caretaker_each(struct pfs_caretaker *caretaker,
                        void (*fn)(void *context, const struct pfs_caretaker_facts *facts), void *context);
