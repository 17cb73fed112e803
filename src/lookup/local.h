/* local.h - local lookup files: data files made over for single keys, on this machine's disk.
 *
 * A data file answers one key with a page of each column, a millisecond or more. Its local twin has all of its rows in
 * small blocks, each with its first key at hand in memory, and a bloom filter of its keys: a key that is not in it
 * costs no read, one that is costs one of some kilobytes. Data files never change, so a twin is right as long as its
 * data file is; those that a new snapshot no longer names go with time, least recently used first, as all do when there
 * are too many bytes. Deletion vectors are not in them: they are applied to what they give.
 *
 * A twin is made when that pays: once the keys that were looked for in a data file cost about as much as making it.
 * With a pool it is made beside the lookups, a batch a task. Threads: any.
 */
#pragma once

#include "base/pool.h"
#include "src/scan/among.h"

struct pfs_locals;

struct pfs_locals_config {
    const char *dir;       /* of the files, which have no names; NULL = /var/tmp. Copied */
    uint64_t bytes_max;    /* of all of them; 0 = 1 GiB */
    struct pfs_pool *pool; /* borrowed; NULL = made by the lookup that is one too many */
};

int pfs_locals_open(const struct pfs_locals_config *config, struct pfs_locals **out, struct pfs_err *err);
void pfs_locals_close(struct pfs_locals *locals); /* NULL allowed; no reader is open, waits for what is being made */

/* For scans that are `keyed` (scan.h). */
const struct pfs_among_files *pfs_locals_files(struct pfs_locals *locals);

/* Makes the twin of a file now, if there is none. What cannot be made is told by nobody: the data file is read. */
void pfs_locals_fill(struct pfs_locals *locals, const struct pfs_data_read *read,
                     const struct pfs_manifest_entry *entry);

/* Files that are there, and their bytes. */
void pfs_locals_count(struct pfs_locals *locals, int64_t *files, uint64_t *bytes);
