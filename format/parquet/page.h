/* page.h - the pages of one column, one after the other through all row groups, decompressed. Private to the suite.
 *
 * A source keeps a window of a column chunk's bytes and reads ahead by `ahead_bytes`; neither a chunk nor a row group
 * is ever held whole. A page owns its bytes, so that the next one can be made (even by another thread) while it is
 * decoded. Threads: one source, one thread at a time.
 */
#pragma once

#include "format/parquet/footer.h"

struct pfs_pq_page {
    enum pfs_pq_page_type type;                            /* DICTIONARY, DATA or DATA_V2 */
    int32_t group;                                    /* row group that it belongs to */
    int32_t values;                                   /* with nulls; of a flat column these are rows */
    int32_t encoding;                                 /* enum pfs_pq_encoding, as the file says: may be none of them */
    struct pfs_slice repetition, definition, content; /* borrowed from raw, which has PFS_PQ_PAD bytes more */
    uint8_t *raw;
    size_t raw_cap;
};

struct pfs_pq_source {
    struct pfs_file *file;
    const struct pfs_pq_footer *footer;
    const struct pfs_pq_node *node; /* a leaf */
    size_t ahead_bytes;
    int32_t group;        /* current row group; -1 before the first */
    int64_t values_left;  /* of the current chunk; meaningful for flat columns: rows */
    bool dictionary_seen; /* of the current chunk */
    uint64_t off, end;    /* of the next page header; of the chunk */
    uint8_t *window;
    size_t window_cap, window_len;
    uint64_t window_off; /* in the file, of window[0] */
};

void pfs_pq_source_init(struct pfs_pq_source *source, struct pfs_file *file, const struct pfs_pq_footer *footer,
                        const struct pfs_pq_node *node, size_t ahead_bytes);
void pfs_pq_source_done(struct pfs_pq_source *source);

/* The next page into *page, whose memory is used again: 1, 0 behind the last one, -EIO, -EOPNOTSUPP (codec, encrypted),
 * -ENOMEM. Data pages of a chunk never hold more values than the row group has rows. */
int pfs_pq_source_next(struct pfs_pq_source *source, struct pfs_pq_page *page, struct pfs_err *err);

void pfs_pq_page_done(struct pfs_pq_page *page);
