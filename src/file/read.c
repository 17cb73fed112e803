/* read.c - one data file as rows of today's schema.
 *
 * The file's columns are those of the schema that wrote it. What is asked of the file is a list of fields under the
 * names of that time; what is handed out is that batch, columns of another type cast, with two kinds of columns put in
 * between: constants (partition columns, whose value is the manifest's and not the file's) and nulls (columns that are
 * younger than the file).
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/avro/rows.h"
#include "format/binrow.h"
#include "format/blob.h"
#include "format/orc/orc.h"
#include "format/parquet/parquet.h"
#include "src/file/cast.h"
#include "src/file/evolve.h"
#include "src/file/file.h"
#include "src/file/names.h"
#include "src/meta/names.h"
#include "src/meta/snapshot.h"

enum origin { FROM_FILE, CAST, FROM_PARTITION, ABSENT, ROW_ID, SEQUENCE };

struct part { /* one column handed out */
    enum origin origin;
    int32_t at;                  /* FROM_PARTITION: place in `partition`; else place in the inner batch */
    const struct pfs_type *type; /* of the column handed out */
    const char *name;            /* CAST: of today */
};

struct data_reader {
    struct pfs_reader reader; /* first */
    struct pfs_arena arena;   /* what lives as long as the reader */
    struct pfs_file *file;
    struct pfs_reader *inner;
    struct pfs_column *partition; /* one row each, in partition key order */
    int32_t parts;
    struct part *part;
    const struct pfs_manifest_entry *entry;
    int64_t rows;     /* handed out so far */
    const char *path; /* for sentences */
};

int pfs_data_path(const char *table, const struct pfs_schema *schema, const struct pfs_manifest_entry *entry,
                  struct pfs_arena *arena, const char **out, struct pfs_err *err)
{
    const char *dir;
    char *path;

    PFS_TRY(pfs_name_bucket(table, schema, entry->partition, entry->bucket, arena, &dir, err));
    path = pfs_arena_printf(arena, "%s/%s", dir, entry->file.name);
    if (path == NULL)
        return pfs_arena_full(arena, err);
    *out = path;
    return 0;
}

int pfs_data_find(const struct pfs_data_place *place, const struct pfs_manifest_entry *entry, const char *beside,
                  struct pfs_arena *arena, struct pfs_store **store, const char **path, struct pfs_err *err)
{
    const char *uri = entry->file.external_path, *slash = uri == NULL ? NULL : strrchr(uri, '/');
    struct pfs_manifest_entry other = *entry;

    *store = place->store;
    if (beside != NULL)
        other.file.name = beside;
    if (uri == NULL)
        return pfs_data_path(place->table, place->schema, &other, arena, path, err);
    if (beside != NULL && slash != NULL)
        uri = pfs_arena_printf(arena, "%.*s/%s", (int)(slash - uri), uri, beside);
    return uri == NULL ? pfs_arena_full(arena, err) : pfs_external_find(place->external, uri, store, path, err);
}

static int32_t partition_place(const struct pfs_schema *schema, int32_t column)
{
    for (int32_t i = 0; i < schema->partition_keys; i++)
        if (schema->partition_key[i] == column)
            return i;
    return -1;
}

/* Files of data evolution hold some columns only, by the names of their time. */
static bool is_written(const struct pfs_data_file *file, const char *name)
{
    for (int64_t i = 0; i < file->write_columns; i++)
        if (strcmp(file->write_column[i], name) == 0)
            return true;
    return file->write_columns < 0;
}

/* What the file holds of a column of today; NULL = nothing. `old` is the schema that wrote it. */
static const struct pfs_field *find_field(const struct pfs_schema *schema, int32_t column, const struct pfs_schema *old,
                                          const struct pfs_data_file *file)
{
    const struct pfs_field *want = &schema->field[column],
                           *have = old == schema ? want : pfs_evolve_find(old, want->id);

    return have != NULL && is_written(file, have->name) ? have : NULL;
}

static int schema_of(const struct pfs_data_read *read, const struct pfs_data_file *file, const struct pfs_schema **out,
                     struct pfs_err *err)
{
    *out = read->schema;
    return file->schema_id == read->schema->id ? 0 : pfs_schemas_get(read->schemas, file->schema_id, out, err);
}

int pfs_data_has_column(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, int32_t column,
                        bool *out, struct pfs_err *err)
{
    const struct pfs_schema *old;

    PFS_TRY(schema_of(read, &entry->file, &old, err));
    *out = find_field(read->schema, column, old, &entry->file) != NULL;
    return 0;
}

/* ---- what is asked of the file ---- */

struct ask {
    int32_t count;
    struct pfs_field *field;
    bool *missing_ok;
};

/* The place that it will have in the file's batches. */
static int ask_for(struct ask *ask, const struct pfs_field *field, bool missing_ok)
{
    ask->field[ask->count] = *field;
    ask->missing_ok[ask->count] = missing_ok;
    return ask->count++;
}

static void ask_system(struct data_reader *r, struct ask *ask, int32_t part, enum origin origin,
                       const struct pfs_field *field)
{
    r->part[part] = (struct part){origin, ask_for(ask, field, origin != FROM_FILE), &field->type, field->name};
}

/* From the file as it lies, or cast. What cannot be cast is refused before a byte is read. */
static int plan_column(struct part *part, const struct pfs_field *want, const struct pfs_field *have, struct ask *ask,
                       struct pfs_err *err)
{
    int same = pfs_evolve_is_same(have, want, err);

    if (same < 0)
        return same;
    part->origin = same ? FROM_FILE : CAST;
    part->at = ask_for(ask, have, false);
    return 0;
}

/* Decides where each wanted column comes from and collects what is asked of the file. */
static int plan(struct data_reader *r, const struct pfs_data_read *read, const struct pfs_schema *old, struct ask *ask,
                struct pfs_err *err)
{
    static const struct pfs_field sequence = {PFS_SEQUENCE_ID, PFS_SEQUENCE_COLUMN, {.kind = PFS_BIGINT}, NULL, NULL};
    static const struct pfs_field kind = {PFS_KIND_ID, PFS_KIND_COLUMN, {.kind = PFS_TINYINT}, NULL, NULL};
    static const struct pfs_field row_id = {
        PFS_ROW_ID_ID, PFS_ROW_ID_COLUMN, {.kind = PFS_BIGINT, .nullable = true}, NULL, NULL};
    static const struct pfs_field row_sequence = {
        PFS_SEQUENCE_ID, PFS_SEQUENCE_COLUMN, {.kind = PFS_BIGINT, .nullable = true}, NULL, NULL};
    int32_t parts = read->columns;

    assert(ask->count == 0);
    for (int32_t i = 0; i < read->columns; i++) {
        const struct pfs_field *want = &read->schema->field[read->column[i]];
        const struct pfs_field *have = find_field(read->schema, read->column[i], old, &r->entry->file);
        int32_t place = partition_place(read->schema, read->column[i]);

        r->part[i] = (struct part){place >= 0 ? FROM_PARTITION : ABSENT, place, &want->type, want->name};
        if (place < 0 && have != NULL)
            PFS_TRY(plan_column(&r->part[i], want, have, ask, err));
    }
    if (read->key_value) {
        ask_system(r, ask, parts++, FROM_FILE, &sequence);
        ask_system(r, ask, parts++, FROM_FILE, &kind);
    }
    if (read->row_ids) {
        ask_system(r, ask, parts++, ROW_ID, &row_id);
        ask_system(r, ask, parts++, SEQUENCE, &row_sequence);
    }
    assert(parts == r->parts);
    for (int32_t i = 0; i < old->columns && ask->count == 0; i++) /* some column must say how many rows there are */
        if (is_written(&r->entry->file, old->field[i].name))
            (void)ask_for(ask, &old->field[i], false);
    return ask->count > 0 ? 0 : pfs_fail(err, EIO, "%s holds no column that its schema knows", r->path);
}

/* ---- batches ---- */

/* What is not stored is counted on from `from`, by `step` a row; INT64_MIN says that nothing is known. */
static int fill_numbers(const struct pfs_column *in, int64_t rows, int64_t from, int64_t step, struct pfs_arena *arena,
                        struct pfs_column *out, struct pfs_err *err)
{
    const int64_t *stored = in->values;
    int64_t *value = pfs_arena_alloc(arena, (size_t)rows * sizeof(*value));

    if (value == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++)
        value[i] = pfs_column_present(in, i) ? stored[i] : (int64_t)((uint64_t)from + (uint64_t)(i * step));
    *out = (struct pfs_column){.type = in->type, .values = value};
    if (from == INT64_MIN)
        out->valid = in->valid;
    return 0;
}

static int make_part(const struct data_reader *r, const struct part *part, const struct pfs_batch *inner,
                     struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    const struct pfs_data_file *file = &r->entry->file;
    const struct pfs_column *in = part->at >= 0 && part->at < inner->columns ? &inner->column[part->at] : NULL;
    int64_t first = file->first_row_id;

    /* What is asked of the file comes back as asked: only constants and nulls are of no column there. */
    assert(in != NULL || part->origin == FROM_PARTITION || part->origin == ABSENT);
    assert(part->origin != FROM_PARTITION || r->partition != NULL);
    switch (part->origin) {
    case FROM_FILE:
        *out = *in;
        return 0;
    case CAST:
        if (pfs_cast_column(in, inner->rows, part->type, arena, out, err) < 0)
            return pfs_wrap(err, "data file %s: column %s", r->path, part->name);
        return 0;
    case FROM_PARTITION:
        return pfs_column_repeat(&r->partition[part->at], 0, inner->rows, arena, out, err);
    case ABSENT:
        return pfs_column_nulls(part->type, inner->rows, arena, out, err);
    case ROW_ID:
        first = first == PFS_NO_NUMBER ? first : (int64_t)((uint64_t)first + (uint64_t)r->rows);
        return fill_numbers(in, inner->rows, first, 1, arena, out, err);
    case SEQUENCE:
        return fill_numbers(in, inner->rows, file->max_sequence, 0, arena, out, err);
    }
    return 0;
}

static int64_t data_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct data_reader *r = (struct data_reader *)self;
    struct pfs_batch inner;
    struct pfs_column *column;
    int64_t rows = pfs_reader_next(r->inner, arena, &inner, err);

    if (rows < 0 && rows != -ECANCELED && err != NULL && err->code != 0)
        return pfs_wrap(err, "data file %s", r->path);
    if (rows <= 0)
        return rows;
    assert(inner.rows == rows);
    column = pfs_arena_array(arena, (size_t)r->parts, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < r->parts; i++) {
        PFS_TRY(make_part(r, &r->part[i], &inner, arena, &column[i], err));
        column[i].type = r->part[i].type;
    }
    r->rows += rows;
    *out = (struct pfs_batch){rows, r->parts, column};
    return rows;
}

static void data_close(struct pfs_reader *self)
{
    struct data_reader *r = (struct data_reader *)self;

    pfs_reader_close(r->inner);
    pfs_file_close(r->file);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

static const struct pfs_reader_ops data_ops = {data_next, data_close};

static bool has_suffix(const char *name, const char *suffix)
{
    size_t a = strlen(name), b = strlen(suffix);

    return a >= b && strcmp(name + a - b, suffix) == 0;
}

/* Every format's door; the end of a file's name says which. */
static const struct {
    const char *suffix;
    int (*open)(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out, struct pfs_err *err);
} formats[] = {
    {".parquet", pfs_parquet_open},
    {".orc", pfs_orc_open},
    {".avro", pfs_avro_rows_open},
    {".blob", pfs_blob_open},
};

static int open_format(struct data_reader *r, const char *name, const struct pfs_file_read *ask, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (has_suffix(name, formats[i].suffix))
            return formats[i].open(r->file, ask, &r->inner, err) < 0 ? pfs_wrap(err, "data file %s", r->path) : 0;
    return pfs_fail(err, EOPNOTSUPP, "%s is of a format that cannot be read yet", r->path);
}

/* The entry's partition row, by today's types: partition columns never change theirs. */
static int read_partition(struct data_reader *r, const struct pfs_data_read *read,
                          const struct pfs_manifest_entry *entry, struct pfs_err *err)
{
    const struct pfs_schema *schema = read->schema;
    size_t count = (size_t)schema->partition_keys;
    const struct pfs_type **types = pfs_arena_array(&r->arena, count, sizeof(*types));

    r->partition = pfs_arena_array(&r->arena, count, sizeof(*r->partition));
    if (types == NULL || r->partition == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < schema->partition_keys; i++)
        types[i] = &schema->field[schema->partition_key[i]].type;
    return pfs_binrow_parse(entry->partition, types, schema->partition_keys, &r->arena, r->partition, err);
}

/* A data file that is named and not there is damage; what the snapshot's going makes of that is said above (state.h).
 */
static int open_bytes(struct data_reader *r, const struct pfs_data_read *read, struct pfs_err *err)
{
    struct pfs_store *store = read->store;
    const char *path = r->path;
    int rc;

    if (r->entry->file.external_path != NULL)
        PFS_TRY(pfs_external_find(read->external, r->path, &store, &path, err));
    rc = pfs_store_open(store, path, &r->file, err);
    return rc == -ENOENT ? pfs_fail(err, EIO, "%s is not there", r->path) : rc;
}

static int open_file(struct data_reader *r, const struct pfs_data_read *read, struct pfs_err *err)
{
    const struct pfs_schema *old;
    struct pfs_file_read *ask = pfs_arena_zalloc(&r->arena, sizeof(*ask));
    struct ask wanted = {0};

    r->parts = read->columns + (read->key_value ? 2 : 0) + (read->row_ids ? 2 : 0);
    r->part = pfs_arena_array(&r->arena, (size_t)r->parts, sizeof(*r->part));
    wanted.field = pfs_arena_array(&r->arena, (size_t)r->parts + 1, sizeof(*wanted.field));
    wanted.missing_ok = pfs_arena_array(&r->arena, (size_t)r->parts + 1, sizeof(*wanted.missing_ok));
    if (ask == NULL || r->part == NULL || wanted.field == NULL || wanted.missing_ok == NULL)
        return pfs_arena_full(&r->arena, err);
    PFS_TRY(schema_of(read, &r->entry->file, &old, err));
    PFS_TRY(read_partition(r, read, r->entry, err));
    PFS_TRY(plan(r, read, old, &wanted, err));
    PFS_TRY(open_bytes(r, read, err));
    *ask = (struct pfs_file_read){.columns = wanted.count,
                                  .fields = wanted.field,
                                  .missing_ok = wanted.missing_ok,
                                  .range = read->range,
                                  .ranges = read->ranges,
                                  .batch_rows = read->batch_rows,
                                  .ahead_bytes = read->ahead_bytes,
                                  .cancel = read->cancel,
                                  .pool = read->pool};
    return open_format(r, r->entry->file.name, ask, err);
}

int pfs_data_open(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, struct pfs_reader **out,
                  struct pfs_err *err)
{
    struct data_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    assert(!read->key_value || !read->row_ids);    /* of tables with a primary key, of those without */
    assert(!read->row_ids || read->range == NULL); /* ids are counted on from the first row */
    assert(read->range == NULL || read->ranges > 0);
    for (int32_t i = 0; i < read->columns; i++)
        assert(read->column[i] >= 0 && read->column[i] < read->schema->columns);
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory to read %s", entry->file.name);
    r->reader.ops = &data_ops;
    pfs_arena_init(&r->arena, PFS_BATCH_BYTES_MAX);
    r->entry = entry;
    r->path = entry->file.external_path;
    rc = r->path != NULL ? 0 : pfs_data_path(read->table, read->schema, entry, &r->arena, &r->path, err);
    if (rc == 0)
        rc = open_file(r, read, err);
    if (rc < 0) {
        data_close(&r->reader);
        return rc;
    }
    *out = &r->reader;
    return 0;
}
