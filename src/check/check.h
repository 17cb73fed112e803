/* check.h - is what a table's history names there, whole and consistent? The suite's door; nothing here writes.
 *
 * First the history is walked: schemas, tags, snapshots from the newest on, long-lived changelogs, and of each its
 * manifest lists, manifests, index manifests, index files, statistics, the files that are live then, and how their key
 * ranges lie. Each file is looked at once, for the first who names it. Then the data files: there, as long and with as
 * many rows as their manifest says; with `deep` every value is decoded, and keys, their order, sequence numbers and
 * deletes are compared with what the manifest says.
 *
 * Other engines may expire meanwhile: what is missing is told of only while the file that named it is still there.
 * Threads: one call, one thread; it reads ahead on the pool.
 */
#pragma once

#include "base/cancel.h"
#include "src/scan/state.h"

struct pfs_pool;

/* MISSING: a file that is not there. SIZE: it is not as long as it should be. DAMAGED: it cannot be read. COUNT:
 * numbers of rows or files differ from what is said of them. ORDER: keys of a file do not ascend. RANGE: keys or
 * sequence numbers lie outside of what is said of them. OVERLAP: files of one level have keys in common. HINT: a hint
 * leads readers astray. GAP: ids of snapshots are not contiguous. ORPHANS: files that nothing names. UNKNOWN: what this
 * program cannot read. */
#define PFS_FINDINGS(X)   \
    X(MISSING, "missing") \
    X(SIZE, "size")       \
    X(DAMAGED, "damaged") \
    X(COUNT, "count")     \
    X(ORDER, "order")     \
    X(RANGE, "range")     \
    X(OVERLAP, "overlap") \
    X(HINT, "hint")       \
    X(GAP, "gap")         \
    X(ORPHANS, "orphans") \
    X(UNKNOWN, "unknown")

enum pfs_finding_kind {
#define X(id, name) PFS_FINDING_##id,
    PFS_FINDINGS(X)
#undef X
};

struct pfs_finding {
    enum pfs_finding_kind kind;
    bool note;        /* no reader gets anything wrong by it */
    const char *file; /* path in the warehouse */
    const char *by;   /* who names it, as "snapshot 7" or "tag monday"; "" = nobody in particular */
    const char *text;
};

const char *pfs_finding_name(enum pfs_finding_kind kind);

struct pfs_check { /* borrowed, for one call */
    struct pfs_store *store;
    const char *table, *meta;        /* directories: the main table's, and the one with snapshot/ and tag/ */
    const struct pfs_schema *schema; /* the newest */
    struct pfs_schemas *schemas;
    struct pfs_manifests *manifests;
    const struct pfs_external *external;
    struct pfs_pool *pool; /* may be NULL */
    bool deep;
    bool has_producer; /* changelogs are files of their own */
    const struct pfs_cancel *cancel;
    void (*found)(void *context, const struct pfs_finding *finding);
    void (*progress)(void *context, int64_t done, int64_t bytes); /* of data files; NULL = none */
    void *context;
};

struct pfs_check_sum { /* what was looked at */
    int64_t snapshots, tags, changelogs, files, bytes;
    int64_t wrong, notes; /* findings */
};

/* -ECANCELED; -ENOMEM; else 0, whatever was found. */
int pfs_check_run(const struct pfs_check *check, struct pfs_check_sum *out, struct pfs_err *err);
