/* compress.h - one table of block codecs: none, zstd, lz4 (raw block), snappy, gzip, deflate (raw).
 *
 * Threads: any; contexts are kept a thread inside.
 */
#pragma once

#include "base/buf.h"

#define PFS_CODECS(X)   \
    X(NONE, "none")     \
    X(ZSTD, "zstd")     \
    X(LZ4, "lz4")       \
    X(SNAPPY, "snappy") \
    X(GZIP, "gzip")     \
    X(DEFLATE, "deflate")

enum pfs_codec {
#define X(id, name) PFS_CODEC_##id,
    PFS_CODECS(X)
#undef X
};

/* Name as in `file.compression`, any case; "uncompressed" and "null" are none, "zstandard" is zstd. -EINVAL otherwise.
 */
int pfs_codec_parse(struct pfs_slice name, enum pfs_codec *out, struct pfs_err *err);
const char *pfs_codec_name(enum pfs_codec codec);

/* Appends the compressed form of `in`. level: zstd only, 0 = its default of 1. */
int pfs_compress(enum pfs_codec codec, int level, struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err);

/* Decompresses `in` into exactly `len` bytes at `to`. -EIO with a sentence when it is damaged or has another length. */
int pfs_decompress(enum pfs_codec codec, struct pfs_slice in, void *to, size_t len, struct pfs_err *err);

/* For containers that say how long it is at most (ORC): into `room` bytes at `to`; *len is what it was. */
int pfs_decompress_upto(enum pfs_codec codec, struct pfs_slice in, void *to, size_t room, size_t *len,
                        struct pfs_err *err);

/* For containers that do not say the decoded length (Avro): appends to `out`, whose ceiling bounds a bomb (-EFBIG). */
int pfs_decompress_grow(enum pfs_codec codec, struct pfs_slice in, struct pfs_buf *out, struct pfs_err *err);

/* The same for lz4 in the frames of Hadoop: be32 decoded length of a block, then pieces that make it up, each a be32
 * length and a raw lz4 block. What is not framed so is taken for one raw block, as some writers left the frames out. */
int pfs_decompress_hadoop_lz4(struct pfs_slice in, void *to, size_t len, struct pfs_err *err);
