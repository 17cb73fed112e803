/* pending.h - requests that want what is pending in a table to be committed first: those of readers, of tags. Private
 * to fs/.
 *
 * The request parks; nobody's thread waits. Threads: any.
 */
#pragma once

#include "fs/view/request.h"
#include "src/ingest/ingest.h"

struct pfs_tree;

/* Answers 0 when all that was acknowledged for the table is in a snapshot (at once when nothing is pending, and on a
 * read-only mount), why not, -EBUSY after 5 s, or -EINTR. */
void pfs_pending_commit(struct pfs_tree *tree, struct pfs_request *request, struct pfs_table *table,
                        enum pfs_ingest_when when);
