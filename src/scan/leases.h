/* leases.h - what this process reads, told to the others on the warehouse, and what they tell: a file for each in
 * .paimonfs/, with the snapshots that it holds (holds.h).
 *
 *   reading-<uuid>:  "# pid 4711 host laptop", then a line "<id> <directory with snapshot/>" for each
 *
 * It is written when what is read has changed, anew while it has not, and is gone when nothing is read. Its process
 * keeps it locked: one whose lock can be had is of a process that has died, and so is one that has not been written for
 * a minute (where locks do not reach, or of a machine that was cut off). Nobody minds these. What is read for less time
 * than passes between two calls of pfs_leases_tell is told to nobody. Threads: tell and close, one at a time; first
 * any. */
#pragma once

#include "base/store.h"
#include "src/scan/holds.h"

struct pfs_leases;

#define PFS_LEASE_TICK_MS 2000

int pfs_leases_open(struct pfs_leases **out, struct pfs_err *err);
/* Takes back what was told. NULL allowed. */
void pfs_leases_close(struct pfs_leases *leases, struct pfs_store *store);
/* To be called every PFS_LEASE_TICK_MS. What cannot be written is tried again. */
void pfs_leases_tell(struct pfs_leases *leases, struct pfs_store *store, struct pfs_holds *holds);
/* The smallest id in [from, end) that another process holds of that directory; `end` when none does. */
int64_t pfs_leases_first(const struct pfs_leases *leases, struct pfs_store *store, const char *meta, int64_t from,
                         int64_t end);
