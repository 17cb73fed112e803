/* internal.h - the tree's state, shared by the files that make up its door. Private to fs/.
 *
 * Locks: `lock` guards the table of nodes, their counts, the open inboxes and the errors of tables; it is taken before
 * the park's and never held across I/O.
 */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "fs/inbox/inbox.h"
#include "fs/place/place.h"
#include "fs/tree/control.h"
#include "fs/tree/daemon.h"
#include "fs/tree/hidden.h"
#include "fs/tree/scratch.h"
#include "fs/tree/tree.h"
#include "fs/view/park.h"
#include "fs/view/stream.h"
#include "fs/view/view.h"
#include "src/caretaker/caretaker.h"
#include "src/lookup/lookup.h"

#define PFS_NODE_BUCKETS 4096

struct pfs_node {
    struct pfs_arena arena;
    struct pfs_place place;
    char *key; /* tells nodes apart; NULL = one of its own (scratch) or that was left behind. Guarded by lock */
    uint64_t ino;
    int64_t counts;              /* lookups that the kernel (or a caller) holds. Guarded by lock */
    struct pfs_view *view;       /* of files that are read */
    struct pfs_stream *stream;   /* of files that grow */
    struct pfs_scratch *scratch; /* SCRATCH. Set under lock, before anybody is told of the node */
    int64_t mtime_ms;
    int64_t seen, after; /* CONSUMER: its position, and the one after what the view shows */
    atomic_bool told;    /* the kernel was given the exact size: cached handles may be given out */
    atomic_bool left;    /* a directory or inbox whose name moved or went: see pfs_nodes_leave */
    /* Of an inbox: handles that are written to, and who was given it last, at what time. Guarded by lock. */
    int32_t writers;
    uint32_t taker;
    int64_t taken_ms;
    /* And handles of one write that one process closed one right after the other, who, and when. Guarded by lock. */
    int32_t rows;
    uint32_t row_pid;
    int64_t row_ms;
    struct pfs_node *chain;
    /* Told to the kernel by this name, among others told earlier and later. Guarded by lock. */
    struct pfs_node *earlier, *later;
    uint64_t parent;
    char *name;     /* NULL = not told */
    uint32_t asked; /* for: in the tree's round of that number; 0 = not since it was told */
};

struct pfs_table_errors { /* errors.jsonl of one table, kept as long as the tree */
    struct pfs_table_errors *next;
    char *table; /* "db/t" with its branch */
    struct pfs_errors *errors;
};

struct pfs_handle {
    struct pfs_node *node; /* kept alive by a count of its own */
    struct pfs_view *view;
    struct pfs_stream *stream;
    struct pfs_inbox *inbox;
    struct pfs_console *console;
    struct pfs_bookmark *bookmark;    /* of a consumer; with a view when it is read */
    struct pfs_settings *settings;    /* of `options` when it is written; with a view when it is read too */
    char *table;                      /* of an inbox: "db/t" with its branch */
    struct pfs_handle *next;          /* among open inboxes. Guarded by lock */
    struct pfs_handle *older, *newer; /* among all that are open. Guarded by lock */
    atomic_bool writing;              /* counted in its node's writers */
    atomic_int writes;                /* into an inbox, so far */
    uint32_t pid;                     /* who opened it */
};

struct pfs_tree {
    struct pfs_tree_config config;
    struct pfs_park *park;
    struct pfs_views *views;
    struct pfs_streams *streams;
    struct pfs_answers *answers;
    struct pfs_daemon *daemon;
    struct pfs_locals *locals;       /* local lookup files of all tables */
    struct pfs_store *spill;         /* the cache directory; NULL = there is none */
    struct pfs_ingest *ingest;       /* NULL on a read-only mount */
    struct pfs_caretaker *caretaker; /* NULL there too, and where others compact */
    atomic_llong nodes, handles;
    atomic_llong leaves; /* calls of pfs_nodes_leave so far; changed under lock */
    int64_t started_ms;
    pthread_mutex_t lock;
    struct pfs_node *bucket[PFS_NODE_BUCKETS];
    uint64_t next_ino;
    struct pfs_node *earliest, *latest; /* of the nodes that the kernel was told of */
    uint32_t round;                     /* of asking it for their names, the one before; guarded by lock */
    struct pfs_handle *inboxes;
    struct pfs_handle *newest; /* of all open handles */
    /* How inboxes are written to: handles of a write or two that were closed one right after the other, when the last
     * one was closed, and when one was last synced before. */
    atomic_int briefs;
    atomic_llong brief_ms, synced_ms, shared_ms;
    struct pfs_waitlist released; /* waits for a release of an inbox; guarded by the park's lock */
    struct pfs_table_errors *errors;
    struct pfs_hidden hidden[PFS_HIDDEN_MAX];
    struct pfs_scratch *scratches; /* by name, newest first */
    uint64_t scratch_serial;
    struct pfs_node *root;
};

/* ---- nodes ---- */

/* A node for the place with one count, the one of that key if there is one. `view` (may be NULL) is taken. The place's
 * text is copied. */
int pfs_node_get(struct pfs_tree *tree, const struct pfs_place *place, const char *key, struct pfs_view *view,
                 int64_t mtime_ms, struct pfs_node **out, struct pfs_err *err);
/* The directory of that name below `parent` with one count, if there is a node of it. */
struct pfs_node *pfs_node_find_dir(struct pfs_tree *tree, const struct pfs_node *parent, const char *name);
/* The same for a file that grows; `stream` is taken. */
int pfs_node_get_stream(struct pfs_tree *tree, const struct pfs_place *place, const char *key,
                        struct pfs_stream *stream, struct pfs_node **out, struct pfs_err *err);
void pfs_node_attr(struct pfs_tree *tree, struct pfs_node *node, struct pfs_attr *out);

/* A node of an inbox (or overwrite) for that process, with one count. The kernel syncs the handles of one inode one
 * after the other; writers that are there at the same time get a node each, so that they share one sync of the journal.
 * One who comes alone gets the same node each time, which the kernel then keeps; those who open for each row share
 * nodes where that is quicker. *shared: others write now, and the name is to be asked for each time. */
int pfs_node_get_inbox(struct pfs_tree *tree, const struct pfs_place *place, uint32_t pid, struct pfs_node **out,
                       bool *shared, struct pfs_err *err);
/* The kernel keeps an inbox's name for a moment: may the process open the node that it has kept? -ESTALE: its name is
 * to be asked for again, since it has moved, or since somebody else writes to it; that a second time it may share. */
int pfs_node_check_inbox(struct pfs_tree *tree, struct pfs_node *node, uint32_t pid);
/* Does that process open this inbox for one write each time, one right after the other? */
bool pfs_node_takes_a_row(struct pfs_tree *tree, const struct pfs_node *node, uint32_t pid);
/* Does the kernel ask again for that thread, which will open what is found? The open looks at what is there. */
bool pfs_node_is_asked_again(struct pfs_tree *tree, uint32_t pid);
/* What is written is handed over as it is: nobody will release it. */
void pfs_handles_end(struct pfs_tree *tree);
/* Those of writers that nobody has released let go of their tables: no request can come any more. */
void pfs_handles_close(struct pfs_tree *tree);
/* The handle of an inbox is written to, or is about to be closed: no longer counted. */
void pfs_handle_writes(struct pfs_tree *tree, struct pfs_handle *handle, bool writes);
/* A descriptor of it is closed. */
void pfs_handle_closes(struct pfs_tree *tree, struct pfs_handle *handle);

/* The directory of that path has been renamed or removed. The kernel moves what it has cached with a name, while a node
 * keeps its path: the nodes at and below it are left behind. Whatever is asked of one that was left is answered with
 * -ESTALE (pfs_node_here), on which the kernel walks the whole path again and asks for every name in it; whoever holds
 * such a directory is told. A name that is looked up meanwhile may be entered after this: pfs_tree_lookup compares
 * `leaves` before and after, and such a name is asked for each time. */
void pfs_nodes_leave(struct pfs_tree *tree, const char *path);
static inline int pfs_node_here(const struct pfs_node *node)
{
    return atomic_load(&node->left) ? -ESTALE : 0;
}

/* Of one rendering. */
struct pfs_budget pfs_tree_budget(const struct pfs_tree *tree);

/* Is it a table or branch as such? */
bool pfs_place_is_whole(const struct pfs_place *place);
/* Does what the place names exist? 0 or bare -ENOENT. */
int pfs_place_check(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_err *err);

/* ---- tables ---- */

/* "db/t" or "db/t/branch/b" of a place, in the arena. */
const char *pfs_place_table(const struct pfs_place *place, struct pfs_arena *arena);
/* Bare -ENOENT. */
int pfs_tree_table(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_table **out, struct pfs_err *err);
int pfs_tree_errors(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_errors **out, struct pfs_err *err);

/* A writing handle on the inbox or overwrite of that place; flags as of open(2). row: for one write, it seems. */
int pfs_tree_inbox(struct pfs_tree *tree, const struct pfs_place *place, int flags, bool row, struct pfs_inbox **out,
                   struct pfs_err *err);

/* -EROFS with a sentence on a read-only mount or below something frozen. */
int pfs_tree_writable(const struct pfs_tree *tree, const struct pfs_place *place, struct pfs_err *err);
