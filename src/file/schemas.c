#include "src/file/schemas.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"

struct loaded {
    struct pfs_arena arena;
    struct pfs_schema schema;
    struct loaded *next;
    bool current; /* not forgotten */
};

struct pfs_schemas {
    atomic_int refs;
    struct pfs_store *store;
    char *meta;
    pthread_mutex_t lock;  /* guards all below */
    struct loaded *loaded; /* every schema handed out, forgotten ones too */
    int64_t latest_id;     /* -1 = not looked up yet */
};

int pfs_schemas_open(struct pfs_store *store, const char *meta, struct pfs_schemas **out, struct pfs_err *err)
{
    struct pfs_schemas *s = pfs_zalloc(sizeof(*s));

    if (s == NULL || (s->meta = pfs_strdup(meta)) == NULL) {
        pfs_free(s);
        return pfs_fail(err, ENOMEM, "no memory for the schemas of %s", meta);
    }
    atomic_init(&s->refs, 1);
    s->store = store;
    s->latest_id = -1;
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return 0;
}

struct pfs_schemas *pfs_schemas_ref(struct pfs_schemas *schemas)
{
    atomic_fetch_add(&schemas->refs, 1);
    return schemas;
}

void pfs_schemas_unref(struct pfs_schemas *schemas)
{
    if (schemas == NULL || atomic_fetch_sub(&schemas->refs, 1) != 1)
        return;
    for (struct loaded *l = schemas->loaded, *next; l != NULL; l = next) {
        next = l->next;
        pfs_arena_done(&l->arena);
        pfs_free(l);
    }
    pthread_mutex_destroy(&schemas->lock);
    pfs_free(schemas->meta);
    pfs_free(schemas);
}

const char *pfs_schemas_directory(const struct pfs_schemas *schemas)
{
    return schemas->meta;
}

/* Loads outside the lock; two threads may both load, the second copy is then dropped. */
static int load(struct pfs_schemas *s, int64_t id, struct loaded **out, struct pfs_err *err)
{
    struct loaded *l = pfs_zalloc(sizeof(*l));
    int rc;

    if (l == NULL)
        return pfs_fail(err, ENOMEM, "no memory for schema %lld", (long long)id);
    pfs_arena_init(&l->arena, PFS_ARENA_LIMIT);
    rc = pfs_schema_load(s->store, s->meta, id, &l->arena, &l->schema, err);
    if (rc < 0) {
        pfs_arena_done(&l->arena);
        pfs_free(l);
        return rc;
    }
    l->current = true;
    *out = l;
    return 0;
}

static const struct pfs_schema *find(const struct pfs_schemas *s, int64_t id)
{
    for (const struct loaded *l = s->loaded; l != NULL; l = l->next)
        if (l->current && l->schema.id == id)
            return &l->schema;
    return NULL;
}

static int get(struct pfs_schemas *s, int64_t id, const struct pfs_schema **out, struct pfs_err *err)
{
    const struct pfs_schema *found;
    struct loaded *l = NULL;

    pthread_mutex_lock(&s->lock);
    found = find(s, id);
    pthread_mutex_unlock(&s->lock);
    if (found == NULL) {
        PFS_TRY(load(s, id, &l, err));
        pthread_mutex_lock(&s->lock);
        found = find(s, id);
        if (found == NULL) {
            l->next = s->loaded;
            s->loaded = l;
            found = &l->schema;
            l = NULL;
        }
        pthread_mutex_unlock(&s->lock);
        if (l != NULL) {
            pfs_arena_done(&l->arena);
            pfs_free(l);
        }
    }
    *out = found;
    return 0;
}

int pfs_schemas_get(struct pfs_schemas *schemas, int64_t id, const struct pfs_schema **out, struct pfs_err *err)
{
    int rc = get(schemas, id, out, err);

    if (rc == -ENOENT)
        return pfs_fail(err, EIO, "%s: schema-%lld is not there", schemas->meta, (long long)id);
    return rc;
}

/* The id is still the greatest when its file is there and the next one's is not: two stats instead of a listing. */
static bool still_latest(struct pfs_schemas *s, int64_t id)
{
    char path[4096];
    struct pfs_stat st;

    if (id < 0 || snprintf(path, sizeof(path), "%s/schema/schema-%lld", s->meta, (long long)id) >= (int)sizeof(path) ||
        pfs_store_stat(s->store, path, &st, NULL) < 0)
        return false;
    if (snprintf(path, sizeof(path), "%s/schema/schema-%lld", s->meta, (long long)id + 1) >= (int)sizeof(path))
        return false;
    return pfs_store_stat(s->store, path, &st, NULL) == -ENOENT;
}

int pfs_schemas_latest(struct pfs_schemas *schemas, const struct pfs_schema **out, struct pfs_err *err)
{
    int64_t id;
    int rc;

    pthread_mutex_lock(&schemas->lock);
    id = schemas->latest_id;
    pthread_mutex_unlock(&schemas->lock);
    if (!still_latest(schemas, id)) {
        PFS_TRY(pfs_schema_latest_id(schemas->store, schemas->meta, &id, err));
        pthread_mutex_lock(&schemas->lock);
        schemas->latest_id = id;
        pthread_mutex_unlock(&schemas->lock);
    }
    rc = get(schemas, id, out, err);
    if (rc == -ENOENT) {
        /* Dropped between the look and the load. */
        pfs_schemas_forget(schemas);
        return -ENOENT;
    }
    return rc;
}

void pfs_schemas_forget(struct pfs_schemas *schemas)
{
    pthread_mutex_lock(&schemas->lock);
    for (struct loaded *l = schemas->loaded; l != NULL; l = l->next)
        l->current = false;
    schemas->latest_id = -1;
    pthread_mutex_unlock(&schemas->lock);
}
