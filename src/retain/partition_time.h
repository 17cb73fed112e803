/* partition_time.h - the time that a partition's values spell (partition.timestamp-formatter, spec timetravel 6).
 * Private to the suite. Pure functions. */
#pragma once

#include <stdint.h>

#include "base/err.h"

/* On a wall clock, as if UTC. formatter: Java's pattern letters y u M d H m s S and quoted text; NULL: "y-M-d" with or
 * without " H:m:s[.fraction]", any number of digits, and what is too large carries over (2020-13-40 is a day of 2021).
 * 1; 0: the text is no such time; -EOPNOTSUPP: a letter that is not supported. */
int pfs_partition_time(const char *text, const char *formatter, int64_t *out, struct pfs_err *err);
