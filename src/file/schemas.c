/* schemas.c - schemas that were read, and which one is the newest.
 *
 * Nothing that was handed out is ever freed before the machine itself: who reads a file holds its schema by pointer. A
 * schema that was replaced (a table dropped and made again under its name) is only not found any more.
 */
#include "src/file/schemas.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct loaded {
    struct pfs_arena arena;
    struct pfs_schema schema;
    struct loaded *next;
    struct pfs_stat stat; /* of its file, before it was read */
    bool current;         /* not forgotten */
    /* Made by pfs_schemas_under: which columns under which options; else NULL. */
    const struct pfs_schema *columns, *options;
};

struct pfs_schemas {
    atomic_int refs;
    struct pfs_store *store;
    char *meta;
    pthread_mutex_t lock;  /* guards all below */
    struct loaded *loaded; /* every schema handed out, forgotten ones too */
    int64_t latest_id;     /* -1 = not looked up yet */
    bool replaced;         /* its file was, while this knew it */
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
    int refs = atomic_fetch_add(&schemas->refs, 1);

    assert(refs > 0);
    (void)refs;
    return schemas;
}

void pfs_schemas_unref(struct pfs_schemas *schemas)
{
    int refs = schemas == NULL ? 0 : atomic_fetch_sub(&schemas->refs, 1);

    assert(schemas == NULL || refs > 0);
    if (refs != 1)
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

/* The file of a schema as it is now. */
static int stat_of(struct pfs_schemas *s, int64_t id, struct pfs_stat *out)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/schema/schema-%lld", s->meta, (long long)id) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    return pfs_store_stat(s->store, path, out, NULL);
}

/* Loads outside the lock; two threads may both load, the second copy is then dropped. */
static int load(struct pfs_schemas *s, int64_t id, struct loaded **out, struct pfs_err *err)
{
    struct loaded *l = pfs_zalloc(sizeof(*l));
    int rc;

    if (l == NULL)
        return pfs_fail(err, ENOMEM, "no memory for schema %lld", (long long)id);
    pfs_arena_init(&l->arena, PFS_ARENA_LIMIT);
    (void)stat_of(s, id, &l->stat); /* told by the load */
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

/* Lock held. */
static const struct loaded *find_loaded(const struct pfs_schemas *s, int64_t id)
{
    for (const struct loaded *l = s->loaded; l != NULL; l = l->next)
        if (l->current && l->schema.id == id)
            return l;
    return NULL;
}

static const struct pfs_schema *find(const struct pfs_schemas *s, int64_t id)
{
    const struct loaded *l = find_loaded(s, id);

    return l == NULL ? NULL : &l->schema;
}

static int get(struct pfs_schemas *s, int64_t id, const struct pfs_schema **out, struct pfs_err *err)
{
    const struct pfs_schema *found; /* lives as long as the machine, so it may be used without the lock */
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
    assert(found != NULL);
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

/* ---- columns of their time, options of today ---- */

/* What does not change what rows are read from given files: where reads begin and how long history is kept. */
static bool says_nothing_of_rows(const char *key)
{
    static const char *const kinds[] = {"scan.", "incremental-", "snapshot.", "tag.", "paimonfs."};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strncmp(key, kinds[i], strlen(kinds[i])) == 0)
            return true;
    return strcmp(key, "bucket") == 0;
}

/* Both lists are sorted by key. */
static bool same_options(const struct pfs_options *a, const struct pfs_options *b)
{
    int32_t i = 0, k = 0;

    for (;; i++, k++) {
        while (i < a->count && says_nothing_of_rows(a->item[i].key))
            i++;
        while (k < b->count && says_nothing_of_rows(b->item[k].key))
            k++;
        if (i == a->count || k == b->count)
            return i == a->count && k == b->count;
        if (strcmp(a->item[i].key, b->item[k].key) != 0 || strcmp(a->item[i].value, b->item[k].value) != 0)
            return false;
    }
}

/* Those that say something of rows, and that number of buckets. What the others say need not hold for old columns. */
static int choose_options(const struct pfs_options *newest, int32_t buckets, struct pfs_arena *arena,
                          struct pfs_options *out, struct pfs_err *err)
{
    struct pfs_options some = {0, pfs_arena_array(arena, (size_t)newest->count + 1, sizeof(*some.item))};
    char text[16];

    if (some.item == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < newest->count; i++)
        if (!says_nothing_of_rows(newest->item[i].key))
            some.item[some.count++] = newest->item[i];
    (void)snprintf(text, sizeof(text), "%d", buckets);
    return pfs_options_with(&some, "bucket", text, arena, out, err);
}

/* The schema is loaded once more, and so it is our own to change. `old` stays what it was for those who read files. */
static int put_under(struct loaded *l, const struct pfs_schema *old, const struct pfs_schema *newest,
                     struct pfs_err *err)
{
    int32_t version = l->schema.version;

    PFS_TRY(choose_options(&newest->options, old->buckets, &l->arena, &l->schema.options, err));
    PFS_TRY(pfs_schema_complete(&l->schema, &l->arena, err));
    l->schema.version = version;
    l->schema.time_ms = newest->time_ms;
    return 0;
}

static const struct pfs_schema *find_under(const struct pfs_schemas *s, const struct pfs_schema *columns,
                                           const struct pfs_schema *options)
{
    for (const struct loaded *l = s->loaded; l != NULL; l = l->next)
        if (l->columns == columns && l->options == options)
            return &l->schema;
    return NULL;
}

static void drop(struct loaded *l)
{
    pfs_arena_done(&l->arena);
    pfs_free(l);
}

int pfs_schemas_under(struct pfs_schemas *schemas, int64_t id, const struct pfs_schema *newest,
                      const struct pfs_schema **out, struct pfs_err *err)
{
    const struct pfs_schema *old, *found;
    struct loaded *l;
    int rc;

    assert(newest != NULL);
    PFS_TRY(pfs_schemas_get(schemas, id, &old, err));
    *out = old;
    if (old == newest || same_options(&old->options, &newest->options))
        return 0;
    pthread_mutex_lock(&schemas->lock);
    found = find_under(schemas, old, newest);
    pthread_mutex_unlock(&schemas->lock);
    if (found != NULL) {
        *out = found;
        return 0;
    }
    PFS_TRY(load(schemas, id, &l, err));
    rc = put_under(l, old, newest, NULL);
    if (rc < 0) { /* they name columns that were not there, say: what was right then is right still */
        drop(l);
        return rc == -ENOMEM ? pfs_fail(err, ENOMEM, "no memory for schema %lld", (long long)id) : 0;
    }
    l->current = false; /* it is found by what it is made of */
    l->columns = old;
    l->options = newest;
    pthread_mutex_lock(&schemas->lock);
    found = find_under(schemas, old, newest);
    if (found == NULL) {
        l->next = schemas->loaded;
        schemas->loaded = l;
        found = &l->schema;
        l = NULL;
    }
    pthread_mutex_unlock(&schemas->lock);
    if (l != NULL) /* somebody else was quicker */
        drop(l);
    *out = found;
    return 0;
}

/* ---- the newest ---- */

/* Found no more, kept all the same: who has one may still read by it. */
static void forget(struct pfs_schemas *schemas, bool replaced)
{
    pthread_mutex_lock(&schemas->lock);
    for (struct loaded *l = schemas->loaded; l != NULL; l = l->next)
        l->current = false;
    schemas->latest_id = -1;
    schemas->replaced |= replaced;
    pthread_mutex_unlock(&schemas->lock);
}

/* The id is still the greatest when its file is there and the next one's is not: two stats instead of a listing.
 * *replaced: the file is not the one that was loaded. */
static bool still_latest(struct pfs_schemas *s, int64_t id, const struct pfs_stat *loaded, bool *replaced)
{
    struct pfs_stat st, next;
    int rc = id < 0 ? -ENOENT : stat_of(s, id, &st);

    *replaced =
        id >= 0 && loaded != NULL &&
        (rc == -ENOENT ||
         (rc == 0 && (st.inode != loaded->inode || st.ctime_ns != loaded->ctime_ns || st.size != loaded->size)));
    return rc == 0 && !*replaced && stat_of(s, id + 1, &next) == -ENOENT;
}

/* The greatest id that was known, and what its file was. */
static int64_t known_latest(struct pfs_schemas *s, struct pfs_stat *stat, bool *loaded)
{
    const struct loaded *l;
    int64_t id;

    pthread_mutex_lock(&s->lock);
    id = s->latest_id;
    l = find_loaded(s, id);
    *loaded = l != NULL;
    if (l != NULL)
        *stat = l->stat;
    pthread_mutex_unlock(&s->lock);
    return id;
}

int pfs_schemas_latest(struct pfs_schemas *schemas, const struct pfs_schema **out, struct pfs_err *err)
{
    struct pfs_stat stat;
    bool loaded, replaced;
    int64_t id = known_latest(schemas, &stat, &loaded);
    int rc;

    if (!still_latest(schemas, id, loaded ? &stat : NULL, &replaced)) {
        if (replaced)
            forget(schemas, true);
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

int pfs_schemas_seen(struct pfs_schemas *schemas, const struct pfs_schema **out, struct pfs_err *err)
{
    const struct pfs_schema *found;

    pthread_mutex_lock(&schemas->lock);
    found = find(schemas, schemas->latest_id);
    pthread_mutex_unlock(&schemas->lock);
    if (found == NULL)
        return pfs_schemas_latest(schemas, out, err);
    *out = found;
    return 0;
}

void pfs_schemas_forget(struct pfs_schemas *schemas)
{
    forget(schemas, false);
}

bool pfs_schemas_were_replaced(struct pfs_schemas *schemas)
{
    bool replaced;

    pthread_mutex_lock(&schemas->lock);
    replaced = schemas->replaced;
    pthread_mutex_unlock(&schemas->lock);
    return replaced;
}
