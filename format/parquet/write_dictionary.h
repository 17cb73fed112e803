/* write_dictionary.h - the distinct values of a column chunk, by hash. Private to the suite.
 *
 * Entries lie in one run as the dictionary page wants them; a slot of the table holds a part of the hash beside the
 * entry's number, so that other values are told apart without a look at them. Threads: values.
 */
#pragma once

#include "format/batch.h"

struct pfs_pq_dictionary {
    int32_t width;          /* 4 or 8; 0 = text, behind a le32 length each */
    struct pfs_buf entries; /* plain values */
    uint32_t count;
    uint32_t *text_off, text_room; /* of each text in entries */
    uint64_t *slot;                /* high half: of the hash; low half: number + 1; 0 = free */
    int bits;                      /* 1 << bits slots */
};

void pfs_pq_dictionary_done(struct pfs_pq_dictionary *d);
void pfs_pq_dictionary_clear(struct pfs_pq_dictionary *d); /* keeps its memory */
void pfs_pq_dictionary_drop(struct pfs_pq_dictionary *d);  /* gives it back */

/* Numbers of `count` values; new ones are added. -ENOMEM. */
int pfs_pq_dictionary_put(struct pfs_pq_dictionary *d, const void *values, int64_t count, uint32_t *out);
int pfs_pq_dictionary_put_text(struct pfs_pq_dictionary *d, const struct pfs_column *column, const int32_t *row,
                               int64_t from, int64_t count, uint32_t *out);

/* The plain values of these numbers. */
void pfs_pq_dictionary_get(const struct pfs_pq_dictionary *d, const uint32_t *index, int64_t count,
                           struct pfs_buf *out);
size_t pfs_pq_dictionary_bytes(const struct pfs_pq_dictionary *d); /* held */
