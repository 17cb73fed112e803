/* write_index.c - what is known of pages, kept as it will be printed.
 *
 * Bounds of all pages lie one behind the other in `bounds`: a page's min, its max, the next page's. Whether they ascend
 * or descend over the pages (BoundaryOrder) is noted as they come, against the last page that had any: numbers as
 * numbers, texts as they are printed, since cutting may change how two of them stand.
 *
 * One page whose values have no bounds makes the whole ColumnIndex impossible, as its lists have a place for each page
 * and none for "not known". The OffsetIndex is there in any case.
 */
#include "format/parquet/write_index.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "format/parquet/thrift_write.h"
#include "format/parquet/write_values.h"

#define CODE_POINT_MAX 0x10ffffu

enum { UNORDERED = 0, ASCENDING = 1, DESCENDING = 2 };

void pfs_pq_out_index_done(struct pfs_pq_out_index *index)
{
    pfs_free(index->page);
    pfs_buf_done(&index->bounds);
}

void pfs_pq_out_index_clear(struct pfs_pq_out_index *index)
{
    struct pfs_pq_out_page *page = index->page;
    struct pfs_buf bounds = index->bounds;
    int32_t room = index->room;

    pfs_buf_clear(&bounds);
    *index = (struct pfs_pq_out_index){.page = page, .room = room, .bounds = bounds};
}

size_t pfs_pq_out_index_held(const struct pfs_pq_out_index *index)
{
    return (size_t)index->room * sizeof(*index->page) + index->bounds.cap;
}

/* ---- bounds ---- */

void pfs_pq_out_put_bound(const struct pfs_pq_out_bounds *bounds, const struct pfs_pq_out_node *node, bool max,
                          struct pfs_buf *out)
{
    struct pfs_pq_out_cell cell; /* what the column below points into */
    struct pfs_column column = pfs_pq_out_bound(bounds, max, node->type, &cell);
    struct pfs_pq_out_entries in = {.entries = 1, .values = 1, .column = &column};
    uint8_t fixed[16];

    if (node->width == 0) {
        struct pfs_slice text = pfs_column_bytes(&column, 0);

        pfs_buf_put(out, text.at, text.len);
        return;
    }
    pfs_buf_put(out, pfs_pq_out_fixed(node, &in, 0, 1, fixed), (size_t)node->width);
}

/* Where the code point begins that is the last one of valid UTF-8. */
static size_t last_point(struct pfs_slice text)
{
    size_t at = text.len - 1;

    assert(text.len > 0);
    while (at > 0 && (text.at[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* The code point of a sequence that is known to be valid. */
static uint32_t decode(const uint8_t *at, size_t len)
{
    uint32_t v = len == 1 ? at[0] : at[0] & (0x7fu >> len);

    for (size_t i = 1; i < len; i++)
        v = v << 6 | (at[i] & 0x3fu);
    return v;
}

static void put_point(struct pfs_buf *out, uint32_t v)
{
    assert(v <= CODE_POINT_MAX);
    if (v < 0x80) {
        pfs_buf_putc(out, (uint8_t)v);
        return;
    }
    if (v < 0x800) {
        pfs_buf_putc(out, (uint8_t)(0xc0 | v >> 6));
    } else {
        if (v < 0x10000) {
            pfs_buf_putc(out, (uint8_t)(0xe0 | v >> 12));
        } else {
            pfs_buf_putc(out, (uint8_t)(0xf0 | v >> 18));
            pfs_buf_putc(out, (uint8_t)(0x80 | (v >> 12 & 0x3f)));
        }
        pfs_buf_putc(out, (uint8_t)(0x80 | (v >> 6 & 0x3f)));
    }
    pfs_buf_putc(out, (uint8_t)(0x80 | (v & 0x3f)));
}

/* A text of at most that many bytes, or a few more, that is not smaller than any which begins like this one. The code
 * points order as their bytes do. False: there is none. */
static bool put_above(struct pfs_slice cut, struct pfs_buf *out)
{
    while (cut.len > 0) {
        size_t at = last_point(cut);
        uint32_t v = decode(cut.at + at, cut.len - at);

        if (v < CODE_POINT_MAX) {
            pfs_buf_put(out, cut.at, at);
            put_point(out, v + 1 == 0xd800 ? 0xe000 : v + 1); /* surrogates are no code points */
            return true;
        }
        cut.len = at;
    }
    return false;
}

/* What is not UTF-8 is not cut. */
static void put_text(struct pfs_slice text, bool max, struct pfs_buf *out)
{
    struct pfs_slice cut = {text.at, PFS_PQ_OUT_BOUND_BYTES};

    if (text.len <= PFS_PQ_OUT_BOUND_BYTES) {
        pfs_buf_put(out, text.at, text.len);
        return;
    }
    while (cut.len > 0 && (text.at[cut.len] & 0xc0) == 0x80)
        cut.len--;
    if (cut.len == 0 || pfs_utf8_check(cut) != cut.len || (max && !put_above(cut, out)))
        pfs_buf_put(out, text.at, text.len);
    else if (!max)
        pfs_buf_put(out, cut.at, cut.len);
}

static void put_bound(const struct pfs_pq_out_bounds *bounds, const struct pfs_pq_out_node *node, bool max,
                      struct pfs_buf *out)
{
    if (node->width == 0)
        put_text(pfs_buf_slice(max ? &bounds->max : &bounds->min), max, out);
    else
        pfs_pq_out_put_bound(bounds, node, max, out);
}

/* ---- pages ---- */

static int compare(struct pfs_slice a, struct pfs_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* How the bounds at hand stand to those of the page before; of text these are looked at as they are printed. */
static void note_order(struct pfs_pq_out_index *x, const struct pfs_pq_out_bounds *b, bool text, size_t at,
                       const struct pfs_pq_out_page *page)
{
    int min = (b->low > x->low) - (b->low < x->low), max = (b->high > x->high) - (b->high < x->high);

    if (text && x->any && !x->bounds.failed) {
        const uint8_t *last = x->bounds.at + x->last, *now = x->bounds.at + at;

        min = compare(pfs_slice_of(now, page->min_bytes), pfs_slice_of(last, x->last_min));
        max = compare(pfs_slice_of(now + page->min_bytes, page->max_bytes),
                      pfs_slice_of(last + x->last_min, x->last_max));
    }
    x->rises |= x->any && (min > 0 || max > 0);
    x->falls |= x->any && (min < 0 || max < 0);
    x->any = true;
    x->low = b->low;
    x->high = b->high;
    x->last = at;
    x->last_min = page->min_bytes;
    x->last_max = page->max_bytes;
}

/* Room for one more. */
static int add_page(struct pfs_pq_out_index *x, struct pfs_err *err)
{
    int32_t room = x->room == 0 ? 16 : 2 * x->room;
    struct pfs_pq_out_page *more;

    if (x->pages < x->room)
        return 0;
    more = room > INT32_MAX / 2 ? NULL : pfs_realloc(x->page, (size_t)room * sizeof(*more));
    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory for an index of %d pages", x->pages + 1);
    x->page = more;
    x->room = room;
    return 0;
}

int pfs_pq_out_index_add(struct pfs_pq_out_index *index, const struct pfs_pq_out_node *node, uint64_t bytes,
                         int64_t first, const struct pfs_pq_out_bounds *bounds, struct pfs_err *err)
{
    struct pfs_pq_out_page page = {.bytes = bytes, .first = first};
    size_t at = index->bounds.len;

    assert(bytes > 0);
    assert(index->pages == 0 ? first == 0 : first > index->page[index->pages - 1].first);
    PFS_TRY(add_page(index, err));
    index->unknown |= bounds == NULL || bounds->unordered;
    if (!index->unknown) {
        page.nulls = bounds->nulls;
        page.empty = !bounds->any;
    }
    if (!index->unknown && bounds->any) {
        if (bounds->min.failed || bounds->max.failed)
            index->bounds.failed = true;
        put_bound(bounds, node, false, &index->bounds);
        page.min_bytes = (uint32_t)(index->bounds.len - at);
        put_bound(bounds, node, true, &index->bounds);
        page.max_bytes = (uint32_t)(index->bounds.len - at - page.min_bytes);
        note_order(index, bounds, node->width == 0, at, &page);
    }
    index->page[index->pages++] = page;
    return pfs_buf_check(&index->bounds, err);
}

/* ---- printing ---- */

void pfs_pq_out_index_put_offsets(const struct pfs_pq_out_index *index, uint64_t off, struct pfs_buf *out)
{
    struct pfs_thrift_out t = {.buf = out};

    pfs_thrift_put_list(&t, PFS_PQ_OFFSET_INDEX_PAGES, PFS_PQ_T_STRUCT, (size_t)index->pages);
    for (int32_t i = 0; i < index->pages; i++) {
        int16_t outer = pfs_thrift_element(&t);

        pfs_thrift_put_i64(&t, PFS_PQ_LOCATION_OFF, (int64_t)off);
        pfs_thrift_put_i32(&t, PFS_PQ_LOCATION_BYTES, (int32_t)index->page[i].bytes);
        pfs_thrift_put_i64(&t, PFS_PQ_LOCATION_FIRST_ROW, index->page[i].first);
        pfs_thrift_end(&t, outer);
        off += index->page[i].bytes;
    }
    pfs_thrift_stop(&t);
}

/* All mins, or all maxes; those of a page of nulls are empty. */
static void put_side(const struct pfs_pq_out_index *index, bool max, struct pfs_thrift_out *t)
{
    const uint8_t *at = index->bounds.at;

    pfs_thrift_put_list(t, max ? PFS_PQ_COLUMN_INDEX_MAXES : PFS_PQ_COLUMN_INDEX_MINS, PFS_PQ_T_BINARY,
                        (size_t)index->pages);
    for (int32_t i = 0; i < index->pages; i++) {
        uint32_t min = index->page[i].min_bytes, bytes = max ? index->page[i].max_bytes : min;

        pfs_buf_uleb(t->buf, bytes);
        if (bytes > 0)
            pfs_buf_put(t->buf, max ? at + min : at, bytes);
        at += min + index->page[i].max_bytes;
    }
}

void pfs_pq_out_index_put_columns(const struct pfs_pq_out_index *index, struct pfs_buf *out)
{
    struct pfs_thrift_out t = {.buf = out};

    if (index->unknown)
        return;
    pfs_thrift_put_list(&t, PFS_PQ_COLUMN_INDEX_NULL_PAGES, PFS_PQ_T_TRUE, (size_t)index->pages);
    for (int32_t i = 0; i < index->pages; i++)
        pfs_buf_putc(out, index->page[i].empty ? PFS_PQ_T_TRUE : PFS_PQ_T_FALSE);
    put_side(index, false, &t);
    put_side(index, true, &t);
    pfs_thrift_put_i32(&t, PFS_PQ_COLUMN_INDEX_ORDER,
                       !index->falls   ? ASCENDING
                       : !index->rises ? DESCENDING
                                       : UNORDERED);
    pfs_thrift_put_list(&t, PFS_PQ_COLUMN_INDEX_NULLS, PFS_PQ_T_I64, (size_t)index->pages);
    for (int32_t i = 0; i < index->pages; i++)
        pfs_buf_zigzag(out, index->page[i].nulls);
    pfs_thrift_stop(&t);
}
