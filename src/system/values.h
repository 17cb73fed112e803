/* values.h - partitions, keys and statistics of metadata as Java prints them. Private to the suite. Pure functions over
 * their arena. */
#pragma once

#include "src/scan/state.h"

/* "{v1, v2}": values cast to text; "{}" without partition keys. */
int pfs_braces(const struct pfs_schema *schema, struct pfs_slice partition, struct pfs_arena *arena,
               struct pfs_buf *out, struct pfs_err *err);
/* "k1=v1/k2=v2", nothing escaped, null and blank text as partition.default-name. */
int pfs_partition_path(const struct pfs_schema *schema, struct pfs_slice partition, struct pfs_arena *arena,
                       struct pfs_buf *out, struct pfs_err *err);
/* "[1, x]": a row of the trimmed primary key, values as they lie in memory. */
int pfs_key_text(const struct pfs_schema *schema, struct pfs_slice key, struct pfs_arena *arena, struct pfs_buf *out,
                 struct pfs_err *err);

/* The columns of a schema in the order of their names, as Java compares text; in the arena. */
int pfs_columns_by_name(const struct pfs_schema *schema, struct pfs_arena *arena, const int32_t **out,
                        struct pfs_err *err);

/* What is known of each column of the state's schema in a file: its statistics evolved (spec manifests 6). */
struct pfs_known {
    struct pfs_column *min, *max; /* one row each; type NULL = unknown */
    int64_t *nulls;               /* -1 = unknown */
};
int pfs_known_of(const struct pfs_state *state, const struct pfs_data_file *file, struct pfs_arena *arena,
                 struct pfs_known *out, struct pfs_err *err);
/* "{a=1, b=null}" */
int pfs_known_nulls(const struct pfs_schema *schema, const int32_t *order, const struct pfs_known *known,
                    struct pfs_buf *out, struct pfs_err *err);
int pfs_known_values(const struct pfs_schema *schema, const int32_t *order, const struct pfs_column *value,
                     struct pfs_buf *out, struct pfs_err *err);
