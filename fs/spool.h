/* spool.h - a stretch of a view's text: bytes [low, high), appended at the end, given up from the front.
 *
 * A short text stays in memory; a longer one goes to an unlinked file in the cache directory, at the same offsets as in
 * the text, so that a stretch from the middle is a sparse file and what is given up is a hole. Private to fs/.
 * Threads: one appends; what the lock of the owner must guard is said at each call.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#define PFS_SPOOL_MEMORY_MAX ((size_t)64 << 10) /* a longer text is put in a file */

struct pfs_spool {
    uint8_t *at; /* [low, high) while there is no file */
    size_t room;
    int fd; /* -1 = in memory */
    uint64_t low, high;
};

/* A file without a name in `dir`, or in memory: NULL, or a directory that takes no files. The caller closes it. */
int pfs_spool_file(const char *dir, struct pfs_err *err);

void pfs_spool_init(struct pfs_spool *spool, uint64_t from);
void pfs_spool_done(struct pfs_spool *spool); /* lock held, or nobody else knows the spool */

/* Appends in memory, lock held. False: it does not fit there any more. */
bool pfs_spool_keep(struct pfs_spool *spool, struct pfs_slice bytes);
/* Appends in a file, lock not held: only reads of what was there go on meanwhile, and `high` does not move. `dir` NULL,
 * or a directory that takes no files: a file in memory. *fd is the file, -1 on failure. Then pfs_spool_moved makes it
 * known, with `bytes` more of it, lock held. */
int pfs_spool_store(const struct pfs_spool *spool, const char *dir, struct pfs_slice bytes, int *fd,
                    struct pfs_err *err);
/* The same with `len` bytes from `off` on of another file. */
int pfs_spool_take(const struct pfs_spool *spool, const char *dir, int from, uint64_t off, uint64_t len, int *fd,
                   struct pfs_err *err);
void pfs_spool_moved(struct pfs_spool *spool, int fd, size_t bytes);

/* Gives up what lies before `off` (whole blocks of the file); lock held. */
void pfs_spool_drop(struct pfs_spool *spool, uint64_t off);
/* Copies from memory, lock held; the range lies in [low, high) and there is no file. */
void pfs_spool_copy(const struct pfs_spool *spool, uint64_t off, void *to, size_t len);
/* Reads from the file of a spool; -EIO when it is shorter than it was made. */
int pfs_spool_read(int fd, uint64_t off, void *to, size_t len, struct pfs_err *err);
