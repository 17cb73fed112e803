/* rows_node.h - a column as it grows, one value after the other: the plan of a reader of rows is a tree of these.
 * Private to rows.h.
 *
 * A node knows how its values are stored in the file (union branches, the kernel that appends one) and holds what was
 * appended in memory of its own, which is used again for the next batch; finish copies it out. Room for rows is made
 * beforehand (grow), so that kernels look at the ends of the input alone.
 */
#pragma once

#include "format/avro/datum.h"
#include "format/batch.h"

struct pfs_avro_node;

/* Appends one value that is present. */
typedef void pfs_avro_put_fn(struct pfs_avro_node *node, struct pfs_cursor *c);

/* What the nodes of one reader may grow to together. */
struct pfs_avro_memory {
    size_t left_bytes;
    bool full; /* sticky: something did not fit, and the cursor was made bad */
};

struct pfs_avro_step { /* one field of a record, in the order of the file */
    struct pfs_avro_node *node;
    const struct pfs_avro_schema *skip; /* node NULL: stepped over */
};

struct pfs_avro_node {
    const struct pfs_type *type;
    pfs_avro_put_fn *put; /* NULL: the file has no such column, or nothing but nulls */
    bool tagged;          /* a union: the number of a branch comes first */
    int32_t null_branch, value_branch;
    int32_t fixed; /* bytes of a FIXED */
    int32_t steps; /* ROW: fields of the record; ARRAY: 1; MAP, MULTISET: of an entry */
    struct pfs_avro_step *step;
    int32_t children; /* as in struct pfs_column */
    struct pfs_avro_node *child;

    int64_t rows, room;
    bool nulls;       /* some bit of `valid` is clear */
    uint8_t *valid;   /* room bits, set beforehand */
    uint8_t *values;  /* of a fixed width: room of them */
    int32_t *offsets; /* strings, bytes, lists: room + 1 */
    uint8_t *bytes;   /* of strings */
    size_t bytes_room;
    struct pfs_avro_memory *memory; /* shared */
};

/* The kernel for a type stored as `stored` (no union); NULL when they do not go together. */
pfs_avro_put_fn *pfs_avro_put_of(const struct pfs_type *type, const struct pfs_avro_schema *stored);

/* Builds the node of a column, its memory in the arena but for what grows. -EIO: the file holds something else;
 * -EOPNOTSUPP: Avro has no such type. */
int pfs_avro_node_plan(const struct pfs_type *type, const struct pfs_avro_schema *stored,
                       struct pfs_avro_memory *memory, struct pfs_arena *arena, struct pfs_avro_node *out,
                       struct pfs_err *err);
/* A column that the file lacks. */
void pfs_avro_node_absent(const struct pfs_type *type, struct pfs_avro_node *out);
void pfs_avro_node_done(struct pfs_avro_node *node);

/* Room for `more` rows behind those that are there; false without memory (and memory->full). */
bool pfs_avro_node_grow(struct pfs_avro_node *node, int64_t more);
void pfs_avro_node_clear(struct pfs_avro_node *node);
/* Takes one value or null from the cursor; the row before it must have had room. */
void pfs_avro_node_take(struct pfs_avro_node *node, struct pfs_cursor *c);
/* All steps of a record. */
void pfs_avro_steps_take(const struct pfs_avro_step *step, int32_t steps, struct pfs_cursor *c);
/* The column of `rows` rows, copied to the arena. */
int pfs_avro_node_finish(const struct pfs_avro_node *node, int64_t rows, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err);
