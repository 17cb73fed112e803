/* datetime.c - the calendar by arithmetic alone, and fixed texts of it.
 *
 * No call of the C library: those know zones and locales, which must not matter here, and end where years pass four
 * digits. Divisions are of numbers that were made non-negative first, since C rounds towards zero. */
#include "base/datetime.h"

#include <assert.h>
#include <errno.h>

#include "base/number.h"

#define DAY_MS 86400000
#define YEAR_DIGITS_MAX 9

struct pfs_civil pfs_civil_from_days(int64_t days)
{
    /* Days are counted from 0000-03-01, so that the leap day ends a year and eras of 400 years are alike. */
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t mp = (5 * day_of_year + 2) / 153;
    int32_t month = (int32_t)(mp < 10 ? mp + 3 : mp - 9);

    assert(day_of_era >= 0);
    assert(day_of_era < 146097); /* days of an era */
    assert(month >= 1 && month <= 12);
    return (struct pfs_civil){(int32_t)(year_of_era + era * 400 + (month <= 2)), month,
                              (int32_t)(day_of_year - (153 * mp + 2) / 5 + 1)};
}

/* The way back: years begin in March here as well, so that (153 * m + 2) / 5 counts the days of the months before. */
int64_t pfs_days_from_civil(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    assert(month >= 1 && month <= 12);
    assert(day >= 1 && day <= 31);
    return era * 146097 + day_of_era - 719468;
}

/* ---- out ---- */

static size_t two(int32_t v, char *out)
{
    assert(v >= 0 && v <= 99);
    out[0] = (char)('0' + v / 10);
    out[1] = (char)('0' + v % 10);
    return 2;
}

/* Days of any moment in milliseconds, which an int32_t does not hold. */
size_t pfs_day_print(int64_t days, char *out)
{
    struct pfs_civil c = pfs_civil_from_days(days);
    size_t len = 0;

    if (c.year < 0) {
        out[len++] = '-';
        c.year = -c.year;
    }
    if (c.year > 9999) {
        len += pfs_i64_print(c.year, out + len);
    } else {
        len += two(c.year / 100, out + len);
        len += two(c.year % 100, out + len);
    }
    out[len++] = '-';
    len += two(c.month, out + len);
    out[len++] = '-';
    return len + two(c.day, out + len);
}

size_t pfs_date_print(int64_t days, char *out)
{
    size_t sign = pfs_civil_from_days(days).year > 9999;

    *out = '+';
    return sign + pfs_day_print(days, out + sign);
}

static size_t clock_print(int32_t seconds, char *out)
{
    (void)two(seconds / 3600, out);
    out[2] = ':';
    (void)two(seconds / 60 % 60, out + 3);
    out[5] = ':';
    (void)two(seconds % 60, out + 6);
    return 8;
}

size_t pfs_time_print(int32_t millis_of_day, char *out)
{
    int32_t day = (millis_of_day % DAY_MS + DAY_MS) % DAY_MS, millis = day % 1000;
    size_t len = clock_print(day / 1000, out);

    out[len++] = '.';
    out[len++] = (char)('0' + millis / 100);
    return len + two(millis % 100, out + len);
}

size_t pfs_timestamp_print(int64_t millis, int32_t nanos, int precision, char *out)
{
    int64_t days = millis / DAY_MS, rest = millis % DAY_MS;
    int64_t fraction;
    size_t len;

    assert(precision >= 0 && precision <= 9);
    assert(nanos >= 0 && nanos <= 999999);
    if (rest < 0) {
        rest += DAY_MS;
        days--;
    }
    len = pfs_date_print(days, out);
    out[len++] = ' ';
    len += clock_print((int32_t)(rest / 1000), out + len);
    if (precision == 0)
        return len;
    fraction = rest % 1000 * 1000000 + nanos;
    out[len++] = '.';
    for (int i = 0; i < 9; i++) { /* nine digits are written, those asked for stay */
        out[len + 8 - (size_t)i] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    return len + (size_t)precision;
}

/* ---- in ---- */

static bool take_char(struct pfs_cursor *c, char want)
{
    if (pfs_left(c) == 0 || c->in.at[c->pos] != (uint8_t)want)
        return false;
    c->pos++;
    return true;
}

/* A sign or none, and four digits or more. */
static bool take_year(struct pfs_cursor *c, int64_t *out)
{
    bool negative = take_char(c, '-');
    size_t from;

    if (!negative)
        (void)take_char(c, '+');
    from = c->pos;
    for (*out = 0; pfs_left(c) > 0 && c->in.at[c->pos] >= '0' && c->in.at[c->pos] <= '9'; c->pos++) {
        if (c->pos - from == YEAR_DIGITS_MAX)
            return false;
        *out = *out * 10 + (c->in.at[c->pos] - '0');
    }
    *out = negative ? -*out : *out;
    return c->pos - from >= 4;
}

/* Exactly `digits` digits: fixed widths are what tells 2024-01-02 from 2024-1-02, which is refused. */
static bool take_number(struct pfs_cursor *c, int digits, int *out)
{
    struct pfs_slice s;
    int v = 0;

    assert(digits > 0 && digits < 10); /* an int holds them */
    if (!pfs_take(c, (size_t)digits, &s))
        return false;
    for (int i = 0; i < digits; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        v = v * 10 + (s.at[i] - '0');
    }
    *out = v;
    return true;
}

static bool take_date(struct pfs_cursor *c, int64_t *days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year;
    int month, day;
    bool leap;

    if (!take_year(c, &year) || !take_char(c, '-') || !take_number(c, 2, &month) || !take_char(c, '-') ||
        !take_number(c, 2, &day))
        return false;
    leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] + (month == 2 && leap))
        return false;
    *days = pfs_days_from_civil(year, month, day);
    return true;
}

/* HH:MM[:SS[.f]]; nanos of the second, any number of decimals of which the tenth and later must be 0 (else *fine). */
static bool take_time(struct pfs_cursor *c, int64_t *seconds, int32_t *nanos, bool *fine)
{
    int hour, minute, second = 0;
    int64_t scale = 100000000;

    *nanos = 0;
    *fine = false;
    if (!take_number(c, 2, &hour) || !take_char(c, ':') || !take_number(c, 2, &minute))
        return false;
    if (take_char(c, ':')) {
        if (!take_number(c, 2, &second))
            return false;
        if (take_char(c, '.')) {
            size_t from = c->pos;

            for (; pfs_left(c) > 0 && c->in.at[c->pos] >= '0' && c->in.at[c->pos] <= '9'; c->pos++) {
                *nanos += (int32_t)((c->in.at[c->pos] - '0') * scale);
                *fine |= scale == 0 && c->in.at[c->pos] != '0';
                scale /= 10;
            }
            if (c->pos == from)
                return false;
        }
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *seconds = hour * 3600 + minute * 60 + second;
    return true;
}

int pfs_date_parse(struct pfs_slice text, int32_t *days)
{
    struct pfs_cursor c = pfs_cursor_of(text);
    int64_t v;

    if (!take_date(&c, &v) || pfs_left(&c) > 0 || v < INT32_MIN || v > INT32_MAX)
        return -EINVAL;
    *days = (int32_t)v;
    return 0;
}

/* Paimon keeps a TIME in milliseconds, whatever precision it is declared with. */
int pfs_time_parse(struct pfs_slice text, int32_t *millis_of_day)
{
    struct pfs_cursor c = pfs_cursor_of(text);
    int64_t seconds;
    int32_t nanos;
    bool fine;

    if (!take_time(&c, &seconds, &nanos, &fine) || pfs_left(&c) > 0)
        return -EINVAL;
    if (fine || nanos % 1000000 != 0)
        return -ERANGE;
    *millis_of_day = (int32_t)(seconds * 1000 + nanos / 1000000);
    return 0;
}

/* What follows the time: nothing, Z, or with zoned +hh:mm. Seconds to subtract. */
static bool take_zone(struct pfs_cursor *c, bool zoned, int64_t *offset)
{
    int hours, minutes;
    bool negative;

    *offset = 0;
    if (take_char(c, 'Z') || pfs_left(c) == 0)
        return pfs_left(c) == 0;
    negative = c->in.at[c->pos] == '-';
    if (!zoned || (!take_char(c, '+') && !take_char(c, '-')) || !take_number(c, 2, &hours) || !take_char(c, ':') ||
        !take_number(c, 2, &minutes) || hours > 18 || minutes > 59)
        return false;
    *offset = (hours * 60 + minutes) * 60 * (negative ? -1 : 1);
    return pfs_left(c) == 0;
}

/* Moments of 4 to 6 digits are counted in microseconds. */
static bool fits_units(int64_t millis, int precision)
{
    return precision <= 3 || precision > 6 || (millis > INT64_MIN / 1000 && millis < INT64_MAX / 1000);
}

int pfs_timestamp_parse(struct pfs_slice text, int precision, bool zoned, int64_t *millis, int32_t *nanos)
{
    static const int32_t units[] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    struct pfs_cursor c = pfs_cursor_of(text);
    int64_t days, seconds = 0, offset = 0, value;
    int32_t fraction = 0;
    bool fine = false;

    assert(precision >= 0 && precision <= 9);
    if (!take_date(&c, &days))
        return -EINVAL;
    if (pfs_left(&c) > 0 && c.in.at[c.pos] != 'Z') {
        if ((!take_char(&c, ' ') && !take_char(&c, 'T')) || !take_time(&c, &seconds, &fraction, &fine))
            return -EINVAL;
    }
    if (!take_zone(&c, zoned, &offset))
        return -EINVAL;
    if (fine || fraction % units[precision] != 0)
        return -ERANGE;
    if (__builtin_mul_overflow(days * 86400 + seconds - offset, 1000, &value) ||
        __builtin_add_overflow(value, fraction / 1000000, &value) || !fits_units(value, precision))
        return -ERANGE;
    *millis = value;
    *nanos = fraction % 1000000;
    return 0;
}
