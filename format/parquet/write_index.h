/* write_index.h - what is known of each page of a column chunk, and the two indexes of pages that are printed of it:
 * where the pages lie (OffsetIndex), and what they hold (ColumnIndex). Private to the suite.
 *
 * Readers find the pages of a key by them. Bounds of text are cut to 64 bytes: the min to a beginning of it, the max to
 * a beginning that is then made greater. A column that has a page without bounds though with values (a NaN, bytes
 * without text, parts of lists and rows) has no ColumnIndex. Threads: values.
 */
#pragma once

#include "format/parquet/write_bounds.h"
#include "format/parquet/write_tree.h"

#define PFS_PQ_OUT_BOUND_BYTES 64 /* of text */

struct pfs_pq_out_page {
    uint64_t bytes; /* with the header */
    int64_t first;  /* row of the group that it begins with */
    int64_t nulls;
    bool empty; /* nulls alone */
    uint32_t min_bytes, max_bytes;
};

struct pfs_pq_out_index {
    struct pfs_pq_out_page *page;
    int32_t pages, room;
    struct pfs_buf bounds; /* min and max of each page, as they are printed */
    bool unknown;          /* no ColumnIndex */
    bool falls, rises;     /* some bound does, from a page to the next that has any */
    bool any;              /* a page with bounds: the last one's are */
    pfs_i128 low, high;
    size_t last; /* in `bounds` */
    uint32_t last_min, last_max;
};

void pfs_pq_out_index_done(struct pfs_pq_out_index *index);
void pfs_pq_out_index_clear(struct pfs_pq_out_index *index); /* keeps its memory */
size_t pfs_pq_out_index_held(const struct pfs_pq_out_index *index);

/* One more page, of `bytes`; `bounds` are of its values, NULL: they are not looked for. -ENOMEM with a sentence. */
int pfs_pq_out_index_add(struct pfs_pq_out_index *index, const struct pfs_pq_out_node *node, uint64_t bytes,
                         int64_t first, const struct pfs_pq_out_bounds *bounds, struct pfs_err *err);

/* The first page stands at `off`. */
void pfs_pq_out_index_put_offsets(const struct pfs_pq_out_index *index, uint64_t off, struct pfs_buf *out);
/* Puts nothing where it is not known what the pages hold. */
void pfs_pq_out_index_put_columns(const struct pfs_pq_out_index *index, struct pfs_buf *out);

/* A bound as Statistics and ColumnIndex store it: plain, without the length of text, which is not cut here. */
void pfs_pq_out_put_bound(const struct pfs_pq_out_bounds *bounds, const struct pfs_pq_out_node *node, bool max,
                          struct pfs_buf *out);
