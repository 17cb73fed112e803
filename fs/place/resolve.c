/* resolve.c - a place against a schema: values, columns, conditions. What the schema lacks is a mistake in the path,
 * and is told with the word that is wrong. */
#include <assert.h>
#include <string.h>

#include "fs/place/place.h"
#include "src/condition/condition.h"
#include "src/meta/names.h"

static int find_column(const struct pfs_schema *schema, struct pfs_slice name, int32_t *out, struct pfs_err *err)
{
    *out = pfs_schema_find(schema, name);
    return *out < 0 ? pfs_fail(err, EINVAL, "there is no column %.*s", PFS_P(name)) : 0;
}

int pfs_place_partitions(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                         struct pfs_partition_value **out, struct pfs_err *err)
{
    struct pfs_partition_value *value = pfs_arena_array(arena, (size_t)place->specs, sizeof(*value));

    if (value == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < place->specs; i++) {
        const struct pfs_spec *s = &place->spec[i];
        bool is_key = false;

        PFS_TRY(find_column(schema, pfs_str(s->key), &value[i].column, err));
        for (int32_t k = 0; k < schema->partition_keys; k++)
            is_key |= schema->partition_key[k] == value[i].column;
        if (!is_key)
            return pfs_fail(err, EINVAL, "%s is no partition column", s->key);
        if (pfs_name_value_parse(&schema->field[value[i].column].type, pfs_str(s->value), arena, &value[i].value, err) <
            0)
            return pfs_wrap(err, "%s=%s", s->key, s->value);
    }
    *out = value;
    return 0;
}

/* Column names of "a,b": a comma or slash inside a name is percent-encoded. */
static int parse_columns(const char *at, const struct pfs_schema *schema, struct pfs_arena *arena, int32_t *list,
                         int32_t *columns, struct pfs_err *err)
{
    *columns = 0;
    for (;;) {
        size_t len = strcspn(at, ",");
        struct pfs_slice name;
        int32_t index;

        PFS_TRY(pfs_name_unescape(pfs_slice_of(at, len), arena, &name, err));
        PFS_TRY(find_column(schema, name, &index, err));
        for (int32_t i = 0; i < *columns; i++)
            if (list[i] == index)
                return pfs_fail(err, EINVAL, "column %.*s is selected twice", PFS_P(name));
        assert(*columns < schema->columns); /* each column at most once */
        list[(*columns)++] = index;
        if (at[len] == '\0')
            return 0;
        at += len + 1;
    }
}

/* All columns where none are selected; of several selections each is among those of the one before. */
int pfs_place_columns(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                      int32_t **column, int32_t *columns, struct pfs_err *err)
{
    bool *seen = pfs_arena_zalloc(arena, (size_t)schema->columns + 1);
    int32_t *list = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*list));

    if (list == NULL || seen == NULL)
        return pfs_arena_full(arena, err);
    for (*columns = 0; *columns < schema->columns; (*columns)++) {
        list[*columns] = *columns;
        seen[*columns] = true;
    }
    for (int32_t i = 0; i < place->selects; i++) {
        PFS_TRY(parse_columns(place->select[i], schema, arena, list, columns, err));
        for (int32_t k = 0; k < *columns; k++)
            if (!seen[list[k]])
                return pfs_fail(err, EINVAL, "column %s is not among those selected before",
                                schema->field[list[k]].name);
        memset(seen, 0, (size_t)schema->columns);
        for (int32_t k = 0; k < *columns; k++)
            seen[list[k]] = true;
    }
    assert(*columns <= schema->columns);
    *column = list;
    return 0;
}

/* Each `where/` is one more that has to hold. */
int pfs_place_condition(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                        const struct pfs_condition **out, struct pfs_err *err)
{
    const struct pfs_condition *all = NULL;

    for (int32_t i = 0; i < place->wheres; i++) {
        const struct pfs_condition *one;

        PFS_TRY(pfs_condition_parse(pfs_str(place->where[i]), schema, arena, &one, err));
        PFS_TRY(pfs_condition_and(all, one, arena, &all, err));
    }
    *out = all;
    return 0;
}

int pfs_place_key(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                  struct pfs_column **out, struct pfs_err *err)
{
    struct pfs_column *value = pfs_arena_array(arena, (size_t)schema->primary_keys, sizeof(*value));
    const char *at = place->name;

    assert(place->kind == PFS_NODE_KEY);
    assert(at != NULL);
    if (value == NULL)
        return pfs_arena_full(arena, err);
    if (schema->primary_keys == 0)
        return pfs_fail(err, EINVAL, "the table has no primary key");
    for (int32_t i = 0; i < schema->primary_keys; i++) {
        const struct pfs_field *field = &schema->field[schema->primary_key[i]];
        size_t len = strcspn(at, ",");
        bool more = at[len] == ',';

        if (more != (i + 1 < schema->primary_keys))
            return pfs_fail(err, EINVAL, "the primary key has %d values, joined by commas", schema->primary_keys);
        if (pfs_name_value_parse(&field->type, pfs_slice_of(at, len), arena, &value[i], err) < 0)
            return pfs_wrap(err, "%s", field->name);
        if (!pfs_column_present(&value[i], 0))
            return pfs_fail(err, EINVAL, "%s: a key is never null", field->name);
        at += len + more;
    }
    *out = value;
    return 0;
}
