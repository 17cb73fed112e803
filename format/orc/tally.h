/* tally.h - what is known of the values of a column that is written: counted for a row group, added up to the stripe
 * and the file. Private to the suite.
 *
 * Bounds are kept as a batch holds values, so that they can be handed out; print makes the file's form of them. Kernels
 * take dense values. A zeroed tally is an empty one. Threads: values.
 */
#pragma once

#include "format/orc/tail.h"
#include "format/writer.h"

struct pfs_orc_tally {
    int64_t values; /* that are not null */
    bool has_null;
    bool any; /* bounds are set */
    bool nan; /* FLOAT, DOUBLE: one was seen; it is no bound */
    int64_t nulls;
    int64_t sum;      /* texts and bytes: of lengths; booleans: how many are true */
    int64_t min, max; /* integers, days, milliseconds, narrow decimals, times of up to microseconds */
    double real_min, real_max;
    pfs_i128 wide_min, wide_max;          /* wide decimals */
    struct pfs_time96 time_min, time_max; /* finer times */
    struct pfs_buf text_min, text_max;
};

void pfs_orc_tally_integers(struct pfs_orc_tally *t, const int64_t *v, int64_t n);
void pfs_orc_tally_reals(struct pfs_orc_tally *t, const double *v, int64_t n);
void pfs_orc_tally_wides(struct pfs_orc_tally *t, const pfs_i128 *v, int64_t n);
void pfs_orc_tally_times(struct pfs_orc_tally *t, const struct pfs_time96 *v, int64_t n);
void pfs_orc_tally_text(struct pfs_orc_tally *t, struct pfs_slice v);

/* Adds `from` to `to` and empties it. */
void pfs_orc_tally_move(struct pfs_orc_tally *to, struct pfs_orc_tally *from);
void pfs_orc_tally_clear(struct pfs_orc_tally *t);
void pfs_orc_tally_done(struct pfs_orc_tally *t);

/* As ColumnStatistics of the format. */
void pfs_orc_tally_print(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_buf *out);

/* Bounds of writer.h's statistics, and what they point to. */
struct pfs_orc_bounds {
    _Alignas(16) uint8_t min[16];
    _Alignas(16) uint8_t max[16];
    int32_t offsets[2][2];
};

/* As writer.h has it: lives as long as the tally and `bounds`. */
void pfs_orc_tally_stats(const struct pfs_orc_tally *t, const struct pfs_type *type, struct pfs_orc_bounds *bounds,
                         struct pfs_column_stats *out);
