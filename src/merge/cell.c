#include <errno.h>
#include <string.h>

#include "src/merge/internal.h"

static bool is_wide(const struct pfs_type *type)
{
    return pfs_type_width(type) == 16;
}

void pfs_cell_read(const struct pfs_column *column, int32_t source, int64_t row, struct pfs_cell *out)
{
    const void *values = column->values;
    enum pfs_kind kind = column->type->kind;

    *out = (struct pfs_cell){.present = pfs_column_present(column, row)};
    if (!out->present)
        return;
    if (pfs_kind_is_nested(kind)) {
        out->v.at.source = source;
        out->v.at.row = (int32_t)row;
    } else if (pfs_kind_is_bytes(kind)) {
        out->v.bytes = pfs_column_bytes(column, row);
    } else if (is_wide(column->type)) {
        memcpy(&out->v.wide, (const uint8_t *)values + row * 16, 16);
    } else if (kind == PFS_DOUBLE) {
        out->v.d = ((const double *)values)[row];
    } else if (kind == PFS_FLOAT) {
        out->v.d = (double)((const float *)values)[row];
    } else if (pfs_type_width(column->type) == 1) {
        out->v.i = ((const int8_t *)values)[row];
    } else if (pfs_type_width(column->type) == 2) {
        out->v.i = ((const int16_t *)values)[row];
    } else if (pfs_type_width(column->type) == 4) {
        out->v.i = ((const int32_t *)values)[row];
    } else {
        out->v.i = ((const int64_t *)values)[row];
    }
}

int pfs_cell_compare(const struct pfs_type *type, const struct pfs_cell *a, const struct pfs_cell *b)
{
    struct pfs_column left = {.type = type}, right = {.type = type};
    float f[2];

    if (pfs_kind_is_bytes(type->kind))
        return pfs_slice_compare(a->v.bytes, b->v.bytes);
    if (type->kind == PFS_FLOAT) {
        f[0] = (float)a->v.d;
        f[1] = (float)b->v.d;
        left.values = &f[0];
        right.values = &f[1];
    } else if (type->kind == PFS_DOUBLE || is_wide(type)) {
        left.values = &a->v;
        right.values = &b->v;
    } else {
        return a->v.i < b->v.i ? -1 : a->v.i > b->v.i;
    }
    return pfs_value_compare(&left, 0, &right, 0);
}

/* ---- building columns ---- */

static int build_bytes(const struct pfs_cell *cell, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_alloc(arena, (size_t)(rows + 1) * sizeof(*offsets));
    int64_t sum = 0;
    uint8_t *values;

    for (int64_t i = 0; i < rows; i++)
        sum += cell[i].present ? (int64_t)cell[i].v.bytes.len : 0;
    if (sum > INT32_MAX)
        return pfs_fail(err, E2BIG, "a column of %lld bytes in one batch", (long long)sum);
    values = pfs_arena_alloc(arena, (size_t)sum);
    if (offsets == NULL || values == NULL)
        return pfs_arena_full(arena, err);
    out->offsets = offsets;
    out->values = values;
    sum = 0;
    for (int64_t i = 0; i < rows; i++) {
        offsets[i] = (int32_t)sum;
        if (cell[i].present && cell[i].v.bytes.len > 0) {
            memcpy(values + sum, cell[i].v.bytes.at, cell[i].v.bytes.len);
            sum += (int64_t)cell[i].v.bytes.len;
        }
    }
    offsets[rows] = (int32_t)sum;
    return 0;
}

static void put_fixed(const struct pfs_type *type, const struct pfs_cell *cell, int64_t row, uint8_t *values)
{
    int width = pfs_type_width(type);
    float f;

    if (width == 16) {
        memcpy(values + row * 16, &cell->v.wide, 16);
    } else if (type->kind == PFS_FLOAT) {
        f = (float)cell->v.d;
        memcpy(values + row * 4, &f, 4);
    } else if (type->kind == PFS_DOUBLE) {
        memcpy(values + row * 8, &cell->v.d, 8);
    } else {
        memcpy(values + row * width, &cell->v.i, (size_t)width); /* little-endian: the low bytes */
    }
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "cells are narrowed by their low bytes");

static int build_fixed(const struct pfs_type *type, const struct pfs_cell *cell, int64_t rows, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err)
{
    uint8_t *values = pfs_arena_zalloc(arena, (size_t)rows * (size_t)pfs_type_width(type));

    if (values == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++)
        if (cell[i].present)
            put_fixed(type, &cell[i], i, values);
    out->values = values;
    return 0;
}

/* Nested values are moved, never computed: gathered from where they are; nulls from a batch of one null. */
static int build_nested(const struct pfs_type *type, const struct pfs_cell *cell, int64_t rows,
                        const struct pfs_batch *const *source, int32_t sources, int32_t index, struct pfs_arena *arena,
                        struct pfs_column *out, struct pfs_err *err)
{
    const struct pfs_batch **all = pfs_arena_array(arena, (size_t)sources + 1, sizeof(*all));
    struct pfs_range *range = pfs_arena_array(arena, (size_t)rows, sizeof(*range));
    struct pfs_column *nulls = pfs_arena_array(arena, (size_t)index + 1, sizeof(*nulls));
    struct pfs_batch *none = pfs_arena_zalloc(arena, sizeof(*none));

    if (all == NULL || range == NULL || nulls == NULL || none == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_column_nulls(type, 1, arena, &nulls[index], err));
    *none = (struct pfs_batch){1, index + 1, nulls};
    for (int32_t i = 0; i < sources; i++)
        all[i] = source[i];
    all[sources] = none;
    for (int64_t i = 0; i < rows; i++)
        range[i] = cell[i].present ? (struct pfs_range){cell[i].v.at.source, cell[i].v.at.row, 1}
                                   : (struct pfs_range){sources, 0, 1};
    return pfs_column_gather(all, index, range, rows, rows, arena, out, err);
}

int pfs_cells_build(const struct pfs_type *type, const struct pfs_cell *cell, int64_t rows,
                    const struct pfs_batch *const *source, int32_t sources, int32_t index, struct pfs_arena *arena,
                    struct pfs_column *out, struct pfs_err *err)
{
    uint8_t *valid = NULL;

    *out = (struct pfs_column){.type = type};
    if (pfs_kind_is_nested(type->kind))
        return build_nested(type, cell, rows, source, sources, index, arena, out, err);
    for (int64_t i = 0; i < rows && valid == NULL; i++)
        if (!cell[i].present) {
            valid = pfs_arena_zalloc(arena, (size_t)(rows + 7) / 8 + 8);
            if (valid == NULL)
                return pfs_arena_full(arena, err);
        }
    for (int64_t i = 0; valid != NULL && i < rows; i++)
        valid[i >> 3] |= (uint8_t)((unsigned)cell[i].present << (i & 7));
    out->valid = valid;
    return pfs_kind_is_bytes(type->kind) ? build_bytes(cell, rows, arena, out, err)
                                         : build_fixed(type, cell, rows, arena, out, err);
}
