/* branch.h - the branches of a table (spec metadata 4, commit 11). `table` is the main table's directory; `meta` that
 * of the table or branch which a branch is made of, or takes over.
 *
 * A branch appears and vanishes by one rename: what is half made or half removed has a hidden name. Nothing but its own
 * files is ever removed with a branch: data files that only it named become orphans. Threads: any; one change of a
 * table at a time.
 */
#pragma once

#include "src/meta/snapshot.h"

/* Names, sorted, in the arena; `main` is not among them. */
int pfs_branch_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                    int64_t *count, struct pfs_err *err);
/* The branch's directory. Bare -ENOENT. */
int pfs_branch_stat(struct pfs_store *store, const char *table, const char *name, struct pfs_stat *out,
                    struct pfs_err *err);

/* -EINVAL with Paimon's sentence for a name that a new branch may not have. */
int pfs_branch_check_name(const char *name, struct pfs_err *err);

/* Of all schemas; with a tag: of the tag, its snapshot and the schemas up to that one's. Bare -EEXIST; -ENOENT with a
 * sentence when there is no such tag. */
int pfs_branch_create(struct pfs_store *store, const char *table, const char *meta, const char *name, const char *tag,
                      struct pfs_err *err);
/* Bare -ENOENT. */
int pfs_branch_remove(struct pfs_store *store, const char *table, const char *name, struct pfs_err *err);
/* Bare -ENOENT, -EEXIST. */
int pfs_branch_rename(struct pfs_store *store, const char *table, const char *from, const char *to,
                      struct pfs_err *err);
/* Has it a snapshot that the main table has neither under its id nor as a tag? */
int pfs_branch_has_own(struct pfs_store *store, const char *table, const char *name, bool *out, struct pfs_err *err);

/* `meta` loses its snapshots, schemas and tags from the branch's first ones on, and gets the branch's instead; the
 * branch stays. Not atomic: what is interrupted is done again. -ENOENT with Paimon's sentence when the branch has no
 * snapshot.
 */
int pfs_branch_fast_forward(struct pfs_store *store, const char *table, const char *meta, const char *name,
                            struct pfs_err *err);
