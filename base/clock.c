/* clock.c - the system's clocks, and the zone of this host.
 *
 * The zone is asked of the C library for each moment, not once: offsets change twice a year. What it cannot tell (years
 * beyond its own) is taken as UTC: a time that is hours off is better than none where it only names something. */
#include "base/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t pfs_clock_now_ms(const struct pfs_clock *clock)
{
    return clock != NULL && clock->now_ms != NULL ? clock->now_ms(clock->self) : read_ms(CLOCK_REALTIME);
}

int64_t pfs_clock_monotonic_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

/* For measuring what takes less than a millisecond; the count begins at the start of the machine. */
int64_t pfs_clock_monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* Rounded down, also before 1970. */
static int64_t seconds_of(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

int64_t pfs_clock_local_ms(int64_t instant_ms)
{
    time_t seconds = (time_t)seconds_of(instant_ms);
    struct tm local;
    int64_t shown;

    if (localtime_r(&seconds, &local) == NULL || __builtin_add_overflow(instant_ms, local.tm_gmtoff * 1000, &shown))
        return instant_ms;
    return shown;
}

int64_t pfs_clock_instant_ms(int64_t local_ms)
{
    time_t seconds = (time_t)seconds_of(local_ms), at;
    struct tm parts;

    if (gmtime_r(&seconds, &parts) == NULL)
        return local_ms;
    /* The C library decides whether summer time holds then; of an hour that the clock shows twice it takes one. */
    parts.tm_isdst = -1;
    at = mktime(&parts);
    return (int64_t)at * 1000 + (local_ms - (int64_t)seconds * 1000);
}
