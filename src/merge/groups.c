/* groups.c - what the options say of columns: sequence groups and functions (spec merge-engines 5, 6).
 *
 * An engine over some columns reads the options of these alone: a group without its sequence columns is passed over as
 * if it were not there, since the read asked for none of its columns (pfs_engine_needs). Names that are no columns are
 * refused when a schema is made (rules.c), not here: a table that is there is read as far as it makes sense.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/merge/internal.h"

static int32_t place_of(const struct pfs_engine *e, const char *name)
{
    int32_t index = pfs_schema_find(e->schema, pfs_str(name));

    for (int32_t i = 0; index >= 0 && i < e->columns; i++)
        if (e->column[i].index == index)
            return i;
    return -1;
}

bool pfs_field_option(const char *key, const char *what, struct pfs_slice *names)
{
    size_t len = strlen(key), tail = strlen(what);

    if (strncmp(key, "fields.", 7) != 0 || len <= 8 + tail || key[len - tail - 1] != '.' ||
        strcmp(key + len - tail, what) != 0)
        return false;
    *names = pfs_slice_of(key + 7, len - tail - 8);
    return true;
}

static int names_of(struct pfs_engine *e, struct pfs_slice names, const char ***list, int32_t *count,
                    struct pfs_err *err)
{
    char *text = pfs_arena_string(&e->arena, names);

    return text == NULL ? pfs_arena_full(&e->arena, err) : pfs_options_list(text, &e->arena, list, count, err);
}

static int removes(struct pfs_engine *e, const char *const *sequence, int32_t count, bool *out, struct pfs_err *err)
{
    const char *text = pfs_options_get(&e->schema->options, "partial-update.remove-record-on-sequence-group");
    const char **list;
    int32_t removing;

    *out = false;
    if (text == NULL)
        return 0;
    PFS_TRY(pfs_options_list(text, &e->arena, &list, &removing, err));
    for (int32_t i = 0; i < removing; i++)
        for (int32_t k = 0; k < count; k++)
            *out |= strcmp(list[i], sequence[k]) == 0;
    return 0;
}

/* One option fields.<g1>[,<g2>].sequence-group = c1,c2: a group, if its sequence columns are among those read. */
static int read_group(struct pfs_engine *e, struct pfs_slice names, const char *columns, struct pfs_err *err)
{
    struct pfs_sequence_group *g = &e->group[e->groups];
    const char **sequence, **protected;
    int32_t sequences, protecteds;

    assert(e->groups < e->schema->options.count); /* there is a place for each option */
    PFS_TRY(names_of(e, names, &sequence, &sequences, err));
    PFS_TRY(pfs_options_list(columns, &e->arena, &protected, &protecteds, err));
    g->sequence = pfs_arena_array(&e->arena, (size_t)sequences, sizeof(*g->sequence));
    if (g->sequence == NULL)
        return pfs_arena_full(&e->arena, err);
    for (int32_t i = 0; i < sequences; i++) {
        g->sequence[i] = place_of(e, sequence[i]);
        if (g->sequence[i] < 0)
            return 0; /* no column of the group is read */
    }
    g->sequences = sequences;
    PFS_TRY(removes(e, sequence, sequences, &g->removes, err));
    for (int32_t i = 0; i < protecteds; i++) {
        int32_t place = place_of(e, protected[i]);

        if (place < 0)
            continue;
        e->column[place].role = PFS_ROLE_PROTECTED;
        e->column[place].group = e->groups;
    }
    for (int32_t i = 0; i < sequences; i++) {
        e->column[g->sequence[i]].role = PFS_ROLE_SEQUENCE;
        e->column[g->sequence[i]].group = e->groups;
    }
    e->groups++;
    return 0;
}

int pfs_engine_read_groups(struct pfs_engine *e, struct pfs_err *err)
{
    const struct pfs_options *o = &e->schema->options;

    e->group = pfs_arena_array(&e->arena, (size_t)o->count, sizeof(*e->group));
    if (e->group == NULL)
        return pfs_arena_full(&e->arena, err);
    for (int32_t i = 0; i < o->count; i++) {
        struct pfs_slice names;

        if (!pfs_field_option(o->item[i].key, "sequence-group", &names))
            continue;
        e->grouped = true;
        PFS_TRY(read_group(e, names, o->item[i].value, err));
    }
    return 0;
}

/* ---- functions ---- */

/* *out NULL: it is not set. Not the answer: want of memory would look like an option that is not there, and rows would
 * be merged by another function. */
static int field_get(struct pfs_engine *e, const char *column, const char *what, const char **out, struct pfs_err *err)
{
    const char *key = pfs_arena_printf(&e->arena, "fields.%s.%s", column, what);

    if (key == NULL)
        return pfs_arena_full(&e->arena, err);
    *out = pfs_options_get(&e->schema->options, key);
    return 0;
}

static int field_bool(struct pfs_engine *e, const char *column, const char *what, bool *out, struct pfs_err *err)
{
    const char *key = pfs_arena_printf(&e->arena, "fields.%s.%s", column, what);

    return key == NULL ? pfs_arena_full(&e->arena, err) : pfs_options_bool(&e->schema->options, key, false, out, err);
}

static bool is_primary(const struct pfs_schema *schema, int32_t index)
{
    for (int32_t i = 0; i < schema->primary_keys; i++)
        if (schema->primary_key[i] == index)
            return true;
    return false;
}

static bool is_sequence_field(const struct pfs_engine *e, int32_t place)
{
    for (int32_t i = 0; i < e->sequence_fields; i++)
        if (e->sequence_field[i] == place)
            return true;
    return false;
}

/* The function of a column that is not of the key; *out NULL: none (partial-update alone). */
static int function_name(struct pfs_engine *e, int32_t place, const char **out, struct pfs_err *err)
{
    const struct pfs_engine_column *c = &e->column[place];
    const char *column = e->schema->field[c->index].name;
    const char *all = pfs_options_get(&e->schema->options, "fields.default-aggregate-function"), *own;

    PFS_TRY(field_get(e, column, "aggregate-function", &own, err));
    *out = own != NULL ? own : all;
    if (e->schema->engine == PFS_AGGREGATION) {
        if (is_sequence_field(e, place))
            *out = "last_value";
        else if (*out == NULL)
            *out = "last_non_null_value";
    } else if (c->role == PFS_ROLE_SEQUENCE || is_sequence_field(e, place)) {
        *out = NULL;
    }
    return 0;
}

static int find_child(const struct pfs_type *row, const char *name, const char *column, int32_t *out,
                      struct pfs_err *err)
{
    for (int32_t i = 0; i < row->children; i++)
        if (strcmp(row->child[i].name, name) == 0) {
            *out = i;
            return 0;
        }
    return pfs_fail(err, EINVAL, "column %s: its rows have no field %s", column, name);
}

static int read_nested_key(struct pfs_engine *e, const char *column, struct pfs_function_use *use, struct pfs_err *err)
{
    const struct pfs_type *rows = use->type->kind == PFS_ARRAY ? &use->type->child[0].type : use->type;
    const char *text, **names;
    int32_t *key, count;

    PFS_TRY(field_get(e, column, "nested-key", &text, err));
    if (text == NULL || rows->kind != PFS_ROW)
        return 0;
    PFS_TRY(pfs_options_list(text, &e->arena, &names, &count, err));
    key = pfs_arena_array(&e->arena, (size_t)count, sizeof(*key));
    if (key == NULL)
        return pfs_arena_full(&e->arena, err);
    for (int32_t i = 0; i < count; i++)
        PFS_TRY(find_child(rows, names[i], column, &key[i], err));
    use->nested_keys = count;
    use->nested_key = key;
    return 0;
}

/* Options of functions over nested columns. */
static int read_nested(struct pfs_engine *e, const char *column, struct pfs_function_use *use, struct pfs_err *err)
{
    const char *limit = pfs_arena_printf(&e->arena, "fields.%s.count-limit", column), *time;

    if (limit == NULL)
        return pfs_arena_full(&e->arena, err);
    PFS_TRY(field_get(e, column, "ts-field", &time, err));
    PFS_TRY(pfs_options_int(&e->schema->options, limit, INT32_MAX, &use->count_limit, err));
    PFS_TRY(read_nested_key(e, column, use, err));
    if (use->type->kind != PFS_MAP || use->type->child[1].type.kind != PFS_ROW)
        return 0;
    use->ts_field = use->type->child[1].type.children - 1;
    return time == NULL ? 0 : find_child(&use->type->child[1].type, time, column, &use->ts_field, err);
}

static int read_function(struct pfs_engine *e, int32_t place, const char *name, struct pfs_err *err)
{
    struct pfs_engine_column *c = &e->column[place];
    const char *column = e->schema->field[c->index].name, *delimiter;

    assert(c->role != PFS_ROLE_KEY); /* functions of keys make no difference */
    assert(!c->has_function);
    PFS_TRY(field_get(e, column, "list-agg-delimiter", &delimiter, err));
    c->has_function = true;
    c->use.delimiter = pfs_str(delimiter != NULL ? delimiter : ",");
    if (pfs_function_find(name, &c->use.function, err) < 0)
        return pfs_wrap(err, "column %s", column);
    PFS_TRY(field_bool(e, column, "distinct", &c->use.distinct, err));
    PFS_TRY(field_bool(e, column, "ignore-retract", &c->use.ignore_retract, err));
    PFS_TRY(read_nested(e, column, &c->use, err));
    if (e->schema->engine == PFS_PARTIAL_UPDATE && c->role != PFS_ROLE_PROTECTED &&
        strcmp(name, "last_non_null_value") != 0)
        return pfs_fail(err, EINVAL, "Must use sequence group for aggregation functions but not found for field %s.",
                        column);
    if (e->schema->engine == PFS_AGGREGATION && e->remove_on_delete && c->use.ignore_retract)
        return pfs_fail(err, EINVAL,
                        "aggregation.remove-record-on-delete and fields.%s.ignore-retract have conflicting behavior so "
                        "should not be enabled at the same time.",
                        column);
    return c->use.function->check(&c->use, err);
}

int pfs_engine_read_functions(struct pfs_engine *e, struct pfs_err *err)
{
    for (int32_t i = 0; i < e->columns; i++) {
        const char *name;

        if (is_primary(e->schema, e->column[i].index)) {
            e->column[i].role = PFS_ROLE_KEY; /* a function that is set for it does not matter */
            continue;
        }
        PFS_TRY(function_name(e, i, &name, err));
        if (name != NULL)
            PFS_TRY(read_function(e, i, name, err));
    }
    return 0;
}
