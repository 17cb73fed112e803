/* kinds.h - row kinds as the column `_kind` that people read: +I -U +U -D. Private to the suites that make it. */
#pragma once

#include "format/batch.h"

extern const struct pfs_field pfs_kind_field; /* `_kind` STRING NOT NULL */

/* Of enum pfs_row_kind codes; a code that is none is -EIO (kinds come from files). */
int pfs_kinds_print(const int8_t *kind, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                    struct pfs_err *err);
