/* donefile.h - files that say that something is complete: _SUCCESS in a partition's directory (spec timetravel 7), and
 * <tag>_SUCCESS of a tag (2.1). No reader of tables looks at them. Threads: any. */
#pragma once

#include "base/store.h"

/* Writes it; what is there keeps its time of creation. `partition`: the partition's directory. */
int pfs_done_mark(struct pfs_store *store, const char *partition, int64_t now_ms, struct pfs_err *err);
/* The same in tag/tag-success-file/ of the directory that has snapshot/ and tag/. unmark: also where there is none. */
int pfs_done_mark_tag(struct pfs_store *store, const char *meta, const char *tag, int64_t now_ms, struct pfs_err *err);
void pfs_done_unmark_tag(struct pfs_store *store, const char *meta, const char *tag);
