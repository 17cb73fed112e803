/* write.c - the container written: indexes made side by side, and the list of them in front (container.c draws it).
 *
 * The list has offsets that count from the file's beginning, and so its own length in it: it is printed twice, first to
 * be measured. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "format/fileindex/index.h"

#define MAGIC 0x00054e4ed01a35aeull
#define VERSION 1
#define NAME_BYTES_MAX 65535

typedef int make_fn(const struct pfs_index_write *write, struct pfs_maker **out, struct pfs_err *err);

static const char *const names[] = {
#define X(id, name) [PFS_INDEX_##id] = name,
    PFS_INDEX_TYPES(X)
#undef X
};

struct pfs_fileindex_writer {
    const struct pfs_index_write *write;
    int32_t count;
    struct pfs_maker **maker;
};

int pfs_index_type_parse(struct pfs_slice name, enum pfs_index_type *out, struct pfs_err *err)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (pfs_slice_eq(name, pfs_str(names[i]))) {
            *out = (enum pfs_index_type)i;
            return 0;
        }
    return pfs_fail(err, EINVAL, "%.*s is not a type of file indexes", (int)name.len, (const char *)name.at);
}

/* Told when the writer opens, and so before the first row: the option names a column of the wrong type. */
int pfs_index_refused(const struct pfs_index_write *write, struct pfs_err *err)
{
    struct pfs_buf type = {0};
    int rc;

    pfs_type_print(write->type, &type);
    rc = pfs_fail(err, EINVAL, "column %s of type %.*s cannot have a %s index", write->column, (int)type.len,
                  (const char *)type.at, names[write->index]);
    pfs_buf_done(&type);
    return rc;
}

/* ---- life ---- */

int pfs_fileindex_writer_open(const struct pfs_index_write *index, int32_t count, struct pfs_fileindex_writer **out,
                              struct pfs_err *err)
{
    static make_fn *const make[] = {[PFS_INDEX_BLOOM] = pfs_bloom_make,
                                    [PFS_INDEX_BITMAP] = pfs_bitmap_index_make,
                                    [PFS_INDEX_BSI] = pfs_bsi_make,
                                    [PFS_INDEX_RANGE] = pfs_range_make};
    struct pfs_fileindex_writer *w = pfs_zalloc(sizeof(*w));
    int rc = 0;

    assert(count >= 0);
    if (w != NULL)
        w->maker = pfs_alloc_array((size_t)count, sizeof(struct pfs_maker *));
    if (w == NULL || w->maker == NULL) {
        pfs_free(w);
        return pfs_fail(err, ENOMEM, "no memory for a file index");
    }
    w->write = index;
    w->count = count;
    for (int32_t i = 0; i < count && rc == 0; i++) {
        assert((size_t)index[i].index < sizeof(make) / sizeof(make[0]));
        rc = make[index[i].index](&index[i], &w->maker[i], err);
    }
    if (rc < 0) { /* those that were made are closed, the others are NULL */
        pfs_fileindex_writer_close(w);
        return rc;
    }
    *out = w;
    return 0;
}

void pfs_fileindex_writer_close(struct pfs_fileindex_writer *writer)
{
    if (writer == NULL)
        return;
    for (int32_t i = 0; i < writer->count; i++)
        if (writer->maker[i] != NULL)
            writer->maker[i]->ops->close(writer->maker[i]);
    pfs_free(writer->maker);
    pfs_free(writer);
}

int pfs_fileindex_writer_add(struct pfs_fileindex_writer *writer, const struct pfs_column *const *column, int64_t rows,
                             struct pfs_err *err)
{
    assert(rows >= 0);
    for (int32_t i = 0; i < writer->count; i++)
        PFS_TRY(writer->maker[i]->ops->add(writer->maker[i], column[i], rows, err));
    return 0;
}

/* ---- the container ---- */

/* Java's modified UTF-8: zero in two bytes, what lies beyond 16 bits as two surrogates of three bytes each. */
static void put_modified(struct pfs_slice text, struct pfs_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        const uint8_t *at = text.at + i;

        if (at[0] == 0) {
            pfs_buf_putc(out, 0xc0);
            pfs_buf_putc(out, 0x80);
        } else if (at[0] >= 0xf0 && text.len - i >= 4) {
            uint32_t code = ((uint32_t)(at[0] & 7) << 18 | (uint32_t)(at[1] & 0x3f) << 12 |
                             (uint32_t)(at[2] & 0x3f) << 6 | (at[3] & 0x3f)) -
                            0x10000;
            uint32_t unit[] = {0xd800 | code >> 10, 0xdc00 | (code & 0x3ff)};

            for (int k = 0; k < 2; k++) {
                pfs_buf_putc(out, (uint8_t)(0xe0 | unit[k] >> 12));
                pfs_buf_putc(out, (uint8_t)(0x80 | (unit[k] >> 6 & 0x3f)));
                pfs_buf_putc(out, (uint8_t)(0x80 | (unit[k] & 0x3f)));
            }
            i += 3;
        } else {
            pfs_buf_putc(out, at[0]);
        }
    }
}

/* The length is known only behind the name: its two bytes are filled in afterwards. */
static int put_name(const char *text, struct pfs_buf *out, struct pfs_err *err)
{
    size_t len_at = out->len, len;

    pfs_buf_putc(out, 0);
    pfs_buf_putc(out, 0);
    put_modified(pfs_str(text), out);
    PFS_TRY(pfs_buf_check(out, err));
    len = out->len - len_at - 2;
    if (len > NAME_BYTES_MAX)
        return pfs_fail(err, EINVAL, "the name of an indexed column is longer than 65535 bytes");
    out->at[len_at] = (uint8_t)(len >> 8);
    out->at[len_at + 1] = (uint8_t)len;
    return 0;
}

struct part { /* of the body */
    size_t from, len;
    bool left_out;
};

/* Indexes from `first` on that are of the same column; of them *kept are in the body. */
static int32_t run_of(const struct pfs_fileindex_writer *w, const struct part *part, int32_t first, uint32_t *kept)
{
    int32_t to = first;

    for (*kept = 0; to < w->count && strcmp(w->write[to].column, w->write[first].column) == 0; to++)
        *kept += part[to].left_out ? 0 : 1;
    assert(to > first);
    return to;
}

/* The head, its offsets counted from `head_bytes`. A column whose only index was left out is named all the same, with
 * none: that it has an index that says nothing. */
static int put_head(const struct pfs_fileindex_writer *w, const struct part *part, size_t head_bytes,
                    struct pfs_buf *out, struct pfs_err *err)
{
    uint32_t columns = 0, kept;
    int32_t to;

    for (int32_t i = 0; i < w->count; i = to, columns++)
        to = run_of(w, part, i, &kept);
    pfs_buf_be64(out, MAGIC);
    pfs_buf_be32(out, VERSION);
    pfs_buf_be32(out, (uint32_t)head_bytes);
    pfs_buf_be32(out, columns);
    for (int32_t i = 0; i < w->count; i = to) {
        to = run_of(w, part, i, &kept);
        PFS_TRY(put_name(w->write[i].column, out, err));
        pfs_buf_be32(out, kept);
        for (int32_t k = i; k < to; k++) {
            if (part[k].left_out)
                continue;
            PFS_TRY(put_name(names[w->write[k].index], out, err));
            pfs_buf_be32(out, (uint32_t)(head_bytes + part[k].from));
            pfs_buf_be32(out, (uint32_t)part[k].len);
        }
    }
    pfs_buf_be32(out, 0);
    return pfs_buf_check(out, err);
}

static int print(struct pfs_fileindex_writer *w, struct part *part, struct pfs_buf *head, struct pfs_buf *body,
                 struct pfs_buf *out, struct pfs_err *err)
{
    size_t before;

    for (int32_t i = 0; i < w->count; i++) {
        int rc = w->maker[i]->ops->finish(w->maker[i], body, err);

        if (rc < 0)
            return rc;
        part[i].left_out = rc == 1;
        part[i].len = body->len - part[i].from;
        assert(!part[i].left_out || part[i].len == 0);
        if (i + 1 < w->count)
            part[i + 1].from = body->len;
    }
    PFS_TRY(put_head(w, part, 0, head, err));
    if (body->len > (size_t)INT32_MAX - head->len)
        return pfs_fail(err, E2BIG, "a file index would be over 2 GiB");
    before = out->len;
    PFS_TRY(put_head(w, part, head->len, out, err));
    assert(out->len - before == head->len); /* numbers are of fixed width: as long as it was measured */
    (void)before;
    pfs_buf_put(out, body->at, body->len);
    return pfs_buf_check(out, err);
}

int pfs_fileindex_writer_finish(struct pfs_fileindex_writer *writer, struct pfs_buf *out, struct pfs_err *err)
{
    struct part *part = pfs_alloc_array((size_t)writer->count, sizeof(*part));
    struct pfs_buf head = {0}, body = {0};
    int rc;

    if (part == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a file index");
    rc = print(writer, part, &head, &body, out, err);
    pfs_buf_done(&head);
    pfs_buf_done(&body);
    pfs_free(part);
    return rc;
}
