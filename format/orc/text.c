/* text.c - strings: direct (lengths, and all bytes in a row), or places in the stripe's dictionary.
 *
 * Direct strings need no copy of their own: the bytes of n rows are taken from the stream in one piece and lie as a
 * batch has them. Those of a dictionary are copied one by one; its entries lie in memory of the column, all of them, as
 * a place may be any. What they take is bounded by what the stream can hold at most, whatever their lengths claim.
 *
 * CHAR is stored with blanks up to its length, which readers drop: `trim` moves the texts together.
 */
#include "format/orc/text.h"

#include <assert.h>

#include "base/mem.h"

#define COPY_BYTES 16 /* moved at once, needed or not: what is copied from and to has so many bytes to spare */
#define ENTRIES_STEP 4096

void pfs_orc_text_done(struct pfs_orc_column *column)
{
    pfs_free(column->dictionary.offset);
    pfs_free(column->dictionary.bytes);
}

/* ---- the dictionary ---- */

static int grow_offsets(struct pfs_orc_dictionary *d, int64_t want, struct pfs_err *err)
{
    int32_t *grown;

    if (want <= d->offset_cap)
        return 0;
    grown = pfs_realloc(d->offset, (size_t)want * sizeof(*grown));
    if (grown == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a dictionary of %u entries", d->count);
    d->offset = grown;
    d->offset_cap = want;
    return 0;
}

/* The count is a claim: memory grows only as fast as lengths come. */
static int load_offsets(struct pfs_orc_column *column, struct pfs_err *err)
{
    struct pfs_orc_dictionary *d = &column->dictionary;
    int64_t length[ENTRIES_STEP];
    int32_t base = 0;

    PFS_TRY(grow_offsets(d, 1, err));
    d->offset[0] = 0;
    for (int64_t at = 0; at < d->count; at += ENTRIES_STEP) {
        int64_t n = d->count - at < ENTRIES_STEP ? d->count - at : ENTRIES_STEP;

        if (at + n + 1 > d->offset_cap)
            PFS_TRY(grow_offsets(d, 2 * (at + n) + 1, err));
        PFS_TRY(pfs_orc_ints_next(&column->second, length, n, err));
        if (!pfs_orc_offsets(length, NULL, n, INT32_MAX - base, d->offset + at))
            return pfs_fail(err, EIO, "a dictionary with a length below 0, or of over %d bytes", INT32_MAX);
        for (int64_t i = 0; i <= n; i++)
            d->offset[at + i] += base;
        base = d->offset[at + n];
        assert(base >= d->offset[at]);
    }
    return 0;
}

/* Blanks at the ends of entries go: the rest moves together. */
static void trim(int32_t *offset, uint8_t *bytes, int64_t n)
{
    int32_t from = offset[0], to = from;

    assert(n >= 0);
    for (int64_t i = 0; i < n; i++) {
        int32_t end = offset[i + 1], next = end;

        while (end > from && bytes[end - 1] == ' ')
            end--;
        if (to < from && end > from)
            memmove(bytes + to, bytes + from, (size_t)(end - from));
        to += end - from;
        assert(to <= next); /* texts only get shorter */
        offset[i + 1] = to;
        from = next;
    }
}

int pfs_orc_text_dictionary(struct pfs_orc_column *column, struct pfs_err *err)
{
    struct pfs_orc_dictionary *d = &column->dictionary;
    size_t len;

    assert(d->used);
    if (d->loaded)
        return 0;
    PFS_TRY(load_offsets(column, err));
    len = (size_t)d->offset[d->count];
    if (len > pfs_orc_stream_left_max(&column->bytes))
        return pfs_fail(err, EIO, "a dictionary of %zu bytes in a stream that does not hold so many", len);
    if (len + COPY_BYTES > d->bytes_cap) {
        uint8_t *grown = pfs_realloc(d->bytes, len + COPY_BYTES);

        if (grown == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a dictionary of %zu bytes", len);
        d->bytes = grown;
        d->bytes_cap = len + COPY_BYTES;
    }
    memset(d->bytes + len, 0, COPY_BYTES);
    PFS_TRY(pfs_orc_stream_copy(&column->bytes, d->bytes, len, err));
    if (column->trim)
        trim(d->offset, d->bytes, d->count);
    d->loaded = true;
    return 0;
}

/* ---- how many rows ---- */

/* Bytes of one string, by its length or by its place, which was held against the dictionary. */
static int64_t head_bytes(const struct pfs_orc_column *column, int64_t head)
{
    const int32_t *offset = column->dictionary.offset;

    return column->dictionary.used ? offset[head + 1] - offset[head] : head;
}

int64_t pfs_orc_text_fit(const struct pfs_orc_column *column, int64_t bytes, int64_t rows)
{
    const struct pfs_orc_heads *heads = &column->heads;
    int64_t next = heads->used, left = bytes;

    assert(heads->at + rows <= heads->rows);
    for (int64_t i = heads->at; i < heads->at + rows; i++) {
        int64_t len;

        if (!heads->all && !(heads->valid[i >> 3] >> (i & 7) & 1))
            continue;
        len = head_bytes(column, heads->value[next++]);
        if ((len < 0 || len > left) && i > heads->at)
            return i - heads->at;
        left = len < 0 || len > left ? 0 : left - len;
    }
    return rows;
}

/* ---- rows ---- */

static int no_fit(struct pfs_err *err)
{
    return pfs_fail(err, EIO, "a string with a length below 0, or rows of over %d bytes", INT32_MAX);
}

/* Lengths become offsets, and their sum is how many bytes are taken. */
static int next_direct(struct pfs_orc_column *column, const int64_t *head, const uint8_t *valid, int64_t n,
                       int32_t *offsets, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    uint8_t *bytes;

    if (!pfs_orc_offsets(head, valid, n, INT32_MAX, offsets))
        return no_fit(err);
    if ((uint64_t)offsets[n] > pfs_orc_stream_left_max(&column->bytes))
        return pfs_fail(err, EIO, "strings of %d bytes in a stream that does not hold so many", offsets[n]);
    bytes = pfs_arena_alloc(arena, (size_t)offsets[n]);
    if (bytes == NULL)
        return pfs_arena_full(arena, err);
    PFS_TRY(pfs_orc_stream_copy(&column->bytes, bytes, (size_t)offsets[n], err));
    if (column->trim)
        trim(offsets, bytes, n);
    out->offsets = offsets;
    out->values = bytes;
    return 0;
}

/* Offsets of rows whose dense places are `head`, all in the dictionary; false when they pass 2 GiB. */
static bool place_offsets(const struct pfs_orc_dictionary *d, const int64_t *head, const uint8_t *valid, int64_t n,
                          int32_t *out)
{
    uint64_t sum = 0;
    int64_t next = 0;

    out[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        if (valid == NULL || (valid[i >> 3] >> (i & 7) & 1)) {
            const int32_t *at = &d->offset[head[next++]];

            sum += (uint64_t)(at[1] - at[0]);
        }
        out[i + 1] = (int32_t)(uint32_t)sum;
    }
    return sum <= INT32_MAX;
}

/* Most entries are short: moving a fixed number of bytes costs less than asking how many. */
static void copy_entries(const struct pfs_orc_dictionary *d, const int64_t *head, int64_t present, uint8_t *out)
{
    for (int64_t i = 0; i < present; i++) {
        const int32_t *at = &d->offset[head[i]];
        size_t len = (size_t)(at[1] - at[0]);

        memcpy(out, d->bytes + at[0], COPY_BYTES);
        if (len > COPY_BYTES)
            memcpy(out + COPY_BYTES, d->bytes + at[0] + COPY_BYTES, len - COPY_BYTES);
        out += len;
    }
}

static int next_places(struct pfs_orc_column *column, const int64_t *head, int64_t present, const uint8_t *valid,
                       int64_t n, int32_t *offsets, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err)
{
    uint8_t *bytes;

    if (!place_offsets(&column->dictionary, head, valid, n, offsets))
        return no_fit(err);
    bytes = pfs_arena_alloc(arena, (size_t)offsets[n] + COPY_BYTES);
    if (bytes == NULL)
        return pfs_arena_full(arena, err);
    copy_entries(&column->dictionary, head, present, bytes);
    out->offsets = offsets;
    out->values = bytes;
    return 0;
}

int pfs_orc_text_next(struct pfs_orc_column *column, const int64_t *head, int64_t present, const uint8_t *valid,
                      int64_t n, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    int32_t *offsets = pfs_arena_alloc(arena, (size_t)(n + 1) * sizeof(*offsets));

    if (offsets == NULL)
        return pfs_arena_full(arena, err);
    assert(present <= n);
    assert(!column->dictionary.used || column->dictionary.loaded);
    if (column->dictionary.used)
        return next_places(column, head, present, valid, n, offsets, arena, out, err);
    return next_direct(column, head, valid, n, offsets, arena, out, err);
}
