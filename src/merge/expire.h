/* expire.h - rows that are too old (record-level.expire-time): left out of what a compaction reads, before it merges
 * (spec merge-engines 8). Plain reads return them until then.
 *
 * The age is told by the column record-level.time-field: INT or BIGINT seconds (from 10^12 on milliseconds), or a
 * timestamp. A row whose time is NULL stays. Threads: one reader, one thread.
 */
#pragma once

#include "format/reader.h"
#include "src/meta/schema.h"

/* Takes `in` (closed with the answer, also on failure), whose batches have the time field at the place that
 * columns[0..count-1], schema indexes, gives it. `now_ms`: the wall clock when the compaction began. The answer is `in`
 * itself for a table without the option. -EINVAL with Paimon's sentence: no time field, or one of another type. */
int pfs_expire_open(const struct pfs_schema *schema, const int32_t *columns, int32_t count, int64_t now_ms,
                    struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err);

/* The time field, of the schema; -1: nothing expires. -EINVAL as above. */
int pfs_expire_column(const struct pfs_schema *schema, int32_t *out, struct pfs_err *err);

/* Is a file whose smallest time is `seconds` to be rewritten by a full compaction? False without the option. */
int pfs_expire_is_due(const struct pfs_schema *schema, int64_t seconds, int64_t now_ms, bool *out, struct pfs_err *err);

/* The second that a time of one row tells, which is present and of a type that pfs_expire_open takes. */
int64_t pfs_expire_seconds(const struct pfs_column *time);
