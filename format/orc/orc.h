/* orc.h - ORC data files, both ways: the front door of the suite (protobuf footers, run lengths and streams stay
 * inside).
 *
 * Format: ORC v1 files (footers by protobuf-c from the suite's own orc.proto), RLE v1 and v2, direct and dictionary
 * strings, decimals, timestamps, nested columns; codecs none, zlib, snappy, lz4, zstd; mapping of types: spec datafiles
 * 5. Columns are found by name. Encryption is -EOPNOTSUPP, named; damaged bytes are -EIO with the fact. Row ranges skip
 * stripes and, by the row index, row groups. Written are files of version 0.12 as Paimon Java's: run lengths of version
 * 2, row groups of 10,000 rows with statistics, times of a writer in UTC, field ids as attributes. Threads: one reader
 * or writer, one thread; any number of readers on one pfs_file.
 */
#pragma once

#include "base/store.h"
#include "format/compress.h"
#include "format/reader.h"
#include "format/writer.h"

/* Opens a reader over all stripes (reader.h). `file` and what `read` points to stay the caller's. */
int pfs_orc_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out, struct pfs_err *err);

/* Rows in the file, from the footer. */
int64_t pfs_orc_rows(const struct pfs_reader *reader);

/* The stripes that have rows of read->range (NULL: all), in order, made in `arena`; their rows are ranges that
 * pfs_orc_open takes. Not known are columns of nested types, CHAR (whose values are stored with blanks that readers
 * drop), bytes, the max of FLOAT and DOUBLE, and times of writers in other zones than UTC. Reads the tail alone. Of
 * `read` columns, fields and ranges count. Errors are those of a tail; a column that cannot be had as it is wanted is
 * not known here and refused there. */
int pfs_orc_stripes(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                    struct pfs_file_group **out, int32_t *stripes, struct pfs_err *err);
/* The same stripes in row groups (10,000 rows by default) where they have row indexes. Reads the footer of each stripe
 * and an index a column: ask for the columns of the condition only, after pfs_orc_stripes left stripes out. */
int pfs_orc_groups(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_arena *arena,
                   struct pfs_file_group **out, int32_t *groups, struct pfs_err *err);

struct pfs_orc_write {
    int32_t columns;
    const struct pfs_field *fields; /* names, field ids, types; borrowed. Every column may have nulls */
    enum pfs_codec codec;           /* all but gzip (ORC's zlib is deflate) */
    int level;                      /* zstd; 0 = 1 */
    int64_t stripe_bytes;           /* as buffered, compressed where a chunk is full; 0 = 64 MiB */
    double dictionary_share;        /* orc.dictionary.key.threshold: most entries for each value; 0 = 0.8 */
    bool no_dictionary;
};

/* Opens a writer that appends to `file` (which stays the caller's). Bounds are those of the values: texts whole, times
 * in all digits. -EINVAL: the codec; -EOPNOTSUPP: VARIANT. */
int pfs_orc_create(struct pfs_file *file, const struct pfs_orc_write *write, struct pfs_writer **out,
                   struct pfs_err *err);
