/* fold.c - partial-update and aggregation: the records of a key folded into one row (spec merge-engines 5, 6).
 *
 * Keys with one record pass through. For the others the steps of each record are decided first: one list of steps for
 * the columns in no sequence group, and one for each group. Then every column is folded on its own, over its list.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "format/text/text.h"
#include "src/merge/internal.h"

enum group_order { GROUP_SKIP, GROUP_NEWER, GROUP_OLDER };

struct folding {
    const struct pfs_engine *engine;
    const struct pfs_groups *groups;
    struct pfs_arena *arena;
    struct pfs_err *err;
    /* Keys with several records, and these records, oldest first: */
    int64_t keys;
    int64_t *key;   /* which group */
    int64_t *start; /* keys + 1 */
    struct pfs_record *record;
    int64_t records;
    uint8_t **step;          /* [0] columns in no group, [1 + g] those of group g; a place a record */
    int64_t *current;        /* while steps are decided: the record that a group's sequence is of; -1 = none yet */
    int8_t *kind;            /* of the results */
    struct pfs_range *dense; /* the records as ranges; NULL until a function wants values */
    /* Results: */
    struct pfs_column *made;         /* one more source: a null, or the computed values, of each column */
    const struct pfs_record *single; /* picks of the keys with one record */
    struct pfs_record *made_pick;    /* picks of computed columns; NULL until there is one */
};

static int full(const struct folding *f)
{
    return pfs_arena_full(f->arena, f->err);
}

/* ---- steps ---- */

static const struct pfs_column *column_of(const struct folding *f, int64_t record, int32_t place)
{
    return &f->groups->source[f->record[record].source]->column[place];
}

static enum group_order compare_group(const struct folding *f, int32_t group, int64_t record)
{
    /* A record without any of the group's sequence values says nothing of the group. Else equal ones are newer: the
     * record was written later. */
    const struct pfs_sequence_group *g = &f->engine->group[group];
    int32_t row = f->record[record].row;
    int64_t current = f->current[group];
    bool any = false;
    int order = 0;

    assert(group >= 0 && group < f->engine->groups);
    assert(current <= record); /* from the oldest on; one that was taken whole is compared with itself */
    for (int32_t i = 0; i < g->sequences; i++)
        any |= pfs_column_present(column_of(f, record, g->sequence[i]), row);
    if (!any)
        return GROUP_SKIP;
    for (int32_t i = 0; current >= 0 && order == 0 && i < g->sequences; i++)
        order = pfs_order_compare(column_of(f, record, g->sequence[i]), row, column_of(f, current, g->sequence[i]),
                                  f->record[current].row, false);
    return order >= 0 ? GROUP_NEWER : GROUP_OLDER;
}

/* The whole row becomes the record, sequences too. */
static void take_row(struct folding *f, int64_t record)
{
    for (int32_t g = 0; g <= f->engine->groups; g++)
        f->step[g][record] = PFS_STEP_TAKE;
    for (int32_t g = 0; g < f->engine->groups; g++)
        f->current[g] = record;
}

static void step_groups(struct folding *f, int64_t record, enum pfs_step newer, enum pfs_step older)
{
    for (int32_t g = 0; g < f->engine->groups; g++) {
        enum group_order order = compare_group(f, g, record);

        if (order == GROUP_SKIP)
            continue;
        f->step[1 + g][record] |= (uint8_t)(order == GROUP_NEWER ? newer : older);
        if (order == GROUP_NEWER)
            f->current[g] = record;
    }
}

static bool group_removes(const struct folding *f, int64_t record)
{
    for (int32_t g = 0; g < f->engine->groups; g++)
        if (f->engine->group[g].removes && compare_group(f, g, record) == GROUP_NEWER)
            return true;
    return false;
}

static int refuse_delete(const struct folding *f)
{
    return pfs_fail(f->err, EINVAL,
                    "By default, Partial update can not accept delete records, you can choose one of the following "
                    "solutions: 1. Configure 'ignore-delete' to ignore delete records. 2. Configure "
                    "'partial-update.remove-record-on-delete' to remove the whole row when receiving delete records. "
                    "3. Configure 'sequence-group's to retract partial columns.");
}

/* A retract of partial-update. *removed: the row is gone, until the next record. */
static int step_retract(struct folding *f, int64_t record, int8_t kind, bool *removed)
{
    const struct pfs_engine *e = f->engine;

    if (e->ignore_delete)
        return 0;
    if (!e->grouped && !e->remove_on_delete)
        return refuse_delete(f);
    *removed = kind == PFS_DELETE && (e->grouped ? group_removes(f, record) : e->remove_on_delete);
    if (*removed)
        take_row(f, record);
    else
        step_groups(f, record, PFS_STEP_RETRACT, PFS_STEP_RETRACT_OLD);
    return 0;
}

static int step_partial(struct folding *f, int64_t key)
{
    int64_t first = f->start[key];
    bool added = false, removed = false;

    for (int32_t g = 0; g < f->engine->groups; g++)
        f->current[g] = -1;
    for (int64_t i = first; i < f->start[key + 1]; i++) {
        int8_t kind = pfs_record_kind(f->engine, f->groups, &f->record[i]);

        removed = false;
        if (pfs_kind_retracts(kind)) {
            if (i == first)
                take_row(f, i); /* Paimon fills columns that may not be null so; the values stay visible later */
            PFS_TRY(step_retract(f, i, kind, &removed));
            continue;
        }
        f->step[0][i] = PFS_STEP_ADD;
        step_groups(f, i, PFS_STEP_ADD, PFS_STEP_ADD_OLD);
        added = true;
    }
    f->kind[key] = removed || !added ? PFS_DELETE : PFS_INSERT;
    return 0;
}

static int step_aggregation(struct folding *f, int64_t key)
{
    bool removed = false;

    for (int64_t i = f->start[key]; i < f->start[key + 1]; i++) {
        int8_t kind = pfs_record_kind(f->engine, f->groups, &f->record[i]);

        removed = kind == PFS_DELETE && f->engine->remove_on_delete;
        f->step[0][i] = removed ? PFS_STEP_TAKE : pfs_kind_retracts(kind) ? PFS_STEP_RETRACT : PFS_STEP_ADD;
    }
    f->kind[key] = removed ? PFS_DELETE : PFS_INSERT;
    return 0;
}

/* ---- one column ---- */

/* A byte a record: is there a value? NULL when all sources say that there always is. */
static int read_present(const struct folding *f, int32_t place, const uint8_t **out)
{
    uint8_t *present;
    bool any = false;

    *out = NULL;
    for (int32_t s = 0; s < f->groups->sources; s++)
        any |= f->groups->source[s]->rows > 0 && f->groups->source[s]->column[place].valid != NULL;
    if (!any)
        return 0;
    present = pfs_arena_alloc(f->arena, (size_t)f->records);
    if (present == NULL)
        return full(f);
    for (int64_t i = 0; i < f->records; i++)
        present[i] = pfs_column_present(column_of(f, i, place), f->record[i].row);
    *out = present;
    return 0;
}

static int read_values(struct folding *f, int32_t place, struct pfs_column *out)
{
    if (f->dense == NULL) {
        f->dense = pfs_arena_alloc(f->arena, (size_t)f->records * sizeof(*f->dense));
        if (f->dense == NULL)
            return full(f);
        for (int64_t i = 0; i < f->records; i++)
            f->dense[i] = (struct pfs_range){f->record[i].source, f->record[i].row, 1};
    }
    return pfs_column_gather(f->groups->source, place, f->dense, f->records, f->records, f->arena, out, f->err);
}

/* The steps as the function sees them: without retracts when it ignores them. */
static int read_steps(const struct folding *f, const struct pfs_engine_column *c, const uint8_t **step)
{
    const struct pfs_function_use *use = &c->use;
    uint8_t *kept, all = 0;

    assert(c->has_function);
    for (int64_t i = 0; i < f->records; i++)
        all |= (*step)[i];
    if (!(all & PFS_STEPS_RETRACT))
        return 0;
    if (!use->ignore_retract && !use->function->retracts)
        return pfs_fail(f->err, EINVAL,
                        "Aggregate function '%s' does not support retraction, If you allow this function to ignore "
                        "retraction messages, you can configure 'fields.%s.ignore-retract'='true'.",
                        use->function->name, use->column);
    if (!use->ignore_retract)
        return 0;
    kept = pfs_arena_alloc(f->arena, (size_t)f->records);
    if (kept == NULL)
        return full(f);
    for (int64_t i = 0; i < f->records; i++)
        kept[i] = (*step)[i] & (uint8_t)~PFS_STEPS_RETRACT;
    *step = kept;
    return 0;
}

/* Only partial-update checks, and only columns in no group. */
static int check_not_null(const struct folding *f, const struct pfs_engine_column *c, const struct pfs_fold *fold)
{
    for (int64_t i = 0; !c->type->nullable && i < f->records; i++)
        if ((fold->step[i] & PFS_STEP_ADD) && !pfs_fold_has(fold, i))
            return pfs_fail(f->err, EINVAL, "Field %d can not be null", c->index);
    return 0;
}

static int select_picks(const struct folding *f, pfs_select_fn *select, const struct pfs_fold *fold,
                        struct pfs_record *pick)
{
    int32_t *chosen = pfs_arena_alloc(f->arena, (size_t)f->keys * sizeof(*chosen));

    if (chosen == NULL)
        return full(f);
    PFS_TRY(select(fold, chosen, f->err));
    for (int64_t k = 0; k < f->keys; k++) {
        assert(chosen[k] < f->start[k + 1]); /* NULL, or one of the key's records */
        assert(chosen[k] < 0 || chosen[k] >= f->start[k]);
        pick[f->key[k]] = chosen[k] < 0 ? (struct pfs_record){f->groups->sources, 0} : f->record[chosen[k]];
    }
    return 0;
}

/* The kernel for columns without a function, or with one that makes no difference. NULL: the function's. */
static pfs_select_fn *plain_kernel(const struct pfs_engine *e, const struct pfs_engine_column *c)
{
    if (c->role == PFS_ROLE_KEY)
        return pfs_select_key;
    if (c->role == PFS_ROLE_SEQUENCE)
        return pfs_select_sequence;
    if (c->role == PFS_ROLE_PLAIN && e->schema->engine == PFS_PARTIAL_UPDATE)
        return pfs_select_overwrite;
    return c->has_function ? NULL : pfs_select_protected;
}

static int new_picks(const struct folding *f, struct pfs_record **out)
{
    size_t bytes = (size_t)f->groups->groups * sizeof(**out);

    *out = pfs_arena_alloc(f->arena, bytes);
    if (*out == NULL)
        return full(f);
    if (f->keys < f->groups->groups)
        memcpy(*out, f->single, bytes);
    return 0;
}

/* The picks of every column whose values were computed. */
static int made_picks(struct folding *f, const struct pfs_record **out)
{
    if (f->made_pick == NULL) {
        PFS_TRY(new_picks(f, &f->made_pick));
        for (int64_t k = 0; k < f->keys; k++)
            f->made_pick[f->key[k]] = (struct pfs_record){f->groups->sources, (int32_t)k};
    }
    *out = f->made_pick;
    return 0;
}

static int fold_column(struct folding *f, int32_t place, const struct pfs_record **out)
{
    const struct pfs_engine_column *c = &f->engine->column[place];
    struct pfs_fold fold = {.use = &c->use, .keys = f->keys, .start = f->start, .step = f->step[c->group + 1]};
    pfs_select_fn *plain = plain_kernel(f->engine, c);
    struct pfs_record *pick;

    assert(c->group >= -1 && c->group < f->engine->groups);
    if (c->role != PFS_ROLE_KEY)
        PFS_TRY(read_present(f, place, &fold.present));
    if (plain == pfs_select_overwrite)
        PFS_TRY(check_not_null(f, c, &fold));
    if (plain == NULL) {
        PFS_TRY(read_steps(f, c, &fold.step));
        if (c->use.function->looks)
            PFS_TRY(read_values(f, place, &fold.in));
    }
    if (plain != NULL || c->use.function->compute == NULL) {
        PFS_TRY(pfs_column_nulls(c->type, 1, f->arena, &f->made[place], f->err));
        PFS_TRY(new_picks(f, &pick));
        *out = pick;
        return select_picks(f, plain != NULL ? plain : c->use.function->select, &fold, pick);
    }
    PFS_TRY(c->use.function->compute(&fold, f->arena, &f->made[place], f->err));
    return made_picks(f, out);
}

/* ---- all columns ---- */

static const struct pfs_type number_type = {.kind = PFS_BIGINT};
static const struct pfs_type kind_type = {.kind = PFS_TINYINT};

/* The number is that of the newest record; the kinds stand in the made column. */
static int fold_tail(struct folding *f, const struct pfs_record **picks)
{
    int32_t columns = f->engine->columns;
    struct pfs_record *number;

    PFS_TRY(new_picks(f, &number));
    for (int64_t k = 0; k < f->keys; k++)
        number[f->key[k]] = f->record[f->start[k + 1] - 1];
    f->made[columns] = (struct pfs_column){.type = &number_type};
    f->made[columns + 1] = (struct pfs_column){.type = &kind_type, .values = f->kind};
    picks[columns] = number;
    return made_picks(f, &picks[columns + 1]);
}

static int fold_columns(struct folding *f, const struct pfs_record **picks)
{
    for (int32_t c = 0; c < f->engine->columns; c++) {
        if (f->keys > 0)
            PFS_TRY(fold_column(f, c, &picks[c]));
        else
            PFS_TRY(made_picks(f, &picks[c]));
    }
    return fold_tail(f, picks);
}

/* Separates the keys with several records from the others. */
static int collect(struct folding *f, const struct pfs_record *record)
{
    const struct pfs_groups *g = f->groups;
    struct pfs_record *single = pfs_arena_array(f->arena, (size_t)g->groups, sizeof(*single));

    f->key = pfs_arena_alloc(f->arena, (size_t)g->groups * sizeof(*f->key));
    f->start = pfs_arena_alloc(f->arena, (size_t)(g->groups + 1) * sizeof(*f->start));
    f->record = pfs_arena_alloc(f->arena, (size_t)g->start[g->groups] * sizeof(*f->record));
    if (single == NULL || f->key == NULL || f->start == NULL || f->record == NULL)
        return full(f);
    for (int64_t i = 0; i < g->groups; i++) {
        int64_t count = g->start[i + 1] - g->start[i];

        assert(count > 0); /* a key without records is none */
        if (count == 1 && !g->alone && (g->several == NULL || !g->several[i])) {
            single[i] = record[g->start[i]];
            continue;
        }
        f->key[f->keys] = i;
        f->start[f->keys++] = f->records;
        memcpy(f->record + f->records, record + g->start[i], (size_t)count * sizeof(*record));
        f->records += count;
    }
    f->start[f->keys] = f->records;
    assert(f->records <= g->start[g->groups]);
    f->single = single;
    return 0;
}

static int decide_steps(struct folding *f)
{
    int32_t lists = f->engine->groups + 1;

    f->step = pfs_arena_array(f->arena, (size_t)lists, sizeof(*f->step));
    f->current = pfs_arena_array(f->arena, (size_t)lists, sizeof(*f->current));
    f->kind = pfs_arena_alloc(f->arena, (size_t)f->keys);
    if (f->step == NULL || f->current == NULL || f->kind == NULL)
        return full(f);
    for (int32_t i = 0; i < lists; i++) {
        f->step[i] = pfs_arena_zalloc(f->arena, (size_t)f->records);
        if (f->step[i] == NULL)
            return full(f);
    }
    for (int64_t k = 0; k < f->keys; k++)
        PFS_TRY(f->engine->schema->engine == PFS_PARTIAL_UPDATE ? step_partial(f, k) : step_aggregation(f, k));
    return 0;
}

int pfs_pick_folded(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                    struct pfs_picks *out, struct pfs_err *err)
{
    struct folding f = {.engine = engine, .groups = groups, .arena = arena, .err = err};
    size_t columns = (size_t)engine->columns + 2;
    const struct pfs_batch **source = pfs_arena_array(arena, (size_t)groups->sources + 1, sizeof(*source));
    const struct pfs_record **picks = pfs_arena_array(arena, columns, sizeof(struct pfs_record *)), *ordered;
    struct pfs_batch *made = pfs_arena_zalloc(arena, sizeof(*made));

    f.made = pfs_arena_array(arena, columns, sizeof(*f.made));
    if (source == NULL || picks == NULL || made == NULL || f.made == NULL)
        return full(&f);
    PFS_TRY(pfs_engine_order(engine, groups, arena, &ordered, err));
    PFS_TRY(collect(&f, ordered));
    PFS_TRY(decide_steps(&f));
    PFS_TRY(fold_columns(&f, picks));
    *made = (struct pfs_batch){f.keys, engine->columns + 2, f.made};
    memcpy(source, groups->source, (size_t)groups->sources * sizeof(*source));
    source[groups->sources] = made; /* picks of what no record holds point there */
    *out = (struct pfs_picks){source, picks};
    return 0;
}
