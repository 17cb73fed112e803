/* store_posix_test.c - what the store asks of the kernel, and what it makes of the answers. Some calls of the C library
 * are defined here, and stand before its own: they are noted, fail when they are told to, and else go to the kernel. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/store.h"
#include "tests/unit/cm.h"

#define NOTED_MAX 16

static struct {
    int syncs, data_syncs;
    ino_t synced[NOTED_MAX];                  /* what fsync was called for */
    int sync_errno, data_errno, rename_errno; /* 0 = the kernel is asked */
    int lock_errno, list_errno;               /* the same */
    size_t piece;                             /* bytes that one call moves, after one that was interrupted; 0 = all */
    bool interrupted;                         /* the last call was */
    off_t full_at;                            /* nothing is written behind it; 0 = there is room */
    bool kindless;                            /* directories keep no kinds of what is in them */
    char removed[256];                        /* while it is being locked; "" = nothing */
    int room_mode;                            /* of the last fallocate */
    int begins;                               /* how often the kernel was asked to write, */
    off_t begun[2];                           /* and up to where, the last two times */
    int begin_errno;                          /* 0 = it does */
} kernel;

static int failed_with(int code)
{
    errno = code;
    return -1;
}

int fsync(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    assert_true(kernel.syncs < NOTED_MAX);
    kernel.synced[kernel.syncs++] = st.st_ino;
    return kernel.sync_errno != 0 ? failed_with(kernel.sync_errno) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    kernel.data_syncs++;
    return kernel.data_errno != 0 ? failed_with(kernel.data_errno) : (int)syscall(SYS_fdatasync, fd);
}

/* Each call is interrupted before it moves a piece. */
static bool interrupts(size_t *len)
{
    if (kernel.piece == 0)
        return false;
    kernel.interrupted = !kernel.interrupted;
    *len = *len < kernel.piece ? *len : kernel.piece;
    return kernel.interrupted;
}

ssize_t pwrite(int fd, const void *from, size_t len, off_t off)
{
    if (interrupts(&len))
        return failed_with(EINTR);
    if (kernel.full_at != 0 && off >= kernel.full_at)
        return failed_with(ENOSPC);
    return syscall(SYS_pwrite64, fd, from, len, off);
}

ssize_t pread(int fd, void *to, size_t len, off_t off)
{
    return interrupts(&len) ? failed_with(EINTR) : syscall(SYS_pread64, fd, to, len, off);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    return kernel.rename_errno != 0 ? failed_with(kernel.rename_errno)
                                    : (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

int fallocate(int fd, int mode, off_t off, off_t len)
{
    kernel.room_mode = mode;
    return (int)syscall(SYS_fallocate, fd, mode, off, len);
}

int fcntl(int fd, int command, ...)
{
    va_list more;
    void *argument;

    va_start(more, command);
    argument = va_arg(more, void *);
    va_end(more);
    if (command == F_OFD_SETLK && kernel.removed[0] != '\0')
        assert_int_equal(unlink(kernel.removed), 0);
    if (command == F_OFD_SETLK && kernel.lock_errno != 0)
        return failed_with(kernel.lock_errno);
    return (int)syscall(SYS_fcntl, fd, command, argument);
}

int sync_file_range(int fd, off_t off, off_t len, unsigned flags)
{
    kernel.begun[kernel.begins++ % 2] = off + len;
    return kernel.begin_errno != 0 ? failed_with(kernel.begin_errno)
                                   : (int)syscall(SYS_sync_file_range, fd, off, len, flags);
}

struct dirent *readdir(DIR *dir)
{
    struct dirent *(*next)(DIR *) = NULL, *e;

    *(void **)&next = dlsym(RTLD_NEXT, "readdir64");
    assert_non_null(next);
    e = next(dir);
    if (e != NULL && kernel.kindless)
        e->d_type = DT_UNKNOWN;
    if (e == NULL && kernel.list_errno != 0)
        errno = kernel.list_errno;
    return e;
}

/* ---- a store in a directory of its own ---- */

static char root[64];
static struct pfs_store *store;

static int set_up(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof(kernel));
    (void)snprintf(root, sizeof(root), "/tmp/paimonfs-posix-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(pfs_store_open_posix(root, &store, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    memset(&kernel, 0, sizeof(kernel));
    assert_int_equal(pfs_store_remove_all(store, "d", NULL), 0);
    pfs_store_close(store);
    return rmdir(root);
}

/* Of the file system, beside the store. */
static const char *real(const char *path)
{
    static char out[256];

    (void)snprintf(out, sizeof(out), "%s/%s", root, path);
    return out;
}

static ino_t inode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(real(path), &st), 0);
    return st.st_ino;
}

static bool is_there(const char *path)
{
    return access(real(path), F_OK) == 0;
}

static struct pfs_file *create(const char *path)
{
    struct pfs_file *file;

    assert_int_equal(pfs_store_create(store, path, &file, NULL), 0);
    return file;
}

static void put(const char *path, const char *text)
{
    struct pfs_file *file = create(path);

    assert_int_equal(pfs_file_append(file, text, strlen(text), NULL), 0);
    pfs_file_close(file);
}

static bool has(const char *path, const char *text)
{
    struct pfs_slice bytes;
    bool same;

    if (pfs_store_load(store, path, 1000, &bytes, NULL) < 0)
        return false;
    same = pfs_slice_eq(bytes, pfs_str(text));
    pfs_free((void *)(uintptr_t)bytes.at);
    return same;
}

/* ---- what is made durable ---- */

static void what_is_synced_is_synced_by_the_kernel(void **state)
{
    struct pfs_file *file = create("d/file");
    struct pfs_err err = {0};

    (void)state;
    assert_int_equal(pfs_file_append(file, "abc", 3, NULL), 0);
    assert_int_equal(kernel.data_syncs, 0);
    assert_int_equal(pfs_file_sync(file, NULL), 0);
    assert_int_equal(kernel.data_syncs, 1);
    kernel.data_errno = EIO;
    assert_int_equal(pfs_file_sync(file, &err), -EIO);
    assert_true(err.text[0] != '\0');
    pfs_file_close(file);

    kernel.syncs = 0;
    assert_int_equal(pfs_store_sync_dir(store, "d", NULL), 0);
    assert_int_equal(pfs_store_sync_dir(store, "", NULL), 0);
    assert_int_equal(kernel.syncs, 2);
    assert_int_equal(kernel.synced[0], inode_of("d"));
    assert_int_equal(kernel.synced[1], inode_of(""));
    kernel.sync_errno = EIO;
    assert_int_equal(pfs_store_sync_dir(store, "d", &err), -EIO);
    assert_int_equal(pfs_store_sync_dir(store, "none", NULL), -ENOENT);
}

/* Whoever makes a file syncs its directory alone: those above must be durable by then. */
static void a_directory_that_is_made_on_the_way_is_synced_into_its_parent(void **state)
{
    struct pfs_err err = {0};
    struct pfs_file *file;

    (void)state;
    pfs_file_close(create("d/a/b/file"));
    assert_int_equal(kernel.syncs, 3);
    assert_int_equal(kernel.synced[0], inode_of(""));
    assert_int_equal(kernel.synced[1], inode_of("d"));
    assert_int_equal(kernel.synced[2], inode_of("d/a"));
    pfs_file_close(create("d/a/b/other")); /* they are there now */
    assert_int_equal(kernel.syncs, 3);
    assert_int_equal(pfs_store_open_locked(store, "d/c/log", true, &file, NULL), 0);
    pfs_file_close(file);
    assert_int_equal(kernel.syncs, 4);
    assert_int_equal(kernel.synced[3], inode_of("d"));
    kernel.sync_errno = EIO;
    assert_int_equal(pfs_store_create(store, "d/e/file", &file, &err), -EIO);
    assert_int_equal(pfs_store_open_locked(store, "d/f/log", true, &file, &err), -EIO);
    assert_int_equal(pfs_store_mkdir(store, "d/g/h", &err), -EIO);
    assert_true(err.text[0] != '\0');
    assert_false(is_there("d/e/file"));
    assert_false(is_there("d/f/log"));
    assert_false(is_there("d/g/h"));
}

/* What is not there yet is not asked for. */
static void what_was_appended_begins_to_be_written(void **state)
{
    struct pfs_file *file;

    (void)state;
    kernel.begins = 0;
    assert_int_equal(pfs_store_open_locked(store, "d/log", true, &file, NULL), 0);
    assert_int_equal(pfs_file_append(file, "123456", 6, NULL), 0);
    assert_int_equal(kernel.begins, 0); /* nobody has said so */
    assert_true(pfs_file_start(file, 2));
    assert_int_equal(kernel.begins, 1);
    assert_true(pfs_file_start(file, 6));
    assert_true(pfs_file_start(file, 7));
    assert_int_equal(kernel.begins, 1);
    assert_int_equal(pfs_file_sync(file, NULL), 0);
    pfs_file_close(file);
}

/* The bytes may be gone then, and the sync that follows hears nothing of it. That the kernel cannot begin is no loss.
 */
static void what_is_lost_when_it_begins_is_told_by_the_sync(void **state)
{
    static const int losses[] = {EIO, ENOSPC, EDQUOT, EINVAL};
    struct pfs_err err = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(losses); i++) {
        const int rc = losses[i] == EINVAL ? 0 : -losses[i];
        struct pfs_file *file;
        char path[16];

        (void)snprintf(path, sizeof(path), "d/log%zu", i);
        assert_int_equal(pfs_store_open_locked(store, path, true, &file, NULL), 0);
        assert_int_equal(pfs_file_append(file, "123456", 6, NULL), 0);
        kernel.begin_errno = losses[i];
        assert_true(pfs_file_start(file, 0));
        kernel.begin_errno = 0;
        for (int times = 0; times < 2; times++) { /* it stays lost */
            assert_int_equal(pfs_file_sync(file, &err), rc);
            assert_true(rc == 0 || strncmp(err.text, "sync: ", 6) == 0);
        }
        pfs_file_close(file);
    }
}

static void room_that_is_reserved_is_part_of_the_size(void **state)
{
    struct pfs_file *file;
    struct stat st;

    (void)state;
    assert_int_equal(pfs_store_open_locked(store, "d/log", true, &file, NULL), 0);
    kernel.room_mode = -1;
    pfs_file_reserve(file, 4096);
    assert_int_equal(kernel.room_mode, 0); /* with another one a sync would have the size to note */
    assert_int_equal(pfs_file_append(file, "abc", 3, NULL), 0);
    assert_int_equal(pfs_file_size(file), 3);
    assert_int_equal(stat(real("d/log"), &st), 0);
    assert_true(st.st_size == 4096 || st.st_size == 3); /* as the file system can */
    pfs_file_close(file);
}

/* A large file is written out while more of it comes, so that its sync has little left to wait for. A log is synced
 * often, and a file without a name never. */
static void what_will_be_synced_at_its_end_is_begun_early(void **state)
{
    static const size_t piece = (size_t)1 << 20;
    char *bytes = pfs_zalloc(piece);
    struct pfs_file *file = create("d/file");

    (void)state;
    assert_non_null(bytes);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(kernel.begins, i / 2);
        assert_int_equal(pfs_file_append(file, bytes, piece, NULL), 0);
    }
    assert_int_equal(kernel.begins, 2);
    assert_int_equal(kernel.begun[0], 2 * piece);
    assert_int_equal(kernel.begun[1], 4 * piece);
    pfs_file_close(file);
    assert_int_equal(pfs_store_open_locked(store, "d/log", true, &file, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pfs_file_append(file, bytes, piece, NULL), 0);
    pfs_file_close(file);
    assert_int_equal(pfs_store_scratch("/tmp", &file, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pfs_file_append(file, bytes, piece, NULL), 0);
    pfs_file_close(file);
    assert_int_equal(kernel.begins, 2);
    pfs_free(bytes);
}

/* ---- calls that move less than was asked ---- */

static void interrupted_and_short_calls_go_on_where_they_were(void **state)
{
    struct pfs_file *file = create("d/file");

    (void)state;
    kernel.piece = 3;
    assert_int_equal(pfs_file_append(file, "abcdefgh", 8, NULL), 0);
    assert_int_equal(pfs_file_size(file), 8);
    assert_int_equal(pfs_file_append(file, "ijkl", 4, NULL), 0);
    pfs_file_close(file);
    assert_true(has("d/file", "abcdefghijkl"));
}

/* The size tells what is there: a caller can say from where on the file does not count. */
static void a_write_that_ends_half_way_tells_how_far_it_came(void **state)
{
    struct pfs_file *file = create("d/file");
    struct pfs_err err = {0};

    (void)state;
    kernel.piece = 2;
    kernel.full_at = 4;
    assert_int_equal(pfs_file_append(file, "abcdefgh", 8, &err), -ENOSPC);
    assert_true(err.text[0] != '\0');
    assert_int_equal(pfs_file_size(file), 4);
    pfs_file_close(file);
    assert_true(has("d/file", "abcd"));
}

static void a_file_that_ends_while_it_is_read_is_an_error(void **state)
{
    struct pfs_err err = {0};
    struct pfs_file *file;
    char bytes[6];

    (void)state;
    put("d/file", "abcdef");
    assert_int_equal(pfs_store_open(store, "d/file", &file, NULL), 0);
    assert_int_equal(truncate(real("d/file"), 4), 0);
    assert_int_equal(pfs_file_pread(file, 0, bytes, 6, &err), -EIO);
    assert_true(err.text[0] != '\0');
    assert_int_equal(pfs_file_pread(file, 0, bytes, 4, NULL), 0);
    assert_memory_equal(bytes, "abcd", 4);
    pfs_file_close(file);
}

/* ---- names ---- */

/* Some file systems know of no rename that replaces nothing. */
static void a_rename_without_the_kernels_help_replaces_nothing_either(void **state)
{
    static const int without[] = {EINVAL, ENOSYS};
    struct pfs_err err = {0};

    (void)state;
    put("d/taken", "old");
    for (size_t i = 0; i < COUNT(without); i++) {
        put("d/new", "new");
        kernel.rename_errno = without[i];
        assert_int_equal(pfs_store_rename_new(store, "d/new", "d/taken", NULL), -EEXIST);
        assert_true(has("d/taken", "old"));
        assert_true(has("d/new", "new"));
        assert_int_equal(pfs_store_rename_new(store, "d/new", "d/free", NULL), 0);
        assert_true(has("d/free", "new"));
        assert_false(is_there("d/new"));
        assert_int_equal(pfs_store_rename_new(store, "d/new", "d/other", &err), -ENOENT);
        assert_int_equal(pfs_store_unlink(store, "d/free", NULL), 0);
    }
    kernel.rename_errno = EROFS;
    assert_int_equal(pfs_store_rename_new(store, "d/taken", "d/free", &err), -EROFS);
    assert_true(err.text[0] != '\0');
    assert_true(has("d/taken", "old"));
}

static int count_kind(void *context, struct pfs_slice name, bool directory)
{
    (void)name;
    ((int *)context)[directory]++;
    return 0;
}

static void a_listing_asks_for_kinds_that_the_directory_keeps_not(void **state)
{
    int counts[2] = {0, 0};
    struct pfs_err err = {0};

    (void)state;
    put("d/file", "x");
    put("d/a/file", "x");
    put("d/b/file", "x");
    kernel.kindless = true;
    assert_int_equal(pfs_store_list(store, "d", count_kind, counts, NULL), 0);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 2);
    kernel.list_errno = EIO; /* names may be missing */
    assert_int_equal(pfs_store_list(store, "d", count_kind, counts, &err), -EIO);
    assert_true(err.text[0] != '\0');
}

/* Whoever can write into the warehouse must not make the process wait, or reach what lies beside it. */
static void what_is_no_plain_file_is_refused(void **state)
{
    static const char *const names[] = {"d/pipe", "d/link", "d/out/file", "d/dir"};
    struct pfs_err err;

    (void)state;
    put("d/file", "x");
    assert_int_equal(mkfifo(real("d/pipe"), 0666), 0);
    assert_int_equal(symlink("file", real("d/link")), 0);
    assert_int_equal(symlink("/tmp", real("d/out")), 0);
    assert_int_equal(mkdir(real("d/dir"), 0777), 0);
    (void)alarm(20);
    for (size_t i = 0; i < COUNT(names); i++) {
        const int want = strcmp(names[i], "d/dir") == 0 ? -EISDIR : -EIO;
        struct pfs_file *file = NULL;

        memset(&err, 0, sizeof(err));
        CHECK(names[i], pfs_store_open(store, names[i], &file, &err) == want);
        CHECK(names[i], err.text[0] != '\0');
        CHECK(names[i], pfs_store_open_locked(store, names[i], false, &file, &err) == want);
        CHECK(names[i], pfs_store_create(store, names[i], &file, &err) < 0);
        CHECK(names[i], file == NULL);
    }
    (void)alarm(0);
    assert_int_equal(pfs_store_list(store, "d/out/below", count_kind, (int[]){0, 0}, &err), -EIO);
    assert_int_equal(pfs_store_stat(store, "d/file/below", &(struct pfs_stat){0}, NULL), -ENOENT);
    assert_int_equal(unlink(real("d/out")), 0);
}

/* ---- locks ---- */

static void a_lock_on_a_file_that_is_removed_meanwhile_is_none(void **state)
{
    struct pfs_file *file = NULL;
    struct pfs_err err = {0};

    (void)state;
    put("d/log", "abc");
    (void)snprintf(kernel.removed, sizeof(kernel.removed), "%s", real("d/log"));
    assert_int_equal(pfs_store_open_locked(store, "d/log", false, &file, NULL), -ENOENT);
    assert_int_equal(pfs_store_open_locked(store, "d/log", true, &file, NULL), -ENOENT);
    kernel.removed[0] = '\0';
    put("d/log", "abc");
    kernel.lock_errno = EACCES; /* of some file systems, for EAGAIN */
    assert_int_equal(pfs_store_open_locked(store, "d/log", false, &file, NULL), -EAGAIN);
    kernel.lock_errno = ENOLCK;
    assert_int_equal(pfs_store_open_locked(store, "d/log", false, &file, &err), -ENOLCK);
    assert_true(err.text[0] != '\0');
    assert_null(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_synced_is_synced_by_the_kernel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_made_on_the_way_is_synced_into_its_parent, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_appended_begins_to_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_lost_when_it_begins_is_told_by_the_sync, set_up, tear_down),
        cmocka_unit_test_setup_teardown(room_that_is_reserved_is_part_of_the_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_will_be_synced_at_its_end_is_begun_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(interrupted_and_short_calls_go_on_where_they_were, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_ends_half_way_tells_how_far_it_came, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_ends_while_it_is_read_is_an_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rename_without_the_kernels_help_replaces_nothing_either, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_listing_asks_for_kinds_that_the_directory_keeps_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_plain_file_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lock_on_a_file_that_is_removed_meanwhile_is_none, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
