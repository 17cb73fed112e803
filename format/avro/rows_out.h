/* rows_out.h - rows out of columns: the plan of a writer is a tree of these nodes. Private to rows.h.
 *
 * Records lie row by row in a file, values column by column in a batch. So that every loop runs over one column of one
 * type, a column is passed over twice: `measure` adds what each row's value takes to that row's bytes, which gives the
 * places where rows begin; `put` writes each value at its row's place and moves the place on. Rows are given by
 * number, since what lies in nested columns below a null is not written:
 *
 *     rows      0     2     5          numbers in the column
 *     bytes    12     9    30          added to by measure, a column after the other
 *     at        |-----|----|-------    moved on by put, a column after the other
 *
 * A nested column has a lane of its own for its fields or items, made by measure and used again by put.
 */
#pragma once

#include "base/buf.h"
#include "format/batch.h"

struct pfs_avro_out;

struct pfs_avro_lane {
    int32_t *row;
    size_t *bytes;
    uint8_t **at;
    int64_t count, room;
};

typedef void pfs_avro_measure_fn(const struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row,
                                 int64_t rows, size_t *bytes);
typedef void pfs_avro_write_fn(const struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row,
                               int64_t rows, uint8_t **at);

struct pfs_avro_out {
    const struct pfs_type *type;
    const char *name;
    bool tagged; /* nullable: a union with null in front */
    /* Of kinds that do not nest; they know nothing of nulls where tagged is false. */
    pfs_avro_measure_fn *measure;
    pfs_avro_write_fn *put;
    int32_t children; /* ARRAY: the element; MAP, MULTISET: key and value; ROW: its fields */
    struct pfs_avro_out *child;
    struct pfs_avro_lane lane; /* of the children */
};

/* Builds the node of a column in the arena, but for lanes, and appends the type's schema. `record` is what a record
 * would be named here. -EOPNOTSUPP: a type that Avro cannot hold; -EINVAL: a name that it cannot. */
int pfs_avro_out_plan(const struct pfs_field *field, const char *record, struct pfs_arena *arena,
                      struct pfs_avro_out *out, struct pfs_buf *schema, struct pfs_err *err);
/* The fields of a record, with their defaults. */
int pfs_avro_out_plan_fields(const struct pfs_field *fields, int32_t count, const char *record, struct pfs_arena *arena,
                             struct pfs_avro_out *out, struct pfs_buf *schema, struct pfs_err *err);
void pfs_avro_out_done(struct pfs_avro_out *node);
void pfs_avro_out_kernels(struct pfs_avro_out *node); /* sets measure and put by the type */

/* Room for `count`; -ENOMEM. */
int pfs_avro_lane_grow(struct pfs_avro_lane *lane, int64_t count, struct pfs_err *err);
void pfs_avro_lane_done(struct pfs_avro_lane *lane);

/* -EINVAL: a null where none may be; -ENOMEM. */
int pfs_avro_out_measure(struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                         size_t *bytes, struct pfs_err *err);
/* After measure, over the same rows. */
void pfs_avro_out_put(struct pfs_avro_out *node, const struct pfs_column *c, const int32_t *row, int64_t rows,
                      uint8_t **at);
