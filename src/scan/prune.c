/* prune.c - a condition against what manifests and indexes say, in the types and under the names of each file's time.
 *
 * Columns are found by field id: a file knows them under the names of its own schema, and in its order. Where anything
 * does not fit (a schema that is gone, a type that changed, bytes that do not decode) nothing is known, and the file is
 * read. Only want of memory is an error.
 */
#include "src/scan/prune.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "format/binrow.h"
#include "src/file/file.h"

#define INDEX_BYTES_MAX ((size_t)64 << 20)
#define GAP_ROWS 128 /* fewer rows between two ranges are read along */

/* What is known of every schema column, while it is collected. */
struct known {
    const struct pfs_column **min, **max;
    int64_t *nulls;
};

/* An option "file-index.<type>.columns" that names a column which the condition looks at: else files beside the data
 * are not worth opening. */
static int find_index(struct pfs_pruner *p, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_schema *schema = p->state->schema;

    for (int32_t i = 0; i < schema->options.count; i++) {
        const struct pfs_option *o = &schema->options.item[i];
        const char **name;
        int32_t count;

        if (strncmp(o->key, "file-index.", 11) != 0 || strstr(o->key, ".columns") == NULL)
            continue;
        PFS_TRY(pfs_options_list(o->value, arena, &name, &count, err));
        for (int32_t k = 0; k < count; k++) {
            int32_t c = pfs_schema_find(schema, pfs_str(name[k]));

            p->indexed |= c >= 0 && p->uses[c];
        }
    }
    return 0;
}

/* The condition may hold each column of the bucket key to one value. */
static int find_hash(struct pfs_pruner *p, struct pfs_arena *arena, struct pfs_err *err)
{
    const struct pfs_schema *schema = p->state->schema;
    const char *function = pfs_options_get(&schema->options, "bucket-function.type");
    const struct pfs_column **key = pfs_arena_array(arena, (size_t)schema->bucket_keys, sizeof(*key));
    struct pfs_buf scratch = {0};
    int rc;

    if (key == NULL)
        return pfs_arena_full(arena, err);
    if (schema->bucket_keys == 0 || (function != NULL && strcasecmp(function, "default") != 0))
        return 0;
    for (int32_t i = 0; i < schema->bucket_keys; i++) {
        key[i] = pfs_condition_value(p->condition, schema->bucket_key[i]);
        if (key[i] == NULL)
            return 0;
    }
    /* A value that has no row form does not tell buckets; only want of memory is told. */
    rc = pfs_binrow_hash(key, schema->bucket_keys, 0, &scratch, &p->hash, NULL);
    p->hashed = rc == 0;
    pfs_buf_done(&scratch);
    return rc == -ENOMEM ? pfs_fail(err, ENOMEM, "no memory for a bucket's hash") : 0;
}

int pfs_pruner_make(const struct pfs_scan_want *want, struct pfs_arena *arena, const struct pfs_pruner **out,
                    struct pfs_err *err)
{
    struct pfs_pruner *p;

    *out = NULL;
    if (want->condition == NULL)
        return 0;
    p = pfs_arena_zalloc(arena, sizeof(*p));
    if (p == NULL)
        return pfs_arena_full(arena, err);
    p->condition = want->condition;
    p->state = want->state; /* the scan's, which lives longer */
    p->uses = pfs_arena_array(arena, (size_t)want->state->schema->columns, sizeof(*p->uses));
    if (p->uses == NULL)
        return pfs_arena_full(arena, err);
    pfs_condition_columns(want->condition, p->uses);
    PFS_TRY(find_index(p, arena, err));
    PFS_TRY(find_hash(p, arena, err));
    *out = p;
    return 0;
}

/* ---- bounds ---- */

static int know_nothing(const struct pfs_pruner *p, struct pfs_arena *arena, struct known *out, struct pfs_err *err)
{
    size_t columns = (size_t)p->state->schema->columns;

    out->min = pfs_arena_array(arena, columns, sizeof(*out->min));
    out->max = pfs_arena_array(arena, columns, sizeof(*out->max));
    out->nulls = pfs_arena_array(arena, columns, sizeof(*out->nulls));
    if (out->min == NULL || out->max == NULL || out->nulls == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < columns; i++)
        out->nulls[i] = -1;
    return 0;
}

static void know_partition(const struct pfs_schema *schema, const struct pfs_column *partition, int64_t rows,
                           struct known *known)
{
    assert(rows >= 0); /* manifests with less are refused where they are decoded */
    for (int32_t i = 0; i < schema->partition_keys; i++) {
        int32_t c = schema->partition_key[i];
        bool present = pfs_column_present(&partition[i], 0);

        known->min[c] = known->max[c] = present ? &partition[i] : NULL;
        known->nulls[c] = present ? 0 : rows;
    }
}

static bool may_match(const struct pfs_pruner *p, const struct known *known, int64_t rows)
{
    struct pfs_bounds bounds = {known->min, known->max, known->nulls, rows};

    return pfs_condition_may_match(p->condition, &bounds);
}

int pfs_prune_partition(const struct pfs_pruner *pruner, const struct pfs_column *partition, struct pfs_arena *arena,
                        bool *may, struct pfs_err *err)
{
    struct known known;

    *may = true;
    if (pruner == NULL)
        return 0;
    assert(pruner->uses != NULL);
    PFS_TRY(know_nothing(pruner, arena, &known, err));
    know_partition(pruner->state->schema, partition, 1, &known);
    *may = may_match(pruner, &known, 1);
    return 0;
}

/* The schema column with that field id that the condition looks at; -1 = none. */
static int32_t used_column(const struct pfs_pruner *p, int32_t id)
{
    const struct pfs_schema *schema = p->state->schema;

    for (int32_t i = 0; i < schema->columns; i++)
        if (p->uses[i] && schema->field[i].id == id)
            return i;
    return -1;
}

/* ---- what ORC files hold is not what was written into them: days before October 1582 are counted by the Julian
 * calendar there, the last second before 1970 reads one second late, CHARs are padded with blanks of which none are
 * read. So their statistics, and their indexes, which hold what was written, are taken with care. ---- */

static bool reads_otherwise(const struct pfs_data_file *file, const struct pfs_type *type)
{
    size_t len = strlen(file->name);

    return (type->kind == PFS_TIMESTAMP || type->kind == PFS_TIMESTAMP_LTZ || type->kind == PFS_CHAR) && len >= 4 &&
           strcmp(file->name + len - 4, ".orc") == 0;
}

/* What is known by a bound in the statistics of such a column; NULL = nothing, as of all times before 1970: some
 * writers cut those towards it. What a text that was padded begins with, up to a blank, is a lower bound of the text.
 */
static const struct pfs_column *with_care(struct pfs_column *bound, bool upper, struct pfs_arena *arena)
{
    const struct pfs_type *type = bound->type;
    struct pfs_slice text;
    int32_t *offsets;
    int32_t len = 0;

    if (!pfs_column_present(bound, 0) || (type->kind == PFS_CHAR && upper))
        return bound;
    if (type->kind != PFS_CHAR && type->precision > 6)
        return ((const struct pfs_time96 *)bound->values)->millis < 1000 ? NULL : bound;
    if (type->kind != PFS_CHAR)
        return *(const int64_t *)bound->values < (type->precision > 3 ? 1000000 : 1000) ? NULL : bound;
    text = pfs_column_bytes(bound, 0);
    offsets = pfs_arena_array(arena, 2, sizeof(*offsets));
    if (offsets == NULL)
        return NULL;
    while ((size_t)len < text.len && text.at[len] > ' ')
        len++;
    offsets[0] = bound->offsets[0];
    offsets[1] = bound->offsets[0] + len;
    bound->offsets = offsets;
    return bound;
}

/* Statistics of `count` fields of the file's schema. A column whose type has changed since says nothing, nor does what
 * cannot be decoded. Fields that are not asked for are taken for numbers: every field has a slot of that size. */
static int know_stats(const struct pfs_pruner *p, const struct pfs_data_file *file, const struct pfs_stats *stats,
                      const struct pfs_field *const *field, int32_t count, struct pfs_arena *arena, struct known *known,
                      struct pfs_err *err)
{
    static const struct pfs_type slot = {.kind = PFS_BIGINT, .nullable = true};
    const struct pfs_type **type = pfs_arena_array(arena, (size_t)count, sizeof(*type));
    int32_t *column = pfs_arena_array(arena, (size_t)count, sizeof(*column));
    struct pfs_column *min = pfs_arena_array(arena, (size_t)count, sizeof(*min));
    struct pfs_column *max = pfs_arena_array(arena, (size_t)count, sizeof(*max));

    assert(count >= 0);
    if (type == NULL || column == NULL || min == NULL || max == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++) {
        const struct pfs_type *now;

        column[i] = used_column(p, field[i]->id);
        now = column[i] < 0 ? NULL : &p->state->schema->field[column[i]].type;
        if (now != NULL && !pfs_type_equal(now, &field[i]->type, false))
            column[i] = -1;
        type[i] = column[i] < 0 || pfs_kind_is_nested(now->kind) ? &slot : now;
        if (column[i] >= 0 && stats->columns == count)
            known->nulls[column[i]] = stats->nulls[i];
    }
    if (pfs_binrow_parse(stats->min, type, count, arena, min, NULL) < 0 ||
        pfs_binrow_parse(stats->max, type, count, arena, max, NULL) < 0)
        return 0;
    for (int32_t i = 0; i < count; i++)
        if (column[i] >= 0 && type[i] != &slot) {
            bool care = reads_otherwise(file, type[i]);

            known->min[column[i]] = care ? with_care(&min[i], false, arena) : &min[i];
            known->max[column[i]] = care ? with_care(&max[i], true, arena) : &max[i];
        }
    return 0;
}

static const struct pfs_field *field_by_name(const struct pfs_schema *schema, const char *name)
{
    for (int32_t i = 0; i < schema->columns; i++)
        if (strcmp(schema->field[i].name, name) == 0)
            return &schema->field[i];
    return NULL;
}

/* Key statistics are of the trimmed key in its own order, never dense: all versions of a row have the same key, so they
 * count below a merge, too. */
static int know_keys(const struct pfs_pruner *p, const struct pfs_schema *old, const struct pfs_data_file *file,
                     struct pfs_arena *arena, struct known *known, struct pfs_err *err)
{
    const struct pfs_field **field = pfs_arena_array(arena, (size_t)old->trimmed_keys, sizeof(*field));

    if (field == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < old->trimmed_keys; i++)
        field[i] = &old->field[old->trimmed_key[i]];
    return know_stats(p, file, &file->key_stats, field, old->trimmed_keys, arena, known, err);
}

/* Columns that the file was written without are null in all of its rows. */
static void know_absent(const struct pfs_pruner *p, const struct pfs_schema *old, int64_t rows, struct known *known)
{
    const struct pfs_schema *schema = p->state->schema;

    for (int32_t i = 0; i < schema->columns; i++) {
        bool there = false;

        for (int32_t k = 0; p->uses[i] && k < old->columns && !there; k++)
            there = old->field[k].id == schema->field[i].id;
        if (p->uses[i] && !there)
            known->nulls[i] = rows;
    }
}

static int know_values(const struct pfs_pruner *p, const struct pfs_schema *old, const struct pfs_data_file *file,
                       struct pfs_arena *arena, struct known *known, struct pfs_err *err)
{
    int64_t count = file->stats_columns >= 0 ? file->stats_columns : old->columns;
    const struct pfs_field **field = pfs_arena_array(arena, (size_t)count, sizeof(*field));

    if (field == NULL)
        return pfs_arena_full(arena, err);
    if (file->write_columns >= 0) /* some columns only: others may lie in other files */
        return 0;
    know_absent(p, old, file->rows, known);
    for (int64_t i = 0; i < count; i++) {
        field[i] = file->stats_columns >= 0 ? field_by_name(old, file->stats_column[i]) : &old->field[i];
        if (field[i] == NULL)
            return 0;
    }
    return know_stats(p, file, &file->value_stats, field, (int32_t)count, arena, known, err);
}

/* The schema that wrote the file; NULL when it cannot be had. */
static const struct pfs_schema *schema_of(const struct pfs_state *state, const struct pfs_data_file *file)
{
    const struct pfs_schema *old = state->schema;

    if (file->schema_id != old->id && pfs_schemas_get(state->schemas, file->schema_id, &old, NULL) < 0)
        return NULL;
    return old;
}

/* Files of another bucket than the one that all matches lie in. Files whose bucket key had other types may have been
 * hashed otherwise. */
static bool in_other_bucket(const struct pfs_pruner *p, const struct pfs_schema *old,
                            const struct pfs_manifest_entry *entry)
{
    const struct pfs_schema *schema = p->state->schema;
    int32_t bucket;

    if (!p->hashed || entry->total_buckets <= 0 || old->bucket_keys != schema->bucket_keys)
        return false;
    for (int32_t i = 0; i < old->bucket_keys; i++) {
        const struct pfs_field *a = &old->field[old->bucket_key[i]], *b = &schema->field[schema->bucket_key[i]];

        if (a->id != b->id || !pfs_type_equal(&a->type, &b->type, false) || reads_otherwise(&entry->file, &a->type))
            return false;
    }
    bucket = p->hash % entry->total_buckets;
    return entry->bucket != (bucket < 0 ? -bucket : bucket);
}

int pfs_prune_file(const struct pfs_pruner *pruner, const struct pfs_manifest_entry *entry,
                   const struct pfs_column *partition, enum pfs_prune_by by, struct pfs_arena *arena, bool *may,
                   struct pfs_err *err)
{
    const struct pfs_schema *schema, *old;
    struct known known;

    *may = true;
    if (pruner == NULL || (old = schema_of(pruner->state, &entry->file)) == NULL)
        return 0;
    schema = pruner->state->schema;
    if (in_other_bucket(pruner, old, entry)) {
        *may = false;
        return 0;
    }
    PFS_TRY(know_nothing(pruner, arena, &known, err));
    if (by == PFS_PRUNE_VALUES)
        PFS_TRY(know_values(pruner, old, &entry->file, arena, &known, err));
    if (schema->primary_keys > 0)
        PFS_TRY(know_keys(pruner, old, &entry->file, arena, &known, err));
    know_partition(schema, partition, entry->file.rows, &known); /* last: it is certain, statistics may be cut */
    *may = may_match(pruner, &known, entry->file.rows);
    return 0;
}

/* ---- rows by file index ---- */

static const char *index_name(const struct pfs_data_file *file)
{
    for (int64_t i = 0; i < file->extra_files; i++) {
        size_t len = strlen(file->extra_file[i]);

        if (len > 6 && strcmp(file->extra_file[i] + len - 6, ".index") == 0)
            return file->extra_file[i];
    }
    return NULL;
}

/* The container: embedded, or the file beside the data file; *mine is to be freed. An index that is larger than what it
 * could spare is not worth reading. */
static int load(const struct pfs_pruner *p, const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                struct pfs_slice *out, void **mine, struct pfs_err *err)
{
    const struct pfs_state *state = p->state;
    const struct pfs_data_place place = {state->store, state->store_table, state->schema, state->external};
    const struct pfs_data_file *file = &entry->file;
    const char *name = p->indexed ? index_name(file) : NULL, *path;
    struct pfs_store *store;

    *mine = NULL;
    *out = file->embedded_index;
    if (out->at != NULL || name == NULL)
        return 0;
    PFS_TRY(pfs_data_find(&place, entry, name, arena, &store, &path, err));
    if (pfs_store_load(store, path, file->size < (int64_t)INDEX_BYTES_MAX ? (size_t)file->size : INDEX_BYTES_MAX, out,
                       NULL) < 0)
        *out = (struct pfs_slice){NULL, 0};
    *mine = (void *)(uintptr_t)out->at;
    return 0;
}

static int ask(const struct pfs_pruner *p, const struct pfs_data_file *file, const struct pfs_fileindex *index,
               struct pfs_arena *arena, struct pfs_index_rows *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = p->state->schema, *old = schema_of(p->state, file);
    const char **name = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*name));
    const struct pfs_type **type = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*type));

    *out = (struct pfs_index_rows){PFS_INDEX_ALL, NULL};
    if (name == NULL || type == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; old != NULL && i < old->columns; i++) {
        int32_t c = used_column(p, old->field[i].id);

        if (c >= 0 && pfs_type_equal(&old->field[i].type, &schema->field[c].type, false) &&
            !reads_otherwise(file, &old->field[i].type)) {
            name[c] = old->field[i].name;
            type[c] = &old->field[i].type;
        }
    }
    if (pfs_condition_index(p->condition, index, name, type, file->rows, &out->answer, &out->some, NULL) < 0)
        *out = (struct pfs_index_rows){PFS_INDEX_ALL, NULL};
    return 0;
}

/* A bitmap as ranges, small gaps filled. */
static int ranges_of(const struct pfs_bitmap *some, int64_t rows, struct pfs_arena *arena,
                     const struct pfs_row_range **out, int32_t *ranges, struct pfs_err *err)
{
    size_t most = (size_t)(rows / GAP_ROWS + 1);
    struct pfs_row_range *range = pfs_arena_array(arena, most, sizeof(*range));
    uint64_t value[512], from = 0;
    int64_t got;
    int32_t n = 0;

    assert(rows >= 0);
    if (range == NULL)
        return pfs_arena_full(arena, err);
    while ((got = pfs_bitmap_values(some, from, (uint64_t)rows, value, 512)) > 0) {
        for (int64_t i = 0; i < got; i++) {
            int64_t row = (int64_t)value[i];

            if (n > 0 && row - range[n - 1].to < GAP_ROWS) {
                range[n - 1].to = row + 1;
            } else {
                assert((size_t)n < most); /* each is a gap behind the one before */
                range[n++] = (struct pfs_row_range){row, row + 1};
            }
        }
        from = value[got - 1] + 1;
    }
    *out = range;
    *ranges = n;
    return 0;
}

int pfs_prune_rows(const struct pfs_pruner *pruner, const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                   const struct pfs_row_range **range, int32_t *ranges, struct pfs_err *err)
{
    static const struct pfs_row_range nothing;
    struct pfs_index_rows rows = {PFS_INDEX_ALL, NULL};
    struct pfs_fileindex *index = NULL;
    struct pfs_slice container;
    void *mine;
    int rc = 0;

    assert(entry->file.rows >= 0);
    *range = NULL;
    *ranges = 0;
    if (pruner == NULL)
        return 0;
    PFS_TRY(load(pruner, entry, arena, &container, &mine, err));
    if (container.at != NULL && pfs_fileindex_parse(container, &index, NULL) == 0)
        rc = ask(pruner, &entry->file, index, arena, &rows, err);
    if (rc == 0 && rows.answer == PFS_INDEX_NONE)
        *range = &nothing;
    else if (rc == 0 && rows.answer == PFS_INDEX_SOME)
        rc = ranges_of(rows.some, entry->file.rows, arena, range, ranges, err);
    pfs_index_rows_done(&rows);
    pfs_fileindex_close(index);
    pfs_free(mine);
    return rc;
}
