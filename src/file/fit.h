/* fit.h - values that the format of a file has no room for. Private to the suite. */
#pragma once

#include "format/batch.h"

/* Sums may outgrow the precision of their column. ORC has no room for such a decimal: it is NULL in Paimon's ORC files
 * too. `column`, of decimals, is replaced when it has some; what is new is in the arena. -ENOMEM. */
int pfs_fit_decimals(struct pfs_column *column, int64_t rows, struct pfs_arena *arena, struct pfs_err *err);
