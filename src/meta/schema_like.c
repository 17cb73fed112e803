/* schema_like.c - CREATE TABLE ... LIKE: the schema of a table that is made after another. */
#include <errno.h>

#include "src/meta/schema_change.h"

static int copy_fields(const struct pfs_field *from, int32_t count, struct pfs_arena *arena, struct pfs_field *out,
                       struct pfs_err *err)
{
    for (int32_t i = 0; i < count; i++) {
        const struct pfs_type *t = &from[i].type;
        struct pfs_field *child;

        out[i] = from[i];
        out[i].id = -1;
        if (t->children == 0)
            continue;
        child = pfs_arena_array(arena, (size_t)t->children, sizeof(*child));
        if (child == NULL)
            return pfs_arena_full(arena, err);
        PFS_TRY(copy_fields(t->child, t->children, arena, child, err));
        out[i].type.child = child;
    }
    return 0;
}

static int merge_options(const struct pfs_options *over, struct pfs_options *out, struct pfs_arena *arena,
                         struct pfs_err *err)
{
    for (int32_t i = 0; i < over->count; i++)
        PFS_TRY(pfs_options_with(out, over->item[i].key, over->item[i].value, arena, out, err));
    return 0;
}

int pfs_schema_like(const struct pfs_schema *other, struct pfs_schema *out, struct pfs_arena *arena,
                    struct pfs_err *err)
{
    struct pfs_schema made = *out;

    made.columns = other->columns + out->columns;
    made.field = pfs_arena_array(arena, (size_t)made.columns, sizeof(*made.field));
    if (made.field == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(copy_fields(other->field, other->columns, arena, made.field, err));
    for (int32_t i = 0; i < out->columns; i++) {
        if (pfs_schema_find(other, pfs_str(out->field[i].name)) >= 0)
            return pfs_fail(err, EINVAL, "column %s is defined twice", out->field[i].name);
        made.field[other->columns + i] = out->field[i];
    }
    if (out->primary_keys > 0 || out->partition_keys > 0)
        return pfs_fail(err, EINVAL, "a table that is LIKE another has that one's keys");
    made.primary_keys = other->primary_keys;
    made.primary_key = other->primary_key;
    made.partition_keys = other->partition_keys;
    made.partition_key = other->partition_key;
    made.options = other->options;
    if (made.comment == NULL)
        made.comment = other->comment;
    PFS_TRY(merge_options(&out->options, &made.options, arena, err));
    *out = made;
    return 0;
}
