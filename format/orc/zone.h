/* zone.h - from instants to the clock on a writer's wall. Private to the suite.
 *
 * Rules come from the system's time zone files (TZif), through a store that sees their directory alone. After the last
 * change that a file lists (2037 in most) its last offset stays. Threads: immutable after load.
 */
#pragma once

#include "base/arena.h"

struct pfs_orc_zone {
    int32_t changes;   /* of the offset, in order of time; 0 = always `offset` */
    const int64_t *at; /* seconds since 1970 */
    const int32_t *to; /* seconds east of Greenwich from then on */
    int32_t offset;    /* before the first change */
    int64_t base;      /* the instant of 2015-01-01 00:00:00 on that wall */
};

/* By the name that a stripe gives: len 0 is UTC; "GMT+8" and "GMT-03:30" as Java names them; else a file of the
 * system's. What it needs is in the arena. -EOPNOTSUPP with the name when it is not known here. */
int pfs_orc_zone_load(struct pfs_slice name, struct pfs_arena *arena, struct pfs_orc_zone *out, struct pfs_err *err);

/* Seconds east of Greenwich at an instant. */
int32_t pfs_orc_zone_offset(const struct pfs_orc_zone *zone, int64_t seconds);
