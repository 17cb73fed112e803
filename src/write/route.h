/* route.h - the gate and the way of each row: which rows pass, which partition they fall into, what their key hashes
 * to. Private to the suite.
 *
 * A routed batch owns its arena: the table's columns, the kinds that count, and for each row the number of its
 * partition and the hash that decides its bucket.
 */
#pragma once

#include "format/batch.h"
#include "src/meta/schema.h"

struct pfs_routed {
    struct pfs_arena arena;
    struct pfs_batch batch;   /* the table's columns, then the row kind; rows that passed the gate */
    const int32_t *partition; /* a number for each row; NULL = all 0 */
    const int32_t *hash;      /* of the bucket key (dynamic buckets: of the trimmed key); NULL = not needed */
    int32_t joined;           /* how many times small batches were joined into this one */
    size_t sorting_bytes;     /* beside the arena's */
};

struct pfs_partitions { /* the partitions met so far, by number */
    struct pfs_arena arena;
    struct pfs_slice *bytes; /* serialised rows; what they point to stays where it is */
    int32_t count, room;
    int32_t *slot; /* open addressing by the hash of the row: its number + 1; 0 = free */
    size_t slots;  /* a power of two, at least twice `room` */
};

/* bucket-function.type: murmur of the key's BinaryRow; the key itself, whose "hash" is the bucket; Hive's hash. */
enum pfs_bucket_function { PFS_BUCKET_DEFAULT, PFS_BUCKET_MOD, PFS_BUCKET_HIVE };

struct pfs_gate { /* what the table's options ask of each row */
    const struct pfs_schema *schema;
    int32_t kind_column; /* rowkind.field; -1 = none */
    bool ignore_delete, ignore_update_before;
    enum pfs_bucket_function function;
};

void pfs_routed_free(struct pfs_routed *routed); /* one that was allocated */

int pfs_gate_init(struct pfs_gate *gate, const struct pfs_schema *schema, struct pfs_err *err);

void pfs_partitions_init(struct pfs_partitions *partitions);
void pfs_partitions_done(struct pfs_partitions *partitions);

/* The number of a partition; a new one is copied. */
int pfs_partitions_number(struct pfs_partitions *partitions, struct pfs_slice row, int32_t *out, struct pfs_err *err);
/* The same of one that was met before; -1: it was not. */
int32_t pfs_partitions_find(const struct pfs_partitions *partitions, struct pfs_slice row);

/* Moves `arena` (in which `batch` lives) into *out, also on failure; *out is released by its arena. */
int pfs_route(const struct pfs_gate *gate, struct pfs_partitions *partitions, struct pfs_arena *arena,
              const struct pfs_batch *batch, struct pfs_routed *out, struct pfs_err *err);

/* The same without the gate: of rows that have passed it before. */
int pfs_route_again(const struct pfs_gate *gate, struct pfs_partitions *partitions, struct pfs_arena *arena,
                    const struct pfs_batch *batch, struct pfs_routed *out, struct pfs_err *err);

/* Bucket of a row in a table with a fixed number of buckets (spec buckets 2, 3). */
int32_t pfs_bucket_of(const struct pfs_gate *gate, int32_t hash);
