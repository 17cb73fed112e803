/* print.h - rows as the text or the Parquet file of a view, whatever they are rows of. Private to fs/. */
#pragma once

#include "base/pool.h"
#include "format/rows.h"
#include "format/text/text.h"
#include "fs/view/view.h"
#include "src/lookup/blocks.h"

/* Opens the rows of a view. Called once for each render, on the pool. */
typedef int pfs_rows_open_fn(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out,
                             struct pfs_err *err);

/* Of rows that carry their key, in its order: the text is indexed by it, and the next version is made from it. */
struct pfs_print_by_key {
    int (*open)(void *context, const struct pfs_cancel *cancel, struct pfs_blocks **out, struct pfs_err *err);
    int (*patch)(void *context, const struct pfs_cancel *cancel, const struct pfs_blocks *old,
                 const struct pfs_patch_text *text, struct pfs_blocks *blocks, struct pfs_patch **out,
                 struct pfs_err *err); /* as pfs_patch_open */
};

struct pfs_print {
    pfs_rows_open_fn *open;
    void (*release)(void *context);         /* of the context, when the view is gone */
    void (*hold)(void *context, bool held); /* fs/view/view.h; NULL = it cannot go away */
    void *context;
    struct pfs_pool *pool; /* NULL = on the caller alone */
    enum pfs_text format;
    bool parquet;                          /* one Parquet file, and no text */
    bool small;                            /* rendered among the urgent tasks */
    bool slow;                             /* fs/view/view.h */
    const struct pfs_print_by_key *by_key; /* NULL = rows of any kind; else all of these, the context's: */
    const char *series;                    /* fs/view/view.h */
    const int32_t *key;                    /* places of the trimmed key in the batches */
    const struct pfs_field *field;         /* the columns that are printed, the first ones of the batches */
    int32_t columns;
    bool lasting; /* the view's identity tells its bytes apart also after the next mount */
};

/* The source of a view that prints header and rows. The context is taken: released on failure too. */
int pfs_print_source(const struct pfs_print *print, struct pfs_view_source *out, struct pfs_err *err);
