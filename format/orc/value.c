/* value.c - dense values, piece by piece: out of the streams as 64-bit integers, then into the batch's layout.
 *
 * Pieces of PIECE values lie on the stack between the two steps; where the layouts are the same a column's values go
 * straight to the batch. What does not fit is or-ed into a flag by the loops and refused behind them.
 *
 * Times are the difficult ones. Seconds count from 2015 on the wall of the writer, so that the same file means other
 * instants in other zones; those of kind INSTANT count in UTC. Nanoseconds drop their zeros. Writers cut the seconds of
 * times before 1970 towards 1970 and readers take that back, except in the one second where it cannot be told.
 */
#include "format/orc/value.h"

#include <assert.h>

#define PIECE 1024 /* values at once; the arrays lie on the stack */
#define DECIMAL_BYTES_MAX 19
#define NANOS 1000000000
#define BASE_INSTANT 1420070400 /* 2015-01-01 00:00:00 UTC: zero of the times of instants */

static int unfit(const struct pfs_orc_column *column, struct pfs_err *err)
{
    return pfs_fail(err, EIO, "a value does not fit into %d bytes", column->width);
}

/* ---- integers ---- */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floating point is copied as it lies in the file");

#define NARROW(name, type)                                   \
    static bool name(const int64_t *in, int64_t n, void *to) \
    {                                                        \
        type *out = to;                                      \
        int64_t bad = 0;                                     \
                                                             \
        for (int64_t i = 0; i < n; i++) {                    \
            out[i] = (type)in[i];                            \
            bad |= out[i] ^ in[i];                           \
        }                                                    \
        return bad == 0;                                     \
    }

NARROW(narrow1, int8_t)
NARROW(narrow2, int16_t)
NARROW(narrow4, int32_t)
NARROW(narrow8, int64_t)

typedef bool narrow_fn(const int64_t *in, int64_t n, void *out);

static narrow_fn *narrow_for(int width)
{
    return width == 1 ? narrow1 : width == 2 ? narrow2 : width == 4 ? narrow4 : narrow8;
}

/* Bytes are signed, whatever type they are wanted as. */
static int next_octets(struct pfs_orc_column *column, int64_t n, int64_t *out, struct pfs_err *err)
{
    uint8_t octet[PIECE];

    assert(n <= PIECE);
    PFS_TRY(pfs_orc_octets_next(&column->octets, octet, n, err));
    for (int64_t i = 0; i < n; i++)
        out[i] = (int8_t)octet[i];
    return 0;
}

/* Straight to the batch where the stream's form is the batch's. */
static int next_integers(struct pfs_orc_column *column, int64_t n, uint8_t *out, struct pfs_err *err)
{
    bool octets = column->shape == PFS_ORC_SHAPE_BYTE;
    int64_t value[PIECE];

    if (octets && column->width == 1)
        return pfs_orc_octets_next(&column->octets, out, n, err);
    if (!octets && column->width == 8)
        return pfs_orc_ints_next(&column->ints, (int64_t *)out, n, err);
    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t piece = n - at < PIECE ? n - at : PIECE;

        PFS_TRY(octets ? next_octets(column, piece, value, err) : pfs_orc_ints_next(&column->ints, value, piece, err));
        if (!narrow_for(column->width)(value, piece, out + at * column->width))
            return unfit(column, err);
    }
    return 0;
}

static int next_booleans(struct pfs_orc_column *column, int64_t n, uint8_t *out, struct pfs_err *err)
{
    uint8_t bits[PIECE / 8];

    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t piece = n - at < PIECE ? n - at : PIECE;

        PFS_TRY(pfs_orc_bools_next(&column->bools, bits, piece, err));
        pfs_orc_bits_expand(bits, piece, out + at);
    }
    return 0;
}

/* ---- floating point: IEEE, little-endian ---- */

static int next_reals(struct pfs_orc_column *column, int64_t n, void *out, struct pfs_err *err)
{
    float value[PIECE];
    double *to = out;

    assert(column->width == 8 || column->node->kind == PFS_ORC_FLOAT);
    if (column->width == 4 || column->node->kind == PFS_ORC_DOUBLE)
        return pfs_orc_stream_copy(&column->raw, out, (size_t)n * (size_t)column->width, err);
    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t piece = n - at < PIECE ? n - at : PIECE;

        PFS_TRY(pfs_orc_stream_copy(&column->raw, value, (size_t)piece * sizeof(*value), err));
        for (int64_t i = 0; i < piece; i++)
            to[at + i] = (double)value[i];
    }
    return 0;
}

/* ---- decimals: varints of any length, each with a scale of its own ---- */

/* One varint in zigzag; its bytes, 0 when it is cut or has over 128 bits. */
static size_t take_wide(const uint8_t *in, size_t len, pfs_i128 *out)
{
    size_t most = len < DECIMAL_BYTES_MAX ? len : DECIMAL_BYTES_MAX;
    pfs_u128 value = 0;

    for (size_t i = 0; i < most; i++) {
        if (i == DECIMAL_BYTES_MAX - 1 && in[i] > 3) /* two bits are left of the 128 */
            return 0;
        value |= (pfs_u128)(in[i] & 127) << (7 * i);
        if (in[i] < 128) {
            *out = (pfs_i128)(value >> 1 ^ (0 - (value & 1)));
            return i + 1;
        }
    }
    return 0;
}

static int next_wides(struct pfs_orc_column *column, int64_t n, pfs_i128 *out, struct pfs_err *err)
{
    struct pfs_slice ahead;
    size_t used = 0;

    assert(n > 0 && n <= PIECE);
    PFS_TRY(pfs_orc_stream_need(&column->raw, (size_t)n * DECIMAL_BYTES_MAX, err));
    ahead = pfs_orc_stream_ahead(&column->raw);
    for (int64_t i = 0; i < n; i++) {
        size_t len = take_wide(ahead.at + used, ahead.len - used, &out[i]);

        if (len == 0)
            return pfs_fail(err, EIO, "a stream of decimals ends early or is damaged");
        used += len;
    }
    assert(used <= ahead.len);
    pfs_orc_stream_use_unchecked(&column->raw, used);
    return 0;
}

/* Writers drop zeros at the end, so that most values of a column may have a smaller scale than its own. */
static bool rescale(pfs_i128 *value, const int64_t *scale, int64_t n, int to)
{
    for (int64_t i = 0; i < n; i++) {
        if (scale[i] == to)
            continue;
        if (scale[i] < 0 || scale[i] > PFS_DECIMAL_DIGITS ||
            !pfs_decimal_rescale(value[i], (int)scale[i], to, &value[i]))
            return false;
    }
    return true;
}

/* A narrow layout holds what its precision does, and no more. */
static bool all_fit(const pfs_i128 *value, int64_t n, int precision)
{
    pfs_i128 end = pfs_decimal_power(precision);
    bool bad = false;

    for (int64_t i = 0; i < n; i++)
        bad |= value[i] >= end || value[i] <= -end;
    return !bad;
}

static int next_decimals(struct pfs_orc_column *column, int64_t n, void *out, struct pfs_err *err)
{
    pfs_i128 value[PIECE];
    int64_t scale[PIECE];

    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t piece = n - at < PIECE ? n - at : PIECE;

        PFS_TRY(next_wides(column, piece, value, err));
        PFS_TRY(pfs_orc_ints_next(&column->second, scale, piece, err));
        if (!rescale(value, scale, piece, column->type->scale) || !all_fit(value, piece, column->type->precision))
            return pfs_fail(err, EIO, "a value does not fit into DECIMAL(%d, %d)", column->type->precision,
                            column->type->scale);
        if (column->width == 16)
            memcpy((pfs_i128 *)out + at, value, (size_t)piece * sizeof(*value));
        else
            for (int64_t i = 0; i < piece; i++)
                ((int64_t *)out)[at + i] = (int64_t)value[i];
    }
    return 0;
}

/* ---- times: seconds since 2015 on the writer's wall, and nanoseconds with their zeros counted ---- */

/* A writer that cut times before 1970 towards 1970 may hold the rest as a number below 0. */
static bool unpack_nanos(int64_t *nanos, int64_t n)
{
    static const int64_t powers[8] = {1, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    bool bad = false;

    for (int64_t i = 0; i < n; i++) {
        int64_t digits = nanos[i] >> 3, whole = (int64_t)(int32_t)digits * powers[nanos[i] & 7];

        bad |= digits <= -NANOS || digits >= NANOS || whole <= -NANOS || whole >= NANOS;
        nanos[i] = whole;
    }
    return !bad;
}

/* Seconds of the file to seconds on the wall. Writers cut the seconds of times before 1970 towards 1970, so one is
 * taken off again where there is a fraction; below a millisecond they see none. (In the last second before 1970 it
 * cannot be told: such a time reads one second late, in Java as here.) False when the result is beyond `most`. */
static bool to_wall(int64_t *seconds, int64_t *nanos, int64_t n, int64_t base, const struct pfs_orc_zone *zone,
                    int64_t most)
{
    bool bad = false;

    for (int64_t i = 0; i < n; i++) {
        int64_t at;

        bad |= __builtin_add_overflow(seconds[i], base, &at);
        bad |= at > most || at < -most;
        at = bad ? 0 : at;
        seconds[i] = at - (at < 0 && nanos[i] > 999999) - (nanos[i] < 0);
        nanos[i] += nanos[i] < 0 ? NANOS : 0;
    }
    if (zone->changes == 0)
        for (int64_t i = 0; i < n; i++)
            seconds[i] += zone->offset;
    else
        for (int64_t i = 0; i < n; i++)
            seconds[i] += pfs_orc_zone_offset(zone, seconds[i]);
    return !bad;
}

/* Nanoseconds are 0 or more here: to_wall took one off the seconds where they were not. */
static void put_millis(const int64_t *seconds, const int64_t *nanos, int64_t n, void *to)
{
    int64_t *out = to;

    for (int64_t i = 0; i < n; i++)
        out[i] = seconds[i] * 1000 + nanos[i] / 1000000;
}

static void put_micros(const int64_t *seconds, const int64_t *nanos, int64_t n, void *to)
{
    int64_t *out = to;

    for (int64_t i = 0; i < n; i++)
        out[i] = seconds[i] * 1000000 + nanos[i] / 1000;
}

static void put_time96(const int64_t *seconds, const int64_t *nanos, int64_t n, void *to)
{
    struct pfs_time96 *out = to;

    for (int64_t i = 0; i < n; i++)
        out[i] = (struct pfs_time96){seconds[i] * 1000 + nanos[i] / 1000000, (int32_t)(nanos[i] % 1000000), 0};
}

static int next_times(struct pfs_orc_column *column, int64_t n, uint8_t *out, struct pfs_err *err)
{
    int precision = column->type->precision;
    int64_t base = column->node->kind == PFS_ORC_TIMESTAMP_INSTANT ? BASE_INSTANT : column->zone.base,
            most = INT64_MAX / (precision > 3 && precision <= 6 ? 1000000 : 1000) - ((int64_t)1 << 20);
    int64_t seconds[PIECE], nanos[PIECE];

    assert(column->width == (precision > 6 ? 16 : 8));
    for (int64_t at = 0; at < n; at += PIECE) {
        int64_t piece = n - at < PIECE ? n - at : PIECE;

        PFS_TRY(pfs_orc_ints_next(&column->ints, seconds, piece, err));
        PFS_TRY(pfs_orc_ints_next(&column->second, nanos, piece, err));
        if (!unpack_nanos(nanos, piece) || !to_wall(seconds, nanos, piece, base, &column->zone, most))
            return pfs_fail(err, EIO, "a time out of range");
        (precision <= 3   ? put_millis
         : precision <= 6 ? put_micros
                          : put_time96)(seconds, nanos, piece, out + at * column->width);
    }
    return 0;
}

int pfs_orc_value_next(struct pfs_orc_column *column, int64_t n, void *out, struct pfs_err *err)
{
    switch (column->shape) {
    case PFS_ORC_SHAPE_BOOLEAN:
        return next_booleans(column, n, out, err);
    case PFS_ORC_SHAPE_BYTE:
    case PFS_ORC_SHAPE_INTEGER:
        return next_integers(column, n, out, err);
    case PFS_ORC_SHAPE_REAL:
        return next_reals(column, n, out, err);
    case PFS_ORC_SHAPE_DECIMAL:
        return next_decimals(column, n, out, err);
    case PFS_ORC_SHAPE_TIME:
        return next_times(column, n, out, err);
    case PFS_ORC_SHAPE_ABSENT:
    case PFS_ORC_SHAPE_TEXT:
    case PFS_ORC_SHAPE_LIST:
    case PFS_ORC_SHAPE_ROW:
        break;
    }
    return pfs_fail(err, EINVAL, "no values of fixed width");
}
