/* snapshots.c - which snapshots have had their time, and what goes with them (spec commit 8). */
#include <errno.h>
#include <string.h>

#include "src/meta/hints.h"
#include "src/retain/removal.h"
#include "src/retain/tagged.h"

#define RANGE_MAX 64 /* snapshots whose files are gathered at once */

/* ---- which ---- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* From old to new, the first one that is young enough ends it. */
static int end_by_age(const struct pfs_retain *at, int64_t retained_ms, int64_t from, int64_t end, int64_t *out,
                      struct pfs_err *err)
{
    int64_t now_ms = pfs_clock_now_ms(at->clock), oldest_ms = now_ms - retained_ms;
    struct pfs_arena arena;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (*out = from; rc == 0 && *out < end; (*out)++) {
        struct pfs_snapshot s;

        pfs_arena_reset(&arena);
        rc = pfs_snapshot_load(at->store, at->meta, *out, &arena, &s, NULL, err);
        if (rc == 0 && oldest_ms <= s.time_ms)
            break;
        if (rc == -ENOENT)
            rc = 0;
    }
    pfs_arena_done(&arena);
    if (rc == 0 && *out < end)
        return 0;
    *out = end;
    return rc;
}

/* [*from, *end) is to go. Bare -ENOENT: there is no snapshot. */
static int choose(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *from, int64_t *end,
                  struct pfs_err *err)
{
    const struct pfs_retain_limits *limits = &how->snapshots;
    int64_t latest, begin, consumed = INT64_MAX;

    if (limits->most < limits->least)
        return pfs_fail(err, EINVAL, "retainMax (%lld) must not be less than retainMin (%lld).",
                        (long long)limits->most, (long long)limits->least);
    PFS_TRY(pfs_snapshot_latest_id(at->store, at->meta, &latest, err));
    PFS_TRY(pfs_snapshot_earliest_id(at->store, at->meta, from, err));
    begin = latest - limits->most + 1 > *from ? latest - limits->most + 1 : *from;
    *end = latest - limits->least + 1;
    if (*end <= *from)
        return 0;
    if (!how->changelog_only)
        PFS_TRY(pfs_consumers_least(at, &consumed, err));
    *end = least(*end, consumed);
    if (limits->deletes < *end - *from)
        *end = *from + limits->deletes;
    if (begin < *end)
        PFS_TRY(end_by_age(at, limits->retained_ms, begin, *end, end, err));
    if (at->first_held != NULL && *end > *from)
        *end = at->first_held(at->context, *from, *end);
    return 0;
}

/* ---- what goes with them ---- */

struct range {
    const struct pfs_retain *at;
    const struct pfs_retention *how;
    const struct pfs_tagged *tagged;
    struct pfs_removal removal;
    struct pfs_snapshot *snapshot; /* those that are there of [from, end]; the last one stays */
    int64_t snapshots;
    struct pfs_tag_files tag_files;
};

static int load_range(struct range *g, int64_t from, int64_t end, struct pfs_err *err)
{
    struct pfs_arena *arena = &g->removal.arena;

    g->snapshot = pfs_arena_array(arena, (size_t)(end - from + 1), sizeof(*g->snapshot));
    if (g->snapshot == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t id = from; id <= end; id++) {
        int rc = pfs_snapshot_load(g->at->store, g->at->meta, id, arena, &g->snapshot[g->snapshots], NULL, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        g->snapshots += rc == 0;
    }
    return 0;
}

/* What a snapshot deletes is not needed by itself, and so by none that goes before it. */
static int gather_data(struct range *g, struct pfs_err *err)
{
    bool appended_stay = g->how->decoupled && !g->how->has_producer;

    for (int64_t i = 1; i < g->snapshots; i++) {
        const struct pfs_nameset *stay;
        int rc = pfs_tag_files_before(&g->tag_files, g->snapshot[i].id, &stay, err);

        if (pfs_removal_unread(rc, err))
            continue;
        PFS_TRY(rc);
        PFS_TRY(pfs_removal_unused(&g->removal, g->snapshot[i].delta_list, stay, appended_stay, err));
    }
    for (int64_t i = 0; !g->how->decoupled && i + 1 < g->snapshots; i++)
        if (g->snapshot[i].changelog_list != NULL)
            PFS_TRY(pfs_removal_added(&g->removal, g->snapshot[i].changelog_list, err));
    return 0;
}

static int keep_metadata(struct range *g, struct pfs_err *err)
{
    const struct pfs_snapshot *last = &g->snapshot[g->snapshots - 1];

    PFS_TRY(pfs_removal_keep_tags(&g->removal, g->tagged, g->snapshot[0].id, last->id, err));
    return pfs_removal_keep(&g->removal, last, err);
}

static int gather_metadata(struct range *g, struct pfs_err *err)
{
    bool lists = !g->how->decoupled || g->how->has_producer;
    int rc = keep_metadata(g, err);

    if (pfs_removal_unread(rc, err))
        return 0;
    PFS_TRY(rc);
    for (int64_t i = 0; i + 1 < g->snapshots; i++) {
        const struct pfs_snapshot *s = &g->snapshot[i];

        if (lists) {
            PFS_TRY(pfs_removal_list(&g->removal, s->base_list, err));
            PFS_TRY(pfs_removal_list(&g->removal, s->delta_list, err));
        }
        if (!g->how->decoupled && s->changelog_list != NULL)
            PFS_TRY(pfs_removal_list(&g->removal, s->changelog_list, err));
        PFS_TRY(pfs_removal_indexes(&g->removal, s, err));
    }
    return 0;
}

/* ---- going ---- */

/* The snapshots' own files, oldest first. When this succeeds they do not come back, whatever happens. */
static int remove_snapshots(struct range *g, struct pfs_err *err)
{
    const struct pfs_retain *at = g->at;
    struct pfs_arena *arena = &g->removal.arena;
    const char *dir = pfs_arena_printf(arena, "%s/snapshot", at->meta);

    if (dir == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i + 1 < g->snapshots; i++) {
        const char *path = pfs_arena_printf(arena, "%s/snapshot-%lld", dir, (long long)g->snapshot[i].id);
        int rc;

        if (path == NULL)
            return pfs_arena_full(arena, err);
        if (g->how->decoupled)
            PFS_TRY(pfs_changelog_publish(at->store, at->meta, &g->snapshot[i], err));
        rc = pfs_store_unlink(at->store, path, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return pfs_store_sync_dir(at->store, dir, err);
}

static int expire_range(struct range *g, int64_t from, int64_t end, int64_t *expired, struct pfs_err *err)
{
    PFS_TRY(load_range(g, from, end, err));
    if (g->snapshots < 2 || g->snapshot[g->snapshots - 1].id != end) /* somebody else is at it */
        return 0;
    PFS_TRY(pfs_removal_share(&g->removal, err));
    PFS_TRY(gather_data(g, err));
    PFS_TRY(gather_metadata(g, err));
    PFS_TRY(remove_snapshots(g, err));
    pfs_hint_write(g->at->store, g->at->meta, "snapshot", "EARLIEST", end);
    pfs_removal_run(&g->removal, g->how->clean_directories);
    *expired += g->snapshots - 1;
    return 0;
}

static int expire_until(const struct pfs_retain *at, const struct pfs_retention *how, int64_t from, int64_t end,
                        int64_t *expired, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_tagged tagged;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_tagged_load(at, &arena, &tagged, err);
    while (rc == 0 && from < end) {
        int64_t to = end - from > RANGE_MAX ? from + RANGE_MAX : end;
        struct range g = {.at = at, .how = how, .tagged = &tagged};

        pfs_removal_init(&g.removal, at);
        pfs_tag_files_init(&g.tag_files, at, &tagged);
        rc = expire_range(&g, from, to, expired, err);
        pfs_tag_files_done(&g.tag_files);
        pfs_removal_done(&g.removal);
        from = to;
    }
    pfs_arena_done(&arena);
    return rc;
}

int pfs_snapshots_expire(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *expired,
                         struct pfs_err *err)
{
    int64_t from, end;
    int rc = choose(at, how, &from, &end, err);

    *expired = 0;
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    if (end > from)
        return expire_until(at, how, from, end, expired, err);
    if (pfs_hint_read(at->store, at->meta, "snapshot", "EARLIEST") == 0)
        pfs_hint_write(at->store, at->meta, "snapshot", "EARLIEST", from);
    return 0;
}
