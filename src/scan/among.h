/* among.h - ranges of keys, and the rows whose key lies in one of them: what a lookup, or a view that is printed anew
 * in part, leaves of a scan. Private to src/.
 *
 * Keys are trimmed keys as bytes (merge/key.h), so they are those of one bucket. Leaving out rows by their key is right
 * below a merge, too: all records of a key stay or go together. Files of primary-key tables are sorted by key; one that
 * is not is read in full, and right. Threads: immutable.
 */
#pragma once

#include "src/file/file.h"
#include "src/merge/key.h"

/* Range i is low[i] .. high[i]; they ascend and lie apart. */
struct pfs_among {
    int64_t count;
    struct pfs_keys low, high; /* the same for single keys */
    bool apart;                /* high[i] itself is not in the range */
    bool from_start;           /* the first range has no low */
    bool to_end;               /* the last range has no high */
};

/* Are they single keys? */
static inline bool pfs_among_is_keys(const struct pfs_among *a)
{
    return !a->apart && !a->from_start && !a->to_end && a->low.prefix == a->high.prefix;
}

/* Data files by key from elsewhere: 1 and a reader as pfs_data_open of read and entry gives, of the rows *range alone
 * (all rows of the single keys are among them); no reader when *ranges is 0; 0: the data file is to be read. What is
 * answered lives in the arena. */
struct pfs_among_files {
    int (*open)(void *self, const struct pfs_among *among, const struct pfs_data_read *read,
                const struct pfs_manifest_entry *entry, struct pfs_arena *arena, const struct pfs_row_range **range,
                int32_t *ranges, struct pfs_reader **out, struct pfs_err *err);
    void *self;
};

/* Does a range meet the keys from min[0] to max[0]? */
bool pfs_among_meets(const struct pfs_among *among, const struct pfs_keys *min, const struct pfs_keys *max);

/* Takes `in` (closed with the answer, also on failure), which gives the trimmed key at the places key[0..keys-1]. */
int pfs_among_sieve(const struct pfs_among *among, struct pfs_reader *in, const int32_t *key, int32_t keys,
                    struct pfs_reader **out, struct pfs_err *err);

/* The rows of the file that may lie in a range, by what its format says of pages: *out NULL = all of them, *ranges 0
 * with *out set = none; in the arena. Looks only where that is worth it. min and max: of the file. */
int pfs_among_rows(const struct pfs_among *among, const struct pfs_data_read *read,
                   const struct pfs_manifest_entry *entry, const struct pfs_keys *min, const struct pfs_keys *max,
                   struct pfs_arena *arena, const struct pfs_row_range **out, int32_t *ranges, struct pfs_err *err);
