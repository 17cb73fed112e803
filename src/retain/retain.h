/* retain.h - what a table lets go of: snapshots, changelogs, tags and consumers that have had their time, and the files
 * that only they needed (spec commit 8 and 9, timetravel 1 and 2).
 *
 * The rules are Paimon's, file for file, with two exceptions that keep more. Files that a branch (or, for a branch, the
 * main table or another branch) still names stay, and a snapshot that somebody of this process reads keeps itself and
 * all that follow it.
 *
 * Everything that is to go is gathered first, by reading. Then the snapshots' own files go, oldest first, and are gone
 * for good (the directory is synced) before anything that they name does: whatever is killed when, a snapshot that is
 * there has its files; what is left over is an orphan. Two that expire one table at a time do no harm to each other.
 *
 * A manifest that cannot be read makes no failure: what it would tell to remove stays, as an orphan.
 * Threads: any; one call of a table at a time in a process saves work, no more.
 */
#pragma once

#include "base/cancel.h"
#include "base/clock.h"
#include "src/file/external.h"
#include "src/meta/schema.h"
#include "src/scan/state.h"

/* Where: borrowed, for one call. */
struct pfs_retain {
    struct pfs_store *store;
    const char *table, *meta;        /* directories: the main table's, and the one with snapshot/ and tag/ */
    const struct pfs_schema *schema; /* the newest */
    struct pfs_manifests *manifests; /* a cache */
    const struct pfs_external *external;
    const struct pfs_clock *clock;
    /* The smallest id in [from, end) of a snapshot that is read now, or `end`; NULL = none is. */
    int64_t (*first_held)(void *context, int64_t from, int64_t end);
    void *context;
};

/* How much is kept. A snapshot goes when more than `most` are newer, or when it is older than `retained_ms` and at
 * least `least` are newer. */
struct pfs_retain_limits {
    int64_t most, least;
    int64_t retained_ms;
    int64_t deletes; /* at most so many in one call */
};

/* What the table's options say. */
struct pfs_retention {
    struct pfs_retain_limits snapshots, changelogs;
    bool decoupled;      /* changelogs outlive their snapshots */
    bool changelog_only; /* consumers hold changelogs, not snapshots */
    bool has_producer;   /* changelog files of their own; else the data files of level 0 are the changelog */
    bool clean_directories;
    int64_t consumer_ms; /* consumers that have not moved for so long go; -1 = never */
    bool expire_tags;
    int64_t tag_ms; /* life of new tags; -1 = without end */
};

/* -EINVAL with the sentence for a malformed option. */
int pfs_retention_read(const struct pfs_schema *schema, struct pfs_retention *out, struct pfs_err *err);

/* Expires snapshots; *expired: how many. -EINVAL when limits contradict each other. */
int pfs_snapshots_expire(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *expired,
                         struct pfs_err *err);

/* Expires long-lived changelogs, but never the last one. remove_all: that one too. */
int pfs_changelogs_expire(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *expired,
                          struct pfs_err *err);
int pfs_changelogs_remove_all(const struct pfs_retain *at, const struct pfs_retention *how, int64_t *expired,
                              struct pfs_err *err);

/* ---- tags ---- */

/* A tag on the snapshot, and what says that it is complete where the table wants that (tag.create-success-file).
 * retained_ms: from now on; negative = without end. Bare -EEXIST, unless it replaces one. */
int pfs_tag_make(const struct pfs_retain *at, const char *name, const struct pfs_snapshot *snapshot,
                 int64_t retained_ms, bool replace, struct pfs_err *err);
/* May the snapshot have a tag of that name? -EINVAL when it is the name of an automatic one and the snapshot has one of
 * those, if only itself. */
int pfs_tag_check_name(const struct pfs_retain *at, const char *name, int64_t snapshot, struct pfs_arena *arena,
                       struct pfs_err *err);
/* Removes a tag, and the files that it alone needed: not when its snapshot is there or another tag has it. Bare
 * -ENOENT.
 */
int pfs_tag_drop(const struct pfs_retain *at, const char *name, struct pfs_err *err);
/* Drops the tags that have outlived their time; before_ms (this host's wall clock; PFS_NO_NUMBER = none): those created
 * before it too, by their file's time if they do not say. *dropped: their names, in the arena. */
int pfs_tags_expire(const struct pfs_retain *at, int64_t before_ms, struct pfs_arena *arena, const char ***dropped,
                    int64_t *count, struct pfs_err *err);
/* When the first tag with a time to live will have outlived it, on this host's wall clock; INT64_MAX = none will. */
int pfs_tags_next_end(const struct pfs_retain *at, int64_t *out, struct pfs_err *err);

/* Automatic tags (tag.automatic-creation, spec timetravel 2.1): what is known between two looks. Zeroed at first. */
struct pfs_autotag {
    int64_t next_snapshot; /* that has not been inspected; 0 = nothing is known yet */
    int64_t next_ms;       /* start of the next period that gets a tag; PFS_NO_NUMBER = no tag yet */
};
/* Inspects the snapshots made since the last look; drops surplus tags. */
int pfs_tags_create_due(const struct pfs_retain *at, const struct pfs_retention *how, struct pfs_autotag *seen,
                        struct pfs_err *err);

/* ---- consumers ---- */

/* Removes consumers that have not moved for consumer_ms. */
int pfs_consumers_expire(const struct pfs_retain *at, int64_t consumer_ms, struct pfs_err *err);
/* The least snapshot that a consumer wants next; INT64_MAX without consumers. */
int pfs_consumers_least(const struct pfs_retain *at, int64_t *out, struct pfs_err *err);

/* ---- orphans ---- */

struct pfs_nameset;

/* Of the main table alone: `at` says meta = table. */
struct pfs_orphans_want {
    int64_t before_ms; /* instant: files not younger stay */
    bool dry;          /* they are counted, and stay */
    /* Adds the names of files that somebody needs whom no snapshot knows (rows that are acknowledged and not
     * committed): asked for after the files have been listed. NULL = nobody does. */
    int (*needed)(void *context, struct pfs_nameset *names, struct pfs_err *err);
    void *context;
};

/* Removes files of the table that no snapshot, tag or long-lived changelog of any branch names, and directories that
 * are empty and as old. Files outside of the warehouse are left alone. -EIO, and nothing removed, when a branch or a
 * manifest that is there cannot be read. */
int pfs_orphans_remove(const struct pfs_retain *at, const struct pfs_orphans_want *want, int64_t *files, int64_t *bytes,
                       struct pfs_err *err);
