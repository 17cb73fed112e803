/* parcel.h - a Parquet file that is written to an inbox: kept on disk until it is whole, then read as rows.
 *
 * Its footer comes last, and writers may seek, so nothing can be said of its rows before. Bytes go to a file without a
 * name in the cache directory. Files that follow each other without a gap (`cat *.parquet`) are read one after the
 * other. Private to fs/. Threads: one at a time.
 */
#pragma once

#include "base/cancel.h"
#include "base/pool.h"
#include "format/text/text.h"

struct pfs_parcel;

/* dir NULL: /var/tmp. */
int pfs_parcel_open(const char *dir, struct pfs_parcel **out, struct pfs_err *err);
void pfs_parcel_close(struct pfs_parcel *parcel); /* NULL allowed */

uint64_t pfs_parcel_size(const struct pfs_parcel *parcel);
/* Anywhere; -EFBIG. */
int pfs_parcel_write(struct pfs_parcel *parcel, uint64_t off, struct pfs_slice bytes, struct pfs_err *err);
/* Does it begin and end as a file does? 1, 0, or why that cannot be told. */
int pfs_parcel_is_whole(struct pfs_parcel *parcel, struct pfs_err *err);
int pfs_parcel_empty(struct pfs_parcel *parcel, struct pfs_err *err);

struct pfs_parcel_read {
    const struct pfs_text_parse *parse; /* as for the parser: columns, fields, implied, refused */
    struct pfs_pool *pool;
    const struct pfs_cancel *cancel;
    /* Takes the arena's content, as pfs_transaction_add does. */
    int (*add)(void *context, struct pfs_arena *arena, const struct pfs_batch *batch, struct pfs_err *err);
    void *context;
};

/* All rows of all files. Nothing is to be kept after a failure; `refusal` says where, with row 0 if it is about no row.
 */
int pfs_parcel_rows(struct pfs_parcel *parcel, const struct pfs_parcel_read *read, struct pfs_text_refusal *refusal,
                    struct pfs_err *err);
