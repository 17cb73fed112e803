/* stripe.c - going into a stripe and about in it.
 *
 * What a stripe says of itself lives as long as the reader stays in it: its footer is read when it is entered, the zone
 * of its writer only if some column has times, its row indexes only when rows are passed over. A stripe without an
 * index for one of the columns has none at all, as far as seeking goes.
 */
#include "format/orc/stripe.h"

#include <assert.h>

void pfs_orc_cursor_init(struct pfs_orc_cursor *cursor, struct pfs_file *file, const struct pfs_orc_tail *tail)
{
    *cursor = (struct pfs_orc_cursor){.file = file, .tail = tail};
    pfs_arena_init(&cursor->arena, 0);
}

void pfs_orc_cursor_done(struct pfs_orc_cursor *cursor)
{
    pfs_arena_done(&cursor->arena);
}

/* Also below lists and rows. */
static bool has_times(const struct pfs_orc_column *column, int32_t columns)
{
    for (int32_t i = 0; i < columns; i++)
        if (column[i].shape == PFS_ORC_SHAPE_TIME || has_times(column[i].child, column[i].children))
            return true;
    return false;
}

int pfs_orc_cursor_enter(struct pfs_orc_cursor *cursor, const struct pfs_orc_stripe *stripe,
                         const struct pfs_orc_source *source, struct pfs_orc_column *column, int32_t columns,
                         struct pfs_err *err)
{
    struct pfs_orc_stripe_open open = {source, &cursor->footer, &cursor->zone};

    assert(stripe >= cursor->tail->stripe);
    assert(stripe < cursor->tail->stripe + cursor->tail->stripes);
    pfs_arena_reset(&cursor->arena);
    cursor->stripe = stripe;
    cursor->index = NULL;
    cursor->index_missing = false;
    PFS_TRY(pfs_orc_stripe_footer_load(cursor->file, cursor->tail, stripe, &cursor->arena, &cursor->footer, err));
    if (has_times(column, columns))
        PFS_TRY(pfs_orc_zone_load(cursor->footer.zone, &cursor->arena, &cursor->zone, err));
    for (int32_t i = 0; i < columns; i++)
        PFS_TRY(pfs_orc_column_stripe(&column[i], &open, err));
    return 0;
}

/* Of these columns and all in them, as each has streams of its own. */
static int load_indexes(struct pfs_orc_cursor *cursor, const struct pfs_orc_column *column, int32_t columns,
                        struct pfs_err *err)
{
    for (int32_t i = 0; i < columns && !cursor->index_missing; i++) {
        const struct pfs_orc_extent *extent;

        if (column[i].shape == PFS_ORC_SHAPE_ABSENT)
            continue;
        extent = pfs_orc_extent_find(&cursor->footer, column[i].id, PFS_ORC_ROW_INDEX);
        if (extent == NULL) {
            cursor->index_missing = true;
            return 0;
        }
        PFS_TRY(
            pfs_orc_index_load(cursor->file, cursor->tail, extent, &cursor->arena, &cursor->index[column[i].id], err));
        PFS_TRY(load_indexes(cursor, column[i].child, column[i].children, err));
    }
    return 0;
}

int pfs_orc_cursor_seek(struct pfs_orc_cursor *cursor, size_t group, struct pfs_orc_column *column, int32_t columns,
                        struct pfs_err *err)
{
    assert(cursor->stripe != NULL);
    if (cursor->index == NULL) {
        cursor->index = pfs_arena_array(&cursor->arena, cursor->tail->types, sizeof(*cursor->index));
        if (cursor->index == NULL)
            return pfs_arena_full(&cursor->arena, err);
        PFS_TRY(load_indexes(cursor, column, columns, err));
    }
    if (cursor->index_missing)
        return 0;
    for (int32_t i = 0; i < columns; i++)
        PFS_TRY(pfs_orc_column_seek(&column[i], cursor->index, group, err));
    return 1;
}
