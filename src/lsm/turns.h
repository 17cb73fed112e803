/* turns.h - whose turn it is: which table is looked at or compacted next, and when. Pure functions over facts.
 *
 * A look (is there something to compact, how many runs are there?) follows each commit at once, but a table is looked
 * at so seldom that looking takes a tenth of the time at most. Of the tables with something to do the one whose runs
 * come nearest to where its writers are held goes first; who has waited long goes before. One that failed waits, longer
 * each time. Times are monotonic milliseconds. Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pfs_turn {    /* of a table */
    bool changed;    /* there was a commit since the last look */
    bool looking;    /* right now */
    bool due;        /* the last look found something to do */
    bool compacting; /* right now */
    int64_t looked_ms, look_took_ms;
    int64_t due_since_ms;
    int64_t runs, stop; /* of the bucket with most; where writers are held. 0 = it has no runs */
    int32_t failures;   /* in a row */
    int64_t failed_ms;  /* the last one */
};

enum pfs_turn_kind { PFS_TURN_LOOK, PFS_TURN_COMPACT };

struct pfs_next_turn {
    int32_t table; /* -1 = nobody now */
    int64_t at_ms; /* then when to ask again; INT64_MAX = when something has changed */
};

struct pfs_next_turn pfs_turn_next(const struct pfs_turn *const *turn, int32_t count, enum pfs_turn_kind kind,
                                   int64_t now_ms);

/* How long a table is left alone after its n-th failure in a row: 1 s, doubled each time, 10 minutes at most. */
int64_t pfs_turn_backoff_ms(int32_t failures);

/* Are its writers held? More runs than that are read no more at once, and a compaction must come first. One that failed
 * has left them as they were, whatever the next look is still to say. */
static inline bool pfs_turn_holds(const struct pfs_turn *turn)
{
    return turn->stop > 0 && turn->runs > turn->stop && (turn->due || turn->compacting || turn->failures > 0);
}
