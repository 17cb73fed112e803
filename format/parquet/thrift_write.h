/* thrift_write.h - writing the thrift compact protocol: field headers as deltas, structs ended by a stop. The buffer's
 * failure is sticky, so that nothing here fails. Private to the suite. */
#pragma once

#include "base/buf.h"

struct pfs_thrift_out {
    struct pfs_buf *buf;
    int16_t last; /* id of the field before, in the open struct */
};

void pfs_thrift_put_i32(struct pfs_thrift_out *t, int16_t id, int32_t v);
void pfs_thrift_put_i64(struct pfs_thrift_out *t, int16_t id, int64_t v);
void pfs_thrift_put_i8(struct pfs_thrift_out *t, int16_t id, int8_t v);
void pfs_thrift_put_bool(struct pfs_thrift_out *t, int16_t id, bool v);
void pfs_thrift_put_bytes(struct pfs_thrift_out *t, int16_t id, struct pfs_slice v);
/* A struct-valued field: begin gives what end needs to go back to the outer struct. */
int16_t pfs_thrift_begin(struct pfs_thrift_out *t, int16_t id);
void pfs_thrift_end(struct pfs_thrift_out *t, int16_t outer);
/* A list: its elements follow, structs each between element and end. */
void pfs_thrift_put_list(struct pfs_thrift_out *t, int16_t id, uint8_t element, size_t count);
int16_t pfs_thrift_element(struct pfs_thrift_out *t);
void pfs_thrift_stop(struct pfs_thrift_out *t); /* of the outermost struct */
