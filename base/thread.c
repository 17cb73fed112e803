/* thread.c - a thread inherits the mask of the one that starts it, so signals are blocked around the start: there is no
 * moment in which the new thread could take one. It would be kept at one processor as well. */
#include "base/thread.h"

#include <assert.h>
#include <signal.h>

#include "base/near.h"

int pfs_thread_start(pthread_t *out, void *(*fn)(void *context), void *context)
{
    sigset_t all, before;
    int code;

    assert(fn != NULL);
    pfs_near_leave();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(out, NULL, fn, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}
