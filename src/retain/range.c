/* range.c - a range that goes, in pieces: of each piece what its metadata names is gathered in memory, and gone before
 * the next one is read. Tags are loaded once, for none is made while this runs (upkeep's lock). */
#include "src/retain/range.h"

#include <assert.h>
#include <errno.h>

#define RANGE_MAX 64 /* snapshots whose files are gathered at once */

int pfs_range_each(const struct pfs_retain *at, const struct pfs_retention *how, int64_t from, int64_t end,
                   pfs_range_expire_fn *expire, int64_t *expired, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_tagged tagged;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_tagged_load(at, &arena, &tagged, err);
    while (rc == 0 && from < end) {
        int64_t to = end - from > RANGE_MAX ? from + RANGE_MAX : end;
        struct pfs_range range = {.at = at, .how = how, .tagged = &tagged};

        assert(to > from);
        assert(to <= end);
        pfs_removal_init(&range.removal, at);
        pfs_tag_files_init(&range.tag_files, at, &tagged);
        rc = expire(&range, from, to, expired, err);
        pfs_tag_files_done(&range.tag_files);
        pfs_removal_done(&range.removal);
        from = to;
    }
    pfs_arena_done(&arena);
    return rc;
}

int pfs_range_load(struct pfs_range *range, bool changelogs, int64_t from, int64_t end, struct pfs_err *err)
{
    const struct pfs_retain *at = range->at;
    struct pfs_arena *arena = &range->removal.arena;

    assert(from <= end);
    assert(range->snapshots == 0);
    range->snapshot = pfs_arena_array(arena, (size_t)(end - from), sizeof(*range->snapshot));
    if (range->snapshot == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t id = from; id < end; id++) {
        struct pfs_snapshot *to = &range->snapshot[range->snapshots];
        int rc = changelogs ? pfs_changelog_load(at->store, at->meta, id, arena, to, err)
                            : pfs_snapshot_load(at->store, at->meta, id, arena, to, NULL, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        range->snapshots += rc == 0;
    }
    return 0;
}

int pfs_range_remove(struct pfs_range *range, const char *directory, int64_t count, bool publish_changelog,
                     struct pfs_err *err)
{
    const struct pfs_retain *at = range->at;
    struct pfs_arena *arena = &range->removal.arena;
    const char *dir = pfs_arena_printf(arena, "%s/%s", at->meta, directory);

    assert(count >= 0);
    assert(count <= range->snapshots);
    if (dir == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < count; i++) {
        const struct pfs_snapshot *s = &range->snapshot[i];
        const char *path = pfs_arena_printf(arena, "%s/%s-%lld", dir, directory, (long long)s->id);
        int rc;

        if (path == NULL)
            return pfs_arena_full(arena, err);
        if (publish_changelog)
            PFS_TRY(pfs_changelog_publish(at->store, at->meta, s, err));
        rc = pfs_store_unlink(at->store, path, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return pfs_store_sync_dir(at->store, dir, err);
}
