/* mount.c - requests of the kernel, each in a piece of memory of its own (struct call) from when it comes until it is
 * answered: `done` is the one place where that happens, whichever thread it is on. What was answered waits for the next
 * request, as long as there are not many. */
#define FUSE_USE_VERSION 314
#include "fs/mount/mount.h"

#include <assert.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "fs/mount/brief.h"
#include "fs/mount/loop.h"

struct mounted {
    const struct pfs_mount_config *config;
    struct pfs_tree *tree;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    int64_t calls; /* that are not answered yet. Guarded by lock */
    struct fuse_session *session;
    pthread_t giver;
    pthread_cond_t crowded;
    bool ending;        /* Guarded by lock */
    struct call *spare; /* calls of SPARE_BYTES that are answered: the next ones. Guarded by lock, as is */
    int spares;         /* their number, SPARES at most */
    atomic_bool waits;  /* who reads of the device: changed with lock held */
};

enum answer {
    ANSWER_NONE,
    ANSWER_ENTRY,
    ANSWER_ATTR,
    ANSWER_OPEN,
    ANSWER_CREATE,
    ANSWER_READ,
    ANSWER_WRITE,
    ANSWER_LIST
};

/* A request under way: what it needs to answer, in one piece. */
struct call {
    struct pfs_request request; /* first */
    struct call *next;          /* of the spare ones */
    size_t room;                /* of bytes */
    fuse_req_t req;
    struct mounted *mounted;
    const char *name; /* of the operation */
    enum answer answer;
    struct pfs_entry entry;
    struct pfs_attr attr;
    struct pfs_opened opened;
    struct pfs_span span;
    struct fuse_file_info info;
    atomic_bool interrupting; /* by `interrupter`: an answer on that thread runs inside libfuse's callback */
    pthread_t interrupter;
    fuse_ino_t parent; /* of an entry; its name is in bytes */
    struct pfs_arena arena;
    struct pfs_listed *listed;
    int64_t count;
    off_t off;
    size_t len;
    uint8_t bytes[]; /* of a read or write */
};

#define LAST_ANSWERS_S 30
#define GIVING_PAUSE_NS 2000000
#define THREADS 10
#define SPARES 16
#define SPARE_BYTES 512 /* a name; a few rows */

/* The kernel's number of an inode is its node's address: the kernel holds a count on every node that it knows of. */
static struct pfs_node *node_of(const struct mounted *m, fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? pfs_tree_root(m->tree) : (struct pfs_node *)(uintptr_t)ino;
}

static struct stat stat_of(const struct pfs_attr *a)
{
    struct timespec time = {.tv_sec = (time_t)(a->mtime_ns / 1000000000), .tv_nsec = (long)(a->mtime_ns % 1000000000)};

    return (struct stat){.st_ino = a->ino,
                         .st_mode = a->mode,
                         .st_nlink = a->links,
                         .st_uid = a->uid,
                         .st_gid = a->gid,
                         .st_size = (off_t)a->size,
                         .st_blocks = (blkcnt_t)((a->size + 511) / 512),
                         .st_blksize = 1 << 17,
                         .st_mtim = time,
                         .st_ctim = time,
                         .st_atim = time};
}

/* An exact size lasts as long as its inode: views do not change. Others are asked for again. */
static double attr_seconds(const struct pfs_attr *a)
{
    return !a->exact ? 0 : (a->mode & S_IFMT) == S_IFREG ? 3600 : 1;
}

static struct fuse_entry_param entry_of(const struct pfs_entry *e)
{
    return (struct fuse_entry_param){.ino = (fuse_ino_t)(uintptr_t)e->node,
                                     .attr = stat_of(&e->attr),
                                     .attr_timeout = attr_seconds(&e->attr),
                                     .entry_timeout = (double)e->valid_ms / 1000};
}

/* ---- answering: the one place ---- */

/* Only what has a sentence: that a name is absent is no failure. */
static void log_failure(const struct call *c, int code)
{
    char line[PFS_ERR_TEXT_MAX + 64];

    if (c->mounted->config->log == NULL || c->request.err.code == 0)
        return;
    (void)snprintf(line, sizeof(line), "%s: %s (%s)", c->name, c->request.err.text, pfs_errno_text(code));
    c->mounted->config->log(c->mounted->config->context, line);
}

/* The call becomes the open directory, and lives until it is released. */
static void reply_list(struct call *c)
{
    struct fuse_file_info info = {0};

    c->info.fh = (uint64_t)(uintptr_t)c;
    info = c->info;
    if (fuse_reply_open(c->req, &info) == -ENOENT) { /* the opener died: nobody will close it */
        pfs_arena_done(&c->arena);
        pfs_free(c);
    }
}

static void open_flags(struct call *c)
{
    assert(c->opened.handle != NULL);
    c->info.fh = (uint64_t)(uintptr_t)c->opened.handle;
    c->info.direct_io = c->opened.direct;
    c->info.keep_cache = c->opened.keep_cache;
    c->info.nonseekable = c->opened.nonseekable;
}

/* Bytes of a spool go from its files to the kernel without passing through this process's memory. */
static void reply_span(struct call *c)
{
    size_t parts = (size_t)c->span.parts; /* one at least: else the bytes were copied */
    struct fuse_bufvec *vec = pfs_zalloc(sizeof(*vec) + (parts - 1) * sizeof(vec->buf[0]));
    struct fuse_buf *buf;

    if (vec == NULL) {
        fuse_reply_err(c->req, ENOMEM);
        return;
    }
    assert(parts > 0);
    assert(parts <= PFS_SPAN_PARTS);
    buf = vec->buf;
    vec->count = parts;
    for (size_t i = 0; i < parts; i++) {
        const struct pfs_span_part *part = &c->span.part[i];

        buf[i] = (struct fuse_buf){
            .size = part->len, .flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK, .fd = part->fd, .pos = (off_t)part->off};
    }
    fuse_reply_data(c->req, vec, FUSE_BUF_SPLICE_MOVE);
    pfs_free(vec);
}

static void reply_bytes(struct call *c, size_t len)
{
    struct fuse_bufvec buf = FUSE_BUFVEC_INIT(len);

    assert(len <= c->len);
    if (c->span.parts > 0) {
        reply_span(c);
        return;
    }
    buf.buf[0].mem = c->bytes;
    fuse_reply_data(c->req, &buf, FUSE_BUF_SPLICE_MOVE);
}

/* The kernel is about to know the node: from then on it may forget it at any time. */
static void tell_name(struct call *c)
{
    struct mounted *m = c->mounted;

    assert(c->entry.node != NULL);
    pfs_tree_named(m->tree, c->entry.node, c->parent, (const char *)c->bytes);
    if (!pfs_tree_is_crowded(m->tree))
        return;
    pthread_mutex_lock(&m->lock);
    pthread_cond_signal(&m->crowded);
    pthread_mutex_unlock(&m->lock);
}

/* What an operation answers with, by its kind; libfuse takes the request with it. */
static void reply(struct call *c, int64_t result)
{
    struct fuse_entry_param entry;
    struct stat st;

    switch (c->answer) {
    case ANSWER_NONE:
        fuse_reply_err(c->req, 0);
        return;
    case ANSWER_ENTRY:
        tell_name(c);
        entry = entry_of(&c->entry);
        fuse_reply_entry(c->req, &entry);
        return;
    case ANSWER_ATTR:
        st = stat_of(&c->attr);
        fuse_reply_attr(c->req, &st, attr_seconds(&c->attr));
        return;
    case ANSWER_OPEN:
        open_flags(c);
        fuse_reply_open(c->req, &c->info);
        return;
    case ANSWER_CREATE:
        open_flags(c);
        tell_name(c);
        entry = entry_of(&c->entry);
        fuse_reply_create(c->req, &entry, &c->info);
        return;
    case ANSWER_READ:
        reply_bytes(c, (size_t)result);
        return;
    case ANSWER_WRITE:
        fuse_reply_write(c->req, (size_t)result);
        return;
    case ANSWER_LIST:
        break;
    }
}

/* `over`: the answered call, which goes, or is the next one; NULL: it is a directory that is open. The session must
 * outlive the answers of those who are still being answered when it ends: see wait_for_calls. */
static void end_call(struct mounted *m, struct call *over)
{
    pthread_mutex_lock(&m->lock);
    assert(m->calls > 0);
    if (over != NULL && over->room == SPARE_BYTES && m->spares < SPARES) {
        over->next = m->spare;
        m->spare = over;
        m->spares++;
        over = NULL;
    }
    if (--m->calls == 0)
        pthread_cond_broadcast(&m->answered);
    pthread_mutex_unlock(&m->lock);
    pfs_free(over);
}

/* The answer is counted and logged before it is given: whoever has it may look at once. */
static void done(struct pfs_request *request, int64_t result)
{
    struct call *c = (struct call *)request;
    struct mounted *m = c->mounted;

    pfs_tree_count(c->mounted->tree, c->name, result, &request->err);
    /* From here on no interrupt may find the call. Inside the callback libfuse holds the request's lock itself, and
     * waits for nobody else. */
    if (!atomic_load(&c->interrupting) || !pthread_equal(c->interrupter, pthread_self()))
        fuse_req_interrupt_func(c->req, NULL, NULL);
    if (result < 0) {
        log_failure(c, (int)-result);
        fuse_reply_err(c->req, result == -ECANCELED ? EINTR : (int)-result);
    } else if (c->answer == ANSWER_LIST) {
        reply_list(c);
        end_call(m, NULL);
        return;
    } else {
        reply(c, result);
    }
    pfs_arena_done(&c->arena);
    end_call(m, c);
}

static void interrupted(fuse_req_t req, void *data)
{
    struct call *c = data;

    (void)req;
    c->interrupter = pthread_self();
    atomic_store(&c->interrupting, true);
    pfs_tree_interrupt(c->mounted->tree, &c->request);
}

/* A spare one, when `bytes` fit into it. It is counted from here on, with or without memory. */
static struct call *make_call(struct mounted *m, size_t bytes)
{
    size_t room = bytes > SPARE_BYTES ? bytes : SPARE_BYTES;
    struct call *c = NULL;

    pthread_mutex_lock(&m->lock);
    m->calls++;
    if (room == SPARE_BYTES && m->spare != NULL) {
        c = m->spare;
        m->spare = c->next;
        m->spares--;
    }
    pthread_mutex_unlock(&m->lock);
    if (c == NULL)
        c = pfs_alloc(sizeof(*c) + room);
    if (c != NULL) {
        memset(c, 0, sizeof(*c));
        c->room = room;
    }
    return c;
}

/* A call for this request; NULL: it was answered with ENOMEM. */
static struct call *begin(fuse_req_t req, const char *name, enum answer answer, size_t bytes)
{
    struct mounted *m = fuse_req_userdata(req);
    const struct fuse_ctx *context = fuse_req_ctx(req);
    struct call *c = make_call(m, bytes);

    if (c == NULL) {
        fuse_reply_err(req, ENOMEM);
        end_call(m, NULL);
        return NULL;
    }
    c->request.done = done;
    c->request.pid = (uint32_t)context->pid;
    c->request.uid = context->uid;
    c->req = req;
    c->mounted = m;
    c->name = name;
    c->answer = answer;
    c->len = bytes;
    fuse_req_interrupt_func(req, interrupted, c);
    return c;
}

static struct call *begin_entry(fuse_req_t req, const char *operation, enum answer answer, fuse_ino_t parent,
                                const char *name)
{
    struct call *c = begin(req, operation, answer, strlen(name) + 1);

    if (c != NULL) {
        c->parent = parent;
        memcpy(c->bytes, name, strlen(name) + 1);
    }
    return c;
}

/* ---- handlers ---- */

/* Attributes and names are told with their own timeouts; what the kernel offers besides is asked for here. */
static void op_init(void *userdata, struct fuse_conn_info *conn)
{
    const struct mounted *m = userdata;

    conn->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA; /* a view's bytes never change */
    /* Splicing has to be asked for: without it libfuse reads a spool into a buffer that it maps for each answer. */
    conn->want |=
        conn->capable & (FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
    conn->max_write = 1 << 20;
    if (m->config->ready != NULL)
        m->config->ready(m->config->context);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct call *c = begin_entry(req, "lookup", ANSWER_ENTRY, parent, name);

    if (c != NULL)
        pfs_tree_lookup(c->mounted->tree, &c->request, node_of(c->mounted, parent), name, &c->entry);
}

/* No answer is expected, and the root is never forgotten. */
static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
    struct mounted *m = fuse_req_userdata(req);

    if (ino != FUSE_ROOT_ID)
        pfs_tree_forget(m->tree, node_of(m, ino), count);
    fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct call *c = begin(req, "getattr", ANSWER_ATTR, 0);

    (void)info;
    if (c != NULL)
        pfs_tree_getattr(c->mounted->tree, &c->request, node_of(c->mounted, ino), &c->attr);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set, struct fuse_file_info *info)
{
    struct call *c = begin(req, "setattr", ANSWER_ATTR, 0);

    (void)info;
    if (c != NULL)
        pfs_tree_setattr(c->mounted->tree, &c->request, node_of(c->mounted, ino), (uint64_t)attr->st_size,
                         (set & FUSE_SET_ATTR_SIZE) != 0, &c->attr);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct call *c = begin(req, "open", ANSWER_OPEN, 0);

    if (c == NULL)
        return;
    c->info = *info;
    pfs_tree_open_file(c->mounted->tree, &c->request, node_of(c->mounted, ino), info->flags, &c->opened);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *info)
{
    struct call *c = begin_entry(req, "create", ANSWER_CREATE, parent, name);

    (void)mode;
    if (c == NULL)
        return;
    c->info = *info;
    pfs_tree_create(c->mounted->tree, &c->request, node_of(c->mounted, parent), name, info->flags, &c->entry,
                    &c->opened);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *info)
{
    struct call *c = begin(req, "read", ANSWER_READ, size);

    (void)ino;
    if (c != NULL)
        pfs_tree_read_span(c->mounted->tree, &c->request, (struct pfs_handle *)(uintptr_t)info->fh, (uint64_t)off,
                           c->bytes, size, &c->span);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
                     struct fuse_file_info *info)
{
    struct call *c = begin(req, "write", ANSWER_WRITE, size);

    (void)ino;
    if (c == NULL)
        return;
    memcpy(c->bytes, buf, size); /* the answer may come after libfuse has reused its buffer */
    pfs_tree_write(c->mounted->tree, &c->request, (struct pfs_handle *)(uintptr_t)info->fh, (uint64_t)off,
                   pfs_slice_of(c->bytes, size));
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct call *c = begin(req, "flush", ANSWER_NONE, 0);

    (void)ino;
    if (c != NULL)
        pfs_tree_flush(c->mounted->tree, &c->request, (struct pfs_handle *)(uintptr_t)info->fh);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *info)
{
    struct call *c = begin(req, "fsync", ANSWER_NONE, 0);

    (void)ino;
    (void)datasync;
    if (c != NULL)
        pfs_tree_fsync(c->mounted->tree, &c->request, (struct pfs_handle *)(uintptr_t)info->fh);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct call *c = begin(req, "release", ANSWER_NONE, 0);

    (void)ino;
    if (c != NULL)
        pfs_tree_release(c->mounted->tree, &c->request, (struct pfs_handle *)(uintptr_t)info->fh);
}

/* The listing is made as a whole when the directory is opened. */
static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct call *c = begin(req, "opendir", ANSWER_LIST, 0);

    if (c == NULL)
        return;
    c->info = *info;
    pfs_arena_init(&c->arena, PFS_ARENA_LIMIT);
    pfs_tree_list(c->mounted->tree, &c->request, node_of(c->mounted, ino), &c->arena, &c->listed, &c->count);
}

/* The listing was made at opendir; an offset is the number of the next entry, and so it is stable. */
static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *info)
{
    const struct call *c = (const struct call *)(uintptr_t)info->fh;
    char *bytes = pfs_alloc(size);
    size_t used = 0;

    (void)ino;
    if (bytes == NULL) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    for (int64_t i = off; i < c->count; i++) {
        const struct pfs_listed *l = &c->listed[i];
        struct stat st = {.st_ino = l->ino != 0 ? l->ino : (ino_t)-1, .st_mode = l->directory ? S_IFDIR : S_IFREG};
        size_t need = fuse_add_direntry(req, bytes + used, size - used, l->name, &st, (off_t)(i + 1));

        if (need > size - used)
            break;
        used += need;
    }
    fuse_reply_buf(req, bytes, used);
    pfs_free(bytes);
}

/* The call of the opendir was the listing: it goes here. */
static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct call *c = (struct call *)(uintptr_t)info->fh;

    (void)ino;
    pfs_arena_done(&c->arena);
    pfs_free(c);
    fuse_reply_err(req, 0);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct call *c = begin_entry(req, "mkdir", ANSWER_ENTRY, parent, name);

    (void)mode;
    if (c != NULL)
        pfs_tree_mkdir(c->mounted->tree, &c->request, node_of(c->mounted, parent), name, &c->entry);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct call *c = begin(req, "rmdir", ANSWER_NONE, 0);

    if (c != NULL)
        pfs_tree_rmdir(c->mounted->tree, &c->request, node_of(c->mounted, parent), name);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct call *c = begin(req, "unlink", ANSWER_NONE, 0);

    if (c != NULL)
        pfs_tree_unlink(c->mounted->tree, &c->request, node_of(c->mounted, parent), name);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
                      unsigned flags)
{
    struct call *c = begin(req, "rename", ANSWER_NONE, 0);

    if (c != NULL)
        pfs_tree_rename(c->mounted->tree, &c->request, node_of(c->mounted, parent), name,
                        node_of(c->mounted, new_parent), new_name, flags);
}

/* Space is the warehouse's. */
static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
    const struct mounted *m = fuse_req_userdata(req);
    struct statvfs st;

    (void)ino;
    if (statvfs(m->config->fsname, &st) < 0)
        fuse_reply_err(req, errno);
    else
        fuse_reply_statfs(req, &st);
}

/* Not implemented would be a defect; that there are no such things here is not. */
static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    (void)target;
    (void)parent;
    (void)name;
    fuse_reply_err(req, EPERM);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    (void)ino;
    (void)parent;
    (void)name;
    fuse_reply_err(req, EPERM);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)parent;
    (void)name;
    (void)mode;
    (void)device;
    fuse_reply_err(req, EPERM);
}

static const struct fuse_lowlevel_ops ops = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .open = op_open,
    .create = op_create,
    .read = op_read,
    .write = op_write,
    .flush = op_flush,
    .fsync = op_fsync,
    .release = op_release,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .mkdir = op_mkdir,
    .symlink = op_symlink,
    .link = op_link,
    .mknod = op_mknod,
    .rmdir = op_rmdir,
    .unlink = op_unlink,
    .releasedir = op_releasedir,
    .rename = op_rename,
    .statfs = op_statfs,
};

/* ---- nodes that nobody looked up lately ---- */

/* Lock held. */
static void wait_a_moment(struct mounted *m)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += GIVING_PAUSE_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&m->crowded, &m->lock, &until);
}

/* A thread of its own: the kernel holds a directory's lock while it looks up, and wants it to drop a name. */
static void *give_back(void *context)
{
    struct mounted *m = context;
    struct pfs_given given[PFS_GIVEN_MAX];

    pthread_mutex_lock(&m->lock);
    while (!m->ending) {
        int count;

        pthread_mutex_unlock(&m->lock);
        count = pfs_tree_give_back(m->tree, given);
        for (int i = 0; i < count; i++)
            (void)fuse_lowlevel_notify_inval_entry(m->session, given[i].parent, given[i].name, strlen(given[i].name));
        pthread_mutex_lock(&m->lock);
        if (count == 0 && !m->ending)
            pthread_cond_wait(&m->crowded, &m->lock);
        else if (!m->ending)
            wait_a_moment(m); /* the kernel's answers come as requests */
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static int start_giver(struct mounted *m, struct pfs_err *err)
{
    int code = pfs_thread_start(&m->giver, give_back, m);

    return code == 0 ? 0 : pfs_fail(err, code, "a thread cannot be started");
}

/* False: the kernel keeps it waiting still. */
static bool stop_giver(struct mounted *m)
{
    struct timespec until;

    pthread_mutex_lock(&m->lock);
    m->ending = true;
    pthread_cond_signal(&m->crowded);
    pthread_mutex_unlock(&m->lock);
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LAST_ANSWERS_S;
    return pthread_timedjoin_np(m->giver, NULL, &until) == 0;
}

/* ---- requests ---- */

struct receiving {
    struct pfs_loop_request *request;
    struct fuse_buf buf;
};

static void keep_memory(void *context)
{
    const struct receiving *r = context;

    r->request->memory = r->buf.mem;
}

/* The device is one for all threads, and what it is told holds for whoever reads next: one that then finds nothing and
 * was to wait is called again. */
PFS_CANCELLABLE static void let_wait(struct mounted *m, bool waits)
{
    int fd = fuse_session_fd(m->session), state;

    if (atomic_load(&m->waits) == waits)
        return;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_mutex_lock(&m->lock);
    atomic_store(&m->waits, waits);
    (void)fcntl(fd, F_SETFL, waits ? 0 : O_NONBLOCK);
    pthread_mutex_unlock(&m->lock);
    (void)pthread_setcancelstate(state, NULL);
}

/* The first time libfuse makes the memory, which a thread that is cancelled while it waits has, too. */
PFS_CANCELLABLE static int receive(void *context, struct pfs_loop_request *request, bool waits)
{
    struct mounted *m = context;
    struct receiving r = {request, {.mem = request->memory}};
    int rc;

    let_wait(m, waits);
    pthread_cleanup_push(keep_memory, &r);
    rc = fuse_session_receive_buf(m->session, &r.buf);
    pthread_cleanup_pop(1);
    request->size = rc > 0 ? r.buf.size : 0;
    return rc;
}

static void process(void *context, struct pfs_loop_request *request)
{
    const struct mounted *m = context;
    const struct fuse_buf buf = {.mem = request->memory, .size = request->size};

    fuse_session_process_buf(m->session, &buf);
}

static void drop(void *context, struct pfs_loop_request *request)
{
    (void)context;
    pfs_free(request->memory); /* libfuse had it from malloc, which is where pfs_alloc has its own from */
}

static bool session_ended(void *context)
{
    const struct mounted *m = context;

    return fuse_session_exited(m->session) != 0;
}

static bool is_brief(void *context, const struct pfs_loop_request *request)
{
    const struct mounted *m = context;

    return pfs_mount_is_brief(m->tree, request->memory, request->size);
}

static int serve(struct mounted *m, struct pfs_err *err)
{
    const struct pfs_loop_config loop = {.threads = THREADS,
                                         .receive = receive,
                                         .brief = is_brief,
                                         .process = process,
                                         .drop = drop,
                                         .ended = session_ended,
                                         .context = m};
    int rc = pfs_loop_run(&loop, err);

    return rc < 0 ? pfs_wrap(err, "%s", m->config->mountpoint) : 0;
}

/* ---- mounting ---- */

/* libfuse takes these as a command line would have them. */
static int mount_args(const struct pfs_mount_config *config, struct fuse_args *args, struct pfs_err *err)
{
    char options[4096];

    if (snprintf(options, sizeof(options), "-osubtype=paimonfs,fsname=%s%s%s%s", config->fsname,
                 config->read_only ? ",ro" : "", config->allow_other ? ",allow_other,default_permissions" : "",
                 config->generic != NULL ? config->generic : "") >= (int)sizeof(options))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", config->fsname);
    if (fuse_opt_add_arg(args, "paimonfs") != 0 || fuse_opt_add_arg(args, options) != 0)
        return pfs_fail(err, ENOMEM, "no memory to mount");
    return 0;
}

/* Those who wait were told that it is over; those who work end soon. */
static void wait_for_calls(struct mounted *m)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LAST_ANSWERS_S;
    pthread_mutex_lock(&m->lock);
    while (m->calls > 0 && pthread_cond_timedwait(&m->answered, &m->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&m->lock);
}

static void free_spares(struct mounted *m)
{
    pthread_mutex_lock(&m->lock);
    while (m->spare != NULL) {
        struct call *c = m->spare;

        m->spare = c->next;
        m->spares--;
        pfs_free(c);
    }
    assert(m->spares == 0);
    pthread_mutex_unlock(&m->lock);
}

/* Signals end the loop; those who wait are told, those who work are waited for, and then the kernel lets go. */
int pfs_mount_run(const struct pfs_mount_config *config, struct pfs_err *err)
{
    struct mounted mounted = {.config = config,
                              .tree = config->tree,
                              .lock = PTHREAD_MUTEX_INITIALIZER,
                              .waits = true,
                              .answered = PTHREAD_COND_INITIALIZER,
                              .crowded = PTHREAD_COND_INITIALIZER};
    bool stopped = true;
    struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
    struct fuse_session *se = NULL;
    int rc = mount_args(config, &args, err);

    if (rc == 0) {
        se = fuse_session_new(&args, &ops, sizeof(ops), &mounted);
        if (se == NULL)
            rc = pfs_fail(err, EINVAL, "the file system cannot be set up");
    }
    if (rc == 0 && fuse_set_signal_handlers(se) != 0)
        rc = pfs_fail(err, EINVAL, "signal handlers cannot be set");
    if (rc == 0) {
        if (fuse_session_mount(se, config->mountpoint) != 0) {
            rc = pfs_fail(err, errno != 0 ? errno : EIO, "%s cannot be mounted: `paimonfs doctor` says what is missing",
                          config->mountpoint);
        } else {
            mounted.session = se;
            rc = start_giver(&mounted, err);
            if (rc == 0) {
                rc = serve(&mounted, err);
                pfs_tree_stop(config->tree);
                wait_for_calls(&mounted);
                stopped = stop_giver(&mounted);
            }
            fuse_session_unmount(se);
            if (!stopped)
                stopped = stop_giver(&mounted); /* the kernel lets go of it with the mount */
        }
        fuse_remove_signal_handlers(se);
    }
    free_spares(&mounted);
    if (se != NULL && stopped) /* else the end of the process is what ends it */
        fuse_session_destroy(se);
    fuse_opt_free_args(&args);
    return rc;
}

int pfs_mount_unmount(const char *mountpoint, struct pfs_err *err)
{
    struct stat st;
    bool dead = stat(mountpoint, &st) < 0 && errno == ENOTCONN;
    pid_t pid = fork();
    int status;

    if (pid < 0)
        return pfs_fail(err, errno, "fusermount3 cannot be started");
    if (pid == 0) {
        execlp("fusermount3", "fusermount3", dead ? "-uz" : "-u", mountpoint, (char *)NULL);
        _exit(127);
    }
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return pfs_fail(err, EBUSY, "%s cannot be unmounted: is it in use?", mountpoint);
    return 0;
}
