/* procedures.c - CALL: one function a procedure, found in one table. Arguments come by place or by name. */
#include "src/procedures.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "src/meta/names.h"

typedef int call_fn(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err);

/* ---- arguments ---- */

static const char *argument(const struct pfs_statement *s, const char *name, int32_t place)
{
    for (int32_t i = 0; i < s->arguments; i++)
        if (s->argument[i].name != NULL ? strcmp(s->argument[i].name, name) == 0 : i == place)
            return s->argument[i].value;
    return NULL;
}

/* Opens the table that the first argument of a CALL names: 'db.t', 't', with $branch_b. */
static int called_table(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_table **out,
                        struct pfs_err *err)
{
    const char *text = argument(s, "table", 0), *branch = NULL;
    char *database, *table, *mark;
    int rc;

    if (text == NULL)
        return pfs_fail(err, EINVAL, "%s needs the argument table", s->procedure);
    database = pfs_arena_string(x->arena, pfs_str(text));
    if (database == NULL)
        return pfs_arena_full(x->arena, err);
    table = strchr(database, '.');
    if (table != NULL)
        *table++ = '\0';
    else
        table = database;
    mark = strstr(table, "$branch_");
    if (mark != NULL) {
        *mark = '\0';
        branch = mark + strlen("$branch_");
    }
    rc = pfs_catalog_table(x->catalog, table == database ? x->database : database, table, branch, out, err);
    return rc == -ENOENT ? pfs_fail(err, ENOENT, "Table %s does not exist.", text) : rc;
}

/* ---- tags ---- */

static int create_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *tag = argument(s, "tag", 1);
    struct pfs_table *table;
    int rc;

    if (tag == NULL)
        return pfs_fail(err, EINVAL, "create_tag needs the argument tag");
    if (s->arguments > 2)
        return pfs_fail(err, EOPNOTSUPP, "create_tag of a given snapshot or with a time to live is not there yet");
    PFS_TRY(called_table(x, s, &table, err));
    rc = pfs_table_tag_create(table, tag, 0, err);
    pfs_table_unref(table);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "Tag '%s' already exists.", tag);
    return rc;
}

static int delete_tag(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_err *err)
{
    const char *tag = argument(s, "tag", 1);
    struct pfs_table *table;
    int rc;

    if (tag == NULL)
        return pfs_fail(err, EINVAL, "delete_tag needs the argument tag");
    PFS_TRY(called_table(x, s, &table, err));
    rc = pfs_table_tag_delete(table, tag, err);
    pfs_table_unref(table);
    return rc == -ENOENT ? 0 : rc;
}

/* ---- compaction ---- */

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
    static const struct {
        const char *name;
        int32_t place;
    } others[] = {{"order_strategy", 2}, {"order_by", 3}, {"options", 4}, {"where", 5}, {"partition_idle_time", 6}};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const char *value = argument(s, others[i].name, others[i].place);

        if (value != NULL && value[0] != '\0')
            return pfs_fail(err, EOPNOTSUPP, "compact with the argument %s is not there yet", others[i].name);
    }
    return 0;
}

static int compact_table(const struct pfs_calling *x, const struct pfs_statement *s, struct pfs_table *table,
                         struct pfs_err *err)
{
    const char *partitions = argument(s, "partitions", 1), *strategy = argument(s, "compact_strategy", 7);
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

    PFS_TRY(called_table(x, s, &table, err));
    rc = compact_table(x, s, table, err);
    pfs_table_unref(table);
    return rc;
}

static const struct {
    const char *name;
    call_fn *run;
} procedures[] = {{"compact", compact}, {"create_tag", create_tag}, {"delete_tag", delete_tag}};

int pfs_procedure_call(const struct pfs_calling *calling, const struct pfs_statement *statement, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(procedures) / sizeof(procedures[0]); i++)
        if (strcmp(procedures[i].name, statement->procedure) == 0)
            return procedures[i].run(calling, statement, err);
    return pfs_fail(err, EOPNOTSUPP, "CALL sys.%s is not there yet", statement->procedure);
}
