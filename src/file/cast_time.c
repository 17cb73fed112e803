/* cast_time.c - DATE, TIME and the timestamps into each other, and to and from seconds.
 *
 * This program's zone is UTC, so that the wall clock of a TIMESTAMP_LTZ is the instant itself. What Paimon 1.4.2 does
 * before 1970 is kept: a TIMESTAMP goes toward zero where one with a zone goes down. */
#include "src/file/cast_kernel.h"

#include <assert.h>

#define DAY_MS 86400000

/* Of 10 to the power of `places`, 0..9. */
static int64_t power(int places)
{
    int64_t p = 1;

    assert(places >= 0 && places <= 9);
    while (places-- > 0)
        p *= 10;
    return p;
}

/* Toward minus infinity. */
static int64_t floor_div(int64_t v, int64_t by)
{
    return v / by - (v % by < 0);
}

/* What is left then: never below zero. Not v - floor_div(v, by) * by, whose product passes 64 bits at the very end. */
static int64_t floor_mod(int64_t v, int64_t by)
{
    int64_t rest = v % by;

    assert(by > 0);
    return rest < 0 ? rest + by : rest;
}

/* Products of what a file claims may pass 64 bits: they wrap, as Java's do. */
static int64_t times(int64_t v, int64_t by)
{
    return (int64_t)((uint64_t)v * (uint64_t)by);
}

struct pfs_time96 pfs_cast_moment_at(const struct pfs_column *c, int64_t row)
{
    int64_t v, millis;

    assert(c->type->kind == PFS_TIMESTAMP || c->type->kind == PFS_TIMESTAMP_LTZ);
    if (c->type->precision > 6)
        return ((const struct pfs_time96 *)c->values)[row];
    v = ((const int64_t *)c->values)[row];
    if (c->type->precision <= 3)
        return (struct pfs_time96){v, 0, 0};
    millis = floor_div(v, 1000);
    return (struct pfs_time96){millis, (int32_t)floor_mod(v, 1000) * 1000, 0};
}

void pfs_cast_moment_put(struct pfs_cast_job *job, int64_t row, struct pfs_time96 value)
{
    int p = job->to->precision;

    assert(p >= 0 && p <= 9);
    if (p > 6)
        ((struct pfs_time96 *)job->values)[row] =
            (struct pfs_time96){value.millis, value.nanos - value.nanos % (int32_t)power(9 - p), 0};
    else if (p > 3)
        ((int64_t *)job->values)[row] =
            (int64_t)((uint64_t)times(value.millis, 1000) +
                      (uint64_t)((value.nanos - value.nanos % (int32_t)power(9 - p)) / 1000));
    else
        ((int64_t *)job->values)[row] = value.millis;
}

/* The same for both kinds: there is one zone here. Digits that go are cut toward zero above milliseconds and downward
 * below them, which Paimon keeps apart as well. */
static int timestamp_timestamp(struct pfs_cast_job *job)
{
    int p = job->to->precision;
    int64_t unit = p < 3 && p < job->in->type->precision ? power(3 - p) : 1;

    for (int64_t i = 0; i < job->rows; i++) {
        struct pfs_time96 v = pfs_cast_moment_at(job->in, i);

        v.millis -= v.millis % unit;
        pfs_cast_moment_put(job, i, v);
    }
    return 0;
}

/* Of a TIMESTAMP toward zero: the last hours of 1969 are of 1970-01-01 to Paimon, and their time is below zero. */
static int timestamp_date(struct pfs_cast_job *job)
{
    int32_t *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = (int32_t)(pfs_cast_moment_at(job->in, i).millis / DAY_MS);
    return 0;
}

static int timestamp_time(struct pfs_cast_job *job)
{
    int32_t *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = (int32_t)(pfs_cast_moment_at(job->in, i).millis % DAY_MS);
    return 0;
}

static int ltz_date(struct pfs_cast_job *job)
{
    int32_t *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = (int32_t)floor_div(pfs_cast_moment_at(job->in, i).millis, DAY_MS);
    return 0;
}

static int ltz_time(struct pfs_cast_job *job)
{
    int32_t *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = (int32_t)floor_mod(pfs_cast_moment_at(job->in, i).millis, DAY_MS);
    return 0;
}

static int timestamp_int(struct pfs_cast_job *job)
{
    int32_t *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = (int32_t)(pfs_cast_moment_at(job->in, i).millis / 1000);
    return 0;
}

static int timestamp_bigint(struct pfs_cast_job *job)
{
    int64_t *out = job->values;

    for (int64_t i = 0; i < job->rows; i++)
        out[i] = pfs_cast_moment_at(job->in, i).millis / 1000;
    return 0;
}

/* Units of the source that are `unit` milliseconds each. */
#define TO_TIMESTAMP(name, type, unit)                                                  \
    static int name(struct pfs_cast_job *job)                                           \
    {                                                                                   \
        const type *in = job->in->values;                                               \
                                                                                        \
        for (int64_t i = 0; i < job->rows; i++)                                         \
            pfs_cast_moment_put(job, i, (struct pfs_time96){times(in[i], unit), 0, 0}); \
        return 0;                                                                       \
    }

TO_TIMESTAMP(date_timestamp, int32_t, DAY_MS)
TO_TIMESTAMP(time_timestamp, int32_t, 1)
TO_TIMESTAMP(int_timestamp, int32_t, 1000)
TO_TIMESTAMP(bigint_timestamp, int64_t, 1000)

/* What is not here has no cast: a DATE and a TIME of each other, numbers smaller than INT. */
static const struct {
    enum pfs_kind from, to;
    pfs_cast_kernel *kernel;
} kernels[] = {
    {PFS_TIMESTAMP, PFS_TIMESTAMP, timestamp_timestamp},
    {PFS_TIMESTAMP, PFS_TIMESTAMP_LTZ, timestamp_timestamp},
    {PFS_TIMESTAMP_LTZ, PFS_TIMESTAMP, timestamp_timestamp},
    {PFS_TIMESTAMP_LTZ, PFS_TIMESTAMP_LTZ, timestamp_timestamp},
    {PFS_TIMESTAMP, PFS_DATE, timestamp_date},
    {PFS_TIMESTAMP, PFS_TIME, timestamp_time},
    {PFS_TIMESTAMP, PFS_INT, timestamp_int},
    {PFS_TIMESTAMP, PFS_BIGINT, timestamp_bigint},
    {PFS_TIMESTAMP_LTZ, PFS_DATE, ltz_date},
    {PFS_TIMESTAMP_LTZ, PFS_TIME, ltz_time},
    {PFS_TIMESTAMP_LTZ, PFS_INT, timestamp_int},
    {PFS_TIMESTAMP_LTZ, PFS_BIGINT, timestamp_bigint},
    {PFS_DATE, PFS_TIMESTAMP, date_timestamp},
    {PFS_DATE, PFS_TIMESTAMP_LTZ, date_timestamp},
    {PFS_TIME, PFS_TIMESTAMP, time_timestamp},
    {PFS_TIME, PFS_TIMESTAMP_LTZ, time_timestamp},
    {PFS_INT, PFS_TIMESTAMP, int_timestamp},
    {PFS_INT, PFS_TIMESTAMP_LTZ, int_timestamp},
    {PFS_BIGINT, PFS_TIMESTAMP, bigint_timestamp},
    {PFS_BIGINT, PFS_TIMESTAMP_LTZ, bigint_timestamp},
};

pfs_cast_kernel *pfs_cast_time_kernel(enum pfs_kind from, enum pfs_kind to)
{
    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
        if (kernels[i].from == from && kernels[i].to == to)
            return kernels[i].kernel;
    return NULL;
}
