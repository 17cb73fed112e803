#include "src/meta/branch.h"

#include "src/meta/listing.h"
#include "src/meta/names.h"

int pfs_branch_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                    int64_t *count, struct pfs_err *err)
{
    return pfs_list_names(store, table, "branch", "branch-", true, arena, names, count, err);
}

int pfs_branch_stat(struct pfs_store *store, const char *table, const char *name, struct pfs_stat *out,
                    struct pfs_err *err)
{
    struct pfs_arena arena;
    const char *path;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_name_branch(table, name, &arena, &path, err);
    if (rc == 0)
        rc = pfs_store_stat(store, path, out, err);
    pfs_arena_done(&arena);
    return rc;
}
