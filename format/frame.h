/* frame.h - a batch as bytes and back: what the journal keeps and what the sort buffer spills.
 *
 * A format of our own, never part of a table: column buffers as they lie in memory, little-endian, lengths first, one
 * codec around all of them. It says nothing of types: whoever reads knows them (the journal records a schema id). Bytes
 * are hostile input all the same: lengths are compared with what is left, offsets must ascend, strings must be UTF-8
 * where the type is text. Threads: any.
 */
#pragma once

#include "base/buf.h"
#include "format/batch.h"
#include "format/compress.h"

/* Appends the frame of a batch. codec: PFS_CODEC_NONE, LZ4 or ZSTD. -ENOMEM; -E2BIG over PFS_BATCH_BYTES_MAX. */
int pfs_frame_put(const struct pfs_batch *batch, enum pfs_codec codec, struct pfs_buf *out, struct pfs_err *err);

/* The batch of the frame that `bytes` begin with, of columns of these types (which must outlive it), in the arena:
 * nothing points into `bytes` afterwards. *used: the frame's length. -EIO with a sentence: damaged. */
int pfs_frame_get(struct pfs_slice bytes, const struct pfs_type *const *types, int32_t columns, struct pfs_arena *arena,
                  struct pfs_batch *out, size_t *used, struct pfs_err *err);
