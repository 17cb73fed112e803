/* range_make.c - making a range bitmap (range.c draws it): the dictionary of sorted keys in chunks, and the place of
 * each row's key as bit slices.
 *
 * Three buffers grow side by side, since heads and keys of chunks lie apart in the file: offsets, heads, keys. The
 * first key of a chunk stands in its head and not among its keys. */
#include <assert.h>

#include "base/mem.h"
#include "format/fileindex/index.h"

#define CHUNK_BYTES_DEFAULT 16384
#define DICTIONARY_HEAD_BYTES 13

struct range {
    struct pfs_maker maker;
    struct pfs_distinct distinct;
};

static int range_add(struct pfs_maker *self, const struct pfs_column *column, int64_t rows, struct pfs_err *err)
{
    return pfs_distinct_add(&((struct range *)self)->distinct, column, rows, err);
}

/* ---- the dictionary ---- */

struct dictionary {
    struct pfs_buf offsets, heads, keys, scratch;
    uint32_t chunks;
};

static size_t key_bytes(const struct pfs_distinct *in, int32_t key)
{
    return in->form.width > 0 ? (size_t)in->form.width : 4 + in->key[key].text.len;
}

/* The key after the last one of the chunk that begins with `from`: its further keys, without their offsets, stay within
 * the limit. */
static int32_t chunk_end(const struct pfs_distinct *in, int32_t from, size_t limit, size_t *bytes)
{
    int32_t to = from + 1;

    for (*bytes = 0; to < in->keys; to++) {
        size_t more = key_bytes(in, to);

        if (*bytes + more > limit)
            break;
        *bytes += more;
    }
    return to;
}

static void put_chunk(const struct pfs_distinct *in, int32_t from, int32_t to, struct dictionary *d)
{
    uint32_t off = 0;

    assert(from < to && to <= in->keys);
    pfs_buf_be32(&d->offsets, (uint32_t)d->heads.len);
    pfs_buf_clear(&d->scratch);
    pfs_buf_putc(&d->heads, 1);
    pfs_key_put(&d->heads, &in->key[from], in->form);
    pfs_buf_be32(&d->heads, (uint32_t)from);
    pfs_buf_be32(&d->heads, (uint32_t)d->keys.len);
    pfs_buf_be32(&d->heads, (uint32_t)(to - from - 1));
    for (int32_t i = from + 1; i < to; i++) {
        if (in->form.width == 0)
            pfs_buf_be32(&d->keys, off);
        off += (uint32_t)key_bytes(in, i);
        pfs_key_put(&d->scratch, &in->key[i], in->form);
    }
    if (in->form.width == 0)
        pfs_buf_be32(&d->heads, (uint32_t)(to - from - 1) * 4);
    assert(d->scratch.failed || d->scratch.len == off);
    pfs_buf_be32(&d->heads, off);
    if (in->form.width > 0)
        pfs_buf_be32(&d->heads, (uint32_t)in->form.width);
    pfs_buf_put(&d->keys, d->scratch.at, d->scratch.len);
    d->chunks++;
}

/* Four buffers may have failed; each is asked once, at the end, and all are freed on the one way out. */
static int print_dictionary(const struct pfs_distinct *in, size_t limit, struct pfs_buf *out, struct pfs_err *err)
{
    struct dictionary d = {0};
    size_t bytes;
    int rc;

    for (int32_t at = 0; at < in->keys;) {
        int32_t to = chunk_end(in, at, limit, &bytes);

        put_chunk(in, at, to, &d);
        at = to;
    }
    pfs_buf_be32(out, DICTIONARY_HEAD_BYTES);
    pfs_buf_putc(out, 1);
    pfs_buf_be32(out, d.chunks);
    pfs_buf_be32(out, (uint32_t)d.offsets.len);
    pfs_buf_be32(out, (uint32_t)d.heads.len);
    pfs_buf_put(out, d.offsets.at, d.offsets.len);
    pfs_buf_put(out, d.heads.at, d.heads.len);
    pfs_buf_put(out, d.keys.at, d.keys.len);
    rc = pfs_buf_check(&d.scratch, err);
    rc = rc < 0 ? rc : pfs_buf_check(&d.offsets, err);
    rc = rc < 0 ? rc : pfs_buf_check(&d.heads, err);
    rc = rc < 0 ? rc : pfs_buf_check(&d.keys, err);
    pfs_buf_done(&d.offsets);
    pfs_buf_done(&d.heads);
    pfs_buf_done(&d.keys);
    pfs_buf_done(&d.scratch);
    return rc < 0 ? rc : pfs_buf_check(out, err);
}

/* ---- slices ---- */

/* Rows that have a key whose place has a bit (-1: all of them). */
static int print_slice(const struct pfs_distinct *in, int bit, uint32_t *row, struct pfs_buf *out, struct pfs_err *err)
{
    size_t count = 0;

    for (int64_t i = 0; i < in->rows; i++)
        if (in->code[i] >= 0 && (bit < 0 || (in->code[i] >> bit & 1) != 0))
            row[count++] = (uint32_t)i;
    return pfs_bitmap_print_values(row, count, out, err);
}

/* The list of slices stands in front of them: they are printed to `body` first. One slice is there even when the only
 * place is 0, as in Paimon's files. */
static int print_slices(const struct pfs_distinct *in, uint32_t *row, struct pfs_buf *body, struct pfs_buf *out,
                        struct pfs_err *err)
{
    int slices = in->keys < 3 ? 1 : 32 - __builtin_clz((uint32_t)in->keys - 1);
    size_t exists;

    assert(slices >= 1 && slices <= 32);
    PFS_TRY(print_slice(in, -1, row, body, err));
    exists = body->len;
    pfs_buf_be32(out, 2 + 4 + 4 + 8 * (uint32_t)slices);
    pfs_buf_putc(out, 1);
    pfs_buf_putc(out, (uint8_t)slices);
    pfs_buf_be32(out, (uint32_t)exists);
    pfs_buf_be32(out, 8 * (uint32_t)slices);
    for (int bit = 0; bit < slices; bit++) {
        size_t from = body->len;

        PFS_TRY(print_slice(in, bit, row, body, err));
        pfs_buf_be32(out, (uint32_t)(from - exists));
        pfs_buf_be32(out, (uint32_t)(body->len - from));
    }
    pfs_buf_put(out, body->at, body->len);
    return pfs_buf_check(out, err);
}

/* ---- the index ---- */

static void put_head(const struct pfs_distinct *in, size_t dictionary_bytes, struct pfs_buf *out)
{
    size_t ends = in->keys > 0 ? key_bytes(in, 0) + key_bytes(in, in->keys - 1) : 0;

    assert(in->keys >= 0);
    assert(in->keys <= in->rows);
    pfs_buf_be32(out, (uint32_t)(1 + 4 + 4 + ends + 4));
    pfs_buf_putc(out, 1);
    pfs_buf_be32(out, (uint32_t)in->rows);
    pfs_buf_be32(out, (uint32_t)in->keys);
    if (in->keys > 0) {
        pfs_key_put(out, &in->key[0], in->form);
        pfs_key_put(out, &in->key[in->keys - 1], in->form);
    }
    pfs_buf_be32(out, (uint32_t)dictionary_bytes);
}

static int range_finish(struct pfs_maker *self, struct pfs_buf *out, struct pfs_err *err)
{
    struct pfs_distinct *in = &((struct range *)self)->distinct;
    size_t limit = self->write->block_bytes > 0 ? (size_t)self->write->block_bytes : CHUNK_BYTES_DEFAULT;
    uint32_t *row = pfs_alloc_array((size_t)in->rows, sizeof(*row));
    struct pfs_buf dictionary = {0}, body = {0};
    int rc = row == NULL ? pfs_fail(err, ENOMEM, "no memory for a file index") : pfs_distinct_sort(in, err);

    if (rc == 0)
        rc = print_dictionary(in, limit, &dictionary, err);
    if (rc == 0) {
        put_head(in, dictionary.len, out);
        pfs_buf_put(out, dictionary.at, dictionary.len);
        rc = print_slices(in, row, &body, out, err);
    }
    pfs_buf_done(&dictionary);
    pfs_buf_done(&body);
    pfs_free(row);
    return rc;
}

static void range_close(struct pfs_maker *self)
{
    pfs_distinct_done(&((struct range *)self)->distinct);
    pfs_free(self);
}

int pfs_range_make(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err)
{
    static const struct pfs_maker_ops ops = {range_add, range_finish, range_close};
    struct pfs_key_form form;
    struct range *r;

    if (!pfs_key_form_of(write->type, &form))
        return pfs_index_refused(write, err);
    r = pfs_alloc(sizeof(*r));
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a file index");
    r->maker = (struct pfs_maker){&ops, write, form};
    pfs_distinct_init(&r->distinct, form);
    *out = &r->maker;
    return 0;
}
