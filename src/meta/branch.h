/* branch.h - which branches a table has (spec metadata 4). `table` is the main table's directory. Threads: any. */
#pragma once

#include "base/arena.h"
#include "base/store.h"

/* Names, sorted, in the arena; `main` is not among them. */
int pfs_branch_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                    int64_t *count, struct pfs_err *err);
/* The branch's directory. Bare -ENOENT. */
int pfs_branch_stat(struct pfs_store *store, const char *table, const char *name, struct pfs_stat *out,
                    struct pfs_err *err);
