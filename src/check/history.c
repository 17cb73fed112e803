/* history.c - the walk over schemas, tags, snapshots, changelogs, consumers and hints.
 *
 * Others go on while it walks. Whoever is being looked at is named by its file (`by`): what is missing while that file
 * is there is missing; once it is gone nothing of it is. Tags come first, for they may name what no snapshot does; the
 * newest snapshot before the oldest, for the oldest is the next to expire. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "src/check/internal.h"
#include "src/meta/consumer.h"
#include "src/meta/hints.h"
#include "src/meta/statistics.h"

static int name_it(struct pfs_checker *c, const char *text, const char *path, struct pfs_err *err)
{
    struct pfs_namer *by = pfs_arena_zalloc(&c->arena, sizeof(*by));

    if (by == NULL || text == NULL || path == NULL)
        return pfs_arena_full(&c->arena, err);
    *by = (struct pfs_namer){text, path};
    c->by = by;
    return 0;
}

static int check_schemas(struct pfs_checker *c, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    int64_t *ids, count;

    PFS_TRY(pfs_schema_list(c->want->store, c->want->meta, &c->arena, &ids, &count, err));
    for (int64_t i = 0; i < count; i++) {
        const char *path = pfs_arena_printf(&c->arena, "%s/schema/schema-%lld", c->want->meta, (long long)ids[i]);

        if (path == NULL)
            return pfs_arena_full(&c->arena, err);
        PFS_TRY(pfs_checker_failed(c, path, pfs_schemas_get(c->want->schemas, ids[i], &schema, err), err));
    }
    return 0;
}

/* ---- one state ---- */

static int check_live(struct pfs_checker *c, const struct pfs_snapshot *s, const struct pfs_schema *schema,
                      struct pfs_err *err)
{
    struct pfs_state *state;
    int rc;

    assert(c->by != NULL);
    rc = pfs_state_load(c->want->manifests, c->want->store, c->want->table, c->want->schemas, schema, s, &state, err);

    if (rc == -ESTALE) { /* it expired meanwhile */
        pfs_err_clear(err);
        return 0;
    }
    if (rc < 0)
        return pfs_checker_failed(c, c->by->path, rc, err);
    for (int64_t i = 0; rc == 0 && i < state->files; i++)
        rc = pfs_checker_add(c, state->file[i], false, err);
    if (rc == 0)
        rc = pfs_check_indexes(c, state, err);
    if (rc == 0)
        rc = pfs_check_levels(c, state, err);
    pfs_state_unref(state);
    return rc;
}

static int check_statistics(struct pfs_checker *c, const char *name, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(&c->arena, "%s/statistics/%s", c->want->table, name);
    struct pfs_statistics statistics;
    int rc = pfs_checker_first(c, name, err);

    if (path == NULL)
        return pfs_arena_full(&c->arena, err);
    if (rc > 0)
        rc = pfs_checker_look(c, c->want->store, path, PFS_NO_NUMBER, err);
    if (rc > 0)
        rc = pfs_checker_failed(
            c, path, pfs_statistics_load(c->want->store, c->want->table, name, &c->arena, &statistics, err), err);
    return rc < 0 ? rc : 0;
}

/* A changelog may have gone before its snapshot's tag. */
static int check_state(struct pfs_checker *c, const struct pfs_snapshot *s, bool tagged, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    bool whole = true;
    int rc;

    assert(c->by != NULL);
    rc = pfs_schemas_get(c->want->schemas, s->schema_id, &schema, err);

    if (rc < 0)
        return pfs_checker_failed(c, c->by->path, rc, err);
    PFS_TRY(pfs_check_list(c, s->base_list, s->base_list_size, &whole, err));
    PFS_TRY(pfs_check_list(c, s->delta_list, s->delta_list_size, &whole, err));
    if (s->changelog_list != NULL && !tagged) {
        PFS_TRY(pfs_check_list(c, s->changelog_list, s->changelog_list_size, &whole, err));
        PFS_TRY(pfs_check_list_files(c, s->changelog_list, false, true, err));
    }
    if (s->statistics != NULL)
        PFS_TRY(check_statistics(c, s->statistics, err));
    return whole ? check_live(c, s, schema, err) : 0;
}

/* ---- all of them ---- */

static int check_tags(struct pfs_checker *c, struct pfs_err *err)
{
    const struct pfs_check *want = c->want;
    const char **names;
    int64_t count;

    PFS_TRY(pfs_tag_list(want->store, want->meta, &c->arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_snapshot s;
        int rc;

        PFS_TRY(name_it(c, pfs_arena_printf(&c->arena, "tag %s", names[i]),
                        pfs_arena_printf(&c->arena, "%s/tag/tag-%s", want->meta, names[i]), err));
        rc = pfs_tag_load(want->store, want->meta, names[i], &c->arena, &s, NULL, err);
        if (rc == -ENOENT)
            continue;
        c->sum->tags++;
        PFS_TRY(rc < 0 ? pfs_checker_failed(c, c->by->path, rc, err) : check_state(c, &s, true, err));
    }
    return 0;
}

static int check_snapshot(struct pfs_checker *c, int64_t id, struct pfs_err *err)
{
    const struct pfs_check *want = c->want;
    struct pfs_snapshot s;
    int rc;

    PFS_TRY(name_it(c, pfs_arena_printf(&c->arena, "snapshot %lld", (long long)id),
                    pfs_arena_printf(&c->arena, "%s/snapshot/snapshot-%lld", want->meta, (long long)id), err));
    rc = pfs_snapshot_load(want->store, want->meta, id, &c->arena, &s, NULL, err);
    if (rc == -ENOENT)
        return 0;
    c->sum->snapshots++;
    if (rc < 0)
        return pfs_checker_failed(c, c->by->path, rc, err);
    if (s.id != id)
        pfs_checker_tell(c, PFS_FINDING_DAMAGED, c->by->path, "it says that it is snapshot %lld", (long long)s.id);
    return check_state(c, &s, false, err);
}

/* From the newest on: it is the last one to expire. */
static int check_snapshots(struct pfs_checker *c, struct pfs_err *err)
{
    int64_t *ids, count;

    PFS_TRY(pfs_snapshot_list(c->want->store, c->want->meta, &c->arena, &ids, &count, err));
    for (int64_t i = count - 1; i >= 0; i--) {
        if (pfs_cancelled(c->want->cancel))
            return -ECANCELED;
        PFS_TRY(check_snapshot(c, ids[i], err));
        if (i > 0 && ids[i - 1] + 1 != ids[i])
            pfs_checker_note(c, PFS_FINDING_GAP, c->by->path, "the one before it is snapshot %lld",
                             (long long)ids[i - 1]);
    }
    return 0;
}

/* Of a changelog that outlived its snapshot only what it tells of is sure to be there. */
static int check_changelog(struct pfs_checker *c, const struct pfs_snapshot *s, struct pfs_err *err)
{
    const char *list = s->changelog_list;
    bool whole = true;

    assert(c->by != NULL);
    if (list == NULL && c->want->has_producer)
        return 0;
    if (list == NULL)
        list = s->delta_list;
    PFS_TRY(pfs_check_list(c, list, PFS_NO_NUMBER, &whole, err));
    return pfs_check_list_files(c, list, s->changelog_list == NULL, s->changelog_list != NULL, err);
}

static int check_changelogs(struct pfs_checker *c, struct pfs_err *err)
{
    const struct pfs_check *want = c->want;
    int64_t *ids, count;

    PFS_TRY(pfs_changelog_list(want->store, want->meta, &c->arena, &ids, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_snapshot s;
        int rc;

        PFS_TRY(name_it(c, pfs_arena_printf(&c->arena, "changelog %lld", (long long)ids[i]),
                        pfs_arena_printf(&c->arena, "%s/changelog/changelog-%lld", want->meta, (long long)ids[i]),
                        err));
        rc = pfs_changelog_load(want->store, want->meta, ids[i], &c->arena, &s, err);
        if (rc == -ENOENT)
            continue;
        c->sum->changelogs++;
        PFS_TRY(rc < 0 ? pfs_checker_failed(c, c->by->path, rc, err) : check_changelog(c, &s, err));
    }
    return 0;
}

static int check_consumers(struct pfs_checker *c, struct pfs_err *err)
{
    const char **names;
    int64_t count, next;

    c->by = NULL;
    PFS_TRY(pfs_consumer_list(c->want->store, c->want->meta, &c->arena, &names, &count, err));
    for (int64_t i = 0; i < count; i++) {
        const char *path = pfs_arena_printf(&c->arena, "%s/consumer/consumer-%s", c->want->meta, names[i]);
        int rc = pfs_consumer_load(c->want->store, c->want->meta, names[i], &next, err);

        if (path == NULL)
            return pfs_arena_full(&c->arena, err);
        if (rc != -ENOENT)
            PFS_TRY(pfs_checker_failed(c, path, rc, err));
    }
    return 0;
}

/* ---- hints ---- */

static bool is_there(const struct pfs_check *want, int64_t id, struct pfs_arena *arena)
{
    const char *path = pfs_arena_printf(arena, "%s/snapshot/snapshot-%lld", want->meta, (long long)id);
    struct pfs_stat st;

    return path == NULL || pfs_store_stat(want->store, path, &st, NULL) != -ENOENT;
}

/* Paimon believes LATEST when the next id is not there, and EARLIEST when its own is (spec layout 4). */
static int check_hints(struct pfs_checker *c, struct pfs_err *err)
{
    const struct pfs_check *want = c->want;
    const char *path = pfs_arena_printf(&c->arena, "%s/snapshot/", want->meta);
    int64_t *ids, count, latest, earliest;

    c->by = NULL;
    if (path == NULL)
        return pfs_arena_full(&c->arena, err);
    PFS_TRY(pfs_snapshot_list(want->store, want->meta, &c->arena, &ids, &count, err));
    if (count == 0)
        return 0;
    assert(ids[0] <= ids[count - 1]);
    latest = pfs_hint_read(want->store, want->meta, "snapshot", "LATEST");
    if (latest > 0 && latest != ids[count - 1] && latest < INT64_MAX && !is_there(want, latest + 1, &c->arena) &&
        (latest < ids[count - 1] || !is_there(want, latest, &c->arena)))
        pfs_checker_tell(c, PFS_FINDING_HINT, pfs_arena_printf(&c->arena, "%sLATEST", path),
                         "it leads to snapshot %lld, and the newest one is %lld", (long long)latest,
                         (long long)ids[count - 1]);
    earliest = pfs_hint_read(want->store, want->meta, "snapshot", "EARLIEST");
    if (earliest > ids[0] && earliest <= ids[count - 1])
        pfs_checker_note(c, PFS_FINDING_HINT, pfs_arena_printf(&c->arena, "%sEARLIEST", path),
                         "it says %lld, and snapshot %lld is there", (long long)earliest, (long long)ids[0]);
    return 0;
}

static int run(struct pfs_checker *c, struct pfs_err *err)
{
    PFS_TRY(check_schemas(c, err));
    PFS_TRY(check_tags(c, err));
    PFS_TRY(check_snapshots(c, err));
    PFS_TRY(check_changelogs(c, err));
    PFS_TRY(check_consumers(c, err));
    PFS_TRY(check_hints(c, err));
    return pfs_check_files(c, err);
}

int pfs_check_run(const struct pfs_check *check, struct pfs_check_sum *out, struct pfs_err *err)
{
    struct pfs_checker c = {.want = check, .sum = out};
    struct pfs_err none = {0};
    int rc;

    assert(check->table != NULL);
    assert(check->meta != NULL);
    *out = (struct pfs_check_sum){0};
    pfs_arena_init(&c.arena, 0);
    pfs_nameset_init(&c.seen, &c.arena);
    rc = run(&c, err != NULL ? err : &none);
    pfs_arena_done(&c.arena);
    return rc;
}
