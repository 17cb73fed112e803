/* out.h - one stream as it is written: bytes, cut into chunks that are compressed as they fill. Private to the suite.
 *
 * Sticky as the buffers that it is made of: the first failure is asked for once, at the end. Threads: one stream, one
 * thread.
 */
#pragma once

#include "base/buf.h"
#include "format/compress.h"

#define PFS_ORC_OUT_BLOCK_BYTES ((size_t)256 << 10) /* of a chunk, before compression */

struct pfs_orc_sink { /* of all streams of a writer */
    enum pfs_codec codec;
    int level;
};

struct pfs_orc_out {
    const struct pfs_orc_sink *sink;
    struct pfs_buf chunk;  /* what is not compressed yet; unused without a codec */
    struct pfs_buf packed; /* for the file */
};

void pfs_orc_out_init(struct pfs_orc_out *out, const struct pfs_orc_sink *sink);
void pfs_orc_out_done(struct pfs_orc_out *out);
void pfs_orc_out_clear(struct pfs_orc_out *out);
void pfs_orc_out_put(struct pfs_orc_out *out, const void *at, size_t len);
/* Ends the last chunk. -ENOMEM, -EFBIG: something did not fit, now or before. */
int pfs_orc_out_end(struct pfs_orc_out *out, struct pfs_err *err);
/* Where the next byte goes, as a row index says it: 2 numbers, without a codec 1. How many. */
int pfs_orc_out_position(const struct pfs_orc_out *out, uint64_t *to);

static inline size_t pfs_orc_out_bytes(const struct pfs_orc_out *out)
{
    return out->chunk.len + out->packed.len;
}

/* ---- bytes in run lengths, and bits of them ---- */

#define PFS_ORC_OUT_OCTETS 1024

struct pfs_orc_out_octets {
    struct pfs_orc_out out;
    int32_t len;
    uint8_t pending[PFS_ORC_OUT_OCTETS];
};

void pfs_orc_out_octets_put(struct pfs_orc_out_octets *o, const uint8_t *octets, int64_t n);
/* Ends the run, so that the next byte begins one. */
void pfs_orc_out_octets_flush(struct pfs_orc_out_octets *o);
/* After flush. */
int pfs_orc_out_octets_position(const struct pfs_orc_out_octets *o, uint64_t *to);

struct pfs_orc_out_bools {
    struct pfs_orc_out_octets octets;
    uint8_t carry; /* the bits of a byte that is not full, from its last place on */
    int carried;   /* 0..7 */
};

/* n bytes of 0 and 1. */
void pfs_orc_out_bools_put(struct pfs_orc_out_bools *b, const uint8_t *bools, int64_t n);
void pfs_orc_out_bools_ones(struct pfs_orc_out_bools *b, int64_t n);
/* Ends the run of bytes in front of the bits that are carried. */
void pfs_orc_out_bools_flush(struct pfs_orc_out_bools *b);
int pfs_orc_out_bools_position(const struct pfs_orc_out_bools *b, uint64_t *to);
/* The last bits, filled up. */
int pfs_orc_out_bools_end(struct pfs_orc_out_bools *b, struct pfs_err *err);

/* ---- integers: run lengths of version 2 ---- */

#define PFS_ORC_OUT_RUN 512

struct pfs_orc_out_ints {
    struct pfs_orc_out out;
    bool is_signed;
    int32_t len;
    int64_t pending[PFS_ORC_OUT_RUN];
};

void pfs_orc_out_ints_put(struct pfs_orc_out_ints *o, const int64_t *values, int64_t n);
void pfs_orc_out_ints_flush(struct pfs_orc_out_ints *o);
int pfs_orc_out_ints_position(const struct pfs_orc_out_ints *o, uint64_t *to);
