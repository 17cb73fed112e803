/* parquet.h - Parquet data files: the front door of the suite (thrift, encodings and pages stay inside).
 *
 * Format: parquet-format (thrift compact footers, data pages V1 and V2), mapping of types: spec datafiles 4.
 * Reads columns of any nesting in every encoding of the format, codecs of format/compress; annotations and physical
 * types of other writers are taken where they mean the same value, lists in all forms that were ever written. A field
 * of a nested ROW that the file lacks is nulls. What is not there yet (encryption, shredded VARIANT) is -EOPNOTSUPP
 * with its name; damaged bytes are -EIO with the offending fact. Writes what Paimon Java writes: message
 * paimon_schema, field ids, data pages V1, dictionary with fall-back to PLAIN, statistics in the footer, row groups,
 * indexes of the pages of row groups that have more than one a column; beyond it DELTA_BINARY_PACKED for integers that
 * are a good deal smaller so.
 * Threads: one reader or writer, one thread; any number on one pfs_file.
 */
#pragma once

#include "base/pool.h"
#include "base/store.h"
#include "format/compress.h"
#include "format/reader.h"
#include "format/writer.h"

/* Opens a reader. `file` and what `read` points to stay the caller's and outlive the reader. Of the ranges of rows only
 * row groups and pages with a wanted row are decompressed; -EIO when they overlap or pass the end of the file. A batch
 * never reaches over the end of a row group. */
int pfs_parquet_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out,
                     struct pfs_err *err);

/* Rows in the file, from the footer. */
int64_t pfs_parquet_rows(const struct pfs_reader *reader);

/* The row groups that have rows of read->range (NULL: all), in order, made in `arena`; their rows are ranges that
 * pfs_parquet_open takes. Not known are columns of nested types, INT96, and the max of FLOAT and DOUBLE unless the
 * writer is known to give none when there is a NaN. Reads the footer alone. Of `read` columns, fields and ranges count.
 * Errors are those of a footer; a column that cannot be had as it is wanted is not known here and refused there. */
int pfs_parquet_groups(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                       struct pfs_file_group **out, int32_t *groups, struct pfs_err *err);
/* The same row groups in pieces: cut where a page of any wanted column begins that has an index of its pages (Paimon
 * writes one; some 20,000 rows a page). Reads two indexes a column and group: ask for the columns of the condition
 * only, after pfs_parquet_groups left groups out. */
int pfs_parquet_pages(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                      struct pfs_file_group **out, int32_t *pieces, struct pfs_err *err);

/* What a file of any writer holds, told by its footer alone; made in an arena. */
struct pfs_parquet_facts {
    int64_t rows;
    int32_t columns;
    struct pfs_field *field; /* nullable, without columns that are annotated as having no values */
    int32_t groups;
    int64_t *first; /* of each row group: its first row */
    uint64_t gap;   /* bytes between what the footer names and the footer: of another file in front, if it is big */
};

/* `like` is what is wanted, by name. Where values of the file can be read as the wanted type without loss (a wider
 * integer, a finer time, bytes as text) the field has it; else the type that the file says. -EOPNOTSUPP with the
 * column in the sentence for a type that there is none for; as pfs_parquet_open else. */
int pfs_parquet_facts(struct pfs_file *file, const struct pfs_field *like, int32_t likes, struct pfs_arena *arena,
                      struct pfs_parquet_facts *out, struct pfs_err *err);

struct pfs_parquet_write {
    int32_t columns;
    const struct pfs_field *fields; /* names, field ids, types; not null = required */
    enum pfs_codec codec;
    int level;               /* zstd; 0 = 1 */
    int64_t row_group_bytes; /* 0 = 128 MiB, measured before compression */
    int32_t page_bytes;      /* 0 = 1 MiB; of 20,000 rows at most */
    const bool *sought;      /* a place each column: rows are looked for by it, its pages are small; NULL = none */
    bool no_dictionary;      /* parquet.enable.dictionary=false */
    bool delta;            /* parquet.writer.version=PARQUET_2_0: integers may be DELTA_BINARY_PACKED. Smaller, but not
                              every reader of such tables takes it, and Paimon writes none by default */
    size_t held_bytes;     /* memory that ends a row group early; 0 = 64 MiB */
    struct pfs_pool *pool; /* columns are encoded and compressed in parallel; NULL = on the caller alone */
};

/* Opens a writer that appends to `file` (which stays the caller's). The bytes are the same with and without a pool.
 * Pages are compressed when they are full, and only compressed ones wait for the end of their row group. -EINVAL: the
 * codec (Parquet has no deflate), a type nested too deep; -EOPNOTSUPP: a ROW without fields. */
int pfs_parquet_create(struct pfs_file *file, const struct pfs_parquet_write *write, struct pfs_writer **out,
                       struct pfs_err *err);
/* Memory that a writer holds now, about: after each write at most held_bytes and a page of each column. */
size_t pfs_parquet_held(const struct pfs_writer *writer);
