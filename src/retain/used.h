/* used.h - every file that a table's history names. Private to the suite. */
#pragma once

#include "src/retain/nameset.h"
#include "src/retain/retain.h"

/* Those of `candidates` that any snapshot, tag or long-lived changelog of any branch names, files that a manifest
 * deletes included. -EIO: something that is there cannot be read, or a branch has no schema. */
int pfs_used_files(const struct pfs_retain *at, const struct pfs_nameset *candidates, struct pfs_nameset *out,
                   struct pfs_err *err);
