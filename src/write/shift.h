/* shift.h - key-value batches from a reader to a data writer, their numbers shifted. Private to the suite. */
#pragma once

#include "base/pool.h"
#include "format/reader.h"
#include "src/file/file.h"

struct pfs_shift {
    struct pfs_reader *from;
    struct pfs_data_writer *to;
    int32_t number_column;
    int64_t shift;
    struct pfs_pool *pool; /* the next batch is read while one is written; NULL = on the caller alone */
};

/* All rows; the bytes do not depend on the pool. */
int pfs_shift_rows(const struct pfs_shift *shift, struct pfs_err *err);
