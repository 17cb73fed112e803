/* rollback.c - finding a snapshot to go back to, and going there.
 *
 * A snapshot that has expired may still be held by a tag, whose file is a snapshot's with some members more: going back
 * to it publishes the snapshot anew. Then all that is younger goes, newest first, without a hint meanwhile: at any
 * moment what is there is a history, whose newest snapshot is the one with the greatest number. A rollback that was
 * interrupted is done again and ends the same.
 */
#include "src/meta/rollback.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "src/meta/hints.h"

/* ---- finding ---- */

/* Is it one of those that are looked for? */
typedef bool wanted_fn(const struct pfs_snapshot *snapshot, int64_t value);

/* The tag on the smallest id that is wanted. */
static int first_tagged(struct pfs_store *store, const char *meta, wanted_fn *wanted, int64_t value,
                        struct pfs_arena *arena, struct pfs_snapshot *out, struct pfs_err *err)
{
    const char **names;
    bool found = false;
    int64_t count;

    PFS_TRY(pfs_tag_list(store, meta, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_snapshot s;
        int rc = pfs_tag_load(store, meta, names[i], arena, &s, NULL, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        assert(rc < 0 || s.delta_list != NULL);
        if (rc == 0 && wanted(&s, value) && (!found || s.id < out->id)) {
            *out = s;
            found = true;
        }
    }
    return found ? 0 : -ENOENT;
}

static bool has_id(const struct pfs_snapshot *s, int64_t id)
{
    return s->id == id;
}

int pfs_rollback_find(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena,
                      struct pfs_snapshot *out, struct pfs_err *err)
{
    int rc = pfs_snapshot_load(store, meta, id, arena, out, NULL, err);

    return rc == -ENOENT ? first_tagged(store, meta, has_id, id, arena, out, err) : rc;
}

static bool has_time_from(const struct pfs_snapshot *s, int64_t time_ms)
{
    return s->time_ms >= time_ms;
}

static bool has_watermark_from(const struct pfs_snapshot *s, int64_t watermark)
{
    return s->has_watermark && s->watermark >= watermark;
}

int pfs_rollback_first(struct pfs_store *store, const char *meta, bool watermark, int64_t from, struct pfs_arena *arena,
                       struct pfs_snapshot *out, struct pfs_err *err)
{
    wanted_fn *wanted = watermark ? has_watermark_from : has_time_from;
    struct pfs_snapshot tagged;
    bool found = false;
    int64_t *ids, count;
    int rc;

    PFS_TRY(pfs_snapshot_list(store, meta, arena, &ids, &count, err));
    for (int64_t i = 0; i < count && !found; i++) {
        rc = pfs_snapshot_load(store, meta, ids[i], arena, out, NULL, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
        found = rc == 0 && wanted(out, from);
    }
    rc = first_tagged(store, meta, wanted, from, arena, &tagged, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    assert(rc < 0 || wanted(&tagged, from));
    if (rc == 0 && (!found || (watermark ? tagged.watermark < out->watermark : tagged.time_ms < out->time_ms))) {
        *out = tagged;
        found = true;
    }
    return found ? 0 : -ENOENT;
}

int pfs_rollback_last(struct pfs_store *store, const char *meta, bool watermark, int64_t to, struct pfs_arena *arena,
                      struct pfs_snapshot *out, struct pfs_err *err)
{
    int64_t *ids, count;

    if (!watermark)
        return pfs_snapshot_at_time(store, meta, to, arena, out, err);
    PFS_TRY(pfs_snapshot_list(store, meta, arena, &ids, &count, err));
    for (int64_t i = count - 1; i >= 0; i--) {
        int rc = pfs_snapshot_load(store, meta, ids[i], arena, out, NULL, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        if (rc == 0 && out->has_watermark && out->watermark <= to)
            return 0;
    }
    /* All are younger: Paimon takes the first that has one. */
    return pfs_rollback_first(store, meta, true, to, arena, out, err);
}

/* ---- going back ---- */

/* Those of one kind with greater ids, newest first; what is gone already is no failure. */
static int unlink_above(struct pfs_store *store, const char *meta, const char *kind, const int64_t *ids, int64_t count,
                        int64_t id, struct pfs_arena *arena, struct pfs_err *err)
{
    const char *directory = pfs_arena_printf(arena, "%s/%s", meta, kind);
    bool any = false;

    assert(count == 0 || ids[0] <= ids[count - 1]); /* ascending */
    for (int64_t i = count - 1; i >= 0 && ids[i] > id; i--) {
        const char *path = pfs_arena_printf(arena, "%s/%s/%s-%lld", meta, kind, kind, (long long)ids[i]);
        int rc = path == NULL ? pfs_arena_full(arena, err) : pfs_store_unlink(store, path, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        any = true;
    }
    if (directory == NULL)
        return pfs_arena_full(arena, err);
    return any ? pfs_store_sync_dir(store, directory, err) : 0;
}

/* Without any the hint leads nowhere: -1. */
static int cut_changelogs(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena,
                          struct pfs_err *err)
{
    int64_t *ids, count, left = 0;

    PFS_TRY(pfs_changelog_list(store, meta, arena, &ids, &count, err));
    while (left < count && ids[left] <= id)
        left++;
    if (left == count)
        return 0;
    assert(ids[left] > id);
    PFS_TRY(pfs_hint_remove(store, meta, "changelog", "LATEST", err));
    PFS_TRY(unlink_above(store, meta, "changelog", ids, count, id, arena, err));
    pfs_hint_write(store, meta, "changelog", "LATEST", left == 0 ? -1 : ids[left - 1]);
    return 0;
}

static int cut_tags(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena, struct pfs_err *err)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_tag_list(store, meta, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_snapshot s;
        int rc = pfs_tag_load(store, meta, names[i], arena, &s, NULL, err);

        if (rc == 0 && s.id > id)
            rc = pfs_tag_remove(store, meta, names[i], err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

/* Hints that will not be true go before what they lead to: without them the newest snapshot is the one with the
 * greatest number, until those above `to` are gone. One that says LATEST and failed to be written anew would lead other
 * readers to a file that is not there; one that says EARLIEST would be believed again as soon as a snapshot has its
 * number. */
static int remove_hints(struct pfs_store *store, const char *meta, bool earliest, struct pfs_arena *arena,
                        struct pfs_err *err)
{
    const char *directory = pfs_arena_printf(arena, "%s/snapshot", meta);

    if (directory == NULL)
        return pfs_arena_full(arena, err);
    if (earliest)
        PFS_TRY(pfs_hint_remove(store, meta, "snapshot", "EARLIEST", err));
    PFS_TRY(pfs_hint_remove(store, meta, "snapshot", "LATEST", err));
    return pfs_store_sync_dir(store, directory, err);
}

/* The snapshot's file is there before the others go: at no time is there none. */
static int go_back(struct pfs_store *store, const char *table, const char *meta, const struct pfs_snapshot *to,
                   struct pfs_arena *arena, struct pfs_err *err)
{
    int64_t *ids, count, earliest = pfs_hint_read(store, meta, "snapshot", "EARLIEST");
    int rc = pfs_snapshot_restore(store, table, meta, to, err);

    if (rc < 0 && rc != -EEXIST)
        return rc;
    PFS_TRY(pfs_snapshot_list(store, meta, arena, &ids, &count, err));
    PFS_TRY(remove_hints(store, meta, earliest == 0 || earliest > to->id, arena, err));
    PFS_TRY(unlink_above(store, meta, "snapshot", ids, count, to->id, arena, err));
    pfs_hint_write(store, meta, "snapshot", "LATEST", to->id);
    if (rc == 0 || earliest > to->id)
        pfs_hint_write(store, meta, "snapshot", "EARLIEST", to->id);
    PFS_TRY(cut_changelogs(store, meta, to->id, arena, err));
    return cut_tags(store, meta, to->id, arena, err);
}

int pfs_rollback(struct pfs_store *store, const char *table, const char *meta, const struct pfs_snapshot *to,
                 struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = go_back(store, table, meta, to, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}
