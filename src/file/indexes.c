/* indexes.c - the file indexes that options ask for, in the order of their columns, and the values that they are fed.
 *
 * An index is over a column, or over one key of a MAP column: then the values of that key are gathered out of the map
 * for each batch, with a null where a row has none. A file of an older schema is indexed under the names and with the
 * types of its own time, as readers of that file look them up.
 */
#include "src/file/indexes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "file-index."
#define SUFFIX ".columns"
#define EMBEDDED_DEFAULT 500 /* bytes of a container that still goes into the manifest */

/* ---- options ---- */

/* An option of one index, a number or bytes with a unit; *out stays where it is not set. Sentences are Paimon's. */
static int number_option(const struct pfs_options *o, const char *type, const char *column, const char *name,
                         bool bytes, struct pfs_arena *arena, int32_t *out, struct pfs_err *err)
{
    const char *key = pfs_arena_printf(arena, PREFIX "%s.%s.%s", type, column, name);
    int64_t value;

    if (key == NULL)
        return pfs_arena_full(arena, err);
    if (pfs_options_get(o, key) == NULL)
        return 0;
    PFS_TRY(bytes ? pfs_options_bytes(o, key, 0, &value, err) : pfs_options_int(o, key, 0, &value, err));
    if (value < 1 || value > INT32_MAX)
        return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s'.", pfs_options_get(o, key), key);
    *out = (int32_t)value;
    return 0;
}

/* The share of false answers that a bloom filter may give. The bounds are left out: 0 takes endless room, 1 says
 * nothing. */
static int share_option(const struct pfs_options *o, const char *type, const char *column, struct pfs_arena *arena,
                        double *out, struct pfs_err *err)
{
    const char *key = pfs_arena_printf(arena, PREFIX "%s.%s.fpp", type, column), *text;
    char *end;

    if (key == NULL)
        return pfs_arena_full(arena, err);
    text = pfs_options_get(o, key);
    if (text == NULL)
        return 0;
    *out = strtod(text, &end);
    if (end == text || *end != '\0' || !(*out > 0.0 && *out < 1.0))
        return pfs_fail(err, EINVAL, "Could not parse value '%s' for key '%s'.", text, key);
    return 0;
}

static int tune(const struct pfs_options *o, const char *type, const char *column, struct pfs_arena *arena,
                struct pfs_index_write *w, struct pfs_err *err)
{
    switch (w->index) {
    case PFS_INDEX_BLOOM:
        PFS_TRY(number_option(o, type, column, "items", false, arena, &w->items, err));
        return share_option(o, type, column, arena, &w->wrong, err);
    case PFS_INDEX_BITMAP:
        PFS_TRY(number_option(o, type, column, "version", false, arena, &w->version, err));
        return number_option(o, type, column, "index-block-size", true, arena, &w->block_bytes, err);
    case PFS_INDEX_RANGE:
        return number_option(o, type, column, "chunk-size", true, arena, &w->block_bytes, err);
    case PFS_INDEX_BSI:
        break;
    }
    return 0;
}

/* ---- columns ---- */

/* "m[key]" into the column and the key of the map. */
static int find_source(const struct pfs_schema *schema, const char *name, struct pfs_index_source *source,
                       const struct pfs_type **type, struct pfs_err *err)
{
    size_t len = strlen(name), open = strcspn(name, "[");
    const struct pfs_type *map;

    *source = (struct pfs_index_source){pfs_schema_find(schema, pfs_str(name)), {NULL, 0}};
    if (source->column >= 0) {
        *type = &schema->field[source->column].type;
        return 0;
    }
    source->column = pfs_schema_find(schema, pfs_slice_of(name, open));
    if (source->column < 0 || open == len || name[len - 1] != ']')
        return pfs_fail(err, EINVAL, "a file index is asked for %s, which is not a column", name);
    map = &schema->field[source->column].type;
    if (map->kind != PFS_MAP || !pfs_kind_is_text(map->child[0].type.kind))
        return pfs_fail(err, EINVAL, "a file index is asked for %s, which is not a key of a MAP with text keys", name);
    source->key = pfs_slice_of(name + open + 1, len - open - 2);
    *type = &map->child[1].type;
    return 0;
}

/* One index more; the same one named twice (by two options of a list) is made once. */
static int add_index(const struct pfs_schema *schema, const char *type, const char *name, struct pfs_arena *arena,
                     struct pfs_indexes *out, struct pfs_err *err)
{
    struct pfs_index_write *w = &out->write[out->count];
    struct pfs_index_source *source = &out->source[out->count];

    assert(name[0] != '\0');
    *w = (struct pfs_index_write){.column = name};
    PFS_TRY(pfs_index_type_parse(pfs_str(type), &w->index, err));
    PFS_TRY(find_source(schema, name, source, &w->type, err));
    for (int32_t i = 0; i < out->count; i++)
        if (out->write[i].index == w->index && strcmp(out->write[i].column, name) == 0)
            return 0;
    /* First what is said of the map for all of its keys, then of this one. */
    if (source->key.at != NULL)
        PFS_TRY(tune(&schema->options, type, schema->field[source->column].name, arena, w, err));
    PFS_TRY(tune(&schema->options, type, name, arena, w, err));
    out->count++;
    return 0;
}

/* Indexes of one column stand together in a container. By insertion: there are a handful, and those of one column stay
 * in the order of the options. */
static void sort_by_column(struct pfs_indexes *indexes)
{
    for (int32_t i = 1; i < indexes->count; i++)
        for (int32_t k = i; k > 0 && strcmp(indexes->write[k - 1].column, indexes->write[k].column) > 0; k--) {
            struct pfs_index_write w = indexes->write[k];
            struct pfs_index_source s = indexes->source[k];

            indexes->write[k] = indexes->write[k - 1];
            indexes->source[k] = indexes->source[k - 1];
            indexes->write[k - 1] = w;
            indexes->source[k - 1] = s;
        }
}

/* The type of index that an option lists the columns of; NULL = another option. */
static const char *listed_type(const char *key, struct pfs_arena *arena)
{
    size_t len = strlen(key), prefix = strlen(PREFIX), suffix = strlen(SUFFIX);

    if (len <= prefix + suffix || strncmp(key, PREFIX, prefix) != 0 || strcmp(key + len - suffix, SUFFIX) != 0)
        return NULL;
    return pfs_arena_string(arena, pfs_slice_of(key + prefix, len - prefix - suffix));
}

static int read_list(const struct pfs_schema *schema, const struct pfs_option *option, const char *type,
                     struct pfs_arena *arena, struct pfs_indexes *out, struct pfs_err *err)
{
    struct pfs_indexes more = *out;
    const char **name;
    int32_t names;

    PFS_TRY(pfs_options_list(option->value, arena, &name, &names, err));
    more.write = pfs_arena_array(arena, (size_t)(out->count + names), sizeof(*more.write));
    more.source = pfs_arena_array(arena, (size_t)(out->count + names), sizeof(*more.source));
    if (more.write == NULL || more.source == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < out->count; i++) {
        more.write[i] = out->write[i];
        more.source[i] = out->source[i];
    }
    for (int32_t i = 0; i < names; i++) {
        if (name[i][0] == '\0')
            return pfs_fail(err, EINVAL, "Wrong option in %s, should not have empty column", option->key);
        PFS_TRY(add_index(schema, type, name[i], arena, &more, err));
    }
    *out = more;
    return 0;
}

int pfs_indexes_read(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_indexes *out,
                     struct pfs_err *err)
{
    struct pfs_indexes indexes = {0};

    PFS_TRY(pfs_options_bytes(&schema->options, PREFIX "in-manifest-threshold", EMBEDDED_DEFAULT,
                              &indexes.embedded_bytes_max, err));
    for (int32_t i = 0; i < schema->options.count; i++) {
        const struct pfs_option *option = &schema->options.item[i];
        const char *type = listed_type(option->key, arena);

        if (type != NULL)
            PFS_TRY(read_list(schema, option, type, arena, &indexes, err));
    }
    sort_by_column(&indexes);
    *out = indexes;
    return 0;
}

/* ---- files of older schemas ---- */

/* Where a column of today stood in the schema that wrote the file; -1 when the file does not hold it. */
static int32_t place_then(const struct pfs_schema *then, int32_t id, const struct pfs_data_file *file)
{
    for (int32_t i = 0; i < then->columns; i++) {
        if (then->field[i].id != id)
            continue;
        for (int64_t k = 0; k < file->write_columns; k++)
            if (strcmp(file->write_column[k], then->field[i].name) == 0)
                return i;
        return file->write_columns < 0 ? i : -1;
    }
    return -1;
}

/* One index, of column `place` then; false when the column was no such map. */
static int index_then(const struct pfs_field *field, int32_t place, struct pfs_arena *arena,
                      struct pfs_index_write *write, struct pfs_index_source *source, struct pfs_err *err)
{
    assert(place >= 0);
    source->column = place;
    write->type = &field->type;
    write->column = field->name;
    if (source->key.at == NULL)
        return true;
    if (field->type.kind != PFS_MAP || !pfs_kind_is_text(field->type.child[0].type.kind))
        return false;
    write->type = &field->type.child[1].type;
    write->column = pfs_arena_printf(arena, "%s[%.*s]", field->name, PFS_P(source->key));
    return write->column == NULL ? pfs_arena_full(arena, err) : true;
}

int pfs_indexes_of_file(const struct pfs_indexes *asked, const struct pfs_schema *today, const struct pfs_schema *then,
                        const struct pfs_data_file *file, struct pfs_arena *arena, struct pfs_indexes *out,
                        struct pfs_err *err)
{
    struct pfs_indexes indexes = {.embedded_bytes_max = asked->embedded_bytes_max};

    indexes.write = pfs_arena_array(arena, (size_t)asked->count, sizeof(*indexes.write));
    indexes.source = pfs_arena_array(arena, (size_t)asked->count, sizeof(*indexes.source));
    assert(asked->count >= 0);
    if (indexes.write == NULL || indexes.source == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < asked->count; i++) {
        struct pfs_index_write *write = &indexes.write[indexes.count];
        struct pfs_index_source *source = &indexes.source[indexes.count];
        int32_t place = place_then(then, today->field[asked->source[i].column].id, file);
        int rc;

        *write = asked->write[i];
        *source = asked->source[i];
        rc = place < 0 ? false : index_then(&then->field[place], place, arena, write, source, err);
        if (rc < 0)
            return rc;
        indexes.count += rc;
    }
    sort_by_column(&indexes);
    *out = indexes;
    return 0;
}

/* ---- values of a map's key ---- */

/* Where among the map's values each row has that of the key, else the null of the second source. */
static void find_key(const struct pfs_column *map, struct pfs_slice key, int64_t rows, struct pfs_range *range)
{
    const struct pfs_column *keys = &map->children[0];

    assert(map->type->kind == PFS_MAP);
    assert(pfs_kind_is_text(keys->type->kind));
    for (int64_t i = 0; i < rows; i++) {
        range[i] = (struct pfs_range){1, 0, 1}; /* of the null */
        if (!pfs_column_present(map, i))
            continue;
        for (int32_t at = map->offsets[i]; at < map->offsets[i + 1]; at++)
            if (pfs_slice_eq(pfs_column_bytes(keys, at), key)) /* the last one, of keys that are there twice */
                range[i] = (struct pfs_range){0, at, 1};
    }
}

/* Two sources: the map's values, and one null for all rows that lack the key. */
static int column_of_key(const struct pfs_column *map, struct pfs_slice key, int64_t rows, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_column null, value = map->children[1];
    struct pfs_batch values = {rows > 0 ? map->offsets[rows] : 0, 1, &value}, nulls = {1, 1, &null};
    const struct pfs_batch *source[] = {&values, &nulls};
    struct pfs_range *range = pfs_arena_array(arena, (size_t)rows, sizeof(*range));

    if (range == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_column_nulls(value.type, 1, arena, &null, err));
    find_key(map, key, rows, range);
    return pfs_column_gather(source, 0, range, rows, rows, arena, out, err);
}

int pfs_indexes_add(const struct pfs_indexes *indexes, struct pfs_fileindex_writer *writer,
                    const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_arena arena;
    const struct pfs_column **column;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    column = pfs_arena_array(&arena, (size_t)indexes->count, sizeof(*column));
    if (column == NULL)
        rc = pfs_arena_full(&arena, err);
    for (int32_t i = 0; rc == 0 && i < indexes->count; i++) {
        const struct pfs_index_source *s = &indexes->source[i];
        struct pfs_column *made;

        assert(s->column >= 0 && s->column < batch->columns);
        column[i] = &batch->column[s->column];
        if (s->key.at == NULL)
            continue;
        made = pfs_arena_alloc(&arena, sizeof(*made));
        rc = made == NULL ? pfs_arena_full(&arena, err)
                          : column_of_key(column[i], s->key, batch->rows, &arena, made, err);
        column[i] = made;
    }
    if (rc == 0)
        rc = pfs_fileindex_writer_add(writer, column, batch->rows, err);
    pfs_arena_done(&arena);
    return rc;
}
