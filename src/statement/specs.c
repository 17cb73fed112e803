/* specs.c - partitions that are named by texts. A value is read as a name in a path is, after it was escaped as one:
 * the same spelling means the same partition in a statement, in an argument and in the mount. */
#include "src/statement/specs.h"

#include <assert.h>
#include <string.h>

#include "src/meta/names.h"

/* A column that is none of the keys has no partition of its own. */
int pfs_spec_value(const struct pfs_schema *schema, const struct pfs_option *given, struct pfs_arena *arena,
                   int32_t *column, struct pfs_column *value, struct pfs_err *err)
{
    struct pfs_buf name = {0};
    bool is_key = false;
    int rc;

    *column = pfs_schema_find(schema, pfs_str(given->key));
    for (int32_t i = 0; i < schema->partition_keys; i++)
        is_key |= schema->partition_key[i] == *column;
    if (!is_key)
        return pfs_fail(err, EINVAL, "Cannot find field: %s", given->key);
    assert(*column >= 0);
    if (given->value == NULL || strcmp(given->value, schema->default_partition) == 0)
        return pfs_column_nulls(&schema->field[*column].type, 1, arena, value, err);
    pfs_name_escape(pfs_str(given->value), &name);
    rc = pfs_buf_check(&name, err);
    if (rc == 0)
        rc = pfs_name_value_parse(&schema->field[*column].type, pfs_buf_slice(&name), arena, value, err);
    pfs_buf_done(&name);
    return rc < 0 ? pfs_wrap(err, "partition column %s", given->key) : 0;
}

/* A list: a partition that matches any of them goes. */
int pfs_spec_overwrite(const struct pfs_schema *schema, const struct pfs_options *given, int32_t count,
                       struct pfs_arena *arena, struct pfs_overwrite **out, struct pfs_err *err)
{
    struct pfs_overwrite *spec = pfs_arena_array(arena, (size_t)count, sizeof(*spec));

    assert(count > 0); /* none would be an overwrite of nothing, or of all */
    if (spec == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++) {
        const struct pfs_options *one = &given[i];
        int32_t *column = pfs_arena_array(arena, (size_t)one->count, sizeof(*column));
        struct pfs_column *value = pfs_arena_array(arena, (size_t)one->count, sizeof(*value));

        if (column == NULL || value == NULL)
            return pfs_arena_full(arena, err);
        for (int32_t k = 0; k < one->count; k++)
            PFS_TRY(pfs_spec_value(schema, &one->item[k], arena, &column[k], &value[k], err));
        spec[i] = (struct pfs_overwrite){.kind = PFS_OVERWRITE_STATIC,
                                         .columns = one->count,
                                         .column = column,
                                         .value = value,
                                         .also = i + 1 < count ? &spec[i + 1] : NULL};
    }
    *out = spec;
    return 0;
}

/* Values may hold an equals sign: the first one parts them. */
int pfs_spec_parse(const char *text, struct pfs_arena *arena, struct pfs_options *out, struct pfs_err *err)
{
    struct pfs_option *item;
    const char **pair;
    int32_t count;

    PFS_TRY(pfs_options_list(text, arena, &pair, &count, err));
    item = pfs_arena_array(arena, (size_t)count, sizeof(*item));
    if (item == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++) {
        char *key = pfs_arena_string(arena, pfs_str(pair[i])), *equals = key == NULL ? NULL : strchr(key, '=');

        if (key == NULL)
            return pfs_arena_full(arena, err);
        if (equals == NULL)
            return pfs_fail(err, EINVAL, "'%s' is not key=value of a partition", pair[i]);
        *equals = '\0';
        item[i] = (struct pfs_option){.key = key, .value = equals + 1};
    }
    if (count == 0)
        return pfs_fail(err, EINVAL, "'%s' names no partition", text);
    *out = (struct pfs_options){count, item};
    return 0;
}
