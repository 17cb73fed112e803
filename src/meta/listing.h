/* listing.h - names and numbers with a prefix in one directory (spec layout 6): snapshot-7, schema-0, tag-monday.
 * Private to the suite. A missing directory is an empty one; a rest that is no number is passed over. */
#pragma once

#include "base/arena.h"
#include "base/store.h"

int pfs_list_numbers(struct pfs_store *store, const char *table, const char *directory, const char *prefix,
                     struct pfs_arena *arena, int64_t **out, int64_t *count, struct pfs_err *err);
/* Without the prefix, sorted; directories or files. */
int pfs_list_names(struct pfs_store *store, const char *table, const char *directory, const char *prefix,
                   bool directories, struct pfs_arena *arena, const char ***out, int64_t *count, struct pfs_err *err);
