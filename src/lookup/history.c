/* history.c - what lies between two states of a table.
 *
 * Every snapshot in between is looked at as it is now. Ids are used again after a rollback, so both ends are compared
 * with what the states know of them: where one is another snapshot by now, nothing can be told.
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "src/lookup/blocks_internal.h"

#define SNAPSHOTS_MAX 64

/* The snapshot of that id as it is now; false when it is not there, or is of another kind than leaves rows as they are
 * but for those that it appends. */
static bool load(const struct pfs_state *to, int64_t id, struct pfs_arena *arena, struct pfs_snapshot *out)
{
    const char *meta = pfs_schemas_directory(to->schemas);
    bool merges = to->schema->engine != PFS_DEDUPLICATE;

    if (pfs_snapshot_load(to->store, meta, id, arena, out, NULL, NULL) < 0)
        return false;
    /* Sums of floats, and deletes of partial updates, may come out otherwise when they are compacted first. */
    return out->kind == PFS_COMMIT_APPEND || out->kind == PFS_COMMIT_ANALYZE ||
           (out->kind == PFS_COMMIT_COMPACT && !merges);
}

static bool is_state(const struct pfs_state *state, const struct pfs_snapshot *snapshot)
{
    return snapshot->id == state->snapshot.id && strcmp(snapshot->delta_list, state->snapshot.delta_list) == 0;
}

/* 1; 0: the snapshot took files away. */
static int list_appended(const struct pfs_state *to, const struct pfs_snapshot *snapshot, struct pfs_arena *arena,
                         pfs_appended_fn *each, void *context, struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    int64_t files, entries;

    assert(snapshot->kind == PFS_COMMIT_APPEND);
    PFS_TRY(pfs_manifest_list_load(to->store, to->store_table, snapshot->delta_list, arena, &file, &files, err));
    for (int64_t i = 0; i < files; i++) {
        struct pfs_manifest_entry *entry;

        PFS_TRY(pfs_manifest_load(to->store, to->store_table, file[i].name, arena, &entry, &entries, err));
        for (int64_t k = 0; k < entries; k++) {
            int rc = entry[k].deleted ? 0 : each(context, &entry[k], err);

            if (rc <= 0)
                return rc;
        }
    }
    return 1;
}

static int walk(const struct pfs_state *from, const struct pfs_state *to, struct pfs_arena *arena,
                pfs_appended_fn *each, void *context, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;

    assert(from->snapshot.id <= to->snapshot.id);
    if (pfs_snapshot_load(to->store, pfs_schemas_directory(to->schemas), from->snapshot.id, arena, &snapshot, NULL,
                          NULL) < 0 ||
        !is_state(from, &snapshot))
        return 0; /* it expired, or was rolled back */
    for (int64_t id = from->snapshot.id + 1; id <= to->snapshot.id; id++) {
        if (!load(to, id, arena, &snapshot) || (id == to->snapshot.id && !is_state(to, &snapshot)))
            return 0;
        if (snapshot.kind == PFS_COMMIT_APPEND) {
            int rc = list_appended(to, &snapshot, arena, each, context, err);

            if (rc <= 0)
                return rc;
        }
    }
    return 1;
}

int pfs_history_appended(const struct pfs_state *from, const struct pfs_state *to, struct pfs_arena *arena,
                         pfs_appended_fn *each, void *context, struct pfs_err *err)
{
    if (!from->exists || !to->exists || from->schema->id != to->schema->id ||
        from->schema->time_ms != to->schema->time_ms || to->snapshot.id < from->snapshot.id ||
        to->snapshot.id - from->snapshot.id > SNAPSHOTS_MAX)
        return 0;
    return walk(from, to, arena, each, context, err);
}
