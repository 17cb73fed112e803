/* column.h - one column of a file, with the columns in it, decoded into the columns of batches. Private to the suite.
 *
 * A column goes through a stripe from row to row. Presence is told by a mask (bits.h): rows that the ROW around it
 * lacks are not in the column's streams at all, and rows that the column itself lacks only in its PRESENT stream.
 * Values are decoded densely and then spread to their places.
 *
 * Strings and lists are decoded in two steps, as only their lengths tell how many rows fit into a batch: `prepare`
 * decodes presence and lengths (the heads) of some rows ahead, `limit` looks at them, `take` hands out as many rows as
 * it is told to. Other columns have no heads and decode in `take` alone. Threads: one column, one thread.
 */
#pragma once

#include "format/batch.h"
#include "format/orc/bits.h"
#include "format/orc/ints.h"
#include "format/orc/octets.h"
#include "format/orc/zone.h"

enum pfs_orc_shape {
    PFS_ORC_SHAPE_ABSENT, /* not in the file: nulls */
    PFS_ORC_SHAPE_BOOLEAN,
    PFS_ORC_SHAPE_BYTE,
    PFS_ORC_SHAPE_INTEGER,
    PFS_ORC_SHAPE_REAL, /* float and double, the wider one from either */
    PFS_ORC_SHAPE_DECIMAL,
    PFS_ORC_SHAPE_TIME,
    PFS_ORC_SHAPE_TEXT, /* strings and bytes */
    PFS_ORC_SHAPE_LIST, /* and maps */
    PFS_ORC_SHAPE_ROW
};

struct pfs_orc_heads {
    int64_t rows, at;      /* prepared, taken */
    int64_t present, used; /* dense values prepared, taken */
    bool all;              /* every row is present */
    uint8_t *valid;        /* (rows + 7) / 8 bytes */
    int64_t *value;        /* dense: lengths, or places in the dictionary; ROW: NULL */
    int64_t valid_cap, value_cap;
};

struct pfs_orc_dictionary {
    bool used;       /* by this stripe */
    bool loaded;     /* for this stripe */
    uint32_t count;  /* as the stripe says */
    int32_t *offset; /* count + 1 */
    int64_t offset_cap;
    uint8_t *bytes;
    size_t bytes_cap;
};

struct pfs_orc_column {
    const struct pfs_type *type;
    const struct pfs_orc_type *node;
    enum pfs_orc_shape shape;
    uint32_t id;
    int width; /* bytes a value in the batch */
    bool trim; /* blanks at the end are padding */

    bool has_present; /* the streams of this stripe */
    struct pfs_orc_bools present;
    uint8_t *dense; /* scratch: presence of the rows that a mask leaves */
    size_t dense_cap;
    union {
        struct pfs_orc_bools bools;   /* BOOLEAN */
        struct pfs_orc_octets octets; /* BYTE */
        struct pfs_orc_ints ints;     /* INTEGER, TIME: seconds; TEXT, LIST: lengths; dictionary: places */
        struct pfs_orc_stream raw;    /* REAL, DECIMAL: values */
    };
    struct pfs_orc_ints second;  /* DECIMAL: scales; TIME: nanoseconds; dictionary: lengths */
    struct pfs_orc_stream bytes; /* TEXT */

    struct pfs_orc_heads heads;
    struct pfs_orc_dictionary dictionary;
    struct pfs_orc_zone zone; /* TIME: of this stripe */
    int32_t children;
    struct pfs_orc_column *child;
};

/* What a stripe hands to its columns. */
struct pfs_orc_stripe_open {
    const struct pfs_orc_source *source;
    const struct pfs_orc_stripe_footer *footer;
    const struct pfs_orc_zone *zone;
};

/* Fills a zeroed column from type `id` of the file, to be read as `type`; children are made in the arena and die with
 * done. -EIO when the one cannot mean the other, -EOPNOTSUPP for UNION. */
int pfs_orc_column_init(struct pfs_orc_column *column, const struct pfs_orc_tail *tail, uint32_t id,
                        const struct pfs_type *type, struct pfs_arena *arena, struct pfs_err *err);
/* A column that the file lacks. */
void pfs_orc_column_absent(struct pfs_orc_column *column, const struct pfs_type *type);
void pfs_orc_column_done(struct pfs_orc_column *column);

/* Goes to the first row of a stripe, and from there to a row group. `indexes` is by column id, those of this column and
 * all in it being filled. */
int pfs_orc_column_stripe(struct pfs_orc_column *column, const struct pfs_orc_stripe_open *open, struct pfs_err *err);
int pfs_orc_column_seek(struct pfs_orc_column *column, const struct pfs_orc_index *indexes, size_t group,
                        struct pfs_err *err);

/* Rows that were prepared and not taken: a batch may not have more, unless it is 0. */
static inline int64_t pfs_orc_column_prepared(const struct pfs_orc_column *column)
{
    return column->heads.rows - column->heads.at;
}

bool pfs_orc_column_has_heads(const struct pfs_orc_column *column);

/* Decodes the heads of the next n rows; nothing is prepared. mask NULL = all rows are there. */
int pfs_orc_column_prepare(struct pfs_orc_column *column, const uint8_t *mask, int64_t n, struct pfs_err *err);

/* Lowers *rows (at most what is prepared) so that strings take about `bytes` bytes, but not below 1. */
void pfs_orc_column_limit(const struct pfs_orc_column *column, int64_t bytes, int64_t *rows);

/* The next n rows: at most what is prepared, or any number when nothing is. */
int pfs_orc_column_take(struct pfs_orc_column *column, const uint8_t *mask, int64_t n, struct pfs_arena *arena,
                        struct pfs_column *out, struct pfs_err *err);
