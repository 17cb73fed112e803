/* write.c - the file: stripes of row groups, and the tail.
 *
 *   "ORC" | row indexes, streams, footer of a stripe | ... | statistics of the stripes | footer | postscript | 1 byte
 *
 * Rows are handed to the columns in pieces, as rows of one STRUCT, column 0, whose fields the table's columns are. A
 * piece ends no later than its row group. Whether the stripe is full is looked at after each piece, by what its streams
 * have buffered; nothing of a stripe is in the file before it ends, since its row indexes come first.
 */
#include <assert.h>
#include <errno.h>

#include "base/mem.h"
#include "format/orc/orc.h"
#include "format/orc/out_tail.h"

#define STRIPE_BYTES ((int64_t)64 << 20)
#define KEY_SHARE 0.8
#define PIECE_ROWS 1024 /* handed to the columns at once; between two, the stripe's size is looked at */

struct writer {
    struct pfs_writer writer; /* first */
    struct pfs_file *file;
    struct pfs_orc_sink sink;
    size_t stripe_bytes;
    struct pfs_arena arena;
    struct pfs_type row_type; /* all columns as the fields of a ROW */
    struct pfs_orc_out_column root;
    struct pfs_orc_out_column **flat; /* by id */
    uint32_t columns;                 /* of flat */
    int64_t group_rows;
    struct pfs_orc_stripe stripe; /* being filled */
    struct pfs_orc_out_tail tail;
    struct pfs_column_stats *stats;
    struct pfs_orc_bounds *bounds;
    bool begun;
};

static int append(struct writer *w, const struct pfs_buf *buf, struct pfs_err *err)
{
    PFS_TRY(pfs_buf_check(buf, err));
    return pfs_file_append(w->file, buf->at, buf->len, err);
}

static int begin(struct writer *w, struct pfs_err *err)
{
    if (w->begun)
        return 0;
    w->begun = true;
    return pfs_file_append(w->file, "ORC", 3, err);
}

/* A message as a section of the file: compressed as streams are. Its bytes there go to *bytes. */
static int append_section(struct writer *w, const struct pfs_buf *message, uint64_t *bytes, struct pfs_err *err)
{
    struct pfs_orc_out out;
    int rc = pfs_buf_check(message, err);

    pfs_orc_out_init(&out, &w->sink);
    pfs_orc_out_put(&out, message->at, message->len);
    if (rc == 0)
        rc = pfs_orc_out_end(&out, err);
    if (rc == 0)
        rc = append(w, &out.packed, err);
    *bytes = out.packed.len;
    pfs_orc_out_done(&out);
    return rc;
}

/* ---- a stripe ---- */

/* A RowIndex for each column, also for those that have no streams. */
static int append_indexes(struct writer *w, struct pfs_buf *footer, struct pfs_err *err)
{
    struct pfs_buf index = {0};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < w->columns; i++) {
        uint64_t bytes;

        pfs_buf_clear(&index);
        pfs_orc_out_index_print(w->flat[i], &index);
        rc = append_section(w, &index, &bytes, err);
        pfs_orc_out_extent_print(PFS_ORC_ROW_INDEX, i, bytes, footer);
        w->stripe.index_bytes += bytes;
    }
    pfs_buf_done(&index);
    return rc;
}

/* One stream, as it waited; its place follows from those before it. */
static int append_stream(struct writer *w, const struct pfs_orc_out_column *c, enum pfs_orc_stream_kind kind,
                         const struct pfs_orc_out *out, struct pfs_buf *footer, struct pfs_err *err)
{
    PFS_TRY(append(w, &out->packed, err));
    pfs_orc_out_extent_print(kind, c->id, out->packed.len, footer);
    w->stripe.data_bytes += out->packed.len;
    return 0;
}

/* The places in a dictionary are the column's DATA; the lengths are then its entries'. */
static int append_texts(struct writer *w, const struct pfs_orc_out_column *c, struct pfs_buf *footer,
                        struct pfs_err *err)
{
    if (!c->dictionary.used) {
        PFS_TRY(append_stream(w, c, PFS_ORC_DATA, &c->raw, footer, err));
        return append_stream(w, c, PFS_ORC_LENGTH, &c->ints.out, footer, err);
    }
    PFS_TRY(append_stream(w, c, PFS_ORC_DATA, &c->ints.out, footer, err));
    PFS_TRY(append_stream(w, c, PFS_ORC_LENGTH, &c->second.out, footer, err));
    return append_stream(w, c, PFS_ORC_DICTIONARY_DATA, &c->raw, footer, err);
}

static int append_streams(struct writer *w, const struct pfs_orc_out_column *c, struct pfs_buf *footer,
                          struct pfs_err *err)
{
    if (c->has_null)
        PFS_TRY(append_stream(w, c, PFS_ORC_PRESENT, &c->present.octets.out, footer, err));
    switch (c->kind) {
    case PFS_ORC_BOOLEAN:
        return append_stream(w, c, PFS_ORC_DATA, &c->bools.octets.out, footer, err);
    case PFS_ORC_BYTE:
        return append_stream(w, c, PFS_ORC_DATA, &c->octets.out, footer, err);
    case PFS_ORC_FLOAT:
    case PFS_ORC_DOUBLE:
        return append_stream(w, c, PFS_ORC_DATA, &c->raw, footer, err);
    case PFS_ORC_SHORT:
    case PFS_ORC_INT:
    case PFS_ORC_LONG:
    case PFS_ORC_DATE:
        return append_stream(w, c, PFS_ORC_DATA, &c->ints.out, footer, err);
    case PFS_ORC_LIST:
    case PFS_ORC_MAP:
        return append_stream(w, c, PFS_ORC_LENGTH, &c->ints.out, footer, err);
    case PFS_ORC_DECIMAL:
        PFS_TRY(append_stream(w, c, PFS_ORC_DATA, &c->raw, footer, err));
        return append_stream(w, c, PFS_ORC_SECONDARY, &c->second.out, footer, err);
    case PFS_ORC_TIMESTAMP:
    case PFS_ORC_TIMESTAMP_INSTANT:
        PFS_TRY(append_stream(w, c, PFS_ORC_DATA, &c->ints.out, footer, err));
        return append_stream(w, c, PFS_ORC_SECONDARY, &c->second.out, footer, err);
    case PFS_ORC_STRING:
    case PFS_ORC_VARCHAR:
    case PFS_ORC_CHAR:
    case PFS_ORC_BINARY:
        return append_texts(w, c, footer, err);
    case PFS_ORC_STRUCT:
    case PFS_ORC_UNION:
    case PFS_ORC_KIND_COUNT:
        break;
    }
    return 0;
}

static int append_stripe(struct writer *w, struct pfs_buf *footer, struct pfs_err *err)
{
    w->stripe.off = pfs_file_size(w->file);
    PFS_TRY(append_indexes(w, footer, err));
    for (uint32_t i = 0; i < w->columns; i++)
        PFS_TRY(append_streams(w, w->flat[i], footer, err));
    pfs_orc_out_encodings_print(w->flat, w->columns, footer);
    pfs_buf_puts(footer, "\x1a\3UTC"); /* the writer's time zone: field 3 */
    return append_section(w, footer, &w->stripe.footer_bytes, err);
}

static void end_group(struct writer *w)
{
    if (w->group_rows > 0)
        pfs_orc_out_column_end_group(&w->root);
    w->group_rows = 0;
}

/* What the columns hold becomes a stripe of the file. */
static int end_stripe(struct writer *w, struct pfs_err *err)
{
    struct pfs_buf footer = {0};
    int rc;

    end_group(w);
    if (w->stripe.rows == 0)
        return 0;
    rc = begin(w, err);
    if (rc == 0)
        rc = pfs_orc_out_column_end_stripe(&w->root, err);
    if (rc == 0)
        rc = append_stripe(w, &footer, err);
    pfs_buf_done(&footer);
    PFS_TRY(rc);
    pfs_orc_out_tail_add(&w->tail, &w->stripe, w->flat, w->columns);
    pfs_orc_out_column_clear(&w->root);
    w->stripe = (struct pfs_orc_stripe){0};
    return 0;
}

/* ---- rows ---- */

static int add_piece(struct writer *w, const struct pfs_column *rows, int64_t from, int64_t len, struct pfs_err *err)
{
    int32_t row[PIECE_ROWS];

    assert(len > 0 && len <= PIECE_ROWS);
    assert(w->group_rows + len <= PFS_ORC_OUT_STRIDE);
    for (int64_t i = 0; i < len; i++)
        row[i] = (int32_t)(from + i);
    if (w->group_rows == 0)
        pfs_orc_out_column_mark(&w->root);
    PFS_TRY(pfs_orc_out_column_add(&w->root, rows, row, len, err));
    w->group_rows += len;
    w->stripe.rows += len;
    if (pfs_orc_out_column_bytes(&w->root) >= w->stripe_bytes)
        return end_stripe(w, err);
    if (w->group_rows == PFS_ORC_OUT_STRIDE)
        end_group(w);
    return 0;
}

static int writer_write(struct pfs_writer *self, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;
    const struct pfs_column rows = {.type = &w->row_type, .children = batch->column};

    assert(batch->columns == w->root.children);
    assert(w->group_rows < PFS_ORC_OUT_STRIDE); /* a full group has ended */
    for (int64_t from = 0, len; from < batch->rows; from += len) {
        len = batch->rows - from < PIECE_ROWS ? batch->rows - from : PIECE_ROWS;
        if (len > PFS_ORC_OUT_STRIDE - w->group_rows)
            len = PFS_ORC_OUT_STRIDE - w->group_rows;
        PFS_TRY(add_piece(w, &rows, from, len, err));
    }
    return 0;
}

static uint64_t writer_size(const struct pfs_writer *self)
{
    const struct writer *w = (const struct writer *)self;

    return pfs_file_size(w->file) + pfs_orc_out_column_bytes(&w->root);
}

static int append_tail(struct writer *w, struct pfs_buf *scratch, struct pfs_err *err)
{
    uint64_t metadata_bytes, footer_bytes;

    assert(w->stripe.rows == 0);
    if (w->tail.end == 0) /* no rows, no stripe */
        w->tail.end = pfs_file_size(w->file);
    PFS_TRY(append_section(w, &w->tail.metadata, &metadata_bytes, err));
    PFS_TRY(pfs_buf_check(&w->tail.stripes, err));
    pfs_orc_out_footer_print(&w->tail, w->flat, w->columns, scratch);
    PFS_TRY(append_section(w, scratch, &footer_bytes, err));
    pfs_buf_clear(scratch);
    pfs_orc_out_postscript_print(w->sink.codec, footer_bytes, metadata_bytes, scratch);
    return append(w, scratch, err);
}

static int writer_finish(struct pfs_writer *self, struct pfs_err *err)
{
    struct writer *w = (struct writer *)self;
    struct pfs_buf scratch = {0};
    int rc = begin(w, err);

    if (rc == 0)
        rc = end_stripe(w, err);
    if (rc == 0)
        rc = append_tail(w, &scratch, err);
    pfs_buf_done(&scratch);
    for (int32_t i = 0; i < w->root.children; i++)
        pfs_orc_tally_stats(&w->root.child[i].all, w->root.child[i].type, &w->bounds[i], &w->stats[i]);
    return rc;
}

static const struct pfs_column_stats *writer_stats(const struct pfs_writer *self)
{
    return ((const struct writer *)self)->stats;
}

static void writer_close(struct pfs_writer *self)
{
    struct writer *w = (struct writer *)self;

    pfs_orc_out_column_done(&w->root);
    pfs_buf_done(&w->tail.stripes);
    pfs_buf_done(&w->tail.metadata);
    pfs_arena_done(&w->arena);
    pfs_free(w);
}

static const struct pfs_writer_ops writer_ops = {writer_write, writer_size, writer_finish, writer_stats, writer_close};

/* Every column by its id, in which order the format lists them. */
static void flatten(struct pfs_orc_out_column *c, struct pfs_orc_out_column **flat)
{
    assert(flat[c->id] == NULL);
    flat[c->id] = c;
    for (int32_t i = 0; i < c->children; i++)
        flatten(&c->child[i], flat);
}

static int make(struct writer *w, const struct pfs_orc_write *write, struct pfs_err *err)
{
    const struct pfs_orc_out_config config = {.sink = &w->sink,
                                              .key_share = write->no_dictionary          ? 0
                                                           : write->dictionary_share > 0 ? write->dictionary_share
                                                                                         : KEY_SHARE};
    struct pfs_field *fields = pfs_arena_array(&w->arena, (size_t)write->columns + 1, sizeof(*fields));
    size_t columns = (size_t)write->columns;

    if (write->codec == PFS_CODEC_GZIP)
        return pfs_fail(err, EINVAL, "gzip is no codec of ORC");
    w->stats = pfs_arena_array(&w->arena, columns, sizeof(*w->stats));
    w->bounds = pfs_arena_array(&w->arena, columns, sizeof(*w->bounds));
    if (fields == NULL || w->stats == NULL || w->bounds == NULL)
        return pfs_arena_full(&w->arena, err);
    if (columns > 0)
        memcpy(fields, write->fields, columns * sizeof(*fields));
    fields[columns] = (struct pfs_field){.id = -1, .name = ""};
    fields[columns].type = (struct pfs_type){.kind = PFS_ROW, .children = write->columns, .child = fields};
    w->row_type = fields[columns].type;
    PFS_TRY(pfs_orc_out_column_init(&w->root, &fields[columns], &w->columns, &config, &w->arena, err));
    w->flat = pfs_arena_array(&w->arena, w->columns, sizeof(struct pfs_orc_out_column *));
    if (w->flat == NULL)
        return pfs_arena_full(&w->arena, err);
    assert(w->root.id == 0);
    assert(w->root.last + 1 == w->columns);
    flatten(&w->root, w->flat);
    return 0;
}

int pfs_orc_create(struct pfs_file *file, const struct pfs_orc_write *write, struct pfs_writer **out,
                   struct pfs_err *err)
{
    struct writer *w = pfs_zalloc(sizeof(*w));
    int rc;

    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for an ORC file");
    w->writer.ops = &writer_ops;
    w->file = file;
    w->sink = (struct pfs_orc_sink){write->codec, write->level};
    w->stripe_bytes = (size_t)(write->stripe_bytes > 0 ? write->stripe_bytes : STRIPE_BYTES);
    rc = make(w, write, err);
    if (rc < 0) {
        writer_close(&w->writer);
        return rc;
    }
    *out = &w->writer;
    return 0;
}
