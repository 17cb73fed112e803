/* lookup.h - rows by primary key: batches of keys in, the merged row of each out, in the order asked.
 *
 * A batch costs no more than a scan of the pages that hold its keys, and never more than one scan: keys are shared out
 * to partitions and buckets, sorted, and joined with the sorted runs while these are read; what is left of the runs is
 * merged by the table's engine as any read does. So many keys at once are cheap, and one key reads a page a run.
 *
 * Rows are those of one state, as a batch read of it gives them. Keys that have no row are told, not errors.
 * Threads: one lookup, one thread at a time.
 */
#pragma once

#include "base/budget.h"
#include "src/lookup/local.h"
#include "src/scan/scan.h"

struct pfs_lookup;

/* What is made over into local lookup files (local.h): of data files that are asked for often; of all of them, before
 * the first keys; of all that a key's bucket has, when the first key of it comes: a worker that gets the keys of some
 * buckets alone makes over those alone. */
enum pfs_lookup_cache { PFS_LOOKUP_PARTIAL, PFS_LOOKUP_FULL, PFS_LOOKUP_BUCKET };

struct pfs_lookup_want {
    struct pfs_state *state; /* of a table with a primary key; a reference is taken */
    int32_t columns;         /* -1 = all */
    const int32_t *column;
    int32_t partitions; /* rows of these alone */
    const struct pfs_partition_value *partition;
    const struct pfs_condition *condition; /* rows for which it holds alone; NULL = all. Borrowed */
    struct pfs_locals *locals;             /* borrowed; NULL = data files are read as they are */
    enum pfs_lookup_cache cache;
    struct pfs_budget budget;
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool; /* decodes ahead; NULL = none */
};

/* -EINVAL: the table has no primary key; -EOPNOTSUPP as a scan. */
int pfs_lookup_open(const struct pfs_lookup_want *want, struct pfs_lookup **out, struct pfs_err *err);
void pfs_lookup_close(struct pfs_lookup *lookup); /* NULL allowed */

/* `key`: a column for each of the primary key, in declared order and of its types, `rows` rows; one with a null has no
 * row. *out: the wanted columns, `rows` rows in the order of the keys, nulls where there is none; found[i] says so
 * (room for `rows`). All in the arena. */
int pfs_lookup_rows(struct pfs_lookup *lookup, const struct pfs_column *key, int64_t rows, struct pfs_arena *arena,
                    struct pfs_batch *out, bool *found, struct pfs_err *err);
