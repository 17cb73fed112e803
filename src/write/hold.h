/* hold.h - routed rows in memory, in order of arrival. Private to the suite.
 *
 * Many small batches become few larger ones as they come, so that ten thousand rows that were written one at a time
 * cost no more than a batch of them. */
#pragma once

#include "src/write/route.h"

struct pfs_hold {
    struct pfs_routed **routed;
    int32_t count, room;
    int64_t rows;
    size_t bytes; /* memory that they hold, and will need to be sorted */
};

/* Takes `r`, also on failure. `keyed`: rows will be sorted. */
int pfs_hold_add(struct pfs_hold *hold, struct pfs_routed *r, bool keyed, struct pfs_err *err);
void pfs_hold_clear(struct pfs_hold *hold);
void pfs_hold_done(struct pfs_hold *hold);
