/* thrift.h - reading the thrift compact protocol from bytes: what footers and page headers are written in.
 *
 * Everything goes through a pfs_cursor and is sticky: after the first thing that does not fit, fields end, lists are
 * empty and values are 0, so that a parser reads straight down and asks cursor.bad once. What is not known is skipped,
 * to a limited depth. Lists are bounded by the bytes left. Nothing allocates. Threads: values. Private to the suite.
 *
 *     struct pfs_thrift_field f = {0};
 *     while (pfs_thrift_next(c, &f))
 *         switch (f.id) {
 *         case 1: out->rows = pfs_thrift_i64(c, &f); break;
 *         default: pfs_thrift_skip(c, f.type);
 *         }
 */
#pragma once

#include "base/slice.h"

struct pfs_thrift_field {
    int16_t id;   /* of the field just met; ids are deltas, so it must be kept between calls */
    uint8_t type; /* enum pfs_pq_thrift */
};

/* The next field's header; false at the struct's end or when bad. */
bool pfs_thrift_next(struct pfs_cursor *c, struct pfs_thrift_field *f);

/* The field's value. Another type than asked for, or a number that does not fit, makes it bad. */
bool pfs_thrift_bool(struct pfs_cursor *c, const struct pfs_thrift_field *f);
int64_t pfs_thrift_i64(struct pfs_cursor *c, const struct pfs_thrift_field *f); /* i16, i32 and i64 alike */
int32_t pfs_thrift_i32(struct pfs_cursor *c, const struct pfs_thrift_field *f);
int32_t pfs_thrift_i8(struct pfs_cursor *c, const struct pfs_thrift_field *f);
struct pfs_slice pfs_thrift_bytes(struct pfs_cursor *c, const struct pfs_thrift_field *f); /* borrowed */
bool pfs_thrift_struct(struct pfs_cursor *c, const struct pfs_thrift_field *f); /* its fields follow; false when bad */

/* A list whose elements have type `element` and take `least` bytes or more each: their number. */
uint32_t pfs_thrift_list(struct pfs_cursor *c, const struct pfs_thrift_field *f, uint8_t element, uint32_t least);

/* Jumps over a value of that type. */
void pfs_thrift_skip(struct pfs_cursor *c, uint8_t type);
