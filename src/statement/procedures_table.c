/* procedures_table.c - procedures that rewrite a table's files. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/meta/names.h"
#include "src/statement/procedures.h"

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

/* Of a text with something between them; an empty one is one. */
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

        assert(want->specs <= count);
        if (value == NULL)
            return pfs_arena_full(x->arena, err);
        while ((item = strsep(&text, ",")) != NULL)
            PFS_TRY(partition_value(x, schema, item, &value[one->count++], err));
        one->value = value;
    }
    want->spec = spec;
    return 0;
}

/* An argument that says something. */
static const char *said(const struct pfs_statement *s, const char *name)
{
    const char *value = pfs_calling_argument(s, name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* "dt = '2026-11-19' and hh > 3": of partition columns alone. */
static int where_partitions(const struct pfs_calling *x, const struct pfs_schema *schema, const char *where,
                            struct pfs_compact_want *want, struct pfs_err *err)
{
    bool *is_key = pfs_arena_zalloc(x->arena, (size_t)schema->columns * sizeof(*is_key));

    if (is_key == NULL)
        return pfs_arena_full(x->arena, err);
    for (int32_t i = 0; i < schema->partition_keys; i++)
        is_key[schema->partition_key[i]] = true;
    PFS_TRY(pfs_condition_parse(pfs_str(where), schema, x->arena, &want->where, err));
    if (!pfs_condition_only(want->where, is_key))
        return pfs_fail(err, EINVAL, "where: only partition columns can be asked for, not as in '%s'", where);
    return 0;
}

/* In any case, as the procedure of Paimon's Flink jobs takes it. */
static int order_strategy(const char *text, enum pfs_order_strategy *out, struct pfs_err *err)
{
    static const char *const names[] = {
#define X(id, name) name,
        PFS_ORDER_STRATEGIES(X)
#undef X
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(names[i], text) == 0) {
            *out = (enum pfs_order_strategy)i;
            return 0;
        }
    return pfs_fail(err, EINVAL, "order_strategy is order, zorder or hilbert, not '%s'", text);
}

/* Columns that have no order cannot be sorted by. */
/* Neither or both of order_strategy and order_by. */
static int order_rows(const struct pfs_calling *x, const struct pfs_statement *s, const struct pfs_schema *schema,
                      struct pfs_compact_want *want, struct pfs_err *err)
{
    const char *strategy = said(s, "order_strategy"), *by = said(s, "order_by");
    struct pfs_order *order;

    if (strategy == NULL || strcasecmp(strategy, "none") == 0)
        return by == NULL ? 0 : pfs_fail(err, EINVAL, "order_by needs an order_strategy");
    if (by == NULL)
        return pfs_fail(err, EINVAL, "order_strategy needs order_by");
    if (said(s, "partition_idle_time") != NULL)
        return pfs_fail(err, EINVAL, "sort compact do not support 'partition_idle_time'.");
    order = pfs_arena_zalloc(x->arena, sizeof(*order));
    if (order == NULL)
        return pfs_arena_full(x->arena, err);
    assert(want->order == NULL);
    PFS_TRY(order_strategy(strategy, &order->strategy, err));
    PFS_TRY(pfs_order_by(schema, "order_by", by, x->arena, order, err));
    PFS_TRY(pfs_order_check(order, err));
    want->order = order;
    return 0;
}

/* Partitions that nobody wrote to for so long: the unit is read as an option's. */
static int idle_time(const struct pfs_calling *x, const char *text, int64_t *out, struct pfs_err *err)
{
    struct pfs_options none = {0}, one;

    if (text == NULL)
        return 0;
    PFS_TRY(pfs_options_with(&none, "partition_idle_time", text, x->arena, &one, err));
    return pfs_options_millis(&one, "partition_idle_time", 0, out, err);
}

/* By name, by a condition or by age; the first two exclude each other, since Paimon has them so. */
static int choose_partitions(const struct pfs_calling *x, const struct pfs_statement *s,
                             const struct pfs_schema *schema, struct pfs_compact_want *want, struct pfs_err *err)
{
    const char *partitions = said(s, "partitions"), *where = said(s, "where");

    if (partitions != NULL && where != NULL)
        return pfs_fail(err, EINVAL, "partitions and where cannot be used together.");
    if (partitions != NULL)
        PFS_TRY(partition_specs(x, schema, partitions, want, err));
    if (where != NULL)
        PFS_TRY(where_partitions(x, schema, where, want, err));
    return idle_time(x, said(s, "partition_idle_time"), &want->idle_ms, err);
}

/* Of a job's options only those of engines are taken: they are about its parallel parts, and mean nothing here. */
static int check_options(const struct pfs_calling *x, const char *text, struct pfs_err *err)
{
    const char **item = NULL;
    int32_t count = 0;

    if (text != NULL)
        PFS_TRY(pfs_options_list(text, x->arena, &item, &count, err));
    for (int32_t i = 0; i < count; i++)
        if (strncmp(item[i], "sink.", 5) != 0 && strncmp(item[i], "scan.", 5) != 0)
            return pfs_fail(err, EOPNOTSUPP, "compact takes its options from the table: ALTER TABLE SET does '%s'",
                            item[i]);
    return 0;
}

/* Full unless it is said otherwise, as with Paimon's batch jobs; it waits until the files are there. */
static int compact_table(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_table *table,
                         struct pfs_err *err)
{
    const char *strategy = said(s, "compact_strategy");
    struct pfs_compact_want want = {.full = true};
    struct pfs_compact_result result;
    const struct pfs_schema *schema;

    PFS_TRY(check_options(x, said(s, "options"), err));
    if (strategy != NULL) {
        want.full = strcasecmp(strategy, "full") == 0;
        if (!want.full && strcasecmp(strategy, "minor") != 0)
            return pfs_fail(err, EINVAL,
                            "The compact strategy only supports 'full' or 'minor', but '%s' is configured.", strategy);
    }
    PFS_TRY(pfs_table_schema(table, &schema, err));
    want.full = want.full && !(strategy == NULL && pfs_cluster_is_on(schema));
    PFS_TRY(choose_partitions(x, s, schema, &want, err));
    PFS_TRY(order_rows(x, s, schema, &want, err));
    return pfs_table_compact(table, &want, &result, err);
}

/* Full, of all partitions, where nothing else is said. */
static int compact(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = compact_table(x, s, table, err);
    pfs_table_unref(table);
    return rc;
}

/* Partitions may be named as for compact; without any all files are looked at. */
static int rewrite_indexes(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_table *table,
                           struct pfs_err *err)
{
    const char *partitions = said(s, "partitions");
    struct pfs_compact_want want = {0};
    const struct pfs_schema *schema;
    int64_t files;

    PFS_TRY(pfs_table_schema(table, &schema, err));
    if (partitions != NULL)
        PFS_TRY(partition_specs(x, schema, partitions, &want, err));
    return pfs_table_rewrite_indexes(table, want.spec, want.specs, &files, err);
}

/* For indexes that were asked for when there were files already. */
static int rewrite_file_index(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_calling_table(x, s, &table, err));
    rc = rewrite_indexes(x, s, table, err);
    pfs_table_unref(table);
    return rc;
}

const struct pfs_procedure pfs_procedures_table[] = {
    {"compact", "table partitions order_strategy order_by options where partition_idle_time compact_strategy", compact},
    {"rewrite_file_index", "table partitions", rewrite_file_index},
    {NULL, NULL, NULL},
};
