/* hidden.h - inboxes that somebody removed: the name is gone for that process's next look, so that `mv FILE inbox`,
 * which removes its target and makes it anew, appends. Private to fs/.
 *
 * Threads: any.
 */
#pragma once

#include "fs/request.h"

struct pfs_tree;

#define PFS_HIDDEN_MAX 64

struct pfs_hidden { /* a zeroed one is free. Guarded by the tree's lock */
    uint32_t pid;
    uint64_t path; /* a hash */
    int64_t until_ms;
};

void pfs_hidden_add(struct pfs_tree *tree, const char *path, uint32_t pid);
/* Is it hidden from that process? Once. */
bool pfs_hidden_take(struct pfs_tree *tree, const char *path, uint32_t pid);
