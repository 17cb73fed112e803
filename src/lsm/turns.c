/* turns.c - among the tables that are ready, the one whose turn it is; else when the first of them will be.
 *
 * A look is ready when its last one is ten times as long ago as it took. A compaction is ready when a look found one
 * due and the pause after its last failure is over. Whoever has waited for half a minute goes before every other, the
 * longest first, so that a table under pressure cannot keep the rest from ever being compacted. */
#include "src/lsm/turns.h"

#include <assert.h>
#include <stddef.h>

#define LOOK_SHARE 10 /* a look of 1 ms: not before 10 ms have passed since the last one */
#define LONG_MS 30000
#define BACKOFF_MIN_MS ((int64_t)1000)
#define BACKOFF_MAX_MS ((int64_t)600000)

int64_t pfs_turn_backoff_ms(int32_t failures)
{
    int64_t ms = BACKOFF_MIN_MS;

    if (failures <= 0)
        return 0;
    while (--failures > 0 && ms < BACKOFF_MAX_MS)
        ms *= 2;
    assert(ms >= BACKOFF_MIN_MS);
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* When the table may be served; INT64_MAX = it wants nothing of that kind. */
static int64_t ready_ms(const struct pfs_turn *t, enum pfs_turn_kind kind)
{
    if (kind == PFS_TURN_LOOK)
        return t->changed && !t->looking ? t->looked_ms + LOOK_SHARE * t->look_took_ms : INT64_MAX;
    if (!t->due || t->compacting)
        return INT64_MAX;
    return t->failures > 0 ? t->failed_ms + pfs_turn_backoff_ms(t->failures) : t->due_since_ms;
}

/* Runs in thousandths of what holds writers. */
static int64_t pressure(const struct pfs_turn *t)
{
    return t->stop > 0 ? t->runs * 1000 / t->stop : 0;
}

/* Does `a` go before `b`, both ready? */
static bool goes_before(const struct pfs_turn *a, const struct pfs_turn *b, enum pfs_turn_kind kind, int64_t now_ms)
{
    bool a_long = now_ms - a->due_since_ms >= LONG_MS, b_long = now_ms - b->due_since_ms >= LONG_MS;

    if (kind == PFS_TURN_LOOK)
        return a->looked_ms < b->looked_ms;
    if (a_long != b_long)
        return a_long;
    if (!a_long && pressure(a) != pressure(b))
        return pressure(a) > pressure(b);
    return a->due_since_ms < b->due_since_ms;
}

struct pfs_next_turn pfs_turn_next(const struct pfs_turn *const *turn, int32_t count, enum pfs_turn_kind kind,
                                   int64_t now_ms)
{
    struct pfs_next_turn next = {-1, INT64_MAX};

    assert(count >= 0);
    assert(kind == PFS_TURN_LOOK || kind == PFS_TURN_COMPACT);
    for (int32_t i = 0; i < count; i++) {
        int64_t at = ready_ms(turn[i], kind);

        if (at > now_ms)
            next.at_ms = at < next.at_ms ? at : next.at_ms;
        else if (next.table < 0 || goes_before(turn[i], turn[next.table], kind, now_ms))
            next.table = i;
    }
    assert(next.table >= 0 || next.at_ms > now_ms);
    return next;
}
