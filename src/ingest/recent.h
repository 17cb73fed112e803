/* recent.h - rows of one key that are acknowledged and in no snapshot yet.
 *
 * Who asks for a key does not wait for a commit: from the flush that acknowledged them until their snapshot is there
 * rows are kept in memory beside the journal (of tables with a primary key; 16 MiB, or its share of the budget), and
 * what a state says of the key is merged with them, commit by commit as they will come.
 *
 *   find: what waits of the key -> the table's newest state -> fits? (else find again) -> its row of the key -> merge
 *
 * Bare -EAGAIN, of find and of merge: only a commit can tell (rows that are not kept, a retract that merging apart from
 * older rows loses, no row where a delete that is in the files may count on, tables that show rows once they are
 * compacted). Bare -EINPROGRESS, of find: a handle holds acknowledged rows of the key and hands them over when it is
 * released, or rows of it are being synced: maybe at once. Threads: any; one answer, one thread.
 */
#pragma once

#include "src/ingest/ingest.h"

struct pfs_recent_rows;

/* `key`: a column for each of the primary key, in declared order and of its types, one row. *out: NULL when nothing
 * waits that the newest state does not show, and then the state has to be asked for after the call. */
int pfs_recent_find(struct pfs_ingest *ingest, struct pfs_table *table, const struct pfs_schema *schema,
                    const struct pfs_column *key, struct pfs_recent_rows **out, struct pfs_err *err);
void pfs_recent_close(struct pfs_recent_rows *rows); /* NULL allowed */

/* Is none of the rows in that snapshot (0 = there is none), and is each in the table's newest or waiting still? */
bool pfs_recent_fits(const struct pfs_recent_rows *rows, int64_t snapshot);

/* `base`: all columns of the schema, one row, or no row. *out: the same columns, one row or none. In the arena. */
int pfs_recent_merge(const struct pfs_recent_rows *rows, const struct pfs_batch *base, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err);
