/* file.h - the data files of a table: reading one as rows of today's schema, writing rows into new ones.
 *
 * Files of primary-key tables hold _KEY_ columns, _SEQUENCE_NUMBER, _VALUE_KIND and all columns; files of append tables
 * the columns alone (spec datafiles 1, 2). The format of a file is the end of its name. "Key-value batches" have the
 * wanted columns, then _SEQUENCE_NUMBER (BIGINT) and _VALUE_KIND (TINYINT, enum pfs_row_kind).
 * Threads: one reader or writer, one thread at a time.
 */
#pragma once

#include "base/clock.h"
#include "format/reader.h"
#include "src/file/external.h"
#include "src/file/schemas.h"
#include "src/meta/manifest.h"

struct pfs_data_read {
    struct pfs_store *store;
    const char *table;               /* the main table's directory: branches share data files */
    const struct pfs_schema *schema; /* what rows shall look like */
    struct pfs_schemas *schemas;     /* for files of older schemas */
    int32_t columns;
    const int32_t *column; /* wanted columns of `schema`, in this order */
    bool key_value;        /* append _SEQUENCE_NUMBER and _VALUE_KIND */
    bool row_ids; /* append tables: append _ROW_ID and _SEQUENCE_NUMBER (BIGINT), as they are stored, else as the
                     entry says; null when it says nothing */
    const struct pfs_external *external; /* where files outside of the table may lie; NULL = nowhere */
    const struct pfs_row_range *range;   /* exactly these rows of the file, ascending and apart; NULL = all; not with
                                            row_ids */
    int32_t ranges;
    int32_t batch_rows; /* 0 = PFS_BATCH_ROWS */
    size_t ahead_bytes; /* of the file read ahead; 0 = 16 MiB */
    const struct pfs_cancel *cancel;
    struct pfs_pool *pool; /* decodes ahead; NULL = on the caller alone */
};

/* Opens the file of a live manifest entry. Columns are matched by field id between the file's schema and `schema`, and
 * found in the file by the name that they had then; a column that the file lacks is null; partition columns come from
 * the entry; values of another type are cast (cast.h). A format that is not there yet is -EOPNOTSUPP, named; a missing
 * or damaged file -EIO with its name. `read` is copied, what it points to is borrowed, `entry` too. */
int pfs_data_open(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, struct pfs_reader **out,
                  struct pfs_err *err);

/* The same of entries that hold columns of the same rows each (data evolution, spec datafiles 9): `count` files whose
 * row ids overlap. A column is read from the newest file that holds it. Borrowed as above, the array too. */
int pfs_data_open_joined(const struct pfs_data_read *read, const struct pfs_manifest_entry *const *entry, int32_t count,
                         struct pfs_reader **out, struct pfs_err *err);
/* How many of `entry`, files as a writer's finish lists them, hold rows of the first one: itself and those beside it.
 */
int64_t pfs_data_together(const struct pfs_manifest_entry *entry, int64_t entries);
/* Opens so many, which have no row ids yet. Reads as the two above; borrowed as there. */
int pfs_data_open_made(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, int64_t count,
                       struct pfs_reader **out, struct pfs_err *err);
/* What the entry's file says of its pages (as far as its format does): pieces of rows with the bounds of one column of
 * read->schema, as of reader.h; *groups 0: nothing is known. In the arena. -ENOMEM. */
int pfs_data_groups(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, int32_t column,
                    struct pfs_arena *arena, struct pfs_file_group **out, int32_t *groups, struct pfs_err *err);

/* Is the column among those that the entry's file was written with? */
int pfs_data_has_column(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, int32_t column,
                        bool *out, struct pfs_err *err);

struct pfs_data_write {
    struct pfs_store *store;
    const char *table;
    const struct pfs_schema *schema;
    struct pfs_slice partition; /* serialised BinaryRow with arity */
    int32_t bucket, total_buckets;
    int32_t level;
    int32_t source;       /* 0 append, 1 compact */
    int64_t first_number; /* append tables: sequence number of the first row */
    bool row_ids;   /* append tables: the batches have _ROW_ID and _SEQUENCE_NUMBER behind the columns, and so will the
                       file (spec datafiles 9) */
    bool named;     /* data evolution: the entry names the columns of `schema`, for they are not all of the table's */
    bool whole;     /* one file, however long */
    bool changelog; /* a changelog file of a primary-key table: changelog-file.* options */
    const struct pfs_external *external; /* where files outside of the table may lie; NULL = nowhere */
    const char *user;                    /* postpone bucket: whose rows they are, for the names; NULL = one made up */
    const struct pfs_clock *clock;
    struct pfs_pool *pool; /* encodes columns in parallel; NULL = on the caller alone */
};

struct pfs_data_writer;

/* Writes key-value batches of all columns of the schema, sorted by key (append tables: the columns alone, as they came)
 * into one or more new files of about target-file-size each; a new file begins with a new key only. Values of BLOB
 * columns go into files of their own, of about blob.target-file-size, which are listed behind the one that they belong
 * to and end where it does. Data files have one
 * row a key. Changelog files take any number, of every kind, in the order of their key and then as they happened: what
 * changelog-producer = input asks for is the flush before it is merged, sorted. Files of the postpone bucket take rows
 * as they come, too.
 *
 * Everything is as the table's options ask: file.format and its codecs (per level where the table has levels),
 * file.block-size, parquet.* and orc.* where they change bytes, prefixes and suffixes of names, data-file.thin-mode,
 * data-file.path-directory, statistics by metadata.stats-* (changelog-file.stats-mode), and file indexes by
 * file-index.*, in the entry or as `<name>.index` among its extra files. -EINVAL names an option without sense.
 *
 * `write` is copied, what it points to is borrowed. */
int pfs_data_writer_open(const struct pfs_data_write *write, struct pfs_data_writer **out, struct pfs_err *err);
/* Do the table's options mean something for new files of level 0 and of changelogs? Who acknowledges rows before they
 * are written asks: -EINVAL as above, before there is a file. */
int pfs_data_write_check(const struct pfs_schema *schema, const struct pfs_external *external, struct pfs_err *err);
int pfs_data_writer_add(struct pfs_data_writer *writer, const struct pfs_batch *batch, struct pfs_err *err);
/* Ends the last file, syncs all of them and their directory; the ADD entries are in the arena. No rows: no files. */
int pfs_data_writer_finish(struct pfs_data_writer *writer, struct pfs_arena *arena, struct pfs_manifest_entry **out,
                           int64_t *count, struct pfs_err *err);
/* NULL allowed. Without a successful finish the files are removed. */
void pfs_data_writer_close(struct pfs_data_writer *writer);

/* Are new files of the two levels of different formats (file.format.per.level)? */
int pfs_data_formats_differ(const struct pfs_schema *schema, int32_t a, int32_t b, bool *out, struct pfs_err *err);

/* The file of a live entry with the file indexes that the options of read->schema, today's, ask for, made of all of its
 * rows (spec indexes 5): *out is its ADD entry, in the arena. A large container is a new file beside it, synced, of a
 * name that nobody has yet; what the entry names stays for those who read it. Returns 1; 0 when the file has no index
 * and shall have none. -EOPNOTSUPP: a file outside of the table; -EINVAL: a column whose type, in that file, cannot
 * have the index. read->columns is not looked at. */
int pfs_data_index(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry, struct pfs_arena *arena,
                   struct pfs_manifest_entry *out, struct pfs_err *err);
/* Removes the index file of what pfs_data_index answered for `entry`: it got into no snapshot. */
void pfs_data_unindex(const struct pfs_data_read *read, const struct pfs_manifest_entry *entry,
                      const struct pfs_manifest_entry *indexed);

struct pfs_data_place { /* of a table's files */
    struct pfs_store *store;
    const char *table; /* the main table's directory */
    const struct pfs_schema *schema;
    const struct pfs_external *external; /* where files outside of the table may lie; NULL = nowhere */
};

/* Where an entry's file lies; with `beside` another one of its directory. The path points into the arena or the entry.
 * -EOPNOTSUPP: outside of the table, where nothing may be touched. */
int pfs_data_find(const struct pfs_data_place *place, const struct pfs_manifest_entry *entry, const char *beside,
                  struct pfs_arena *arena, struct pfs_store **store, const char **path, struct pfs_err *err);
/* Removes an entry's file and its extra files, if they are there: of a write that was given up. */
void pfs_data_remove(const struct pfs_data_place *place, const struct pfs_manifest_entry *entry);

/* Path of an entry's file in the table: "<table>/<partition>/bucket-<b>/<name>". */
int pfs_data_path(const char *table, const struct pfs_schema *schema, const struct pfs_manifest_entry *entry,
                  struct pfs_arena *arena, const char **out, struct pfs_err *err);
