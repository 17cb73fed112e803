/* bookmark.c - consumers as files: a position that moves on when what lies behind it was read to its end.
 *
 * It moves at a flush, not at the read: whoever dies between the two reads the same again. It moves only from where it
 * was when the handle was opened, so that of two readers one does not undo the other's step. */
#include "fs/tree/bookmark.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/number.h"

#define PROCESS_SIGNALED 0x400 /* PF_SIGNALED: killed by a signal */
#define DIGITS_MAX 19

struct pfs_bookmark {
    struct pfs_tree *tree;
    struct pfs_table *table;
    char *name;
    int64_t seen, after; /* the position that the handle shows, and the one after it */
    atomic_bool ended;
    pthread_mutex_t lock; /* guards the members below */
    char text[DIGITS_MAX + 2];
    size_t len; /* of what was written; 0 = nothing */
};

/* The position is that of the view that was looked up: what came since is for the next open. */
int pfs_bookmark_open(struct pfs_tree *tree, const struct pfs_node *node, struct pfs_bookmark **out,
                      struct pfs_err *err)
{
    struct pfs_bookmark *b = pfs_zalloc(sizeof(*b));
    int rc;

    if (b == NULL || (b->name = pfs_strdup(node->place.name)) == NULL) {
        pfs_free(b);
        return pfs_fail(err, ENOMEM, "no memory for a handle");
    }
    b->tree = tree;
    pthread_mutex_lock(&tree->lock); /* a lookup of the same view says it again */
    b->seen = node->seen;
    b->after = node->after;
    pthread_mutex_unlock(&tree->lock);
    atomic_init(&b->ended, false);
    pthread_mutex_init(&b->lock, NULL);
    rc = pfs_tree_table(tree, &node->place, &b->table, err);
    if (rc < 0) {
        pfs_bookmark_close(b);
        return rc;
    }
    *out = b;
    return 0;
}

void pfs_bookmark_close(struct pfs_bookmark *bookmark)
{
    if (bookmark == NULL)
        return;
    pfs_table_unref(bookmark->table);
    pthread_mutex_destroy(&bookmark->lock);
    pfs_free(bookmark->name);
    pfs_free(bookmark);
}

/* Said by a read that returned 0, on whatever thread it was answered. */
void pfs_bookmark_ended(struct pfs_bookmark *bookmark)
{
    atomic_store(&bookmark->ended, true);
}

/* ---- writing a position ---- */

/* Digits, and blanks or a newline around them. */
static int parse(struct pfs_slice text, int64_t *out)
{
    while (text.len > 0 && strchr(" \t\r\n", text.at[text.len - 1]) != NULL)
        text.len--;
    return pfs_i64_parse(text, out) == 0 && *out > 0 ? 0 : -EINVAL;
}

/* Small as it is a position may come in pieces, of which each has to be a number so far: who writes something else is
 * told by the write. */
void pfs_bookmark_write(struct pfs_bookmark *bookmark, struct pfs_request *request, uint64_t off,
                        struct pfs_slice bytes)
{
    int64_t position, result = (int64_t)bytes.len;

    pthread_mutex_lock(&bookmark->lock);
    assert(bookmark->len <= sizeof(bookmark->text));
    if (off > bookmark->len || bytes.len > sizeof(bookmark->text) - off) {
        result = -EINVAL;
    } else {
        memcpy(bookmark->text + off, bytes.at, bytes.len);
        bookmark->len = (size_t)off + bytes.len;
        if (parse(pfs_slice_of(bookmark->text, bookmark->len), &position) < 0) {
            bookmark->len = (size_t)off;
            result = -EINVAL;
        }
    }
    pthread_mutex_unlock(&bookmark->lock);
    if (result < 0)
        pfs_fail(&request->err, EINVAL, "a consumer takes the id of the snapshot that it reads next");
    request->done(request, result);
}

/* ---- flushing ---- */

/* Does the process die by a signal? One that cannot be seen does not. */
static bool is_dying(uint32_t pid)
{
    char path[64], text[512] = {0};
    unsigned flags = 0;
    const char *at;
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    fd = pid == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    at = got > 0 ? strrchr(text, ')') : NULL; /* the name before it may hold anything */
    return at != NULL && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & PROCESS_SIGNALED) != 0;
}

struct flushing {
    struct pfs_bookmark *bookmark;
    struct pfs_request *request;
};

/* A position that was written counts, whatever was read; what was read counts when its end was seen by somebody who
 * lives. */
static int flush(struct pfs_bookmark *b, const struct pfs_request *request, struct pfs_err *err)
{
    int64_t position = 0;
    int rc;

    pthread_mutex_lock(&b->lock);
    if (b->len > 0)
        (void)parse(pfs_slice_of(b->text, b->len), &position);
    b->len = 0;
    pthread_mutex_unlock(&b->lock);
    if (position > 0)
        return pfs_table_consumer_set(b->table, b->name, position, err);
    if (!atomic_load(&b->ended) || b->tree->config.read_only || is_dying(request->pid))
        return 0;
    rc = pfs_table_consumer_move(b->table, b->name, b->seen, b->after, err);
    return rc == -EROFS ? 0 : rc;
}

static void flush_task(void *context)
{
    struct flushing *f = context;
    struct pfs_request *request = f->request;
    int rc = flush(f->bookmark, request, &request->err);

    pfs_free(f);
    request->done(request, rc);
}

static void submit(struct pfs_tree *tree, pfs_task_fn *task, void *context)
{
    if (tree->config.pool == NULL || pfs_pool_submit(tree->config.pool, true, task, context) < 0)
        task(context);
}

void pfs_bookmark_flush(struct pfs_bookmark *bookmark, struct pfs_request *request)
{
    struct flushing *f = pfs_zalloc(sizeof(*f));

    if (f == NULL) {
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a request"));
        return;
    }
    *f = (struct flushing){bookmark, request};
    submit(bookmark->tree, flush_task, f);
}

/* ---- making and removing ---- */

struct creating {
    struct pfs_tree *tree;
    struct pfs_request *request;
    pfs_done_fn *done; /* the request's own */
    struct pfs_node *parent;
    char *name;
    int flags;
    struct pfs_entry *entry;
    struct pfs_opened *out;
};

static void created(struct creating *c, int64_t result)
{
    struct pfs_request *request = c->request;

    request->done = c->done;
    request->step = NULL;
    pfs_free(c->name);
    pfs_free(c);
    request->done(request, result);
}

/* The node goes with an open that failed: the kernel is told of neither. */
static void opened(struct pfs_request *request, int64_t result)
{
    struct creating *c = request->step;

    if (result < 0)
        pfs_tree_forget(c->tree, c->entry->node, 1);
    created(c, result);
}

/* The file is there now: the rest is an open like any other. */
static void found(struct pfs_request *request, int64_t result)
{
    struct creating *c = request->step;

    if (result < 0) {
        created(c, result);
        return;
    }
    /* Opening keeps the step of its caller. */
    request->done = opened;
    pfs_tree_open_file(c->tree, request, c->entry->node, c->flags & ~O_TRUNC, c->out);
}

static int create(struct creating *c, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_place place;
    struct pfs_table *table;
    int rc;

    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_place_child(&c->parent->place, c->name, &arena, &place, err);
    if (rc == 0)
        rc = pfs_tree_table(c->tree, &place, &table, err);
    if (rc == 0) {
        rc = pfs_table_consumer_create(table, place.name, err);
        pfs_table_unref(table);
    }
    pfs_arena_done(&arena);
    return rc;
}

/* On the pool: a file is written. Then the new name is looked up and opened like any other. */
static void create_task(void *context)
{
    struct creating *c = context;
    int rc = create(c, &c->request->err);

    if (rc < 0) {
        created(c, rc);
        return;
    }
    c->request->done = found;
    pfs_tree_lookup(c->tree, c->request, c->parent, c->name, c->entry);
}

/* Made at the newest snapshot, so that the first read gives what comes from here on. */
void pfs_bookmark_create(struct pfs_tree *tree, struct pfs_request *request, struct pfs_node *parent, const char *name,
                         int flags, struct pfs_entry *entry, struct pfs_opened *out)
{
    struct creating *c = pfs_zalloc(sizeof(*c));

    if (c == NULL || (c->name = pfs_strdup(name)) == NULL) {
        pfs_free(c);
        request->done(request, pfs_fail(&request->err, ENOMEM, "no memory for a consumer"));
        return;
    }
    c->tree = tree;
    c->request = request;
    c->done = request->done;
    c->parent = parent;
    c->flags = flags;
    c->entry = entry;
    c->out = out;
    request->step = c;
    submit(tree, create_task, c);
}

int pfs_bookmark_remove(struct pfs_tree *tree, const struct pfs_place *place, struct pfs_err *err)
{
    struct pfs_table *table;
    int rc;

    PFS_TRY(pfs_tree_table(tree, place, &table, err));
    rc = pfs_table_consumer_delete(table, place->name, err);
    pfs_table_unref(table);
    return rc;
}
