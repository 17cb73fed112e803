/* tree.h - what the mount shows, without FUSE: names, nodes, handles, bytes in and out. The front door of fs/.
 *
 * fs/mount translates the kernel's requests into these calls, the CLI makes them itself: one code path. Nodes are
 * reference-counted by lookups, as the kernel counts them: pfs_tree_lookup gives one count, pfs_tree_forget takes them
 * away. A directory has one node a path; a view one node per (view, snapshot identity, format), so that an open file
 * never changes; `latest.*` is a name that moves on.
 *
 * Every operation but forget answers through its request (request.h), perhaps later and on another thread; the structs
 * handed in live until then. Threads: any.
 */
#pragma once

#include "fs/view/request.h"
#include "fs/view/span.h"
#include "src/table/catalog.h"

struct pfs_tree;
struct pfs_node;
struct pfs_handle; /* an open file */

#define PFS_FORMAT_PARQUET (1u << 2)

struct pfs_tree_config {
    struct pfs_catalog *catalog; /* taken */
    struct pfs_pool *pool;       /* borrowed */
    const struct pfs_clock *clock;
    const char *cache_dir; /* NULL = memory files */
    uint64_t cache_bytes;  /* 0 = 1 GiB */
    size_t memory_bytes;   /* budget of which views take their share; 0 = 256 MiB */
    const char *warehouse; /* tells warehouses apart that share the cache directory; NULL = sizes are not kept there */
    bool read_only;
    uint32_t uid, gid;
    uint32_t umask;   /* applied to 0777 and 0666 */
    unsigned formats; /* views listed in snapshot/: bits 1 << enum pfs_text, PFS_FORMAT_PARQUET; 0 = csv */
    bool pours;       /* views are read once, by pfs_tree_pour: nobody waits for sizes */
    const char *user; /* what the commit user of anonymous appends begins with; NULL = nothing */
    bool background;  /* what is acknowledged is committed by and by; else by readers and by pfs_tree_finish alone */
    int64_t commit_interval_ms; /* 0 = 10 s */
    bool write_only;            /* tables are compacted by others */
    bool skip; /* on-error = skip: bad rows are left out and told of, unless the table's paimonfs.on-error says fail */
    const char *options; /* what .paimonfs/options shows: "key = value" lines; NULL = nothing */
};

int pfs_tree_open(const struct pfs_tree_config *config, struct pfs_tree **out, struct pfs_err *err);
/* Answers all requests that wait for changes, and from now on each such with -ENODEV: the kernel is going away. */
void pfs_tree_stop(struct pfs_tree *tree);
/* Commits all that was acknowledged: on failure the rest waits in the journal for the next process. Afterwards only
 * close is legal. */
int pfs_tree_finish(struct pfs_tree *tree, struct pfs_err *err);
/* After pfs_tree_finish, without `background`: compacts what was committed to, as a writer that ends does; the rows are
 * in the tables whatever comes of it. */
int pfs_tree_compact(struct pfs_tree *tree, struct pfs_err *err);
/* All requests are answered. Files of writers may be open still: their handles go with it. NULL allowed. */
void pfs_tree_close(struct pfs_tree *tree);

struct pfs_attr {
    uint64_t ino;
    uint32_t mode; /* with type */
    uint32_t links, uid, gid;
    uint64_t size;
    bool exact;       /* size is what reading gives; else a bound that must not be cached */
    int64_t mtime_ns; /* views: the snapshot's commit time */
};

/* An entry: what lookup, mkdir and create answer with. valid_ms: how long the name may be kept (0 = ask again). */
struct pfs_entry {
    struct pfs_node *node;
    struct pfs_attr attr;
    int64_t valid_ms;
};

struct pfs_node *pfs_tree_root(struct pfs_tree *tree); /* never forgotten */

void pfs_tree_lookup(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                     struct pfs_entry *out);
void pfs_tree_forget(struct pfs_tree *tree, struct pfs_node *node, uint64_t count);

/* Nodes count against the budget; there are never said to be too many below 1024, and always above 65536. The kernel
 * keeps them as long as it has room for their names, so it has to be asked to give names back. `named` says by which
 * name, in which directory (the kernel's number of it), it is about to be told of a node. */
void pfs_tree_named(struct pfs_tree *tree, struct pfs_node *node, uint64_t parent, const char *name);
bool pfs_tree_is_crowded(struct pfs_tree *tree);
#define PFS_GIVEN_MAX 64
struct pfs_given {
    uint64_t parent;
    char name[256];
};
/* Names of nodes to ask for, those looked up longest ago first, files before directories; each once, and 0 then: with
 * the next call a round begins anew. 0 when there are not too many nodes. */
int pfs_tree_give_back(struct pfs_tree *tree, struct pfs_given out[static PFS_GIVEN_MAX]);
void pfs_tree_getattr(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, struct pfs_attr *out);
/* Only what writers do to an inbox: truncation, times, modes; they change nothing. */
void pfs_tree_setattr(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, uint64_t size,
                      bool set_size, struct pfs_attr *out);

struct pfs_listed {
    const char *name;
    uint64_t ino; /* 0 = not known yet */
    bool directory;
};
/* Answers 0 with all entries ("." and ".." too), in the arena, in stable order. */
void pfs_tree_list(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, struct pfs_arena *arena,
                   struct pfs_listed **out, int64_t *count);

/* How a handle wants to be opened in the kernel. */
struct pfs_opened {
    struct pfs_handle *handle;
    bool direct;     /* direct I/O: reads end where we say */
    bool keep_cache; /* the bytes never change */
    bool nonseekable;
};
/* flags: open(2)'s. create: makes a name that writers make for a moment (a temporary beside inbox) or answers -EPERM,
 * -EEXIST, -EROFS. */
void pfs_tree_open_file(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, int flags,
                        struct pfs_opened *out);
void pfs_tree_create(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                     int flags, struct pfs_entry *entry, struct pfs_opened *out);
/* Writes the whole file to `to`, a file descriptor, without keeping its bytes, and answers 0; bare -EAGAIN when it is
 * to be read instead. */
void pfs_tree_pour(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, int to);
void pfs_tree_read(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                   void *to, size_t len);
/* The same, but bytes that lie in files may be left there: those of the span are open until `done` returns. */
void pfs_tree_read_span(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                        void *to, size_t len, struct pfs_span *span);
void pfs_tree_write(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                    struct pfs_slice bytes);
/* Instead of a write, by a caller that knows that there should be more and cannot have it: an inbox fails as if a row
 * were refused, so that the release keeps nothing. Answers -why->code. */
void pfs_tree_refuse(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle,
                     const struct pfs_err *why);
/* A descriptor of the handle is closed. */
void pfs_tree_flush(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle);
void pfs_tree_fsync(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle);
void pfs_tree_release(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle);

/* Requests on these are answered in microseconds as a rule: an inbox, a handle that appends to one. */
bool pfs_node_takes_rows(const struct pfs_node *node);
bool pfs_handle_appends(const struct pfs_handle *handle);

void pfs_tree_mkdir(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                    struct pfs_entry *out);
void pfs_tree_rmdir(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name);
void pfs_tree_unlink(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name);
void pfs_tree_rename(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                     struct pfs_node *new_parent, const char *new_name, unsigned flags);

/* For .paimonfs/: a request called `operation` (fs/tree/daemon.h) was answered so. */
void pfs_tree_count(struct pfs_tree *tree, const char *operation, int64_t result, const struct pfs_err *err);

/* Answers the request with -EINTR if it is parked, and tells work in progress to stop. */
void pfs_tree_interrupt(struct pfs_tree *tree, struct pfs_request *request);

/* For callers that may wait (CLI, tests): makes a request, runs the call, waits for its answer. */
struct pfs_waiting {
    struct pfs_request request; /* first */
    int64_t result;
    struct pfs_waiting_state *state;
};
int pfs_waiting_init(struct pfs_waiting *waiting, struct pfs_err *err);
int64_t pfs_waiting_result(struct pfs_waiting *waiting, struct pfs_err *err); /* waits; usable again afterwards */
void pfs_waiting_done(struct pfs_waiting *waiting);

/* Walks a path of components ("db/t/snapshot/latest.csv") from the root, waiting; the node is the caller's to forget.
 */
int pfs_tree_walk(struct pfs_tree *tree, const char *path, struct pfs_entry *out, struct pfs_err *err);
