/* column.h - one leaf of a file's schema, decoded into the columns of batches. Private to the suite.
 *
 * Pages come from a pfs_pq_source and end where they like; a call takes as many rows as it is asked for out of as many
 * pages as that needs. A page is decoded in three steps, each over all its rows that the batch takes: definition levels
 * to validity bits, present values to the front of the batch's values, and, if rows are absent, a spread to their
 * places. A nested column (nested.h) takes the pages and the values of its leaves here and looks at the
 * levels itself. Threads: one column, one thread at a time.
 */
#pragma once

#include "format/parquet/ahead.h"
#include "format/parquet/bits.h"
#include "format/parquet/convert.h"

#define PFS_PQ_PIECE 4096 /* values that are taken at once, unless the scratch is larger */

struct pfs_pq_entry {
    uint32_t off, len; /* in the dictionary page's content */
};

enum pfs_pq_content { PFS_PQ_CONTENT_PLAIN, PFS_PQ_CONTENT_DICTIONARY, PFS_PQ_CONTENT_RLE };

struct pfs_pq_column {
    const struct pfs_type *type;
    const struct pfs_pq_node *node; /* NULL = the file lacks it: nulls */
    struct pfs_pq_plan plan;
    bool no_values; /* only its levels are wanted */
    struct pfs_pq_ahead *ahead;

    struct pfs_pq_page page; /* the current one */
    int64_t row;             /* of the group: the first that was not taken */
    int32_t page_left;       /* values of the page, with nulls, that were not taken */
    enum pfs_pq_content content;
    struct pfs_pq_runs levels; /* definition levels of a flat column */
    struct pfs_pq_runs runs;   /* DICTIONARY: indexes; RLE: booleans */
    struct pfs_cursor plain;   /* PLAIN: what was not taken */
    uint64_t plain_bit;        /* PLAIN booleans: taken */
    bool has_indexes;          /* the byte with the width of indexes was taken: pages without values lack it */

    struct pfs_pq_page dictionary; /* its content is what entries point into */
    int32_t dictionary_group;      /* row group that it is of; -1 = none */
    int32_t dictionary_count;
    uint32_t entry_bytes_max;
    struct pfs_pq_entry *entry; /* BYTES */
    void *value;                /* other shapes: already in the batch's layout */
};

/* `ahead` is taken, also on failure; `node` NULL goes with `ahead` NULL, `type` NULL with levels alone. */
int pfs_pq_column_init(struct pfs_pq_column *column, const struct pfs_type *type, const struct pfs_pq_node *node,
                       struct pfs_pq_ahead *ahead, struct pfs_err *err);
void pfs_pq_column_done(struct pfs_pq_column *column);

/* Flat columns. How many of the `rows` rows from row `row` of the group on a batch should have at most, so that long
 * strings do not make it huge: some, and at least 1. Loads the page of that row. */
int pfs_pq_column_limit(struct pfs_pq_column *column, int32_t group, int64_t row, int64_t *rows, uint32_t *index,
                        struct pfs_err *err);

/* Flat columns: these rows of row group `group`, `rows` in all, each behind those of the calls before. `index` is
 * scratch for as many numbers, and for PFS_PQ_PIECE. */
int pfs_pq_column_next(struct pfs_pq_column *column, int32_t group, const struct pfs_row_range *range, int32_t ranges,
                       int64_t rows, uint32_t *index, struct pfs_arena *arena, struct pfs_column *out,
                       struct pfs_err *err);

/* ---- pages and values, for all leaves ---- */

/* What is being built: values of a leaf, the first `done` of them there. */
struct pfs_pq_target {
    struct pfs_arena *arena;
    uint8_t *values;
    int32_t *offsets;
    size_t bytes, bytes_cap; /* of strings */
    int64_t done;
    uint32_t *index; /* scratch */
    struct pfs_err *err;
};

/* The next page of data becomes the current one: 1; 0 behind the last. Dictionaries are loaded on the way. `row` is
 * then the page's, if that is known, else (another page of the same group) what it was. */
int pfs_pq_column_load(struct pfs_pq_column *column, struct pfs_err *err);

/* Room for strings whose length is not known yet: what goes over it moves. */
int pfs_pq_target_reserve(struct pfs_pq_target *target, int64_t more);

/* n present values of the current page, as many as the scratch holds at most, to where target->done says (which stays).
 * skip passes over any number. */
int pfs_pq_values_take(struct pfs_pq_column *column, int64_t n, struct pfs_pq_target *target);
int pfs_pq_values_skip(struct pfs_pq_column *column, int64_t n, struct pfs_err *err);

/* Used by load. */
int pfs_pq_values_start(struct pfs_pq_column *column, struct pfs_err *err);
int pfs_pq_values_dictionary(struct pfs_pq_column *column, struct pfs_err *err);
void pfs_pq_values_done(struct pfs_pq_column *column); /* the dictionary */

int pfs_pq_damaged(struct pfs_err *err, const char *what); /* -EIO: "a page is damaged: what" */
