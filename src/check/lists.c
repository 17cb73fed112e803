/* lists.c - manifest lists, manifests, index manifests and what those name.
 *
 * `whole` tells the caller whether the state of the snapshot can be loaded at all: when not, that was told of here,
 * with the file that is to blame, and loading it would only say so again. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "src/check/internal.h"
#include "src/file/deletions.h"
#include "src/meta/names.h"
#include "src/meta/statistics.h"

#define VECTORS "DELETION_VECTORS"
#define HASHES "HASH"

static const char *metadata_path(struct pfs_checker *c, const char *name)
{
    return pfs_arena_printf(&c->arena, "%s/manifest/%s", c->want->table, name);
}

/* Files that it adds and deletes are as many as its list says. */
static int check_counts(struct pfs_checker *c, const struct pfs_manifest_file *file, const char *path,
                        struct pfs_arena *arena, bool *whole, struct pfs_err *err)
{
    int64_t entries, added = 0;
    struct pfs_manifest_entry *entry;
    int rc = pfs_manifest_load(c->want->store, c->want->table, file->name, arena, &entry, &entries, err);

    if (rc < 0) {
        *whole = false;
        return pfs_checker_failed(c, path, rc, err);
    }
    for (int64_t i = 0; i < entries; i++)
        added += !entry[i].deleted;
    assert(added <= entries);
    if (added != file->added || entries - added != file->deleted)
        pfs_checker_tell(c, PFS_FINDING_COUNT, path,
                         "it adds %lld files and deletes %lld where its list says %lld and %lld", (long long)added,
                         (long long)(entries - added), (long long)file->added, (long long)file->deleted);
    return 0;
}

static int check_manifest(struct pfs_checker *c, const struct pfs_manifest_file *file, bool *whole, struct pfs_err *err)
{
    const char *path = metadata_path(c, file->name);
    struct pfs_arena arena;
    int rc;

    if (path == NULL)
        return pfs_arena_full(&c->arena, err);
    rc = pfs_checker_look(c, c->want->store, path, file->size, err);
    *whole &= rc > 0;
    if (rc <= 0)
        return rc;
    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = check_counts(c, file, path, &arena, whole, err);
    pfs_arena_done(&arena);
    return rc;
}

int pfs_check_list(struct pfs_checker *c, const char *name, int64_t size, bool *whole, struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    struct pfs_arena arena;
    const char *path = metadata_path(c, name);
    int64_t files = 0;
    int rc;

    assert(name != NULL);
    assert(whole != NULL);
    rc = pfs_checker_first(c, name, err);
    if (rc <= 0)
        return rc;
    if (path == NULL)
        return pfs_arena_full(&c->arena, err);
    rc = pfs_checker_look(c, c->want->store, path, size, err);
    *whole &= rc > 0;
    if (rc <= 0)
        return rc;
    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = pfs_manifest_list_load(c->want->store, c->want->table, name, &arena, &file, &files, err);
    if (rc < 0) {
        *whole = false;
        rc = pfs_checker_failed(c, path, rc, err);
    }
    for (int64_t i = 0; rc >= 0 && i < files; i++) {
        rc = pfs_checker_first(c, file[i].name, err);
        if (rc > 0)
            rc = check_manifest(c, &file[i], whole, err);
    }
    pfs_arena_done(&arena);
    return rc < 0 ? rc : 0;
}

int pfs_check_list_files(struct pfs_checker *c, const char *name, bool appended, bool changelog, struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    struct pfs_manifest_entry *entry;
    struct pfs_arena arena;
    int64_t files = 0, entries;
    int rc;

    pfs_arena_init(&arena, PFS_MANIFEST_BYTES_MAX);
    rc = pfs_manifest_list_load(c->want->store, c->want->table, name, &arena, &file, &files, err);
    for (int64_t i = 0; rc == 0 && i < files; i++) {
        rc = pfs_manifest_load(c->want->store, c->want->table, file[i].name, &arena, &entry, &entries, err);
        for (int64_t k = 0; rc == 0 && k < entries; k++)
            if (!entry[k].deleted && (!appended || entry[k].file.source == 0))
                rc = pfs_checker_add(c, &entry[k], changelog, err);
    }
    pfs_arena_done(&arena);
    if (rc == -ENOMEM)
        return rc;
    pfs_err_clear(err); /* it was told of when the list was looked at */
    return 0;
}

/* ---- index files ---- */

static int index_path(struct pfs_checker *c, const struct pfs_schema *schema, const struct pfs_index_entry *entry,
                      struct pfs_store **store, const char **out, struct pfs_err *err)
{
    const char *dir = NULL;

    *store = c->want->store;
    if (entry->external_path != NULL)
        return pfs_external_find(c->want->external, entry->external_path, store, out, err);
    if (!entry->global)
        PFS_TRY(pfs_name_index_dir(c->want->table, schema, entry->partition, entry->bucket, &c->arena, &dir, err));
    *out = dir != NULL ? pfs_arena_printf(&c->arena, "%s/%s", dir, entry->name)
                       : pfs_arena_printf(&c->arena, "%s/index/%s", c->want->table, entry->name);
    return *out == NULL ? pfs_arena_full(&c->arena, err) : 0;
}

static int check_index_file(struct pfs_checker *c, const struct pfs_schema *schema, const struct pfs_index_entry *entry,
                            struct pfs_err *err)
{
    struct pfs_store *store;
    const char *path;
    int rc = pfs_checker_first(c, entry->name, err);

    if (rc <= 0)
        return rc;
    rc = index_path(c, schema, entry, &store, &path, err);
    if (rc < 0)
        return pfs_checker_failed(c, entry->external_path != NULL ? entry->external_path : entry->name, rc, err);
    rc = pfs_checker_look(c, store, path, entry->size, err);
    if (rc > 0 && strcmp(entry->type, HASHES) == 0 && entry->size != entry->rows * 4)
        pfs_checker_tell(c, PFS_FINDING_COUNT, path, "it has %lld bytes for %lld hashes of 4", (long long)entry->size,
                         (long long)entry->rows);
    return rc < 0 ? rc : 0;
}

/* Every vector is decoded: readers of the state have to, too. */
static int check_vectors(struct pfs_checker *c, const struct pfs_state *state, struct pfs_err *err)
{
    const struct pfs_bitmap *rows;
    struct pfs_deletions *deletions;
    int rc = pfs_deletions_open(c->want->store, c->want->external, c->want->table, state->schema, state->index,
                                state->indexes, &deletions, err);

    if (rc < 0)
        return pfs_checker_failed(c, c->by->path, rc, err);
    for (int64_t i = 0; rc == 0 && i < state->files; i++) {
        const struct pfs_data_file *file = &state->file[i]->file;

        rc = pfs_deletions_of(deletions, state->file[i], &rows, err);
        if (rc < 0)
            rc = pfs_checker_failed(c, file->name, rc, err);
        else if (rows != NULL && (int64_t)pfs_bitmap_count(rows) > file->rows)
            pfs_checker_tell(c, PFS_FINDING_COUNT, file->name, "%llu of its %lld rows are deleted",
                             (unsigned long long)pfs_bitmap_count(rows), (long long)file->rows);
    }
    pfs_deletions_close(deletions);
    return rc;
}

int pfs_check_indexes(struct pfs_checker *c, const struct pfs_state *state, struct pfs_err *err)
{
    int64_t wrong = c->sum->wrong;
    bool vectors = false, fresh = false;

    assert(c->by != NULL);
    for (int64_t i = 0; i < state->indexes; i++) {
        bool is_vectors = strcmp(state->index[i].type, VECTORS) == 0;

        fresh |= is_vectors && !pfs_nameset_has(&c->seen, state->index[i].name);
        vectors |= is_vectors;
        PFS_TRY(check_index_file(c, state->schema, &state->index[i], err));
    }
    return vectors && fresh && c->sum->wrong == wrong ? check_vectors(c, state, err) : 0;
}
