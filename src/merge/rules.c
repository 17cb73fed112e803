/* rules.c - which options of a table its engine takes, asked when a schema is made: what each of them says of columns
 * is read by groups.c. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "src/merge/internal.h"

struct rules {
    const struct pfs_schema *schema;
    bool *protects, *orders; /* a column is protected by a group; it orders one */
    bool grouped;
};

/* The next of the names between commas, as they stand; false at the end. Nothing behind the last comma is no name. */
static bool next_name(const char **text, struct pfs_slice *name)
{
    if (*text == NULL)
        return false;
    *name = pfs_slice_of(*text, strcspn(*text, ","));
    *text += name->len;
    *text = (*text)[strspn(*text, ",")] != '\0' ? *text + 1 : NULL;
    return true;
}

static int find_column(const struct rules *r, struct pfs_slice name, int32_t *out, struct pfs_err *err)
{
    *out = pfs_schema_find(r->schema, name);
    if (*out < 0)
        return pfs_fail(err, EINVAL, "Field %.*s can not be found in table schema", PFS_P(name));
    return 0;
}

/* A column is protected by one group at most, and by none once it orders one; it may order several. */
static int check_group(struct rules *r, const char *key, const char *sequence, const char *columns, struct pfs_err *err)
{
    struct pfs_slice name;
    int32_t column;

    r->grouped = true;
    for (const char *rest = columns; next_name(&rest, &name);) {
        PFS_TRY(find_column(r, name, &column, err));
        if (r->protects[column] || r->orders[column])
            return pfs_fail(err, EINVAL, "Field %.*s is defined repeatedly by multiple groups: %s", PFS_P(name), key);
        r->protects[column] = true;
    }
    for (const char *rest = sequence; next_name(&rest, &name);) {
        PFS_TRY(find_column(r, name, &column, err));
        r->orders[column] = true;
    }
    return 0;
}

static int check_groups(struct rules *r, struct pfs_err *err)
{
    const struct pfs_options *o = &r->schema->options;
    int rc = 0;

    for (int32_t i = 0; i < o->count && rc == 0; i++) {
        const char *key = o->item[i].key;
        struct pfs_slice names;
        char *sequence;

        if (!pfs_field_option(key, "sequence-group", &names))
            continue;
        sequence = pfs_alloc(names.len + 1);
        if (sequence == NULL)
            return pfs_fail(err, ENOMEM, "no memory for options");
        memcpy(sequence, names.at, names.len);
        sequence[names.len] = '\0';
        rc = check_group(r, key, sequence, o->item[i].value, err);
        pfs_free(sequence);
    }
    return rc;
}

static int conflict(const char *one, const char *other, struct pfs_err *err)
{
    return pfs_fail(err, EINVAL, "%s and %s have conflicting behavior so should not be enabled at the same time.", one,
                    other);
}

/* Switches that contradict each other, in the order in which Paimon finds them: its sentence is the first one. */
static int check_switches(const struct rules *r, struct pfs_err *err)
{
    static const char on_delete[] = "partial-update.remove-record-on-delete";
    static const char on_group[] = "partial-update.remove-record-on-sequence-group";
    const char *groups = pfs_options_get(&r->schema->options, on_group);
    struct pfs_slice name;
    bool ignore, removes;

    PFS_TRY(pfs_engine_ignores_deletes(r->schema, &ignore, err));
    PFS_TRY(pfs_options_bool(&r->schema->options, on_delete, false, &removes, err));
    if (removes && ignore)
        return conflict("ignore-delete", on_delete, err);
    if (groups != NULL && ignore)
        return conflict("ignore-delete", on_group, err);
    if (removes && r->grouped)
        return conflict("sequence-group", on_delete, err);
    for (const char *rest = groups; next_name(&rest, &name);) {
        int32_t column = pfs_schema_find(r->schema, name);

        if (column < 0 || !r->orders[column])
            return pfs_fail(err, EINVAL, "field '%s' defined in '%s' option must be part of sequence groups", groups,
                            on_group);
    }
    return 0;
}

static const char *named_function(const struct rules *r, int32_t column)
{
    const struct pfs_options *o = &r->schema->options;

    for (int32_t i = 0; i < o->count; i++) {
        struct pfs_slice name;

        if (pfs_field_option(o->item[i].key, "aggregate-function", &name) &&
            pfs_slice_eq(name, pfs_str(r->schema->field[column].name)))
            return o->item[i].value;
    }
    return pfs_options_get(o, "fields.default-aggregate-function");
}

static bool is_key(const struct pfs_schema *schema, int32_t column)
{
    for (int32_t i = 0; i < schema->primary_keys; i++)
        if (schema->primary_key[i] == column)
            return true;
    return false;
}

/* Columns of the key have no function that matters, and last_non_null_value is what a column does anyway. Is there a
 * group for each function that needs one? */
static int check_protected(const struct rules *r, struct pfs_err *err)
{
    for (int32_t i = 0; i < r->schema->columns; i++) {
        const char *name = named_function(r, i);

        if (name != NULL && !is_key(r->schema, i) && !r->orders[i] && !r->protects[i] &&
            strcmp(name, "last_non_null_value") != 0)
            return pfs_fail(err, EINVAL,
                            "Must use sequence group for aggregation functions but not found for field %s.",
                            r->schema->field[i].name);
    }
    return 0;
}

static int check(struct rules *r, struct pfs_err *err)
{
    if (r->schema->engine == PFS_PARTIAL_UPDATE) {
        PFS_TRY(check_groups(r, err));
        PFS_TRY(check_protected(r, err));
        PFS_TRY(check_switches(r, err));
    }
    for (int32_t i = 0; i < r->schema->columns; i++) {
        const char *name = named_function(r, i);
        const struct pfs_function *function;

        if (name != NULL)
            PFS_TRY(pfs_function_find(name, &function, err));
    }
    return 0;
}

int pfs_engine_check(const struct pfs_schema *schema, struct pfs_err *err)
{
    struct rules r = {.schema = schema};
    int rc;

    if (schema->primary_keys == 0 || schema->engine == PFS_DEDUPLICATE || schema->engine == PFS_FIRST_ROW)
        return 0;
    r.protects = pfs_zalloc(2 * (size_t)schema->columns);
    if (r.protects == NULL)
        return pfs_fail(err, ENOMEM, "no memory for options");
    assert(schema->columns > 0);
    r.orders = r.protects + schema->columns;
    rc = check(&r, err);
    pfs_free(r.protects);
    return rc;
}
