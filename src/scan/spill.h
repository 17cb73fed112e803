/* spill.h - sorted runs that are too many to be read at once: some are copied to files that cost little to read.
 * Private to src/.
 *
 * A data file gives its rows a page of each column at a time, which may be megabytes; a spilled run holds one small
 * batch. Keys, numbers and kinds stay as they are, so a merge does not tell the difference. Threads: values.
 */
#pragma once

#include "format/reader.h"
#include "src/scan/plan.h"

/* What reading so many columns of a file holds in memory, about. */
size_t pfs_spill_cost(const struct pfs_manifest_entry *entry, int32_t columns);
/* What a row of a spilled run's batch costs, about, with its key. */
size_t pfs_spill_row_cost(const struct pfs_manifest_entry *entry, int32_t columns);

struct pfs_spill_want {
    struct pfs_store *store;
    const struct pfs_type *const *type; /* of its columns; borrowed until the reader is closed */
    int32_t columns;
    const struct pfs_cancel *cancel;
};

/* Copies what `in` gives (closed in every case) into a file that is gone from its directory when this returns. */
int pfs_spill_run(const struct pfs_spill_want *want, struct pfs_reader *in, struct pfs_reader **out,
                  struct pfs_err *err);
