/* spool.c - text in memory, then in an unlinked file with holes for what was given up. */
#include "fs/view/spool.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"

#define HOLE_ALIGN ((uint64_t)64 << 10)

void pfs_spool_init(struct pfs_spool *spool, uint64_t from)
{
    *spool = (struct pfs_spool){.fd = -1, .low = from, .high = from};
}

void pfs_spool_done(struct pfs_spool *spool)
{
    pfs_free(spool->at);
    if (spool->fd >= 0)
        close(spool->fd);
    pfs_free(spool->piece);
    pfs_spool_base_close(spool->base);
    pfs_spool_init(spool, 0);
}

bool pfs_spool_keep(struct pfs_spool *spool, struct pfs_slice bytes)
{
    size_t used = (size_t)(spool->high - spool->low);

    assert(spool->high >= spool->low);
    assert(spool->fd >= 0 || used <= spool->room);
    if (spool->fd >= 0 || used > PFS_SPOOL_MEMORY_MAX || bytes.len > PFS_SPOOL_MEMORY_MAX - used)
        return false;
    if (used + bytes.len > spool->room) {
        uint8_t *more = pfs_realloc(spool->at, used + bytes.len);

        if (more == NULL)
            return false;
        spool->at = more;
        spool->room = used + bytes.len;
    }
    if (bytes.len > 0)
        memcpy(spool->at + used, bytes.at, bytes.len);
    spool->high += bytes.len;
    return true;
}

/* Where O_TMPFILE is not to be had a file is made and its name removed at once. */
int pfs_spool_file(const char *dir, struct pfs_err *err)
{
    char name[4096];
    int fd = -1;

    if (dir != NULL) {
        fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0 && snprintf(name, sizeof(name), "%s/spool-XXXXXX", dir) < (int)sizeof(name)) {
            fd = mkostemp(name, O_CLOEXEC);
            if (fd >= 0)
                (void)unlink(name);
        }
    }
    if (fd < 0)
        fd = memfd_create("paimonfs-view", MFD_CLOEXEC);
    return fd >= 0 ? fd : pfs_fail(err, errno, "spool in %s: %s", dir, pfs_errno_text(errno));
}

int pfs_spool_put(int fd, struct pfs_slice bytes, uint64_t off, struct pfs_err *err)
{
    while (bytes.len > 0) {
        ssize_t put = pwrite(fd, bytes.at, bytes.len, (off_t)off);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return pfs_fail(err, errno, "spool in the cache directory: %s", pfs_errno_text(errno));
        bytes.at += put;
        bytes.len -= (size_t)put;
        off += (uint64_t)put;
    }
    return 0;
}

int pfs_spool_store(const struct pfs_spool *spool, const char *dir, struct pfs_slice bytes, int *fd,
                    struct pfs_err *err)
{
    int made = spool->fd, rc = 0;

    *fd = -1;
    if (made < 0) {
        made = pfs_spool_file(dir, err);
        if (made < 0)
            return made;
        rc = pfs_spool_put(made, pfs_slice_of(spool->at, (size_t)(spool->high - spool->low)), spool->low, err);
    }
    if (rc == 0)
        rc = pfs_spool_put(made, bytes, spool->high, err);
    if (rc < 0 && made != spool->fd)
        close(made);
    else
        *fd = made;
    return rc;
}

void pfs_spool_moved(struct pfs_spool *spool, int fd, size_t bytes)
{
    assert(fd >= 0);
    assert(spool->fd < 0 || spool->fd == fd);
    spool->fd = fd;
    spool->high += bytes;
    pfs_free(spool->at);
    spool->at = NULL;
    spool->room = 0;
}

void pfs_spool_drop(struct pfs_spool *spool, uint64_t off)
{
    uint64_t to = off / HOLE_ALIGN * HOLE_ALIGN;

    if (spool->fd < 0 || spool->base != NULL || to <= spool->low)
        return;
    /* A file system without holes keeps the bytes until the file goes. */
    (void)fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)spool->low, (off_t)(to - spool->low));
    spool->low = to;
}

void pfs_spool_copy(const struct pfs_spool *spool, uint64_t off, void *to, size_t len)
{
    assert(spool->fd < 0);
    assert(off >= spool->low);
    assert(off + len <= spool->high);
    if (len > 0)
        memcpy(to, spool->at + (off - spool->low), len);
}

int pfs_spool_read(int fd, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t got = pread(fd, (uint8_t *)to + done, len - done, (off_t)(off + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return pfs_fail(err, errno, "spool in the cache directory: %s", pfs_errno_text(errno));
        if (got == 0)
            return pfs_fail(err, EIO, "the spool was cut short");
        done += (size_t)got;
    }
    return 0;
}
