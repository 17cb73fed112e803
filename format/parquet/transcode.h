/* transcode.h - pages of the encodings DELTA_BINARY_PACKED, DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY and
 * BYTE_STREAM_SPLIT, rewritten as PLAIN when they are made. Private to the suite.
 *
 * Paimon's own writer makes none of them, others do. Rewriting costs a pass over a page that lies in the cache, may
 * happen on a worker of the pool, and leaves one set of kernels behind it. Threads: values.
 */
#pragma once

#include "format/parquet/page.h"

/* Is there something to do for a page of that encoding and leaf? */
bool pfs_pq_is_transcoded(int32_t encoding, const struct pfs_pq_node *node);

/* page->content becomes PLAIN, in memory that the page owns. -EIO when it is damaged or passes PFS_PAGE_BYTES_MAX. */
int pfs_pq_transcode(const struct pfs_pq_node *node, struct pfs_pq_page *page, struct pfs_err *err);
