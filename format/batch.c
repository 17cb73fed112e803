/* batch.c - columns copied, cut, repeated and compared.
 *
 * Gathering is what a merge spends its time with: the answer's rows, given as ranges of several sources, are copied one
 * column after the other, so that the type is looked at once a column and the inner loops are plain copies:
 *
 *   sources   [. . a b . .]   [. c . . .]        ranges {0,2,2} {1,1,1} {0,..}
 *   answer    [a b c ...]
 *
 * What nests is the same again, one level down: the ranges of a list's rows become ranges of its items. */
#include "format/batch.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"

/* ---- bits ---- */

/* `count` <= 8 bits from bit `from` on (NULL = all set), in the low bits. */
static unsigned take_bits(const uint8_t *in, int64_t from, unsigned count)
{
    unsigned shift = (unsigned)from & 7, bits;

    assert(count <= 8);
    if (in == NULL)
        return (1u << count) - 1;
    bits = (unsigned)in[from >> 3] >> shift;
    if (shift + count > 8) /* the next byte is read only when a bit of it is wanted */
        bits |= (unsigned)in[(from >> 3) + 1] << (8 - shift);
    return bits & ((1u << count) - 1);
}

static uint64_t take_64_bits(const uint8_t *in, int64_t from)
{
    const uint8_t *p = in + (from >> 3);
    unsigned shift = (unsigned)from & 7;

    return shift == 0 ? pfs_le64(p) : pfs_le64(p) >> shift | (uint64_t)p[8] << (64 - shift);
}

/* Copies `count` bits from bit `from` of `in` (NULL = all set) to bit `at` of `out`, whose bits from `at` on are 0. */
static void copy_bits(const uint8_t *in, int64_t from, uint8_t *out, int64_t at, int64_t count)
{
    assert(from >= 0 && at >= 0);
    assert(count >= 0);
    if (count == 0)
        return;
    if ((at & 7) != 0) {
        unsigned head = 8 - ((unsigned)at & 7);

        head = head < count ? head : (unsigned)count;
        out[at >> 3] |= (uint8_t)(take_bits(in, from, head) << (at & 7));
        from += head;
        at += head;
        count -= head;
    }
    out += at >> 3;
    if (in == NULL) {
        memset(out, 0xff, (size_t)(count >> 3));
        out += count >> 3;
        count &= 7;
    }
    for (; count >= 64; count -= 64, from += 64, out += 8)
        pfs_put_le64(out, take_64_bits(in, from));
    for (; count >= 8; count -= 8, from += 8)
        *out++ = (uint8_t)take_bits(in, from, 8);
    if (count > 0)
        *out = (uint8_t)take_bits(in, from, (unsigned)count);
}

int64_t pfs_column_null_count(const struct pfs_column *c, int64_t rows)
{
    int64_t set = 0;

    assert(rows >= 0);
    if (c->valid == NULL)
        return 0;
    for (int64_t i = 0; i + 8 <= rows; i += 8) /* whole bytes; bits behind the last row mean nothing and may be set */
        set += __builtin_popcount(c->valid[i >> 3]);
    for (int64_t i = rows & ~(int64_t)7; i < rows; i++)
        set += c->valid[i >> 3] >> (i & 7) & 1;
    return rows - set;
}

/* ---- gathering ---- */

struct gather {
    const struct pfs_column **source; /* the column of each source batch; NULL = no range is of it */
    int32_t sources;
    int32_t first; /* source of the first range: it lends the type */
    const struct pfs_range *range;
    int64_t ranges;
    int64_t rows;
    struct pfs_arena *arena;
    struct pfs_err *err;
};

static int gather_column(const struct gather *g, int depth, struct pfs_column *out);

static int full(const struct gather *g)
{
    return pfs_arena_full(g->arena, g->err);
}

/* No bits at all when no source has any: most columns have no nulls, and to say so costs nothing further up. */
static int gather_valid(const struct gather *g, struct pfs_column *out)
{
    bool any = false;
    uint8_t *valid;
    int64_t at = 0;

    for (int32_t s = 0; s < g->sources && !any; s++)
        any = g->source[s] != NULL && g->source[s]->valid != NULL;
    if (!any)
        return 0;
    valid = pfs_arena_zalloc(g->arena, (size_t)(g->rows + 7) / 8 + 8);
    if (valid == NULL)
        return full(g);
    for (int64_t i = 0; i < g->ranges; i++) {
        const struct pfs_range r = g->range[i];
        const struct pfs_column *c = g->source[r.source];

        if (r.len == 1)
            valid[at >> 3] |= (uint8_t)(pfs_column_present(c, r.from) << (at & 7));
        else
            copy_bits(c->valid, r.from, valid, at, r.len);
        at += r.len;
    }
    assert(at == g->rows); /* the ranges are as long together as the caller says */
    out->valid = valid;
    return 0;
}

/* Single rows out of a large buffer are each a miss of the cache: the ones to come are asked for. */
#define AHEAD 12

#define GATHER_FIXED(name, type)                                                     \
    static void name(const struct gather *g, const void *const *values, void *to)    \
    {                                                                                \
        type *out = to;                                                              \
                                                                                     \
        for (int64_t i = 0; i < g->ranges; i++) {                                    \
            const struct pfs_range r = g->range[i];                                  \
            const type *in = (const type *)values[r.source] + r.from;                \
                                                                                     \
            if (i + AHEAD < g->ranges) {                                             \
                const struct pfs_range *next = &g->range[i + AHEAD];                 \
                                                                                     \
                __builtin_prefetch((const type *)values[next->source] + next->from); \
            }                                                                        \
            if (r.len > 3) {                                                         \
                memcpy(out, in, (size_t)r.len * sizeof(type));                       \
            } else if (r.len > 0) { /* one, two or three: the same stores */         \
                type middle = in[r.len / 2], last = in[r.len - 1];                   \
                                                                                     \
                out[0] = in[0];                                                      \
                out[r.len / 2] = middle;                                             \
                out[r.len - 1] = last;                                               \
            }                                                                        \
            out += r.len;                                                            \
        }                                                                            \
    }

/* By width alone, not by type: a value that is only moved has no meaning. */
GATHER_FIXED(gather_1, uint8_t)
GATHER_FIXED(gather_2, uint16_t)
GATHER_FIXED(gather_4, uint32_t)
GATHER_FIXED(gather_8, uint64_t)
GATHER_FIXED(gather_16, pfs_u128)

static int gather_fixed(const struct gather *g, int width, struct pfs_column *out)
{
    void *values = pfs_arena_alloc(g->arena, (size_t)g->rows * (size_t)width);
    const void **in = pfs_arena_array(g->arena, (size_t)g->sources, sizeof(*in));

    assert(width > 0);
    if (values == NULL || in == NULL)
        return full(g);
    for (int32_t s = 0; s < g->sources; s++)
        in[s] = g->source[s] == NULL ? NULL : g->source[s]->values;
    if (width == 1)
        gather_1(g, in, values);
    else if (width == 2)
        gather_2(g, in, values);
    else if (width == 4)
        gather_4(g, in, values);
    else if (width == 8)
        gather_8(g, in, values);
    else
        gather_16(g, in, values); /* wide decimals and times alike: 16 bytes are 16 bytes */
    out->values = values;
    return 0;
}

/* Offsets of the gathered rows; *total: what they span together. */
static int gather_offsets(const struct gather *g, struct pfs_column *out, int64_t *total)
{
    int32_t *offsets = pfs_arena_alloc(g->arena, (size_t)(g->rows + 1) * sizeof(*offsets));
    int64_t sum = 0, at = 0;

    if (offsets == NULL)
        return full(g);
    offsets[0] = 0;
    for (int64_t i = 0; i < g->ranges; i++) {
        const struct pfs_range r = g->range[i];
        const int32_t *in = g->source[r.source]->offsets + r.from;
        uint32_t shift;

        if (i + AHEAD < g->ranges)
            __builtin_prefetch(&g->source[g->range[i + AHEAD].source]->offsets[g->range[i + AHEAD].from]);
        shift = (uint32_t)sum - (uint32_t)in[0]; /* wraps only where the sum is refused below */

        for (int32_t k = 1; k <= r.len; k++)
            offsets[at + k] = (int32_t)((uint32_t)in[k] + shift);
        at += r.len;
        sum += in[r.len] - in[0];
    }
    assert(at == g->rows);
    assert(sum >= 0); /* offsets never descend */
    if (sum > INT32_MAX)
        return pfs_fail(g->err, E2BIG, "a column of %lld bytes in one batch", (long long)sum);
    out->offsets = offsets;
    *total = sum;
    return 0;
}

/* Most strings are short: two loads that overlap, or three bytes, instead of a call. */
static inline void copy_short(uint8_t *to, const uint8_t *from, size_t len)
{
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        uint64_t first, last;

        memcpy(&first, from, 8);
        memcpy(&last, from + len - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + len - 8, &last, 8);
    } else if (len >= 4) {
        uint32_t first, last;

        memcpy(&first, from, 4);
        memcpy(&last, from + len - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + len - 4, &last, 4);
    } else if (len > 0) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

/* Offsets first: they tell how many bytes there will be. A range of rows is one copy, as their bytes lie side by side.
 */
static int gather_bytes(const struct gather *g, struct pfs_column *out)
{
    int64_t total;
    uint8_t *values;

    PFS_TRY(gather_offsets(g, out, &total));
    values = pfs_arena_alloc(g->arena, (size_t)total); /* exactly: copy_short writes no byte too many */
    if (values == NULL)
        return full(g);
    out->values = values;
    for (int64_t i = 0; i < g->ranges; i++) {
        const struct pfs_range r = g->range[i];
        const struct pfs_column *c = g->source[r.source];
        int32_t from = c->offsets[r.from], to = c->offsets[r.from + r.len];

        if (i + AHEAD < g->ranges) {
            const struct pfs_column *next = g->source[g->range[i + AHEAD].source];

            __builtin_prefetch((const uint8_t *)next->values + next->offsets[g->range[i + AHEAD].from]);
        }
        copy_short(values, (const uint8_t *)c->values + from, (size_t)(to - from));
        values += to - from;
    }
    return 0;
}

/* The ranges of children that the rows of lists span; those that are empty are left out. */
static int ranges_below(const struct gather *g, struct gather *inner)
{
    struct pfs_range *range = pfs_arena_alloc(g->arena, (size_t)g->ranges * sizeof(*range));
    int64_t ranges = 0;

    if (range == NULL)
        return full(g);
    for (int64_t i = 0; i < g->ranges; i++) {
        const struct pfs_range r = g->range[i];
        const int32_t *offsets = g->source[r.source]->offsets + r.from;

        range[ranges] = (struct pfs_range){r.source, offsets[0], offsets[r.len] - offsets[0]};
        ranges += range[ranges].len > 0;
    }
    assert(ranges <= g->ranges);
    inner->range = range;
    inner->ranges = ranges;
    return 0;
}

/* Children of lists and rows: the same gather. */
static int gather_children(const struct gather *g, int depth, struct pfs_column *out)
{
    const struct pfs_type *type = out->type;
    int32_t children = type->kind == PFS_MULTISET ? 2 : type->children;
    struct gather inner = *g;

    inner.source = pfs_arena_array(g->arena, (size_t)g->sources, sizeof(*inner.source));
    out->children = pfs_arena_array(g->arena, (size_t)children, sizeof(*out->children));
    if (inner.source == NULL || out->children == NULL)
        return full(g);
    if (type->kind != PFS_ROW) {
        PFS_TRY(gather_offsets(g, out, &inner.rows));
        PFS_TRY(ranges_below(g, &inner));
    }
    for (int32_t c = 0; c < children; c++) {
        for (int32_t s = 0; s < g->sources; s++)
            inner.source[s] = g->source[s] == NULL ? NULL : &g->source[s]->children[c];
        out->children[c].type = inner.source[g->first]->type;
        PFS_TRY(gather_column(&inner, depth + 1, &out->children[c]));
    }
    return 0;
}

static int gather_column(const struct gather *g, int depth, struct pfs_column *out)
{
    enum pfs_kind kind = out->type->kind;

    assert(g->source[g->first] != NULL);
    if (depth > PFS_JSON_DEPTH_MAX)
        return pfs_fail(g->err, E2BIG, "a type nested too deep");
    PFS_TRY(gather_valid(g, out));
    if (pfs_kind_is_nested(kind))
        return gather_children(g, depth, out);
    return pfs_kind_is_bytes(kind) ? gather_bytes(g, out) : gather_fixed(g, pfs_type_width(out->type), out);
}

int pfs_column_gather(const struct pfs_batch *const *sources, int32_t index, const struct pfs_range *ranges,
                      int64_t count, int64_t rows, struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err)
{
    struct gather g = {.range = ranges, .ranges = count, .rows = rows, .arena = arena, .err = err};
    struct pfs_column made = {0};
    const struct pfs_column **column;
    uint64_t seen = 0; /* of the first 64 sources */
    int32_t used = 0;

    assert(count >= 0);
    assert(rows >= 0 && rows <= INT32_MAX);
    assert(count > 0 || rows == 0);
    if (count == 0)
        return pfs_column_nulls(sources[0]->column[index].type, 0, arena, out, err);
    for (int64_t i = 0; i < count; i++) {
        used = ranges[i].source >= used ? ranges[i].source + 1 : used;
        seen |= (uint64_t)1 << (ranges[i].source & 63);
    }
    /* Sources that no range is of may be gone already: their columns are not looked at. A merge of more than 64 runs
     * notes them range by range, which is slower and rare. */
    assert(used > 0);
    column = pfs_arena_array(arena, (size_t)used, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t s = 0; s < used && used <= 64; s++)
        column[s] = (seen >> s & 1) != 0 ? &sources[s]->column[index] : NULL;
    for (int64_t i = 0; i < count && used > 64; i++)
        column[ranges[i].source] = &sources[ranges[i].source]->column[index];
    g.source = column;
    g.sources = used;
    g.first = ranges[0].source;
    made.type = column[ranges[0].source]->type;
    PFS_TRY(gather_column(&g, 0, &made));
    *out = made;
    return 0;
}

int pfs_batch_copy(const struct pfs_batch *in, int32_t from, int32_t len, struct pfs_arena *arena,
                   struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)in->columns, sizeof(*column));
    const struct pfs_range range = {0, from, len};

    assert(from >= 0 && len >= 0);
    assert((int64_t)from + len <= in->rows);
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < in->columns; i++)
        PFS_TRY(pfs_column_gather(&in, i, &range, 1, len, arena, &column[i], err));
    *out = (struct pfs_batch){len, in->columns, column};
    return 0;
}

/* ---- slices, nulls, repeats ---- */

int pfs_column_slice(const struct pfs_column *in, int64_t from, int64_t len, struct pfs_arena *arena,
                     struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_column made = *in;
    int width = pfs_type_width(in->type);

    assert(from >= 0 && len >= 0);
    if (in->valid != NULL && (from & 7) == 0) {
        made.valid = in->valid + (from >> 3);
    } else if (in->valid != NULL) {
        uint8_t *valid = pfs_arena_zalloc(arena, (size_t)(len + 7) / 8 + 8);

        if (valid == NULL)
            return pfs_arena_full(arena, err);
        copy_bits(in->valid, from, valid, 0, len);
        made.valid = valid;
    }
    /* Items of lists and bytes of strings stay where they are: offsets need not begin at 0. The children of a row have
     * its rows, and are cut like it. */
    if (in->offsets != NULL)
        made.offsets = in->offsets + from;
    else if (in->values != NULL)
        made.values = (const uint8_t *)in->values + from * width;
    if (in->type->kind == PFS_ROW) {
        made.children = pfs_arena_array(arena, (size_t)in->type->children, sizeof(*made.children));
        if (made.children == NULL)
            return pfs_arena_full(arena, err);
        for (int32_t i = 0; i < in->type->children; i++)
            PFS_TRY(pfs_column_slice(&in->children[i], from, len, arena, &made.children[i], err));
    }
    *out = made;
    return 0;
}

static const struct pfs_type count_type = {.kind = PFS_INT};

int pfs_column_nulls(const struct pfs_type *type, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                     struct pfs_err *err)
{
    struct pfs_column made = {.type = type};
    int32_t children = type->kind == PFS_MULTISET ? 2 : type->children;
    bool offsets = pfs_kind_is_bytes(type->kind) || (pfs_kind_is_nested(type->kind) && type->kind != PFS_ROW);

    assert(rows >= 0);
    /* Values and offsets are there as well, all zero: kernels run over them without asking whether a row is null. */
    made.valid = pfs_arena_zalloc(arena, (size_t)(rows + 7) / 8 + 8);
    if (offsets)
        made.offsets = pfs_arena_zalloc(arena, (size_t)(rows + 1) * sizeof(int32_t));
    made.values = pfs_arena_zalloc(arena, offsets ? 1 : (size_t)rows * (size_t)pfs_type_width(type));
    made.children = children == 0 ? NULL : pfs_arena_array(arena, (size_t)children, sizeof(*made.children));
    if (made.valid == NULL || made.values == NULL || (offsets && made.offsets == NULL) ||
        (children > 0 && made.children == NULL))
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < children; i++)
        PFS_TRY(pfs_column_nulls(i < type->children ? &type->child[i].type : &count_type,
                                 type->kind == PFS_ROW ? rows : 0, arena, &made.children[i], err));
    *out = made;
    return 0;
}

static void repeat_fixed(const uint8_t *value, int width, int64_t rows, uint8_t *out)
{
    assert(width > 0);
    if (width == 1) {
        memset(out, *value, (size_t)rows);
        return;
    }
    for (int64_t i = 0; i < rows; i++)
        memcpy(out + i * width, value, (size_t)width);
}

/* Gathers the row again and again; nested constants are rare. */
static int repeat_nested(const struct pfs_column *in, int64_t row, int64_t rows, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_column column = *in;
    const struct pfs_batch batch = {INT32_MAX, 1, &column}, *source = &batch;
    struct pfs_range *ranges = pfs_arena_array(arena, (size_t)rows, sizeof(*ranges));

    if (ranges == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++)
        ranges[i] = (struct pfs_range){0, (int32_t)row, 1};
    return pfs_column_gather(&source, 0, ranges, rows, rows, arena, out, err);
}

int pfs_column_repeat(const struct pfs_column *in, int64_t row, int64_t rows, struct pfs_arena *arena,
                      struct pfs_column *out, struct pfs_err *err)
{
    struct pfs_column made = {.type = in->type};
    struct pfs_slice text;
    int32_t *offsets;
    uint8_t *values;

    assert(row >= 0);
    assert(rows >= 0 && rows <= INT32_MAX);
    if (!pfs_column_present(in, row))
        return pfs_column_nulls(in->type, rows, arena, out, err);
    if (pfs_kind_is_nested(in->type->kind))
        return repeat_nested(in, row, rows, arena, out, err);
    if (!pfs_kind_is_bytes(in->type->kind)) {
        int width = pfs_type_width(in->type);

        values = pfs_arena_alloc(arena, (size_t)rows * (size_t)width);
        if (values == NULL)
            return pfs_arena_full(arena, err);
        repeat_fixed((const uint8_t *)in->values + row * width, width, rows, values);
        made.values = values;
        *out = made;
        return 0;
    }
    text = pfs_column_bytes(in, row);
    if (rows > 0 && text.len > (size_t)(INT32_MAX / rows))
        return pfs_fail(err, E2BIG, "%zu bytes, %lld times", text.len, (long long)rows);
    offsets = pfs_arena_alloc(arena, (size_t)(rows + 1) * sizeof(*offsets));
    values = pfs_arena_alloc(arena, (size_t)rows * text.len);
    if (offsets == NULL || values == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i <= rows; i++)
        offsets[i] = (int32_t)((size_t)i * text.len);
    for (int64_t i = 0; i < rows && text.len > 0; i++)
        memcpy(values + (size_t)i * text.len, text.at, text.len);
    made.offsets = offsets;
    made.values = values;
    *out = made;
    return 0;
}

/* ---- comparing ---- */

/* IEEE bits as an integer that orders -inf .. -0.0, 0.0 .. inf, NaN. */
static int64_t ordered_bits(int64_t bits)
{
    return bits < 0 ? (int64_t)(~(uint64_t)bits ^ ((uint64_t)1 << 63)) : bits;
}

static int64_t double_bits(const struct pfs_column *c, int64_t row)
{
    double v = ((const double *)c->values)[row];
    int64_t bits;

    if (v != v)
        return INT64_MAX;
    memcpy(&bits, &v, sizeof(bits));
    return ordered_bits(bits);
}

static int compare_i64(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int64_t integer_at(const struct pfs_column *c, int64_t row)
{
    switch (pfs_type_width(c->type)) {
    case 1:
        return ((const int8_t *)c->values)[row];
    case 2:
        return ((const int16_t *)c->values)[row];
    case 4:
        return ((const int32_t *)c->values)[row];
    default:
        return ((const int64_t *)c->values)[row];
    }
}

int pfs_value_compare(const struct pfs_column *a, int64_t row_a, const struct pfs_column *b, int64_t row_b)
{
    enum pfs_kind kind = a->type->kind;

    assert(!pfs_kind_is_nested(kind));
    assert(pfs_kind_is_bytes(kind) == pfs_kind_is_bytes(b->type->kind));
    assert(pfs_type_width(a->type) == pfs_type_width(b->type)); /* what is compared lies alike */
    if (pfs_kind_is_bytes(kind))
        return pfs_slice_compare(pfs_column_bytes(a, row_a), pfs_column_bytes(b, row_b));
    if (kind == PFS_DOUBLE)
        return compare_i64(double_bits(a, row_a), double_bits(b, row_b));
    if (kind == PFS_FLOAT) { /* as doubles: widening keeps the order, and makes one NaN of all */
        double x = (double)((const float *)a->values)[row_a], y = (double)((const float *)b->values)[row_b];
        struct pfs_column cx = {.values = &x}, cy = {.values = &y};

        return compare_i64(double_bits(&cx, 0), double_bits(&cy, 0));
    }
    if (kind == PFS_DECIMAL && pfs_type_width(a->type) == 16) {
        pfs_i128 x = ((const pfs_i128 *)a->values)[row_a], y = ((const pfs_i128 *)b->values)[row_b];

        return x < y ? -1 : x > y;
    }
    if (pfs_type_width(a->type) == 16) {
        const struct pfs_time96 *x = (const struct pfs_time96 *)a->values + row_a;
        const struct pfs_time96 *y = (const struct pfs_time96 *)b->values + row_b;

        return x->millis != y->millis ? compare_i64(x->millis, y->millis) : compare_i64(x->nanos, y->nanos);
    }
    return compare_i64(integer_at(a, row_a), integer_at(b, row_b));
}
