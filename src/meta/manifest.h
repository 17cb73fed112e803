/* manifest.h - manifests, manifest lists and index manifests: which files a snapshot consists of (spec manifests 1-4,
 * indexes 1).
 *
 * Facts in an arena, then only read. BinaryRows stay serialised (with arity) until somebody needs a value. Files are
 * immutable and named by a UUID; `table` is always the main table's directory (branches share manifest/ and index/).
 * Every file and index name read here is checked to be one path component. Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/store.h"
#include "src/meta/options.h"

struct pfs_stats { /* SimpleStats: serialised rows and null counts */
    struct pfs_slice min, max;
    int64_t columns;      /* entries of nulls */
    const int64_t *nulls; /* -1 = unknown */
};

struct pfs_manifest_file { /* a record of a manifest list */
    const char *name;
    int64_t size, added, deleted;
    struct pfs_stats partitions;
    int64_t schema_id;
    int32_t min_bucket, max_bucket, min_level, max_level; /* valid when has_ranges */
    bool has_ranges;
    bool has_row_ids; /* every entry has a first row id; max is inclusive */
    int64_t min_row_id, max_row_id;
};

struct pfs_data_file {
    const char *name;
    int64_t size, rows;
    struct pfs_slice min_key, max_key; /* serialised BinaryRows of the trimmed key */
    struct pfs_stats key_stats, value_stats;
    int64_t min_sequence, max_sequence;
    int64_t schema_id;
    int32_t level;
    int64_t extra_files;
    const char *const *extra_file;
    int64_t creation_time_ms; /* local wall clock as if UTC; PFS_NO_NUMBER (INT64_MIN) = absent, here and below */
    int64_t delete_rows;
    struct pfs_slice embedded_index; /* at NULL = absent */
    int32_t source;                  /* 0 append, 1 compact, -1 absent */
    int64_t stats_columns;           /* -1 = absent: value_stats covers every column */
    const char *const *stats_column;
    const char *external_path; /* NULL = inside the table */
    int64_t first_row_id;
    int64_t write_columns; /* -1 = absent: every column is in the file */
    const char *const *write_column;
};

struct pfs_manifest_entry {
    bool deleted;               /* DELETE, else ADD */
    struct pfs_slice partition; /* serialised BinaryRow */
    int32_t bucket, total_buckets;
    struct pfs_data_file file;
};

struct pfs_index_entry {
    struct pfs_slice partition;
    int32_t bucket;
    const char *type; /* HASH, DELETION_VECTORS, ... */
    const char *name;
    int64_t size, rows;
    int64_t vectors; /* -1 = absent */
    struct pfs_deletion_range {
        const char *file;
        int32_t off, len;
        int64_t cardinality; /* INT64_MIN = absent */
    } * vector;
    const char *external_path;
    bool global; /* has a _GLOBAL_INDEX record; its members follow */
    int64_t global_from, global_to;
    int32_t global_field;
    int64_t global_extra_fields; /* -1 = absent */
    const int32_t *global_extra_field;
    struct pfs_slice global_meta; /* at NULL = absent */
};

/* Decoders from the bytes of a file; arrays in the arena. -EIO with a sentence (fuzzed). */
int pfs_manifest_list_parse(struct pfs_slice file, struct pfs_arena *arena, struct pfs_manifest_file **out,
                            int64_t *count, struct pfs_err *err);
int pfs_manifest_parse(struct pfs_slice file, struct pfs_arena *arena, struct pfs_manifest_entry **out, int64_t *count,
                       struct pfs_err *err);
int pfs_index_manifest_parse(struct pfs_slice file, struct pfs_arena *arena, struct pfs_index_entry **out,
                             int64_t *count, struct pfs_err *err);

/* The same from <table>/manifest/<name>; a file that is not there is -EIO ("manifest list x: not there"): a snapshot
 * names it. */
int pfs_manifest_list_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                           struct pfs_manifest_file **out, int64_t *count, struct pfs_err *err);
int pfs_manifest_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                      struct pfs_manifest_entry **out, int64_t *count, struct pfs_err *err);
int pfs_index_manifest_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                            struct pfs_index_entry **out, int64_t *count, struct pfs_err *err);

/* The option manifest.compression as Avro names codecs; zstd is the default. -EINVAL: one that Avro does not have. */
int pfs_manifest_codec(const struct pfs_options *options, const char **out, struct pfs_err *err);

/* Encoders, with Paimon 1.4.2's exact Avro schemas. codec: as above, a constant; NULL = zstandard. */
int pfs_manifest_list_print(const struct pfs_manifest_file *item, int64_t count, const char *codec, struct pfs_buf *out,
                            struct pfs_err *err);
int pfs_manifest_print(const struct pfs_manifest_entry *item, int64_t count, const char *codec, struct pfs_buf *out,
                       struct pfs_err *err);
int pfs_index_manifest_print(const struct pfs_index_entry *item, int64_t count, const char *codec, struct pfs_buf *out,
                             struct pfs_err *err);

/* Live files: entries of several manifests in order (base lists then delta), ADDs whose identity was DELETEd later
 * removed (spec manifests 4). `entries[i]` are arrays; the answer points into them, in the order of the ADDs. leftover
 * (may be NULL) counts DELETEs that met no ADD. */
int pfs_manifest_combine(const struct pfs_manifest_entry *const *entries, const int64_t *counts, int64_t arrays,
                         struct pfs_arena *arena, const struct pfs_manifest_entry ***out, int64_t *count,
                         int64_t *leftover, struct pfs_err *err);

/* Data evolution: does the file stand beside the one that holds the rows, with a column of its own? */
bool pfs_data_file_is_aside(const struct pfs_data_file *file);

/* A copy whose names, rows and statistics live in the arena. */
int pfs_manifest_entry_copy(const struct pfs_manifest_entry *in, struct pfs_arena *arena,
                            struct pfs_manifest_entry *out, struct pfs_err *err);

/* True when both mean the same file: partition, bucket, level, name, extra files, embedded index, external path. */
bool pfs_manifest_same_file(const struct pfs_manifest_entry *a, const struct pfs_manifest_entry *b);
