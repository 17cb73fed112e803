/* doubts.c - files of attempts whose outcome was unclear, and of which the store has said since that nothing came.
 *
 * A failed rename may still be under way on the other end of a wire, so its files stay (invariant 5) until that can no
 * longer be: another snapshot has the number, which no rename that replaces nothing can take any more; or the file
 * system has answered that it refuses, and there is no snapshot of that number or after it. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/commit/internal.h"

int pfs_doubts_add(struct pfs_doubts *doubts, const struct pfs_attempt *a, const struct pfs_snapshot *made, int rc)
{
    struct pfs_doubt *d = pfs_arena_zalloc(&doubts->arena, sizeof(*d));
    struct pfs_made **last;

    assert(rc < 0);
    if (d == NULL || (d->delta_list = pfs_arena_string(&doubts->arena, pfs_str(made->delta_list))) == NULL)
        return -ENOMEM; /* they stay */
    last = &d->made;
    for (const struct pfs_made *m = a->made; m != NULL; m = m->next) {
        struct pfs_made *copy = pfs_arena_zalloc(&doubts->arena, sizeof(*copy));

        if (copy == NULL || (copy->path = pfs_arena_string(&doubts->arena, pfs_str(m->path))) == NULL)
            return -ENOMEM;
        *last = copy;
        last = &copy->next;
    }
    d->id = made->id;
    d->refused = rc == -ENOSPC || rc == -EDQUOT || rc == -EROFS || rc == -EACCES || rc == -EPERM;
    d->next = doubts->first;
    doubts->first = d;
    return 0;
}

void pfs_doubts_absent(struct pfs_doubts *doubts)
{
    if (doubts->first != NULL)
        doubts->first->absent = true;
}

/* Can no snapshot name them, ever? */
static bool is_settled(const struct pfs_doubt *d, struct pfs_store *store, const char *meta)
{
    struct pfs_snapshot there;
    struct pfs_arena arena;
    int64_t latest;
    int rc;

    if (!d->absent)
        return false;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(store, meta, d->id, &arena, &there, NULL, NULL);
    if (rc == 0)
        rc = strcmp(there.delta_list, d->delta_list) != 0;
    else if (rc == -ENOENT && d->refused) {
        rc = pfs_snapshot_latest_id(store, meta, &latest, NULL);
        rc = rc == 0 ? latest < d->id : rc == -ENOENT;
    }
    pfs_arena_done(&arena);
    return rc > 0;
}

void pfs_doubts_done(struct pfs_doubts *doubts, struct pfs_store *store, const char *meta)
{
    for (struct pfs_doubt *d = doubts->first; d != NULL; d = d->next)
        if (is_settled(d, store, meta))
            pfs_made_remove(store, &d->made);
    pfs_arena_done(&doubts->arena);
}
