/* taken.c - whether a commit is in the table when its snapshot is not found: its files tell, or its own compaction,
 * which took them away: the rows are in the table then, though no file of the commit is, and though its snapshot may be
 * another engine's by now. */
#include <assert.h>
#include <string.h>

#include "src/file/file.h"
#include "src/ingest/internal.h"
#include "src/table/parts.h"

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

/* Only compactions of that user and number are looked into: each is a manifest to be read. */
int pfs_commit_taken(const struct pfs_table_parts *at, const struct pfs_taken_want *want, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    int64_t latest;
    int found = 0, rc = pfs_snapshot_latest_id(at->store, at->meta, &latest, err);

    assert(want->user != NULL);
    assert(want->files >= 0);
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

/* ---- the files of an intent ---- */

/* The new files of a change, to the front; how many. What it takes away says nothing of it. */
static int64_t keep_new(struct pfs_manifest_entry *entry, int64_t count)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < count; i++)
        if (!entry[i].deleted)
            entry[kept++] = entry[i];
    return kept;
}

/* One file is enough: a commit's files are there together. */
static int is_live(struct pfs_table *table, const struct pfs_manifest_entry *entry, int64_t count, struct pfs_err *err)
{
    struct pfs_state *state;
    int found = 0;

    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    for (int64_t i = 0; i < state->files && found == 0; i++)
        for (int64_t k = 0; k < count && found == 0; k++)
            found = strcmp(state->file[i]->file.name, entry[k].file.name) == 0;
    pfs_state_unref(state);
    return found;
}

static int is_taken(const struct pfs_table_parts *at, const struct pfs_asking *ask,
                    const struct pfs_manifest_entry *entry, int64_t count, struct pfs_arena *arena, struct pfs_err *err)
{
    const char **file = pfs_arena_array(arena, (size_t)count, sizeof(*file));
    const struct pfs_taken_want want = {ask->user, ask->identifier, ask->seen, file, count};

    if (file == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < count; i++)
        file[i] = entry[i].file.name;
    return pfs_commit_taken(at, &want, err);
}

/* On disk, whoever names them. */
static int count_there(const struct pfs_table_parts *at, const struct pfs_asking *ask,
                       const struct pfs_manifest_entry *entry, int64_t count, struct pfs_arena *arena, int64_t *there,
                       struct pfs_err *err)
{
    const struct pfs_data_place place = {at->store, at->root, ask->schema, at->external};

    *there = 0;
    for (int64_t i = 0; i < count; i++) {
        struct pfs_store *store;
        const char *path;
        struct pfs_stat st;
        int rc;

        PFS_TRY(pfs_data_find(&place, &entry[i], NULL, arena, &store, &path, err));
        rc = pfs_store_stat(store, path, &st, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
        *there += rc == 0;
    }
    return 0;
}

int pfs_commit_ask(struct pfs_table *table, const struct pfs_asking *ask, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_table_parts at = pfs_table_parts(table);
    struct pfs_manifest_entry *entry;
    int64_t count, there;
    int found;

    assert(ask->schema != NULL);
    PFS_TRY(pfs_manifest_parse(ask->files, arena, &entry, &count, err));
    count = keep_new(entry, count);
    PFS_TRY(found = is_live(table, entry, count, err));
    if (found == 0)
        PFS_TRY(found = is_taken(&at, ask, entry, count, arena, err));
    if (found > 0)
        PFS_TRY(pfs_snapshot_sync(at.store, at.meta, err));
    if (found > 0 || !ask->gap)
        return found;
    PFS_TRY(count_there(&at, ask, entry, count, arena, &there, err));
    assert(there <= count);
    if (there == 0)
        return 1;
    return there == count ? 0
                          : pfs_fail(err, EUCLEAN,
                                     "some files of a commit that was under way are gone, and snapshots of that time "
                                     "have expired: its rows stay in the journal");
}
