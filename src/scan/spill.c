/* spill.c - a run as frames, one after the other: le32 length of the frame, the frame; a length of 0 ends it. A read
 * takes a frame and the next one's length. */
#include "src/scan/spill.h"

#include <assert.h>
#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/uuid.h"
#include "format/frame.h"

#define LENGTH_BYTES 4
#define WRITE_BYTES ((size_t)256 << 10)
#define PAGE_ROWS 20000 /* most that writers put in a page */
#define COMPRESSION 4   /* of columns, about */
#define COLUMN_BYTES 12

/* ---- what it is worth ---- */

/* Rows that compress well are no smaller in memory: a column is taken for COLUMN_BYTES at least. */
static size_t row_bytes(const struct pfs_manifest_entry *entry, int32_t columns)
{
    int64_t rows = entry->file.rows > 0 ? entry->file.rows : 1;
    int64_t bytes = entry->file.size / rows;
    size_t stored = (size_t)(bytes < 1 ? 1 : bytes > (1 << 20) ? 1 << 20 : bytes) * COMPRESSION;
    size_t least = (size_t)columns * COLUMN_BYTES;

    return stored > least ? stored : least;
}

/* A guess, and meant to be one: what is in a page is known only when it is read, and what it saves is a merge that does
 * not fit. The page of each column that is read, the one that is decoded ahead, and a batch. */
size_t pfs_spill_cost(const struct pfs_manifest_entry *entry, int32_t columns)
{
    int64_t rows = entry->file.rows, batch = rows < PFS_BATCH_ROWS ? rows : PFS_BATCH_ROWS;
    int64_t held = rows < 2 * PAGE_ROWS ? rows : 2 * PAGE_ROWS;

    return held < 0 ? 0 : (size_t)(held + batch) * row_bytes(entry, columns);
}

size_t pfs_spill_row_cost(const struct pfs_manifest_entry *entry, int32_t columns)
{
    return 4 * row_bytes(entry, columns);
}

/* ---- reading ---- */

struct spilled {
    struct pfs_reader reader; /* first */
    struct pfs_spill_want want;
    struct pfs_file *file;
    struct pfs_buf frame;
    uint64_t off;  /* of the next frame */
    uint32_t next; /* its length; 0 = there is none */
};

static int64_t spilled_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out,
                            struct pfs_err *err)
{
    struct spilled *s = (struct spilled *)self;
    size_t len = s->next, used;

    assert(s->off >= LENGTH_BYTES); /* the first length was read when it was opened */
    if (pfs_cancelled(s->want.cancel))
        return -ECANCELED;
    if (len == 0)
        return 0;
    pfs_buf_clear(&s->frame);
    if (pfs_buf_reserve(&s->frame, len + LENGTH_BYTES) == NULL)
        return pfs_buf_check(&s->frame, err);
    PFS_TRY(pfs_file_pread(s->file, s->off, s->frame.at, len + LENGTH_BYTES, err));
    PFS_TRY(pfs_frame_get(pfs_slice_of(s->frame.at, len), s->want.type, s->want.columns, arena, out, &used, err));
    s->off += len + LENGTH_BYTES;
    s->next = pfs_le32(s->frame.at + len);
    return out->rows;
}

static void spilled_close(struct pfs_reader *self)
{
    struct spilled *s = (struct spilled *)self;

    pfs_file_close(s->file);
    pfs_buf_done(&s->frame);
    pfs_free(s);
}

static const struct pfs_reader_ops spilled_ops = {spilled_next, spilled_close};

/* ---- writing ---- */

static int put_length(struct pfs_buf *buf, size_t at, size_t len, struct pfs_err *err)
{
    assert(at + LENGTH_BYTES + len == buf->len); /* the frame is the last thing in it */
    if (len > UINT32_MAX)
        return pfs_fail(err, E2BIG, "a batch of %zu bytes", len);
    pfs_put_le32(buf->at + at, (uint32_t)len);
    return 0;
}

static int put_frame(const struct pfs_batch *batch, struct pfs_buf *buf, struct pfs_err *err)
{
    size_t at = buf->len;

    pfs_buf_le32(buf, 0);
    PFS_TRY(pfs_buf_check(buf, err));
    PFS_TRY(pfs_frame_put(batch, PFS_CODEC_LZ4, buf, err));
    return put_length(buf, at, buf->len - at - LENGTH_BYTES, err);
}

static int put_end(struct pfs_buf *buf, struct pfs_err *err)
{
    pfs_buf_le32(buf, 0);
    return pfs_buf_check(buf, err);
}

static int write_out(struct pfs_buf *buf, struct pfs_file *to, struct pfs_err *err)
{
    int rc = pfs_file_append(to, buf->at, buf->len, err);

    pfs_buf_clear(buf);
    return rc;
}

static int copy(const struct pfs_spill_want *want, struct pfs_reader *in, struct pfs_file *to, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_buf buf;
    int64_t rows = 1;
    int rc = 0;

    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    pfs_buf_init(&buf, PFS_BATCH_BYTES_MAX);
    while (rc == 0 && rows > 0) {
        struct pfs_batch batch;

        pfs_arena_reset(&arena);
        rows = pfs_cancelled(want->cancel) ? -ECANCELED : pfs_reader_next(in, &arena, &batch, err);
        if (rows > 0)
            rc = put_frame(&batch, &buf, err);
        else if (rows == 0)
            rc = put_end(&buf, err);
        if (rc == 0 && rows >= 0 && (rows == 0 || buf.len >= WRITE_BYTES))
            rc = write_out(&buf, to, err);
    }
    pfs_buf_done(&buf);
    pfs_arena_done(&arena);
    return rc < 0 ? rc : rows < 0 ? (int)rows : 0;
}

static int write_run(const struct pfs_spill_want *want, const char *name, struct pfs_reader *in, struct pfs_err *err)
{
    struct pfs_file *to;
    int rc = pfs_store_create(want->store, name, &to, err);

    if (rc < 0)
        return rc == -EEXIST ? pfs_fail(err, EIO, "%s is there already", name) : rc;
    rc = copy(want, in, to, err);
    pfs_file_close(to);
    return rc;
}

static int open_run(struct spilled *s, const char *name, struct pfs_err *err)
{
    uint8_t first[LENGTH_BYTES];
    int rc = pfs_store_open(s->want.store, name, &s->file, err);

    if (rc < 0)
        return rc == -ENOENT ? pfs_fail(err, EIO, "%s is gone", name) : rc;
    PFS_TRY(pfs_file_pread(s->file, 0, first, sizeof(first), err));
    s->off = LENGTH_BYTES;
    s->next = pfs_le32(first);
    return 0;
}

int pfs_spill_run(const struct pfs_spill_want *want, struct pfs_reader *in, struct pfs_reader **out,
                  struct pfs_err *err)
{
    struct spilled *s = pfs_zalloc(sizeof(*s));
    char name[8 + PFS_UUID_TEXT] = "spill-";
    int rc, removed;

    assert(want->store != NULL);
    assert(want->columns > 0);
    if (s == NULL) {
        pfs_reader_close(in);
        return pfs_fail(err, ENOMEM, "no memory to spill a run");
    }
    s->reader.ops = &spilled_ops;
    s->want = *want;
    pfs_buf_init(&s->frame, PFS_BATCH_BYTES_MAX);
    pfs_uuid_make(name + 6);
    rc = write_run(want, name, in, err);
    pfs_reader_close(in);
    if (rc == 0)
        rc = open_run(s, name, err);
    /* It has no name from here on: whatever happens to this process, its bytes are given back. */
    removed = pfs_store_unlink(want->store, name, rc < 0 ? NULL : err);
    if (rc == 0)
        rc = removed;
    if (rc < 0) {
        spilled_close(&s->reader);
        return rc == -ECANCELED ? rc : pfs_wrap(err, "a run that is put aside");
    }
    *out = &s->reader;
    return 0;
}
