/* quiet.c - a thread that asks the system to come last: a lower share of the processor, longer turns without waking
 * others, and reads and writes of the lowest level that is still served. */
#include "base/quiet.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/thread.h"

#define NICE 10                             /* a ninth of the share of a thread that serves somebody */
#define IO_WHO_THREAD 1                     /* ioprio_set: of one thread */
#define IO_BEST_EFFORT_LOWEST (2 << 13 | 7) /* class 2, level 7 */

struct quiet {
    void (*fn)(void *context);
    void *context;
};

/* What the system refuses is done without. */
static void *run(void *context)
{
    const struct quiet *q = context;
    const struct sched_param plain = {0};

    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    (void)sched_setscheduler(0, SCHED_BATCH, &plain);
    (void)syscall(SYS_ioprio_set, IO_WHO_THREAD, 0, IO_BEST_EFFORT_LOWEST);
    q->fn(q->context);
    return NULL;
}

void pfs_quiet_run(void (*fn)(void *context), void *context)
{
    struct quiet q = {fn, context};
    pthread_t thread;

    assert(fn != NULL);
    if (pfs_thread_start(&thread, run, &q) == 0)
        (void)pthread_join(thread, NULL);
    else
        fn(context);
}
