/* reader.h - whatever yields rows: a data file, a merge, an evolution, a filter.
 *
 * next answers like read(2): the number of rows in *out (> 0), 0 at the end (again and again), -errno. After an error
 * only close is legal. The batch lives in the arena handed to that call (which the reader never resets) or longer; a
 * reader keeps nothing in it between calls, so the caller may reset it as soon as it is done with the batch. Threads:
 * one reader, one thread at a time.
 */
#pragma once

#include <assert.h>

#include "base/cancel.h"
#include "format/batch.h"

struct pfs_pool;
struct pfs_reader;

struct pfs_reader_ops {
    int64_t (*next)(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err);
    void (*close)(struct pfs_reader *self);
};

/* Every reader begins with this. */
struct pfs_reader {
    const struct pfs_reader_ops *ops;
};

/* Rows [from, to) of a data file. */
struct pfs_row_range {
    int64_t from, to;
};

/* What is known of some rows in a row, a row group or a piece of one, without reading them: a place each wanted column.
 * min and max are columns of one row, of the wanted type; NULL = not known. They are bounds and need not be values of
 * the column: long strings are often cut (the max then rounded up), times of a finer unit are cut to the wanted one. No
 * row that is not null lies outside (NaN is above all numbers). nulls: -1 = not known. What cannot be read as the
 * wanted type is not known. A column that the file lacks has nulls alone. */
struct pfs_file_group {
    struct pfs_row_range rows; /* of the file */
    const struct pfs_column **min, **max;
    int64_t *nulls;
};

/* What is asked of a data file, whatever its format; what it points to is borrowed and outlives the reader. */
struct pfs_file_read {
    int32_t columns;                /* wanted, in the order of the batches; may be 0: batches with a row count alone */
    const struct pfs_field *fields; /* name (found by exact name at top level, as are the fields of a ROW) and the type
                                       that the batch is to have: the one that the file was written with */
    const bool *missing_ok; /* a place each: a column that the file lacks is nulls; NULL = all must be there (-EIO) */
    const struct pfs_row_range *range; /* exactly these rows, ascending and apart; NULL = all */
    int32_t ranges;
    int32_t batch_rows; /* 0 = PFS_BATCH_ROWS */
    size_t ahead_bytes; /* of the file read ahead, all columns together; 0 = 16 MiB */
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool; /* decodes ahead in parallel; NULL = on the caller alone */
};

static inline int64_t pfs_reader_next(struct pfs_reader *r, struct pfs_arena *arena, struct pfs_batch *out,
                                      struct pfs_err *err)
{
    int64_t rows = r->ops->next(r, arena, out, err);

    assert(rows <= 0 || rows == out->rows);
    assert(rows <= 0 || out->columns == 0 || out->column != NULL);
    return rows;
}

static inline void pfs_reader_close(struct pfs_reader *r)
{
    if (r != NULL)
        r->ops->close(r);
}
