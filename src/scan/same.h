/* same.h - which rows of two columns hold the same value. Private to the suite. */
#pragma once

#include "format/batch.h"

struct pfs_pair { /* a row of each side */
    int32_t a, b;
};

/* Clears same[i] where the values of pair[i] differ; null equals null, floating point by bits. Both columns are of one
 * type. Maps are the same when their entries come in the same order. */
void pfs_column_same(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair, int64_t count,
                     bool *same);
