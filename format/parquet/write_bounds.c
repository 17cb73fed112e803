/* write_bounds.c - bounds of the values that are written.
 *
 * Three of them for each leaf that is a column: of the page, the row group and the file. A page's are merged into the
 * group's when it ends, and the group's into the file's. Loops look for the least and the greatest of many values and
 * only then widen what is kept, so that a value costs two comparisons of integers, or of prefixes of 8 bytes.
 *
 * NaN has no place between bounds that readers would agree on: a leaf with one is unordered, and has none.
 */
#include "format/parquet/write_bounds.h"

#include <assert.h>
#include <string.h>

void pfs_pq_out_bounds_done(struct pfs_pq_out_bounds *b)
{
    pfs_buf_done(&b->min);
    pfs_buf_done(&b->max);
}

void pfs_pq_out_bounds_clear(struct pfs_pq_out_bounds *b)
{
    b->any = b->unordered = false;
    b->nulls = 0;
    pfs_buf_clear(&b->min);
    pfs_buf_clear(&b->max);
}

/* ---- numbers ---- */

/* The order of floating point numbers is that of these integers; those with a mantissa behind the infinities are NaN.
 */
static int64_t order_of_double(int64_t bits)
{
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

static int32_t order_of_float(int32_t bits)
{
    return bits ^ (int32_t)((uint32_t)(bits >> 31) >> 1);
}

#define SAME(v) (v)

#define FIND_BOUNDS(name, type, key)                                                                             \
    static void name(const void *values, const int32_t *row, int64_t from, int64_t count, type *low, type *high) \
    {                                                                                                            \
        const type *v = values;                                                                                  \
        type least = key(v[row == NULL ? from : row[from]]), most = least;                                       \
                                                                                                                 \
        if (row == NULL)                                                                                         \
            for (int64_t i = from; i < from + count; i++) {                                                      \
                type k = key(v[i]);                                                                              \
                                                                                                                 \
                least = k < least ? k : least;                                                                   \
                most = k > most ? k : most;                                                                      \
            }                                                                                                    \
        else                                                                                                     \
            for (int64_t i = from; i < from + count; i++) {                                                      \
                type k = key(v[row[i]]);                                                                         \
                                                                                                                 \
                least = k < least ? k : least;                                                                   \
                most = k > most ? k : most;                                                                      \
            }                                                                                                    \
        *low = least;                                                                                            \
        *high = most;                                                                                            \
    }

FIND_BOUNDS(bounds_int8, int8_t, SAME)
FIND_BOUNDS(bounds_int16, int16_t, SAME)
FIND_BOUNDS(bounds_int32, int32_t, SAME)
FIND_BOUNDS(bounds_int64, int64_t, SAME)
FIND_BOUNDS(bounds_int128, pfs_i128, SAME)
FIND_BOUNDS(bounds_float, int32_t, order_of_float)
FIND_BOUNDS(bounds_double, int64_t, order_of_double)

static void widen(struct pfs_pq_out_bounds *b, pfs_i128 low, pfs_i128 high)
{
    assert(low <= high);
    if (!b->any || low < b->low)
        b->low = low;
    if (!b->any || high > b->high)
        b->high = high;
    b->any = true;
}

#define FLOAT_INFINITY 0x7f800000
#define DOUBLE_INFINITY 0x7ff0000000000000

static void add_float(struct pfs_pq_out_bounds *b, const void *values, const int32_t *row, int64_t from, int64_t count)
{
    int32_t low, high;

    bounds_float(values, row, from, count, &low, &high);
    b->unordered |= high > FLOAT_INFINITY || low < order_of_float((int32_t)(FLOAT_INFINITY | 0x80000000u));
    widen(b, low, high);
}

static void add_double(struct pfs_pq_out_bounds *b, const void *values, const int32_t *row, int64_t from, int64_t count)
{
    int64_t low, high;

    bounds_double(values, row, from, count, &low, &high);
    b->unordered |= high > DOUBLE_INFINITY || low < order_of_double((int64_t)(DOUBLE_INFINITY | 0x8000000000000000u));
    widen(b, low, high);
}

static void add_integers(struct pfs_pq_out_bounds *b, int width, const void *values, const int32_t *row, int64_t from,
                         int64_t count)
{
    int8_t tiny[2];
    int16_t small[2];
    int32_t normal[2];
    int64_t big[2];
    pfs_i128 huge[2];

    switch (width) {
    case 1:
        bounds_int8(values, row, from, count, &tiny[0], &tiny[1]);
        widen(b, tiny[0], tiny[1]);
        return;
    case 2:
        bounds_int16(values, row, from, count, &small[0], &small[1]);
        widen(b, small[0], small[1]);
        return;
    case 4:
        bounds_int32(values, row, from, count, &normal[0], &normal[1]);
        widen(b, normal[0], normal[1]);
        return;
    case 8:
        bounds_int64(values, row, from, count, &big[0], &big[1]);
        widen(b, big[0], big[1]);
        return;
    default:
        bounds_int128(values, row, from, count, &huge[0], &huge[1]);
        widen(b, huge[0], huge[1]);
    }
}

/* ---- text ---- */

/* The first eight bytes as a number that orders as they do; zeros behind a shorter text. What lies behind it up to
 * `end` may be read. */
static uint64_t prefix_of(struct pfs_slice text, const uint8_t *end)
{
    uint8_t bytes[8] = {0};

    if (text.len >= 8)
        return pfs_be64(text.at);
    if (text.len == 0)
        return 0;
    if (end - text.at >= 8)
        return pfs_be64(text.at) & ~(uint64_t)0 << (64 - text.len * 8);
    memcpy(bytes, text.at, text.len);
    return pfs_be64(bytes);
}

static int compare(struct pfs_slice a, struct pfs_slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.at, b.at, len);

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* A bound that once found no memory stays failed, until the page or the row group ends: what is compared with it later
 * is compared with nothing, and would pass for a bound. */
static void keep(struct pfs_buf *bound, struct pfs_slice text)
{
    bool failed = bound->failed;

    pfs_buf_clear(bound);
    pfs_buf_put(bound, text.at, text.len);
    bound->failed |= failed;
}

/* The bounds while a loop looks for them: they may point into what is looked at. */
struct text_bounds {
    struct pfs_slice min, max;
    uint64_t least, most; /* their prefixes */
};

static struct text_bounds begin_texts(const struct pfs_pq_out_bounds *b, struct pfs_slice first)
{
    struct text_bounds t = {.min = b->any ? pfs_buf_slice(&b->min) : first,
                            .max = b->any ? pfs_buf_slice(&b->max) : first};

    t.least = prefix_of(t.min, t.min.at);
    t.most = prefix_of(t.max, t.max.at);
    return t;
}

/* Most values are settled by their prefix. */
static inline void add_text(struct text_bounds *t, struct pfs_slice text, const uint8_t *end)
{
    uint64_t prefix = prefix_of(text, end);

    if (prefix <= t->least && compare(text, t->min) < 0) {
        t->min = text;
        t->least = prefix;
    }
    if (prefix >= t->most && compare(text, t->max) > 0) {
        t->max = text;
        t->most = prefix;
    }
}

/* What was not replaced still is the bound's own memory, and need not be copied onto itself. */
static void end_texts(struct pfs_pq_out_bounds *b, const struct text_bounds *t)
{
    if (!b->any || t->min.at != b->min.at)
        keep(&b->min, t->min);
    if (!b->any || t->max.at != b->max.at)
        keep(&b->max, t->max);
    b->any = true;
}

static void add_texts(struct pfs_pq_out_bounds *b, const struct pfs_column *c, const int32_t *row, int64_t from,
                      int64_t count)
{
    struct text_bounds t = begin_texts(b, pfs_column_bytes(c, row == NULL ? from : row[from]));
    int64_t last = from + count - 1;
    const uint8_t *end = (const uint8_t *)c->values + c->offsets[(row == NULL ? last : row[last]) + 1];

    assert(count > 0);
    assert(row == NULL || row[from] <= row[last]); /* the last one ends last: `end` is behind all */
    for (int64_t i = from; i <= last; i++)
        add_text(&t, pfs_column_bytes(c, row == NULL ? i : row[i]), end);
    end_texts(b, &t);
}

static struct pfs_slice distinct_text(const struct pfs_pq_dictionary *d, uint32_t index)
{
    const uint8_t *at = d->entries.at + d->text_off[index];

    assert(index < d->count);
    return pfs_slice_of(at + 4, pfs_le32(at));
}

static void add_distinct_texts(struct pfs_pq_out_bounds *b, const struct pfs_pq_dictionary *d, const uint32_t *index,
                               int64_t count)
{
    const uint8_t *end = d->entries.at + d->entries.len;
    struct text_bounds t = begin_texts(b, distinct_text(d, index[0]));

    for (int64_t i = 0; i < count; i++)
        add_text(&t, distinct_text(d, index[i]), end);
    end_texts(b, &t);
}

/* ---- all ---- */

void pfs_pq_out_bounds_add(struct pfs_pq_out_bounds *b, const struct pfs_column *column, const int32_t *row,
                           int64_t from, int64_t count)
{
    const struct pfs_type *type = column->type;
    int width = pfs_type_width(type);

    if (count == 0)
        return;
    if (pfs_kind_is_text(type->kind))
        add_texts(b, column, row, from, count);
    else if (width == 0 || (width == 16 && type->kind != PFS_DECIMAL))
        b->unordered = true;
    else if (type->kind == PFS_FLOAT)
        add_float(b, column->values, row, from, count);
    else if (type->kind == PFS_DOUBLE)
        add_double(b, column->values, row, from, count);
    else
        add_integers(b, width, column->values, row, from, count);
}

void pfs_pq_out_bounds_add_distinct(struct pfs_pq_out_bounds *b, const struct pfs_type *type,
                                    const struct pfs_pq_dictionary *distinct, const uint32_t *index, int64_t count)
{
    const uint8_t *values = distinct->entries.at;
    const int32_t *row = (const int32_t *)index; /* a dictionary has far fewer */

    if (count == 0)
        return;
    if (pfs_kind_is_text(type->kind))
        add_distinct_texts(b, distinct, index, count);
    else if (distinct->width == 0)
        b->unordered = true;
    else if (type->kind == PFS_FLOAT)
        add_float(b, values, row, 0, count);
    else if (type->kind == PFS_DOUBLE)
        add_double(b, values, row, 0, count);
    else
        add_integers(b, distinct->width, values, row, 0, count);
}

/* Texts and numbers alike: what a type does not use compares equal. */
void pfs_pq_out_bounds_merge(struct pfs_pq_out_bounds *b, const struct pfs_pq_out_bounds *more)
{
    assert(more->nulls >= 0);
    b->nulls += more->nulls;
    b->unordered |= more->unordered;
    if (!more->any)
        return;
    if (!b->any || compare(pfs_buf_slice(&more->min), pfs_buf_slice(&b->min)) < 0)
        keep(&b->min, pfs_buf_slice(&more->min));
    if (!b->any || compare(pfs_buf_slice(&more->max), pfs_buf_slice(&b->max)) > 0)
        keep(&b->max, pfs_buf_slice(&more->max));
    widen(b, more->low, more->high);
}

struct pfs_column pfs_pq_out_bound(const struct pfs_pq_out_bounds *b, bool max, const struct pfs_type *type,
                                   struct pfs_pq_out_cell *cell)
{
    const struct pfs_buf *text = max ? &b->max : &b->min;
    pfs_i128 number = max ? b->high : b->low;
    int width = pfs_type_width(type);

    assert(b->any);
    assert(!b->unordered);
    if (width == 0) {
        cell->offsets[0] = 0;
        cell->offsets[1] = (int32_t)text->len;
        return (struct pfs_column){.type = type, .offsets = cell->offsets, .values = text->at};
    }
    if (type->kind == PFS_FLOAT)
        number = order_of_float((int32_t)number);
    else if (type->kind == PFS_DOUBLE)
        number = order_of_double((int64_t)number);
    memcpy(cell->value, &number, (size_t)width); /* the low bytes come first */
    return (struct pfs_column){.type = type, .values = cell->value};
}
