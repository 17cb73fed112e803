/* page.h - the pages of one column, one after the other through all row groups, decompressed. Private to the suite.
 *
 * Only pages that may hold a wanted row are made: row groups without one are passed over, and so are pages whose rows
 * are known. Where a row group is wanted in part, the offset index of the chunk says where to go on, if there is one.
 * Without it every header is read: in a flat column a page has as many rows as values, in others data pages V2 say it;
 * where that is not known the column itself must count rows by their levels.
 *
 * A source keeps a window of a column chunk's bytes and reads ahead by `ahead_bytes`; neither a chunk nor a row group
 * is ever held whole. A page owns its bytes, so that the next one can be made (even by another thread) while it is
 * decoded. Threads: one source, one thread at a time.
 */
#pragma once

#include "format/parquet/index.h"
#include "format/reader.h"

struct pfs_pq_page {
    enum pfs_pq_page_type type; /* DICTIONARY, DATA or DATA_V2 */
    int32_t group;              /* row group that it belongs to; -1 = no page yet */
    int64_t row;                /* of the group, that it begins with; -1 = not known */
    bool last;                  /* no other page of the group comes behind it */
    bool bit_packed_repetition; /* levels of old: packed without runs. The bits of each byte were turned round, so */
    bool bit_packed_definition; /* that they lie as in runs, but each value's own bits are in reverse */
    int32_t values;             /* with nulls; of a flat column these are rows */
    int32_t encoding;           /* enum pfs_pq_encoding, as the file says: may be none of them */
    struct pfs_slice repetition, definition, content; /* borrowed from raw or plain, which have PFS_PQ_PAD bytes more */
    uint8_t *raw, *plain;                             /* plain: of a page that was transcoded, instead of raw */
    size_t raw_cap, plain_cap;
};

struct pfs_pq_source {
    struct pfs_file *file;
    const struct pfs_pq_footer *footer;
    const struct pfs_pq_node *node; /* a leaf */
    size_t ahead_bytes;
    const struct pfs_row_range *range; /* rows of the file that are wanted: those behind range_at are still to come */
    int32_t ranges, range_at;
    int32_t group;                          /* current row group; -1 before the first */
    int64_t row;                            /* of the group, that the next data page begins with; -1 = not known */
    int64_t values_left;                    /* of the current chunk; of flat columns: rows */
    bool dictionary_seen;                   /* of the current chunk */
    uint64_t off, end;                      /* of the next page header; of the chunk */
    struct pfs_arena index;                 /* the locations */
    const struct pfs_pq_location *location; /* of the group's data pages; NULL = not needed, or no index */
    int32_t locations, location_at;         /* the next one to look at */
    uint64_t stop;                          /* nothing is wanted from there on for a while: not read ahead */
    uint8_t *window;
    size_t window_cap, window_len;
    uint64_t window_off; /* in the file, of window[0] */
};

/* `range` is borrowed: ascending, apart, none of them empty. */
void pfs_pq_source_init(struct pfs_pq_source *source, struct pfs_file *file, const struct pfs_pq_footer *footer,
                        const struct pfs_pq_node *node, const struct pfs_row_range *range, int32_t ranges,
                        size_t ahead_bytes);
void pfs_pq_source_done(struct pfs_pq_source *source);

/* The next page into *page, whose memory is used again: 1, 0 behind the last one, -EIO, -EOPNOTSUPP (codec, encrypted),
 * -ENOMEM. Data pages of a flat column never hold more values than the row group has rows. */
int pfs_pq_source_next(struct pfs_pq_source *source, struct pfs_pq_page *page, struct pfs_err *err);

void pfs_pq_page_done(struct pfs_pq_page *page);
