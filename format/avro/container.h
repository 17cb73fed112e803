/* container.h - what surrounds the data: the header, and blocks as they are stored. Private to the suite. */
#pragma once

#include "base/buf.h"
#include "format/compress.h"

#define PFS_AVRO_SYNC_BYTES 16

struct pfs_avro_header {
    struct pfs_slice schema; /* JSON, in the bytes that were parsed */
    enum pfs_codec codec;
    uint8_t sync[PFS_AVRO_SYNC_BYTES];
};

/* -EIO, with the fact: the file is no container, or is cut off (then the cursor is bad). -EOPNOTSUPP: the codec. */
int pfs_avro_header_take(struct pfs_cursor *file, struct pfs_avro_header *out, struct pfs_err *err);

/* Appends the data of a block to `out`; the checksum of Snappy is checked. -EIO; -EFBIG over the buffer's ceiling. */
int pfs_avro_block_unpack(const struct pfs_avro_header *header, struct pfs_slice block, struct pfs_buf *out,
                          struct pfs_err *err);

/* "the Avro file is damaged: ...", -EIO. */
int pfs_avro_damaged(struct pfs_err *err, const char *what);
