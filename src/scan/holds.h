/* holds.h - which snapshots somebody of this process reads now: what is expired keeps away from them.
 *
 * A state is held, not only referenced: what a view is made of may be remembered for long after the last reader. One
 * object a warehouse; a table is told by its directory with snapshot/. Threads: any; nothing here waits. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

struct pfs_holds;

int pfs_holds_open(struct pfs_holds **out, struct pfs_err *err);
void pfs_holds_close(struct pfs_holds *holds); /* NULL allowed; nothing is held any more */

/* A hold on snapshot `id`, and with that on all that follow it; let takes one back. Without memory it is not held. */
void pfs_holds_take(struct pfs_holds *holds, const char *meta, int64_t id);
void pfs_holds_let(struct pfs_holds *holds, const char *meta, int64_t id);
/* Every held snapshot as a line "<id> <meta>". */
void pfs_holds_print(struct pfs_holds *holds, struct pfs_buf *out);
/* The smallest held id in [from, end); `end` when there is none. */
int64_t pfs_holds_first(struct pfs_holds *holds, const char *meta, int64_t from, int64_t end);
