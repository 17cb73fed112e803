/* reader.h - whatever yields rows: a data file, a merge, an evolution, a filter.
 *
 * next answers like read(2): the number of rows in *out (> 0), 0 at the end (again and again), -errno. After an error
 * only close is legal. The batch lives in the arena handed to that call (which the reader never resets) or longer; a
 * reader keeps nothing in it between calls, so the caller may reset it as soon as it is done with the batch. Threads:
 * one reader, one thread at a time.
 */
#pragma once

#include "base/cancel.h"
#include "format/batch.h"

struct pfs_reader;

struct pfs_reader_ops {
    int64_t (*next)(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err);
    void (*close)(struct pfs_reader *self);
};

/* Every reader begins with this. */
struct pfs_reader {
    const struct pfs_reader_ops *ops;
};

static inline int64_t pfs_reader_next(struct pfs_reader *r, struct pfs_arena *arena, struct pfs_batch *out,
                                      struct pfs_err *err)
{
    return r->ops->next(r, arena, out, err);
}

static inline void pfs_reader_close(struct pfs_reader *r)
{
    if (r != NULL)
        r->ops->close(r);
}
