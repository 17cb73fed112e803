/* thread.h - threads that take no signals: those are for the thread that a program begins with. */
#pragma once

#include <pthread.h>

/* pthread_create with all signals blocked in the new thread: 0, or a positive errno. Threads: any. */
int pfs_thread_start(pthread_t *out, void *(*fn)(void *context), void *context);
