/* thrift_write.c - the compact protocol, outwards (thrift.c shows how it looks).
 *
 * Ids are written as deltas to the field before, so that `last` must go back to the outer struct's when an inner one
 * ends: begin and element hand it out, end takes it. Fields are put in the order of their ids: a smaller one would cost
 * three bytes, and readers that count on the order would miss it.
 */
#include "format/parquet/thrift_write.h"

#include <assert.h>

#include "format/parquet/spec.h"

static void put_header(struct pfs_thrift_out *t, int16_t id, uint8_t type)
{
    int delta = id - t->last;

    assert(id > 0);
    assert(delta > 0); /* in order, and none twice */
    if (delta > 0 && delta <= 15) {
        pfs_buf_putc(t->buf, (uint8_t)(delta << 4 | type));
    } else {
        pfs_buf_putc(t->buf, type);
        pfs_buf_zigzag(t->buf, id);
    }
    t->last = id;
}

void pfs_thrift_put_i32(struct pfs_thrift_out *t, int16_t id, int32_t v)
{
    put_header(t, id, PFS_PQ_T_I32);
    pfs_buf_zigzag(t->buf, v);
}

void pfs_thrift_put_i64(struct pfs_thrift_out *t, int16_t id, int64_t v)
{
    put_header(t, id, PFS_PQ_T_I64);
    pfs_buf_zigzag(t->buf, v);
}

void pfs_thrift_put_i8(struct pfs_thrift_out *t, int16_t id, int8_t v)
{
    put_header(t, id, PFS_PQ_T_I8);
    pfs_buf_putc(t->buf, (uint8_t)v);
}

void pfs_thrift_put_bool(struct pfs_thrift_out *t, int16_t id, bool v)
{
    put_header(t, id, v ? PFS_PQ_T_TRUE : PFS_PQ_T_FALSE);
}

void pfs_thrift_put_bytes(struct pfs_thrift_out *t, int16_t id, struct pfs_slice v)
{
    put_header(t, id, PFS_PQ_T_BINARY);
    pfs_buf_uleb(t->buf, v.len);
    pfs_buf_put(t->buf, v.at, v.len);
}

int16_t pfs_thrift_begin(struct pfs_thrift_out *t, int16_t id)
{
    put_header(t, id, PFS_PQ_T_STRUCT);
    return pfs_thrift_element(t);
}

void pfs_thrift_end(struct pfs_thrift_out *t, int16_t outer)
{
    pfs_buf_putc(t->buf, PFS_PQ_T_STOP);
    t->last = outer;
}

void pfs_thrift_put_list(struct pfs_thrift_out *t, int16_t id, uint8_t element, size_t count)
{
    assert(element > PFS_PQ_T_STOP && element <= PFS_PQ_T_UUID);
    put_header(t, id, PFS_PQ_T_LIST);
    if (count < 15) {
        pfs_buf_putc(t->buf, (uint8_t)(count << 4 | element));
    } else {
        pfs_buf_putc(t->buf, (uint8_t)(0xf0 | element));
        pfs_buf_uleb(t->buf, count);
    }
}

/* A struct begins: its ids count from 0. */
int16_t pfs_thrift_element(struct pfs_thrift_out *t)
{
    int16_t outer = t->last;

    t->last = 0;
    return outer;
}

void pfs_thrift_stop(struct pfs_thrift_out *t)
{
    pfs_buf_putc(t->buf, PFS_PQ_T_STOP);
}
