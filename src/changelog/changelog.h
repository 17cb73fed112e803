/* changelog.h - what snapshots changed, in order: streams, incremental reads, consumers (spec changelog).
 *
 * Rows: `_snapshot` (BIGINT) if it is asked for, `_kind` (STRING: +I -U +U -D), the wanted columns; snapshot by
 * snapshot, inside one in the order of partition, bucket, file. Which snapshots give rows, and from which files, is
 * decided by the table's changelog-producer and the kind of the snapshot. Long-lived changelogs (changelog/) are read
 * like snapshots that have expired. Threads: any.
 */
#pragma once

#include "format/rows.h"
#include "src/scan/scan.h"

/* How changes are taken from snapshots. */
enum pfs_changes_mode {
    PFS_CHANGES_STREAM, /* as a stream that starts at `from` sees them */
    PFS_CHANGES_AUTO,   /* incremental-between in its mode auto: delta, or changelog when the table has a producer */
    PFS_CHANGES_DELTA,  /* in these modes, whatever the table has */
    PFS_CHANGES_CHANGELOG
};

struct pfs_changes_want {
    struct pfs_state *state;         /* the newest: schema, store, producer; a reference is taken */
    const char *meta;                /* the directory with snapshot/ and changelog/ (a branch: the branch's) */
    struct pfs_manifests *manifests; /* borrowed */
    enum pfs_changes_mode mode;
    int64_t from, to; /* ids, both inclusive; all must be there: bare -ESTALE when one has expired meanwhile */
    bool own;         /* both are the state's own snapshot, which may have expired: a tag's */
    bool snapshot;    /* with the column _snapshot */
    int32_t columns;  /* -1 = all */
    const int32_t *column;
    int32_t partitions;
    const struct pfs_partition_value *partition;
    const struct pfs_condition *condition; /* of each row; parsed against the state's schema, borrowed; NULL = none */
    struct pfs_budget budget;
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool;
};

int pfs_changes_rows(const struct pfs_changes_want *want, struct pfs_rows **out, struct pfs_err *err);

/* Ids whose changes can be read: [*first, *last], long-lived changelogs included; bare -ENOENT when there is none. */
int pfs_changes_range(struct pfs_store *store, const char *meta, int64_t *first, int64_t *last, struct pfs_err *err);
/* The facts of a snapshot, from its long-lived changelog if it has expired; bare -ENOENT. */
int pfs_changes_snapshot(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena,
                         struct pfs_snapshot *out, struct pfs_err *err);
