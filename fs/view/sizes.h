/* sizes.h - sizes of views on disk: what one mount measured, the next one need not. Private to fs/.
 *
 * One file of fixed places in the cache directory, 2 MiB at most; a new size may take the place of an older one. A
 * record carries its checksum: what is damaged, cut or of another version is not found, and nothing here fails. Mounts
 * that share the directory share the file; a record is written at once. Threads: any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct pfs_sizes;

/* `warehouse` (copied) is part of every key. NULL: there is none, and that is no failure. */
struct pfs_sizes *pfs_sizes_open(const char *cache_dir, const char *warehouse);
void pfs_sizes_close(struct pfs_sizes *sizes); /* NULL allowed */

bool pfs_sizes_find(struct pfs_sizes *sizes, const char *key, uint64_t *size);
void pfs_sizes_put(struct pfs_sizes *sizes, const char *key, uint64_t size);
void pfs_sizes_forget(struct pfs_sizes *sizes, const char *key);
