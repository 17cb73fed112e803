/* cast_print.c - values of every kind as text or bytes, cut and filled to the length of the answer's type.
 *
 * A printer appends one value of one kind; those of ARRAY, MAP and ROW call the ones of what they hold. */
#include <assert.h>

#include "base/datetime.h"
#include "base/number.h"
#include "base/utf8.h"
#include "src/file/cast_kernel.h"

typedef void print_fn(const struct pfs_column *c, int64_t row, struct pfs_buf *out);

static print_fn print_array, print_map, print_row;

static void print_boolean(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    pfs_buf_puts(out, ((const uint8_t *)c->values)[row] != 0 ? "true" : "false");
}

/* Reserved room, filled by a printer of base/. */
#define NUMBER(name, type, print)                                                  \
    static void name(const struct pfs_column *c, int64_t row, struct pfs_buf *out) \
    {                                                                              \
        uint8_t *at = pfs_buf_reserve(out, PFS_NUMBER_TEXT);                       \
                                                                                   \
        if (at != NULL)                                                            \
            out->len += print(((const type *)c->values)[row], (char *)at);         \
    }

NUMBER(print_tinyint, int8_t, pfs_i64_print)
NUMBER(print_smallint, int16_t, pfs_i64_print)
NUMBER(print_int, int32_t, pfs_i64_print)
NUMBER(print_bigint, int64_t, pfs_i64_print)
NUMBER(print_float, float, pfs_f32_print_java)
NUMBER(print_double, double, pfs_f64_print_java)
NUMBER(print_date, int32_t, pfs_date_print)

static void print_decimal(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    uint8_t *at = pfs_buf_reserve(out, PFS_DECIMAL_TEXT);

    if (at != NULL)
        out->len += pfs_decimal_print(pfs_cast_decimal_at(c, row), c->type->scale, (char *)at);
}

/* At most as many digits as the precision has, zeros at the end left out but for one. */
static void print_time(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    char text[16];
    size_t len = 9 + (c->type->precision > 3 ? 3 : (size_t)c->type->precision);

    assert(c->type->kind == PFS_TIME);
    assert(len < sizeof(text));
    (void)pfs_time_print(((const int32_t *)c->values)[row], text);
    while (len > 10 && text[len - 1] == '0')
        len--;
    pfs_buf_put(out, text, len > 9 ? len : 8);
}

static void print_moment(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    struct pfs_time96 v = pfs_cast_moment_at(c, row);
    uint8_t *at = pfs_buf_reserve(out, 48);

    if (at != NULL)
        out->len += pfs_timestamp_print(v.millis, v.nanos, c->type->precision, (char *)at);
}

static void print_bytes(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    struct pfs_slice s = pfs_column_bytes(c, row);

    pfs_buf_put(out, s.at, s.len);
}

/* Bytes as text, which need not be any. */
static void print_text(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    pfs_utf8_decode(pfs_column_bytes(c, row), out);
}

static print_fn *const printers[PFS_KIND_COUNT] = {
    [PFS_BOOLEAN] = print_boolean,
    [PFS_TINYINT] = print_tinyint,
    [PFS_SMALLINT] = print_smallint,
    [PFS_INT] = print_int,
    [PFS_BIGINT] = print_bigint,
    [PFS_FLOAT] = print_float,
    [PFS_DOUBLE] = print_double,
    [PFS_DECIMAL] = print_decimal,
    [PFS_CHAR] = print_bytes,
    [PFS_VARCHAR] = print_bytes,
    [PFS_BINARY] = print_text,
    [PFS_VARBINARY] = print_text,
    [PFS_DATE] = print_date,
    [PFS_TIME] = print_time,
    [PFS_TIMESTAMP] = print_moment,
    [PFS_ARRAY] = print_array,
    [PFS_TIMESTAMP_LTZ] = print_moment,
    [PFS_MAP] = print_map,
    [PFS_ROW] = print_row,
};

/* What nobody prints (BLOB, VARIANT inside of a nested value) is as good as NULL there. */
static void print_value(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    print_fn *print = printers[c->type->kind];

    if (!pfs_column_present(c, row) || print == NULL)
        pfs_buf_puts(out, "null");
    else
        print(c, row, out);
}

static void print_array(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    pfs_buf_putc(out, '[');
    for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        if (i > c->offsets[row])
            pfs_buf_puts(out, ", ");
        print_value(&c->children[0], i, out);
    }
    pfs_buf_putc(out, ']');
}

/* As Paimon prints nested values: [a, b], {k -> v}, {a, b}. Field names are not told. */
static void print_map(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    pfs_buf_putc(out, '{');
    for (int32_t i = c->offsets[row]; i < c->offsets[row + 1]; i++) {
        if (i > c->offsets[row])
            pfs_buf_puts(out, ", ");
        print_value(&c->children[0], i, out);
        pfs_buf_puts(out, " -> ");
        print_value(&c->children[1], i, out);
    }
    pfs_buf_putc(out, '}');
}

static void print_row(const struct pfs_column *c, int64_t row, struct pfs_buf *out)
{
    pfs_buf_putc(out, '{');
    for (int32_t i = 0; i < c->type->children; i++) {
        if (i > 0)
            pfs_buf_puts(out, ", ");
        print_value(&c->children[i], row, out);
    }
    pfs_buf_putc(out, '}');
}

/* ---- kernels ---- */

/* Cuts what was appended from `from` on to the type's length, or fills it up. */
static void fit(const struct pfs_type *to, size_t from, struct pfs_buf *out)
{
    bool text = pfs_kind_is_text(to->kind), fill = to->kind == PFS_CHAR || to->kind == PFS_BINARY;
    struct pfs_slice made = {out->at + from, out->len - from};
    size_t want = (size_t)to->length, have;
    uint8_t *at;

    assert(pfs_kind_is_bytes(to->kind));
    assert(from <= out->len);
    if (made.len > want) {
        made.len = text ? pfs_utf8_prefix(made, want) : want;
        out->len = from + made.len;
    }
    have = !fill || to->length == PFS_LENGTH_MAX ? want : text ? pfs_utf8_count(made) : made.len;
    if (have >= want || (at = pfs_buf_reserve(out, want - have)) == NULL)
        return;
    memset(at, text ? ' ' : 0, want - have);
    out->len += want - have;
}

/* All texts of a column in one run of bytes that grows, then copied into the arena once. */
static int print(struct pfs_cast_job *job)
{
    enum pfs_kind from = job->in->type->kind;
    bool text = pfs_kind_is_text(job->to->kind), decodes = text && (from == PFS_BINARY || from == PFS_VARBINARY);
    bool fits = decodes || pfs_kind_is_nested(from); /* Paimon lets these be as long as they are */
    print_fn *one = text ? printers[from] : print_bytes;
    int32_t *offsets = pfs_arena_alloc(job->arena, (size_t)(job->rows + 1) * sizeof(*offsets));
    struct pfs_buf made;
    struct pfs_slice kept;
    int rc;

    assert(one != NULL); /* the kernel is given for kinds that have a printer */
    if (offsets == NULL)
        return pfs_arena_full(job->arena, job->err);
    pfs_buf_init(&made, INT32_MAX);
    for (int64_t i = 0; i < job->rows && !made.failed; i++) {
        size_t start = made.len;

        offsets[i] = (int32_t)start;
        if (pfs_column_present(job->in, i)) {
            one(job->in, i, &made);
            if (!fits)
                fit(job->to, start, &made);
        }
    }
    offsets[job->rows] = (int32_t)made.len;
    rc = pfs_buf_check(&made, job->err);
    if (rc == 0 && !pfs_arena_copy(job->arena, pfs_buf_slice(&made), &kept))
        rc = pfs_arena_full(job->arena, job->err);
    pfs_buf_done(&made);
    if (rc < 0)
        return rc;
    job->out->offsets = offsets;
    job->out->values = kept.at;
    return 0;
}

pfs_cast_kernel *pfs_cast_print_kernel(enum pfs_kind from, enum pfs_kind to)
{
    /* Text of every kind; bytes of what is bytes already. */
    bool bytes = pfs_kind_is_text(from) || from == PFS_BINARY || from == PFS_VARBINARY;

    if (pfs_kind_is_text(to))
        return printers[from] != NULL ? print : NULL;
    return (to == PFS_BINARY || to == PFS_VARBINARY) && bytes ? print : NULL;
}
