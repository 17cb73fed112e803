/* ints.c - runs of integers.
 *
 *   version 1   byte >= 0: that + 3 values from a varint on, a signed byte apart; byte < 0: -byte varints
 *   version 2   the first two bits: short repeat, direct, patched base, delta
 *
 *     short repeat   00 www ccc | value of w + 1 bytes, big-endian, c + 3 times
 *     direct         01 wwwww n | n | values of width w, packed, first bit first; n has 9 bits, and is one less
 *     patched base   10 wwwww n | n | bbb ppppp | ggg lllll | base | values | patches: l of them, each a gap and high
 * bits delta          11 wwwww n | n | first value | first difference | further ones, of width w, without sign
 *
 * A run is decoded as a whole from bytes that lie there as a whole (stream.h); what it may take at most is asked for
 * before. Arithmetic is unsigned: values of a damaged run may be anything, but nothing is undefined.
 */
#include "format/orc/ints.h"

#include <assert.h>

#include "format/orc/bits.h"

#define RUN_BYTES_MAX (4 + 8 + 8 * PFS_ORC_RUN_MAX + 8 * 32) /* of version 2; version 1 has 1 + 10 * 128 at most */

void pfs_orc_ints_open(struct pfs_orc_ints *ints, const struct pfs_orc_source *source,
                       const struct pfs_orc_extent *extent, bool second, bool is_signed)
{
    pfs_orc_stream_open(&ints->stream, source, extent);
    ints->second = second;
    ints->is_signed = is_signed;
    ints->at = ints->len = 0;
}

void pfs_orc_ints_done(struct pfs_orc_ints *ints)
{
    pfs_orc_stream_done(&ints->stream);
}

static int64_t take_varint(struct pfs_cursor *c, bool is_signed)
{
    return is_signed ? pfs_take_zigzag(c) : (int64_t)pfs_take_uleb(c);
}

/* value, value + delta, ...: in unsigned arithmetic, as what a file says may go over the ends. */
static void fill_steps(uint64_t value, uint64_t delta, int32_t n, int64_t *out)
{
    assert(n > 0);
    assert(n <= PFS_ORC_RUN_MAX);
    for (int32_t i = 0; i < n; i++)
        out[i] = (int64_t)(value + (uint64_t)i * delta);
}

/* ---- version 1 ---- */

static int32_t first_run(struct pfs_cursor *c, bool is_signed, int64_t *out)
{
    uint8_t head = pfs_take_u8(c);
    int32_t n;

    if (head < 128) {
        int8_t delta = (int8_t)pfs_take_u8(c);

        n = head + 3;
        fill_steps((uint64_t)take_varint(c, is_signed), (uint64_t)(int64_t)delta, n, out);
        return n;
    }
    n = 256 - head;
    for (int32_t i = 0; i < n; i++)
        out[i] = take_varint(c, is_signed);
    return n;
}

/* ---- version 2 ---- */

static const uint8_t widths[32] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16,
                                   17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30, 32, 40, 48, 56, 64};

/* The narrowest of these widths that holds `bits`. */
static int width_for(int bits)
{
    int i = 0;

    assert(bits <= 64); /* or the table would end */
    while (widths[i] < bits)
        i++;
    return widths[i];
}

static uint64_t take_big(struct pfs_cursor *c, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v = v << 8 | pfs_take_u8(c);
    return v;
}

/* The bytes that are read past the end of the last value are the stream's slack. */
static bool take_packed(struct pfs_cursor *c, int width, int32_t n, uint64_t *out)
{
    struct pfs_slice in;

    if (!pfs_take(c, ((size_t)n * (size_t)width + 7) / 8, &in))
        return false;
    pfs_orc_unpack(in.at, width, n, out);
    return true;
}

static int32_t short_repeat(struct pfs_cursor *c, uint8_t head, bool is_signed, int64_t *out)
{
    int32_t n = (head & 7) + 3;
    int64_t value = (int64_t)take_big(c, (head >> 3 & 7) + 1);

    if (is_signed)
        pfs_orc_zigzag(&value, 1);
    fill_steps((uint64_t)value, 0, n, out);
    return n;
}

static int32_t direct(struct pfs_cursor *c, uint8_t head, bool is_signed, int64_t *out)
{
    int32_t n = ((head & 1) << 8 | pfs_take_u8(c)) + 1;

    if (!take_packed(c, widths[head >> 1 & 31], n, (uint64_t *)out))
        return -1;
    if (is_signed)
        pfs_orc_zigzag(out, n);
    return n;
}

/* Few values are much wider than the others: their high bits come apart, each with the distance from the one before. A
 * distance over 255 is given in steps of 255 without bits. */
static bool apply_patches(const uint64_t *patch, int32_t patches, int patch_width, int width, int32_t n, uint64_t *out)
{
    uint64_t mask = patch_width == 64 ? UINT64_MAX : ((uint64_t)1 << patch_width) - 1, at = 0;

    assert(patch_width > 0);
    assert(patches <= 31);
    for (int32_t i = 0; i < patches; i++) {
        uint64_t high = patch[i] & mask;

        at += patch_width == 64 ? 0 : patch[i] >> patch_width;
        if (at >= (uint64_t)n)
            return false;
        if (high != 0 && width < 64)
            out[at] |= high << width;
    }
    return true;
}

/* The base is in sign and magnitude, unlike all else; values are counted from it upwards. */
static int32_t patched_base(struct pfs_cursor *c, uint8_t head, int64_t *out)
{
    int32_t n = ((head & 1) << 8 | pfs_take_u8(c)) + 1;
    uint8_t third = pfs_take_u8(c), fourth = pfs_take_u8(c);
    int width = widths[head >> 1 & 31], base_bytes = (third >> 5) + 1, patch_width = widths[third & 31],
        patch_bits = patch_width + (fourth >> 5) + 1;
    int32_t patches = fourth & 31;
    uint64_t base = take_big(c, base_bytes), sign = (uint64_t)1 << (base_bytes * 8 - 1), patch[32];

    if (patch_bits > 64)
        return -1;
    if ((base & sign) != 0)
        base = 0 - (base & ~sign);
    if (!take_packed(c, width, n, (uint64_t *)out) || !take_packed(c, width_for(patch_bits), patches, patch) ||
        !apply_patches(patch, patches, patch_width, width, n, (uint64_t *)out))
        return -1;
    for (int32_t i = 0; i < n; i++)
        out[i] = (int64_t)((uint64_t)out[i] + base);
    return n;
}

/* Every value is the one before and a difference, all differences of one sign. */
static int32_t delta(struct pfs_cursor *c, uint8_t head, bool is_signed, int64_t *out)
{
    int code = head >> 1 & 31;
    int32_t n = ((head & 1) << 8 | pfs_take_u8(c)) + 1;
    uint64_t first = (uint64_t)take_varint(c, is_signed), value;
    int64_t step = pfs_take_zigzag(c);

    if (code == 0) {
        fill_steps(first, (uint64_t)step, n, out);
        return n;
    }
    out[0] = (int64_t)first;
    if (n == 1)
        return n;
    out[1] = (int64_t)(value = first + (uint64_t)step);
    if (!take_packed(c, widths[code], n - 2, (uint64_t *)out + 2))
        return -1;
    if (step < 0)
        for (int32_t i = 2; i < n; i++)
            out[i] = (int64_t)(value -= (uint64_t)out[i]);
    else
        for (int32_t i = 2; i < n; i++)
            out[i] = (int64_t)(value += (uint64_t)out[i]);
    return n;
}

static int32_t second_run(struct pfs_cursor *c, bool is_signed, int64_t *out)
{
    uint8_t head = pfs_take_u8(c);

    switch (head >> 6) {
    case 0:
        return short_repeat(c, head, is_signed, out);
    case 1:
        return direct(c, head, is_signed, out);
    case 2:
        return patched_base(c, head, out);
    }
    return delta(c, head, is_signed, out);
}

/* ---- one run after the other ---- */

/* Decodes the next run into `out`, which holds PFS_ORC_RUN_MAX: its values, or -errno. */
static int32_t next_run(struct pfs_orc_ints *ints, int64_t *out, struct pfs_err *err)
{
    struct pfs_cursor c;
    int32_t n;

    PFS_TRY(pfs_orc_stream_need(&ints->stream, RUN_BYTES_MAX, err));
    c = pfs_cursor_of(pfs_orc_stream_ahead(&ints->stream));
    if (c.in.len == 0)
        return pfs_fail(err, EIO, "a stream of integers ends early");
    n = ints->second ? second_run(&c, ints->is_signed, out) : first_run(&c, ints->is_signed, out);
    if (n < 0 || c.bad)
        return pfs_fail(err, EIO, "a damaged run of integers");
    assert(n > 0); /* else whoever asks for more would ask for ever */
    assert(n <= PFS_ORC_RUN_MAX);
    pfs_orc_stream_use_unchecked(&ints->stream, c.pos);
    return n;
}

int pfs_orc_ints_next(struct pfs_orc_ints *ints, int64_t *out, int64_t n, struct pfs_err *err)
{
    while (n > 0) {
        int32_t left = ints->len - ints->at;

        if (left > 0) {
            int32_t piece = left < n ? left : (int32_t)n;

            memcpy(out, ints->run + ints->at, (size_t)piece * sizeof(*out));
            ints->at += piece;
            out += piece;
            n -= piece;
        } else if (n >= PFS_ORC_RUN_MAX) {
            int32_t got = next_run(ints, out, err);

            PFS_TRY(got);
            out += got;
            n -= got;
        } else {
            ints->at = ints->len = 0;
            PFS_TRY(ints->len = next_run(ints, ints->run, err));
        }
    }
    return 0;
}

/* Runs have no length in bytes: what is passed over is decoded too. */
int pfs_orc_ints_skip(struct pfs_orc_ints *ints, int64_t n, struct pfs_err *err)
{
    while (n > 0) {
        int32_t left = ints->len - ints->at, piece = left < n ? left : (int32_t)n;

        ints->at += piece;
        n -= piece;
        if (n > 0) {
            ints->at = ints->len = 0;
            PFS_TRY(ints->len = next_run(ints, ints->run, err));
        }
    }
    return 0;
}

int pfs_orc_ints_seek(struct pfs_orc_ints *ints, const struct pfs_orc_group *group, size_t *at, struct pfs_err *err)
{
    assert(*at <= group->positions);
    ints->at = ints->len = 0;
    PFS_TRY(pfs_orc_stream_seek(&ints->stream, group, at, err));
    if (*at == group->positions)
        return pfs_fail(err, EIO, "a row index has %zu numbers", group->positions);
    if (group->position[*at] > PFS_ORC_RUN_MAX)
        return pfs_fail(err, EIO, "a row index points into a run of integers too far");
    return pfs_orc_ints_skip(ints, (int64_t)group->position[(*at)++], err);
}
