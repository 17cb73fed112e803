/* assembly.c - rows named, not copied, until a batch of answers is full; then each column is gathered once.
 *
 *   range    (0, 5, 3) (-1, 0, 1) (2, 7, 9)      rows 5..7 of source 0, the merged row of group 0, rows of source 2
 *   record   the records of group 0, 1, ...      start[g] says where those of a group begin
 *
 * The arrays keep their memory from one batch to the next. Want of memory is remembered and told when the batch is
 * built, so that a merge adds rows without asking each time.
 */
#include "src/merge/assembly.h"

#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "src/merge/internal.h"

void pfs_assembly_clear(struct pfs_assembly *a)
{
    a->ranges = a->records = a->groups = a->rows = 0;
    a->full = false;
}

void pfs_assembly_done(struct pfs_assembly *a)
{
    pfs_free(a->range);
    pfs_free(a->record);
    pfs_free(a->start);
    pfs_free(a->several);
    *a = (struct pfs_assembly){0};
}

/* Room for one more item of `size` bytes. */
static void *grow(struct pfs_assembly *a, void *items, int64_t count, int64_t *room, size_t size)
{
    int64_t more = *room == 0 ? 256 : *room * 2;
    void *moved;

    assert(count <= *room + 1); /* one item at a time, and for groups the one behind it */
    if (count < *room)
        return items;
    moved = pfs_realloc(items, (size_t)more * size);
    if (moved == NULL) {
        a->full = true;
        return items;
    }
    *room = more;
    return moved;
}

void pfs_assembly_stretch(struct pfs_assembly *a, int32_t source, int32_t from, int32_t len)
{
    struct pfs_range *last = a->ranges > 0 ? &a->range[a->ranges - 1] : NULL;

    assert(source >= -1);
    assert(from >= 0 && len > 0);
    a->rows += len;
    if (last != NULL && last->source == source && last->from + last->len == from) {
        last->len += len;
        return;
    }
    a->range = grow(a, a->range, a->ranges, &a->ranges_room, sizeof(*a->range));
    if (!a->full)
        a->range[a->ranges++] = (struct pfs_range){source, from, len};
}

void pfs_assembly_group(struct pfs_assembly *a)
{
    /* Room for where the next one would begin, too: the end of the last group is written there at last. */
    a->start = grow(a, a->start, a->groups + 1, &a->groups_room, sizeof(*a->start));
    a->several = grow(a, a->several, a->groups, &a->several_room, sizeof(*a->several));
    if (a->full)
        return;
    a->start[a->groups] = a->records;
    a->several[a->groups] = false;
    pfs_assembly_stretch(a, -1, (int32_t)a->groups, 1);
    a->groups++;
}

void pfs_assembly_record(struct pfs_assembly *a, int32_t source, int32_t row)
{
    assert(source >= 0 && row >= 0);
    assert(a->groups > 0 || a->full); /* it is one of the group that was begun last */
    a->record = grow(a, a->record, a->records, &a->records_room, sizeof(*a->record));
    if (!a->full)
        a->record[a->records++] = (struct pfs_record){source, row};
}

void pfs_assembly_cut(struct pfs_assembly *a, int64_t records)
{
    if (a->full || a->start[a->groups - 1] + records == a->records)
        return;
    a->records = a->start[a->groups - 1] + records;
    a->several[a->groups - 1] = true;
}

/* Records of a group by their numbers; there are few, and they are nearly in order. */
static void order_group(const struct pfs_batch *const *source, int32_t number, struct pfs_record *record, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        struct pfs_record r = record[i];
        int64_t mine = ((const int64_t *)source[r.source]->column[number].values)[r.row], k = i;

        for (; k > 0; k--) {
            const struct pfs_record *p = &record[k - 1];

            if (((const int64_t *)source[p->source]->column[number].values)[p->row] <= mine)
                break;
            record[k] = *p;
        }
        record[k] = r;
    }
}

/* Every group decided, as picks that are not gathered yet. */
static int pick_groups(struct pfs_assembly *a, const struct pfs_engine *engine, int32_t columns,
                       const struct pfs_batch *const *source, int32_t sources, bool flush, struct pfs_arena *arena,
                       struct pfs_picks *out, struct pfs_err *err)
{
    struct pfs_groups groups = {.source = source,
                                .sources = sources,
                                .groups = a->groups,
                                .start = a->start,
                                .record = a->record,
                                .several = a->several,
                                .alone = a->alone,
                                .flush = flush};

    assert(a->groups < a->groups_room); /* a place behind the last one was made with it */
    a->start[a->groups] = a->records;
    for (int64_t g = 0; g < a->groups; g++)
        order_group(source, columns - 2, a->record + a->start[g], a->start[g + 1] - a->start[g]);
    return pfs_engine_pick(engine, &groups, arena, out, err);
}

int pfs_assembly_build(struct pfs_assembly *a, const struct pfs_engine *engine, int32_t columns,
                       const struct pfs_batch *const *source, int32_t sources, bool flush, struct pfs_arena *arena,
                       struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_picks picks = {source, NULL};

    if (a->full)
        return pfs_fail(err, ENOMEM, "no memory for a merge");
    assert(a->rows > 0);
    assert(columns > 2);
    if (a->groups > 0) {
        PFS_TRY(pick_groups(a, engine, columns, source, sources, flush, arena, &picks, err));
    } else {
        picks.column = pfs_arena_array(arena, (size_t)columns, sizeof(struct pfs_record *));
        if (picks.column == NULL)
            return pfs_arena_full(arena, err);
    }
    return pfs_picks_gather(&picks, a->groups, columns, a->range, a->ranges, a->rows, arena, out, err);
}
