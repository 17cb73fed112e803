/* tags.c - a table's tags: made, moved, removed with what they alone needed. All of it with upkeep's lock: a snapshot
 * that is tagged while it expires would lose its files, for expiry knows only the tags that it has loaded. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/retain/retain.h"
#include "src/table/internal.h"

/* The snapshot of that id: the newest for 0, its own file, or a tag that has outlived it. */
static int find(struct pfs_table *table, int64_t id, struct pfs_arena *arena, struct pfs_snapshot *out,
                struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    const char **names;
    int64_t count, newest;
    int rc;

    if (id == 0) {
        rc = pfs_snapshot_latest_id(parts.store, parts.meta, &newest, err);
        if (rc == 0)
            rc = pfs_snapshot_load(parts.store, parts.meta, newest, arena, out, NULL, err);
        return rc == -ENOENT ? pfs_fail(err, ENOENT, "Cannot create tag because latest snapshot doesn't exist.") : rc;
    }
    rc = pfs_snapshot_load(parts.store, parts.meta, id, arena, out, NULL, err);
    if (rc != -ENOENT)
        return rc;
    PFS_TRY(pfs_tag_list(parts.store, parts.meta, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        rc = pfs_tag_load(parts.store, parts.meta, names[i], arena, out, NULL, err);
        if ((rc == 0 && out->id == id) || (rc < 0 && rc != -ENOENT))
            return rc;
    }
    return pfs_fail(err, ENOENT, "Cannot create tag because given snapshot #%lld doesn't exist.", (long long)id);
}

static int put(struct pfs_table *table, const struct pfs_retain *at, const char *name, const struct pfs_tag_want *want,
               int64_t retained_ms, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_snapshot snapshot, before;
    int rc;

    assert(name != NULL);
    rc = pfs_tag_load(at->store, at->meta, name, arena, &before, NULL, want->replace ? err : NULL);
    if (want->replace)
        PFS_TRY(rc);
    PFS_TRY(find(table, want->snapshot, arena, &snapshot, err));
    if (want->replace || rc == -ENOENT)
        PFS_TRY(pfs_tag_check_name(at, name, snapshot.id, arena, err));
    return pfs_tag_make(at, name, &snapshot, retained_ms, want->replace, err);
}

/* Not while something is expired: that knows only the tags that there were when it began. */
int pfs_table_tag_put(struct pfs_table *table, const char *name, const struct pfs_tag_want *want, struct pfs_err *err)
{
    struct pfs_retention how;
    struct pfs_arena arena;
    struct pfs_retain at;
    int rc;

    PFS_TRY(pfs_table_retain_begin(table, &at, &how, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    if (want->retained_ms != PFS_NO_NUMBER || want->replace) /* the table's default is of new tags */
        how.tag_ms = want->retained_ms;
    rc = put(table, &at, name, want, how.tag_ms, &arena, err);
    pfs_arena_done(&arena);
    pfs_table_retain_end(table);
    return rc;
}

int pfs_table_tag_create(struct pfs_table *table, const char *name, int64_t snapshot, struct pfs_err *err)
{
    return pfs_table_tag_put(table, name, &(struct pfs_tag_want){snapshot, PFS_NO_NUMBER, false}, err);
}

int pfs_table_tag_delete(struct pfs_table *table, const char *name, struct pfs_err *err)
{
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(pfs_table_retain_begin(table, &at, &how, err));
    rc = pfs_tag_drop(&at, name, err);
    pfs_table_retain_end(table);
    return rc;
}

int pfs_table_expire_tags(struct pfs_table *table, int64_t before_ms, struct pfs_arena *arena, const char ***names,
                          int64_t *count, struct pfs_err *err)
{
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(pfs_table_retain_begin(table, &at, &how, err));
    rc = pfs_tags_expire(&at, before_ms == PFS_NO_NUMBER ? before_ms : pfs_clock_local_ms(before_ms), arena, names,
                         count, err);
    pfs_table_retain_end(table);
    return rc;
}
