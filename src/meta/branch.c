/* branch.c - making, removing and taking over of branches.
 *
 *     <table>/branch/branch-b/ schema/ snapshot/ tag/      a branch: metadata of its own
 *     <table>/branch/.<uuid>.tmp/                          one that is half made, or half removed
 *     <table>/manifest/, index/, <data>                    shared by all branches
 *
 * A branch is filled under its hidden name and then renamed, and it is renamed before its files go, so that whoever
 * lists branches sees whole ones only. What a crash leaves behind has a name that nobody takes for a branch.
 *
 * Fast forward has no such moment, as it changes a table that is there: the main table first loses what comes after the
 * branch's first snapshot, then gets the branch's schemas, over its own, loses those that the branch does not have, and
 * gets the branch's other files, oldest first. At any time what is there is a history, and doing it again from the
 * start ends in the same state.
 */
#include "src/meta/branch.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "src/meta/hints.h"
#include "src/meta/listing.h"
#include "src/meta/names.h"
#include "src/meta/schema.h"

int pfs_branch_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                    int64_t *count, struct pfs_err *err)
{
    return pfs_list_names(store, table, "branch", "branch-", true, arena, names, count, err);
}

/* Where the branch is; bare -ENOENT when it is not. */
static int stat_branch(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                       const char **path, struct pfs_stat *out, struct pfs_err *err)
{
    PFS_TRY(pfs_name_branch(table, name, arena, path, err));
    return pfs_store_stat(store, *path, out, err);
}

int pfs_branch_stat(struct pfs_store *store, const char *table, const char *name, struct pfs_stat *out,
                    struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = stat_branch(store, table, name, &arena, &path, out, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_branch_check_name(const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    if (strcmp(name, "main") == 0)
        return pfs_fail(err, EINVAL, "Branch name 'main' is the default branch and cannot be used.");
    if (pfs_name_is_blank(pfs_str(name)))
        return pfs_fail(err, EINVAL, "Branch name '%s' is blank.", name);
    if (name[strspn(name, "0123456789")] == '\0')
        return pfs_fail(err, EINVAL, "Branch name cannot be pure numeric string but is '%s'.", name);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_name_branch("", name, &arena, &path, err);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- copying ---- */

struct copying {
    struct pfs_store *store;
    struct pfs_arena *arena;
    struct pfs_err *err;
};

/* A name in branch/ that nobody takes for a branch. */
static int hidden_name(const struct copying *c, const char *table, const char **out)
{
    char uuid[PFS_UUID_TEXT];

    assert(c->arena != NULL);
    pfs_uuid_make(uuid);
    *out = pfs_arena_printf(c->arena, "%s/branch/.%s.tmp", table, uuid);
    return *out == NULL ? pfs_arena_full(c->arena, c->err) : 0;
}

/* <from>/<name> to <to>/<name>, as it is. */
static int copy_file(const struct copying *c, const char *from, const char *to, const char *name)
{
    const char *source = pfs_arena_printf(c->arena, "%s/%s", from, name);
    const char *target = pfs_arena_printf(c->arena, "%s/%s", to, name);
    struct pfs_slice bytes;
    int rc;

    if (source == NULL || target == NULL)
        return pfs_arena_full(c->arena, c->err);
    PFS_TRY(pfs_store_load(c->store, source, PFS_METADATA_BYTES_MAX, &bytes, c->err));
    rc = pfs_store_publish(c->store, target, bytes, true, c->err);
    pfs_free((void *)(uintptr_t)bytes.at);
    return rc;
}

/* <kind>/<kind>-<id>, as schemas and snapshots are named. */
static int copy_numbered(const struct copying *c, const char *from, const char *to, const char *kind, int64_t id)
{
    const char *name = pfs_arena_printf(c->arena, "%s/%s-%lld", kind, kind, (long long)id);

    assert(id >= 0);
    return name == NULL ? pfs_arena_full(c->arena, c->err) : copy_file(c, from, to, name);
}

/* Those up to `last`: a branch of a tag knows nothing of later ones. */
static int copy_schemas(const struct copying *c, const char *from, const char *to, int64_t last)
{
    int64_t *ids, count;

    PFS_TRY(pfs_schema_list(c->store, from, c->arena, &ids, &count, c->err));
    for (int64_t i = 0; i < count; i++)
        if (ids[i] <= last)
            PFS_TRY(copy_numbered(c, from, to, "schema", ids[i]));
    return 0;
}

static int copy_tags(const struct copying *c, const char *from, const char *to)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_tag_list(c->store, from, c->arena, &names, &count, c->err));
    for (int64_t i = 0; i < count; i++) {
        const char *name = pfs_arena_printf(c->arena, "tag/tag-%s", names[i]);

        if (name == NULL)
            return pfs_arena_full(c->arena, c->err);
        PFS_TRY(copy_file(c, from, to, name));
    }
    return 0;
}

/* ---- making ---- */

/* The tag, and its snapshot: also one that has expired, which the tag still is. */
static int copy_tagged(const struct copying *c, const char *table, const char *meta, const char *to, const char *tag,
                       int64_t *schema)
{
    const char *name = pfs_arena_printf(c->arena, "tag/tag-%s", tag);
    struct pfs_snapshot snapshot;
    int rc = pfs_tag_load(c->store, meta, tag, c->arena, &snapshot, NULL, c->err);

    if (name == NULL)
        return pfs_arena_full(c->arena, c->err);
    if (rc == -ENOENT)
        return pfs_fail(c->err, ENOENT, "Tag '%s' doesn't exist.", tag);
    PFS_TRY(rc);
    *schema = snapshot.schema_id;
    PFS_TRY(copy_file(c, meta, to, name));
    PFS_TRY(pfs_snapshot_restore(c->store, table, to, &snapshot, c->err));
    pfs_hint_write(c->store, to, "snapshot", "LATEST", snapshot.id);
    return 0;
}

/* What a new branch begins with, under a name that nobody sees yet, and durable. */
static int fill(const struct copying *c, const char *table, const char *meta, const char *to, const char *tag)
{
    int64_t last = INT64_MAX;

    if (tag != NULL)
        PFS_TRY(copy_tagged(c, table, meta, to, tag, &last));
    PFS_TRY(copy_schemas(c, meta, to, last));
    return pfs_store_sync_dir(c->store, to, c->err);
}

/* The rename, and the directory that it may have made. */
static int sync_branches(const struct copying *c, const char *table)
{
    const char *dir = pfs_arena_printf(c->arena, "%s/branch", table);

    if (dir == NULL)
        return pfs_arena_full(c->arena, c->err);
    PFS_TRY(pfs_store_sync_dir(c->store, dir, c->err));
    return pfs_store_sync_dir(c->store, table, c->err);
}

/* Whoever made the same branch meanwhile wins: the rename does not replace. */
static int create(const struct copying *c, const char *table, const char *meta, const char *name, const char *tag)
{
    const char *path, *hidden;
    struct pfs_stat st;
    int rc = stat_branch(c->store, table, name, c->arena, &path, &st, c->err);

    if (rc != -ENOENT)
        return rc == 0 ? -EEXIST : rc;
    PFS_TRY(hidden_name(c, table, &hidden));
    rc = fill(c, table, meta, hidden, tag);
    if (rc == 0)
        rc = pfs_store_rename_new(c->store, hidden, path, c->err);
    if (rc < 0) {
        (void)pfs_store_remove_all(c->store, hidden, NULL);
        return rc;
    }
    return sync_branches(c, table);
}

int pfs_branch_create(struct pfs_store *store, const char *table, const char *meta, const char *name, const char *tag,
                      struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    PFS_TRY(pfs_branch_check_name(name, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = create(&(struct copying){store, &arena, err}, table, meta, name, tag);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- removing, renaming ---- */

/* Gone for all in one rename; then its files, in any order. */
static int remove_branch(const struct copying *c, const char *table, const char *name)
{
    const char *path, *hidden;
    struct pfs_stat st;

    PFS_TRY(stat_branch(c->store, table, name, c->arena, &path, &st, c->err));
    PFS_TRY(hidden_name(c, table, &hidden));
    PFS_TRY(pfs_store_rename_new(c->store, path, hidden, c->err));
    PFS_TRY(sync_branches(c, table));
    return pfs_store_remove_all(c->store, hidden, c->err);
}

int pfs_branch_remove(struct pfs_store *store, const char *table, const char *name, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = remove_branch(&(struct copying){store, &arena, err}, table, name);
    pfs_arena_done(&arena);
    return rc;
}

static int rename_branch(const struct copying *c, const char *table, const char *from, const char *to)
{
    const char *old, *new;
    struct pfs_stat st;

    PFS_TRY(stat_branch(c->store, table, from, c->arena, &old, &st, c->err));
    PFS_TRY(pfs_name_branch(table, to, c->arena, &new, c->err));
    PFS_TRY(pfs_store_rename_new(c->store, old, new, c->err));
    return sync_branches(c, table);
}

int pfs_branch_rename(struct pfs_store *store, const char *table, const char *from, const char *to, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    if (strcmp(from, "main") == 0)
        return pfs_fail(err, EINVAL, "Cannot rename the main branch.");
    PFS_TRY(pfs_branch_check_name(to, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = rename_branch(&(struct copying){store, &arena, err}, table, from, to);
    pfs_arena_done(&arena);
    return rc;
}

/* From the newest on, as that one is likeliest to be its own. */
static int look_for_own(const struct copying *c, const char *table, const char *name, bool *out)
{
    int64_t *ids, count;
    const char *path;
    struct pfs_stat st;

    PFS_TRY(stat_branch(c->store, table, name, c->arena, &path, &st, c->err));
    PFS_TRY(pfs_snapshot_list(c->store, path, c->arena, &ids, &count, c->err));
    *out = false;
    for (int64_t i = count - 1; i >= 0 && !*out; i--) {
        struct pfs_snapshot snapshot;
        int rc = pfs_snapshot_load(c->store, path, ids[i], c->arena, &snapshot, NULL, c->err);

        if (rc == -ENOENT)
            continue;
        PFS_TRY(rc);
        *out = !pfs_snapshot_is_held(c->store, table, &snapshot);
    }
    return 0;
}

int pfs_branch_has_own(struct pfs_store *store, const char *table, const char *name, bool *out, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = look_for_own(&(struct copying){store, &arena, err}, table, name, out);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- fast forward ---- */

static int unlink_numbered(const struct copying *c, const char *meta, const char *kind, int64_t id)
{
    const char *path = pfs_arena_printf(c->arena, "%s/%s/%s-%lld", meta, kind, kind, (long long)id);
    int rc = path == NULL ? pfs_arena_full(c->arena, c->err) : pfs_store_unlink(c->store, path, c->err);

    return rc == -ENOENT ? 0 : rc;
}

/* Newest first, so that what is left is always a history. */
static int unlink_snapshots_from(const struct copying *c, const char *meta, int64_t from)
{
    int64_t *ids, count;

    PFS_TRY(pfs_snapshot_list(c->store, meta, c->arena, &ids, &count, c->err));
    assert(count == 0 || ids[0] <= ids[count - 1]); /* ascending, or the loop would end too early */
    for (int64_t i = count - 1; i >= 0 && ids[i] >= from; i--)
        PFS_TRY(unlink_numbered(c, meta, "snapshot", ids[i]));
    return 0;
}

/* Tags that vanish meanwhile are gone, which is what is wanted. */
static int unlink_tags_from(const struct copying *c, const char *meta, int64_t from)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_tag_list(c->store, meta, c->arena, &names, &count, c->err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_snapshot snapshot;
        int rc = pfs_tag_load(c->store, meta, names[i], c->arena, &snapshot, NULL, c->err);

        if (rc == 0 && snapshot.id >= from)
            rc = pfs_tag_remove(c->store, meta, names[i], c->err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

/* Those that the branch has stay: they are its own by now. A table without any schema would be none, and whoever was
 * interrupted could not do it again. */
static int unlink_schemas_from(const struct copying *c, const char *meta, const char *branch, int64_t from)
{
    int64_t *ids, *own, count, owns, at;

    PFS_TRY(pfs_schema_list(c->store, meta, c->arena, &ids, &count, c->err));
    PFS_TRY(pfs_schema_list(c->store, branch, c->arena, &own, &owns, c->err));
    at = owns - 1;
    for (int64_t i = count - 1; i >= 0 && ids[i] >= from; i--) {
        while (at >= 0 && own[at] > ids[i])
            at--;
        if (at < 0 || own[at] != ids[i])
            PFS_TRY(unlink_numbered(c, meta, "schema", ids[i]));
    }
    return 0;
}

/* They speak of another history. One that says EARLIEST would be believed again as soon as a snapshot has its number:
 * those before it would never expire, but lose their files. */
static int remove_hints(const struct copying *c, const char *meta)
{
    PFS_TRY(pfs_hint_remove(c->store, meta, "snapshot", "LATEST", c->err));
    return pfs_hint_remove(c->store, meta, "snapshot", "EARLIEST", c->err);
}

static int fast_forward(const struct copying *c, const char *table, const char *meta, const char *name)
{
    struct pfs_snapshot first;
    const char *branch;
    int64_t *ids, count;
    struct pfs_stat st;

    PFS_TRY(stat_branch(c->store, table, name, c->arena, &branch, &st, c->err));
    PFS_TRY(pfs_snapshot_list(c->store, branch, c->arena, &ids, &count, c->err));
    if (count == 0)
        return pfs_fail(c->err, ENOENT, "Cannot fast forward branch %s, because it does not have snapshot.", name);
    PFS_TRY(pfs_snapshot_load(c->store, branch, ids[0], c->arena, &first, NULL, c->err));
    assert(first.id == ids[0]);
    PFS_TRY(remove_hints(c, meta));
    PFS_TRY(unlink_tags_from(c, meta, first.id));
    PFS_TRY(unlink_snapshots_from(c, meta, first.id));
    PFS_TRY(copy_schemas(c, branch, meta, INT64_MAX));
    PFS_TRY(unlink_schemas_from(c, meta, branch, first.schema_id));
    for (int64_t i = 0; i < count; i++)
        PFS_TRY(copy_numbered(c, branch, meta, "snapshot", ids[i]));
    PFS_TRY(copy_tags(c, branch, meta));
    pfs_hint_write(c->store, meta, "snapshot", "LATEST", ids[count - 1]);
    return 0;
}

int pfs_branch_fast_forward(struct pfs_store *store, const char *table, const char *meta, const char *name,
                            struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = fast_forward(&(struct copying){store, &arena, err}, table, meta, name);
    pfs_arena_done(&arena);
    return rc;
}
