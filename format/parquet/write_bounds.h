/* write_bounds.h - the least and the greatest value of a column, as they are written. Private to the suite.
 *
 * Numbers are kept as one wide integer: as they are, and FLOAT and DOUBLE as their bits in total order (-inf .. -0.0,
 * 0.0 .. inf, NaN), so that a loop over values is a loop over integers. Text is kept as its bytes. Threads: values.
 */
#pragma once

#include "format/batch.h"
#include "format/parquet/write_dictionary.h"

struct pfs_pq_out_bounds {
    bool any, unordered; /* unordered: no bounds (a NaN, bytes without text, INT96) */
    int64_t nulls;
    pfs_i128 low, high;
    struct pfs_buf min, max; /* text */
};

void pfs_pq_out_bounds_done(struct pfs_pq_out_bounds *b);
void pfs_pq_out_bounds_clear(struct pfs_pq_out_bounds *b);

/* Widens by values [from, from + count) of a column, by way of `row` when there is one (write_levels.h). */
void pfs_pq_out_bounds_add(struct pfs_pq_out_bounds *b, const struct pfs_column *column, const int32_t *row,
                           int64_t from, int64_t count);
/* By these values of a dictionary. */
void pfs_pq_out_bounds_add_distinct(struct pfs_pq_out_bounds *b, const struct pfs_type *type,
                                    const struct pfs_pq_dictionary *distinct, const uint32_t *index, int64_t count);
void pfs_pq_out_bounds_merge(struct pfs_pq_out_bounds *b, const struct pfs_pq_out_bounds *more);

/* A bound as a column of one row whose bytes are in `cell` or the bounds. */
struct pfs_pq_out_cell {
    _Alignas(16) uint8_t value[16];
    int32_t offsets[2];
};
struct pfs_column pfs_pq_out_bound(const struct pfs_pq_out_bounds *b, bool max, const struct pfs_type *type,
                                   struct pfs_pq_out_cell *cell);
