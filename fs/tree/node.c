/* node.c - nodes: one a path or a view, counted as the kernel counts.
 *
 * A node is in the table by its key, and in the list of those that the kernel was told of by a name; it may be in
 * neither (a scratch, an inbox beside a busy one, a directory that was left). Its count alone keeps it: forget is its
 * only death. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "fs/tree/internal.h"

#define KEY_MAX 1024

static struct pfs_node **place_of(struct pfs_tree *tree, const char *key)
{
    return &tree->bucket[pfs_hash64(key, strlen(key), 1) % PFS_NODE_BUCKETS];
}

static void node_free(struct pfs_node *n)
{
    if (n == NULL)
        return;
    pfs_view_unref(n->view);
    pfs_stream_unref(n->stream);
    pfs_scratch_unref(n->scratch);
    pfs_arena_done(&n->arena);
    pfs_free(n->name);
    pfs_free(n->key);
    pfs_free(n);
}

/* False: the arena is full. */
static bool copy_text(struct pfs_arena *arena, const char **text)
{
    if (*text == NULL)
        return true;
    *text = pfs_arena_string(arena, pfs_str(*text));
    return *text != NULL;
}

static bool copy_texts(struct pfs_arena *arena, const char *const **list, int32_t count)
{
    const char **copy = pfs_arena_array(arena, (size_t)count, sizeof(*copy));
    bool ok = copy != NULL;

    for (int32_t i = 0; ok && i < count; i++) {
        copy[i] = (*list)[i];
        ok = copy_text(arena, &copy[i]);
    }
    *list = copy;
    return ok;
}

static bool copy_specs(struct pfs_arena *arena, const struct pfs_spec **list, int32_t count)
{
    struct pfs_spec *copy = pfs_arena_array(arena, (size_t)count, sizeof(*copy));
    bool ok = copy != NULL;

    for (int32_t i = 0; ok && i < count; i++) {
        copy[i] = (*list)[i];
        ok = copy_text(arena, &copy[i].key) && copy_text(arena, &copy[i].value);
    }
    *list = copy;
    return ok;
}

/* All texts of a place: those of the lookup go with its arena. */
static int copy_place(struct pfs_node *n, const struct pfs_place *from, struct pfs_err *err)
{
    struct pfs_place *p = &n->place;
    const char **text[] = {&p->path,     &p->database, &p->table, &p->branch, &p->tag,
                           &p->when.tag, &p->from,     &p->to,    &p->name,   &p->user};
    bool ok = true;

    *p = *from;
    for (size_t i = 0; ok && i < sizeof(text) / sizeof(text[0]); i++)
        ok = copy_text(&n->arena, text[i]);
    ok = ok && copy_specs(&n->arena, &p->spec, p->specs) && copy_texts(&n->arena, &p->where, p->wheres) &&
         copy_texts(&n->arena, &p->select, p->selects);
    return ok ? 0 : pfs_arena_full(&n->arena, err);
}

/* With texts of its own: the place that is given goes with its lookup. */
static int make_node(const struct pfs_place *place, const char *key, struct pfs_node **out, struct pfs_err *err)
{
    struct pfs_node *n = pfs_zalloc(sizeof(*n));
    int rc;

    if (n == NULL || (key != NULL && (n->key = pfs_strdup(key)) == NULL)) {
        pfs_free(n);
        return pfs_fail(err, ENOMEM, "no memory for a node");
    }
    pfs_arena_init(&n->arena, PFS_ARENA_LIMIT);
    rc = copy_place(n, place, err);
    if (rc < 0) {
        node_free(n);
        return rc;
    }
    *out = n;
    return 0;
}

/* Lock held. */
static struct pfs_node *find(struct pfs_tree *tree, const char *key)
{
    for (struct pfs_node *n = *place_of(tree, key); n != NULL; n = n->chain)
        if (strcmp(n->key, key) == 0)
            return n;
    return NULL;
}

/* Puts the node that was made among the others, unless one of its key is there: then that one. */
static struct pfs_node *enter(struct pfs_tree *tree, struct pfs_node *made)
{
    struct pfs_node *found;

    pthread_mutex_lock(&tree->lock);
    found = made->key != NULL ? find(tree, made->key) : NULL;
    if (found == NULL) {
        found = made;
        made = NULL;
        found->ino = tree->next_ino++;
        atomic_fetch_add(&tree->nodes, 1);
        if (found->key != NULL) {
            found->chain = *place_of(tree, found->key);
            *place_of(tree, found->key) = found;
        }
    }
    assert(found->counts >= 0);
    found->counts++;
    pthread_mutex_unlock(&tree->lock);
    node_free(made);
    return found;
}

/* Two lookups of one key at once give one node; the view of the second is let go. */
int pfs_node_get(struct pfs_tree *tree, const struct pfs_place *place, const char *key, struct pfs_view *view,
                 int64_t mtime_ms, struct pfs_node **out, struct pfs_err *err)
{
    struct pfs_node *made;
    int rc = make_node(place, key, &made, err);

    if (rc < 0) {
        pfs_view_unref(view);
        return rc;
    }
    made->view = view;
    made->mtime_ms = mtime_ms;
    *out = enter(tree, made);
    return 0;
}

int pfs_node_get_stream(struct pfs_tree *tree, const struct pfs_place *place, const char *key,
                        struct pfs_stream *stream, struct pfs_node **out, struct pfs_err *err)
{
    struct pfs_node *made;
    int rc = make_node(place, key, &made, err);

    if (rc < 0) {
        pfs_stream_unref(stream);
        return rc;
    }
    made->stream = stream;
    *out = enter(tree, made);
    return 0;
}

/* By the path that a lookup would give it. Too long a path has no node. */
struct pfs_node *pfs_node_find_dir(struct pfs_tree *tree, const struct pfs_node *parent, const char *name)
{
    const char *above = parent->place.path;
    char key[KEY_MAX];
    struct pfs_node *n;

    if (snprintf(key, sizeof(key), "%s%s%s", above, above[0] == '\0' ? "" : "/", name) >= (int)sizeof(key))
        return NULL;
    pthread_mutex_lock(&tree->lock);
    n = find(tree, key);
    if (n != NULL && pfs_node_kind_is_dir(n->place.kind))
        n->counts++;
    else
        n = NULL;
    pthread_mutex_unlock(&tree->lock);
    return n;
}

/* ---- names that move ---- */

/* Lock held. */
static void remove_from_chain(struct pfs_tree *tree, struct pfs_node *node)
{
    struct pfs_node **at = place_of(tree, node->key);

    while (*at != NULL && *at != node)
        at = &(*at)->chain;
    assert(*at == node);
    *at = node->chain;
    node->chain = NULL;
}

static bool is_inbox(const struct pfs_node *n)
{
    return n->place.kind == PFS_NODE_INBOX || n->place.kind == PFS_NODE_OVERWRITE;
}

static bool is_at_or_below(const char *path, const char *above, size_t len)
{
    return strncmp(path, above, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* All nodes are looked at: names move seldom, and nodes are as many as the kernel keeps. */
void pfs_nodes_leave(struct pfs_tree *tree, const char *path)
{
    size_t len = strlen(path);

    pthread_mutex_lock(&tree->lock);
    atomic_fetch_add(&tree->leaves, 1);
    for (size_t i = 0; i < PFS_NODE_BUCKETS; i++) {
        struct pfs_node *next;

        for (struct pfs_node *n = tree->bucket[i]; n != NULL; n = next) {
            next = n->chain;
            if (!(pfs_node_kind_is_dir(n->place.kind) || is_inbox(n)) || !is_at_or_below(n->place.path, path, len))
                continue;
            atomic_store(&n->left, true);
            remove_from_chain(tree, n);
            pfs_free(n->key);
            n->key = NULL;
        }
    }
    pthread_mutex_unlock(&tree->lock);
}

/* ---- inboxes ---- */

#define INBOX_NODES_MAX 16
#define TAKEN_MS 200   /* between a look and the open that it was for */
#define BRIEF_WRITES 2 /* of a handle that was opened for a row */
#define BRIEF_MANY 8   /* so many of them one after the other, the last one a moment ago: more will come */
#define BRIEF_MS 20
#define SYNCED_MS 1000
#define SHARED_MS 100 /* since somebody found an inbox busy: more will */
#define ASKED_AGAIN "\nasked again"
#define ASKED_MS 60000

/* Asking for another name takes several requests, and whoever opens for each row would do so for each row. Only those
 * who sync need a node each: the kernel tells of closes of one inode at the same time. */
static int32_t writers_most(struct pfs_tree *tree)
{
    int64_t now_ms = pfs_clock_monotonic_ms();
    bool brief = atomic_load(&tree->briefs) >= BRIEF_MANY && now_ms - atomic_load(&tree->brief_ms) <= BRIEF_MS;

    return brief && now_ms - atomic_load(&tree->synced_ms) > SYNCED_MS ? INT32_MAX : 1;
}

/* False: others write to it, or are about to. Lock held. */
static bool take(struct pfs_node *n, uint32_t pid, int32_t most)
{
    int64_t now_ms = pfs_clock_monotonic_ms();

    if (n->writers >= most || (most == 1 && n->taker != 0 && n->taker != pid && now_ms - n->taken_ms < TAKEN_MS))
        return false;
    assert(n->writers >= 0);
    n->taker = pid;
    n->taken_ms = now_ms;
    return true;
}

/* Counts a node of that key unless it is busy. NULL: there is none. */
static struct pfs_node *take_free(struct pfs_tree *tree, const char *key, uint32_t pid, bool *busy)
{
    const int32_t most = writers_most(tree);
    struct pfs_node *n;

    pthread_mutex_lock(&tree->lock);
    n = find(tree, key);
    *busy = n != NULL && !take(n, pid, most);
    if (n != NULL && !*busy)
        n->counts++;
    pthread_mutex_unlock(&tree->lock);
    return *busy ? NULL : n;
}

/* The name may have been looked up by somebody else, and kept by the kernel since. */
int pfs_node_check_inbox(struct pfs_tree *tree, struct pfs_node *node, uint32_t pid)
{
    const int32_t most = writers_most(tree);
    bool free, asked;

    PFS_TRY(pfs_node_here(node));
    pthread_mutex_lock(&tree->lock);
    free = take(node, pid, most);
    pthread_mutex_unlock(&tree->lock);
    asked = pfs_hidden_take(tree, ASKED_AGAIN, pid);
    if (!free)
        atomic_store(&tree->shared_ms, pfs_clock_monotonic_ms());
    if (free || asked) /* the kernel asks again once: the second answer has to do */
        return 0;
    return pfs_hidden_try_add(tree, ASKED_AGAIN, pid, ASKED_MS) ? -ESTALE : 0;
}

bool pfs_node_is_asked_again(struct pfs_tree *tree, uint32_t pid)
{
    return pid != 0 && pfs_hidden_is(tree, ASKED_AGAIN, pid); /* 0: any process of another namespace */
}

/* The keys of an inbox's nodes differ in one letter. */
static int inbox_key(const struct pfs_place *place, struct pfs_buf *key, struct pfs_err *err)
{
    pfs_buf_printf(key, "%s\n?", place->path);
    pfs_buf_putc(key, 0);
    return pfs_buf_check(key, err);
}

static const char *key_of(struct pfs_buf *key, int index)
{
    assert(index >= 0 && index < INBOX_NODES_MAX);
    assert(key->len >= 2);
    key->at[key->len - 2] = (uint8_t)('a' + index);
    return (const char *)key->at;
}

/* One that the kernel still keeps and nobody writes to; else *missing is the first that there could be, -1 for none. */
static struct pfs_node *find_idle(struct pfs_tree *tree, struct pfs_buf *key, uint32_t pid, int *missing)
{
    struct pfs_node *found = NULL;

    *missing = -1;
    for (int i = 0; found == NULL && i < INBOX_NODES_MAX; i++) {
        bool busy;

        found = take_free(tree, key_of(key, i), pid, &busy);
        if (busy)
            atomic_store(&tree->shared_ms, pfs_clock_monotonic_ms());
        else if (found == NULL && *missing < 0)
            *missing = i;
    }
    return found;
}

/* Beyond INBOX_NODES_MAX a node belongs to one open alone: it has no key, and is never found again. */
int pfs_node_get_inbox(struct pfs_tree *tree, const struct pfs_place *place, uint32_t pid, struct pfs_node **out,
                       bool *shared, struct pfs_err *err)
{
    struct pfs_buf key = {0};
    int missing, rc;

    *out = NULL;
    rc = inbox_key(place, &key, err);
    if (rc == 0)
        *out = find_idle(tree, &key, pid, &missing);
    if (rc == 0 && *out == NULL) {
        rc = pfs_node_get(tree, place, missing < 0 ? NULL : key_of(&key, missing), NULL, 0, out, err);
        if (rc == 0) {
            pthread_mutex_lock(&tree->lock);
            (*out)->taker = pid;
            (*out)->taken_ms = pfs_clock_monotonic_ms();
            pthread_mutex_unlock(&tree->lock);
        }
    }
    *shared = pfs_clock_monotonic_ms() - atomic_load(&tree->shared_ms) < SHARED_MS;
    pfs_buf_done(&key);
    return rc;
}

/* Of one write each, by the same process. */
static void count_row(struct pfs_tree *tree, struct pfs_node *n, const struct pfs_handle *handle, int64_t now_ms)
{
    const bool row = atomic_load(&handle->writes) == 1;

    pthread_mutex_lock(&tree->lock);
    if (!row || n->row_pid != handle->pid || now_ms - n->row_ms > BRIEF_MS)
        n->rows = 0;
    n->rows += row && n->rows < BRIEF_MANY;
    n->row_pid = handle->pid;
    n->row_ms = now_ms;
    pthread_mutex_unlock(&tree->lock);
}

bool pfs_node_takes_a_row(struct pfs_tree *tree, const struct pfs_node *node, uint32_t pid)
{
    bool takes;

    pthread_mutex_lock(&tree->lock);
    takes = pid != 0 && node->row_pid == pid && node->rows >= BRIEF_MANY &&
            pfs_clock_monotonic_ms() - node->row_ms <= BRIEF_MS;
    pthread_mutex_unlock(&tree->lock);
    return takes;
}

/* Handles of a write or two, closed one right after the other: somebody opens for each row. */
void pfs_handle_closes(struct pfs_tree *tree, struct pfs_handle *handle)
{
    int64_t now_ms = pfs_clock_monotonic_ms();
    bool follows = now_ms - atomic_exchange(&tree->brief_ms, now_ms) <= BRIEF_MS;

    if (atomic_load(&handle->writes) > BRIEF_WRITES || !follows)
        atomic_store(&tree->briefs, 0);
    else if (atomic_load(&tree->briefs) < BRIEF_MANY)
        atomic_fetch_add(&tree->briefs, 1);
    count_row(tree, handle->node, handle, now_ms);
    pfs_handle_writes(tree, handle, false);
}

/* Once each way: a flush says that it does not any more, a write that it does. */
void pfs_handle_writes(struct pfs_tree *tree, struct pfs_handle *handle, bool writes)
{
    if (atomic_exchange(&handle->writing, writes) == writes)
        return;
    pthread_mutex_lock(&tree->lock);
    handle->node->writers += writes ? 1 : -1;
    assert(handle->node->writers >= 0);
    if (!writes && handle->node->writers == 0)
        handle->node->taker = 0;
    pthread_mutex_unlock(&tree->lock);
}

/* ---- names to be given back ---- */

#define NODES_MIN 1024
#define NODES_MAX 65536
#define NODES_SHARE 4                /* of the budget */
#define NODE_BYTES ((size_t)8 << 10) /* with its view, about */
#define BUDGET_DEFAULT ((size_t)256 << 20)

/* A share of the budget, since a node keeps its view and that a state. */
static int64_t nodes_most(const struct pfs_tree *tree)
{
    size_t budget = tree->config.memory_bytes > 0 ? tree->config.memory_bytes : BUDGET_DEFAULT;
    int64_t most = (int64_t)(budget / NODES_SHARE / NODE_BYTES);

    return most < NODES_MIN ? NODES_MIN : most > NODES_MAX ? NODES_MAX : most;
}

/* Out of the list of names that were told. Lock held. */
static void unlink_node(struct pfs_tree *tree, struct pfs_node *n)
{
    if (n->name == NULL)
        return;
    *(n->earlier != NULL ? &n->earlier->later : &tree->earliest) = n->later;
    *(n->later != NULL ? &n->later->earlier : &tree->latest) = n->earlier;
    n->earlier = n->later = NULL;
}

static void link_latest(struct pfs_tree *tree, struct pfs_node *n)
{
    assert(n->name != NULL);
    assert(n->earlier == NULL && n->later == NULL);
    n->earlier = tree->latest;
    *(tree->latest != NULL ? &tree->latest->later : &tree->earliest) = n;
    tree->latest = n;
}

/* The newest name counts: a node of several names is asked for by the one that was used last. */
void pfs_tree_named(struct pfs_tree *tree, struct pfs_node *node, uint64_t parent, const char *name)
{
    pthread_mutex_lock(&tree->lock);
    unlink_node(tree, node);
    if (node->name == NULL || strcmp(node->name, name) != 0) {
        pfs_free(node->name);
        node->name = pfs_strdup(name);
    }
    node->parent = parent;
    node->asked = 0;
    if (node->name != NULL) /* without memory it stays until the kernel gives it back by itself */
        link_latest(tree, node);
    pthread_mutex_unlock(&tree->lock);
}

bool pfs_tree_is_crowded(struct pfs_tree *tree)
{
    return atomic_load(&tree->nodes) > nodes_most(tree);
}

/* From the one that was told longest ago on, each once in a round: what the kernel does not let go of, as a file that
 * is open, is not asked for again while there are others. Lock held. */
static int take_names(struct pfs_tree *tree, bool directories, int64_t most, struct pfs_given *out)
{
    struct pfs_node *last = tree->latest, *next;
    int count = 0;

    for (struct pfs_node *n = tree->earliest; n != NULL && count < most; n = n == last ? NULL : next) {
        next = n->later;
        if (pfs_node_kind_is_dir(n->place.kind) != directories || n->asked == tree->round + 1)
            continue;
        out[count].parent = n->parent;
        (void)snprintf(out[count++].name, sizeof(out->name), "%s", n->name);
        n->asked = tree->round + 1;
        if (n == last)
            break;
        unlink_node(tree, n);
        link_latest(tree, n);
    }
    return count;
}

int pfs_tree_give_back(struct pfs_tree *tree, struct pfs_given out[static PFS_GIVEN_MAX])
{
    int64_t over = atomic_load(&tree->nodes) - nodes_most(tree);
    int count;

    if (over <= 0)
        return 0;
    over = over < PFS_GIVEN_MAX ? over : PFS_GIVEN_MAX;
    pthread_mutex_lock(&tree->lock);
    count = take_names(tree, false, over, out);
    if (count == 0)
        count = take_names(tree, true, over, out);
    if (count == 0)
        tree->round++;
    pthread_mutex_unlock(&tree->lock);
    return count;
}

/* The count is the kernel's: how many lookups were answered with the node. */
void pfs_tree_forget(struct pfs_tree *tree, struct pfs_node *node, uint64_t count)
{
    bool gone;

    if (node == tree->root)
        return;
    pthread_mutex_lock(&tree->lock);
    node->counts -= (int64_t)count;
    gone = node->counts <= 0;
    if (gone && node->key != NULL)
        remove_from_chain(tree, node);
    if (gone)
        unlink_node(tree, node);
    pthread_mutex_unlock(&tree->lock);
    if (gone) {
        atomic_fetch_sub(&tree->nodes, 1);
        node_free(node);
    }
}

struct pfs_node *pfs_tree_root(struct pfs_tree *tree)
{
    return tree->root;
}

/* Modes say what makes sense, not who may: that is the kernel's to check when it is asked to. */
void pfs_node_attr(struct pfs_tree *tree, struct pfs_node *node, struct pfs_attr *out)
{
    enum pfs_node_kind kind = node->place.kind;
    bool inbox = kind == PFS_NODE_INBOX || kind == PFS_NODE_OVERWRITE;
    bool writable = inbox || kind == PFS_NODE_SQL || kind == PFS_NODE_CONSUMER || kind == PFS_NODE_SCRATCH ||
                    kind == PFS_NODE_OPTIONS;
    uint32_t mode = inbox ? 0222 : writable ? 0666 : pfs_node_kind_is_dir(kind) ? 0777 : 0444;

    if (tree->config.read_only)
        mode &= 0555u;
    assert(node->ino != 0);
    *out = (struct pfs_attr){.ino = node->ino,
                             .mode = (mode & ~tree->config.umask) | (pfs_node_kind_is_dir(kind) ? S_IFDIR : S_IFREG),
                             .links = pfs_node_kind_is_dir(kind) ? 2 : 1,
                             .uid = tree->config.uid,
                             .gid = tree->config.gid,
                             .exact = true,
                             .mtime_ns = (node->mtime_ms != 0 ? node->mtime_ms : tree->started_ms) * 1000000};
    if (pfs_place_is_whole(&node->place))
        out->exact = false; /* it may be dropped: asked for each time */
    if (node->stream != NULL) {
        struct pfs_stream_facts facts = pfs_stream_facts(node->stream);

        out->size = facts.size;
        out->exact = false; /* it grows: asked for each time */
        if (facts.mtime_ms != 0)
            out->mtime_ns = facts.mtime_ms * 1000000;
    }
    if (node->scratch != NULL) {
        out->size = pfs_scratch_size(node->scratch);
        out->exact = false; /* written to */
    }
    if (node->view != NULL) {
        out->exact = pfs_view_try_size(node->view, &out->size);
        if (out->exact)
            atomic_store(&node->told, true);
    }
}
