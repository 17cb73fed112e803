/* schema.h - what a table is: columns, keys, options; the file schema/schema-<id> (spec metadata 1).
 *
 * A schema is a fact: parsed into an arena, then only read. Column order is array order; columns are compared across
 * schemas by field id, found in files by the name they had in the file's own schema. Threads: immutable.
 */
#pragma once

#include "base/store.h"
#include "format/type.h"
#include "src/meta/options.h"

#define PFS_MERGE_ENGINES(X)            \
    X(DEDUPLICATE, "deduplicate")       \
    X(PARTIAL_UPDATE, "partial-update") \
    X(AGGREGATION, "aggregation")       \
    X(FIRST_ROW, "first-row")

enum pfs_merge_engine {
#define X(id, name) PFS_##id,
    PFS_MERGE_ENGINES(X)
#undef X
};

/* The bucket of rows that a later compaction sends to the real ones; as the option bucket: all rows go there first. */
#define PFS_POSTPONE_BUCKET (-2)

struct pfs_schema {
    int64_t id;
    int32_t version;
    int32_t columns;
    struct pfs_field *field;
    int32_t highest_field_id;
    int32_t partition_keys, primary_keys, trimmed_keys, bucket_keys; /* how many */
    int32_t *partition_key;                                          /* column indexes, in partition order */
    int32_t *primary_key;                                            /* in declared order */
    int32_t *trimmed_key; /* primary key without the partition columns: what files are sorted by */
    int32_t *bucket_key;  /* option bucket-key, else the trimmed key; empty on append tables without it */
    struct pfs_options options;
    const char *comment; /* NULL = none */
    int64_t time_ms;
    /* Read from the options once, because every river asks: */
    enum pfs_merge_engine engine;
    int32_t buckets;  /* option bucket: N, -1, PFS_POSTPONE_BUCKET */
    bool lookup_mode; /* first-row, deletion vectors, changelog-producer=lookup, force-lookup (spec lsm 7) */
    bool deletion_vectors;
    bool write_only;
    const char *default_partition; /* partition.default-name */
    bool legacy_partition_names;
};

/* Parses the JSON of a schema file and derives the rest. -EIO with a sentence: not JSON, missing member, unknown type,
 * keys that are no columns, ... (a schema file is input). Nesting is limited. */
int pfs_schema_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_schema *out, struct pfs_err *err);

/* As Paimon writes it (its order of members, pretty printed; spec metadata 1). */
int pfs_schema_print(const struct pfs_schema *schema, struct pfs_buf *out, struct pfs_err *err);

/* Parts of it as compact JSON: an array of columns, arrays of names, an object of options. */
enum pfs_schema_part { PFS_SCHEMA_FIELDS, PFS_SCHEMA_PARTITION_KEYS, PFS_SCHEMA_PRIMARY_KEYS, PFS_SCHEMA_OPTIONS };
int pfs_schema_print_part(const struct pfs_schema *schema, enum pfs_schema_part part, struct pfs_buf *out,
                          struct pfs_err *err);

/* Fills the derived members from columns, keys and options, and checks what Paimon checks when a table is created (spec
 * options 5, merge-engines 2 and 5): -EINVAL with the sentence. Also makes the primary key columns not null and gives
 * ids to fields that have -1 (nested ones too). For statements, before publishing. */
int pfs_schema_complete(struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_err *err);

/* The file schema-<id> of the table directory `table` (branch: its own directory). Bare -ENOENT. */
int pfs_schema_load(struct pfs_store *store, const char *table, int64_t id, struct pfs_arena *arena,
                    struct pfs_schema *out, struct pfs_err *err);
/* Greatest id in schema/; bare -ENOENT when there is none (then it is no table). */
int pfs_schema_latest_id(struct pfs_store *store, const char *table, int64_t *out, struct pfs_err *err);
/* All ids, ascending, in the arena. */
int pfs_schema_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, int64_t **ids, int64_t *count,
                    struct pfs_err *err);
/* Publishes schema-<schema->id> without replacing; bare -EEXIST when the id is taken. */
int pfs_schema_publish(struct pfs_store *store, const char *table, const struct pfs_schema *schema,
                       struct pfs_err *err);

/* Index of the column with that name; -1 = none. */
int32_t pfs_schema_find(const struct pfs_schema *schema, struct pfs_slice name);

/* Data evolution: which columns have their values in .blob files of their own, beside the rows' (spec datafiles 8):
 * BLOBs that blob-descriptor-field does not name. *out: one bool a column, in the arena; *count of them are true. */
int pfs_schema_blobs(const struct pfs_schema *schema, struct pfs_arena *arena, bool **out, int32_t *count,
                     struct pfs_err *err);
/* The schema as a file of some of its columns sees it: `columns` of them, ascending. A table without a primary key.
 * Shares what it can with `schema`; the rest is in the arena. -EINVAL: none, or a partition column is not among them.
 */
int pfs_schema_narrow(const struct pfs_schema *schema, const int32_t *column, int32_t columns, struct pfs_arena *arena,
                      struct pfs_schema *out, struct pfs_err *err);

/* The CREATE TABLE statement that would make the table again, in Flink's dialect, ended by ";\n". */
int pfs_schema_print_sql(const struct pfs_schema *schema, const char *database, const char *table, struct pfs_buf *out,
                         struct pfs_err *err);

/* The options without those that name other branches of batch reads; in the arena. */
int pfs_schema_own_options(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_options *out,
                           struct pfs_err *err);
/* Names the first feature of the table that a reader (or, with `writing`, a writer) of this program lacks: -EOPNOTSUPP
 * with the sentence; 0 = all is supported. Data files of unsupported formats are found when they are met. */
int pfs_schema_supported(const struct pfs_schema *schema, bool writing, struct pfs_err *err);
