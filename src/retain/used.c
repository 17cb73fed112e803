/* used.c - of some names those that any snapshot, tag or changelog of any branch names.
 *
 * Candidates are looked for among what is named, and not the other way round: a table names far more than is left over.
 * Each manifest and list is read once, whoever names it. What cannot be read is an error: it may name anything. */
#include "src/retain/used.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/limits.h"
#include "src/meta/branch.h"
#include "src/meta/names.h"

struct using
{
    const struct pfs_retain *at;
    const struct pfs_nameset *candidates;
    struct pfs_nameset *out;
    struct pfs_arena arena;      /* of the set below, and of names */
    struct pfs_nameset manifest; /* manifests and lists that were read */
};

static int use(struct using *u, const char *name, struct pfs_err *err)
{
    int rc = name != NULL && pfs_nameset_has(u->candidates, name) ? pfs_nameset_add(u->out, name, err) : 0;

    return rc < 0 ? rc : 0;
}

/* What expiry took meanwhile, or took and left a tag that names it, is not there and names nothing. 1 = read it. */
static int first_look(struct using *u, const char *name, struct pfs_err *err)
{
    struct pfs_stat st;
    char path[4096];
    int rc = pfs_nameset_add(&u->manifest, name, err);

    if (rc <= 0)
        return rc;
    if (snprintf(path, sizeof(path), "%s/manifest/%s", u->at->table, name) >= (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", u->at->table);
    rc = pfs_store_stat(u->at->store, path, &st, err);
    return rc == -ENOENT ? 0 : rc < 0 ? rc : 1;
}

/* What a manifest, a list of them or an index manifest names. */
typedef int content_fn(struct using *u, const char *name, struct pfs_arena *arena, struct pfs_err *err);

/* The file itself, and what it names when it is met first. */
static int use_with_content(struct using *u, const char *name, content_fn *content, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    assert(content != NULL);
    if (name == NULL)
        return 0;
    PFS_TRY(use(u, name, err));
    rc = first_look(u, name, err);
    if (rc <= 0)
        return rc;
    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = content(u, name, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

static int manifest_content(struct using *u, const char *name, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_manifest_entry *entry;
    int64_t entries;

    PFS_TRY(pfs_manifest_load(u->at->store, u->at->table, name, arena, &entry, &entries, err));
    for (int64_t i = 0; i < entries; i++) {
        PFS_TRY(use(u, entry[i].file.name, err));
        for (int64_t k = 0; k < entry[i].file.extra_files; k++)
            PFS_TRY(use(u, entry[i].file.extra_file[k], err));
    }
    return 0;
}

static int list_content(struct using *u, const char *name, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    int64_t files;

    PFS_TRY(pfs_manifest_list_load(u->at->store, u->at->table, name, arena, &file, &files, err));
    for (int64_t i = 0; i < files; i++)
        PFS_TRY(use_with_content(u, file[i].name, manifest_content, err));
    return 0;
}

static int index_content(struct using *u, const char *name, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_index_entry *entry;
    int64_t entries;

    PFS_TRY(pfs_index_manifest_load(u->at->store, u->at->table, name, arena, &entry, &entries, err));
    for (int64_t i = 0; i < entries; i++)
        PFS_TRY(use(u, entry[i].name, err));
    return 0;
}

static int use_snapshot(struct using *u, const struct pfs_snapshot *s, struct pfs_err *err)
{
    PFS_TRY(use_with_content(u, s->changelog_list, list_content, err));
    PFS_TRY(use_with_content(u, s->delta_list, list_content, err));
    PFS_TRY(use_with_content(u, s->base_list, list_content, err));
    PFS_TRY(use_with_content(u, s->index_manifest, index_content, err));
    return use(u, s->statistics, err);
}

/* ---- all of a branch ---- */

typedef int load_fn(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena,
                    struct pfs_snapshot *out, struct pfs_err *err);

static int load_snapshot(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena,
                         struct pfs_snapshot *out, struct pfs_err *err)
{
    return pfs_snapshot_load(store, meta, id, arena, out, NULL, err);
}

static int use_numbered(struct using *u, const char *meta, const int64_t *ids, int64_t count, load_fn *load,
                        struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        struct pfs_snapshot s;

        pfs_arena_reset(&arena);
        rc = load(u->at->store, meta, ids[i], &arena, &s, err);
        if (rc == 0)
            rc = use_snapshot(u, &s, err);
        if (rc == -ENOENT)
            rc = 0;
    }
    pfs_arena_done(&arena);
    return rc;
}

static int use_tags(struct using *u, const char *meta, struct pfs_arena *arena, struct pfs_err *err)
{
    const char **names;
    int64_t count;

    PFS_TRY(pfs_tag_list(u->at->store, meta, arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_snapshot s;
        int rc = pfs_tag_load(u->at->store, meta, names[i], arena, &s, NULL, err);

        if (rc == 0)
            rc = use_snapshot(u, &s, err);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return 0;
}

static int use_branch(struct using *u, const char *meta, struct pfs_arena *arena, struct pfs_err *err)
{
    int64_t *ids, count, schema;
    int rc = pfs_schema_latest_id(u->at->store, meta, &schema, err);

    if (rc < 0)
        return rc == -ENOENT ? pfs_fail(err, EIO, "%s has no schema: no orphans are removed", meta) : rc;
    /* Changelogs last: a snapshot becomes one, never the other way. */
    PFS_TRY(pfs_snapshot_list(u->at->store, meta, arena, &ids, &count, err));
    PFS_TRY(use_numbered(u, meta, ids, count, load_snapshot, err));
    PFS_TRY(use_tags(u, meta, arena, err));
    PFS_TRY(pfs_changelog_list(u->at->store, meta, arena, &ids, &count, err));
    return use_numbered(u, meta, ids, count, pfs_changelog_load, err);
}

static int use_all(struct using *u, struct pfs_err *err)
{
    const char **names, *meta;
    int64_t count;

    PFS_TRY(pfs_branch_list(u->at->store, u->at->table, &u->arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        PFS_TRY(pfs_name_branch(u->at->table, names[i], &u->arena, &meta, err));
        PFS_TRY(use_branch(u, meta, &u->arena, err));
    }
    return use_branch(u, u->at->table, &u->arena, err);
}

int pfs_used_files(const struct pfs_retain *at, const struct pfs_nameset *candidates, struct pfs_nameset *out,
                   struct pfs_err *err)
{
    struct using u = {.at = at, .candidates = candidates, .out = out};
    int rc;

    assert(candidates != out);
    pfs_arena_init(&u.arena, PFS_ARENA_LIMIT);
    pfs_nameset_init(&u.manifest, &u.arena);
    rc = use_all(&u, err);
    pfs_arena_done(&u.arena);
    return rc;
}
