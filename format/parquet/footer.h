/* footer.h - what the end of a file says: the tree of its columns and where their chunks lie. Private to the suite.
 *
 * Facts, filled once by load and then only read; they live in the arena that load was given. Checked on the way: every
 * chunk lies inside the file, in front of the footer, the tree is whole, row counts add up. Threads: immutable after
 * load.
 */
#pragma once

#include "base/arena.h"
#include "base/store.h"
#include "format/parquet/spec.h"

/* A SchemaElement: the root (node 0), a group or a leaf, in the order of the file, parents before children. */
struct pfs_pq_node {
    struct pfs_slice name;
    int32_t children; /* 0 = a leaf */
    int32_t next;     /* the first node behind its subtree */
    int32_t leaf;     /* of a leaf: its place among the chunks of a row group; of a group: its first leaf's */
    uint8_t physical; /* enum pfs_pq_physical, of a leaf */
    uint8_t repetition;
    uint8_t definition_max, repetition_max; /* levels; the root has 0 */
    int32_t length;                         /* of FIXED_LEN_BYTE_ARRAY */
    uint8_t logical;                        /* enum pfs_pq_logical; annotations of old are mapped to it */
    uint8_t unit;                           /* enum pfs_pq_unit, of TIME and TIMESTAMP */
    bool utc;                               /* TIME and TIMESTAMP: instants */
    uint8_t bits;                           /* of INTEGER */
    bool is_signed;
    int32_t precision, scale; /* of DECIMAL */
};

/* Statistics of a chunk or page, as they lie in the file: PLAIN without a length. */
struct pfs_pq_stats {
    struct pfs_slice min, max; /* borrowed from the footer; at NULL = not there */
    int64_t nulls;             /* -1 = not there */
    bool cut_min, cut_max;     /* said to be a bound, and no value of the column */
    bool old;                  /* in the order of signed numbers or bytes, whatever the type */
};

struct pfs_pq_extent {
    uint64_t off;
    uint32_t bytes; /* 0 = none within the file */
};

struct pfs_pq_chunk {
    uint64_t off;     /* of the dictionary page if there is one, else of the first data page */
    uint64_t bytes;   /* all pages */
    int64_t values;   /* with nulls, as the file says; of a flat column the group's rows are taken instead */
    uint8_t physical; /* enum pfs_pq_physical */
    uint8_t codec;    /* enum pfs_pq_codec */
    bool foreign;     /* encrypted or in another file: cannot be read */
    struct pfs_pq_extent offset_index, column_index;
    struct pfs_pq_stats stats;
};

struct pfs_pq_group {
    int64_t first, rows;        /* place of its first row in the file; how many */
    struct pfs_pq_chunk *chunk; /* one a leaf */
};

struct pfs_pq_footer {
    int64_t rows;
    int32_t nodes, leaves, groups;
    uint64_t at;    /* where the footer begins */
    bool keeps_nan; /* its writer gives no bounds for columns with NaN, where others leave NaN out of them */
    struct pfs_pq_node *node;
    struct pfs_pq_group *group;
};

/* -EIO when the file is none or damaged, -EOPNOTSUPP for an encrypted footer, -ENOMEM at the arena's ceiling. */
int pfs_pq_footer_load(struct pfs_file *file, struct pfs_arena *arena, struct pfs_pq_footer *out, struct pfs_err *err);

/* The top-level column of that exact name; NULL when there is none. */
const struct pfs_pq_node *pfs_pq_footer_find(const struct pfs_pq_footer *footer, struct pfs_slice name);

/* Names for sentences; "unknown" for other numbers. */
const char *pfs_pq_physical_name(int physical);
const char *pfs_pq_encoding_name(int encoding);
const char *pfs_pq_codec_name(int codec);
