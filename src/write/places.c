/* places.c - a hash table whose keys are two numbers. At most half of it is taken, and nothing is ever removed, so that
 * a search ends at the first free place. */
#include "src/write/places.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"

#define ROOM_MIN 16

/* Where it is, or the free place where it belongs. */
static struct pfs_place *find(struct pfs_place *place, size_t room, int32_t partition, int32_t bucket)
{
    uint64_t key = (uint64_t)(uint32_t)partition << 32 | (uint32_t)bucket;
    size_t at = (size_t)(key * 0x9E3779B97F4A7C15u >> 32) & (room - 1);

    assert((room & (room - 1)) == 0);
    while (place[at].value != PFS_PLACE_FREE && (place[at].partition != partition || place[at].bucket != bucket))
        at = (at + 1) & (room - 1);
    return &place[at];
}

static int grow(struct pfs_places *p, struct pfs_err *err)
{
    size_t room = p->room == 0 ? ROOM_MIN : p->room * 2;
    struct pfs_place *more = pfs_alloc_array(room, sizeof(*more));

    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %zu buckets", room);
    for (size_t i = 0; i < room; i++)
        more[i].value = PFS_PLACE_FREE;
    for (size_t i = 0; i < p->room; i++)
        if (p->place[i].value != PFS_PLACE_FREE)
            *find(more, room, p->place[i].partition, p->place[i].bucket) = p->place[i];
    pfs_free(p->place);
    p->place = more;
    p->room = room;
    return 0;
}

int pfs_places_at(struct pfs_places *places, int32_t partition, int32_t bucket, int64_t **out, struct pfs_err *err)
{
    struct pfs_place *found;

    if (places->used >= places->room / 2)
        PFS_TRY(grow(places, err));
    found = find(places->place, places->room, partition, bucket);
    if (found->value == PFS_PLACE_FREE) {
        found->partition = partition;
        found->bucket = bucket;
        places->used++;
    }
    assert(places->used <= places->room / 2);
    *out = &found->value;
    return 0;
}

int64_t pfs_places_find(const struct pfs_places *places, int32_t partition, int32_t bucket)
{
    return places->used == 0 ? PFS_PLACE_FREE : find(places->place, places->room, partition, bucket)->value;
}

void pfs_places_done(struct pfs_places *places)
{
    pfs_free(places->place);
    *places = (struct pfs_places){0};
}
