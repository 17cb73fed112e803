/* rows.h - Avro data files as batches of columns.
 *
 * Format: object containers whose record is a row; mapping of types: spec datafiles 6 (unions with null in any order).
 * The header's schema is made into a plan once; blocks are decoded one after the other, each column appended to by a
 * kernel of its type. Fields are found by name, the rest is stepped over. Row ranges: blocks outside are not decoded.
 * Damaged bytes are -EIO with the fact. Threads: one reader, one thread; any number on one pfs_file.
 */
#pragma once

#include "base/store.h"
#include "format/reader.h"

int pfs_avro_rows_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out,
                       struct pfs_err *err);
