/* out_tail.h - what is written around the streams: row indexes, stripe footers and the tail. Private to the suite. */
#pragma once

#include "format/orc/out_column.h"

#define PFS_ORC_OUT_STRIDE 10000 /* rows of a row group */

struct pfs_orc_out_tail {    /* messages that grow with each stripe */
    struct pfs_buf stripes;  /* of the footer */
    struct pfs_buf metadata; /* statistics of the stripes */
    int64_t rows;
    uint64_t end; /* of the stripes, in the file */
};

/* RowIndex of one column. */
void pfs_orc_out_index_print(const struct pfs_orc_out_column *c, struct pfs_buf *out);

/* Fields of a stripe footer. */
void pfs_orc_out_extent_print(enum pfs_orc_stream_kind kind, uint32_t column, uint64_t bytes, struct pfs_buf *out);
void pfs_orc_out_encodings_print(struct pfs_orc_out_column *const *flat, uint32_t columns, struct pfs_buf *out);

/* A stripe that has been written, before its columns are cleared. */
void pfs_orc_out_tail_add(struct pfs_orc_out_tail *tail, const struct pfs_orc_stripe *stripe,
                          struct pfs_orc_out_column *const *flat, uint32_t columns);
void pfs_orc_out_footer_print(const struct pfs_orc_out_tail *tail, struct pfs_orc_out_column *const *flat,
                              uint32_t columns, struct pfs_buf *out);
/* With its length behind it: the end of the file. */
void pfs_orc_out_postscript_print(enum pfs_codec codec, uint64_t footer_bytes, uint64_t metadata_bytes,
                                  struct pfs_buf *out);
