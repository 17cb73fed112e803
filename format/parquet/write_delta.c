/* write_delta.c - DELTA_BINARY_PACKED, outwards (transcode.c shows how it looks).
 *
 * Differences are taken and given in the width of the type: those of INT32 wrap in 32 bits, as readers add in 32. The
 * least one of a block is taken off all, so that none is below 0; a miniblock then needs as many bits as its greatest.
 * Miniblocks without values have width 0 and no bytes; one that is begun is full, with zeros behind.
 */
#include "format/parquet/write_delta.h"

#include <assert.h>
#include <string.h>

#define BLOCK 128
#define MINI 32 /* values that share a width */
#define MINIS (BLOCK / MINI)

/* 32 values of `width` bits, which are width * 4 bytes. Writes up to 8 bytes past. */
static uint8_t *pack(uint8_t *to, const uint64_t *value, int width)
{
    uint8_t *end = to + width * 4;
    uint64_t held = 0;
    int bits = 0;

    assert(width >= 1);
    assert(width <= 64);
    for (int i = 0; i < MINI; i++) {
        held |= value[i] << bits;
        if (bits + width >= 64) {
            int taken = 64 - bits;

            pfs_put_le64(to, held);
            to += 8;
            held = taken == 64 ? 0 : value[i] >> taken;
            bits = width - taken;
        } else {
            bits += width;
        }
    }
    pfs_put_le64(to, held);
    return end;
}

/* Differences of a block, of which `count` are there; the least of them is taken off all. */
static void put_block(struct pfs_buf *out, uint64_t *delta, size_t count, int32_t width)
{
    int64_t least = INT64_MAX;
    uint8_t *widths, *to;

    assert(count > 0);
    assert(count <= BLOCK);
    for (size_t i = 0; i < count; i++)
        least = (int64_t)delta[i] < least ? (int64_t)delta[i] : least;
    for (size_t i = 0; i < count; i++)
        delta[i] -= (uint64_t)least;
    if (width == 4) /* these wrap in 32 bits */
        for (size_t i = 0; i < count; i++)
            delta[i] = (uint32_t)delta[i];
    memset(delta + count, 0, (BLOCK - count) * sizeof(*delta));
    pfs_buf_zigzag(out, least);
    to = pfs_buf_reserve(out, MINIS + BLOCK * 8 + 8);
    if (to == NULL)
        return;
    widths = to;
    to += MINIS;
    for (size_t m = 0; m < MINIS; m++) {
        uint64_t all = 0;

        for (size_t i = 0; i < MINI; i++)
            all |= delta[m * MINI + i];
        widths[m] = all == 0 ? 0 : (uint8_t)(64 - __builtin_clzll(all));
        if (widths[m] > 0)
            to = pack(to, delta + m * MINI, widths[m]);
        else if (m * MINI >= count)
            break;
    }
    for (size_t m = (count + MINI - 1) / MINI; m < MINIS; m++)
        widths[m] = 0;
    out->len = (size_t)(to - out->at);
}

/* Signed, so that differences of INT32 do not depend on what lies above them. */
static uint64_t value_of(const uint8_t *plain, size_t i, int32_t width)
{
    return width == 8 ? pfs_le64(plain + i * 8) : (uint64_t)(int64_t)(int32_t)pfs_le32(plain + i * 4);
}

void pfs_pq_put_delta(struct pfs_buf *out, const uint8_t *plain, size_t count, int32_t width)
{
    uint64_t delta[BLOCK], last = count == 0 ? 0 : value_of(plain, 0, width);

    assert(width == 4 || width == 8);
    pfs_buf_uleb(out, BLOCK);
    pfs_buf_uleb(out, MINIS);
    pfs_buf_uleb(out, count);
    pfs_buf_zigzag(out, (int64_t)last);
    for (size_t at = 1; at < count; at += BLOCK) {
        size_t len = count - at < BLOCK ? count - at : BLOCK;

        if (width == 8)
            for (size_t i = 0; i < len; i++) {
                uint64_t v = pfs_le64(plain + (at + i) * 8);

                delta[i] = v - last;
                last = v;
            }
        else
            for (size_t i = 0; i < len; i++) {
                uint64_t v = value_of(plain, at + i, 4);

                delta[i] = (uint64_t)(int64_t)(int32_t)(uint32_t)(v - last);
                last = v;
            }
        put_block(out, delta, len, width);
    }
}
