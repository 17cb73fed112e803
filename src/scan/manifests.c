/* manifests.c - the cache of decoded manifests of one table.
 *
 * Manifests never change once named, so the name is the key. Entries beyond the limit go, least recently used first;
 * those that states still hold live on until these let go.
 */
#include "src/scan/manifests.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#define BUCKETS 1024

struct held {
    struct pfs_decoded decoded; /* first */
    atomic_int refs;            /* one is the cache's while it is listed */
    struct pfs_arena arena;
    char *name;
    struct held *chain;         /* same hash bucket. Guarded by lock */
    struct held *newer, *older; /* by use. Guarded by lock */
};

struct pfs_manifests {
    struct pfs_store *store;
    char *table;
    size_t limit_bytes;
    pthread_mutex_t lock; /* guards all below */
    struct held *bucket[BUCKETS];
    struct held *newest, *oldest;
    size_t bytes;
};

int pfs_manifests_open(struct pfs_store *store, const char *table, size_t limit_bytes, struct pfs_manifests **out,
                       struct pfs_err *err)
{
    struct pfs_manifests *c = pfs_zalloc(sizeof(*c));

    if (c == NULL || (c->table = pfs_strdup(table)) == NULL) {
        pfs_free(c);
        return pfs_fail(err, ENOMEM, "no memory for the manifests of %s", table);
    }
    c->store = store;
    c->limit_bytes = limit_bytes;
    pthread_mutex_init(&c->lock, NULL);
    *out = c;
    return 0;
}

void pfs_decoded_unref(const struct pfs_decoded *decoded)
{
    struct held *h = (struct held *)(uintptr_t)decoded;
    int refs = h == NULL ? 0 : atomic_fetch_sub(&h->refs, 1);

    assert(h == NULL || refs > 0);
    if (refs != 1)
        return;
    assert(h->newer == NULL && h->older == NULL); /* while it is listed the cache has a reference */
    pfs_arena_done(&h->arena);
    pfs_free(h->name);
    pfs_free(h);
}

void pfs_manifests_close(struct pfs_manifests *cache)
{
    if (cache == NULL)
        return;
    for (struct held *h = cache->newest, *next; h != NULL; h = next) {
        next = h->older;
        h->newer = h->older = NULL;
        pfs_decoded_unref(&h->decoded);
    }
    pthread_mutex_destroy(&cache->lock);
    pfs_free(cache->table);
    pfs_free(cache);
}

size_t pfs_manifests_bytes(struct pfs_manifests *cache)
{
    size_t bytes;

    pthread_mutex_lock(&cache->lock);
    bytes = cache->bytes;
    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

static size_t place(const char *name)
{
    struct pfs_slice s = pfs_str(name);

    return pfs_hash64(s.at, s.len, 0) % BUCKETS;
}

/* Out of the list by use; lock held, as for all of these. */
static void unlist(struct pfs_manifests *c, struct held *h)
{
    assert(h->newer != NULL || c->newest == h);
    assert(h->older != NULL || c->oldest == h);
    *(h->newer != NULL ? &h->newer->older : &c->newest) = h->older;
    *(h->older != NULL ? &h->older->newer : &c->oldest) = h->newer;
    h->newer = h->older = NULL;
}

static void list_newest(struct pfs_manifests *c, struct held *h)
{
    assert(h->newer == NULL && h->older == NULL);
    h->older = c->newest;
    if (c->newest != NULL)
        c->newest->newer = h;
    c->newest = h;
    if (c->oldest == NULL)
        c->oldest = h;
}

/* The listed one of that name, marked as used; lock held. */
static struct held *find(struct pfs_manifests *c, const char *name)
{
    for (struct held *h = c->bucket[place(name)]; h != NULL; h = h->chain)
        if (strcmp(h->name, name) == 0) {
            unlist(c, h);
            list_newest(c, h);
            atomic_fetch_add(&h->refs, 1);
            return h;
        }
    return NULL;
}

/* The newest stays, however large: whoever asked for it is about to read it. */
static void shrink(struct pfs_manifests *c)
{
    while (c->bytes > c->limit_bytes && c->oldest != NULL && c->oldest != c->newest) {
        struct held *h = c->oldest, **at = &c->bucket[place(h->name)];

        while (*at != h)
            at = &(*at)->chain;
        *at = h->chain;
        unlist(c, h);
        assert(c->bytes >= h->arena.used_bytes);
        c->bytes -= h->arena.used_bytes;
        pfs_decoded_unref(&h->decoded);
    }
}

/* Without the lock: others need not wait for a file that they do not want. */
static int decode(struct pfs_manifests *c, const char *name, struct held **out, struct pfs_err *err)
{
    struct held *h = pfs_zalloc(sizeof(*h));
    struct pfs_manifest_entry *entry;
    int rc;

    if (h == NULL || (h->name = pfs_strdup(name)) == NULL) {
        pfs_free(h);
        return pfs_fail(err, ENOMEM, "no memory for manifest %s", name);
    }
    atomic_init(&h->refs, 1);
    pfs_arena_init(&h->arena, PFS_MANIFEST_BYTES_MAX);
    rc = pfs_manifest_load(c->store, c->table, name, &h->arena, &entry, &h->decoded.entries, err);
    if (rc < 0) {
        pfs_decoded_unref(&h->decoded);
        return rc;
    }
    h->decoded.entry = entry;
    *out = h;
    return 0;
}

int pfs_manifests_get(struct pfs_manifests *cache, const char *name, const struct pfs_decoded **out,
                      struct pfs_err *err)
{
    struct held *h, *other;

    pthread_mutex_lock(&cache->lock);
    h = find(cache, name);
    pthread_mutex_unlock(&cache->lock);
    if (h == NULL) {
        PFS_TRY(decode(cache, name, &h, err));
        pthread_mutex_lock(&cache->lock);
        other = find(cache, name);
        if (other == NULL) {
            size_t at = place(name);

            atomic_fetch_add(&h->refs, 1); /* the list's */
            h->chain = cache->bucket[at];
            cache->bucket[at] = h;
            list_newest(cache, h);
            cache->bytes += h->arena.used_bytes;
            shrink(cache);
        }
        pthread_mutex_unlock(&cache->lock);
        if (other != NULL) { /* another thread was quicker */
            pfs_decoded_unref(&h->decoded);
            h = other;
        }
    }
    *out = &h->decoded;
    return 0;
}
