/* consumer.h - consumer/consumer-<id>: where a streaming reader is (spec metadata 6). `table` is the directory with
 * consumer/ (a branch: the branch's). Threads: any. */
#pragma once

#include "base/arena.h"
#include "base/store.h"

/* Ids, sorted, in the arena. */
int pfs_consumer_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                      int64_t *count, struct pfs_err *err);
/* The next snapshot that it wants. Bare -ENOENT. Files are overwritten in place by other engines: one that is no JSON
 * is read again a few times before it is -EIO. */
int pfs_consumer_load(struct pfs_store *store, const char *table, const char *name, int64_t *next, struct pfs_err *err);
/* Durable when it returns 0; replaces what is there. */
int pfs_consumer_save(struct pfs_store *store, const char *table, const char *name, int64_t next, struct pfs_err *err);
/* Bare -ENOENT. */
int pfs_consumer_remove(struct pfs_store *store, const char *table, const char *name, struct pfs_err *err);
