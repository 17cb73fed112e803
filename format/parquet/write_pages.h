/* write_pages.h - compressed pages of a column chunk that wait for the end of their row group. Private to the suite.
 *
 * They lie in blocks, so that what is held is what was put and never a buffer twice as large. Threads: values.
 */
#pragma once

#include "base/store.h"

struct pfs_pq_page_block;

struct pfs_pq_pages {
    struct pfs_pq_page_block *first, *last;
    size_t bytes; /* put */
    size_t held;  /* of memory */
};

/* A page: its header, then the rest, which may be empty. -ENOMEM with a sentence. */
int pfs_pq_pages_put(struct pfs_pq_pages *pages, struct pfs_slice header, struct pfs_slice body, struct pfs_err *err);
int pfs_pq_pages_append(const struct pfs_pq_pages *pages, struct pfs_file *file, struct pfs_err *err);
void pfs_pq_pages_clear(struct pfs_pq_pages *pages);
