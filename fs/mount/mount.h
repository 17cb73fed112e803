/* mount.h - the tree on libfuse's low-level API: the only room that includes <fuse_lowlevel.h>.
 *
 * A handler does three things: inode to node, one call into fs/tree, one reply in the request's completion. Threads:
 * pfs_mount_run serves on threads of its own (loop.h) until the file system is unmounted or a signal asks for it.
 */
#pragma once

#include "fs/tree/tree.h"

struct pfs_mount_config {
    struct pfs_tree *tree;
    const char *mountpoint;
    const char *fsname; /* shown by df and mount: the warehouse */
    bool allow_other;   /* implies default_permissions */
    bool read_only;
    const char *generic; /* options of every mount, each behind a comma: ",noexec,noatime"; NULL = none */
    /* Called once the mount answers (READY=1, the parent's exit); may be NULL. */
    void (*ready)(void *context);
    /* One line a failure: "<request>: <sentence>"; may be NULL. */
    void (*log)(void *context, const char *line);
    void *context;
};

/* Mounts, serves, unmounts. 0 when it was unmounted or told to end by SIGTERM, SIGINT or SIGHUP. */
int pfs_mount_run(const struct pfs_mount_config *config, struct pfs_err *err);
/* Unmounts as the user may (fusermount3 -u); a mount whose daemon is gone also while files of it are open: there is
 * nothing left to read or write in them. */
int pfs_mount_unmount(const char *mountpoint, struct pfs_err *err);
