/* table_retain.c - a table lets go of what has had its time: when, and how cheaply that is told after each commit. */
#include "base/mem.h"
#include "src/retain/retain.h"
#include "src/table_internal.h"

#define LOOK_AGAIN_MS 60000 /* other engines may bring back what was gone (a rollback to a tag) */

static int retain_of(struct pfs_table *table, struct pfs_retain *at, struct pfs_retention *how, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);

    *at = (struct pfs_retain){.store = parts.store,
                              .table = parts.root,
                              .meta = parts.meta,
                              .manifests = parts.manifests,
                              .external = parts.external,
                              .clock = parts.clock};
    PFS_TRY(pfs_table_schema(table, &at->schema, err));
    return pfs_retention_read(at->schema, how, err);
}

static int check_writable(struct pfs_table *table, struct pfs_err *err)
{
    return pfs_table_parts(table).read_only ? pfs_fail(err, EROFS, "the warehouse is mounted read-only") : 0;
}

int pfs_table_expire_snapshots(struct pfs_table *table, const struct pfs_expire_want *want, int64_t *expired,
                               struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(check_writable(table, err));
    PFS_TRY(retain_of(table, &at, &how, err));
    if (want->most != PFS_NO_NUMBER)
        how.snapshots.most = want->most;
    if (want->least != PFS_NO_NUMBER)
        how.snapshots.least = want->least;
    if (want->deletes != PFS_NO_NUMBER)
        how.snapshots.deletes = want->deletes;
    if (want->before_ms != PFS_NO_NUMBER)
        how.snapshots.retained_ms = pfs_clock_now_ms(at.clock) - want->before_ms;
    pthread_mutex_lock(&upkeep->lock);
    rc = pfs_snapshots_expire(&at, &how, expired, err);
    upkeep->earliest = 0;
    pthread_mutex_unlock(&upkeep->lock);
    return rc;
}

/* ---- after a commit ---- */

/* Is a snapshot due, as far as its number and the age of the oldest one tell? Upkeep's lock held. */
static bool snapshots_are_due(const struct pfs_upkeep *upkeep, const struct pfs_retain *at,
                              const struct pfs_retention *how, int64_t latest)
{
    const struct pfs_retain_limits *limits = &how->snapshots;
    int64_t count = latest - upkeep->earliest + 1;

    if (upkeep->earliest == 0 || count <= 0 || pfs_clock_monotonic_ms() - upkeep->looked_ms >= LOOK_AGAIN_MS)
        return true;
    return count > limits->most ||
           (count > limits->least && pfs_clock_now_ms(at->clock) - limits->retained_ms > upkeep->earliest_ms);
}

static void note_earliest(struct pfs_upkeep *upkeep, const struct pfs_retain *at)
{
    struct pfs_snapshot first;
    struct pfs_arena arena;
    int64_t id;

    upkeep->earliest = 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    if (pfs_snapshot_earliest_id(at->store, at->meta, &id, NULL) == 0 &&
        pfs_snapshot_load(at->store, at->meta, id, &arena, &first, NULL, NULL) == 0) {
        upkeep->earliest = id;
        upkeep->earliest_ms = first.time_ms;
        upkeep->looked_ms = pfs_clock_monotonic_ms();
    }
    pfs_arena_done(&arena);
}

static int maintain(struct pfs_upkeep *upkeep, const struct pfs_retain *at, const struct pfs_retention *how,
                    struct pfs_err *err)
{
    int64_t latest, expired;
    int rc = pfs_snapshot_latest_id(at->store, at->meta, &latest, err);

    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    if (!snapshots_are_due(upkeep, at, how, latest))
        return 0;
    rc = pfs_snapshots_expire(at, how, &expired, err);
    note_earliest(upkeep, at);
    return rc;
}

int pfs_table_maintain(struct pfs_table *table, int64_t identifier, struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    (void)identifier;
    if (pfs_table_parts(table).read_only || pthread_mutex_trylock(&upkeep->lock) != 0)
        return 0;
    rc = retain_of(table, &at, &how, err);
    if (rc == 0 && !at.schema->write_only)
        rc = maintain(upkeep, &at, &how, err);
    pthread_mutex_unlock(&upkeep->lock);
    return rc;
}
