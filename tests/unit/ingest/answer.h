/* answer.h - what the journal's thread answers, waited for. */
#pragma once

#include <errno.h>
#include <semaphore.h>
#include <time.h>

#include "base/err.h"
#include "tests/unit/cm.h"

#define ANSWER_S 30 /* at most */

struct answer {
    sem_t given;
    int rc;
};

static void done(void *context, int rc, const struct pfs_err *err)
{
    struct answer *a = context;

    (void)err;
    a->rc = rc;
    (void)sem_post(&a->given);
}

static void prepare(struct answer *a)
{
    a->rc = -EINPROGRESS;
    assert_int_equal(sem_init(&a->given, 0, 0), 0);
}

/* What the answer is, or -ETIMEDOUT. */
static int await(struct answer *a)
{
    struct timespec until;
    int rc;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ANSWER_S;
    do
        rc = sem_timedwait(&a->given, &until);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return -ETIMEDOUT;
    (void)sem_destroy(&a->given);
    return a->rc;
}
