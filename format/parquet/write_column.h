/* write_column.h - one leaf of a file being written: values to pages, a dictionary while it pays, bounds. Private to
 * the suite.
 *
 * Pages are compressed as they fill and wait in memory until the row group ends, since the dictionary page stands
 * before them. A page begins with a row. A dictionary is given up when it grows past a page or when the first page
 * shows that most values differ.
 */
#pragma once

#include "format/parquet/parquet.h"
#include "format/parquet/write_bounds.h"
#include "format/parquet/write_dictionary.h"
#include "format/parquet/write_levels.h"

/* What leaves use while they work: those that one lane of a writer works on share it. */
struct pfs_pq_out_scratch {
    struct pfs_buf dense, raw, packed;
};

struct pfs_pq_out_column {
    const struct pfs_pq_out_node *node;
    struct pfs_pq_out_scratch *scratch; /* of the call at hand */
    enum pfs_codec codec;
    int level;
    int32_t page_bytes;
    /* The page being filled: */
    struct pfs_buf plain;                  /* values, plain, when there is no dictionary */
    struct pfs_buf definition, repetition; /* a byte an entry, as far as there are levels */
    uint32_t *index;                       /* dictionary indexes */
    int64_t indexes, index_room;
    int64_t entries, rows;
    /* The row group: */
    bool dictionary; /* still used */
    struct pfs_pq_dictionary distinct;
    bool has_dictionary_pages, has_plain_pages;
    struct pfs_buf pages;
    int64_t raw_bytes; /* of its pages with headers, before compression */
    int64_t values;
    struct pfs_pq_out_bounds group, all; /* of a leaf that is a column of the table */
};

void pfs_pq_out_init(struct pfs_pq_out_column *c, const struct pfs_pq_out_node *node,
                     const struct pfs_parquet_write *write);
void pfs_pq_out_done(struct pfs_pq_out_column *c);
/* `scratch`: see above; also of the calls that follow. */
int pfs_pq_out_add(struct pfs_pq_out_column *c, const struct pfs_pq_out_entries *in, struct pfs_pq_out_scratch *scratch,
                   struct pfs_err *err);
/* Ends the last page; the dictionary page (may be empty) goes to *dictionary. */
int pfs_pq_out_end_group(struct pfs_pq_out_column *c, struct pfs_buf *dictionary, struct pfs_pq_out_scratch *scratch,
                         struct pfs_err *err);
void pfs_pq_out_next_group(struct pfs_pq_out_column *c);
size_t pfs_pq_out_bytes(const struct pfs_pq_out_column *c); /* buffered, about */
/* A bound of the row group as Statistics stores it: plain, without the length of text. */
void pfs_pq_out_print_bound(const struct pfs_pq_out_column *c, bool max, struct pfs_buf *out);
