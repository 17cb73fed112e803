/* bitmaps.h - CSV with bitmaps in its cells, counted and united: what `paimonfs bitmap` does.
 *
 * The input has a header. Bitmaps are those of Paimon's aggregate functions rbm32 and rbm64, told apart by their first
 * byte, in base64 as views print them; what is damaged is -EIO. Records of kind -U and -D (`_kind`) are what is no
 * more, and are passed over. Groups come out in the order in which they were first seen; a NULL in the bitmap's column
 * adds nothing. Groups and their bitmaps stay in memory, all else is a batch at a time. Threads: one at a time.
 */
#pragma once

#include "base/buf.h"

struct pfs_bitmaps;

enum pfs_bitmaps_verb {
    PFS_BITMAPS_CARDINALITY, /* every record, its bitmap replaced by how many values it has */
    PFS_BITMAPS_UNION_COUNT, /* a record a group: how many values its bitmaps have together */
    PFS_BITMAPS_UNION,       /* the same: their union */
    PFS_BITMAPS_BUILD        /* a record a group: a bitmap of the numbers in the column */
};

struct pfs_bitmaps_want {
    enum pfs_bitmaps_verb verb;
    const char *bitmap; /* the column */
    const char *as;     /* its name in the output; NULL = the same */
    const char *groups; /* columns, ',' between them; NULL = all records are one group. Not for CARDINALITY */
    bool wide;          /* BUILD: of 64 bits. A union is, when one of its bitmaps is */
};

/* `want` is borrowed. */
int pfs_bitmaps_open(const struct pfs_bitmaps_want *want, struct pfs_bitmaps **out, struct pfs_err *err);
void pfs_bitmaps_close(struct pfs_bitmaps *bitmaps); /* NULL allowed */

/* Takes all whole records of `in` and appends what is known of the output; *consumed says how many bytes those were:
 * the caller gives the rest again, with more behind it. With `last` the input ends. -EINVAL (no header, no such column,
 * a malformed record), -ERANGE (a number that the bitmap cannot hold), -EIO name the record. */
int pfs_bitmaps_feed(struct pfs_bitmaps *bitmaps, struct pfs_slice in, bool last, struct pfs_buf *out, size_t *consumed,
                     struct pfs_err *err);
