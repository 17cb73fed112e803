/* cast_decimal.c - into DECIMAL and out of it: one loop for each kind on the other side.
 *
 * Toward a DECIMAL values are rounded HALF_UP to its scale and NULL when they need more digits than it has. A floating
 * value counts as its shortest decimal text. Out of one, integers take the low bits of what is before the point. */
#include <assert.h>
#include <math.h>

#include "base/number.h"
#include "src/file/cast_kernel.h"

int pfs_cast_decimal_put(struct pfs_cast_job *job, int64_t row, pfs_i128 value)
{
    assert(job->to->kind == PFS_DECIMAL);
    assert(row >= 0 && row < job->rows);
    if (!pfs_decimal_fits(value, job->to->precision)) {
        PFS_TRY(pfs_cast_null(job, row));
        value = 0;
    }
    if (job->to->precision > 18)
        ((pfs_i128 *)job->values)[row] = value;
    else
        ((int64_t *)job->values)[row] = (int64_t)value;
    return 0;
}

/* A value that passes 128 bits on the way is one of too many digits, as any other. */
static int put_rescaled(struct pfs_cast_job *job, int64_t row, pfs_i128 value, int scale)
{
    pfs_i128 v;

    if (!pfs_decimal_rescale(value, scale, job->to->scale, &v))
        v = pfs_decimal_power(PFS_DECIMAL_DIGITS); /* fits nowhere */
    return pfs_cast_decimal_put(job, row, v);
}

#define OF_INTEGER(name, int_type)                                                        \
    static int name(struct pfs_cast_job *job)                                             \
    {                                                                                     \
        const int_type *in = job->in->values;                                             \
                                                                                          \
        for (int64_t i = 0; i < job->rows; i++)                                           \
            PFS_TRY(put_rescaled(job, i, pfs_column_present(job->in, i) ? in[i] : 0, 0)); \
        return 0;                                                                         \
    }

OF_INTEGER(of_boolean, uint8_t)
OF_INTEGER(of_tinyint, int8_t)
OF_INTEGER(of_smallint, int16_t)
OF_INTEGER(of_int, int32_t)
OF_INTEGER(of_bigint, int64_t)

/* By way of its text, which is how Java's BigDecimal.valueOf takes a double: 0.1 is 0.1, not the binary number that
 * lies nearest to it. */
static int put_double(struct pfs_cast_job *job, int64_t row, double v)
{
    char text[PFS_NUMBER_TEXT];
    struct pfs_slice slice = {(const uint8_t *)text, pfs_f64_print(v, text)};
    pfs_i128 value;
    int rc;

    if (!isfinite(v))
        return pfs_cast_refuse(job, slice);
    rc = pfs_decimal_parse(slice, job->to->precision, job->to->scale, false, &value);
    return pfs_cast_decimal_put(job, row, rc == 0 ? value : pfs_decimal_power(PFS_DECIMAL_DIGITS));
}

static int of_float(struct pfs_cast_job *job)
{
    const float *in = job->in->values;

    for (int64_t i = 0; i < job->rows; i++)
        PFS_TRY(put_double(job, i, pfs_column_present(job->in, i) ? (double)in[i] : 0));
    return 0;
}

static int of_double(struct pfs_cast_job *job)
{
    const double *in = job->in->values;

    for (int64_t i = 0; i < job->rows; i++)
        PFS_TRY(put_double(job, i, pfs_column_present(job->in, i) ? in[i] : 0));
    return 0;
}

static int of_decimal(struct pfs_cast_job *job)
{
    for (int64_t i = 0; i < job->rows; i++) {
        pfs_i128 v = pfs_column_present(job->in, i) ? pfs_cast_decimal_at(job->in, i) : 0;

        PFS_TRY(put_rescaled(job, i, v, job->in->type->scale));
    }
    return 0;
}

/* ---- out of DECIMAL ---- */

/* Garbage of null rows is divided along: it can neither overflow nor be refused. */
#define TO_INTEGER(name, int_type)                                        \
    static int name(struct pfs_cast_job *job)                             \
    {                                                                     \
        pfs_i128 whole = pfs_decimal_power(job->in->type->scale);         \
        int_type *out = job->values;                                      \
                                                                          \
        for (int64_t i = 0; i < job->rows; i++)                           \
            out[i] = (int_type)(pfs_cast_decimal_at(job->in, i) / whole); \
        return 0;                                                         \
    }

TO_INTEGER(to_tinyint, int8_t)
TO_INTEGER(to_smallint, int16_t)
TO_INTEGER(to_int, int32_t)
TO_INTEGER(to_bigint, int64_t)

/* As Paimon does it: what 64 bits hold is divided as DOUBLEs, so beyond 2^53 it is rounded twice; of wider ones the
 * text decides. */
static double real_of(pfs_i128 v, const struct pfs_type *type)
{
    int scale = type->scale;
    char text[PFS_DECIMAL_TEXT];
    double out = 0;

    assert(scale >= 0);
    if (type->precision <= 18)
        return (double)v / (double)pfs_decimal_power(scale);
    (void)pfs_f64_parse(pfs_slice_of(text, pfs_decimal_print(v, scale, text)), &out);
    return out;
}

static int to_double(struct pfs_cast_job *job)
{
    double *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = pfs_column_present(job->in, i) ? real_of(pfs_cast_decimal_at(job->in, i), job->in->type) : 0;
    return 0;
}

static int to_float(struct pfs_cast_job *job)
{
    float *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = pfs_column_present(job->in, i) ? (float)real_of(pfs_cast_decimal_at(job->in, i), job->in->type) : 0;
    return 0;
}

static pfs_cast_kernel *const of[PFS_KIND_COUNT] = {
    [PFS_BOOLEAN] = of_boolean, [PFS_TINYINT] = of_tinyint, [PFS_SMALLINT] = of_smallint, [PFS_INT] = of_int,
    [PFS_BIGINT] = of_bigint,   [PFS_FLOAT] = of_float,     [PFS_DOUBLE] = of_double,     [PFS_DECIMAL] = of_decimal,
};

static pfs_cast_kernel *const to[PFS_KIND_COUNT] = {
    [PFS_TINYINT] = to_tinyint, [PFS_SMALLINT] = to_smallint, [PFS_INT] = to_int,
    [PFS_BIGINT] = to_bigint,   [PFS_FLOAT] = to_float,       [PFS_DOUBLE] = to_double,
};

pfs_cast_kernel *pfs_cast_decimal_kernel(enum pfs_kind from, enum pfs_kind target)
{
    assert(from < PFS_KIND_COUNT && target < PFS_KIND_COUNT);
    if (target == PFS_DECIMAL)
        return of[from];
    return from == PFS_DECIMAL ? to[target] : NULL;
}
