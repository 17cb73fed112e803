/* schema_like.c - CREATE TABLE ... LIKE: the schema of a table that is made after another.
 *
 * The other's columns come first, with ids of their own to be given; the statement's columns come behind, and indexes
 * of keys over these move by as many. Options of the statement go over the other's.
 */
#include <assert.h>
#include <errno.h>

#include "src/meta/schema_change.h"

/* Fields without ids, at every depth; names and texts are shared with the other schema. */
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

/* These over those that are there. */
static int merge_options(const struct pfs_options *over, struct pfs_options *out, struct pfs_arena *arena,
                         struct pfs_err *err)
{
    for (int32_t i = 0; i < over->count; i++)
        PFS_TRY(pfs_options_with(out, over->item[i].key, over->item[i].value, arena, out, err));
    return 0;
}

/* The other's keys, or those of the statement, whose columns come behind the other's. */
static int choose_keys(int32_t **key, int32_t *keys, const struct pfs_schema *other, int32_t *others,
                       int32_t other_keys, bool excluded, struct pfs_arena *arena, struct pfs_err *err)
{
    int32_t *moved = pfs_arena_array(arena, (size_t)*keys, sizeof(*moved));

    assert(*keys >= 0);
    if (moved == NULL)
        return pfs_arena_full(arena, err);
    if (!excluded && *keys > 0)
        return pfs_fail(err, EINVAL, "a table that is LIKE another has that one's keys");
    for (int32_t i = 0; i < *keys; i++)
        moved[i] = (*key)[i] + other->columns;
    *key = excluded ? moved : others;
    *keys = excluded ? *keys : other_keys;
    return 0;
}

int pfs_schema_like(const struct pfs_schema *other, unsigned without, struct pfs_schema *out, struct pfs_arena *arena,
                    struct pfs_err *err)
{
    struct pfs_schema made = *out;

    assert((without & ~(unsigned)(PFS_LIKE_OPTIONS | PFS_LIKE_PRIMARY_KEY | PFS_LIKE_PARTITIONS)) == 0);
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
    PFS_TRY(choose_keys(&made.primary_key, &made.primary_keys, other, other->primary_key, other->primary_keys,
                        (without & PFS_LIKE_PRIMARY_KEY) != 0, arena, err));
    PFS_TRY(choose_keys(&made.partition_key, &made.partition_keys, other, other->partition_key, other->partition_keys,
                        (without & PFS_LIKE_PARTITIONS) != 0, arena, err));
    made.options = (without & PFS_LIKE_OPTIONS) != 0 ? (struct pfs_options){0} : other->options;
    if (made.comment == NULL)
        made.comment = other->comment;
    PFS_TRY(merge_options(&out->options, &made.options, arena, err));
    *out = made;
    return 0;
}
