/* view.h - the bytes of a view: rendered once per identity, spooled, shared by all who read them.
 *
 * A view is immutable: (what, snapshot identity, format) -> bytes. Its key string is that identity. The bytes go to an
 * unlinked file in the cache directory while the render runs on the pool; its size is exact once the render ended.
 * Spools that no handle holds are kept up to cache-size, least recently used go first; a dropped one is rendered again
 * (the same bytes). A render that nobody holds or waits for any more stops. A failed render fails all who wait for it
 * and is forgotten, so that the next one tries again.
 *
 * Threads: any. No function here waits.
 */
#pragma once

#include "base/buf.h"
#include "base/pool.h"
#include "fs/park.h"

struct pfs_views; /* the cache of one mount */
struct pfs_view;

/* Where a renderer puts its text, in order. -ECANCELED when nobody wants it any more. */
struct pfs_sink;
int pfs_sink_write(struct pfs_sink *sink, struct pfs_slice bytes, struct pfs_err *err);
const struct pfs_cancel *pfs_sink_cancel(const struct pfs_sink *sink);

/* What a view is made of: a renderer with its context (a state, columns, ...). release is called once, when the view is
 * gone for good. render runs on the pool, at most once at a time for a view. */
struct pfs_view_source {
    int (*render)(void *context, struct pfs_sink *sink, struct pfs_err *err);
    void (*release)(void *context);
    void *context;
    bool small; /* rendered among the urgent tasks: long renders do not hold it up */
};

struct pfs_views_config {
    struct pfs_pool *pool;
    struct pfs_park *park;
    const char *cache_dir; /* NULL = memory files */
    uint64_t cache_bytes;  /* 0 = 1 GiB */
};

int pfs_views_open(const struct pfs_views_config *config, struct pfs_views **out, struct pfs_err *err);
void pfs_views_close(struct pfs_views *views); /* every view is unreferenced before; waits for renders to stop */

/* The view of that key, made from `source` if it is new (`source` is taken in every case: released at once when the
 * view exists). A reference is the caller's. No render starts yet. */
int pfs_views_get(struct pfs_views *views, const char *key, const struct pfs_view_source *source, struct pfs_view **out,
                  struct pfs_err *err);
/* A view of bytes that are at hand: small files like schema.sql. Copies. */
int pfs_views_put(struct pfs_views *views, const char *key, struct pfs_slice bytes, struct pfs_view **out,
                  struct pfs_err *err);
struct pfs_view *pfs_view_ref(struct pfs_view *view);
void pfs_view_unref(struct pfs_view *view); /* NULL allowed */
const char *pfs_view_key(const struct pfs_view *view);

/* The exact size if it is known; false otherwise (a render is started then). */
bool pfs_view_try_size(struct pfs_view *view, uint64_t *size);

/* Answers `request` with 0 and *size when the size is known; -EINTR when interrupted; the render's error; -ETIMEDOUT
 * (bare) after wait_ms (0 = no limit). Starts the render if needed. */
void pfs_view_size(struct pfs_view *view, struct pfs_request *request, uint64_t *size, int64_t wait_ms);

/* Answers with the bytes put to `to`: `len` of them, fewer only at the end of the view. Waits until that part is
 * rendered. The caller holds a reference until then. */
void pfs_view_read(struct pfs_view *view, struct pfs_request *request, uint64_t off, void *to, size_t len);

/* Renders the whole view into `to` (a file descriptor of the caller's), past any spool, and answers 0; bare -EAGAIN
 * when its bytes are at hand or under way already: they are to be read. For callers that read all of it once. */
void pfs_view_pour(struct pfs_view *view, struct pfs_request *request, int to);

/* Pins the spool while a handle is open. */
void pfs_view_hold(struct pfs_view *view);
void pfs_view_release(struct pfs_view *view);
