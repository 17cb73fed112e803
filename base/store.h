/* store.h - the one seam to stored files: a small table of operations over paths below one root.
 *
 * Implementations: posix (below a directory), memory, and over any of them the fault store of tests (counts, fails
 * the k-th call, cuts writes short, forgets what was not synced, dies at a call). Writing in place is not among the
 * operations; rename without replacing is, the one atomic step of a commit. An object store can be added.
 *
 * Paths are relative, '/'-separated, without "." or ".." components (pfs_store_path_ok; every operation refuses
 * others with EINVAL: a path built from a file's content cannot leave the root). Symbolic links in the last
 * component are not followed when opening.
 *
 * Errors: -errno with a sentence that names the path; -ENOENT and, where said, -EEXIST come bare, without one.
 * Threads: a store and a file open for reading: any; a file being written: one, but see pfs_store_open_locked.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct pfs_store;
struct pfs_file; /* open for reading, or being written */

struct pfs_stat {
    uint64_t size;
    uint64_t inode;
    int64_t ctime_ns, mtime_ns;
    bool directory;
};

/* The same file with the same content, as far as the two can tell: not one that was renamed over it. */
bool pfs_stat_is_same_file(const struct pfs_stat *a, const struct pfs_stat *b);

/* What a listing calls for each entry, names without path; not "." and "..". Non-zero stops the listing and is
 * returned by it. */
typedef int pfs_list_fn(void *context, struct pfs_slice name, bool directory);

/* The table that an implementation fills. Callers use the functions below. */
struct pfs_store_ops {
    int (*open)(void *self, const char *path, struct pfs_file **out, struct pfs_err *err);
    int (*create)(void *self, const char *path, struct pfs_file **out, struct pfs_err *err);
    int (*pread)(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err);
    int (*append)(struct pfs_file *file, const void *at, size_t len, struct pfs_err *err);
    void (*reserve)(struct pfs_file *file, uint64_t len);
    int (*sync)(struct pfs_file *file, struct pfs_err *err);
    void (*close)(struct pfs_file *file);
    int (*stat)(void *self, const char *path, struct pfs_stat *out, struct pfs_err *err);
    int (*list)(void *self, const char *path, pfs_list_fn *each, void *context, struct pfs_err *err);
    int (*rename)(void *self, const char *from, const char *to, bool replace, struct pfs_err *err);
    int (*unlink)(void *self, const char *path, struct pfs_err *err);
    int (*mkdir)(void *self, const char *path, struct pfs_err *err);
    int (*rmdir)(void *self, const char *path, struct pfs_err *err);
    int (*sync_dir)(void *self, const char *path, struct pfs_err *err);
    int (*open_locked)(void *self, const char *path, bool create, struct pfs_file **out, struct pfs_err *err);
    void (*destroy)(void *self);
    uint64_t (*room)(void *self);                                                       /* NULL: not known */
    int (*file_stat)(struct pfs_file *file, struct pfs_stat *out, struct pfs_err *err); /* NULL: not known */
    bool (*start)(struct pfs_file *file, uint64_t from);                                /* NULL: nothing is gained */
};

struct pfs_store {
    const struct pfs_store_ops *ops;
    void *self;
};

/* Every implementation's file begins with this. */
struct pfs_file {
    const struct pfs_store_ops *ops;
    uint64_t size; /* of a file opened for reading, at open; of one being written, so far */
};

int pfs_store_open_posix(const char *root, struct pfs_store **out, struct pfs_err *err); /* -ENOENT if root is none */
int pfs_store_open_memory(struct pfs_store **out, struct pfs_err *err);
void pfs_store_close(struct pfs_store *store); /* NULL allowed; files still open stay valid until closed */

bool pfs_store_path_ok(const char *path);

/* Reading. A file's content is what it was at open (files of a table never change once named). */
int pfs_store_open(struct pfs_store *s, const char *path, struct pfs_file **out, struct pfs_err *err);
/* All of [off, off + len) or an error: -EIO with a sentence when the file ends before. */
int pfs_file_pread(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err);
static inline uint64_t pfs_file_size(const struct pfs_file *file)
{
    return __atomic_load_n(&file->size, __ATOMIC_ACQUIRE); /* a locked file may be appended to meanwhile */
}
/* Of a file that is open for reading, whatever has its name by now: ctime moves when the name goes, be it that it was
 * removed or that another file was renamed over it. -EOPNOTSUPP: the store does not know. */
int pfs_file_stat(struct pfs_file *file, struct pfs_stat *out, struct pfs_err *err);
void pfs_file_close(struct pfs_file *file); /* NULL allowed */
int pfs_store_stat(struct pfs_store *s, const char *path, struct pfs_stat *out, struct pfs_err *err);
int pfs_store_list(struct pfs_store *s, const char *path, pfs_list_fn *each, void *context, struct pfs_err *err);

/* Writing. create: a new file, bare -EEXIST when the name is taken, parent directories are made. append: all bytes or
 * an error. sync: the bytes are durable when it returns 0; after a failure the file must be given up, never synced
 * again. close after a failure leaves a partial file that nothing names. */
int pfs_store_create(struct pfs_store *s, const char *path, struct pfs_file **out, struct pfs_err *err);
int pfs_file_append(struct pfs_file *file, const void *at, size_t len, struct pfs_err *err);
int pfs_file_sync(struct pfs_file *file, struct pfs_err *err);

/* A file that one holder at a time reads and appends to, for logs: it is locked against every other open_locked, of
 * this process or of another one, until it is closed or the process dies. create: a new file (bare -EEXIST when the
 * name is taken); else one that is there, appended to at its end. Bare -EAGAIN: another holds it. Bare -ENOENT: no such
 * name, or it was removed before the lock was had: who gets the lock knows that the name is there, for only holders
 * remove it. With create the lock may be had by another in between: bare -EAGAIN or -ENOENT then too; the name is to be
 * given up. Threads: one appends at a time, while others pread what is there and sync. */
int pfs_store_open_locked(struct pfs_store *s, const char *path, bool create, struct pfs_file **out,
                          struct pfs_err *err);
/* Of a locked file: room for `len` bytes behind what was appended, so that a sync of what is appended there has no size
 * to note: it takes two thirds of the time. Others who open the file find zeros there until then. Where a filesystem
 * cannot do that nothing happens. */
void pfs_file_reserve(struct pfs_file *file, uint64_t len);
/* What was appended from there on begins to be written, without waiting: a sync, which comes all the same, takes less,
 * and tells when this fails. Threads: any, while others append. False: it gains nothing here. */
bool pfs_file_start(struct pfs_file *file, uint64_t from);

/* A file on this machine without a name, gone when it is closed: appended to and read back, by one thread at a time.
 * dir NULL: /var/tmp. Its size grows with each append. */
int pfs_store_scratch(const char *dir, struct pfs_file **out, struct pfs_err *err);

/* Names. rename_new never replaces: bare -EEXIST when `to` exists (renameat2 RENAME_NOREPLACE, else link + unlink).
 * rename_over replaces. Neither is durable before sync_dir of the parent. mkdir makes parents too; bare -EEXIST when
 * the last one is there already. rmdir: -ENOTEMPTY. */
int pfs_store_rename_new(struct pfs_store *s, const char *from, const char *to, struct pfs_err *err);
int pfs_store_rename_over(struct pfs_store *s, const char *from, const char *to, struct pfs_err *err);
int pfs_store_unlink(struct pfs_store *s, const char *path, struct pfs_err *err);
int pfs_store_mkdir(struct pfs_store *s, const char *path, struct pfs_err *err);
int pfs_store_rmdir(struct pfs_store *s, const char *path, struct pfs_err *err);
int pfs_store_sync_dir(struct pfs_store *s, const char *path, struct pfs_err *err);

/* How many bytes more its files may take, as the file system tells this process at the moment; 0 also when it has no
 * more names to give, UINT64_MAX when it is not known. A file system's call, and nobody's promise. */
uint64_t pfs_store_room(struct pfs_store *s);

/* Whole files, on top of the above. load: bare -ENOENT; -EFBIG over max_bytes; the bytes are the caller's to
 * pfs_free, with one NUL after them that is not counted. publish: writes, syncs and renames a hidden temporary file
 * ".<name>.<uuid>.tmp" (of a long name its beginning) beside the target, then syncs the directory; without replace a
 * bare -EEXIST tells that the name was taken, and the temporary file is gone again. */
int pfs_store_load(struct pfs_store *s, const char *path, size_t max_bytes, struct pfs_slice *out, struct pfs_err *err);
int pfs_store_publish(struct pfs_store *s, const char *path, struct pfs_slice bytes, bool replace, struct pfs_err *err);
/* The same; after a failure *named says whether the name may be there all the same: the rename was tried. */
int pfs_store_publish_told(struct pfs_store *s, const char *path, struct pfs_slice bytes, bool replace, bool *named,
                           struct pfs_err *err);
/* Removes a file or a directory with all that is in it; absent is success. Not atomic. */
int pfs_store_remove_all(struct pfs_store *s, const char *path, struct pfs_err *err);

/* The fault store: a twin of `below` for tests. Every call of the table (reads too) has a number, from 1. */
struct pfs_fault {
    int64_t fail_at;       /* the call with this number fails with fail_errno; 0 = none */
    int fail_errno;        /* positive */
    bool fail_on;          /* every call from fail_at on fails (a dead disk), not only that one */
    bool short_write;      /* a failing append stores the first half of its bytes before it fails */
    int64_t die_at;        /* the process is killed by SIGKILL at the start of the call with this number; 0 = never */
    uint64_t room;         /* what pfs_store_room answers, which is no call of the table; 0 = what is true */
    int64_t calls;         /* out: calls so far */
    int64_t syncs;         /* out: sync and sync_dir so far */
    int64_t bytes_read;    /* out */
    int64_t bytes_written; /* out */
    void (*each)(void *context, const char *op, const char *path); /* told of every call; may be NULL */
    void *context;
};

/* Takes `below` (closed with it); `fault` stays the caller's and may be changed between calls by the one thread that
 * uses the store. */
int pfs_store_open_fault(struct pfs_store *below, struct pfs_fault *fault, struct pfs_store **out, struct pfs_err *err);

/* What a power cut leaves of a memory store: bytes that were not synced and names whose directory was not synced
 * are gone, and so are locks. Open files of before must not be used any more, only closed. `store` is a memory store.
 */
void pfs_store_memory_power_cut(struct pfs_store *store);
/* What the death of whoever has them leaves of locks; all else stays as it is seen, synced or not. */
void pfs_store_memory_release_locks(struct pfs_store *store);
