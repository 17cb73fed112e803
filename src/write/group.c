/* group.c - the groups of a flush: found by (partition, bucket) in a small hash table, listed in the order in which
 * they appear, sorted at the end. A row costs one comparison while it falls where the one before fell; neighbours
 * become one range. Lists that grow leave their old arrays to the arena, which goes with the flush. */
#include "src/write/group.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define RANGES_FIRST 4 /* of a group: there may be as many groups as rows */

struct list { /* of all groups so far, in order of appearance, and a table to find them */
    const struct pfs_grouping *in;
    struct pfs_arena *arena;
    struct pfs_group *group;
    int64_t groups, room;
    int64_t *rooms; /* of each group's ranges */
    int64_t last;   /* the group of the row before */
    int64_t *slot;  /* open addressing: number of the group + 1; 0 = empty */
    size_t slots;   /* a power of two, at least twice `room` */
};

static size_t place(const struct list *l, int32_t partition, int32_t bucket)
{
    uint64_t key = (uint64_t)(uint32_t)partition << 32 | (uint32_t)bucket;

    return (size_t)(key * 0x9E3779B97F4A7C15u >> 32) & (l->slots - 1);
}

/* Where the group is, or would be. */
static int64_t *find(const struct list *l, int32_t partition, int32_t bucket)
{
    size_t at = place(l, partition, bucket);

    for (; l->slot[at] != 0; at = (at + 1) & (l->slots - 1)) {
        const struct pfs_group *g = &l->group[l->slot[at] - 1];

        if (g->partition == partition && g->bucket == bucket)
            break;
    }
    return &l->slot[at];
}

static int grow(struct list *l, struct pfs_err *err)
{
    int64_t room = l->room == 0 ? 64 : l->room * 2;
    struct pfs_group *more = pfs_arena_array(l->arena, (size_t)room, sizeof(*more));
    int64_t *rooms = pfs_arena_array(l->arena, (size_t)room, sizeof(*rooms));

    assert(l->groups == l->room);
    l->slots = (size_t)room * 2;
    assert((l->slots & (l->slots - 1)) == 0);
    l->slot = pfs_arena_array(l->arena, l->slots, sizeof(*l->slot));
    if (more == NULL || rooms == NULL || l->slot == NULL)
        return pfs_arena_full(l->arena, err);
    if (l->groups > 0) {
        memcpy(more, l->group, (size_t)l->groups * sizeof(*more));
        memcpy(rooms, l->rooms, (size_t)l->groups * sizeof(*rooms));
    }
    l->group = more;
    l->rooms = rooms;
    l->room = room;
    for (int64_t i = 0; i < l->groups; i++)
        *find(l, l->group[i].partition, l->group[i].bucket) = i + 1;
    return 0;
}

static int find_group(struct list *l, int32_t partition, int32_t bucket, int64_t *out, struct pfs_err *err)
{
    int64_t *slot;

    if (l->groups == l->room)
        PFS_TRY(grow(l, err));
    slot = find(l, partition, bucket);
    if (*slot == 0) {
        l->group[l->groups++] = (struct pfs_group){
            .partition = partition, .bucket = bucket, .first = l->in->first_of(l->in->context, partition, bucket)};
        *slot = l->groups;
    }
    *out = *slot - 1;
    assert(*out < l->groups);
    assert(l->group[*out].partition == partition);
    return 0;
}

static int add_rows(struct list *l, int64_t index, int32_t source, int32_t row, int32_t len, struct pfs_err *err)
{
    struct pfs_group *group = &l->group[index];
    int64_t *room = &l->rooms[index];
    struct pfs_range *last = group->ranges > 0 ? &group->range[group->ranges - 1] : NULL;

    group->rows += len;
    if (last != NULL && last->source == source && last->from + last->len == row) {
        last->len += len;
        return 0;
    }
    if (group->ranges == *room) {
        int64_t more = *room == 0 ? RANGES_FIRST : *room * 2;
        struct pfs_range *range = pfs_arena_alloc(l->arena, (size_t)more * sizeof(*range));

        if (range == NULL)
            return pfs_arena_full(l->arena, err);
        if (group->ranges > 0)
            memcpy(range, group->range, (size_t)group->ranges * sizeof(*range));
        group->range = range;
        *room = more;
    }
    group->range[group->ranges++] = (struct pfs_range){source, row, len};
    return 0;
}

static int group_whole(struct list *l, int32_t source, struct pfs_err *err)
{
    const struct pfs_routed *r = l->in->routed[source];
    int64_t *number = l->in->number != NULL ? l->in->number[source] : NULL;
    int64_t group;

    PFS_TRY(find_group(l, 0, 0, &group, err));
    assert(group == 0);
    for (int64_t i = 0; number != NULL && i < r->batch.rows; i++)
        number[i] = l->group[group].first + l->group[group].rows + i;
    return add_rows(l, group, source, 0, (int32_t)r->batch.rows, err);
}

static int group_batch(struct list *l, int32_t source, struct pfs_err *err)
{
    const struct pfs_grouping *in = l->in;
    const struct pfs_routed *r = in->routed[source];
    int64_t *number = in->number != NULL ? in->number[source] : NULL;
    int32_t last_partition = -1, last_bucket = -1;
    int64_t group = 0;

    for (int64_t i = 0; i < r->batch.rows; i++) {
        int32_t partition = r->partition != NULL ? r->partition[i] : 0, bucket = 0;

        PFS_TRY(in->bucket_of(in->context, partition, r->hash != NULL ? r->hash[i] : 0, &bucket, err));
        if (partition != last_partition || bucket != last_bucket)
            PFS_TRY(find_group(l, partition, bucket, &group, err));
        last_partition = partition;
        last_bucket = bucket;
        if (number != NULL)
            number[i] = l->group[group].first + l->group[group].rows;
        PFS_TRY(add_rows(l, group, source, (int32_t)i, 1, err));
    }
    return 0;
}

static int compare_groups(const void *left, const void *right)
{
    const struct pfs_group *a = left, *b = right;

    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return a->bucket < b->bucket ? -1 : a->bucket > b->bucket;
}

int pfs_group_rows(const struct pfs_grouping *grouping, struct pfs_arena *arena, struct pfs_group **out,
                   int64_t *groups, struct pfs_err *err)
{
    struct list l = {.in = grouping, .arena = arena};

    assert(grouping->count >= 0);
    for (int32_t i = 0; i < grouping->count; i++)
        PFS_TRY(grouping->single ? group_whole(&l, i, err) : group_batch(&l, i, err));
    assert(!grouping->single || l.groups <= 1);
    if (l.groups > 0)
        qsort(l.group, (size_t)l.groups, sizeof(*l.group), compare_groups);
    *out = l.group;
    *groups = l.groups;
    return 0;
}
