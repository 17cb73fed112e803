/* internal.h - what the files behind lookup.h share. Private to the suite. */
#pragma once

#include "src/lookup/lookup.h"
#include "src/merge/key.h"
#include "src/scan/plan.h"

struct pfs_lookup_partition { /* of the plan */
    const struct pfs_column *value;
    int32_t buckets; /* how many of them, when a key tells which one it is in; 0 = it may be in any */
};

struct pfs_lookup {
    struct pfs_lookup *fallback; /* of the state's fallback branch, in partitions that this one lacks; NULL = none */
    struct pfs_arena arena;      /* as long as it */
    struct pfs_arena found;      /* of one batch of keys */
    struct pfs_arena batch;      /* of one batch of rows */
    struct pfs_state *state;
    struct pfs_locals *locals; /* NULL = none */
    bool *filled;              /* a place each split: its files are made over; NULL = those that it pays for */
    struct pfs_scan *scan;
    const struct pfs_plan *plan;
    int32_t columns, read; /* wanted; with those that only the key needs */
    int32_t *column;       /* `read` of them */
    int32_t *key;          /* places of the trimmed key in what is read */
    int32_t *trimmed;      /* which of the primary key's columns are the trimmed key, in its order */
    int32_t *hashed;       /* which are the bucket key; NULL: keys do not tell buckets */
    int32_t *parted;       /* which are the partition; NULL: rows may be in any */
    int32_t partitions;
    struct pfs_lookup_partition *partition;
    int32_t *partition_of; /* of each split */
};

/* One distinct key that is looked for in one partition and bucket. */
struct pfs_lookup_group { /* of keys: keys[from .. to) of the sorted ones may be in the split */
    int64_t from, to;
};

struct pfs_lookup_keys {
    int64_t rows;        /* asked for */
    int64_t count;       /* distinct ones, sorted by partition, bucket, key */
    struct pfs_keys key; /* `count` of them */
    int32_t *partition;  /* of each distinct one; -1 = any */
    int32_t *bucket;     /* -1 = any */
    int32_t *distinct;   /* of each row asked for; -1 = it can have no row */
};

/* ---- share.c ---- */

/* Says what keys tell of partitions and buckets; after the plan is there. */
int pfs_lookup_learn(struct pfs_lookup *lookup, struct pfs_err *err);
/* Sorts the keys and shares them out; in the lookup's `found` arena. */
int pfs_lookup_share(struct pfs_lookup *lookup, const struct pfs_column *key, int64_t rows, struct pfs_lookup_keys *out,
                     struct pfs_err *err);
/* The keys that may be in a split: two stretches, of that bucket and of any. */
void pfs_lookup_of_split(const struct pfs_lookup *lookup, const struct pfs_lookup_keys *keys, int32_t split,
                         struct pfs_lookup_group out[2]);
