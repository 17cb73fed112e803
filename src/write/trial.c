/* trial.c - in lookup mode the engine folds every record by itself once, when it moves up from level 0 (spec
 * merge-engines 1.2). A delete that it does not take then would stand in the way of all later compactions of its
 * bucket, so it is folded before it gets into a file. */
#include "base/limits.h"
#include "format/text/text.h"
#include "src/write/internal.h"

static int list_deletes(const struct pfs_batch *batch, struct pfs_arena *arena, struct pfs_groups *out,
                        struct pfs_err *err)
{
    const int8_t *kind = batch->column[batch->columns - 1].values;
    int64_t *start = pfs_arena_array(arena, (size_t)batch->rows + 1, sizeof(*start));
    struct pfs_record *record = pfs_arena_array(arena, (size_t)batch->rows, sizeof(*record));

    if (start == NULL || record == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < batch->rows; i++)
        if (kind[i] == PFS_DELETE || kind[i] == PFS_UPDATE_BEFORE) {
            record[out->groups++] = (struct pfs_record){0, i};
            start[out->groups] = out->groups;
        }
    out->start = start;
    out->record = record;
    return 0;
}

static int fold(const struct pfs_write *w, const struct pfs_batch *batch, struct pfs_arena *arena, struct pfs_err *err)
{
    static const struct pfs_type number = {.kind = PFS_BIGINT};
    int32_t columns = batch->columns - 1;
    struct pfs_column *column = pfs_arena_array(arena, (size_t)columns + 2, sizeof(*column));
    int64_t *numbers = pfs_arena_array(arena, (size_t)batch->rows, sizeof(*numbers));
    struct pfs_batch view = {batch->rows, columns + 2, column}, folded;
    const struct pfs_batch *source = &view;
    struct pfs_groups groups = {.source = &source, .sources = 1, .alone = true};

    PFS_TRY(list_deletes(batch, arena, &groups, err));
    if (groups.groups == 0)
        return 0;
    if (column == NULL || numbers == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < columns; i++)
        column[i] = batch->column[i];
    column[columns] = (struct pfs_column){.type = &number, .values = numbers};
    column[columns + 1] = batch->column[columns];
    return pfs_engine_merge(w->engine, &groups, arena, &folded, err);
}

int pfs_write_try(const struct pfs_write *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->config.schema;
    struct pfs_arena arena;
    int rc;

    if (w->engine == NULL || !schema->lookup_mode ||
        (schema->engine != PFS_PARTIAL_UPDATE && schema->engine != PFS_AGGREGATION))
        return 0;
    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    rc = fold(w, batch, &arena, err);
    pfs_arena_done(&arena);
    return rc;
}
