/* rehearse.c - what a commit will refuse is refused before it is acknowledged.
 *
 * Records of one key are merged when their snapshot is written, and an engine may refuse what one of them takes back.
 * So rows of a table with such an engine are merged once before, if any of them takes something back; what a handle of
 * `append` flushes then is a part of its own. */
#include <assert.h>

#include "base/mem.h"
#include "src/ingest/internal.h"
#include "src/write/trial.h"

struct rehearsal {
    struct pfs_held *held;
    int32_t count, room;
};

int pfs_transaction_try(struct pfs_transaction *t, const struct pfs_batch *batch, struct pfs_err *err)
{
    PFS_TRY(pfs_trial_rows(t->trial, batch, err));
    t->minds |= pfs_trial_minds(t->trial, batch);
    return 0;
}

int pfs_transaction_ask(struct pfs_transaction *transaction, const struct pfs_batch *batch, struct pfs_err *err)
{
    int rc;

    pthread_mutex_lock(&transaction->lock);
    rc = pfs_trial_rows(transaction->trial, batch, err);
    pthread_mutex_unlock(&transaction->lock);
    return rc;
}

/* Batches of several records are tried together: each is kept in its arena. */
static int keep(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct rehearsal *r = context;

    assert(r->count <= r->room);
    if (r->count == r->room) {
        int32_t room = r->room * 2 + 8;
        struct pfs_held *more = pfs_realloc(r->held, (size_t)room * sizeof(*more));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for rows");
        r->held = more;
        r->room = room;
    }
    r->held[r->count++] = (struct pfs_held){*arena, *batch};
    pfs_arena_init(arena, arena->limit_bytes);
    return 0;
}

/* A tail that the part has is one that the body replaces. */
static int collect(struct pfs_transaction *t, struct rehearsal *r, struct pfs_slice body, struct pfs_err *err)
{
    if (t->part != NULL && !t->part->files) {
        struct pfs_part whole = *t->part;

        whole.tail = false;
        PFS_TRY(pfs_part_rows(t->ingest, &whole, keep, r, err));
    }
    return pfs_body_rows(t->schema, body, t->tail.len > 0, keep, r, err);
}

/* As the snapshot would merge them. */
static int together(const struct pfs_transaction *t, const struct rehearsal *r, struct pfs_err *err)
{
    struct pfs_batch *batch = pfs_alloc_array((size_t)r->count + 1, sizeof(*batch));
    int rc;

    if (batch == NULL)
        return pfs_fail(err, ENOMEM, "no memory for rows");
    for (int32_t i = 0; i < r->count; i++)
        batch[i] = r->held[i].batch;
    rc = pfs_trial_together(t->trial, batch, r->count, err);
    pfs_free(batch);
    return rc;
}

int pfs_transaction_rehearse(struct pfs_transaction *t, struct pfs_slice body, struct pfs_err *err)
{
    struct rehearsal r = {0};
    int rc;

    assert(body.len >= sizeof(uint32_t));
    if (t->append)
        pfs_transaction_split(t, false);
    t->minds = true;
    rc = collect(t, &r, body, err);
    if (rc == 0)
        rc = together(t, &r, err);
    for (int32_t i = 0; i < r.count; i++)
        pfs_arena_done(&r.held[i].arena);
    pfs_free(r.held);
    return rc;
}
