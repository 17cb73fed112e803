/* clock.h - time of day and time passed, handed down so that a test can hold them still.
 *
 * Threads: any. A zeroed struct reads the system's clocks.
 */
#pragma once

#include <stdint.h>

struct pfs_clock {
    int64_t (*now_ms)(void *self); /* wall clock, milliseconds since 1970 UTC; NULL = the system's */
    void *self;
};

int64_t pfs_clock_now_ms(const struct pfs_clock *clock); /* NULL allowed: the system's clock */
int64_t pfs_clock_monotonic_ms(void);
int64_t pfs_clock_monotonic_ns(void);

/* An instant as the wall clock of this host's zone shows it then, as if that were UTC; and back (of two instants that
 * it shows alike, the one that the C library chooses). */
int64_t pfs_clock_local_ms(int64_t instant_ms);
int64_t pfs_clock_instant_ms(int64_t local_ms);
