/* render.h - what a view shows now: from a place to the identity and the source of its bytes. Private to fs/.
 *
 * Each kind of view has a finder: it reads the metadata that the view stands on and says what the view is made of; no
 * row is read before the view is rendered. Threads: any; called on the pool.
 */
#pragma once

#include "fs/place/place.h"
#include "fs/render/print.h"
#include "fs/view/stream.h"
#include "src/ingest/ingest.h"

struct pfs_shown {
    const char *identity; /* changes when the bytes may change; in the arena */
    int64_t mtime_ms;     /* the snapshot's commit time; 0 = none */
    int64_t seen, after;  /* CONSUMER: its position, and the one after these changes */
    struct pfs_view_source source;
};

/* What finders are given. */
struct pfs_looking {
    struct pfs_table *table;
    const struct pfs_place *place;
    struct pfs_pool *pool;
    struct pfs_arena *arena;
    struct pfs_locals *locals;         /* KEY: of the mount */
    struct pfs_budget budget;          /* of one rendering */
    const struct pfs_reading *reading; /* VIEW: the changes that the table's options ask for; NULL = rows */
    struct pfs_ingest *ingest;         /* KEY: rows that wait for their commit are merged in; NULL = there are none */
};

/* Bare -ENOENT: there is no such view (no such snapshot, system table, key). -EINVAL with a sentence: a column, value
 * or condition that is none. */
int pfs_render_find(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err);

/* The finders, by kind of node. */
typedef int pfs_finder_fn(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err);
pfs_finder_fn pfs_find_rows;    /* VIEW */
pfs_finder_fn pfs_find_diff;    /* DIFF, and VIEW of a table whose reads are such */
pfs_finder_fn pfs_find_system;  /* SYSTEM */
pfs_finder_fn pfs_find_changes; /* CHANGES, INCREMENTAL, CONSUMER, and VIEW likewise */

/* What a growing file is made of. key: changes when another text has to begin (the oldest change that is kept, the
 * schema); in the arena. With from_now it begins after the newest snapshot. */
int pfs_find_stream(const struct pfs_looking *looking, bool from_now, const char **key, struct pfs_stream_source *out,
                    struct pfs_err *err);
pfs_finder_fn pfs_find_key; /* KEY: looks for the row, bare -ENOENT when there is none; bare -EAGAIN: rows of it wait
                               for their commit, and only that can tell what it is then */
