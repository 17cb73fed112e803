/* store_memory.c - a store in memory for tests, which knows what a power cut would leave of it.
 *
 * A directory keeps two lists of names: those that are seen and those that were there when it was last synced; a file
 * knows how many of its bytes were synced. One lock for the whole store.
 *
 *   node(directory) -- seen ----> name, node    a reference each: a node lives while a list or an open file has it
 *                   \- synced --> name, node
 *
 * Nothing here is fast: lists are searched from their beginning. Tests hold some dozens of names.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/store.h"

struct node;

struct names {
    struct named {
        char *name;
        struct node *node; /* a reference */
    } * item;
    size_t count, cap;
};

struct node {
    int64_t refs;
    bool directory;
    uint64_t inode;
    int64_t mtime_ns, ctime_ns; /* ctime: when a name of it went last */
    struct names seen, synced;  /* of a directory */
    struct pfs_buf bytes;       /* of a file */
    size_t synced_bytes;
    const struct memory_file *holder; /* who has it locked; compared only */
};

struct memory {
    pthread_mutex_t lock;
    int64_t refs; /* the store and its open files; below the lock */
    uint64_t inodes;
    int64_t last_ns; /* no two things happen at one time */
    struct node *root;
};

struct memory_file {
    struct pfs_file file; /* first */
    struct memory *memory;
    struct node *node;
};

static const struct pfs_store_ops memory_ops;

static void drop_node(struct node *node);

static void drop_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        pfs_free(names->item[i].name);
        drop_node(names->item[i].node);
    }
    pfs_free(names->item);
    *names = (struct names){0};
}

static void drop_node(struct node *node)
{
    assert(node->refs > 0);
    if (--node->refs > 0)
        return;
    drop_names(&node->seen);
    drop_names(&node->synced);
    pfs_buf_done(&node->bytes);
    pfs_free(node);
}

static int64_t tick(struct memory *m)
{
    int64_t now = pfs_clock_now_ms(NULL) * 1000000;

    m->last_ns = now > m->last_ns ? now : m->last_ns + 1;
    return m->last_ns;
}

static struct node *make_node(struct memory *m, bool directory)
{
    struct node *node = pfs_zalloc(sizeof(*node));

    if (node != NULL) {
        node->refs = 1;
        node->directory = directory;
        node->inode = ++m->inodes;
        node->mtime_ns = node->ctime_ns = tick(m);
    }
    return node;
}

static struct named *find_name(struct names *names, struct pfs_slice name)
{
    for (size_t i = 0; i < names->count; i++)
        if (pfs_slice_eq(pfs_str(names->item[i].name), name))
            return &names->item[i];
    return NULL;
}

/* Takes a reference of its own. A name may stand in a list twice for a moment, while one is renamed over the other. */
static int add_name(struct names *names, struct pfs_slice name, struct node *node)
{
    char *text = pfs_alloc(name.len + 1);

    if (text == NULL)
        return -ENOMEM;
    if (names->count == names->cap) {
        size_t cap = names->cap == 0 ? 8 : names->cap * 2;
        struct named *grown = pfs_realloc(names->item, cap * sizeof(*grown));

        if (grown == NULL) {
            pfs_free(text);
            return -ENOMEM;
        }
        names->item = grown;
        names->cap = cap;
    }
    memcpy(text, name.at, name.len);
    text[name.len] = '\0';
    names->item[names->count++] = (struct named){text, node};
    node->refs++;
    return 0;
}

static void remove_name(struct memory *m, struct names *names, struct named *gone)
{
    gone->node->ctime_ns = tick(m);
    assert(gone >= names->item && gone < names->item + names->count);
    pfs_free(gone->name);
    drop_node(gone->node);
    *gone = names->item[--names->count];
}

/* All or nothing: `to` is as it was without memory. */
static int copy_names(struct names *to, const struct names *from)
{
    struct names made = {0};

    for (size_t i = 0; i < from->count; i++)
        if (add_name(&made, pfs_str(from->item[i].name), from->item[i].node) < 0) {
            drop_names(&made);
            return -ENOMEM;
        }
    drop_names(to);
    *to = made;
    return 0;
}

/* "" is the root. What lies below a file is not there: its list of names is empty. */
static struct node *find_node(struct memory *m, struct pfs_slice path)
{
    struct node *node = m->root;

    for (size_t pos = 0; node != NULL && pos < path.len;) {
        const uint8_t *slash = memchr(path.at + pos, '/', path.len - pos);
        size_t end = slash != NULL ? (size_t)(slash - path.at) : path.len;
        struct named *named = find_name(&node->seen, pfs_slice_of(path.at + pos, end - pos));

        node = named != NULL ? named->node : NULL;
        pos = end + 1;
    }
    return node;
}

static struct pfs_slice parent_of(const char *path, struct pfs_slice *last)
{
    const char *slash = strrchr(path, '/');

    *last = pfs_str(slash != NULL ? slash + 1 : path);
    return pfs_slice_of(path, slash != NULL ? (size_t)(slash - path) : 0);
}

/* Makes the directories of `path` that are not there, each one synced in its parent as the posix store does it. */
static int make_directories(struct memory *m, struct pfs_slice path, struct node **out)
{
    struct node *node = m->root;

    for (size_t pos = 0; pos < path.len;) {
        const uint8_t *slash = memchr(path.at + pos, '/', path.len - pos);
        size_t end = slash != NULL ? (size_t)(slash - path.at) : path.len;
        struct pfs_slice name = pfs_slice_of(path.at + pos, end - pos);
        struct named *named = find_name(&node->seen, name);

        if (named == NULL) {
            struct node *made = make_node(m, true);
            int rc = made == NULL ? -ENOMEM : add_name(&node->seen, name, made);

            if (rc == 0)
                rc = copy_names(&node->synced, &node->seen);
            if (made != NULL)
                drop_node(made);
            if (rc < 0)
                return rc;
            named = find_name(&node->seen, name);
            assert(named != NULL);
        }
        if (!named->node->directory)
            return -ENOTDIR;
        node = named->node;
        pos = end + 1;
    }
    *out = node;
    return 0;
}

/* Ends an operation: a bare code stays bare, another gets its sentence. */
static int leave(struct memory *m, int rc, const char *what, const char *path, struct pfs_err *err)
{
    assert(rc <= 0);
    pthread_mutex_unlock(&m->lock);
    if (rc == 0 || rc == -ENOENT || rc == -EEXIST || rc == -ENOTEMPTY)
        return rc;
    return pfs_fail(err, -rc, "%s %s: %s", what, path, pfs_errno_text(-rc));
}

static int make_file(struct memory *m, struct node *node, struct pfs_file **out)
{
    struct memory_file *f = pfs_zalloc(sizeof(*f));

    assert(!node->directory);
    assert(m->refs > 0);
    if (f == NULL)
        return -ENOMEM;
    f->file = (struct pfs_file){&memory_ops, node->bytes.len};
    f->memory = m;
    f->node = node;
    node->refs++;
    m->refs++;
    *out = &f->file;
    return 0;
}

static int memory_open(void *self, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    struct memory *m = self;
    struct node *node;
    int rc;

    pthread_mutex_lock(&m->lock);
    node = find_node(m, pfs_str(path));
    rc = node == NULL ? -ENOENT : node->directory ? -EISDIR : make_file(m, node, out);
    return leave(m, rc, "open", path, err);
}

/* A name, a node and an open file, or none of them. */
static int create_file(struct memory *m, const char *path, struct pfs_file **out)
{
    struct pfs_slice name, parent = parent_of(path, &name);
    struct node *directory, *node = NULL;
    int rc;

    rc = make_directories(m, parent, &directory);
    if (rc == 0 && find_name(&directory->seen, name) != NULL)
        rc = -EEXIST;
    if (rc == 0) {
        node = make_node(m, false);
        rc = node == NULL ? -ENOMEM : make_file(m, node, out);
        if (rc == 0 && add_name(&directory->seen, name, node) < 0) {
            rc = -ENOMEM;
            m->refs--;
            node->refs--;
            pfs_free(*out);
        }
        if (node != NULL)
            drop_node(node);
    }
    return rc;
}

static int memory_create(void *self, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    struct memory *m = self;

    pthread_mutex_lock(&m->lock);
    return leave(m, create_file(m, path, out), "create", path, err);
}

static int memory_open_locked(void *self, const char *path, bool create, struct pfs_file **out, struct pfs_err *err)
{
    struct memory *m = self;
    struct node *node;
    int rc;

    pthread_mutex_lock(&m->lock);
    node = create ? NULL : find_node(m, pfs_str(path));
    if (create)
        rc = create_file(m, path, out);
    else if (node != NULL && node->holder != NULL) {
        pthread_mutex_unlock(&m->lock);
        return -EAGAIN;
    } else
        rc = node == NULL ? -ENOENT : node->directory ? -EISDIR : make_file(m, node, out);
    if (rc == 0) {
        struct memory_file *f = (struct memory_file *)*out;

        assert(f->node->holder == NULL);
        f->node->holder = f;
    }
    return leave(m, rc, "lock", path, err);
}

static int memory_pread(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    struct memory_file *f = (struct memory_file *)file;
    bool there;

    pthread_mutex_lock(&f->memory->lock);
    there = off <= f->node->bytes.len && len <= f->node->bytes.len - off;
    if (there && len > 0)
        memcpy(to, f->node->bytes.at + off, len);
    pthread_mutex_unlock(&f->memory->lock);
    return there ? 0 : pfs_fail(err, EIO, "the file ended while it was read");
}

static int memory_append(struct pfs_file *file, const void *bytes, size_t len, struct pfs_err *err)
{
    struct memory_file *f = (struct memory_file *)file;
    int rc;

    pthread_mutex_lock(&f->memory->lock);
    pfs_buf_put(&f->node->bytes, bytes, len);
    __atomic_store_n(&file->size, f->node->bytes.len, __ATOMIC_RELEASE);
    rc = pfs_buf_check(&f->node->bytes, err);
    pthread_mutex_unlock(&f->memory->lock);
    return rc;
}

/* Syncs cost nothing here. */
static void memory_reserve(struct pfs_file *file, uint64_t len)
{
    (void)file;
    (void)len;
}

static int memory_sync(struct pfs_file *file, struct pfs_err *err)
{
    struct memory_file *f = (struct memory_file *)file;

    (void)err;
    pthread_mutex_lock(&f->memory->lock);
    f->node->synced_bytes = f->node->bytes.len;
    pthread_mutex_unlock(&f->memory->lock);
    return 0;
}

/* Ends a reference of the store or of a file; the last one frees all. Called with the lock held. */
static void let_go(struct memory *m)
{
    bool last = --m->refs == 0;

    assert(m->refs >= 0);
    pthread_mutex_unlock(&m->lock);
    if (last) {
        drop_node(m->root);
        pthread_mutex_destroy(&m->lock);
        pfs_free(m);
    }
}

static void memory_close(struct pfs_file *file)
{
    struct memory_file *f = (struct memory_file *)file;

    pthread_mutex_lock(&f->memory->lock);
    if (f->node->holder == f)
        f->node->holder = NULL;
    drop_node(f->node);
    let_go(f->memory);
    pfs_free(f);
}

static struct pfs_stat stat_of(const struct node *node)
{
    return (struct pfs_stat){node->bytes.len, node->inode, node->ctime_ns, node->mtime_ns, node->directory};
}

static int memory_file_stat(struct pfs_file *file, struct pfs_stat *out, struct pfs_err *err)
{
    const struct memory_file *f = (const struct memory_file *)file;

    (void)err;
    pthread_mutex_lock(&f->memory->lock);
    *out = stat_of(f->node);
    pthread_mutex_unlock(&f->memory->lock);
    return 0;
}

static int memory_stat(void *self, const char *path, struct pfs_stat *out, struct pfs_err *err)
{
    struct memory *m = self;
    struct node *node;

    pthread_mutex_lock(&m->lock);
    node = find_node(m, pfs_str(path));
    if (node != NULL)
        *out = stat_of(node);
    return leave(m, node == NULL ? -ENOENT : 0, "stat", path, err);
}

static int memory_list(void *self, const char *path, pfs_list_fn *each, void *context, struct pfs_err *err)
{
    struct memory *m = self;
    struct names names = {0};
    struct node *node;
    int rc;

    /* A copy is listed, without the lock: `each` may ask the store for more. Its nodes cannot go meanwhile. */
    pthread_mutex_lock(&m->lock);
    node = find_node(m, pfs_str(path));
    rc = node == NULL ? -ENOENT : !node->directory ? -ENOTDIR : copy_names(&names, &node->seen);
    rc = leave(m, rc, "list", path, err);
    for (size_t i = 0; rc == 0 && i < names.count; i++)
        rc = each(context, pfs_str(names.item[i].name), names.item[i].node->directory);
    pthread_mutex_lock(&m->lock);
    drop_names(&names);
    pthread_mutex_unlock(&m->lock);
    return rc;
}

/* The new name first, then the old one goes: without memory for it nothing has changed. */
static int memory_rename(void *self, const char *from, const char *to, bool replace, struct pfs_err *err)
{
    struct memory *m = self;
    struct pfs_slice from_name, to_name, from_parent = parent_of(from, &from_name), to_parent = parent_of(to, &to_name);
    struct named *source, *target;
    struct node *old, *new;
    int rc = 0;

    pthread_mutex_lock(&m->lock);
    old = find_node(m, from_parent);
    new = find_node(m, to_parent);
    if (old == NULL || new == NULL || find_name(&old->seen, from_name) == NULL)
        return leave(m, -ENOENT, "rename to", to, err);
    target = find_name(&new->seen, to_name);
    if (target != NULL && !replace)
        rc = -EEXIST;
    else if (target != NULL && target->node == find_name(&old->seen, from_name)->node)
        return leave(m, 0, "rename to", to, err); /* two names of one file, or one name: nothing happens, as in POSIX */
    else if (target != NULL && target->node->directory)
        rc = target->node->seen.count > 0 ? -ENOTEMPTY : -EISDIR;
    if (rc == 0)
        rc = add_name(&new->seen, to_name, find_name(&old->seen, from_name)->node);
    if (rc == 0 && target != NULL) /* looked up again: the list may have moved; the first of the two is the old one */
        remove_name(m, &new->seen, find_name(&new->seen, to_name));
    if (rc == 0) {
        source = find_name(&old->seen, from_name);
        remove_name(m, &old->seen, source);
    }
    return leave(m, rc, "rename to", to, err);
}

static int remove_path(struct memory *m, const char *path, bool directory)
{
    struct pfs_slice name, parent = parent_of(path, &name);
    struct node *above = find_node(m, parent);
    struct named *named = above != NULL ? find_name(&above->seen, name) : NULL;

    if (named == NULL)
        return -ENOENT;
    if (named->node->directory != directory)
        return directory ? -ENOTDIR : -EISDIR;
    if (named->node->seen.count > 0)
        return -ENOTEMPTY;
    remove_name(m, &above->seen, named);
    return 0;
}

static int memory_unlink(void *self, const char *path, struct pfs_err *err)
{
    struct memory *m = self;

    pthread_mutex_lock(&m->lock);
    return leave(m, remove_path(m, path, false), "remove", path, err);
}

static int memory_rmdir(void *self, const char *path, struct pfs_err *err)
{
    struct memory *m = self;

    pthread_mutex_lock(&m->lock);
    return leave(m, remove_path(m, path, true), "remove", path, err);
}

static int memory_mkdir(void *self, const char *path, struct pfs_err *err)
{
    struct memory *m = self;
    struct pfs_slice name, parent = parent_of(path, &name);
    struct node *above, *made = NULL;
    int rc;

    pthread_mutex_lock(&m->lock);
    rc = make_directories(m, parent, &above);
    if (rc == 0 && find_name(&above->seen, name) != NULL)
        rc = -EEXIST;
    if (rc == 0) {
        made = make_node(m, true);
        rc = made == NULL ? -ENOMEM : add_name(&above->seen, name, made);
        if (made != NULL)
            drop_node(made);
    }
    return leave(m, rc, "create", path, err);
}

static int memory_sync_dir(void *self, const char *path, struct pfs_err *err)
{
    struct memory *m = self;
    struct node *node;
    int rc;

    pthread_mutex_lock(&m->lock);
    node = find_node(m, pfs_str(path));
    rc = node == NULL ? -ENOENT : !node->directory ? -ENOTDIR : copy_names(&node->synced, &node->seen);
    return leave(m, rc, "sync", path, err);
}

static void memory_destroy(void *self)
{
    struct memory *m = self;

    pthread_mutex_lock(&m->lock);
    let_go(m);
}

static const struct pfs_store_ops memory_ops = {
    memory_open,  memory_create,   memory_pread,       memory_append,  memory_reserve, memory_sync,
    memory_close, memory_stat,     memory_list,        memory_rename,  memory_unlink,  memory_mkdir,
    memory_rmdir, memory_sync_dir, memory_open_locked, memory_destroy, NULL,           memory_file_stat,
    NULL};

int pfs_store_open_memory(struct pfs_store **out, struct pfs_err *err)
{
    struct pfs_store *store = pfs_zalloc(sizeof(*store));
    struct memory *m = pfs_zalloc(sizeof(*m));

    if (m != NULL)
        m->root = make_node(m, true);
    if (store == NULL || m == NULL || m->root == NULL) {
        pfs_free(store);
        pfs_free(m);
        return pfs_fail(err, ENOMEM, "no memory for a store");
    }
    pthread_mutex_init(&m->lock, NULL);
    m->refs = 1;
    *store = (struct pfs_store){&memory_ops, m};
    *out = store;
    return 0;
}

static void cut(struct node *node)
{
    if (!node->directory) {
        assert(node->synced_bytes <= node->bytes.len);
        node->bytes.len = node->synced_bytes;
        node->holder = NULL;
        return;
    }
    /* When there is no memory for the copy, the list of what is seen takes the synced one's place: nothing is kept
     * that a power cut would have lost. */
    if (copy_names(&node->seen, &node->synced) < 0) {
        drop_names(&node->seen);
        node->seen = node->synced;
        node->synced = (struct names){0};
    }
    for (size_t i = 0; i < node->seen.count; i++)
        cut(node->seen.item[i].node);
}

void pfs_store_memory_power_cut(struct pfs_store *store)
{
    struct memory *m = store->self;

    assert(store->ops == &memory_ops);
    pthread_mutex_lock(&m->lock);
    cut(m->root);
    pthread_mutex_unlock(&m->lock);
}

static void release_locks(struct node *node)
{
    node->holder = NULL;
    for (size_t i = 0; i < node->seen.count; i++)
        release_locks(node->seen.item[i].node);
}

void pfs_store_memory_release_locks(struct pfs_store *store)
{
    struct memory *m = store->self;

    assert(store->ops == &memory_ops);
    pthread_mutex_lock(&m->lock);
    release_locks(m->root);
    pthread_mutex_unlock(&m->lock);
}
