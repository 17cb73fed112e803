/* write_column.h - one leaf of a file being written: values to pages, a dictionary while it pays, bounds. Private to
 * the suite.
 *
 * Pages are compressed as they fill and wait in memory until the row group ends, since the dictionary page stands
 * before them. A page begins with a row. A dictionary is given up when it grows past a page or when the first page
 * shows that most values differ. Integers without one are stored as differences when the first page of a row group is
 * a good deal smaller so.
 *
 * What is the same in all rows costs a comparison: levels and indexes are put down one by one only when there are two
 * of them. Bounds of a page are those of its distinct values as long as there is a dictionary.
 */
#pragma once

#include "format/parquet/parquet.h"
#include "format/parquet/write_bounds.h"
#include "format/parquet/write_dictionary.h"
#include "format/parquet/write_index.h"
#include "format/parquet/write_levels.h"
#include "format/parquet/write_pages.h"

/* Working memory of whoever writes a leaf: one for each thread that does. */
struct pfs_pq_out_scratch {
    struct pfs_buf dense, raw, packed;
    struct pfs_buf used;     /* numbers in a dictionary */
    struct pfs_arena levels; /* of one column of one batch */
};

enum pfs_pq_out_integers { PFS_PQ_OUT_UNTRIED, PFS_PQ_OUT_PLAIN, PFS_PQ_OUT_DELTA };

struct pfs_pq_out_column {
    const struct pfs_pq_out_node *node;
    struct pfs_pq_out_scratch *scratch; /* while it is worked on */
    enum pfs_codec codec;
    int level;
    int32_t page_bytes;
    int64_t page_rows;
    /* The page being filled: */
    struct pfs_buf plain;      /* room for levels, then values, plain, when there is no dictionary */
    struct pfs_buf definition; /* a byte an entry; empty as long as all have a value */
    struct pfs_buf repetition; /* a byte an entry, if there are such levels */
    uint32_t *index;           /* dictionary indexes; the first `same` of them are *index and not there yet */
    int64_t indexes, same, index_room;
    int64_t entries, rows, present; /* present: entries with a value */
    /* The row group: */
    bool dictionary; /* still used */
    struct pfs_pq_dictionary distinct;
    bool delta;                        /* integers may be DELTA_BINARY_PACKED */
    enum pfs_pq_out_integers integers; /* how plain ones are stored */
    bool has_dictionary_pages, has_plain_pages, has_delta_pages;
    struct pfs_pq_pages pages, dictionary_page;
    int64_t raw_bytes; /* of its pages with headers, before compression */
    int64_t values;
    int64_t group_rows;                        /* of whole pages */
    struct pfs_pq_out_index known;             /* of its pages */
    struct pfs_pq_out_bounds page, group, all; /* of a leaf that is a column of the table; group: of whole pages */
};

void pfs_pq_out_init(struct pfs_pq_out_column *c, const struct pfs_pq_out_node *node,
                     const struct pfs_parquet_write *write, bool sought);
void pfs_pq_out_done(struct pfs_pq_out_column *c);
int pfs_pq_out_add(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, struct pfs_err *err);
/* Ends the last page and makes the dictionary page, if there is one. */
int pfs_pq_out_end_group(struct pfs_pq_out_column *c, struct pfs_err *err);
void pfs_pq_out_next_group(struct pfs_pq_out_column *c);
size_t pfs_pq_out_bytes(const struct pfs_pq_out_column *c);   /* what it will add to the file, about */
size_t pfs_pq_out_held(const struct pfs_pq_out_column *c);    /* memory */
size_t pfs_pq_out_waiting(const struct pfs_pq_out_column *c); /* of it what the end of the row group frees */
