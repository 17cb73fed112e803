/* order.c - the records of a key from the oldest on: by sequence.field, then by number (spec merge-engines 3). */
#include <stdlib.h>
#include <string.h>

#include "format/text/text.h"
#include "src/merge/internal.h"

struct order {
    const struct pfs_engine *engine;
    const struct pfs_groups *groups;
    bool descending;
};

int pfs_order_compare(const struct pfs_column *a, int32_t row_a, const struct pfs_column *b, int32_t row_b,
                      bool descending)
{
    bool has_a = pfs_column_present(a, row_a), has_b = pfs_column_present(b, row_b);
    int c;

    if (!has_a || !has_b)
        return (int)has_a - (int)has_b;
    c = pfs_value_compare(a, row_a, b, row_b);
    return descending ? -c : c;
}

static int compare_records(const void *left, const void *right, void *context)
{
    const struct pfs_record *a = left, *b = right;
    const struct order *o = context;
    const struct pfs_batch *x = o->groups->source[a->source], *y = o->groups->source[b->source];
    const int64_t *number_x = x->column[o->engine->columns].values, *number_y = y->column[o->engine->columns].values;

    for (int32_t i = 0; i < o->engine->sequence_fields; i++) {
        int32_t at = o->engine->sequence_field[i];
        int c = pfs_order_compare(&x->column[at], a->row, &y->column[at], b->row, o->descending);

        if (c != 0)
            return c;
    }
    return number_x[a->row] < number_y[b->row] ? -1 : number_x[a->row] > number_y[b->row];
}

/* Most keys have two or three records. */
static void sort_records(struct pfs_record *record, int64_t count, struct order *order)
{
    if (count > 16) {
        qsort_r(record, (size_t)count, sizeof(*record), compare_records, order);
        return;
    }
    for (int64_t i = 1; i < count; i++) {
        struct pfs_record r = record[i];
        int64_t k = i;

        for (; k > 0 && compare_records(&record[k - 1], &r, order) > 0; k--)
            record[k] = record[k - 1];
        record[k] = r;
    }
}

int pfs_engine_order(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                     const struct pfs_record **out, struct pfs_err *err)
{
    struct order order = {engine, groups, engine->descending && !groups->flush};
    int64_t records = groups->start[groups->groups];
    struct pfs_record *sorted;

    *out = groups->record;
    if (engine->sequence_fields == 0)
        return 0;
    sorted = pfs_arena_alloc(arena, (size_t)records * sizeof(*sorted));
    if (sorted == NULL)
        return pfs_arena_full(arena, err);
    memcpy(sorted, groups->record, (size_t)records * sizeof(*sorted));
    for (int64_t g = 0; g < groups->groups; g++) {
        sort_records(sorted + groups->start[g], groups->start[g + 1] - groups->start[g], &order);
    }
    *out = sorted;
    return 0;
}
