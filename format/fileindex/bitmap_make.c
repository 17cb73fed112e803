/* bitmap_make.c - making a bitmap index (bitmap.c draws it): the rows of each distinct value, values in their order.
 *
 * Rows only note the number of their value while they come. At the end they are sorted by it, by counting, and each
 * value's rows become one bitmap of the body. Blocks are cut three times over the same keys (how many, where, what):
 * their sizes must be known before the first one is printed. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "format/fileindex/index.h"

#define BLOCK_BYTES_DEFAULT 16384
#define ONE_ROW_BYTES 18 /* a bitmap of one row, which is stored as an offset instead */

struct bitmaps {
    struct pfs_maker maker;
    struct pfs_distinct distinct;
};

struct place { /* of the rows of one value */
    int32_t off, len;
};

struct draft {
    struct pfs_buf body;
    struct place nulls;
    bool has_nulls;
    struct place *place; /* a key */
    uint32_t *row;       /* rows in the order of their keys */
    int64_t *from;       /* of a key's rows in it; one more than keys */
};

static int bitmaps_add(struct pfs_maker *self, const struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    return pfs_distinct_add(&((struct bitmaps *)self)->distinct, column, rows, err);
}

/* Rows of one value into the body: one alone is told by its offset. */
static int put_rows(struct draft *d, const uint32_t *row, int64_t rows, struct place *out, struct pfs_err *err)
{
    size_t before = d->body.len;

    assert(rows > 0); /* a value that no row has is no value of the column */
    if (rows == 1) {
        *out = (struct place){-1 - (int32_t)row[0], -1};
        return 0;
    }
    PFS_TRY(pfs_bitmap_print_values(row, (size_t)rows, &d->body, err));
    if (d->body.len > INT32_MAX)
        return pfs_fail(err, E2BIG, "a bitmap index would be over 2 GiB");
    *out = (struct place){(int32_t)before, (int32_t)(d->body.len - before)};
    return 0;
}

/* Rows by key: counted, then put where the count says. Nulls come first, as key -1. */
static int sort_rows(const struct pfs_distinct *in, struct draft *d, struct pfs_err *err)
{
    int64_t *next = pfs_alloc_array((size_t)in->keys + 2, sizeof(*next));

    d->from = pfs_alloc_array((size_t)in->keys + 2, sizeof(*d->from));
    d->row = pfs_alloc_array((size_t)in->rows, sizeof(*d->row));
    d->place = pfs_alloc_array((size_t)in->keys, sizeof(*d->place));
    if (next == NULL || d->from == NULL || d->row == NULL || d->place == NULL) {
        pfs_free(next);
        return pfs_fail(err, ENOMEM, "no memory for a file index");
    }
    for (int64_t i = 0; i < in->rows; i++)
        d->from[in->code[i] + 2]++;
    for (int32_t i = 0; i <= in->keys; i++)
        d->from[i + 1] += d->from[i];
    assert(d->from[in->keys + 1] == in->rows);
    memcpy(next, d->from, ((size_t)in->keys + 2) * sizeof(*next));
    for (int64_t i = 0; i < in->rows; i++)
        d->row[next[in->code[i] + 1]++] = (uint32_t)i;
    pfs_free(next);
    return 0;
}

/* The body: rows of the nulls first, then those of each value. */
static int draw(const struct pfs_distinct *in, struct draft *d, struct pfs_err *err)
{
    PFS_TRY(sort_rows(in, d, err));
    d->has_nulls = d->from[1] > 0;
    if (d->has_nulls)
        PFS_TRY(put_rows(d, d->row, d->from[1], &d->nulls, err));
    for (int32_t i = 0; i < in->keys; i++)
        PFS_TRY(put_rows(d, d->row + d->from[i + 1], d->from[i + 2] - d->from[i + 1], &d->place[i], err));
    return 0;
}

/* ---- printing ---- */

static void put_head(const struct pfs_distinct *in, const struct draft *d, uint8_t version, struct pfs_buf *out)
{
    pfs_buf_putc(out, version);
    pfs_buf_be32(out, (uint32_t)in->rows);
    pfs_buf_be32(out, (uint32_t)in->keys);
    pfs_buf_putc(out, d->has_nulls ? 1 : 0);
    if (d->has_nulls)
        pfs_buf_be32(out, (uint32_t)d->nulls.off);
}

static void print_one(const struct pfs_distinct *in, const struct draft *d, struct pfs_buf *out)
{
    put_head(in, d, 1, out);
    for (int32_t i = 0; i < in->keys; i++) {
        pfs_key_put(out, &in->key[i], in->form);
        pfs_buf_be32(out, (uint32_t)d->place[i].off);
    }
}

static size_t entry_bytes(const struct pfs_distinct *in, int32_t key)
{
    return (in->form.width > 0 ? (size_t)in->form.width : 4 + in->key[key].text.len) + 8;
}

/* The key after the last one that fits into a block that begins with `from`. */
static int32_t block_end(const struct pfs_distinct *in, int32_t from, size_t limit, size_t *bytes)
{
    int32_t to = from;

    *bytes = 4;
    while (to < in->keys && (to == from || *bytes + entry_bytes(in, to) <= limit))
        *bytes += entry_bytes(in, to++);
    assert(to > from || from == in->keys); /* one key is a block, however long it is */
    return to;
}

static void print_block(const struct pfs_distinct *in, const struct draft *d, int32_t from, int32_t to,
                        struct pfs_buf *out)
{
    pfs_buf_be32(out, (uint32_t)(to - from));
    for (int32_t i = from; i < to; i++) {
        pfs_key_put(out, &in->key[i], in->form);
        pfs_buf_be32(out, (uint32_t)d->place[i].off);
        pfs_buf_be32(out, (uint32_t)d->place[i].len);
    }
}

static void print_two(const struct pfs_distinct *in, const struct draft *d, size_t limit, struct pfs_buf *out)
{
    uint32_t blocks = 0;
    size_t off = 0, bytes, begin;

    put_head(in, d, 2, out);
    if (d->has_nulls)
        pfs_buf_be32(out, d->nulls.off < 0 ? ONE_ROW_BYTES : (uint32_t)d->nulls.len);
    for (int32_t at = 0; at < in->keys; blocks++)
        at = block_end(in, at, limit, &bytes);
    pfs_buf_be32(out, blocks);
    for (int32_t at = 0; at < in->keys; off += bytes) {
        pfs_key_put(out, &in->key[at], in->form);
        pfs_buf_be32(out, (uint32_t)off);
        at = block_end(in, at, limit, &bytes);
    }
    pfs_buf_be32(out, (uint32_t)off);
    begin = out->len;
    for (int32_t at = 0; at < in->keys;) {
        int32_t to = block_end(in, at, limit, &bytes);

        print_block(in, d, at, to, out);
        at = to;
    }
    assert(out->failed || out->len - begin == off); /* blocks are as long as was told */
    (void)begin;
}

static int bitmaps_finish(struct pfs_maker *self, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_distinct *in = &((struct bitmaps *)self)->distinct;
    const struct pfs_index_write *write = self->write;
    struct draft d = {0};
    int rc = pfs_distinct_sort(in, err);

    if (rc == 0)
        rc = draw(in, &d, err);
    if (rc == 0) {
        if (write->version == 1)
            print_one(in, &d, out);
        else
            print_two(in, &d, write->block_bytes > 0 ? (size_t)write->block_bytes : BLOCK_BYTES_DEFAULT, out);
        pfs_buf_put(out, d.body.at, d.body.len);
        rc = pfs_buf_check(out, err);
    }
    pfs_buf_done(&d.body);
    pfs_free(d.place);
    pfs_free(d.row);
    pfs_free(d.from);
    return rc;
}

static void bitmaps_close(struct pfs_maker *self)
{
    pfs_distinct_done(&((struct bitmaps *)self)->distinct);
    pfs_free(self);
}

int pfs_bitmap_index_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err)
{
    static const struct pfs_maker_ops ops = {bitmaps_add, bitmaps_finish, bitmaps_close};
    struct pfs_key_form form;
    struct bitmaps *b;

    if (!pfs_key_form_of(write->type, &form) || write->type->kind == PFS_DECIMAL)
        return pfs_index_refused(write, err);
    if (write->version < 0 || write->version > 2)
        return pfs_fail(err, EINVAL, "a bitmap index of version %d is not known (column %s)", write->version,
                        write->column);
    b = pfs_alloc(sizeof(*b));
    if (b == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a file index");
    b->maker = (struct pfs_maker){&ops, write, form};
    pfs_distinct_init(&b->distinct, form);
    *out = &b->maker;
    return 0;
}
