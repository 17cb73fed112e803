/* tail.h - what the end of an ORC file and the ends of its stripes say, as plain structs. Private to the suite.
 *
 * The only room that sees protobuf: it checks sizes before it unpacks, unpacks into memory with a ceiling, and copies
 * what is wanted into the caller's arena, with counts and references that have been looked at: children of a type come
 * after it, stripes and streams lie inside of the file, the rows of all stripes are the rows of the file.
 * Threads: values.
 */
#pragma once

#include "base/arena.h"
#include "base/decimal.h"
#include "base/store.h"
#include "format/compress.h"

/* Letter for letter the numbers of the format. */
enum pfs_orc_kind {
    PFS_ORC_BOOLEAN,
    PFS_ORC_BYTE,
    PFS_ORC_SHORT,
    PFS_ORC_INT,
    PFS_ORC_LONG,
    PFS_ORC_FLOAT,
    PFS_ORC_DOUBLE,
    PFS_ORC_STRING,
    PFS_ORC_BINARY,
    PFS_ORC_TIMESTAMP,
    PFS_ORC_LIST,
    PFS_ORC_MAP,
    PFS_ORC_STRUCT,
    PFS_ORC_UNION,
    PFS_ORC_DECIMAL,
    PFS_ORC_DATE,
    PFS_ORC_VARCHAR,
    PFS_ORC_CHAR,
    PFS_ORC_TIMESTAMP_INSTANT,
    PFS_ORC_KIND_COUNT
};

enum pfs_orc_stream_kind {
    PFS_ORC_PRESENT,
    PFS_ORC_DATA,
    PFS_ORC_LENGTH,
    PFS_ORC_DICTIONARY_DATA,
    PFS_ORC_DICTIONARY_COUNT,
    PFS_ORC_SECONDARY,
    PFS_ORC_ROW_INDEX
};

enum pfs_orc_encoding {
    PFS_ORC_DIRECT,
    PFS_ORC_DICTIONARY,
    PFS_ORC_DIRECT_V2,
    PFS_ORC_DICTIONARY_V2,
    PFS_ORC_ENCODING_COUNT
};

struct pfs_orc_type {
    enum pfs_orc_kind kind;
    int32_t precision, scale; /* DECIMAL */
    uint32_t children;
    const uint32_t *child;        /* ids, each above the own one */
    const struct pfs_slice *name; /* STRUCT: of the children */
};

struct pfs_orc_stripe {
    uint64_t off, index_bytes, data_bytes, footer_bytes; /* in this order from `off` on, inside of the file */
    int64_t first, rows;
};

struct pfs_orc_tail {
    enum pfs_codec codec;
    size_t block_bytes; /* a chunk has at most so many, decoded */
    int64_t rows;
    int64_t index_stride; /* rows a row group; 0 = no row indexes */
    uint32_t types;       /* at least 1: type 0 is the root, a STRUCT */
    struct pfs_orc_type *type;
    uint32_t stripes;
    struct pfs_orc_stripe *stripe;
    uint64_t metadata_off, metadata_bytes; /* statistics of the stripes; may be 0 bytes */
    bool old_stats;                        /* of a writer whose bounds of texts and times are not to be trusted */
};

struct pfs_orc_extent { /* a stream */
    uint32_t kind, column;
    uint64_t off, bytes; /* in the file */
    uint32_t next;       /* another one of the same column, counted from 1; 0 = none */
};

struct pfs_orc_stripe_footer {
    uint32_t extents;
    struct pfs_orc_extent *extent;
    uint32_t columns; /* as many as the tail has types */
    uint32_t *first;  /* a column each: one of its extents, counted from 1 */
    enum pfs_orc_encoding *encoding;
    uint32_t *dictionary_count;
    struct pfs_slice zone; /* of the writer; len 0 = not said */
};

enum pfs_orc_range { PFS_ORC_RANGE_NONE, PFS_ORC_RANGE_INTEGER, PFS_ORC_RANGE_REAL, PFS_ORC_RANGE_TEXT };

/* What a writer says of some rows of a column. INTEGER: integers, days, milliseconds, booleans; TEXT: strings,
 * decimals. A zeroed one says nothing. */
struct pfs_orc_stats {
    bool has_values; /* the number of rows that are not null is said */
    uint64_t values;
    enum pfs_orc_range range;
    bool has_min, has_max;
    int64_t min, max;
    double real_min, real_max;
    struct pfs_slice text_min, text_max;
};

/* Where each row group of a column begins in its streams, and what is in it. */
struct pfs_orc_group {
    size_t positions;
    const uint64_t *position;
    struct pfs_orc_stats stats;
};

struct pfs_orc_index {
    size_t groups;
    struct pfs_orc_group *group;
};

/* Each reads and checks; all that is handed out is in the arena. -EIO with the fact; -EOPNOTSUPP for encryption and
 * codecs that are not here. */
int pfs_orc_tail_load(struct pfs_file *file, struct pfs_arena *arena, struct pfs_orc_tail *out, struct pfs_err *err);
int pfs_orc_stripe_footer_load(struct pfs_file *file, const struct pfs_orc_tail *tail,
                               const struct pfs_orc_stripe *stripe, struct pfs_arena *arena,
                               struct pfs_orc_stripe_footer *out, struct pfs_err *err);
int pfs_orc_index_load(struct pfs_file *file, const struct pfs_orc_tail *tail, const struct pfs_orc_extent *extent,
                       struct pfs_arena *arena, struct pfs_orc_index *out, struct pfs_err *err);

/* What the tail says of `columns` columns, by their ids, in each stripe: columns * stripes places, stripe by stripe. */
int pfs_orc_metadata_load(struct pfs_file *file, const struct pfs_orc_tail *tail, const uint32_t *id, int32_t columns,
                          struct pfs_arena *arena, struct pfs_orc_stats **out, struct pfs_err *err);

/* The stream of a column (below footer->columns); NULL = the stripe has none. */
const struct pfs_orc_extent *pfs_orc_extent_find(const struct pfs_orc_stripe_footer *footer, uint32_t column,
                                                 enum pfs_orc_stream_kind kind);

/* Takes the next chunk of a compressed run of bytes apart: `raw` is its content as stored, `stored` tells that it is
 * not compressed. False when the cursor does not hold a whole chunk of at most block_bytes. */
bool pfs_orc_chunk_take(struct pfs_cursor *c, size_t block_bytes, struct pfs_slice *raw, bool *stored);
