/* condition.h - the conditions of where/: parsed against a schema, evaluated on batches, used to leave files out.
 *
 * Grammar (design: mount.md): `col op literal` with = != < <= > >=, in (..), between a and b, like with * and ?, is
 * [not] null, and or not, parentheses; strings in single quotes ('' is a quote), names bare or in backquotes, a nested
 * field by dots; three-valued logic: a row is kept when the condition is true. Literals are typed by the column when it
 * is parsed; numbers, dates, times and booleans may stand without quotes. 0.0 equals -0.0. A NaN equals the literal NaN
 * and differs from every number; a comparison by order with it is as unknown as one with null. Columns of nested types
 * are only tested for null. A condition is a fact in an arena. Threads: immutable.
 */
#pragma once

#include "format/fileindex/fileindex.h"
#include "src/meta/manifest.h"
#include "src/meta/schema.h"

struct pfs_condition;

/* -EINVAL with a sentence: syntax (with the position), no such column, a literal that the column cannot hold. Nesting
 * is limited. The schema outlives the condition; columns are referred to by schema index. */
int pfs_condition_parse(struct pfs_slice text, const struct pfs_schema *schema, struct pfs_arena *arena,
                        const struct pfs_condition **out, struct pfs_err *err);
/* Both; either may be NULL. */
int pfs_condition_and(const struct pfs_condition *a, const struct pfs_condition *b, struct pfs_arena *arena,
                      const struct pfs_condition **out, struct pfs_err *err);

/* Marks the schema columns that it looks at. */
void pfs_condition_columns(const struct pfs_condition *condition, bool *uses);
/* Looks at nothing but these columns (a place each schema column)? Then it may be pushed below what keeps them whole:
 * partitions, keys. */
bool pfs_condition_only(const struct pfs_condition *condition, const bool *columns);

/* The one value that a column has in all rows for which the condition is true; NULL = there may be several. Not for
 * FLOAT and DOUBLE, where one value has several spellings. */
const struct pfs_column *pfs_condition_value(const struct pfs_condition *condition, int32_t column);

/* Which rows of a batch are kept: their indexes, ascending, to `kept` (room for batch->rows); how many. place[c] says
 * where schema column c stands in the batch (-1: not there, an error of the caller). */
int64_t pfs_condition_select(const struct pfs_condition *condition, const struct pfs_batch *batch, const int32_t *place,
                             struct pfs_arena *arena, int32_t *kept, struct pfs_err *err);

/* What is known of the rows of a file or partition without reading it: a place each schema column. */
struct pfs_bounds {
    const struct pfs_column *const *min; /* one row; NULL = unknown */
    const struct pfs_column *const *max;
    const int64_t *nulls; /* -1 = unknown */
    int64_t rows;
};

/* May any row be true? Pruning by statistics: false is certain. */
bool pfs_condition_may_match(const struct pfs_condition *condition, const struct pfs_bounds *bounds);

/* The rows of a file that may be true, by its file index: PFS_INDEX_SOME makes *some (the caller's). name[c], type[c]:
 * of schema column c in the file's own schema; NULL = not in the file, or of another type. */
int pfs_condition_index(const struct pfs_condition *condition, const struct pfs_fileindex *index,
                        const char *const *name, const struct pfs_type *const *type, int64_t rows,
                        enum pfs_index_answer *answer, struct pfs_bitmap **some, struct pfs_err *err);

/* Takes `in` (closed with the answer, also on failure), leaves out the rows that are not true. The first `keep` columns
 * of each batch go on (the rest was read for the condition alone). */
struct pfs_reader;
int pfs_condition_filter(struct pfs_reader *in, const struct pfs_condition *condition, const int32_t *place,
                         int32_t places, int32_t keep, struct pfs_reader **out, struct pfs_err *err);
