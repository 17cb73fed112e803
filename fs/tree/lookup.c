/* lookup.c - from a name to a node: what exists, which snapshot a view shows now, and how long a caller waits for its
 * size.
 *
 * A lookup of a view waits a moment for the exact size, so that small views are known at once. A slow one is answered
 * with a bound that must not be cached; stat then asks for attributes, and that request waits as long as the render
 * takes, alone and interruptible. (The kernel makes all lookups of one name wait for the first, uninterruptibly: a long
 * wait has no place here.)
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "fs/render/render.h"
#include "fs/tree/caretaker_text.h"
#include "fs/tree/internal.h"
#include "fs/tree/pending.h"

#define PARQUET_VIEW 2 /* in keys, beside enum pfs_text */
#define LOOKUP_WAIT_MS 60
#define RELEASE_WAIT_MS 100
#define DIRECTORY_VALID_MS 1000
#define DOUBTS_MAX 3

struct lookup {
    struct pfs_waiter waiter; /* first */
    struct pfs_tree *tree;
    struct pfs_request *request;
    pfs_done_fn *done; /* the request's own */
    struct pfs_entry *out;
    struct pfs_arena arena;
    struct pfs_place place;
    struct pfs_node *node;
    uint64_t size;
    int again;       /* streams that may turn out to be over */
    bool hasty;      /* rows that wait for their commit are merged in, not waited for */
    bool haste_over; /* that was tried, after handles had been released too */
    int doubts;      /* how often another engine seemed to have replaced a snapshot of ours */
    long long leaves;
    void *step; /* the caller's */
};

/* The sentence gets the path once, here: below nobody says it. */
static void finish(struct lookup *l, int64_t result)
{
    struct pfs_request *request = l->request;

    if (result < 0 && l->node != NULL)
        pfs_tree_forget(l->tree, l->node, 1);
    if (result < 0 && request->err.code != 0 && l->place.path != NULL)
        (void)pfs_wrap(&request->err, "%s", l->place.path);
    pfs_arena_done(&l->arena);
    request->done = l->done;
    request->step = l->step;
    pfs_free(l);
    request->done(request, result);
}

/* ---- views ---- */

/* Also when the size is not known in time: then the attributes say a bound, and are asked for again. */
static void sized(struct pfs_request *request, int64_t result)
{
    struct lookup *l = request->step;

    assert(result < 0 || l->node != NULL);
    if (result == 0 || result == -ETIMEDOUT) {
        *l->out = (struct pfs_entry){.node = l->node};
        pfs_node_attr(l->tree, l->node, &l->out->attr);
        result = 0;
    }
    finish(l, result);
}

/* Views of merged rows are the same for latest.csv, 41.csv and @<time>.csv: the name of the leaf does not count. */
static const char *view_key(struct lookup *l, const char *identity)
{
    const char *path = l->place.path;
    size_t len = l->place.kind == PFS_NODE_VIEW ? (size_t)(strrchr(path, '/') - path) : strlen(path);

    assert(identity != NULL);
    return pfs_arena_printf(&l->arena, "%.*s|%s|%d", (int)len, path, identity,
                            l->place.parquet ? PARQUET_VIEW : (int)l->place.format);
}

/* May what was found just now lack rows that were acknowledged, since another engine has put its snapshot in the place
 * of ours? Asked after the look: what is replaced later is in it. */
static bool is_doubtful(struct lookup *l, struct pfs_table *table)
{
    if (l->tree->ingest == NULL || pfs_place_is_frozen(&l->place) || l->doubts == DOUBTS_MAX ||
        !pfs_ingest_is_doubtful(l->tree->ingest, table))
        return false;
    l->doubts++;
    return true;
}

/* The node of the view that the place shows now. Bare -EAGAIN: it is to be looked for again, after a commit. */
static int find_view(struct lookup *l, struct pfs_err *err)
{
    struct pfs_looking looking = {.place = &l->place,
                                  .pool = l->tree->config.pool,
                                  .arena = &l->arena,
                                  .locals = l->tree->locals,
                                  .ingest = l->hasty ? l->tree->ingest : NULL,
                                  .budget = pfs_tree_budget(l->tree)};
    struct pfs_shown shown = {0};
    struct pfs_view *view;
    const char *key;
    int rc;

    PFS_TRY(pfs_tree_table(l->tree, &l->place, &looking.table, err));
    rc = pfs_render_find(&looking, &shown, err);
    if ((rc == 0 || rc == -ENOENT) && is_doubtful(l, looking.table)) {
        if (rc == 0)
            shown.source.release(shown.source.context);
        *err = (struct pfs_err){0};
        rc = -EAGAIN;
    }
    pfs_table_unref(looking.table);
    if (rc < 0)
        return rc;
    assert(shown.source.release != NULL);
    key = view_key(l, shown.identity);
    if (key == NULL) {
        shown.source.release(shown.source.context);
        return pfs_arena_full(&l->arena, err);
    }
    PFS_TRY(pfs_views_get(l->tree->views, key, &shown.source, &view, err));
    PFS_TRY(pfs_node_get(l->tree, &l->place, key, view, shown.mtime_ms, &l->node, err));
    if (l->place.kind == PFS_NODE_CONSUMER) { /* the same for each node of that key */
        pthread_mutex_lock(&l->tree->lock);
        l->node->seen = shown.seen;
        l->node->after = shown.after;
        pthread_mutex_unlock(&l->tree->lock);
    }
    return 0;
}

/* ---- files that grow ---- */

/* Bare -EAGAIN: as find_view, but it is asked before: a stream goes on to what comes later. A stream that is over keeps
 * its readers, and its node: the serial tells it from the one that the name shows now. */
static int find_stream(struct lookup *l, struct pfs_err *err)
{
    struct pfs_looking looking = {
        .place = &l->place, .pool = l->tree->config.pool, .arena = &l->arena, .budget = pfs_tree_budget(l->tree)};
    struct pfs_stream_source source;
    struct pfs_stream *stream;
    const char *key;
    int rc;

    PFS_TRY(pfs_tree_table(l->tree, &l->place, &looking.table, err));
    rc = is_doubtful(l, looking.table) ? -EAGAIN : pfs_find_stream(&looking, false, &key, &source, err);
    pfs_table_unref(looking.table);
    if (rc < 0)
        return rc;
    assert(key != NULL && source.grow != NULL);
    PFS_TRY(pfs_streams_get(l->tree->streams, key, &source, &stream, err));
    key = pfs_arena_printf(&l->arena, "%s|%llu", key, (unsigned long long)pfs_stream_facts(stream).serial);
    if (key == NULL) {
        pfs_stream_unref(stream);
        return pfs_arena_full(&l->arena, err);
    }
    return pfs_node_get_stream(l->tree, &l->place, key, stream, &l->node, err);
}

static void submit(struct lookup *l);

/* One that turns out to be over is looked for again: a new one has begun then. */
static void grown(struct pfs_request *request, int64_t result)
{
    struct lookup *l = request->step;

    if (result == 0 && l->again > 0 && pfs_stream_facts(l->node->stream).over) {
        pfs_tree_forget(l->tree, l->node, 1);
        l->node = NULL;
        l->again--;
        submit(l);
        return;
    }
    sized(request, result);
}

/* ---- small files ---- */

/* Figures that the daemon does not count itself are the tree's. */
static int print_daemon(struct lookup *l, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_daemon_facts facts = {.nodes = atomic_load(&l->tree->nodes),
                                     .handles = atomic_load(&l->tree->handles),
                                     .tables = pfs_catalog_open_tables(l->tree->config.catalog),
                                     .caretaker = l->tree->caretaker};

    pthread_mutex_lock(&l->tree->lock);
    for (const struct pfs_handle *h = l->tree->inboxes; h != NULL; h = h->next)
        facts.inboxes++;
    pthread_mutex_unlock(&l->tree->lock);
    return pfs_daemon_print(l->tree->daemon, l->place.name, &facts, out, err);
}

/* What waits in this process, at the end of status.json. */
static void print_pending(struct lookup *l, struct pfs_table *table, struct pfs_buf *out)
{
    int64_t rows, bytes;

    if (l->tree->ingest == NULL || out->len < 2 || memcmp(out->at + out->len - 2, "}\n", 2) != 0)
        return;
    pfs_ingest_pending(l->tree->ingest, table, &rows, &bytes);
    out->len -= 2;
    pfs_buf_printf(out, ",\"rows_pending\":%lld,\"bytes_pending\":%lld", (long long)rows, (long long)bytes);
    pfs_caretaker_text_status(l->tree->caretaker, table, out);
    pfs_buf_puts(out, "}\n");
}

static int print_text(struct lookup *l, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_errors *errors;
    struct pfs_table *table;
    int rc;

    if (l->place.kind == PFS_NODE_DAEMON_FILE)
        return print_daemon(l, out, err);
    PFS_TRY(pfs_tree_table(l->tree, &l->place, &table, err));
    rc = pfs_tree_errors(l->tree, &l->place, &errors, err);
    if (rc == 0)
        rc = pfs_control_print(&l->place, table, errors, out, err);
    if (rc == 0 && l->place.kind == PFS_NODE_STATUS)
        print_pending(l, table, out);
    pfs_table_unref(table);
    return rc;
}

/* Made anew at each lookup, and a node of its own for each text: whoever has it open goes on reading the old one. */
static int find_text(struct lookup *l, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    struct pfs_view *view;
    const char *key = NULL;
    int rc = print_text(l, &text, err);

    if (rc == 0) {
        key = pfs_arena_printf(&l->arena, "%s|%zu-%016llx", l->place.path, text.len,
                               (unsigned long long)pfs_hash64(text.at, text.len, 0));
        rc = key == NULL ? pfs_arena_full(&l->arena, err) : 0;
    }
    if (rc == 0)
        rc = pfs_views_put(l->tree->views, key, pfs_buf_slice(&text), &view, err);
    pfs_buf_done(&text);
    return rc < 0 ? rc
                  : pfs_node_get(l->tree, &l->place, key, view, pfs_clock_now_ms(l->tree->config.clock), &l->node, err);
}

static void look_for_view(struct lookup *l);

/* On the pool: metadata is read here, not by the caller's thread. */
static void find_task(void *context)
{
    struct lookup *l = context;
    struct pfs_request *request = l->request;
    /* A consumer shows a view, which moves on as it is read. */
    enum pfs_node_class class = l->place.kind == PFS_NODE_CONSUMER ? PFS_CLASS_VIEW : pfs_node_class(l->place.kind);
    int rc = class == PFS_CLASS_VIEW     ? find_view(l, &request->err)
             : class == PFS_CLASS_STREAM ? find_stream(l, &request->err)
                                         : find_text(l, &request->err);

    if (rc == -EAGAIN && request->err.code == 0) {
        l->hasty = false;
        look_for_view(l);
        return;
    }
    if (rc < 0) {
        finish(l, rc);
        return;
    }
    request->step = l;
    request->done = class == PFS_CLASS_STREAM ? grown : sized;
    if (class == PFS_CLASS_STREAM)
        pfs_stream_settle(l->node->stream, request, LOOKUP_WAIT_MS);
    else if (l->tree->config.pours)
        sized(request, -ETIMEDOUT);
    else
        pfs_view_size(l->node->view, request, &l->size, LOOKUP_WAIT_MS);
}

static void submit(struct lookup *l)
{
    if (l->tree->config.pool == NULL || pfs_pool_submit(l->tree->config.pool, true, find_task, l) < 0)
        find_task(l);
}

/* ---- a handle that was flushed and not yet released has its last line to come ---- */

/* Only for a moment, and only where the last line is still to come: what a handle has flushed is committed without it.
 */
static bool has_unfinished(struct pfs_tree *tree, const char *table)
{
    bool found = false;

    pthread_mutex_lock(&tree->lock);
    for (struct pfs_handle *h = tree->inboxes; h != NULL && !found; h = h->next)
        found = strcmp(h->table, table) == 0 && pfs_inbox_unfinished(h->inbox);
    pthread_mutex_unlock(&tree->lock);
    return found;
}

static void commit_first(struct lookup *l);

/* The handle was released, or takes longer than a moment: what it has acknowledged is committed in either case. A look
 * at a key tries once more without a commit. */
static void release_woken(struct pfs_waiter *waiter, enum pfs_wake why)
{
    struct lookup *l = (struct lookup *)waiter;

    if (why == PFS_WAKE_INTERRUPT) {
        finish(l, -EINTR);
    } else if (l->place.kind == PFS_NODE_KEY && !l->haste_over) {
        l->hasty = l->haste_over = true;
        submit(l);
    } else {
        commit_first(l);
    }
}

/* What was acknowledged is in a snapshot now, or it cannot be. */
static void committed(struct pfs_request *request, int64_t result)
{
    struct lookup *l = request->step;

    if (result < 0)
        finish(l, result);
    else
        submit(l);
}

/* On the pool: the table is opened here. */
static void commit_task(void *context)
{
    struct lookup *l = context;
    struct pfs_request *request = l->request;
    struct pfs_table *table;
    int rc = pfs_tree_table(l->tree, &l->place, &table, &request->err);

    if (rc < 0) {
        finish(l, rc);
        return;
    }
    request->step = l;
    request->done = committed;
    pfs_pending_commit(l->tree, request, table, PFS_INGEST_SOON);
    pfs_table_unref(table);
}

/* A view shows all that was acknowledged. */
static void commit_first(struct lookup *l)
{
    if (l->tree->ingest == NULL || pfs_place_is_frozen(&l->place))
        submit(l);
    else if (l->tree->config.pool == NULL || pfs_pool_submit(l->tree->config.pool, true, commit_task, l) < 0)
        commit_task(l);
}

/* First the last line of a handle that is about to be released, then the commit, then the view. */
static void look_for_view(struct lookup *l)
{
    const char *table = pfs_place_table(&l->place, &l->arena);
    bool parked = false;

    if (table != NULL && has_unfinished(l->tree, table)) {
        l->waiter.wake = release_woken;
        l->waiter.request = l->request;
        l->waiter.deadline_ms = pfs_clock_monotonic_ms() + RELEASE_WAIT_MS;
        pfs_park_lock(l->tree->park);
        parked = pfs_park_add(l->tree->park, &l->tree->released, &l->waiter);
        pfs_park_unlock(l->tree->park);
    }
    if (!parked)
        commit_first(l);
}

/* ---- directories, inbox, sql ---- */

/* Are the columns and conditions of the path the schema's? */
static int check_refined(const struct pfs_place *p, const struct pfs_schema *schema, struct pfs_err *err)
{
    const struct pfs_condition *condition;
    struct pfs_partition_value *value;
    struct pfs_arena arena;
    int32_t *column, columns;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_place_partitions(p, schema, &arena, &value, err);
    if (rc == 0)
        rc = pfs_place_columns(p, schema, &arena, &column, &columns, err);
    if (rc == 0)
        rc = pfs_place_condition(p, schema, &arena, &condition, err);
    pfs_arena_done(&arena);
    return rc;
}

/* The newest columns are those of changes and of what is written; rows may be shown with others, when the table's
 * options pin reads. A path that makes sense with either of them leads somewhere. */
static int check_newest(struct pfs_table *table, const struct pfs_place *p, struct pfs_err *err)
{
    const struct pfs_schema *newest, *shown;
    struct pfs_err refused = {0};
    int rc;

    PFS_TRY(pfs_table_schema(table, &newest, err));
    rc = check_refined(p, newest, &refused);
    if (rc == -EINVAL && pfs_table_schema_at(table, pfs_place_shown(p), &shown, NULL) == 0 && shown != newest &&
        check_refined(p, shown, NULL) == 0)
        return 0;
    if (rc < 0)
        *err = refused;
    return rc;
}

/* What a path says is looked up in the table: a tag that is not there, a column or a condition that is none is told by
 * the directory's own lookup, and not first by its leaves. */
int pfs_place_check(struct pfs_tree *tree, const struct pfs_place *p, struct pfs_err *err)
{
    struct pfs_table *table;
    struct pfs_state *state;
    int rc = 0;

    if (p->kind == PFS_NODE_SQL && p->database == NULL)
        return 0;
    if (p->kind == PFS_NODE_DAEMON)
        return 0;
    if (p->table == NULL)
        return pfs_catalog_has_database(tree->config.catalog, p->database) ? 0 : -ENOENT;
    PFS_TRY(pfs_tree_table(tree, p, &table, err));
    if (!pfs_place_is_frozen(p)) {
        if (p->specs > 0 || p->selects > 0 || p->wheres > 0)
            rc = check_newest(table, p, err);
        pfs_table_unref(table);
        return rc;
    }
    rc = pfs_table_state(table, pfs_place_when(p), &state, err);
    pfs_table_unref(table);
    if (rc < 0)
        return rc;
    rc = check_refined(p, state->schema, err);
    pfs_state_unref(state);
    return rc;
}

bool pfs_place_is_whole(const struct pfs_place *place)
{
    return place->kind == PFS_NODE_PLACE && place->specs == 0 && place->wheres == 0 && place->selects == 0 &&
           !pfs_place_is_frozen(place);
}

/* Names of directories last a second in the kernel, which is what a commit elsewhere may take to show; what may be
 * gone any time is asked for each time. */
static int find_plain(struct lookup *l, struct pfs_err *err)
{
    bool inbox = l->place.kind == PFS_NODE_INBOX || l->place.kind == PFS_NODE_OVERWRITE;
    bool moved, shared = false;

    if (!inbox || !pfs_node_is_asked_again(l->tree, l->request->pid))
        PFS_TRY(pfs_place_check(l->tree, &l->place, err));
    if (inbox && pfs_hidden_take(l->tree, l->place.path, l->request->pid))
        return -ENOENT;
    PFS_TRY(inbox ? pfs_node_get_inbox(l->tree, &l->place, l->request->pid, &l->node, &shared, err)
                  : pfs_node_get(l->tree, &l->place, l->place.path, NULL, 0, &l->node, err));
    moved = atomic_load(&l->tree->leaves) != l->leaves;
    /* Tags come and go: their names are asked for each time. */
    *l->out = (struct pfs_entry){
        .node = l->node, .valid_ms = moved || shared || pfs_place_is_frozen(&l->place) ? 0 : DIRECTORY_VALID_MS};
    pfs_node_attr(l->tree, l->node, &l->out->attr);
    return 0;
}

/* On the way to an inbox that the kernel asks for again: the directory is known, and was there a moment ago. */
static bool find_again(struct pfs_tree *tree, const struct pfs_node *parent, const char *name, long long leaves,
                       struct pfs_entry *out)
{
    struct pfs_node *node = pfs_node_find_dir(tree, parent, name);
    bool lasts;

    if (node == NULL)
        return false;
    lasts = atomic_load(&tree->leaves) == leaves && !pfs_place_is_frozen(&node->place);
    *out = (struct pfs_entry){.node = node, .valid_ms = lasts ? DIRECTORY_VALID_MS : 0};
    pfs_node_attr(tree, node, &out->attr);
    return true;
}

/* What needs no table is answered here; metadata is read on the pool, and views wait for what was acknowledged first.
 */
void pfs_tree_lookup(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                     struct pfs_entry *out)
{
    long long leaves = atomic_load(&tree->leaves); /* before the parent is looked at */
    int rc = pfs_node_here(parent);
    struct lookup *l;

    if (rc == 0 && pfs_node_is_asked_again(tree, request->pid) && find_again(tree, parent, name, leaves, out)) {
        request->done(request, 0);
        return;
    }
    if (rc == 0)
        rc = parent->place.kind == PFS_NODE_PLACE ? pfs_scratch_find(tree, parent, name, out, &request->err) : -ENOENT;
    if (rc != -ENOENT) {
        request->done(request, rc);
        return;
    }
    l = pfs_zalloc(sizeof(*l));
    if (l == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a lookup"));
        return;
    }
    l->tree = tree;
    l->request = request;
    l->done = request->done;
    l->step = request->step;
    l->out = out;
    l->leaves = leaves;
    pfs_arena_init(&l->arena, PFS_ARENA_LIMIT);
    rc = pfs_place_child(&parent->place, name, &l->arena, &l->place, &request->err);
    if (rc < 0) {
        if (request->err.code != 0)
            (void)pfs_wrap(&request->err, "%s", parent->place.path);
        finish(l, rc);
        return;
    }
    switch (pfs_node_class(l->place.kind)) {
    case PFS_CLASS_VIEW:
        l->hasty = l->place.kind == PFS_NODE_KEY && tree->ingest != NULL && !pfs_place_is_frozen(&l->place);
        if (l->hasty)
            submit(l);
        else
            look_for_view(l);
        return;
    case PFS_CLASS_TEXT:
        submit(l);
        return;
    case PFS_CLASS_STREAM:
        if (l->place.kind == PFS_NODE_PIPE)
            break;
        l->again = 2;
        look_for_view(l);
        return;
    case PFS_CLASS_DIR:
    case PFS_CLASS_WRITE:
        break;
    }
    finish(l, find_plain(l, &request->err));
}

/* ---- attributes ---- */

struct asking {
    struct pfs_tree *tree;
    struct pfs_node *node;
    pfs_done_fn *done;
    struct pfs_attr *out;
    uint64_t size;
};

/* The request waits for the size as long as the rendering takes, alone: see the head. */
static void measured(struct pfs_request *request, int64_t result)
{
    struct asking *a = request->step;

    if (result == 0)
        pfs_node_attr(a->tree, a->node, a->out);
    request->done = a->done;
    request->step = NULL;
    pfs_free(a);
    request->done(request, result);
}

void pfs_tree_getattr(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, struct pfs_attr *out)
{
    struct asking *a;
    int rc;

    pfs_node_attr(tree, node, out);
    if (pfs_node_kind_is_dir(node->place.kind)) {
        rc = pfs_node_here(node);
        if (rc == 0 && pfs_place_is_whole(&node->place))
            rc = pfs_place_check(tree, &node->place, &request->err);
        request->done(request, rc);
        return;
    }
    if ((out->exact && node->stream == NULL) || node->scratch != NULL) {
        request->done(request, 0);
        return;
    }
    a = pfs_zalloc(sizeof(*a));
    if (a == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    assert(node->stream != NULL || node->view != NULL);
    *a = (struct asking){tree, node, request->done, out, 0};
    request->step = a;
    request->done = measured;
    if (node->stream != NULL)
        pfs_stream_settle(node->stream, request, 0);
    else
        pfs_view_size(node->view, request, &a->size, 0);
}

/* Truncation of an inbox means nothing: `>` sends one before the first write. */
void pfs_tree_setattr(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *node, uint64_t size,
                      bool set_size, struct pfs_attr *out)
{
    int rc = set_size && node->scratch != NULL ? pfs_scratch_truncate(node->scratch, size, &request->err) : 0;

    if (rc < 0) {
        request->done(request, rc);
        return;
    }
    if (set_size && pfs_node_class(node->place.kind) != PFS_CLASS_WRITE && node->place.kind != PFS_NODE_CONSUMER &&
        node->place.kind != PFS_NODE_OPTIONS) {
        request->done(request, pfs_fail(&request->err, EROFS, "%s cannot be truncated", node->place.path));
        return;
    }
    pfs_tree_getattr(tree, request, node, out);
}
