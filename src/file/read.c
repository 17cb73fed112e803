/* read.c - one data file as rows of today's schema.
 *
 * The file's columns are those of the schema that wrote it. What is asked of the file is a list of fields under the
 * names of that time; what is handed out is that batch, columns of another type cast, with two kinds of columns put in
 * between: constants (partition columns, whose value is the manifest's and not the file's) and nulls (columns that are
 * younger than the file).
 */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/avro/rows.h"
#include "format/binrow.h"
#include "format/orc/orc.h"
#include "format/parquet/parquet.h"
#include "src/file/cast.h"
#include "src/file/file.h"
#include "src/file/names.h"
#include "src/meta/names.h"

enum origin { FROM_FILE, CAST, FROM_PARTITION, ABSENT };

struct part { /* one column handed out */
    enum origin origin;
    int32_t at;                  /* FROM_FILE, CAST: place in the inner batch; FROM_PARTITION: place in `partition` */
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
    const char *path; /* for sentences */
};

static const struct pfs_type sequence_type = {.kind = PFS_BIGINT};
static const struct pfs_type kind_type = {.kind = PFS_TINYINT};

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

static int32_t partition_place(const struct pfs_schema *schema, int32_t column)
{
    for (int32_t i = 0; i < schema->partition_keys; i++)
        if (schema->partition_key[i] == column)
            return i;
    return -1;
}

static const struct pfs_field *field_by_id(const struct pfs_schema *schema, int32_t id)
{
    for (int32_t i = 0; i < schema->columns; i++)
        if (schema->field[i].id == id)
            return &schema->field[i];
    return NULL;
}

/* Decides where each wanted column comes from and collects what is asked of the file. */
static int plan(struct data_reader *r, const struct pfs_data_read *read, const struct pfs_schema *old,
                struct pfs_field *ask, int32_t *asked, struct pfs_err *err)
{
    *asked = 0;
    for (int32_t i = 0; i < read->columns; i++) {
        const struct pfs_field *want = &read->schema->field[read->column[i]];
        const struct pfs_field *have = old == read->schema ? want : field_by_id(old, want->id);
        int32_t place = partition_place(read->schema, read->column[i]);
        struct part *part = &r->part[i];

        *part = (struct part){ABSENT, 0, &want->type, want->name};
        if (place >= 0) {
            part->origin = FROM_PARTITION;
            part->at = place;
        } else if (have != NULL) {
            if (have != want && pfs_cast_check(&have->type, &want->type, err) < 0)
                return pfs_wrap(err, "column %s", want->name);
            part->origin = have == want || (pfs_cast_is_same(&have->type, &want->type) &&
                                            pfs_type_equal(&have->type, &want->type, false))
                               ? FROM_FILE
                               : CAST;
            part->at = *asked;
            ask[(*asked)++] = *have;
        }
    }
    if (read->key_value) {
        r->part[read->columns] = (struct part){FROM_FILE, *asked, &sequence_type, NULL};
        ask[(*asked)++] = (struct pfs_field){PFS_SEQUENCE_ID, PFS_SEQUENCE_COLUMN, sequence_type, NULL, NULL};
        r->part[read->columns + 1] = (struct part){FROM_FILE, *asked, &kind_type, NULL};
        ask[(*asked)++] = (struct pfs_field){PFS_KIND_ID, PFS_KIND_COLUMN, kind_type, NULL, NULL};
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
    column = pfs_arena_array(arena, (size_t)r->parts, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < r->parts; i++) {
        const struct part *part = &r->part[i];

        switch (part->origin) {
        case FROM_FILE:
            column[i] = inner.column[part->at];
            break;
        case CAST:
            if (pfs_cast_column(&inner.column[part->at], rows, part->type, arena, &column[i], err) < 0)
                return pfs_wrap(err, "data file %s: column %s", r->path, part->name);
            break;
        case FROM_PARTITION:
            PFS_TRY(pfs_column_repeat(&r->partition[part->at], 0, rows, arena, &column[i], err));
            break;
        case ABSENT:
            PFS_TRY(pfs_column_nulls(part->type, rows, arena, &column[i], err));
            break;
        }
        column[i].type = part->type;
    }
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
};

static int open_format(struct data_reader *r, const char *name, const struct pfs_file_read *ask, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (has_suffix(name, formats[i].suffix))
            return formats[i].open(r->file, ask, &r->inner, err) < 0 ? pfs_wrap(err, "data file %s", r->path) : 0;
    return pfs_fail(err, EOPNOTSUPP, "%s is of a format that cannot be read yet", r->path);
}

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

static int open_file(struct data_reader *r, const struct pfs_data_read *read, const struct pfs_manifest_entry *entry,
                     struct pfs_err *err)
{
    const struct pfs_schema *old = read->schema;
    struct pfs_file_read *ask = pfs_arena_zalloc(&r->arena, sizeof(*ask));
    struct pfs_field *fields;
    int rc;

    r->parts = read->columns + (read->key_value ? 2 : 0);
    r->part = pfs_arena_array(&r->arena, (size_t)r->parts, sizeof(*r->part));
    fields = pfs_arena_array(&r->arena, (size_t)r->parts + 1, sizeof(*fields));
    if (ask == NULL || r->part == NULL || fields == NULL)
        return pfs_arena_full(&r->arena, err);
    if (entry->file.external_path != NULL)
        return pfs_fail(err, EOPNOTSUPP, "%s lies outside the table, which cannot be read yet",
                        entry->file.external_path);
    if (entry->file.write_columns >= 0)
        return pfs_fail(err, EOPNOTSUPP, "%s holds some columns only (data evolution), which cannot be read yet",
                        r->path);
    if (entry->file.schema_id != old->id)
        PFS_TRY(pfs_schemas_get(read->schemas, entry->file.schema_id, &old, err));
    PFS_TRY(read_partition(r, read, entry, err));
    PFS_TRY(plan(r, read, old, fields, &ask->columns, err));
    if (ask->columns == 0) /* only constants are wanted: some column must still say how many rows there are */
        fields[ask->columns++] = old->field[0];
    rc = pfs_store_open(read->store, r->path, &r->file, err);
    if (rc == -ENOENT)
        return pfs_fail(err, EIO, "%s is not there", r->path);
    if (rc < 0)
        return rc;
    ask->fields = fields;
    ask->batch_rows = read->batch_rows;
    ask->cancel = read->cancel;
    ask->pool = read->pool;
    return open_format(r, entry->file.name, ask, err);
}

int pfs_data_open(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, struct pfs_reader **out,
                  struct pfs_err *err)
{
    struct data_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory to read %s", entry->file.name);
    r->reader.ops = &data_ops;
    pfs_arena_init(&r->arena, PFS_BATCH_BYTES_MAX);
    rc = pfs_data_path(read->table, read->schema, entry, &r->arena, &r->path, err);
    if (rc == 0)
        rc = open_file(r, read, entry, err);
    if (rc < 0) {
        data_close(&r->reader);
        return rc;
    }
    *out = &r->reader;
    return 0;
}
