/* backlog.c - what a writer of a table would compact after its commit.
 *
 * Commits are counted from one look to the next, so that a look costs what was committed since. The first look counts
 * back to the newest compaction, at most as far as it matters. A commit that has expired counts: it was there. */
#include <assert.h>
#include <errno.h>
#include <strings.h>

#include "base/clock.h"
#include "src/table/internal.h"

#define STOP_ABOVE_TRIGGER 3

/* ---- full-compaction.delta-commits ---- */

/* After how many commits all is compacted to the top; 0 = never for their number. Tables whose changelog such
 * compactions make have it after each. */
static int commits_wanted(const struct pfs_schema *schema, int64_t *out, struct pfs_err *err)
{
    const char *producer = pfs_options_get(&schema->options, "changelog-producer");
    bool tells = producer != NULL && strcasecmp(producer, "full-compaction") == 0;

    PFS_TRY(pfs_options_int(&schema->options, "full-compaction.delta-commits", tells ? 1 : 0, out, err));
    if (*out < 0 || (tells && *out == 0))
        *out = tells;
    return 0;
}

/* 1: a commit with rows; 0: another one; -ENOENT: it has expired. */
static int brings_rows(const struct pfs_table_parts *parts, int64_t id, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;

    PFS_TRY(pfs_snapshot_load(parts->store, parts->meta, id, arena, &snapshot, NULL, err));
    return snapshot.kind == PFS_COMMIT_APPEND || snapshot.kind == PFS_COMMIT_OVERWRITE;
}

/* Counted the first time: back to the newest compaction. */
static int count_back(const struct pfs_table_parts *parts, int64_t latest, int64_t limit, struct pfs_arena *arena,
                      struct pfs_commits *c, struct pfs_err *err)
{
    int rc = 1;

    assert(limit > 0);
    c->count = 0;
    for (int64_t id = latest; rc > 0 && id > 0 && c->count < limit; id--) {
        rc = brings_rows(parts, id, arena, err);
        c->count += rc > 0;
    }
    return rc < 0 && rc != -ENOENT ? rc : 0;
}

static int count_on(const struct pfs_table_parts *parts, int64_t latest, int64_t limit, struct pfs_arena *arena,
                    struct pfs_commits *c, struct pfs_err *err)
{
    int64_t from = latest - c->seen > limit ? latest - limit : c->seen;

    assert(c->seen > 0);
    assert(c->seen <= latest);
    for (int64_t id = from + 1; id <= latest && c->count < limit; id++) {
        int rc = brings_rows(parts, id, arena, err);

        if (rc < 0 && rc != -ENOENT)
            return rc;
        c->count += rc != 0;
    }
    return 0;
}

static int count_commits(struct pfs_table *table, const struct pfs_state *state, struct pfs_arena *arena,
                         struct pfs_commits *c, bool *due, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    int64_t limit, latest = state->exists ? state->snapshot.id : 0;

    *due = false;
    PFS_TRY(commits_wanted(state->schema, &limit, err));
    if (limit == 0 || latest == 0)
        return 0;
    if (c->seen == 0 || c->seen > latest)
        PFS_TRY(count_back(&parts, latest, limit, arena, c, err));
    else
        PFS_TRY(count_on(&parts, latest, limit, arena, c, err));
    assert(c->count >= 0);
    assert(limit > 0);
    c->seen = latest;
    *due = c->count >= limit;
    return 0;
}

/* ---- runs ---- */

static int read_bounds(const struct pfs_schema *schema, struct pfs_backlog *out, struct pfs_err *err)
{
    const struct pfs_options *o = &schema->options;

    if (schema->primary_keys == 0)
        return 0;
    PFS_TRY(pfs_options_int(o, "num-sorted-run.compaction-trigger", 5, &out->trigger, err));
    PFS_TRY(pfs_options_int(o, "num-sorted-run.stop-trigger", out->trigger + STOP_ABOVE_TRIGGER, &out->stop, err));
    if (out->stop < out->trigger) /* or writers would wait for a compaction that is not due */
        out->stop = out->trigger;
    return 0;
}

/* Who compacts the table is somebody else, or nobody yet. */
static int check_ours(const struct pfs_schema *schema, bool batch, struct pfs_err *err)
{
    bool evolves;

    if (schema->write_only)
        return pfs_fail(err, EPERM, "write-only = true: another process compacts it");
    if (schema->buckets == PFS_POSTPONE_BUCKET)
        return pfs_fail(err, EPERM, "bucket = -2 (postpone): CALL sys.compact gives its rows buckets");
    if (schema->lookup_mode)
        return pfs_fail(err, EPERM, "tables in lookup mode are compacted by each of their commits");
    PFS_TRY(pfs_options_bool(&schema->options, "data-evolution.enabled", false, &evolves, err));
    if (evolves) /* it would be in the way of whoever updates columns, whose commit then fails */
        return pfs_fail(err, EPERM, "data-evolution.enabled = true: CALL sys.compact compacts it");
    if (batch && schema->primary_keys == 0 && schema->buckets < 0)
        return pfs_fail(err, EPERM, "append tables without buckets are compacted by themselves");
    return 0;
}

static int look(struct pfs_table *table, struct pfs_state *state, bool batch, struct pfs_arena *arena,
                struct pfs_commits *commits, struct pfs_backlog *out, struct pfs_err *err)
{
    int64_t now_ms = pfs_clock_now_ms(pfs_table_parts(table).clock);
    struct pfs_jobs_want want = {
        .state = state, .bucket = -1, .now_ms = now_ms, .zone_ms = pfs_clock_local_ms(now_ms) - now_ms};
    struct pfs_compact_job *job;
    struct pfs_err why = {0};
    int32_t jobs = 0;
    int rc;

    PFS_TRY(pfs_shape_count(state, arena, &out->shape, err));
    PFS_TRY(read_bounds(state->schema, out, err));
    if (check_ours(state->schema, batch, &out->why_not) < 0)
        return 0;
    PFS_TRY(count_commits(table, state, arena, commits, &out->full, err));
    want.full = out->full;
    rc = pfs_jobs_make(&want, arena, &job, &jobs, &why);
    if (rc == -EOPNOTSUPP) {
        out->why_not = why;
        return 0;
    }
    if (rc < 0 && err != NULL)
        *err = why;
    assert(jobs >= 0);
    assert(rc < 0 || jobs <= state->files);
    out->jobs = jobs;
    if (out->full && jobs == 0) /* all is at the top */
        commits->count = 0;
    return rc;
}

int pfs_table_backlog(struct pfs_table *table, bool batch, struct pfs_commits *commits, struct pfs_backlog *out,
                      struct pfs_err *err)
{
    struct pfs_backlog backlog = {0};
    struct pfs_state *state;
    struct pfs_arena arena;
    int rc;

    PFS_TRY(pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &state, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    backlog.snapshot = state->exists ? state->snapshot.id : 0;
    rc = look(table, state, batch, &arena, commits, &backlog, err);
    if (rc < 0)
        rc = pfs_state_failure(state, rc, err);
    pfs_arena_done(&arena);
    pfs_state_unref(state);
    if (rc == 0)
        *out = backlog;
    return rc;
}
