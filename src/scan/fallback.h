/* fallback.h - rows of a state and, of the partitions that it lacks, those of its fallback branch, or the other way
 * round where that is the primary branch (spec timetravel 5.1). Private to the suite.
 *
 * A partition counts as existing when a file of it is read, whatever its rows. The state's rows come first; each
 * branch's are merged by its own rules. */
#pragma once

#include "src/scan/scan.h"

/* want->state has a fallback. */
int pfs_fallback_rows(const struct pfs_scan_want *want, struct pfs_rows **out, struct pfs_err *err);
/* Do the branches have the same row type? -EINVAL with a sentence. */
int pfs_fallback_check(const struct pfs_schema *a, const struct pfs_schema *b, struct pfs_err *err);
