/* upkeep.c - after commits: the table lets go of what has had its time, on an ordinary worker, so that nobody
 * who waits for a commit waits for that. One task a table; snapshots made meanwhile make it look again. */
#include <assert.h>

#include "src/ingest/internal.h"

/* Until no snapshot is left that none followed. */
static void follow(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;
    struct pfs_table *table;

    assert(slot->keeping); /* set by the one whose task this is */
    assert(slot->upkeep != NULL);
    pthread_mutex_lock(&g->lock);
    while (slot->published) {
        struct pfs_err err = {0};
        int64_t identifier = g->config.background ? slot->published_as : PFS_BATCH_IDENTIFIER;

        slot->published = false;
        pthread_mutex_unlock(&g->lock);
        if (pfs_table_maintain(slot->upkeep, identifier, &err) < 0)
            pfs_ingest_report(g, slot, &err);
        pthread_mutex_lock(&g->lock);
    }
    table = slot->upkeep;
    slot->upkeep = NULL;
    pthread_mutex_unlock(&g->lock);
    pfs_table_unref(table);
}

static void upkeep(void *context)
{
    struct pfs_slot *slot = context;
    struct pfs_ingest *g = slot->ingest;
    bool again;

    do {
        follow(slot);
        pthread_mutex_lock(&g->lock);
        slot->keeping = false; /* whoever closes waits for that */
        again = pfs_slot_wants_upkeep(slot);
        if (!again)
            pthread_cond_broadcast(&g->changed);
        pthread_mutex_unlock(&g->lock);
    } while (again);
}

bool pfs_slot_wants_upkeep(struct pfs_slot *slot)
{
    if (!slot->published || slot->keeping || slot->table == NULL)
        return false;
    slot->keeping = true;
    assert(slot->upkeep == NULL);
    slot->upkeep = pfs_table_ref(slot->table);
    return true;
}

void pfs_slot_keep_up(struct pfs_slot *slot)
{
    struct pfs_ingest *g = slot->ingest;
    bool closing;

    pthread_mutex_lock(&g->lock);
    closing = g->closing; /* the pool may be about to end */
    pthread_mutex_unlock(&g->lock);
    if (closing || g->config.pool == NULL || pfs_pool_submit(g->config.pool, false, upkeep, slot) < 0)
        upkeep(slot);
}
