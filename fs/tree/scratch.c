/* scratch.c - files for a moment, kept by name in one short list. A reference is the list's, one each node's and one
 * that of whoever moves it; its bytes lie in a file without a name, which goes with the last of them. */
#include "fs/tree/scratch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/tree/internal.h"
#include "fs/tree/settings.h"
#include "fs/view/spool.h"

#define PIECE ((size_t)1 << 20)

struct pfs_scratch {
    atomic_int refs;
    uint64_t serial;
    int fd;
    char *path;               /* guarded by the tree's lock */
    struct pfs_scratch *next; /* newest first; guarded by the tree's lock */
};

void pfs_scratch_unref(struct pfs_scratch *scratch)
{
    int before = scratch == NULL ? 0 : atomic_fetch_sub(&scratch->refs, 1);

    assert(scratch == NULL || before > 0);
    if (before != 1)
        return;
    close(scratch->fd);
    pfs_free(scratch->path);
    pfs_free(scratch);
}

void pfs_scratches_done(struct pfs_tree *tree)
{
    while (tree->scratches != NULL) {
        struct pfs_scratch *gone = tree->scratches;

        tree->scratches = gone->next;
        pfs_scratch_unref(gone);
    }
}

/* ---- names ---- */

static bool is_word(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((name[i] >= '0' && name[i] <= '9') || ((name[i] | 0x20) >= 'a' && (name[i] | 0x20) <= 'z')))
            return false;
    return true;
}

/* Editing in place has names of its own: sed and six characters, of perl XX and six. */
static bool is_of_stream_editor(const char *name)
{
    size_t len = strlen(name);

    return is_word(name, len) &&
           ((len == 9 && strncmp(name, "sed", 3) == 0) || (len == 8 && strncmp(name, "XX", 2) == 0));
}

/* Rows that somebody means for the table, under a name that no writer renames: inbox.tsv, inbox.csv.gz, inbox2,
 * inbox.debezium.json, and what split makes of a prefix. Members are not asked about here. They would be taken and be
 * nowhere, so that no such file can be made. */
static bool is_mistaken(const char *name)
{
    static const char *const format[] = {"csv", "json", "jsonl", "ndjson", "parquet", "debezium", "canal", "maxwell",
                                         "tsv", "tab",  "psv",   "txt",    "orc",     "avro",     "xml",   "xlsx",
                                         "log", "dat",  "data",  "gz",     "bz2",     "xz",       "zst",   "zip"};
    static const char *const member[] = {"inbox", "overwrite"};
    const char *dot = strrchr(name, '.');

    for (size_t m = 0; m < sizeof(member) / sizeof(member[0]); m++) {
        size_t len = strlen(member[m]), more = strlen(name) - len;

        if (strncmp(name, member[m], len) != 0)
            continue;
        if (name[len] == '@' || (more <= 3 && is_word(name + len, more)))
            return true;
        for (size_t i = 0; dot != NULL && i < sizeof(format) / sizeof(format[0]); i++)
            if (strcmp(dot + 1, format[i]) == 0)
                return true;
    }
    return false;
}

/* The member that the name is made for; NULL = none. Editors and engines put the target's name into that of their
 * temporary, which is how they are told from files that have no business here. */
static const char *meant_for(const char *name)
{
    if (is_mistaken(name))
        return NULL;
    if (strstr(name, "inbox") != NULL || strstr(name, "overwrite") != NULL)
        return "inbox";
    return strstr(name, "options") != NULL || is_of_stream_editor(name) ? "options" : NULL;
}

/* Not a member, but beside one: a directory without an inbox takes no temporary of one. */
bool pfs_scratch_fits(const struct pfs_place *parent, const char *name)
{
    const char *member = parent->kind == PFS_NODE_PLACE ? meant_for(name) : NULL;
    struct pfs_place child;
    struct pfs_arena arena;
    bool fits;

    if (member == NULL)
        return false;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    fits = pfs_place_child(parent, member, &arena, &child, NULL) == 0 &&
           pfs_place_child(parent, name, &arena, &child, NULL) == -ENOENT;
    pfs_arena_done(&arena);
    return fits;
}

/* The path of a child, to be freed; NULL without memory. */
static char *path_of(const struct pfs_node *parent, const char *name)
{
    size_t len = strlen(parent->place.path) + 1 + strlen(name) + 1;
    char *path = pfs_alloc(len);

    if (path != NULL)
        (void)snprintf(path, len, "%s/%s", parent->place.path, name);
    return path;
}

/* Where it hangs, or the end; lock held. */
static struct pfs_scratch **place_of(struct pfs_tree *tree, const char *path)
{
    struct pfs_scratch **at = &tree->scratches;

    while (*at != NULL && strcmp((*at)->path, path) != 0)
        at = &(*at)->next;
    return at;
}

/* The one of that path with a reference more, or NULL. */
static struct pfs_scratch *get(struct pfs_tree *tree, const char *path)
{
    struct pfs_scratch *found;

    pthread_mutex_lock(&tree->lock);
    found = *place_of(tree, path);
    if (found != NULL)
        atomic_fetch_add(&found->refs, 1);
    pthread_mutex_unlock(&tree->lock);
    return found;
}

/* Takes it out if it hangs there still. */
static bool take_out(struct pfs_tree *tree, const char *path)
{
    struct pfs_scratch **at, *gone;

    pthread_mutex_lock(&tree->lock);
    at = place_of(tree, path);
    gone = *at;
    if (gone != NULL)
        *at = gone->next;
    pthread_mutex_unlock(&tree->lock);
    pfs_scratch_unref(gone);
    return gone != NULL;
}

/* The newest is first; one too many falls off the end, and its open handles keep its bytes. */
static void put_in(struct pfs_tree *tree, struct pfs_scratch *scratch)
{
    struct pfs_scratch **at, *oldest = NULL;
    int count = 0;

    pthread_mutex_lock(&tree->lock);
    assert(scratch->next == NULL);
    scratch->next = tree->scratches;
    tree->scratches = scratch;
    for (at = &tree->scratches; *at != NULL && count < PFS_SCRATCH_MAX; at = &(*at)->next)
        count++;
    if (*at != NULL) {
        oldest = *at;
        *at = NULL;
    }
    pthread_mutex_unlock(&tree->lock);
    pfs_scratch_unref(oldest);
}

/* ---- entries ---- */

/* `scratch` is taken. */
static int enter(struct pfs_tree *tree, const struct pfs_node *parent, const char *path, struct pfs_scratch *scratch,
                 struct pfs_entry *out, struct pfs_err *err)
{
    struct pfs_place place = parent->place;
    struct pfs_node *node;
    char key[64];
    int rc;

    place.kind = PFS_NODE_SCRATCH;
    place.path = path;
    (void)snprintf(key, sizeof(key), "/scratch/%llu", (unsigned long long)scratch->serial);
    rc = pfs_node_get(tree, &place, key, NULL, 0, &node, err);
    if (rc == 0) {
        pthread_mutex_lock(&tree->lock);
        if (node->scratch == NULL) {
            node->scratch = scratch;
            scratch = NULL;
        }
        pthread_mutex_unlock(&tree->lock);
        *out = (struct pfs_entry){.node = node};
        pfs_node_attr(tree, node, &out->attr);
    }
    pfs_scratch_unref(scratch);
    return rc;
}

int pfs_scratch_find(struct pfs_tree *tree, const struct pfs_node *parent, const char *name, struct pfs_entry *out,
                     struct pfs_err *err)
{
    char *path = path_of(parent, name);
    struct pfs_scratch *scratch = path == NULL ? NULL : get(tree, path);
    int rc = scratch == NULL ? -ENOENT : enter(tree, parent, path, scratch, out, err);

    pfs_free(path);
    return rc;
}

static int open_scratch(struct pfs_tree *tree, const char *path, struct pfs_scratch **out, struct pfs_err *err)
{
    struct pfs_scratch *s = pfs_zalloc(sizeof(*s));

    if (s == NULL || (s->path = pfs_strdup(path)) == NULL) {
        pfs_free(s);
        return pfs_fail(err, ENOMEM, "no memory for a file");
    }
    s->fd = pfs_spool_file(tree->config.cache_dir, err);
    if (s->fd < 0) {
        int rc = s->fd;

        pfs_free(s->path);
        pfs_free(s);
        return rc;
    }
    atomic_init(&s->refs, 2); /* the tree's and the caller's */
    pthread_mutex_lock(&tree->lock);
    s->serial = ++tree->scratch_serial;
    pthread_mutex_unlock(&tree->lock);
    *out = s;
    return 0;
}

/* A file of that name is replaced, also while it is open: as O_TRUNC would, but that its readers keep what they have.
 */
int pfs_scratch_make(struct pfs_tree *tree, const struct pfs_node *parent, const char *name, struct pfs_entry *out,
                     struct pfs_err *err)
{
    char *path = path_of(parent, name);
    struct pfs_scratch *scratch;
    int rc;

    if (path == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a name");
    (void)take_out(tree, path);
    rc = open_scratch(tree, path, &scratch, err);
    if (rc == 0) {
        put_in(tree, scratch);
        rc = enter(tree, parent, path, scratch, out, err);
    }
    pfs_free(path);
    return rc;
}

int pfs_scratch_remove(struct pfs_tree *tree, const struct pfs_node *parent, const char *name)
{
    char *path = path_of(parent, name);
    bool was = path != NULL && take_out(tree, path);

    pfs_free(path);
    return was ? 0 : -ENOENT;
}

/* ---- bytes ---- */

uint64_t pfs_scratch_size(struct pfs_scratch *scratch)
{
    struct stat st;

    return fstat(scratch->fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static int said(struct pfs_err *err)
{
    return pfs_fail(err, errno, "a file beside inbox or options: %s", pfs_errno_text(errno));
}

int pfs_scratch_truncate(struct pfs_scratch *scratch, uint64_t size, struct pfs_err *err)
{
    return ftruncate(scratch->fd, (off_t)size) < 0 ? said(err) : 0;
}

int64_t pfs_scratch_read(struct pfs_scratch *scratch, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    ssize_t got;

    do
        got = pread(scratch->fd, to, len, (off_t)off);
    while (got < 0 && errno == EINTR);
    return got < 0 ? said(err) : got;
}

int64_t pfs_scratch_write(struct pfs_scratch *scratch, uint64_t off, struct pfs_slice bytes, struct pfs_err *err)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t put = pwrite(scratch->fd, bytes.at + done, bytes.len - done, (off_t)(off + done));

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return said(err);
        done += (size_t)put;
    }
    return (int64_t)bytes.len;
}

/* ---- renames ---- */

struct moving {
    struct pfs_tree *tree;
    struct pfs_request *request;
    pfs_done_fn *done;
    struct pfs_scratch *scratch;
    struct pfs_inbox *inbox;       /* NULL: onto options */
    struct pfs_settings *settings; /* NULL: onto an inbox */
    char *path;                    /* the old name */
    struct pfs_err wrong;          /* code != 0: a row was refused */
};

/* The old name goes when its bytes have arrived, and only then: who is refused finds the file as it was. */
static void finish(struct moving *m, int64_t result)
{
    struct pfs_request *request = m->request;
    struct pfs_tree *tree = m->tree;
    pfs_done_fn *done = m->done;

    if (m->wrong.code != 0) {
        request->err = m->wrong;
        result = -m->wrong.code;
    }
    if (result == 0)
        (void)take_out(tree, m->path);
    pfs_inbox_close(m->inbox);
    pfs_settings_close(m->settings);
    pfs_scratch_unref(m->scratch);
    pfs_free(m->path);
    pfs_free(m);
    pfs_park_wake(tree->park, &tree->released);
    pfs_streams_poke(tree->streams);
    request->done = done;
    request->step = NULL;
    done(request, result);
}

static void moved(struct pfs_request *request, int64_t result)
{
    finish(request->step, result);
}

/* Writes answer before they return. */
static void written(struct pfs_request *request, int64_t result)
{
    *(int64_t *)request->step = result;
}

/* All rows go through the inbox as if they were written to it: what is refused there is refused here. */
static int64_t feed(struct moving *m, uint8_t *piece)
{
    struct pfs_request writing = {.done = written, .pid = m->request->pid, .uid = m->request->uid};
    uint64_t off = 0;
    int64_t got, result = 0;

    assert((m->inbox != NULL) != (m->settings != NULL));
    writing.step = &result;
    for (;;) {
        got = pfs_scratch_read(m->scratch, off, piece, PIECE, &m->wrong);
        if (got <= 0)
            return got;
        if (m->inbox != NULL)
            pfs_inbox_write(m->inbox, &writing, off, pfs_slice_of(piece, (size_t)got));
        else
            pfs_settings_write(m->settings, &writing, pfs_slice_of(piece, (size_t)got));
        if (result < 0) {
            m->wrong = writing.err;
            return result;
        }
        off += (uint64_t)got;
    }
}

/* On the pool: all rows are parsed here, or the options set. */
static void move_task(void *context)
{
    struct moving *m = context;
    uint8_t *piece = pfs_alloc(PIECE);

    if (piece == NULL)
        pfs_fail(&m->wrong, ENOMEM, "no memory to read a file beside inbox or options");
    else
        (void)feed(m, piece);
    pfs_free(piece);
    if (m->inbox != NULL)
        pfs_inbox_release(m->inbox, m->request, m->wrong.code != 0);
    else if (m->wrong.code != 0)
        finish(m, 0);
    else
        pfs_settings_flush(m->settings, m->request);
}

/* Takes `scratch` and `path`. */
static void move_onto(struct pfs_tree *tree, struct pfs_request *request, const struct pfs_place *to,
                      struct pfs_scratch *scratch, char *path)
{
    struct moving *m = pfs_zalloc(sizeof(*m));
    int rc;

    if (m == NULL) {
        pfs_scratch_unref(scratch);
        pfs_free(path);
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    *m = (struct moving){.tree = tree, .request = request, .done = request->done, .scratch = scratch, .path = path};
    if (to->kind == PFS_NODE_OPTIONS)
        rc = pfs_settings_open(tree, to, true, &m->settings, &request->err);
    else
        rc = pfs_tree_inbox(tree, to, 0, false, &m->inbox, &request->err);
    if (rc < 0) {
        finish(m, rc);
        return;
    }
    request->step = m;
    request->done = moved;
    if (tree->config.pool == NULL || pfs_pool_submit(tree->config.pool, true, move_task, m) < 0)
        move_task(m);
}

/* A rename replaces what has the new name, as rename(2) does. */
static int name_anew(struct pfs_tree *tree, const struct pfs_node *parent, const char *name,
                     struct pfs_scratch *scratch, struct pfs_err *err)
{
    char *path;
    bool same;

    if (!pfs_scratch_fits(&parent->place, name))
        return pfs_fail(err, EPERM, "%s/%s: rows go to inbox, options to options", parent->place.path, name);
    path = path_of(parent, name);
    if (path == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a name");
    pthread_mutex_lock(&tree->lock);
    same = strcmp(path, scratch->path) == 0;
    pthread_mutex_unlock(&tree->lock);
    if (!same)
        (void)take_out(tree, path);
    pthread_mutex_lock(&tree->lock);
    pfs_free(scratch->path);
    scratch->path = path;
    pthread_mutex_unlock(&tree->lock);
    return 0;
}

/* Onto a member it is that member's content; onto another fitting name it stays what it is. */
void pfs_scratch_rename(struct pfs_tree *tree, struct pfs_request *request, const struct pfs_node *parent,
                        const char *name, const struct pfs_node *new_parent, const char *new_name)
{
    char *path = path_of(parent, name);
    struct pfs_scratch *scratch = path == NULL ? NULL : get(tree, path);
    struct pfs_arena arena;
    struct pfs_place to;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    if (scratch == NULL) {
        rc = pfs_place_child(&parent->place, name, &arena, &to, NULL);
        if (rc == 0)
            rc = pfs_fail(&request->err, EPERM, "%s cannot be renamed", to.path);
        pfs_arena_done(&arena);
        pfs_free(path);
        request->done(request, rc);
        return;
    }
    rc = pfs_place_child(&new_parent->place, new_name, &arena, &to, NULL);
    if (rc == 0 && (to.kind == PFS_NODE_INBOX || to.kind == PFS_NODE_OVERWRITE || to.kind == PFS_NODE_OPTIONS)) {
        move_onto(tree, request, &to, scratch, path);
    } else {
        rc = name_anew(tree, new_parent, new_name, scratch, &request->err);
        pfs_scratch_unref(scratch);
        pfs_free(path);
        request->done(request, rc);
    }
    pfs_arena_done(&arena);
}
