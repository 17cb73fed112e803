/* fill.c - which columns of a table are given numbers, and the rows that are. Generators are shared by all handles of a
 * process: two of one directory would each take a block, and a worker's id, of their own. */
#include "src/ingest/fill.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "format/text/text.h"

#define PREFIX "paimonfs.fields."
#define SUFFIX ".generator"

struct pfs_generator {
    struct pfs_generator *next;
    struct pfs_numbers *numbers;
    enum pfs_number_generator kind;
};

void pfs_generators_init(struct pfs_generators *all, const struct pfs_clock *clock)
{
    *all = (struct pfs_generators){.clock = clock};
    pthread_mutex_init(&all->lock, NULL);
}

void pfs_generators_done(struct pfs_generators *all)
{
    while (all->first != NULL) {
        struct pfs_generator *g = all->first;

        all->first = g->next;
        pfs_numbers_close(g->numbers);
        pfs_free(g);
    }
    pthread_mutex_destroy(&all->lock);
}

/* The one of that kind and directory, made when it is not there. Lock held. */
static int find_generator(struct pfs_generators *all, const struct pfs_numbers_config *config,
                          struct pfs_generator **out, struct pfs_err *err)
{
    struct pfs_generator *g;
    int rc;

    for (g = all->first; g != NULL; g = g->next)
        if (g->kind == config->generator && strcmp(pfs_numbers_directory(g->numbers), config->directory) == 0)
            break;
    *out = g;
    if (g != NULL)
        return 0;
    g = pfs_zalloc(sizeof(*g));
    if (g == NULL)
        return pfs_fail(err, ENOMEM, "no memory for numbers");
    rc = pfs_numbers_open(config, &g->numbers, err);
    if (rc < 0) {
        pfs_free(g);
        return rc;
    }
    g->kind = config->generator;
    g->next = all->first;
    *out = all->first = g;
    return 0;
}

/* ---- what the options say ---- */

/* The names are those of the list in numbers.h. */
static int parse_generator(const char *value, const char *key, enum pfs_number_generator *out, struct pfs_err *err)
{
    static const char *const names[] = {
#define X(id, name) [PFS_GENERATOR_##id] = name,
        PFS_NUMBER_GENERATORS(X)
#undef X
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(value, names[i]) == 0) {
            *out = (enum pfs_number_generator)i;
            return 0;
        }
    return pfs_fail(err, EINVAL, "%s is sequence or snowflake, not '%s'", key, value);
}

/* Does the first value of the column stay? */
static bool keeps_first(const struct pfs_schema *schema, const char *column, struct pfs_arena *arena)
{
    const char *key = pfs_arena_printf(arena, "fields.%s.aggregate-function", column);
    const char *function = key == NULL ? NULL : pfs_options_get(&schema->options, key);

    return schema->primary_keys == 0 || schema->engine == PFS_FIRST_ROW ||
           (function != NULL &&
            (strcmp(function, "first_value") == 0 || strcmp(function, "first_non_null_value") == 0 ||
             strcmp(function, "first_not_null_value") == 0));
}

/* A number that a later row could replace would be given in vain, and another one later. */
static int check_column(const struct pfs_schema *schema, int32_t column, enum pfs_number_generator generator,
                        struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_field *f = &schema->field[column];

    if (f->type.kind != PFS_BIGINT && (f->type.kind != PFS_INT || generator != PFS_GENERATOR_SEQUENCE))
        return pfs_fail(err, EINVAL, "column %s is given numbers of a generator and is no BIGINT", f->name);
    if (!f->type.nullable)
        return pfs_fail(err, EINVAL, "column %s is given numbers where rows bring none: it must not be NOT NULL",
                        f->name);
    if (!keeps_first(schema, f->name, arena))
        return pfs_fail(err, EINVAL,
                        "column %s is given numbers, and a later row would replace them: merge-engine first-row or "
                        "aggregate-function first_value keep the first",
                        f->name);
    return 0;
}

/* A table's sequence goes with the table, and is that of all its branches; ids of workers are the warehouse's. */
static int open_generator(struct pfs_generators *all, struct pfs_table *table, const struct pfs_field *field,
                          enum pfs_number_generator generator, struct pfs_arena *arena, struct pfs_numbers **out,
                          struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(table);
    struct pfs_numbers_config config = {.generator = generator,
                                        .store = parts.store,
                                        .clock = all->clock,
                                        .most = field->type.kind == PFS_INT ? INT32_MAX : INT64_MAX - 1};
    struct pfs_generator *g;
    int rc;

    config.directory = generator == PFS_GENERATOR_SNOWFLAKE
                           ? ".paimonfs/snowflake"
                           : pfs_arena_printf(arena, "%s/.paimonfs/sequence-%d", parts.root, (int)field->id);
    if (config.directory == NULL)
        return pfs_arena_full(arena, err);
    pthread_mutex_lock(&all->lock);
    rc = find_generator(all, &config, &g, err);
    pthread_mutex_unlock(&all->lock);
    if (rc < 0)
        return rc;
    *out = g->numbers;
    return pfs_numbers_check(g->numbers, err);
}

int pfs_filling_open(struct pfs_generators *all, struct pfs_table *table, const struct pfs_schema *schema,
                     struct pfs_arena *arena, struct pfs_filling *out, struct pfs_err *err)
{
    *out = (struct pfs_filling){0};
    for (int32_t i = 0; i < schema->options.count; i++) {
        const char *key = schema->options.item[i].key;
        size_t len = strlen(key), names = strlen(PREFIX) + strlen(SUFFIX);
        enum pfs_number_generator generator;
        int32_t column;

        if (len <= names || strncmp(key, PREFIX, strlen(PREFIX)) != 0 ||
            strcmp(key + len - strlen(SUFFIX), SUFFIX) != 0)
            continue;
        column = pfs_schema_find(schema, pfs_slice_of(key + strlen(PREFIX), len - names));
        if (column < 0)
            return pfs_fail(err, EINVAL, "%s: there is no such column", key);
        PFS_TRY(parse_generator(schema->options.item[i].value, key, &generator, err));
        PFS_TRY(check_column(schema, column, generator, arena, err));
        if (out->column == NULL)
            out->column = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*out->column));
        if (out->column == NULL)
            return pfs_arena_full(arena, err);
        assert(out->columns < schema->columns);
        out->column[out->columns].column = column;
        PFS_TRY(open_generator(all, table, &schema->field[column], generator, arena,
                               &out->column[out->columns++].numbers, err));
    }
    return 0;
}

/* ---- rows ---- */

/* Rows that want a number, in order; how many. */
static int64_t list_wanting(const struct pfs_batch *batch, int32_t column, int32_t *row)
{
    const struct pfs_column *c = &batch->column[column];
    const int8_t *kind = batch->column[batch->columns - 1].values;
    int64_t count = 0;

    assert(column >= 0);
    assert(column < batch->columns - 1); /* the last one is the row kind */
    for (int64_t i = 0; i < batch->rows; i++) {
        row[count] = (int32_t)i;
        count += !pfs_column_present(c, i) && (kind[i] == PFS_INSERT || kind[i] == PFS_UPDATE_AFTER);
    }
    return count;
}

/* The column gets copies of its bits and values: the batch may share them with others. */
static int fill_column(const struct pfs_filled *f, struct pfs_arena *arena, struct pfs_batch *batch,
                       struct pfs_err *err)
{
    struct pfs_column *c = &batch->column[f->column];
    size_t rows = (size_t)batch->rows, width = c->type->kind == PFS_INT ? sizeof(int32_t) : sizeof(int64_t);
    int32_t *row = pfs_arena_array(arena, rows, sizeof(*row));
    int64_t *number = pfs_arena_array(arena, rows, sizeof(*number));
    uint8_t *valid = pfs_arena_alloc(arena, (rows + 7) / 8), *value = pfs_arena_alloc(arena, rows * width);
    int64_t count;

    assert(c->type->kind == PFS_INT || c->type->kind == PFS_BIGINT);
    if (row == NULL || number == NULL || valid == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    count = c->valid == NULL ? 0 : list_wanting(batch, f->column, row);
    if (count == 0)
        return 0;
    PFS_TRY(pfs_numbers_take(f->numbers, count, number, err));
    memcpy(valid, c->valid, (rows + 7) / 8);
    memcpy(value, c->values, rows * width);
    for (int64_t i = 0; i < count; i++) {
        int32_t narrow = (int32_t)number[i];

        memcpy(value + (size_t)row[i] * width, width == sizeof(narrow) ? (const void *)&narrow : &number[i], width);
        valid[row[i] >> 3] |= (uint8_t)(1 << (row[i] & 7));
    }
    c->valid = valid;
    c->values = value;
    return 0;
}

int pfs_fill(const struct pfs_filling *filling, struct pfs_arena *arena, struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_column *column;

    if (filling->columns == 0 || batch->rows == 0)
        return 0;
    column = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    memcpy(column, batch->column, (size_t)batch->columns * sizeof(*column));
    batch->column = column;
    for (int32_t i = 0; i < filling->columns; i++)
        PFS_TRY(fill_column(&filling->column[i], arena, batch, err));
    return 0;
}
