/* write_bits.c - the hybrid of runs and packed groups, outwards (bits.c shows how it looks).
 *
 * A packed run has whole groups of 8, so that a repeated one may only begin where a group does: values are looked at
 * eight at a time. Eight equal ones become a run, which then goes on one by one; what lies between runs waits and is
 * packed together, under one header.
 */
#include "format/parquet/write_bits.h"

#include <assert.h>

int pfs_pq_bit_width(uint32_t most)
{
    return most == 0 ? 0 : 32 - __builtin_clz(most);
}

void pfs_pq_put_run(struct pfs_buf *out, uint32_t value, size_t count, int width)
{
    assert(count > 0);
    assert(width == 32 || value >> width == 0);
    pfs_buf_uleb(out, (uint64_t)count << 1);
    for (int bits = 0; bits < width; bits += 8)
        pfs_buf_putc(out, (uint8_t)(value >> bits));
}

/* Whole groups of up to 8 bits a value: each group is as many bytes as a value has bits. Writes up to 7 bytes past. */
#define PACK_NARROW(name, type)                                                \
    static void name(uint8_t *to, const type *value, size_t groups, int width) \
    {                                                                          \
        for (size_t g = 0; g < groups; g++, value += 8, to += width) {         \
            uint64_t held = 0;                                                 \
                                                                               \
            for (int i = 0; i < 8; i++)                                        \
                held |= (uint64_t)value[i] << (i * width);                     \
            pfs_put_le64(to, held);                                            \
        }                                                                      \
    }

PACK_NARROW(pack_narrow_indexes, uint32_t)
PACK_NARROW(pack_narrow_levels, uint8_t)

/* One loop each for indexes and for levels. pack: `count` is a multiple of 8, or what is left at the end: then zeros
 * fill the last group. same: are the next 8 equal? */
#define HYBRID(type, pack, narrow, same, run_of, name)                                \
    static void pack(struct pfs_buf *out, const type *value, size_t count, int width) \
    {                                                                                 \
        size_t groups = (count + 7) / 8;                                              \
        uint64_t held = 0;                                                            \
        int bits = 0;                                                                 \
        uint8_t *to;                                                                  \
                                                                                      \
        pfs_buf_uleb(out, (uint64_t)groups << 1 | 1);                                 \
        to = pfs_buf_reserve(out, groups * (size_t)width + 8);                        \
        if (to == NULL)                                                               \
            return;                                                                   \
        out->len += groups * (size_t)width;                                           \
        if (width <= 8) {                                                             \
            narrow(to, value, count / 8, width);                                      \
            to += count / 8 * (size_t)width;                                          \
            value += count / 8 * 8;                                                   \
            count %= 8;                                                               \
        }                                                                             \
        for (size_t i = 0; i < count; i++) {                                          \
            held |= (uint64_t)value[i] << bits;                                       \
            bits += width;                                                            \
            if (bits >= 32) {                                                         \
                pfs_put_le32(to, (uint32_t)held);                                     \
                to += 4;                                                              \
                held >>= 32;                                                          \
                bits -= 32;                                                           \
            }                                                                         \
        }                                                                             \
        for (uint8_t *end = out->at + out->len; to < end; held >>= 8)                 \
            *to++ = (uint8_t)held;                                                    \
    }                                                                                 \
                                                                                      \
    static bool same(const type *v)                                                   \
    {                                                                                 \
        type differ = 0;                                                              \
                                                                                      \
        for (int i = 1; i < 8; i++)                                                   \
            differ = (type)(differ | (v[i] ^ v[0]));                                  \
        return differ == 0;                                                           \
    }                                                                                 \
                                                                                      \
    static size_t run_of(const type *value, size_t count)                             \
    {                                                                                 \
        size_t n = 8;                                                                 \
                                                                                      \
        while (n < count && value[n] == value[0])                                     \
            n++;                                                                      \
        return n;                                                                     \
    }                                                                                 \
                                                                                      \
    void name(struct pfs_buf *out, const type *value, size_t count, int width)        \
    {                                                                                 \
        size_t from = 0, at = 0; /* [from, at) waits to be packed: whole groups */    \
                                                                                      \
        while (count - at >= 8) {                                                     \
            size_t run;                                                               \
                                                                                      \
            if (!same(value + at)) {                                                  \
                at += 8;                                                              \
                continue;                                                             \
            }                                                                         \
            run = run_of(value + at, count - at);                                     \
            if (at > from)                                                            \
                pack(out, value + from, at - from, width);                            \
            pfs_pq_put_run(out, value[at], run, width);                               \
            at += run;                                                                \
            from = at;                                                                \
        }                                                                             \
        if (count > from)                                                             \
            pack(out, value + from, count - from, width);                             \
    }

HYBRID(uint32_t, pack_indexes, pack_narrow_indexes, same_indexes, run_of_indexes, pfs_pq_put_hybrid)
HYBRID(uint8_t, pack_levels, pack_narrow_levels, same_levels, run_of_levels, pfs_pq_put_levels)
