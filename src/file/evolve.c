/* evolve.c - columns of one schema found and made into those of another, by field id.
 *
 * The same field (the same pointer) is the common case: most files are of the schema that reads them.
 */
#include "src/file/evolve.h"

#include <assert.h>

#include "src/file/cast.h"

const struct pfs_field *pfs_evolve_find(const struct pfs_schema *schema, int32_t id)
{
    for (int32_t i = 0; i < schema->columns; i++)
        if (schema->field[i].id == id)
            return &schema->field[i];
    return NULL;
}

/* Strings of another length lie the same to a cast, and still are of another type to who is told it: they are retyped
 * by one. */
int pfs_evolve_is_same(const struct pfs_field *have, const struct pfs_field *want, struct pfs_err *err)
{
    if (have == want)
        return 1;
    if (pfs_cast_check(&have->type, &want->type, err) < 0)
        return pfs_wrap(err, "column %s", want->name);
    return pfs_cast_is_same(&have->type, &want->type) && pfs_type_equal(&have->type, &want->type, false);
}

int pfs_evolve_check(const struct pfs_schema *old, const struct pfs_schema *today, struct pfs_err *err)
{
    for (int32_t i = 0; i < today->columns; i++) {
        const struct pfs_field *have = pfs_evolve_find(old, today->field[i].id);

        if (have != NULL)
            PFS_TRY(pfs_evolve_is_same(have, &today->field[i], err));
    }
    return 0;
}

static int evolve_column(const struct pfs_schema *old, const struct pfs_field *want, const struct pfs_batch *in,
                         struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    const struct pfs_field *have = pfs_evolve_find(old, want->id);
    int same;

    assert(have == NULL || have - old->field < in->columns);
    if (have == NULL)
        return pfs_column_nulls(&want->type, in->rows, arena, out, err);
    same = pfs_evolve_is_same(have, want, err);
    if (same < 0)
        return same;
    *out = in->column[have - old->field];
    if (same == 0 && pfs_cast_column(&in->column[have - old->field], in->rows, &want->type, arena, out, err) < 0)
        return pfs_wrap(err, "column %s", want->name);
    out->type = &want->type; /* also where it lies the same: names of today, and what may be null */
    return 0;
}

int pfs_evolve_batch(const struct pfs_schema *old, const struct pfs_schema *today, const struct pfs_batch *in,
                     struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    int32_t extra = in->columns - old->columns;
    struct pfs_column *column;

    assert(extra >= 0);
    assert(in->rows >= 0);
    column = pfs_arena_array(arena, (size_t)(today->columns + extra), sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < today->columns; i++)
        PFS_TRY(evolve_column(old, &today->field[i], in, arena, &column[i], err));
    for (int32_t i = 0; i < extra; i++)
        column[today->columns + i] = in->column[old->columns + i];
    *out = (struct pfs_batch){in->rows, today->columns + extra, column};
    return 0;
}
