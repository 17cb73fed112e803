/* schemas.c - tables about what a table is: $schemas, $options, $aggregation_fields. They show the newest schema, and
 * all that there are, whatever snapshot is travelled to. */
#include <assert.h>

#include "src/system/tables.h"

/* ---- $schemas ---- */

static const struct pfs_field schema_field[] = {
    {.name = "schema_id", .type = {.kind = PFS_BIGINT}}, {.name = "fields", .type = PFS_STRING_TYPE},
    {.name = "partition_keys", .type = PFS_STRING_TYPE}, {.name = "primary_keys", .type = PFS_STRING_TYPE},
    {.name = "options", .type = PFS_STRING_TYPE},        {.name = "comment", .type = PFS_STRING_TYPE},
    {.name = "update_time", .type = PFS_MOMENT_TYPE},
};

/* Parts of the schema are JSON texts, as they stand in its file. */
static int put_schema(struct pfs_grid *g, const struct pfs_schema *s, struct pfs_buf *text, struct pfs_err *err)
{
    pfs_grid_number(g, s->id);
    for (int part = PFS_SCHEMA_FIELDS; part <= PFS_SCHEMA_OPTIONS; part++) {
        PFS_TRY(pfs_schema_print_part(s, (enum pfs_schema_part)part, text, err));
        pfs_grid_buf(g, text);
    }
    pfs_grid_text(g, s->comment);
    pfs_grid_number(g, s->time_ms);
    return 0;
}

/* Every schema that there is, also those that no file is of any more. */
static int put_schemas(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                       struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int64_t *ids, count;
    int rc;

    PFS_TRY(pfs_schema_list(system->store, system->meta, arena, &ids, &count, err));
    for (int64_t i = 0; i < count; i++) {
        struct pfs_schema schema;

        rc = pfs_schema_load(system->store, system->meta, ids[i], arena, &schema, err);
        if (rc == -ENOENT)
            continue;
        if (rc == 0)
            rc = put_schema(g, &schema, &text, err);
        if (rc < 0) {
            pfs_buf_done(&text);
            return rc;
        }
    }
    pfs_buf_done(&text);
    return 0;
}

int pfs_system_schemas(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(schema_field), put_schemas, system, out, err);
}

/* ---- $options ---- */

static const struct pfs_field option_field[] = {
    {.name = "key", .type = PFS_STRING_TYPE},
    {.name = "value", .type = PFS_STRING_TYPE},
};

/* As they were set: defaults are not there. */
static int put_options(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                       struct pfs_err *err)
{
    const struct pfs_options *o = &system->schema->options;

    (void)arena;
    (void)err;
    for (int32_t i = pfs_options_next(o, -1); i >= 0; i = pfs_options_next(o, i)) {
        pfs_grid_text(g, o->item[i].key);
        pfs_grid_text(g, o->item[i].value);
    }
    return 0;
}

int pfs_system_options(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(option_field), put_options, system, out, err);
}

/* ---- $aggregation_fields ---- */

static const struct pfs_field aggregation_field[] = {
    {.name = "field_name", .type = PFS_STRING_TYPE}, {.name = "field_type", .type = PFS_STRING_TYPE},
    {.name = "function", .type = PFS_STRING_TYPE},   {.name = "function_options", .type = PFS_STRING_TYPE},
    {.name = "comment", .type = PFS_STRING_TYPE},
};

/* Is it an option of that column: fields.<column>.<anything>? */
static bool is_of(const char *key, const char *column)
{
    size_t len = strlen(column);

    return strncmp(key, "fields.", 7) == 0 && strncmp(key + 7, column, len) == 0 && key[7 + len] == '.';
}

static void put_list(struct pfs_grid *g, const struct pfs_options *o, const char *column, bool keys,
                     struct pfs_buf *text)
{
    const char *between = "";

    assert(text->len == 0);
    pfs_buf_putc(text, '[');
    for (int32_t i = pfs_options_next(o, -1); i >= 0; i = pfs_options_next(o, i)) {
        if (!is_of(o->item[i].key, column))
            continue;
        pfs_buf_puts(text, between);
        pfs_buf_puts(text, keys ? o->item[i].key : o->item[i].value);
        between = ", ";
    }
    pfs_buf_putc(text, ']');
    pfs_grid_buf(g, text);
}

/* Of every column, whether the table aggregates or not: the lists are empty where nothing is set. */
static int put_aggregations(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                            struct pfs_err *err)
{
    const struct pfs_schema *s = system->schema;
    struct pfs_buf text = {0};

    (void)arena;
    (void)err;
    for (int32_t i = 0; i < s->columns; i++) {
        pfs_grid_text(g, s->field[i].name);
        pfs_type_print(&s->field[i].type, &text);
        pfs_grid_buf(g, &text);
        put_list(g, &s->options, s->field[i].name, false, &text);
        put_list(g, &s->options, s->field[i].name, true, &text);
        pfs_grid_text(g, s->field[i].comment);
    }
    pfs_buf_done(&text);
    return 0;
}

int pfs_system_aggregation_fields(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(aggregation_field), put_aggregations, system, out, err);
}
