/* write.c - new data files of one bucket: made as the table's options ask, rolled at the target size between keys,
 * named once and synced before anything names them.
 *
 *   rows          k  n ------------ | k  n ----------        rolled by target-file-size
 *   BLOB column   p ----- p --- p - | p ------- p ---        rolled by blob.target-file-size, ended where the rows' are
 *
 * A BLOB column has a writer of its own, which is given the same rows in the same steps; what it made goes behind the
 * file of the rows, by which readers find it (spec commit 6). */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "format/binrow.h"
#include "format/blob.h"
#include "format/text/text.h"
#include "src/file/file.h"
#include "src/file/fit.h"
#include "src/file/indexes.h"
#include "src/file/making.h"
#include "src/file/measure.h"
#include "src/file/names.h"
#include "src/file/outside.h"
#include "src/file/stats.h"
#include "src/meta/names.h"

/* Pieces are larger for ordinary files, which end some thousand rows later than asked at most; small targets are meant.
 */
#define ROLL_ROWS 1000 /* the size is looked at once in so many rows, as Paimon does */

struct pfs_data_writer {
    struct pfs_data_write write;
    struct pfs_arena arena;          /* lives as long as the writer */
    const struct pfs_schema *schema; /* of the file's columns: the table's, without its BLOBs, or one of these */
    struct pfs_schema narrow;        /* that one, if it is not the table's */
    int32_t *column;                 /* with blobs: of the batches, those that go into the file of the rows */
    int32_t blobs;                   /* BLOB columns */
    struct blob_column {
        int32_t column;
        struct pfs_data_writer *writer;
        int64_t given; /* so many of its files are the rows' writer's now */
    } * blob;
    const char *dir; /* of the bucket, below the table */
    struct pfs_data_place place;
    struct pfs_outside outside;
    char uuid[PFS_UUID_TEXT];
    int32_t made, *counter; /* files so far, in names: blob files are counted with the others */
    bool keyed, thin;
    int32_t columns, before; /* of the file; of those, in front of the table's */
    struct pfs_field *field;
    const struct pfs_column **key; /* of the batch at hand */
    struct pfs_buf scratch;        /* a key */
    struct pfs_making making;
    struct pfs_stats_rules rules;
    struct pfs_indexes indexes;
    /* The file being written: */
    struct pfs_file *file;
    struct pfs_writer *writer;
    struct pfs_measure *measure;
    struct pfs_fileindex_writer *index; /* NULL = none */
    struct pfs_manifest_entry entry;
    bool full;                /* ends where the next key begins */
    struct pfs_arena results; /* entries so far */
    struct pfs_manifest_entry *done;
    int64_t dones, dones_room;
    int64_t next_number; /* append tables */
    bool finished;
};

/* ---- opening ---- */

/* Columns of the file: keys, number and kind in front (spec datafiles 2), then the table's, then row ids. */
static int choose_fields(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;
    size_t room = (size_t)(schema->trimmed_keys + 2 + schema->columns + 2);
    struct pfs_field *f = pfs_arena_array(&w->arena, room, sizeof(*f));

    if (f == NULL)
        return pfs_arena_full(&w->arena, err);
    w->field = f;
    for (int32_t i = 0; w->keyed && !w->thin && i < schema->trimmed_keys; i++) {
        const struct pfs_field *key = &schema->field[schema->trimmed_key[i]];

        *f = *key;
        f->id = PFS_KEY_ID_BASE + key->id;
        f->name = pfs_arena_printf(&w->arena, PFS_KEY_PREFIX "%s", key->name);
        f->type.nullable = false;
        if (f->name == NULL)
            return pfs_arena_full(&w->arena, err);
        f++;
    }
    if (w->keyed) {
        *f++ = (struct pfs_field){.id = PFS_SEQUENCE_ID, .name = PFS_SEQUENCE_COLUMN, .type = {.kind = PFS_BIGINT}};
        *f++ = (struct pfs_field){.id = PFS_KIND_ID, .name = PFS_KIND_COLUMN, .type = {.kind = PFS_TINYINT}};
    }
    w->before = (int32_t)(f - w->field);
    memcpy(f, schema->field, (size_t)schema->columns * sizeof(*f));
    f += schema->columns;
    if (w->write.row_ids) {
        static const struct pfs_type number = {.kind = PFS_BIGINT, .nullable = true};

        *f++ = (struct pfs_field){.id = PFS_ROW_ID_ID, .name = PFS_ROW_ID_COLUMN, .type = number};
        *f++ = (struct pfs_field){.id = PFS_SEQUENCE_ID, .name = PFS_SEQUENCE_COLUMN, .type = number};
    }
    w->columns = (int32_t)(f - w->field);
    assert((size_t)w->columns <= room);
    return 0;
}

/* The indexes of all files are of the same kinds, so one that cannot be is found before there is a file. */
static int try_indexes(struct pfs_data_writer *w, struct pfs_err *err)
{
    if (w->indexes.count == 0)
        return 0;
    return pfs_fileindex_writer_open(w->indexes.write, w->indexes.count, &w->index, err);
}

/* A table with BLOBs: its rows without them are a file. A file of one BLOB is none of those. */
static int leave_blobs(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->write.schema;
    int32_t *kept = pfs_arena_array(&w->arena, (size_t)schema->columns, sizeof(*kept)), rest = 0;
    bool *blob;

    w->schema = schema;
    if (w->keyed || w->write.row_ids)
        return 0;
    if (kept == NULL)
        return pfs_arena_full(&w->arena, err);
    PFS_TRY(pfs_schema_blobs(schema, &w->arena, &blob, &w->blobs, err));
    if (w->blobs == 0)
        return 0;
    w->blob = pfs_arena_array(&w->arena, (size_t)w->blobs, sizeof(*w->blob));
    if (w->blob == NULL)
        return pfs_arena_full(&w->arena, err);
    w->blobs = 0;
    for (int32_t i = 0; i < schema->columns; i++)
        if (blob[i])
            w->blob[w->blobs++].column = i;
        else
            kept[rest++] = i;
    PFS_TRY(pfs_schema_narrow(schema, kept, rest, &w->arena, &w->narrow, err));
    w->schema = &w->narrow;
    w->column = kept;
    w->write.named = true;
    return 0;
}

/* What the options say of the file. */
static int read_options(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;
    struct pfs_stats_file stats = {
        .level = w->write.level, .changelog = w->write.changelog, .none = w->write.bucket == PFS_POSTPONE_BUCKET};

    PFS_TRY(pfs_options_bool(&schema->options, "data-file.thin-mode", false, &w->thin, err));
    if (w->write.bucket == PFS_POSTPONE_BUCKET)
        PFS_TRY(pfs_making_read_postponed(schema, w->write.user, &w->arena, &w->making, err));
    else
        PFS_TRY(pfs_making_read(schema, w->write.level, w->write.changelog, &w->arena, &w->making, err));
    stats.thin = w->keyed && w->thin;
    stats.plain = w->making.format == PFS_DATA_AVRO;
    PFS_TRY(pfs_stats_rules_read(schema, &stats, &w->arena, &w->rules, err));
    return pfs_indexes_read(schema, &w->arena, &w->indexes, err);
}

/* Index files would have to lie beside data files, wherever these are. */
static int check_outside(const struct pfs_schema *schema, const struct pfs_external *external, struct pfs_err *err)
{
    struct pfs_outside outside;
    struct pfs_arena arena;
    bool beside = false;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_outside_read(schema, &arena, &outside, err);
    if (rc == 0 && outside.paths > 0)
        rc = pfs_options_bool(&schema->options, "index-file-in-data-file-dir", false, &beside, err);
    if (rc == 0 && beside)
        rc = pfs_fail(err, EOPNOTSUPP, "index-file-in-data-file-dir with data-file.external-paths is not there yet");
    if (rc == 0)
        rc = pfs_outside_check(&outside, external, err);
    pfs_arena_done(&arena);
    return rc;
}

/* Can the columns have the indexes that are asked for? */
static int check_indexes(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_fileindex_writer *writer;
    struct pfs_indexes indexes;

    PFS_TRY(pfs_indexes_read(schema, arena, &indexes, err));
    if (indexes.count == 0)
        return 0;
    for (int32_t i = 0; i < indexes.count; i++)
        indexes.write[i].items = 1; /* it is given away at once */
    PFS_TRY(pfs_fileindex_writer_open(indexes.write, indexes.count, &writer, err));
    pfs_fileindex_writer_close(writer);
    return 0;
}

int pfs_data_write_check(const struct pfs_schema *schema, const struct pfs_external *external, struct pfs_err *err)
{
    bool keyed = schema->primary_keys > 0;
    bool told = keyed && pfs_options_get(&schema->options, "changelog-producer") != NULL;
    int rc = check_outside(schema, external, err);

    for (int changelog = 0; rc == 0 && changelog <= told; changelog++) {
        struct pfs_data_writer w = {.write = {.schema = schema, .bucket = schema->buckets, .changelog = changelog != 0},
                                    .keyed = keyed};
        struct pfs_making blobs;

        pfs_arena_init(&w.arena, PFS_ARENA_LIMIT);
        rc = leave_blobs(&w, err);
        if (rc == 0)
            rc = read_options(&w, err);
        if (rc == 0 && w.blobs > 0)
            rc = pfs_making_read_blobs(schema, &w.arena, &blobs, err);
        if (rc == 0)
            rc = pfs_making_check(&w.making, w.schema, err);
        if (rc == 0 && changelog == 0)
            rc = check_indexes(w.schema, &w.arena, err);
        pfs_arena_done(&w.arena);
    }
    return rc;
}

/* Where its files go, and what they are called. */
static int open_place(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->write.schema;

    w->next_number = w->write.first_number;
    w->place = (struct pfs_data_place){w->write.store, w->write.table, schema, w->write.external};
    PFS_TRY(pfs_outside_read(schema, &w->arena, &w->outside, err));
    PFS_TRY(pfs_name_bucket("", schema, w->write.partition, w->write.bucket, &w->arena, &w->dir, err));
    w->dir++; /* the slash */
    return 0;
}

/* A writer of one column, whose files are counted with those of the rows. */
static int open_blob(struct pfs_data_writer *w, struct blob_column *b, struct pfs_err *err)
{
    struct pfs_data_writer *of = pfs_zalloc(sizeof(*of));

    if (of == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a blob file");
    b->writer = of;
    of->write = w->write;
    pfs_arena_init(&of->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&of->results, PFS_ARENA_LIMIT);
    memcpy(of->uuid, w->uuid, sizeof(of->uuid));
    of->counter = &w->made;
    of->narrow = *w->write.schema;
    of->narrow.columns = 1;
    of->narrow.field = &w->write.schema->field[b->column];
    of->narrow.partition_keys = of->narrow.bucket_keys = 0;
    of->schema = &of->narrow;
    PFS_TRY(pfs_making_read_blobs(w->write.schema, &of->arena, &of->making, err));
    PFS_TRY(pfs_stats_rules_read(of->schema, &(struct pfs_stats_file){.none = true}, &of->arena, &of->rules, err));
    PFS_TRY(choose_fields(of, err));
    return open_place(of, err);
}

/* All that may be refused is asked before there is a file: a writer that opens can begin. */
static int open_writer(struct pfs_data_writer *w, struct pfs_err *err)
{
    w->keyed = w->write.schema->primary_keys > 0;
    PFS_TRY(leave_blobs(w, err));
    w->key = pfs_arena_array(&w->arena, (size_t)w->schema->trimmed_keys, sizeof(*w->key));
    if (w->key == NULL)
        return pfs_arena_full(&w->arena, err);
    pfs_uuid_make(w->uuid);
    w->counter = &w->made;
    PFS_TRY(read_options(w, err));
    PFS_TRY(choose_fields(w, err));
    PFS_TRY(try_indexes(w, err));
    PFS_TRY(open_place(w, err));
    for (int32_t i = 0; i < w->blobs; i++)
        PFS_TRY(open_blob(w, &w->blob[i], err));
    return 0;
}

int pfs_data_writer_open(const struct pfs_data_write *write, struct pfs_data_writer **out, struct pfs_err *err)
{
    struct pfs_data_writer *w = pfs_zalloc(sizeof(*w));
    int rc;

    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a data file");
    assert(write->level >= 0);
    assert(!write->row_ids || write->schema->primary_keys == 0);
    assert(write->partition.at != NULL);
    w->write = *write;
    pfs_arena_init(&w->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&w->results, PFS_ARENA_LIMIT);
    rc = open_writer(w, err);
    if (rc < 0) {
        pfs_data_writer_close(w);
        return rc;
    }
    *out = w;
    return 0;
}

/* ---- one file ---- */

/* Java's local wall clock as if it were UTC (spec manifests 3). */
static int64_t local_wall_ms(const struct pfs_clock *clock)
{
    return pfs_clock_local_ms(pfs_clock_now_ms(clock));
}

static int name_columns(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;
    const char **name = pfs_arena_array(&w->results, (size_t)schema->columns, sizeof(*name));

    if (name == NULL)
        return pfs_arena_full(&w->results, err);
    for (int32_t i = 0; i < schema->columns; i++)
        name[i] = schema->field[i].name;
    w->entry.file.write_columns = schema->columns;
    w->entry.file.write_column = name;
    return 0;
}

static int start_file(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;
    const char *name =
        pfs_arena_printf(&w->results, "%s%s-%d%s", w->making.prefix, w->uuid, (*w->counter)++, w->making.suffix);
    struct pfs_store *store;
    const char *path;

    if (name == NULL)
        return pfs_arena_full(&w->results, err);
    assert(w->writer == NULL && w->file == NULL); /* one at a time */
    w->full = false;
    w->entry = (struct pfs_manifest_entry){
        .partition = w->write.partition,
        .bucket = w->write.bucket,
        .total_buckets = w->write.total_buckets,
        .file = {.name = name,
                 .schema_id = schema->id,
                 .level = w->write.level,
                 .creation_time_ms = local_wall_ms(w->write.clock),
                 .source = w->write.source,
                 .min_sequence = INT64_MAX,
                 .max_sequence = INT64_MIN,
                 .first_row_id = INT64_MIN,
                 .stats_columns = -1,
                 .write_columns = -1},
    };
    if (!pfs_arena_copy(&w->results, w->write.partition, &w->entry.partition))
        return pfs_arena_full(&w->results, err);
    if (w->write.named)
        PFS_TRY(name_columns(w, err));
    if (w->outside.paths > 0)
        PFS_TRY(pfs_outside_next(&w->outside, w->dir, name, &w->results, &w->entry.file.external_path, err));
    PFS_TRY(pfs_data_find(&w->place, &w->entry, NULL, &w->arena, &store, &path, err));
    if (w->making.format != PFS_DATA_BLOB)
        PFS_TRY(pfs_measure_open(schema->field, schema->columns, w->making.format == PFS_DATA_AVRO, &w->measure, err));
    if (w->index == NULL)
        PFS_TRY(try_indexes(w, err));
    if (pfs_store_create(store, path, &w->file, err) < 0)
        return err != NULL && err->code != 0 ? -err->code : pfs_fail(err, EIO, "%s cannot be created", path);
    return pfs_making_open(&w->making, w->file, w->field, w->columns, w->write.pool, &w->writer, err);
}

/* The key of a row, over what `text` held. */
static int print_key(struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t row, struct pfs_buf *text,
                     struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;

    pfs_buf_clear(text);
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        w->key[i] = &batch->column[schema->trimmed_key[i]];
    return pfs_binrow_print(w->key, schema->trimmed_keys, row, true, text, err);
}

/* In the arena of the results: the entry names it for as long as the writer lives. */
static int keep_key(struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t row, struct pfs_slice *out,
                    struct pfs_err *err)
{
    PFS_TRY(print_key(w, batch, row, &w->scratch, err));
    return pfs_arena_copy(&w->results, pfs_buf_slice(&w->scratch), out) ? 0 : pfs_arena_full(&w->results, err);
}

static void note_number(struct pfs_data_file *f, int64_t number)
{
    f->min_sequence = number < f->min_sequence ? number : f->min_sequence;
    f->max_sequence = number > f->max_sequence ? number : f->max_sequence;
}

/* Rows of an append table are counted on, but for those that bring their numbers with them. */
static void note_appended(struct pfs_data_writer *w, const struct pfs_batch *batch)
{
    struct pfs_data_file *f = &w->entry.file;
    const struct pfs_column *number = w->write.row_ids ? &batch->column[w->schema->columns + 1] : NULL;

    for (int64_t i = 0; number != NULL && i < batch->rows; i++)
        if (pfs_column_present(number, i))
            note_number(f, ((const int64_t *)number->values)[i]);
    if (number == NULL) {
        note_number(f, w->next_number);
        w->next_number += batch->rows;
        note_number(f, w->next_number - 1);
    }
}

/* What the entry says of the rows: keys, numbers, deletes. Rows are sorted by key, so the first is the smallest and the
 * last the greatest; but for the postpone bucket, whose entries nobody asks for keys. */
static int note_rows(struct pfs_data_writer *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_data_file *f = &w->entry.file;
    int32_t columns = w->schema->columns;

    assert(batch->rows > 0);
    assert(batch->columns >= columns + (w->keyed || w->write.row_ids ? 2 : 0));
    if (w->keyed) {
        const int64_t *number = batch->column[columns].values;
        const int8_t *kind = batch->column[columns + 1].values;

        for (int64_t i = 0; i < batch->rows; i++) {
            note_number(f, number[i]);
            f->delete_rows += kind[i] == PFS_UPDATE_BEFORE || kind[i] == PFS_DELETE;
        }
        if (f->rows == 0)
            PFS_TRY(keep_key(w, batch, 0, &f->min_key, err));
        PFS_TRY(keep_key(w, batch, batch->rows - 1, &f->max_key, err));
    } else {
        note_appended(w, batch);
        if (f->rows == 0)
            PFS_TRY(keep_key(w, batch, 0, &f->min_key, err));
        f->max_key = f->min_key;
    }
    f->rows += batch->rows;
    assert(f->min_key.at != NULL && f->max_key.at != NULL);
    return 0;
}

/* The file's columns out of a key-value batch: views of them, in the file's order. */
static int write_rows(struct pfs_data_writer *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;
    struct pfs_arena arena;
    struct pfs_batch out = {batch->rows, w->columns, NULL};
    int32_t at = 0;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    out.column = pfs_arena_array(&arena, (size_t)w->columns, sizeof(*out.column));
    if (out.column == NULL) {
        pfs_arena_done(&arena);
        return pfs_arena_full(&arena, err);
    }
    for (int32_t i = 0; w->keyed && !w->thin && i < schema->trimmed_keys; i++)
        out.column[at++] = batch->column[schema->trimmed_key[i]];
    for (int32_t i = 0; w->keyed && i < 2; i++)
        out.column[at++] = batch->column[schema->columns + i];
    for (int32_t i = 0; i < schema->columns; i++)
        out.column[at++] = batch->column[i];
    for (int32_t i = 0; w->write.row_ids && i < 2; i++)
        out.column[at++] = batch->column[schema->columns + i];
    assert(at == w->columns);
    for (int32_t i = 0; rc == 0 && w->making.format == PFS_DATA_ORC && i < w->columns; i++)
        if (out.column[i].type->kind == PFS_DECIMAL)
            rc = pfs_fit_decimals(&out.column[i], out.rows, &arena, err);
    if (rc == 0)
        rc = pfs_writer_write(w->writer, &out, err);
    pfs_arena_done(&arena);
    return rc;
}

/* What is known of the table's columns: by the format, but for what is measured here. Parquet's footers say nothing of
 * nested columns as a whole. */
static int gather_stats(struct pfs_data_writer *w, struct pfs_column_stats **out, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;
    struct pfs_column_stats *stats = pfs_arena_array(&w->results, (size_t)schema->columns, sizeof(*stats));
    const struct pfs_column_stats *known = NULL;

    if (stats == NULL)
        return pfs_arena_full(&w->results, err);
    if (w->making.format != PFS_DATA_AVRO)
        known = pfs_writer_stats(w->writer) + w->before;
    for (int32_t i = 0; i < schema->columns; i++) {
        enum pfs_kind kind = schema->field[i].type.kind;

        if (known != NULL)
            stats[i] = known[i];
        if (kind == PFS_VARIANT || (pfs_kind_is_nested(kind) && w->making.format == PFS_DATA_PARQUET))
            stats[i] = (struct pfs_column_stats){.nulls = -1};
    }
    if (w->measure != NULL)
        pfs_measure_apply(w->measure, stats);
    *out = stats;
    return 0;
}

/* What the manifest will say of the file: its keys, then its columns. */
static int measure(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->schema;
    struct pfs_column_stats *stats;

    PFS_TRY(gather_stats(w, &stats, err));
    PFS_TRY(pfs_stats_keys(schema, &w->rules, stats, &w->results, &w->entry.file.key_stats, err));
    return pfs_stats_values(schema, &w->rules, stats, &w->results, &w->entry.file, err);
}

/* A large container becomes a file beside the data file. */
static int save_index_file(struct pfs_data_writer *w, struct pfs_slice container, struct pfs_err *err)
{
    const char **name = pfs_arena_array(&w->results, 1, sizeof(*name)), *path;
    struct pfs_file *file = NULL;
    struct pfs_store *store;
    int rc;

    if (name != NULL)
        name[0] = pfs_arena_printf(&w->results, "%s.index", w->entry.file.name);
    if (name == NULL || name[0] == NULL)
        return pfs_arena_full(&w->results, err);
    PFS_TRY(pfs_data_find(&w->place, &w->entry, name[0], &w->arena, &store, &path, err));
    if (pfs_store_create(store, path, &file, err) < 0)
        return err != NULL && err->code != 0 ? -err->code : pfs_fail(err, EIO, "%s cannot be created", path);
    w->entry.file.extra_file = name;
    w->entry.file.extra_files = 1;
    rc = pfs_file_append(file, container.at, container.len, err);
    if (rc == 0)
        rc = pfs_file_sync(file, err);
    pfs_file_close(file);
    return rc;
}

/* The container goes into the entry, or beside the file when it is large: every reader of a manifest pays for what is
 * in it. */
static int save_index(struct pfs_data_writer *w, struct pfs_err *err)
{
    struct pfs_buf container = {0};
    int rc;

    if (w->index == NULL)
        return 0;
    rc = pfs_fileindex_writer_finish(w->index, &container, err);
    if (rc == 0 && (int64_t)container.len > w->indexes.embedded_bytes_max)
        rc = save_index_file(w, pfs_buf_slice(&container), err);
    else if (rc == 0 && !pfs_arena_copy(&w->results, pfs_buf_slice(&container), &w->entry.file.embedded_index))
        rc = pfs_arena_full(&w->results, err);
    pfs_buf_done(&container);
    return rc;
}

/* The arena keeps the smaller lists too: there are few files, and each time twice as many fit. */
static int keep_entry(struct pfs_data_writer *w, const struct pfs_manifest_entry *entry, struct pfs_err *err)
{
    if (w->dones == w->dones_room) {
        int64_t room = w->dones_room == 0 ? 8 : w->dones_room * 2;
        struct pfs_manifest_entry *more = pfs_arena_array(&w->arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(&w->arena, err);
        if (w->dones > 0)
            memcpy(more, w->done, (size_t)w->dones * sizeof(*more));
        w->done = more;
        w->dones_room = room;
    }
    w->done[w->dones++] = *entry;
    return 0;
}

/* What the file being written holds of memory and handles; the file itself stays. */
static void close_file(struct pfs_data_writer *w)
{
    pfs_writer_close(w->writer);
    pfs_measure_close(w->measure);
    pfs_fileindex_writer_close(w->index);
    if (w->file != NULL)
        pfs_file_close(w->file);
    w->writer = NULL;
    w->measure = NULL;
    w->index = NULL;
    w->file = NULL;
}

/* Ends the file: footer, statistics, indexes, and its bytes on disk. What fails leaves it open: close removes it. */
static int end_file(struct pfs_data_writer *w, struct pfs_err *err)
{
    int rc;

    if (w->writer == NULL)
        return 0;
    rc = pfs_writer_finish(w->writer, err);
    if (rc == 0)
        rc = measure(w, err);
    if (rc == 0)
        rc = save_index(w, err);
    if (rc == 0)
        rc = pfs_file_sync(w->file, err);
    if (rc == 0) {
        w->entry.file.size = (int64_t)pfs_file_size(w->file);
        rc = keep_entry(w, &w->entry, err);
    }
    if (rc < 0)
        return err != NULL && err->code != 0 ? pfs_wrap(err, "%s/%s", w->dir, w->entry.file.name) : rc;
    close_file(w);
    return 0;
}

/* The rows' file and those beside it, which go behind it: column by column, in the order of their rows. */
static int end_files(struct pfs_data_writer *w, struct pfs_err *err)
{
    PFS_TRY(end_file(w, err));
    for (int32_t i = 0; i < w->blobs; i++) {
        struct blob_column *b = &w->blob[i];

        PFS_TRY(end_file(b->writer, err));
        for (; b->given < b->writer->dones; b->given++)
            PFS_TRY(keep_entry(w, &b->writer->done[b->given], err));
    }
    return 0;
}

/* ---- the writer ---- */

/* Rows [from, from + len) into the file. */
static int add_rows(struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t from, int64_t len,
                    struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_batch piece = {len, batch->columns, NULL};

    assert(from >= 0 && len >= 0 && len <= batch->rows - from);
    if (len == 0)
        return 0;
    piece.column = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*piece.column));
    if (piece.column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < batch->columns; i++)
        PFS_TRY(pfs_column_slice(&batch->column[i], from, len, arena, &piece.column[i], err));
    if (w->writer == NULL)
        PFS_TRY(start_file(w, err));
    PFS_TRY(write_rows(w, &piece, err));
    if (w->measure != NULL)
        PFS_TRY(pfs_measure_add(w->measure, &piece, err));
    if (w->index != NULL)
        PFS_TRY(pfs_indexes_add(&w->indexes, w->index, &piece, err));
    PFS_TRY(note_rows(w, &piece, err));
    w->full = !w->write.whole && (int64_t)pfs_writer_size(w->writer) >= w->making.target_bytes;
    return 0;
}

/* How many rows from `from` on have the key that the file ended with so far. */
static int rows_of_last_key(struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t from, int64_t *out,
                            struct pfs_err *err)
{
    int64_t rows = 0;

    for (; w->keyed && from + rows < batch->rows; rows++) {
        PFS_TRY(print_key(w, batch, from + rows, &w->scratch, err));
        if (!pfs_slice_eq(pfs_buf_slice(&w->scratch), w->entry.file.max_key))
            break;
    }
    *out = rows;
    return 0;
}

/* A full file takes the rows that are left of its last key, and ends when another key comes. */
static int end_full_file(struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t *from,
                         struct pfs_arena *arena, struct pfs_err *err)
{
    int64_t rows;

    assert(w->writer != NULL && w->full);
    PFS_TRY(rows_of_last_key(w, batch, *from, &rows, err));
    PFS_TRY(add_rows(w, batch, *from, rows, arena, err));
    w->full = true;
    *from += rows;
    return *from < batch->rows ? end_files(w, err) : 0;
}

/* How many rows may go into the file before its size is looked at. A blob file ends with the row that fills it. */
static int64_t rows_at_once(const struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t from)
{
    int64_t most = w->making.target_bytes < ((int64_t)8 << 20) ? ROLL_ROWS : 16 * ROLL_ROWS, rows = 0;
    int64_t left = batch->rows - from, size;

    most = left < most ? left : most;
    if (w->making.format != PFS_DATA_BLOB)
        return most;
    size = w->writer == NULL ? 0 : (int64_t)pfs_writer_size(w->writer);
    while (rows < most && (rows == 0 || size < w->making.target_bytes)) {
        if (pfs_column_present(batch->column, from + rows))
            size += (int64_t)pfs_column_bytes(batch->column, from + rows).len + PFS_BLOB_AROUND_BYTES;
        rows++;
    }
    return rows;
}

/* The same rows of the columns that have files of their own. */
static int add_blobs(struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t from, int64_t len,
                     struct pfs_err *err)
{
    struct pfs_arena arena;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int32_t i = 0; rc == 0 && i < w->blobs; i++) {
        struct pfs_column column;

        rc = pfs_column_slice(&batch->column[w->blob[i].column], from, len, &arena, &column, err);
        if (rc == 0)
            rc = pfs_data_writer_add(w->blob[i].writer, &(struct pfs_batch){len, 1, &column}, err);
    }
    pfs_arena_done(&arena);
    return rc;
}

/* A view of the columns that go into the file of the rows. */
static int without_blobs(const struct pfs_data_writer *w, const struct pfs_batch *batch, struct pfs_arena *arena,
                         struct pfs_batch *out, struct pfs_err *err)
{
    *out = *batch;
    if (w->blobs == 0)
        return 0;
    assert(batch->columns == w->write.schema->columns);
    out->columns = w->schema->columns;
    out->column = pfs_arena_array(arena, (size_t)out->columns, sizeof(*out->column));
    if (out->column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < out->columns; i++)
        out->column[i] = batch->column[w->column[i]];
    return 0;
}

int pfs_data_writer_add(struct pfs_data_writer *writer, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_arena arena, columns;
    struct pfs_batch rows;
    int64_t from = 0;
    int rc;

    assert(!writer->finished);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&columns, PFS_ARENA_LIMIT);
    rc = without_blobs(writer, batch, &columns, &rows, err);
    while (rc == 0 && from < batch->rows) {
        if (writer->writer != NULL && writer->full) {
            rc = end_full_file(writer, &rows, &from, &arena, err);
        } else {
            int64_t len = rows_at_once(writer, &rows, from);

            rc = add_rows(writer, &rows, from, len, &arena, err);
            if (rc == 0)
                rc = add_blobs(writer, batch, from, len, err);
            from += len;
        }
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&columns);
    pfs_arena_done(&arena);
    return rc;
}

/* The directories of the new files: one, where they lie in the table. */
static int sync_directories(struct pfs_data_writer *w, struct pfs_err *err)
{
    int64_t places = w->outside.paths > 0 ? w->dones : 1;

    assert(w->dones > 0);
    for (int64_t i = 0; i < places; i++) {
        const char *path, *dir, *slash;
        struct pfs_store *store;

        PFS_TRY(pfs_data_find(&w->place, &w->done[i], NULL, &w->arena, &store, &path, err));
        slash = strrchr(path, '/');
        dir = pfs_arena_string(&w->arena, pfs_slice_of(path, slash == NULL ? 0 : (size_t)(slash - path)));
        if (dir == NULL)
            return pfs_arena_full(&w->arena, err);
        PFS_TRY(pfs_store_sync_dir(store, dir, err));
    }
    return 0;
}

/* Copies what the entries point to into the caller's arena: the results live in one arena that is handed over. */
int pfs_data_writer_finish(struct pfs_data_writer *writer, struct pfs_arena *arena, struct pfs_manifest_entry **out,
                           int64_t *count, struct pfs_err *err)
{
    struct pfs_manifest_entry *entry;

    assert(!writer->finished);
    PFS_TRY(end_files(writer, err));
    *out = NULL;
    *count = 0;
    if (writer->dones > 0) {
        PFS_TRY(sync_directories(writer, err));
        entry = pfs_arena_array(arena, (size_t)writer->dones, sizeof(*entry));
        if (entry == NULL)
            return pfs_arena_full(arena, err);
        for (int64_t i = 0; i < writer->dones; i++)
            PFS_TRY(pfs_manifest_entry_copy(&writer->done[i], arena, &entry[i], err));
        *out = entry;
        *count = writer->dones;
    }
    writer->finished = true;
    return 0;
}

/* Files that it gave away are somebody else's to remove. */
static void close_blob(struct blob_column *b)
{
    struct pfs_data_writer *w = b->writer;

    if (w == NULL)
        return;
    for (int64_t i = b->given; i < w->dones; i++)
        pfs_data_remove(&w->place, &w->done[i]);
    w->dones = 0;
    pfs_data_writer_close(w);
}

void pfs_data_writer_close(struct pfs_data_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file != NULL)
        pfs_data_remove(&writer->place, &writer->entry);
    close_file(writer);
    for (int64_t i = 0; !writer->finished && i < writer->dones; i++)
        pfs_data_remove(&writer->place, &writer->done[i]);
    for (int32_t i = 0; i < writer->blobs; i++)
        close_blob(&writer->blob[i]);
    pfs_buf_done(&writer->scratch);
    pfs_arena_done(&writer->results);
    pfs_arena_done(&writer->arena);
    pfs_free(writer);
}

void pfs_data_remove(const struct pfs_data_place *place, const struct pfs_manifest_entry *entry)
{
    struct pfs_arena arena;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t i = -1; i < entry->file.extra_files; i++) {
        const char *beside = i < 0 ? NULL : entry->file.extra_file[i], *path;
        struct pfs_store *store;

        if (pfs_data_find(place, entry, beside, &arena, &store, &path, NULL) == 0)
            (void)pfs_store_unlink(store, path, NULL);
    }
    pfs_arena_done(&arena);
}
