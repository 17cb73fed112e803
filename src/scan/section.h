/* section.h - the files of a section as sorted runs, merged: what scans and compactions read. Private to src/.
 *
 * Runs that cost more memory than the budget has are put aside in files first (spill.h). Threads: values.
 */
#pragma once

#include "base/budget.h"
#include "src/merge/engine.h"
#include "src/scan/chain.h"

#define PFS_AHEAD_SHARE 4 /* of the budget, for bytes read ahead; pages, batches and answers are the rest */

struct pfs_section_read {
    struct pfs_chain chain; /* key-value batches of the engine's columns */
    const struct pfs_engine *engine;
    const int32_t *key; /* places of the trimmed key in them */
    bool alone;         /* single records are folded too (merge.h) */
    struct pfs_budget budget;
    /* What each run passes before it is merged; takes `in`, also on failure. NULL = nothing. */
    int (*filter)(void *context, struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err);
    void *context;
    /* Further runs of the merge, each of files of one level above 0; taken, also on failure. They pass the filter. */
    int32_t extras;
    struct pfs_reader **extra;
    const int32_t *extra_level;
};

/* Merged rows in key order, deletes kept, of at least one file or further run. What `read` points to, the files and the
 * arena outlive the reader. */
int pfs_section_open(const struct pfs_section_read *read, const struct pfs_section *section, struct pfs_arena *arena,
                     struct pfs_reader **out, struct pfs_err *err);
