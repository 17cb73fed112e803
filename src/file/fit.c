/* fit.c - values that outgrew their column are found by a look at all of them, slots of nulls too: a bit for each row
 * is made only where there is one. */
#include "src/file/fit.h"

#include <assert.h>
#include <string.h>

#include "base/decimal.h"

static pfs_i128 decimal_at(const struct pfs_column *column, int64_t row)
{
    return pfs_type_width(column->type) == 16 ? ((const pfs_i128 *)column->values)[row]
                                              : ((const int64_t *)column->values)[row];
}

/* Has some value more digits than its column? Slots of nulls are looked at too. */
static bool outgrown(const struct pfs_column *column, int64_t rows)
{
    pfs_i128 end = pfs_decimal_power(column->type->precision);
    bool some = false;

    assert(column->type->kind == PFS_DECIMAL);
    if (pfs_type_width(column->type) == 16) {
        const pfs_i128 *value = column->values;

        for (int64_t i = 0; i < rows; i++)
            some |= value[i] >= end || value[i] <= -end;
    } else {
        const int64_t *value = column->values, narrow = (int64_t)end;

        for (int64_t i = 0; i < rows; i++)
            some |= value[i] >= narrow || value[i] <= -narrow;
    }
    return some;
}

int pfs_fit_decimals(struct pfs_column *column, int64_t rows, struct pfs_arena *arena, struct pfs_err *err)
{
    size_t bytes = ((size_t)rows + 7) / 8;
    uint8_t *valid;

    if (!outgrown(column, rows))
        return 0;
    valid = pfs_arena_array(arena, bytes, 1);
    if (valid == NULL)
        return pfs_arena_full(arena, err);
    if (column->valid != NULL)
        memcpy(valid, column->valid, bytes);
    else
        memset(valid, 0xff, bytes);
    for (int64_t i = 0; i < rows; i++)
        if (!pfs_decimal_fits(decimal_at(column, i), column->type->precision))
            valid[i >> 3] &= (uint8_t) ~(1u << (i & 7));
    column->valid = valid;
    return 0;
}
