/* proto.h - protobuf as it is written: a message is a run of fields, printed straight into a buffer. Private to the
 * suite. (Reading goes through protobuf-c, which checks; to write trees of its structs would take more code than these
 * few lines.) */
#pragma once

#include "base/buf.h"

static inline void pfs_proto_number(struct pfs_buf *out, uint32_t field, uint64_t v)
{
    pfs_buf_uleb(out, field << 3);
    pfs_buf_uleb(out, v);
}

static inline void pfs_proto_signed(struct pfs_buf *out, uint32_t field, int64_t v)
{
    pfs_buf_uleb(out, field << 3);
    pfs_buf_zigzag(out, v);
}

static inline void pfs_proto_double(struct pfs_buf *out, uint32_t field, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    pfs_buf_uleb(out, field << 3 | 1);
    pfs_buf_le64(out, bits);
}

static inline void pfs_proto_bytes(struct pfs_buf *out, uint32_t field, struct pfs_slice v)
{
    pfs_buf_uleb(out, field << 3 | 2);
    pfs_buf_uleb(out, v.len);
    pfs_buf_put(out, v.at, v.len);
}

/* A message within one; `inner` is emptied for the next. */
static inline void pfs_proto_message(struct pfs_buf *out, uint32_t field, struct pfs_buf *inner)
{
    pfs_proto_bytes(out, field, pfs_buf_slice(inner));
    out->failed |= inner->failed;
    pfs_buf_clear(inner);
}
