/* rows.h - an answer made of rows: named, typed columns and the reader that yields them. What every view, whatever it
 * shows, is printed from.
 */
#pragma once

#include <assert.h>

#include "format/reader.h"

/* A place among the rows, between two batches: `row` rows of a piece were handed out. What a piece is (a split's
 * section, all of it) is the maker's. The rows and their order are the same each time they are opened. */
struct pfs_rows_place {
    int64_t piece, row;
};

struct pfs_rows {
    int32_t columns;
    const struct pfs_field *field; /* as many; live as long as the rows */
    struct pfs_reader *reader;     /* batches of these columns */
    void (*close)(struct pfs_rows *rows);
    /* Both NULL: there is one piece. tell: where the next batch begins. seek: before the first batch only; the rows
     * begin at that piece then, and the caller skips those that it has had of it. */
    struct pfs_rows_place (*tell)(const struct pfs_rows *rows);
    int (*seek)(struct pfs_rows *rows, int64_t piece, struct pfs_err *err);
};

static inline void pfs_rows_close(struct pfs_rows *rows)
{
    assert(rows == NULL || (rows->tell == NULL) == (rows->seek == NULL)); /* both or none */
    if (rows != NULL)
        rows->close(rows);
}
