/* idle.c - whoever asks takes the work first, by the state alone: the thread itself, or the one that watches it. */
#include "base/idle.h"

#include <assert.h>
#include <stddef.h>

#include "base/clock.h"

enum { NONE, PUT_OFF, TAKEN };

static _Thread_local struct pfs_idle *mine;

static bool take(struct pfs_idle *idle)
{
    int put_off = PUT_OFF;

    return atomic_compare_exchange_strong(&idle->state, &put_off, TAKEN);
}

void pfs_idle_begin(struct pfs_idle *idle)
{
    pfs_idle_moment(PFS_IDLE_LEAVE);
    assert(idle == NULL || atomic_load(&idle->state) == NONE);
    mine = idle;
}

void pfs_idle_expect(bool soon)
{
    if (mine != NULL)
        mine->far = !soon;
}

bool pfs_idle_is_expected(void)
{
    return mine != NULL && !mine->far;
}

bool pfs_idle_put_off(pfs_idle_fn *fn, void *context, int64_t patience_ns)
{
    assert(fn != NULL);
    if (!pfs_idle_is_expected() || atomic_load(&mine->state) != NONE)
        return false;
    mine->fn = fn;
    mine->context = context;
    mine->patience_ns = patience_ns;
    atomic_store(&mine->since_ns, pfs_clock_monotonic_ns());
    atomic_store(&mine->state, PUT_OFF);
    return true;
}

bool pfs_idle_has_work(void)
{
    return mine != NULL && atomic_load(&mine->state) == PUT_OFF;
}

bool pfs_idle_is_due(int64_t now_ns)
{
    return pfs_idle_has_work() && now_ns - atomic_load(&mine->since_ns) > mine->patience_ns;
}

void pfs_idle_moment(enum pfs_idle_moment moment)
{
    bool done;

    if (!pfs_idle_has_work() || !take(mine))
        return;
    done = mine->fn(mine->context, moment);
    assert(done || moment != PFS_IDLE_LEAVE);
    atomic_store(&mine->state, done ? NONE : PUT_OFF);
}

bool pfs_idle_watch(struct pfs_idle *idle, int64_t ns)
{
    if (atomic_load(&idle->state) == NONE)
        return false;
    if (pfs_clock_monotonic_ns() - atomic_load(&idle->since_ns) <= ns || !take(idle))
        return true;
    (void)idle->fn(idle->context, PFS_IDLE_LEAVE);
    atomic_store(&idle->state, NONE);
    return false;
}
