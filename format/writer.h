/* writer.h - whatever takes rows and makes a data file of them.
 *
 * write takes batches of the columns that the writer was opened with, in that order. finish writes what is left
 * (footers) and reports; nothing is synced and the store's file is not closed: both are the caller's. After an error
 * only close is legal, and the file is garbage. Threads: one writer, one thread at a time.
 */
#pragma once

#include <assert.h>

#include "format/batch.h"

/* What a file format knows about a column when it is written; the source of a manifest's statistics. */
struct pfs_column_stats {
    bool has_bounds;       /* min and max are set; never for bytes without text, nested kinds or a column with NaN */
    struct pfs_column min; /* one row each; live as long as the writer */
    struct pfs_column max;
    int64_t nulls; /* -1 = unknown */
};

struct pfs_writer;

struct pfs_writer_ops {
    int (*write)(struct pfs_writer *self, const struct pfs_batch *batch, struct pfs_err *err);
    uint64_t (*size)(const struct pfs_writer *self);
    int (*finish)(struct pfs_writer *self, struct pfs_err *err);
    const struct pfs_column_stats *(*stats)(const struct pfs_writer *self);
    void (*close)(struct pfs_writer *self);
};

/* Every writer begins with this. */
struct pfs_writer {
    const struct pfs_writer_ops *ops;
};

static inline int pfs_writer_write(struct pfs_writer *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    assert(batch->rows >= 0);
    assert(batch->columns == 0 || batch->column != NULL);
    return w->ops->write(w, batch, err);
}

/* Bytes written so far plus a guess of what is buffered: for rolling at a target size. */
static inline uint64_t pfs_writer_size(const struct pfs_writer *w)
{
    return w->ops->size(w);
}

static inline int pfs_writer_finish(struct pfs_writer *w, struct pfs_err *err)
{
    return w->ops->finish(w, err);
}

/* One for each column, after finish. */
static inline const struct pfs_column_stats *pfs_writer_stats(const struct pfs_writer *w)
{
    return w->ops->stats(w);
}

static inline void pfs_writer_close(struct pfs_writer *w)
{
    if (w != NULL)
        w->ops->close(w);
}
