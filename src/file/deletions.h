/* deletions.h - deletion vectors: which rows of a data file are gone (spec indexes 3).
 *
 * A machine of one state: reads the vectors of a data file from the index files that the state's index manifest names,
 * both versions, checks magic, length and CRC, and keeps what it parsed. Threads: any. And how vectors are written: all
 * those of a bucket of a primary-key table into one new index file.
 */
#pragma once

#include "base/store.h"
#include "format/bitmap.h"
#include "format/reader.h"
#include "src/file/external.h"
#include "src/meta/manifest.h"

struct pfs_deletions;

/* `index` are the live index entries (those of other types are passed over); borrowed, as are the store and
 * `external` (where index files outside of the table may lie; NULL = nowhere). `table`: the main table's directory.
 * `schema` says whether index files lie in the data files' bucket directories (index-file-in-data-file-dir). */
struct pfs_schema;
int pfs_deletions_open(struct pfs_store *store, const struct pfs_external *external, const char *table,
                       const struct pfs_schema *schema, const struct pfs_index_entry *index, int64_t count,
                       struct pfs_deletions **out, struct pfs_err *err);
void pfs_deletions_close(struct pfs_deletions *deletions); /* NULL allowed */

/* The vector of a data file; *out NULL = nothing of it is deleted. Lives as long as the machine. -EIO: damaged, or the
 * index file is not there. */
int pfs_deletions_of(struct pfs_deletions *deletions, const struct pfs_manifest_entry *file,
                     const struct pfs_bitmap **out, struct pfs_err *err);

/* Takes `in` (closed with the answer, also on failure), whose rows are those of `range` (NULL: all) of a data file in
 * order, and leaves out the rows of `deleted` (borrowed). Batches without a deleted row pass untouched. */
int pfs_deletions_apply(struct pfs_reader *in, const struct pfs_bitmap *deleted, const struct pfs_row_range *range,
                        int32_t ranges, struct pfs_reader **out, struct pfs_err *err);

/* ---- writing ---- */

struct pfs_deletion_vector {
    const char *file;              /* name of the data file */
    const struct pfs_bitmap *rows; /* not empty */
};

/* One index file of these vectors (at least one), synced: deletion-vectors.bitmap64 says in which version. `entry`
 * comes with its partition and bucket and is filled from the arena; the names of data files are borrowed. After a
 * failure there is no file. */
int pfs_deletions_write(struct pfs_store *store, const char *table, const struct pfs_schema *schema,
                        const struct pfs_deletion_vector *vector, int64_t vectors, struct pfs_arena *arena,
                        struct pfs_index_entry *entry, struct pfs_err *err);
/* Removes an index file that got into no snapshot. */
void pfs_deletions_remove(struct pfs_store *store, const char *table, const struct pfs_schema *schema,
                          const struct pfs_index_entry *entry);
