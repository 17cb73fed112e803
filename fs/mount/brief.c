#include "fs/mount/brief.h"

#include <linux/fuse.h>
#include <string.h>

#define BRIEF_BYTES (64 << 10) /* of a write */
#define INBOX "inbox"

/* Of a request on an open file: all of them begin with its handle. */
static bool is_of_appender(const void *arguments)
{
    uint64_t handle;

    memcpy(&handle, arguments, sizeof(handle));
    return pfs_handle_appends((const struct pfs_handle *)(uintptr_t)handle);
}

/* The kernel's number of an inode is its node's address, but for the root's. */
static bool is_of_inbox(struct pfs_tree *tree, uint64_t number)
{
    return pfs_node_takes_rows(number == FUSE_ROOT_ID ? pfs_tree_root(tree) : (struct pfs_node *)(uintptr_t)number);
}

bool pfs_mount_is_brief(struct pfs_tree *tree, const void *request, size_t size)
{
    const struct fuse_in_header *head = request;
    const char *arguments = (const char *)request + sizeof(*head);
    size_t len = size < sizeof(*head) ? 0 : size - sizeof(*head);

    if (len == 0)
        return false;
    switch (head->opcode) {
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return true;
    case FUSE_LOOKUP:
        return len >= sizeof(INBOX) && memcmp(arguments, INBOX, sizeof(INBOX)) == 0;
    case FUSE_OPEN:
        return is_of_inbox(tree, head->nodeid);
    case FUSE_WRITE:
        return len >= sizeof(struct fuse_write_in) && len <= BRIEF_BYTES && is_of_appender(arguments);
    case FUSE_FLUSH:
    case FUSE_FSYNC:
    case FUSE_RELEASE:
        return len >= sizeof(uint64_t) && is_of_appender(arguments);
    default:
        return false;
    }
}
