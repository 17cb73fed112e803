/* publish.c - the loop: newest state, change, conflicts, intent, attempt; then again, or done.
 *
 *   DONE, NOTHING   the end
 *   AGAIN           a rival was quicker: prepared anew on its state, after a pause
 *   unclear         the snapshot may be there: it is looked for first. Found: done. Not there, and the store answers:
 *                   nothing has happened, and there may be another try. The store does not answer: the caller is told,
 *                   and nothing may be deleted (invariant 5)
 *   failed          the end, but for a state that vanished while it was read
 */
#include "src/commit/publish.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "src/commit/internal.h"

#define NAP_MS 10 /* between two looks at the cancel flag */

struct settings { /* of the table */
    int64_t retries, timeout_ms, min_wait_ms, max_wait_ms;
};

/* How an attempt ended when it did not fail. */
enum outcome { DONE, NOTHING, AGAIN };

struct publishing {
    const struct pfs_publish *publish;
    struct settings settings;
    struct pfs_arena arena; /* of one attempt */
    struct pfs_merging merging;
    struct pfs_doubts doubts;
    int64_t began_ms;
    int tries;
    bool unclear; /* the last attempt may have published */
    int64_t seen; /* the newest snapshot of that attempt, and what it was */
    enum pfs_commit_kind kind;
};

/* ---- waiting ---- */

static int read_settings(const struct pfs_options *o, struct settings *out, struct pfs_err *err)
{
    PFS_TRY(pfs_options_int(o, "commit.max-retries", 10, &out->retries, err));
    PFS_TRY(pfs_options_millis(o, "commit.timeout", INT64_MAX, &out->timeout_ms, err));
    PFS_TRY(pfs_options_millis(o, "commit.min-retry-wait", 10, &out->min_wait_ms, err));
    PFS_TRY(pfs_options_millis(o, "commit.max-retry-wait", 10000, &out->max_wait_ms, err));
    return 0;
}

/* A random time whose bound doubles with each try: rivals must not meet again. */
static int64_t wait_ms(const struct publishing *p)
{
    const char *user = p->publish->user;
    int64_t low = p->settings.min_wait_ms > 0 ? p->settings.min_wait_ms : 0;
    int64_t bound = low > 0 ? low : 1;
    uint64_t seed = (uint64_t)pfs_clock_monotonic_ms() + (uint64_t)p->tries;

    for (int i = 0; i <= p->tries && bound < p->settings.max_wait_ms; i++)
        bound = bound > p->settings.max_wait_ms / 2 ? p->settings.max_wait_ms : bound * 2;
    bound = bound < p->settings.max_wait_ms ? bound : p->settings.max_wait_ms;
    if (bound <= low)
        return low;
    assert(low >= 0);
    return low + (int64_t)(pfs_hash64(user, strlen(user), seed) % (uint64_t)(bound - low + 1));
}

static int stopped(const struct publishing *p, struct pfs_err *err)
{
    return pfs_cancelled(p->publish->cancel) ? pfs_fail(err, ECANCELED, "the commit was cancelled") : 0;
}

static int pause_between(const struct publishing *p, struct pfs_err *err)
{
    for (int64_t left = wait_ms(p); left > 0; left -= NAP_MS) {
        PFS_TRY(stopped(p, err));
        usleep((useconds_t)(left < NAP_MS ? left : NAP_MS) * 1000);
    }
    return stopped(p, err);
}

/* One more try allowed? Counts it, waits before it. */
static int next_try(struct publishing *p, struct pfs_err *err)
{
    assert(p->tries >= 0);
    if (p->tries >= p->settings.retries)
        return pfs_fail(err, EBUSY, "other writers were quicker %d times (commit.max-retries)", p->tries + 1);
    if (pfs_clock_monotonic_ms() - p->began_ms > p->settings.timeout_ms)
        return pfs_fail(err, EBUSY, "other writers were quicker for %lld ms (commit.timeout)",
                        (long long)p->settings.timeout_ms);
    PFS_TRY(pause_between(p, err));
    p->tries++;
    return 0;
}

/* ---- whose snapshot is it ---- */

static bool is_ours(const struct pfs_publish *p, const struct pfs_snapshot *s, enum pfs_commit_kind kind)
{
    return s->kind == kind && s->commit_identifier == p->identifier && strcmp(s->commit_user, p->user) == 0;
}

/* Searches the snapshots after `seen` for ours: its id, or 0. */
static int find_ours(struct publishing *p, int64_t *id, struct pfs_err *err)
{
    const struct pfs_publish *c = p->publish;
    int64_t latest;
    int rc = pfs_snapshot_latest_id(c->store, c->meta, &latest, err);

    *id = 0;
    if (rc == -ENOENT)
        return 0;
    for (int64_t at = p->seen + 1; rc == 0 && at <= latest; at++) {
        struct pfs_snapshot snapshot;

        pfs_arena_reset(&p->arena);
        rc = pfs_snapshot_load(c->store, c->meta, at, &p->arena, &snapshot, NULL, err);
        if (rc == 0 && is_ours(c, &snapshot, p->kind)) {
            *id = at;
            return 0;
        }
        if (rc == -ENOENT) /* expired meanwhile, or a gap */
            rc = 0;
    }
    return rc;
}

/* After an unclear attempt: the id when it has published after all; its directory is then made durable. */
static int resolve(struct publishing *p, int64_t *id, struct pfs_err *err)
{
    assert(p->unclear);
    PFS_TRY(find_ours(p, id, err));
    return *id == 0 ? 0 : pfs_snapshot_sync(p->publish->store, p->publish->meta, err);
}

/* Failures that another try soon after would only meet again. */
static bool is_lasting(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT || rc == -EROFS || rc == -EACCES || rc == -EPERM || rc == -ENOMEM;
}

int pfs_publish_stands(const struct pfs_publish *publish, int64_t id, enum pfs_commit_kind kind, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    int64_t latest = 0, earliest = 0;
    int rc, known = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(publish->store, publish->meta, id, &arena, &snapshot, NULL, err);
    if (rc == 0)
        known = is_ours(publish, &snapshot, kind);
    if (rc == -ENOENT) {
        rc = pfs_snapshot_latest_id(publish->store, publish->meta, &latest, err);
        if (rc == 0)
            rc = pfs_snapshot_earliest_id(publish->store, publish->meta, &earliest, err);
        if (rc == 0 && latest >= id) /* expired: whoever is newer stands on it */
            known = -ENOENT;
        for (int64_t at = latest; rc == 0 && known == -ENOENT && at >= earliest && at > id; at--) {
            pfs_arena_reset(&arena);
            rc = pfs_snapshot_load(publish->store, publish->meta, at, &arena, &snapshot, NULL, err);
            if (rc == 0 && strcmp(snapshot.commit_user, publish->user) == 0)
                known = 1;
            rc = rc == -ENOENT ? 0 : rc;
        }
        rc = rc == -ENOENT ? 0 : rc; /* no snapshot at all: it was rolled back */
    }
    pfs_arena_done(&arena);
    return rc < 0 ? rc : known;
}

/* ---- one attempt ---- */

static bool is_nothing(const struct pfs_change *change)
{
    return change->entries == 0 && change->changelogs == 0 && change->indexes == 0 && !change->even_empty;
}

static void fill_commit(struct pfs_commit *out, const struct pfs_change *change)
{
    assert(change->entry != NULL || change->entries == 0);
    assert(change->index != NULL || change->indexes == 0);
    assert(change->changelog != NULL || change->changelogs == 0);
    out->kind = change->kind;
    out->entries = change->entries;
    out->entry = change->entry;
    out->changelogs = change->changelogs;
    out->changelog = change->changelog;
    out->indexes = change->indexes;
    out->index = change->index;
}

/* Changes `change` into what is published: an intent is told of every file that goes. */
static int try_change(struct publishing *p, struct pfs_state *state, struct pfs_change *change, int64_t *id,
                      struct pfs_err *err)
{
    const struct pfs_publish *c = p->publish;
    struct pfs_commit commit = {.store = c->store,
                                .table = c->table,
                                .meta = c->meta,
                                .schema = state->schema,
                                .user = c->user,
                                .identifier = c->identifier,
                                .properties = c->properties,
                                .clock = c->clock,
                                .merging = &p->merging,
                                .doubts = &p->doubts};
    const struct pfs_index_entry *live;
    struct pfs_snapshot made;
    int64_t lives;
    int rc;

    PFS_TRY(pfs_overwrite_apply(state, change, &p->arena, &live, &lives, err));
    if (is_nothing(change))
        return NOTHING;
    PFS_TRY(pfs_conflict_check(state, change, live, lives, &p->arena, err));
    p->seen = state->exists ? state->snapshot.id : 0;
    p->kind = change->kind;
    if (c->intent != NULL)
        PFS_TRY(c->intent(c->context, p->seen, change, err));
    fill_commit(&commit, change);
    commit.index_changes = lives != state->indexes;
    rc = pfs_commit_try(&commit, state->exists ? &state->snapshot : NULL, live, lives, &p->arena, &made, &p->unclear,
                        err);
    if (rc == PFS_COMMIT_LOST)
        return AGAIN;
    assert(!p->unclear || rc < 0);
    if (rc == PFS_COMMIT_DONE || p->unclear)
        pfs_merging_keep(&p->merging);
    if (rc < 0)
        return p->unclear ? rc : pfs_state_failure(state, rc, err);
    *id = made.id;
    return DONE;
}

static int attempt(struct publishing *p, int64_t *id, struct pfs_err *err)
{
    const struct pfs_publish *c = p->publish;
    struct pfs_change change = {0};
    struct pfs_state *state;
    int rc = c->newest(c->context, &state, err);

    if (rc < 0)
        return rc;
    rc = read_settings(&state->schema->options, &p->settings, err);
    pfs_arena_reset(&p->arena);
    if (rc == 0)
        rc = c->prepare(c->context, state, &change, err);
    if (rc == 0)
        rc = try_change(p, state, &change, id, err);
    pfs_state_unref(state);
    return rc;
}

static int loop(struct publishing *p, int64_t *id, bool *unclear, struct pfs_err *err)
{
    PFS_TRY(stopped(p, err));
    for (;;) {
        int rc = attempt(p, id, err);

        assert(rc <= AGAIN);
        if (rc == DONE || rc == NOTHING)
            return 0;
        if (p->unclear) {
            *unclear = true; /* until it is found out; invariant 5 */
            if (resolve(p, id, NULL) < 0)
                return rc;
            *unclear = false;
            if (*id != 0)
                return 0;
            pfs_doubts_absent(&p->doubts);
            p->unclear = false;
            if (is_lasting(rc) || p->tries >= p->settings.retries)
                return rc;
        } else if (rc < 0 && rc != -ESTALE) {
            return rc;
        }
        PFS_TRY(next_try(p, err));
    }
}

int pfs_publish(const struct pfs_publish *publish, int64_t *id, bool *unclear, struct pfs_err *err)
{
    static const struct pfs_options defaults = {0};
    struct publishing p = {.publish = publish, .began_ms = pfs_clock_monotonic_ms()};
    int rc;

    assert(publish->user != NULL);
    assert(publish->newest != NULL);
    assert(publish->prepare != NULL);
    *id = 0;
    *unclear = false;
    pfs_arena_init(&p.arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&p.merging.arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&p.doubts.arena, PFS_ARENA_LIMIT);
    rc = read_settings(&defaults, &p.settings, err); /* the table's are known when its state is */
    if (rc == 0)
        rc = loop(&p, id, unclear, err);
    assert(rc < 0 || !*unclear);
    if (rc == 0 && err != NULL)
        pfs_err_clear(err); /* of tries that failed */
    pfs_doubts_done(&p.doubts, publish->store, publish->meta);
    pfs_merging_done(&p.merging, publish->store);
    pfs_arena_done(&p.arena);
    return rc;
}
