/* compact.c - a table's buckets compacted: planned on the newest state, carried out on the pool, published as one
 * COMPACT snapshot.
 *
 *   state -> jobs -> each job on its share of the budget -> entries of all -> published, or all files taken back
 *
 * Jobs share nothing but the compactor, which nobody changes; each has its arena and its result, until it is gathered.
 * All go into one snapshot or none does: what one of them could not do is not worth the others' conflict with the next
 * writer. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/quiet.h"
#include "base/uuid.h"
#include "src/table/gather.h"
#include "src/table/internal.h"
#include "src/table/postponed.h"

#define ATTEMPTS 4 /* somebody else may compact the same buckets */
#define MEMORY_DEFAULT ((size_t)256 << 20)
#define MEMORY_SHARE 4
#define SPILL_DIRECTORY "/var/tmp"
#define JOBS_MANY 10000 /* leave many small pieces of memory */
#define JOBS_MAX 1024   /* at a time: each has an arena while it is under way */

struct compaction {
    const struct pfs_compact_want *want;
    struct pfs_table_parts parts;
    struct pfs_budget budget; /* of one job */
    struct pfs_state *state;
    struct pfs_compactor *compactor;
    struct pfs_arena arena; /* jobs */
    int32_t jobs;
    struct pfs_compact_job *job;
    int32_t from; /* the first of the jobs that are under way */
    struct job_result {
        struct pfs_arena arena;
        struct pfs_compacted done;
        int rc;
    } * result;     /* of these */
    int32_t failed; /* the first job that did; INT32_MAX = none. Guarded by `lock`, as the next two */
    int rc;
    struct pfs_err err;
    struct pfs_gathered gathered;
    struct pfs_manifest_entry *entry; /* of all jobs: DELETEs, then ADDs */
    int64_t entries;
    struct pfs_manifest_entry *changelog;
    int64_t changelogs;
    struct pfs_placing_want placing; /* of a table with bucket = -2 */
    struct pfs_placed placed;
    uint64_t placed_sum;
    pthread_mutex_t lock; /* guards `done_rows`, the caller's progress function and what failed */
    int64_t done_rows, rows;
};

/* ---- carrying out ---- */

static void progress(void *context, int64_t rows)
{
    struct compaction *c = context;

    assert(rows >= 0);
    pthread_mutex_lock(&c->lock);
    c->done_rows += rows;
    assert(c->done_rows <= c->rows);
    if (c->want->progress != NULL)
        c->want->progress(c->want->context, c->done_rows, c->rows);
    pthread_mutex_unlock(&c->lock);
}

/* Lock held, or alone. */
static void note_failure(struct compaction *c, int32_t job, int rc, const struct pfs_err *err)
{
    assert(rc < 0);
    if (job >= c->failed)
        return;
    c->failed = job;
    c->rc = rc;
    c->err = *err;
}

static void run_job(void *context, int index)
{
    struct compaction *c = context;
    struct job_result *r = &c->result[index];
    struct pfs_err err = {0};

    assert(index >= 0);
    assert(index < JOBS_MAX);
    assert(c->from + index < c->jobs);
    *r = (struct job_result){0};
    pfs_arena_init_small(&r->arena, PFS_ARENA_LIMIT);
    if (pfs_cancelled(c->want->cancel))
        r->rc = -ECANCELED;
    else
        r->rc = pfs_compact_run(c->compactor, &c->job[c->from + index], c->budget, &r->arena, &r->done, &err);
    if (r->rc >= 0)
        return;
    pthread_mutex_lock(&c->lock);
    note_failure(c, c->from + index, r->rc, &err);
    pthread_mutex_unlock(&c->lock);
}

/* What could be made is gathered whatever failed: it is undone with the rest. */
static void gather(struct compaction *c, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        struct job_result *r = &c->result[i];
        struct pfs_err err = {0};
        int rc = r->rc < 0 ? 0 : pfs_gathered_take(&c->gathered, &r->done, &r->arena, &err);

        if (rc < 0) {
            note_failure(c, c->from + i, rc, &err);
            pfs_compact_undo(c->compactor, &r->done);
        }
        pfs_arena_done(&r->arena);
    }
}

static int64_t bytes_of(const struct pfs_compact_job *job)
{
    int64_t bytes = 0;

    for (int32_t i = 0; i < job->files; i++)
        bytes += job->file[i].entry->file.size;
    return bytes;
}

static int compare_files(const void *left, const void *right)
{
    const struct pfs_compact_job *a = left, *b = right;

    return (a->files < b->files) - (a->files > b->files);
}

/* The jobs with most files, as far as the bytes go. How many are left? */
static int32_t choose(struct compaction *c)
{
    int32_t count = 0, left;
    int64_t bytes = 0;

    if (c->want->bytes_max <= 0 || c->jobs < 2)
        return 0;
    qsort(c->job, (size_t)c->jobs, sizeof(*c->job), compare_files);
    while (count < c->jobs && (count == 0 || bytes + bytes_of(&c->job[count]) <= c->want->bytes_max))
        bytes += bytes_of(&c->job[count++]);
    assert(count > 0);
    left = c->jobs - count;
    c->jobs = count;
    return left;
}

static int plan(struct compaction *c, int64_t *left, struct pfs_err *err)
{
    /* As a writer of the real buckets would: Paimon compacts such a table no further either. */
    bool postponed = c->state->schema->buckets == PFS_POSTPONE_BUCKET;
    struct pfs_compactor_config config = {.state = c->state,
                                          .clock = c->parts.clock,
                                          .pool = c->parts.pool,
                                          .cancel = c->want->cancel,
                                          .now_ms = pfs_clock_now_ms(c->parts.clock),
                                          .silent = c->want->silent,
                                          .progress = progress,
                                          .context = c};
    struct pfs_jobs_want want = {.state = c->state,
                                 .full = c->want->full && !postponed,
                                 .fresh = c->want->fresh,
                                 .specs = c->want->specs,
                                 .spec = c->want->spec,
                                 .where = c->want->where,
                                 .idle_ms = c->want->idle_ms,
                                 .order = c->want->order,
                                 .bucket = c->want->one_bucket ? c->want->bucket : -1,
                                 .now_ms = config.now_ms,
                                 .zone_ms = pfs_clock_local_ms(config.now_ms) - config.now_ms};

    PFS_TRY(pfs_jobs_make(&want, &c->arena, &c->job, &c->jobs, err));
    *left = 0;
    if (c->jobs == 0)
        return 0;
    *left = choose(c);
    for (int32_t i = 0; i < c->jobs; i++)
        c->rows += c->job[i].rows;
    c->result = pfs_alloc_array((size_t)(c->jobs < JOBS_MAX ? c->jobs : JOBS_MAX), sizeof(*c->result));
    if (c->result == NULL)
        return pfs_fail(err, ENOMEM, "no memory for the compaction of %d buckets", c->jobs);
    return pfs_compactor_open(&config, &c->compactor, err);
}

static void run_all(void *context)
{
    struct compaction *c = context;

    for (int32_t count; c->from < c->jobs && c->failed == INT32_MAX; c->from += count) {
        count = c->jobs - c->from < JOBS_MAX ? c->jobs - c->from : JOBS_MAX;
        pfs_pool_run(c->parts.pool, count, run_job, c);
        gather(c, count);
    }
}

/* Each job on its own share of the budget; as many run at once as there are threads. */
static int run_jobs(struct compaction *c, struct pfs_budget budget, struct pfs_err *err)
{
    int32_t threads = c->parts.pool != NULL ? pfs_pool_threads(c->parts.pool) : 1;

    assert(threads > 0);
    assert(c->jobs > 0);
    c->budget = pfs_budget_share(budget, (size_t)(c->jobs < threads ? c->jobs : threads));
    if (c->want->quiet)
        pfs_quiet_run(run_all, c);
    else
        run_all(c);
    if (c->failed == INT32_MAX)
        return 0;
    if (err != NULL)
        *err = c->err;
    return pfs_state_failure(c->state, c->rc, err);
}

static int collect(struct compaction *c, struct pfs_err *err)
{
    PFS_TRY(pfs_gathered_entries(&c->gathered, &c->entry, &c->entries, err));
    c->changelog = c->gathered.changelog;
    c->changelogs = c->gathered.changelogs;
    return 0;
}

/* ---- rows that have no bucket yet ---- */

/* Makes files of level 0 of them; in lookup mode, where nobody sees those, they are compacted in the same step. */
static int place(struct compaction *c, struct pfs_budget budget, struct pfs_err *err)
{
    const struct pfs_compact_want *want = c->want;
    struct pfs_state *with;

    if (want->specs > 0 || want->where != NULL || want->idle_ms > 0 || want->one_bucket)
        return pfs_fail(err, EOPNOTSUPP, "Postpone bucket compaction currently does not support specifying partitions");
    c->placing = (struct pfs_placing_want){.parts = c->parts, .memory_bytes = budget.bytes / 2, .cancel = want->cancel};
    PFS_TRY(pfs_postponed_place(&c->placing, c->state, &c->placed, err));
    if (c->placed.gones == 0) {
        pfs_placed_done(&c->placing, c->state, &c->placed, PFS_PLACED_UNDO);
        return 0;
    }
    c->placed_sum = pfs_placed_sum(c->state);
    PFS_TRY(pfs_state_placed(c->state, c->placed.entry, c->placed.entries, &with, err));
    pfs_state_unref(c->state);
    c->state = with;
    return 0;
}

/* Its rows, and those that the jobs made of them, are one change. */
static int combine(struct compaction *c, struct pfs_err *err)
{
    struct pfs_manifest_entry *all;

    if (c->placed.gones == 0)
        return 0;
    PFS_TRY(pfs_placed_combine(&c->placed, c->entry, c->entries, err));
    c->entry = c->placed.change;
    c->entries = c->placed.changes;
    all = pfs_arena_array(&c->arena, (size_t)(c->placed.changelogs + c->changelogs), sizeof(*all));
    if (all == NULL)
        return pfs_arena_full(&c->arena, err);
    for (int64_t i = 0; i < c->placed.changelogs; i++)
        all[i] = c->placed.changelog[i];
    for (int64_t i = 0; i < c->changelogs; i++)
        all[c->placed.changelogs + i] = c->changelog[i];
    c->changelog = all;
    c->changelogs += c->placed.changelogs;
    return 0;
}

/* ---- publishing ---- */

/* The entries do not depend on the state: that the files which go are still there is checked when it is published; what
 * was looked at beside them, here. */
static int prepare(void *context, struct pfs_state *state, struct pfs_change *out, struct pfs_err *err)
{
    const struct compaction *c = context;

    for (int32_t i = 0; i < c->jobs; i++)
        PFS_TRY(pfs_compact_check(c->compactor, &c->job[i], state, err));
    if (c->placed.gones > 0 && pfs_placed_sum(state) != c->placed_sum)
        return pfs_fail(err, EBUSY, "somebody else wrote to the buckets meanwhile");
    /* Paimon puts rows in order by overwriting their partitions with themselves. */
    *out = (struct pfs_change){.kind = c->want->order != NULL ? PFS_COMMIT_OVERWRITE : PFS_COMMIT_COMPACT,
                               .entries = c->entries,
                               .entry = c->entry,
                               .changelogs = c->changelogs,
                               .changelog = c->changelog,
                               .indexes = c->gathered.indexes,
                               .index = c->gathered.index};
    return 0;
}

/* A compaction that belongs to a commit has its user and number: who looks for that commit finds both. */
static int publish(struct pfs_table *table, struct compaction *c, int64_t *id, bool *unclear, struct pfs_err *err)
{
    char user[PFS_UUID_TEXT];
    struct pfs_publish publish = {
        .user = user, .identifier = PFS_BATCH_IDENTIFIER, .cancel = c->want->cancel, .context = c, .prepare = prepare};

    pfs_uuid_make(user);
    if (c->want->user != NULL) {
        publish.user = c->want->user;
        publish.identifier = c->want->identifier;
    }
    return pfs_table_publish(table, &publish, id, unclear, err);
}

static void report(const struct compaction *c, struct pfs_compact_result *out)
{
    for (int64_t i = 0; i < c->entries; i++) {
        const struct pfs_manifest_entry *e = &c->entry[i];

        *(e->deleted ? &out->removed : &out->added) += 1;
        *(e->deleted ? &out->old_rows : &out->rows) += e->file.rows;
        *(e->deleted ? &out->old_bytes : &out->bytes) += e->file.size;
    }
}

/* Files that no snapshot names go, unless the outcome of the attempt is not known. */
static void done(struct compaction *c, bool keep, bool published)
{
    if (c->placed.gones > 0)
        pfs_placed_done(&c->placing, c->state, &c->placed,
                        published ? PFS_PLACED_PUBLISHED
                        : keep    ? PFS_PLACED_KEEP
                                  : PFS_PLACED_UNDO);
    if (!keep)
        pfs_gathered_undo(&c->gathered, c->compactor);
    pfs_gathered_done(&c->gathered);
    pfs_free(c->result);
    pfs_compactor_close(c->compactor);
    pfs_state_unref(c->state);
    pfs_arena_done(&c->arena);
    if (c->jobs >= JOBS_MANY)
        pfs_mem_trim();
    pthread_mutex_destroy(&c->lock);
}

/* -EBUSY: somebody else took files meanwhile. */
static int attempt(struct pfs_table *table, const struct pfs_compact_want *want, struct pfs_budget budget,
                   struct pfs_compact_result *out, struct pfs_err *err)
{
    struct compaction c = {.want = want, .parts = pfs_table_parts(table), .failed = INT32_MAX};
    bool unclear = false;
    int rc;

    if (want->quiet)
        c.parts.pool = NULL;
    pthread_mutex_init(&c.lock, NULL);
    pfs_arena_init(&c.arena, PFS_ARENA_LIMIT);
    pfs_gathered_init(&c.gathered);
    rc = pfs_table_state(table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &c.state, err);
    if (rc == 0) {
        out->seen = c.state->exists ? c.state->snapshot.id : 0;
        rc = c.state->schema->buckets == PFS_POSTPONE_BUCKET ? place(&c, budget, err) : 0;
    }
    if (rc == 0)
        rc = plan(&c, &out->left, err);
    if (rc == 0 && c.jobs > 0)
        rc = run_jobs(&c, budget, err);
    if (rc == 0)
        rc = collect(&c, err);
    if (rc == 0)
        rc = combine(&c, err);
    if (rc == 0 && c.entries > 0)
        rc = publish(table, &c, &out->snapshot, &unclear, err);
    assert(out->snapshot == 0 || c.entries > 0);
    if (out->snapshot != 0)
        report(&c, out);
    done(&c, out->snapshot != 0 || unclear, out->snapshot != 0);
    return unclear && rc == -EBUSY ? -EIO : rc;
}

/* Compactions of a table in lookup mode look at files beside their own: one at a time, so that none is in vain. */
static int attempts(struct pfs_table *table, const struct pfs_compact_want *want, struct pfs_budget budget,
                    struct pfs_compact_result *out, struct pfs_err *err)
{
    const struct pfs_schema *schema;
    int rc = -EBUSY;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    if (schema->lookup_mode)
        pfs_table_lock_compaction(table);
    for (int i = 0; i < (want->once ? 1 : ATTEMPTS) && (rc == -EBUSY || rc == -ESTALE); i++)
        rc = attempt(table, want, budget, out, err);
    if (schema->lookup_mode)
        pfs_table_unlock_compaction(table);
    return rc;
}

int pfs_table_compact(struct pfs_table *table, const struct pfs_compact_want *want, struct pfs_compact_result *out,
                      struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    size_t memory = parts.memory_bytes > 0 ? parts.memory_bytes : MEMORY_DEFAULT;
    struct pfs_budget budget = want->budget;
    struct pfs_store *spill = NULL;
    int rc;

    *out = (struct pfs_compact_result){0};
    if (budget.bytes == 0)
        budget.bytes = memory / MEMORY_SHARE;
    if (budget.spill == NULL && pfs_store_open_posix(SPILL_DIRECTORY, &spill, NULL) == 0)
        budget.spill = spill;
    rc = attempts(table, want, budget, out, err);
    if (rc == 0 && err != NULL)
        pfs_err_clear(err); /* of attempts that failed */
    pfs_store_close(spill);
    if (out->snapshot != 0 && !want->fresh)                          /* a commit has its own upkeep */
        (void)pfs_table_maintain(table, PFS_BATCH_IDENTIFIER, NULL); /* the compaction stands in any case */
    return rc;
}

int pfs_table_settle(struct pfs_table *table, const struct pfs_settle *settle, struct pfs_err *err)
{
    struct pfs_compact_want want = {
        .fresh = true, .user = settle->user, .identifier = settle->identifier, .silent = settle->overwrite};
    struct pfs_compact_result result;
    const struct pfs_schema *schema;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    if (!schema->lookup_mode || schema->write_only || schema->buckets == PFS_POSTPONE_BUCKET)
        return 0;
    return pfs_table_compact(table, &want, &result, err);
}
