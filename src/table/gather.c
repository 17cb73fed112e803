/* gather.c - lists that grow, on the heap: those of an arena would leave their old places behind.
 *
 *   gone   copies of the state's entries    added   the same of files that only moved; of new ones copied whole
 *
 * Counts are raised when all of a job is there, so that a job is taken as a whole or not at all. */
#include "src/table/gather.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

void pfs_gathered_init(struct pfs_gathered *gathered)
{
    *gathered = (struct pfs_gathered){0};
    pfs_arena_init(&gathered->arena, PFS_ARENA_LIMIT);
}

void pfs_gathered_done(struct pfs_gathered *gathered)
{
    for (int64_t i = 0; i < gathered->indexes; i++)
        pfs_arena_done(&gathered->kept[i]);
    pfs_free(gathered->gone);
    pfs_free(gathered->added);
    pfs_free(gathered->changelog);
    pfs_free(gathered->made);
    pfs_free(gathered->index);
    pfs_free(gathered->kept);
    pfs_arena_done(&gathered->arena);
    *gathered = (struct pfs_gathered){0};
}

static int reserve(void **list, int64_t count, int64_t more, int64_t *room, size_t size, struct pfs_err *err)
{
    int64_t want = *room == 0 ? 16 : *room;
    void *grown;

    assert(count <= *room);
    if (more <= *room - count)
        return 0;
    while (want - count < more)
        want *= 2;
    grown = pfs_realloc(*list, (size_t)want * size);
    if (grown == NULL)
        return pfs_fail(err, ENOMEM, "no memory for what a compaction made");
    *list = grown;
    *room = want;
    return 0;
}

static int reserve_all(struct pfs_gathered *g, const struct pfs_compacted *done, struct pfs_err *err)
{
    PFS_TRY(reserve((void **)&g->gone, g->gones, done->deletes, &g->gones_room, sizeof(*g->gone), err));
    PFS_TRY(reserve((void **)&g->added, g->addeds, done->adds, &g->addeds_room, sizeof(*g->added), err));
    PFS_TRY(reserve((void **)&g->changelog, g->changelogs, done->changelogs, &g->changelogs_room, sizeof(*g->changelog),
                    err));
    PFS_TRY(reserve((void **)&g->made, g->mades, done->mades, &g->mades_room, sizeof(*g->made), err));
    PFS_TRY(reserve((void **)&g->index, g->indexes, done->vectors, &g->indexes_room, sizeof(*g->index), err));
    return reserve((void **)&g->kept, g->indexes, done->vectors, &g->kept_room, sizeof(*g->kept), err);
}

int pfs_gathered_take(struct pfs_gathered *gathered, const struct pfs_compacted *done, struct pfs_arena *arena,
                      struct pfs_err *err)
{
    struct pfs_gathered *g = gathered;
    int64_t made = 0;

    PFS_TRY(reserve_all(g, done, err));
    for (int64_t i = 0; i < done->deletes; i++)
        g->gone[g->gones + i] = done->deleted[i];
    for (int64_t i = 0; i < done->adds; i++) {
        struct pfs_manifest_entry *to = &g->added[g->addeds + i];

        *to = done->added[i];
        if (made == done->mades || to->file.name != done->made[made].file.name)
            continue;
        PFS_TRY(pfs_manifest_entry_copy(&done->added[i], &g->arena, to, err));
        g->made[g->mades + made++] = g->addeds + i;
    }
    assert(made == done->mades); /* they are among those that were added, in the same order */
    for (int64_t i = 0; i < done->changelogs; i++)
        PFS_TRY(pfs_manifest_entry_copy(&done->changelog[i], &g->arena, &g->changelog[g->changelogs + i], err));
    g->gones += done->deletes;
    g->addeds += done->adds;
    g->mades += done->mades;
    g->changelogs += done->changelogs;
    if (done->vectors) {
        g->index[g->indexes] = done->index;
        g->kept[g->indexes++] = *arena;
    } else {
        pfs_arena_done(arena);
    }
    *arena = (struct pfs_arena){0};
    return 0;
}

int pfs_gathered_entries(struct pfs_gathered *gathered, struct pfs_manifest_entry **out, int64_t *count,
                         struct pfs_err *err)
{
    struct pfs_gathered *g = gathered;

    PFS_TRY(reserve((void **)&g->gone, g->gones, g->addeds, &g->gones_room, sizeof(*g->gone), err));
    if (g->addeds > 0)
        memcpy(g->gone + g->gones, g->added, (size_t)g->addeds * sizeof(*g->gone));
    *out = g->gone;
    *count = g->gones + g->addeds;
    return 0;
}

void pfs_gathered_undo(const struct pfs_gathered *gathered, const struct pfs_compactor *compactor)
{
    const struct pfs_gathered *g = gathered;

    for (int64_t i = 0; i < g->mades; i++)
        pfs_compact_undo(compactor, &(struct pfs_compacted){.mades = 1, .made = &g->added[g->made[i]]});
    pfs_compact_undo(compactor, &(struct pfs_compacted){.changelogs = g->changelogs, .changelog = g->changelog});
    for (int64_t i = 0; i < g->indexes; i++)
        pfs_compact_undo(compactor, &(struct pfs_compacted){.vectors = true, .index = g->index[i]});
}
