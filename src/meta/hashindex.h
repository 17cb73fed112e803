/* hashindex.h - HASH index files: the key hashes of one bucket of a table with dynamic buckets (spec buckets 4).
 *
 * A file is big-endian int32s, nothing else, in any order; how many is in the index manifest. Paths are whole, as
 * base/store takes them: the caller knows whether index files lie in index/ or beside the data. Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "base/store.h"

/* All hashes, in the arena. `size` is what the index manifest says of the file; a file that is not there or has another
 * size is -EIO with a sentence, as a snapshot names it. */
int pfs_hash_index_load(struct pfs_store *store, const char *path, int64_t size, struct pfs_arena *arena,
                        int32_t **hashes, int64_t *count, struct pfs_err *err);

/* Writes a new file and syncs it (not its directory). Bare -EEXIST when the name is taken; after any other failure it
 * is removed. */
int pfs_hash_index_save(struct pfs_store *store, const char *path, const int32_t *hashes, int64_t count,
                        struct pfs_err *err);
