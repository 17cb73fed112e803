/* stripe.h - the stripe that a reader is in: its footer, its zone and, when asked for, its row indexes. Private.
 *
 * Threads: one stripe, one thread.
 */
#pragma once

#include "format/orc/column.h"

struct pfs_orc_cursor {
    struct pfs_file *file;
    const struct pfs_orc_tail *tail;
    const struct pfs_orc_stripe *stripe; /* NULL = in none */
    struct pfs_arena arena;              /* lives as long as the stay in a stripe */
    struct pfs_orc_stripe_footer footer;
    struct pfs_orc_zone zone;
    struct pfs_orc_index *index; /* by column id; NULL = not loaded */
    bool index_missing;          /* some column has none */
};

void pfs_orc_cursor_init(struct pfs_orc_cursor *cursor, struct pfs_file *file, const struct pfs_orc_tail *tail);
void pfs_orc_cursor_done(struct pfs_orc_cursor *cursor);

/* Enters a stripe; the columns stand before its first row. */
int pfs_orc_cursor_enter(struct pfs_orc_cursor *cursor, const struct pfs_orc_stripe *stripe,
                         const struct pfs_orc_source *source, struct pfs_orc_column *column, int32_t columns,
                         struct pfs_err *err);

/* Moves the columns to the beginning of a row group of the stripe: 1, or 0 (and nothing moves) when the stripe has no
 * row indexes. */
int pfs_orc_cursor_seek(struct pfs_orc_cursor *cursor, size_t group, struct pfs_orc_column *column, int32_t columns,
                        struct pfs_err *err);
