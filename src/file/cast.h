/* cast.h - columns of an old schema's types as columns of today's: evolution of types, nested ones too.
 *
 * Rules: spec metadata (schema evolution) and golden README. Fields of a ROW are matched by id: a younger field is
 * null, a dropped one goes. Kernels are loops over one column of one pair of types, from one table. Threads: pure.
 */
#pragma once

#include "format/batch.h"

/* Can a value of `from` be read as `to`? 0, or -EOPNOTSUPP with both types in the sentence. */
int pfs_cast_check(const struct pfs_type *from, const struct pfs_type *to, struct pfs_err *err);

/* No work is needed: the memory of one is that of the other (CHAR(5) as it stands in STRING, names of ROW fields). */
bool pfs_cast_is_same(const struct pfs_type *from, const struct pfs_type *to);

/* `rows` values of in->type as `to`; may share memory with `in`. A value that cannot be cast is what Paimon makes of
 * it (NULL or an error: -EINVAL with the value). */
int pfs_cast_column(const struct pfs_column *in, int64_t rows, const struct pfs_type *to, struct pfs_arena *arena,
                    struct pfs_column *out, struct pfs_err *err);
