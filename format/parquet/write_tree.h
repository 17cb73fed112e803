/* write_tree.h - the columns of a file being written as the tree that Parquet has of them: groups, lists, maps, leaves
 * (spec datafiles 4). Private to the suite.
 *
 * Lists and maps have a repeated group in the middle ("list", "key_value") that no node stands for. Parts of lists and
 * maps have ids made of the id of the field that owns them and their depth in it. Threads: immutable when built.
 */
#pragma once

#include "format/parquet/spec.h"
#include "format/parquet/thrift_write.h"
#include "format/type.h"

enum pfs_pq_out_form { PFS_PQ_OUT_LEAF, PFS_PQ_OUT_ROW, PFS_PQ_OUT_LIST, PFS_PQ_OUT_MAP, PFS_PQ_OUT_VARIANT };

struct pfs_pq_out_node {
    enum pfs_pq_out_form form;
    const char *name;
    int32_t id; /* -1 = none */
    const struct pfs_type *type;
    bool optional;
    uint8_t definition; /* level of what is present here, its own repeated group left out */
    uint8_t repetition; /* repeated groups around it */
    int32_t children;
    struct pfs_pq_out_node *child; /* LIST: the element; MAP: key and value; VARIANT: value and metadata */
    const struct pfs_pq_out_node *parent;
    /* Of leaves: */
    int32_t leaf; /* number, in the order of the schema */
    enum pfs_pq_physical physical;
    int32_t width; /* of a plain value; 0 = BYTE_ARRAY */
};

/* One node a column, in the arena. *leaves: in all of them. -EOPNOTSUPP: a ROW without fields; -EINVAL: nested too
 * deep. */
int pfs_pq_out_tree(const struct pfs_field *fields, int32_t columns, struct pfs_arena *arena,
                    struct pfs_pq_out_node **out, int32_t *leaves, struct pfs_err *err);

/* FileMetaData.schema, root included. */
void pfs_pq_out_put_schema(struct pfs_thrift_out *t, const struct pfs_pq_out_node *columns, int32_t count);
/* ColumnMetaData.path_in_schema of a leaf. */
void pfs_pq_out_put_path(struct pfs_thrift_out *t, const struct pfs_pq_out_node *leaf);
