#include "src/write/group.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct grouping {
    struct pfs_arena *arena;
    struct pfs_group *group; /* in order of appearance */
    int64_t groups, room;
    int64_t *rooms; /* of each group's ranges */
    int64_t last;   /* the group of the row before */
};

static int add_group(struct grouping *g, int32_t partition, int32_t bucket, struct pfs_err *err)
{
    if (g->groups == g->room) {
        int64_t room = g->room == 0 ? 64 : g->room * 2;
        struct pfs_group *more = pfs_arena_array(g->arena, (size_t)room, sizeof(*more));
        int64_t *rooms = pfs_arena_array(g->arena, (size_t)room, sizeof(*rooms));

        if (more == NULL || rooms == NULL)
            return pfs_arena_full(g->arena, err);
        if (g->groups > 0) {
            memcpy(more, g->group, (size_t)g->groups * sizeof(*more));
            memcpy(rooms, g->rooms, (size_t)g->groups * sizeof(*rooms));
        }
        g->group = more;
        g->rooms = rooms;
        g->room = room;
    }
    g->group[g->groups++] = (struct pfs_group){.partition = partition, .bucket = bucket};
    return 0;
}

/* The group of that bucket. A table of (partition, bucket) would be quicker with thousands of buckets in one write. */
static int find_group(struct grouping *g, int32_t partition, int32_t bucket, struct pfs_group **out,
                      struct pfs_err *err)
{
    if (g->groups > 0 && g->group[g->last].partition == partition && g->group[g->last].bucket == bucket) {
        *out = &g->group[g->last];
        return 0;
    }
    for (int64_t i = 0; i < g->groups; i++)
        if (g->group[i].partition == partition && g->group[i].bucket == bucket) {
            g->last = i;
            *out = &g->group[i];
            return 0;
        }
    PFS_TRY(add_group(g, partition, bucket, err));
    g->last = g->groups - 1;
    *out = &g->group[g->last];
    return 0;
}

static int add_row(struct grouping *g, struct pfs_group *group, int32_t source, int32_t row, struct pfs_err *err)
{
    int64_t *room = &g->rooms[group - g->group];
    struct pfs_range *last = group->ranges > 0 ? &group->range[group->ranges - 1] : NULL;

    group->rows++;
    if (last != NULL && last->source == source && last->from + last->len == row) {
        last->len++;
        return 0;
    }
    if (group->ranges == *room) {
        int64_t more = *room == 0 ? 64 : *room * 2;
        struct pfs_range *range = pfs_arena_alloc(g->arena, (size_t)more * sizeof(*range));

        if (range == NULL)
            return pfs_arena_full(g->arena, err);
        if (group->ranges > 0)
            memcpy(range, group->range, (size_t)group->ranges * sizeof(*range));
        group->range = range;
        *room = more;
    }
    group->range[group->ranges++] = (struct pfs_range){source, row, 1};
    return 0;
}

static int group_batch(struct grouping *g, const struct pfs_routed *r, int32_t source, pfs_bucket_fn *bucket_of,
                       void *context, struct pfs_err *err)
{
    for (int64_t i = 0; i < r->batch.rows; i++) {
        int32_t partition = r->partition != NULL ? r->partition[i] : 0, bucket = 0;
        struct pfs_group *group;

        PFS_TRY(bucket_of(context, partition, r->hash != NULL ? r->hash[i] : 0, &bucket, err));
        PFS_TRY(find_group(g, partition, bucket, &group, err));
        PFS_TRY(add_row(g, group, source, (int32_t)i, err));
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

int pfs_group_rows(const struct pfs_routed *const *routed, int32_t count, pfs_bucket_fn *bucket_of, void *context,
                   struct pfs_arena *arena, struct pfs_group **out, int64_t *groups, struct pfs_err *err)
{
    struct grouping g = {.arena = arena};

    for (int32_t i = 0; i < count; i++)
        PFS_TRY(group_batch(&g, routed[i], i, bucket_of, context, err));
    if (g.groups > 0)
        qsort(g.group, (size_t)g.groups, sizeof(*g.group), compare_groups);
    *out = g.group;
    *groups = g.groups;
    return 0;
}
