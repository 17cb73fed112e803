/* history.c - branches of a table, and going back to what it was.
 *
 * All of it replaces or removes what commits and expiry stand on, so that both stand still meanwhile: of the table, and
 * of the branch if it is open. The main table's locks are taken before those of a branch, as everywhere. Another engine
 * may commit all the same; what it commits to a branch that goes is gone, as with Paimon. */
#include <assert.h>
#include <string.h>

#include "src/meta/branch.h"
#include "src/meta/rollback.h"
#include "src/table/internal.h"

/* Before the table goes on: who finds a snapshot gone or replaced asks why. */
static void note_rewound(struct pfs_table *table, int64_t after)
{
    struct pfs_rewinds *r = pfs_table_rewinds(table);

    pthread_mutex_lock(&r->lock);
    r->last[r->count % PFS_REWINDS].after = after;
    r->last[r->count % PFS_REWINDS].ms = pfs_clock_monotonic_ms();
    r->count++;
    pthread_mutex_unlock(&r->lock);
}

bool pfs_table_was_rewound(struct pfs_table *table, int64_t id, int64_t since_ms)
{
    struct pfs_rewinds *r = pfs_table_rewinds(table);
    bool was = false;

    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < PFS_REWINDS; i++)
        was |= r->last[i].ms != 0 && r->last[i].ms >= since_ms && r->last[i].after < id;
    pthread_mutex_unlock(&r->lock);
    return was;
}

/* ---- branches ---- */

int pfs_table_branch_create(struct pfs_table *table, const char *name, const char *tag, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    int rc;

    PFS_TRY(pfs_table_stop(table, err));
    rc = pfs_branch_create(p.store, p.root, p.meta, name, tag, err);
    pfs_table_go_on(table);
    return rc;
}

/* Whoever stops several does it in one order: the table itself, then its branches as they lie in memory. */
static bool goes_first(const struct pfs_table *a, const struct pfs_table *b)
{
    if (pfs_table_branch(a) == NULL || pfs_table_branch(b) == NULL)
        return pfs_table_branch(a) == NULL;
    return (uintptr_t)a < (uintptr_t)b;
}

/* The table and that branch of it, if it is open. */
static int stop_both(struct pfs_table *table, const char *name, struct pfs_table **branch, struct pfs_err *err)
{
    struct pfs_table *first, *second;
    int rc;

    *branch = pfs_table_find_branch(table, name);
    if (*branch == table) { /* a branch may be asked to remove itself */
        pfs_table_unref(*branch);
        *branch = NULL;
    }
    if (*branch == NULL)
        return pfs_table_stop(table, err);
    first = goes_first(table, *branch) ? table : *branch;
    second = first == table ? *branch : table;
    rc = pfs_table_stop(first, err);
    if (rc == 0 && (rc = pfs_table_stop(second, err)) < 0)
        pfs_table_go_on(first);
    if (rc < 0)
        pfs_table_unref(*branch);
    return rc;
}

static void both_go_on(struct pfs_table *table, struct pfs_table *branch)
{
    assert(branch != table);
    if (branch != NULL)
        pfs_table_go_on(branch);
    pfs_table_unref(branch);
    pfs_table_go_on(table);
}

/* A branch that reads of the table look at stays. */
static int check_unused(struct pfs_table *table, const char *name, struct pfs_err *err)
{
    static const char *const options[] = {"scan.fallback-branch", "scan.primary-branch"};
    const struct pfs_schema *schema;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        const char *used = pfs_options_get(&schema->options, options[i]);

        if (used != NULL && strcmp(used, name) == 0)
            return pfs_fail(err, EBUSY, "Cannot delete branch '%s' because it is configured as '%s'. Unset '%s' first.",
                            name, options[i], options[i]);
    }
    return 0;
}

int pfs_table_branch_delete(struct pfs_table *table, const char *name, bool only_empty, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    struct pfs_table *branch;
    bool own = false;
    int rc;

    PFS_TRY(stop_both(table, name, &branch, err));
    rc = check_unused(table, name, err);
    if (rc == 0 && only_empty)
        rc = pfs_branch_has_own(p.store, p.root, name, &own, err);
    if (rc == 0 && own)
        rc = pfs_fail(err, ENOTEMPTY, "branch %s has snapshots of its own: CALL sys.delete_branch removes it", name);
    if (rc == 0)
        rc = pfs_branch_remove(p.store, p.root, name, err);
    both_go_on(table, branch);
    return rc;
}

int pfs_table_branch_rename(struct pfs_table *table, const char *from, const char *to, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    struct pfs_table *branch;
    int rc;

    PFS_TRY(stop_both(table, from, &branch, err));
    rc = pfs_branch_rename(p.store, p.root, from, to, err);
    both_go_on(table, branch);
    return rc;
}

int pfs_table_fast_forward(struct pfs_table *table, const char *branch, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    const char *own = pfs_table_branch(table);
    struct pfs_table *other;
    int rc;

    if (strcmp(branch, "main") == 0)
        return pfs_fail(err, EINVAL, "Branch name 'main' do not use in fast-forward.");
    if (own != NULL && strcmp(own, branch) == 0)
        return pfs_fail(err, EINVAL, "Fast-forward from the current branch '%s' is not allowed.", branch);
    /* What the branch lets go of while it is copied would be missing here. */
    PFS_TRY(stop_both(table, branch, &other, err));
    rc = pfs_branch_fast_forward(p.store, p.root, p.meta, branch, err);
    pfs_schemas_forget(p.schemas); /* other schemas have their ids now */
    if (rc == 0)
        note_rewound(table, 0); /* what stands still is not asked about */
    both_go_on(table, other);
    return rc;
}

/* ---- going back ---- */

static int find(const struct pfs_table_parts *p, const struct pfs_rollback_want *want, struct pfs_arena *arena,
                struct pfs_snapshot *out, struct pfs_err *err)
{
    switch (want->kind) {
    case PFS_ROLLBACK_SNAPSHOT:
        return pfs_rollback_find(p->store, p->meta, want->number, arena, out, err);
    case PFS_ROLLBACK_TAG:
        return pfs_tag_load(p->store, p->meta, want->tag, arena, out, NULL, err);
    case PFS_ROLLBACK_TIME:
    case PFS_ROLLBACK_WATERMARK:
        return pfs_rollback_last(p->store, p->meta, want->kind == PFS_ROLLBACK_WATERMARK, want->number, arena, out,
                                 err);
    }
    return -EINVAL;
}

static int roll_back(const struct pfs_table_parts *p, const struct pfs_rollback_want *want, int64_t *from, int64_t *to,
                     struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_snapshot target;
    int rc = pfs_snapshot_latest_id(p->store, p->meta, from, err);

    if (rc == -ENOENT)
        return pfs_fail(err, ENOENT, "Latest snapshot is null, can not rollback.");
    PFS_TRY(rc);
    PFS_TRY(find(p, want, arena, &target, err));
    *to = target.id;
    return pfs_rollback(p->store, p->root, p->meta, &target, err);
}

int pfs_table_rollback(struct pfs_table *table, const struct pfs_rollback_want *want, int64_t *from, int64_t *to,
                       struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    struct pfs_arena arena;
    int rc;

    PFS_TRY(pfs_table_stop(table, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = roll_back(&p, want, from, to, &arena, err);
    if (rc == 0)
        note_rewound(table, *to);
    pfs_arena_done(&arena);
    pfs_table_go_on(table);
    return rc;
}

int pfs_table_first_snapshot(struct pfs_table *table, bool watermark, int64_t from, struct pfs_arena *arena,
                             struct pfs_snapshot *out, struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);

    return pfs_rollback_first(p.store, p.meta, watermark, from, arena, out, err);
}
