/* publish.h - a change becomes a snapshot, whatever others do meanwhile: the loop around commit.h (spec commit 2, 3,
 * 4).
 *
 *   newest state -> prepare the change for it -> conflicts? -> intent -> one attempt -> done, or again after a pause
 *
 * commit.max-retries, commit.timeout, commit.min-retry-wait and commit.max-retry-wait are the table's. A lost race is
 * prepared again on the newer state. After an attempt whose outcome is unclear the snapshots made since are searched
 * for our user, identifier and kind before anything else is done (invariant 5).
 *
 * Threads: one publication of a table at a time in a process (the table's commit lock); other processes any time.
 */
#pragma once

#include "base/cancel.h"
#include "src/commit/commit.h"
#include "src/scan/state.h"

enum pfs_overwrite_kind {
    PFS_OVERWRITE_NONE,
    PFS_OVERWRITE_ALL,     /* every live file goes */
    PFS_OVERWRITE_DYNAMIC, /* those of the partitions that the new files fall into */
    PFS_OVERWRITE_STATIC   /* those of the partitions that `spec` names; new files elsewhere are -EINVAL */
};

struct pfs_overwrite {
    enum pfs_overwrite_kind kind;
    int32_t columns;                  /* STATIC: partition columns given; none = every partition */
    const int32_t *column;            /* indexes of the schema's columns */
    const struct pfs_column *value;   /* one row each; null = the default partition */
    const struct pfs_overwrite *also; /* STATIC: one more spec, and so on: their union goes; NULL = no more */
};

/* What shall be published on top of one state. Lives until the next prepare. */
struct pfs_change {
    enum pfs_commit_kind kind; /* OVERWRITE: publish adds the DELETEs of what `overwrite` says */
    struct pfs_overwrite overwrite;
    int64_t entries, changelogs, indexes;
    const struct pfs_manifest_entry *entry;     /* ADDs, and DELETEs of live files */
    const struct pfs_manifest_entry *changelog; /* files of the changelog manifest list */
    const struct pfs_index_entry
        *index;      /* each replaces the one of its partition, bucket and type; name NULL: only removes it */
    bool even_empty; /* a snapshot also when nothing changed */
    bool check;      /* APPEND: check for conflicts too */
};

struct pfs_publish {
    struct pfs_store *store;
    const char *table, *meta; /* as commit.h */
    const char *user;
    int64_t identifier;
    const char *properties; /* of the snapshot, a JSON object; NULL = none */
    const struct pfs_clock *clock;
    const struct pfs_cancel *cancel; /* NULL = goes on */
    void *context;
    int (*newest)(void *context, struct pfs_state **out, struct pfs_err *err);
    /* The change for this state; 0 entries without even_empty: nothing to do, success. */
    int (*prepare)(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err);
    /* Before each attempt, all files of the change being durable; NULL = none. */
    int (*intent)(void *context, int64_t seen, const struct pfs_change *change, struct pfs_err *err);
};

/* *id: of the snapshot, 0 = nothing to do. *unclear: the outcome is not known and could not be found out (the store
 * fails): the files must stay. -EBUSY: out of tries; -EAGAIN never. A conflict is -EBUSY with the sentence of what is
 * in the way (a compaction is then to be planned again). */
int pfs_publish(const struct pfs_publish *publish, int64_t *id, bool *unclear, struct pfs_err *err);

/* Is snapshot `id` still ours (user, identifier, kind)? An engine that renames without looking may have replaced it.
 * 1 yes; 0 no; it has expired: 1 when a later one of the same user is there, else -ENOENT bare. */
int pfs_publish_stands(const struct pfs_publish *publish, int64_t id, enum pfs_commit_kind kind, struct pfs_err *err);
