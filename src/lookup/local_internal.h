/* local_internal.h - what the files behind local.h share. Private to them. */
#pragma once

#include <pthread.h>

#include "src/lookup/local.h"

#define PFS_LOCAL_ROWS 128 /* of a block */

struct pfs_local_block {
    uint64_t prefix; /* of its first row's key */
    uint32_t key;    /* where the whole of it begins in `keys`; the next one's begins at its end */
    uint32_t bytes;
    uint64_t off;
    int64_t row; /* its first one's place in the data file */
};

enum pfs_local_stage { PFS_LOCAL_SEEN, PFS_LOCAL_MADE, PFS_LOCAL_READY, PFS_LOCAL_REFUSED };

/* One data file's. Guarded by the lock but for what is said to be fixed once it is READY. */
struct pfs_local {
    struct pfs_local *next; /* used longest ago last */
    char *name;             /* path of the data file */
    int64_t schema_id;
    int refs;
    enum pfs_local_stage stage;
    int64_t cost; /* of the keys looked for so far, in rows */
    uint64_t bytes;
    /* Fixed: */
    struct pfs_file *file;
    struct pfs_local_block *block; /* blocks, and one behind them */
    int64_t blocks, room;
    bool exact;
    struct pfs_buf keys;
    uint64_t *bloom;
    uint64_t bloom_bits; /* a multiple of 64 */
};

struct pfs_locals {
    struct pfs_locals_config config;
    char *dir;
    struct pfs_among_files files;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    int making;   /* tasks; guarded by lock, as what follows */
    bool closing; /* they end as soon as they can */
    struct pfs_local *first;
    uint64_t bytes;
    int64_t count;
};

static inline bool pfs_local_bit(const struct pfs_local *l, uint64_t hash, int i)
{
    uint64_t bit = (hash + (uint64_t)i * (hash >> 32 | 1)) % l->bloom_bits;

    return (l->bloom[bit >> 6] >> (bit & 63) & 1) != 0;
}

#define PFS_LOCAL_PROBES 6
uint64_t pfs_local_hash(const struct pfs_keys *keys, int64_t row);

/* ---- local_make.c ---- */

struct pfs_local_making;

/* A reference on `local` is taken over, and given back by close. NULL without memory. */
struct pfs_local_making *pfs_local_make_open(struct pfs_locals *locals, struct pfs_local *local,
                                             const struct pfs_data_read *read, const struct pfs_manifest_entry *entry);
/* A batch more: 1, 0 when all is there, -errno. */
int pfs_local_make_step(struct pfs_local_making *making);
void pfs_local_make_close(struct pfs_local_making *making);
struct pfs_local *pfs_local_made(struct pfs_local_making *making);
struct pfs_locals *pfs_local_makes_for(struct pfs_local_making *making);

/* Types of the columns of a block: those of the schema, the sequence number, the kind. NULL: no memory. */
const struct pfs_type **pfs_local_types(const struct pfs_schema *schema, struct pfs_arena *arena);
