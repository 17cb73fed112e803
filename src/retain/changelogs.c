/* changelogs.c - long-lived changelogs that have had their time (spec commit 8, metadata 5): those of a producer are
 * files of their own; without one the data files of the delta are the changelog.
 *
 * Long-lived changelogs lie before the oldest snapshot, without a gap; the last one of them stays, for whoever makes
 * the next one looks for where it is to follow. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "src/meta/hints.h"
#include "src/retain/range.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first of [from, end] that is young enough; `end` when none is. */
static int end_by_age(const struct pfs_retain *at, int64_t retained_ms, int64_t from, int64_t end, int64_t *out,
                      struct pfs_err *err)
{
    int64_t oldest_ms = pfs_clock_now_ms(at->clock) - retained_ms;
    struct pfs_arena arena;
    int rc = 0;

    assert(from <= end);
    *out = end;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t id = from; rc == 0 && id <= end; id++) {
        struct pfs_snapshot s;

        pfs_arena_reset(&arena);
        rc = pfs_changelog_load(at->store, at->meta, id, &arena, &s, err);
        if (rc == 0 && oldest_ms <= s.time_ms) {
            *out = id;
            break;
        }
        if (rc == -ENOENT)
            rc = 0;
    }
    pfs_arena_done(&arena);
    return rc;
}

/* [*from, *end) is to go. Bare -ENOENT: there is no changelog, or no snapshot. */
static int choose(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *from, int64_t *end,
                  struct pfs_err *err)
{
    const struct pfs_retain_limits *limits = &how->changelogs;
    int64_t latest, last, begin, consumed;

    if (limits->most < limits->least)
        return pfs_fail(err, EINVAL, "retainMax (%lld) must not be less than retainMin (%lld).",
                        (long long)limits->most, (long long)limits->least);
    PFS_TRY(pfs_snapshot_latest_id(at->store, at->meta, &latest, err));
    PFS_TRY(pfs_hint_find(at->store, at->meta, "changelog", true, &last, err));
    PFS_TRY(pfs_hint_find(at->store, at->meta, "changelog", false, from, err));
    begin = latest - limits->most + 1 > *from ? latest - limits->most + 1 : *from;
    *end = least(latest - limits->least + 1, last);
    if (*end <= *from)
        return 0;
    PFS_TRY(pfs_consumers_least(at, &consumed, err));
    *end = least(*end, consumed);
    if (limits->deletes < *end - *from)
        *end = *from + limits->deletes;
    return begin <= *end ? end_by_age(at, limits->retained_ms, begin, *end, end, err) : 0;
}

/* ---- what goes with them ---- */

/* The changelog that is the first one to stay, if there is one, the oldest snapshot, and tags. */
static int keep(struct pfs_range *g, int64_t from, int64_t end, struct pfs_err *err)
{
    const struct pfs_retain *at = g->at;
    struct pfs_arena *arena = &g->removal.arena;
    struct pfs_snapshot s;
    int64_t earliest;
    int rc;

    assert(from < end);
    PFS_TRY(pfs_removal_keep_tags(&g->removal, g->tagged, from, end, err));
    rc = pfs_changelog_load(at->store, at->meta, end, arena, &s, err);
    if (rc == 0)
        rc = pfs_removal_keep_rest(&g->removal, &s, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    rc = pfs_snapshot_earliest_id(at->store, at->meta, &earliest, err);
    if (rc == 0)
        rc = pfs_snapshot_load(at->store, at->meta, earliest, arena, &s, NULL, err);
    if (rc < 0)
        return rc == -ENOENT ? pfs_fail(err, ESTALE, "the oldest snapshot vanishes when it is opened") : rc;
    return pfs_removal_keep_rest(&g->removal, &s, err);
}

/* Without a producer the changelog is what the snapshot added, and what it deleted has nobody who waits for it now. */
static int gather_data(struct pfs_range *g, const struct pfs_snapshot *c, struct pfs_err *err)
{
    const struct pfs_nameset *stay;
    int rc;

    if (c->changelog_list != NULL)
        return pfs_removal_added(&g->removal, c->changelog_list, err);
    rc = pfs_tag_files_before(&g->tag_files, c->id, &stay, err);
    if (pfs_removal_unread(rc, err))
        return 0;
    PFS_TRY(rc);
    return pfs_removal_unused(&g->removal, c->delta_list, stay, false, err);
}

static int gather(struct pfs_range *g, bool metadata, struct pfs_err *err)
{
    for (int64_t i = 0; i < g->snapshots; i++) {
        const struct pfs_snapshot *c = &g->snapshot[i];

        PFS_TRY(gather_data(g, c, err));
        if (!metadata)
            continue;
        if (c->changelog_list != NULL) {
            PFS_TRY(pfs_removal_list(&g->removal, c->changelog_list, err));
            continue;
        }
        PFS_TRY(pfs_removal_list(&g->removal, c->delta_list, err));
        PFS_TRY(pfs_removal_list(&g->removal, c->base_list, err));
    }
    return 0;
}

/* ---- going ---- */

/* What stays could not be told: then no metadata goes, for it may be shared; data files are known by what names them.
 */
static int expire_range(struct pfs_range *g, int64_t from, int64_t end, int64_t *expired, struct pfs_err *err)
{
    int rc;

    assert(from < end);
    assert(*expired >= 0);
    PFS_TRY(pfs_range_load(g, true, from, end, err));
    PFS_TRY(pfs_removal_share(&g->removal, err));
    rc = keep(g, from, end, err);
    if (rc < 0 && !pfs_removal_unread(rc, err))
        return rc;
    PFS_TRY(gather(g, rc == 0, err));
    PFS_TRY(pfs_range_remove(g, "changelog", g->snapshots, false, err));
    pfs_hint_write(g->at->store, g->at->meta, "changelog", "EARLIEST", end);
    pfs_removal_run(&g->removal, g->how->clean_directories);
    *expired += g->snapshots;
    return 0;
}

int pfs_changelogs_expire(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *expired,
                          struct pfs_err *err)
{
    int64_t from, end;
    int rc = choose(at, how, &from, &end, err);

    *expired = 0;
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    return pfs_range_each(at, how, from, end, expire_range, expired, err);
}

int pfs_changelogs_remove_all(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *expired,
                              struct pfs_err *err)
{
    static const char *const hints[] = {"EARLIEST", "LATEST"};
    int64_t from, last;
    int rc = pfs_hint_find(at->store, at->meta, "changelog", true, &last, err);

    *expired = 0;
    if (rc == 0)
        rc = pfs_hint_find(at->store, at->meta, "changelog", false, &from, err);
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    for (int i = 0; i < 2; i++)
        PFS_TRY(pfs_hint_remove(at->store, at->meta, "changelog", hints[i], err));
    PFS_TRY(pfs_range_each(at, how, from, last + 1, expire_range, expired, err));
    return pfs_hint_remove(at->store, at->meta, "changelog", "EARLIEST", err);
}
