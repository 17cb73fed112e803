#include "format/parquet/write_bits.h"

int pfs_pq_bit_width(uint32_t most)
{
    return most == 0 ? 0 : 32 - __builtin_clz(most);
}

static size_t run_length(const uint32_t *value, size_t count)
{
    size_t n = 1;

    while (n < count && value[n] == value[0])
        n++;
    return n;
}

static void put_rle(struct pfs_buf *out, uint32_t value, size_t count, int width)
{
    pfs_buf_uleb(out, (uint64_t)count << 1);
    for (int bits = 0; bits < width; bits += 8)
        pfs_buf_putc(out, (uint8_t)(value >> bits));
}

/* `count` is a multiple of 8, or what is left at the end: then zeros fill the last group. */
static void put_packed(struct pfs_buf *out, const uint32_t *value, size_t count, int width)
{
    size_t groups = (count + 7) / 8;
    uint64_t held = 0;
    int bits = 0;
    uint8_t *to;

    pfs_buf_uleb(out, (uint64_t)groups << 1 | 1);
    to = pfs_buf_reserve(out, groups * (size_t)width + 8);
    if (to == NULL)
        return;
    for (size_t i = 0; i < groups * 8; i++) {
        held |= (uint64_t)(i < count ? value[i] : 0) << bits;
        bits += width;
        while (bits >= 8) {
            *to++ = (uint8_t)held;
            held >>= 8;
            bits -= 8;
        }
    }
    out->len += groups * (size_t)width;
}

void pfs_pq_put_hybrid(struct pfs_buf *out, const uint32_t *value, size_t count, int width)
{
    size_t from = 0, at = 0; /* [from, at) waits to be packed; its length is a multiple of 8 when a run interrupts */

    while (at < count) {
        size_t run = run_length(value + at, count - at);
        size_t fill = (8 - (at - from) % 8) % 8; /* values of the run that complete a packed group */

        if (run < fill + 8) {
            at += run;
            continue;
        }
        at += fill;
        run -= fill;
        if (at > from)
            put_packed(out, value + from, at - from, width);
        put_rle(out, value[at], run, width);
        at += run;
        from = at;
    }
    if (at > from)
        put_packed(out, value + from, at - from, width);
}
