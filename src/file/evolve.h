/* evolve.h - rows of an older schema as rows of today's: what data files and the journal have in common (spec metadata,
 * schema evolution).
 *
 * Columns are matched by field id: a younger column is null, a dropped one goes, one of another type is cast (cast.h).
 * Threads: pure.
 */
#pragma once

#include "format/batch.h"
#include "src/meta/schema.h"

/* The field of that id; NULL = none. */
const struct pfs_field *pfs_evolve_find(const struct pfs_schema *schema, int32_t id);

/* Are values of `have` values of `want` as they lie? 1 yes, 0 they must be cast; -EOPNOTSUPP: they cannot be, with both
 * types and the column in the sentence. */
int pfs_evolve_is_same(const struct pfs_field *have, const struct pfs_field *want, struct pfs_err *err);

/* Can every row of `old` be one of `today`? 0 or -EOPNOTSUPP with the sentence. */
int pfs_evolve_check(const struct pfs_schema *old, const struct pfs_schema *today, struct pfs_err *err);

/* A batch of all columns of `old`, in order, and perhaps more after them, as one of `today`; what came after is kept.
 * Memory may be shared with `in`. -EINVAL: a value that cannot be cast. */
int pfs_evolve_batch(const struct pfs_schema *old, const struct pfs_schema *today, const struct pfs_batch *in,
                     struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err);
