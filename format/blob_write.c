/* blob_write.c - one column of large values, written row by row.
 *
 *   magic | payload | length of all four | CRC-32 of the first three      a record; a null has none
 *
 * A record goes out in three pieces, so that a payload is not copied for the sake of what stands around it. The lengths
 * wait for the end of the file as they will be written, a byte or two each. */
#include <assert.h>
#include <errno.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/blob.h"

#define MAGIC 1481511375u
#define VERSION 1

struct blob_writer {
    struct pfs_writer writer; /* first */
    struct pfs_file *file;
    uint64_t bytes;       /* of records */
    int64_t last;         /* length of the last one; -1 = null */
    struct pfs_buf index; /* each length, less the one before */
    bool finished;
};

static void put_le(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

static int put_record(struct blob_writer *w, struct pfs_slice payload, struct pfs_err *err)
{
    uint8_t head[4], tail[12];
    uint64_t len = (uint64_t)payload.len + PFS_BLOB_AROUND_BYTES;
    uint32_t crc;

    put_le(head, MAGIC, sizeof(head));
    put_le(tail, len, 8);
    crc = pfs_crc32(head, sizeof(head));
    crc = pfs_crc32_more(crc, payload.at, payload.len);
    put_le(tail + 8, pfs_crc32_more(crc, tail, 8), 4);
    PFS_TRY(pfs_file_append(w->file, head, sizeof(head), err));
    if (payload.len > 0)
        PFS_TRY(pfs_file_append(w->file, payload.at, payload.len, err));
    PFS_TRY(pfs_file_append(w->file, tail, sizeof(tail), err));
    w->bytes += len;
    return 0;
}

static int blob_write(struct pfs_writer *self, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct blob_writer *w = (struct blob_writer *)self;
    const struct pfs_column *column = batch->column;

    assert(!w->finished);
    assert(batch->columns == 1);
    assert(batch->rows == 0 || column->offsets != NULL);
    for (int64_t i = 0; i < batch->rows; i++) {
        int64_t len = -1;

        if (pfs_column_present(column, i)) {
            struct pfs_slice payload = pfs_column_bytes(column, i);

            PFS_TRY(put_record(w, payload, err));
            len = (int64_t)payload.len + PFS_BLOB_AROUND_BYTES;
        }
        pfs_buf_zigzag(&w->index, len - w->last);
        w->last = len;
    }
    return pfs_buf_check(&w->index, err);
}

static uint64_t blob_size(const struct pfs_writer *self)
{
    return ((const struct blob_writer *)self)->bytes;
}

static int blob_finish(struct pfs_writer *self, struct pfs_err *err)
{
    struct blob_writer *w = (struct blob_writer *)self;
    uint8_t tail[5];

    assert(!w->finished);
    w->finished = true;
    put_le(tail, w->index.len, 4);
    tail[4] = VERSION;
    if (w->index.len > 0)
        PFS_TRY(pfs_file_append(w->file, w->index.at, w->index.len, err));
    return pfs_file_append(w->file, tail, sizeof(tail), err);
}

static const struct pfs_column_stats *blob_stats(const struct pfs_writer *self)
{
    static const struct pfs_column_stats unknown = {.nulls = -1};

    (void)self;
    return &unknown;
}

static void blob_close(struct pfs_writer *self)
{
    struct blob_writer *w = (struct blob_writer *)self;

    pfs_buf_done(&w->index);
    pfs_free(w);
}

static const struct pfs_writer_ops blob_ops = {blob_write, blob_size, blob_finish, blob_stats, blob_close};

int pfs_blob_create(struct pfs_file *file, struct pfs_writer **out, struct pfs_err *err)
{
    struct blob_writer *w = pfs_zalloc(sizeof(*w));

    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a blob file");
    w->writer.ops = &blob_ops;
    w->file = file;
    pfs_buf_init(&w->index, PFS_FOOTER_BYTES_MAX);
    *out = &w->writer;
    return 0;
}
