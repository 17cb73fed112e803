/* out_ints.c - integers in runs (ints.c says how they look): many of one value, steps of one length, steps of one
 * direction, or as they are. Widths are those that end at bytes, or divide one: they are packed fast, and what they
 * waste is zeros, which compress. */
#include <assert.h>

#include "format/orc/out.h"

#define SHORT_MAX 10  /* values of a short repeat */
#define REPEAT_MIN 8  /* equal values among others that are worth a run of their own */
#define STEP_BITS 62  /* differences of values so wide cannot overflow */
#define HEAD_BYTES 22 /* of a run: header and two varints */

static inline uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

/* The narrowest width that we write, and its code. */
static int width_for(uint64_t bits)
{
    int width = bits == 0 ? 1 : 64 - __builtin_clzll(bits);

    return width <= 2 ? width : width <= 4 ? 4 : (width + 7) / 8 * 8;
}

static uint8_t code_of(int width)
{
    assert(width >= 1 && width <= 64);
    return (uint8_t)(width <= 24 ? width - 1 : width <= 32 ? 27 : 28 + (width - 40) / 8);
}

/* ---- packing: big-endian, first value first ---- */

static size_t pack_bits(const uint64_t *in, int width, int32_t n, uint8_t *out)
{
    size_t len = ((size_t)n * (size_t)width + 7) / 8;
    int per_byte = 8 / width;

    assert(width == 1 || width == 2 || width == 4); /* no value goes over the end of a byte */
    memset(out, 0, len);
    for (int32_t i = 0; i < n; i++)
        out[i / per_byte] |= (uint8_t)(in[i] << (8 - width - i % per_byte * width));
    return len;
}

#define PACK(bytes)                                               \
    case bytes:                                                   \
        for (int32_t i = 0; i < n; i++, out += (bytes))           \
            for (int b = 0; b < (bytes); b++)                     \
                out[b] = (uint8_t)(in[i] >> 8 * ((bytes)-1 - b)); \
        break;

static size_t pack(const uint64_t *in, int width, int32_t n, uint8_t *out)
{
    assert(width < 8 || width % 8 == 0);
    if (width < 8)
        return pack_bits(in, width, n, out);
    switch (width / 8) {
        PACK(1)
        PACK(2)
        PACK(3)
        PACK(4)
        PACK(5)
        PACK(6)
        PACK(7)
        PACK(8)
    }
    return (size_t)n * (size_t)(width / 8);
}

static size_t put_varint(uint8_t *to, uint64_t v)
{
    size_t len = 0;

    for (; v >= 128; v >>= 7)
        to[len++] = (uint8_t)(v | 128);
    to[len++] = (uint8_t)v;
    return len;
}

/* ---- runs ---- */

/* Of the kinds but short repeat: the number of values is one less, in nine bits. */
static size_t put_head(uint8_t *to, int kind, uint8_t code, int32_t n)
{
    assert(n >= 1);
    assert(n <= PFS_ORC_OUT_RUN);
    assert(code <= 31);
    to[0] = (uint8_t)(kind << 6 | code << 1 | (n - 1) >> 8);
    to[1] = (uint8_t)(n - 1);
    return 2;
}

/* In zigzag where the stream is signed; differences are in any case. */
static size_t put_first(const struct pfs_orc_out_ints *o, uint8_t *to, int64_t v)
{
    return put_varint(to, o->is_signed ? zigzag(v) : (uint64_t)v);
}

/* The same step between all. */
static void put_steps(struct pfs_orc_out_ints *o, int64_t first, int64_t step, int32_t n)
{
    uint8_t run[HEAD_BYTES];
    size_t len = put_head(run, 3, 0, n);

    len += put_first(o, run + len, first);
    len += put_varint(run + len, zigzag(step));
    assert(len <= sizeof(run));
    pfs_orc_out_put(&o->out, run, len);
}

/* Up to ten of one value take a header and its bytes; more of them are steps of 0. */
static void put_repeat(struct pfs_orc_out_ints *o, int64_t v, int32_t n)
{
    uint64_t stored = o->is_signed ? zigzag(v) : (uint64_t)v;
    int bytes = stored == 0 ? 1 : (71 - __builtin_clzll(stored)) / 8;
    uint8_t run[9];

    assert(n >= 3); /* the header has no smaller number */
    if (n > SHORT_MAX) {
        put_steps(o, v, 0, n);
        return;
    }
    run[0] = (uint8_t)((bytes - 1) << 3 | (n - 3));
    for (int b = 0; b < bytes; b++)
        run[1 + b] = (uint8_t)(stored >> 8 * (bytes - 1 - b));
    pfs_orc_out_put(&o->out, run, (size_t)bytes + 1);
}

static void put_direct(struct pfs_orc_out_ints *o, const uint64_t *stored, int width, int32_t n)
{
    uint8_t run[HEAD_BYTES + 8 * PFS_ORC_OUT_RUN];
    size_t len = put_head(run, 1, code_of(width), n);

    len += pack(stored, width, n, run + len);
    pfs_orc_out_put(&o->out, run, len);
}

/* Steps of one direction whose lengths are narrower than the values; false when they are not. Width 1 would mean that
 * all are the same. */
static bool try_steps(struct pfs_orc_out_ints *o, const int64_t *v, int width, int32_t n)
{
    uint64_t step[PFS_ORC_OUT_RUN], all = 0;
    int64_t first = v[1] - v[0], sign = first < 0 ? -1 : 0, bad = 0, other = 0;
    uint8_t run[HEAD_BYTES + 8 * PFS_ORC_OUT_RUN];
    size_t len;
    int narrow;

    assert(n >= 3);
    assert(n <= PFS_ORC_OUT_RUN);
    for (int32_t i = 2; i < n; i++) {
        int64_t d = v[i] - v[i - 1], length = (d ^ sign) - sign;

        bad |= length;
        other |= d ^ first;
        step[i - 2] = (uint64_t)length;
        all |= (uint64_t)length;
    }
    if (other == 0) {
        put_steps(o, v[0], first, n);
        return true;
    }
    narrow = width_for(all | 2);
    if (bad < 0 || narrow >= width)
        return false;
    len = put_head(run, 3, code_of(narrow), n);
    len += put_first(o, run + len, v[0]);
    len += put_varint(run + len, zigzag(first));
    len += pack(step, narrow, n - 2, run + len);
    pfs_orc_out_put(&o->out, run, len);
    return true;
}

/* What is no repeat: as steps where that is narrower, else as it is. */
static void put_others(struct pfs_orc_out_ints *o, const int64_t *v, int32_t n)
{
    uint64_t stored[PFS_ORC_OUT_RUN], all = 0;
    int width;

    if (n == 0)
        return;
    for (int32_t i = 0; i < n; i++)
        all |= stored[i] = o->is_signed ? zigzag(v[i]) : (uint64_t)v[i];
    width = width_for(all);
    if (n < 3 || all >> STEP_BITS != 0 || !try_steps(o, v, width, n))
        put_direct(o, stored, width, n);
}

/* All that waits, cut where many of one value lie side by side. */
void pfs_orc_out_ints_flush(struct pfs_orc_out_ints *o)
{
    const int64_t *v = o->pending;
    int32_t from = 0, at = 0;

    while (at < o->len) {
        int32_t same = 1;

        while (at + same < o->len && v[at + same] == v[at])
            same++;
        if (same >= REPEAT_MIN || (same >= 3 && same == o->len)) {
            put_others(o, v + from, at - from);
            put_repeat(o, v[at], same);
            from = at + same;
        }
        at += same;
    }
    put_others(o, v + from, o->len - from);
    o->len = 0;
}

void pfs_orc_out_ints_put(struct pfs_orc_out_ints *o, const int64_t *values, int64_t n)
{
    while (n > 0) {
        int32_t room = PFS_ORC_OUT_RUN - o->len, piece = n < room ? (int32_t)n : room;

        memcpy(o->pending + o->len, values, (size_t)piece * sizeof(*values));
        o->len += piece;
        values += piece;
        n -= piece;
        if (o->len == PFS_ORC_OUT_RUN)
            pfs_orc_out_ints_flush(o);
    }
}

int pfs_orc_out_ints_position(const struct pfs_orc_out_ints *o, uint64_t *to)
{
    int n = pfs_orc_out_position(&o->out, to);

    assert(o->len == 0); /* flushed */
    to[n] = 0;
    return n + 1;
}
