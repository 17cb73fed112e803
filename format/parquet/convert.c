/* convert.c - kernels from physical types to the layouts of batches, and which of them a column takes.
 *
 * A kernel is a loop over one pair of types; nothing in it branches on a value. What would not fit is or-ed into one
 * flag and asked for once: a batch with such a value is refused as a whole, so that what was stored until then does not
 * matter. Kernels are chosen by the file's type, its annotation and the wanted type; a pair that is not listed is
 * refused with a sentence. What counts is that values mean the same: a wider integer or a coarser time is fine (times
 * are cut towards the past), another scale or a narrower floating point type is not.
 */
#include "format/parquet/convert.h"

#include <assert.h>

#include "format/parquet/bits.h"

#define MILLIS_A_DAY 86400000
#define NANOS_A_MILLI 1000000

/* The layouts are the same. `in` lies at any address, which is why all kernels load by memcpy. */
static bool copy(const uint8_t *in, int64_t n, int width_in, void *out)
{
    memcpy(out, in, (size_t)n * (size_t)width_in);
    return true;
}

/* Loops over one type each: `expr` makes `to` of `v`; the bits of `bad` say afterwards whether something was lost. */
#define KERNEL(name, from, to, expr, lost)                                                    \
    static bool name(const uint8_t *restrict in, int64_t n, int width_in, void *restrict out) \
    {                                                                                         \
        to *values = out;                                                                     \
        int bad = 0;                                                                          \
                                                                                              \
        (void)width_in;                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                     \
            from v;                                                                           \
                                                                                              \
            memcpy(&v, in + i * (int64_t)sizeof(v), sizeof(v));                               \
            values[i] = (to)(expr);                                                           \
            bad |= (lost);                                                                    \
        }                                                                                     \
        return bad == 0;                                                                      \
    }

/* Towards the past: C rounds towards 0, which is the future for times before 1970. */
static inline int64_t floor_div(int64_t v, int64_t by)
{
    return v / by - (v % by < 0);
}

/* The rest of floor_div. The product of the two could pass the least integer, where the remainder cannot. */
static inline int64_t floor_mod(int64_t v, int64_t by)
{
    int64_t rest = v % by;

    return rest < 0 ? rest + by : rest;
}

/* What overflows is told by `lost`; the product itself must only be defined. */
static inline int64_t wrap_mul(int64_t v, int64_t by)
{
    return (int64_t)((uint64_t)v * (uint64_t)by);
}

KERNEL(i32_to_i8, int32_t, int8_t, v, v != (int8_t)v)
KERNEL(i32_to_i16, int32_t, int16_t, v, v != (int16_t)v)
KERNEL(i32_to_i64, int32_t, int64_t, v, 0)
KERNEL(u32_to_i32, int32_t, int32_t, v, v < 0)
KERNEL(u32_to_i64, uint32_t, int64_t, v, 0)
KERNEL(u64_to_i64, int64_t, int64_t, v, v < 0)
KERNEL(f32_to_f64, float, double, v, 0)
KERNEL(i32_to_i128, int32_t, pfs_i128, v, 0)
KERNEL(i64_to_i128, int64_t, pfs_i128, v, 0)
KERNEL(micros_to_time, int64_t, int32_t, v / 1000, v < 0 || v / 1000 >= MILLIS_A_DAY)
KERNEL(nanos_to_time, int64_t, int32_t, v / 1000000, v < 0 || v / 1000000 >= MILLIS_A_DAY)
KERNEL(times_1000, int64_t, int64_t, wrap_mul(v, 1000), v > INT64_MAX / 1000 || v < INT64_MIN / 1000)
KERNEL(over_1000, int64_t, int64_t, floor_div(v, 1000), 0)
KERNEL(over_1000000, int64_t, int64_t, floor_div(v, 1000000), 0)

#define TIME96(millis, nanos) ((struct pfs_time96){(millis), (int32_t)(nanos), 0})
KERNEL(millis_to_time96, int64_t, struct pfs_time96, TIME96(v, 0), 0)
KERNEL(micros_to_time96, int64_t, struct pfs_time96, TIME96(floor_div(v, 1000), floor_mod(v, 1000) * 1000), 0)
KERNEL(nanos_to_time96, int64_t, struct pfs_time96, TIME96(floor_div(v, NANOS_A_MILLI), floor_mod(v, NANOS_A_MILLI)), 0)

/* INT96: nanoseconds of the day, then the Julian day. Days of 32 bits in milliseconds fit 64; so do they with
 * nanoseconds that are more than a day's, as some writers make. */
static inline struct pfs_time96 time96_of(const uint8_t *at)
{
    int64_t nanos = (int64_t)pfs_pq_load64(at);
    int64_t day = (int64_t)(int32_t)pfs_pq_load32(at + 8) - PFS_PQ_JULIAN_EPOCH;
    int64_t millis = floor_div(nanos, NANOS_A_MILLI);

    return TIME96(day * MILLIS_A_DAY + millis, floor_mod(nanos, NANOS_A_MILLI));
}

static bool int96_to_time96(const uint8_t *in, int64_t n, int width_in, void *out)
{
    struct pfs_time96 *values = out;

    for (int64_t i = 0; i < n; i++, in += width_in)
        values[i] = time96_of(in);
    return true;
}

static bool int96_to_millis(const uint8_t *in, int64_t n, int width_in, void *out)
{
    int64_t *values = out;

    for (int64_t i = 0; i < n; i++, in += width_in)
        values[i] = time96_of(in).millis;
    return true;
}

static bool int96_to_micros(const uint8_t *in, int64_t n, int width_in, void *out)
{
    int64_t *values = out;
    bool fits = true;

    for (int64_t i = 0; i < n; i++, in += width_in) {
        struct pfs_time96 t = time96_of(in);

        fits &= !__builtin_mul_overflow(t.millis, 1000, &values[i]) &&
                !__builtin_add_overflow(values[i], t.nanos / 1000, &values[i]);
    }
    return fits;
}

/* Big-endian two's complement of 1 to 8 bytes; 8 can be read. */
static inline int64_t be_short(const uint8_t *in, int bytes)
{
    assert(bytes >= 1 && bytes <= 8); /* else the shift is not defined */
    return (int64_t)pfs_be64(in) >> (64 - 8 * bytes);
}

/* Of 9 to 16 bytes: two overlapping words. */
static inline pfs_i128 be_long(const uint8_t *in, int bytes)
{
    assert(bytes >= 9 && bytes <= 16);
    return (pfs_i128)((pfs_u128)be_short(in, bytes - 8) << 64 | pfs_be64(in + bytes - 8));
}

/* Other widths go through pfs_decimal_from_be, which looks at the bytes that do not count. */
static bool be_to_i128(const uint8_t *in, int64_t n, int width_in, void *out)
{
    pfs_i128 *values = out;
    bool fits = true;

    if (width_in >= 1 && width_in <= 8)
        for (int64_t i = 0; i < n; i++)
            values[i] = be_short(in + i * width_in, width_in);
    else if (width_in >= 9 && width_in <= 16)
        for (int64_t i = 0; i < n; i++)
            values[i] = be_long(in + i * width_in, width_in);
    else
        for (int64_t i = 0; i < n; i++)
            fits &= pfs_decimal_from_be(pfs_slice_of(in + i * width_in, (size_t)width_in), &values[i]);
    return fits;
}

static bool be_to_i64(const uint8_t *in, int64_t n, int width_in, void *out)
{
    int64_t *values = out;
    bool fits = true;

    if (width_in >= 1 && width_in <= 8) {
        for (int64_t i = 0; i < n; i++)
            values[i] = be_short(in + i * width_in, width_in);
        return true;
    }
    for (int64_t i = 0; i < n; i++) {
        pfs_i128 wide = 0;

        fits &= be_to_i128(in + i * width_in, 1, width_in, &wide) && wide == (int64_t)wide;
        values[i] = (int64_t)wide;
    }
    return fits;
}

static void fixed(struct pfs_pq_plan *plan, pfs_pq_convert_fn *convert)
{
    plan->shape = PFS_PQ_SHAPE_FIXED;
    plan->convert = convert;
}

/* Without an annotation an integer is signed. An unsigned one needs the next wider type, or values that stay below its
 * half, which the kernel looks at. */
static pfs_pq_convert_fn *pick_integer(const struct pfs_pq_node *node, enum pfs_kind kind)
{
    bool is_signed = node->logical != PFS_PQ_LOGICAL_INTEGER || node->is_signed;

    if (node->logical != PFS_PQ_LOGICAL_NONE && node->logical != PFS_PQ_LOGICAL_INTEGER)
        return NULL;
    if (node->physical == PFS_PQ_INT64)
        return kind != PFS_BIGINT ? NULL : is_signed ? copy : u64_to_i64;
    if (node->physical != PFS_PQ_INT32)
        return NULL;
    switch ((int)kind) {
    case PFS_TINYINT:
        return i32_to_i8;
    case PFS_SMALLINT:
        return i32_to_i16;
    case PFS_INT:
        return is_signed ? copy : u32_to_i32;
    default:
        return is_signed ? i32_to_i64 : u32_to_i64;
    }
}

/* By unit of the file and precision that is wanted. */
static pfs_pq_convert_fn *pick_timestamp(const struct pfs_pq_node *node, int precision)
{
    static pfs_pq_convert_fn *const table[3][3] = {
        {copy, times_1000, millis_to_time96},
        {over_1000, copy, micros_to_time96},
        {over_1000000, over_1000, nanos_to_time96},
    };
    static pfs_pq_convert_fn *const int96[3] = {int96_to_millis, int96_to_micros, int96_to_time96};
    int wanted = precision <= 3 ? 0 : precision <= 6 ? 1 : 2;

    if (node->physical == PFS_PQ_INT96)
        return int96[wanted];
    if (node->physical != PFS_PQ_INT64 || node->logical != PFS_PQ_LOGICAL_TIMESTAMP || node->unit == 0)
        return NULL;
    assert(node->unit >= PFS_PQ_MILLIS);
    assert(node->unit <= PFS_PQ_NANOS); /* the footer takes no other */
    return table[node->unit - PFS_PQ_MILLIS][wanted];
}

/* A time of day lies in 32 bits as milliseconds; finer ones are cut. */
static pfs_pq_convert_fn *pick_time(const struct pfs_pq_node *node)
{
    if (node->logical != PFS_PQ_LOGICAL_TIME)
        return NULL;
    if (node->physical == PFS_PQ_INT32)
        return node->unit == PFS_PQ_MILLIS ? copy : NULL;
    if (node->physical != PFS_PQ_INT64)
        return NULL;
    return node->unit == PFS_PQ_MICROS ? micros_to_time : node->unit == PFS_PQ_NANOS ? nanos_to_time : NULL;
}

/* Precision may differ, as it only bounds the values; another scale would mean other numbers. */
static pfs_pq_convert_fn *pick_decimal(const struct pfs_pq_node *node, const struct pfs_type *type)
{
    bool wide = pfs_type_width(type) == 16;

    if (node->logical != PFS_PQ_LOGICAL_DECIMAL || node->scale != type->scale)
        return NULL;
    if (node->physical == PFS_PQ_INT32)
        return wide ? i32_to_i128 : i32_to_i64;
    if (node->physical == PFS_PQ_INT64)
        return wide ? i64_to_i128 : copy;
    if (node->physical == PFS_PQ_BYTE_ARRAY || node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY)
        return wide ? be_to_i128 : be_to_i64;
    return NULL;
}

static pfs_pq_convert_fn *pick_convert(const struct pfs_pq_node *node, const struct pfs_type *type)
{
    switch ((int)type->kind) {
    case PFS_TINYINT:
    case PFS_SMALLINT:
    case PFS_INT:
    case PFS_BIGINT:
        return pick_integer(node, type->kind);
    case PFS_FLOAT:
        return node->physical == PFS_PQ_FLOAT ? copy : NULL;
    case PFS_DOUBLE:
        return node->physical == PFS_PQ_DOUBLE ? copy : node->physical == PFS_PQ_FLOAT ? f32_to_f64 : NULL;
    case PFS_DECIMAL:
        return pick_decimal(node, type);
    case PFS_DATE:
        return node->physical == PFS_PQ_INT32 && node->logical == PFS_PQ_LOGICAL_DATE ? copy : NULL;
    case PFS_TIME:
        return pick_time(node);
    case PFS_TIMESTAMP:
    case PFS_TIMESTAMP_LTZ:
        return pick_timestamp(node, type->precision);
    default:
        return NULL;
    }
}

/* Bytes a plain value; 0 where each has its own length, and for booleans, which are bits. */
static int width_of(const struct pfs_pq_node *node)
{
    static const int widths[] = {[PFS_PQ_INT32] = 4, [PFS_PQ_INT64] = 8,  [PFS_PQ_INT96] = 12,
                                 [PFS_PQ_FLOAT] = 4, [PFS_PQ_DOUBLE] = 8, [PFS_PQ_FIXED_LEN_BYTE_ARRAY] = 0};

    assert(node->physical <= PFS_PQ_FIXED_LEN_BYTE_ARRAY);
    return node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY ? node->length : widths[node->physical];
}

/* The annotation UNKNOWN: whatever the type, no value is ever there. */
static bool nothing(const uint8_t *in, int64_t n, int width_in, void *out)
{
    (void)in;
    (void)width_in;
    (void)out;
    return n == 0;
}

static int refuse(const struct pfs_pq_node *node, const struct pfs_type *type, struct pfs_err *err)
{
    struct pfs_buf text = {0};
    int rc;

    pfs_type_print(type, &text);
    pfs_buf_putc(&text, 0);
    rc = pfs_fail(err, EIO, "%s (annotation %d, scale %d) in the file cannot be read as %s",
                  node->children > 0 ? "a group" : pfs_pq_physical_name(node->physical), node->logical, node->scale,
                  text.failed ? "what is wanted" : (const char *)text.at);
    pfs_buf_done(&text);
    return rc;
}

int pfs_pq_plan_pick(const struct pfs_pq_node *node, const struct pfs_type *type, struct pfs_pq_plan *out,
                     struct pfs_err *err)
{
    bool bytes = node->physical == PFS_PQ_BYTE_ARRAY || node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY;

    if (node->children > 0 || type->kind == PFS_VARIANT || pfs_kind_is_nested(type->kind))
        return refuse(node, type, err);
    if (node->physical == PFS_PQ_FIXED_LEN_BYTE_ARRAY && node->length <= 0)
        return pfs_fail(err, EIO, "values of %d bytes", node->length);
    *out = (struct pfs_pq_plan){.width_in = width_of(node), .width = pfs_type_width(type)};
    if (node->logical == PFS_PQ_LOGICAL_UNKNOWN) {
        fixed(out, nothing);
        if (pfs_kind_is_bytes(type->kind))
            out->shape = PFS_PQ_SHAPE_BYTES;
        else if (out->width_in == 0) /* booleans and strings: a value of any width is one too many */
            out->width_in = 1;
        return 0;
    }
    if (type->kind == PFS_BOOLEAN && node->physical == PFS_PQ_BOOLEAN) {
        out->shape = PFS_PQ_SHAPE_BITS;
        return 0;
    }
    if (pfs_kind_is_bytes(type->kind) && bytes && node->logical != PFS_PQ_LOGICAL_DECIMAL) {
        out->shape = PFS_PQ_SHAPE_BYTES;
        return 0;
    }
    fixed(out, pick_convert(node, type));
    if (out->convert != NULL && node->physical == PFS_PQ_BYTE_ARRAY)
        out->shape = PFS_PQ_SHAPE_DECIMAL;
    assert(out->convert == NULL || out->shape == PFS_PQ_SHAPE_DECIMAL || out->width_in > 0);
    if (out->convert != NULL)
        return 0;
    return refuse(node, type, err);
}
