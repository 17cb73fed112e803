/* internal.h - what the files behind view.h share: the cache, a view, a rendering. Private to them.
 *
 *   view.c       the cache: by key, what is kept and what goes first
 *   rendering.c  the life of a rendering: steps, pauses, its end
 *   reading.c    requests for sizes and bytes, and their waits
 *   pour.c       a pass that goes past all this into a file
 *
 *                  step        step             end of the text
 *   (asked for) -> RUNS -----> RUNS ... --------------------------> ENDED
 *                   ^  nobody waits, a large view | read |              \
 *                   +--------- PAUSED <-----------+                      spool kept whole, or a stretch of it
 *
 * One lock, the park's, guards all of it but what is said to be a rendering's own; steps, stores and reads of files run
 * without it.
 */
#pragma once

#include "fs/view/sizes.h"
#include "fs/view/spool.h"
#include "fs/view/view.h"

#define PFS_VIEW_BUCKETS 4096
#define PFS_RENDERINGS_MAX 4 /* of one view at a time */
#define PFS_SLOTS_MAX 8      /* of the mount */
#define PFS_SERIES_MAX 64    /* texts whose next version is made from them */

enum pfs_pace { PFS_RUNS, PFS_PAUSED, PFS_ENDED };

struct pfs_rendering {
    struct pfs_view *view;      /* referenced until it is ENDED */
    struct pfs_rendering *next; /* among the view's */
    bool listed;                /* there; an unlisted one ends as soon as it can */
    int refs;                   /* the list's, the task's, those of waits */
    enum pfs_pace pace;
    int rc; /* of an ENDED one */
    struct pfs_err err;
    struct pfs_spool spool;
    uint64_t in_file, in_memory; /* of the spool, as the cache's sums have it */
    int files;
    int parked;             /* reads that wait for it */
    struct pfs_wait *reads; /* of its file, under way: those bytes stay */
    uint64_t read_to;       /* end of the last read: it keeps a little ahead of that */
    int64_t used;           /* the view's clock at the last read */
    int64_t alone_ms;       /* since when nobody wants it; 0 = somebody does */
    struct pfs_mark from;
    struct pfs_cancel cancel;
    bool stopped;                /* ends before the text does, and leaves its stretch to readers */
    struct pfs_view *base;       /* the older version that its text is made from; NULL = none */
    struct pfs_rendering *queue; /* the next that waits for a slot */
    void *pass;                  /* of the source: the task's own */
};

struct pfs_view {
    struct pfs_views *views;
    char *key;
    struct pfs_view_source source;
    int refs;
    int holds;    /* open handles */
    bool held;    /* the source knows of them */
    int waiting;  /* requests that wait for a size or for bytes */
    int measured; /* those that wait for the size however long it takes */
    bool sized;
    uint64_t size;
    uint64_t furthest;           /* that any rendering came */
    struct pfs_rendering *first; /* its renderings */
    void *index;                 /* of its text, the source's; NULL = none */
    int64_t clock;
    struct pfs_mark *mark; /* ascending */
    int32_t marks;
    struct pfs_waitlist progress; /* wait for bytes */
    struct pfs_waitlist ended;    /* wait for the size */
    int rc;                       /* of the last rendering that failed, for those who wait for the size */
    struct pfs_err err;
    struct pfs_view *chain;         /* same hash bucket */
    struct pfs_view *newer, *older; /* among those whose spool may go */
    bool listed;
    bool put; /* cannot be rendered: its bytes stay */
};

/* The newest whole text of those that are versions of one. */
struct pfs_series {
    struct pfs_series *next;
    char *name;
    struct pfs_view *view; /* a reference */
};

struct pfs_views {
    struct pfs_views_config config;
    char *cache_dir;
    struct pfs_sizes *sizes; /* NULL = none on disk */
    struct pfs_view *bucket[PFS_VIEW_BUCKETS];
    struct pfs_view *newest, *oldest;
    uint64_t file_bytes, memory_bytes; /* of all spools */
    int64_t files;
    int slots;
    struct pfs_rendering *slot[PFS_SLOTS_MAX]; /* renderings of views that are not small */
    struct pfs_rendering *queue; /* those that wait for a slot, oldest first: they RUN and are not submitted */
    int running;                 /* renderings that are not ENDED */
    struct pfs_rendering *dead;  /* to be freed without the lock */
    struct pfs_series *series;   /* latest used first, PFS_SERIES_MAX of them */
};

struct pfs_sink {
    struct pfs_rendering *rendering; /* NULL: poured to: */
    int to;
};

/* ---- view.c ---- */

void pfs_view_settle(struct pfs_view *view);         /* lock held; after holds, waiting or a rendering changed */
bool pfs_view_is_large(const struct pfs_view *view); /* lock held: too large to be kept whole */
struct pfs_rendering *pfs_view_whole(const struct pfs_view *view); /* lock held: with all of the text; NULL = none */
/* Lock not held: frees what was let go under it (closing a large file takes its time). */
void pfs_views_bury(struct pfs_views *views);

/* ---- series.c ---- */

/* Lock held: an older version of the view's text that is there, whole and in a file, referenced; *text is the caller's.
 * NULL = none. */
struct pfs_view *pfs_series_find(struct pfs_view *view, struct pfs_spool_base **text);
/* Lock not held: the view's text is whole, and indexed: the next version is made from it. */
void pfs_series_put(struct pfs_view *view);
void pfs_series_forget(struct pfs_views *views); /* lock not held: all of them */

/* A pass begins, or has ended: its source is counted on meanwhile. */
void pfs_view_hold_source(struct pfs_view *view, bool held);

/* ---- rendering.c, lock held ---- */

/* The rendering that will give the text at `off`, started, woken or found; NULL with *rc = -ENOMEM (view->err), or
 * with 0 when all that may run do, and their readers have to be waited for. */
struct pfs_rendering *pfs_rendering_for(struct pfs_view *view, uint64_t off, int *rc);
/* The one that will know the size first. NULL with *rc < 0. */
struct pfs_rendering *pfs_rendering_to_measure(struct pfs_view *view, int *rc);
void pfs_rendering_unlist(struct pfs_rendering *r); /* gives it up; r may be gone afterwards */
void pfs_rendering_unref(struct pfs_rendering *r);
bool pfs_rendering_is_whole(const struct pfs_rendering *r); /* it has all of the text */
void pfs_rendering_was_read(struct pfs_rendering *r, uint64_t to);

/* ---- pour.c ---- */

int pfs_pour_write(int to, struct pfs_slice bytes, struct pfs_err *err);

/* ---- reading.c ---- */

struct pfs_wait {
    struct pfs_waiter waiter; /* first */
    struct pfs_view *view;    /* referenced by who asked */
    struct pfs_request *request;
    uint64_t *size; /* of a size request; else a read: */
    uint64_t off;
    uint8_t *to;
    size_t len;
    struct pfs_span *span;
    struct pfs_span lies;            /* where the spool has the bytes; no parts = in too many places */
    struct pfs_rendering *rendering; /* waited for, or read: a reference */
    struct pfs_wait *next;           /* among the reads of its file */
};
