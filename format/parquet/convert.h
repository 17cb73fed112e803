/* convert.h - from a physical type of the file to the layout of the batch. Private to the suite.
 *
 * A plan is chosen once a column from its annotation and the type that is wanted; its kernel then runs over plain
 * values or over the dictionary. Values mean the same before and after: what a narrower layout cannot hold makes the
 * kernel say false. Times of a finer unit are cut to the wanted one, towards the past. Threads: values.
 */
#pragma once

#include "format/batch.h"
#include "format/parquet/footer.h"

/* n values of plain fixed-width bytes at `in` (`width_in` each, 8 bytes more can be read) to `out`; false when one does
 * not fit. */
typedef bool pfs_pq_convert_fn(const uint8_t *in, int64_t n, int width_in, void *out);

enum pfs_pq_shape {
    PFS_PQ_SHAPE_FIXED,   /* values of one width, through `convert` */
    PFS_PQ_SHAPE_BITS,    /* booleans */
    PFS_PQ_SHAPE_BYTES,   /* strings and bytes */
    PFS_PQ_SHAPE_DECIMAL, /* BYTE_ARRAY that holds big-endian decimals */
};

struct pfs_pq_plan {
    enum pfs_pq_shape shape;
    pfs_pq_convert_fn *convert; /* FIXED; DECIMAL: of one value, with its own width_in */
    int width_in;               /* bytes a value in the file; BYTES: 0 = a length stands before each */
    int width;                  /* bytes a value in the batch; BYTES: 0 */
};

/* For a leaf. -EIO when the file holds something that cannot mean `type`. */
int pfs_pq_plan_pick(const struct pfs_pq_node *node, const struct pfs_type *type, struct pfs_pq_plan *out,
                     struct pfs_err *err);
