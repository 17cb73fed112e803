/* rollback.h - a table as it was at a snapshot: what came after it goes (spec commit 10, timetravel 4). `meta` is the
 * directory with snapshot/ and tag/.
 *
 * Schemas, consumers, branches and data files stay; what nothing names any more becomes an orphan. Threads: any; one
 * change of a table at a time.
 */
#pragma once

#include "src/meta/snapshot.h"

/* The snapshot of that id, else the one that some tag holds; bare -ENOENT. */
int pfs_rollback_find(struct pfs_store *store, const char *meta, int64_t id, struct pfs_arena *arena,
                      struct pfs_snapshot *out, struct pfs_err *err);
/* The first snapshot, by id and then among tags, that is not before a time or (with) watermark; the last one that is
 * not after. As Paimon's procedures choose. Bare -ENOENT. */
int pfs_rollback_first(struct pfs_store *store, const char *meta, bool watermark, int64_t from, struct pfs_arena *arena,
                       struct pfs_snapshot *out, struct pfs_err *err);
int pfs_rollback_last(struct pfs_store *store, const char *meta, bool watermark, int64_t to, struct pfs_arena *arena,
                      struct pfs_snapshot *out, struct pfs_err *err);

/* Snapshots, changelogs and tags of greater ids go, newest first; one that has expired is written again. */
int pfs_rollback(struct pfs_store *store, const char *table, const char *meta, const struct pfs_snapshot *to,
                 struct pfs_err *err);
