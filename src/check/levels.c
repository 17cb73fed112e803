/* levels.c - the files of one state against each other: rows in all, and key ranges in each level above 0, which share
 * no key (spec lsm 1).
 *
 * Sorted by bucket, level and smallest key, a file that overlaps any of its level overlaps the one before it or one
 * that does: neighbours are enough to see that there is an overlap, though not each pair of it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "src/check/internal.h"
#include "src/scan/plan.h"

struct ranged {
    const struct pfs_manifest_entry *entry;
    struct pfs_keys min, max;
};

/* By partition, bucket, level, smallest key. */
static int compare(const void *left, const void *right)
{
    const struct ranged *a = left, *b = right;
    int order = pfs_slice_compare(a->entry->partition, b->entry->partition);

    if (order != 0)
        return order;
    if (a->entry->bucket != b->entry->bucket)
        return a->entry->bucket < b->entry->bucket ? -1 : 1;
    if (a->entry->file.level != b->entry->file.level)
        return a->entry->file.level < b->entry->file.level ? -1 : 1;
    return pfs_keys_compare(&a->min, 0, &b->min, 0);
}

static bool same_run(const struct ranged *a, const struct ranged *b)
{
    return a->entry->file.level > 0 && a->entry->file.level == b->entry->file.level &&
           a->entry->bucket == b->entry->bucket && pfs_slice_eq(a->entry->partition, b->entry->partition);
}

/* A pair is told of once, however many snapshots have it. */
static int tell_overlap(struct pfs_checker *c, const struct ranged *a, const struct ranged *b, struct pfs_err *err)
{
    const char *pair = pfs_arena_printf(&c->arena, "%s/%s", a->entry->file.name, b->entry->file.name);
    int rc;

    assert(same_run(a, b));
    rc = pair == NULL ? pfs_arena_full(&c->arena, err) : pfs_checker_first(c, pair, err);

    if (rc > 0)
        pfs_checker_tell(c, PFS_FINDING_OVERLAP, b->entry->file.name,
                         "its keys begin before those of %s end, in level %d", a->entry->file.name,
                         b->entry->file.level);
    return rc < 0 ? rc : 0;
}

static int check_ranges(struct pfs_checker *c, const struct pfs_state *state, struct pfs_arena *arena,
                        struct pfs_err *err)
{
    struct ranged *all = pfs_arena_array(arena, (size_t)state->files, sizeof(*all));
    int64_t n = 0;

    if (all == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < state->files; i++) {
        const struct pfs_data_file *file = &state->file[i]->file;
        struct ranged *r = &all[n];
        int rc;

        if (state->file[i]->bucket < 0 || file->level == 0)
            continue;
        *r = (struct ranged){.entry = state->file[i]};
        rc = pfs_plan_bound(state->schema, file->min_key, arena, &r->min, err);
        if (rc == 0)
            rc = pfs_plan_bound(state->schema, file->max_key, arena, &r->max, err);
        n += rc == 0;
        if (rc < 0)
            PFS_TRY(pfs_checker_failed(c, file->name, rc, err));
        else if (pfs_keys_compare(&r->min, 0, &r->max, 0) > 0)
            pfs_checker_tell(c, PFS_FINDING_RANGE, file->name, "its smallest key is above its greatest one");
    }
    assert(n <= state->files);
    qsort(all, (size_t)n, sizeof(*all), compare);
    for (int64_t i = 1; i < n; i++)
        if (same_run(&all[i - 1], &all[i]) && pfs_keys_compare(&all[i].min, 0, &all[i - 1].max, 0) <= 0)
            PFS_TRY(tell_overlap(c, &all[i - 1], &all[i], err));
    return 0;
}

/* Where files hold columns of the same rows, rows are counted otherwise. */
static int check_total(struct pfs_checker *c, const struct pfs_state *state, struct pfs_err *err)
{
    int64_t rows = 0;
    bool evolves;

    assert(c->by != NULL);
    PFS_TRY(pfs_options_bool(&state->schema->options, "data-evolution.enabled", false, &evolves, err));
    for (int64_t i = 0; i < state->files; i++)
        rows += state->file[i]->file.rows;
    if (!evolves && state->snapshot.total_records != PFS_NO_NUMBER && state->snapshot.total_records != rows)
        pfs_checker_tell(c, PFS_FINDING_COUNT, c->by->path, "its files have %lld rows where it says %lld",
                         (long long)rows, (long long)state->snapshot.total_records);
    return 0;
}

int pfs_check_levels(struct pfs_checker *c, const struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    PFS_TRY(check_total(c, state, err));
    if (state->schema->primary_keys == 0)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = check_ranges(c, state, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}
