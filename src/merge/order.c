/* order.c - the records of a key from the oldest on: by sequence.field, then by number (spec merge-engines 3).
 *
 * Paimon compares floats by < and >: zeros are the same, and NaN is as old as anything. A write buffer is sorted by
 * bytes first, in which a zero has a sign and NaN is the greatest, as far as they reach. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "format/text/text.h"
#include "src/merge/internal.h"

#define NORMAL_BYTES 16 /* of a row in a write buffer that are compared first */
#define FEW 16

struct order {
    const struct pfs_engine *engine;
    const struct pfs_groups *groups;
    bool descending;
    int32_t by_bytes; /* so many of the sequence fields */
    bool many;        /* NaN has a place of its own: the records are sorted by an order */
};

static int compare_floats(double x, double y, bool many)
{
    if (many && (x != x || y != y))
        return (x != x) - (y != y);
    return (x > y) - (x < y);
}

static int compare_values(const struct pfs_column *a, int32_t row_a, const struct pfs_column *b, int32_t row_b,
                          bool many)
{
    if (a->type->kind == PFS_DOUBLE)
        return compare_floats(((const double *)a->values)[row_a], ((const double *)b->values)[row_b], many);
    if (a->type->kind == PFS_FLOAT)
        return compare_floats((double)((const float *)a->values)[row_a], (double)((const float *)b->values)[row_b],
                              many);
    return pfs_value_compare(a, row_a, b, row_b);
}

int pfs_order_compare(const struct pfs_column *a, int32_t row_a, const struct pfs_column *b, int32_t row_b,
                      bool descending)
{
    bool has_a = pfs_column_present(a, row_a), has_b = pfs_column_present(b, row_b);
    int c;

    if (!has_a || !has_b)
        return (int)has_a - (int)has_b;
    c = compare_values(a, row_a, b, row_b, false);
    return descending ? -c : c;
}

static int compare_fields(const struct order *o, int32_t field, const struct pfs_column *a, int32_t row_a,
                          const struct pfs_column *b, int32_t row_b)
{
    int c;

    if (!pfs_column_present(a, row_a) || !pfs_column_present(b, row_b))
        return (int)pfs_column_present(a, row_a) - (int)pfs_column_present(b, row_b);
    c = field < o->by_bytes ? pfs_value_compare(a, row_a, b, row_b) : compare_values(a, row_a, b, row_b, o->many);
    return o->descending ? -c : c;
}

static int compare_records(const void *left, const void *right, void *context)
{
    const struct pfs_record *a = left, *b = right;
    const struct order *o = context;
    const struct pfs_batch *x = o->groups->source[a->source], *y = o->groups->source[b->source];
    const int64_t *number_x = x->column[o->engine->columns].values, *number_y = y->column[o->engine->columns].values;

    for (int32_t i = 0; i < o->engine->sequence_fields; i++) {
        int32_t at = o->engine->sequence_field[i];
        int c = compare_fields(o, i, &x->column[at], a->row, &y->column[at], b->row);

        if (c != 0)
            return c;
    }
    return number_x[a->row] < number_y[b->row] ? -1 : number_x[a->row] > number_y[b->row];
}

/* Most keys have two or three records. */
static void sort_records(struct pfs_record *record, int64_t count, struct order *order)
{
    assert(count > 0);
    order->many = count > FEW;
    if (order->many) {
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

/* How many bytes a value of fixed length has there beside the one for NULL; 0 = it ends them. */
static int32_t normal_bytes(const struct pfs_type *type)
{
    enum pfs_kind kind = type->kind;
    int32_t width = pfs_type_width(type);

    if (kind == PFS_DECIMAL)
        return width == 16 ? 0 : 8;
    if (kind == PFS_TIMESTAMP || kind == PFS_TIMESTAMP_LTZ)
        return width == 8 && type->precision <= 3 ? 8 : 0;
    return width > 8 ? 0 : width;
}

/* How many sequence fields are among the first bytes of a row in a write buffer, behind the key. */
static int32_t count_by_bytes(const struct pfs_engine *e)
{
    const struct pfs_schema *s = e->schema;
    int32_t left = NORMAL_BYTES, fields = 0;

    for (int32_t i = 0; i < s->trimmed_keys; i++) {
        int32_t bytes = normal_bytes(&s->field[s->trimmed_key[i]].type);

        if (bytes == 0 || left <= bytes + 1)
            return 0;
        left -= bytes + 1;
    }
    for (; fields < e->sequence_fields && left > 1; fields++) {
        int32_t bytes = normal_bytes(e->column[e->sequence_field[fields]].type);

        if (bytes == 0)
            break;
        left -= bytes + 1;
    }
    assert(fields <= e->sequence_fields);
    return fields;
}

int pfs_engine_order(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                     const struct pfs_record **out, struct pfs_err *err)
{
    struct order order = {.engine = engine,
                          .groups = groups,
                          .descending = engine->descending && !groups->flush,
                          .by_bytes = groups->flush ? count_by_bytes(engine) : 0};
    int64_t records = groups->start[groups->groups];
    struct pfs_record *sorted;

    assert(groups->groups > 0);
    assert(groups->start[0] == 0);
    assert(records >= groups->groups); /* at least one each */
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
