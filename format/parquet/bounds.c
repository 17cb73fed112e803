/* bounds.c - statistics of row groups as values of the wanted types. */
#include "format/parquet/bits.h"
#include "format/parquet/convert.h"
#include "format/parquet/parquet.h"

#define BOUND_BYTES 16 /* of the widest value */

static bool is_float(enum pfs_kind kind)
{
    return kind == PFS_FLOAT || kind == PFS_DOUBLE;
}

/* Are the statistics in the order of the wanted type? Those of old are in the order of signed numbers, also for bytes
 * and numbers without a sign. */
static bool is_ordered(const struct pfs_pq_node *node, const struct pfs_type *type, const struct pfs_pq_stats *stats)
{
    bool bytes = node->physical == PFS_PQ_BYTE_ARRAY || node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY;

    if (node->children > 0 || node->repetition == PFS_PQ_REPEATED || node->physical == PFS_PQ_INT96)
        return false;
    if (bytes && (stats->old || (type->kind == PFS_DECIMAL && (stats->cut_min || stats->cut_max))))
        return false;
    return !stats->old || node->logical != PFS_PQ_LOGICAL_INTEGER || node->is_signed;
}

/* Zeros of both signs are one value to most writers, and NaN none; `value` has the wanted type. False: not known. */
static bool mend_float(enum pfs_kind kind, bool max, void *value)
{
    double wide;
    float narrow;

    if (kind == PFS_FLOAT) {
        memcpy(&narrow, value, sizeof(narrow));
        if (narrow == 0) {
            narrow = max ? 0.0f : -0.0f;
            memcpy(value, &narrow, sizeof(narrow));
        }
        return narrow == narrow;
    }
    memcpy(&wide, value, sizeof(wide));
    if (wide == 0) {
        wide = max ? 0.0 : -0.0;
        memcpy(value, &wide, sizeof(wide));
    }
    return wide == wide;
}

/* The bound as the one row of a column; *out stays NULL when it cannot be. */
static int make_bound(const struct pfs_pq_plan *plan, const struct pfs_type *type, struct pfs_slice in, bool max,
                      struct pfs_arena *arena, const struct pfs_column **out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_zalloc(arena, sizeof(*column));
    uint8_t padded[BOUND_BYTES + PFS_PQ_PAD] = {0}, *value = pfs_arena_zalloc(arena, BOUND_BYTES);
    int32_t *offsets;

    if (column == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    *column = (struct pfs_column){.type = type, .values = value};
    if (plan->shape == PFS_PQ_SHAPE_BYTES) {
        struct pfs_slice copy;

        offsets = pfs_arena_zalloc(arena, 2 * sizeof(*offsets));
        if (in.len > INT32_MAX || offsets == NULL || !pfs_arena_copy(arena, in, &copy))
            return pfs_arena_full(arena, err);
        offsets[1] = (int32_t)in.len;
        column->offsets = offsets;
        column->values = copy.at;
        *out = column;
        return 0;
    }
    if (in.len == 0 || in.len > BOUND_BYTES)
        return 0;
    memcpy(padded, in.at, in.len);
    if (plan->shape == PFS_PQ_SHAPE_BITS) {
        if (in.len != 1 || padded[0] > 1)
            return 0;
        value[0] = padded[0];
    } else if ((plan->shape == PFS_PQ_SHAPE_FIXED && in.len != (size_t)plan->width_in) ||
               !plan->convert(padded, 1, (int)in.len, value)) {
        return 0;
    }
    if (!is_float(type->kind) || mend_float(type->kind, max, value))
        *out = column;
    return 0;
}

/* One column of one row group. */
static int make_bounds(const struct pfs_pq_footer *footer, const struct pfs_pq_group *group,
                       const struct pfs_field *field, int32_t at, struct pfs_arena *arena,
                       struct pfs_parquet_group *out, struct pfs_err *err)
{
    const struct pfs_pq_node *node = pfs_pq_footer_find(footer, pfs_str(field->name));
    const struct pfs_pq_stats *stats;
    struct pfs_pq_plan plan;

    out->nulls[at] = node == NULL ? group->rows : -1;
    if (node == NULL || node->children > 0 || group->chunk[node->leaf].foreign)
        return 0;
    stats = &group->chunk[node->leaf].stats;
    if (node->repetition != PFS_PQ_REPEATED && stats->nulls >= 0 && stats->nulls <= group->rows)
        out->nulls[at] = stats->nulls;
    if (!is_ordered(node, &field->type, stats) || pfs_pq_plan_pick(node, &field->type, &plan, NULL) < 0)
        return 0;
    if (stats->min.at != NULL)
        PFS_TRY(make_bound(&plan, &field->type, stats->min, false, arena, &out->min[at], err));
    if (stats->max.at != NULL && (footer->keeps_nan || !is_float(field->type.kind)))
        PFS_TRY(make_bound(&plan, &field->type, stats->max, true, arena, &out->max[at], err));
    return 0;
}

int pfs_parquet_groups(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                       struct pfs_parquet_group **out, int32_t *groups, struct pfs_err *err)
{
    struct pfs_pq_footer footer;
    struct pfs_parquet_group *made;
    size_t columns = (size_t)read->columns;

    PFS_TRY(pfs_pq_footer_load(file, arena, &footer, err));
    made = pfs_arena_array(arena, (size_t)footer.groups, sizeof(*made));
    if (made == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t g = 0; g < footer.groups; g++) {
        const struct pfs_pq_group *group = &footer.group[g];

        made[g].rows = (struct pfs_row_range){group->first, group->first + group->rows};
        made[g].min = pfs_arena_array(arena, columns, sizeof(*made[g].min));
        made[g].max = pfs_arena_array(arena, columns, sizeof(*made[g].max));
        made[g].nulls = pfs_arena_array(arena, columns, sizeof(*made[g].nulls));
        if (made[g].min == NULL || made[g].max == NULL || made[g].nulls == NULL)
            return pfs_arena_full(arena, err);
        for (int32_t c = 0; c < read->columns; c++)
            PFS_TRY(make_bounds(&footer, group, &read->fields[c], c, arena, &made[g], err));
    }
    *out = made;
    *groups = footer.groups;
    return 0;
}
