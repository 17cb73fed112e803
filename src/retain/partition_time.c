/* partition_time.c - text as a time, by Java's letters or by Paimon's own reading.
 *
 * Without a formatter numbers may have any digits, and what is beyond its range is carried over; with one, widths are
 * those of its letters, and a lone letter takes digits up to what the letters behind it are sure to take. Text that
 * does not fit is no error: such a partition never expires. */
#include "src/retain/partition_time.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "base/datetime.h"

#define DAY_MS ((int64_t)86400000)
#define NUMBER_MAX 99999999 /* of a part: more is no time */

enum part { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, MILLIS, PARTS };

struct time {
    int64_t part[PARTS];
    bool has[PARTS];
};

/* Up to `most` digits, at least one. */
static bool take_number(const char **at, int most, int64_t *out)
{
    int count = 0;

    assert(most > 0);
    assert(most <= 10); /* or the number might wrap before it is looked at */
    for (*out = 0; count < most && isdigit((unsigned char)**at); count++, ++*at)
        *out = *out * 10 + (**at - '0');
    return count > 0 && *out <= NUMBER_MAX;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* Digits behind the point; those beyond milliseconds do not matter. */
static bool take_fraction(const char **at, int most, int64_t *millis)
{
    int64_t unit = 100;
    int count = 0;

    for (*millis = 0; count < most && isdigit((unsigned char)**at); count++, ++*at, unit /= 10)
        *millis += (**at - '0') * unit;
    return count > 0;
}

/* Months and days beyond their range carry over. */
static int64_t carried(const struct time *t)
{
    int64_t months = t->part[YEAR] * 12 + t->part[MONTH] - 1, year = months / 12, days;

    if (months % 12 < 0)
        year--;
    assert(months >= year * 12);
    assert(months < year * 12 + 12);
    days = pfs_days_from_civil(year, (int)(months - year * 12) + 1, 1) + t->part[DAY] - 1;
    return days * DAY_MS + ((t->part[HOUR] * 60 + t->part[MINUTE]) * 60 + t->part[SECOND]) * 1000 + t->part[MILLIS];
}

static bool parse_default(const char *text, int64_t *out)
{
    struct time t = {0};
    bool negative = take_char(&text, '-');

    if (!take_number(&text, 10, &t.part[YEAR]) || !take_char(&text, '-') || !take_number(&text, 2, &t.part[MONTH]) ||
        !take_char(&text, '-') || !take_number(&text, 2, &t.part[DAY]))
        return false;
    if (negative)
        t.part[YEAR] = -t.part[YEAR];
    if (take_char(&text, ' ')) {
        if (!take_number(&text, 2, &t.part[HOUR]) || !take_char(&text, ':') ||
            !take_number(&text, 2, &t.part[MINUTE]) || !take_char(&text, ':') ||
            !take_number(&text, 2, &t.part[SECOND]))
            return false;
        if (take_char(&text, '.') && !take_fraction(&text, 9, &t.part[MILLIS]))
            return false;
    }
    *out = carried(&t);
    return *text == '\0';
}

/* ---- by a formatter ---- */

static const char letters[] = "yMdHmsSu"; /* in the order of the parts; u is a year too */

static int run_of(const char *formatter)
{
    int count = 1;

    while (formatter[count] == formatter[0])
        count++;
    return count;
}

/* Digits that letters of a fixed width take right behind. */
static int reserved(const char *formatter)
{
    int digits = 0;

    while (*formatter != '\0' && strchr(letters, *formatter) != NULL) {
        int count = run_of(formatter);

        if (count < 2 || *formatter == 'y' || *formatter == 'u')
            break;
        digits += count;
        formatter += count;
    }
    return digits;
}

/* A lone letter takes as many digits as there are, but for those that are reserved. */
static bool take_part(const char **text, const char *formatter, int count, struct time *t)
{
    const char *letter = strchr(letters, *formatter);
    enum part part = *letter == 'u' ? YEAR : (enum part)(letter - letters);
    bool year = part == YEAR;
    int most = count;

    assert(part < PARTS);
    assert(count > 0);
    if (part == MILLIS) {
        const char *from = *text;

        t->has[part] = true;
        return take_fraction(text, count, &t->part[part]) && *text - from == count;
    }
    if (count == 1)
        most = (int)strspn(*text, "0123456789") - reserved(formatter + count);
    if (most < 1 || most > 9 || (!year && count > 2) || !take_number(text, most, &t->part[part]))
        return false;
    if (year && count == 2)
        t->part[YEAR] += 2000;
    t->has[part] = true;
    return true;
}

/* What stands in quotes is taken as it is; two quotes are one. Returns what follows. */
static const char *take_quoted(const char *formatter, const char **text, bool *fits)
{
    const char *at = formatter + 1;

    assert(*formatter == '\'');
    if (*at == '\'') {
        *fits = take_char(text, '\'');
        return at + 1;
    }
    for (; *at != '\0' && (*at != '\'' || at[1] == '\''); at++) {
        at += *at == '\'';
        *fits = *fits && take_char(text, *at);
    }
    return *at == '\0' ? at : at + 1;
}

static int parse_by(const char *text, const char *formatter, struct time *t, struct pfs_err *err)
{
    bool fits = true;

    while (*formatter != '\0') {
        int count = run_of(formatter);

        if (*formatter == '\'') {
            formatter = take_quoted(formatter, &text, &fits);
        } else if (!isalpha((unsigned char)*formatter)) {
            fits = fits && take_char(&text, *formatter++);
        } else if (strchr(letters, *formatter) == NULL || (*formatter == 'M' && count > 2)) {
            return pfs_fail(err, EOPNOTSUPP, "partition.timestamp-formatter with the letter '%c' is not supported",
                            *formatter);
        } else {
            fits = fits && take_part(&text, formatter, count, t);
            formatter += count;
        }
    }
    return fits && *text == '\0';
}

/* A day that its month lacks is the month's last; all else out of range is no time. */
static bool settle(struct time *t, int64_t *out)
{
    struct pfs_civil back;

    if (!t->has[YEAR] || !t->has[MONTH] || !t->has[DAY] || t->part[MONTH] < 1 || t->part[MONTH] > 12 ||
        t->part[DAY] < 1 || t->part[DAY] > 31)
        return false;
    if (t->part[HOUR] > 24 || t->part[MINUTE] > 59 || t->part[SECOND] > 59 ||
        (t->part[HOUR] == 24 && (t->part[MINUTE] != 0 || t->part[SECOND] != 0 || t->part[MILLIS] != 0)))
        return false;
    for (;; t->part[DAY]--) {
        back = pfs_civil_from_days(pfs_days_from_civil(t->part[YEAR], (int)t->part[MONTH], (int)t->part[DAY]));
        if (back.month == t->part[MONTH])
            break;
    }
    *out = carried(t);
    return true;
}

int pfs_partition_time(const char *text, const char *formatter, int64_t *out, struct pfs_err *err)
{
    struct time t = {0};
    int rc;

    if (formatter == NULL)
        return parse_default(text, out);
    rc = parse_by(text, formatter, &t, err);
    return rc > 0 ? settle(&t, out) : rc;
}
