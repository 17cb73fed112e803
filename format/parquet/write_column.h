/* write_column.h - one column of a file being written: values to pages, a dictionary while it pays, bounds. Private to
 * the suite.
 *
 * Pages are compressed as they fill and wait in memory until the row group ends, since the dictionary page stands
 * before them. A dictionary is given up when it grows past a page or when the first page shows that most values differ.
 */
#pragma once

#include "format/parquet/parquet.h"
#include "format/parquet/spec.h"

struct pfs_pq_out_stats { /* bounds as the format stores them, and as a batch holds them */
    bool any, unordered;  /* unordered: no bounds (a NaN, bytes without text, INT96) */
    int64_t nulls;
    struct pfs_buf min, max; /* one value in the batch's layout; text: its bytes */
};

struct pfs_pq_out_column {
    const struct pfs_field *field;
    enum pfs_pq_physical physical;
    int32_t width; /* of a plain value; 0 = BYTE_ARRAY */
    bool required;
    enum pfs_codec codec;
    int level;
    int32_t page_bytes;
    /* The page being filled: */
    struct pfs_buf plain;  /* values, plain, when there is no dictionary */
    struct pfs_buf levels; /* a byte a row: present */
    uint32_t *index;       /* dictionary indexes */
    int32_t indexes, rows;
    /* The dictionary: */
    bool dictionary;        /* still used */
    struct pfs_buf entries; /* plain values */
    uint32_t *entry_off;    /* of each in entries */
    uint32_t entry_count, entry_room;
    uint32_t *slot; /* open addressing: index + 1 */
    size_t slot_mask;
    bool has_dictionary_pages, has_plain_pages;
    /* The row group: */
    struct pfs_buf pages;
    int64_t raw_bytes; /* of its pages with headers, before compression */
    int64_t values;
    struct pfs_pq_out_stats group, all;
    struct pfs_buf packed, scratch;
};

/* -EOPNOTSUPP: a nested column. */
int pfs_pq_out_init(struct pfs_pq_out_column *c, const struct pfs_field *field, const struct pfs_parquet_write *write,
                    struct pfs_err *err);
void pfs_pq_out_done(struct pfs_pq_out_column *c);
int pfs_pq_out_add(struct pfs_pq_out_column *c, const struct pfs_column *in, int64_t rows, struct pfs_err *err);
/* Ends the last page; the dictionary page (may be empty) goes to *dictionary. */
int pfs_pq_out_end_group(struct pfs_pq_out_column *c, struct pfs_buf *dictionary, struct pfs_err *err);
void pfs_pq_out_next_group(struct pfs_pq_out_column *c);
size_t pfs_pq_out_bytes(const struct pfs_pq_out_column *c); /* buffered, about */
/* A bound as Statistics stores it: plain, without the length of text. */
void pfs_pq_out_print_bound(const struct pfs_pq_out_column *c, const struct pfs_buf *bound, struct pfs_buf *out);
