/* lists.c - what else a snapshot names: $manifests, $table_indexes, $statistics. */
#include <assert.h>

#include "src/meta/statistics.h"
#include "src/system/tables.h"
#include "src/system/values.h"

/* ---- $manifests ---- */

static const struct pfs_field manifest_field[] = {
    {.name = "file_name", .type = PFS_STRING_TYPE},
    {.name = "file_size", .type = {.kind = PFS_BIGINT}},
    {.name = "num_added_files", .type = {.kind = PFS_BIGINT}},
    {.name = "num_deleted_files", .type = {.kind = PFS_BIGINT}},
    {.name = "schema_id", .type = {.kind = PFS_BIGINT}},
    {.name = "min_partition_stats", .type = PFS_STRING_TYPE},
    {.name = "max_partition_stats", .type = PFS_STRING_TYPE},
    {.name = "min_row_id", .type = PFS_BIGINT_TYPE},
    {.name = "max_row_id", .type = PFS_BIGINT_TYPE},
};

/* Bounds of partitions are of the table's keys, which never change. */
static int put_manifest(struct pfs_grid *g, const struct pfs_schema *schema, const struct pfs_manifest_file *m,
                        struct pfs_arena *arena, struct pfs_buf *text, struct pfs_err *err)
{
    pfs_grid_text(g, m->name);
    pfs_grid_number(g, m->size);
    pfs_grid_number(g, m->added);
    pfs_grid_number(g, m->deleted);
    pfs_grid_number(g, m->schema_id);
    PFS_TRY(pfs_braces(schema, m->partitions.min, arena, text, err));
    pfs_grid_buf(g, text);
    PFS_TRY(pfs_braces(schema, m->partitions.max, arena, text, err));
    pfs_grid_buf(g, text);
    pfs_grid_number(g, m->has_row_ids ? m->min_row_id : PFS_NO_NUMBER);
    pfs_grid_number(g, m->has_row_ids ? m->max_row_id : PFS_NO_NUMBER);
    return 0;
}

/* One of the snapshot's lists; an older snapshot may have none for its changelog. */
static int put_list(struct pfs_grid *g, const struct pfs_system *system, const char *name, struct pfs_arena *arena,
                    struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    struct pfs_buf text = {0};
    int64_t count;
    int rc = 0;

    PFS_TRY(pfs_manifest_list_load(system->store, system->root, name, arena, &file, &count, err));
    for (int64_t i = 0; rc == 0 && i < count; i++)
        rc = put_manifest(g, system->state->schema, &file[i], arena, &text, err);
    pfs_buf_done(&text);
    return rc;
}

/* The base first, then what the snapshot itself added, then its changelog: as Paimon reads them. */
static int put_manifests(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                         struct pfs_err *err)
{
    const struct pfs_snapshot *s = &system->state->snapshot;

    if (!system->state->exists)
        return 0;
    assert(s->base_list != NULL);
    assert(s->delta_list != NULL);
    PFS_TRY(put_list(g, system, s->base_list, arena, err));
    PFS_TRY(put_list(g, system, s->delta_list, arena, err));
    return s->changelog_list == NULL ? 0 : put_list(g, system, s->changelog_list, arena, err);
}

int pfs_system_manifests(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(manifest_field), put_manifests, system, out, err);
}

/* ---- $table_indexes ---- */

static const struct pfs_field range_field[] = {
    {.name = "f0", .type = PFS_STRING_TYPE},
    {.name = "f1", .type = {.kind = PFS_INT}},
    {.name = "f2", .type = {.kind = PFS_INT}},
    {.name = "_CARDINALITY", .type = PFS_BIGINT_TYPE},
};

static const struct pfs_field range = {
    .name = "element",
    .type = {.kind = PFS_ROW, .nullable = true, .children = 4, .child = (struct pfs_field *)(uintptr_t)range_field}};

static const struct pfs_field index_field[] = {
    {.name = "partition", .type = PFS_STRING_TYPE},
    {.name = "bucket", .type = {.kind = PFS_INT}},
    {.name = "index_type", .type = PFS_STRING_TYPE},
    {.name = "file_name", .type = PFS_STRING_TYPE},
    {.name = "file_size", .type = {.kind = PFS_BIGINT}},
    {.name = "row_count", .type = {.kind = PFS_BIGINT}},
    {.name = "dv_ranges",
     .type = {.kind = PFS_ARRAY, .nullable = true, .children = 1, .child = (struct pfs_field *)(uintptr_t)&range}},
};

/* Deletion vectors of an index file, each with its place in it; NULL for an index of another kind. */
static void put_ranges(struct pfs_grid *g, const struct pfs_index_entry *e)
{
    struct pfs_cell *row;

    if (e->vectors < 0) {
        pfs_grid_null(g);
        return;
    }
    row = pfs_grid_list(g, e->vectors);
    for (int64_t i = 0; i < e->vectors; i++) {
        struct pfs_cell *member = pfs_cell_row(row);

        pfs_cell_text(pfs_cell_at(member, 0), e->vector[i].file);
        pfs_cell_number(pfs_cell_at(member, 1), e->vector[i].off);
        pfs_cell_number(pfs_cell_at(member, 2), e->vector[i].len);
        pfs_cell_number(pfs_cell_at(member, 3), e->vector[i].cardinality);
    }
}

/* Live index files of the state: deletion vectors, and hash indexes of dynamic buckets. */
static int put_table_indexes(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                             struct pfs_err *err)
{
    const struct pfs_state *state = system->state;
    struct pfs_buf text = {0};
    int rc = 0;

    for (int64_t i = 0; i < state->indexes; i++) {
        const struct pfs_index_entry *e = &state->index[i];

        rc = pfs_braces(state->schema, e->partition, arena, &text, err);
        if (rc < 0)
            break;
        pfs_grid_buf(g, &text);
        pfs_grid_number(g, e->bucket);
        pfs_grid_text(g, e->type);
        pfs_grid_text(g, e->name);
        pfs_grid_number(g, e->size);
        pfs_grid_number(g, e->rows);
        put_ranges(g, e);
    }
    pfs_buf_done(&text);
    return rc;
}

int pfs_system_table_indexes(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(index_field), put_table_indexes, system, out, err);
}

/* ---- $statistics ---- */

static const struct pfs_field statistics_field[] = {
    {.name = "snapshot_id", .type = {.kind = PFS_BIGINT}},  {.name = "schema_id", .type = {.kind = PFS_BIGINT}},
    {.name = "mergedRecordCount", .type = PFS_BIGINT_TYPE}, {.name = "mergedRecordSize", .type = PFS_BIGINT_TYPE},
    {.name = "colstat", .type = PFS_STRING_TYPE},
};

/* ANALYZE TABLE of an engine wrote them; a snapshot made since carries them on, with the number of the one they are of.
 */
static int put_statistics(struct pfs_grid *g, const struct pfs_system *system, struct pfs_arena *arena,
                          struct pfs_err *err)
{
    const char *name = system->state->exists ? system->state->snapshot.statistics : NULL;
    struct pfs_statistics s;

    if (name == NULL)
        return 0;
    PFS_TRY(pfs_statistics_load(system->store, system->root, name, arena, &s, err));
    pfs_grid_number(g, s.snapshot_id);
    pfs_grid_number(g, s.schema_id);
    pfs_grid_number(g, s.merged_records);
    pfs_grid_number(g, s.merged_bytes);
    pfs_grid_text(g, s.columns_json);
    return 0;
}

int pfs_system_statistics(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err)
{
    return pfs_system_make(PFS_FIELDS(statistics_field), put_statistics, system, out, err);
}
