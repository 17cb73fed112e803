/* measure.h - statistics of columns, by a look at the rows that are written.
 *
 * For what a format does not measure itself: Avro files, and FLOAT and DOUBLE of all formats, whose bounds Paimon
 * stores in total order (-0.0 before 0.0, NaN last) while footers have none once there is a NaN. Loops over one column
 * of one type. Private to the suite; one measure, one thread.
 */
#pragma once

#include "format/writer.h"

struct pfs_measure;

/* Of `columns` columns of the batches to come. `all`: of every kind; else of FLOAT and DOUBLE alone. -ENOMEM. */
int pfs_measure_open(const struct pfs_field *fields, int32_t columns, bool all, struct pfs_measure **out,
                     struct pfs_err *err);
void pfs_measure_close(struct pfs_measure *measure); /* NULL allowed */
/* The first columns of `batch` are those. */
int pfs_measure_add(struct pfs_measure *measure, const struct pfs_batch *batch, struct pfs_err *err);
/* What was measured over stats[i], the rest stays. Bounds point into the measure. */
void pfs_measure_apply(const struct pfs_measure *measure, struct pfs_column_stats *stats);
