/* compare.c - one column compared with one literal: a kernel a width of value, each a loop an operator.
 *
 * FLOAT and DOUBLE compare as numbers do: 0.0 is -0.0, and a NaN has no order. It is a value of its own, though: equal
 * to the literal NaN and to no other.
 */
#include <assert.h>
#include <math.h>

#include "src/condition/node.h"

typedef void kernel_fn(const struct pfs_column *column, int64_t rows, enum pfs_compare how, const void *literal,
                       uint8_t *mask);

/* The operator is chosen outside the loop, so that each loop is one comparison that the compiler makes wide. */
#define EACH(expression)                 \
    for (int64_t i = 0; i < rows; i++)   \
        mask[i] = (uint8_t)(expression); \
    break

#define KERNEL(name, type)                                                                          \
    static void compare_##name(const struct pfs_column *column, int64_t rows, enum pfs_compare how, \
                               const void *literal, uint8_t *mask)                                  \
    {                                                                                               \
        const type *v = column->values, x = *(const type *)literal;                                 \
                                                                                                    \
        switch (how) {                                                                              \
        case PFS_EQ:                                                                                \
            EACH(v[i] == x);                                                                        \
        case PFS_NE:                                                                                \
            EACH(v[i] != x);                                                                        \
        case PFS_LT:                                                                                \
            EACH(v[i] < x);                                                                         \
        case PFS_LE:                                                                                \
            EACH(v[i] <= x);                                                                        \
        case PFS_GT:                                                                                \
            EACH(v[i] > x);                                                                         \
        case PFS_GE:                                                                                \
            EACH(v[i] >= x);                                                                        \
        case PFS_IS_NULL:                                                                           \
        case PFS_IS_NOT_NULL:                                                                       \
            break;                                                                                  \
        }                                                                                           \
    }

KERNEL(i8, int8_t)
KERNEL(i16, int16_t)
KERNEL(i32, int32_t)
KERNEL(i64, int64_t)
KERNEL(i128, pfs_i128)
KERNEL(f32, float)
KERNEL(f64, double)

/* The order of two values as the operators ask for it. */
#define ORDER_KERNEL(name, order)                                                                   \
    static void compare_##name(const struct pfs_column *column, int64_t rows, enum pfs_compare how, \
                               const void *literal, uint8_t *mask)                                  \
    {                                                                                               \
        switch (how) {                                                                              \
        case PFS_EQ:                                                                                \
            EACH(order(column, i, literal) == 0);                                                   \
        case PFS_NE:                                                                                \
            EACH(order(column, i, literal) != 0);                                                   \
        case PFS_LT:                                                                                \
            EACH(order(column, i, literal) < 0);                                                    \
        case PFS_LE:                                                                                \
            EACH(order(column, i, literal) <= 0);                                                   \
        case PFS_GT:                                                                                \
            EACH(order(column, i, literal) > 0);                                                    \
        case PFS_GE:                                                                                \
            EACH(order(column, i, literal) >= 0);                                                   \
        case PFS_IS_NULL:                                                                           \
        case PFS_IS_NOT_NULL:                                                                       \
            break;                                                                                  \
        }                                                                                           \
    }

static int order_time(const struct pfs_column *column, int64_t row, const void *literal)
{
    const struct pfs_time96 *a = (const struct pfs_time96 *)column->values + row, *b = literal;

    if (a->millis != b->millis)
        return a->millis < b->millis ? -1 : 1;
    return (a->nanos > b->nanos) - (a->nanos < b->nanos);
}

static int order_bytes(const struct pfs_column *column, int64_t row, const void *literal)
{
    return pfs_slice_compare(pfs_column_bytes(column, row), *(const struct pfs_slice *)literal);
}

ORDER_KERNEL(time96, order_time)
ORDER_KERNEL(bytes, order_bytes)

static kernel_fn *const kernels[PFS_KIND_COUNT] = {
    [PFS_BOOLEAN] = compare_i8,    [PFS_TINYINT] = compare_i8,        [PFS_SMALLINT] = compare_i16,
    [PFS_INT] = compare_i32,       [PFS_BIGINT] = compare_i64,        [PFS_FLOAT] = compare_f32,
    [PFS_DOUBLE] = compare_f64,    [PFS_DECIMAL] = compare_i64,       [PFS_CHAR] = compare_bytes,
    [PFS_VARCHAR] = compare_bytes, [PFS_BINARY] = compare_bytes,      [PFS_VARBINARY] = compare_bytes,
    [PFS_DATE] = compare_i32,      [PFS_TIME] = compare_i32,          [PFS_TIMESTAMP] = compare_i64,
    [PFS_BLOB] = compare_bytes,    [PFS_TIMESTAMP_LTZ] = compare_i64,
};

/* NULL: values of the type have no order that conditions know. */
static kernel_fn *kernel_of(const struct pfs_type *type)
{
    assert(type->kind < PFS_KIND_COUNT);
    if (pfs_type_width(type) == 16)
        return type->kind == PFS_DECIMAL ? compare_i128 : compare_time96;
    return kernels[type->kind];
}

bool pfs_can_compare(const struct pfs_type *type)
{
    return kernel_of(type) != NULL;
}

bool pfs_is_nan(const struct pfs_column *column)
{
    if (column->type->kind == PFS_FLOAT)
        return isnan(*(const float *)column->values);
    return column->type->kind == PFS_DOUBLE && isnan(*(const double *)column->values);
}

/* Rows that are (not) NaN; no literal equals itself then, which is what x == x tells. */
static void compare_nan(const struct pfs_column *column, int64_t rows, bool nan, uint8_t *mask)
{
    assert(column->type->kind == PFS_FLOAT || column->type->kind == PFS_DOUBLE);
    if (column->type->kind == PFS_FLOAT)
        for (int64_t i = 0; i < rows; i++)
            mask[i] = (uint8_t)((isnan(((const float *)column->values)[i]) != 0) == nan);
    else
        for (int64_t i = 0; i < rows; i++)
            mask[i] = (uint8_t)((isnan(((const double *)column->values)[i]) != 0) == nan);
}

void pfs_mask_nulls(const struct pfs_column *column, int64_t rows, uint8_t *mask)
{
    const uint8_t *valid = column->valid;

    if (valid != NULL)
        for (int64_t i = 0; i < rows; i++)
            mask[i] = (uint8_t)(mask[i] & valid[i >> 3] >> (i & 7) & 1);
}

/* Kernels look at null rows too, whose values are garbage but there: a loop without a branch is worth more than what
 * it saves. Nulls are taken out of the mask at the end. */
void pfs_compare_rows(const struct pfs_column *column, int64_t rows, enum pfs_compare how,
                      const struct pfs_column *literal, uint8_t *mask)
{
    if (how == PFS_IS_NULL || how == PFS_IS_NOT_NULL) {
        memset(mask, 1, (size_t)rows);
    } else if (pfs_is_nan(literal)) {
        memset(mask, 0, (size_t)rows);
        if (how == PFS_EQ || how == PFS_NE)
            compare_nan(column, rows, how == PFS_EQ, mask);
    } else {
        struct pfs_slice bytes = {NULL, 0};

        /* The literal was parsed by the column's type (texts: as STRING), and the column read with it. */
        assert(pfs_can_compare(column->type));
        assert(pfs_kind_is_bytes(column->type->kind) == pfs_kind_is_bytes(literal->type->kind));
        assert(pfs_type_width(column->type) == pfs_type_width(literal->type));
        if (column->offsets != NULL)
            bytes = pfs_column_bytes(literal, 0);
        kernel_of(column->type)(column, rows, how, column->offsets != NULL ? &bytes : literal->values, mask);
    }
    pfs_mask_nulls(column, rows, mask);
    if (how == PFS_IS_NULL)
        for (int64_t i = 0; i < rows; i++)
            mask[i] ^= 1;
}
