/* quiet.h - work that is to disturb nobody: on a thread of its own that the system runs, and whose files it reads and
 * writes, after those of others.
 *
 * Threads: any. The priority of a thread can be lowered by anybody, and raised again by root alone: so the caller keeps
 * its own.
 */
#pragma once

/* Runs fn(context) to its end on such a thread, and returns then. Where none can be started, on the caller. */
void pfs_quiet_run(void (*fn)(void *context), void *context);
