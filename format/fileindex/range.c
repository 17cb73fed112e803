/* range.c - the range bitmap: sorted distinct keys, and the place of each row's key among them as bit slices.
 *
 *   head:       i32 bytes that follow | 1 | rows | keys | least key | greatest key | bytes of the dictionary
 *   dictionary: i32 bytes of its head (13) | 1 | chunks | bytes of offsets | bytes of chunk heads |
 *               i32 offset a chunk | chunk heads | keys
 *   chunk head: 1 | first key | its place | offset in keys | further keys |
 *               fixed width: bytes of keys, width; else: bytes of offsets, bytes of keys
 *   keys:       fixed width: one after the other; else i32 offset each, then the keys
 *   slices:     i32 bytes of the head | 1 | u8 slices | bytes of existence | bytes of the list |
 *               (i32 offset, i32 length) a slice | existence | slices
 *
 * A question is one of places: the literal's place among the keys, or the one where it would stand, is found in the
 * dictionary, and compared with the rows' places bit by bit. The keys themselves are looked at in one chunk alone.
 */
#include <assert.h>

#include "format/fileindex/index.h"

struct chunk {
    struct pfs_key first;
    uint32_t place, keys_off, size, offsets_bytes, keys_bytes;
};

struct dictionary {
    uint32_t chunks;
    struct pfs_slice offsets, heads, keys;
};

static int cut_off(struct pfs_err *err)
{
    return pfs_index_damaged(err, "a range bitmap is cut off");
}

/* A head of `len` bytes at the cursor, as a cursor of its own. */
static struct pfs_cursor take_head(struct pfs_cursor *c)
{
    struct pfs_slice head = {NULL, 0};

    (void)pfs_take(c, pfs_take_be32(c), &head);
    return pfs_cursor_of(head);
}

/* Only its parts: chunks are read one by one, as far as the literal's place wants. */
static int read_dictionary(struct pfs_slice in, struct dictionary *d, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in), head = take_head(&c);
    uint32_t offsets_bytes, heads_bytes;

    if (pfs_take_u8(&head) != 1)
        return pfs_index_damaged(err, "the dictionary of a range bitmap is of an unknown version");
    d->chunks = pfs_take_be32(&head);
    offsets_bytes = pfs_take_be32(&head);
    heads_bytes = pfs_take_be32(&head);
    (void)pfs_take(&c, offsets_bytes, &d->offsets);
    (void)pfs_take(&c, heads_bytes, &d->heads);
    (void)pfs_take(&c, pfs_left(&c), &d->keys);
    return head.bad || c.bad || d->offsets.len / 4 < d->chunks ? cut_off(err) : 0;
}

static int read_chunk(const struct dictionary *d, uint32_t i, struct pfs_key_form form, struct chunk *out,
                      struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(d->heads);
    uint8_t version;

    assert(i < d->chunks);
    assert(d->offsets.len / 4 >= d->chunks);
    (void)pfs_skip(&c, pfs_be32(d->offsets.at + (size_t)i * 4));
    version = pfs_take_u8(&c);
    out->first = pfs_key_take(&c, form);
    out->place = pfs_take_be32(&c);
    out->keys_off = pfs_take_be32(&c);
    out->size = pfs_take_be32(&c);
    out->offsets_bytes = form.width == 0 ? pfs_take_be32(&c) : 0;
    out->keys_bytes = pfs_take_be32(&c);
    if (form.width > 0 && pfs_take_be32(&c) != (uint32_t)form.width && !c.bad)
        return pfs_index_damaged(err, "keys of a range bitmap have another width");
    if (c.bad)
        return cut_off(err);
    return version == 1 ? 0 : pfs_index_damaged(err, "a chunk of a range bitmap is of an unknown version");
}

/* How many keys are below the literal, in *below, and whether one equals it. */
static int find(const struct dictionary *d, const struct pfs_probe *probe, uint32_t *below, bool *found,
                struct pfs_err *err)
{
    struct chunk chunk = {0}, next;
    struct pfs_cursor c;
    int order = 1;
    uint32_t i;

    *below = 0;
    *found = false;
    for (i = 0; i < d->chunks; i++) { /* the last chunk that does not begin above the literal */
        PFS_TRY(read_chunk(d, i, probe->form, &next, err));
        order = pfs_key_compare(&next.first, &probe->key, probe->form);
        if (order > 0)
            break;
        chunk = next;
    }
    if (i == 0)
        return 0;
    c = pfs_cursor_of(d->keys);
    (void)pfs_skip(&c, chunk.keys_off);
    (void)pfs_skip(&c, chunk.offsets_bytes);
    order = pfs_key_compare(&chunk.first, &probe->key, probe->form);
    for (i = 0; order < 0 && i < chunk.size; i++) {
        struct pfs_key key = pfs_key_take(&c, probe->form);

        if (c.bad)
            return cut_off(err);
        order = pfs_key_compare(&key, &probe->key, probe->form);
        if (order > 0)
            break;
    }
    /* i keys behind the first were looked at and are not above the literal. */
    *found = order == 0;
    *below = chunk.place + i + (order == 0 ? 0 : 1);
    return 0;
}

/* On failure what was read is in `out`, for the caller to free. */
static int read_slices(struct pfs_slice in, struct pfs_slices *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(in), head = take_head(&c);
    struct pfs_slice exists = {NULL, 0}, rest = {NULL, 0}, list = {NULL, 0};
    uint8_t version = pfs_take_u8(&head), count = pfs_take_u8(&head);
    uint32_t exists_bytes = pfs_take_be32(&head), list_bytes = pfs_take_be32(&head);

    (void)pfs_take(&head, list_bytes, &list);
    (void)pfs_take(&c, exists_bytes, &exists);
    (void)pfs_take(&c, pfs_left(&c), &rest);
    if (head.bad || c.bad || version != 1 || count > PFS_SLICES_MAX || list.len / 8 < count)
        return cut_off(err);
    PFS_TRY(pfs_bitmap_parse32(exists, NULL, &out->exists, err));
    for (int32_t i = 0; i < count; i++) {
        uint32_t off = pfs_be32(list.at + (size_t)i * 8), len = pfs_be32(list.at + (size_t)i * 8 + 4);

        if (off > rest.len || len > rest.len - off)
            return cut_off(err);
        PFS_TRY(pfs_bitmap_parse32(pfs_slice_of(rest.at + off, len), NULL, &out->slice[i], err));
        out->count++;
    }
    return 0;
}

/* `below` keys are less than the literal, so that is its place, or where it would stand: then "less or equal" is
 * "less", and "greater" is "greater or equal". */
static int compare(const struct pfs_probe *probe, const struct pfs_slices *slices, uint32_t below, bool found,
                   struct pfs_bitmap **out, struct pfs_err *err)
{
    PFS_AUTO(bitmap) some = NULL;

    switch (probe->how) {
    case PFS_EQ:
        return found ? pfs_slices_compare(slices, PFS_EQ, below, out, err) : pfs_bitmap_new(out, err);
    case PFS_NE:
        PFS_TRY(pfs_bitmap_copy(slices->exists, out, err));
        if (!found)
            return 0;
        PFS_TRY(pfs_slices_compare(slices, PFS_EQ, below, &some, err));
        return pfs_bitmap_andnot(*out, some, err);
    case PFS_LT:
    case PFS_LE:
        return pfs_slices_compare(slices, found ? probe->how : PFS_LT, below, out, err);
    case PFS_GT:
    case PFS_GE:
        return pfs_slices_compare(slices, found ? probe->how : PFS_GE, below, out, err);
    case PFS_IS_NULL:
        PFS_TRY(pfs_bitmap_copy(slices->exists, out, err));
        return pfs_bitmap_flip(*out, (uint64_t)probe->rows, err);
    case PFS_IS_NOT_NULL:
        return pfs_bitmap_copy(slices->exists, out, err);
    }
    return 0;
}

int pfs_range_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(probe->index), head = take_head(&c);
    struct pfs_slice bytes = {NULL, 0}, rest = {NULL, 0};
    struct dictionary dictionary;
    struct pfs_slices slices = {0};
    struct pfs_bitmap *some = NULL;
    uint8_t version = pfs_take_u8(&head);
    uint32_t rows = pfs_take_be32(&head), keys = pfs_take_be32(&head), below = 0;
    bool found = false;
    int rc;

    out->answer = PFS_INDEX_ALL;
    if (version != 1)
        return 0;
    if (head.bad || (int64_t)rows != probe->rows)
        return pfs_index_damaged(err, "a range bitmap is of another number of rows");
    if (keys == 0) { /* nothing but nulls */
        out->answer = probe->how == PFS_IS_NULL ? PFS_INDEX_ALL : PFS_INDEX_NONE;
        return 0;
    }
    (void)pfs_key_take(&head, probe->form);
    (void)pfs_key_take(&head, probe->form);
    (void)pfs_take(&c, pfs_take_be32(&head), &bytes);
    (void)pfs_take(&c, pfs_left(&c), &rest);
    if (head.bad || c.bad)
        return cut_off(err);
    if (probe->how != PFS_IS_NULL && probe->how != PFS_IS_NOT_NULL) {
        PFS_TRY(read_dictionary(bytes, &dictionary, err));
        PFS_TRY(find(&dictionary, probe, &below, &found, err));
    }
    rc = read_slices(rest, &slices, err);
    if (rc == 0)
        rc = compare(probe, &slices, below, found, &some, err);
    if (rc == 0)
        *out = (struct pfs_index_rows){PFS_INDEX_SOME, some};
    else
        pfs_bitmap_free(some);
    pfs_slices_done(&slices);
    return rc;
}
