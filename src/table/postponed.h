/* postponed.h - the first half of a compaction of a table with bucket = -2: its waiting rows get real buckets. Private
 * to the suite.
 *
 *   place -> files of level 0 that no snapshot names -> (compacted) -> combine -> one COMPACT snapshot -> done
 */
#pragma once

#include "src/table/table.h"

struct pfs_placing_want {
    struct pfs_table_parts parts;
    size_t memory_bytes; /* of rows in memory */
    const struct pfs_cancel *cancel;
};

struct pfs_placed {
    struct pfs_arena arena;
    const struct pfs_manifest_entry **gone; /* postponed files; they live as long as the state */
    int64_t gones;
    struct pfs_manifest_entry *entry, *changelog; /* what was made of them: ADDs */
    int64_t entries, changelogs;
    struct pfs_manifest_entry *change; /* of the snapshot: DELETEs, then ADDs; see pfs_placed_combine */
    int64_t changes;
};

/* All postponed rows of the state, in the order of writing, as new files of level 0, synced; none: gones is 0. To be
 * ended by pfs_placed_done, unless this failed. -EINVAL: the merge engine refuses a row (it was not asked when the row
 * was written, as with Paimon). */
int pfs_postponed_place(const struct pfs_placing_want *want, struct pfs_state *state, struct pfs_placed *out,
                        struct pfs_err *err);
/* The snapshot's entries, with those of a compaction over the new files (DELETEs and ADDs; none: 0). */
int pfs_placed_combine(struct pfs_placed *placed, const struct pfs_manifest_entry *entry, int64_t entries,
                       struct pfs_err *err);
/* Of the names of all files in real buckets: the new files fit a state with the same sum. */
uint64_t pfs_placed_sum(const struct pfs_state *state);

enum pfs_placed_end {
    PFS_PLACED_UNDO,      /* no snapshot names the new files: they go */
    PFS_PLACED_PUBLISHED, /* those go that the compaction took */
    PFS_PLACED_KEEP       /* nobody knows */
};
void pfs_placed_done(const struct pfs_placing_want *want, const struct pfs_state *state, struct pfs_placed *placed,
                     enum pfs_placed_end end);
