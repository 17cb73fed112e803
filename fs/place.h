/* place.h - where a path leads: a table, a branch, a tag, refined by partitions and columns; and what stands there.
 *
 * One idea (design: mount.md): every directory below a database is a table, whole or refined, with the same members as
 * far as those make sense. A place is the facts of such a path, all text: it is resolved against a schema when a view
 * or a handle needs it. One table of members says what stands where. Private to fs/.
 * Threads: immutable after construction; a place lives in its arena.
 */
#pragma once

#include "base/arena.h"
#include "format/text/text.h"
#include "src/table.h"

/* What a node can be. DIR: a directory. */
#define PFS_NODE_KINDS(X) \
    X(ROOT, true)         \
    X(DATABASE, true)     \
    X(PLACE, true)        \
    X(SNAPSHOTS, true)    \
    X(PARTITIONS, true)   \
    X(SELECTS, true)      \
    X(TAGS, true)         \
    X(BRANCHES, true)     \
    X(VIEW, false)        \
    X(INBOX, false)       \
    X(SCHEMA_SQL, false)  \
    X(OPTIONS, false)     \
    X(STATUS, false)      \
    X(ERRORS, false)      \
    X(SQL, false)

enum pfs_node_kind {
#define X(id, dir) PFS_NODE_##id,
    PFS_NODE_KINDS(X)
#undef X
};

bool pfs_node_kind_is_dir(enum pfs_node_kind kind);

struct pfs_spec { /* one partition column held to a value, as the path spells it */
    const char *key, *value;
};

struct pfs_place {
    const char *path; /* from the root, "" = the root; names a directory's node */
    enum pfs_node_kind kind;
    const char *database, *table;
    const char *branch; /* NULL = main */
    const char *tag;    /* NULL = not frozen */
    int32_t specs;
    const struct pfs_spec *spec;
    const char *select; /* "a,b"; NULL = all columns */
    /* VIEW: */
    struct pfs_when when;
    enum pfs_text format;
    /* INBOX: */
    int text;         /* enum pfs_text, or -1 */
    const char *user; /* NULL = anonymous */
    int64_t identifier;
};

/* What `name` is below `parent`, without looking at any table: whether it exists there is the caller's to find out.
 * Bare -ENOENT: no such member; -EINVAL with a sentence: malformed. Everything in the arena, parent's text too. */
int pfs_place_child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                    struct pfs_err *err);

/* The fixed members of a directory that are listed. */
typedef int pfs_member_fn(void *context, const char *name, enum pfs_node_kind kind);
int pfs_place_members(const struct pfs_place *place, pfs_member_fn *each, void *context);

/* Resolved against a schema: partition values and column indexes, in the arena. -EINVAL with a sentence: no such
 * column, a malformed value. */
int pfs_place_partitions(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                         struct pfs_partition_value **out, struct pfs_err *err);
int pfs_place_columns(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                      int32_t **column, int32_t *columns, struct pfs_err *err);
