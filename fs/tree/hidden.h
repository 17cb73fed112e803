/* hidden.h - inboxes that somebody removed: the name is gone for that process's next look, so that `mv FILE inbox`,
 * which removes its target and makes it anew, appends. Private to fs/.
 *
 * Threads: any.
 */
#pragma once

#include "fs/view/request.h"

struct pfs_tree;

#define PFS_HIDDEN_MAX 64
#define PFS_HIDDEN_MS 5000 /* a program that removes a name and makes it again does so at once */

struct pfs_hidden { /* a zeroed one is free. Guarded by the tree's lock */
    uint32_t pid;
    uint64_t path; /* a hash */
    int64_t until_ms;
};

void pfs_hidden_add(struct pfs_tree *tree, const char *path, uint32_t pid, int64_t ms);
/* The same, but never in the place of another note: false when there is no room. */
bool pfs_hidden_try_add(struct pfs_tree *tree, const char *path, uint32_t pid, int64_t ms);
/* Is it hidden from that process? Once. */
bool pfs_hidden_take(struct pfs_tree *tree, const char *path, uint32_t pid);
/* The same, as often as it is asked: other notes about a name and a process are kept here too (folders.c). */
bool pfs_hidden_is(struct pfs_tree *tree, const char *path, uint32_t pid);
