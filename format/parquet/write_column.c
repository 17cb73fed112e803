#include "format/parquet/write_column.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "format/parquet/write_bits.h"
#include "format/parquet/write_values.h"

#define PAGE_ROWS 20000
#define PIECE_ENTRIES 8192 /* of nested columns, before the page's size is looked at */
#define DICTIONARY_BYTES ((size_t)1 << 20)
#define EARLY_VALUES 4000 /* when this many nearly all differ, a dictionary is not worth the rest of a page */

/* ---- lifetime ---- */

void pfs_pq_out_init(struct pfs_pq_out_column *c, const struct pfs_pq_out_node *node,
                     const struct pfs_parquet_write *write)
{
    *c = (struct pfs_pq_out_column){.node = node,
                                    .codec = write->codec,
                                    .level = write->level,
                                    .page_bytes = write->page_bytes > 0 ? write->page_bytes : 1 << 20,
                                    .distinct = {.width = node->width}};
    c->dictionary = !write->no_dictionary && (node->width == 0 || node->width == 4 || node->width == 8);
}

void pfs_pq_out_done(struct pfs_pq_out_column *c)
{
    pfs_buf_done(&c->plain);
    pfs_buf_done(&c->definition);
    pfs_buf_done(&c->repetition);
    pfs_buf_done(&c->pages);
    pfs_pq_dictionary_done(&c->distinct);
    pfs_pq_out_bounds_done(&c->group);
    pfs_pq_out_bounds_done(&c->all);
    pfs_free(c->index);
}

/* ---- pages ---- */

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

/* Compresses and frames what is in `raw`. */
static int put_page(struct pfs_pq_out_column *c, struct pfs_buf *out, enum pfs_pq_page_type type,
                    const struct pfs_buf *raw, int32_t values, enum pfs_pq_encoding encoding, struct pfs_err *err)
{
    struct pfs_buf *packed = &c->scratch->packed;
    size_t before = out->len;

    pfs_buf_clear(packed);
    PFS_TRY(pfs_buf_check(raw, err));
    PFS_TRY(pfs_compress(c->codec, c->level, pfs_buf_slice(raw), packed, err));
    put_page_header(out, type, raw->len, packed->len, values, encoding);
    c->raw_bytes += (int64_t)(out->len - before + raw->len);
    pfs_buf_put(out, packed->at, packed->len);
    return pfs_buf_check(out, err);
}

/* Levels, behind their length. */
static void put_levels(const struct pfs_buf *levels, uint8_t most, struct pfs_buf *out)
{
    size_t from = out->len;

    if (most == 0)
        return;
    pfs_buf_le32(out, 0);
    pfs_pq_put_levels(out, levels->at, levels->len, pfs_pq_bit_width(most));
    if (!out->failed)
        pfs_put_le32(out->at + from, (uint32_t)(out->len - from - 4));
}

static void put_booleans(const struct pfs_buf *bytes, struct pfs_buf *out)
{
    uint8_t held = 0;

    for (size_t i = 0; i < bytes->len; i++) {
        held |= (uint8_t)((bytes->at[i] != 0) << (i & 7));
        if ((i & 7) == 7 || i + 1 == bytes->len) {
            pfs_buf_putc(out, held);
            held = 0;
        }
    }
}

/* Most values differ: the page's indexes become plain values again, and there was no dictionary. */
static void drop_dictionary(struct pfs_pq_out_column *c)
{
    pfs_pq_dictionary_get(&c->distinct, c->index, c->indexes, &c->plain);
    c->indexes = 0;
    c->dictionary = false;
    pfs_pq_dictionary_drop(&c->distinct);
}

static bool is_useless(const struct pfs_pq_out_column *c, int64_t least, int percent)
{
    return c->dictionary && !c->has_dictionary_pages && c->indexes > least &&
           (int64_t)c->distinct.count * 100 > c->indexes * percent;
}

static void put_values(struct pfs_pq_out_column *c, struct pfs_buf *raw)
{
    if (c->dictionary) {
        int width = pfs_pq_bit_width(c->distinct.count == 0 ? 0 : c->distinct.count - 1);

        pfs_buf_putc(raw, (uint8_t)width);
        pfs_pq_put_hybrid(raw, c->index, (size_t)c->indexes, width);
        c->has_dictionary_pages = true;
        return;
    }
    if (c->node->physical == PFS_PQ_BOOLEAN)
        put_booleans(&c->plain, raw);
    else
        pfs_buf_put(raw, c->plain.at, c->plain.len);
    c->has_plain_pages = true;
}

static int end_page(struct pfs_pq_out_column *c, struct pfs_err *err)
{
    struct pfs_buf *raw = &c->scratch->raw;
    enum pfs_pq_encoding encoding;

    if (c->entries == 0)
        return 0;
    if (is_useless(c, 1000, 40))
        drop_dictionary(c);
    PFS_TRY(pfs_buf_check(&c->plain, err));
    encoding = c->dictionary ? PFS_PQ_ENCODING_PLAIN_DICTIONARY : PFS_PQ_ENCODING_PLAIN;
    pfs_buf_clear(raw);
    put_levels(&c->repetition, c->node->repetition, raw);
    put_levels(&c->definition, c->node->definition, raw);
    put_values(c, raw);
    PFS_TRY(put_page(c, &c->pages, PFS_PQ_PAGE_DATA, raw, (int32_t)c->entries, encoding, err));
    c->values += c->entries;
    c->entries = c->rows = c->indexes = 0;
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
            (c->rows + p->rows == PAGE_ROWS || bytes >= c->page_bytes || p->to - p->from >= PIECE_ENTRIES))
            return;
        p->rows += first;
        if (has_value(c, in, p->to))
            bytes += bytes_of(c, in, p->value_to++);
    }
}

/* The same for entries that are rows, when their values cannot fill a page. */
static bool try_cut(const struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, struct piece *p)
{
    int64_t rows = PAGE_ROWS - c->rows, values = 0;

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

static int add_levels(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, const struct piece *p,
                      struct pfs_err *err)
{
    size_t count = (size_t)(p->to - p->from);
    uint8_t *at;

    if (c->node->repetition > 0)
        pfs_buf_put(&c->repetition, in->repetition + p->from, count);
    PFS_TRY(pfs_buf_check(&c->repetition, err));
    if (c->node->definition == 0)
        return 0;
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

static int make_index_room(struct pfs_pq_out_column *c, int64_t count)
{
    int64_t room = c->index_room == 0 ? 1024 : c->index_room;
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

/* `dense`: the values in the file's layout, when they are of fixed width. */
static int add_indexes(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, const struct piece *p,
                       const void *dense)
{
    int64_t count = p->value_to - p->value_from;

    PFS_TRY(make_index_room(c, count));
    if (dense == NULL)
        PFS_TRY(
            pfs_pq_dictionary_put_text(&c->distinct, in->column, in->row, p->value_from, count, c->index + c->indexes));
    else
        PFS_TRY(pfs_pq_dictionary_put(&c->distinct, dense, count, c->index + c->indexes));
    c->indexes += count;
    if (is_useless(c, EARLY_VALUES, 90))
        drop_dictionary(c);
    return 0;
}

static int add_values(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, const struct piece *p,
                      struct pfs_err *err)
{
    int64_t count = p->value_to - p->value_from;
    const void *dense = NULL;

    if (count == 0)
        return 0;
    if (c->node->width > 0) {
        uint8_t *to;

        pfs_buf_clear(&c->scratch->dense);
        to = pfs_buf_reserve(&c->scratch->dense, (size_t)(count * c->node->width));
        if (to == NULL)
            return pfs_buf_check(&c->scratch->dense, err);
        dense = pfs_pq_out_fixed(c->node, in, p->value_from, count, to);
    }
    if (c->dictionary) {
        if (add_indexes(c, in, p, dense) < 0)
            return pfs_fail(err, ENOMEM, "no memory for the dictionary of column %s", c->node->name);
        return 0;
    }
    if (dense != NULL)
        pfs_buf_put(&c->plain, dense, (size_t)(count * c->node->width));
    else
        pfs_pq_out_texts(in, p->value_from, count, &c->plain);
    return pfs_buf_check(&c->plain, err);
}

int pfs_pq_out_add(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, struct pfs_pq_out_scratch *scratch,
                   struct pfs_err *err)
{
    struct piece p = {0};

    c->scratch = scratch;
    if (c->node->parent == NULL) {
        c->group.nulls += in->nulls;
        pfs_pq_out_bounds_add(&c->group, in->column, in->row, 0, in->values);
    }
    while (p.to < in->entries) {
        p = (struct piece){.from = p.to, .to = p.to, .value_from = p.value_to, .value_to = p.value_to};
        if (!try_cut(c, in, &p))
            cut_rows(c, in, &p);
        PFS_TRY(add_levels(c, in, &p, err));
        PFS_TRY(add_values(c, in, &p, err));
        c->entries += p.to - p.from;
        c->rows += p.rows;
        if (c->rows >= PAGE_ROWS || c->plain.len >= (size_t)c->page_bytes ||
            (c->dictionary && c->distinct.entries.len > DICTIONARY_BYTES))
            PFS_TRY(end_page(c, err));
    }
    return 0;
}

/* ---- row groups ---- */

int pfs_pq_out_end_group(struct pfs_pq_out_column *c, struct pfs_buf *dictionary, struct pfs_pq_out_scratch *scratch,
                         struct pfs_err *err)
{
    c->scratch = scratch;
    PFS_TRY(end_page(c, err));
    pfs_pq_out_bounds_merge(&c->all, &c->group);
    if (!c->has_dictionary_pages)
        return 0;
    return put_page(c, dictionary, PFS_PQ_PAGE_DICTIONARY, &c->distinct.entries, (int32_t)c->distinct.count,
                    PFS_PQ_ENCODING_PLAIN_DICTIONARY, err);
}

void pfs_pq_out_next_group(struct pfs_pq_out_column *c)
{
    pfs_buf_clear(&c->pages);
    pfs_pq_dictionary_clear(&c->distinct);
    c->dictionary = c->has_dictionary_pages;
    c->has_dictionary_pages = c->has_plain_pages = false;
    c->raw_bytes = c->values = 0;
    pfs_pq_out_bounds_clear(&c->group);
}

size_t pfs_pq_out_bytes(const struct pfs_pq_out_column *c)
{
    return c->pages.len + c->plain.len + c->distinct.entries.len + (size_t)c->indexes * 2;
}

void pfs_pq_out_print_bound(const struct pfs_pq_out_column *c, bool max, struct pfs_buf *out)
{
    struct pfs_pq_out_cell cell;
    struct pfs_column column = pfs_pq_out_bound(&c->group, max, c->node->type, &cell);
    struct pfs_pq_out_entries in = {.entries = 1, .values = 1, .column = &column};
    uint8_t fixed[16];

    if (c->node->width == 0) {
        struct pfs_slice text = pfs_column_bytes(&column, 0);

        pfs_buf_put(out, text.at, text.len);
        return;
    }
    pfs_buf_put(out, pfs_pq_out_fixed(c->node, &in, 0, 1, fixed), (size_t)c->node->width);
}
