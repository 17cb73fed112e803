/* view.c - the cache of views: found by key, what of their text is kept and what goes first. */
#include "fs/view/internal.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"

#define CACHE_DEFAULT ((uint64_t)1 << 30)
#define MEMORY_DEFAULT ((size_t)256 << 20)
#define TEXT_SHARE 16 /* of the budget, for short texts */
#define RENDERING_BYTES ((size_t)32 << 20)
#define FILES_MAX 1024 /* open spools that nobody holds */

int pfs_views_open(const struct pfs_views_config *config, struct pfs_views **out, struct pfs_err *err)
{
    struct pfs_views *v = pfs_zalloc(sizeof(*v));

    if (v == NULL || (config->cache_dir != NULL && (v->cache_dir = pfs_strdup(config->cache_dir)) == NULL)) {
        pfs_free(v);
        return pfs_fail(err, ENOMEM, "no memory for the cache of views");
    }
    v->config = *config;
    if (v->config.cache_bytes == 0)
        v->config.cache_bytes = CACHE_DEFAULT;
    if (v->config.memory_bytes == 0)
        v->config.memory_bytes = MEMORY_DEFAULT;
    v->slots = (int)(v->config.memory_bytes / 2 / RENDERING_BYTES);
    v->slots = v->slots < 1 ? 1 : v->slots > PFS_SLOTS_MAX ? PFS_SLOTS_MAX : v->slots;
    if (config->cache_dir != NULL && config->warehouse != NULL)
        v->sizes = pfs_sizes_open(config->cache_dir, config->warehouse);
    *out = v;
    return 0;
}

size_t pfs_views_rendering_bytes(const struct pfs_views *views)
{
    return views->config.memory_bytes / 2 / (size_t)views->slots;
}

/* No handle is open, so no rendering is paused, and those that run are given up at their next step. */
void pfs_views_close(struct pfs_views *views)
{
    if (views == NULL)
        return;
    pfs_series_forget(views);
    for (;;) {
        int running;

        pfs_park_lock(views->config.park);
        running = views->running;
        pfs_park_unlock(views->config.park);
        if (running == 0)
            break;
        usleep(1000);
    }
    pfs_series_forget(views); /* of those that came to their end meanwhile */
    pfs_views_bury(views);
    pfs_sizes_close(views->sizes);
    pfs_free(views->cache_dir);
    pfs_free(views);
}

static struct pfs_view **place(struct pfs_views *v, const char *key)
{
    return &v->bucket[pfs_hash64(key, strlen(key), 0) % PFS_VIEW_BUCKETS];
}

/* ---- what is kept ---- */

bool pfs_view_is_large(const struct pfs_view *view)
{
    uint64_t quarter = view->views->config.cache_bytes / 4;

    return (view->sized ? view->size : view->furthest) > quarter;
}

struct pfs_rendering *pfs_view_whole(const struct pfs_view *view)
{
    struct pfs_rendering *r = view->first;

    while (r != NULL && !pfs_rendering_is_whole(r))
        r = r->next;
    return r;
}

static void unlist(struct pfs_view *view)
{
    struct pfs_views *v = view->views;

    if (!view->listed)
        return;
    *(view->newer != NULL ? &view->newer->older : &v->newest) = view->older;
    *(view->older != NULL ? &view->older->newer : &v->oldest) = view->newer;
    view->newer = view->older = NULL;
    view->listed = false;
}

static void list_newest(struct pfs_view *view)
{
    struct pfs_views *v = view->views;

    assert(!view->listed);
    assert(view->holds == 0);
    view->older = v->newest;
    if (v->newest != NULL)
        v->newest->newer = view;
    v->newest = view;
    if (v->oldest == NULL)
        v->oldest = view;
    view->listed = true;
}

/* Texts that nobody holds go, oldest first, until the cache is small enough. */
static void shrink(struct pfs_views *v)
{
    while (v->oldest != NULL && (v->file_bytes > v->config.cache_bytes || v->files > FILES_MAX ||
                                 v->memory_bytes > v->config.memory_bytes / TEXT_SHARE)) {
        struct pfs_view *view = v->oldest;

        assert(pfs_view_whole(view) != NULL); /* only such texts are listed */
        unlist(view);
        pfs_rendering_unlist(pfs_view_whole(view));
    }
}

void pfs_view_hold_source(struct pfs_view *view, bool held)
{
    if (view->source.hold != NULL)
        view->source.hold(view->source.context, held);
}

/* Open handles count on the source until the text is whole: it stays then. */
static void tell_source(struct pfs_view *view)
{
    bool held = view->holds > 0 && !view->put && pfs_view_whole(view) == NULL;

    if (held != view->held)
        pfs_view_hold_source(view, held);
    view->held = held;
}

void pfs_view_settle(struct pfs_view *view)
{
    assert(view->holds >= 0);
    assert(view->waiting >= 0);
    unlist(view);
    tell_source(view);
    if (view->holds > 0)
        return;
    if (view->waiting == 0) /* stretches of a large text, and those who paused over them */
        for (struct pfs_rendering *r = view->first, *next; r != NULL; r = next) {
            next = r->next;
            if (r->pace == PFS_PAUSED || (r->pace == PFS_ENDED && !pfs_rendering_is_whole(r)))
                pfs_rendering_unlist(r);
        }
    if (!view->put && pfs_view_whole(view) != NULL) {
        list_newest(view);
        shrink(view->views);
    }
}

void pfs_views_bury(struct pfs_views *views)
{
    struct pfs_rendering *dead;

    pfs_park_lock(views->config.park);
    dead = views->dead;
    views->dead = NULL;
    pfs_park_unlock(views->config.park);
    while (dead != NULL) {
        struct pfs_rendering *next = dead->next;

        assert(dead->refs == 0);
        assert(dead->pace == PFS_ENDED);
        assert(dead->reads == NULL);
        pfs_spool_done(&dead->spool);
        pfs_free(dead);
        dead = next;
    }
}

/* ---- views by key ---- */

static int new_view(struct pfs_views *v, const char *key, const struct pfs_view_source *source, struct pfs_view **out,
                    struct pfs_err *err)
{
    struct pfs_view *view = pfs_zalloc(sizeof(*view));

    if (view == NULL || (view->key = pfs_strdup(key)) == NULL) {
        pfs_free(view);
        return pfs_fail(err, ENOMEM, "no memory for a view");
    }
    view->views = v;
    view->source = *source;
    view->refs = 1;
    if (source->lasting && v->sizes != NULL)
        view->sized = pfs_sizes_find(v->sizes, key, &view->size);
    *out = view;
    return 0;
}

static void free_view(struct pfs_view *view)
{
    assert(view->first == NULL);
    assert(view->holds == 0);
    assert(view->progress.first == NULL && view->ended.first == NULL);
    if (view->index != NULL)
        view->source.drop(view->index);
    if (view->source.release != NULL)
        view->source.release(view->source.context);
    pfs_free(view->mark);
    pfs_free(view->key);
    pfs_free(view);
}

/* The view of that key with one more reference; lock held. */
static struct pfs_view *find(struct pfs_views *v, const char *key)
{
    for (struct pfs_view *view = *place(v, key); view != NULL; view = view->chain)
        if (strcmp(view->key, key) == 0) {
            view->refs++;
            return view;
        }
    return NULL;
}

int pfs_views_get(struct pfs_views *views, const char *key, const struct pfs_view_source *source, struct pfs_view **out,
                  struct pfs_err *err)
{
    struct pfs_view *made, *found;
    int rc = new_view(views, key, source, &made, err);

    if (rc < 0) {
        if (source->release != NULL)
            source->release(source->context);
        return rc;
    }
    pfs_park_lock(views->config.park);
    found = find(views, key);
    if (found == NULL) {
        made->chain = *place(views, key);
        *place(views, key) = made;
    }
    pfs_park_unlock(views->config.park);
    if (found != NULL)
        free_view(made);
    *out = found != NULL ? found : made;
    return 0;
}

/* The bytes as a rendering that has ended; it stays as long as the view. */
static int put_bytes(struct pfs_view *view, struct pfs_slice bytes, struct pfs_err *err)
{
    struct pfs_rendering *r = pfs_zalloc(sizeof(*r));

    if (r != NULL)
        pfs_spool_init(&r->spool, 0);
    if (r == NULL || (r->spool.at = pfs_alloc(bytes.len)) == NULL) {
        pfs_free(r);
        return pfs_fail(err, ENOMEM, "no memory for %zu bytes", bytes.len);
    }
    if (bytes.len > 0)
        memcpy(r->spool.at, bytes.at, bytes.len);
    r->spool.room = bytes.len;
    r->spool.high = view->size = bytes.len;
    r->view = view;
    r->refs = 1;
    r->listed = true;
    r->pace = PFS_ENDED;
    view->first = r;
    view->sized = true;
    view->put = true;
    return 0;
}

int pfs_views_put(struct pfs_views *views, const char *key, struct pfs_slice bytes, struct pfs_view **out,
                  struct pfs_err *err)
{
    const struct pfs_view_source none = {0};
    struct pfs_view *view;
    int rc;

    PFS_TRY(pfs_views_get(views, key, &none, &view, err));
    pfs_park_lock(views->config.park);
    rc = view->put ? 0 : put_bytes(view, bytes, err);
    pfs_park_unlock(views->config.park);
    if (rc < 0) {
        pfs_view_unref(view);
        return rc;
    }
    *out = view;
    return 0;
}

struct pfs_view *pfs_view_ref(struct pfs_view *view)
{
    pfs_park_lock(view->views->config.park);
    assert(view->refs > 0);
    view->refs++;
    pfs_park_unlock(view->views->config.park);
    return view;
}

void pfs_view_unref(struct pfs_view *view)
{
    struct pfs_views *views;
    struct pfs_view **at;
    bool last;

    if (view == NULL)
        return;
    views = view->views;
    pfs_park_lock(views->config.park);
    assert(view->refs > 0);
    last = --view->refs == 0;
    if (last) {
        for (at = place(views, view->key); *at != view; at = &(*at)->chain)
            ;
        *at = view->chain;
        unlist(view);
        while (view->first != NULL) { /* others hold a reference */
            assert(view->first->pace == PFS_ENDED);
            pfs_rendering_unlist(view->first);
        }
    }
    pfs_park_unlock(views->config.park);
    if (!last)
        return;
    pfs_views_bury(views);
    free_view(view);
}

bool pfs_view_is_slow(const struct pfs_view *view)
{
    return view->source.slow;
}

const char *pfs_view_key(const struct pfs_view *view)
{
    return view->key;
}

void pfs_view_hold(struct pfs_view *view)
{
    pfs_park_lock(view->views->config.park);
    view->holds++;
    unlist(view);
    tell_source(view);
    pfs_park_unlock(view->views->config.park);
}

void pfs_view_release(struct pfs_view *view)
{
    struct pfs_views *views = view->views;

    pfs_park_lock(views->config.park);
    assert(view->holds > 0);
    view->holds--;
    pfs_view_settle(view);
    pfs_park_unlock(views->config.park);
    pfs_views_bury(views);
}
