/* transcode.c - encodings of other writers, rewritten as PLAIN.
 *
 *     DELTA_BINARY_PACKED       block size, miniblocks a block, count, first value; then blocks of
 *                               | least difference | a width for each miniblock | the miniblocks, packed |
 *     DELTA_LENGTH_BYTE_ARRAY   the lengths as such deltas, then all bytes in a row
 *     DELTA_BYTE_ARRAY          lengths of prefixes, lengths of suffixes, both as deltas, then the suffixes
 *     BYTE_STREAM_SPLIT         the first bytes of all values, the second bytes of all, ...
 *
 * Differences are added in unsigned arithmetic: writers let them wrap, also in the narrower width of INT32, whose upper
 * half is simply cut off behind. What a page becomes is bounded before there is memory for it: prefixes alone can make
 * a small page arbitrarily large.
 */
#include "format/parquet/transcode.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/parquet/bits.h"

#define BLOCK_VALUES_MAX ((uint64_t)1 << 20)
#define MINIBLOCKS_MAX 512

static int damaged(struct pfs_err *err, const char *what)
{
    return pfs_fail(err, EIO, "a page is damaged: %s", what);
}

/* Room for `bytes` of content and what may be read behind it. */
static int make_room(struct pfs_pq_page *page, uint64_t bytes, uint8_t **out, struct pfs_err *err)
{
    if (bytes > PFS_PAGE_BYTES_MAX)
        return pfs_fail(err, EIO, "a page of %llu bytes when decoded", (unsigned long long)bytes);
    if (bytes + PFS_PQ_PAD > page->plain_cap) {
        pfs_free(page->plain);
        page->plain_cap = 0;
        page->plain = pfs_alloc((size_t)bytes + PFS_PQ_PAD);
        if (page->plain == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a page of %llu bytes", (unsigned long long)bytes);
        page->plain_cap = (size_t)bytes + PFS_PQ_PAD;
    }
    memset(page->plain + bytes, 0, PFS_PQ_PAD);
    assert(page->plain_cap >= bytes + PFS_PQ_PAD);
    *out = page->plain;
    return 0;
}

/* ---- DELTA_BINARY_PACKED ---- */

struct deltas {
    uint64_t block, miniblocks, per_miniblock, count;
    uint64_t first;
};

/* Miniblocks are whole groups of 8 values, so that each ends at a byte whatever its width. */
static int open_deltas(struct pfs_cursor *c, int32_t values, struct deltas *d, struct pfs_err *err)
{
    d->block = pfs_take_uleb(c);
    d->miniblocks = pfs_take_uleb(c);
    d->count = pfs_take_uleb(c);
    d->first = (uint64_t)pfs_take_zigzag(c);
    if (c->bad || d->block == 0 || d->block > BLOCK_VALUES_MAX || d->miniblocks == 0 ||
        d->miniblocks > MINIBLOCKS_MAX || d->block % d->miniblocks != 0 || d->block / d->miniblocks % 8 != 0)
        return damaged(err, "the header of its deltas");
    if (d->count > (uint64_t)values)
        return damaged(err, "it has more deltas than values");
    d->per_miniblock = d->block / d->miniblocks;
    return 0;
}

/* n numbers of `width` bits, added up from *last on with `least` more each. Up to 7 bits are shifted out of the word
 * that begins with a number's first byte: wider ones than 57 bits may need the byte behind it. */
static void add_up(const uint8_t *in, int width, uint64_t n, uint64_t least, uint64_t *last, uint64_t *out)
{
    uint64_t v = *last, mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1, bit = 0;

    assert(width >= 0);
    assert(width <= 64);
    if (width == 0)
        for (uint64_t i = 0; i < n; i++)
            out[i] = v += least;
    else if (width <= 57)
        for (uint64_t i = 0; i < n; i++, bit += (uint64_t)width)
            out[i] = v += least + (pfs_pq_load64(in + bit / 8) >> bit % 8 & mask);
    else
        for (uint64_t i = 0; i < n; i++, bit += (uint64_t)width) {
            uint64_t word = pfs_pq_load64(in + bit / 8) >> bit % 8;

            if (bit % 8 != 0)
                word |= (uint64_t)in[bit / 8 + 8] << (64 - bit % 8);
            out[i] = v += least + (word & mask);
        }
    *last = v;
}

/* All of them to `out`, which has room for d->count. */
static int take_deltas(struct pfs_cursor *c, const struct deltas *d, uint64_t *out, struct pfs_err *err)
{
    uint64_t done = 0, last = d->first;

    if (d->count > 0)
        out[done++] = last;
    while (done < d->count) {
        uint64_t least = (uint64_t)pfs_take_zigzag(c);
        struct pfs_slice widths;

        if (!pfs_take(c, (size_t)d->miniblocks, &widths))
            return damaged(err, "it ends within its deltas");
        for (uint64_t m = 0; m < d->miniblocks && done < d->count; m++) {
            uint64_t n = d->count - done < d->per_miniblock ? d->count - done : d->per_miniblock;
            uint64_t whole = d->per_miniblock / 8 * widths.at[m], need = (n * widths.at[m] + 7) / 8;

            if (widths.at[m] > 64 || need > pfs_left(c))
                return damaged(err, "it ends within its deltas");
            add_up(c->in.at + c->pos, widths.at[m], n, least, &last, out + done);
            c->pos += whole < pfs_left(c) ? (size_t)whole : pfs_left(c); /* the last one may be cut behind its values */
            done += n;
            assert(done <= d->count);
        }
    }
    return 0;
}

static int transcode_deltas(int width, struct pfs_pq_page *page, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(page->content);
    struct deltas d;
    uint8_t *out;

    assert(width == 4 || width == 8);
    PFS_TRY(open_deltas(&c, page->values, &d, err));
    PFS_TRY(make_room(page, d.count * 8, &out, err));
    PFS_TRY(take_deltas(&c, &d, (uint64_t *)(void *)out, err));
    if (width == 4) /* in place: what is written lies before what is read */
        for (uint64_t i = 0; i < d.count; i++) {
            uint32_t v = (uint32_t)pfs_pq_load64(out + i * 8);

            memcpy(out + i * 4, &v, sizeof(v));
        }
    page->content = pfs_slice_of(out, (size_t)d.count * (size_t)width);
    return 0;
}

/* ---- strings ---- */

/* Lengths as deltas; the caller frees *out, also on failure. */
static int take_lengths(struct pfs_cursor *c, int32_t values, uint64_t **out, uint64_t *count, struct pfs_err *err)
{
    struct deltas d;

    PFS_TRY(open_deltas(c, values, &d, err));
    if (d.count > PFS_PAGE_BYTES_MAX / 8)
        return damaged(err, "it has too many lengths");
    *out = pfs_alloc((size_t)d.count * sizeof(**out));
    if (*out == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %llu lengths", (unsigned long long)d.count);
    *count = d.count;
    return take_deltas(c, &d, *out, err);
}

/* The sum of lengths; UINT64_MAX when one cannot be. */
static uint64_t sum(const uint64_t *lengths, uint64_t count)
{
    uint64_t total = 0, most = 0;

    for (uint64_t i = 0; i < count; i++) {
        most |= lengths[i];
        total += lengths[i] & INT32_MAX;
    }
    return most > INT32_MAX ? UINT64_MAX : total;
}

/* Lengths and bytes, which lie apart, become values behind their lengths. */
static int join_lengths(struct pfs_cursor *c, const uint64_t *length, uint64_t count, struct pfs_pq_page *page,
                        struct pfs_err *err)
{
    uint64_t total = sum(length, count);
    const uint8_t *from = c->in.at + c->pos;
    uint8_t *out, *to;

    if (total > pfs_left(c))
        return damaged(err, "its strings are longer than it");
    PFS_TRY(make_room(page, total + 4 * count, &out, err));
    to = out;
    for (uint64_t i = 0; i < count; i++) {
        size_t len = (size_t)length[i];

        pfs_put_le32(to, (uint32_t)len);
        memcpy(to + 4, from, len);
        to += 4 + len;
        from += len;
    }
    assert((uint64_t)(to - out) == total + 4 * count);
    page->content = pfs_slice_of(out, (size_t)(to - out));
    return 0;
}

static int transcode_lengths(struct pfs_pq_page *page, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(page->content);
    uint64_t *length = NULL, count = 0;
    int rc = take_lengths(&c, page->values, &length, &count, err);

    if (rc == 0)
        rc = join_lengths(&c, length, count, page, err);
    pfs_free(length);
    return rc;
}

/* Each string is the first `prefix` bytes of the one before it and a suffix. `width`: of FIXED_LEN_BYTE_ARRAY, whose
 * values have no length in front; else 0. */
static int join_prefixes(struct pfs_cursor *c, const uint64_t *prefix, const uint64_t *suffix, uint64_t count,
                         size_t width, struct pfs_pq_page *page, struct pfs_err *err)
{
    uint64_t prefixes = sum(prefix, count), suffixes = sum(suffix, count);
    const uint8_t *from = c->in.at + c->pos, *before = from;
    size_t head = width > 0 ? 0 : 4, last = 0;
    uint8_t *out, *to;

    if (suffixes > pfs_left(c) || prefixes > PFS_PAGE_BYTES_MAX)
        return damaged(err, "its strings are longer than it");
    PFS_TRY(make_room(page, prefixes + suffixes + head * count, &out, err));
    to = out;
    for (uint64_t i = 0; i < count; i++) {
        size_t a = (size_t)prefix[i], b = (size_t)suffix[i];

        if (a > last || (width > 0 && a + b != width))
            return damaged(err, "a string has another length than it should");
        last = a + b;
        if (width == 0)
            pfs_put_le32(to, (uint32_t)last);
        to += head;
        memcpy(to, before, a);
        memcpy(to + a, from, b);
        before = to;
        to += last;
        from += b;
    }
    assert((uint64_t)(to - out) == prefixes + suffixes + head * count);
    page->content = pfs_slice_of(out, (size_t)(to - out));
    return 0;
}

static int transcode_prefixes(size_t width, struct pfs_pq_page *page, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(page->content);
    uint64_t *prefix = NULL, *suffix = NULL, prefixes = 0, suffixes = 0;
    int rc = take_lengths(&c, page->values, &prefix, &prefixes, err);

    if (rc == 0)
        rc = take_lengths(&c, page->values, &suffix, &suffixes, err);
    if (rc == 0 && prefixes != suffixes)
        rc = damaged(err, "it has more prefixes than suffixes, or fewer");
    if (rc == 0)
        rc = join_prefixes(&c, prefix, suffix, prefixes, width, page, err);
    pfs_free(prefix);
    pfs_free(suffix);
    return rc;
}

/* ---- BYTE_STREAM_SPLIT ---- */

/* Byte k of value i stands at k * n + i. */
static inline void join_streams(const uint8_t *restrict in, size_t n, size_t width, uint8_t *restrict out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            out[i * width + k] = in[k * n + i];
}

static int transcode_streams(size_t width, struct pfs_pq_page *page, struct pfs_err *err)
{
    size_t n = page->content.len / width; /* is_transcoded: not 0 */
    uint8_t *out;

    if (n * width != page->content.len)
        return damaged(err, "its streams have different lengths");
    PFS_TRY(make_room(page, page->content.len, &out, err));
    if (width == 4)
        join_streams(page->content.at, n, 4, out);
    else if (width == 8)
        join_streams(page->content.at, n, 8, out);
    else
        join_streams(page->content.at, n, width, out);
    page->content = pfs_slice_of(out, n * width);
    return 0;
}

/* ---- all of them ---- */

/* Bytes a value; 0 = each has its own length, or none that could be split. */
static size_t width_of(const struct pfs_pq_node *node)
{
    static const uint8_t widths[] = {[PFS_PQ_INT32] = 4,
                                     [PFS_PQ_INT64] = 8,
                                     [PFS_PQ_FLOAT] = 4,
                                     [PFS_PQ_DOUBLE] = 8,
                                     [PFS_PQ_FIXED_LEN_BYTE_ARRAY] = 0};

    if (node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY)
        return node->length > 0 ? (size_t)node->length : 0;
    return widths[node->physical];
}

bool pfs_pq_is_transcoded(int32_t encoding, const struct pfs_pq_node *node)
{
    bool strings = node->physical == PFS_PQ_BYTE_ARRAY,
         integers = node->physical == PFS_PQ_INT32 || node->physical == PFS_PQ_INT64;

    switch (encoding) {
    case PFS_PQ_ENCODING_DELTA_BINARY_PACKED:
        return integers;
    case PFS_PQ_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return strings;
    case PFS_PQ_ENCODING_DELTA_BYTE_ARRAY:
        return strings || (node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY && width_of(node) > 0);
    case PFS_PQ_ENCODING_BYTE_STREAM_SPLIT:
        return width_of(node) > 0;
    default:
        return false;
    }
}

int pfs_pq_transcode(const struct pfs_pq_node *node, struct pfs_pq_page *page, struct pfs_err *err)
{
    size_t width = width_of(node);
    int32_t encoding = page->encoding;

    assert(pfs_pq_is_transcoded(encoding, node));
    page->encoding = PFS_PQ_ENCODING_PLAIN;
    if (page->content.len == 0)
        return 0; /* all of its values are null */
    switch (encoding) {
    case PFS_PQ_ENCODING_DELTA_BINARY_PACKED:
        return transcode_deltas((int)width, page, err);
    case PFS_PQ_ENCODING_DELTA_LENGTH_BYTE_ARRAY:
        return transcode_lengths(page, err);
    case PFS_PQ_ENCODING_DELTA_BYTE_ARRAY:
        return transcode_prefixes(width, page, err);
    default:
        return transcode_streams(width, page, err);
    }
}
