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
