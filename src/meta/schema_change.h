/* schema_change.h - what ALTER TABLE does to a schema: the next schema of a table (spec metadata 1.3, timetravel 9).
 *
 * A change names its column by a path: column, then fields of a ROW; through an ARRAY by "element", through a MAP by
 * "value". Ids stay with their columns; new ones come from highest_field_id, which never falls. A renamed column takes
 * the keys and the options that name it along. Refusals are Paimon's: -EINVAL with its sentence. Threads: pure.
 */
#pragma once

#include "src/meta/schema.h"

#define PFS_SCHEMA_CHANGES(X) \
    X(SET_OPTION)             \
    X(REMOVE_OPTION)          \
    X(TABLE_COMMENT)          \
    X(ADD_COLUMN)             \
    X(DROP_COLUMN)            \
    X(RENAME_COLUMN)          \
    X(MODIFY_COLUMN)          \
    X(COLUMN_TYPE)            \
    X(COLUMN_NULLABLE)        \
    X(COLUMN_COMMENT)         \
    X(COLUMN_DEFAULT)         \
    X(MOVE_COLUMN)            \
    X(DROP_PRIMARY_KEY)

enum pfs_schema_change_kind {
#define X(id) PFS_CHANGE_##id,
    PFS_SCHEMA_CHANGES(X)
#undef X
};

enum pfs_schema_spot { PFS_SPOT_NONE, PFS_SPOT_FIRST, PFS_SPOT_AFTER };

struct pfs_schema_change {
    enum pfs_schema_change_kind kind;
    int32_t depth;           /* of the path; 0 = the change is about no column */
    const char *const *path; /* of the column */
    const char *key;         /* options: the key */
    const char *text;        /* option value, new name, comment, default value; NULL = none */
    bool keep_comment;       /* MODIFY: its statement has none, and the column keeps its own */
    bool if_exists;          /* DROP_COLUMN: one that is not there is no error */
    /* ADD: ids are given here. MODIFY: with its nullability, a ROW field by field, as Flink's MODIFY. TYPE: the column
     * keeps its nullability, as with Spark's ALTER COLUMN TYPE. */
    struct pfs_type type;
    bool nullable;             /* NULLABLE */
    enum pfs_schema_spot spot; /* ADD, MODIFY, MOVE */
    const char *beside;        /* AFTER this sibling */
};

/* What the changes are made to. */
struct pfs_schema_changing {
    const struct pfs_schema *schema;
    const char *table;  /* its full name, for sentences */
    bool has_snapshots; /* then some options do not change any more */
};

/* The schema after all of the changes, with the next id, checked as a new table is; it shares memory with the old one.
 * time_ms is the caller's to set. */
int pfs_schema_change(const struct pfs_schema_changing *changing, const struct pfs_schema_change *change,
                      int32_t changes, struct pfs_arena *arena, struct pfs_schema *out, struct pfs_err *err);

enum pfs_like { PFS_LIKE_OPTIONS = 1, PFS_LIKE_PRIMARY_KEY = 2, PFS_LIKE_PARTITIONS = 4 };

/* The schema of a new table that is like another: its columns, keys, options and comment, and behind and over them what
 * `out` has (columns and options; the comment where the other has none). without: bits of enum pfs_like, what is not
 * taken from the other; `out` may have such keys of its own, over its own columns. Ids are open: pfs_schema_complete.
 */
int pfs_schema_like(const struct pfs_schema *other, unsigned without, struct pfs_schema *out, struct pfs_arena *arena,
                    struct pfs_err *err);

/* May a column's type change so? `explicit`: also casts that can lose something (disable-explicit-type-casting). */
bool pfs_schema_cast_allowed(const struct pfs_type *from, const struct pfs_type *to, bool explicit);
