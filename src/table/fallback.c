/* fallback.c - the other branch of batch reads: rows of the partitions that the table itself lacks (spec timetravel
 * 5.1).
 *
 * What is asked of the table is asked of the branch too, in its own terms: ids are told by their times, times and
 * watermarks are looked for in each. At a tag both sides read the table's own, and there is nothing to fall back to.
 * Where nothing was asked, the branch's own options may pin its reads. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/meta/branch.h"
#include "src/meta/names.h"
#include "src/table/internal.h"

/* The other branch of batch reads, by its name (NULL: none, or this is it), and whether it goes before this one. */
struct other {
    const char *name;
    bool first;
};

static struct other other_of(const struct pfs_table *t, const struct pfs_schema *newest)
{
    struct other o = {.name = pfs_options_get(&newest->options, "scan.fallback-branch")};
    const char *branch = pfs_table_branch(t);

    if (o.name == NULL || pfs_name_is_blank(pfs_str(o.name)))
        o = (struct other){pfs_options_get(&newest->options, "scan.primary-branch"), true};
    if (o.name != NULL && pfs_name_is_blank(pfs_str(o.name)))
        o.name = NULL;
    if (o.name != NULL && branch != NULL && strcmp(o.name, branch) == 0)
        o.name = NULL;
    return o;
}

bool pfs_table_has_other(const struct pfs_table *table, const struct pfs_schema *newest)
{
    return other_of(table, newest).name != NULL;
}

/* ---- which snapshot of it ---- */

struct looking {
    const struct pfs_asked *asked;
    int64_t snapshot_ms; /* of the table's own state */
    struct pfs_store *store;
    const char *meta; /* of the other branch */
    const struct pfs_schema *newest;
    struct pfs_arena *arena;
};

static int find_newest(const struct looking *l, struct pfs_pin *out, struct pfs_err *err)
{
    int64_t id;

    PFS_TRY(pfs_snapshot_latest_id(l->store, l->meta, &id, err));
    *out = (struct pfs_pin){.exists = true, .since_ms = PFS_NO_NUMBER};
    return pfs_snapshot_load(l->store, l->meta, id, l->arena, &out->snapshot, NULL, err);
}

/* The last one not after; where `first`, that one when all are younger. */
static int find_at(const struct looking *l, int64_t time_ms, bool first, struct pfs_pin *out, struct pfs_err *err)
{
    int rc;

    *out = (struct pfs_pin){.exists = true, .travels = true, .since_ms = PFS_NO_NUMBER};
    rc = pfs_snapshot_at_time(l->store, l->meta, time_ms, l->arena, &out->snapshot, err);
    return rc == -ENOENT && first ? pfs_snapshot_load(l->store, l->meta, 1, l->arena, &out->snapshot, NULL, err) : rc;
}

/* As the branch's own options have it: what they name in vain is a mistake in them, and not a branch without rows. */
static int find_own(const struct looking *l, struct pfs_pin *out, struct pfs_err *err)
{
    struct pfs_start own;
    int rc;

    PFS_TRY(pfs_start_of(&l->newest->options, &own, err));
    if (own.kind == PFS_START_NEWEST)
        return find_newest(l, out, err);
    if (own.kind == PFS_START_CHANGES)
        return pfs_fail(err, EINVAL,
                        "%s = %.60s of the other branch asks for changes: there is no state that shows them", own.key,
                        own.text);
    rc = pfs_start_find(&own, l->store, l->meta, l->arena, out, err);
    if (rc == -ENOENT && err != NULL)
        err->code = EIO;
    return rc == -ENOENT ? -EIO : rc;
}

static int find_pinned(const struct looking *l, struct pfs_pin *out, struct pfs_err *err)
{
    const struct pfs_start *start = &l->asked->start;
    struct pfs_err in_vain = {0};
    int rc;

    switch (start->kind) {
    case PFS_START_NEWEST:
        return find_own(l, out, err);
    case PFS_START_TAG:
    case PFS_START_CHANGES:
        return -ENOENT;
    case PFS_START_SNAPSHOT:
    case PFS_START_VERSION:
        return find_at(l, l->snapshot_ms, true, out, err);
    case PFS_START_TIME:
    case PFS_START_LOCAL:
    case PFS_START_WATERMARK:
    case PFS_START_COMPACTED:
    case PFS_START_FILES:
    case PFS_START_CREATED:
        break;
    }
    rc = pfs_start_find(start, l->store, l->meta, l->arena, out, &in_vain);
    if (rc < 0 && rc != -ENOENT && in_vain.code != 0)
        return pfs_fail(err, in_vain.code, "%s", in_vain.text);
    return rc;
}

/* Bare -ENOENT: it has no rows then. */
static int find(const struct looking *l, struct pfs_pin *out, struct pfs_err *err)
{
    int rc = -ENOENT;

    switch (l->asked->when.kind) {
    case PFS_WHEN_LATEST:
        rc = find_newest(l, out, err);
        break;
    case PFS_WHEN_READ:
        rc = find_pinned(l, out, err);
        break;
    case PFS_WHEN_SNAPSHOT:
        rc = find_at(l, l->snapshot_ms, true, out, err);
        break;
    case PFS_WHEN_TIME:
        rc = find_at(l, l->asked->when.number, false, out, err);
        break;
    case PFS_WHEN_TAG:
        break;
    }
    return rc == 0 && !out->exists ? -ENOENT : rc;
}

/* ---- its state ---- */

static int load(struct pfs_table *t, struct looking *l, struct pfs_schemas *schemas, struct pfs_state **out,
                struct pfs_err *err)
{
    struct pfs_pin pin;

    PFS_TRY(pfs_schemas_latest(schemas, &l->newest, err));
    PFS_TRY(find(l, &pin, err));
    assert(pin.exists);
    return pfs_table_load_pin(t, &pin, schemas, l->newest, out, err);
}

int pfs_table_add_fallback(struct pfs_table *table, const struct pfs_asked *asked, struct pfs_state *state,
                           struct pfs_err *err)
{
    struct pfs_table_parts p = pfs_table_parts(table);
    struct other other = other_of(table, asked->newest);
    struct pfs_schemas *schemas = NULL;
    struct pfs_state *fallback;
    struct pfs_arena arena;
    struct looking l = {.asked = asked,
                        .snapshot_ms = state->exists ? state->snapshot.time_ms : INT64_MAX,
                        .store = p.store,
                        .meta = p.root,
                        .arena = &arena};
    int rc = 0;

    if (other.name == NULL || asked->when.kind == PFS_WHEN_TAG)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    if (strcmp(other.name, "main") != 0)
        rc = pfs_name_branch(p.root, other.name, &arena, &l.meta, err);
    if (rc == 0)
        rc = pfs_schemas_open(p.store, l.meta, &schemas, err);
    if (rc == 0)
        rc = load(table, &l, schemas, &fallback, err);
    if (rc == 0)
        rc = pfs_state_set_fallback(state, fallback, other.first, err);
    pfs_schemas_unref(schemas);
    pfs_arena_done(&arena);
    return rc == -ENOENT ? 0 : rc;
}
