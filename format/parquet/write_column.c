/* write_column.c - one leaf: entries in, pages out.
 *
 *     entries --> pieces that end where a page may --> levels, a byte each, and
 *                                                      indexes, while there is a dictionary, or plain values
 *     a full page --> levels | values --> compressed --> waits in `pages`
 *
 * What ends a page is looked at between pieces: rows, bytes of plain values, the size of the dictionary. A piece is cut
 * so that it passes neither by much, and always ends with a row.
 *
 * The dictionary is given up in two ways. Early, when nearly all values differ: the page's indexes become plain values
 * again and no page ever has it. Late, when it has grown too large: the pages so far keep it, later ones are plain.
 * Either way the next row group begins as this one ended.
 *
 * Two shapes are common enough to be free: all levels are the greatest (`definition` stays empty), all indexes are the
 * same
 * (`same` counts them, and the first one is the only one written down).
 */
#include "format/parquet/write_column.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "format/parquet/write_bits.h"
#include "format/parquet/write_delta.h"
#include "format/parquet/write_values.h"

#define PAGE_ROWS 20000
#define SOUGHT_ROWS 4000   /* of a column that rows are looked for by: a row costs one page of it */
#define PIECE_ENTRIES 8192 /* of nested columns, before the page's size is looked at */
#define DICTIONARY_BYTES ((size_t)1 << 20)
#define INDEXES_FIRST 64  /* room: there may be ten thousand columns of few rows */
#define EARLY_VALUES 4000 /* when this many nearly all differ, a dictionary is not worth the rest of a page */
#define LEVELS_ROOM 64    /* in front of plain values: levels that fit are put there, and the page is in one piece */
#define DELTA_VALUES 256  /* fewer are not worth a second encoding */

/* ---- lifetime ---- */

void pfs_pq_out_init(struct pfs_pq_out_column *c, const struct pfs_pq_out_node *node,
                     const struct pfs_parquet_write *write, bool sought)
{
    assert(node->form == PFS_PQ_OUT_LEAF);
    assert(write->page_bytes > 0);
    *c = (struct pfs_pq_out_column){.node = node,
                                    .codec = write->codec,
                                    .level = write->level,
                                    .page_bytes = write->page_bytes,
                                    .page_rows = sought ? SOUGHT_ROWS : PAGE_ROWS,
                                    .delta = write->delta,
                                    .distinct = {.width = node->width}};
    c->dictionary = !write->no_dictionary && (node->width == 0 || node->width == 4 || node->width == 8);
}

void pfs_pq_out_done(struct pfs_pq_out_column *c)
{
    pfs_buf_done(&c->plain);
    pfs_buf_done(&c->definition);
    pfs_buf_done(&c->repetition);
    pfs_pq_pages_clear(&c->pages);
    pfs_pq_pages_clear(&c->dictionary_page);
    pfs_pq_dictionary_done(&c->distinct);
    pfs_pq_out_index_done(&c->known);
    pfs_pq_out_bounds_done(&c->page);
    pfs_pq_out_bounds_done(&c->group);
    pfs_pq_out_bounds_done(&c->all);
    pfs_free(c->index);
}

/* ---- pages ---- */

/* Statistics are in the indexes of pages: a page's own header has none. */
static void put_page_header(struct pfs_buf *out, enum pfs_pq_page_type type, size_t raw, size_t packed, int32_t values,
                            enum pfs_pq_encoding encoding)
{
    struct pfs_thrift_out t = {.buf = out};
    int16_t outer;

    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_TYPE, (int32_t)type);
    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_RAW_BYTES, (int32_t)raw);
    pfs_thrift_put_i32(&t, PFS_PQ_PAGE_COMPRESSED_BYTES, (int32_t)packed);
    if (type == PFS_PQ_PAGE_DICTIONARY) {
        outer = pfs_thrift_begin(&t, PFS_PQ_PAGE_HEADER_DICTIONARY);
        pfs_thrift_put_i32(&t, PFS_PQ_DICTIONARY_VALUES, values);
        pfs_thrift_put_i32(&t, PFS_PQ_DICTIONARY_ENCODING, (int32_t)encoding);
    } else {
        outer = pfs_thrift_begin(&t, PFS_PQ_PAGE_HEADER_DATA);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_VALUES, values);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_ENCODING, (int32_t)encoding);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_DEFINITION_ENCODING, PFS_PQ_ENCODING_RLE);
        pfs_thrift_put_i32(&t, PFS_PQ_DATA_REPETITION_ENCODING, PFS_PQ_ENCODING_RLE);
    }
    pfs_thrift_end(&t, outer);
    pfs_thrift_stop(&t);
}

/* Compresses and frames a page. */
static int put_page(struct pfs_pq_out_column *c, struct pfs_pq_pages *out, enum pfs_pq_page_type type,
                    struct pfs_slice raw, int32_t values, enum pfs_pq_encoding encoding, struct pfs_err *err)
{
    uint8_t space[128];
    struct pfs_buf *packed = &c->scratch->packed, header = {.at = space, .cap = sizeof(space)};
    struct pfs_slice body = raw;

    if (c->codec != PFS_CODEC_NONE) {
        pfs_buf_clear(packed);
        PFS_TRY(pfs_compress(c->codec, c->level, raw, packed, err));
        body = pfs_buf_slice(packed);
    }
    put_page_header(&header, type, raw.len, body.len, values, encoding);
    assert(header.at == space); /* five small structs of numbers */
    c->raw_bytes += (int64_t)(header.len + raw.len);
    return pfs_pq_pages_put(out, pfs_buf_slice(&header), body, err);
}

/* Levels, behind their length; none stored: all are the greatest. */
static void put_levels(const struct pfs_buf *levels, uint8_t most, int64_t entries, struct pfs_buf *out)
{
    size_t from = out->len;

    if (most == 0)
        return;
    assert(levels->len == 0 || levels->len == (size_t)entries);
    pfs_buf_le32(out, 0);
    if (levels->len == 0)
        pfs_pq_put_run(out, most, (size_t)entries, pfs_pq_bit_width(most));
    else
        pfs_pq_put_levels(out, levels->at, levels->len, pfs_pq_bit_width(most));
    if (!out->failed)
        pfs_put_le32(out->at + from, (uint32_t)(out->len - from - 4));
}

/* The first one is the lowest bit of its byte. */
static void put_booleans(const uint8_t *bytes, size_t count, struct pfs_buf *out)
{
    uint8_t held = 0;

    for (size_t i = 0; i < count; i++) {
        held |= (uint8_t)((bytes[i] != 0) << (i & 7));
        if ((i & 7) == 7 || i + 1 == count) {
            pfs_buf_putc(out, held);
            held = 0;
        }
    }
}

/* ---- indexes ---- */

/* Room for `count` behind those that are there; what is there moves. */
static int make_index_room(struct pfs_pq_out_column *c, int64_t count)
{
    int64_t room = c->index_room == 0 ? INDEXES_FIRST : c->index_room;
    uint32_t *more;

    if (c->indexes + count <= c->index_room)
        return 0;
    while (room < c->indexes + count)
        room *= 2;
    more = pfs_realloc(c->index, (size_t)room * sizeof(*more));
    if (more == NULL)
        return -ENOMEM;
    c->index = more;
    c->index_room = room;
    return 0;
}

/* Room for `count` more, behind those that are the same. */
static int spell_indexes(struct pfs_pq_out_column *c, int64_t count)
{
    assert(c->same <= c->indexes);
    PFS_TRY(make_index_room(c, count));
    for (int64_t i = 1; i < c->same; i++)
        c->index[i] = c->index[0];
    c->same = 0;
    return 0;
}

/* The distinct numbers among those of the page: marked, as far as there are fewer of them than values. */
static int find_used(struct pfs_pq_out_column *c, const uint32_t **out, int64_t *count)
{
    struct pfs_buf *buf = &c->scratch->used;
    size_t marks = (c->distinct.count + 3u) / 4 * 4, n = 0;
    uint32_t *used;
    uint8_t *mark;

    *out = c->index;
    *count = c->same > 0 ? 1 : c->indexes;
    if (c->same > 0 || c->distinct.count >= c->indexes)
        return 0;
    pfs_buf_clear(buf);
    mark = pfs_buf_reserve(buf, marks + (c->distinct.count + 1) * sizeof(*used));
    if (mark == NULL)
        return -ENOMEM;
    memset(mark, 0, marks);
    used = (uint32_t *)(void *)(mark + marks);
    for (int64_t i = 0; i < c->indexes; i++)
        mark[c->index[i]] = 1;
    for (uint32_t i = 0; i < c->distinct.count; i++) {
        used[n] = i;
        n += mark[i];
    }
    *out = used;
    *count = (int64_t)n;
    return 0;
}

/* What the page has of the dictionary counts for its bounds when no more of it goes in. */
static int bound_indexes(struct pfs_pq_out_column *c)
{
    const uint32_t *used;
    int64_t count;

    if (c->node->parent != NULL)
        return 0;
    PFS_TRY(find_used(c, &used, &count));
    pfs_pq_out_bounds_add_distinct(&c->page, c->node->type, &c->distinct, used, count);
    return 0;
}

/* Where plain values go. */
static struct pfs_buf *plain_of(struct pfs_pq_out_column *c)
{
    if (c->plain.len == 0 && pfs_buf_reserve(&c->plain, LEVELS_ROOM) != NULL)
        c->plain.len = LEVELS_ROOM;
    return &c->plain;
}

static size_t plain_bytes(const struct pfs_pq_out_column *c)
{
    return c->plain.len == 0 ? 0 : c->plain.len - LEVELS_ROOM;
}

/* Most values differ: the page's indexes become plain values again, and there was no dictionary. */
static int drop_dictionary(struct pfs_pq_out_column *c)
{
    assert(c->dictionary);
    assert(!c->has_dictionary_pages); /* else pages that are done would need what is dropped */
    PFS_TRY(bound_indexes(c));
    PFS_TRY(spell_indexes(c, 0));
    pfs_pq_dictionary_get(&c->distinct, c->index, c->indexes, plain_of(c));
    c->indexes = 0;
    c->dictionary = false;
    pfs_pq_dictionary_drop(&c->distinct);
    return c->plain.failed ? -ENOMEM : 0;
}

/* Do more than `percent` of the values differ, once there are more than `least` of them? */
static bool is_useless(const struct pfs_pq_out_column *c, int64_t least, int percent)
{
    return c->dictionary && !c->has_dictionary_pages && c->indexes > least &&
           (int64_t)c->distinct.count * 100 > c->indexes * percent;
}

static int no_memory(const struct pfs_pq_out_column *c, struct pfs_err *err)
{
    return pfs_fail(err, ENOMEM, "no memory for the dictionary of column %s", c->node->name);
}

/* ---- a page's end ---- */

/* The width stands in front, in a byte. */
static void put_indexes(struct pfs_pq_out_column *c, struct pfs_buf *raw)
{
    int width = pfs_pq_bit_width(c->distinct.count == 0 ? 0 : c->distinct.count - 1);

    pfs_buf_putc(raw, (uint8_t)width);
    if (c->same > 0)
        pfs_pq_put_run(raw, c->index[0], (size_t)c->same, width);
    else
        pfs_pq_put_hybrid(raw, c->index, (size_t)c->indexes, width);
    c->has_dictionary_pages = true;
}

static bool may_be_delta(const struct pfs_pq_out_column *c)
{
    return c->delta && c->integers != PFS_PQ_OUT_PLAIN &&
           (c->node->physical == PFS_PQ_INT32 || c->node->physical == PFS_PQ_INT64);
}

/* The first page of a row group that is long enough decides for all of it: its chunk is then of one kind. */
static bool try_delta(struct pfs_pq_out_column *c, struct pfs_buf *raw)
{
    size_t before = raw->len, bytes = plain_bytes(c), width = (size_t)c->node->width;

    if (!may_be_delta(c) || bytes == 0 || (c->integers == PFS_PQ_OUT_UNTRIED && bytes < DELTA_VALUES * width))
        return false;
    pfs_pq_put_delta(raw, c->plain.at + LEVELS_ROOM, bytes / width, c->node->width);
    if (c->integers == PFS_PQ_OUT_UNTRIED)
        c->integers = raw->len - before <= bytes * 3 / 4 ? PFS_PQ_OUT_DELTA : PFS_PQ_OUT_PLAIN;
    if (c->integers == PFS_PQ_OUT_PLAIN)
        raw->len = before;
    return c->integers == PFS_PQ_OUT_DELTA;
}

/* Plain values behind levels, moved as little as can be. */
static struct pfs_slice join_plain(struct pfs_pq_out_column *c, struct pfs_buf *raw)
{
    size_t bytes = plain_bytes(c);

    c->has_plain_pages = true;
    if (c->node->physical == PFS_PQ_BOOLEAN) {
        put_booleans(c->plain.at + LEVELS_ROOM, bytes, raw);
    } else if (bytes > 0 && raw->len <= LEVELS_ROOM) {
        uint8_t *at = c->plain.at + LEVELS_ROOM - raw->len;

        if (raw->len > 0)
            memcpy(at, raw->at, raw->len);
        return pfs_slice_of(at, raw->len + bytes);
    } else if (bytes > 0) {
        pfs_buf_put(raw, c->plain.at + LEVELS_ROOM, bytes);
    }
    return pfs_buf_slice(raw);
}

/* The page's levels and values, in one piece. */
static int make_page(struct pfs_pq_out_column *c, struct pfs_slice *out, enum pfs_pq_encoding *encoding,
                     struct pfs_err *err)
{
    struct pfs_buf *raw = &c->scratch->raw;

    assert(c->dictionary || c->indexes == 0);
    assert(c->present <= c->entries);
    pfs_buf_clear(raw);
    put_levels(&c->repetition, c->node->repetition, c->entries, raw);
    put_levels(&c->definition, c->node->definition, c->entries, raw);
    *encoding = PFS_PQ_ENCODING_PLAIN;
    if (c->dictionary) {
        if (bound_indexes(c) < 0)
            return no_memory(c, err);
        put_indexes(c, raw);
        *encoding = PFS_PQ_ENCODING_PLAIN_DICTIONARY;
        *out = pfs_buf_slice(raw);
    } else if (try_delta(c, raw)) {
        c->has_delta_pages = true;
        *encoding = PFS_PQ_ENCODING_DELTA_BINARY_PACKED;
        *out = pfs_buf_slice(raw);
    } else {
        *out = join_plain(c, raw);
    }
    PFS_TRY(pfs_buf_check(&c->plain, err));
    return pfs_buf_check(raw, err);
}

/* A page that was put is known by its bounds, and counts for those of the row group. */
static int note_page(struct pfs_pq_out_column *c, uint64_t bytes, struct pfs_err *err)
{
    bool whole = c->node->parent == NULL;

    c->page.nulls = whole ? c->entries - c->present : 0;
    PFS_TRY(pfs_pq_out_index_add(&c->known, c->node, bytes, c->group_rows, whole ? &c->page : NULL, err));
    pfs_pq_out_bounds_merge(&c->group, &c->page);
    pfs_pq_out_bounds_clear(&c->page);
    return 0;
}

static int end_page(struct pfs_pq_out_column *c, struct pfs_err *err)
{
    size_t before = c->pages.bytes;
    enum pfs_pq_encoding encoding;
    struct pfs_slice page;

    if (c->entries == 0)
        return 0;
    if (is_useless(c, 1000, 40) && drop_dictionary(c) < 0)
        return no_memory(c, err);
    PFS_TRY(make_page(c, &page, &encoding, err));
    PFS_TRY(put_page(c, &c->pages, PFS_PQ_PAGE_DATA, page, (int32_t)c->entries, encoding, err));
    PFS_TRY(note_page(c, c->pages.bytes - before, err));
    assert(c->rows <= c->entries);
    c->values += c->entries;
    c->group_rows += c->rows;
    c->entries = c->rows = c->present = c->indexes = c->same = 0;
    pfs_buf_clear(&c->plain);
    pfs_buf_clear(&c->definition);
    pfs_buf_clear(&c->repetition);
    if (c->distinct.entries.len > DICTIONARY_BYTES)
        c->dictionary = false; /* its pages so far keep it; later ones are plain */
    return 0;
}

/* ---- entries in ---- */

struct piece {
    int64_t from, to;             /* entries */
    int64_t value_from, value_to; /* values */
    int64_t rows;
};

static bool has_value(const struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, int64_t entry)
{
    return in->definition == NULL || in->definition[entry] == c->node->definition;
}

/* What a value takes in a plain page. */
static int64_t bytes_of(const struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, int64_t value)
{
    return c->node->width > 0 ? c->node->width
                              : (int64_t)pfs_column_bytes(in->column, in->row == NULL ? value : in->row[value]).len + 4;
}

/* The next entries that fit into the page, whole rows; one row may make it larger. */
static void cut_rows(const struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, struct piece *p)
{
    int64_t bytes = 0;

    for (; p->to < in->entries; p->to++) {
        bool first = in->repetition == NULL || in->repetition[p->to] == 0;

        if (first && p->to > p->from &&
            (c->rows + p->rows == c->page_rows || bytes >= c->page_bytes || p->to - p->from >= PIECE_ENTRIES))
            return;
        p->rows += first;
        if (has_value(c, in, p->to))
            bytes += bytes_of(c, in, p->value_to++);
    }
}

/* The same for entries that are rows, when their values cannot fill a page. */
static bool try_cut(const struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, struct piece *p)
{
    int64_t rows = c->page_rows - c->rows, values = 0;

    assert(rows > 0); /* a page that has all of its rows has ended */
    rows = rows < in->entries - p->from ? rows : in->entries - p->from;
    if (in->repetition != NULL)
        return false;
    if (in->definition == NULL)
        values = rows;
    else
        for (int64_t i = p->from; i < p->from + rows; i++)
            values += in->definition[i] == c->node->definition;
    if (c->node->width == 0 && values > 0) {
        int64_t first = p->value_from, last = p->value_from + values - 1;

        first = in->row == NULL ? first : in->row[first];
        last = in->row == NULL ? last : in->row[last];
        if (in->column->offsets[last + 1] - in->column->offsets[first] > c->page_bytes)
            return false;
    }
    p->to = p->from + rows;
    p->value_to = p->value_from + values;
    p->rows = rows;
    return true;
}

/* Definition levels are put down from the first entry on that has another than the greatest; then those before it too.
 */
static int add_levels(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, const struct piece *p,
                      struct pfs_err *err)
{
    size_t count = (size_t)(p->to - p->from);
    uint8_t *at;

    assert(c->node->repetition == 0 || in->repetition != NULL);
    assert(c->definition.len == 0 || c->definition.len == (size_t)c->entries);
    if (c->node->repetition > 0)
        pfs_buf_put(&c->repetition, in->repetition + p->from, count);
    PFS_TRY(pfs_buf_check(&c->repetition, err));
    if (c->node->definition == 0 || (in->definition == NULL && c->definition.len == 0))
        return 0;
    if (c->definition.len == 0) {
        at = pfs_buf_reserve(&c->definition, (size_t)c->entries + count);
        if (at != NULL && c->entries > 0)
            memset(at, c->node->definition, (size_t)c->entries);
        c->definition.len = at == NULL ? 0 : (size_t)c->entries;
    }
    at = pfs_buf_reserve(&c->definition, count);
    if (at == NULL)
        return pfs_buf_check(&c->definition, err);
    if (in->definition == NULL)
        memset(at, c->node->definition, count);
    else
        memcpy(at, in->definition + p->from, count);
    c->definition.len += count;
    return 0;
}

/* Values [from, from + count) are all the same as the first; only looked for where that is cheap. */
static bool is_uniform(const struct pfs_pq_out_entries *in, int64_t from, int64_t count)
{
    const uint8_t *values = in->column->values;
    size_t width = (size_t)pfs_type_width(in->column->type), bytes;

    assert(count > 0);
    if (in->row != NULL)
        return false;
    if (width == 0) {
        const int32_t *off = in->column->offsets + from;
        int32_t len = off[1] - off[0];

        for (int64_t i = 1; i < count; i++)
            if (off[i + 1] - off[i] != len)
                return false;
        if (len == 0)
            return true;
        width = (size_t)len;
        values += off[0];
    } else {
        values += (size_t)from * width;
    }
    bytes = ((size_t)count - 1) * width;
    return bytes == 0 || memcmp(values, values + width, bytes) == 0;
}

/* Values in the file's layout, when they are of fixed width. */
static int lay_out(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, int64_t from, int64_t count,
                   const void **out, struct pfs_err *err)
{
    uint8_t *to;

    *out = NULL;
    if (c->node->width == 0)
        return 0;
    pfs_buf_clear(&c->scratch->dense);
    to = pfs_buf_reserve(&c->scratch->dense, (size_t)(count * c->node->width));
    if (to == NULL)
        return pfs_buf_check(&c->scratch->dense, err);
    *out = pfs_pq_out_fixed(c->node, in, from, count, to);
    return 0;
}

/* Numbers of these values in the dictionary, to `to`; what is new is added to it. */
static int find_indexes(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, int64_t from, int64_t count,
                        uint32_t *to, struct pfs_err *err)
{
    const void *dense;
    int rc;

    PFS_TRY(lay_out(c, in, from, count, &dense, err));
    if (dense == NULL)
        rc = pfs_pq_dictionary_put_text(&c->distinct, in->column, in->row, from, count, to);
    else
        rc = pfs_pq_dictionary_put(&c->distinct, dense, count, to);
    return rc < 0 ? no_memory(c, err) : 0;
}

/* As long as all values of the page were the same, a batch of nothing else is one look-up. */
static int add_indexes(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, int64_t from, int64_t count,
                       struct pfs_err *err)
{
    if (c->same == c->indexes && is_uniform(in, from, count)) {
        uint32_t index;

        if (make_index_room(c, count) < 0)
            return no_memory(c, err);
        PFS_TRY(find_indexes(c, in, from, 1, &index, err));
        if (c->indexes == 0 || c->index[0] == index) {
            c->index[0] = index;
            c->indexes += count;
            c->same += count;
            return 0;
        }
    }
    if (spell_indexes(c, count) < 0)
        return no_memory(c, err);
    PFS_TRY(find_indexes(c, in, from, count, c->index + c->indexes, err));
    c->indexes += count;
    return is_useless(c, EARLY_VALUES, 90) && drop_dictionary(c) < 0 ? no_memory(c, err) : 0;
}

static int add_plain(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, int64_t from, int64_t count,
                     struct pfs_err *err)
{
    struct pfs_buf *plain = plain_of(c);
    const void *dense;

    if (c->node->parent == NULL)
        pfs_pq_out_bounds_add(&c->page, in->column, in->row, from, count);
    PFS_TRY(lay_out(c, in, from, count, &dense, err));
    if (dense != NULL)
        pfs_buf_put(plain, dense, (size_t)(count * c->node->width));
    else
        pfs_pq_out_texts(in, from, count, plain);
    return pfs_buf_check(plain, err);
}

/* The first values into a dictionary are few, so that not many are looked up in vain. */
static int add_values(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, const struct piece *p,
                      struct pfs_err *err)
{
    for (int64_t at = p->value_from, count; at < p->value_to; at += count) {
        count = p->value_to - at;
        if (!c->dictionary) {
            PFS_TRY(add_plain(c, in, at, count, err));
            continue;
        }
        if (!c->has_dictionary_pages && c->indexes <= EARLY_VALUES && count > EARLY_VALUES + 1 - c->indexes)
            count = EARLY_VALUES + 1 - c->indexes;
        PFS_TRY(add_indexes(c, in, at, count, err));
    }
    return 0;
}

int pfs_pq_out_add(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, struct pfs_err *err)
{
    struct piece p = {0};

    while (p.to < in->entries) {
        p = (struct piece){.from = p.to, .to = p.to, .value_from = p.value_to, .value_to = p.value_to};
        if (!try_cut(c, in, &p))
            cut_rows(c, in, &p);
        assert(p.to > p.from);
        assert(p.value_to - p.value_from <= p.to - p.from);
        PFS_TRY(add_levels(c, in, &p, err));
        PFS_TRY(add_values(c, in, &p, err));
        c->entries += p.to - p.from;
        c->rows += p.rows;
        c->present += p.value_to - p.value_from;
        if (c->rows >= c->page_rows || plain_bytes(c) >= (size_t)c->page_bytes ||
            (c->dictionary && c->distinct.entries.len > DICTIONARY_BYTES))
            PFS_TRY(end_page(c, err));
    }
    return 0;
}

/* ---- row groups ---- */

int pfs_pq_out_end_group(struct pfs_pq_out_column *c, struct pfs_err *err)
{
    assert(c->dictionary_page.bytes == 0);
    PFS_TRY(end_page(c, err));
    pfs_pq_out_bounds_merge(&c->all, &c->group);
    if (!c->has_dictionary_pages)
        return 0;
    return put_page(c, &c->dictionary_page, PFS_PQ_PAGE_DICTIONARY, pfs_buf_slice(&c->distinct.entries),
                    (int32_t)c->distinct.count, PFS_PQ_ENCODING_PLAIN_DICTIONARY, err);
}

/* The next row group tries a dictionary if this one had one. */
void pfs_pq_out_next_group(struct pfs_pq_out_column *c)
{
    assert(c->entries == 0);
    pfs_pq_pages_clear(&c->pages);
    pfs_pq_pages_clear(&c->dictionary_page);
    pfs_pq_dictionary_drop(&c->distinct);
    c->dictionary = c->has_dictionary_pages;
    c->has_dictionary_pages = c->has_plain_pages = c->has_delta_pages = false;
    c->integers = PFS_PQ_OUT_UNTRIED;
    c->raw_bytes = c->values = c->group_rows = 0;
    pfs_pq_out_index_clear(&c->known);
    pfs_pq_out_bounds_clear(&c->group);
}

/* Differences may be next to nothing: rather too little than a file that ends too early. */
size_t pfs_pq_out_bytes(const struct pfs_pq_out_column *c)
{
    size_t values = plain_bytes(c) + c->distinct.entries.len;
    size_t bits = (size_t)(c->indexes - c->same) * (size_t)pfs_pq_bit_width(c->distinct.count);

    if (may_be_delta(c) && (!c->dictionary || is_useless(c, 0, 40)))
        values /= 8;
    return c->pages.bytes + values + bits / 8;
}

size_t pfs_pq_out_waiting(const struct pfs_pq_out_column *c)
{
    return c->pages.held + pfs_pq_dictionary_bytes(&c->distinct);
}

size_t pfs_pq_out_held(const struct pfs_pq_out_column *c)
{
    return pfs_pq_out_waiting(c) + pfs_pq_out_index_held(&c->known) + c->plain.cap + c->definition.cap +
           c->repetition.cap + (size_t)c->index_room * sizeof(*c->index);
}
