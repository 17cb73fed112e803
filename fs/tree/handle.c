/* handle.c - open files: reading views, writing inboxes, talking to sql.
 *
 * What a handle is for is told by what it has: a view, a stream, an inbox, a console, a bookmark, settings, or nothing,
 * when its node has a scratch. A request on it goes to the first of those that serves it. A handle holds its node, so
 * that a name may go while a file is open. */
#include <assert.h>
#include <fcntl.h>
#include <string.h>

#include "base/mem.h"
#include "fs/render/render.h"
#include "fs/tree/bookmark.h"
#include "fs/tree/gate.h"
#include "fs/tree/internal.h"
#include "fs/tree/settings.h"

#define OPEN_WAIT_MS 1000
#define SLOW_WAIT_MS 50

/* All are listed, since a mount that ends may have files open that the kernel will not release. */
static void list(struct pfs_tree *tree, struct pfs_handle *h)
{
    pthread_mutex_lock(&tree->lock);
    h->older = tree->newest;
    if (h->older != NULL)
        h->older->newer = h;
    tree->newest = h;
    h->node->counts++;
    pthread_mutex_unlock(&tree->lock);
}

static void leave_list(struct pfs_tree *tree, const struct pfs_handle *h)
{
    pthread_mutex_lock(&tree->lock);
    assert((h->newer == NULL) == (tree->newest == h));
    if (h->newer != NULL)
        h->newer->older = h->older;
    else
        tree->newest = h->older;
    if (h->older != NULL)
        h->older->newer = h->newer;
    pthread_mutex_unlock(&tree->lock);
}

/* The other way round than it was made; the node last, for the others may use its place. */
static void handle_free(struct pfs_tree *tree, struct pfs_handle *h)
{
    leave_list(tree, h);
    atomic_fetch_sub(&tree->handles, 1);
    pfs_console_close(h->console);
    pfs_settings_close(h->settings);
    if (h->inbox != NULL)
        pfs_handle_writes(tree, h, false);
    pfs_inbox_close(h->inbox);
    pfs_bookmark_close(h->bookmark);
    if (h->view != NULL) {
        pfs_view_release(h->view);
        pfs_view_unref(h->view);
    }
    if (h->stream != NULL) {
        pfs_stream_release(h->stream);
        pfs_stream_unref(h->stream);
    }
    if (h->node != NULL)
        pfs_tree_forget(tree, h->node, 1);
    pfs_free(h->table);
    pfs_free(h);
}

/* With a count on its node, as the kernel's own are: the node may be forgotten while the file is open. */
static struct pfs_handle *new_handle(struct pfs_tree *tree, struct pfs_node *node)
{
    struct pfs_handle *h = pfs_zalloc(sizeof(*h));

    assert(node != NULL);
    if (h == NULL)
        return NULL;
    atomic_fetch_add(&tree->handles, 1);
    h->node = node;
    list(tree, h);
    return h;
}

/* ---- views ---- */

struct opening {
    struct pfs_tree *tree;
    struct pfs_handle *handle;
    pfs_done_fn *done;
    struct pfs_opened *out;
    uint64_t size;
    struct pfs_request *request; /* of a pipe */
    void *step;                  /* the caller's */
};

/* Bytes may be cached only on an inode whose size was told exactly: see pfs_node.told. */
static void opened(struct pfs_request *request, int64_t result)
{
    struct opening *o = request->step;
    struct pfs_handle *h = o->handle;

    if (result == 0 || result == -ETIMEDOUT) {
        /* A consumer's reader is seen to reach the end. */
        bool cached = result == 0 && atomic_load(&h->node->told) && h->bookmark == NULL && h->settings == NULL;

        *o->out = (struct pfs_opened){.handle = h, .direct = !cached, .keep_cache = cached};
        result = 0;
    } else {
        handle_free(o->tree, h);
    }
    request->done = o->done;
    request->step = o->step;
    pfs_free(o);
    request->done(request, result);
}

/* Waits up to a second for the size, so that all but slow views are cached and can be mapped at once; of one that will
 * take longer the first bytes are wanted soon. */
static void open_view(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *h, struct pfs_opened *out)
{
    struct opening *o = pfs_zalloc(sizeof(*o));

    if (o == NULL) {
        handle_free(tree, h);
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a handle"));
        return;
    }
    *o = (struct opening){.tree = tree, .handle = h, .done = request->done, .out = out, .step = request->step};
    assert(h->node->view != NULL);
    assert(h->view == NULL);
    h->view = pfs_view_ref(h->node->view);
    pfs_view_hold(h->view);
    request->step = o;
    request->done = opened;
    if (tree->config.pours)
        opened(request, -ETIMEDOUT);
    else
        pfs_view_size(h->view, request, &o->size, pfs_view_is_slow(h->view) ? SLOW_WAIT_MS : OPEN_WAIT_MS);
}

/* ---- streams ---- */

/* A pipe is a stream of its own that begins now. */
static int open_pipe(struct opening *o, struct pfs_err *err)
{
    struct pfs_tree *tree = o->tree;
    struct pfs_handle *h = o->handle;
    struct pfs_looking looking = {.place = &h->node->place, .pool = tree->config.pool, .budget = pfs_tree_budget(tree)};
    struct pfs_stream_source source;
    struct pfs_arena arena;
    const char *key;
    int rc;

    PFS_TRY(pfs_tree_table(tree, &h->node->place, &looking.table, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    looking.arena = &arena;
    rc = pfs_find_stream(&looking, true, &key, &source, err);
    pfs_arena_done(&arena);
    pfs_table_unref(looking.table);
    if (rc == 0)
        rc = pfs_streams_get(tree->streams, NULL, &source, &h->stream, err);
    if (rc == 0)
        pfs_stream_hold(h->stream);
    return rc;
}

/* On the pool: metadata is read here. */
static void open_pipe_task(void *context)
{
    struct opening *o = context;
    struct pfs_request *request = o->request;
    int rc = open_pipe(o, &request->err);

    if (rc < 0)
        handle_free(o->tree, o->handle);
    else
        *o->out = (struct pfs_opened){.handle = o->handle, .direct = true, .nonseekable = true};
    pfs_free(o);
    request->done(request, rc);
}

/* A changelog's stream is its node's and shared; a pipe has one of its own, which begins when it is opened. */
static void open_stream(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *h,
                        struct pfs_opened *out)
{
    struct opening *o;

    if (h->node->stream != NULL) {
        h->stream = pfs_stream_ref(h->node->stream);
        pfs_stream_hold(h->stream);
        *out = (struct pfs_opened){.handle = h, .direct = true};
        request->done(request, 0);
        return;
    }
    o = pfs_zalloc(sizeof(*o));
    if (o == NULL) {
        handle_free(tree, h);
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a handle"));
        return;
    }
    *o = (struct opening){.tree = tree, .handle = h, .out = out, .request = request};
    if (tree->config.pool == NULL || pfs_pool_submit(tree->config.pool, true, open_pipe_task, o) < 0)
        open_pipe_task(o);
}

/* ---- inboxes ---- */

/* The table's own option says more than the mount's: a strict table stays strict wherever it is mounted. */
static bool skips(const struct pfs_tree *tree, const struct pfs_schema *schema)
{
    const char *own = pfs_options_get(&schema->options, "paimonfs.on-error");

    return own != NULL ? strcmp(own, "skip") == 0 : tree->config.skip;
}

/* All that a path says of an inbox, against the schema of now: rows of this handle are parsed by that to its end. */
static int fill_inbox(struct pfs_tree *tree, const struct pfs_place *place, int flags, bool row,
                      struct pfs_table *table, struct pfs_inbox **out, struct pfs_err *err)
{
    struct pfs_inbox_config config = {.ingest = tree->ingest,
                                      .table = table,
                                      .path = place->path,
                                      .pool = tree->config.pool,
                                      .spool_dir = tree->config.cache_dir,
                                      .clock = tree->config.clock,
                                      .format = place->text,
                                      .envelope = place->envelope,
                                      .user = place->user,
                                      .identifier = place->identifier,
                                      .overwrite = place->kind == PFS_NODE_OVERWRITE,
                                      .partitions = place->specs,
                                      .append = (flags & O_APPEND) != 0,
                                      .row = row};
    const struct pfs_schema *schema = NULL;
    struct pfs_partition_value *value;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_table_schema_seen(table, &schema, err); /* the table was looked for just now */
    config.schema = schema;
    if (rc == 0)
        config.skip = skips(tree, schema);
    if (rc == 0)
        rc = pfs_place_partitions(place, schema, &arena, &value, err);
    if (rc == 0)
        rc = pfs_tree_errors(tree, place, &config.errors, err);
    if (rc == 0) {
        config.partition = value;
        rc = pfs_inbox_open(&config, out, err);
    }
    pfs_arena_done(&arena);
    return rc;
}

int pfs_tree_inbox(struct pfs_tree *tree, const struct pfs_place *place, int flags, bool row, struct pfs_inbox **out,
                   struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_tree_writable(tree, place, err));
    PFS_TRY(pfs_tree_table(tree, place, &table, err));
    rc = fill_inbox(tree, place, flags, row, table, out, err);
    pfs_table_unref(table);
    return rc;
}

/* An open answers with an errno alone: why the table takes no rows stands in errors.jsonl. */
static void note_refusal(struct pfs_tree *tree, const struct pfs_place *place, const struct pfs_request *request)
{
    struct pfs_errors *errors;

    if (request->err.code != 0 && pfs_tree_errors(tree, place, &errors, NULL) == 0)
        pfs_errors_add(errors, pfs_clock_now_ms(tree->config.clock), request->pid, NULL, &request->err);
}

/* It is listed before it is written to: readers look there for what is unfinished. */
static int open_inbox(struct pfs_tree *tree, struct pfs_handle *h, int flags, struct pfs_request *request)
{
    struct pfs_err *err = &request->err;
    struct pfs_arena arena;
    const char *name;
    int rc;

    if ((flags & O_ACCMODE) != O_WRONLY)
        return pfs_fail(err, EACCES, "%s takes rows; it cannot be read", h->node->place.path);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    name = pfs_place_table(&h->node->place, &arena);
    h->table = name == NULL ? NULL : pfs_strdup(name);
    pfs_arena_done(&arena);
    if (h->table == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a handle");
    PFS_TRY(pfs_node_check_inbox(tree, h->node, request->pid));
    h->pid = request->pid;
    rc = pfs_tree_inbox(tree, &h->node->place, flags, pfs_node_takes_a_row(tree, h->node, h->pid), &h->inbox, err);
    if (rc < 0) {
        note_refusal(tree, &h->node->place, request);
        return rc;
    }
    pthread_mutex_lock(&tree->lock);
    h->next = tree->inboxes;
    tree->inboxes = h;
    pthread_mutex_unlock(&tree->lock);
    pfs_handle_writes(tree, h, true);
    return 0;
}

/* From here on nobody looks at the inbox; it may have been ended by the tree before. */
static void unlist(struct pfs_tree *tree, struct pfs_handle *h)
{
    struct pfs_handle **at;

    pthread_mutex_lock(&tree->lock);
    for (at = &tree->inboxes; *at != NULL && *at != h; at = &(*at)->next)
        ;
    if (*at == h)
        *at = h->next;
    pthread_mutex_unlock(&tree->lock);
}

/* In the order in which they were opened: the last one wins. */
void pfs_handles_end(struct pfs_tree *tree)
{
    struct pfs_handle *first = NULL, *next;

    pthread_mutex_lock(&tree->lock);
    for (struct pfs_handle *h = tree->inboxes; h != NULL; h = next) {
        next = h->next;
        h->next = first;
        first = h;
    }
    tree->inboxes = first;
    pthread_mutex_unlock(&tree->lock);
    if (first != NULL && tree->config.pool != NULL)
        pfs_pool_settle(tree->config.pool);
    for (struct pfs_handle *h = first; h != NULL; h = h->next)
        pfs_inbox_end(h->inbox);
}

/* What only reads holds none, and a rendering that nobody has stopped yet may know of it. */
static bool holds_table(const struct pfs_handle *h)
{
    return h->inbox != NULL || h->settings != NULL || h->bookmark != NULL;
}

void pfs_handles_close(struct pfs_tree *tree)
{
    for (struct pfs_handle *h = tree->newest, *older; h != NULL; h = older) {
        older = h->older;
        if (!holds_table(h))
            continue;
        unlist(tree, h);
        handle_free(tree, h);
    }
}

/* ---- opening ---- */

/* Opened for direct I/O, or not at all. */
static void answer_open(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *h, int rc,
                        struct pfs_opened *out)
{
    if (rc < 0)
        handle_free(tree, h);
    else
        *out = (struct pfs_opened){.handle = h, .direct = true};
    request->done(request, rc);
}

/* In the order of what a node can be: some kinds are read as views and written as something else. */
void pfs_tree_open_file(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, int flags,
                        struct pfs_opened *out)
{
    const struct pfs_place *place = &node->place;
    struct pfs_handle *h = new_handle(tree, node);
    bool reads = (flags & O_ACCMODE) == O_RDONLY;
    int rc;

    if (h == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a handle"));
        return;
    }
    if (place->kind == PFS_NODE_CONSUMER) {
        rc = reads ? 0 : pfs_tree_writable(tree, place, &request->err);
        if (rc == 0)
            rc = pfs_bookmark_open(tree, node, &h->bookmark, &request->err);
        if (rc < 0 || !reads) {
            answer_open(tree, request, h, rc, out);
            return;
        }
    }
    if (place->kind == PFS_NODE_OPTIONS && !reads) {
        rc = pfs_settings_open(tree, place, (flags & O_TRUNC) != 0, &h->settings, &request->err);
        if (rc < 0 || (flags & O_ACCMODE) == O_WRONLY) {
            answer_open(tree, request, h, rc, out);
            return;
        }
        reads = true;
    }
    if (node->view != NULL && reads) {
        open_view(tree, request, h, out);
        return;
    }
    if (pfs_node_class(place->kind) == PFS_CLASS_STREAM && reads) {
        open_stream(tree, request, h, out);
        return;
    }
    if (node->view != NULL || pfs_node_class(place->kind) == PFS_CLASS_STREAM)
        rc = pfs_fail(&request->err, EROFS, "%s shows rows; append to inbox instead", place->path);
    else if (place->kind == PFS_NODE_INBOX || place->kind == PFS_NODE_OVERWRITE)
        rc = open_inbox(tree, h, flags, request);
    else if (place->kind == PFS_NODE_SCRATCH)
        rc = (flags & O_TRUNC) != 0 ? pfs_scratch_truncate(node->scratch, 0, &request->err) : 0;
    else if (place->kind == PFS_NODE_SQL)
        rc = pfs_console_open(tree->config.catalog, tree->ingest, tree->config.pool, tree->answers, place->database,
                              request->uid, &h->console, &request->err);
    else
        rc = -EISDIR;
    answer_open(tree, request, h, rc, out);
}

/* An inbox that was removed a moment ago is made again, with a node of its own. 0; -EPERM: it is none. */
static int make_inbox(struct pfs_tree *tree, struct pfs_node *parent, const char *name, struct pfs_entry *entry,
                      struct pfs_err *err)
{
    struct pfs_place place;
    struct pfs_arena arena;
    struct pfs_node *node;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_place_child(&parent->place, name, &arena, &place, NULL);
    if (rc < 0 || (place.kind != PFS_NODE_INBOX && place.kind != PFS_NODE_OVERWRITE))
        rc = pfs_fail(err, EPERM, "%s/%s: files are not made here; rows go to inbox", parent->place.path, name);
    if (rc == 0)
        rc = pfs_node_get(tree, &place, NULL, NULL, 0, &node, err);
    pfs_arena_done(&arena);
    if (rc < 0)
        return rc;
    *entry = (struct pfs_entry){.node = node};
    pfs_node_attr(tree, node, &entry->attr);
    return 0;
}

struct creating {
    struct pfs_tree *tree;
    struct pfs_node *node;
    pfs_done_fn *done;
    void *step;
};

/* Who is refused is told of no node, and so forgets none. */
static void created(struct pfs_request *request, int64_t result)
{
    struct creating *c = request->step;

    if (result < 0)
        pfs_tree_forget(c->tree, c->node, 1);
    request->done = c->done;
    request->step = c->step;
    pfs_free(c);
    request->done(request, result);
}

static void open_created(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, int flags,
                         struct pfs_opened *out)
{
    struct creating *c = pfs_zalloc(sizeof(*c));

    if (c == NULL) {
        pfs_tree_forget(tree, node, 1);
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    *c = (struct creating){tree, node, request->done, request->step};
    request->done = created;
    request->step = c;
    pfs_tree_open_file(tree, request, node, flags, out);
}

/* Only names that writers make for a moment, and consumers: everything else is made by statements. */
void pfs_tree_create(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                     int flags, struct pfs_entry *entry, struct pfs_opened *out)
{
    int rc = pfs_node_here(parent);

    if (rc == 0)
        rc = pfs_tree_writable(tree, &parent->place, &request->err);
    if (rc == 0 && parent->place.kind == PFS_NODE_CONSUMERS) {
        pfs_bookmark_create(tree, request, parent, name, flags, entry, out);
        return;
    }
    if (rc == 0 && pfs_scratch_fits(&parent->place, name))
        rc = pfs_scratch_make(tree, parent, name, entry, &request->err);
    else if (rc == 0)
        rc = make_inbox(tree, parent, name, entry, &request->err);
    if (rc < 0)
        request->done(request, rc);
    else
        open_created(tree, request, entry->node, flags & ~O_EXCL, out);
}

bool pfs_node_takes_rows(const struct pfs_node *node)
{
    return node->place.kind == PFS_NODE_INBOX;
}

bool pfs_handle_appends(const struct pfs_handle *handle)
{
    return handle->inbox != NULL && pfs_inbox_appends(handle->inbox);
}

/* ---- bytes ---- */

void pfs_tree_read(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                   void *to, size_t len)
{
    pfs_tree_read_span(tree, request, handle, off, to, len, NULL);
}

struct reading { /* of a consumer */
    struct pfs_handle *handle;
    pfs_done_fn *done;
    void *step;
};

/* The end that was read counts for the position, at the flush. */
static void read_done(struct pfs_request *request, int64_t result)
{
    struct reading *r = request->step;

    if (result == 0)
        pfs_bookmark_ended(r->handle->bookmark);
    request->done = r->done;
    request->step = r->step;
    pfs_free(r);
    request->done(request, result);
}

static void read_unread(struct pfs_handle *handle, struct pfs_request *request, uint64_t off, void *to, size_t len,
                        struct pfs_span *span)
{
    struct reading *r;

    if (handle->view == NULL) {
        request->done(request, -EBADF);
        return;
    }
    r = pfs_zalloc(sizeof(*r));
    if (r == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    assert(handle->bookmark != NULL);
    *r = (struct reading){handle, request->done, request->step};
    request->step = r;
    request->done = read_done;
    pfs_view_read(handle->view, request, off, to, len, span);
}

/* Of a pipe nobody else reads, and nobody reads twice. */
static void read_stream(struct pfs_handle *handle, struct pfs_request *request, uint64_t off, void *to, size_t len)
{
    bool pipe = handle->node->place.kind == PFS_NODE_PIPE;

    assert(handle->stream != NULL);
    if (pipe)
        pfs_stream_drop(handle->stream, off);
    pfs_stream_read(handle->stream, request, off, to, len, pipe);
}

void pfs_tree_read_span(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                        void *to, size_t len, struct pfs_span *span)
{
    (void)tree;
    if (span != NULL)
        span->parts = 0;
    if (handle->node->scratch != NULL)
        request->done(request, pfs_scratch_read(handle->node->scratch, off, to, len, &request->err));
    else if (handle->bookmark != NULL)
        read_unread(handle, request, off, to, len, span);
    else if (handle->view != NULL)
        pfs_view_read(handle->view, request, off, to, len, span);
    else if (handle->stream != NULL)
        read_stream(handle, request, off, to, len);
    else if (handle->console != NULL)
        pfs_console_read(handle->console, request, off, to, len);
    else
        request->done(request, -EBADF);
}

/* Whatever has no view is read in pieces. */
void pfs_tree_pour(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, int to)
{
    (void)tree;
    if (handle->view != NULL)
        pfs_view_pour(handle->view, request, to);
    else
        request->done(request, -EAGAIN);
}

/* By what the handle has; a view is never written to. */
void pfs_tree_write(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                    struct pfs_slice bytes)
{
    if (handle->inbox != NULL) {
        atomic_fetch_add(&handle->writes, 1);
        pfs_handle_writes(tree, handle, true);
        pfs_gate_write(tree, request, handle, off, bytes);
    } else if (handle->node->scratch != NULL)
        request->done(request, pfs_scratch_write(handle->node->scratch, off, bytes, &request->err));
    else if (handle->settings != NULL)
        pfs_settings_write(handle->settings, request, bytes);
    else if (handle->bookmark != NULL && handle->view == NULL)
        pfs_bookmark_write(handle->bookmark, request, off, bytes);
    else if (handle->console != NULL)
        pfs_console_write(handle->console, request, off, bytes);
    else
        request->done(request, -EBADF);
}

void pfs_tree_refuse(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle,
                     const struct pfs_err *why)
{
    (void)tree;
    assert(why->code > 0);
    request->err = *why;
    if (handle->inbox != NULL)
        pfs_inbox_refuse(handle->inbox, request, why);
    else
        request->done(request, -why->code);
}

static void flush(struct pfs_request *request, struct pfs_handle *handle, bool closes)
{
    if (handle->inbox != NULL)
        pfs_inbox_flush(handle->inbox, request, closes);
    else if (handle->settings != NULL)
        pfs_settings_flush(handle->settings, request);
    else if (handle->bookmark != NULL)
        pfs_bookmark_flush(handle->bookmark, request);
    else if (handle->console != NULL)
        pfs_console_flush(handle->console, request);
    else
        request->done(request, 0);
}

void pfs_tree_flush(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle)
{
    if (handle->inbox != NULL)
        pfs_handle_closes(tree, handle);
    flush(request, handle, true);
}

/* As a flush, but that nothing is closed: who syncs each write is told apart from who closes. */
void pfs_tree_fsync(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle)
{
    if (handle->inbox != NULL)
        atomic_store(&tree->synced_ms, pfs_clock_monotonic_ms());
    flush(request, handle, false);
}

struct releasing {
    struct pfs_tree *tree;
    struct pfs_handle *handle;
    pfs_done_fn *done;
};

/* The handle goes before the answer: whoever is woken finds nothing unfinished of it. */
static void released(struct pfs_request *request, int64_t result)
{
    struct releasing *r = request->step;
    struct pfs_tree *tree = r->tree;

    unlist(tree, r->handle);
    handle_free(tree, r->handle);
    pfs_park_wake(tree->park, &tree->released);
    pfs_streams_poke(tree->streams);
    request->done = r->done;
    request->step = NULL;
    pfs_free(r);
    request->done(request, result);
}

/* The last act on a handle. Of an inbox it is the end of the transaction, and may wait. */
void pfs_tree_release(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle)
{
    struct releasing *r;

    assert(handle->node != NULL);
    if (handle->inbox == NULL) {
        handle_free(tree, handle);
        request->done(request, 0);
        return;
    }
    r = pfs_zalloc(sizeof(*r));
    if (r == NULL) { /* the handle stays: its rows were acknowledged or refused already */
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory to release a handle"));
        return;
    }
    *r = (struct releasing){tree, handle, request->done};
    request->step = r;
    request->done = released;
    pfs_inbox_release(handle->inbox, request, false);
}
