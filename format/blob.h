/* blob.h - files of one BLOB column, as data evolution keeps them beside the other columns (spec datafiles 8).
 *
 * Format: records of magic, payload, length and CRC-32, then an index of all lengths (delta, zigzag, LEB128), its size
 * and the version, 1. A length of -1 is a null that has no record. The file names no column: what is asked for must be
 * one BLOB. Damaged bytes are -EIO with the fact. Threads: one reader, one thread; any number on one pfs_file.
 */
#pragma once

#include "base/store.h"
#include "format/reader.h"
#include "format/writer.h"

/* Batches end at 16 MiB of values, so that they may be of one row. `file` and what `read` points to stay the caller's.
 */
int pfs_blob_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out,
                  struct pfs_err *err);

#define PFS_BLOB_AROUND_BYTES 16 /* magic, length and CRC of a record */

/* Writes batches of one BLOB column, each value as it comes: nothing of them is kept but their lengths. The size is
 * that of the records, by which Paimon's files are rolled too. There are no statistics. */
int pfs_blob_create(struct pfs_file *file, struct pfs_writer **out, struct pfs_err *err);
