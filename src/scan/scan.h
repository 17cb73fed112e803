/* scan.h - reading a state: which files (plan), grouped into splits that can be read apart, merged into rows.
 *
 * Order of rows: partition (by value, NULL first), bucket, key; append tables: the order of their files. A split is a
 * partition and bucket, or a piece of a large one; splits in order give that order, so they may be read in parallel and
 * joined. Deletes are dropped, the engine is applied (spec merge-engines 1): files whose key ranges overlap nothing are
 * read without a merge. Tables where batch reads leave out level 0 (first-row, deletion vectors) are read so.
 *
 * A condition holds for merged rows. What cannot match is left unread: partitions; files by their statistics (where a
 * merge may need them: by those of the keys alone); rows by file index.
 *
 * Threads: a scan is immutable after open; any number of its split readers at once, each one thread.
 */
#pragma once

#include "base/budget.h"
#include "format/rows.h"
#include "src/scan/state.h"

/* A partition column held to one value: the refinement of partition/<k>=<v>/. */
struct pfs_partition_value {
    int32_t column;          /* of the schema; a partition column */
    struct pfs_column value; /* one row, may be null */
};

/* Which levels of a primary-key table are read. BATCH: as a batch read does, without level 0 where deletion vectors or
 * first-row are used. ALL: level 0 too, whatever the table. UPPER: without level 0. TOP: the top level alone (`$ro`).
 */
enum pfs_levels { PFS_LEVELS_BATCH, PFS_LEVELS_ALL, PFS_LEVELS_UPPER, PFS_LEVELS_TOP };

struct pfs_condition;
struct pfs_among_files;

struct pfs_scan_want {
    struct pfs_state *state;
    enum pfs_levels levels;
    bool by_key;     /* rows of a split ascend by key in every table; else files that need no merge come one by one */
    int32_t columns; /* -1 = all */
    const int32_t *column;
    int32_t partitions;
    const struct pfs_partition_value *partition;
    const struct pfs_condition *condition; /* parsed against the state's schema; NULL = every row */
    bool sequences; /* append _SEQUENCE_NUMBER (BIGINT) after the wanted columns; primary-key tables alone */
    bool row_ids;   /* append _ROW_ID and _SEQUENCE_NUMBER (BIGINT) there; append tables alone */
    bool kinds;     /* append the row kind (TINYINT) after all else */
    bool deletes;   /* with kinds: keys whose record is a delete that no compaction has dropped yet are given too */
    struct pfs_budget budget;            /* of one reader of it */
    bool keyed;                          /* splits may be read by ranges of keys (pfs_scan_split_among) */
    const struct pfs_among_files *files; /* keyed: where data files may be had by key (among.h); NULL = nowhere */
    bool own;                            /* the state's own files alone, not those of its fallback branch */
    int64_t excepts;                     /* partitions to leave out, as serialised rows in the order of their bytes */
    const struct pfs_slice *except;      /* borrowed until the scan is open */
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool; /* for decoding ahead; NULL = none */
};

struct pfs_scan;

/* Takes a reference on the state; copies the rest but for values' bytes, condition, cancel and pool, which are
 * borrowed. -EOPNOTSUPP: a feature that cannot be read yet, named; -EINVAL: row ids of a table with a primary key.
 * Reads the state's own files alone, and refuses a state with a fallback branch unless that is meant (own):
 * pfs_scan_rows reads both. */
int pfs_scan_open(const struct pfs_scan_want *want, struct pfs_scan **out, struct pfs_err *err);
void pfs_scan_close(struct pfs_scan *scan); /* NULL allowed; not while a split reader is open */

int32_t pfs_scan_splits(const struct pfs_scan *scan);
/* Rows of the split's files before merging: for sharing out work. */
int64_t pfs_scan_split_rows(const struct pfs_scan *scan, int32_t split);
int pfs_scan_split(struct pfs_scan *scan, int32_t split, struct pfs_reader **out, struct pfs_err *err);
/* The same from one of its sections on; and where a split's next batch begins: the section, and the rows of it that
 * were given. */
int pfs_scan_split_at(struct pfs_scan *scan, int32_t split, int32_t section, struct pfs_reader **out,
                      struct pfs_err *err);
/* The same, but rows whose key lies in one of the ranges alone (borrowed until the reader is closed): what is read is
 * little more than their pages. The scan is `keyed`, its table has a primary key. */
struct pfs_among;
int pfs_scan_split_among(struct pfs_scan *scan, int32_t split, const struct pfs_among *among, struct pfs_reader **out,
                         struct pfs_err *err);
void pfs_scan_split_tell(const struct pfs_reader *reader, int32_t *section, int64_t *given);

/* All splits one after the other as rows: the wanted columns, with sequences `_SEQUENCE_NUMBER`, with kinds `_kind`
 * last. */
int pfs_scan_rows(const struct pfs_scan_want *want, struct pfs_rows **out, struct pfs_err *err);

/* The distinct partitions of the state's live files, and of its fallback's, in order, as serialised rows (borrowed from
 * the state). */
int pfs_scan_partitions(const struct pfs_state *state, struct pfs_arena *arena, const struct pfs_slice **out,
                        int64_t *count, struct pfs_err *err);
/* The values of one, a one-row column for each partition key, and whether they are those that are held. */
int pfs_scan_partition_values(const struct pfs_state *state, struct pfs_slice partition, struct pfs_arena *arena,
                              struct pfs_column **out, struct pfs_err *err);
bool pfs_scan_partition_matches(const struct pfs_schema *schema, const struct pfs_column *value,
                                const struct pfs_partition_value *held, int32_t count);
/* Orders two partitions by their values, column after column, NULL first: < 0, 0, > 0. */
int pfs_scan_partition_compare(const struct pfs_column *a, const struct pfs_column *b, int32_t count);
