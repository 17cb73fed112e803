/* trial.c - in lookup mode the engine folds every record by itself once, when it moves up from level 0 (spec
 * merge-engines 1.2). A delete that it does not take then would stand in the way of all later compactions of its
 * bucket, so it is folded before it gets into a file. Records of one key are merged when they become a file; what the
 * engine does not take then is found here by the same merge. */
#include "src/write/trial.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/text/text.h"
#include "src/merge/merge.h"
#include "src/write/internal.h"

struct pfs_trial {
    const struct pfs_schema *schema;
    struct pfs_gate gate;
    struct pfs_engine *engine; /* NULL: it takes everything, or nothing is merged before a file has it */
    enum pfs_refusal refusal;
    int32_t *column;
};

_Static_assert((PFS_UPDATE_BEFORE & PFS_DELETE & 1) == 1 && ((PFS_INSERT | PFS_UPDATE_AFTER) & 1) == 0,
               "kinds that take back are the odd ones");

bool pfs_batch_retracts(const struct pfs_batch *batch)
{
    const int8_t *kind = batch->column[batch->columns - 1].values;
    int8_t any = 0;

    assert(batch->columns > 0);
    for (int64_t i = 0; i < batch->rows; i++)
        any |= kind[i];
    return (any & 1) != 0; /* -U and -D are the odd kinds */
}

/* ---- one by one ---- */

static int list_deletes(const struct pfs_batch *batch, struct pfs_arena *arena, struct pfs_groups *out,
                        struct pfs_err *err)
{
    const int8_t *kind = batch->column[batch->columns - 1].values;
    int64_t *start = pfs_arena_array(arena, (size_t)batch->rows + 1, sizeof(*start));
    struct pfs_record *record = pfs_arena_array(arena, (size_t)batch->rows, sizeof(*record));

    if (start == NULL || record == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < batch->rows; i++)
        if (kind[i] == PFS_DELETE || kind[i] == PFS_UPDATE_BEFORE) {
            record[out->groups++] = (struct pfs_record){0, i};
            start[out->groups] = out->groups;
        }
    assert(out->groups <= batch->rows);
    out->start = start;
    out->record = record;
    return 0;
}

/* As a key-value batch, numbered from `first` on. */
static int widen(const struct pfs_batch *batch, int64_t first, struct pfs_arena *arena, struct pfs_batch *out,
                 struct pfs_err *err)
{
    static const struct pfs_type number = {.kind = PFS_BIGINT};
    int32_t columns = batch->columns - 1;
    struct pfs_column *column = pfs_arena_array(arena, (size_t)columns + 2, sizeof(*column));
    int64_t *numbers = pfs_arena_array(arena, (size_t)batch->rows, sizeof(*numbers));

    assert(columns > 0);
    assert(first >= 0);
    if (column == NULL || numbers == NULL)
        return pfs_arena_full(arena, err);
    memcpy(column, batch->column, (size_t)columns * sizeof(*column));
    for (int64_t i = 0; i < batch->rows; i++)
        numbers[i] = first + i;
    column[columns] = (struct pfs_column){.type = &number, .values = numbers};
    column[columns + 1] = batch->column[columns];
    *out = (struct pfs_batch){batch->rows, columns + 2, column};
    return 0;
}

/* The first-row engine looks at the kind of a record that is alone, too. */
static int refuse_first(const struct pfs_batch *batch, struct pfs_err *err)
{
    if (!pfs_batch_retracts(batch))
        return 0;
    return pfs_fail(err, EINVAL,
                    "By default, First row merge engine can not accept DELETE/UPDATE_BEFORE records.\nYou can "
                    "config 'ignore-delete' to ignore the DELETE/UPDATE_BEFORE records.");
}

/* `batch` has passed the gate. */
static int fold(const struct pfs_schema *schema, const struct pfs_engine *engine, const struct pfs_batch *batch,
                struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_batch view, folded;
    const struct pfs_batch *source = &view;
    struct pfs_groups groups = {.source = &source, .sources = 1, .alone = true};

    if (engine == NULL || !schema->lookup_mode || schema->engine == PFS_DEDUPLICATE)
        return 0;
    if (schema->engine == PFS_FIRST_ROW)
        return refuse_first(batch, err);
    PFS_TRY(list_deletes(batch, arena, &groups, err));
    if (groups.groups == 0)
        return 0;
    PFS_TRY(widen(batch, 0, arena, &view, err));
    return pfs_engine_merge(engine, &groups, arena, &folded, err);
}

int pfs_write_try(const struct pfs_write *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    rc = fold(w->config.schema, w->engine, batch, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

/* ---- life ---- */

static int fill(struct pfs_trial *t, struct pfs_err *err)
{
    const struct pfs_schema *schema = t->schema;

    PFS_TRY(pfs_gate_init(&t->gate, schema, err));
    if (schema->primary_keys == 0 || schema->buckets == PFS_POSTPONE_BUCKET)
        return 0;
    PFS_TRY(pfs_engine_refuses(schema, &t->refusal, err));
    if (t->refusal == PFS_REFUSES_NONE)
        return 0;
    t->column = pfs_alloc_array((size_t)schema->columns, sizeof(*t->column));
    if (t->column == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a merge engine");
    for (int32_t i = 0; i < schema->columns; i++)
        t->column[i] = i;
    return pfs_engine_open(schema, t->column, schema->columns, &t->engine, err);
}

int pfs_trial_open(const struct pfs_schema *schema, struct pfs_trial **out, struct pfs_err *err)
{
    struct pfs_trial *t = pfs_zalloc(sizeof(*t));
    int rc;

    if (t == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a transaction");
    t->schema = schema;
    rc = fill(t, err);
    if (rc < 0) {
        pfs_trial_close(t);
        return rc;
    }
    *out = t;
    return 0;
}

void pfs_trial_close(struct pfs_trial *trial)
{
    if (trial == NULL)
        return;
    pfs_engine_close(trial->engine);
    pfs_free(trial->column);
    pfs_free(trial);
}

/* ---- together ---- */

bool pfs_trial_minds(const struct pfs_trial *trial, const struct pfs_batch *batch)
{
    return trial->refusal == PFS_REFUSES_ANY ||
           (trial->refusal == PFS_REFUSES_RETRACTS && (trial->gate.kind_column >= 0 || pfs_batch_retracts(batch)));
}

/* The whole key: what falls into different partitions does not meet. */
static int merge(const struct pfs_trial *t, const struct pfs_batch *batch, int32_t count, struct pfs_arena *arena,
                 struct pfs_err *err)
{
    const struct pfs_merge merge = {
        .engine = t->engine, .key = t->schema->primary_key, .keys = t->schema->primary_keys};
    struct pfs_batch *in = pfs_arena_array(arena, (size_t)count, sizeof(*in)), passed, merged;
    int64_t rows = 0;

    if (in == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++) {
        PFS_TRY(pfs_write_gate(t->schema, &batch[i], arena, &passed, err));
        PFS_TRY(widen(&passed, rows, arena, &in[i], err));
        rows += passed.rows;
    }
    return rows == 0 ? 0 : pfs_merge_buffer(&merge, in, count, arena, &merged, err);
}

int pfs_trial_together(const struct pfs_trial *trial, const struct pfs_batch *batch, int32_t count, struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc;

    assert(count >= 0);
    if (trial->engine == NULL)
        return 0;
    pfs_arena_init(&arena, SIZE_MAX);
    rc = merge(trial, batch, count, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}

/* Paimon compares keys by < and >, so NaN is the same as whatever stands beside it, and one of the two goes. */
static int refuse_nan(const struct pfs_schema *schema, const struct pfs_batch *batch, struct pfs_err *err)
{
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        const struct pfs_column *c = &batch->column[schema->trimmed_key[i]];
        const double *wide = c->type->kind == PFS_DOUBLE ? c->values : NULL;
        const float *narrow = c->type->kind == PFS_FLOAT ? c->values : NULL;

        for (int64_t k = 0; k < batch->rows && (wide != NULL || narrow != NULL); k++)
            if (pfs_column_present(c, k) && (wide != NULL ? wide[k] != wide[k] : narrow[k] != narrow[k]))
                return pfs_fail(err, EINVAL,
                                "%s is NaN, which no key can be: Paimon takes it for the key beside it, and loses one",
                                schema->field[schema->trimmed_key[i]].name);
    }
    return 0;
}

int pfs_trial_rows(const struct pfs_trial *trial, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_batch passed;
    int rc;

    PFS_TRY(refuse_nan(trial->schema, batch, err));
    if (trial->schema->primary_keys > 0 && trial->gate.kind_column < 0 && !pfs_trial_minds(trial, batch))
        return 0;
    pfs_arena_init(&arena, SIZE_MAX);
    rc = pfs_write_gate(trial->schema, batch, &arena, &passed, err);
    if (rc == 0)
        rc = fold(trial->schema, trial->engine, &passed, &arena, err);
    pfs_arena_done(&arena);
    return rc < 0 || !pfs_trial_minds(trial, batch) ? rc : pfs_trial_together(trial, batch, 1, err);
}
