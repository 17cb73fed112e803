/* rows_plan.c - the file's schema against the types that are wanted.
 *
 * What is wanted leads: each wanted column finds its field by name, the fields that are left are stepped over, columns
 * without a field are nulls. Where the two do not go together the file is refused before a row is read. */
#include <assert.h>

#include "format/avro/container.h"
#include "format/avro/rows_node.h"

/* Says why a column cannot be read, with the type that was wanted. */
static int refuse(const struct pfs_type *type, int code, const char *why, struct pfs_err *err)
{
    struct pfs_buf text = {0};

    pfs_type_print(type, &text);
    (void)pfs_fail(err, code, "%s %.*s", why, PFS_P(pfs_buf_slice(&text)));
    pfs_buf_done(&text);
    return -code;
}

static int mismatch(const struct pfs_type *type, struct pfs_err *err)
{
    return refuse(type, EIO, "what the file holds is no", err);
}

/* A union of one type and, in any place, null. */
static int open_union(const struct pfs_type *type, const struct pfs_avro_schema **stored, struct pfs_avro_node *out,
                      struct pfs_err *err)
{
    const struct pfs_avro_schema *s = *stored;

    assert(s != NULL);
    out->null_branch = out->value_branch = -1;
    if (s->type != PFS_AVRO_T_UNION)
        return 0;
    out->tagged = true;
    *stored = NULL;
    for (int32_t i = 0; i < s->children; i++) {
        int32_t *branch = s->child[i].type == PFS_AVRO_T_NULL ? &out->null_branch : &out->value_branch;

        if (*branch >= 0)
            return mismatch(type, err);
        *branch = i;
    }
    if (out->value_branch >= 0)
        *stored = &s->child[out->value_branch];
    return 0;
}

static int new_children(struct pfs_avro_node *out, int32_t children, int32_t steps, struct pfs_arena *arena,
                        struct pfs_err *err)
{
    out->children = children;
    out->steps = steps;
    out->child = pfs_arena_array(arena, (size_t)children, sizeof(*out->child));
    out->step = pfs_arena_array(arena, (size_t)steps, sizeof(*out->step));
    return out->child == NULL || out->step == NULL ? pfs_arena_full(arena, err) : 0;
}

static int32_t find(const struct pfs_avro_schema *record, const char *name)
{
    assert(record->type == PFS_AVRO_T_RECORD);
    for (int32_t i = 0; i < record->children; i++)
        if (strcmp(record->name[i], name) == 0)
            return i;
    return -1;
}

/* Children that are fields of a record, by name; those that it lacks are nulls. */
static int plan_fields(const struct pfs_type *const *types, const char *const *names,
                       const struct pfs_avro_schema *record, struct pfs_arena *arena, struct pfs_avro_node *out,
                       struct pfs_err *err)
{
    assert(out->steps == record->children); /* a step a field, in the order of the file */
    for (int32_t i = 0; i < out->steps; i++)
        out->step[i].skip = &record->child[i];
    for (int32_t i = 0; i < out->children; i++) {
        int32_t at = find(record, names[i]);

        if (at < 0) {
            pfs_avro_node_absent(types[i], &out->child[i]);
            continue;
        }
        if (out->step[at].node != NULL)
            return pfs_fail(err, EIO, "two fields want %s", names[i]);
        out->step[at].node = &out->child[i];
        if (pfs_avro_node_plan(types[i], &record->child[at], out->memory, arena, &out->child[i], err) < 0)
            return pfs_wrap(err, "field %s", names[i]);
    }
    return 0;
}

/* Types and names as two lists, since an entry of a map has the same shape and no fields of its own. */
static int plan_row(const struct pfs_type *type, const struct pfs_avro_schema *record, struct pfs_arena *arena,
                    struct pfs_avro_node *out, struct pfs_err *err)
{
    const struct pfs_type **types = pfs_arena_array(arena, (size_t)type->children, sizeof(*types));
    const char **names = pfs_arena_array(arena, (size_t)type->children, sizeof(*names));

    PFS_TRY(new_children(out, type->children, record->children, arena, err));
    if (types == NULL || names == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < type->children; i++) {
        types[i] = &type->child[i].type;
        names[i] = type->child[i].name;
    }
    return plan_fields(types, names, record, arena, out, err);
}

static const struct pfs_type count_type = {.kind = PFS_INT};

/* An Avro map, whose keys are strings, or an array of records of key and value. */
static int plan_map(const struct pfs_type *type, const struct pfs_avro_schema *stored, struct pfs_arena *arena,
                    struct pfs_avro_node *out, struct pfs_err *err)
{
    static const struct pfs_avro_schema key = {.type = PFS_AVRO_T_BYTES};
    static const char *const names[] = {"key", "value"};
    const struct pfs_type *types[] = {&type->child[0].type, type->kind == PFS_MAP ? &type->child[1].type : &count_type};
    const struct pfs_avro_schema *entry = &stored->child[0];

    assert(stored->type == PFS_AVRO_T_ARRAY || stored->type == PFS_AVRO_T_MAP);
    if (stored->type == PFS_AVRO_T_ARRAY) {
        if (entry->type != PFS_AVRO_T_RECORD || find(entry, names[0]) < 0 || find(entry, names[1]) < 0)
            return mismatch(type, err);
        PFS_TRY(new_children(out, 2, entry->children, arena, err));
        return plan_fields(types, names, entry, arena, out, err);
    }
    PFS_TRY(new_children(out, 2, 2, arena, err));
    out->step[0].node = &out->child[0];
    out->step[1].node = &out->child[1];
    PFS_TRY(pfs_avro_node_plan(types[0], &key, out->memory, arena, &out->child[0], err));
    return pfs_avro_node_plan(types[1], entry, out->memory, arena, &out->child[1], err);
}

static int plan_array(const struct pfs_type *type, const struct pfs_avro_schema *stored, struct pfs_arena *arena,
                      struct pfs_avro_node *out, struct pfs_err *err)
{
    assert(stored->type == PFS_AVRO_T_ARRAY);
    PFS_TRY(new_children(out, 1, 1, arena, err));
    out->step[0].node = &out->child[0];
    return pfs_avro_node_plan(&type->child[0].type, &stored->child[0], out->memory, arena, &out->child[0], err);
}

int pfs_avro_node_plan(const struct pfs_type *type, const struct pfs_avro_schema *stored,
                       struct pfs_avro_memory *memory, struct pfs_arena *arena, struct pfs_avro_node *out,
                       struct pfs_err *err)
{
    pfs_avro_node_absent(type, out);
    out->memory = memory;
    PFS_TRY(open_union(type, &stored, out, err));
    if (stored == NULL)
        return 0;
    if (type->kind == PFS_VARIANT ||
        ((type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ) && type->precision > 6)) {
        return refuse(type, EOPNOTSUPP, "Avro files have no", err);
    }
    out->put = pfs_avro_put_of(type, stored);
    if (out->put == NULL)
        return mismatch(type, err);
    out->fixed = stored->type == PFS_AVRO_T_FIXED ? stored->size : -1;
    if (type->kind == PFS_ROW)
        return plan_row(type, stored, arena, out, err);
    if (type->kind == PFS_ARRAY)
        return plan_array(type, stored, arena, out, err);
    if (type->kind == PFS_MAP || type->kind == PFS_MULTISET)
        return plan_map(type, stored, arena, out, err);
    return 0;
}
