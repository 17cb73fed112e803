/* removal.c - lists of files that go, made by reading what names them.
 *
 *   data        files of deltas and changelogs, beside them their extra files and indexes
 *   metadata    manifests, lists, index manifests, index files, statistics: but for what `keep` has
 *
 * A path is on the lists once, however many snapshots name it. Data files go first: when this is killed in between, the
 * manifests that are left name files that are gone, and nobody names the manifests. */
#include "src/retain/removal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "src/file/file.h"
#include "src/meta/names.h"
#include "src/scan/manifests.h"

void pfs_removal_init(struct pfs_removal *r, const struct pfs_retain *at)
{
    assert(at->store != NULL);
    *r = (struct pfs_removal){.at = at};
    pfs_arena_init(&r->arena, PFS_ARENA_LIMIT);
    pfs_nameset_init(&r->keep, &r->arena);
    pfs_nameset_init(&r->shared, &r->arena);
    pfs_nameset_init(&r->listed, &r->arena);
}

void pfs_removal_done(struct pfs_removal *r)
{
    pfs_arena_done(&r->arena);
}

bool pfs_removal_unread(int rc, struct pfs_err *err)
{
    if (rc >= 0 || rc == -ENOMEM)
        return false;
    pfs_err_clear(err);
    return true;
}

/* ---- reading ---- */

struct reading { /* the manifests of a list or two */
    const struct pfs_retain *at;
    struct pfs_arena arena;
    const struct pfs_decoded **decoded; /* referenced */
    int64_t manifests;
};

static void reading_init(struct reading *g, const struct pfs_retain *at)
{
    *g = (struct reading){.at = at};
    pfs_arena_init(&g->arena, PFS_MANIFEST_BYTES_MAX);
}

static void reading_done(struct reading *g)
{
    for (int64_t i = 0; i < g->manifests; i++)
        pfs_decoded_unref(g->decoded[i]);
    pfs_arena_done(&g->arena);
}

static int load_list(const struct pfs_retain *at, const char *list, struct pfs_arena *arena,
                     struct pfs_manifest_file **out, int64_t *count, struct pfs_err *err)
{
    return pfs_manifest_list_load(at->store, at->table, list, arena, out, count, err);
}

static int read_lists(struct reading *g, const char *const *lists, int32_t count, struct pfs_err *err)
{
    struct pfs_manifest_file *file[2] = {NULL};
    int64_t files[2] = {0};

    assert(count >= 1);
    assert(count <= 2);
    assert(g->manifests == 0);
    for (int32_t i = 0; i < count; i++)
        PFS_TRY(load_list(g->at, lists[i], &g->arena, &file[i], &files[i], err));
    g->decoded = pfs_arena_array(&g->arena, (size_t)(files[0] + files[1]), sizeof(*g->decoded));
    if (g->decoded == NULL)
        return pfs_arena_full(&g->arena, err);
    for (int32_t i = 0; i < count; i++)
        for (int64_t k = 0; k < files[i]; k++) {
            PFS_TRY(pfs_manifests_get(g->at->manifests, file[i][k].name, &g->decoded[g->manifests], err));
            g->manifests++;
        }
    assert(g->manifests == files[0] + files[1]);
    return 0;
}

/* The entries that are live after both lists; they live as long as `g`. */
static int read_live(struct reading *g, const struct pfs_snapshot *snapshot, const struct pfs_manifest_entry ***out,
                     int64_t *count, struct pfs_err *err)
{
    const char *lists[] = {snapshot->base_list, snapshot->delta_list};
    const struct pfs_manifest_entry **entries;
    int64_t *counts, leftover;

    PFS_TRY(read_lists(g, lists, 2, err));
    entries = pfs_arena_array(&g->arena, (size_t)g->manifests, sizeof(*entries));
    counts = pfs_arena_array(&g->arena, (size_t)g->manifests, sizeof(*counts));
    if (entries == NULL || counts == NULL)
        return pfs_arena_full(&g->arena, err);
    for (int64_t i = 0; i < g->manifests; i++) {
        entries[i] = g->decoded[i]->entry;
        counts[i] = g->decoded[i]->entries;
    }
    return pfs_manifest_combine(entries, counts, g->manifests, &g->arena, out, count, &leftover, err);
}

int pfs_removal_live(const struct pfs_retain *at, const struct pfs_snapshot *snapshot, struct pfs_nameset *out,
                     struct pfs_err *err)
{
    const struct pfs_manifest_entry **live;
    struct reading g;
    int64_t count;
    int rc;

    reading_init(&g, at);
    rc = read_live(&g, snapshot, &live, &count, err);
    for (int64_t i = 0; rc >= 0 && i < count; i++)
        rc = pfs_nameset_add(out, live[i]->file.name, err);
    reading_done(&g);
    return rc < 0 ? rc : 0;
}

/* ---- listing ---- */

static int put(struct pfs_removal *r, bool metadata, struct pfs_store *store, const char *path, struct pfs_err *err)
{
    struct pfs_doomed **list = metadata ? &r->metadata : &r->data;
    int64_t *count = metadata ? &r->metadatas : &r->datas, *room = metadata ? &r->metadata_room : &r->data_room;
    int rc = pfs_nameset_add(&r->listed, path, err);

    if (rc <= 0)
        return rc;
    assert(*count <= *room);
    if (*count == *room) {
        int64_t more = *room == 0 ? 64 : *room * 2;
        struct pfs_doomed *grown = pfs_arena_array(&r->arena, (size_t)more, sizeof(*grown));

        if (grown == NULL)
            return pfs_arena_full(&r->arena, err);
        if (*count > 0)
            memcpy(grown, *list, (size_t)*count * sizeof(*grown));
        *list = grown;
        *room = more;
    }
    (*list)[(*count)++] = (struct pfs_doomed){store, path};
    return 0;
}

static int put_dir(struct pfs_removal *r, const char *dir, struct pfs_err *err)
{
    int rc = pfs_nameset_add(&r->listed, dir, err);

    if (rc <= 0)
        return rc;
    assert(r->dirs <= r->dir_room);
    if (r->dirs == r->dir_room) {
        int64_t more = r->dir_room == 0 ? 16 : r->dir_room * 2;
        const char **grown = pfs_arena_array(&r->arena, (size_t)more, sizeof(*grown));

        if (grown == NULL)
            return pfs_arena_full(&r->arena, err);
        if (r->dirs > 0)
            memcpy(grown, r->dir, (size_t)r->dirs * sizeof(*grown));
        r->dir = grown;
        r->dir_room = more;
    }
    r->dir[r->dirs++] = dir;
    return 0;
}

/* Names of metadata are unique in a table: what is kept is kept wherever it is listed. */
static int put_metadata(struct pfs_removal *r, const char *directory, const char *name, struct pfs_err *err)
{
    const char *path;

    if (pfs_nameset_has(&r->keep, name))
        return 0;
    path = pfs_arena_printf(&r->arena, "%s/%s/%s", r->at->table, directory, name);
    return path == NULL ? pfs_arena_full(&r->arena, err) : put(r, true, r->at->store, path, err);
}

/* A file in the place of a data file: beside it, wherever that is. */
static int put_beside(struct pfs_removal *r, const char *dir, const char *external, const char *name,
                      struct pfs_err *err)
{
    struct pfs_store *store = r->at->store;
    const char *path, *slash = external == NULL ? NULL : strrchr(external, '/');
    int rc;

    if (external == NULL) {
        path = pfs_arena_printf(&r->arena, "%s/%s", dir, name);
        return path == NULL ? pfs_arena_full(&r->arena, err) : put(r, false, store, path, err);
    }
    if (slash == NULL)
        return 0;
    path = pfs_arena_printf(&r->arena, "%.*s/%s", (int)(slash - external), external, name);
    if (path == NULL)
        return pfs_arena_full(&r->arena, err);
    rc = pfs_external_find(r->at->external, path, &store, &path, err); /* where we may not read we do not remove */
    return pfs_removal_unread(rc, err) ? 0 : rc < 0 ? rc : put(r, false, store, path, err);
}

static int put_file(struct pfs_removal *r, const struct pfs_manifest_entry *e, bool with_extras, struct pfs_err *err)
{
    const char *dir;
    int rc;

    if (pfs_nameset_has(&r->shared, e->file.name))
        return 0;
    rc = pfs_name_bucket(r->at->table, r->at->schema, e->partition, e->bucket, &r->arena, &dir, err);
    if (rc < 0)
        return pfs_removal_unread(rc, err) ? 0 : rc;
    PFS_TRY(put_beside(r, dir, e->file.external_path, e->file.name, err));
    for (int64_t i = 0; with_extras && i < e->file.extra_files; i++)
        PFS_TRY(put_beside(r, dir, e->file.external_path, e->file.extra_file[i], err));
    return e->file.external_path == NULL ? put_dir(r, dir, err) : 0;
}

/* ---- data files ---- */

/* The last word on a file decides, so that they are read from the end. */
static int put_unused(struct pfs_removal *r, struct reading *g, const struct pfs_nameset *stay, bool appended_stay,
                      struct pfs_err *err)
{
    struct pfs_nameset seen;

    pfs_nameset_init(&seen, &g->arena);
    for (int64_t i = g->manifests - 1; i >= 0; i--)
        for (int64_t k = g->decoded[i]->entries - 1; k >= 0; k--) {
            const struct pfs_manifest_entry *e = &g->decoded[i]->entry[k];
            int fresh = pfs_nameset_add(&seen, e->file.name, err);

            if (fresh < 0)
                return fresh;
            if (fresh == 0 || !e->deleted || (stay != NULL && pfs_nameset_has(stay, e->file.name)) ||
                (appended_stay && e->file.source != 1))
                continue;
            PFS_TRY(put_file(r, e, true, err));
        }
    return 0;
}

int pfs_removal_unused(struct pfs_removal *r, const char *list, const struct pfs_nameset *stay, bool appended_stay,
                       struct pfs_err *err)
{
    struct reading g;
    int rc;

    reading_init(&g, r->at);
    rc = read_lists(&g, &list, 1, err);
    if (pfs_removal_unread(rc, err))
        rc = 0;
    else if (rc == 0)
        rc = put_unused(r, &g, stay, appended_stay, err);
    reading_done(&g);
    return rc;
}

int pfs_removal_added(struct pfs_removal *r, const char *list, struct pfs_err *err)
{
    struct reading g;
    int rc;

    reading_init(&g, r->at);
    rc = read_lists(&g, &list, 1, err);
    if (pfs_removal_unread(rc, err))
        rc = 0;
    for (int64_t i = 0; rc == 0 && i < g.manifests; i++)
        for (int64_t k = 0; rc == 0 && k < g.decoded[i]->entries; k++)
            if (!g.decoded[i]->entry[k].deleted)
                rc = put_file(r, &g.decoded[i]->entry[k], false, err);
    reading_done(&g);
    return rc;
}

int pfs_removal_living(struct pfs_removal *r, const struct pfs_snapshot *snapshot, const struct pfs_nameset *stay,
                       struct pfs_err *err)
{
    const struct pfs_manifest_entry **live;
    struct reading g;
    int64_t count = 0;
    int rc;

    reading_init(&g, r->at);
    rc = read_live(&g, snapshot, &live, &count, err);
    if (pfs_removal_unread(rc, err))
        rc = 0, count = 0;
    for (int64_t i = 0; rc == 0 && i < count; i++)
        if (!pfs_nameset_has(stay, live[i]->file.name))
            rc = put_file(r, live[i], true, err);
    reading_done(&g);
    return rc;
}

/* ---- metadata ---- */

static int keep_name(struct pfs_removal *r, const char *name, struct pfs_err *err)
{
    int rc = name == NULL ? 0 : pfs_nameset_add(&r->keep, name, err);

    return rc < 0 ? rc : 0;
}

static int keep_list(struct pfs_removal *r, const char *list, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    int64_t files;

    PFS_TRY(keep_name(r, list, err));
    PFS_TRY(load_list(r->at, list, arena, &file, &files, err));
    for (int64_t i = 0; i < files; i++)
        PFS_TRY(keep_name(r, file[i].name, err));
    return 0;
}

static int keep_indexes(struct pfs_removal *r, const struct pfs_snapshot *s, struct pfs_arena *arena,
                        struct pfs_err *err)
{
    struct pfs_index_entry *index;
    int64_t indexes;

    PFS_TRY(keep_name(r, s->statistics, err));
    if (s->index_manifest == NULL)
        return 0;
    PFS_TRY(keep_name(r, s->index_manifest, err));
    PFS_TRY(pfs_index_manifest_load(r->at->store, r->at->table, s->index_manifest, arena, &index, &indexes, err));
    for (int64_t i = 0; i < indexes; i++)
        PFS_TRY(keep_name(r, index[i].name, err));
    return 0;
}

int pfs_removal_keep(struct pfs_removal *r, const struct pfs_snapshot *snapshot, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = keep_list(r, snapshot->base_list, &arena, err);
    if (rc == 0)
        rc = keep_list(r, snapshot->delta_list, &arena, err);
    if (rc == 0)
        rc = keep_indexes(r, snapshot, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

bool pfs_removal_has_metadata(const struct pfs_retain *at, const char *name)
{
    struct pfs_stat st;
    char path[4096];

    return snprintf(path, sizeof(path), "%s/manifest/%s", at->table, name) >= (int)sizeof(path) ||
           pfs_store_stat(at->store, path, &st, NULL) != -ENOENT;
}

int pfs_removal_keep_rest(struct pfs_removal *r, const struct pfs_snapshot *snapshot, struct pfs_err *err)
{
    struct pfs_snapshot rest = *snapshot;
    const char *lists[] = {rest.base_list, rest.delta_list};
    struct pfs_arena arena;
    int rc = 0;

    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    for (int i = 0; rc == 0 && i < 2; i++)
        if (pfs_removal_has_metadata(r->at, lists[i]))
            rc = keep_list(r, lists[i], &arena, err);
    if (rc == 0 && rest.index_manifest != NULL && !pfs_removal_has_metadata(r->at, rest.index_manifest))
        rest.index_manifest = NULL;
    if (rc == 0)
        rc = keep_indexes(r, &rest, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_removal_keep_tags(struct pfs_removal *r, const struct pfs_tagged *tagged, int64_t from, int64_t end,
                          struct pfs_err *err)
{
    int64_t first = pfs_tagged_before(tagged, from + 1), last = pfs_tagged_before(tagged, end);

    assert(from <= end);
    assert(last < tagged->count);
    for (int64_t i = first < 0 ? 0 : first; i <= last; i++)
        PFS_TRY(pfs_removal_keep(r, &tagged->snapshot[i], err));
    return 0;
}

int pfs_removal_list(struct pfs_removal *r, const char *list, struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    struct pfs_arena arena;
    int64_t files = 0;
    int rc;

    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = load_list(r->at, list, &arena, &file, &files, err);
    if (pfs_removal_unread(rc, err))
        rc = 0, files = 0;
    for (int64_t i = 0; rc == 0 && i < files; i++)
        rc = put_metadata(r, "manifest", file[i].name, err);
    if (rc == 0)
        rc = put_metadata(r, "manifest", list, err);
    pfs_arena_done(&arena);
    return rc;
}

/* Index files of buckets lie in index/, or beside the data files where the table says so; global ones in index/. */
static int put_index(struct pfs_removal *r, const struct pfs_index_entry *e, bool beside, struct pfs_err *err)
{
    const char *dir = NULL;
    int rc;

    if (pfs_nameset_has(&r->keep, e->name))
        return 0;
    if (e->external_path == NULL && (!beside || e->global))
        return put_metadata(r, "index", e->name, err);
    rc = pfs_name_bucket(r->at->table, r->at->schema, e->partition, e->bucket, &r->arena, &dir, err);
    return pfs_removal_unread(rc, err) ? 0 : rc < 0 ? rc : put_beside(r, dir, e->external_path, e->name, err);
}

static int put_indexes(struct pfs_removal *r, const char *manifest, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_index_entry *index;
    int64_t indexes;
    bool beside;
    int rc = pfs_index_manifest_load(r->at->store, r->at->table, manifest, arena, &index, &indexes, err);

    if (pfs_removal_unread(rc, err))
        return 0;
    if (rc == 0)
        rc = pfs_options_bool(&r->at->schema->options, "index-file-in-data-file-dir", false, &beside, err);
    for (int64_t i = 0; rc == 0 && i < indexes; i++)
        rc = put_index(r, &index[i], beside, err);
    return rc < 0 ? rc : put_metadata(r, "manifest", manifest, err);
}

int pfs_removal_indexes(struct pfs_removal *r, const struct pfs_snapshot *snapshot, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc = 0;

    if (snapshot->index_manifest != NULL) {
        pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
        rc = put_indexes(r, snapshot->index_manifest, &arena, err);
        pfs_arena_done(&arena);
    }
    return rc == 0 && snapshot->statistics != NULL ? put_metadata(r, "statistics", snapshot->statistics, err) : rc;
}

/* ---- removing ---- */

/* The bucket's directory, then those of its partition from the deepest upwards, as long as they are empty. */
static void remove_directories(struct pfs_removal *r, const char *dir)
{
    int32_t levels = 1 + r->at->schema->partition_keys;
    char *path = pfs_arena_string(&r->arena, pfs_str(dir));

    for (int32_t i = 0; path != NULL && i < levels; i++) {
        int rc = pfs_store_rmdir(r->at->store, path, NULL);
        char *slash = strrchr(path, '/');

        if ((rc < 0 && rc != -ENOENT) || slash == NULL)
            return;
        *slash = '\0';
    }
}

void pfs_removal_run(struct pfs_removal *r, bool clean_directories)
{
    for (int64_t i = 0; i < r->datas; i++)
        (void)pfs_store_unlink(r->data[i].store, r->data[i].path, NULL);
    for (int64_t i = 0; clean_directories && i < r->dirs; i++)
        remove_directories(r, r->dir[i]);
    for (int64_t i = 0; i < r->metadatas; i++)
        (void)pfs_store_unlink(r->metadata[i].store, r->metadata[i].path, NULL);
}
