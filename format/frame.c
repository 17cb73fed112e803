/* frame.c - header: u32 plain bytes, u32 stored bytes, u32 rows, u16 columns, u8 codec, u8 zero; then the columns.
 *
 * A column: one byte (1 = validity follows), validity bits, then values of fixed width; or rows + 1 offsets from 0 and
 * the bytes; or the offsets and the children; or (ROW) the children alone.
 *
 * Buffers are stored as they lie, so that a frame costs a copy: the journal writes one for each append. A plain frame
 * is built where it goes; a compressed one needs its columns in one piece first.
 */
#include "format/frame.h"

#include <assert.h>

#include "base/limits.h"
#include "base/utf8.h"

enum { header_bytes = 16 };

/* ---- out ---- */

static void put_bits(const uint8_t *valid, int64_t from, int64_t rows, struct pfs_buf *out)
{
    size_t bytes = ((size_t)rows + 7) / 8;
    uint8_t *to;

    assert(from >= 0);
    if ((from & 7) == 0) { /* bits behind the last row go along: they mean nothing */
        pfs_buf_put(out, valid + (from >> 3), bytes);
        return;
    }
    to = pfs_buf_reserve(out, bytes);
    if (to == NULL)
        return;
    memset(to, 0, bytes);
    for (int64_t i = 0; i < rows; i++)
        to[i >> 3] |= (uint8_t)((valid[(from + i) >> 3] >> ((from + i) & 7) & 1) << (i & 7));
    out->len += bytes;
}

static void put_offsets(const int32_t *offsets, int64_t rows, struct pfs_buf *out)
{
    size_t bytes = ((size_t)rows + 1) * sizeof(int32_t);
    uint8_t *to = pfs_buf_reserve(out, bytes);

    assert(offsets != NULL);
    assert(offsets[0] >= 0);
    assert(offsets[rows] >= offsets[0]);
    if (to == NULL)
        return;
    for (int64_t i = 0; i <= rows; i++) /* from 0 on, wherever the column was cut out of a larger one */
        pfs_put_le32(to + i * 4, (uint32_t)(offsets[i] - offsets[0]));
    out->len += bytes;
}

static int children_of(const struct pfs_type *type)
{
    return type->kind == PFS_MULTISET ? 2 : type->children;
}

/* Rows [from, from + rows) of a column. */
static void put_column(const struct pfs_column *c, int64_t from, int64_t rows, struct pfs_buf *out)
{
    const struct pfs_type *type = c->type;
    const int32_t *offsets = c->offsets != NULL ? c->offsets + from : NULL;

    assert(from >= 0 && rows >= 0);
    assert(children_of(type) == 0 || c->children != NULL);
    pfs_buf_putc(out, c->valid != NULL);
    if (c->valid != NULL)
        put_bits(c->valid, from, rows, out);
    if (pfs_kind_is_bytes(type->kind)) {
        put_offsets(offsets, rows, out);
        pfs_buf_put(out, (const uint8_t *)c->values + offsets[0], (size_t)(offsets[rows] - offsets[0]));
        return;
    }
    if (!pfs_kind_is_nested(type->kind)) {
        size_t width = (size_t)pfs_type_width(type);

        pfs_buf_put(out, (const uint8_t *)c->values + (size_t)from * width, (size_t)rows * width);
        return;
    }
    if (type->kind != PFS_ROW) {
        put_offsets(offsets, rows, out);
        from = offsets[0];
        rows = offsets[rows] - offsets[0];
    }
    for (int i = 0; i < children_of(type); i++)
        put_column(&c->children[i], from, rows, out);
}

/* Too large is another failure than no memory: the caller can write fewer rows at once. */
static int check_size(const struct pfs_buf *body, struct pfs_err *err)
{
    if (body->over || (!body->failed && body->len > PFS_BATCH_BYTES_MAX))
        return pfs_fail(err, E2BIG, "rows of more than %zu bytes at once", (size_t)PFS_BATCH_BYTES_MAX);
    return pfs_buf_check(body, err);
}

int pfs_frame_put(const struct pfs_batch *batch, enum pfs_codec codec, struct pfs_buf *out, struct pfs_err *err)
{
    size_t start = out->len;
    uint8_t header[header_bytes] = {0};
    struct pfs_buf body;
    int rc;

    assert(batch->columns >= 0 && batch->columns <= UINT16_MAX);
    assert(batch->rows >= 0 && batch->rows <= INT32_MAX);
    assert(codec == PFS_CODEC_NONE || codec == PFS_CODEC_LZ4 || codec == PFS_CODEC_ZSTD);
    pfs_buf_init(&body, PFS_BATCH_BYTES_MAX);
    pfs_buf_put(out, header, sizeof(header));
    for (int32_t i = 0; i < batch->columns; i++)
        put_column(&batch->column[i], 0, batch->rows, codec == PFS_CODEC_NONE ? out : &body);
    rc = check_size(&body, err);
    if (rc == 0 && codec != PFS_CODEC_NONE)
        rc = pfs_compress(codec, 0, pfs_buf_slice(&body), out, err);
    if (rc == 0)
        rc = pfs_buf_check(out, err);
    if (rc == 0 && out->len - start - header_bytes > PFS_BATCH_BYTES_MAX)
        rc = pfs_fail(err, E2BIG, "rows of more than %zu bytes at once", (size_t)PFS_BATCH_BYTES_MAX);
    if (rc == 0) {
        size_t stored = out->len - start - header_bytes;

        assert(codec == PFS_CODEC_NONE || body.len <= UINT32_MAX);
        pfs_put_le32(out->at + start, (uint32_t)(codec == PFS_CODEC_NONE ? stored : body.len));
        pfs_put_le32(out->at + start + 4, (uint32_t)stored);
        pfs_put_le32(out->at + start + 8, (uint32_t)batch->rows);
        out->at[start + 12] = (uint8_t)batch->columns;
        out->at[start + 13] = (uint8_t)(batch->columns >> 8);
        out->at[start + 14] = (uint8_t)codec;
    }
    pfs_buf_done(&body);
    return rc;
}

/* ---- in ---- */

struct frame { /* being read */
    struct pfs_cursor in;
    struct pfs_arena *arena;
    struct pfs_err *err;
};

static int damaged(const struct frame *f, const char *what)
{
    return pfs_fail(f->err, EIO, "stored rows are damaged: %s", what);
}

/* A copy of the next bytes, aligned for every value: where a buffer begins in a frame depends on all before it. */
static int take_copy(struct frame *f, size_t len, const void **out)
{
    struct pfs_slice bytes;
    void *to;

    if (!pfs_take(&f->in, len, &bytes))
        return damaged(f, "they end early");
    to = pfs_arena_alloc(f->arena, len > 0 ? len : 1);
    if (to == NULL)
        return pfs_arena_full(f->arena, f->err);
    if (len > 0)
        memcpy(to, bytes.at, len);
    *out = to;
    return 0;
}

/* From 0 on and never back: whoever reads the column takes that for granted. */
static int take_offsets(struct frame *f, int64_t rows, const int32_t **out)
{
    struct pfs_slice bytes;
    int32_t *to, last = 0;

    if (!pfs_take(&f->in, ((size_t)rows + 1) * sizeof(*to), &bytes))
        return damaged(f, "offsets end early");
    to = pfs_arena_alloc(f->arena, ((size_t)rows + 1) * sizeof(*to));
    if (to == NULL)
        return pfs_arena_full(f->arena, f->err);
    for (int64_t i = 0; i <= rows; i++) {
        to[i] = (int32_t)pfs_le32(bytes.at + i * 4);
        if (to[i] < last)
            return damaged(f, "offsets descend");
        last = to[i];
    }
    if (to[0] != 0)
        return damaged(f, "offsets do not begin at 0");
    *out = to;
    return 0;
}

/* All text at once, which is quick; then that no value begins inside a character. */
static int check_text(const struct frame *f, const struct pfs_column *c, int64_t rows)
{
    const uint8_t *at = c->values;
    size_t len = (size_t)c->offsets[rows];

    if (pfs_utf8_check(pfs_slice_of(at, len)) != len)
        return damaged(f, "text is not UTF-8");
    for (int64_t i = 1; i < rows; i++)
        if ((size_t)c->offsets[i] < len && (at[c->offsets[i]] & 0xc0) == 0x80)
            return damaged(f, "text is cut inside a character");
    return 0;
}

/* Only the length in front, by which others take a value apart; what is inside is checked by whoever prints it. */
static int check_variants(const struct frame *f, const struct pfs_column *c, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++) {
        struct pfs_slice v = pfs_column_bytes(c, i);

        if (pfs_column_present(c, i) && (v.len < 4 || pfs_le32(v.at) > v.len - 4))
            return damaged(f, "a variant is shorter than it says");
    }
    return 0;
}

static int take_bytes(struct frame *f, int64_t rows, struct pfs_column *out)
{
    PFS_TRY(take_offsets(f, rows, &out->offsets));
    PFS_TRY(take_copy(f, (size_t)out->offsets[rows], &out->values));
    if (pfs_kind_is_text(out->type->kind))
        return check_text(f, out, rows);
    return out->type->kind == PFS_VARIANT ? check_variants(f, out, rows) : 0;
}

static int take_fixed(struct frame *f, int64_t rows, struct pfs_column *out)
{
    size_t width = (size_t)pfs_type_width(out->type);

    PFS_TRY(take_copy(f, (size_t)rows * width, &out->values));
    if (out->type->kind == PFS_BOOLEAN) {
        const uint8_t *v = out->values;

        for (int64_t i = 0; i < rows; i++)
            if (v[i] > 1)
                return damaged(f, "a BOOLEAN is neither 0 nor 1");
    } else if (width == sizeof(struct pfs_time96) && out->type->kind != PFS_DECIMAL) {
        const struct pfs_time96 *v = out->values;

        for (int64_t i = 0; i < rows; i++)
            if (v[i].zero != 0 || v[i].nanos < 0 || v[i].nanos > 999999)
                return damaged(f, "a TIMESTAMP has nanoseconds that no millisecond has");
    }
    return 0;
}

static int take_column(struct frame *f, const struct pfs_type *type, int64_t rows, struct pfs_column *out)
{
    uint8_t flags = pfs_take_u8(&f->in);
    const void *valid = NULL;
    int children = children_of(type);

    static const struct pfs_type count = {.kind = PFS_INT};

    if (f->in.bad || flags > 1)
        return damaged(f, "a column does not begin as one");
    if (flags == 1)
        PFS_TRY(take_copy(f, ((size_t)rows + 7) / 8, &valid));
    *out = (struct pfs_column){.type = type, .valid = valid};
    if (pfs_kind_is_bytes(type->kind))
        return take_bytes(f, rows, out);
    if (!pfs_kind_is_nested(type->kind))
        return take_fixed(f, rows, out);
    if (type->kind != PFS_ROW) {
        PFS_TRY(take_offsets(f, rows, &out->offsets));
        rows = out->offsets[rows];
    }
    out->children = pfs_arena_array(f->arena, (size_t)children, sizeof(*out->children));
    if (out->children == NULL)
        return pfs_arena_full(f->arena, f->err);
    for (int i = 0; i < children; i++) {
        const struct pfs_type *child = type->kind == PFS_MULTISET && i == 1 ? &count : &type->child[i].type;

        PFS_TRY(take_column(f, child, rows, &out->children[i]));
    }
    return 0;
}

/* To the last byte: what is left over would mean that the columns are not of these types. */
static int take_body(struct frame *f, const struct pfs_type *const *types, int32_t columns, int64_t rows,
                     struct pfs_batch *out)
{
    struct pfs_column *column = pfs_arena_array(f->arena, (size_t)columns, sizeof(*column));

    assert(columns >= 0);
    if (column == NULL)
        return pfs_arena_full(f->arena, f->err);
    for (int32_t i = 0; i < columns; i++)
        PFS_TRY(take_column(f, types[i], rows, &column[i]));
    if (pfs_left(&f->in) != 0)
        return damaged(f, "there are bytes after the last column");
    *out = (struct pfs_batch){rows, columns, column};
    return 0;
}

int pfs_frame_get(struct pfs_slice bytes, const struct pfs_type *const *types, int32_t columns, struct pfs_arena *arena,
                  struct pfs_batch *out, size_t *used, struct pfs_err *err)
{
    struct frame f = {.in = pfs_cursor_of(bytes), .arena = arena, .err = err};
    uint32_t plain = pfs_take_le32(&f.in), stored = pfs_take_le32(&f.in), rows = pfs_take_le32(&f.in);
    uint16_t stored_columns = pfs_take_le16(&f.in), codec = pfs_take_le16(&f.in);
    struct pfs_slice body;
    struct pfs_buf whole;
    int rc;

    if (!pfs_take(&f.in, stored, &body))
        return damaged(&f, "they end early");
    if (rows > INT32_MAX || stored_columns != columns || plain > PFS_BATCH_BYTES_MAX)
        return damaged(&f, "their header is not of these columns");
    *used = f.in.pos;
    if (codec == PFS_CODEC_NONE) {
        f.in = pfs_cursor_of(body);
        return take_body(&f, types, columns, rows, out);
    }
    /* No codec of ours packs 64 KiB into a byte: a length beyond that is a lie, and room is not made for it. */
    if ((codec != PFS_CODEC_LZ4 && codec != PFS_CODEC_ZSTD) || plain / 65536 > stored)
        return damaged(&f, "their codec or length cannot be");
    pfs_buf_init(&whole, PFS_BATCH_BYTES_MAX);
    rc = pfs_buf_reserve(&whole, plain) == NULL ? pfs_buf_check(&whole, err)
                                                : pfs_decompress((enum pfs_codec)codec, body, whole.at, plain, err);
    f.in = pfs_cursor_of(pfs_slice_of(whole.at, plain));
    if (rc == 0)
        rc = take_body(&f, types, columns, rows, out);
    pfs_buf_done(&whole);
    return rc;
}
