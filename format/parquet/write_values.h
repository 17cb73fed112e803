/* write_values.h - values of a batch as a leaf's plain values. Private to the suite. */
#pragma once

#include "format/parquet/write_levels.h"

/* Values [from, from + count) of fixed width, one after the other in the file's layout: into `to` (node->width bytes
 * each), or where they lie when they are so already. */
const void *pfs_pq_out_fixed(const struct pfs_pq_out_node *node, const struct pfs_pq_out_entries *in, int64_t from,
                             int64_t count, uint8_t *to);

/* Appends texts, each behind its length. */
void pfs_pq_out_texts(const struct pfs_pq_out_entries *in, int64_t from, int64_t count, struct pfs_buf *out);
