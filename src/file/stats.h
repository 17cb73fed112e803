/* stats.h - SimpleStats of a data file: what the format measured, cut and serialised as the table's options ask (spec
 * manifests 6). Private to the suite. */
#pragma once

#include "format/writer.h"
#include "src/meta/manifest.h"
#include "src/meta/schema.h"

enum pfs_stats_mode { PFS_STATS_NONE, PFS_STATS_COUNTS, PFS_STATS_TRUNCATE, PFS_STATS_FULL };

struct pfs_stats_rule { /* of one column */
    enum pfs_stats_mode mode;
    int32_t characters; /* TRUNCATE */
};

struct pfs_stats_rules {
    struct pfs_stats_rule *column; /* one for each of the schema */
    struct pfs_stats_rule *key;    /* one for each trimmed key */
    bool dense;
};

struct pfs_stats_file { /* what the rules depend on besides the options */
    int32_t level;
    bool changelog;
    bool thin;  /* without columns of its own for the key */
    bool plain; /* Avro: measured by the writer, which knows no key columns */
    bool none;  /* nothing is said, whatever the table's mode is: files of the postpone bucket */
};

/* From metadata.stats-mode (.per.level; changelog-file.stats-mode), fields.<c>.stats-mode, metadata.stats-keep-first-n-
 * columns, metadata.stats-dense-store. Key columns are cut at 128 characters whatever the mode, in Avro files as the
 * others are. */
int pfs_stats_rules_read(const struct pfs_schema *schema, const struct pfs_stats_file *file, struct pfs_arena *arena,
                         struct pfs_stats_rules *out, struct pfs_err *err);

/* Statistics of the key columns, never dense. `measured`: what is known of each column of the schema. */
int pfs_stats_keys(const struct pfs_schema *schema, const struct pfs_stats_rules *rules,
                   const struct pfs_column_stats *measured, struct pfs_arena *arena, struct pfs_stats *out,
                   struct pfs_err *err);

/* Statistics of the table's columns into file->value_stats, stats_columns and stats_column. Dense ones leave out
 * columns of which nothing is known: neither bounds nor the number of nulls. */
int pfs_stats_values(const struct pfs_schema *schema, const struct pfs_stats_rules *rules,
                     const struct pfs_column_stats *measured, struct pfs_arena *arena, struct pfs_data_file *file,
                     struct pfs_err *err);
