/* asked.c - those who read a table, or are to act on it, and want what was acknowledged to be there first: is there
 * anything, and a commit of all slots that have a part in the answer. */
#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "src/ingest/internal.h"

bool pfs_ingest_idle(struct pfs_ingest *ingest, struct pfs_table *table)
{
    bool idle = true;

    pthread_mutex_lock(&ingest->lock);
    for (const struct pfs_slot *s = ingest->slots; s != NULL && idle; s = s->next)
        if (pfs_slot_concerns(s, table))
            idle = s->first == NULL && !s->running && !s->doubted && pfs_slot_flushed_ms(s) == 0;
    pthread_mutex_unlock(&ingest->lock);
    return idle;
}

/* Slots live as long as the ingest, and new ones come before all others. */
bool pfs_ingest_is_doubtful(struct pfs_ingest *ingest, struct pfs_table *table)
{
    bool doubtful = false;

    pthread_mutex_lock(&ingest->lock);
    for (struct pfs_slot *s = ingest->slots; s != NULL; s = s->next) {
        if (s->publications == NULL || !pfs_slot_concerns(s, table))
            continue;
        pthread_mutex_unlock(&ingest->lock);
        doubtful = pfs_slot_doubt(s) || doubtful;
        pthread_mutex_lock(&ingest->lock);
    }
    pthread_mutex_unlock(&ingest->lock);
    return doubtful;
}

/* One who waits for several slots. */
struct joint {
    atomic_int left;
    atomic_flag failed;
    int rc; /* of the first that failed, with its error */
    struct pfs_err err;
    pfs_ingest_done_fn *done;
    void *context;
};

static void joint_done(void *context, int rc, const struct pfs_err *err)
{
    struct joint *j = context;
    int left;

    if (rc < 0 && !atomic_flag_test_and_set(&j->failed)) {
        j->rc = rc;
        if (err != NULL)
            j->err = *err;
    }
    left = atomic_fetch_sub(&j->left, 1);
    assert(left > 0);
    if (left > 1)
        return;
    j->done(j->context, j->rc, j->rc < 0 ? &j->err : NULL);
    pfs_free(j);
}

/* Slots live as long as the ingest; the array is the caller's to pfs_free. NULL: no memory, or none. */
static struct pfs_slot **list_slots(struct pfs_ingest *g, const struct pfs_table *table, int *count)
{
    struct pfs_slot **list;

    *count = 0;
    pthread_mutex_lock(&g->lock);
    for (const struct pfs_slot *s = g->slots; s != NULL; s = s->next)
        *count += pfs_slot_concerns(s, table);
    list = *count == 0 ? NULL : pfs_alloc_array((size_t)*count, sizeof(struct pfs_slot *));
    *count = list == NULL ? *count : 0;
    for (struct pfs_slot *s = g->slots; s != NULL && list != NULL; s = s->next)
        if (pfs_slot_concerns(s, table))
            list[(*count)++] = s;
    pthread_mutex_unlock(&g->lock);
    return list;
}

void pfs_ingest_commit(struct pfs_ingest *ingest, struct pfs_table *table, enum pfs_ingest_when when,
                       pfs_ingest_done_fn *done, void *context)
{
    struct pfs_slot **list;
    struct joint *j;
    int count;

    list = list_slots(ingest, table, &count);
    j = list == NULL ? NULL : pfs_zalloc(sizeof(*j));
    if (j == NULL) {
        struct pfs_err err = {0};

        if (count > 0)
            (void)pfs_fail(&err, ENOMEM, "no memory to wait for a commit");
        done(context, -err.code, count > 0 ? &err : NULL);
        pfs_free(list);
        return;
    }
    j->done = done;
    j->context = context;
    atomic_init(&j->left, count);
    atomic_flag_clear(&j->failed);
    for (int i = 0; i < count; i++)
        pfs_slot_commit_for(list[i], when, joint_done, j);
    pfs_free(list);
}
