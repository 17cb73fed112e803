/* cast_number.c - booleans, integers and floating point into each other: a loop for each pair.
 *
 * Integers keep their low bits. What is floating goes toward zero, NaN is 0, and what is too large saturates at INT or
 * BIGINT; the smaller integers take the low bits of that INT. */
#include "src/file/cast_kernel.h"

#include <assert.h>

/* C leaves out-of-range conversions of floating values undefined, Java does not. */
static int32_t to_int(double v)
{
    if (v >= 2147483648.0)
        return INT32_MAX;
    if (v <= -2147483648.0)
        return INT32_MIN;
    return v == v ? (int32_t)v : 0;
}

static int64_t to_bigint(double v)
{
    if (v >= 9223372036854775808.0)
        return INT64_MAX;
    if (v <= -9223372036854775808.0)
        return INT64_MIN;
    return v == v ? (int64_t)v : 0;
}

#define KERNEL(name, from_type, to_type, expression) \
    static int name(struct pfs_cast_job *job)        \
    {                                                \
        const from_type *in = job->in->values;       \
        to_type *out = job->values;                  \
                                                     \
        for (int64_t i = 0; i < job->rows; i++) {    \
            from_type v = in[i];                     \
                                                     \
            out[i] = (to_type)(expression);          \
        }                                            \
        return 0;                                    \
    }

/* What is made of each integer type. */
#define INTEGER(from, from_type)                       \
    KERNEL(from##_boolean, from_type, uint8_t, v != 0) \
    KERNEL(from##_tinyint, from_type, int8_t, v)       \
    KERNEL(from##_smallint, from_type, int16_t, v)     \
    KERNEL(from##_int, from_type, int32_t, v)          \
    KERNEL(from##_bigint, from_type, int64_t, v)       \
    KERNEL(from##_float, from_type, float, v)          \
    KERNEL(from##_double, from_type, double, v)

#define FLOATING(from, from_type)                                   \
    KERNEL(from##_tinyint, from_type, int8_t, to_int((double)v))    \
    KERNEL(from##_smallint, from_type, int16_t, to_int((double)v))  \
    KERNEL(from##_int, from_type, int32_t, to_int((double)v))       \
    KERNEL(from##_bigint, from_type, int64_t, to_bigint((double)v)) \
    KERNEL(from##_float, from_type, float, v)                       \
    KERNEL(from##_double, from_type, double, v)

INTEGER(boolean, uint8_t)
INTEGER(tinyint, int8_t)
INTEGER(smallint, int16_t)
INTEGER(int, int32_t)
INTEGER(bigint, int64_t)
FLOATING(float, float)
FLOATING(double, double)

/* A floating value has no truth, to Paimon: there is no cast of one to BOOLEAN. */
#define ROW(from)                                                                                 \
    {                                                                                             \
        [PFS_TINYINT] = from##_tinyint, [PFS_SMALLINT] = from##_smallint, [PFS_INT] = from##_int, \
        [PFS_BIGINT] = from##_bigint, [PFS_FLOAT] = from##_float, [PFS_DOUBLE] = from##_double    \
    }
#define ROW_BOOLEAN(from)                                                                                              \
    {                                                                                                                  \
        [PFS_BOOLEAN] = from##_boolean, [PFS_TINYINT] = from##_tinyint, [PFS_SMALLINT] = from##_smallint,              \
        [PFS_INT] = from##_int, [PFS_BIGINT] = from##_bigint, [PFS_FLOAT] = from##_float, [PFS_DOUBLE] = from##_double \
    }

static pfs_cast_kernel *const kernels[PFS_DOUBLE + 1][PFS_DOUBLE + 1] = {
    [PFS_BOOLEAN] = ROW_BOOLEAN(boolean), [PFS_TINYINT] = ROW_BOOLEAN(tinyint), [PFS_SMALLINT] = ROW_BOOLEAN(smallint),
    [PFS_INT] = ROW_BOOLEAN(int),         [PFS_BIGINT] = ROW_BOOLEAN(bigint),   [PFS_FLOAT] = ROW(float),
    [PFS_DOUBLE] = ROW(double),
};

pfs_cast_kernel *pfs_cast_number_kernel(enum pfs_kind from, enum pfs_kind to)
{
    assert(from < PFS_KIND_COUNT && to < PFS_KIND_COUNT);
    return from <= PFS_DOUBLE && to <= PFS_DOUBLE ? kernels[from][to] : NULL;
}
