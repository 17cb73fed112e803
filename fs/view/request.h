/* request.h - one operation under way, and how it is answered later.
 *
 * No caller of fs/tree ever waits inside it for a render, a commit or another request. Each operation takes a request
 * and answers it exactly once by calling done, sooner (before the call returns) or later (from any thread). The FUSE
 * binding replies to the kernel in done; the CLI signals a condition. Interrupting sets the cancel flag and wakes the
 * request if it is parked: it is then answered with -EINTR.
 */
#pragma once

#include <stdint.h>

#include "base/cancel.h"
#include "base/err.h"

struct pfs_request;

typedef void pfs_done_fn(struct pfs_request *request, int64_t result);

struct pfs_request {
    pfs_done_fn *done;        /* result: >= 0 as the operation says, or -errno with the sentence in err */
    struct pfs_cancel cancel; /* set by pfs_request_interrupt only */
    struct pfs_err err;
    uint32_t pid, uid; /* of the caller; 0 = unknown */
    void *step;        /* private to fs/: what a continuation of this request needs */
};
