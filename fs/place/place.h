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
#include "src/table/table.h"

/* What a node is to those who look, list, open: a directory; a view, immutable bytes rendered once for each identity; a
 * text that is made anew at each lookup; a stream of changes that grows or blocks; a file that is written. */
enum pfs_node_class { PFS_CLASS_DIR, PFS_CLASS_VIEW, PFS_CLASS_TEXT, PFS_CLASS_STREAM, PFS_CLASS_WRITE };

#define PFS_NODE_KINDS(X)                         \
    X(ROOT, DIR)                                  \
    X(DATABASE, DIR)                              \
    X(PLACE, DIR) /* a table, whole or refined */ \
    X(SNAPSHOTS, DIR)                             \
    X(PARTITIONS, DIR)                            \
    X(WHERES, DIR)                                \
    X(SELECTS, DIR)                               \
    X(KEYS, DIR)                                  \
    X(DIFFS, DIR)                                 \
    X(INCREMENTALS, DIR)                          \
    X(CONSUMERS, DIR)                             \
    X(SYSTEMS, DIR)                               \
    X(TAGS, DIR)                                  \
    X(BRANCHES, DIR)                              \
    X(DAEMON, DIR) /* .paimonfs */                \
    X(VIEW, VIEW)  /* merged rows */              \
    X(KEY, VIEW)                                  \
    X(CHANGES, VIEW) /* of one snapshot */        \
    X(DIFF, VIEW)                                 \
    X(INCREMENTAL, VIEW)                          \
    X(SYSTEM, VIEW)                               \
    X(CHANGELOG, STREAM)                          \
    X(PIPE, STREAM)                               \
    X(CONSUMER, STREAM)                           \
    X(SCHEMA_SQL, TEXT)                           \
    X(SCHEMA_JSON, TEXT)                          \
    X(SNAPSHOT_JSON, TEXT)                        \
    X(OPTIONS, TEXT)                              \
    X(STATUS, TEXT)                               \
    X(ERRORS, TEXT)                               \
    X(DAEMON_FILE, TEXT)                          \
    X(INBOX, WRITE)                               \
    X(OVERWRITE, WRITE)                           \
    X(SQL, WRITE)                                 \
    X(SCRATCH, WRITE) /* a temporary beside inbox */

enum pfs_node_kind {
#define X(id, class) PFS_NODE_##id,
    PFS_NODE_KINDS(X)
#undef X
};

enum pfs_node_class pfs_node_class(enum pfs_node_kind kind);

static inline bool pfs_node_kind_is_dir(enum pfs_node_kind kind)
{
    return pfs_node_class(kind) == PFS_CLASS_DIR;
}

struct pfs_spec { /* one partition column held to a value, as the path spells it */
    const char *key, *value;
};

struct pfs_place {
    const char *path; /* from the root, "" = the root; names a directory's node */
    enum pfs_node_kind kind;
    const char *database, *table;
    const char *branch; /* NULL = main */
    const char *tag;    /* frozen at a tag; NULL = not */
    int64_t snapshot;   /* frozen at a snapshot; 0 = not */
    int32_t specs;
    const struct pfs_spec *spec;
    int32_t wheres;
    const char *const *where; /* conditions, joined by and */
    int32_t selects;
    const char *const *select; /* "a,b" each, a subset of the one before; the last one counts */
    /* VIEW: */
    struct pfs_when when;
    bool parquet; /* one Parquet file instead of text */
    /* VIEW, KEY, CHANGES, DIFF, INCREMENTAL, SYSTEM, CHANGELOG, PIPE, CONSUMER: */
    enum pfs_text format;
    /* DIFF, INCREMENTAL: a snapshot id, a tag, tag:NAME or latest */
    const char *from, *to;
    /* KEY: the values as spelled; SYSTEM, CONSUMER, DAEMON_FILE: its name */
    const char *name;
    /* INBOX: */
    int text; /* enum pfs_text, or -1 */
    enum pfs_envelope envelope;
    const char *user; /* NULL = anonymous */
    int64_t identifier;
};

static inline bool pfs_place_is_frozen(const struct pfs_place *p)
{
    return p->tag != NULL || p->snapshot != 0;
}

/* The state that the place is of: frozen, or the newest. What is written, looked up or followed there goes by it. */
struct pfs_when pfs_place_when(const struct pfs_place *place);
/* The state that its rows, partitions and system tables show: frozen, or what a read gives that names no version, which
 * the table's options may pin. */
struct pfs_when pfs_place_shown(const struct pfs_place *place);

/* Does its snapshot/ have a directory for each snapshot? Only a whole table's has. */
bool pfs_place_has_snapshots(const struct pfs_place *place);

/* What `name` is below `parent`, without looking at any table: whether it exists there is the caller's to find out.
 * Bare -ENOENT: no such member; -EINVAL with a sentence: malformed. Everything in the arena, parent's text too. */
int pfs_place_child(const struct pfs_place *parent, const char *name, struct pfs_arena *arena, struct pfs_place *out,
                    struct pfs_err *err);

/* How a database, table, branch or tag is spelled below a directory of that kind, and back: '%' and what would be taken
 * for a member are percent-encoded. print: NULL in *out for a name too long to be shown. parse: -EINVAL with a sentence
 * for a spelling that print does not give, so that nothing has two names. */
int pfs_place_print_name(enum pfs_node_kind parent, const char *name, struct pfs_arena *arena, const char **out,
                         struct pfs_err *err);
int pfs_place_parse_name(enum pfs_node_kind parent, const char *shown, struct pfs_arena *arena, const char **out,
                         struct pfs_err *err);

/* The fixed members of a directory that are listed: all but changelog_pipe, whose readers wait. */
typedef int pfs_member_fn(void *context, const char *name, enum pfs_node_kind kind);
int pfs_place_members(const struct pfs_place *place, pfs_member_fn *each, void *context);

/* Resolved against a schema: partition values and column indexes, in the arena. -EINVAL with a sentence: no such
 * column, a malformed value. */
int pfs_place_partitions(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                         struct pfs_partition_value **out, struct pfs_err *err);
int pfs_place_columns(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                      int32_t **column, int32_t *columns, struct pfs_err *err);
/* The conditions, joined by and; NULL = none. -EINVAL with the sentence. The schema outlives it. */
int pfs_place_condition(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                        const struct pfs_condition **out, struct pfs_err *err);
/* KEY: the values of the primary key that its name spells, a one-row column each, in declared order. -EINVAL: another
 * number of them, a malformed or null one. */
int pfs_place_key(const struct pfs_place *place, const struct pfs_schema *schema, struct pfs_arena *arena,
                  struct pfs_column **out, struct pfs_err *err);
