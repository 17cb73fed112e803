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

/* The least snapshot that a consumer wants next; INT64_MAX without consumers. */
int pfs_consumers_least(const struct pfs_retain *at, int64_t *out, struct pfs_err *err);
