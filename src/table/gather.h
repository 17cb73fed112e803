/* gather.h - what the jobs of a compaction made, put together as they end. Private to the suite.
 *
 * There may be a hundred thousand jobs of one file each: what a job needs while it runs goes with it, and here is what
 * a snapshot will name. Entries point to the state that was compacted and to the plan, which outlive this, or into it.
 * Threads: one. */
#pragma once

#include "src/lsm/compact.h"

struct pfs_gathered {
    struct pfs_arena arena; /* what entries of new files point to */
    struct pfs_manifest_entry *gone, *added, *changelog;
    int64_t gones, addeds, changelogs;
    int64_t gones_room, addeds_room, changelogs_room;
    int64_t *made; /* of `added`, those whose files are new */
    int64_t mades, mades_room;
    struct pfs_index_entry *index; /* deletion vectors that are others now */
    struct pfs_arena *kept;        /* where each of these lies */
    int64_t indexes, indexes_room, kept_room;
};

void pfs_gathered_init(struct pfs_gathered *gathered);
void pfs_gathered_done(struct pfs_gathered *gathered); /* files stay */

/* What a job made, in its arena, which is taken too. After -ENOMEM both are the caller's as before. */
int pfs_gathered_take(struct pfs_gathered *gathered, const struct pfs_compacted *done, struct pfs_arena *arena,
                      struct pfs_err *err);
/* All DELETEs, then all ADDs; they stay this one's, and nothing may be taken afterwards. */
int pfs_gathered_entries(struct pfs_gathered *gathered, struct pfs_manifest_entry **out, int64_t *count,
                         struct pfs_err *err);
/* Removes the files: they got into no snapshot. */
void pfs_gathered_undo(const struct pfs_gathered *gathered, const struct pfs_compactor *compactor);
