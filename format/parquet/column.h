/* column.h - one flat column of a file, decoded into the columns of batches. Private to the suite.
 *
 * Pages come from a pfs_pq_source and end where they like; a call takes as many rows as it is asked for out of as many
 * pages as that needs. A page is decoded in three steps, each over all its rows that the batch takes: definition levels
 * to validity bits, present values to the front of the batch's values, and, if rows are absent, a spread to their
 * places. Threads: one column, one thread at a time.
 */
#pragma once

#include "format/parquet/ahead.h"
#include "format/parquet/bits.h"
#include "format/parquet/convert.h"

struct pfs_pq_entry {
    uint32_t off, len; /* in the dictionary page's content */
};

enum pfs_pq_content { PFS_PQ_CONTENT_PLAIN, PFS_PQ_CONTENT_DICTIONARY, PFS_PQ_CONTENT_RLE };

struct pfs_pq_column {
    const struct pfs_field *field;
    const struct pfs_pq_node *node; /* NULL = the file lacks it: nulls */
    struct pfs_pq_plan plan;
    struct pfs_pq_ahead *ahead;

    struct pfs_pq_page page; /* the current one */
    int32_t page_left;       /* rows of it that were not taken */
    enum pfs_pq_content content;
    struct pfs_pq_runs levels;
    struct pfs_pq_runs runs; /* DICTIONARY: indexes; RLE: booleans */
    struct pfs_cursor plain; /* PLAIN: what was not taken */
    uint64_t plain_bit;      /* PLAIN booleans: taken */
    bool has_indexes;        /* the byte with the width of indexes was taken: pages without values lack it */

    struct pfs_pq_page dictionary; /* its content is what entries point into */
    int32_t dictionary_group;      /* row group that it is of; -1 = none */
    int32_t dictionary_count;
    uint32_t entry_bytes_max;
    struct pfs_pq_entry *entry; /* BYTES */
    void *value;                /* other shapes: already in the batch's layout */
};

/* `ahead` is taken, also on failure; `node` NULL goes with `ahead` NULL. */
int pfs_pq_column_init(struct pfs_pq_column *column, const struct pfs_field *field, const struct pfs_pq_node *node,
                       struct pfs_pq_ahead *ahead, struct pfs_err *err);
void pfs_pq_column_done(struct pfs_pq_column *column);

/* How many of the next `rows` rows a batch should have at most, so that long strings do not make it huge: some, and at
 * least 1. Loads a page when the current one is used up. */
int pfs_pq_column_limit(struct pfs_pq_column *column, int32_t group, int64_t *rows, struct pfs_err *err);

/* The next `rows` rows, which row group `group` has left. `index` is scratch for as many numbers. */
int pfs_pq_column_next(struct pfs_pq_column *column, int32_t group, int64_t rows, uint32_t *index,
                       struct pfs_arena *arena, struct pfs_column *out, struct pfs_err *err);
