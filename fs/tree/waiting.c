/* waiting.c - requests of callers that may wait: the CLI and tests. */
#include <assert.h>
#include <pthread.h>

#include "base/mem.h"
#include "fs/tree/tree.h"

struct pfs_waiting_state {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done;
};

static void answer(struct pfs_request *request, int64_t result)
{
    struct pfs_waiting *w = (struct pfs_waiting *)request;

    pthread_mutex_lock(&w->state->lock);
    assert(!w->state->done); /* a request is answered once */
    w->result = result;
    w->state->done = true;
    pthread_cond_signal(&w->state->answered);
    pthread_mutex_unlock(&w->state->lock);
}

int pfs_waiting_init(struct pfs_waiting *waiting, struct pfs_err *err)
{
    *waiting = (struct pfs_waiting){.request = {.done = answer}};
    waiting->state = pfs_zalloc(sizeof(*waiting->state));
    if (waiting->state == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a request");
    pthread_mutex_init(&waiting->state->lock, NULL);
    pthread_cond_init(&waiting->state->answered, NULL);
    return 0;
}

/* The error is the request's, which is cleared for the next call. */
int64_t pfs_waiting_result(struct pfs_waiting *waiting, struct pfs_err *err)
{
    int64_t result;

    pthread_mutex_lock(&waiting->state->lock);
    while (!waiting->state->done)
        pthread_cond_wait(&waiting->state->answered, &waiting->state->lock);
    waiting->state->done = false;
    result = waiting->result;
    if (result < 0 && err != NULL)
        *err = waiting->request.err;
    pthread_mutex_unlock(&waiting->state->lock);
    pfs_err_clear(&waiting->request.err);
    return result;
}

void pfs_waiting_done(struct pfs_waiting *waiting)
{
    if (waiting->state == NULL)
        return;
    pthread_cond_destroy(&waiting->state->answered);
    pthread_mutex_destroy(&waiting->state->lock);
    pfs_free(waiting->state);
    waiting->state = NULL;
}
