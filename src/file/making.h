/* making.h - how a new data file is made: its format, codec, size and name, as the table's options ask (spec datafiles
 * 7, options 3). Private to the suite.
 *
 * Options per level hold for primary-key tables alone, and not for changelog files, which have options of their own. An
 * option that is not there falls back on the table's. The part of the name that tells the compression follows
 * file.compression whatever the file itself is compressed with, as Paimon's does.
 */
#pragma once

#include "base/pool.h"
#include "base/store.h"
#include "format/compress.h"
#include "format/writer.h"
#include "src/meta/schema.h"

enum pfs_data_format { PFS_DATA_PARQUET, PFS_DATA_ORC, PFS_DATA_AVRO, PFS_DATA_BLOB };

struct pfs_making {
    enum pfs_data_format format;
    const char *prefix, *suffix; /* of names: "data-" and ".zst.parquet" */
    enum pfs_codec codec;
    int level;               /* zstd */
    int64_t block_bytes;     /* row group or stripe; 0 = the format's own */
    int64_t page_bytes;      /* Parquet; 0 = the format's own */
    bool no_dictionary;      /* Parquet; ORC with a threshold of 0 */
    bool delta;              /* Parquet: parquet.writer.version is 2 */
    double dictionary_share; /* ORC: most entries for each value; 0 = the format's own */
    int64_t target_bytes;
};

/* Texts in the arena or the schema. -EINVAL: a value that means nothing, or a codec that the format cannot have. */
int pfs_making_read(const struct pfs_schema *schema, int32_t level, bool changelog, struct pfs_arena *arena,
                    struct pfs_making *out, struct pfs_err *err);
/* Files of the postpone bucket: Avro, unless that cannot have one of the columns or the option of level 0 says
 * otherwise; and the name tells who wrote it, so that a compaction can keep the order of his
 * files (spec buckets 7). user NULL: someone. */
int pfs_making_read_postponed(const struct pfs_schema *schema, const char *user, struct pfs_arena *arena,
                              struct pfs_making *out, struct pfs_err *err);

/* Files of one BLOB column, as they stand beside those of the rows (blob.target-file-size). */
int pfs_making_read_blobs(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_making *out,
                          struct pfs_err *err);

/* Can files that are made so have all columns of the schema? -EOPNOTSUPP with the column. */
int pfs_making_check(const struct pfs_making *making, const struct pfs_schema *schema, struct pfs_err *err);

/* A writer of that format; fields are borrowed. The pool may be NULL. */
int pfs_making_open(const struct pfs_making *making, struct pfs_file *file, const struct pfs_field *fields,
                    int32_t columns, struct pfs_pool *pool, struct pfs_writer **out, struct pfs_err *err);

/* Value of a map option ("0:avro,5:parquet", or the keys <option>.0, <option>.5) at a level; NULL = none. -EINVAL. */
int pfs_making_of_level(const struct pfs_options *options, const char *option, int32_t level, struct pfs_arena *arena,
                        const char **out, struct pfs_err *err);
