/* retain.c - a table lets go of what has had its time: when, and how cheaply that is told after each commit.
 *
 * What was seen at the last look (the oldest snapshot and its age, the directory of tags and the first end among them)
 * tells without reading anything whether there can be something to do. Others may change what was seen, so that a look
 * is worth a minute at most. One thread of this process looks at a time; who comes meanwhile leaves word and goes. */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include "src/table/internal.h"

#define LOOK_AGAIN_MS 60000 /* other engines may bring back what was gone (a rollback to a tag) */

/* A snapshot that is read, here or by another process, keeps itself and those after it. */
static int64_t first_held(void *context, int64_t from, int64_t end)
{
    struct pfs_table_parts parts = pfs_table_parts(context);

    assert(from < end);
    if (parts.holds != NULL)
        end = pfs_holds_first(parts.holds, parts.meta, from, end);
    return parts.leases == NULL ? end : pfs_leases_first(parts.leases, parts.store, parts.meta, from, end);
}

int pfs_table_retain(struct pfs_table *table, struct pfs_retain *at, struct pfs_retention *how, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);

    *at = (struct pfs_retain){.store = parts.store,
                              .table = parts.root,
                              .meta = parts.meta,
                              .manifests = parts.manifests,
                              .external = parts.external,
                              .clock = parts.clock,
                              .first_held = first_held,
                              .context = table};
    PFS_TRY(pfs_table_schema(table, &at->schema, err));
    return pfs_retention_read(at->schema, how, err);
}

int pfs_table_retain_begin(struct pfs_table *table, struct pfs_retain *at, struct pfs_retention *how,
                           struct pfs_err *err)
{
    PFS_TRY(pfs_table_check_writable(table, err));
    PFS_TRY(pfs_table_retain(table, at, how, err));
    pthread_mutex_lock(&pfs_table_upkeep(table)->lock);
    return 0;
}

void pfs_table_retain_end(struct pfs_table *table)
{
    pthread_mutex_unlock(&pfs_table_upkeep(table)->lock);
}

int pfs_table_expire_snapshots(struct pfs_table *table, const struct pfs_expire_want *want, int64_t *expired,
                               struct pfs_err *err)
{
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(pfs_table_retain_begin(table, &at, &how, err));
    if (want->most != PFS_NO_NUMBER)
        how.snapshots.most = want->most;
    if (want->least != PFS_NO_NUMBER)
        how.snapshots.least = want->least;
    if (want->deletes != PFS_NO_NUMBER)
        how.snapshots.deletes = want->deletes;
    if (want->before_ms != PFS_NO_NUMBER)
        how.snapshots.retained_ms = pfs_clock_now_ms(at.clock) - want->before_ms;
    rc = pfs_snapshots_expire(&at, &how, expired, err);
    pfs_table_upkeep(table)->earliest = 0;
    pfs_table_retain_end(table);
    return rc;
}

int pfs_table_expire_changelogs(struct pfs_table *table, const struct pfs_expire_want *want, bool all, int64_t *expired,
                                struct pfs_err *err)
{
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(pfs_table_retain_begin(table, &at, &how, err));
    how.changelogs = (struct pfs_retain_limits){want->most, want->least, INT64_MAX / 4, want->deletes};
    if (want->before_ms != PFS_NO_NUMBER)
        how.changelogs.retained_ms = pfs_clock_now_ms(at.clock) - want->before_ms;
    assert(all || want->most != PFS_NO_NUMBER);
    assert(all || want->least != PFS_NO_NUMBER);
    rc = all ? pfs_changelogs_remove_all(&at, &how, expired, err) : pfs_changelogs_expire(&at, &how, expired, err);
    pfs_table_retain_end(table);
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

/* 0 stays when that cannot be found out: then the next call looks again. */
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

/* What was inspected was inspected by the rules of one schema. */
static int create_tags(struct pfs_upkeep *upkeep, const struct pfs_retain *at, const struct pfs_retention *how,
                       struct pfs_err *err)
{
    if (upkeep->autotag_schema != at->schema->id)
        upkeep->autotag = (struct pfs_autotag){0};
    upkeep->autotag_schema = at->schema->id;
    return pfs_tags_create_due(at, how, &upkeep->autotag, err);
}

/* Looks at the tags again when their directory changed, when one is due, and now and then. */
static bool tags_are_due(struct pfs_upkeep *upkeep, const struct pfs_retain *at)
{
    struct pfs_stat now = {0};
    char path[4096];
    bool same;

    if (snprintf(path, sizeof(path), "%s/tag", at->meta) >= (int)sizeof(path) ||
        pfs_store_stat(at->store, path, &now, NULL) == -ENOENT)
        return false;
    same = now.inode == upkeep->tags.inode && now.mtime_ns == upkeep->tags.mtime_ns && upkeep->tags_looked_ms != 0 &&
           pfs_clock_monotonic_ms() - upkeep->tags_looked_ms < LOOK_AGAIN_MS;
    upkeep->tags = now;
    return !same || pfs_clock_local_ms(pfs_clock_now_ms(at->clock)) > upkeep->tags_end_ms;
}

static int expire_tags(struct pfs_upkeep *upkeep, const struct pfs_retain *at, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char **dropped;
    int64_t count;
    int rc;

    if (!tags_are_due(upkeep, at))
        return 0;
    upkeep->tags_looked_ms = 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_tags_expire(at, PFS_NO_NUMBER, &arena, &dropped, &count, err);
    pfs_arena_done(&arena);
    if (rc == 0)
        rc = pfs_tags_next_end(at, &upkeep->tags_end_ms, err);
    if (rc == 0)
        upkeep->tags_looked_ms = pfs_clock_monotonic_ms();
    return rc;
}

int pfs_table_create_tags(struct pfs_table *table, struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(pfs_table_retain_begin(table, &at, &how, err));
    rc = create_tags(upkeep, &at, &how, err);
    if (rc == 0 && how.expire_tags)
        rc = expire_tags(upkeep, &at, err);
    pfs_table_retain_end(table);
    return rc;
}

static int expire_snapshots(struct pfs_upkeep *upkeep, const struct pfs_retain *at, const struct pfs_retention *how,
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
    return rc < 0 || !how->decoupled ? rc : pfs_changelogs_expire(at, how, &expired, err);
}

/* In Paimon's order: consumers before the snapshots that they hold, snapshots last. */
static int maintain(struct pfs_table *table, const struct pfs_retain *at, const struct pfs_retention *how,
                    int64_t identifier, struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);

    PFS_TRY(create_tags(upkeep, at, how, err));
    if (how->expire_tags)
        PFS_TRY(expire_tags(upkeep, at, err));
    PFS_TRY(pfs_table_partitions_due(table, upkeep, at, identifier, err));
    if (how->consumer_ms >= 0)
        PFS_TRY(pfs_consumers_expire(at, how->consumer_ms, err));
    return expire_snapshots(upkeep, at, how, err);
}

static int maintain_once(struct pfs_table *table, int64_t identifier, struct pfs_err *err)
{
    struct pfs_retention how;
    struct pfs_retain at;

    PFS_TRY(pfs_table_retain(table, &at, &how, err));
    return at.schema->write_only ? 0 : maintain(table, &at, &how, identifier, err);
}

/* Whoever finds somebody at it leaves word, and that one looks again: it may have looked before the commit. */
int pfs_table_maintain(struct pfs_table *table, int64_t identifier, struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);
    unsigned asked;
    int rc;

    if (pfs_table_parts(table).read_only)
        return 0;
    atomic_fetch_add(&upkeep->asked, 1);
    do {
        if (pthread_mutex_trylock(&upkeep->lock) != 0)
            return 0;
        asked = atomic_load(&upkeep->asked);
        rc = maintain_once(table, identifier, err);
        pthread_mutex_unlock(&upkeep->lock);
    } while (rc == 0 && atomic_load(&upkeep->asked) != asked);
    return rc;
}
