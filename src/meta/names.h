/* names.h - the names and paths of a warehouse: directories, partition paths, escaping (spec layout 1 to 3).
 *
 * Paths are relative to the warehouse, as base/store takes them. Pure functions; strings live in the arena. Threads:
 * any.
 */
#pragma once

#include "format/batch.h"
#include "src/meta/schema.h"

/* "db.db", "db.db/t", "db.db/t/branch/branch-b". -EINVAL for names that no directory can have ('/', NUL, leading '.',
 * over 255 bytes, '$' in a table). */
int pfs_name_database(const char *database, struct pfs_arena *arena, const char **out, struct pfs_err *err);
int pfs_name_table(const char *database, const char *table, struct pfs_arena *arena, const char **out,
                   struct pfs_err *err);
int pfs_name_branch(const char *table_path, const char *branch, struct pfs_arena *arena, const char **out,
                    struct pfs_err *err);

/* Escaping of partition keys and values in paths: %XX, upper case, of the characters of spec layout 2.2. */
void pfs_name_escape(struct pfs_slice in, struct pfs_buf *out);
int pfs_name_unescape(struct pfs_slice in, struct pfs_arena *arena, struct pfs_slice *out, struct pfs_err *err);

/* The directory of a partition, "dt=19723/h=1" ("" when the table has none), from a serialised partition row: values as
 * partition.legacy-name says, NULL and blank strings as partition.default-name. */
int pfs_name_partition(const struct pfs_schema *schema, struct pfs_slice partition, struct pfs_arena *arena,
                       const char **out, struct pfs_err *err);

/* One present value as Paimon spells it in directories, not escaped (spec layout 2.1): with legacy as it lies in memory
 * (DATE a number of days), which is also how statistics are shown. */
int pfs_name_value_java(const struct pfs_column *column, bool legacy, struct pfs_buf *out, struct pfs_err *err);
/* Empty, or white space as Java sees it. */
bool pfs_name_is_blank(struct pfs_slice text);

/* Is data-file.path-directory below the table? -EINVAL. */
int pfs_name_check_data_dir(const struct pfs_options *options, struct pfs_err *err);
/* "<table>/[data-dir/]<partition>/bucket-<b>" (bucket -2: bucket-postpone); data-file.path-directory is honoured. */
int pfs_name_bucket(const char *table_path, const struct pfs_schema *schema, struct pfs_slice partition, int32_t bucket,
                    struct pfs_arena *arena, const char **out, struct pfs_err *err);

/* Where the index files of a bucket lie: "<table>/index", or beside its data files (index-file-in-data-file-dir). */
int pfs_name_index_dir(const char *table_path, const struct pfs_schema *schema, struct pfs_slice partition,
                       int32_t bucket, struct pfs_arena *arena, const char **out, struct pfs_err *err);

/* How the mount spells one partition value (design: mount.md "Names"): CSV text, escaped; NULL is
 * __DEFAULT_PARTITION__, '' is empty; a string that spells either of those escapes its first character. And back: a
 * one-row column. */
int pfs_name_value_print(const struct pfs_column *column, struct pfs_buf *out, struct pfs_err *err);
int pfs_name_value_parse(const struct pfs_type *type, struct pfs_slice text, struct pfs_arena *arena,
                         struct pfs_column *out, struct pfs_err *err);

/* True for a name that is one component of a path: not empty, no '/', no NUL, not "." or "..", at most 255 bytes. */
bool pfs_name_is_component(struct pfs_slice name);
/* -EINVAL with the sentence: such a thing cannot have the name. */
int pfs_name_refuse(const char *name, const char *what, struct pfs_err *err);
