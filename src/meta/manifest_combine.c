/* manifest_combine.c - which files are live: every ADD whose identity no DELETE names (spec manifests 4).
 *
 * DELETEs are few and ADDs are many: the DELETEs go into a hash table, then each ADD looks whether it is among them,
 * which costs nothing once all of them have met theirs. The same identity may be deleted
 * more than once, hence a count at each place and not a mark.
 */
#include <assert.h>
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
        (a->file.embedded_index.at == NULL) != (b->file.embedded_index.at == NULL) ||
        !pfs_slice_eq(a->file.embedded_index, b->file.embedded_index) ||
        !same_text(a->file.external_path, b->file.external_path))
        return false;
    for (int64_t i = 0; i < a->file.extra_files; i++)
        if (strcmp(a->file.extra_file[i], b->file.extra_file[i]) != 0)
            return false;
    return true;
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return text == NULL ? seed : pfs_hash64(text, strlen(text), seed);
}

/* All of the identity: whoever damages a manifest must not be able to make every place the same. */
static uint64_t hash(const struct pfs_manifest_entry *e)
{
    uint64_t h = hash_text(e->file.name, (uint64_t)(uint32_t)e->bucket << 32 | (uint32_t)e->file.level);

    h = pfs_hash64(e->partition.at, e->partition.len, h);
    for (int64_t i = 0; i < e->file.extra_files; i++)
        h = hash_text(e->file.extra_file[i], h);
    if (e->file.embedded_index.len > 0)
        h = pfs_hash64(e->file.embedded_index.at, e->file.embedded_index.len, h);
    return hash_text(e->file.external_path, h);
}

struct deleted { /* a place of open addressing */
    const struct pfs_manifest_entry *entry;
    uint64_t hash;
    int64_t left; /* DELETEs of this identity that met no ADD yet */
};

struct deletes {
    struct deleted *slot;
    size_t mask;
    int64_t left;
};

/* The place of an identity: one that holds it, or the free one where it belongs. */
static struct deleted *find(const struct deletes *d, const struct pfs_manifest_entry *e, uint64_t h)
{
    size_t at = h & d->mask;

    assert((d->mask & (d->mask + 1)) == 0); /* a power of two of places */
    while (d->slot[at].entry != NULL && (d->slot[at].hash != h || !pfs_manifest_same_file(d->slot[at].entry, e)))
        at = (at + 1) & d->mask;
    return &d->slot[at];
}

static void put(struct deletes *d, const struct pfs_manifest_entry *e)
{
    uint64_t h = hash(e);
    struct deleted *s = find(d, e, h);

    assert(e->deleted);
    s->entry = e;
    s->hash = h;
    s->left++;
    d->left++;
}

static bool take(struct deletes *d, const struct pfs_manifest_entry *e)
{
    struct deleted *s;

    assert(!e->deleted);
    if (d->left == 0)
        return false;
    s = find(d, e, hash(e));
    if (s->left == 0)
        return false;
    s->left--;
    d->left--;
    return true;
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
    assert(*count <= adds);
    assert(deletes.left >= 0);
    assert(*count == adds - (removed - deletes.left)); /* each that met one took one away */
    *out = live;
    if (leftover != NULL)
        *leftover = deletes.left;
    return 0;
}
