/* rescale.c - rows on their way to partitions that have another number of buckets.
 *
 * Partitions that are stale are numbered first, so that a row's partition number says at once whether it is one of
 * them; those that rows bring in later come behind, and are of no interest. */
#include "src/write/rescale.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/write/route.h"

struct pfs_rescale {
    struct pfs_gate gate;
    struct pfs_partitions partitions; /* the first `stale` have another number of buckets */
    int32_t *before;                  /* theirs */
    int32_t stale, room, buckets;
};

void pfs_rescale_close(struct pfs_rescale *rescale)
{
    if (rescale == NULL)
        return;
    pfs_partitions_done(&rescale->partitions);
    pfs_free(rescale->before);
    pfs_free(rescale);
}

static int add(struct pfs_rescale *r, struct pfs_slice partition, int32_t before, struct pfs_err *err)
{
    int32_t number, *more;

    assert(before > 0);
    assert(r->stale == r->partitions.count);
    PFS_TRY(pfs_partitions_number(&r->partitions, partition, &number, err));
    if (number < r->stale)
        return 0;
    if (r->stale == r->room) {
        r->room = r->room == 0 ? 16 : r->room * 2;
        more = pfs_realloc(r->before, (size_t)r->room * sizeof(*more));
        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %d partitions", r->room);
        r->before = more;
    }
    r->before[r->stale++] = before;
    return 0;
}

int pfs_rescale_open(const struct pfs_schema *schema, int32_t buckets, const struct pfs_state *state,
                     struct pfs_rescale **out, struct pfs_err *err)
{
    struct pfs_rescale *r = pfs_zalloc(sizeof(*r));
    int rc = r == NULL ? pfs_fail(err, ENOMEM, "no memory for a check") : pfs_gate_init(&r->gate, schema, err);

    *out = NULL;
    if (r != NULL)
        pfs_partitions_init(&r->partitions);
    for (int64_t i = 0; rc == 0 && buckets > 0 && i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];

        r->buckets = buckets;
        if (e->total_buckets > 0 && e->total_buckets != buckets)
            rc = add(r, e->partition, e->total_buckets, err);
    }
    if (rc == 0 && r->stale > 0)
        *out = r;
    else
        pfs_rescale_close(r);
    return rc;
}

int pfs_rescale_refuse(int32_t before, int32_t now, struct pfs_err *err)
{
    return pfs_fail(err, EINVAL,
                    "the partition was written with %d buckets and the table has %d now; `overwrite` takes its rows, "
                    "and writes them with %d (INSERT OVERWRITE)",
                    before, now, now);
}

int pfs_rescale_check(struct pfs_rescale *rescale, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_routed routed;
    struct pfs_arena arena;
    int rc;

    assert(rescale->stale > 0);
    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    rc = pfs_route_again(&rescale->gate, &rescale->partitions, &arena, batch, &routed, err);
    for (int64_t i = 0; rc == 0 && i < batch->rows; i++) {
        int32_t number = routed.partition == NULL ? 0 : routed.partition[i];

        if (number < rescale->stale)
            rc = pfs_rescale_refuse(rescale->before[number], rescale->buckets, err);
    }
    pfs_arena_done(&routed.arena);
    return rc;
}
