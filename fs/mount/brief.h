/* brief.h - which requests of the kernel are answered in microseconds: those that come with an append of a few rows.
 *
 * Wire format: linux/fuse.h. The kernel's numbers of inodes and handles are trusted, as everywhere; lengths are not.
 */
#pragma once

#include "fs/tree/tree.h"

/* request: as it came from the kernel; it lies aligned for every field. Threads: any. */
bool pfs_mount_is_brief(struct pfs_tree *tree, const void *request, size_t size);
