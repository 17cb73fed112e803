/* rows.h - an answer made of rows: named, typed columns and the reader that yields them. What every view, whatever it
 * shows, is printed from.
 */
#pragma once

#include "format/reader.h"

struct pfs_rows {
    int32_t columns;
    const struct pfs_field *field; /* as many; live as long as the rows */
    struct pfs_reader *reader;     /* batches of these columns */
    void (*close)(struct pfs_rows *rows);
};

static inline void pfs_rows_close(struct pfs_rows *rows)
{
    if (rows != NULL)
        rows->close(rows);
}
