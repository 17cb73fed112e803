/* inspect.h - are values that were not parsed from text such that text could spell them? Private to this suite.
 *
 * Files hold what their writers put there: strings that are no UTF-8 or too long, decimals with too many digits, times
 * behind midnight, nulls where none may be, at any depth.
 */
#pragma once

#include "format/text/parse.h"

/* Looks at a column that lies as `type` says. A row whose `parent` is null may be null. 0; else the error of the first
 * bad row, in c->bad. */
int pfs_inspect_column(struct pfs_convert *c, const struct pfs_type *type, const struct pfs_column *in, int32_t rows,
                       const struct pfs_column *parent);
/* The same column under the other type, which is equal but for what is nullable: nothing of the old one is left. */
int pfs_inspect_retype(const struct pfs_column *in, const struct pfs_type *type, struct pfs_arena *arena,
                       struct pfs_column *out, struct pfs_err *err);
