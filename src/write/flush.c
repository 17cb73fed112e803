/* flush.c - rows in memory become sorted runs or files, the buckets in parallel.
 *
 * Nothing is gathered before it is sorted: a bucket's rows are ranges of the batches as they came, and go out a batch
 * at a time. With runs there, these and the rows in memory are merged, so that a commit makes few files (spec lsm 2).
 *
 *   hold -> (keys that move: crossed) -> groups, a partition and bucket each -> parts: a group, runs, or both
 *
 * Parts share the batches and their keys, which nobody changes, and the lists of outputs and runs, which are made
 * before the parts begin: a part writes to its own alone, so that parts need no lock.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/write/cross.h"
#include "src/write/group.h"
#include "src/write/internal.h"
#include "src/write/rescale.h"
#include "src/write/shift.h"

#define OUT_ROWS 16000                  /* rows gathered for a file at a time */
#define FRAME_BYTES ((size_t)512 << 10) /* rows of a frame: a merge holds one of each run */
#define RUNS_MEMORY 2                   /* times that of the rows in memory: of runs that stay there too */
#define RUNS_MAX 32                     /* more are merged into one */
#define WRITERS_MAX 64                  /* files of append tables that are opened at once, and that stay open */
#define TASKS_MAX 1024                  /* parts at a time: each may have a sentence for its failure */

struct part { /* one bucket's share of a flush */
    int32_t partition, bucket;
    const struct pfs_group *group; /* rows in memory; NULL = none */
    struct pfs_run_list *list;     /* runs; NULL = none */
    struct pfs_output *output;
    int64_t base;
    struct pfs_run run;
    int rc;
};

struct flush {
    struct pfs_write *write;
    struct pfs_state *state;     /* NULL while runs are made of a table without dynamic buckets */
    const struct pfs_hold *hold; /* the rows: the write's, or `crossed` */
    struct pfs_hold crossed;     /* the same, where keys live in one partition at a time */
    struct pfs_arena arena;
    const struct pfs_batch **source; /* the held batches as key-value batches */
    struct pfs_keys *keys;
    struct pfs_arena *key_arena;
    int64_t **number;
    int *rc;
    struct pfs_group *group;
    int64_t groups;
    struct part *part;
    int64_t parts;
    int64_t from;        /* the first of those that tasks are about now */
    struct pfs_err *err; /* of each of these */
};

/* ---- the rows in memory, as sorting wants them ---- */

static const struct pfs_type number_type = {.kind = PFS_BIGINT};

static int view_batch(struct flush *f, const struct pfs_routed *r, int64_t *number, struct pfs_batch **out,
                      struct pfs_err *err)
{
    int32_t columns = r->batch.columns - 1;
    struct pfs_batch *b = pfs_arena_array(&f->arena, 1, sizeof(*b));
    struct pfs_column *column = pfs_arena_array(&f->arena, (size_t)columns + 2, sizeof(*column));

    assert(columns == f->write->config.schema->columns);
    if (b == NULL || column == NULL)
        return pfs_arena_full(&f->arena, err);
    memcpy(column, r->batch.column, (size_t)columns * sizeof(*column));
    column[columns] = (struct pfs_column){.type = &number_type, .values = number};
    column[columns + 1] = r->batch.column[columns];
    *b = (struct pfs_batch){r->batch.rows, columns + 2, column};
    *out = b;
    return 0;
}

static int view_rows(struct flush *f, struct pfs_err *err)
{
    const struct pfs_hold *hold = f->hold;
    size_t count = (size_t)hold->count;

    f->source = pfs_arena_array(&f->arena, count, sizeof(struct pfs_batch *));
    f->number = pfs_arena_array(&f->arena, count, sizeof(int64_t *));
    f->keys = pfs_arena_array(&f->arena, count, sizeof(*f->keys));
    f->rc = pfs_arena_array(&f->arena, count, sizeof(*f->rc));
    f->key_arena = pfs_arena_array(&f->arena, count, sizeof(*f->key_arena));
    if (f->source == NULL || f->number == NULL || f->keys == NULL || f->rc == NULL || f->key_arena == NULL)
        return pfs_arena_full(&f->arena, err);
    for (int32_t i = 0; i < hold->count; i++) {
        struct pfs_batch *view;

        f->number[i] = pfs_arena_alloc(&f->arena, (size_t)hold->routed[i]->batch.rows * sizeof(int64_t));
        if (f->number[i] == NULL)
            return pfs_arena_full(&f->arena, err);
        PFS_TRY(view_batch(f, hold->routed[i], f->number[i], &view, err));
        f->source[i] = view;
    }
    return 0;
}

static struct pfs_merge merge_of(const struct pfs_write *w)
{
    const struct pfs_schema *schema = w->config.schema;

    return (struct pfs_merge){.engine = w->engine, .key = schema->trimmed_key, .keys = schema->trimmed_keys};
}

static void key_task(void *context, int index)
{
    struct flush *f = context;
    struct pfs_merge merge = merge_of(f->write);

    pfs_arena_init(&f->key_arena[index], SIZE_MAX);
    f->rc[index] = pfs_sort_keys(&merge, f->source[index], &f->key_arena[index], &f->keys[index], NULL);
}

static int make_keys(struct flush *f, struct pfs_err *err)
{
    int32_t count = f->hold->count;

    pfs_pool_run(f->write->config.pool, count, key_task, f);
    for (int32_t i = 0; i < count; i++)
        if (f->rc[i] < 0)
            return pfs_fail(err, -f->rc[i], f->rc[i] == -ENOMEM ? "no memory to sort" : "keys cannot be sorted");
    return 0;
}

/* ---- parts ---- */

static int bucket_of(void *context, int32_t partition, int32_t hash, int32_t *bucket, struct pfs_err *err)
{
    struct flush *f = context;
    struct pfs_write *w = f->write;

    if (w->assigner != NULL)
        return pfs_assigner_bucket(w->assigner[partition], hash, bucket, err);
    if (f->hold == &f->crossed)
        *bucket = hash;
    else
        *bucket = w->config.schema->buckets > 1 ? pfs_bucket_of(&w->gate, hash) : 0;
    return 0;
}

static int64_t first_of(void *context, int32_t partition, int32_t bucket)
{
    struct flush *f = context;
    const struct pfs_run_list *list = pfs_runs_find(f->write->runs, partition, bucket);

    return list != NULL ? list->numbers : 0;
}

static int open_assigners(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_assigner **more;

    assert(state != NULL);
    assert(w->assigners <= w->partitions.count);
    if (w->assigned == NULL)
        w->assigned = pfs_state_ref(state);
    if (w->assigners == w->partitions.count)
        return 0;
    more = pfs_realloc(w->assigner, (size_t)w->partitions.count * sizeof(*more));
    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d partitions", w->partitions.count);
    w->assigner = more;
    while (w->assigners < w->partitions.count) {
        PFS_TRY(pfs_assigner_open(w->assigned, w->partitions.bytes[w->assigners], w->config.overwrite,
                                  &w->assigner[w->assigners], err));
        w->assigners++;
    }
    return 0;
}

/* One bucket for all rows of a partition, and one number. */
static void postpone(struct flush *f)
{
    for (int64_t i = 0; i < f->groups; i++)
        f->group[i].bucket = PFS_POSTPONE_BUCKET;
    for (int32_t i = 0; i < f->hold->count; i++)
        for (int64_t k = 0; k < f->hold->routed[i]->batch.rows; k++)
            f->number[i][k] = PFS_POSTPONED_NUMBER;
}

static int group_rows(struct flush *f, struct pfs_err *err)
{
    struct pfs_write *w = f->write;
    const struct pfs_schema *schema = w->config.schema;
    struct pfs_grouping grouping = {
        .routed = (const struct pfs_routed *const *)f->hold->routed,
        .count = f->hold->count,
        .single = schema->partition_keys == 0 && !pfs_write_is_dynamic(schema) && schema->buckets <= 1,
        .context = f,
        .bucket_of = bucket_of,
        .first_of = first_of,
        .number = f->number,
    };

    if (pfs_write_is_dynamic(schema) && f->hold->count > 0)
        PFS_TRY(open_assigners(w, f->state, err));
    PFS_TRY(pfs_group_rows(&grouping, &f->arena, &f->group, &f->groups, err));
    assert((f->groups > 0) == (f->hold->rows > 0));
    if (w->postponed)
        postpone(f);
    return 0;
}

/* Groups and runs, side by side: both are ordered. */
static int pair_up(struct flush *f, bool with_runs, struct pfs_err *err)
{
    struct pfs_runs *runs = f->write->runs;
    int32_t lists = with_runs ? pfs_runs_count(runs) : 0, k = 0;
    int64_t i = 0;

    f->part = pfs_arena_array(&f->arena, (size_t)f->groups + (size_t)lists, sizeof(*f->part));
    if (f->part == NULL)
        return pfs_arena_full(&f->arena, err);
    while (i < f->groups || k < lists) {
        struct pfs_group *g = i < f->groups ? &f->group[i] : NULL;
        struct pfs_run_list *l = k < lists ? pfs_runs_at(runs, k) : NULL;
        bool list_first = l != NULL && (g == NULL || l->partition < g->partition ||
                                        (l->partition == g->partition && l->bucket < g->bucket));
        bool both = l != NULL && g != NULL && l->partition == g->partition && l->bucket == g->bucket;
        struct part *p;

        if (list_first && l->count == 0) {
            k++;
            continue;
        }
        p = &f->part[f->parts++];
        p->group = list_first ? NULL : g;
        p->list = list_first || both ? l : NULL;
        p->partition = list_first ? l->partition : g->partition;
        p->bucket = list_first ? l->bucket : g->bucket;
        i += p->group != NULL;
        k += p->list != NULL;
        assert(f->parts == 1 || p[-1].partition <= p->partition);
        assert(f->parts == 1 || p[-1].partition < p->partition || p[-1].bucket < p->bucket);
    }
    assert(f->parts <= f->groups + lists);
    return 0;
}

/* Sends each row to where its key lives. */
static int cross_rows(struct flush *f, struct pfs_err *err)
{
    struct pfs_write *w = f->write;

    if (w->cross == NULL) {
        PFS_TRY(pfs_cross_open(w, f->state, &w->cross, err));
        w->crossed = pfs_state_ref(f->state);
    }
    f->hold = &f->crossed;
    for (int32_t i = 0; i < w->hold.count; i++) {
        struct pfs_routed *r;

        PFS_TRY(pfs_cross_apply(w->cross, w->hold.routed[i], &r, err));
        if (r->batch.rows == 0)
            pfs_routed_free(r);
        else
            PFS_TRY(pfs_hold_add(&f->crossed, r, true, err));
    }
    return 0;
}

/* What every flush begins with; `finish` releases it, also after a failure in here. */
static int start(struct flush *f, struct pfs_write *w, const struct pfs_hold *hold, struct pfs_state *state,
                 struct pfs_err *err)
{
    *f = (struct flush){.write = w, .state = state, .hold = hold};
    pfs_arena_init(&f->arena, SIZE_MAX);
    if (pfs_cross_is(w->config.schema))
        PFS_TRY(cross_rows(f, err));
    PFS_TRY(view_rows(f, err));
    PFS_TRY(group_rows(f, err));
    return w->engine != NULL ? make_keys(f, err) : 0;
}

static void finish(struct flush *f)
{
    for (int32_t i = 0; f->key_arena != NULL && i < f->hold->count; i++)
        pfs_arena_done(&f->key_arena[i]);
    pfs_arena_done(&f->arena);
    pfs_hold_done(&f->crossed);
}

static int run_some(struct flush *f, int64_t from, int64_t to, void (*task)(void *context, int index),
                    struct pfs_err *err)
{
    assert(from <= to);
    assert(to - from <= TASKS_MAX);
    f->from = from;
    pfs_pool_run(f->write->config.pool, (int)(to - from), task, f);
    for (int64_t i = from; i < to; i++)
        if (f->part[i].rc < 0) {
            if (err != NULL)
                *err = f->err[i - from];
            return f->part[i].rc;
        }
    return 0;
}

static int run_parts(struct flush *f, int64_t from, int64_t to, void (*task)(void *context, int index),
                     struct pfs_err *err)
{
    size_t most = f->parts < TASKS_MAX ? (size_t)f->parts : TASKS_MAX;

    assert(to <= f->parts);
    if (f->err == NULL && (f->err = pfs_arena_array(&f->arena, most, sizeof(*f->err))) == NULL)
        return pfs_arena_full(&f->arena, err);
    for (; to - from > TASKS_MAX; from += TASKS_MAX)
        PFS_TRY(run_some(f, from, from + TASKS_MAX, task, err));
    return run_some(f, from, to, task, err);
}

static int sort_part(struct flush *f, const struct part *p, int32_t batch_rows, bool unmerged, struct pfs_reader **out,
                     struct pfs_err *err)
{
    struct pfs_merge merge = merge_of(f->write);
    struct pfs_sort sort = {.source = f->source,
                            .keys = f->keys,
                            .sources = f->hold->count,
                            .range = p->group->range,
                            .ranges = p->group->ranges,
                            .rows = p->group->rows,
                            .unmerged = unmerged,
                            .batch_rows = batch_rows};

    return pfs_sort_open(&merge, &sort, out, err);
}

/* All runs of the list, and of the rows in memory with `memory`, as one. */
static int merge_part(struct flush *f, const struct part *p, bool memory, int32_t batch_rows, struct pfs_reader **out,
                      struct pfs_err *err)
{
    struct pfs_merge merge = merge_of(f->write);
    int32_t runs = p->list != NULL ? p->list->count : 0, count = 0;
    struct pfs_reader **reader = pfs_alloc_array((size_t)runs + 1, sizeof(struct pfs_reader *));
    int rc = 0;

    if (reader == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    for (int32_t i = 0; rc == 0 && i < runs; i++) {
        rc = pfs_run_open(f->write->runs, &p->list->run[i], &reader[count], err);
        count += rc == 0;
    }
    if (rc == 0 && memory && p->group != NULL) {
        rc = sort_part(f, p, batch_rows, false, &reader[count], err);
        count += rc == 0;
    }
    assert(rc < 0 || count > 0);
    if (rc == 0 && count != 1)
        rc = pfs_merge_open(&merge, reader, count, out, err);
    else if (rc == 0)
        *out = reader[0];
    else
        for (int32_t i = 0; i < count; i++)
            pfs_reader_close(reader[i]);
    pfs_free(reader);
    return rc;
}

/* ---- runs ---- */

/* Rows of a frame: one of every run is in memory when they are merged. */
static int32_t frame_rows(const struct pfs_hold *hold)
{
    size_t row = hold->rows > 0 ? hold->bytes / (size_t)hold->rows + 1 : 1, rows = FRAME_BYTES / row;

    return rows < 16 ? 16 : rows > 8192 ? 8192 : (int32_t)rows;
}

static int write_run(struct flush *f, struct part *p, struct pfs_err *err)
{
    struct pfs_reader *rows;
    int rc;

    PFS_TRY(sort_part(f, p, frame_rows(f->hold), false, &rows, err));
    rc = pfs_run_write(f->write->runs, rows, f->write->config.pool, &p->run, err);
    pfs_reader_close(rows);
    return rc;
}

/* Many runs become one; the space of the old ones comes back with the end of the write. */
static int squeeze(struct flush *f, struct part *p, struct pfs_err *err)
{
    struct pfs_reader *rows;
    struct pfs_run run;
    int rc;

    PFS_TRY(merge_part(f, p, false, 0, &rows, err));
    rc = pfs_run_write(f->write->runs, rows, f->write->config.pool, &run, err);
    pfs_reader_close(rows);
    if (rc < 0)
        return rc;
    pfs_run_list_clear(p->list);
    return pfs_run_list_add(p->list, &run, err);
}

/* Numbers of a bucket's runs go on where the last run's ended, whether or not rows were merged away. */
static int run_part(struct flush *f, struct part *p, struct pfs_err *err)
{
    assert(p->group != NULL);
    assert(p->list != NULL);
    assert(p->group->first == p->list->numbers);
    PFS_TRY(write_run(f, p, err));
    PFS_TRY(pfs_run_list_add(p->list, &p->run, err));
    p->list->numbers += p->group->rows;
    return p->list->count > RUNS_MAX ? squeeze(f, p, err) : 0;
}

static void run_task(void *context, int index)
{
    struct flush *f = context;
    struct part *p = &f->part[f->from + index];

    p->rc = run_part(f, p, &f->err[index]);
}

static int spill_runs(struct flush *f, struct pfs_err *err)
{
    struct pfs_write *w = f->write;

    if (w->runs == NULL)
        PFS_TRY(pfs_runs_open(w->config.schema, w->config.scratch_dir, RUNS_MEMORY * w->config.memory_bytes, &w->runs,
                              err));
    for (int64_t i = 0; i < f->groups; i++)
        PFS_TRY(pfs_runs_need(w->runs, f->group[i].partition, f->group[i].bucket, err));
    PFS_TRY(pair_up(f, false, err));
    for (int64_t i = 0; i < f->parts; i++)
        f->part[i].list = pfs_runs_find(w->runs, f->part[i].partition, f->part[i].bucket);
    return run_parts(f, 0, f->parts, run_task, err);
}

int pfs_flush_runs(struct pfs_write *w, const struct pfs_hold *hold, struct pfs_state *state, struct pfs_err *err)
{
    struct flush f;
    int rc = start(&f, w, hold, state, err);

    if (rc == 0)
        rc = spill_runs(&f, err);
    finish(&f);
    return rc;
}

/* ---- files ---- */

/* Takes the reader: all its rows as files of the part's bucket. */
static int write_files(struct flush *f, struct part *p, struct pfs_reader *rows, bool changelog, struct pfs_err *err)
{
    struct pfs_write *w = f->write;
    struct pfs_data_write to = pfs_output_target(w, w->partitions.bytes[p->partition], p->bucket, p->base);
    struct pfs_output *o = p->output;
    struct pfs_data_writer *writer = NULL;
    struct pfs_shift shift = {
        .from = rows, .number_column = w->config.schema->columns, .shift = p->base, .pool = w->config.pool};
    int rc;

    to.changelog = changelog;
    rc = pfs_data_writer_open(&to, &writer, err);
    shift.to = writer;
    if (rc == 0)
        rc = pfs_shift_rows(&shift, err);
    if (rc == 0)
        rc = changelog ? pfs_data_writer_finish(writer, &o->arena, &o->changelog, &o->changelogs, err)
                       : pfs_data_writer_finish(writer, &o->arena, &o->entry, &o->entries, err);
    pfs_data_writer_close(writer);
    pfs_reader_close(rows);
    return rc;
}

static int write_keyed(struct flush *f, struct part *p, struct pfs_err *err)
{
    struct pfs_reader *rows;

    PFS_TRY(merge_part(f, p, true, OUT_ROWS, &rows, err));
    PFS_TRY(write_files(f, p, rows, false, err));
    if (!f->write->input)
        return 0;
    PFS_TRY(sort_part(f, p, OUT_ROWS, true, &rows, err));
    return write_files(f, p, rows, true, err);
}

/* Rows as they came; of an append table the columns alone. */
static int write_appended(struct flush *f, struct part *p, struct pfs_err *err)
{
    struct pfs_write *w = f->write;
    int32_t columns = w->config.schema->columns + (w->keyed ? 2 : 0);
    const struct pfs_group *g = p->group;
    struct pfs_arena arena;
    int rc = 0;

    assert(g != NULL);
    assert(p->output->writer != NULL);
    pfs_arena_init(&arena, SIZE_MAX);
    for (int64_t i = 0, end; rc == 0 && i < g->ranges; i = end) {
        struct pfs_batch out = {0, columns, pfs_arena_array(&arena, (size_t)columns, sizeof(*out.column))};

        for (end = i; end < g->ranges && (end == i || out.rows + g->range[end].len <= OUT_ROWS); end++)
            out.rows += g->range[end].len;
        if (out.column == NULL)
            rc = pfs_arena_full(&arena, err);
        for (int32_t k = 0; rc == 0 && k < columns; k++)
            rc = end - i == 1
                     ? pfs_column_slice(&f->source[g->range[i].source]->column[k], g->range[i].from, g->range[i].len,
                                        &arena, &out.column[k], err)
                     : pfs_column_gather(f->source, k, g->range + i, end - i, out.rows, &arena, &out.column[k], err);
        if (rc == 0)
            rc = pfs_data_writer_add(p->output->writer, &out, err);
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
    return rc;
}

static void file_task(void *context, int index)
{
    struct flush *f = context;
    struct part *p = &f->part[f->from + index];

    p->rc = f->write->engine != NULL ? write_keyed(f, p, &f->err[index]) : write_appended(f, p, &f->err[index]);
}

/* A partition keeps the number of buckets that it was written with; only an overwrite changes it. */
static int check_buckets(struct pfs_write *w, struct pfs_state *state, int32_t partition, struct pfs_err *err)
{
    int32_t now = w->config.schema->buckets, before;

    if (now <= 0 || w->config.overwrite)
        return 0;
    PFS_TRY(pfs_numbers_buckets(w, state, partition, &before, err));
    return before > 0 ? pfs_rescale_refuse(before, now, err) : 0;
}

/* The part's output: a new one, or (append tables) the one whose file is still open. */
static int open_output(struct flush *f, struct part *p, struct pfs_err *err)
{
    struct pfs_write *w = f->write;
    struct pfs_data_write to;
    struct pfs_output *o;

    assert(p->list == NULL || w->engine != NULL);
    PFS_TRY(pfs_outputs_open_writer(w, p->partition, p->bucket, &o, err));
    if (o == NULL) {
        PFS_TRY(check_buckets(w, f->state, p->partition, err));
        PFS_TRY(pfs_output_base(w, f->state, p->partition, p->bucket, w->outputs.count, &p->base, err));
        PFS_TRY(pfs_outputs_add(w, &w->outputs, p->partition, p->bucket, &o, err));
        o->base = o->next = p->base;
        to = pfs_output_target(w, o->partition, o->bucket, o->base);
        if (w->engine == NULL)
            PFS_TRY(pfs_data_writer_open(&to, &o->writer, err));
        o->next += p->list != NULL && p->group == NULL ? p->list->numbers : 0;
    }
    if (p->group != NULL)
        o->next += (w->engine != NULL ? p->group->first : 0) + p->group->rows;
    p->output = o;
    return 0;
}

static int spill_files(struct flush *f, struct pfs_err *err)
{
    bool many;
    int64_t to;

    PFS_TRY(pair_up(f, true, err));
    many = f->write->engine == NULL && f->parts > WRITERS_MAX;
    for (int64_t from = 0; from < f->parts; from = to) {
        to = many && f->parts - from > WRITERS_MAX ? from + WRITERS_MAX : f->parts;
        for (int64_t i = from; i < to; i++)
            PFS_TRY(open_output(f, &f->part[i], err));
        PFS_TRY(run_parts(f, from, to, file_task, err));
        for (int64_t i = from; i < to && many; i++) /* no process may have any number of files open */
            PFS_TRY(pfs_output_finish(f->part[i].output, err));
    }
    return 0;
}

int pfs_flush_files(struct pfs_write *w, struct pfs_state *state, bool stay_open, struct pfs_err *err)
{
    int32_t first = w->outputs.count;
    struct flush f;
    int rc;

    if (w->hold.count == 0 && pfs_runs_count(w->runs) == 0)
        return stay_open ? 0 : pfs_outputs_finish(w, err);
    rc = start(&f, w, &w->hold, state, err);
    if (rc == 0)
        rc = spill_files(&f, err);
    finish(&f);
    if (rc == 0 && (!stay_open || pfs_outputs_open_count(w) > WRITERS_MAX)) /* those of earlier flushes count too */
        rc = pfs_outputs_finish(w, err);
    if (rc < 0)
        pfs_outputs_cut(w, &w->outputs, first, true);
    return rc;
}
