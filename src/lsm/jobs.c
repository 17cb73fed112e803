/* jobs.c - the buckets of a state, their runs, and what is to be done with each.
 *
 * A job owns whole files of one bucket, and no file is in two jobs: the list of jobs has room for one a live file.
 * Facts of a job point into the plan and the state, which outlive it. Of a keyed bucket the files are sorted twice:
 * newest first for the pick, which takes a prefix of runs, then by smallest key for the sections of what was picked. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/lsm/internal.h"

#define HOUR_MS ((int64_t)3600 * 1000)

struct planning {
    const struct pfs_jobs_want *want;
    struct pfs_arena *arena;
    struct pfs_pick_rules rules;
    struct pfs_append_rules append;
    struct pfs_order *cluster; /* NULL: the table has none */
    bool evolved;              /* data evolution */
    struct pfs_compact_job *job;
    int32_t jobs;
};

/* ---- what is not there yet ---- */

static int check_supported(struct planning *p, struct pfs_err *err)
{
    const struct pfs_schema *schema = p->want->state->schema;
    struct pfs_schema real = *schema;
    int32_t *column;
    bool set;

    PFS_TRY(pfs_evolved_is_on(schema, &p->evolved, err));
    PFS_TRY(pfs_options_bool(&schema->options, "clustering.incremental", false, &set, err));
    if (set && !pfs_cluster_is_on(schema))
        return pfs_fail(err, EOPNOTSUPP, "clustering.incremental = true: cannot be compacted yet");
    if (p->evolved && p->want->order != NULL)
        return pfs_fail(err, EOPNOTSUPP, "Data Evolution table cannot be sorted!");
    if (p->evolved)
        PFS_TRY(pfs_evolved_narrow(schema, p->arena, &column, &real, err));
    if (real.buckets == PFS_POSTPONE_BUCKET) /* what writes without a bucket may do is less than what is done here */
        real.buckets = 1;
    return pfs_schema_supported(&real, true, err);
}

/* ---- which buckets ---- */

/* 1, 0, or an error. */
static int where_matches(const struct planning *p, const struct pfs_split *split, struct pfs_err *err)
{
    const struct pfs_schema *schema = p->want->state->schema;
    struct pfs_batch row = {1, schema->partition_keys, (struct pfs_column *)(uintptr_t)split->value};
    int32_t *place = pfs_arena_array(p->arena, (size_t)schema->columns, sizeof(*place)), kept;

    if (place == NULL)
        return pfs_arena_full(p->arena, err);
    for (int32_t i = 0; i < schema->columns; i++)
        place[i] = -1;
    for (int32_t i = 0; i < schema->partition_keys; i++)
        place[schema->partition_key[i]] = i;
    return (int)pfs_condition_select(p->want->where, &row, place, p->arena, &kept, err);
}

/* When the partition got its newest file; local wall clock, like the files' own times. INT64_MAX: that is not known. */
static int64_t newest_of(const struct pfs_plan *plan, struct pfs_slice partition)
{
    int64_t newest = INT64_MIN;

    for (int32_t i = 0; i < plan->splits; i++)
        for (int32_t k = 0; k < plan->split[i].files && pfs_slice_eq(plan->split[i].partition, partition); k++) {
            int64_t made_ms = plan->split[i].file[k].entry->file.creation_time_ms;

            made_ms = made_ms == PFS_NO_NUMBER ? INT64_MAX : made_ms;
            newest = made_ms > newest ? made_ms : newest;
        }
    return newest;
}

/* Does its partition match? 1, 0, or an error. */
static int is_wanted(const struct planning *p, const struct pfs_plan *plan, const struct pfs_split *split,
                     struct pfs_err *err)
{
    const struct pfs_jobs_want *want = p->want;
    bool matches = want->specs == 0;

    for (int32_t i = 0; i < want->specs && !matches; i++)
        matches =
            pfs_scan_partition_matches(want->state->schema, split->value, want->spec[i].value, want->spec[i].count);
    if (!matches || (want->bucket >= 0 && split->bucket != want->bucket))
        return 0;
    if (want->idle_ms > 0 && newest_of(plan, split->partition) > want->now_ms + want->zone_ms - want->idle_ms)
        return 0;
    return want->where == NULL ? 1 : where_matches(p, split, err);
}

static struct pfs_compact_job *add_job(struct planning *p, const struct pfs_split *split,
                                       const struct pfs_plan_file *file, int32_t files)
{
    struct pfs_compact_job *job = &p->job[p->jobs];

    assert(files > 0);
    assert(p->jobs < p->want->state->files);
    p->jobs++;
    *job = (struct pfs_compact_job){
        .partition = split->partition, .value = split->value, .bucket = split->bucket, .files = files, .file = file};
    for (int32_t i = 0; i < files; i++)
        job->rows += file[i].entry->file.rows;
    return job;
}

/* ---- primary-key tables ---- */

/* Newest first. Greatest numbers first; of files that were written at once the one that began earlier. */
static int compare_age(const void *left, const void *right)
{
    const struct pfs_data_file *a = &((const struct pfs_plan_file *)left)->entry->file;
    const struct pfs_data_file *b = &((const struct pfs_plan_file *)right)->entry->file;

    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    if (a->level > 0)
        return 0;
    if (a->max_sequence != b->max_sequence)
        return a->max_sequence > b->max_sequence ? -1 : 1;
    if (a->min_sequence != b->min_sequence)
        return a->min_sequence < b->min_sequence ? -1 : 1;
    if (a->creation_time_ms != b->creation_time_ms)
        return a->creation_time_ms < b->creation_time_ms ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int compare_key(const void *left, const void *right)
{
    const struct pfs_plan_file *a = left, *b = right;

    return pfs_keys_compare(&a->min, 0, &b->min, 0);
}

/* `file`, from the lowest level on, as runs. */
static int64_t list_runs(const struct pfs_plan_file *file, int32_t files, struct pfs_pick_run *run)
{
    int64_t runs = 0;

    for (int32_t i = 0; i < files; i++) {
        const struct pfs_data_file *f = &file[i].entry->file;

        assert(i == 0 || file[i - 1].entry->file.level <= f->level); /* newest first, or clustered by number */
        if (i == 0 || f->level == 0 || f->level != run[runs - 1].level)
            run[runs++] = (struct pfs_pick_run){.level = f->level};
        run[runs - 1].bytes += f->size;
        run[runs - 1].files++;
    }
    return runs;
}

/* When the newest file of the top level was made: that was a full compaction. Local wall clock as if it were UTC, like
 * the file's. */
static int64_t last_full(const struct pfs_plan_file *file, int32_t files, int32_t top)
{
    int64_t newest = INT64_MIN;

    for (int32_t i = 0; i < files; i++) {
        const struct pfs_data_file *f = &file[i].entry->file;

        if (f->level == top && f->creation_time_ms > newest)
            newest = f->creation_time_ms;
    }
    return newest;
}

/* All is at the top level: files that need it are rewritten there. */
static int plan_rewrites(struct planning *p, const struct pfs_split *split, int32_t top, struct pfs_err *err)
{
    struct pfs_plan_file *due = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*due));
    int32_t count = 0;

    if (due == NULL)
        return pfs_arena_full(p->arena, err);
    for (int32_t i = 0; i < split->files; i++) {
        bool old = p->rules.rewrite_all || pfs_file_marks(p->want->state, split->file[i].entry) > 0;

        if (!old)
            PFS_TRY(pfs_file_is_old(p->want->state, split->file[i].entry, p->want->now_ms, &old, err));
        if (old)
            due[count++] = split->file[i];
    }
    if (count > 0) {
        struct pfs_compact_job *job = add_job(p, split, due, count);

        job->level = top;
        job->to_top = true;
        job->drop_deletes = true;
        job->alone = true;
    }
    return 0;
}

static int compare_level(const void *left, const void *right)
{
    const struct pfs_plan_file *a = left, *b = right;

    if (a->entry->file.level != b->entry->file.level)
        return a->entry->file.level < b->entry->file.level ? -1 : 1;
    return compare_key(left, right);
}

static bool has_fresh(const struct pfs_split *split)
{
    for (int32_t i = 0; i < split->files; i++)
        if (split->file[i].entry->file.level == 0)
            return true;
    return false;
}

static int plan_bucket(struct planning *p, const struct pfs_split *split, struct pfs_err *err)
{
    struct pfs_plan_file *file = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*file));
    struct pfs_pick_run *run = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*run));
    const struct pfs_schema *schema = p->want->state->schema;
    int64_t local_ms = p->want->now_ms + p->want->zone_ms;
    struct pfs_pick_now now = {(int32_t)(local_ms / HOUR_MS % 24), local_ms, INT64_MIN};
    struct pfs_compact_job *job;
    struct pfs_pick pick;
    int64_t runs, files = 0;
    int32_t top;

    assert(split->files > 0);
    if (file == NULL || run == NULL)
        return pfs_arena_full(p->arena, err);
    memcpy(file, split->file, (size_t)split->files * sizeof(*file));
    qsort(file, (size_t)split->files, sizeof(*file), compare_age);
    runs = list_runs(file, split->files, run);
    top = pfs_pick_top(&p->rules, run, runs);
    now.full_ms = last_full(file, split->files, top);
    pick = p->want->full ? pfs_pick_full(&p->rules, run, runs) : pfs_pick_normal(&p->rules, run, runs, &now);
    if (pick.runs == 0)
        return p->want->full ? plan_rewrites(p, split, top, err) : 0;
    assert(pick.runs <= runs);
    assert(pick.level <= top);
    for (int64_t i = 0; i < pick.runs; i++)
        files += run[i].files;
    assert(files > 0);
    assert(files <= split->files);
    qsort(file, (size_t)files, sizeof(*file), compare_key);
    job = add_job(p, split, file, (int32_t)files);
    job->level = pick.level;
    job->to_top = pick.level == top;
    /* A delete may go when no older record of its key can lie below the output: the output is the oldest run that there
     * is, or deletion vectors have marked the older record. */
    job->drop_deletes = pick.level != 0 && (pick.level >= run[runs - 1].level || schema->deletion_vectors);
    if (schema->lookup_mode) { /* whatever was not picked lies over the output */
        job->uppers = split->files - (int32_t)files;
        job->upper = file + files;
        qsort(file + files, (size_t)job->uppers, sizeof(*file), compare_level);
    }
    return 0;
}

/* ---- append tables ---- */

static int64_t *sizes_of(struct planning *p, const struct pfs_plan_file *file, int32_t files)
{
    int64_t *bytes = pfs_arena_array(p->arena, (size_t)files, sizeof(*bytes));

    for (int32_t i = 0; bytes != NULL && i < files; i++)
        bytes[i] = file[i].entry->file.size;
    return bytes;
}

static int plan_appended_bucket(struct planning *p, const struct pfs_split *split, struct pfs_err *err)
{
    int64_t *bytes = sizes_of(p, split->file, split->files);
    bool *marked = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*marked));
    struct pfs_pick_files pick;

    if (bytes == NULL || marked == NULL)
        return pfs_arena_full(p->arena, err);
    for (int32_t i = 0; i < split->files; i++)
        marked[i] = pfs_file_marks(p->want->state, split->file[i].entry) > 0;
    pick = pfs_pick_bucket(&p->append, bytes, marked, split->files, p->want->full);
    if (pick.count > 0)
        (void)add_job(p, split, &split->file[pick.from], (int32_t)pick.count);
    return 0;
}

static int compare_size(const void *left, const void *right)
{
    const struct pfs_data_file *a = &((const struct pfs_plan_file *)left)->entry->file;
    const struct pfs_data_file *b = &((const struct pfs_plan_file *)right)->entry->file;

    if (a->size != b->size)
        return a->size < b->size ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int plan_appended(struct planning *p, const struct pfs_split *split, struct pfs_err *err)
{
    struct pfs_plan_file *small = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*small));
    struct pfs_plan_file *marked = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*marked));
    struct pfs_pick_files pick = {0, 0};
    int32_t count = 0, marks = 0;
    int64_t *bytes;

    if (small == NULL || marked == NULL)
        return pfs_arena_full(p->arena, err);
    for (int32_t i = 0; i < split->files; i++) {
        const struct pfs_data_file *f = &split->file[i].entry->file;
        int64_t gone = pfs_file_marks(p->want->state, split->file[i].entry);

        if (f->size >= p->append.small_bytes && !((double)gone > p->append.deletes_share * (double)f->rows))
            continue;
        if (gone > 0)
            marked[marks++] = split->file[i];
        else
            small[count++] = split->file[i];
    }
    if (marks > 0) /* one job, for it writes the partition's vectors anew */
        (void)add_job(p, split, marked, marks);
    qsort(small, (size_t)count, sizeof(*small), compare_size);
    bytes = sizes_of(p, small, count);
    if (bytes == NULL)
        return pfs_arena_full(p->arena, err);
    do {
        pick = pfs_pick_bin(&p->append, bytes, count, pick.from + pick.count);
        assert(pick.from + pick.count <= count);
        if (pick.count > 0)
            (void)add_job(p, split, &small[pick.from], (int32_t)pick.count);
    } while (pick.count > 0);
    return 0;
}

/* ---- clustered tables ---- */

static int compare_levels(const void *left, const void *right)
{
    const struct pfs_data_file *a = &((const struct pfs_plan_file *)left)->entry->file;
    const struct pfs_data_file *b = &((const struct pfs_plan_file *)right)->entry->file;

    if (a->level != b->level)
        return a->level < b->level ? -1 : 1;
    return (a->min_sequence > b->min_sequence) - (a->min_sequence < b->min_sequence);
}

/* All of it, but for what is one run at the top and in the order of today already. */
static int pick_full_cluster(const struct planning *p, const struct pfs_plan_file *file, const struct pfs_pick_run *run,
                             int64_t runs, struct pfs_pick *out, struct pfs_err *err)
{
    bool stands = false;

    if (runs == 1 && run->level == p->rules.top)
        PFS_TRY(pfs_cluster_stands(p->want->state, &file->entry->file, &stands, err));
    *out = (struct pfs_pick){stands ? 0 : runs, p->rules.top};
    return 0;
}

static int plan_cluster(struct planning *p, const struct pfs_split *split, struct pfs_err *err)
{
    struct pfs_plan_file *file = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*file));
    struct pfs_pick_run *run = pfs_arena_array(p->arena, (size_t)split->files, sizeof(*run));
    const struct pfs_pick_now now = {0, 0, INT64_MIN};
    struct pfs_compact_job *job;
    struct pfs_pick pick;
    int64_t runs, files = 0;

    if (file == NULL || run == NULL)
        return pfs_arena_full(p->arena, err);
    memcpy(file, split->file, (size_t)split->files * sizeof(*file));
    qsort(file, (size_t)split->files, sizeof(*file), compare_levels);
    runs = list_runs(file, split->files, run);
    if (p->want->full)
        PFS_TRY(pick_full_cluster(p, file, run, runs, &pick, err));
    else
        pick = pfs_pick_normal(&p->rules, run, runs, &now);
    if (pick.runs == 0)
        return 0;
    PFS_TRY(pfs_order_check(p->cluster, err));
    for (int64_t i = 0; i < pick.runs; i++)
        files += run[i].files;
    job = add_job(p, split, file, (int32_t)files);
    job->level = pick.level;
    job->order = p->cluster;
    return 0;
}

/* Of the rules of runs those count that are about sizes and numbers. */
static int read_cluster(struct planning *p, struct pfs_err *err)
{
    p->cluster = pfs_arena_zalloc(p->arena, sizeof(*p->cluster));
    if (p->cluster == NULL)
        return pfs_arena_full(p->arena, err);
    PFS_TRY(pfs_cluster_order(p->want->state->schema, p->arena, p->cluster, err));
    PFS_TRY(pfs_pick_rules_read(p->want->state->schema, &p->rules, err));
    p->rules.interval_ms = p->rules.total_bytes = p->rules.incremental_bytes = -1;
    p->rules.peak_start = p->rules.peak_end = -1;
    p->rules.force_level_0 = false;
    return 0;
}

/* ---- data evolution ---- */

static int plan_evolved(struct planning *p, const struct pfs_split *split, struct pfs_err *err)
{
    struct pfs_pick_files pick = {0, 0};
    struct pfs_evolved e;

    PFS_TRY(pfs_evolved_ranges(&p->append, split, p->arena, &e, err));
    do {
        int64_t files = 0;

        pick = pfs_pick_ranges(&p->append, e.range, e.ranges, pick.from + pick.count);
        for (int64_t i = 0; i < pick.count; i++)
            files += e.range[pick.from + i].files;
        if (pick.count > 0)
            (void)add_job(p, split, &e.file[e.at[pick.from]], (int32_t)files);
    } while (pick.count > 0);
    return 0;
}

/* ---- all ---- */

int pfs_jobs_make(const struct pfs_jobs_want *want, struct pfs_arena *arena, struct pfs_compact_job **out,
                  int32_t *count, struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    struct pfs_scan_want scan = {.state = want->state, .levels = PFS_LEVELS_ALL, .columns = -1};
    struct planning p = {.want = want, .arena = arena};
    struct pfs_plan plan = {0};

    PFS_TRY(check_supported(&p, err));
    if (want->order != NULL && (schema->primary_keys > 0 || schema->buckets > 0))
        return pfs_fail(err, EINVAL, "Sort Compact only supports bucket=-1 yet.");
    if (schema->primary_keys > 0)
        PFS_TRY(pfs_pick_rules_read(schema, &p.rules, err));
    else if (want->order == NULL && pfs_cluster_is_on(schema))
        PFS_TRY(read_cluster(&p, err));
    else
        PFS_TRY(pfs_append_rules_read(schema, &p.append, err));
    PFS_TRY(pfs_plan_make(&scan, NULL, arena, &plan, err));
    p.job = pfs_arena_array(arena, (size_t)want->state->files, sizeof(*p.job));
    if (p.job == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < plan.splits; i++) {
        const struct pfs_split *split = &plan.split[i];
        int wanted = is_wanted(&p, &plan, split, err);

        if (wanted < 0)
            return wanted;
        if (wanted == 0 || (want->fresh && !has_fresh(split)))
            continue;
        if (want->order != NULL)
            add_job(&p, split, split->file, split->files)->order = want->order;
        else if (schema->primary_keys > 0)
            PFS_TRY(plan_bucket(&p, split, err));
        else if (p.cluster != NULL)
            PFS_TRY(plan_cluster(&p, split, err));
        else if (p.evolved)
            PFS_TRY(plan_evolved(&p, split, err));
        else
            PFS_TRY(schema->buckets > 0 ? plan_appended_bucket(&p, split, err) : plan_appended(&p, split, err));
    }
    assert(p.jobs <= want->state->files);
    *out = p.job;
    *count = p.jobs;
    return 0;
}
