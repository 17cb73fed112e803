/* sql.h - statements as people have them in their Flink and Spark notes, parsed into facts. No statement is executed
 * here: src/catalog does that.
 *
 * Comments (dash dash, slash star) in any language, keywords in any case, names quoted by ` part by part or whole
 * ("db.t" in one pair is two parts), strings in single quotes with '' for a quote. A branch is the table name
 * t$branch_b. Errors are -EINVAL with a sentence that has line and column and what was expected. Threads: pure
 * functions.
 */
#pragma once

#include "src/meta/schema_change.h"

#define PFS_STATEMENTS(X) \
    X(CREATE_DATABASE)    \
    X(DROP_DATABASE)      \
    X(CREATE_TABLE)       \
    X(DROP_TABLE)         \
    X(SHOW_DATABASES)     \
    X(SHOW_TABLES)        \
    X(SHOW_CREATE_TABLE)  \
    X(SHOW_PARTITIONS)    \
    X(SHOW_PROPERTIES)    \
    X(SHOW_TAGS)          \
    X(SHOW_BRANCHES)      \
    X(DESCRIBE)           \
    X(ALTER_TABLE)        \
    X(RENAME_TABLE)       \
    X(DROP_PARTITIONS)    \
    X(TRUNCATE_TABLE)     \
    X(USE)                \
    X(CALL)

enum pfs_statement_kind {
#define X(id) PFS_SQL_##id,
    PFS_STATEMENTS(X)
#undef X
};

struct pfs_argument {  /* of a CALL */
    const char *name;  /* NULL = positional */
    const char *value; /* text of the literal */
};

struct pfs_statement {
    enum pfs_statement_kind kind;
    struct pfs_slice text; /* the statement, without its ';' */
    const char *database;  /* NULL = the current one; of USE: no change, since only the catalog was named */
    const char *table;     /* without the branch */
    const char *branch;    /* NULL = main */
    bool if_exists;        /* IF EXISTS, IF NOT EXISTS */
    bool cascade;
    const char *to_database, *to_table; /* RENAME TO; CREATE TABLE LIKE: the table that is taken as the pattern */
    unsigned like_without;              /* of it: enum pfs_like (src/meta/schema_change.h), what is not taken */
    struct pfs_schema schema; /* CREATE TABLE: columns, keys, options, comment; not completed (pfs_schema_complete) */
    int32_t changes;          /* ALTER TABLE: in their order */
    const struct pfs_schema_change *change;
    bool elsewhere;     /* CREATE DATABASE: with a location */
    const char *key;    /* SHOW TBLPROPERTIES t ('key'): that option alone; NULL = all */
    const char *like;   /* SHOW DATABASES, TABLES: names that match, with % (or *) and _; NULL = all */
    int32_t partitions; /* DROP PARTITION (k = 'v', ...), ...: how many; SHOW PARTITIONS: at most one */
    const struct pfs_options *partition; /* columns and values as text; value NULL = NULL */
    const char *procedure;               /* CALL: "create_tag", the part after "sys." */
    int32_t arguments;
    const struct pfs_argument *argument;
};

/* The next statement of `text` from *used on (a text may hold several). *used: bytes up to and with its ';'. 1; 0 when
 * only blanks and comments are left (*used = all); -EAGAIN (bare) when the last statement has no ';' yet: the caller
 * waits for more, or ends it. `'connector' = 'paimon'` is dropped, engine-only options are kept. */
int pfs_sql_parse(struct pfs_slice text, size_t *used, struct pfs_arena *arena, struct pfs_statement *out,
                  struct pfs_err *err);
/* How much of a text that comes in pieces is whole statements: bytes up to and with the last ';' that is outside of
 * quotes and comments. */
size_t pfs_sql_complete(struct pfs_slice text, struct pfs_arena *arena);
