/* blob.c - one column of large values, read by rows.
 *
 *   [magic payload length crc] [..] ... | lengths: delta, zigzag, LEB128 | i32 bytes of them | version
 *     16 bytes around a payload           -1 = null, without a record
 *
 * The index is read whole at the open: nothing else tells where a record begins. Records are read a batch at a time, in
 * one piece, since rows of a batch lie side by side. */
#include "format/blob.h"

#include <assert.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"

#define MAGIC 1481511375u
#define VERSION 1
#define TAIL_BYTES 5 /* size of the index, version */
#define BATCH_BYTES_MAX ((int64_t)16 << 20)
#define VALUE_BYTES_MAX ((int64_t)PFS_BATCH_BYTES_MAX / 2)

struct blob_reader {
    struct pfs_reader base;
    const struct pfs_file_read *read;
    struct pfs_file *file;
    int32_t column; /* the one that the file holds; -1 = none is wanted */
    int64_t rows;
    int64_t *len; /* of each record; -1 = null */
    int64_t at;   /* next row, and where its record begins */
    uint64_t off;
    int32_t range;
};

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "the blob file is damaged: %s", what);
}

/* ---- opening ---- */

static int parse_index(struct blob_reader *r, struct pfs_slice index, uint64_t records_bytes, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(index);
    int64_t len = 0;
    uint64_t sum = 0;

    r->len = pfs_alloc_array(index.len + 1, sizeof(*r->len)); /* a length takes at least a byte */
    if (r->len == NULL)
        return pfs_fail(err, ENOMEM, "no memory for the index of a blob file");
    while (pfs_left(&c) > 0) {
        len = (int64_t)((uint64_t)len + (uint64_t)pfs_take_zigzag(&c));
        if (c.bad || len < -1 || (len >= 0 && len < PFS_BLOB_AROUND_BYTES) || len > (int64_t)(records_bytes - sum))
            return damaged(err, "a length is wrong");
        sum += len > 0 ? (uint64_t)len : 0;
        r->len[r->rows++] = len;
    }
    assert((uint64_t)r->rows <= index.len);
    return sum == records_bytes ? 0 : damaged(err, "its records do not fill it");
}

/* From the end: version, size of the index, the index; what is in front of it must be the records, to the byte. */
static int load_index(struct blob_reader *r, struct pfs_err *err)
{
    uint64_t size = pfs_file_size(r->file), bytes;
    uint8_t tail[TAIL_BYTES], *index;
    int rc;

    if (size < TAIL_BYTES)
        return damaged(err, "it is cut off");
    PFS_TRY(pfs_file_pread(r->file, size - TAIL_BYTES, tail, TAIL_BYTES, err));
    if (tail[4] != VERSION)
        return pfs_fail(err, EOPNOTSUPP, "version %d of blob files cannot be read", tail[4]);
    bytes = pfs_le32(tail);
    if (bytes > size - TAIL_BYTES || bytes > PFS_FOOTER_BYTES_MAX)
        return damaged(err, "its index is longer than the file");
    index = pfs_alloc((size_t)bytes);
    if (index == NULL)
        return pfs_fail(err, ENOMEM, "no memory for the index of a blob file");
    rc = pfs_file_pread(r->file, size - TAIL_BYTES - bytes, index, (size_t)bytes, err);
    if (rc == 0)
        rc = parse_index(r, pfs_slice_of(index, (size_t)bytes), size - TAIL_BYTES - bytes, err);
    pfs_free(index);
    return rc;
}

/* The first BLOB is the file's; others may only be missing. */
static int choose_column(struct blob_reader *r, struct pfs_err *err)
{
    r->column = -1;
    for (int32_t i = 0; i < r->read->columns; i++) {
        const struct pfs_field *f = &r->read->fields[i];

        if (r->column < 0 && f->type.kind == PFS_BLOB)
            r->column = i;
        else if (r->read->missing_ok == NULL || !r->read->missing_ok[i])
            return pfs_fail(err, EIO, "column %s: it is not in the file", f->name);
    }
    return 0;
}

static void blob_close(struct pfs_reader *base)
{
    struct blob_reader *r = (struct blob_reader *)base;

    pfs_free(r->len);
    pfs_free(r);
}

/* ---- reading ---- */

static void step_over(struct blob_reader *r, int64_t rows)
{
    assert(rows >= 0 && rows <= r->rows - r->at);
    for (int64_t i = 0; i < rows; i++, r->at++)
        r->off += r->len[r->at] > 0 ? (uint64_t)r->len[r->at] : 0;
}

/* Rows of the next batch, from r->at on; their records take *bytes. */
static int64_t next_rows(struct blob_reader *r, size_t *bytes)
{
    int64_t most = r->read->batch_rows > 0 ? r->read->batch_rows : PFS_BATCH_ROWS, end = r->rows, rows = 0, sum = 0;

    if (r->read->range != NULL) {
        while (r->range < r->read->ranges && r->read->range[r->range].to <= r->at)
            r->range++;
        if (r->range == r->read->ranges || r->read->range[r->range].from >= r->rows)
            return 0;
        if (r->read->range[r->range].from > r->at)
            step_over(r, r->read->range[r->range].from - r->at);
        if (r->read->range[r->range].to < end)
            end = r->read->range[r->range].to;
    }
    while (rows < most && r->at + rows < end && (rows == 0 || sum < BATCH_BYTES_MAX)) {
        int64_t len = r->len[r->at + rows];

        if (rows > 0 && len > BATCH_BYTES_MAX)
            break;
        sum += len > 0 ? len : 0;
        rows++;
    }
    assert(rows <= most);
    *bytes = (size_t)sum;
    return rows;
}

/* Checks one record; its payload. */
static int unpack(struct pfs_slice record, struct pfs_slice *out, struct pfs_err *err)
{
    const uint8_t *end = record.at + record.len;

    assert(record.len >= PFS_BLOB_AROUND_BYTES); /* the index was checked when it was read */
    if (pfs_le32(record.at) != MAGIC || pfs_le64(end - 12) != record.len)
        return damaged(err, "a record has no sound frame");
    if (pfs_crc32(record.at, record.len - 4) != pfs_le32(end - 4))
        return damaged(err, "a record's checksum is wrong");
    *out = pfs_slice_of(record.at + 4, record.len - PFS_BLOB_AROUND_BYTES);
    return 0;
}

/* Payloads are copied out of their frames, side by side: the column's offsets have no gaps. */
static int take_records(struct blob_reader *r, int64_t rows, const uint8_t *records, struct pfs_arena *arena,
                        struct pfs_column *out, struct pfs_err *err)
{
    size_t total = 0, at = 0;
    int32_t *offsets = pfs_arena_alloc(arena, (size_t)(rows + 1) * sizeof(*offsets));
    uint8_t *valid = pfs_arena_zalloc(arena, (size_t)(rows + 7) / 8 + 8), *values;

    for (int64_t i = 0; i < rows; i++)
        total += r->len[r->at + i] > 0 ? (size_t)r->len[r->at + i] - PFS_BLOB_AROUND_BYTES : 0;
    values = pfs_arena_alloc(arena, total);
    if (offsets == NULL || valid == NULL || values == NULL)
        return pfs_arena_full(arena, err);
    offsets[0] = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t len = r->len[r->at + i];
        struct pfs_slice payload = {NULL, 0};

        if (len > 0) {
            PFS_TRY(unpack(pfs_slice_of(records + at, (size_t)len), &payload, err));
            memcpy(values + offsets[i], payload.at, payload.len);
            valid[i >> 3] |= (uint8_t)(1 << (i & 7));
            at += (size_t)len;
        }
        offsets[i + 1] = offsets[i] + (int32_t)payload.len;
    }
    assert((size_t)offsets[rows] == total);
    out->valid = valid;
    out->offsets = offsets;
    out->values = values;
    return 0;
}

static int read_records(struct blob_reader *r, int64_t rows, size_t bytes, struct pfs_arena *arena,
                        struct pfs_column *out, struct pfs_err *err)
{
    uint8_t *records;
    int rc;

    /* Only a batch of one row can be so large. It is in memory twice for a moment, frame and payload. */
    if (bytes > (size_t)VALUE_BYTES_MAX)
        return pfs_fail(err, EFBIG, "a BLOB of %zu bytes, which is more than can be read", bytes);
    records = pfs_alloc(bytes);
    if (records == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %zu bytes of a blob file", bytes);
    rc = pfs_file_pread(r->file, r->off, records, bytes, err);
    if (rc == 0)
        rc = take_records(r, rows, records, arena, out, err);
    pfs_free(records);
    return rc;
}

/* Where no BLOB is wanted nothing is read: the index alone tells how many rows there are. */
static int64_t blob_next(struct pfs_reader *base, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct blob_reader *r = (struct blob_reader *)base;
    struct pfs_column *column;
    size_t bytes = 0;
    int64_t rows;

    if (pfs_cancelled(r->read->cancel))
        return pfs_fail(err, ECANCELED, "cancelled");
    rows = next_rows(r, &bytes);
    if (rows == 0)
        return 0;
    column = pfs_arena_array(arena, (size_t)r->read->columns, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < r->read->columns; i++) {
        column[i].type = &r->read->fields[i].type;
        if (i == r->column)
            PFS_TRY(read_records(r, rows, bytes, arena, &column[i], err));
        else
            PFS_TRY(pfs_column_nulls(&r->read->fields[i].type, rows, arena, &column[i], err));
    }
    step_over(r, rows);
    *out = (struct pfs_batch){rows, r->read->columns, column};
    return rows;
}

static const struct pfs_reader_ops blob_ops = {blob_next, blob_close};

int pfs_blob_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out, struct pfs_err *err)
{
    struct blob_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    assert(read->columns >= 0);
    assert(read->ranges == 0 || read->range != NULL);
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    r->base.ops = &blob_ops;
    r->read = read;
    r->file = file;
    rc = choose_column(r, err);
    if (rc == 0)
        rc = load_index(r, err);
    if (rc < 0) {
        blob_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return 0;
}
