/* evolved.c - data evolution: what a compaction may put together, and what it must leave alone (spec datafiles 9).
 *
 *   row ids    0        4        9   12      16       20
 *   file a     id v ----------------         id v ----
 *   file b        v ----------------                       v was updated: the same rows, newer
 *   file c                      id v ------                next to them
 *   blobs      p -------- p --- p -- p -----               stay as they are
 *                                                          becomes of a, b and c: one file of id and v, rows 0 to 12
 *
 * The ids of rows are those of their place, counted on from the file's first one: rows keep them only in a file that
 * has all of them in a row. So files are taken whole ranges at a time, neighbours without a gap, and become one file
 * however long it gets. A range with a gap before it begins another one. Whatever the file, its rows have its greatest
 * number: as with Paimon, those of an older file get a newer one.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/lsm/internal.h"

int pfs_evolved_is_on(const struct pfs_schema *schema, bool *out, struct pfs_err *err)
{
    PFS_TRY(pfs_options_bool(&schema->options, "data-evolution.enabled", false, out, err));
    *out &= schema->primary_keys == 0;
    return 0;
}

int pfs_evolved_narrow(const struct pfs_schema *schema, struct pfs_arena *arena, int32_t **column,
                       struct pfs_schema *narrow, struct pfs_err *err)
{
    int32_t *kept = pfs_arena_array(arena, (size_t)schema->columns, sizeof(*kept)), columns = 0, blobs;
    bool *blob;

    if (kept == NULL)
        return pfs_arena_full(arena, err);
    if (schema->buckets != -1)
        return pfs_fail(err, EOPNOTSUPP, "data-evolution.enabled = true with buckets is not there yet");
    PFS_TRY(pfs_schema_blobs(schema, arena, &blob, &blobs, err));
    for (int32_t i = 0; i < schema->columns; i++)
        if (!blob[i])
            kept[columns++] = i;
    assert(columns == schema->columns - blobs);
    PFS_TRY(pfs_schema_narrow(schema, kept, columns, arena, narrow, err));
    *column = kept;
    return 0;
}

/* ---- ranges ---- */

/* By their rows; of the same ones in any order, but in the same one each time. */
static int compare_rows(const void *left, const void *right)
{
    const struct pfs_data_file *a = &((const struct pfs_plan_file *)left)->entry->file;
    const struct pfs_data_file *b = &((const struct pfs_plan_file *)right)->entry->file;

    if (a->first_row_id != b->first_row_id)
        return a->first_row_id < b->first_row_id ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* The file goes on with the last range, or begins the next one. */
static int add_file(const struct pfs_append_rules *rules, struct pfs_evolved *e, int32_t at, struct pfs_err *err)
{
    const struct pfs_data_file *f = &e->file[at].entry->file;
    struct pfs_pick_range *last = e->ranges > 0 ? &e->range[e->ranges - 1] : NULL;
    int64_t bytes = f->size > rules->open_bytes ? f->size : rules->open_bytes;

    if (f->first_row_id < 0 || f->rows <= 0 || f->rows > INT64_MAX - f->first_row_id)
        return pfs_fail(err, EIO, "data file %s has no row ids", f->name);
    if (last == NULL || f->first_row_id >= last->first + last->rows) {
        e->at[e->ranges] = at;
        e->range[e->ranges++] = (struct pfs_pick_range){f->first_row_id, f->rows, 1, bytes};
        return 0;
    }
    if (f->first_row_id != last->first || f->rows != last->rows)
        return pfs_fail(err, EIO, "data files %s and %s share some of their row ids, but not all", f->name,
                        e->file[e->at[e->ranges - 1]].entry->file.name);
    last->files++;
    if (__builtin_add_overflow(last->bytes, bytes, &last->bytes))
        last->bytes = INT64_MAX;
    return 0;
}

int pfs_evolved_ranges(const struct pfs_append_rules *rules, const struct pfs_split *split, struct pfs_arena *arena,
                       struct pfs_evolved *out, struct pfs_err *err)
{
    struct pfs_evolved e = {.range = pfs_arena_array(arena, (size_t)split->files, sizeof(*e.range)),
                            .at = pfs_arena_array(arena, (size_t)split->files, sizeof(*e.at)),
                            .file = pfs_arena_array(arena, (size_t)split->files, sizeof(*e.file))};
    int32_t files = 0;

    if (e.range == NULL || e.at == NULL || e.file == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < split->files; i++)
        if (!pfs_data_file_is_aside(&split->file[i].entry->file))
            e.file[files++] = split->file[i];
    qsort(e.file, (size_t)files, sizeof(*e.file), compare_rows);
    for (int32_t i = 0; i < files; i++)
        PFS_TRY(add_file(rules, &e, i, err));
    assert(e.ranges <= files);
    *out = e;
    return 0;
}

/* ---- what was made ---- */

void pfs_evolved_number(const struct pfs_compact_job *job, struct pfs_manifest_entry *made)
{
    struct pfs_data_file *f = &made->file;

    assert(job->files > 0);
    f->first_row_id = job->file->entry->file.first_row_id; /* by row ids, so the first one's */
    f->min_sequence = INT64_MAX;
    f->max_sequence = INT64_MIN;
    for (int32_t i = 0; i < job->files; i++) {
        const struct pfs_data_file *old = &job->file[i].entry->file;

        assert(old->first_row_id >= f->first_row_id);
        f->min_sequence = old->min_sequence < f->min_sequence ? old->min_sequence : f->min_sequence;
        f->max_sequence = old->max_sequence > f->max_sequence ? old->max_sequence : f->max_sequence;
    }
}
