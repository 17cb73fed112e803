/* store_fault.c - a twin of a store for tests: counts the calls, fails or dies at the k-th, cuts writes short.
 *
 * Every operation is: count, perhaps fail, else ask the store below. Files are wrapped too, since their calls count as
 * well. Order matters only with one thread: with several, which of them makes the k-th call is chance. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/store.h"

struct twin {
    struct pfs_store *below;
    struct pfs_fault *fault;
    atomic_llong calls;
};

struct twin_file {
    struct pfs_file file; /* first */
    struct pfs_file *below;
    struct twin *twin;
};

static const struct pfs_store_ops twin_ops;

/* Calls come from several threads. */
static void tally(int64_t *sum, int64_t more)
{
    (void)__atomic_fetch_add(sum, more, __ATOMIC_RELAXED);
}

/* Numbers the call; answers the error that it is to fail with, or 0. */
static int count(struct twin *t, const char *op, const char *path)
{
    int64_t number = atomic_fetch_add(&t->calls, 1) + 1;

    __atomic_store_n(&t->fault->calls, number, __ATOMIC_RELAXED);
    if (t->fault->each != NULL)
        t->fault->each(t->fault->context, op, path);
    if (t->fault->die_at != 0 && number >= t->fault->die_at)
        (void)kill(getpid(), SIGKILL); /* not exit: nothing of this process may tidy up */
    if (t->fault->fail_at != 0 && (number == t->fault->fail_at || (t->fault->fail_on && number > t->fault->fail_at))) {
        assert(t->fault->fail_errno > 0);
        return t->fault->fail_errno;
    }
    return 0;
}

static int fails(struct twin *t, const char *op, const char *path, struct pfs_err *err)
{
    int code = count(t, op, path);

    return code == 0 ? 0 : pfs_fail(err, code, "%s %s: %s", op, path, pfs_errno_text(code));
}

static int wrap_file(struct twin *t, struct pfs_file *below, struct pfs_file **out, struct pfs_err *err)
{
    struct twin_file *f = pfs_zalloc(sizeof(*f));

    assert(below != NULL);
    if (f == NULL) {
        pfs_file_close(below);
        return pfs_fail(err, ENOMEM, "no memory for a file");
    }
    f->file = (struct pfs_file){&twin_ops, below->size};
    f->below = below;
    f->twin = t;
    *out = &f->file;
    return 0;
}

/* A new file: what cannot be handed out is not there. */
static int wrap_made(struct twin *t, const char *path, struct pfs_file *below, struct pfs_file **out,
                     struct pfs_err *err)
{
    int rc = wrap_file(t, below, out, err);

    if (rc < 0)
        (void)pfs_store_unlink(t->below, path, NULL);
    return rc;
}

static int twin_open(void *self, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    struct twin *t = self;
    struct pfs_file *below;

    PFS_TRY(fails(t, "open", path, err));
    PFS_TRY(pfs_store_open(t->below, path, &below, err));
    return wrap_file(t, below, out, err);
}

static int twin_create(void *self, const char *path, struct pfs_file **out, struct pfs_err *err)
{
    struct twin *t = self;
    struct pfs_file *below;

    PFS_TRY(fails(t, "create", path, err));
    PFS_TRY(pfs_store_create(t->below, path, &below, err));
    return wrap_made(t, path, below, out, err);
}

static int twin_open_locked(void *self, const char *path, bool create, struct pfs_file **out, struct pfs_err *err)
{
    struct twin *t = self;
    struct pfs_file *below;

    PFS_TRY(fails(t, create ? "create_locked" : "open_locked", path, err));
    PFS_TRY(pfs_store_open_locked(t->below, path, create, &below, err));
    return create ? wrap_made(t, path, below, out, err) : wrap_file(t, below, out, err);
}

static int twin_pread(struct pfs_file *file, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    struct twin_file *f = (struct twin_file *)file;

    PFS_TRY(fails(f->twin, "pread", "", err));
    tally(&f->twin->fault->bytes_read, (int64_t)len);
    return pfs_file_pread(f->below, off, to, len, err);
}

static int twin_append(struct pfs_file *file, const void *at, size_t len, struct pfs_err *err)
{
    struct twin_file *f = (struct twin_file *)file;
    int rc = fails(f->twin, "append", "", err);

    if (rc < 0 && !f->twin->fault->short_write)
        return rc;
    if (rc < 0)
        len /= 2;
    tally(&f->twin->fault->bytes_written, (int64_t)len);
    if (rc < 0) { /* half of the bytes are there, as after a full disk: the file's size says so */
        (void)pfs_file_append(f->below, at, len, NULL);
        __atomic_store_n(&file->size, f->below->size, __ATOMIC_RELEASE);
        return rc;
    }
    rc = pfs_file_append(f->below, at, len, err);
    __atomic_store_n(&file->size, f->below->size, __ATOMIC_RELEASE);
    return rc;
}

static void twin_reserve(struct pfs_file *file, uint64_t len)
{
    struct twin_file *f = (struct twin_file *)file;

    if (fails(f->twin, "reserve", "", NULL) == 0)
        pfs_file_reserve(f->below, len);
}

static bool twin_start(struct pfs_file *file, uint64_t from)
{
    return pfs_file_start(((struct twin_file *)file)->below, from);
}

static int twin_sync(struct pfs_file *file, struct pfs_err *err)
{
    struct twin_file *f = (struct twin_file *)file;

    PFS_TRY(fails(f->twin, "sync", "", err));
    tally(&f->twin->fault->syncs, 1);
    return pfs_file_sync(f->below, err);
}

static void twin_close(struct pfs_file *file)
{
    struct twin_file *f = (struct twin_file *)file;

    pfs_file_close(f->below);
    pfs_free(f);
}

static int twin_stat(void *self, const char *path, struct pfs_stat *out, struct pfs_err *err)
{
    struct twin *t = self;

    PFS_TRY(fails(t, "stat", path, err));
    return pfs_store_stat(t->below, path, out, err);
}

static int twin_list(void *self, const char *path, pfs_list_fn *each, void *context, struct pfs_err *err)
{
    struct twin *t = self;

    PFS_TRY(fails(t, "list", path, err));
    return pfs_store_list(t->below, path, each, context, err);
}

static int twin_rename(void *self, const char *from, const char *to, bool replace, struct pfs_err *err)
{
    struct twin *t = self;

    PFS_TRY(fails(t, "rename", to, err));
    return replace ? pfs_store_rename_over(t->below, from, to, err) : pfs_store_rename_new(t->below, from, to, err);
}

static int twin_unlink(void *self, const char *path, struct pfs_err *err)
{
    struct twin *t = self;

    PFS_TRY(fails(t, "unlink", path, err));
    return pfs_store_unlink(t->below, path, err);
}

static int twin_mkdir(void *self, const char *path, struct pfs_err *err)
{
    struct twin *t = self;

    PFS_TRY(fails(t, "mkdir", path, err));
    return pfs_store_mkdir(t->below, path, err);
}

static int twin_rmdir(void *self, const char *path, struct pfs_err *err)
{
    struct twin *t = self;

    PFS_TRY(fails(t, "rmdir", path, err));
    return pfs_store_rmdir(t->below, path, err);
}

static int twin_sync_dir(void *self, const char *path, struct pfs_err *err)
{
    struct twin *t = self;

    PFS_TRY(fails(t, "sync_dir", path, err));
    tally(&t->fault->syncs, 1);
    return pfs_store_sync_dir(t->below, path, err);
}

static void twin_destroy(void *self)
{
    struct twin *t = self;

    pfs_store_close(t->below);
    pfs_free(t);
}

static uint64_t twin_room(void *self)
{
    const struct twin *t = self;

    return t->fault->room != 0 ? t->fault->room : pfs_store_room(t->below);
}

static int twin_file_stat(struct pfs_file *file, struct pfs_stat *out, struct pfs_err *err)
{
    struct twin_file *f = (struct twin_file *)file;

    PFS_TRY(fails(f->twin, "file_stat", "", err));
    return pfs_file_stat(f->below, out, err);
}

static const struct pfs_store_ops twin_ops = {
    twin_open,        twin_create,  twin_pread,  twin_append,    twin_reserve, twin_sync,  twin_close,
    twin_stat,        twin_list,    twin_rename, twin_unlink,    twin_mkdir,   twin_rmdir, twin_sync_dir,
    twin_open_locked, twin_destroy, twin_room,   twin_file_stat, twin_start};

int pfs_store_open_fault(struct pfs_store *below, struct pfs_fault *fault, struct pfs_store **out, struct pfs_err *err)
{
    struct pfs_store *store = pfs_zalloc(sizeof(*store));
    struct twin *t = pfs_zalloc(sizeof(*t));

    assert(below != NULL);
    assert(fault != NULL);
    if (store == NULL || t == NULL) {
        pfs_free(store);
        pfs_free(t);
        pfs_store_close(below);
        return pfs_fail(err, ENOMEM, "no memory for a store");
    }
    t->below = below;
    t->fault = fault;
    *store = (struct pfs_store){&twin_ops, t};
    *out = store;
    return 0;
}
