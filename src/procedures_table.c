/* procedures_table.c - procedures that rewrite a table's files. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/meta/names.h"
#include "src/procedures.h"

/* The value of a partition column from its text; the default partition's name means NULL. */
static int partition_value(const struct pfs_calling *x, const struct pfs_schema *schema, char *text,
                           struct pfs_partition_value *out, struct pfs_err *err)
{
    char *equals = strchr(text, '=');
    struct pfs_buf name = {0};
    bool is_key = false;
    int rc;

    if (equals == NULL)
        return pfs_fail(err, EINVAL, "partitions: '%s' is not key=value", text);
    *equals = '\0';
    out->column = pfs_schema_find(schema, pfs_str(text));
    for (int32_t i = 0; i < schema->partition_keys; i++)
        is_key |= schema->partition_key[i] == out->column;
    if (!is_key)
        return pfs_fail(err, EINVAL, "partitions: %s is no partition column", text);
    if (strcmp(equals + 1, schema->default_partition) == 0)
        return pfs_column_nulls(&schema->field[out->column].type, 1, x->arena, &out->value, err);
    pfs_name_escape(pfs_str(equals + 1), &name);
    rc = pfs_buf_check(&name, err);
    if (rc == 0)
        rc = pfs_name_value_parse(&schema->field[out->column].type, pfs_buf_slice(&name), x->arena, &out->value, err);
    pfs_buf_done(&name);
    return rc < 0 ? pfs_wrap(err, "partition column %s", text) : 0;
}

static int32_t pieces(const char *text, char between)
{
    int32_t count = 1;

    while ((text = strchr(text, between)) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* "dt=1,hh=2;dt=3": partitions that match one of the specs. */
static int partition_specs(const struct pfs_calling *x, const struct pfs_schema *schema, const char *given,
                           struct pfs_compact_want *want, struct pfs_err *err)
{
    int32_t count = pieces(given, ';');
    struct pfs_jobs_spec *spec = pfs_arena_array(x->arena, (size_t)count, sizeof(*spec));
    char *rest = pfs_arena_string(x->arena, pfs_str(given)), *text;

    if (spec == NULL || rest == NULL)
        return pfs_arena_full(x->arena, err);
    while ((text = strsep(&rest, ";")) != NULL) {
        struct pfs_jobs_spec *one = &spec[want->specs++];
        struct pfs_partition_value *value = pfs_arena_array(x->arena, (size_t)pieces(text, ','), sizeof(*value));
        char *item;

        if (value == NULL)
            return pfs_arena_full(x->arena, err);
        while ((item = strsep(&text, ",")) != NULL)
            PFS_TRY(partition_value(x, schema, item, &value[one->count++], err));
        one->value = value;
    }
    want->spec = spec;
    return 0;
}

/* Arguments that would make another compaction of it; empty ones say nothing. */
static int refuse_others(const struct pfs_statement *s, struct pfs_err *err)
{
    static const char *const others[] = {"order_strategy", "order_by", "options", "where", "partition_idle_time"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const char *value = pfs_calling_argument(s, others[i]);

        if (value != NULL && value[0] != '\0')
            return pfs_fail(err, EOPNOTSUPP, "compact with the argument %s is not there yet", others[i]);
    }
    return 0;
}

static int compact_table(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_table *table,
                         struct pfs_err *err)
{
    const char *partitions = pfs_calling_argument(s, "partitions");
    const char *strategy = pfs_calling_argument(s, "compact_strategy");
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    const struct pfs_schema *schema;

    PFS_TRY(refuse_others(s, err));
    if (strategy != NULL && strategy[0] != '\0') {
        want.full = strcasecmp(strategy, "full") == 0;
        if (!want.full && strcasecmp(strategy, "minor") != 0)
            return pfs_fail(err, EINVAL,
                            "The compact strategy only supports 'full' or 'minor', but '%s' is configured.", strategy);
    }
    PFS_TRY(pfs_table_schema(table, &schema, err));
    if (partitions != NULL && partitions[0] != '\0')
        PFS_TRY(partition_specs(x, schema, partitions, &want, err));
    return pfs_table_compact(table, &want, &result, err);
}

static int compact(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = compact_table(x, s, table, err);
    pfs_table_unref(table);
    return rc;
}

const struct pfs_procedure pfs_procedures_table[] = {
    {"compact", "table partitions order_strategy order_by options where partition_idle_time compact_strategy", compact},
    {NULL, NULL, NULL},
};
