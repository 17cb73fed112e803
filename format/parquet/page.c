/* page.c - from the bytes of column chunks to decompressed pages.
 *
 *     chunk   | header | dictionary | header | levels, values | header | levels, values | ...
 *                                   ^ off: the next header                              ^ end
 *     window        [.....................................]
 *
 * What is held in memory is a window that moves on with `off`. How far it reads at once is a bet: `ahead_bytes`, or up
 * to `stop` where it is known that nothing behind that is wanted for a while. A header does not say how long it is, so
 * that it is parsed from what lies there and once more from eight times as much when it was cut.
 *
 * Row groups are gone through in order, and their pages too. A page is passed over when its rows are known and none is
 * wanted: by its header (off moves over its bytes, which are not read when the window ends before them) or, with an
 * offset index, without even that (jump). The count of a chunk's values is held against each page, as is every length
 * in a header against the bytes of its chunk, before anything is taken.
 */
#include "format/parquet/page.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/compress.h"
#include "format/parquet/bits.h"
#include "format/parquet/thrift.h"
#include "format/parquet/transcode.h"

#define HEADER_GUESS 512                    /* most headers are smaller */
#define HEADER_BYTES_MAX ((size_t)16 << 20) /* statistics of long strings stand in headers too */

struct header {
    int32_t type, raw_bytes, bytes;
    int32_t values, encoding;
    int32_t rows;                                     /* V2; -1 = not said */
    int32_t definition_encoding, repetition_encoding; /* V1 */
    int32_t definition_bytes, repetition_bytes;       /* V2 */
    bool compressed;
    bool has_kind; /* the header of its type was there */
};

void pfs_pq_source_init(struct pfs_pq_source *source, struct pfs_file *file, const struct pfs_pq_footer *footer,
                        const struct pfs_pq_node *node, const struct pfs_row_range *range, int32_t ranges,
                        size_t ahead_bytes)
{
    assert(ranges == 0 || range != NULL);
    assert(ahead_bytes > 0);
    *source = (struct pfs_pq_source){.file = file,
                                     .footer = footer,
                                     .node = node,
                                     .ahead_bytes = ahead_bytes,
                                     .range = range,
                                     .ranges = ranges,
                                     .group = -1};
}

void pfs_pq_source_done(struct pfs_pq_source *source)
{
    pfs_free(source->window);
    pfs_arena_done(&source->index);
    source->window = NULL;
}

void pfs_pq_page_done(struct pfs_pq_page *page)
{
    pfs_free(page->raw);
    pfs_free(page->plain);
    page->raw = page->plain = NULL;
    page->raw_cap = page->plain_cap = 0;
}

/* Makes the window hold `need` bytes from source->off on, which the chunk has, and more when it must read anyway. */
static int fill(struct pfs_pq_source *s, size_t need, struct pfs_err *err)
{
    size_t skip = (size_t)(s->off - s->window_off), held, want;
    uint64_t left = s->end - s->off;

    assert(s->off <= s->end);
    assert(need <= left);
    if (skip <= s->window_len && s->window_len - skip >= need)
        return 0;
    held = skip < s->window_len ? s->window_len - skip : 0;
    want = s->stop > s->off && s->stop - s->off < s->ahead_bytes ? (size_t)(s->stop - s->off) : s->ahead_bytes;
    want = need > want ? need : want;
    want = want < left ? want : (size_t)left;
    if (want > s->window_cap) {
        uint8_t *grown = pfs_alloc(want);

        if (grown == NULL)
            return pfs_fail(err, ENOMEM, "no memory for %zu bytes of pages", want);
        if (held > 0)
            memcpy(grown, s->window + skip, held);
        pfs_free(s->window);
        s->window = grown;
        s->window_cap = want;
    } else if (held > 0) {
        memmove(s->window, s->window + skip, held);
    }
    assert(held < want);
    assert(want <= s->window_cap);
    s->window_off = s->off;
    s->window_len = held;
    PFS_TRY(pfs_file_pread(s->file, s->off + held, s->window + held, want - held, err));
    s->window_len = want;
    return 0;
}

/* What the window holds from `off` on: at least what fill was asked for. */
static struct pfs_slice filled(const struct pfs_pq_source *s)
{
    size_t skip = (size_t)(s->off - s->window_off);

    assert(skip <= s->window_len);
    return pfs_slice_of(s->window + skip, s->window_len - skip);
}

static void take_v1(struct pfs_cursor *c, struct header *h)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f))
        if (f.id == PFS_PQ_DATA_VALUES)
            h->values = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_DATA_ENCODING)
            h->encoding = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_DATA_DEFINITION_ENCODING)
            h->definition_encoding = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_DATA_REPETITION_ENCODING)
            h->repetition_encoding = pfs_thrift_i32(c, &f);
        else
            pfs_thrift_skip(c, f.type);
    h->has_kind = true;
}

static void take_v2(struct pfs_cursor *c, struct header *h)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f))
        switch (f.id) {
        case PFS_PQ_V2_VALUES:
            h->values = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_V2_ROWS:
            h->rows = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_V2_ENCODING:
            h->encoding = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_V2_DEFINITION_BYTES:
            h->definition_bytes = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_V2_REPETITION_BYTES:
            h->repetition_bytes = pfs_thrift_i32(c, &f);
            break;
        case PFS_PQ_V2_COMPRESSED:
            h->compressed = pfs_thrift_bool(c, &f);
            break;
        default:
            pfs_thrift_skip(c, f.type);
        }
    h->has_kind = true;
}

static void take_dictionary(struct pfs_cursor *c, struct header *h)
{
    struct pfs_thrift_field f = {0};

    while (pfs_thrift_next(c, &f))
        if (f.id == PFS_PQ_DICTIONARY_VALUES)
            h->values = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_DICTIONARY_ENCODING)
            h->encoding = pfs_thrift_i32(c, &f);
        else
            pfs_thrift_skip(c, f.type);
    h->has_kind = true;
}

/* The header of the page's type decides; one of another type is skipped. */
static void take_header(struct pfs_cursor *c, struct header *h)
{
    struct pfs_thrift_field f = {0};

    *h = (struct header){.type = -1,
                         .raw_bytes = -1,
                         .bytes = -1,
                         .values = -1,
                         .encoding = -1,
                         .rows = -1,
                         .definition_encoding = PFS_PQ_ENCODING_RLE,
                         .repetition_encoding = PFS_PQ_ENCODING_RLE,
                         .compressed = true};
    while (pfs_thrift_next(c, &f))
        if (f.id == PFS_PQ_PAGE_TYPE)
            h->type = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_PAGE_RAW_BYTES)
            h->raw_bytes = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_PAGE_COMPRESSED_BYTES)
            h->bytes = pfs_thrift_i32(c, &f);
        else if (f.id == PFS_PQ_PAGE_HEADER_DATA && h->type == PFS_PQ_PAGE_DATA && pfs_thrift_struct(c, &f))
            take_v1(c, h);
        else if (f.id == PFS_PQ_PAGE_HEADER_V2 && h->type == PFS_PQ_PAGE_DATA_V2 && pfs_thrift_struct(c, &f))
            take_v2(c, h);
        else if (f.id == PFS_PQ_PAGE_HEADER_DICTIONARY && h->type == PFS_PQ_PAGE_DICTIONARY && pfs_thrift_struct(c, &f))
            take_dictionary(c, h);
        else
            pfs_thrift_skip(c, f.type);
}

/* Everything that a header claims and later code leans on. Sizes are bounded by the chunk's bytes and the greatest
 * page, counts by what the chunk has left; levels of a V2 page lie within the page, compressed or not. */
static int check_header(const struct pfs_pq_source *s, const struct header *h, struct pfs_err *err)
{
    bool data = h->type == PFS_PQ_PAGE_DATA || h->type == PFS_PQ_PAGE_DATA_V2;

    if (h->raw_bytes < 0 || h->bytes < 0 || (size_t)h->raw_bytes > PFS_PAGE_BYTES_MAX)
        return pfs_fail(err, EIO, "a page of %d bytes, %d when decompressed", h->bytes, h->raw_bytes);
    if ((uint64_t)h->bytes > s->end - s->off)
        return pfs_fail(err, EIO, "a page of %d bytes where its chunk has %llu left", h->bytes,
                        (unsigned long long)(s->end - s->off));
    if (!data && h->type != PFS_PQ_PAGE_DICTIONARY)
        return 0;
    if (!h->has_kind || h->values < 0)
        return pfs_fail(err, EIO, "a page without a header of its type");
    if (h->type == PFS_PQ_PAGE_DICTIONARY && (s->dictionary_seen || h->values > h->raw_bytes * 8LL))
        return pfs_fail(err, EIO, "two dictionaries, or one of %d values in %d bytes", h->values, h->raw_bytes);
    if (data && h->values > s->values_left)
        return pfs_fail(err, EIO, "a page of %d values where the row group has %lld left", h->values,
                        (long long)s->values_left);
    if (h->definition_bytes < 0 || h->repetition_bytes < 0 || h->definition_bytes > h->raw_bytes ||
        h->repetition_bytes > h->raw_bytes - h->definition_bytes ||
        h->definition_bytes + h->repetition_bytes > h->bytes)
        return pfs_fail(err, EIO, "levels of %d and %d bytes in a page of %d", h->definition_bytes, h->repetition_bytes,
                        h->raw_bytes);
    return 0;
}

/* Reads the next header and steps over it. It is not known how long it is: more is read while it does not parse. */
static int next_header(struct pfs_pq_source *s, struct header *h, struct pfs_err *err)
{
    for (size_t need = HEADER_GUESS;; need *= 8) {
        uint64_t left = s->end - s->off;
        struct pfs_cursor c;

        PFS_TRY(fill(s, need < left ? need : (size_t)left, err));
        c = pfs_cursor_of(filled(s));
        take_header(&c, h);
        if (!c.bad) {
            s->off += c.pos;
            return check_header(s, h, err);
        }
        if (need >= left || need >= HEADER_BYTES_MAX)
            return pfs_fail(err, EIO, "a page header is damaged");
    }
}

static const struct pfs_pq_chunk *chunk_of(const struct pfs_pq_source *s)
{
    assert(s->group >= 0);
    assert(s->group < s->footer->groups);
    return &s->footer->group[s->group].chunk[s->node->leaf];
}

/* Of the older LZ4 the frames are Hadoop's. */
static int decompress(const struct pfs_pq_chunk *chunk, struct pfs_slice in, uint8_t *to, size_t len,
                      struct pfs_err *err)
{
    switch ((int)chunk->codec) {
    case PFS_PQ_CODEC_UNCOMPRESSED:
        return pfs_decompress(PFS_CODEC_NONE, in, to, len, err);
    case PFS_PQ_CODEC_SNAPPY:
        return pfs_decompress(PFS_CODEC_SNAPPY, in, to, len, err);
    case PFS_PQ_CODEC_GZIP:
        return pfs_decompress(PFS_CODEC_GZIP, in, to, len, err);
    case PFS_PQ_CODEC_ZSTD:
        return pfs_decompress(PFS_CODEC_ZSTD, in, to, len, err);
    case PFS_PQ_CODEC_LZ4_RAW:
        return pfs_decompress(PFS_CODEC_LZ4, in, to, len, err);
    case PFS_PQ_CODEC_LZ4:
        return pfs_decompress_hadoop_lz4(in, to, len, err);
    default:
        return pfs_fail(err, EOPNOTSUPP, "codec %s (%d) is not supported", pfs_pq_codec_name(chunk->codec),
                        chunk->codec);
    }
}

/* The levels of a V2 page stand in front and are never compressed. */
static int load_raw(struct pfs_pq_source *s, const struct header *h, struct pfs_pq_page *page, struct pfs_err *err)
{
    const struct pfs_pq_chunk *chunk = chunk_of(s);
    size_t raw = (size_t)h->raw_bytes, levels = (size_t)h->definition_bytes + (size_t)h->repetition_bytes;
    struct pfs_slice in;

    PFS_TRY(fill(s, (size_t)h->bytes, err));
    in = filled(s);
    in.len = (size_t)h->bytes;
    if (raw + PFS_PQ_PAD > page->raw_cap) {
        pfs_free(page->raw);
        page->raw_cap = 0;
        page->raw = pfs_alloc(raw + PFS_PQ_PAD);
        if (page->raw == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a page of %zu bytes", raw);
        page->raw_cap = raw + PFS_PQ_PAD;
    }
    assert(levels <= raw);
    assert(levels <= in.len);
    memset(page->raw + raw, 0, PFS_PQ_PAD);
    memcpy(page->raw, in.at, levels);
    in = pfs_slice_of(in.at + levels, in.len - levels);
    if (!h->compressed)
        return pfs_decompress(PFS_CODEC_NONE, in, page->raw + levels, raw - levels, err);
    if (raw == levels)
        return 0; /* no values: a codec may have made some bytes of them or none */
    return decompress(chunk, in, page->raw + levels, raw - levels, err);
}

/* Levels of a V1 page: their length as le32, then their bytes; BIT_PACKED ones have no length and lie with their
 * highest bits first. */
static bool take_levels(struct pfs_cursor *c, struct pfs_pq_page *page, int32_t encoding, int level_max, int32_t values,
                        struct pfs_slice *out)
{
    uint8_t *at;
    size_t bytes;

    *out = (struct pfs_slice){0};
    if (level_max == 0)
        return false;
    if (encoding != PFS_PQ_ENCODING_BIT_PACKED) {
        pfs_take(c, pfs_take_le32(c), out);
        return false;
    }
    bytes = ((size_t)values * (size_t)pfs_pq_bit_width(level_max) + 7) / 8;
    at = page->raw + c->pos;
    if (!pfs_take(c, bytes, out))
        return false;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t v = at[i];

        v = (uint8_t)((v & 0x55) << 1 | (v >> 1 & 0x55));
        v = (uint8_t)((v & 0x33) << 2 | (v >> 2 & 0x33));
        at[i] = (uint8_t)(v << 4 | v >> 4);
    }
    return true;
}

/* Cuts the page's bytes into repetition levels, definition levels and values, in this order in both versions. */
static int split(const struct pfs_pq_node *node, const struct header *h, struct pfs_pq_page *page, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(pfs_slice_of(page->raw, (size_t)h->raw_bytes));

    page->repetition = page->definition = (struct pfs_slice){0};
    page->bit_packed_repetition = page->bit_packed_definition = false;
    if (h->type == PFS_PQ_PAGE_DATA) {
        page->bit_packed_repetition =
            take_levels(&c, page, h->repetition_encoding, node->repetition_max, h->values, &page->repetition);
        page->bit_packed_definition =
            take_levels(&c, page, h->definition_encoding, node->definition_max, h->values, &page->definition);
    } else if (h->type == PFS_PQ_PAGE_DATA_V2) {
        pfs_take(&c, (size_t)h->repetition_bytes, &page->repetition);
        pfs_take(&c, (size_t)h->definition_bytes, &page->definition);
    }
    if (c.bad)
        return pfs_fail(err, EIO, "a page ends within its levels");
    pfs_take(&c, pfs_left(&c), &page->content);
    return 0;
}

/* Is one of rows [from, to) of the current group wanted? Asked for ascending rows. */
static bool is_wanted(struct pfs_pq_source *s, int64_t from, int64_t to)
{
    const struct pfs_pq_group *group = &s->footer->group[s->group];

    from = from < group->rows ? from : group->rows; /* pages may claim more rows than there are */
    to = to < group->rows ? to : group->rows;
    assert(from <= to);
    while (s->range_at < s->ranges && s->range[s->range_at].to <= group->first + from)
        s->range_at++;
    return s->range_at < s->ranges && s->range[s->range_at].from < group->first + to;
}

/* Before the first page of a chunk is read: what the schema said of the column must hold for this chunk too. */
static int check_chunk(const struct pfs_pq_source *s, struct pfs_err *err)
{
    const struct pfs_pq_chunk *chunk = chunk_of(s);

    if (chunk->foreign)
        return pfs_fail(err, EOPNOTSUPP, "encrypted columns and columns in other files are not supported");
    if (chunk->physical != s->node->physical)
        return pfs_fail(err, EIO, "type %s in a chunk, %s in the schema", pfs_pq_physical_name(chunk->physical),
                        pfs_pq_physical_name(s->node->physical));
    return 0;
}

/* Row groups without rows may lack pages altogether: those are passed over. 1, 0 behind the last one. */
static int next_group(struct pfs_pq_source *s, struct pfs_err *err)
{
    const struct pfs_pq_group *group;
    const struct pfs_pq_chunk *chunk;
    const struct pfs_row_range *range;

    do {
        if (s->group + 1 >= s->footer->groups)
            return 0;
        group = &s->footer->group[++s->group];
    } while (!is_wanted(s, 0, group->rows));
    PFS_TRY(check_chunk(s, err));
    chunk = chunk_of(s);
    s->values_left = s->node->repetition_max == 0 ? group->rows : chunk->values;
    if (s->values_left <= 0)
        return pfs_fail(err, EIO, "a chunk of %lld values", (long long)s->values_left);
    s->row = 0;
    s->off = s->window_off = chunk->off;
    s->end = s->stop = chunk->off + chunk->bytes;
    s->window_len = 0;
    s->dictionary_seen = false;
    pfs_arena_reset(&s->index);
    s->location = NULL;
    s->locations = s->location_at = 0;
    range = &s->range[s->range_at];
    if (range->from > group->first || range->to < group->first + group->rows)
        PFS_TRY(pfs_pq_offset_index_load(s->file, chunk, group->rows, &s->index, &s->location, &s->locations, err));
    if (s->locations > 0)
        s->stop = s->location[0].off;
    return 1;
}

/* First row of the group behind page `at`. */
static int64_t location_end(const struct pfs_pq_source *s, int32_t at)
{
    assert(at < s->locations);
    return at + 1 < s->locations ? s->location[at + 1].row : s->footer->group[s->group].rows;
}

/* How far the wanted pages from `at` on lie together: as much of it may be read ahead. */
static uint64_t find_stop(struct pfs_pq_source *s, int32_t at)
{
    int32_t range_at = s->range_at; /* looking ahead moves it */
    uint64_t stop = s->location[at].off + s->location[at].bytes;

    while (at + 1 < s->locations && s->location[at + 1].off == stop && stop - s->off < s->ahead_bytes &&
           is_wanted(s, s->location[at + 1].row, location_end(s, at + 1)))
        stop += s->location[++at].bytes;
    s->range_at = range_at;
    return stop;
}

/* Goes to the next wanted page by the index, behind the dictionary; false when the group has no other. */
static bool jump(struct pfs_pq_source *s)
{
    const struct pfs_pq_location *to;

    while (s->location_at < s->locations &&
           !is_wanted(s, s->location[s->location_at].row, location_end(s, s->location_at)))
        s->location_at++;
    if (s->location_at == s->locations)
        return false;
    to = &s->location[s->location_at];
    assert(to->off <= s->end); /* the index is sound, or it were not here */
    s->off = to->off;
    s->row = to->row;
    if (s->off >= s->stop)
        s->stop = find_stop(s, s->location_at);
    s->location_at++;
    return true;
}

/* Rows of a data page; -1 = not known. */
static int64_t rows_of(const struct pfs_pq_source *s, const struct header *h)
{
    if (s->node->repetition_max == 0)
        return h->values;
    return h->type == PFS_PQ_PAGE_DATA_V2 ? h->rows : -1;
}

/* Behind a page, made or passed over. */
static void step(struct pfs_pq_source *s, const struct header *h)
{
    int64_t rows = rows_of(s, h);

    assert((uint64_t)h->bytes <= s->end - s->off);
    s->off += (uint64_t)h->bytes;
    if (h->type == PFS_PQ_PAGE_DICTIONARY) {
        s->dictionary_seen = true;
    } else if (h->type == PFS_PQ_PAGE_DATA || h->type == PFS_PQ_PAGE_DATA_V2) {
        assert(h->values <= s->values_left);
        s->values_left -= h->values;
        s->row = rows < 0 || s->row < 0 ? -1 : s->row + rows;
    }
}

/* Has the current group no page to come that could be wanted? */
static bool is_over(struct pfs_pq_source *s)
{
    return s->group < 0 || s->values_left == 0 ||
           (s->row >= 0 && !is_wanted(s, s->row, s->footer->group[s->group].rows));
}

/* Where there is an index, also goes there. */
static bool has_next(struct pfs_pq_source *s)
{
    return !is_over(s) && (s->locations == 0 || s->off < s->location[0].off || jump(s));
}

/* The header of the next page that is to be made: 1, 0 behind the last one. */
static int find_page(struct pfs_pq_source *s, struct header *h, struct pfs_err *err)
{
    for (;; step(s, h)) {
        while (!has_next(s)) {
            int got = next_group(s, err);

            if (got <= 0)
                return got;
        }
        if (s->off == s->end)
            return pfs_fail(err, EIO, "a chunk ends %lld values too early", (long long)s->values_left);
        PFS_TRY(next_header(s, h, err));
        if (h->type == PFS_PQ_PAGE_DICTIONARY)
            return 1;
        if (h->type != PFS_PQ_PAGE_DATA && h->type != PFS_PQ_PAGE_DATA_V2)
            continue; /* an index page, or of a type yet to come: not data */
        if (s->row < 0 || rows_of(s, h) < 0 || is_wanted(s, s->row, s->row + rows_of(s, h)))
            return 1;
    }
}

int pfs_pq_source_next(struct pfs_pq_source *s, struct pfs_pq_page *page, struct pfs_err *err)
{
    struct header h;
    int got = find_page(s, &h, err);

    if (got <= 0)
        return got;
    PFS_TRY(load_raw(s, &h, page, err));
    page->type = (enum pfs_pq_page_type)h.type;
    page->group = s->group;
    page->row = s->row;
    page->values = h.values;
    page->encoding = h.encoding;
    step(s, &h);
    page->last = s->values_left == 0;
    PFS_TRY(split(s->node, &h, page, err));
    if (h.type != PFS_PQ_PAGE_DICTIONARY && pfs_pq_is_transcoded(h.encoding, s->node))
        PFS_TRY(pfs_pq_transcode(s->node, page, err));
    return 1;
}
