/* opened.c - walk, open, release, forget: what the kernel does for a program, in its order. */
#include "tools/opened.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

int opened_open(struct session *session, const char *path, int flags, struct opened *out, struct pfs_err *err)
{
    int64_t rc;

    *out = (struct opened){.session = session};
    PFS_TRY(pfs_waiting_init(&out->waiting, err));
    rc = pfs_tree_walk(session->tree, path, &out->entry, err);
    if (rc == 0) {
        pfs_tree_open_file(session->tree, &out->waiting.request, out->entry.node, flags, &out->file);
        rc = pfs_waiting_result(&out->waiting, err);
        if (rc < 0)
            pfs_tree_forget(session->tree, out->entry.node, 1);
    }
    if (rc < 0)
        pfs_waiting_done(&out->waiting);
    return (int)rc;
}

int opened_close(struct opened *opened, struct pfs_err *err)
{
    int64_t rc;

    assert(opened->file.handle != NULL);
    assert(opened->entry.node != NULL);
    pfs_tree_release(opened->session->tree, &opened->waiting.request, opened->file.handle);
    rc = pfs_waiting_result(&opened->waiting, err);
    pfs_tree_forget(opened->session->tree, opened->entry.node, 1);
    pfs_waiting_done(&opened->waiting);
    return (int)rc;
}

int opened_print(const uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t put = write(STDOUT_FILENO, at, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        at += put;
        len -= (size_t)put;
    }
    return 0;
}
