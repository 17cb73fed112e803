/* rows_write.c - the file as it grows: rows are laid out a piece of a batch at a time, and blocks are cut out of them.
 */
#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "format/avro/avro.h"
#include "format/avro/rows.h"
#include "format/avro/rows_out.h"

#define BLOCK_BYTES ((size_t)256 << 10)
#define PIECE_ROWS 1024               /* laid out at once: what the loops go over stays near */
#define PIECE_BYTES ((size_t)4 << 20) /* of a batch, so that rows of many items do not take lanes without measure */

struct writer {
    struct pfs_writer writer; /* first */
    struct pfs_file *file;
    int32_t columns;
    struct pfs_arena arena; /* the plan */
    struct pfs_avro_out *out;
    struct pfs_column_stats *stats;
    struct pfs_avro_writer container;
    struct pfs_buf packed; /* for the file */
    struct pfs_buf rows;   /* laid out and in no block yet */
    int64_t row_count;
    struct pfs_avro_lane lane; /* of the rows of a piece */
};

static int flush(struct writer *w, struct pfs_err *err)
{
    int rc = pfs_file_append(w->file, w->packed.at, w->packed.len, err);

    pfs_buf_clear(&w->packed);
    return rc;
}

static int put_block(struct writer *w, struct pfs_slice rows, int64_t count, struct pfs_err *err)
{
    PFS_TRY(pfs_avro_add_block(&w->container, rows, count, err));
    return flush(w, err);
}

/* ---- rows ---- */

/* What rows [from, to) take in a batch, about: nulls count as what lies below them. */
static size_t weigh(const struct pfs_column *c, int64_t from, int64_t to)
{
    size_t width = (size_t)pfs_type_width(c->type), sum = width * (size_t)(to - from);
    int32_t children = c->type->kind == PFS_MULTISET ? 2 : c->type->children;

    assert(from <= to);
    if (c->offsets != NULL) {
        from = c->offsets[from];
        to = c->offsets[to];
        sum += (size_t)(to - from) * (children == 0 ? 1 : 16); /* an item needs a place in a lane */
    }
    for (int32_t i = 0; i < children; i++)
        sum += weigh(&c->children[i], from, to);
    return sum;
}

static int64_t piece_rows(const struct pfs_batch *batch, int64_t from)
{
    int64_t rows = batch->rows - from < PIECE_ROWS ? batch->rows - from : PIECE_ROWS;

    for (; rows > 1; rows /= 2) {
        size_t sum = 0;

        for (int32_t i = 0; i < batch->columns; i++)
            sum += weigh(&batch->column[i], from, from + rows);
        if (sum <= PIECE_BYTES)
            break;
    }
    assert(rows > 0 && rows <= PIECE_ROWS);
    return rows;
}

/* Lays the rows of the lane out behind those that are there. */
static int lay_out(struct writer *w, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct pfs_avro_lane *lane = &w->lane;
    size_t sum = 0;
    uint8_t *at;

    assert(lane->count <= lane->room);
    memset(lane->bytes, 0, (size_t)lane->count * sizeof(*lane->bytes));
    for (int32_t i = 0; i < w->columns; i++)
        PFS_TRY(pfs_avro_out_measure(&w->out[i], &batch->column[i], lane->row, lane->count, lane->bytes, err));
    for (int64_t i = 0; i < lane->count; i++)
        sum += lane->bytes[i];
    at = pfs_buf_reserve(&w->rows, sum);
    if (at == NULL)
        return pfs_buf_check(&w->rows, err);
    for (int64_t i = 0; i < lane->count; i++) {
        lane->at[i] = at;
        at += lane->bytes[i];
    }
    for (int32_t i = 0; i < w->columns; i++)
        pfs_avro_out_put(&w->out[i], &batch->column[i], lane->row, lane->count, lane->at);
    assert(lane->at[lane->count - 1] == at); /* the last row ends where it was measured to */
    return 0;
}

/* Cuts blocks where a row ends that fills one; what is left goes to the front. */
static int cut_blocks(struct writer *w, struct pfs_err *err)
{
    size_t from = 0, end = w->rows.len;

    for (int64_t i = 0; i < w->lane.count; i++) {
        end += w->lane.bytes[i];
        w->row_count++;
        if (end - from < BLOCK_BYTES)
            continue;
        PFS_TRY(put_block(w, pfs_slice_of(w->rows.at + from, end - from), w->row_count, err));
        w->row_count = 0;
        from = end;
    }
    assert(end - from < BLOCK_BYTES);
    w->rows.len = end - from;
    if (from > 0 && end > from)
        memmove(w->rows.at, w->rows.at + from, end - from);
    return 0;
}

static int writer_write(struct pfs_writer *self, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;

    assert(batch->columns == w->columns);
    for (int64_t from = 0; from < batch->rows; from += w->lane.count) {
        w->lane.count = piece_rows(batch, from);
        for (int64_t i = 0; i < w->lane.count; i++)
            w->lane.row[i] = (int32_t)(from + i);
        PFS_TRY(lay_out(w, batch, err));
        PFS_TRY(cut_blocks(w, err));
    }
    return 0;
}

/* ---- the writer ---- */

static uint64_t writer_size(const struct pfs_writer *self)
{
    const struct writer *w = (const struct writer *)self;

    return pfs_file_size(w->file) + w->rows.len;
}

static int writer_finish(struct pfs_writer *self, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;

    if (w->row_count > 0)
        PFS_TRY(put_block(w, pfs_buf_slice(&w->rows), w->row_count, err));
    pfs_buf_clear(&w->rows);
    w->row_count = 0;
    return 0;
}

static const struct pfs_column_stats *writer_stats(const struct pfs_writer *self)
{
    return ((const struct writer *)self)->stats;
}

static void writer_close(struct pfs_writer *self)
{
    struct writer *w = (struct writer *)self;

    for (int32_t i = 0; w->out != NULL && i < w->columns; i++)
        pfs_avro_out_done(&w->out[i]);
    pfs_avro_lane_done(&w->lane);
    pfs_buf_done(&w->packed);
    pfs_buf_done(&w->rows);
    pfs_arena_done(&w->arena);
    pfs_free(w);
}

static const struct pfs_writer_ops writer_ops = {writer_write, writer_size, writer_finish, writer_stats, writer_close};

/* The codec's name in headers; NULL: it is none of Avro. */
static const char *codec_name(enum pfs_codec codec)
{
    static const char *const names[] = {
        [PFS_CODEC_NONE] = "null",     [PFS_CODEC_ZSTD] = "zstandard", [PFS_CODEC_LZ4] = NULL,
        [PFS_CODEC_SNAPPY] = "snappy", [PFS_CODEC_GZIP] = NULL,        [PFS_CODEC_DEFLATE] = "deflate"};

    return names[codec];
}

static int begin(struct writer *w, const struct pfs_avro_rows_write *write, struct pfs_buf *schema, struct pfs_err *err)
{
    const char *codec = codec_name(write->codec);

    if (codec == NULL)
        return pfs_fail(err, EINVAL, "%s is no codec of Avro", pfs_codec_name(write->codec));
    w->out = pfs_arena_array(&w->arena, (size_t)write->columns, sizeof(*w->out));
    w->stats = pfs_arena_array(&w->arena, (size_t)write->columns, sizeof(*w->stats));
    if (w->out == NULL || w->stats == NULL)
        return pfs_arena_full(&w->arena, err);
    for (int32_t i = 0; i < write->columns; i++)
        w->stats[i].nulls = -1;
    pfs_buf_puts(schema,
                 "{\"type\":\"record\",\"name\":\"record\",\"namespace\":\"org.apache.paimon.avro.generated\",");
    PFS_TRY(pfs_avro_out_plan_fields(write->fields, write->columns, "record", &w->arena, w->out, schema, err));
    pfs_buf_puts(schema, "}");
    pfs_buf_putc(schema, 0);
    PFS_TRY(pfs_buf_check(schema, err));
    PFS_TRY(pfs_avro_lane_grow(&w->lane, PIECE_ROWS, err));
    PFS_TRY(pfs_avro_begin(&w->container, (const char *)schema->at, codec, &w->packed, err));
    w->container.level = write->level;
    return flush(w, err);
}

int pfs_avro_rows_create(struct pfs_file *file, const struct pfs_avro_rows_write *write, struct pfs_writer **out,
                         struct pfs_err *err)
{
    struct writer *w = pfs_zalloc(sizeof(*w));
    struct pfs_buf schema = {0};
    int rc;

    assert(write->columns >= 0);
    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for an Avro file");
    w->writer.ops = &writer_ops;
    w->file = file;
    w->columns = write->columns;
    rc = begin(w, write, &schema, err);
    pfs_buf_done(&schema);
    if (rc < 0) {
        writer_close(&w->writer);
        return rc;
    }
    *out = &w->writer;
    return 0;
}
