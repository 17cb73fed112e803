/* shared.c - what other branches of the table name: they lie in the same directories, and know nothing of each other.
 *
 * A file that two branches have was there when one was made from the other. So it is live in the oldest snapshot that
 * the other one keeps, or was added by a later one of it, or is live in one of its tags.
 *
 * Unlike elsewhere in this room, what cannot be read is an error here: then nothing is removed, for anything might be
 * another branch's. */
#include <assert.h>
#include <string.h>

#include "src/meta/branch.h"
#include "src/meta/names.h"
#include "src/retain/removal.h"
#include "src/scan/manifests.h"

static int keep_text(struct pfs_nameset *set, const char *name, struct pfs_err *err)
{
    int rc = pfs_nameset_add(set, name, err);

    return rc < 0 ? rc : 0;
}

/* Data files that a list ADDs, and the names of its manifests. */
static int share_list(struct pfs_removal *r, const char *list, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    int64_t files;

    assert(list != NULL);
    PFS_TRY(keep_text(&r->keep, list, err));
    PFS_TRY(pfs_manifest_list_load(r->at->store, r->at->table, list, arena, &file, &files, err));
    for (int64_t i = 0; i < files; i++) {
        const struct pfs_decoded *decoded;
        int rc = pfs_manifests_get(r->at->manifests, file[i].name, &decoded, err);

        if (rc < 0)
            return rc;
        rc = keep_text(&r->keep, file[i].name, err);
        for (int64_t k = 0; rc == 0 && k < decoded->entries; k++)
            if (!decoded->entry[k].deleted)
                rc = keep_text(&r->shared, decoded->entry[k].file.name, err);
        pfs_decoded_unref(decoded);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* whole: all that is live there counts; else only what the snapshot added. The changelog of a tag, and of the snapshot
 * that a branch begins with, goes when the snapshot that they are copies of does. */
static int share_snapshot(struct pfs_removal *r, const struct pfs_snapshot *s, bool whole, struct pfs_arena *arena,
                          struct pfs_err *err)
{
    PFS_TRY(pfs_removal_keep(r, s, err));
    if (s->changelog_list != NULL && pfs_removal_has_metadata(r->at, s->changelog_list))
        PFS_TRY(share_list(r, s->changelog_list, arena, err));
    return whole ? pfs_removal_live(r->at, s, &r->shared, err) : share_list(r, s->delta_list, arena, err);
}

/* The oldest that is there counts whole; when it vanishes while it is read, the next one does. */
static int share_snapshots(struct pfs_removal *r, const char *meta, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_store *store = r->at->store;
    struct pfs_snapshot s;
    int64_t *ids, count;
    bool first = true;

    PFS_TRY(pfs_snapshot_list(store, meta, arena, &ids, &count, err));
    for (int64_t i = 0; i < count; i++) {
        int rc = pfs_snapshot_load(store, meta, ids[i], arena, &s, NULL, err);

        if (rc == 0)
            rc = share_snapshot(r, &s, first, arena, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
        first &= rc == -ENOENT;
    }
    return 0;
}

static int share_tags(struct pfs_removal *r, const char *meta, struct pfs_arena *arena, struct pfs_err *err)
{
    const char **names;
    struct pfs_snapshot s;
    int64_t count;

    PFS_TRY(pfs_tag_list(r->at->store, meta, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        int rc = pfs_tag_load(r->at->store, meta, names[i], arena, &s, NULL, err);

        if (rc == 0)
            rc = share_snapshot(r, &s, true, arena, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

/* Of a long-lived changelog only the list of its changes is sure to be there; where a producer makes them, a snapshot
 * that had none leaves nothing. */
static int share_changes(struct pfs_removal *r, const struct pfs_snapshot *changelog, struct pfs_arena *arena,
                         struct pfs_err *err)
{
    const char *list = changelog->changelog_list != NULL ? changelog->changelog_list : changelog->delta_list;

    return pfs_removal_has_metadata(r->at, list) ? share_list(r, list, arena, err) : 0;
}

static int share_changelogs(struct pfs_removal *r, const char *meta, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_snapshot s;
    int64_t *ids, count;

    PFS_TRY(pfs_changelog_list(r->at->store, meta, arena, &ids, &count, err));
    for (int64_t i = 0; i < count; i++) {
        int rc = pfs_changelog_load(r->at->store, meta, ids[i], arena, &s, err);

        if (rc == 0)
            rc = share_changes(r, &s, arena, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

static int share_branch(struct pfs_removal *r, const char *meta, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc = 0;

    if (strcmp(meta, r->at->meta) == 0) /* its own history is what expires */
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = share_snapshots(r, meta, &arena, err);
    if (rc == 0)
        rc = share_tags(r, meta, &arena, err);
    if (rc == 0)
        rc = share_changelogs(r, meta, &arena, err);
    pfs_arena_done(&arena);
    return rc < 0 ? pfs_wrap(err, "%s", meta) : 0;
}

int pfs_removal_share(struct pfs_removal *r, struct pfs_err *err)
{
    const char **names, *meta;
    int64_t count;

    PFS_TRY(pfs_branch_list(r->at->store, r->at->table, &r->arena, &names, &count, err));
    if (count == 0)
        return 0;
    PFS_TRY(share_branch(r, r->at->table, err));
    for (int64_t i = 0; i < count; i++) {
        PFS_TRY(pfs_name_branch(r->at->table, names[i], &r->arena, &meta, err));
        PFS_TRY(share_branch(r, meta, err));
    }
    return 0;
}
