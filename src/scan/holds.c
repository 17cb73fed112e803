/* holds.c - held snapshots as a list: there are as many as views are read at once, a handful. */
#include "src/scan/holds.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct hold {
    struct hold *next;
    int64_t id, count; /* count > 0: one that nobody holds is not listed */
    char meta[];
};

struct pfs_holds {
    pthread_mutex_t lock;
    struct hold *first; /* guarded by lock, with all that it leads to */
};

int pfs_holds_open(struct pfs_holds **out, struct pfs_err *err)
{
    struct pfs_holds *holds = pfs_zalloc(sizeof(*holds));

    if (holds == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a warehouse");
    pthread_mutex_init(&holds->lock, NULL);
    *out = holds;
    return 0;
}

void pfs_holds_close(struct pfs_holds *holds)
{
    if (holds == NULL)
        return;
    for (struct hold *h = holds->first, *next; h != NULL; h = next) {
        next = h->next;
        pfs_free(h);
    }
    pthread_mutex_destroy(&holds->lock);
    pfs_free(holds);
}

/* Where that one is, or NULL is. Lock held. */
static struct hold **find(struct pfs_holds *holds, const char *meta, int64_t id)
{
    struct hold **at = &holds->first;

    while (*at != NULL && ((*at)->id != id || strcmp((*at)->meta, meta) != 0))
        at = &(*at)->next;
    return at;
}

void pfs_holds_take(struct pfs_holds *holds, const char *meta, int64_t id)
{
    struct hold **at;

    pthread_mutex_lock(&holds->lock);
    at = find(holds, meta, id);
    if (*at == NULL && (*at = pfs_zalloc(sizeof(**at) + strlen(meta) + 1)) != NULL) {
        (*at)->id = id;
        memcpy((*at)->meta, meta, strlen(meta) + 1);
    }
    if (*at != NULL)
        (*at)->count++;
    pthread_mutex_unlock(&holds->lock);
}

void pfs_holds_let(struct pfs_holds *holds, const char *meta, int64_t id)
{
    struct hold **at, *gone = NULL;

    pthread_mutex_lock(&holds->lock);
    at = find(holds, meta, id);
    assert(*at == NULL || (*at)->count > 0);
    if (*at != NULL && --(*at)->count == 0) { /* NULL: there was no memory to take it */
        gone = *at;
        *at = gone->next;
    }
    pthread_mutex_unlock(&holds->lock);
    pfs_free(gone);
}

int64_t pfs_holds_first(struct pfs_holds *holds, const char *meta, int64_t from, int64_t end)
{
    int64_t first = end;

    pthread_mutex_lock(&holds->lock);
    for (const struct hold *h = holds->first; h != NULL; h = h->next)
        if (h->id >= from && h->id < first && strcmp(h->meta, meta) == 0)
            first = h->id;
    assert(first <= end);
    pthread_mutex_unlock(&holds->lock);
    return first;
}

void pfs_holds_print(struct pfs_holds *holds, struct pfs_buf *out)
{
    pthread_mutex_lock(&holds->lock);
    for (const struct hold *h = holds->first; h != NULL; h = h->next)
        pfs_buf_printf(out, "%lld %s\n", (long long)h->id, h->meta);
    pthread_mutex_unlock(&holds->lock);
}
