/* cast_parse.c - text into booleans, numbers, decimals, days and times, by the rules of Paimon's own parsers, which are
 * not those of base/: a fraction of an integer is dropped, a month may have one digit. */
#include <assert.h>
#include <errno.h>

#include "base/datetime.h"
#include "base/number.h"
#include "src/file/cast_kernel.h"

#define DAY_MS 86400000

/* ---- pieces ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* As Java's: whatever is not above a blank. */
static struct pfs_slice trim(struct pfs_slice s)
{
    while (s.len > 0 && s.at[0] <= ' ')
        s = pfs_slice_of(s.at + 1, s.len - 1);
    while (s.len > 0 && s.at[s.len - 1] <= ' ')
        s.len--;
    return s;
}

/* What is before `mark`, and what is behind it: false when it is nowhere. */
static bool split(struct pfs_slice in, char mark, struct pfs_slice *before, struct pfs_slice *behind)
{
    const uint8_t *at = in.len > 0 ? memchr(in.at, mark, in.len) : NULL;

    *before = in;
    *behind = pfs_slice_of(NULL, 0);
    if (at == NULL)
        return false;
    before->len = (size_t)(at - in.at);
    *behind = pfs_slice_of(at + 1, in.len - before->len - 1);
    return true;
}

/* Digits alone, up to `most`, blanks around them allowed. */
static bool take_part(struct pfs_slice in, int32_t least, int32_t most, int32_t *out)
{
    int64_t v = 0;

    assert(least >= 0 && most >= least);
    in = trim(in);
    if (in.len == 0)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        if (!is_digit(in.at[i]) || v > most)
            return false;
        v = v * 10 + (in.at[i] - '0');
    }
    *out = (int32_t)v;
    return v >= least && v <= most;
}

/* Digits of a fraction of a second as `places` of them; more are cut off. */
static bool take_fraction(struct pfs_slice in, int places, int32_t *out)
{
    assert(places > 0 && places <= 9); /* 32 bits hold no more */
    *out = 0;
    for (size_t i = 0; i < in.len; i++) {
        if (!is_digit(in.at[i]))
            return false;
        if ((int)i < places)
            *out = *out * 10 + (in.at[i] - '0');
    }
    for (size_t i = in.len; (int)i < places; i++)
        *out *= 10;
    return in.len > 0;
}

/* A sign and digits: then a day, a time or a moment is meant as a number of its units. */
static bool is_integer(struct pfs_slice in)
{
    size_t i = in.len > 0 && (in.at[0] == '-' || in.at[0] == '+');

    if (i == in.len)
        return false;
    while (i < in.len && is_digit(in.at[i]))
        i++;
    return i == in.len;
}

/* ---- values: 0, -EINVAL ---- */

/* The words that Paimon takes, in any case. */
static int parse_boolean(struct pfs_slice in, uint8_t *out)
{
    static const char *const words[2][5] = {{"f", "false", "n", "no", "0"}, {"t", "true", "y", "yes", "1"}};

    for (int truth = 0; truth < 2; truth++)
        for (int i = 0; i < 5; i++) {
            size_t len = strlen(words[truth][i]), k = 0;

            while (k < len && in.len == len && (in.at[k] | 0x20) == (uint8_t)(words[truth][i][k] | 0x20))
                k++;
            if (k == len && in.len == len) {
                *out = (uint8_t)truth;
                return 0;
            }
        }
    return -EINVAL;
}

/* Sign, digits, and a fraction that is dropped; something besides the sign must be there. */
static int parse_integer(struct pfs_slice in, int64_t least, int64_t most, int64_t *out)
{
    bool negative = in.len > 0 && in.at[0] == '-';
    size_t i = in.len > 0 && (in.at[0] == '-' || in.at[0] == '+');
    uint64_t v = 0;

    assert(least < most);
    if (i == in.len)
        return -EINVAL;
    for (; i < in.len && in.at[i] != '.'; i++) {
        unsigned digit = in.at[i] - '0';

        if (!is_digit(in.at[i]) || v > (UINT64_MAX - digit) / 10)
            return -EINVAL;
        v = v * 10 + digit;
    }
    for (i++; i < in.len; i++)
        if (!is_digit(in.at[i]))
            return -EINVAL;
    if (v > (uint64_t)INT64_MAX + negative)
        return -EINVAL;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return *out < least || *out > most ? -EINVAL : 0;
}

/* Java's grammar within that of base/: names are spelled one way, and a letter may say the type. */
static bool is_real(struct pfs_slice *in)
{
    struct pfs_slice s = trim(*in);
    size_t sign = s.len > 0 && (s.at[0] == '-' || s.at[0] == '+');
    struct pfs_slice rest = {s.at + sign, s.len - sign};

    if (rest.len > 0 && memchr("fFdD", rest.at[rest.len - 1], 4) != NULL) {
        rest.len--;
        s.len--;
    } else if (pfs_slice_eq(rest, pfs_str("NaN")) || pfs_slice_eq(rest, pfs_str("Infinity"))) {
        *in = s;
        return true;
    }
    *in = s;
    return rest.len > 0 && (is_digit(rest.at[0]) || rest.at[0] == '.');
}

/* Beyond the range is infinite, as in Java. */
static int parse_double(struct pfs_slice in, double *out)
{
    int rc = is_real(&in) ? pfs_f64_parse(in, out) : -EINVAL;

    if (rc == -ERANGE)
        *out = in.at[0] == '-' ? -__builtin_inf() : __builtin_inf();
    return rc == -EINVAL ? rc : 0;
}

static int parse_float(struct pfs_slice in, float *out)
{
    int rc = is_real(&in) ? pfs_f32_parse(in, out) : -EINVAL;

    if (rc == -ERANGE)
        *out = in.at[0] == '-' ? -__builtin_inff() : __builtin_inff();
    return rc == -EINVAL ? rc : 0;
}

/* y-M[-d]; the year alone is refused by the callers, for whom digits are a number of days. */
static int parse_day(struct pfs_slice in, int64_t *days)
{
    struct pfs_slice year, month, day;
    int32_t y, m, d = 1;

    if (!split(in, '-', &year, &month) || !take_part(year, 0, 9999, &y))
        return -EINVAL;
    if (split(month, '-', &month, &day) && !take_part(day, 1, 31, &d))
        return -EINVAL;
    if (!take_part(month, 1, 12, &m))
        return -EINVAL;
    *days = pfs_days_from_civil(y, m, d);
    return pfs_civil_from_days(*days).day == d ? 0 : -EINVAL;
}

/* What stands behind a blank is not looked at, as Paimon does not. */
static int parse_date(struct pfs_slice in, int32_t *out)
{
    struct pfs_slice day, rest;
    int64_t v;

    if (is_integer(in)) {
        PFS_TRY(parse_integer(in, INT32_MIN, INT32_MAX, &v));
    } else {
        if (!split(in, ' ', &day, &rest) || day.len == 0)
            day = in;
        PFS_TRY(parse_day(day, &v));
    }
    *out = (int32_t)v;
    return 0;
}

/* H[:m[:s[.fff]]] as seconds and `places` digits of the fraction; `parts`: how many of H, m, s there are. */
static int parse_clock(struct pfs_slice in, int places, int *parts, int32_t *seconds, int32_t *fraction)
{
    struct pfs_slice hour, minute, second, rest;
    int32_t h, m = 0, s = 0;

    *parts = 1;
    *fraction = 0;
    if (split(in, ':', &hour, &rest)) {
        (*parts)++;
        if (split(rest, ':', &minute, &rest)) {
            (*parts)++;
            if (split(rest, '.', &second, &rest) && !take_fraction(rest, places, fraction))
                return -EINVAL;
            if (!take_part(second, 0, 59, &s))
                return -EINVAL;
        }
        if (!take_part(minute, 0, 59, &m))
            return -EINVAL;
    }
    if (!take_part(hour, 0, 23, &h))
        return -EINVAL;
    *seconds = (h * 60 + m) * 60 + s;
    assert(*seconds < 86400);
    return 0;
}

static int parse_time(struct pfs_slice in, int32_t *out)
{
    int32_t seconds, millis;
    int64_t number;
    int parts;

    if (is_integer(in)) {
        PFS_TRY(parse_integer(in, INT32_MIN, INT32_MAX, &number));
        *out = (int32_t)number;
        return 0;
    }
    PFS_TRY(parse_clock(in, 3, &parts, &seconds, &millis));
    *out = seconds * 1000 + millis;
    return 0;
}

/* y-M-d, or with H:m:s[.fraction] behind a blank. */
static int parse_moment(struct pfs_slice in, struct pfs_time96 *out)
{
    struct pfs_slice day, clock;
    int32_t seconds = 0, nanos = 0;
    int parts = 3;
    int64_t days;

    if (split(in, ' ', &day, &clock) && parse_clock(clock, 9, &parts, &seconds, &nanos) < 0)
        return -EINVAL;
    if (parts != 3 || parse_day(day, &days) < 0)
        return -EINVAL;
    *out = (struct pfs_time96){days * DAY_MS + seconds * 1000LL + nanos / 1000000, nanos % 1000000, 0};
    return 0;
}

/* A number counts seconds, milliseconds, microseconds or nanoseconds, as the precision is. */
static int parse_epoch(int64_t v, int precision, struct pfs_time96 *out)
{
    int64_t unit = precision == 9 ? 1000000 : precision == 6 ? 1000 : 1, millis = v / unit - (v % unit < 0);
    int64_t rest = v % unit + (v % unit < 0 ? unit : 0); /* v - millis * unit, whose product may pass 64 bits */

    assert(precision >= 0 && precision <= 9);
    if (precision % 3 != 0)
        return -EINVAL;
    *out = (struct pfs_time96){millis, (int32_t)rest * (int32_t)(1000000 / unit), 0};
    return precision == 0 && __builtin_mul_overflow(v, 1000, &out->millis) ? -EINVAL : 0;
}

/* ---- kernels ---- */

#define INTEGER(name, type, least, most)                                                                            \
    static int name(struct pfs_cast_job *job)                                                                       \
    {                                                                                                               \
        type *out = job->values;                                                                                    \
        int64_t v = 0;                                                                                              \
                                                                                                                    \
        for (int64_t i = 0; i < job->rows; i++) {                                                                   \
            if (pfs_column_present(job->in, i) && parse_integer(pfs_column_bytes(job->in, i), least, most, &v) < 0) \
                return pfs_cast_refuse(job, pfs_column_bytes(job->in, i));                                          \
            out[i] = (type)v;                                                                                       \
        }                                                                                                           \
        return 0;                                                                                                   \
    }

INTEGER(to_tinyint, int8_t, INT8_MIN, INT8_MAX)
INTEGER(to_smallint, int16_t, INT16_MIN, INT16_MAX)
INTEGER(to_int, int32_t, INT32_MIN, INT32_MAX)
INTEGER(to_bigint, int64_t, INT64_MIN, INT64_MAX)

#define PARSED(name, type, parse)                                                                   \
    static int name(struct pfs_cast_job *job)                                                       \
    {                                                                                               \
        type *out = job->values;                                                                    \
                                                                                                    \
        for (int64_t i = 0; i < job->rows; i++) {                                                   \
            out[i] = 0;                                                                             \
            if (pfs_column_present(job->in, i) && parse(pfs_column_bytes(job->in, i), &out[i]) < 0) \
                return pfs_cast_refuse(job, pfs_column_bytes(job->in, i));                          \
        }                                                                                           \
        return 0;                                                                                   \
    }

PARSED(to_boolean, uint8_t, parse_boolean)
PARSED(to_float, float, parse_float)
PARSED(to_double, double, parse_double)
PARSED(to_date, int32_t, parse_date)
PARSED(to_time, int32_t, parse_time)

/* Too many digits are NULL, as in a cast of numbers; what is no number is refused. */
static int to_decimal(struct pfs_cast_job *job)
{
    for (int64_t i = 0; i < job->rows; i++) {
        pfs_i128 v = 0;
        int rc = pfs_column_present(job->in, i)
                     ? pfs_decimal_parse(pfs_column_bytes(job->in, i), job->to->precision, job->to->scale, false, &v)
                     : 0;

        if (rc == -EINVAL)
            return pfs_cast_refuse(job, pfs_column_bytes(job->in, i));
        PFS_TRY(pfs_cast_decimal_put(job, i, rc == 0 ? v : pfs_decimal_power(PFS_DECIMAL_DIGITS)));
    }
    return 0;
}

/* Digits alone are a number since 1970 to TIMESTAMP, and nothing to TIMESTAMP_LTZ. Below milliseconds the putter cuts,
 * above them it is done here, downward. */
static int to_moments(struct pfs_cast_job *job, bool numbers)
{
    for (int64_t i = 0; i < job->rows; i++) {
        struct pfs_slice text = {NULL, 0};
        struct pfs_time96 v = {0};
        int64_t number;
        int rc = 0;

        if (pfs_column_present(job->in, i)) {
            text = pfs_column_bytes(job->in, i);
            if (numbers && is_integer(text)) {
                rc = parse_integer(text, INT64_MIN, INT64_MAX, &number);
                rc = rc == 0 ? parse_epoch(number, job->to->precision, &v) : rc;
            } else {
                rc = parse_moment(text, &v);
            }
        }
        if (rc < 0)
            return pfs_cast_refuse(job, text);
        if (job->to->precision < 3) {
            int64_t unit = job->to->precision == 0 ? 1000 : job->to->precision == 1 ? 100 : 10;

            v.millis -= (v.millis % unit + unit) % unit;
        }
        pfs_cast_moment_put(job, i, v);
    }
    return 0;
}

static int to_timestamp(struct pfs_cast_job *job)
{
    return to_moments(job, true);
}

static int to_ltz(struct pfs_cast_job *job)
{
    return to_moments(job, false);
}

static pfs_cast_kernel *const kernels[PFS_KIND_COUNT] = {
    [PFS_BOOLEAN] = to_boolean, [PFS_TINYINT] = to_tinyint,     [PFS_SMALLINT] = to_smallint,
    [PFS_INT] = to_int,         [PFS_BIGINT] = to_bigint,       [PFS_FLOAT] = to_float,
    [PFS_DOUBLE] = to_double,   [PFS_DECIMAL] = to_decimal,     [PFS_DATE] = to_date,
    [PFS_TIME] = to_time,       [PFS_TIMESTAMP] = to_timestamp, [PFS_TIMESTAMP_LTZ] = to_ltz,
};

pfs_cast_kernel *pfs_cast_parse_kernel(enum pfs_kind from, enum pfs_kind to)
{
    assert(to < PFS_KIND_COUNT);
    return pfs_kind_is_text(from) ? kernels[to] : NULL;
}
