/* type.h - logical types: what a column holds, whatever file it is stored in.
 *
 * A type is a plain tree, filled once and then only read; it lives in the arena of whoever parsed it. Names and
 * parameters are Paimon's (spec metadata 1.1). How a kind lies in memory is written in batch.h.
 * Threads: immutable after construction.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

/* kind, the keyword in type text, bytes a value in memory (0 = offsets or children) */
#define PFS_KINDS(X)                                      \
    X(BOOLEAN, "BOOLEAN", 1)                              \
    X(TINYINT, "TINYINT", 1)                              \
    X(SMALLINT, "SMALLINT", 2)                            \
    X(INT, "INT", 4)                                      \
    X(BIGINT, "BIGINT", 8)                                \
    X(FLOAT, "FLOAT", 4)                                  \
    X(DOUBLE, "DOUBLE", 8)                                \
    X(DECIMAL, "DECIMAL", 8)                              \
    X(CHAR, "CHAR", 0)                                    \
    X(VARCHAR, "VARCHAR", 0)                              \
    X(BINARY, "BINARY", 0)                                \
    X(VARBINARY, "VARBINARY", 0)                          \
    X(DATE, "DATE", 4)                                    \
    X(TIME, "TIME", 4)                                    \
    X(TIMESTAMP, "TIMESTAMP", 8)                          \
    X(TIMESTAMP_LTZ, "TIMESTAMP WITH LOCAL TIME ZONE", 8) \
    X(VARIANT, "VARIANT", 0)                              \
    X(BLOB, "BLOB", 0)                                    \
    X(ARRAY, "ARRAY", 0)                                  \
    X(MAP, "MAP", 0)                                      \
    X(MULTISET, "MULTISET", 0)                            \
    X(ROW, "ROW", 0)

enum pfs_kind {
#define X(id, keyword, width) PFS_##id,
    PFS_KINDS(X)
#undef X
        PFS_KIND_COUNT
};

#define PFS_LENGTH_MAX 2147483647 /* VARCHAR of this length is STRING, VARBINARY is BYTES */

struct pfs_field;

struct pfs_type {
    enum pfs_kind kind;
    bool nullable;
    int32_t length;           /* CHAR, VARCHAR, BINARY, VARBINARY: characters or bytes */
    int32_t precision, scale; /* DECIMAL: digits, decimals; TIME, TIMESTAMP, TIMESTAMP_LTZ: precision 0..9 */
    int32_t children;         /* ARRAY, MULTISET: 1 (element); MAP: 2 (key, value); ROW: its fields; else 0 */
    struct pfs_field *child;
};

/* A column of a table, a field of a ROW, or (name "element", "key", "value", id -1) a part of ARRAY and MAP. */
struct pfs_field {
    int32_t id;
    const char *name; /* UTF-8, NUL-terminated */
    struct pfs_type type;
    const char *comment;       /* "description" in schema files; NULL = none */
    const char *default_value; /* SQL literal text; NULL = none */
};

/* Parses type text as in schema files, Flink and Spark notes: "DECIMAL(10, 2) NOT NULL", "STRING", "INTEGER",
 * "TIMESTAMP_LTZ(3)", "ARRAY<INT>", "MAP<STRING, INT>", "ROW<a INT 'comment', `b c` STRING NOT NULL>", "INT ARRAY".
 * Case and blanks are free. The fields of a ROW get id -1. Stops at the first character that cannot belong to the type
 * and says how much it read in *used: that is a statement's text, where VARCHAR and VARBINARY without a length have the
 * largest, as in Flink. With NULL, a schema file's, all has to be read, and they have the length 1, as in Paimon.
 * -EINVAL with a sentence that names the type; nesting is limited by PFS_JSON_DEPTH_MAX. */
int pfs_type_parse(struct pfs_slice text, size_t *used, struct pfs_arena *arena, struct pfs_type *out,
                   struct pfs_err *err);

/* Exactly as Paimon writes: "DECIMAL(10, 2)", "STRING", "TIMESTAMP(3) WITH LOCAL TIME ZONE", and for nested ones
 * "ARRAY<INT>", "MAP<STRING, INT>", "ROW<`a` INT, `b` STRING>"; " NOT NULL" after a type that is not nullable. */
void pfs_type_print(const struct pfs_type *type, struct pfs_buf *out);

/* Equal in kind, parameters and children; nullability and ids are compared only when `strict`. */
bool pfs_type_equal(const struct pfs_type *a, const struct pfs_type *b, bool strict);

/* Bytes of one value in a batch: DECIMAL 8 up to precision 18, else 16; TIMESTAMP(_LTZ) 8 up to precision 6, else 16;
 * 0 for strings, bytes and nested kinds. */
int pfs_type_width(const struct pfs_type *type);

static inline bool pfs_kind_is_bytes(enum pfs_kind kind)
{
    return kind == PFS_CHAR || kind == PFS_VARCHAR || kind == PFS_BINARY || kind == PFS_VARBINARY ||
           kind == PFS_VARIANT || kind == PFS_BLOB;
}

static inline bool pfs_kind_is_text(enum pfs_kind kind)
{
    return kind == PFS_CHAR || kind == PFS_VARCHAR;
}

static inline bool pfs_kind_is_nested(enum pfs_kind kind)
{
    return kind == PFS_ARRAY || kind == PFS_MAP || kind == PFS_MULTISET || kind == PFS_ROW;
}
