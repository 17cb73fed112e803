/* octets.c - bytes in run lengths, and bits out of them.
 *
 * Bits are asked for in any number, while bytes come whole: up to seven bits are left over and carried to the next
 * call. A row index points to a bit by a run of bytes, a byte in it and a bit in that.
 */
#include "format/orc/octets.h"

#include <assert.h>

#include "format/orc/bits.h"

#define RUN_MAX 130 /* bytes that a run stands for */

void pfs_orc_octets_open(struct pfs_orc_octets *octets, const struct pfs_orc_source *source,
                         const struct pfs_orc_extent *extent)
{
    pfs_orc_stream_open(&octets->stream, source, extent);
    octets->left = 0;
}

void pfs_orc_octets_done(struct pfs_orc_octets *octets)
{
    pfs_orc_stream_done(&octets->stream);
}

/* A run of equal bytes is used up here, one of others byte by byte as they are taken. */
static int next_run(struct pfs_orc_octets *octets, struct pfs_err *err)
{
    struct pfs_slice ahead;

    PFS_TRY(pfs_orc_stream_need(&octets->stream, 2, err));
    ahead = pfs_orc_stream_ahead(&octets->stream);
    if (ahead.len < 2)
        return pfs_fail(err, EIO, "a stream of bytes ends early");
    octets->repeat = ahead.at[0] < 128;
    octets->left = octets->repeat ? ahead.at[0] + 3 : 256 - ahead.at[0];
    octets->value = ahead.at[1];
    assert(octets->left > 0 && octets->left <= RUN_MAX);
    pfs_orc_stream_use_unchecked(&octets->stream, octets->repeat ? 2 : 1);
    return 0;
}

int pfs_orc_octets_next(struct pfs_orc_octets *octets, uint8_t *out, int64_t n, struct pfs_err *err)
{
    while (n > 0) {
        int32_t piece;

        if (octets->left == 0)
            PFS_TRY(next_run(octets, err));
        piece = octets->left < n ? octets->left : (int32_t)n;
        if (octets->repeat)
            memset(out, octets->value, (size_t)piece);
        else
            PFS_TRY(pfs_orc_stream_copy(&octets->stream, out, (size_t)piece, err));
        octets->left -= piece;
        out += piece;
        n -= piece;
    }
    return 0;
}

int pfs_orc_octets_seek(struct pfs_orc_octets *octets, const struct pfs_orc_group *group, size_t *at,
                        struct pfs_err *err)
{
    uint8_t skipped[RUN_MAX];

    octets->left = 0;
    PFS_TRY(pfs_orc_stream_seek(&octets->stream, group, at, err));
    if (*at == group->positions)
        return pfs_fail(err, EIO, "a row index has %zu numbers", group->positions);
    if (group->position[*at] > RUN_MAX)
        return pfs_fail(err, EIO, "a row index points into a run of bytes too far");
    return pfs_orc_octets_next(octets, skipped, (int64_t)group->position[(*at)++], err);
}

void pfs_orc_bools_open(struct pfs_orc_bools *bools, const struct pfs_orc_source *source,
                        const struct pfs_orc_extent *extent)
{
    pfs_orc_octets_open(&bools->octets, source, extent);
    bools->carry = 0;
    bools->carried = 0;
}

void pfs_orc_bools_done(struct pfs_orc_bools *bools)
{
    pfs_orc_octets_done(&bools->octets);
}

int pfs_orc_bools_next(struct pfs_orc_bools *bools, uint8_t *out, int64_t n, struct pfs_err *err)
{
    int64_t bytes = n > bools->carried ? (n - bools->carried + 7) / 8 : 0, whole = (n + 7) / 8;
    unsigned carry = bools->carry;
    int carried = bools->carried;

    assert(n >= 0);
    assert(carried >= 0 && carried <= 7);
    assert(carry >> carried == 0);
    if (n == 0)
        return 0;
    PFS_TRY(pfs_orc_octets_next(&bools->octets, out, bytes, err));
    for (int64_t i = 0; i < bytes; i++) {
        unsigned bits = carry | (unsigned)pfs_orc_reverse_bits(out[i]) << carried;

        out[i] = (uint8_t)bits;
        carry = bits >> 8;
    }
    /* What was decoded is `bytes` bytes in out, then `carried` bits in carry; n may end in either. */
    if (bytes < whole) {
        int used = (int)(n - 8 * bytes);

        assert(used <= carried);
        out[bytes] = (uint8_t)(carry & ((1u << used) - 1));
        bools->carry = (uint8_t)(carry >> used);
        bools->carried = carried - used;
    } else {
        int over = (int)(8 * bytes - n);

        bools->carry = (uint8_t)((over > 0 ? (unsigned)out[bytes - 1] >> (8 - over) : 0) | carry << over);
        bools->carried = carried + over;
        assert(bools->carried <= 7);
        if (over > 0)
            out[bytes - 1] &= (uint8_t)((1u << (8 - over)) - 1);
    }
    return 0;
}

int pfs_orc_bools_seek(struct pfs_orc_bools *bools, const struct pfs_orc_group *group, size_t *at, struct pfs_err *err)
{
    uint8_t skipped[1];

    bools->carry = 0;
    bools->carried = 0;
    PFS_TRY(pfs_orc_octets_seek(&bools->octets, group, at, err));
    if (*at == group->positions)
        return pfs_fail(err, EIO, "a row index has %zu numbers", group->positions);
    if (group->position[*at] > 8)
        return pfs_fail(err, EIO, "a row index points to bit %llu of a byte", (unsigned long long)group->position[*at]);
    return pfs_orc_bools_next(bools, skipped, (int64_t)group->position[(*at)++], err);
}
