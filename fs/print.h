/* print.h - rows as the text or the Parquet file of a view, whatever they are rows of. Private to fs/. */
#pragma once

#include "base/pool.h"
#include "format/rows.h"
#include "format/text/text.h"
#include "fs/view.h"

/* Opens the rows of a view. Called once for each render, on the pool. */
typedef int pfs_rows_open_fn(void *context, const struct pfs_cancel *cancel, struct pfs_rows **out,
                             struct pfs_err *err);

struct pfs_print {
    pfs_rows_open_fn *open;
    void (*release)(void *context); /* of the context, when the view is gone */
    void *context;
    struct pfs_pool *pool; /* NULL = on the caller alone */
    enum pfs_text format;
    bool parquet; /* one Parquet file, and no text */
    bool small;   /* rendered among the urgent tasks */
    bool slow;    /* fs/view.h */
    bool lasting; /* the view's identity tells its bytes apart also after the next mount */
};

/* The source of a view that prints header and rows. The context is taken: released on failure too. */
int pfs_print_source(const struct pfs_print *print, struct pfs_view_source *out, struct pfs_err *err);
