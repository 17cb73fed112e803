/* binrow.h - Paimon's BinaryRow: partitions, keys, statistics and the input of bucket hashes (spec manifests 5).
 *
 * Serialised form = 4 bytes big-endian arity + row bytes; the row bytes alone are what is hashed. Byte-exact both ways,
 * the reserved space of null DECIMAL(p > 18) and TIMESTAMP(p > 3) included. Nested values are laid out one at a time.
 * Threads: pure functions.
 */
#pragma once

#include "format/batch.h"

/* Appends arity and row bytes of row `row`, taken from `count` columns (`columns[i]`, a column of one type each). With
 * prefix false the arity is left out. */
int pfs_binrow_print(const struct pfs_column *const *columns, int32_t count, int64_t row, bool prefix,
                     struct pfs_buf *out, struct pfs_err *err);

/* Bucket hash of row `row` over those columns (murmur of the row bytes). Scratch is cleared and used. */
int pfs_binrow_hash(const struct pfs_column *const *columns, int32_t count, int64_t row, struct pfs_buf *scratch,
                    int32_t *out, struct pfs_err *err);

/* The same for every row of a batch: column by column where the row form is fixed. out has `rows` places. */
int pfs_binrow_hash_batch(const struct pfs_column *const *columns, int32_t count, int64_t rows, struct pfs_buf *scratch,
                          int32_t *out, struct pfs_err *err);

/* Reads a serialised row of `count` fields (types[i]) into `count` one-row columns in the arena; texts and bytes that
 * do not nest are borrowed from `in`. Every length and offset is checked against the slice: -EIO with a sentence. */
int pfs_binrow_parse(struct pfs_slice in, const struct pfs_type *const *types, int32_t count, struct pfs_arena *arena,
                     struct pfs_column *out, struct pfs_err *err);
