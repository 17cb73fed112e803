/* pool.h - a fixed set of worker threads that run small tasks; urgent ones first.
 *
 * A task runs once, to its end, on one worker; it may submit others and must not wait for them by blocking a worker
 * other than through pfs_pool_run. Urgent tasks (commits, small reads) are taken before ordinary ones, and one worker
 * takes nothing else, so that long renders cannot hold them up. Threads: any may submit.
 */
#pragma once

#include "base/err.h"

struct pfs_pool;

typedef void pfs_task_fn(void *context);

/* `threads` ordinary workers (0 = one for each processor) and one for urgent tasks. */
int pfs_pool_open(int threads, struct pfs_pool **out, struct pfs_err *err);
/* Runs what is queued to its end, then joins. NULL allowed. */
void pfs_pool_close(struct pfs_pool *pool);
int pfs_pool_threads(const struct pfs_pool *pool);

/* Waits until nothing is queued and nothing runs: a task may go on for a moment after whoever it worked for was
 * answered. Not for tasks. NULL allowed. */
void pfs_pool_settle(struct pfs_pool *pool);

/* Queues a task. -ENOMEM when the queue cannot grow (the task will not run). */
int pfs_pool_submit(struct pfs_pool *pool, bool urgent, pfs_task_fn *fn, void *context);

/* Runs fn(context, 0..count-1) on the caller and on idle ordinary workers, returns when all are done. Safe to call from
 * a task: the caller works too, so it never waits for a worker that is not already running one of these. Without a pool
 * (NULL) the caller does it all, in order. */
void pfs_pool_run(struct pfs_pool *pool, int count, void (*fn)(void *context, int index), void *context);
