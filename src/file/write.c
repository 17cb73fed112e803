/* write.c - new data files of one bucket: Parquet, rolled at the target size, named once and synced before anything
 * names them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/uuid.h"
#include "format/binrow.h"
#include "format/parquet/parquet.h"
#include "format/text/text.h"
#include "src/file/file.h"
#include "src/file/names.h"
#include "src/file/stats.h"
#include "src/meta/names.h"

#define TARGET_KEYED ((int64_t)128 << 20)
#define TARGET_APPEND ((int64_t)256 << 20)
#define ROLL_ROWS 1000 /* the size is looked at once in so many rows, as Paimon does */

struct pfs_data_writer {
    struct pfs_data_write write;
    struct pfs_arena arena; /* lives as long as the writer */
    const char *dir;        /* of the bucket */
    const char *prefix;     /* of names */
    char uuid[PFS_UUID_TEXT];
    int32_t made; /* files so far: the counter in names */
    int64_t target_bytes;
    bool keyed, thin;
    int32_t columns; /* of the file */
    struct pfs_field *field;
    struct pfs_parquet_write parquet;
    struct pfs_stats_rules rules;
    /* The file being written: */
    struct pfs_file *file;
    struct pfs_writer *writer;
    struct pfs_manifest_entry entry;
    struct pfs_arena results; /* entries so far */
    struct pfs_manifest_entry *done;
    int64_t dones, dones_room;
    int64_t next_number; /* append tables */
    bool finished;
};

/* ---- opening ---- */

static int choose_codec(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_options *o = &w->write.schema->options;
    const char *name = pfs_options_get(o, "file.compression");
    int64_t level, block;
    bool dictionary;

    PFS_TRY(pfs_codec_parse(pfs_str(name != NULL ? name : "zstd"), &w->parquet.codec, err));
    PFS_TRY(pfs_options_int(o, "file.compression.zstd-level", 1, &level, err));
    PFS_TRY(pfs_options_bytes(o, "file.block-size", 0, &block, err));
    PFS_TRY(pfs_options_bytes(o, "parquet.block.size", block, &block, err));
    PFS_TRY(pfs_options_bool(o, "parquet.enable.dictionary", true, &dictionary, err));
    w->parquet.level = (int)level;
    w->parquet.row_group_bytes = block;
    w->parquet.no_dictionary = !dictionary;
    return pfs_options_bytes(o, "target-file-size", w->keyed ? TARGET_KEYED : TARGET_APPEND, &w->target_bytes, err);
}

/* Columns of the file: keys, number and kind in front (spec datafiles 2), then the table's. */
static int choose_fields(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->write.schema;
    size_t room = (size_t)(schema->trimmed_keys + 2 + schema->columns);
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
    memcpy(f, schema->field, (size_t)schema->columns * sizeof(*f));
    w->columns = (int32_t)(f - w->field) + schema->columns;
    w->parquet.columns = w->columns;
    w->parquet.fields = w->field;
    return 0;
}

static int open_writer(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->write.schema;
    const char *prefix = pfs_options_get(&schema->options, "data-file.prefix");

    w->prefix = prefix != NULL ? prefix : "data-";
    w->keyed = schema->primary_keys > 0;
    w->next_number = w->write.first_number;
    pfs_uuid_make(w->uuid);
    PFS_TRY(pfs_options_bool(&schema->options, "data-file.thin-mode", false, &w->thin, err));
    PFS_TRY(choose_codec(w, err));
    PFS_TRY(choose_fields(w, err));
    PFS_TRY(pfs_stats_rules_read(schema, &w->arena, &w->rules, err));
    return pfs_name_bucket(w->write.table, schema, w->write.partition, w->write.bucket, &w->arena, &w->dir, err);
}

int pfs_data_writer_open(const struct pfs_data_write *write, struct pfs_data_writer **out, struct pfs_err *err)
{
    struct pfs_data_writer *w = pfs_zalloc(sizeof(*w));
    int rc;

    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a data file");
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

static const char *path_of(struct pfs_data_writer *w, const char *name)
{
    return pfs_arena_printf(&w->arena, "%s/%s", w->dir, name);
}

/* Java's local wall clock as if it were UTC (spec manifests 3). */
static int64_t local_wall_ms(const struct pfs_clock *clock)
{
    int64_t now = pfs_clock_now_ms(clock);
    time_t seconds = (time_t)(now / 1000);
    struct tm local;

    return localtime_r(&seconds, &local) == NULL ? now : now + local.tm_gmtoff * 1000;
}

static int start_file(struct pfs_data_writer *w, struct pfs_err *err)
{
    const char *name = pfs_arena_printf(&w->results, "%s%s-%d.parquet", w->prefix, w->uuid, w->made++), *path;

    path = name == NULL ? NULL : path_of(w, name);
    if (path == NULL)
        return pfs_arena_full(&w->arena, err);
    w->entry = (struct pfs_manifest_entry){
        .partition = w->write.partition,
        .bucket = w->write.bucket,
        .total_buckets = w->write.total_buckets,
        .file = {.name = name,
                 .schema_id = w->write.schema->id,
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
    if (pfs_store_create(w->write.store, path, &w->file, err) < 0)
        return err != NULL && err->code != 0 ? -err->code : pfs_fail(err, EIO, "%s cannot be created", path);
    return pfs_parquet_create(w->file, &w->parquet, &w->writer, err);
}

static int print_key(struct pfs_data_writer *w, const struct pfs_batch *batch, int64_t row, struct pfs_slice *out,
                     struct pfs_err *err)
{
    const struct pfs_schema *schema = w->write.schema;
    const struct pfs_column **column = pfs_arena_array(&w->results, (size_t)schema->trimmed_keys, sizeof(*column));
    struct pfs_buf text = {0};
    int rc;

    if (column == NULL)
        return pfs_arena_full(&w->results, err);
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        column[i] = &batch->column[schema->trimmed_key[i]];
    rc = pfs_binrow_print(column, schema->trimmed_keys, row, true, &text, err);
    if (rc == 0 && !pfs_arena_copy(&w->results, pfs_buf_slice(&text), out))
        rc = pfs_arena_full(&w->results, err);
    pfs_buf_done(&text);
    return rc;
}

/* What the entry says of the rows: keys, numbers, deletes. */
static int note_rows(struct pfs_data_writer *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_data_file *f = &w->entry.file;
    int32_t columns = w->write.schema->columns;

    if (w->keyed) {
        const int64_t *number = batch->column[columns].values;
        const int8_t *kind = batch->column[columns + 1].values;

        for (int64_t i = 0; i < batch->rows; i++) {
            f->min_sequence = number[i] < f->min_sequence ? number[i] : f->min_sequence;
            f->max_sequence = number[i] > f->max_sequence ? number[i] : f->max_sequence;
            f->delete_rows += kind[i] == PFS_UPDATE_BEFORE || kind[i] == PFS_DELETE;
        }
        if (f->rows == 0)
            PFS_TRY(print_key(w, batch, 0, &f->min_key, err));
        PFS_TRY(print_key(w, batch, batch->rows - 1, &f->max_key, err));
    } else {
        if (f->rows == 0)
            f->min_sequence = w->next_number;
        w->next_number += batch->rows;
        f->max_sequence = w->next_number - 1;
        PFS_TRY(print_key(w, batch, 0, &f->min_key, err));
        f->max_key = f->min_key;
    }
    f->rows += batch->rows;
    return 0;
}

/* The file's columns out of a key-value batch. */
static int write_rows(struct pfs_data_writer *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->write.schema;
    struct pfs_arena arena;
    struct pfs_batch out = {batch->rows, w->columns, NULL};
    int32_t at = 0;
    int rc;

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
    rc = pfs_writer_write(w->writer, &out, err);
    pfs_arena_done(&arena);
    return rc;
}

static int measure(struct pfs_data_writer *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->write.schema;
    const struct pfs_column_stats *stats = pfs_writer_stats(w->writer) + (w->columns - schema->columns);
    const struct pfs_column_stats **key = pfs_arena_array(&w->arena, (size_t)schema->trimmed_keys, sizeof(*key));

    if (key == NULL)
        return pfs_arena_full(&w->arena, err);
    for (int32_t i = 0; i < schema->trimmed_keys; i++)
        key[i] = &stats[schema->trimmed_key[i]];
    PFS_TRY(pfs_stats_keys(schema, key, &w->results, &w->entry.file.key_stats, err));
    return pfs_stats_values(schema, &w->rules, stats, &w->results, &w->entry.file, err);
}

static int keep_entry(struct pfs_data_writer *w, struct pfs_err *err)
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
    w->done[w->dones++] = w->entry;
    return 0;
}

/* Ends the file: footer, statistics, and its bytes on disk. */
static int end_file(struct pfs_data_writer *w, struct pfs_err *err)
{
    int rc;

    if (w->writer == NULL)
        return 0;
    rc = pfs_writer_finish(w->writer, err);
    if (rc == 0)
        rc = measure(w, err);
    if (rc == 0)
        rc = pfs_file_sync(w->file, err);
    if (rc == 0) {
        w->entry.file.size = (int64_t)pfs_file_size(w->file);
        rc = keep_entry(w, err);
    }
    if (rc < 0)
        return err != NULL && err->code != 0 ? pfs_wrap(err, "%s/%s", w->dir, w->entry.file.name) : rc;
    pfs_writer_close(w->writer);
    pfs_file_close(w->file);
    w->writer = NULL;
    w->file = NULL;
    return 0;
}

/* ---- the writer ---- */

static int add_piece(struct pfs_data_writer *w, const struct pfs_batch *piece, struct pfs_err *err)
{
    if (w->writer == NULL)
        PFS_TRY(start_file(w, err));
    PFS_TRY(write_rows(w, piece, err));
    PFS_TRY(note_rows(w, piece, err));
    if ((int64_t)pfs_writer_size(w->writer) >= w->target_bytes)
        return end_file(w, err);
    return 0;
}

int pfs_data_writer_add(struct pfs_data_writer *writer, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_arena arena;
    int64_t step = writer->target_bytes < ((int64_t)8 << 20) ? ROLL_ROWS : 16 * ROLL_ROWS;
    int rc = 0;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t from = 0; rc == 0 && from < batch->rows; from += step) {
        int64_t len = batch->rows - from < step ? batch->rows - from : step;
        struct pfs_batch piece = {len, batch->columns, NULL};

        piece.column = pfs_arena_array(&arena, (size_t)batch->columns, sizeof(*piece.column));
        if (piece.column == NULL)
            rc = pfs_arena_full(&arena, err);
        for (int32_t i = 0; rc == 0 && i < batch->columns; i++)
            rc = pfs_column_slice(&batch->column[i], from, len, &arena, &piece.column[i], err);
        if (rc == 0)
            rc = add_piece(writer, &piece, err);
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
    return rc;
}

/* Copies what the entries point to into the caller's arena: the results live in one arena that is handed over. */
int pfs_data_writer_finish(struct pfs_data_writer *writer, struct pfs_arena *arena, struct pfs_manifest_entry **out,
                           int64_t *count, struct pfs_err *err)
{
    struct pfs_manifest_entry *entry;

    PFS_TRY(end_file(writer, err));
    *out = NULL;
    *count = 0;
    if (writer->dones > 0) {
        PFS_TRY(pfs_store_sync_dir(writer->write.store, writer->dir, err));
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

void pfs_data_writer_close(struct pfs_data_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file != NULL) {
        const char *path = path_of(writer, writer->entry.file.name);

        pfs_writer_close(writer->writer);
        pfs_file_close(writer->file);
        if (path != NULL)
            (void)pfs_store_unlink(writer->write.store, path, NULL);
    }
    for (int64_t i = 0; !writer->finished && i < writer->dones; i++) {
        const char *path = path_of(writer, writer->done[i].file.name);

        if (path != NULL)
            (void)pfs_store_unlink(writer->write.store, path, NULL);
    }
    pfs_arena_done(&writer->results);
    pfs_arena_done(&writer->arena);
    pfs_free(writer);
}
