/* out.c - streams as they are written: chunks, and bytes and bits in run lengths.
 *
 *     chunk    le24: its bytes << 1 | 1 when they are not compressed; then the bytes
 *
 * A chunk ends when it is full or its stream ends, never with a row group: where a group begins is said by the chunk's
 * place and the bytes in it. A group does end a run, so that the third number, a place within a run, is always 0.
 *
 * Bytes wait in `pending` until there are many of them, then are cut into runs: three equal ones or more are a repeat,
 * what lies between is put as it is. An odd one or two at the end of a long repeat go with what follows.
 */
#include "format/orc/out.h"

#include <assert.h>

#define CHUNK_HEADER 3
#define REPEAT_MIN 3
#define REPEAT_MAX 130
#define LITERALS_MAX 128

/* ---- chunks ---- */

void pfs_orc_out_init(struct pfs_orc_out *out, const struct pfs_orc_sink *sink)
{
    *out = (struct pfs_orc_out){.sink = sink};
}

void pfs_orc_out_done(struct pfs_orc_out *out)
{
    pfs_buf_done(&out->chunk);
    pfs_buf_done(&out->packed);
}

void pfs_orc_out_clear(struct pfs_orc_out *out)
{
    pfs_buf_clear(&out->chunk);
    pfs_buf_clear(&out->packed);
}

/* The header's lowest bit tells a chunk that did not shrink and is stored as it is. */
static void end_chunk(struct pfs_orc_out *out)
{
    size_t head = out->packed.len, len;
    bool stored = false;

    _Static_assert(PFS_ORC_OUT_BLOCK_BYTES < (size_t)1 << 23, "the header has 23 bits for it");
    if (out->chunk.len == 0)
        return;
    assert(out->sink->codec != PFS_CODEC_NONE);
    assert(out->chunk.len <= PFS_ORC_OUT_BLOCK_BYTES);
    pfs_buf_put(&out->packed, "\0\0\0", CHUNK_HEADER);
    if (pfs_compress(out->sink->codec, out->sink->level, pfs_buf_slice(&out->chunk), &out->packed, NULL) < 0)
        out->packed.failed = true;
    if (!out->packed.failed && out->packed.len - head - CHUNK_HEADER >= out->chunk.len) {
        out->packed.len = head + CHUNK_HEADER;
        pfs_buf_put(&out->packed, out->chunk.at, out->chunk.len);
        stored = true;
    }
    if (!out->packed.failed) {
        len = (out->packed.len - head - CHUNK_HEADER) << 1 | stored;
        out->packed.at[head] = (uint8_t)len;
        out->packed.at[head + 1] = (uint8_t)(len >> 8);
        out->packed.at[head + 2] = (uint8_t)(len >> 16);
    }
    out->chunk.len = 0;
}

void pfs_orc_out_put(struct pfs_orc_out *out, const void *at, size_t len)
{
    const uint8_t *from = at;

    if (out->sink->codec == PFS_CODEC_NONE) {
        pfs_buf_put(&out->packed, from, len);
        return;
    }
    while (len > 0 && !out->chunk.failed) {
        size_t room = PFS_ORC_OUT_BLOCK_BYTES - out->chunk.len, piece = len < room ? len : room;

        pfs_buf_put(&out->chunk, from, piece);
        from += piece;
        len -= piece;
        if (out->chunk.len == PFS_ORC_OUT_BLOCK_BYTES)
            end_chunk(out);
    }
}

int pfs_orc_out_end(struct pfs_orc_out *out, struct pfs_err *err)
{
    PFS_TRY(pfs_buf_check(&out->chunk, err));
    end_chunk(out);
    return pfs_buf_check(&out->packed, err);
}

int pfs_orc_out_position(const struct pfs_orc_out *out, uint64_t *to)
{
    to[0] = out->packed.len;
    to[1] = out->chunk.len;
    return out->sink->codec == PFS_CODEC_NONE ? 1 : 2;
}

/* ---- bytes in run lengths ---- */

/* As they are, behind a byte that tells how many. */
static void put_literals(struct pfs_orc_out *out, const uint8_t *at, int32_t n)
{
    while (n > 0) {
        int32_t piece = n < LITERALS_MAX ? n : LITERALS_MAX;
        uint8_t head = (uint8_t)-piece;

        pfs_orc_out_put(out, &head, 1);
        pfs_orc_out_put(out, at, (size_t)piece);
        at += piece;
        n -= piece;
    }
}

/* The last one or two of many equal bytes may be too few for a run of their own: how many were put. */
static int32_t put_repeats(struct pfs_orc_out *out, uint8_t value, int32_t n)
{
    int32_t left = n;

    assert(n >= REPEAT_MIN);
    while (left >= REPEAT_MIN) {
        int32_t piece = left < REPEAT_MAX ? left : REPEAT_MAX;
        uint8_t run[2] = {(uint8_t)(piece - REPEAT_MIN), value};

        pfs_orc_out_put(out, run, 2);
        left -= piece;
    }
    return n - left;
}

void pfs_orc_out_octets_flush(struct pfs_orc_out_octets *o)
{
    int32_t from = 0, at = 0;

    assert(o->len <= PFS_ORC_OUT_OCTETS);
    while (at < o->len) {
        int32_t same = 1;

        while (at + same < o->len && o->pending[at + same] == o->pending[at])
            same++;
        if (same >= REPEAT_MIN) {
            put_literals(&o->out, o->pending + from, at - from);
            at += put_repeats(&o->out, o->pending[at], same);
            from = at;
        } else {
            at += same;
        }
    }
    put_literals(&o->out, o->pending + from, o->len - from);
    o->len = 0;
}

void pfs_orc_out_octets_put(struct pfs_orc_out_octets *o, const uint8_t *octets, int64_t n)
{
    while (n > 0) {
        int32_t room = PFS_ORC_OUT_OCTETS - o->len, piece = n < room ? (int32_t)n : room;

        memcpy(o->pending + o->len, octets, (size_t)piece);
        o->len += piece;
        octets += piece;
        n -= piece;
        if (o->len == PFS_ORC_OUT_OCTETS)
            pfs_orc_out_octets_flush(o);
    }
}

int pfs_orc_out_octets_position(const struct pfs_orc_out_octets *o, uint64_t *to)
{
    int n = pfs_orc_out_position(&o->out, to);

    assert(o->len == 0); /* flushed, or what waits would come behind the place that is told */
    to[n] = 0;
    return n + 1;
}

/* ---- bits: the first one is the highest of its byte ---- */

void pfs_orc_out_bools_put(struct pfs_orc_out_bools *b, const uint8_t *bools, int64_t n)
{
    assert(b->carried >= 0 && b->carried <= 7);
    for (int64_t i = 0; i < n; i++) {
        b->carry = (uint8_t)(b->carry << 1 | bools[i]);
        if (++b->carried == 8) {
            pfs_orc_out_octets_put(&b->octets, &b->carry, 1);
            b->carry = 0;
            b->carried = 0;
        }
    }
}

/* Most columns have no null in most batches: whole bytes of ones. */
void pfs_orc_out_bools_ones(struct pfs_orc_out_bools *b, int64_t n)
{
    static const uint8_t one = 1,
                         full[16] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

    for (; n > 0 && b->carried != 0; n--)
        pfs_orc_out_bools_put(b, &one, 1);
    for (; n >= 128; n -= 128)
        pfs_orc_out_octets_put(&b->octets, full, 16);
    for (; n > 0; n--)
        pfs_orc_out_bools_put(b, &one, 1);
}

void pfs_orc_out_bools_flush(struct pfs_orc_out_bools *b)
{
    pfs_orc_out_octets_flush(&b->octets);
}

int pfs_orc_out_bools_position(const struct pfs_orc_out_bools *b, uint64_t *to)
{
    int n = pfs_orc_out_octets_position(&b->octets, to);

    to[n] = (uint64_t)b->carried;
    return n + 1;
}

int pfs_orc_out_bools_end(struct pfs_orc_out_bools *b, struct pfs_err *err)
{
    static const uint8_t zero = 0;

    while (b->carried != 0)
        pfs_orc_out_bools_put(b, &zero, 1);
    pfs_orc_out_octets_flush(&b->octets);
    return pfs_orc_out_end(&b->octets.out, err);
}
