#include "base/thread.h"

#include <signal.h>

int pfs_thread_start(pthread_t *out, void *(*fn)(void *context), void *context)
{
    sigset_t all, before;
    int code;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(out, NULL, fn, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}
