/* taken.c - whether a commit's own compaction took its files away: the rows are in the table then, though no
 * file of the commit is, and though its snapshot may be another engine's by now. */
#include <string.h>

#include "src/ingest/internal.h"

static bool takes(const struct pfs_manifest_entry *entry, int64_t count, const char *const *file, int64_t files)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; entry[i].deleted && k < files; k++)
            if (strcmp(entry[i].file.name, file[k]) == 0)
                return true;
    return false;
}

/* Does the snapshot's delta take one of the files away? */
static int look(struct pfs_store *store, const char *root, const struct pfs_snapshot *snapshot, const char *const *file,
                int64_t files, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_manifest_file *manifest;
    int64_t manifests;
    int found = 0;

    PFS_TRY(pfs_manifest_list_load(store, root, snapshot->delta_list, arena, &manifest, &manifests, err));
    for (int64_t i = 0; i < manifests && found == 0; i++) {
        struct pfs_manifest_entry *entry;
        int64_t count;

        PFS_TRY(pfs_manifest_load(store, root, manifest[i].name, arena, &entry, &count, err));
        found = takes(entry, count, file, files);
    }
    return found;
}

int pfs_commit_taken(const struct pfs_table_parts *at, const struct pfs_taken_want *want, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    int64_t latest;
    int found = 0, rc = pfs_snapshot_latest_id(at->store, at->meta, &latest, err);

    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t id = want->seen + 1; rc == 0 && found == 0 && id <= latest; id++) {
        pfs_arena_reset(&arena);
        rc = pfs_snapshot_load(at->store, at->meta, id, &arena, &snapshot, NULL, err);
        if (rc == 0 && snapshot.kind == PFS_COMMIT_COMPACT && snapshot.commit_identifier == want->identifier &&
            strcmp(snapshot.commit_user, want->user) == 0)
            found = look(at->store, at->root, &snapshot, want->file, want->files, &arena, err);
        rc = rc == -ENOENT ? 0 : rc; /* it has expired */
    }
    pfs_arena_done(&arena);
    return rc < 0 ? rc : found;
}
