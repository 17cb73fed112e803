/* filter.c - a condition over a reader: rows that are not true are left out by a sieve (format/sieve.h). */
#include <assert.h>

#include "base/mem.h"
#include "format/sieve.h"
#include "src/condition/node.h"

struct filter {
    const struct pfs_condition *condition;
    int32_t place[]; /* of each schema column */
};

static int64_t filter_select(void *self, const struct pfs_batch *batch, struct pfs_arena *arena, int32_t *kept,
                             struct pfs_err *err)
{
    const struct filter *f = self;

    return pfs_condition_select(f->condition, batch, f->place, arena, kept, err);
}

static const struct pfs_sieve_ops filter_ops = {filter_select, pfs_free};

int pfs_condition_filter(struct pfs_reader *in, const struct pfs_condition *condition, const int32_t *place,
                         int32_t places, int32_t keep, struct pfs_reader **out, struct pfs_err *err)
{
    struct filter *f = pfs_alloc(sizeof(*f) + (size_t)places * sizeof(*place));

    assert(condition != NULL); /* who has none reads without a filter */
    assert(places > 0);
    assert(keep >= 0);
    if (f == NULL) {
        pfs_reader_close(in);
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    }
    f->condition = condition;
    memcpy(f->place, place, (size_t)places * sizeof(*place));
    return pfs_sieve_open(in, &filter_ops, f, keep, out, err);
}
