/* measure.c - smallest, greatest and nulls of each column, kept from batch to batch.
 *
 * Fixed widths are kept as one number whose order is that of the values; floating bits are turned over for that and
 * back again for the answer. What was measured so far lies ready as columns of one row after each batch, so that the
 * answer only points at it.
 */
#include "src/file/measure.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct range { /* of one column */
    const struct pfs_type *type;
    bool watched, bounded, seen;
    int64_t nulls;
    int64_t low, high; /* fixed width up to 8 bytes; FLOAT and DOUBLE by their order */
    pfs_i128 wide[2];  /* DECIMAL(p > 18) */
    struct pfs_buf text[2];
    int32_t offsets[2][2];
    int64_t fixed[2]; /* the bounds as they lie in a column */
};

struct pfs_measure {
    int32_t columns;
    struct range *column;
};

/* ---- life ---- */

/* What takes more than a number or a text is not measured: bounds that are not there rule nothing out. */
static bool has_bounds(const struct pfs_type *type)
{
    if (type->kind == PFS_DECIMAL || pfs_kind_is_text(type->kind))
        return true;
    return pfs_type_width(type) > 0 && pfs_type_width(type) <= 8;
}

int pfs_measure_open(const struct pfs_field *fields, int32_t columns, bool all, struct pfs_measure **out,
                     struct pfs_err *err)
{
    struct pfs_measure *m = pfs_zalloc(sizeof(*m));

    if (m != NULL)
        m->column = pfs_zalloc((size_t)(columns > 0 ? columns : 1) * sizeof(*m->column));
    if (m == NULL || m->column == NULL) {
        pfs_free(m);
        return pfs_fail(err, ENOMEM, "no memory for statistics of %d columns", columns);
    }
    m->columns = columns;
    for (int32_t i = 0; i < columns; i++) {
        const struct pfs_type *type = &fields[i].type;

        m->column[i].type = type;
        m->column[i].watched = all || type->kind == PFS_FLOAT || type->kind == PFS_DOUBLE;
        m->column[i].bounded = has_bounds(type);
    }
    *out = m;
    return 0;
}

void pfs_measure_close(struct pfs_measure *measure)
{
    if (measure == NULL)
        return;
    for (int32_t i = 0; i < measure->columns; i++) {
        pfs_buf_done(&measure->column[i].text[0]);
        pfs_buf_done(&measure->column[i].text[1]);
    }
    pfs_free(measure->column);
    pfs_free(measure);
}

/* ---- kernels: bounds of the present rows of one column ---- */

/* Floating bits ordered as the numbers are, and back: -0.0 is -1, 0.0 is 0. All NaN are the one of Java. */
static int64_t order_double(double value)
{
    int64_t bits;

    if (value != value)
        return 0x7ff8000000000000;
    memcpy(&bits, &value, sizeof(bits));
    return bits < 0 ? bits ^ INT64_MAX : bits;
}

static int64_t order_float(float value)
{
    int32_t bits;

    if (value != value)
        return 0x7fc00000;
    memcpy(&bits, &value, sizeof(bits));
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

/* Slots of null rows are ordered too, and then passed over: cheaper than a branch before. `low` and `high` are written
 * only when some row is present, which is the answer. */
#define KEEP(value) (value)
#define BOUNDS(name, element, sum, order)                                           \
    static bool name(const struct pfs_column *c, int64_t rows, sum *low, sum *high) \
    {                                                                               \
        const element *value = c->values;                                           \
        bool seen = false;                                                          \
                                                                                    \
        for (int64_t i = 0; i < rows; i++) {                                        \
            sum one = order(value[i]);                                              \
                                                                                    \
            if (c->valid != NULL && !pfs_column_present(c, i))                      \
                continue;                                                           \
            *low = !seen || one < *low ? one : *low;                                \
            *high = !seen || one > *high ? one : *high;                             \
            seen = true;                                                            \
        }                                                                           \
        return seen;                                                                \
    }

BOUNDS(bounds_8, int8_t, int64_t, KEEP)
BOUNDS(bounds_16, int16_t, int64_t, KEEP)
BOUNDS(bounds_32, int32_t, int64_t, KEEP)
BOUNDS(bounds_64, int64_t, int64_t, KEEP)
BOUNDS(bounds_128, pfs_i128, pfs_i128, KEEP)
BOUNDS(bounds_float, float, int64_t, order_float)
BOUNDS(bounds_double, double, int64_t, order_double)

typedef bool bounds_fn(const struct pfs_column *c, int64_t rows, int64_t *low, int64_t *high);

static bounds_fn *kernel_of(const struct pfs_type *type)
{
    static bounds_fn *const by_width[] = {[1] = bounds_8, [2] = bounds_16, [4] = bounds_32, [8] = bounds_64};

    assert(pfs_type_width(type) > 0 && pfs_type_width(type) <= 8);
    if (type->kind == PFS_FLOAT)
        return bounds_float;
    return type->kind == PFS_DOUBLE ? bounds_double : by_width[pfs_type_width(type)];
}

/* ---- adding ---- */

static void add_fixed(struct range *r, const struct pfs_column *c, int64_t rows)
{
    int64_t low, high;

    if (!kernel_of(r->type)(c, rows, &low, &high))
        return;
    r->low = !r->seen || low < r->low ? low : r->low;
    r->high = !r->seen || high > r->high ? high : r->high;
    r->seen = true;
}

static void add_wide(struct range *r, const struct pfs_column *c, int64_t rows)
{
    pfs_i128 low, high;

    if (!bounds_128(c, rows, &low, &high))
        return;
    r->wide[0] = !r->seen || low < r->wide[0] ? low : r->wide[0];
    r->wide[1] = !r->seen || high > r->wide[1] ? high : r->wide[1];
    r->seen = true;
}

/* A copy: the batch is gone when somebody asks. */
static void keep_text(struct pfs_buf *to, struct pfs_slice text)
{
    pfs_buf_clear(to);
    pfs_buf_put(to, text.at, text.len);
}

/* Inside the batch bounds are views; only what beats the bounds so far is copied, which becomes rare soon. */
static int add_texts(struct range *r, const struct pfs_column *c, int64_t rows, struct pfs_err *err)
{
    struct pfs_slice low = {NULL, 0}, high = {NULL, 0};
    bool seen = false;

    for (int64_t i = 0; i < rows; i++) {
        struct pfs_slice one = pfs_column_bytes(c, i);

        if (!pfs_column_present(c, i))
            continue;
        if (!seen)
            low = high = one;
        else if (pfs_slice_compare(one, low) < 0)
            low = one;
        else if (pfs_slice_compare(one, high) > 0)
            high = one;
        seen = true;
    }
    if (!seen)
        return 0;
    if (!r->seen || pfs_slice_compare(low, pfs_buf_slice(&r->text[0])) < 0)
        keep_text(&r->text[0], low);
    if (!r->seen || pfs_slice_compare(high, pfs_buf_slice(&r->text[1])) > 0)
        keep_text(&r->text[1], high);
    r->seen = true;
    PFS_TRY(pfs_buf_check(&r->text[0], err));
    return pfs_buf_check(&r->text[1], err);
}

static void lay_out(struct range *r);

int pfs_measure_add(struct pfs_measure *measure, const struct pfs_batch *batch, struct pfs_err *err)
{
    assert(batch->columns >= measure->columns);
    for (int32_t i = 0; i < measure->columns; i++) {
        struct range *r = &measure->column[i];
        const struct pfs_column *c = &batch->column[i];

        if (!r->watched)
            continue;
        assert(c->type->kind == r->type->kind);
        r->nulls += pfs_column_null_count(c, batch->rows);
        if (!r->bounded)
            continue;
        if (pfs_kind_is_text(r->type->kind))
            PFS_TRY(add_texts(r, c, batch->rows, err));
        else if (pfs_type_width(r->type) == 16)
            add_wide(r, c, batch->rows);
        else
            add_fixed(r, c, batch->rows);
        lay_out(r);
    }
    return 0;
}

/* ---- answering ---- */

/* A bound as a value of the column's width, at the start of `to`. */
static void lay_number(const struct pfs_type *type, int64_t number, int64_t *to)
{
    int32_t four = (int32_t)number;
    int16_t two = (int16_t)number;
    int8_t one = (int8_t)number;

    switch (pfs_type_width(type)) {
    case 8:
        *to = type->kind == PFS_DOUBLE && number < 0 ? number ^ INT64_MAX : number;
        break;
    case 4:
        four = type->kind == PFS_FLOAT && four < 0 ? four ^ INT32_MAX : four;
        memcpy(to, &four, 4);
        break;
    case 2:
        memcpy(to, &two, 2);
        break;
    default:
        memcpy(to, &one, 1);
        break;
    }
}

static void lay_out(struct range *r)
{
    if (pfs_kind_is_text(r->type->kind)) {
        r->offsets[0][1] = (int32_t)r->text[0].len;
        r->offsets[1][1] = (int32_t)r->text[1].len;
    } else if (pfs_type_width(r->type) <= 8) {
        lay_number(r->type, r->low, &r->fixed[0]);
        lay_number(r->type, r->high, &r->fixed[1]);
    }
}

static struct pfs_column bound(const struct range *r, int which)
{
    struct pfs_column c = {.type = r->type};

    assert(r->seen && r->bounded);
    assert(which == 0 || which == 1);
    if (pfs_kind_is_text(r->type->kind)) {
        c.offsets = r->offsets[which];
        c.values = r->text[which].at;
    } else if (pfs_type_width(r->type) == 16) {
        c.values = &r->wide[which];
    } else {
        c.values = &r->fixed[which];
    }
    return c;
}

void pfs_measure_apply(const struct pfs_measure *measure, struct pfs_column_stats *stats)
{
    for (int32_t i = 0; i < measure->columns; i++) {
        const struct range *r = &measure->column[i];

        if (!r->watched)
            continue;
        stats[i] = (struct pfs_column_stats){.has_bounds = r->seen, .nulls = r->nulls};
        if (r->seen) {
            stats[i].min = bound(r, 0);
            stats[i].max = bound(r, 1);
        }
    }
}
