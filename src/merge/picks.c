/* picks.c - an answer gathered: rows as they are, and for each merged key a value a column from where it was found.
 *
 * A column's list is the ranges of the answer with its own picks in the places of the groups. Most columns of a table
 * share one of two lists (that of the records which were chosen, that of what was made), so two are kept.
 */
#include "src/merge/internal.h"

#include <assert.h>

struct list {
    const struct pfs_record *pick; /* what it was made of */
    struct pfs_range *range;
    int64_t ranges; /* -1 = not made yet */
};

static bool is_of(const struct list *l, const struct pfs_record *pick)
{
    return l->ranges >= 0 && l->pick == pick;
}

static void add(struct list *l, struct pfs_range next)
{
    struct pfs_range *last = l->ranges > 0 ? &l->range[l->ranges - 1] : NULL;

    assert(next.source >= 0);
    if (last != NULL && last->source == next.source && last->from + last->len == next.from)
        last->len += next.len;
    else
        l->range[l->ranges++] = next;
}

/* The ranges with one column's picks put in; what lies side by side becomes one. */
static void resolve(const struct pfs_record *pick, const struct pfs_range *range, int64_t ranges, struct list *out)
{
    assert(ranges > 0);
    out->pick = pick;
    out->ranges = 0;
    for (int64_t i = 0; i < ranges; i++) {
        if (range[i].source >= 0) {
            add(out, range[i]);
            continue;
        }
        for (int32_t g = range[i].from; g < range[i].from + range[i].len; g++)
            add(out, (struct pfs_range){pick[g].source, pick[g].row, 1});
    }
}

/* Many columns have the same picks, here and there: the last two lists are kept. */
int pfs_picks_gather(const struct pfs_picks *picks, int64_t groups, int32_t columns, const struct pfs_range *range,
                     int64_t ranges, int64_t rows, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    size_t bytes = (size_t)(ranges + groups) * sizeof(struct pfs_range);
    struct list list[2] = {{NULL, pfs_arena_alloc(arena, bytes), -1}, {NULL, pfs_arena_alloc(arena, bytes), -1}};
    struct pfs_column *column = pfs_arena_array(arena, (size_t)columns, sizeof(*column));
    int now = 0;

    if (list[0].range == NULL || list[1].range == NULL || column == NULL)
        return pfs_arena_full(arena, err);
    assert(rows > 0);
    for (int32_t c = 0; c < columns; c++) {
        if (!is_of(&list[now], picks->column[c]))
            now = 1 - now;
        if (!is_of(&list[now], picks->column[c]))
            resolve(picks->column[c], range, ranges, &list[now]);
        assert(list[now].ranges <= ranges + groups); /* the room that was made */
        PFS_TRY(pfs_column_gather(picks->source, c, list[now].range, list[now].ranges, rows, arena, &column[c], err));
    }
    *out = (struct pfs_batch){rows, columns, column};
    return 0;
}
