/* view.h - the bytes of a view: rendered once per identity, spooled, shared by all who read them.
 *
 * A view is immutable: (what, snapshot identity, format) -> bytes. Its key string is that identity. A rendering is one
 * pass over its text, cut into steps that run on the pool one after the other, so that many views move on together; its
 * text goes to a spool while it runs, and readers are served from there. The size is exact once one rendering reached
 * the end; it is remembered on disk for views that say so.
 *
 * Spools that no handle holds are kept up to cache_bytes, least recently used go first; a dropped one is rendered again
 * (the same bytes). A view larger than a quarter of that is never kept whole: while it is measured it leaves only marks
 * (text offset -> place among the rows, one for 64 MiB), and readers are served by renderings that begin at the nearest
 * mark and run a little ahead of them; sequential readers share one. A rendering that nobody holds or waits for stops
 * within a tenth of a second. A failed one fails all who wait for it and is forgotten, so that the next one tries
 * again.
 *
 * Threads: any. No function here waits for a rendering.
 */
#pragma once

#include "base/buf.h"
#include "base/pool.h"
#include "fs/view/park.h"
#include "fs/view/span.h"

struct pfs_views; /* the cache of one mount */
struct pfs_view;

/* A place in a view's text from which it can be rendered: what `piece` and `row` mean is the renderer's. */
struct pfs_mark {
    uint64_t off;
    int64_t piece, row;
};

/* Where a renderer puts its text, in order. */
struct pfs_sink;
int pfs_sink_write(struct pfs_sink *sink, struct pfs_slice bytes, struct pfs_err *err);
/* The text that is written next begins at that place. Cheap: most are forgotten. */
void pfs_sink_mark(struct pfs_sink *sink, int64_t piece, int64_t row);

/* Appends a stretch of the older version's text that the pass was begun from: it is not copied, as long as that does
 * not leave too much behind (spool.h). */
int pfs_sink_reuse(struct pfs_sink *sink, uint64_t off, uint64_t len, struct pfs_err *err);

/* An older version's text, for the time that a pass is begun from it. */
struct pfs_spool_base;
int pfs_view_text_read(const struct pfs_spool_base *text, uint64_t off, void *to, size_t len, struct pfs_err *err);

/* What a view is made of: a renderer with its context (a state, columns, ...). release is called once, when the view is
 * gone for good. The others run on the pool, for each pass one at a time: begin opens a pass from a mark that it was
 * given to the sink before (NULL = from the start); step writes some 256 KiB and answers 1 (there is more), 0 (the end)
 * or -errno; end closes it. */
struct pfs_view_source {
    int (*begin)(void *context, const struct pfs_mark *from, const struct pfs_cancel *cancel, void **pass,
                 struct pfs_err *err);
    int (*step)(void *pass, struct pfs_sink *sink, struct pfs_err *err);
    void (*end)(void *pass);
    void (*release)(void *context);
    /* A reader counts on what the source is made of (true), or does not any more (false): in pairs, quick, perhaps with
     * a lock held. Said for open handles of a view whose text is not whole yet, and around each pass. NULL = it cannot
     * go away. */
    void (*hold)(void *context, bool held);
    void *context;
    /* Versions of one text: views with the same series (the context's; NULL = none). index: what a pass that came to
     * its end knows of the text (NULL = nothing), drop frees it. patch begins a pass from a text that is there: 1, or 0
     * when it has to be rendered anew. */
    const char *series;
    void *(*index)(void *pass);
    void (*drop)(void *index);
    int (*patch)(void *context, const void *index, const struct pfs_spool_base *text, const struct pfs_cancel *cancel,
                 void **pass, struct pfs_err *err);
    bool small;   /* rendered among the urgent tasks: long renders do not hold it up */
    bool slow;    /* it will take more than a moment: nobody should wait for its size only to read */
    bool lasting; /* the key tells the bytes apart also after the next mount: the size may be kept on disk */
};

struct pfs_views_config {
    struct pfs_pool *pool;
    struct pfs_park *park;
    const char *cache_dir; /* NULL = memory files, and no sizes on disk */
    uint64_t cache_bytes;  /* 0 = 1 GiB */
    size_t memory_bytes;   /* budget: half of it for renderings, a sixteenth for short texts; 0 = 256 MiB */
    const char *warehouse; /* tells the warehouses apart that share a cache directory; NULL = none is shared */
};

int pfs_views_open(const struct pfs_views_config *config, struct pfs_views **out, struct pfs_err *err);
/* What one rendering may take. Views that are not small are rendered a few at a time, so that all of them keep to half
 * of the budget; one that pauses makes room for those that wait for their turn. */
size_t pfs_views_rendering_bytes(const struct pfs_views *views);
void pfs_views_close(struct pfs_views *views); /* every view is unreferenced before; waits for renderings to stop */

/* The view of that key, made from `source` if it is new (`source` is taken in every case: released at once when the
 * view exists). A reference is the caller's. No rendering starts yet. */
int pfs_views_get(struct pfs_views *views, const char *key, const struct pfs_view_source *source, struct pfs_view **out,
                  struct pfs_err *err);
/* A view of bytes that are at hand: small files like schema.sql. Copies. */
int pfs_views_put(struct pfs_views *views, const char *key, struct pfs_slice bytes, struct pfs_view **out,
                  struct pfs_err *err);
struct pfs_view *pfs_view_ref(struct pfs_view *view);
void pfs_view_unref(struct pfs_view *view); /* NULL allowed */
const char *pfs_view_key(const struct pfs_view *view);

bool pfs_view_is_slow(const struct pfs_view *view); /* as its source said */

/* The exact size if it is known. */
bool pfs_view_try_size(struct pfs_view *view, uint64_t *size);

/* Answers `request` with 0 and *size when the size is known; -EINTR when interrupted; the rendering's error; -ETIMEDOUT
 * (bare) after wait_ms (0 = no limit). Starts a rendering if needed. */
void pfs_view_size(struct pfs_view *view, struct pfs_request *request, uint64_t *size, int64_t wait_ms);

/* Answers with the number of bytes put to `to`: `len` of them, fewer only at the end of the view. Waits until that part
 * is rendered. With `span` they may be left in files, which are open until `done` returns. The caller holds a
 * reference until then. */
void pfs_view_read(struct pfs_view *view, struct pfs_request *request, uint64_t off, void *to, size_t len,
                   struct pfs_span *span);

/* Renders the whole view into `to` (a file descriptor of the caller's), past any spool, and answers 0; bare -EAGAIN
 * when its bytes are at hand: they are to be read. For callers that read all of it once; a writer that blocks holds a
 * worker. */
void pfs_view_pour(struct pfs_view *view, struct pfs_request *request, int to);

/* Keeps the spool while a handle is open. */
void pfs_view_hold(struct pfs_view *view);
void pfs_view_release(struct pfs_view *view);
