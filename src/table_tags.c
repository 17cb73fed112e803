/* table_tags.c - a table's tags: made, moved, removed with what they alone needed. */
#include <errno.h>
#include <string.h>

#include "src/retain/retain.h"
#include "src/table_internal.h"

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

static int put(struct pfs_table *table, const char *name, const struct pfs_tag_want *want, struct pfs_arena *arena,
               struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_tag_life life = {pfs_clock_local_ms(pfs_clock_now_ms(parts.clock)), want->retained_ms};
    struct pfs_snapshot snapshot, before;
    const struct pfs_schema *schema;
    struct pfs_retention how;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    PFS_TRY(pfs_retention_read(schema, &how, err));
    if (life.retained_ms == PFS_NO_NUMBER)
        life.retained_ms = how.tag_ms;
    if (want->replace)
        PFS_TRY(pfs_tag_load(parts.store, parts.meta, name, arena, &before, NULL, err));
    PFS_TRY(find(table, want->snapshot, arena, &snapshot, err));
    return pfs_tag_create(parts.store, parts.meta, name, &snapshot, life.retained_ms < 0 ? NULL : &life, want->replace,
                          err);
}

static int check_writable(struct pfs_table *table, struct pfs_err *err)
{
    return pfs_table_parts(table).read_only ? pfs_fail(err, EROFS, "the warehouse is mounted read-only") : 0;
}

int pfs_table_tag_put(struct pfs_table *table, const char *name, const struct pfs_tag_want *want, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    PFS_TRY(check_writable(table, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = put(table, name, want, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_table_tag_create(struct pfs_table *table, const char *name, int64_t snapshot, struct pfs_err *err)
{
    return pfs_table_tag_put(table, name, &(struct pfs_tag_want){snapshot, PFS_NO_NUMBER, false}, err);
}

int pfs_table_tag_delete(struct pfs_table *table, const char *name, struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(check_writable(table, err));
    PFS_TRY(pfs_table_retain(table, &at, &how, err));
    pthread_mutex_lock(&upkeep->lock);
    rc = pfs_tag_drop(&at, name, err);
    pthread_mutex_unlock(&upkeep->lock);
    return rc;
}

int pfs_table_expire_tags(struct pfs_table *table, int64_t before_ms, struct pfs_arena *arena, const char ***names,
                          int64_t *count, struct pfs_err *err)
{
    struct pfs_upkeep *upkeep = pfs_table_upkeep(table);
    struct pfs_retention how;
    struct pfs_retain at;
    int rc;

    PFS_TRY(check_writable(table, err));
    PFS_TRY(pfs_table_retain(table, &at, &how, err));
    pthread_mutex_lock(&upkeep->lock);
    rc = pfs_tags_expire(&at, before_ms == PFS_NO_NUMBER ? before_ms : pfs_clock_local_ms(before_ms), arena, names,
                         count, err);
    pthread_mutex_unlock(&upkeep->lock);
    return rc;
}
