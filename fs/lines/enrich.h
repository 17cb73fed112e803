/* enrich.h - lines of text, each followed by the columns of the row that its key names: the dimension join of a shell
 * pipeline, what `paimonfs lookup` does.
 *
 * Lines are CSV or JSON objects, one a line, told by the first byte. A CSV header that has the columns of the primary
 * key says where they stand; without a header a record is the primary key in declared order. Each record goes out as it
 * came, byte for byte, followed by those columns of the place that are not in it; one whose key has no row is followed
 * by nulls. Rows are those of the place's state when their line comes: a new snapshot is seen by the next lines.
 * Threads: one at a time.
 */
#pragma once

#include "base/buf.h"
#include "fs/tree/tree.h"
#include "src/lookup/lookup.h"

struct pfs_enrich;

/* Which records go out: all; those with a row; those without one, as they came. */
enum pfs_enrich_keep { PFS_ENRICH_ALL, PFS_ENRICH_FOUND, PFS_ENRICH_MISSING };

struct pfs_enrich_want {
    const char *path; /* a table, whole or refined ("shop/orders/select/status"), or a view of its merged rows */
    enum pfs_enrich_keep keep;
    enum pfs_lookup_cache cache;
    size_t memory_bytes; /* 0 = 256 MiB */
};

/* -ENOENT, -EINVAL with a sentence: there is no such place, it has no primary key. The tree outlives it. */
int pfs_enrich_open(struct pfs_tree *tree, const struct pfs_enrich_want *want, struct pfs_enrich **out,
                    struct pfs_err *err);
void pfs_enrich_close(struct pfs_enrich *enrich); /* NULL allowed */

/* Takes all whole records of `in` and appends what becomes of them; *consumed says how many bytes those were: the
 * caller gives the rest again, with more behind it. With `last` the end of `in` ends a record. -EINVAL names the
 * record. */
int pfs_enrich_feed(struct pfs_enrich *enrich, struct pfs_slice in, bool last, struct pfs_buf *out, size_t *consumed,
                    struct pfs_err *err);
