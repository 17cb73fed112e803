/* hints.h - LATEST and EARLIEST of snapshot/ and changelog/ (spec layout 4): numbers that save a listing. They may be
 * lost or old, so that nobody fails for them. Private to the suite, to src/retain and to src/check. Threads: any. */
#pragma once

#include "base/store.h"

/* `directory` is "snapshot" or "changelog" below `table`; `name` is "LATEST" or "EARLIEST". 0 = none that is usable. */
int64_t pfs_hint_read(struct pfs_store *store, const char *table, const char *directory, const char *name);
/* Not synced; a failure is nobody's. */
void pfs_hint_write(struct pfs_store *store, const char *table, const char *directory, const char *name, int64_t id);
/* For who takes away what a hint leads to: other readers do not look whether the newest one is there, and without a
 * hint they list. One that is not there is success. Not synced. */
int pfs_hint_remove(struct pfs_store *store, const char *table, const char *directory, const char *name,
                    struct pfs_err *err);
/* The greatest or the smallest number of <directory>/<directory>-<number>, by hint and then by listing; bare -ENOENT
 * without any. */
int pfs_hint_find(struct pfs_store *store, const char *table, const char *directory, bool last, int64_t *out,
                  struct pfs_err *err);
