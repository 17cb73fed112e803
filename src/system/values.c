/* values.c - what Java prints of rows that lie serialised in metadata. Two ways of printing meet here: a cast to text,
 * for partitions, and String.valueOf of what Paimon holds in memory, for keys and bounds (a date is a number of days).
 */
#include "src/system/values.h"

#include <assert.h>
#include <stdlib.h>

#include "format/binrow.h"
#include "src/file/cast.h"
#include "src/meta/names.h"

static const struct pfs_type text_type = {.kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX};

/* The values of a serialised row whose fields are these columns of the schema. */
static int parse_row(const struct pfs_schema *schema, const int32_t *column, int32_t count, struct pfs_slice row,
                     struct pfs_arena *arena, struct pfs_column **out, struct pfs_err *err)
{
    const struct pfs_type **types = pfs_arena_array(arena, (size_t)count, sizeof(*types));
    struct pfs_column *value = pfs_arena_array(arena, (size_t)count, sizeof(*value));

    assert(count >= 0);
    if (types == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++)
        types[i] = &schema->field[column[i]].type;
    *out = value;
    return pfs_binrow_parse(row, types, count, arena, value, err);
}

/* ---- partitions and keys ---- */

/* As CAST(value AS STRING) prints it. */
static int put_cast(const struct pfs_column *value, struct pfs_arena *arena, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_column text;
    struct pfs_slice bytes;

    PFS_TRY(pfs_cast_column(value, 1, &text_type, arena, &text, err));
    bytes = pfs_column_bytes(&text, 0);
    pfs_buf_put(out, bytes.at, bytes.len);
    return 0;
}

/* As Java's Row prints a partition. */
int pfs_braces(const struct pfs_schema *schema, struct pfs_slice partition, struct pfs_arena *arena,
               struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_column *value;

    PFS_TRY(parse_row(schema, schema->partition_key, schema->partition_keys, partition, arena, &value, err));
    pfs_buf_putc(out, '{');
    for (int32_t i = 0; i < schema->partition_keys; i++) {
        if (i > 0)
            pfs_buf_puts(out, ", ");
        if (pfs_column_present(&value[i], 0))
            PFS_TRY(put_cast(&value[i], arena, out, err));
        else
            pfs_buf_puts(out, "null");
    }
    pfs_buf_putc(out, '}');
    return pfs_buf_check(out, err);
}

/* As a directory is called, but that nothing is escaped: a blank value has the name of the default partition there. */
int pfs_partition_path(const struct pfs_schema *schema, struct pfs_slice partition, struct pfs_arena *arena,
                       struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_column *value;

    PFS_TRY(parse_row(schema, schema->partition_key, schema->partition_keys, partition, arena, &value, err));
    for (int32_t i = 0; i < schema->partition_keys; i++) {
        size_t from;

        if (i > 0)
            pfs_buf_putc(out, '/');
        pfs_buf_puts(out, schema->field[schema->partition_key[i]].name);
        pfs_buf_putc(out, '=');
        from = out->len;
        if (pfs_column_present(&value[i], 0))
            PFS_TRY(put_cast(&value[i], arena, out, err));
        PFS_TRY(pfs_buf_check(out, err));
        if (pfs_name_is_blank(pfs_slice_of(out->at + from, out->len - from))) {
            out->len = from;
            pfs_buf_puts(out, schema->default_partition);
        }
    }
    return pfs_buf_check(out, err);
}

/* The key as files have it: without the columns that are partition keys. */
int pfs_key_text(const struct pfs_schema *schema, struct pfs_slice key, struct pfs_arena *arena, struct pfs_buf *out,
                 struct pfs_err *err)
{
    struct pfs_column *value;

    PFS_TRY(parse_row(schema, schema->trimmed_key, schema->trimmed_keys, key, arena, &value, err));
    pfs_buf_putc(out, '[');
    for (int32_t i = 0; i < schema->trimmed_keys; i++) {
        if (i > 0)
            pfs_buf_puts(out, ", ");
        if (pfs_column_present(&value[i], 0))
            PFS_TRY(pfs_name_value_java(&value[i], true, out, err));
        else
            pfs_buf_puts(out, "null");
    }
    pfs_buf_putc(out, ']');
    return pfs_buf_check(out, err);
}

/* ---- names in Java's order ---- */

/* Java compares UTF-16: what lies above U+FFFF (lead bytes from 0xf0) begins with a surrogate, which is below
 * U+E000 (lead bytes 0xee and 0xef). Bytes that do not lead are never compared with leading ones in valid text. */
static int rank(unsigned char c)
{
    return c == 0xee || c == 0xef ? c + 0x20 : c;
}

struct named {
    const char *name;
    int32_t column;
};

static int compare_names(const void *left, const void *right)
{
    const char *a = ((const struct named *)left)->name, *b = ((const struct named *)right)->name;

    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return rank((unsigned char)*a) - rank((unsigned char)*b);
}

/* Statistics are maps there, which Paimon prints by name. */
int pfs_columns_by_name(const struct pfs_schema *schema, struct pfs_arena *arena, const int32_t **out,
                        struct pfs_err *err)
{
    struct named *named = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*named));
    int32_t *order = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*order));

    if (named == NULL || order == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < schema->columns; i++)
        named[i] = (struct named){schema->field[i].name, i};
    qsort(named, (size_t)schema->columns, sizeof(*named), compare_names);
    for (int32_t i = 0; i < schema->columns; i++)
        order[i] = named[i].column;
    *out = order;
    return 0;
}

/* ---- statistics ---- */

/* A file's statistics as they are stored: `count` columns, each a column of the file's own schema. */
struct stored {
    int32_t count;
    int32_t *column;
    struct pfs_column *min, *max;
    const int64_t *nulls;
};

/* Which columns the statistics are of: those named, else all that the file has. */
static int stored_columns(const struct pfs_schema *schema, const struct pfs_data_file *file, struct pfs_arena *arena,
                          struct stored *out, struct pfs_err *err)
{
    const char *const *name = file->stats_columns >= 0 ? file->stats_column : file->write_column;
    int64_t count = file->stats_columns >= 0 ? file->stats_columns : file->write_columns;

    if (file->stats_columns < 0 && count != file->value_stats.columns)
        count = -1;
    out->column = pfs_arena_array(arena, (size_t)(count < 0 ? schema->columns : count), sizeof(*out->column));
    if (out->column == NULL)
        return pfs_arena_full(arena, err);
    out->count = (int32_t)(count < 0 ? schema->columns : count);
    for (int32_t i = 0; i < out->count; i++) {
        out->column[i] = count < 0 ? i : pfs_schema_find(schema, pfs_str(name[i]));
        if (out->column[i] < 0)
            return pfs_fail(err, EIO, "%s: statistics of column %s, which its schema lacks", file->name, name[i]);
    }
    return 0;
}

/* What cannot be bounded has a place in the row all the same, which is NULL. */
static int parse_bounds(const struct pfs_schema *schema, const struct stored *s, struct pfs_slice row,
                        struct pfs_arena *arena, struct pfs_column **out, struct pfs_err *err)
{
    const struct pfs_type **types = pfs_arena_array(arena, (size_t)s->count, sizeof(*types));
    struct pfs_column *value = pfs_arena_array(arena, (size_t)s->count, sizeof(*value));

    if (types == NULL || value == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < s->count; i++) { /* nested columns have no bounds: null, as text would be */
        const struct pfs_type *type = &schema->field[s->column[i]].type;

        types[i] = pfs_kind_is_nested(type->kind) || type->kind == PFS_VARIANT ? &text_type : type;
    }
    *out = value;
    return pfs_binrow_parse(row, types, s->count, arena, value, err);
}

/* Files that were written without statistics have an empty row; counts of NULLs may be missing alone. */
static int parse_stored(const struct pfs_schema *schema, const struct pfs_data_file *file, struct pfs_arena *arena,
                        struct stored *out, struct pfs_err *err)
{
    *out = (struct stored){0};
    if (file->value_stats.min.len == 0 || (file->stats_columns < 0 && file->value_stats.columns == 0))
        return 0;
    PFS_TRY(stored_columns(schema, file, arena, out, err));
    PFS_TRY(parse_bounds(schema, out, file->value_stats.min, arena, &out->min, err));
    PFS_TRY(parse_bounds(schema, out, file->value_stats.max, arena, &out->max, err));
    if (file->value_stats.columns == out->count)
        out->nulls = file->value_stats.nulls;
    return 0;
}

/* A bound of another type than the column has now is cast; one that is NULL stays unknown. */
static int bound_as(const struct pfs_column *in, const struct pfs_type *to, struct pfs_arena *arena,
                    struct pfs_column *out, struct pfs_err *err)
{
    if (!pfs_column_present(in, 0))
        return 0;
    if (pfs_cast_is_same(in->type, to)) {
        *out = *in;
        return 0;
    }
    return pfs_cast_column(in, 1, to, arena, out, err);
}

/* The column of the file's schema with that id; -1 = none. */
static int32_t find_id(const struct pfs_schema *schema, int32_t id)
{
    int32_t i = 0;

    while (i < schema->columns && schema->field[i].id != id)
        i++;
    return i < schema->columns ? i : -1;
}

/* By ids of columns, which survive renames: one that the file's schema lacks is NULL in all of its rows. */
int pfs_known_of(const struct pfs_state *state, const struct pfs_data_file *file, struct pfs_arena *arena,
                 struct pfs_known *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = state->schema, *old = schema;
    size_t columns = (size_t)schema->columns;
    struct stored s;

    out->min = pfs_arena_array(arena, columns, sizeof(*out->min));
    out->max = pfs_arena_array(arena, columns, sizeof(*out->max));
    out->nulls = pfs_arena_array(arena, columns, sizeof(*out->nulls));
    if (out->min == NULL || out->max == NULL || out->nulls == NULL)
        return pfs_arena_full(arena, err);
    if (file->schema_id != schema->id)
        PFS_TRY(pfs_schemas_get(state->schemas, file->schema_id, &old, err));
    PFS_TRY(parse_stored(old, file, arena, &s, err));
    for (int32_t c = 0; c < schema->columns; c++) {
        int32_t there = find_id(old, schema->field[c].id), at = 0;
        const struct pfs_type *type = &schema->field[c].type;

        out->nulls[c] = there < 0 ? file->rows : -1;
        while (at < s.count && s.column[at] != there)
            at++;
        assert(at <= s.count);
        if (there < 0 || at == s.count)
            continue;
        if (s.nulls != NULL)
            out->nulls[c] = s.nulls[at];
        if (pfs_kind_is_nested(type->kind) || pfs_kind_is_nested(old->field[there].type.kind))
            continue;
        PFS_TRY(bound_as(&s.min[at], type, arena, &out->min[c], err));
        PFS_TRY(bound_as(&s.max[at], type, arena, &out->max[c], err));
    }
    return 0;
}

static void put_name(const struct pfs_schema *schema, const int32_t *order, int32_t i, struct pfs_buf *out)
{
    assert(order[i] >= 0);
    assert(order[i] < schema->columns);
    pfs_buf_puts(out, i == 0 ? "{" : ", ");
    pfs_buf_puts(out, schema->field[order[i]].name);
    pfs_buf_putc(out, '=');
}

int pfs_known_nulls(const struct pfs_schema *schema, const int32_t *order, const struct pfs_known *known,
                    struct pfs_buf *out, struct pfs_err *err)
{
    for (int32_t i = 0; i < schema->columns; i++) {
        int64_t nulls = known->nulls[order[i]];

        put_name(schema, order, i, out);
        if (nulls < 0)
            pfs_buf_puts(out, "null");
        else
            pfs_buf_printf(out, "%lld", (long long)nulls);
    }
    pfs_buf_putc(out, '}');
    return pfs_buf_check(out, err);
}

int pfs_known_values(const struct pfs_schema *schema, const int32_t *order, const struct pfs_column *value,
                     struct pfs_buf *out, struct pfs_err *err)
{
    for (int32_t i = 0; i < schema->columns; i++) {
        const struct pfs_column *v = &value[order[i]];

        put_name(schema, order, i, out);
        if (v->type == NULL || !pfs_column_present(v, 0))
            pfs_buf_puts(out, "null");
        else
            PFS_TRY(pfs_name_value_java(v, true, out, err));
    }
    pfs_buf_putc(out, '}');
    return pfs_buf_check(out, err);
}
