/* tagged.c - tags by the snapshots that they hold: one list, ascending, in which expiry looks for the tag before an id.
 *
 * A file that a snapshot deletes was live before it; if any tag still needs it, the last one before that snapshot does,
 * for what is deleted never comes back. So one tag is asked, and remembered, for ids are asked for in order. */
#include "src/retain/tagged.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/retain/removal.h"

struct one {
    struct pfs_snapshot snapshot;
    const char *name;
};

static int compare(const void *a, const void *b)
{
    const struct one *x = a, *y = b;

    if (x->snapshot.id != y->snapshot.id)
        return x->snapshot.id < y->snapshot.id ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Those of the same snapshot become one; names stay in order. */
static int group(struct one *all, int64_t count, struct pfs_arena *arena, struct pfs_tagged *out, struct pfs_err *err)
{
    const char **names = pfs_arena_array(arena, (size_t)count, sizeof(*names));

    out->snapshot = pfs_arena_array(arena, (size_t)count, sizeof(*out->snapshot));
    out->name = pfs_arena_array(arena, (size_t)count, sizeof(*out->name));
    out->names = pfs_arena_array(arena, (size_t)count, sizeof(*out->names));
    if (names == NULL || out->snapshot == NULL || out->name == NULL || out->names == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < count; i++) {
        names[i] = all[i].name;
        if (i == 0 || all[i].snapshot.id != all[i - 1].snapshot.id) {
            out->snapshot[out->count] = all[i].snapshot;
            out->name[out->count++] = &names[i];
        }
        out->names[out->count - 1]++;
    }
    assert(out->count <= count);
    return 0;
}

int pfs_tagged_load(const struct pfs_retain *at, struct pfs_arena *arena, struct pfs_tagged *out, struct pfs_err *err)
{
    const char **names;
    struct one *all;
    int64_t count, found = 0;

    *out = (struct pfs_tagged){0};
    PFS_TRY(pfs_tag_list(at->store, at->meta, arena, &names, &count, err));
    all = pfs_arena_array(arena, (size_t)count, sizeof(*all));
    if (all == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < count; i++) {
        int rc = pfs_tag_load(at->store, at->meta, names[i], arena, &all[found].snapshot, NULL, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        all[found].name = names[i];
        found += rc == 0;
    }
    qsort(all, (size_t)found, sizeof(*all), compare);
    return group(all, found, arena, out, err);
}

int64_t pfs_tagged_before(const struct pfs_tagged *tagged, int64_t id)
{
    int64_t low = 0, high = tagged->count;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (tagged->snapshot[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    assert(low == tagged->count || tagged->snapshot[low].id >= id);
    return low - 1;
}

void pfs_tag_files_init(struct pfs_tag_files *files, const struct pfs_retain *at, const struct pfs_tagged *tagged)
{
    *files = (struct pfs_tag_files){.at = at, .tagged = tagged, .place = -1};
    pfs_arena_init(&files->arena, PFS_ARENA_LIMIT);
}

void pfs_tag_files_done(struct pfs_tag_files *files)
{
    pfs_arena_done(&files->arena);
}

int pfs_tag_files_before(struct pfs_tag_files *files, int64_t id, const struct pfs_nameset **out, struct pfs_err *err)
{
    int64_t place = pfs_tagged_before(files->tagged, id);

    *out = NULL;
    if (place < 0)
        return 0;
    assert(place < files->tagged->count);
    if (place != files->place) {
        files->place = -1;
        pfs_arena_reset(&files->arena);
        pfs_nameset_init(&files->live, &files->arena);
        PFS_TRY(pfs_removal_live(files->at, &files->tagged->snapshot[place], &files->live, err));
        files->place = place;
    }
    *out = &files->live;
    return 0;
}
