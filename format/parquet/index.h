/* index.h - where the pages of a column chunk lie, from its offset index, and what is in them, from its column index.
 * Private to the suite.
 *
 * Both are optional and only save time: an index that does not parse, or whose pages are not ascending within their
 * chunk, counts as absent. Threads: values.
 */
#pragma once

#include "format/parquet/footer.h"

struct pfs_pq_location {
    uint64_t off;   /* of the page's header */
    uint64_t bytes; /* with the header */
    int64_t row;    /* of the group, that the page begins with */
};

/* The data pages of a chunk of `rows` rows, in order, made in `arena`. *count 0: no index. -EIO when the file cannot be
 * read, -ENOMEM. */
int pfs_pq_offset_index_load(struct pfs_file *file, const struct pfs_pq_chunk *chunk, int64_t rows,
                             struct pfs_arena *arena, const struct pfs_pq_location **out, int32_t *count,
                             struct pfs_err *err);

/* Statistics of each of the `pages` pages; *out NULL: no index. Bounds may be cut; a page of nulls has none, and as
 * many nulls as INT64_MAX. Errors as above. */
int pfs_pq_column_index_load(struct pfs_file *file, const struct pfs_pq_chunk *chunk, int32_t pages,
                             struct pfs_arena *arena, const struct pfs_pq_stats **out, struct pfs_err *err);
