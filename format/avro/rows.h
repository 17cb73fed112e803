/* rows.h - Avro data files as batches of columns, both ways.
 *
 * Format: object containers whose record is a row; mapping of types: spec datafiles 6 (unions with null in any order;
 * the record itself may be one of them, though no row is null).
 * The header's schema is made into a plan once; blocks are decoded one after the other, each column appended to by a
 * kernel of its type. Fields are found by name, the rest is stepped over. Row ranges: blocks outside are not decoded.
 * Damaged bytes are -EIO with the fact. Writes what Paimon Java writes, its names of records too. Threads: one reader
 * or writer, one thread; any number of readers on one pfs_file.
 */
#pragma once

#include "base/store.h"
#include "format/compress.h"
#include "format/reader.h"
#include "format/writer.h"

int pfs_avro_rows_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out,
                       struct pfs_err *err);

struct pfs_avro_rows_write {
    int32_t columns;
    const struct pfs_field *fields; /* names and types, borrowed; nullable = a union with null */
    enum pfs_codec codec;           /* none, zstd, deflate or snappy */
    int level;                      /* zstd; 0 = 1 */
};

/* Opens a writer that appends to `file` (which stays the caller's), the header at once. Nothing is measured: no bounds,
 * nulls -1. -EOPNOTSUPP: a type that Paimon's Avro files cannot have (VARIANT, times finer than microseconds, a
 * MULTISET of anything but strings); -EINVAL: a name that is none in Avro, a codec that is none, and from write a null
 * in a column that is not nullable. */
int pfs_avro_rows_create(struct pfs_file *file, const struct pfs_avro_rows_write *write, struct pfs_writer **out,
                         struct pfs_err *err);
