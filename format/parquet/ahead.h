/* ahead.h - the pages of a column, the next one made by a worker of the pool while the current one is decoded. Private
 * to the suite.
 *
 * Without a pool it is a plain call into the source. With one, each page that is handed out queues a task for its
 * successor. Whoever comes first makes that page: if no worker has begun when the page is wanted, the caller does it
 * itself, so that nobody ever waits for a task that is not running. Threads: one caller; tasks only touch the
 * source and the page that is being made.
 */
#pragma once

#include "base/pool.h"
#include "format/parquet/page.h"

struct pfs_pq_ahead;

int pfs_pq_ahead_open(const struct pfs_pq_source *source, struct pfs_pool *pool, struct pfs_pq_ahead **out,
                      struct pfs_err *err);
/* Waits for a task that is running; one that is still queued finds nothing to do. NULL allowed. */
void pfs_pq_ahead_close(struct pfs_pq_ahead *ahead);

/* Queues the making of the first page, so that those of all columns are made at once. NULL allowed. */
void pfs_pq_ahead_start(struct pfs_pq_ahead *ahead);

/* As pfs_pq_source_next; the memory of *page is used again for a later one. */
int pfs_pq_ahead_next(struct pfs_pq_ahead *ahead, struct pfs_pq_page *page, struct pfs_err *err);
