/* stream.h - a text that grows: rendered once, spooled, shared by all who read it. Private to fs/.
 *
 * A stream is made of a source that is asked for what is new; it answers step by step (a commit is one step), and a
 * step is shown whole or not at all. A round asks until there is nothing more. Rounds run when somebody asks (a stat, a
 * read at the end), and every half second while a handle is open, so that what is rendered already stays readable
 * whatever becomes of its files. No bytes of a stream ever change; when its source says that they would have to, the
 * stream is over: it stays as it is, and the next one who asks for its key gets a new one.
 *
 * Threads: any. No function here waits.
 */
#pragma once

#include "base/pool.h"
#include "base/slice.h"
#include "fs/view/park.h"

struct pfs_streams; /* of one mount */
struct pfs_stream;

enum pfs_grown {
    PFS_GROWN_NOTHING, /* there is nothing new */
    PFS_GROWN_PART,    /* a part of a step was put */
    PFS_GROWN_STEP,    /* the step is whole now */
    PFS_GROWN_OVER     /* the text can never grow any more */
};

/* Puts text that is new. `grow` runs on the pool, one at a time: enum pfs_grown, or -errno, and then what was put of an
 * unfinished step is taken back; the next round asks again. */
struct pfs_stream_source {
    int (*grow)(void *context, struct pfs_stream *stream, struct pfs_err *err);
    void (*release)(void *context);
    void *context;
    /* A handle counts on what is to come (true), or none does any more (false): in pairs, quick, with a lock held. NULL
     * = it cannot go away. */
    void (*hold)(void *context, bool held);
};

/* For sources. The flag is set when nobody wants the text any more. */
int pfs_stream_put(struct pfs_stream *stream, struct pfs_slice bytes, struct pfs_err *err);
void pfs_stream_stamp(struct pfs_stream *stream, int64_t mtime_ms); /* of the step */
const struct pfs_cancel *pfs_stream_cancel(const struct pfs_stream *stream);

struct pfs_streams_config {
    struct pfs_pool *pool;
    struct pfs_park *park;
    const char *cache_dir; /* NULL = memory files */
};

int pfs_streams_open(const struct pfs_streams_config *config, struct pfs_streams **out, struct pfs_err *err);
/* Answers all who wait with -ENODEV, from now on everybody; returns when no round runs any more. */
void pfs_streams_stop(struct pfs_streams *streams);
void pfs_streams_close(struct pfs_streams *streams); /* stops; NULL allowed */

/* The stream of that key that is not over, made from `source` if there is none (`source` is taken in every case); key
 * NULL: one of its own. A reference is the caller's. */
int pfs_streams_get(struct pfs_streams *streams, const char *key, const struct pfs_stream_source *source,
                    struct pfs_stream **out, struct pfs_err *err);
/* Something was committed here: who waits need not wait for the next tick. */
void pfs_streams_poke(struct pfs_streams *streams);
struct pfs_stream *pfs_stream_ref(struct pfs_stream *stream);
void pfs_stream_unref(struct pfs_stream *stream); /* NULL allowed */

struct pfs_stream_facts {
    uint64_t serial; /* tells streams apart, also those of one key */
    uint64_t size;   /* of what is shown */
    int64_t mtime_ms;
    bool over;
};
struct pfs_stream_facts pfs_stream_facts(struct pfs_stream *stream);

/* Answers 0 when all that is committed now is shown; the round's error; -EINTR; -ETIMEDOUT (bare) after wait_ms (0 = no
 * limit). */
void pfs_stream_settle(struct pfs_stream *stream, struct pfs_request *request, int64_t wait_ms);

/* Answers with the bytes put to `to`, as many as are shown from `off` on. None: asks for more first, and answers 0 only
 * when there is none; with `block` it waits until there is. */
void pfs_stream_read(struct pfs_stream *stream, struct pfs_request *request, uint64_t off, void *to, size_t len,
                     bool block);
/* What lies well before `off` is read by nobody any more. */
void pfs_stream_drop(struct pfs_stream *stream, uint64_t off);

void pfs_stream_hold(struct pfs_stream *stream); /* a handle is open */
void pfs_stream_release(struct pfs_stream *stream);
