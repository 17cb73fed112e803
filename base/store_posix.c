/* store_posix.c - the store over a directory of a local file system.
 *
 * Names are opened below the directory that was opened first, not below its path: it may be moved meanwhile, and what
 * lies beside it cannot be reached. Bytes are written where the file ends and never over others; a name appears by
 * being created where there was none, or by a rename. */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/store.h"

struct posix {
    int root;
};

#define START_BYTES \
    ((uint64_t)2 << 20) /* written out at a time: small enough to begin early, large enough to be rare */

struct posix_file {
    struct pfs_file file; /* first */
    int fd;
    bool named;       /* to be synced at its end */
    uint64_t started; /* bytes that the kernel has been asked to write out */
    atomic_int lost;  /* errno: it told at once that it cannot, and a sync may not tell again; 0 = it did not */
};

static int failed(struct pfs_err *err, int code, const char *what, const char *path)
{
    return pfs_fail(err, code, "%s %s: %s", what, path, pfs_errno_text(code));
}

/* "" names the root. */
static const char *below_root(const char *path)
{
    return path[0] == '\0' ? "." : path;
}

/* Opens below the root: links inside the warehouse may be followed, those that lead out of it may not (EXDEV), and the
 * name itself must be no link (ELOOP). Both are EIO to those who asked: a store's names are plain. */
static int open_beneath(const struct posix *p, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(uint32_t)(flags | O_NOFOLLOW | O_CLOEXEC),
                           .mode = (flags & O_CREAT) != 0 ? 0666 : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, p->root, below_root(path), &how, sizeof(how));

    if (fd < 0 && errno == ENOSYS) /* a kernel before 5.6 */
        fd = openat(p->root, below_root(path), (int)how.flags, 0666);
    return fd;
}

static int not_opened(struct pfs_err *err, int code, const char *what, const char *path)
{
    if (code == EXDEV || code == ELOOP)
        return pfs_fail(err, EIO, "%s %s: a symbolic link that is not followed", what, path);
    return failed(err, code, what, path);
}

static const struct pfs_store_ops posix_ops;

static int make_file(int fd, uint64_t size, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    struct posix_file *f = pfs_zalloc(sizeof(*f));

    assert(fd >= 0);
    if (f == NULL) {
        close(fd);
        return pfs_fail(err, ENOMEM, "no memory to open %s", path);
    }
    f->file.ops = &posix_ops;
    f->file.size = size;
    f->fd = fd;
    *out = &f->file;
    return 0;
}

static int posix_open(void *self, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    struct posix *p = self;
    int fd = open_beneath(p, path, O_RDONLY | O_NONBLOCK), code;
    struct stat st;

    /* O_NONBLOCK: a FIFO that somebody put there would else wait for a writer. What is no file is refused below. */
    if (fd < 0)
        return errno == ENOENT ? -ENOENT : not_opened(err, errno, "open", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        code = S_ISDIR(st.st_mode) ? EISDIR : EIO;
        close(fd);
        return failed(err, code, "open", path);
    }
    return make_file(fd, (uint64_t)st.st_size, path, out, err);
}

/* File systems without O_TMPFILE get a name that is gone at once. */
static int open_nameless(const char *dir)
{
    char name[4096];
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    if (snprintf(name, sizeof(name), "%s/paimonfs-XXXXXX", dir) >= (int)sizeof(name))
        return -1;
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink(name);
    return fd;
}

int pfs_store_scratch(const char *dir, struct pfs_file **out, struct pfs_err *err)
{
    const char *where = dir != NULL ? dir : "/var/tmp";
    int fd = open_nameless(where);

    if (fd < 0)
        return pfs_fail(err, errno, "a temporary file in %s: %s", where, pfs_errno_text(errno));
    return make_file(fd, 0, where, out, err);
}

/* A rename is durable when the directory is: the file's own sync says nothing of its name. */
static int posix_sync_dir(void *self, const char *path, struct pfs_err *err)
{
    struct posix *p = self;
    int fd = openat(p->root, below_root(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (fd < 0)
        return errno == ENOENT ? -ENOENT : failed(err, errno, "sync", path);
    if (fsync(fd) < 0)
        rc = failed(err, errno, "sync", path);
    close(fd);
    return rc;
}

/* Makes the directories above `path` that are not there; each one's parent is synced, so that a sync of the last
 * directory makes a new name in it durable. */
static int make_parents(struct posix *p, const char *path, struct pfs_err *err)
{
    char part[4096];

    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        char *last;

        if (len >= sizeof(part))
            return failed(err, ENAMETOOLONG, "create", path);
        memcpy(part, path, len);
        part[len] = '\0';
        if (mkdirat(p->root, part, 0777) < 0) {
            if (errno != EEXIST)
                return failed(err, errno, "create", part);
            continue; /* it was there, and whoever made it syncs it */
        }
        last = strrchr(part, '/');
        *(last != NULL ? last : part) = '\0';
        PFS_TRY(posix_sync_dir(p, part, err));
    }
    return 0;
}

/* One that cannot be handed out does not keep its name: nobody would remove it. */
static int make_new_file(struct posix *p, int fd, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    int rc = make_file(fd, 0, path, out, err);

    if (rc < 0)
        (void)unlinkat(p->root, path, 0);
    return rc;
}

/* Directories are made only when the file could not be: mostly they are there, and looking costs a call for each. */
static int posix_create(void *self, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    struct posix *p = self;
    int flags = O_WRONLY | O_CREAT | O_EXCL;
    int fd = open_beneath(p, path, flags);

    if (fd < 0 && errno == ENOENT) {
        PFS_TRY(make_parents(p, path, err));
        fd = open_beneath(p, path, flags);
    }
    if (fd < 0)
        return errno == EEXIST ? -EEXIST : not_opened(err, errno, "create", path);
    PFS_TRY(make_new_file(p, fd, path, out, err));
    ((struct posix_file *)*out)->named = true;
    return 0;
}

/* The lock belongs to this opening of the file, not to the process, and goes with its last descriptor. A file without a
 * name was removed by its last holder between our opening it and our having the lock: there is nothing to hold. */
static int lock_file(int fd, struct stat *st)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &whole) < 0)
        return errno == EACCES ? EAGAIN : errno;
    if (fstat(fd, st) < 0)
        return errno;
    return st->st_nlink == 0 ? ENOENT : 0;
}

static int posix_open_locked(void *self, const char *path, bool create, struct pfs_file **out, struct pfs_err *err)
{
    struct posix *p = self;
    int flags = O_RDWR | O_NONBLOCK | (create ? O_CREAT | O_EXCL : 0);
    int fd = open_beneath(p, path, flags), code;
    struct stat st;

    if (fd < 0 && errno == ENOENT && create) {
        PFS_TRY(make_parents(p, path, err));
        fd = open_beneath(p, path, flags);
    }
    if (fd < 0)
        return errno == ENOENT || errno == EEXIST ? -errno : not_opened(err, errno, "open", path);
    code = lock_file(fd, &st);
    if (code == 0 && !S_ISREG(st.st_mode))
        code = EIO;
    if (code != 0) {
        close(fd);
        return code == EAGAIN || code == ENOENT ? -code : failed(err, code, "lock", path);
    }
    return create ? make_new_file(p, fd, path, out, err) : make_file(fd, (uint64_t)st.st_size, path, out, err);
}

static int posix_pread(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    struct posix_file *f = (struct posix_file *)file;
    uint8_t *out = to;

    while (len > 0) {
        ssize_t got = pread(f->fd, out, len, (off_t)off);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return pfs_fail(err, errno, "read: %s", pfs_errno_text(errno));
        if (got == 0)
            return pfs_fail(err, EIO, "the file ended at %llu while it was read", (unsigned long long)off);
        out += got;
        off += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

static void write_out(struct posix_file *f, uint64_t from, uint64_t len)
{
    if (sync_file_range(f->fd, (off_t)from, (off_t)len, SYNC_FILE_RANGE_WRITE) < 0 &&
        (errno == EIO || errno == ENOSPC || errno == EDQUOT))
        atomic_store(&f->lost, errno);
}

/* The kernel writes while more is computed: the sync at the end has little left to wait for. */
static void start_writing(struct posix_file *f)
{
    uint64_t len = f->file.size - f->started;

    assert(f->started <= f->file.size);
    if (!f->named || len < START_BYTES)
        return;
    write_out(f, f->started, len);
    f->started = f->file.size;
}

/* The size is published after the bytes: those who read a locked file meanwhile go by it. After a short write it tells
 * how much is there, so that a caller can say from where on the file does not count. */
static int posix_append(struct pfs_file *file, const void *bytes, size_t len, struct pfs_err *err)
{
    struct posix_file *f = (struct posix_file *)file;
    const uint8_t *from = bytes;

    while (len > 0) {
        ssize_t put = pwrite(f->fd, from, len, (off_t)file->size); /* there may be room behind it */

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return pfs_fail(err, errno, "write: %s", pfs_errno_text(errno));
        from += put;
        len -= (size_t)put;
        __atomic_store_n(&file->size, file->size + (uint64_t)put, __ATOMIC_RELEASE);
    }
    start_writing(f);
    return 0;
}

static void posix_reserve(struct pfs_file *file, uint64_t len)
{
    struct posix_file *f = (struct posix_file *)file;

    /* Not with FALLOC_FL_KEEP_SIZE: the size is what a sync would have to note. */
    (void)fallocate(f->fd, 0, (off_t)file->size, (off_t)len);
}

static bool posix_start(struct pfs_file *file, uint64_t from)
{
    uint64_t end = __atomic_load_n(&file->size, __ATOMIC_ACQUIRE);

    if (from < end)
        write_out((struct posix_file *)file, from, end - from);
    return true;
}

static int posix_sync(struct pfs_file *file, struct pfs_err *err)
{
    struct posix_file *f = (struct posix_file *)file;
    int code = fdatasync(f->fd) < 0 ? errno : atomic_load(&f->lost);

    return code != 0 ? pfs_fail(err, code, "sync: %s", pfs_errno_text(code)) : 0;
}

static void posix_close(struct pfs_file *file)
{
    struct posix_file *f = (struct posix_file *)file;

    close(f->fd);
    pfs_free(f);
}

static int64_t to_ns(struct timespec ts)
{
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static struct pfs_stat stat_of(const struct stat *st)
{
    return (struct pfs_stat){(uint64_t)st->st_size, st->st_ino, to_ns(st->st_ctim), to_ns(st->st_mtim),
                             S_ISDIR(st->st_mode)};
}

static int posix_file_stat(struct pfs_file *file, struct pfs_stat *out, struct pfs_err *err)
{
    struct stat st;

    if (fstat(((struct posix_file *)file)->fd, &st) < 0)
        return pfs_fail(err, errno, "stat: %s", pfs_errno_text(errno));
    *out = stat_of(&st);
    return 0;
}

static int posix_stat(void *self, const char *path, struct pfs_stat *out, struct pfs_err *err)
{
    struct posix *p = self;
    struct stat st;

    if (fstatat(p->root, below_root(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT || errno == ENOTDIR ? -ENOENT : failed(err, errno, "stat", path);
    *out = stat_of(&st);
    return 0;
}

static int posix_list(void *self, const char *path, pfs_list_fn *each, void *context, struct pfs_err *err)
{
    struct posix *p = self;
    int fd = open_beneath(p, path, O_RDONLY | O_DIRECTORY), rc = 0;
    struct dirent *e;
    DIR *dir;

    if (fd < 0)
        return errno == ENOENT ? -ENOENT : not_opened(err, errno, "list", path);
    dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return failed(err, ENOMEM, "list", path);
    }
    for (errno = 0; rc == 0 && (e = readdir(dir)) != NULL; errno = 0) {
        struct pfs_slice name = pfs_str(e->d_name);
        bool directory = e->d_type == DT_DIR;
        struct stat st;

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        /* Some file systems keep no kinds in their directories. */
        if (e->d_type == DT_UNKNOWN && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            directory = S_ISDIR(st.st_mode);
        rc = each(context, name, directory);
    }
    if (rc == 0 && errno != 0)
        rc = failed(err, errno, "list", path);
    closedir(dir);
    return rc;
}

static int posix_rename(void *self, const char *from, const char *to, bool replace, struct pfs_err *err)
{
    struct posix *p = self;

    assert(from[0] != '\0');
    assert(to[0] != '\0'); /* the root keeps its name */
    if (replace)
        return renameat(p->root, from, p->root, to) < 0 ? failed(err, errno, "rename to", to) : 0;
    if (renameat2(p->root, from, p->root, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno == EEXIST)
        return -EEXIST;
    if (errno != EINVAL && errno != ENOSYS)
        return failed(err, errno, "rename to", to);
    /* A file system without RENAME_NOREPLACE: a second name never replaces either. */
    if (linkat(p->root, from, p->root, to, 0) < 0)
        return errno == EEXIST ? -EEXIST : failed(err, errno, "link to", to);
    (void)unlinkat(p->root, from, 0); /* the new name is there: that is what was asked */
    return 0;
}

static int posix_unlink(void *self, const char *path, struct pfs_err *err)
{
    struct posix *p = self;

    if (unlinkat(p->root, path, 0) == 0)
        return 0;
    return errno == ENOENT ? -ENOENT : failed(err, errno, "remove", path);
}

static int posix_mkdir(void *self, const char *path, struct pfs_err *err)
{
    struct posix *p = self;

    PFS_TRY(make_parents(p, path, err));
    if (mkdirat(p->root, path, 0777) == 0)
        return 0;
    return errno == EEXIST ? -EEXIST : failed(err, errno, "create", path);
}

static int posix_rmdir(void *self, const char *path, struct pfs_err *err)
{
    struct posix *p = self;

    if (unlinkat(p->root, path, AT_REMOVEDIR) == 0)
        return 0;
    if (errno == ENOENT || errno == ENOTEMPTY)
        return -errno;
    return failed(err, errno, "remove", path);
}

static void posix_destroy(void *self)
{
    struct posix *p = self;

    close(p->root);
    pfs_free(p);
}

/* Root may take what is kept back for it. File systems that count no blocks, or no names, say nothing by zero. */
static uint64_t posix_room(void *self)
{
    const struct posix *p = self;
    bool root = geteuid() == 0;
    struct statvfs st;

    if (fstatvfs(p->root, &st) < 0 || st.f_blocks == 0)
        return UINT64_MAX;
    if (st.f_files > 0 && (root ? st.f_ffree : st.f_favail) == 0)
        return 0;
    return (uint64_t)st.f_frsize * (root ? st.f_bfree : st.f_bavail);
}

static const struct pfs_store_ops posix_ops = {
    posix_open,        posix_create,  posix_pread,  posix_append,    posix_reserve, posix_sync,  posix_close,
    posix_stat,        posix_list,    posix_rename, posix_unlink,    posix_mkdir,   posix_rmdir, posix_sync_dir,
    posix_open_locked, posix_destroy, posix_room,   posix_file_stat, posix_start};

int pfs_store_open_posix(const char *root, struct pfs_store **out, struct pfs_err *err)
{
    struct pfs_store *store;
    struct posix *p;
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return pfs_fail(err, errno, "%s: %s", root, pfs_errno_text(errno));
    store = pfs_zalloc(sizeof(*store));
    p = pfs_zalloc(sizeof(*p));
    if (store == NULL || p == NULL) {
        pfs_free(store);
        pfs_free(p);
        close(fd);
        return pfs_fail(err, ENOMEM, "no memory to open %s", root);
    }
    p->root = fd;
    *store = (struct pfs_store){&posix_ops, p};
    *out = store;
    return 0;
}
