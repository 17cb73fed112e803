/* value.h - values of fixed width out of the streams of a column. Private to the suite. */
#pragma once

#include "format/orc/column.h"

/* The next n dense values, n * column->width bytes of them, to `out`. -EIO when one does not fit into the type. */
int pfs_orc_value_next(struct pfs_orc_column *column, int64_t n, void *out, struct pfs_err *err);
