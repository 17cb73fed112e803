/* engine.c - engines opened, what they need and refuse, and the two that only select a record.
 *
 * An engine is a reading of the table's options for a set of columns. The questions (needs, forgets, refuses) are asked
 * of an engine over all columns, which is opened for the answer and closed: what the options mean is said in one place.
 */
#include "src/merge/engine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "src/merge/internal.h"

/* ---- opening ---- */

static int read_sequence_fields(struct pfs_engine *e, struct pfs_err *err)
{
    static const char *const orders[] = {"ascending", "descending", NULL};
    const char *text = pfs_options_get(&e->schema->options, "sequence.field"), **names;
    int order;

    PFS_TRY(pfs_options_enum(&e->schema->options, "sequence.field.sort-order", orders, 0, &order, err));
    e->descending = order == 1;
    if (text == NULL)
        return 0;
    PFS_TRY(pfs_options_list(text, &e->arena, &names, &e->sequence_fields, err));
    e->sequence_field = pfs_arena_array(&e->arena, (size_t)e->sequence_fields, sizeof(*e->sequence_field));
    if (e->sequence_field == NULL)
        return pfs_arena_full(&e->arena, err);
    for (int32_t i = 0; i < e->sequence_fields; i++) {
        int32_t index = pfs_schema_find(e->schema, pfs_str(names[i])), k = 0;

        while (k < e->columns && e->column[k].index != index)
            k++;
        if (k == e->columns)
            return pfs_fail(err, EINVAL, "Sequence field: '%s' can not be found in table schema.", names[i]);
        e->sequence_field[i] = k;
    }
    return 0;
}

/* Each engine had an option of its own before there was one for all; the one for all goes first. */
int pfs_engine_ignores_deletes(const struct pfs_schema *schema, bool *out, struct pfs_err *err)
{
    static const char *const keys[] = {"ignore-delete", "first-row.ignore-delete", "deduplicate.ignore-delete",
                                       "partial-update.ignore-delete"};
    const char *key = keys[0];

    for (size_t i = 1; i < sizeof(keys) / sizeof(keys[0]) && pfs_options_get(&schema->options, key) == NULL; i++)
        key = keys[i];
    return pfs_options_bool(&schema->options, key, false, out, err);
}

static int read_switches(struct pfs_engine *e, struct pfs_err *err)
{
    PFS_TRY(pfs_engine_ignores_deletes(e->schema, &e->ignore_delete, err));
    return pfs_options_bool(&e->schema->options,
                            e->schema->engine == PFS_AGGREGATION ? "aggregation.remove-record-on-delete"
                                                                 : "partial-update.remove-record-on-delete",
                            false, &e->remove_on_delete, err);
}

static int fill(struct pfs_engine *e, const int32_t *columns, int32_t count, struct pfs_err *err)
{
    assert(count > 0);
    e->columns = count;
    e->column = pfs_arena_array(&e->arena, (size_t)count, sizeof(*e->column));
    if (e->column == NULL)
        return pfs_arena_full(&e->arena, err);
    for (int32_t i = 0; i < count; i++) {
        const struct pfs_field *field = &e->schema->field[columns[i]];

        assert(columns[i] >= 0 && columns[i] < e->schema->columns);
        e->column[i] = (struct pfs_engine_column){.index = columns[i],
                                                  .type = &field->type,
                                                  .group = -1,
                                                  .use = {.type = &field->type, .column = field->name}};
    }
    PFS_TRY(read_sequence_fields(e, err));
    PFS_TRY(read_switches(e, err));
    if (e->schema->engine == PFS_PARTIAL_UPDATE)
        PFS_TRY(pfs_engine_read_groups(e, err));
    if (e->schema->engine == PFS_PARTIAL_UPDATE || e->schema->engine == PFS_AGGREGATION)
        return pfs_engine_read_functions(e, err);
    return 0;
}

int pfs_engine_open(const struct pfs_schema *schema, const int32_t *columns, int32_t count, struct pfs_engine **out,
                    struct pfs_err *err)
{
    struct pfs_engine *e = pfs_zalloc(sizeof(*e));
    int rc;

    if (e == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a merge engine");
    e->schema = schema;
    pfs_arena_init(&e->arena, PFS_ARENA_LIMIT);
    rc = fill(e, columns, count, err);
    if (rc < 0) {
        pfs_engine_close(e);
        return rc;
    }
    *out = e;
    return 0;
}

void pfs_engine_close(struct pfs_engine *engine)
{
    if (engine == NULL)
        return;
    pfs_arena_done(&engine->arena);
    pfs_free(engine);
}

/* ---- what a read needs ---- */

/* Adds the sequence columns of groups that hold a needed column, or that remove rows: which rows there are must not
 * depend on what is asked of them. An engine over all columns knows the groups. */
static bool add_groups(const struct pfs_engine *all, bool *needs)
{
    bool changed = false;

    for (int32_t g = 0; g < all->groups; g++) {
        bool wanted = all->group[g].removes;

        for (int32_t i = 0; i < all->columns; i++)
            wanted |= all->column[i].group == g && needs[i];
        for (int32_t i = 0; wanted && i < all->group[g].sequences; i++) {
            changed |= !needs[all->group[g].sequence[i]];
            needs[all->group[g].sequence[i]] = true;
        }
    }
    return changed;
}

static int open_all(const struct pfs_schema *schema, struct pfs_engine **out, struct pfs_err *err)
{
    int32_t *every = pfs_alloc_array((size_t)schema->columns, sizeof(*every));
    int rc;

    if (every == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a merge engine");
    for (int32_t i = 0; i < schema->columns; i++)
        every[i] = i;
    rc = pfs_engine_open(schema, every, schema->columns, out, err);
    pfs_free(every);
    return rc;
}

int pfs_engine_forgets(const struct pfs_schema *schema, bool *out, struct pfs_err *err)
{
    struct pfs_engine *all;

    PFS_TRY(open_all(schema, &all, err));
    /* A row that is removed, or columns of a group that become NULL, and are written again before what is older has
     * seen it: nothing of that is left. Partial-update takes no other deletes. */
    *out = schema->engine == PFS_PARTIAL_UPDATE || all->remove_on_delete;
    for (int32_t i = 0; i < all->columns; i++)
        *out |=
            all->column[i].has_function && all->column[i].use.function->forgets && !all->column[i].use.ignore_retract;
    pfs_engine_close(all);
    return 0;
}

/* A product may be asked to divide by zero, whatever it says of itself. */
static enum pfs_refusal column_refuses(const struct pfs_engine_column *c)
{
    const struct pfs_function *f = c->use.function;
    bool extreme = c->has_function && (f->select == pfs_select_max || f->select == pfs_select_min);

    if (extreme && (c->type->kind == PFS_BOOLEAN || pfs_kind_is_nested(c->type->kind)))
        return PFS_REFUSES_ANY;
    if (!c->has_function || c->use.ignore_retract || (f->retracts && f->compute != pfs_compute_product))
        return PFS_REFUSES_NONE;
    return PFS_REFUSES_RETRACTS;
}

int pfs_engine_refuses(const struct pfs_schema *schema, enum pfs_refusal *out, struct pfs_err *err)
{
    struct pfs_engine *all;

    *out = PFS_REFUSES_NONE;
    if (schema->engine == PFS_DEDUPLICATE)
        return 0;
    PFS_TRY(open_all(schema, &all, err));
    if (!all->ignore_delete && (schema->engine == PFS_FIRST_ROW ||
                                (schema->engine == PFS_PARTIAL_UPDATE && !all->grouped && !all->remove_on_delete)))
        *out = PFS_REFUSES_RETRACTS;
    for (int32_t i = 0; i < all->columns; i++) {
        enum pfs_refusal refusal = column_refuses(&all->column[i]);

        if (refusal > *out)
            *out = refusal;
    }
    pfs_engine_close(all);
    return 0;
}

int pfs_engine_needs(const struct pfs_schema *schema, const int32_t *wanted, int32_t count, bool *needs,
                     struct pfs_err *err)
{
    struct pfs_engine *all;

    PFS_TRY(open_all(schema, &all, err));
    for (int32_t i = 0; i < schema->columns; i++)
        needs[i] = false;
    for (int32_t i = 0; i < count; i++) {
        assert(wanted[i] >= 0 && wanted[i] < schema->columns);
        needs[wanted[i]] = true;
    }
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        needs[schema->trimmed_key[i]] = true;
    for (int32_t i = 0; i < all->sequence_fields; i++)
        needs[all->sequence_field[i]] = true;
    while (add_groups(all, needs)) /* a sequence column may itself be protected by another group */
        ;
    pfs_engine_close(all);
    return 0;
}

/* ---- deduplicate and first-row: a selection ---- */

/* Newest: the last record, but with ignore-delete the last one that is no retract, if there is one. Oldest: the first
 * record; a retract among several is refused, or with ignore-delete looked past. */
static int choose(const struct pfs_engine *e, const struct pfs_groups *g, const struct pfs_record *record,
                  int64_t count, bool newest, const struct pfs_record **out, struct pfs_err *err)
{
    assert(count > 0);
    *out = newest ? &record[count - 1] : &record[0];
    if (count == 1)
        return 0;
    if (newest) {
        for (int64_t i = count - 1; e->ignore_delete && i >= 0; i--)
            if (!pfs_kind_retracts(pfs_record_kind(e, g, &record[i]))) {
                *out = &record[i];
                break;
            }
        return 0;
    }
    for (int64_t i = count - 1; i >= 0; i--) {
        bool retract = pfs_kind_retracts(pfs_record_kind(e, g, &record[i]));

        if (retract && !e->ignore_delete)
            return pfs_fail(err, EINVAL,
                            "By default, First row merge engine can not accept DELETE/UPDATE_BEFORE records.\nYou can "
                            "config 'ignore-delete' to ignore the DELETE/UPDATE_BEFORE records.");
        if (!retract)
            *out = &record[i];
    }
    return 0;
}

int pfs_pick_record(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                    struct pfs_picks *out, struct pfs_err *err)
{
    struct pfs_record *pick = pfs_arena_alloc(arena, (size_t)groups->groups * sizeof(*pick));
    const struct pfs_record **picks = pfs_arena_array(arena, (size_t)engine->columns + 2, sizeof(struct pfs_record *)),
                            *record, *chosen;
    bool newest = engine->schema->engine == PFS_DEDUPLICATE;

    if (pick == NULL || picks == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_engine_order(engine, groups, arena, &record, err));
    for (int64_t g = 0; g < groups->groups; g++) {
        PFS_TRY(choose(engine, groups, record + groups->start[g], groups->start[g + 1] - groups->start[g], newest,
                       &chosen, err));
        pick[g] = *chosen;
    }
    for (int32_t i = 0; i < engine->columns + 2; i++)
        picks[i] = pick;
    *out = (struct pfs_picks){groups->source, picks};
    return 0;
}

int pfs_engine_pick(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                    struct pfs_picks *out, struct pfs_err *err)
{
    switch (engine->schema->engine) {
    case PFS_DEDUPLICATE:
    case PFS_FIRST_ROW:
        return pfs_pick_record(engine, groups, arena, out, err);
    case PFS_PARTIAL_UPDATE:
    case PFS_AGGREGATION:
        return pfs_pick_folded(engine, groups, arena, out, err);
    }
    return -EINVAL;
}

int pfs_engine_merge(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_range all = {-1, 0, (int32_t)groups->groups};
    struct pfs_picks picks;

    assert(groups->groups > 0);
    PFS_TRY(pfs_engine_pick(engine, groups, arena, &picks, err));
    return pfs_picks_gather(&picks, groups->groups, engine->columns + 2, &all, 1, groups->groups, arena, out, err);
}

/* ---- the last stage of a read ---- */

int pfs_engine_drop_deletes(const struct pfs_batch *in, struct pfs_arena *arena, struct pfs_batch *out,
                            struct pfs_err *err)
{
    const int8_t *kind = in->column[in->columns - 1].values;
    struct pfs_column *column;
    struct pfs_range *range;
    int64_t retracts = 0, ranges = 0, rows = 0;

    assert(in->columns >= 2); /* a key-value batch: number and kind come last */
    for (int64_t i = 0; i < in->rows; i++)
        retracts += kind[i] & 1; /* 1 and 3 */
    if (retracts == 0) {
        *out = *in;
        return 0;
    }
    range = pfs_arena_alloc(arena, (size_t)in->rows * sizeof(*range));
    column = pfs_arena_array(arena, (size_t)in->columns, sizeof(*column));
    if (range == NULL || column == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < in->rows; i++) {
        if (kind[i] & 1)
            continue;
        if (ranges > 0 && range[ranges - 1].from + range[ranges - 1].len == i)
            range[ranges - 1].len++;
        else
            range[ranges++] = (struct pfs_range){0, (int32_t)i, 1};
        rows++;
    }
    for (int32_t i = 0; rows > 0 && i < in->columns; i++)
        PFS_TRY(pfs_column_gather(&in, i, range, ranges, rows, arena, &column[i], err));
    assert(rows < in->rows);
    *out = (struct pfs_batch){rows, in->columns, column};
    return 0;
}
