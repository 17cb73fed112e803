/* snapshots.c - which snapshots have had their time, and what goes with them (spec commit 8).
 *
 *   from          begin                     end             latest
 *    | more than the most | by their age, up to |  at least `least` stay |
 *
 * Consumers, readers of this process and of others, and the limit of one call make `end` smaller. The snapshot at `end`
 * stays and is read too: what it deleted is needed by none that goes before it, and what it names stays. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/meta/hints.h"
#include "src/retain/range.h"

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

    assert(from < end);
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
    assert(*out <= end);
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
    if (at->first_held != NULL && *end > *from) {
        int64_t held = at->first_held(at->context, *from, *end);

        assert(held >= *from);
        assert(held <= *end);
        *end = held;
    }
    return 0;
}

/* ---- what goes with them ---- */

/* What a snapshot deletes is not needed by itself, and so by none that goes before it. */
static int gather_data(struct pfs_range *g, struct pfs_err *err)
{
    bool appended_stay = g->how->decoupled && !g->how->has_producer;

    assert(g->snapshots >= 2);
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

static int keep_metadata(struct pfs_range *g, struct pfs_err *err)
{
    const struct pfs_snapshot *last = &g->snapshot[g->snapshots - 1];

    assert(last->id >= g->snapshot[0].id);
    PFS_TRY(pfs_removal_keep_tags(&g->removal, g->tagged, g->snapshot[0].id, last->id, err));
    return pfs_removal_keep(&g->removal, last, err);
}

/* A long-lived changelog without files of its own needs the lists of its snapshot: they stay until it goes. */
static int gather_metadata(struct pfs_range *g, struct pfs_err *err)
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

static int expire_range(struct pfs_range *g, int64_t from, int64_t end, int64_t *expired, struct pfs_err *err)
{
    assert(from < end);
    assert(*expired >= 0);
    PFS_TRY(pfs_range_load(g, false, from, end + 1, err));           /* the last one stays */
    if (g->snapshots < 2 || g->snapshot[g->snapshots - 1].id != end) /* somebody else is at it */
        return 0;
    PFS_TRY(pfs_removal_share(&g->removal, err));
    PFS_TRY(gather_data(g, err));
    PFS_TRY(gather_metadata(g, err));
    PFS_TRY(pfs_range_remove(g, "snapshot", g->snapshots - 1, g->how->decoupled, err)); /* they do not come back */
    pfs_hint_write(g->at->store, g->at->meta, "snapshot", "EARLIEST", end);
    pfs_removal_run(&g->removal, g->how->clean_directories);
    *expired += g->snapshots - 1;
    return 0;
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
        return pfs_range_each(at, how, from, end, expire_range, expired, err);
    if (pfs_hint_read(at->store, at->meta, "snapshot", "EARLIEST") == 0)
        pfs_hint_write(at->store, at->meta, "snapshot", "EARLIEST", from);
    return 0;
}
