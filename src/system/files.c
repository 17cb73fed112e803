/* files.c - $files and $file_key_ranges: the live data files of a state. */
#include <assert.h>
#include <stdlib.h>

#include "src/file/file.h"
#include "src/system/tables.h"
#include "src/system/values.h"

static const struct pfs_field element = {.name = "element", .type = PFS_STRING_TYPE};

/* Up to max_key the columns are those of both tables. */
static const struct pfs_field file_field[] = {
    {.name = "partition", .type = PFS_STRING_TYPE},
    {.name = "bucket", .type = {.kind = PFS_INT}},
    {.name = "file_path", .type = PFS_STRING_TYPE},
    {.name = "file_format", .type = PFS_STRING_TYPE},
    {.name = "schema_id", .type = {.kind = PFS_BIGINT}},
    {.name = "level", .type = {.kind = PFS_INT}},
    {.name = "record_count", .type = {.kind = PFS_BIGINT}},
    {.name = "file_size_in_bytes", .type = {.kind = PFS_BIGINT}},
    {.name = "min_key", .type = PFS_STRING_TYPE},
    {.name = "max_key", .type = PFS_STRING_TYPE},
    {.name = "null_value_counts", .type = PFS_STRING_TYPE},
    {.name = "min_value_stats", .type = PFS_STRING_TYPE},
    {.name = "max_value_stats", .type = PFS_STRING_TYPE},
    {.name = "min_sequence_number", .type = PFS_BIGINT_TYPE},
    {.name = "max_sequence_number", .type = PFS_BIGINT_TYPE},
    {.name = "creation_time", .type = PFS_MOMENT_TYPE},
    {.name = "deleteRowCount", .type = PFS_BIGINT_TYPE},
    {.name = "file_source", .type = PFS_STRING_TYPE},
    {.name = "first_row_id", .type = PFS_BIGINT_TYPE},
    {.name = "write_cols",
     .type = {.kind = PFS_ARRAY, .nullable = true, .children = 1, .child = (struct pfs_field *)(uintptr_t)&element}},
};

static const struct pfs_field range_field[] = {
    {.name = "partition", .type = PFS_STRING_TYPE},
    {.name = "bucket", .type = {.kind = PFS_INT}},
    {.name = "file_path", .type = PFS_STRING_TYPE},
    {.name = "file_format", .type = PFS_STRING_TYPE},
    {.name = "schema_id", .type = {.kind = PFS_BIGINT}},
    {.name = "level", .type = {.kind = PFS_INT}},
    {.name = "record_count", .type = {.kind = PFS_BIGINT}},
    {.name = "file_size_in_bytes", .type = {.kind = PFS_BIGINT}},
    {.name = "min_key", .type = PFS_STRING_TYPE},
    {.name = "max_key", .type = PFS_STRING_TYPE},
    {.name = "first_row_id", .type = PFS_BIGINT_TYPE},
};

/* What every row needs. */
struct filling {
    struct pfs_grid *grid;
    const struct pfs_system *system;
    const struct pfs_state *state;
    struct pfs_arena each; /* of one file */
    struct pfs_buf text;
};

/* After the last dot; before it when the end tells how a text file is compressed. */
static struct pfs_slice format_of(const char *name)
{
    static const char *const codecs[] = {"gz", "bz2", "zst", "snappy", "lz4", "deflate"};
    const char *end = name + strlen(name), *dot = strrchr(name, '.');

    for (size_t i = 0; dot != NULL && i < sizeof(codecs) / sizeof(codecs[0]); i++)
        if (strcmp(dot + 1, codecs[i]) == 0) {
            const char *before = memrchr(name, '.', (size_t)(dot - name));

            if (before != NULL) {
                end = dot;
                dot = before;
            }
            break;
        }
    return dot == NULL ? pfs_str("") : pfs_slice_of(dot + 1, (size_t)(end - dot - 1));
}

/* Without a primary key files have empty keys, which Paimon shows as NULL. */
static int put_key(struct filling *f, struct pfs_slice key, struct pfs_err *err)
{
    if (f->state->schema->primary_keys == 0) {
        pfs_grid_null(f->grid);
        return 0;
    }
    PFS_TRY(pfs_key_text(f->state->schema, key, &f->each, &f->text, err));
    pfs_grid_buf(f->grid, &f->text);
    return 0;
}

/* partition .. max_key */
static int put_range(struct filling *f, const struct pfs_manifest_entry *e, struct pfs_err *err)
{
    const struct pfs_data_file *file = &e->file;
    const char *path;

    PFS_TRY(pfs_braces(f->state->schema, e->partition, &f->each, &f->text, err));
    pfs_grid_buf(f->grid, &f->text);
    pfs_grid_number(f->grid, e->bucket);
    if (file->external_path != NULL)
        path = file->external_path;
    else
        PFS_TRY(pfs_data_path(f->system->root, f->state->schema, e, &f->each, &path, err));
    pfs_grid_text(f->grid, path);
    pfs_grid_bytes(f->grid, format_of(file->name));
    pfs_grid_number(f->grid, file->schema_id);
    pfs_grid_number(f->grid, file->level);
    pfs_grid_number(f->grid, file->rows);
    pfs_grid_number(f->grid, file->size);
    PFS_TRY(put_key(f, file->min_key, err));
    return put_key(f, file->max_key, err);
}

/* What is known of columns is shown as the newest schema would have it. */
static int put_file(struct filling *f, const struct pfs_manifest_entry *e, const int32_t *order, struct pfs_err *err)
{
    const struct pfs_schema *schema = f->state->schema;
    const struct pfs_data_file *file = &e->file;
    struct pfs_known known;
    struct pfs_cell *name;

    PFS_TRY(put_range(f, e, err));
    PFS_TRY(pfs_known_of(f->state, file, &f->each, &known, err));
    PFS_TRY(pfs_known_nulls(schema, order, &known, &f->text, err));
    pfs_grid_buf(f->grid, &f->text);
    PFS_TRY(pfs_known_values(schema, order, known.min, &f->text, err));
    pfs_grid_buf(f->grid, &f->text);
    PFS_TRY(pfs_known_values(schema, order, known.max, &f->text, err));
    pfs_grid_buf(f->grid, &f->text);
    pfs_grid_number(f->grid, file->min_sequence);
    pfs_grid_number(f->grid, file->max_sequence);
    pfs_grid_number(f->grid, file->creation_time_ms);
    pfs_grid_number(f->grid, file->delete_rows);
    pfs_grid_text(f->grid, file->source < 0 ? NULL : file->source == 0 ? "APPEND" : "COMPACT");
    pfs_grid_number(f->grid, file->first_row_id);
    if (file->write_columns < 0) {
        pfs_grid_null(f->grid);
        return 0;
    }
    assert(known.min != NULL && known.max != NULL);
    name = pfs_grid_list(f->grid, file->write_columns);
    for (int64_t i = 0; i < file->write_columns; i++)
        pfs_cell_text(name, file->write_column[i]);
    return 0;
}

/* What one file needs is let go of with it: there may be a million. */
static int put_one(struct filling *f, const struct pfs_manifest_entry *e, const int32_t *order, struct pfs_err *err)
{
    pfs_arena_reset(&f->each);
    if (order != NULL)
        PFS_TRY(put_file(f, e, order, err));
    else {
        PFS_TRY(put_range(f, e, err));
        pfs_grid_number(f->grid, e->file.first_row_id);
    }
    return 0;
}

/* ---- whose files are shown ---- */

struct partitions {
    struct pfs_slice *item; /* sorted */
    int64_t count;
};

static int compare_partitions(const void *left, const void *right)
{
    return pfs_slice_compare(*(const struct pfs_slice *)left, *(const struct pfs_slice *)right);
}

static int list_partitions(const struct pfs_state *state, struct pfs_arena *arena, struct partitions *out,
                           struct pfs_err *err)
{
    *out = (struct partitions){pfs_arena_array(arena, (size_t)state->files + 1, sizeof(*out->item)), 0};
    if (out->item == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < state->files; i++)
        if (state->file[i]->bucket >= 0)
            out->item[out->count++] = state->file[i]->partition;
    qsort(out->item, (size_t)out->count, sizeof(*out->item), compare_partitions);
    return 0;
}

/* Is the file's partition one of them? NULL: of all there are. */
static bool is_of(const struct partitions *p, const struct pfs_manifest_entry *e)
{
    return p == NULL || bsearch(&e->partition, p->item, (size_t)p->count, sizeof(*p->item), compare_partitions) != NULL;
}

/* Which files of a branch: those of `among`, but for those of `except`. Files of the postpone bucket are not shown. */
struct showing {
    struct pfs_state *state;
    const struct partitions *among, *except;
    bool batch; /* without level 0 where batch reads leave it out */
};

static bool is_shown(const struct showing *s, const struct pfs_manifest_entry *e)
{
    const struct pfs_schema *schema = s->state->schema;
    bool hidden = s->batch && schema->primary_keys > 0 && e->file.level == 0 &&
                  (schema->deletion_vectors || schema->engine == PFS_FIRST_ROW);

    return e->bucket >= 0 && !hidden && is_of(s->among, e) && (s->except == NULL || !is_of(s->except, e));
}

/* ranges: those of keys alone. */
static int put_some(struct pfs_grid *g, const struct pfs_system *system, const struct showing *showing, bool ranges,
                    struct pfs_arena *arena, struct pfs_err *err)
{
    struct filling f = {.grid = g, .system = system, .state = showing->state};
    const int32_t *order = NULL;
    int rc = 0;

    assert(f.state != NULL);
    if (!ranges) /* columns are ordered once for all files */
        PFS_TRY(pfs_columns_by_name(f.state->schema, arena, &order, err));
    pfs_arena_init(&f.each, PFS_ARENA_LIMIT);
    for (int64_t i = 0; rc == 0 && i < f.state->files; i++)
        if (pfs_cancelled(system->cancel))
            rc = -ECANCELED;
        else if (is_shown(showing, f.state->file[i]))
            rc = put_one(&f, f.state->file[i], order, err);
    pfs_arena_done(&f.each);
    pfs_buf_done(&f.text);
    return rc;
}

/* Of the partitions that the table has, those of scan.primary-branch show its files. (With scan.fallback-branch these
 * are the table's own: what the other one has besides is no partition of the table.) */
static int put_all(struct pfs_grid *g, const struct pfs_system *system, bool ranges, struct pfs_arena *arena,
                   struct pfs_err *err)
{
    struct pfs_state *own = system->state;
    struct partitions mine, primary;

    if (own->fallback == NULL || !own->fallback_first)
        return put_some(g, system, &(struct showing){.state = own}, ranges, arena, err);
    PFS_TRY(list_partitions(own, arena, &mine, err));
    PFS_TRY(list_partitions(own->fallback, arena, &primary, err));
    PFS_TRY(put_some(g, system, &(struct showing){.state = own->fallback, .among = &mine}, ranges, arena, err));
    return put_some(g, system, &(struct showing){.state = own, .except = &primary, .batch = true}, ranges, arena, err);
}

static int put_files(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena, struct pfs_err *err)
{
    return put_all(g, system, false, arena, err);
}

static int put_ranges(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena, struct pfs_err *err)
{
    return put_all(g, system, true, arena, err);
}

int pfs_system_files(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(file_field), put_files, system, out, err);
}

int pfs_system_file_key_ranges(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(range_field), put_ranges, system, out, err);
}
