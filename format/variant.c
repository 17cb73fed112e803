/* variant.c - the open variant encoding, read and printed as JSON in one walk.
 *
 *   metadata   header: version 1, width of offsets | keys | an offset each and the end | their texts
 *   value      header byte: kind in its low two bits
 *     0        primitive: type in the upper six, then its bytes
 *     1        string of up to 63 bytes: length in the upper six
 *     2, 3     object, array: count | ids of keys (object) | an offset each and the end | the values
 *
 * Offsets may name any byte, and the same one several times: what keeps a small value from becoming endless text is the
 * buffer's ceiling, which is looked at before each value. */
#include "format/variant.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/datetime.h"
#include "base/decimal.h"
#include "base/limits.h"
#include "base/number.h"

struct variant {
    struct pfs_slice metadata;
    int64_t keys;
    size_t width; /* of an offset in the metadata */
    size_t texts; /* where the key texts begin in it */
    struct pfs_buf *out;
    struct pfs_err *err;
};

static int damaged(const struct variant *v, const char *what)
{
    return pfs_fail(v->err, EIO, "a variant is damaged: %s", what);
}

/* Little-endian, 1 to 4 bytes. */
static uint32_t small(const uint8_t *at, size_t width)
{
    uint32_t n = 0;

    assert(width >= 1 && width <= 4);
    for (size_t i = 0; i < width; i++)
        n |= (uint32_t)at[i] << 8 * i;
    return n;
}

static int open_metadata(struct variant *v, struct pfs_slice metadata)
{
    v->metadata = metadata;
    if (metadata.len < 1 || (metadata.at[0] & 15) != 1)
        return damaged(v, "its metadata is of no known version");
    v->width = (size_t)(metadata.at[0] >> 6) + 1;
    if (metadata.len < 1 + v->width)
        return damaged(v, "its metadata is cut");
    v->keys = small(metadata.at + 1, v->width);
    if ((uint64_t)v->keys + 2 > (metadata.len - 1) / v->width)
        return damaged(v, "its metadata has more keys than bytes");
    v->texts = 1 + ((size_t)v->keys + 2) * v->width;
    assert(v->texts <= metadata.len);
    return 0;
}

/* Offsets of keys need not ascend over all of them, only each with its next one: a key's text lies between the two. */
static int key_of(const struct variant *v, uint32_t id, struct pfs_slice *out)
{
    const uint8_t *offset = v->metadata.at + 1 + v->width;
    size_t room = v->metadata.len - v->texts, from, to;

    if (id >= v->keys)
        return damaged(v, "a key that its metadata has not");
    from = small(offset + id * v->width, v->width);
    to = small(offset + (id + 1) * v->width, v->width);
    if (from > to || to > room)
        return damaged(v, "a key beyond its metadata");
    *out = pfs_slice_of(v->metadata.at + v->texts + from, to - from);
    return 0;
}

/* ---- text ---- */

/* Short escapes where JSON has them, \u00xx for the other control characters, the rest as it is. */
static void put_string(struct pfs_slice text, struct pfs_buf *out)
{
    static const char shorts[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

    pfs_buf_putc(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];

        if (c == '"' || c == '\\')
            pfs_buf_putc(out, '\\');
        if (c >= ' ')
            pfs_buf_putc(out, c);
        else if (c < sizeof(shorts) && shorts[c] != 0)
            pfs_buf_printf(out, "\\%c", shorts[c]);
        else
            pfs_buf_printf(out, "\\u%04x", c);
    }
    pfs_buf_putc(out, '"');
}

static void put_real(bool finite, const char *text, size_t len, struct pfs_buf *out)
{
    if (finite)
        pfs_buf_put(out, text, len);
    else
        put_string(pfs_slice_of(text, len), out);
}

static void put_decimal(pfs_i128 unscaled, int scale, struct pfs_buf *out)
{
    char text[PFS_DECIMAL_TEXT];

    assert(scale >= 0 && scale <= PFS_DECIMAL_DIGITS);
    while (scale > 0 && unscaled % 10 == 0) { /* 1.50 is told as 1.5 */
        unscaled /= 10;
        scale--;
    }
    pfs_buf_put(out, text, pfs_decimal_print(unscaled, scale, text));
}

static void put_time(int64_t micros, bool zone, struct pfs_buf *out)
{
    char text[48]; /* of a timestamp at most 40, and Z */
    int64_t millis = micros / 1000, rest = micros % 1000;
    size_t len;

    if (rest < 0) {
        rest += 1000;
        millis--;
    }
    len = pfs_timestamp_print(millis, (int32_t)rest * 1000, 6, text);
    if (zone)
        text[len++] = 'Z';
    put_string(pfs_slice_of(text, len), out);
}

static void put_binary(struct pfs_slice bytes, struct pfs_buf *out)
{
    uint8_t *to = pfs_buf_reserve(out, bytes.len / 3 * 4 + 8);

    if (to == NULL)
        return;
    to[0] = '"';
    out->len += 1 + pfs_base64_encode(bytes, (char *)to + 1);
    pfs_buf_putc(out, '"');
}

/* ---- values ---- */

/* Types of primitives, by their numbers in the encoding. Higher ones (times, nanoseconds, UUIDs) are refused. */
enum {
    NOTHING,
    TRUE_,
    FALSE_,
    INT8,
    INT16,
    INT32,
    INT64,
    DOUBLE,
    DECIMAL4,
    DECIMAL8,
    DECIMAL16,
    DATE,
    ZONED,
    LOCAL,
    FLOAT,
    BINARY,
    STRING,
    PRIMITIVES
};

static int64_t integer(const uint8_t *at, size_t width)
{
    assert(width == 1 || width == 2 || width == 4 || width == 8);
    switch (width) {
    case 1:
        return (int8_t)at[0];
    case 2:
        return (int16_t)small(at, 2);
    case 4:
        return (int32_t)small(at, 4);
    default:
        return (int64_t)pfs_le64(at);
    }
}

static void put_fixed(int type, const uint8_t *at, size_t width, struct pfs_buf *out)
{
    char text[PFS_NUMBER_TEXT];
    uint64_t bits;
    uint32_t half;
    double wide;
    float narrow;

    switch (type) {
    case NOTHING:
        pfs_buf_puts(out, "null");
        return;
    case TRUE_:
        pfs_buf_puts(out, "true");
        return;
    case FALSE_:
        pfs_buf_puts(out, "false");
        return;
    case DOUBLE:
        bits = pfs_le64(at);
        memcpy(&wide, &bits, sizeof(wide));
        put_real(isfinite(wide), text, pfs_f64_print_java(wide, text), out);
        return;
    case FLOAT:
        half = small(at, 4);
        memcpy(&narrow, &half, sizeof(narrow));
        put_real(isfinite(narrow), text, pfs_f32_print_java(narrow, text), out);
        return;
    case DECIMAL4:
    case DECIMAL8:
        put_decimal(integer(at + 1, width - 1), at[0], out);
        return;
    case DECIMAL16:
        put_decimal((pfs_i128)((unsigned __int128)pfs_le64(at + 9) << 64 | pfs_le64(at + 1)), at[0], out);
        return;
    case DATE:
        put_string(pfs_slice_of(text, pfs_date_print((int32_t)integer(at, 4), text)), out);
        return;
    case ZONED:
    case LOCAL:
        put_time(integer(at, 8), type == ZONED, out);
        return;
    default:
        pfs_buf_put(out, text, pfs_i64_print(integer(at, width), text));
    }
}

static int put_primitive(struct variant *v, int type, struct pfs_slice in)
{
    static const uint8_t widths[PRIMITIVES] = {
        [INT8] = 1,       [INT16] = 2, [INT32] = 4, [INT64] = 8, [DOUBLE] = 8, [DECIMAL4] = 5, [DECIMAL8] = 9,
        [DECIMAL16] = 17, [DATE] = 4,  [ZONED] = 8, [LOCAL] = 8, [FLOAT] = 4,  [BINARY] = 4,   [STRING] = 4};
    size_t len;

    if (type >= PRIMITIVES)
        return damaged(v, "a value of no known type");
    if (in.len < widths[type])
        return damaged(v, "a value is cut");
    if (type >= DECIMAL4 && type <= DECIMAL16 && in.at[0] > 38)
        return damaged(v, "a decimal with more than 38 decimals");
    if (type < BINARY) {
        put_fixed(type, in.at, widths[type], v->out);
        return 0;
    }
    len = small(in.at, 4);
    if (len > in.len - 4)
        return damaged(v, "a text is cut");
    if (type == STRING)
        put_string(pfs_slice_of(in.at + 4, len), v->out);
    else
        put_binary(pfs_slice_of(in.at + 4, len), v->out);
    return 0;
}

struct container {
    bool object;
    int64_t count;
    size_t id_width, offset_width;
    const uint8_t *id, *offset;
    struct pfs_slice values;
};

static int open_container(struct variant *v, struct pfs_slice in, struct container *c)
{
    int header = in.at[0] >> 2;
    bool large;
    size_t count_width, need;

    assert(in.len > 0);
    assert((in.at[0] & 3) >= 2);
    c->object = (in.at[0] & 3) == 2;
    c->offset_width = (size_t)(header & 3) + 1;
    c->id_width = c->object ? (size_t)(header >> 2 & 3) + 1 : 0;
    large = (header >> (c->object ? 4 : 2) & 1) != 0;
    count_width = large ? 4 : 1;
    if (in.len - 1 < count_width)
        return damaged(v, "a container is cut");
    c->count = small(in.at + 1, count_width);
    need = 1 + count_width + c->offset_width;
    if (need > in.len || (uint64_t)c->count > (in.len - need) / (c->id_width + c->offset_width))
        return damaged(v, "a container has more values than bytes");
    c->id = in.at + 1 + count_width;
    c->offset = c->id + (size_t)c->count * c->id_width;
    need += (size_t)c->count * (c->id_width + c->offset_width);
    assert(need <= in.len);
    c->values = pfs_slice_of(in.at + need, in.len - need);
    return 0;
}

static int put_any(struct variant *v, struct pfs_slice in, int depth);

/* Values end where they end: each is given all bytes from its offset on. */
static int put_container(struct variant *v, struct pfs_slice in, int depth)
{
    struct container c;

    PFS_TRY(open_container(v, in, &c));
    pfs_buf_putc(v->out, c.object ? '{' : '[');
    for (int64_t i = 0; i < c.count; i++) {
        size_t from = small(c.offset + (size_t)i * c.offset_width, c.offset_width);

        if (i > 0)
            pfs_buf_putc(v->out, ',');
        if (c.object) {
            struct pfs_slice key;

            PFS_TRY(key_of(v, small(c.id + (size_t)i * c.id_width, c.id_width), &key));
            put_string(key, v->out);
            pfs_buf_putc(v->out, ':');
        }
        if (from > c.values.len)
            return damaged(v, "a value lies beyond its container");
        PFS_TRY(put_any(v, pfs_slice_of(c.values.at + from, c.values.len - from), depth + 1));
    }
    pfs_buf_putc(v->out, c.object ? '}' : ']');
    return 0;
}

static int put_any(struct variant *v, struct pfs_slice in, int depth)
{
    if (in.len == 0)
        return damaged(v, "a value is missing");
    if (depth > PFS_JSON_DEPTH_MAX)
        return damaged(v, "it is nested too deep");
    PFS_TRY(pfs_buf_check(v->out, v->err)); /* values may share bytes: what comes out is bounded, not what goes in */
    switch (in.at[0] & 3) {
    case 0:
        return put_primitive(v, in.at[0] >> 2, pfs_slice_of(in.at + 1, in.len - 1));
    case 1:
        if ((size_t)(in.at[0] >> 2) > in.len - 1)
            return damaged(v, "a text is cut");
        put_string(pfs_slice_of(in.at + 1, in.at[0] >> 2), v->out);
        return 0;
    default:
        return put_container(v, in, depth);
    }
}

int pfs_variant_print(struct pfs_slice memory, struct pfs_buf *out, struct pfs_err *err)
{
    struct variant v = {.out = out, .err = err};
    size_t len;

    if (memory.len < 4 || (len = pfs_le32(memory.at)) > memory.len - 4)
        return damaged(&v, "it is cut");
    PFS_TRY(open_metadata(&v, pfs_slice_of(memory.at + 4 + len, memory.len - 4 - len)));
    return put_any(&v, pfs_slice_of(memory.at + 4, len), 0);
}
