/* fold.c - partial-update and aggregation: the records of a key folded into one row (spec merge-engines 5, 6).
 *
 * Keys with one record pass through; only the others are folded. Their rows become one more source, and the answer is
 * gathered from all sources.
 */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "format/text/text.h"
#include "src/merge/internal.h"

enum group_step { GROUP_SKIP, GROUP_NEWER, GROUP_OLDER };

struct folding {
    const struct pfs_engine *engine;
    const struct pfs_groups *groups;
    const struct pfs_record *record; /* ordered */
    struct pfs_arena *arena;
    struct pfs_err *err;
    struct pfs_fold *state; /* one for each column */
    struct pfs_cell *in;    /* of the record being folded */
    enum group_step *step;  /* one for each sequence group */
    bool seen_add, seen, deleted;
    /* Results, a row a folded key: */
    struct pfs_cell **cell; /* by column */
    int64_t *number;
    int8_t *kind;
    int64_t rows;
};

static void read_record(struct folding *f, const struct pfs_record *r)
{
    const struct pfs_batch *b = f->groups->source[r->source];

    for (int32_t c = 0; c < f->engine->columns; c++)
        pfs_cell_read(&b->column[c], r->source, r->row, &f->in[c]);
}

/* The state becomes the record, whole. */
static void take_row(struct folding *f)
{
    for (int32_t c = 0; c < f->engine->columns; c++)
        f->state[c].acc = f->in[c];
}

/* ---- sequence groups ---- */

static enum group_step compare_group(const struct folding *f, const struct pfs_sequence_group *g)
{
    bool any = false;

    for (int32_t i = 0; i < g->sequences; i++)
        any |= f->in[g->sequence[i]].present;
    if (!any)
        return GROUP_SKIP;
    for (int32_t i = 0; i < g->sequences; i++) {
        const struct pfs_cell *now = &f->state[g->sequence[i]].acc, *in = &f->in[g->sequence[i]];
        int c = in->present && now->present ? pfs_cell_compare(f->engine->column[g->sequence[i]].type, in, now)
                                            : (int)in->present - (int)now->present;

        if (c != 0)
            return c > 0 ? GROUP_NEWER : GROUP_OLDER;
    }
    return GROUP_NEWER;
}

static void compare_groups(struct folding *f)
{
    for (int32_t g = 0; g < f->engine->groups; g++)
        f->step[g] = compare_group(f, &f->engine->group[g]);
}

/* ---- partial-update ---- */

static int add_plain(struct folding *f, int32_t c)
{
    const struct pfs_engine_column *column = &f->engine->column[c];

    if (f->in[c].present)
        f->state[c].acc = f->in[c];
    else if (!column->type->nullable)
        return pfs_fail(f->err, EINVAL, "Field %d can not be null", column->index);
    return 0;
}

static int partial_add(struct folding *f)
{
    compare_groups(f);
    for (int32_t c = 0; c < f->engine->columns; c++) {
        const struct pfs_engine_column *column = &f->engine->column[c];
        enum group_step step = column->group >= 0 ? f->step[column->group] : GROUP_SKIP;

        if (column->role == PFS_ROLE_PLAIN)
            PFS_TRY(add_plain(f, c));
        else if (step == GROUP_SKIP)
            continue;
        else if (column->has_function)
            PFS_TRY(column->use.function->add(&column->use, &f->state[c], &f->in[c], step == GROUP_OLDER, f->arena,
                                              f->err));
        else if (step == GROUP_NEWER)
            f->state[c].acc = f->in[c];
    }
    f->seen_add = true;
    return 0;
}

static int retract_groups(struct folding *f, int8_t kind)
{
    compare_groups(f);
    for (int32_t g = 0; kind == PFS_DELETE && g < f->engine->groups; g++)
        if (f->engine->group[g].removes && f->step[g] == GROUP_NEWER) {
            take_row(f);
            f->deleted = true;
            return 0;
        }
    for (int32_t c = 0; c < f->engine->columns; c++) {
        const struct pfs_engine_column *column = &f->engine->column[c];
        enum group_step step = column->group >= 0 ? f->step[column->group] : GROUP_SKIP;

        if (step == GROUP_SKIP)
            continue;
        if (column->has_function)
            PFS_TRY(pfs_function_retract(&column->use, &f->state[c], &f->in[c], f->err));
        else if (step == GROUP_NEWER && column->role == PFS_ROLE_SEQUENCE)
            f->state[c].acc = f->in[c];
        else if (step == GROUP_NEWER)
            f->state[c].acc.present = false;
    }
    return 0;
}

static bool has_groups(const struct pfs_schema *schema)
{
    for (int32_t i = 0; i < schema->options.count; i++) {
        const char *key = schema->options.item[i].key;
        size_t len = strlen(key);

        if (len > 15 && strcmp(key + len - 15, ".sequence-group") == 0)
            return true;
    }
    return false;
}

static int partial_retract(struct folding *f, int8_t kind)
{
    if (!f->seen)
        take_row(f); /* Paimon fills columns that may not be null so; the values stay visible later */
    if (f->engine->ignore_delete)
        return 0;
    if (has_groups(f->engine->schema))
        return retract_groups(f, kind);
    if (f->engine->remove_on_delete) {
        if (kind == PFS_DELETE) {
            take_row(f);
            f->deleted = true;
        }
        return 0;
    }
    return pfs_fail(f->err, EINVAL,
                    "By default, Partial update can not accept delete records, you can choose one of the following "
                    "solutions: 1. Configure 'ignore-delete' to ignore delete records. 2. Configure "
                    "'partial-update.remove-record-on-delete' to remove the whole row when receiving delete records. "
                    "3. Configure 'sequence-group's to retract partial columns.");
}

/* ---- aggregation ---- */

static int aggregate(struct folding *f, int8_t kind)
{
    bool retract = kind == PFS_UPDATE_BEFORE || kind == PFS_DELETE;

    if (kind == PFS_DELETE && f->engine->remove_on_delete) {
        take_row(f);
        f->deleted = true;
        return 0;
    }
    for (int32_t c = 0; c < f->engine->columns; c++) {
        const struct pfs_function_use *use = &f->engine->column[c].use;

        if (retract)
            PFS_TRY(pfs_function_retract(use, &f->state[c], &f->in[c], f->err));
        else
            PFS_TRY(use->function->add(use, &f->state[c], &f->in[c], false, f->arena, f->err));
    }
    f->seen_add = true;
    return 0;
}

/* ---- one key ---- */

static int fold_record(struct folding *f, const struct pfs_record *r)
{
    const struct pfs_batch *b = f->groups->source[r->source];
    int8_t kind = ((const int8_t *)b->column[f->engine->columns + 1].values)[r->row];
    int rc;

    read_record(f, r);
    f->deleted = false;
    if (f->engine->schema->engine == PFS_AGGREGATION)
        rc = aggregate(f, kind);
    else
        rc = kind & 1 ? partial_retract(f, kind) : partial_add(f);
    f->seen = true;
    return rc;
}

static int fold_key(struct folding *f, const struct pfs_record *record, int64_t count)
{
    const struct pfs_record *last = &record[count - 1];
    bool partial = f->engine->schema->engine == PFS_PARTIAL_UPDATE;

    memset(f->state, 0, (size_t)f->engine->columns * sizeof(*f->state));
    f->seen = f->seen_add = f->deleted = false;
    for (int64_t i = 0; i < count; i++)
        PFS_TRY(fold_record(f, &record[i]));
    for (int32_t c = 0; c < f->engine->columns; c++)
        f->cell[c][f->rows] = f->state[c].acc;
    f->number[f->rows] =
        ((const int64_t *)f->groups->source[last->source]->column[f->engine->columns].values)[last->row];
    f->kind[f->rows] = f->deleted || (partial && !f->seen_add) ? PFS_DELETE : PFS_INSERT;
    f->rows++;
    return 0;
}

/* ---- all keys ---- */

static int prepare(struct folding *f, int64_t keys)
{
    size_t columns = (size_t)f->engine->columns;

    f->state = pfs_arena_array(f->arena, columns, sizeof(*f->state));
    f->in = pfs_arena_array(f->arena, columns, sizeof(*f->in));
    f->step = pfs_arena_array(f->arena, (size_t)f->engine->groups, sizeof(*f->step));
    f->cell = pfs_arena_array(f->arena, columns, sizeof(struct pfs_cell *));
    f->number = pfs_arena_array(f->arena, (size_t)keys, sizeof(*f->number));
    f->kind = pfs_arena_array(f->arena, (size_t)keys, sizeof(*f->kind));
    if (f->state == NULL || f->in == NULL || f->step == NULL || f->cell == NULL || f->number == NULL || f->kind == NULL)
        return pfs_arena_full(f->arena, f->err);
    for (size_t c = 0; c < columns; c++) {
        f->cell[c] = pfs_arena_array(f->arena, (size_t)keys, sizeof(**f->cell));
        if (f->cell[c] == NULL)
            return pfs_arena_full(f->arena, f->err);
    }
    return 0;
}

static const struct pfs_type number_type = {.kind = PFS_BIGINT};
static const struct pfs_type kind_type = {.kind = PFS_TINYINT};

/* The folded rows as a batch of their own. */
static int build(struct folding *f, struct pfs_batch *out)
{
    int32_t columns = f->engine->columns;
    struct pfs_column *column = pfs_arena_array(f->arena, (size_t)columns + 2, sizeof(*column));

    if (column == NULL)
        return pfs_arena_full(f->arena, f->err);
    for (int32_t c = 0; c < columns; c++)
        PFS_TRY(pfs_cells_build(f->engine->column[c].type, f->cell[c], f->rows, f->groups->source, f->groups->sources,
                                c, f->arena, &column[c], f->err));
    column[columns] = (struct pfs_column){.type = &number_type, .values = f->number};
    column[columns + 1] = (struct pfs_column){.type = &kind_type, .values = f->kind};
    *out = (struct pfs_batch){f->rows, columns + 2, column};
    return 0;
}

/* Keys of one record come from where they are, the others from the folded batch. */
static int assemble(struct folding *f, const struct pfs_batch *folded, struct pfs_batch *out)
{
    const struct pfs_groups *g = f->groups;
    const struct pfs_batch **source = pfs_arena_array(f->arena, (size_t)g->sources + 1, sizeof(*source));
    struct pfs_range *range = pfs_arena_alloc(f->arena, (size_t)g->groups * sizeof(*range));
    struct pfs_column *column = pfs_arena_array(f->arena, (size_t)f->engine->columns + 2, sizeof(*column));
    int64_t ranges = 0;
    int32_t next = 0;

    if (source == NULL || range == NULL || column == NULL)
        return pfs_arena_full(f->arena, f->err);
    for (int32_t i = 0; i < g->sources; i++)
        source[i] = g->source[i];
    source[g->sources] = folded;
    for (int64_t i = 0; i < g->groups; i++) {
        const struct pfs_record *r = &f->record[g->start[i]];
        bool single = g->start[i + 1] - g->start[i] == 1;
        struct pfs_range one =
            single ? (struct pfs_range){r->source, r->row, 1} : (struct pfs_range){g->sources, next++, 1};

        if (ranges > 0 && range[ranges - 1].source == one.source &&
            range[ranges - 1].from + range[ranges - 1].len == one.from)
            range[ranges - 1].len++;
        else
            range[ranges++] = one;
    }
    for (int32_t c = 0; c < f->engine->columns + 2; c++)
        PFS_TRY(pfs_column_gather(source, c, range, ranges, g->groups, f->arena, &column[c], f->err));
    *out = (struct pfs_batch){g->groups, f->engine->columns + 2, column};
    return 0;
}

int pfs_merge_fold(const struct pfs_engine *engine, const struct pfs_groups *groups, struct pfs_arena *arena,
                   struct pfs_batch *out, struct pfs_err *err)
{
    struct folding f = {.engine = engine, .groups = groups, .arena = arena, .err = err};
    struct pfs_batch folded = {0};
    int64_t keys = 0;

    PFS_TRY(pfs_engine_order(engine, groups, arena, &f.record, err));
    for (int64_t g = 0; g < groups->groups; g++)
        keys += groups->start[g + 1] - groups->start[g] > 1;
    PFS_TRY(prepare(&f, keys));
    for (int64_t g = 0; g < groups->groups; g++) {
        int64_t count = groups->start[g + 1] - groups->start[g];

        if (count > 1)
            PFS_TRY(fold_key(&f, f.record + groups->start[g], count));
    }
    PFS_TRY(build(&f, &folded));
    return assemble(&f, &folded, out);
}
