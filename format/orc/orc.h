/* orc.h - ORC data files: the front door of the suite (protobuf footers, run lengths and streams stay inside).
 *
 * Format: ORC v1 files (footers by protobuf-c from the suite's own orc.proto), RLE v1 and v2, direct and dictionary
 * strings, decimals, timestamps, nested columns; codecs none, zlib, snappy, lz4, zstd; mapping of types: spec datafiles
 * 5. Columns are found by name. Encryption is -EOPNOTSUPP, named; damaged bytes are -EIO with the fact. Row ranges skip
 * stripes and, by the row index, row groups. Threads: one reader, one thread; any number on one pfs_file.
 */
#pragma once

#include "base/store.h"
#include "format/reader.h"

/* Opens a reader over all stripes (reader.h). `file` and what `read` points to stay the caller's. */
int pfs_orc_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out, struct pfs_err *err);

/* Rows in the file, from the footer. */
int64_t pfs_orc_rows(const struct pfs_reader *reader);
