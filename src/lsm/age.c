/* age.c - how old the oldest row of a file is, by its statistics.
 *
 * The time column is looked for by its id, for it may have had another name when the file was written, and statistics
 * may have been kept of some columns alone. What cannot be told (no statistics, another type then) is not old: a file
 * that is rewritten for nothing costs more than a row that stays until the next compaction, and readers leave it out.
 */
#include <assert.h>
#include <string.h>

#include "format/binrow.h"
#include "src/lsm/internal.h"
#include "src/merge/expire.h"

/* The place of a schema column among the statistics of a file; -1: it is not there, or of another type now. */
static int64_t place_of(const struct pfs_schema *old, const struct pfs_data_file *file, const struct pfs_field *field)
{
    for (int32_t i = 0; i < old->columns; i++) {
        const struct pfs_field *f = &old->field[i];

        if (f->id != field->id)
            continue;
        if (!pfs_type_equal(&f->type, &field->type, false))
            return -1;
        for (int64_t k = 0; k < file->stats_columns; k++)
            if (strcmp(file->stats_column[k], f->name) == 0)
                return k;
        return file->stats_columns < 0 ? i : -1;
    }
    return -1;
}

/* Other fields are taken for numbers: every field has a slot of that size. */
static int smallest_time(const struct pfs_stats *stats, int64_t columns, int64_t place, const struct pfs_type *type,
                         struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    static const struct pfs_type slot = {.kind = PFS_BIGINT, .nullable = true};
    const struct pfs_type **types = pfs_arena_array(arena, (size_t)columns, sizeof(*types));
    struct pfs_column *min = pfs_arena_array(arena, (size_t)columns, sizeof(*min));

    assert(place >= 0);
    assert(place < columns);
    if (types == NULL || min == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < columns; i++)
        types[i] = i == place ? type : &slot;
    PFS_TRY(pfs_binrow_parse(stats->min, types, (int32_t)columns, arena, min, err));
    *out = min[place];
    return 0;
}

static int is_old(const struct pfs_state *state, const struct pfs_field *field, const struct pfs_data_file *file,
                  int64_t now_ms, struct pfs_arena *arena, bool *out, struct pfs_err *err)
{
    const struct pfs_schema *old;
    struct pfs_column time;
    int64_t place;

    PFS_TRY(pfs_schemas_get(state->schemas, file->schema_id, &old, err));
    place = place_of(old, file, field);
    if (place < 0)
        return 0;
    PFS_TRY(smallest_time(&file->value_stats, file->stats_columns < 0 ? old->columns : file->stats_columns, place,
                          &field->type, arena, &time, err));
    if (!pfs_column_present(&time, 0))
        return 0;
    return pfs_expire_is_due(state->schema, pfs_expire_seconds(&time), now_ms, out, err);
}

int pfs_file_is_old(const struct pfs_state *state, const struct pfs_manifest_entry *entry, int64_t now_ms, bool *out,
                    struct pfs_err *err)
{
    const struct pfs_schema *schema = state->schema;
    const char *name = pfs_options_get(&schema->options, "record-level.time-field");
    int32_t column = name == NULL ? -1 : pfs_schema_find(schema, pfs_str(name));
    struct pfs_arena arena;
    int rc;

    *out = false;
    if (column < 0 || pfs_options_get(&schema->options, "record-level.expire-time") == NULL)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = is_old(state, &schema->field[column], &entry->file, now_ms, &arena, out, err);
    pfs_arena_done(&arena);
    return rc < 0 && err != NULL && err->code != 0 ? pfs_wrap(err, "data file %s", entry->file.name) : rc;
}
