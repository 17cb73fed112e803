/* datetime.h - days, milliseconds and their text, proleptic Gregorian; years have a sign or none, and four digits or
 * more. Pure functions.
 *
 * Instants and wall-clock values are counts since 1970-01-01T00:00:00; no zone is ever applied.
 */
#pragma once

#include "base/slice.h"

struct pfs_civil {
    int32_t year, month, day; /* month, day from 1 */
};

struct pfs_civil pfs_civil_from_days(int64_t days);
int64_t pfs_days_from_civil(int64_t year, int month, int day);

/* Text out; each returns the length written. Years outside 0..9999 print with sign or more digits. */
/* YYYY-MM-DD of any moment in milliseconds; 16 bytes of room. pfs_date_print as Java's LocalDate, '+' before more than
 * four digits; pfs_day_print without. */
size_t pfs_date_print(int64_t days, char *out);
size_t pfs_day_print(int64_t days, char *out);
size_t pfs_time_print(int32_t millis_of_day, char *out); /* HH:MM:SS.fff, modulo a day; 16 bytes of room */
/* YYYY-MM-DD HH:MM:SS[.f{p}]; value = millis and nanos of that millisecond (0..999999); 40 bytes of room. */
size_t pfs_timestamp_print(int64_t millis, int32_t nanos, int precision, char *out);

/* Text in, the whole slice: 0, -EINVAL (malformed or no such day), -ERANGE (fraction finer than `precision`, or further
 * away than values of that precision reach). */
int pfs_date_parse(struct pfs_slice text, int32_t *days);
int pfs_time_parse(struct pfs_slice text, int32_t *millis_of_day); /* HH:MM[:SS[.f]], at most 3 decimals that count */
/* "YYYY-MM-DD[ T]HH:MM[:SS[.f]]" or a date alone (midnight); a trailing 'Z' is accepted, and with `zoned` also
 * "+hh:mm", which is subtracted. Trailing zeros of the fraction never make it too fine. */
int pfs_timestamp_parse(struct pfs_slice text, int precision, bool zoned, int64_t *millis, int32_t *nanos);
