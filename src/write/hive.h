/* hive.h - hashes of bucket keys as Apache Hive has them (bucket-function.type = hive, spec buckets 3). Private to the
 * suite. */
#pragma once

#include "format/batch.h"

/* Over all keys of each row: 31 times the hash so far plus the value's, a null counts 0. -EINVAL names a type that
 * Hive's function does not know here. */
int pfs_hive_hash(const struct pfs_column *const *key, int32_t keys, int64_t rows, int32_t *out, struct pfs_err *err);
