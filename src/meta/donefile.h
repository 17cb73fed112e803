/* donefile.h - _SUCCESS in a partition's directory: somebody says that it is complete (spec timetravel 7). No reader of
 * tables looks at it. Threads: any. */
#pragma once

#include "base/store.h"

/* Writes it; what is there keeps its time of creation. `partition`: the partition's directory. */
int pfs_done_mark(struct pfs_store *store, const char *partition, int64_t now_ms, struct pfs_err *err);
