/* loop.h - threads that receive requests and work on them.
 *
 * All of them receive, so that a request which takes its time keeps no other waiting. While requests are brief, and
 * come one after the other, one thread does it all: waking another one would take longer than the answer. The others
 * rest until a longer request comes, or a brief one is under way for longer than it should. What is processed may put
 * work off until the thread has nothing else to do (base/idle.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Of a function that a thread may be cancelled in: the address sanitizer would take its frame for one that is still
 * there, and so the sanitizer is to know nothing of it. */
#define PFS_CANCELLABLE __attribute__((no_sanitize_address))

struct pfs_loop_request { /* a thread's own: used again and again */
    void *memory;         /* NULL = none so far */
    size_t size;
};

struct pfs_loop_config {
    int threads;
    /* A request: its length; 0 = there will be none any more; -EINTR, -EAGAIN = to be called again, and without
     * `waits` -EAGAIN = none is there now; another -errno ends the loop. The thread may be cancelled in it: see
     * PFS_CANCELLABLE. */
    int (*receive)(void *context, struct pfs_loop_request *request, bool waits);
    bool (*brief)(void *context, const struct pfs_loop_request *request); /* is it answered in microseconds? */
    void (*process)(void *context, struct pfs_loop_request *request);
    void (*drop)(void *context, struct pfs_loop_request *request); /* its memory */
    /* Was a signal's handler told to end? Asked after each signal, which the calling thread alone takes. */
    bool (*ended)(void *context);
    void *context;
};

/* Returns when there are no requests any more, or when it is told to end; what is being processed then is finished
 * first. 0, or -errno with a sentence. */
int pfs_loop_run(const struct pfs_loop_config *config, struct pfs_err *err);
