/* value_number.c - cells to booleans, integers, floating point and decimals.
 *
 * Most numbers are short and plain: those are read in a loop that cannot overflow; whatever looks different is left to
 * the general parsers of base, which also say what is wrong. */
#include <assert.h>

#include "base/decimal.h"
#include "base/number.h"
#include "format/text/parse.h"

static bool is_word(const struct pfs_cell *cell, const char *lower)
{
    size_t len = strlen(lower);

    if (cell->len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((cell->at[i] >= 'A' && cell->at[i] <= 'Z' ? cell->at[i] | 0x20 : cell->at[i]) != (uint8_t)lower[i])
            return false;
    return true;
}

/* true, t, 1 and false, f, 0 in any case, as other programs write them. */
int pfs_cells_boolean(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct pfs_column *out)
{
    uint8_t *v = pfs_arena_alloc(c->arena, (size_t)rows);

    if (v == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++) {
        const struct pfs_cell *cell = &cells[i];

        v[i] = is_word(cell, "true") || is_word(cell, "t") || is_word(cell, "1");
        if (v[i] == 0 && cell->form != PFS_CELL_NULL && !is_word(cell, "false") && !is_word(cell, "f") &&
            !is_word(cell, "0"))
            return pfs_cell_refuse_code(c, type, cells, i, -EINVAL);
    }
    out->values = v;
    return 0;
}

/* ---- integers ---- */

/* [-]digits, few enough that nothing can overflow; false leaves the cell to the general parser. */
static inline bool short_integer(const struct pfs_cell *cell, int64_t *out)
{
    const uint8_t *at = cell->at, *end = at + cell->len;
    bool negative = at < end && *at == '-';
    int64_t v = 0;

    at += negative;
    if (at == end || end - at > 18)
        return false;
    for (; at < end; at++) {
        unsigned digit = (unsigned)*at - '0';

        if (digit > 9)
            return false;
        v = v * 10 + digit;
    }
    *out = negative ? -v : v;
    return true;
}

#define INTEGERS(name, ctype, least, most)                                                                 \
    int pfs_cells_##name(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, \
                         int32_t rows, struct pfs_column *out)                                             \
    {                                                                                                      \
        ctype *v = pfs_arena_alloc(c->arena, (size_t)rows * sizeof(*v));                                   \
                                                                                                           \
        if (v == NULL)                                                                                     \
            return pfs_arena_full(c->arena, c->err);                                                       \
        for (int32_t i = 0; i < rows; i++) {                                                               \
            int64_t wide = 0;                                                                              \
                                                                                                           \
            if (cells[i].form != PFS_CELL_NULL && !short_integer(&cells[i], &wide)) {                      \
                int rc = pfs_i64_parse(pfs_cell_text(&cells[i]), &wide);                                   \
                                                                                                           \
                if (rc < 0)                                                                                \
                    return pfs_cell_refuse_code(c, type, cells, i, rc);                                    \
            }                                                                                              \
            if (wide < (least) || wide > (most))                                                           \
                return pfs_cell_refuse_code(c, type, cells, i, -ERANGE);                                   \
            v[i] = (ctype)wide;                                                                            \
        }                                                                                                  \
        out->values = v;                                                                                   \
        return 0;                                                                                          \
    }

INTEGERS(tinyint, int8_t, INT8_MIN, INT8_MAX)
INTEGERS(smallint, int16_t, INT16_MIN, INT16_MAX)
INTEGERS(int, int32_t, INT32_MIN, INT32_MAX)
INTEGERS(bigint, int64_t, INT64_MIN, INT64_MAX)

/* ---- floating point ---- */

#define FLOATS(name, ctype, parse)                                                                         \
    int pfs_cells_##name(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, \
                         int32_t rows, struct pfs_column *out)                                             \
    {                                                                                                      \
        ctype *v = pfs_arena_alloc(c->arena, (size_t)rows * sizeof(*v));                                   \
                                                                                                           \
        if (v == NULL)                                                                                     \
            return pfs_arena_full(c->arena, c->err);                                                       \
        for (int32_t i = 0; i < rows; i++) {                                                               \
            int rc;                                                                                        \
                                                                                                           \
            v[i] = 0;                                                                                      \
            if (cells[i].form == PFS_CELL_NULL)                                                            \
                continue;                                                                                  \
            rc = parse(pfs_cell_text(&cells[i]), &v[i]);                                                   \
            if (rc < 0)                                                                                    \
                return pfs_cell_refuse_code(c, type, cells, i, rc);                                        \
        }                                                                                                  \
        out->values = v;                                                                                   \
        return 0;                                                                                          \
    }

FLOATS(float, float, pfs_f32_parse)
FLOATS(double, double, pfs_f64_parse)

/* ---- decimals ---- */

/* [-]digits[.digits], at most 18 digits and `scale` decimals, as an unscaled number; false: the general parser. */
static inline bool short_decimal(const struct pfs_cell *cell, int32_t scale, int64_t *out)
{
    const uint8_t *at = cell->at, *end = at + cell->len, *point = NULL;
    bool negative = at < end && *at == '-';
    uint64_t digits = 0;
    int64_t v, decimals;

    at += negative;
    if (at == end || end - at > 19)
        return false;
    for (; at < end; at++) {
        unsigned digit = (unsigned)*at - '0';

        if (digit <= 9)
            digits = digits * 10 + digit;
        else if (*at == '.' && point == NULL)
            point = at;
        else
            return false;
    }
    decimals = point == NULL ? 0 : end - point - 1;
    if ((point == NULL && cell->len > 18) || (point != NULL && decimals == 0) || decimals > scale ||
        cell->len - (uint32_t)negative == (uint32_t)decimals + 1)
        return false;
    if (__builtin_mul_overflow((int64_t)digits, (int64_t)pfs_decimal_power((int)(scale - decimals)), &v))
        return false;
    *out = negative ? -v : v;
    return true;
}

/* Up to 18 digits fit 64 bits, and so does what is compared with their bound. */
static int compact_decimals(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells,
                            int32_t rows, struct pfs_column *out)
{
    int64_t *v = pfs_arena_alloc(c->arena, (size_t)rows * sizeof(*v));
    int64_t bound = (int64_t)pfs_decimal_power(type->precision);

    assert(type->precision >= 1 && type->precision <= 18);
    assert(type->scale >= 0 && type->scale <= type->precision);
    if (v == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++) {
        v[i] = 0;
        if (cells[i].form != PFS_CELL_NULL && !short_decimal(&cells[i], type->scale, &v[i])) {
            pfs_i128 wide;
            int rc = pfs_decimal_parse(pfs_cell_text(&cells[i]), type->precision, type->scale, true, &wide);

            if (rc < 0)
                return pfs_cell_refuse_code(c, type, cells, i, rc);
            v[i] = (int64_t)wide;
        }
        if (v[i] <= -bound || v[i] >= bound)
            return pfs_cell_refuse_code(c, type, cells, i, -ERANGE);
    }
    out->values = v;
    return 0;
}

int pfs_cells_decimal(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_cell *cells, int32_t rows,
                      struct pfs_column *out)
{
    pfs_i128 *v;

    if (type->precision <= 18)
        return compact_decimals(c, type, cells, rows, out);
    v = pfs_arena_alloc(c->arena, (size_t)rows * sizeof(*v));
    if (v == NULL)
        return pfs_arena_full(c->arena, c->err);
    for (int32_t i = 0; i < rows; i++) {
        int rc;

        v[i] = 0;
        if (cells[i].form == PFS_CELL_NULL)
            continue;
        rc = pfs_decimal_parse(pfs_cell_text(&cells[i]), type->precision, type->scale, true, &v[i]);
        if (rc < 0)
            return pfs_cell_refuse_code(c, type, cells, i, rc);
    }
    out->values = v;
    return 0;
}
