/* text.h - strings and bytes out of the streams of a column. Private to the suite. */
#pragma once

#include "format/orc/column.h"

/* Loads the stripe's dictionary when it has one and this was not done. */
int pfs_orc_text_dictionary(struct pfs_orc_column *column, struct pfs_err *err);

/* Bytes of the next dense heads: how many of `n` rows fit into `bytes`, at least 1. `valid` begins at row `at`. */
int64_t pfs_orc_text_fit(const struct pfs_orc_column *column, int64_t bytes, int64_t rows);

/* Hands out n rows, whose dense heads are the `present` at `head`. */
int pfs_orc_text_next(struct pfs_orc_column *column, const int64_t *head, int64_t present, const uint8_t *valid,
                      int64_t n, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err);

void pfs_orc_text_done(struct pfs_orc_column *column);
