/* hold.c - batches in order of arrival, the small ones joined as they come.
 *
 *   1 1 1 ... (64 of one size) -> 64    64 64 ... (64 of them) -> 4096
 *
 * Each row is copied a few times at most, as in a merge sort: batches are joined with such alone as were joined as
 * often. `rows` and `bytes` are the sums over the list at any time; what a batch weighs does not change while it is
 * held. */
#include "src/write/hold.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define SMALL 1024 /* a batch of fewer rows is joined with others */
#define SMALL_BYTES ((size_t)256 << 10)
#define TOGETHER 64 /* so many of one size */
#define SORTING 48  /* bytes a row: number, key, two places */

/* ---- small batches become one ---- */

static int join_numbers(struct pfs_routed *const *from, struct pfs_routed *to, bool hashes, struct pfs_err *err)
{
    int32_t *list = pfs_arena_alloc(&to->arena, (size_t)to->batch.rows * sizeof(*list));
    int64_t at = 0;

    if (list == NULL)
        return pfs_arena_full(&to->arena, err);
    for (int32_t i = 0; i < TOGETHER; i++) {
        memcpy(list + at, hashes ? from[i]->hash : from[i]->partition, (size_t)from[i]->batch.rows * sizeof(*list));
        at += from[i]->batch.rows;
    }
    assert(at == to->batch.rows);
    *(hashes ? &to->hash : &to->partition) = list;
    return 0;
}

static int join(struct pfs_routed *const *from, struct pfs_routed *to, struct pfs_err *err)
{
    const struct pfs_batch *source[TOGETHER];
    struct pfs_range range[TOGETHER];

    pfs_arena_init(&to->arena, 0);
    to->joined = from[0]->joined + 1;
    to->batch.columns = from[0]->batch.columns;
    for (int32_t i = 0; i < TOGETHER; i++) {
        source[i] = &from[i]->batch;
        range[i] = (struct pfs_range){i, 0, (int32_t)from[i]->batch.rows};
        to->batch.rows += from[i]->batch.rows;
    }
    to->batch.column = pfs_arena_array(&to->arena, (size_t)to->batch.columns, sizeof(*to->batch.column));
    if (to->batch.column == NULL)
        return pfs_arena_full(&to->arena, err);
    for (int32_t i = 0; i < to->batch.columns; i++)
        PFS_TRY(pfs_column_gather(source, i, range, TOGETHER, to->batch.rows, &to->arena, &to->batch.column[i], err));
    if (from[0]->partition != NULL)
        PFS_TRY(join_numbers(from, to, false, err));
    return from[0]->hash != NULL ? join_numbers(from, to, true, err) : 0;
}

static size_t weight(const struct pfs_routed *r)
{
    return r->arena.used_bytes + r->sorting_bytes;
}

static void append(struct pfs_hold *hold, struct pfs_routed *r)
{
    assert(hold->count < hold->room);
    hold->routed[hold->count++] = r;
    hold->rows += r->batch.rows;
    hold->bytes += weight(r);
}

static void drop_last(struct pfs_hold *hold)
{
    struct pfs_routed *r = hold->routed[hold->count - 1];

    assert(hold->count > 0);
    assert(hold->rows >= r->batch.rows);
    assert(hold->bytes >= weight(r));
    hold->count--;
    hold->rows -= r->batch.rows;
    hold->bytes -= weight(r);
    pfs_routed_free(r);
}

static bool may_join(const struct pfs_hold *hold)
{
    struct pfs_routed *const *last = hold->routed + hold->count - TOGETHER;

    if (hold->count < TOGETHER)
        return false;
    for (int32_t i = 0; i < TOGETHER; i++)
        if (last[i]->batch.rows >= SMALL || weight(last[i]) > SMALL_BYTES ||
            last[i]->joined != last[TOGETHER - 1]->joined)
            return false;
    return true;
}

static int join_last(struct pfs_hold *hold, struct pfs_err *err)
{
    struct pfs_routed *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a batch");
    rc = join(hold->routed + hold->count - TOGETHER, r, err);
    if (rc < 0) {
        pfs_routed_free(r);
        return rc;
    }
    for (int32_t i = 0; i < TOGETHER; i++) {
        r->sorting_bytes += hold->routed[hold->count - 1]->sorting_bytes;
        drop_last(hold);
    }
    append(hold, r);
    return 0;
}

/* ---- the door ---- */

int pfs_hold_add(struct pfs_hold *hold, struct pfs_routed *r, bool keyed, struct pfs_err *err)
{
    if (hold->count == hold->room) {
        int32_t room = hold->room == 0 ? 64 : hold->room * 2;
        struct pfs_routed **more = pfs_realloc(hold->routed, (size_t)room * sizeof(struct pfs_routed *));

        if (more == NULL) {
            pfs_routed_free(r);
            return pfs_fail(err, ENOMEM, "no memory for a write");
        }
        hold->routed = more;
        hold->room = room;
    }
    r->sorting_bytes = sizeof(*r) + (keyed ? (size_t)r->batch.rows * SORTING : 0);
    append(hold, r);
    while (may_join(hold))
        PFS_TRY(join_last(hold, err));
    return 0;
}

void pfs_hold_clear(struct pfs_hold *hold)
{
    while (hold->count > 0)
        drop_last(hold);
    assert(hold->rows == 0);
    assert(hold->bytes == 0);
}

void pfs_hold_done(struct pfs_hold *hold)
{
    pfs_hold_clear(hold);
    pfs_free(hold->routed);
    *hold = (struct pfs_hold){0};
}
