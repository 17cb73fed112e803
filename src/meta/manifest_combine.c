/* manifest_combine.c - which files are live: every ADD whose identity no DELETE names (spec manifests 4). */
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "src/meta/manifest.h"

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool pfs_manifest_same_file(const struct pfs_manifest_entry *a, const struct pfs_manifest_entry *b)
{
    if (a->bucket != b->bucket || a->file.level != b->file.level || strcmp(a->file.name, b->file.name) != 0 ||
        !pfs_slice_eq(a->partition, b->partition) || a->file.extra_files != b->file.extra_files ||
        !pfs_slice_eq(a->file.embedded_index, b->file.embedded_index) ||
        !same_text(a->file.external_path, b->file.external_path))
        return false;
    for (int64_t i = 0; i < a->file.extra_files; i++)
        if (strcmp(a->file.extra_file[i], b->file.extra_file[i]) != 0)
            return false;
    return true;
}

/* Names are unique in a table, so that name, level and bucket tell nearly all apart. */
static uint64_t hash(const struct pfs_manifest_entry *e)
{
    uint64_t seed = (uint64_t)(uint32_t)e->bucket << 32 | (uint32_t)e->file.level;

    return pfs_hash64(e->file.name, strlen(e->file.name), seed);
}

struct deleted { /* open addressing; a DELETE that met its ADD is used up */
    const struct pfs_manifest_entry *entry;
    bool used;
};

struct deletes {
    struct deleted *slot;
    size_t mask;
    int64_t left;
};

static void put(struct deletes *d, const struct pfs_manifest_entry *e)
{
    size_t at = hash(e) & d->mask;

    while (d->slot[at].entry != NULL)
        at = (at + 1) & d->mask;
    d->slot[at].entry = e;
    d->left++;
}

static bool take(struct deletes *d, const struct pfs_manifest_entry *e)
{
    for (size_t at = hash(e) & d->mask; d->slot[at].entry != NULL; at = (at + 1) & d->mask)
        if (!d->slot[at].used && pfs_manifest_same_file(d->slot[at].entry, e)) {
            d->slot[at].used = true;
            d->left--;
            return true;
        }
    return false;
}

int pfs_manifest_combine(const struct pfs_manifest_entry *const *entries, const int64_t *counts, int64_t arrays,
                         struct pfs_arena *arena, const struct pfs_manifest_entry ***out, int64_t *count,
                         int64_t *leftover, struct pfs_err *err)
{
    const struct pfs_manifest_entry **live;
    struct deletes deletes = {.mask = 15};
    int64_t adds = 0, removed = 0;

    for (int64_t i = 0; i < arrays; i++)
        for (int64_t k = 0; k < counts[i]; k++)
            *(entries[i][k].deleted ? &removed : &adds) += 1;
    while (deletes.mask < (size_t)removed * 2)
        deletes.mask = deletes.mask * 2 + 1;
    deletes.slot = pfs_arena_array(arena, deletes.mask + 1, sizeof(*deletes.slot));
    live = pfs_arena_array(arena, (size_t)adds, sizeof(*live));
    if (deletes.slot == NULL || live == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < arrays; i++)
        for (int64_t k = 0; k < counts[i]; k++)
            if (entries[i][k].deleted)
                put(&deletes, &entries[i][k]);
    *count = 0;
    for (int64_t i = 0; i < arrays; i++)
        for (int64_t k = 0; k < counts[i]; k++)
            if (!entries[i][k].deleted && !take(&deletes, &entries[i][k]))
                live[(*count)++] = &entries[i][k];
    *out = live;
    if (leftover != NULL)
        *leftover = deletes.left;
    return 0;
}
