/* rewrite.c - rows of some sections into new files. Two slots of batches take turns: while one is filled (read,
 * merged), the other is drained (encoded, written).
 *
 *   turn n      fill slot 0    drain slot 1
 *   turn n + 1  drain slot 0   fill slot 1      ... until the slot that was drained held the last rows
 *
 * The two share nothing but the slots: sections, merge and changelog belong to the one that fills, the writer of the
 * files to the one that drains. They meet after each turn, so that neither needs a lock. */
#include <assert.h>
#include <errno.h>

#include "base/limits.h"
#include "src/lsm/internal.h"
#include "src/merge/expire.h"

#define SLOT_BATCHES 16 /* as many are filled before the two meet again */
#define SLOT_SHARE 8    /* of the budget: a slot that holds so much is full */

struct slot {
    struct pfs_arena arena;
    struct pfs_batch batch[SLOT_BATCHES];
    int32_t batches;
    bool last; /* there are no more rows */
    int rc;
    struct pfs_err err;
};

struct rewriting {
    const struct pfs_compactor *c;
    const struct pfs_compact_job *job;
    struct pfs_section_read read;
    const struct pfs_section *section;
    int32_t sections, at;              /* next section */
    int64_t left;                      /* rows of the open one that nobody was told of */
    struct pfs_arena arena;            /* of the open section */
    struct pfs_reader *open;           /* NULL = none */
    struct pfs_data_writer *writer;    /* NULL: the files move, and only what changes is written */
    struct pfs_data_writer *changelog; /* NULL: changes are not asked for */
    struct pfs_effects *effects;       /* of the open section */
    struct pfs_found found;            /* above the output, of its keys */
    struct pfs_bitmap **mark;          /* NULL: no deletion vectors */
    struct slot slot[2];
    int turn; /* the slot that is filled next */
};

/* ---- reading ---- */

/* Rows that are too old take no part in a merge. */
static int leave_out_old(void *context, struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err)
{
    const struct rewriting *r = context;
    const struct pfs_schema *schema = r->c->config.state->schema;

    return pfs_expire_open(schema, r->c->column, schema->columns, r->c->config.now_ms, in, out, err);
}

static void choose_read(struct rewriting *r, struct pfs_budget budget)
{
    const struct pfs_compactor *c = r->c;
    const struct pfs_state *state = c->config.state;

    r->read = (struct pfs_section_read){.chain = {.read = {.store = state->store,
                                                           .table = state->store_table,
                                                           .schema = state->schema,
                                                           .schemas = state->schemas,
                                                           .columns = c->columns,
                                                           .column = c->column,
                                                           .key_value = c->engine != NULL,
                                                           .row_ids = c->row_ids,
                                                           .external = state->external,
                                                           .ahead_bytes = budget.bytes / PFS_AHEAD_SHARE,
                                                           .cancel = c->config.cancel,
                                                           .pool = c->config.pool},
                                                  .deletions = c->deletions,
                                                  .joined = c->evolved},
                                        .engine = c->engine,
                                        .key = state->schema->trimmed_key,
                                        .budget = budget,
                                        .filter = leave_out_old,
                                        .context = r};
}

/* With lookup the engine folds single records, too, where rows of level 0 are rewritten, and in what is told of a file
 * that only moves. */
static bool folds_alone(const struct rewriting *r)
{
    const struct pfs_schema *schema = r->c->config.state->schema;

    if (!schema->lookup_mode || (schema->engine != PFS_PARTIAL_UPDATE && schema->engine != PFS_AGGREGATION))
        return false;
    for (int32_t i = 0; i < r->sections; i++)
        for (int32_t k = 0; k < r->section[i].files; k++)
            if (r->section[i].file[k].entry->file.level == 0)
                return true;
    return false;
}

static int open_merge(struct rewriting *r, const struct pfs_section *s, struct pfs_err *err)
{
    struct pfs_section_read read = r->read;
    bool first = r->c->config.state->schema->engine == PFS_FIRST_ROW;
    struct pfs_reader *merged;

    assert(r->effects == NULL);
    pfs_found_done(&r->found);
    PFS_TRY(
        pfs_found_search(r->c, &r->read.chain.read, r->job, s, r->writer == NULL, r->mark, &r->arena, &r->found, err));
    if (r->writer == NULL && r->changelog == NULL) /* the file moves, and its keys are marked */
        return 0;
    if (r->changelog != NULL)
        PFS_TRY(pfs_effects_open(r->c, &read, s, &r->found, r->job, r->changelog, &r->effects, err));
    read.alone = folds_alone(r);
    if (r->c->merges_found)
        PFS_TRY(pfs_found_open(&r->found, &read.chain.read, &r->arena, &read, err));
    PFS_TRY(pfs_section_open(&read, s, &r->arena, &merged, err));
    if (first && r->found.files > 0)
        PFS_TRY(pfs_found_leave_out(&r->found, &read.chain.read, &r->arena, merged, &merged, err));
    r->open = merged;
    return 0;
}

static int open_section(struct rewriting *r, struct pfs_err *err)
{
    const struct pfs_section *s = &r->section[r->at];
    const struct pfs_plan_file **list;
    struct pfs_reader *rows;

    assert(r->open == NULL);
    assert(s->files > 0);
    pfs_arena_reset(&r->arena);
    r->left = 0;
    for (int32_t i = 0; i < s->files; i++)
        r->left += s->file[i].entry->file.rows;
    if (r->c->engine != NULL)
        return open_merge(r, s, err);
    list = pfs_arena_array(&r->arena, (size_t)s->files, sizeof(*list));
    if (list == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < s->files; i++)
        list[i] = &s->file[i];
    PFS_TRY(pfs_chain_open(&r->read.chain, list, s->files, &rows, err));
    if (r->job->order != NULL)
        return pfs_order_open(r->job->order, r->read.budget, r->c->config.cancel, rows, &r->open, err);
    r->open = rows;
    return 0;
}

/* Merged rows are fewer than those that were read, and expiry leaves out more: the rest of a section is told of at its
 * end, so that what was told of all sections is the job's rows. */
static void tell(struct rewriting *r, int64_t rows)
{
    assert(rows >= 0);
    rows = rows < r->left ? rows : r->left;
    r->left -= rows;
    if (r->c->config.progress != NULL && rows > 0)
        r->c->config.progress(r->c->config.context, rows);
}

/* Rows of the next batch; 0 at the end of all sections. */
static int64_t next_rows(struct rewriting *r, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    while (r->open != NULL || r->at < r->sections) {
        int64_t rows = 0;

        if (pfs_cancelled(r->c->config.cancel))
            return -ECANCELED;
        assert(r->at < r->sections);
        if (r->open == NULL)
            PFS_TRY(open_section(r, err));
        if (r->open != NULL)
            rows = pfs_reader_next(r->open, arena, out, err);
        if (rows > 0)
            tell(r, rows);
        if (rows != 0)
            return rows;
        tell(r, r->left);
        pfs_reader_close(r->open);
        pfs_effects_close(r->effects);
        r->open = NULL;
        r->effects = NULL;
        r->at++;
    }
    return 0;
}

/* One batch at least, however small the share: an arena that was reset keeps a block, which counts as used. */
static int fill(struct rewriting *r, struct slot *s, struct pfs_err *err)
{
    size_t most = r->read.budget.bytes / SLOT_SHARE;

    pfs_arena_reset(&s->arena);
    s->batches = 0;
    do {
        struct pfs_batch *batch = &s->batch[s->batches];
        int64_t rows = next_rows(r, &s->arena, batch, err);

        if (rows < 0)
            return (int)rows;
        s->last = rows == 0;
        if (s->last)
            break;
        if (r->effects != NULL)
            PFS_TRY(pfs_effects_add(r->effects, batch, err));
        if (r->c->engine != NULL && r->job->drop_deletes)
            PFS_TRY(pfs_engine_drop_deletes(batch, &s->arena, batch, err));
        s->batches += batch->rows > 0;
        assert(s->batches <= SLOT_BATCHES);
    } while (s->batches < SLOT_BATCHES && s->arena.used_bytes < most);
    return 0;
}

/* ---- both ---- */

static int drain(struct rewriting *r, struct slot *s, struct pfs_err *err)
{
    for (int32_t i = 0; r->writer != NULL && i < s->batches; i++)
        PFS_TRY(pfs_data_writer_add(r->writer, &s->batch[i], err));
    return 0;
}

static void half(void *context, int index)
{
    struct rewriting *r = context;
    struct slot *s = &r->slot[index == 0 ? r->turn : 1 - r->turn];

    assert(index == 0 || index == 1);
    s->rc = index == 0 ? fill(r, s, &s->err) : drain(r, s, &s->err);
}

static int turns(struct rewriting *r, struct pfs_err *err)
{
    for (;;) {
        struct slot *filled = &r->slot[r->turn], *drained = &r->slot[1 - r->turn];

        pfs_pool_run(r->c->config.pool, 2, half, r);
        for (int i = 0; i < 2; i++)
            if (r->slot[i].rc < 0) {
                if (err != NULL)
                    *err = r->slot[i].err;
                return r->slot[i].rc;
            }
        if (drained->last)
            return 0;
        r->turn = 1 - r->turn;
        if (filled->last && filled->batches == 0)
            return 0;
    }
}

static int open_writer(struct rewriting *r, bool changelog, struct pfs_data_writer **out, struct pfs_err *err)
{
    const struct pfs_state *state = r->c->config.state;
    const struct pfs_manifest_entry *first = r->section->file->entry;
    struct pfs_data_write write = {.store = state->store,
                                   .table = state->store_table,
                                   .schema = r->c->schema,
                                   .partition = r->job->partition,
                                   .bucket = r->job->bucket,
                                   .total_buckets = first->total_buckets,
                                   .level = r->job->level,
                                   .source = !changelog && !r->c->evolved, /* as Paimon has it: new rows' files */
                                   .first_number = first->file.min_sequence,
                                   .row_ids = r->c->row_ids,
                                   .named = r->c->columns < state->schema->columns,
                                   .whole = r->c->evolved,
                                   .changelog = changelog,
                                   .external = state->external,
                                   .clock = r->c->config.clock};

    return pfs_data_writer_open(&write, out, err);
}

static int finish(struct rewriting *r, struct pfs_arena *arena, struct pfs_rewritten *out, struct pfs_err *err)
{
    const struct pfs_data_read *read = &r->read.chain.read;
    const struct pfs_data_place place = {read->store, read->table, read->schema, read->external};
    int rc = 0;

    if (r->changelog != NULL)
        rc = pfs_data_writer_finish(r->changelog, arena, &out->changelog, &out->changelogs, err);
    if (rc == 0 && r->writer != NULL)
        rc = pfs_data_writer_finish(r->writer, arena, &out->entry, &out->entries, err);
    for (int64_t i = 0; rc < 0 && i < out->changelogs; i++)
        pfs_data_remove(&place, &out->changelog[i]);
    return rc;
}

int pfs_rewrite(const struct pfs_compactor *c, const struct pfs_compact_job *job, const struct pfs_section *section,
                int32_t sections, bool moves, struct pfs_budget budget, struct pfs_bitmap **mark,
                struct pfs_arena *arena, struct pfs_rewritten *out, struct pfs_err *err)
{
    struct rewriting r = {.c = c, .job = job, .section = section, .sections = sections, .mark = mark};
    struct pfs_rewritten made = {0};
    int rc = 0;

    assert(sections > 0);
    assert(!moves || sections == 1);
    assert(c->engine != NULL || (sections == 1 && !moves));
    assert(mark == NULL || job->uppers > 0);
    choose_read(&r, budget);
    pfs_arena_init(&r.arena, PFS_ARENA_LIMIT);
    for (int i = 0; i < 2; i++)
        pfs_arena_init(&r.slot[i].arena, PFS_BATCH_BYTES_MAX);
    if (!moves)
        rc = open_writer(&r, false, &r.writer, err);
    if (rc == 0 && pfs_writes_changes(c, job))
        rc = open_writer(&r, true, &r.changelog, err);
    if (rc == 0)
        rc = turns(&r, err);
    if (rc == 0)
        rc = finish(&r, arena, &made, err);
    pfs_effects_close(r.effects);
    pfs_data_writer_close(r.writer);
    pfs_data_writer_close(r.changelog);
    pfs_reader_close(r.open);
    pfs_found_done(&r.found);
    for (int i = 0; i < 2; i++)
        pfs_arena_done(&r.slot[i].arena);
    pfs_arena_done(&r.arena);
    assert(rc < 0 || !moves || made.entries == 0);
    if (rc == 0)
        *out = made;
    return rc;
}
