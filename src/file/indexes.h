/* indexes.h - the file indexes of a new data file: which ones the table's options ask for, and where they go (spec
 * indexes 5).
 *
 * file-index.<type>.columns names columns, or keys of MAP columns as "m[key]"; file-index.<type>.<column>.<option>
 * tunes one of them, and with the name of a MAP column all of its keys. A row without the key, or without the map, is a
 * null to the index. Private to the suite; immutable after reading.
 */
#pragma once

#include "format/fileindex/fileindex.h"
#include "src/meta/manifest.h"
#include "src/meta/schema.h"

struct pfs_indexes {
    int32_t count; /* 0 = none */
    struct pfs_index_write *write;
    struct pfs_index_source { /* what index i is over */
        int32_t column;
        struct pfs_slice key; /* of a MAP; at NULL = the column itself */
    } * source;
    int64_t embedded_bytes_max; /* larger containers are files of their own */
};

/* In the arena. -EINVAL: a column that is not there, an unknown type of index, a key of what is no map of texts. */
int pfs_indexes_read(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_indexes *out,
                     struct pfs_err *err);

/* What is asked for by today's schema, of a file of an older one (may be the same): columns by their ids, under the
 * names and with the types that they had then; what the file lacks is left out. */
int pfs_indexes_of_file(const struct pfs_indexes *asked, const struct pfs_schema *today, const struct pfs_schema *then,
                        const struct pfs_data_file *file, struct pfs_arena *arena, struct pfs_indexes *out,
                        struct pfs_err *err);

/* Rows of the table's columns into the indexes. */
int pfs_indexes_add(const struct pfs_indexes *indexes, struct pfs_fileindex_writer *writer,
                    const struct pfs_batch *batch, struct pfs_err *err);
