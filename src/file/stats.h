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
    bool dense;
};

/* From metadata.stats-mode, fields.<c>.stats-mode, metadata.stats-keep-first-n-columns, metadata.stats-dense-store. */
int pfs_stats_rules_read(const struct pfs_schema *schema, struct pfs_arena *arena, struct pfs_stats_rules *out,
                         struct pfs_err *err);

/* Statistics of the key columns: all of them, never cut. measured[i] is what the format knows of trimmed key i. */
int pfs_stats_keys(const struct pfs_schema *schema, const struct pfs_column_stats *const *measured,
                   struct pfs_arena *arena, struct pfs_stats *out, struct pfs_err *err);

/* Statistics of the table's columns into file->value_stats, stats_columns and stats_column. */
int pfs_stats_values(const struct pfs_schema *schema, const struct pfs_stats_rules *rules,
                     const struct pfs_column_stats *measured, struct pfs_arena *arena, struct pfs_data_file *file,
                     struct pfs_err *err);
