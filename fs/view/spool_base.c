/* spool_base.c - spools that are built on older ones: pieces in files of several texts.
 *
 *   the text     |---own---|--piece: file 0--|-own-|--piece: file 1--|---own---|
 *   its own file |---------|      hole       |-----|      hole       |---------|   at the text's own offsets
 *
 * Pieces ascend and do not overlap. A piece never names a spool, only a file that the base keeps open: the older text
 * may be gone long since. */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "fs/view/spool.h"
#include "fs/view/view.h"

#define COPY_BYTES ((size_t)1 << 20)
#define SHORT_BYTES ((uint64_t)32 << 10) /* are copied by hand */
#define WASTE 2                          /* times the text: more in its files is copied into one */
#define SMALL_PART 8 /* of the text: files that hold less than that together are copied into one by themselves */

/* ---- an older text ---- */

void pfs_spool_base_close(struct pfs_spool_base *base)
{
    if (base == NULL)
        return;
    for (int i = 0; i < base->files; i++)
        close(base->fd[i]);
    pfs_free(base->piece);
    pfs_free(base);
}

/* The base's place of a file of the spool: its own is -1. -1: there is none to be had. */
static int add_file(struct pfs_spool_base *b, const struct pfs_spool *spool, int32_t file, int32_t *known)
{
    int fd = file < 0 ? spool->fd : spool->base->fd[file];

    assert(file < PFS_SPOOL_FILES_MAX);
    assert(fd >= 0);
    if (known[file + 1] >= 0)
        return known[file + 1];
    if (b->files == PFS_SPOOL_FILES_MAX)
        return -1;
    b->fd[b->files] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (b->fd[b->files] < 0)
        return -1;
    b->bytes[b->files] = file < 0 ? spool->high - spool->low - spool->referred : spool->base->bytes[file];
    return known[file + 1] = b->files++;
}

static bool add_piece(struct pfs_spool_base *b, const struct pfs_spool *spool, const struct pfs_spool_piece *piece,
                      int32_t *known)
{
    int file = piece->len == 0 ? 0 : add_file(b, spool, piece->file, known);

    if (file < 0)
        return false;
    if (piece->len > 0)
        b->piece[b->pieces++] = (struct pfs_spool_piece){piece->at, piece->len, file, piece->off};
    return true;
}

static bool list_pieces(struct pfs_spool_base *b, const struct pfs_spool *spool)
{
    int32_t known[PFS_SPOOL_FILES_MAX + 1];
    uint64_t at = 0;

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        known[i] = -1;
    for (int64_t i = 0; i <= spool->pieces; i++) {
        uint64_t end = i < spool->pieces ? spool->piece[i].at : spool->high;

        if (!add_piece(b, spool, &(struct pfs_spool_piece){at, end - at, -1, at}, known) ||
            (i < spool->pieces && !add_piece(b, spool, &spool->piece[i], known)))
            return false;
        assert(end >= at); /* pieces ascend */
        at = i < spool->pieces ? end + spool->piece[i].len : end;
    }
    return true;
}

/* Which files are given up. All: too many pieces, or a lot that is not in the text; too many files: the small ones,
 * when that does it. */
static void choose_copied(struct pfs_spool_base *b, uint64_t size)
{
    uint64_t bytes = 0, most = 0;
    bool all;

    for (int i = 0; i < b->files; i++) {
        bytes += b->bytes[i];
        most = b->bytes[i] > most ? b->bytes[i] : most;
    }
    all = b->pieces > PFS_SPOOL_PIECES_MAX || bytes / WASTE > size;
    if (!all && b->files < PFS_SPOOL_FILES_MAX)
        return;
    for (int i = 0; i < b->files; i++)
        b->copied[i] = all || bytes - most > size / SMALL_PART || b->bytes[i] < most;
}

struct pfs_spool_base *pfs_spool_base_of(const struct pfs_spool *spool)
{
    struct pfs_spool_base *b = pfs_zalloc(sizeof(*b));

    assert(spool->low == 0);
    assert(spool->fd >= 0);
    if (b != NULL)
        b->piece = pfs_alloc_array(2 * (size_t)spool->pieces + 1, sizeof(*b->piece));
    if (b == NULL || b->piece == NULL || !list_pieces(b, spool)) {
        pfs_spool_base_close(b);
        return NULL;
    }
    choose_copied(b, spool->high - spool->low);
    return b;
}

/* The first piece that ends behind `off`, among those that ascend. */
static int64_t find(const struct pfs_spool_piece *piece, int64_t pieces, uint64_t off)
{
    int64_t low = 0, high = pieces;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (piece[middle].at + piece[middle].len <= off)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- on top of it ---- */

void pfs_spool_build_on(struct pfs_spool *spool, struct pfs_spool_base *base)
{
    assert(spool->base == NULL);
    assert(spool->low == 0 && spool->high == 0);
    spool->base = base;
}

/* Where the file systems will not copy between them. */
static int copy_by_hand(int from, uint64_t off, uint64_t len, int to, uint64_t high, struct pfs_err *err)
{
    uint8_t *piece = pfs_alloc(len < COPY_BYTES ? (size_t)len : COPY_BYTES);
    int rc = piece == NULL ? pfs_fail(err, ENOMEM, "no memory to copy") : 0;

    while (rc == 0 && len > 0) {
        size_t some = len < COPY_BYTES ? (size_t)len : COPY_BYTES;

        rc = pfs_spool_read(from, off, piece, some, err);
        if (rc == 0)
            rc = pfs_spool_put(to, pfs_slice_of(piece, some), high, err);
        off += some;
        high += some;
        len -= some;
    }
    pfs_free(piece);
    return rc;
}

static int copy_range(int from, uint64_t off, uint64_t len, int to, uint64_t high, struct pfs_err *err)
{
    off_t in = (off_t)off, out = (off_t)high;

    if (len < SHORT_BYTES)
        return copy_by_hand(from, off, len, to, high, err);
    while (len > 0) {
        ssize_t got = copy_file_range(from, &in, to, &out, (size_t)len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return copy_by_hand(from, (uint64_t)in, len, to, (uint64_t)out, err);
        len -= (uint64_t)got;
    }
    return 0;
}

/* Appends that stretch of a file. */
static int take(const struct pfs_spool *spool, const char *dir, int from, uint64_t off, uint64_t len, int *fd,
                struct pfs_err *err)
{
    int rc;

    PFS_TRY(pfs_spool_store(spool, dir, pfs_slice_of(NULL, 0), fd, err));
    rc = copy_range(from, off, len, *fd, spool->high, err);
    if (rc < 0 && *fd != spool->fd)
        close(*fd);
    return rc;
}

/* The base's bytes from `off` on, as far as they lie together. */
static int piece_at(const struct pfs_spool_base *base, uint64_t off, uint64_t len, struct pfs_spool_piece *out,
                    struct pfs_err *err)
{
    int64_t i = find(base->piece, base->pieces, off);
    const struct pfs_spool_piece *p = &base->piece[i];
    uint64_t skip;

    if (i == base->pieces)
        return pfs_fail(err, EIO, "the older text has no byte %llu", (unsigned long long)off);
    skip = off - p->at;
    *out = (struct pfs_spool_piece){off, p->len - skip < len ? p->len - skip : len, p->file, p->off + skip};
    return 0;
}

int pfs_spool_reuse(const struct pfs_spool *spool, const char *dir, uint64_t off, uint64_t len, int *fd, uint64_t *some,
                    struct pfs_err *err)
{
    struct pfs_spool_piece piece;

    assert(spool->base != NULL);
    assert(len > 0);
    *fd = -1;
    PFS_TRY(piece_at(spool->base, off, len, &piece, err));
    *some = piece.len;
    if (spool->base->copied[piece.file])
        return take(spool, dir, spool->base->fd[piece.file], piece.off, piece.len, fd, err);
    return pfs_spool_store(spool, dir, pfs_slice_of(NULL, 0), fd, err);
}

int pfs_view_text_read(const struct pfs_spool_base *text, uint64_t off, void *to, size_t len, struct pfs_err *err)
{
    uint8_t *at = to;

    while (len > 0) {
        struct pfs_spool_piece piece;

        PFS_TRY(piece_at(text, off, len, &piece, err));
        PFS_TRY(pfs_spool_read(text->fd[piece.file], piece.off, at, (size_t)piece.len, err));
        off += piece.len;
        at += piece.len;
        len -= (size_t)piece.len;
    }
    return 0;
}

static int add_room(struct pfs_spool *spool, struct pfs_err *err)
{
    int64_t room = spool->piece_room == 0 ? 64 : 2 * spool->piece_room;
    struct pfs_spool_piece *more;

    if (spool->pieces < spool->piece_room)
        return 0;
    more = pfs_realloc(spool->piece, (size_t)room * sizeof(*more));
    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a text in pieces");
    spool->piece = more;
    spool->piece_room = room;
    return 0;
}

int pfs_spool_reused(struct pfs_spool *spool, int fd, uint64_t off, uint64_t some, struct pfs_err *err)
{
    struct pfs_spool_piece piece, *last = spool->pieces == 0 ? NULL : &spool->piece[spool->pieces - 1];

    assert(spool->base != NULL);
    pfs_spool_moved(spool, fd, 0);
    PFS_TRY(piece_at(spool->base, off, some, &piece, err));
    if (spool->base->copied[piece.file]) {
        spool->high += some;
        return 0;
    }
    piece.at = spool->high;
    if (last != NULL && last->at + last->len == piece.at && last->file == piece.file &&
        last->off + last->len == piece.off) {
        last->len += piece.len;
    } else {
        PFS_TRY(add_room(spool, err));
        spool->piece[spool->pieces++] = piece;
    }
    spool->high += piece.len;
    spool->referred += piece.len;
    return 0;
}

/* ---- what it has ---- */

uint64_t pfs_spool_file_bytes(const struct pfs_spool *spool)
{
    uint64_t bytes = spool->high - spool->low - spool->referred;

    for (int i = 0; spool->base != NULL && i < spool->base->files; i++)
        bytes += spool->base->bytes[i];
    return bytes;
}

int pfs_spool_files(const struct pfs_spool *spool)
{
    return (spool->fd >= 0) + (spool->base != NULL ? spool->base->files : 0);
}

uint64_t pfs_spool_where(const struct pfs_spool *spool, uint64_t off, int *fd, uint64_t *at)
{
    int64_t i = find(spool->piece, spool->pieces, off);
    const struct pfs_spool_piece *p = &spool->piece[i];

    assert(off >= spool->low);
    assert(off < spool->high);
    if (i < spool->pieces && p->at <= off) {
        *fd = spool->base->fd[p->file];
        *at = p->off + (off - p->at);
        return p->len - (off - p->at);
    }
    *fd = spool->fd;
    *at = off;
    return (i < spool->pieces ? p->at : spool->high) - off;
}
