/* spool.h - a stretch of a view's text: bytes [low, high), appended at the end, given up from the front.
 *
 * A short text stays in memory; a longer one goes to an unlinked file in the cache directory, at the same offsets as in
 * the text, so that a stretch from the middle is a sparse file and what is given up is a hole.
 *
 * A text may be built on an older one: the stretches that are the same in both are not copied, but lie where they do in
 * that one's files, which the spool keeps open. Files never refer to files: of a text built on such a text, too, each
 * piece lies in a file. So that they do not pile up a text of many pieces or with a lot in its files that is not in it
 * any more is copied into one; of a text of many files the small ones are. Private to fs/. Threads: one appends; what
 * the lock of the owner must guard is said at each call.
 */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#define PFS_SPOOL_MEMORY_MAX ((size_t)64 << 10) /* a longer text is put in a file */

#define PFS_SPOOL_FILES_MAX 8
#define PFS_SPOOL_PIECES_MAX 4096

/* A stretch of a text, and where it lies. */
struct pfs_spool_piece {
    uint64_t at, len;
    int32_t file; /* of the base's */
    uint64_t off;
};

/* All of an older text. */
struct pfs_spool_base {
    int files;
    int fd[PFS_SPOOL_FILES_MAX];         /* its own */
    uint64_t bytes[PFS_SPOOL_FILES_MAX]; /* that the files hold */
    struct pfs_spool_piece *piece;       /* one behind the other, none empty */
    int64_t pieces;
    bool copied[PFS_SPOOL_FILES_MAX]; /* what is taken of that file is copied */
};

struct pfs_spool {
    uint8_t *at; /* [low, high) while there is no file */
    size_t room;
    int fd; /* -1 = in memory */
    uint64_t low, high;
    struct pfs_spool_base *base;   /* NULL = all lies in its own file */
    struct pfs_spool_piece *piece; /* what lies in files of the base; the rest is its own */
    int64_t pieces, piece_room;
    uint64_t referred; /* bytes of them */
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
void pfs_spool_moved(struct pfs_spool *spool, int fd, size_t bytes);
/* All of the bytes, at `off` of a file. */
int pfs_spool_put(int fd, struct pfs_slice bytes, uint64_t off, struct pfs_err *err);

/* What a spool with a file that begins at 0 has, for another to be built on; lock held. NULL: no memory, or no more
 * files can be open. */
struct pfs_spool_base *pfs_spool_base_of(const struct pfs_spool *spool);
void pfs_spool_base_close(struct pfs_spool_base *base); /* NULL allowed */
/* The spool, which is empty, is built on it, and takes it; lock held. */
void pfs_spool_build_on(struct pfs_spool *spool, struct pfs_spool_base *base);
/* Appends what the base has from `off` on, up to `len` bytes in *some: as store and moved. */
int pfs_spool_reuse(const struct pfs_spool *spool, const char *dir, uint64_t off, uint64_t len, int *fd, uint64_t *some,
                    struct pfs_err *err);
/* -ENOMEM. */
int pfs_spool_reused(struct pfs_spool *spool, int fd, uint64_t off, uint64_t some, struct pfs_err *err);

uint64_t pfs_spool_file_bytes(const struct pfs_spool *spool); /* that its files hold, the base's too */
int pfs_spool_files(const struct pfs_spool *spool);
/* Where the byte at `off`, which is there, lies, and how many behind it do; lock held, and there is a file. */
uint64_t pfs_spool_where(const struct pfs_spool *spool, uint64_t off, int *fd, uint64_t *at);

/* Gives up what lies before `off` (whole blocks of the file); nothing of a text that is built on another. Lock held. */
void pfs_spool_drop(struct pfs_spool *spool, uint64_t off);
/* Copies from memory, lock held; the range lies in [low, high) and there is no file. */
void pfs_spool_copy(const struct pfs_spool *spool, uint64_t off, void *to, size_t len);
/* Reads from the file of a spool; -EIO when it is shorter than it was made. */
int pfs_spool_read(int fd, uint64_t off, void *to, size_t len, struct pfs_err *err);
