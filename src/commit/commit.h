/* commit.h - one snapshot on top of another: the optimistic commit (spec commit 1, 2).
 *
 * Invariants, cited by number in code and tests:
 *   1 a snapshot appears only after all that it names is durable
 *   2 no file that a snapshot names is ever rewritten
 *   3 losing the race deletes only files that this attempt created
 *   4 what the snapshot before carried (index manifest, watermark, statistics, next row id) is carried on
 *   5 after an unclear failure (the rename may have happened) nothing is deleted
 *
 * No lock is needed for correctness: another engine may commit at any time. Threads: one attempt, one thread.
 */
#pragma once

#include "base/clock.h"
#include "src/meta/manifest.h"
#include "src/meta/schema.h"
#include "src/meta/snapshot.h"

struct pfs_merging;
struct pfs_doubts;

struct pfs_commit {
    struct pfs_store *store;
    const char *table; /* the main table's directory: manifests */
    const char *meta;  /* the directory whose snapshot/ it is: the table's, or a branch's */
    const struct pfs_schema *schema;
    const char *user;
    int64_t identifier;
    const char *properties; /* a JSON object; NULL = none */
    enum pfs_commit_kind kind;
    const struct pfs_clock *clock;
    int64_t entries;
    const struct pfs_manifest_entry *entry; /* the delta, in order */
    int64_t indexes;
    const struct pfs_index_entry *index; /* each replaces the entry of its partition, bucket and type */
    int64_t changelogs;
    const struct pfs_manifest_entry *changelog; /* ADDs of the changelog list; 0 = no such list */
    bool index_changes;                         /* base_index lacks entries that base has: they go */
    struct pfs_merging *merging;                /* manifests merged so far, over attempts; NULL = none is merged */
    struct pfs_doubts *doubts;                  /* of attempts with an unclear outcome; NULL = their files stay */
};

enum pfs_commit_outcome { PFS_COMMIT_DONE, PFS_COMMIT_LOST };

/* One attempt to publish snapshot base->id + 1 (base NULL: the first). base_index: the live index entries of base, for
 * the new index manifest when indexes > 0. Gives an outcome >= 0, or -errno: then the snapshot is not there, except
 * that *unclear (may not be NULL) tells that it may be (invariant 5). On DONE *out is filled from the arena. */
int pfs_commit_try(const struct pfs_commit *commit, const struct pfs_snapshot *base,
                   const struct pfs_index_entry *base_index, int64_t base_indexes, struct pfs_arena *arena,
                   struct pfs_snapshot *out, bool *unclear, struct pfs_err *err);

/* The newest snapshot at a moment, so that what was there then can be told from what came later: by its number and by
 * itself, for numbers are given again after a rollback; clocks go back and ahead. Zeroed: there was none. */
struct pfs_commit_moment {
    int64_t id;
    uint64_t hash;
};

int pfs_commit_moment(struct pfs_store *store, const char *meta, struct pfs_commit_moment *out, struct pfs_err *err);

/* Has `user` committed `identifier`? 1 yes, durably; 0 no. Looks from the newest snapshot downwards (spec commit 3.1).
 * Numbers of a user ascend, so a later one that was there at `given`, when the rows in question were first given, says
 * that this one was too, if its snapshot has expired; one committed since says nothing: rows that a dead process had
 * acknowledged may land behind it. NULL: any later one says it. */
int pfs_commit_known(struct pfs_store *store, const char *meta, const char *user, int64_t identifier,
                     const struct pfs_commit_moment *given, struct pfs_err *err);
