/* nameset.c - open addressing over copies of the names. Nothing is ever taken out, and the table is half empty at
 * least, so that a search ends at an empty slot soon. Tables that were outgrown stay in the arena. */
#include "src/retain/nameset.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

#define SLOTS_BEGIN 64

void pfs_nameset_init(struct pfs_nameset *set, struct pfs_arena *arena)
{
    assert(arena != NULL);
    *set = (struct pfs_nameset){.arena = arena};
}

/* Where it is, or would be. */
static size_t place(const struct pfs_nameset *set, const char *name)
{
    size_t at = pfs_hash64(name, strlen(name), 0) & (set->slots - 1);

    assert((set->slots & (set->slots - 1)) == 0);
    assert(set->count < set->slots);
    while (set->slot[at] != NULL && strcmp(set->slot[at], name) != 0)
        at = (at + 1) & (set->slots - 1);
    return at;
}

static int grow(struct pfs_nameset *set, struct pfs_err *err)
{
    struct pfs_nameset more = *set;

    more.slots = set->slots == 0 ? SLOTS_BEGIN : set->slots * 2;
    more.slot = pfs_arena_array(set->arena, more.slots, sizeof(*more.slot));
    if (more.slot == NULL)
        return pfs_arena_full(set->arena, err);
    for (size_t i = 0; i < set->slots; i++)
        if (set->slot[i] != NULL)
            more.slot[place(&more, set->slot[i])] = set->slot[i];
    *set = more;
    return 0;
}

int pfs_nameset_add(struct pfs_nameset *set, const char *name, struct pfs_err *err)
{
    const char *copy;

    if (pfs_nameset_has(set, name))
        return 0;
    if (set->count * 2 >= set->slots)
        PFS_TRY(grow(set, err));
    copy = pfs_arena_string(set->arena, pfs_str(name));
    if (copy == NULL)
        return pfs_arena_full(set->arena, err);
    set->slot[place(set, name)] = copy;
    set->count++;
    assert(set->count * 2 <= set->slots);
    return 1;
}

bool pfs_nameset_has(const struct pfs_nameset *set, const char *name)
{
    return set->count > 0 && set->slot[place(set, name)] != NULL;
}
