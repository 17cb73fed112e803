/* tables.h - who makes the rows of which system table. Private to the suite. */
#pragma once

#include "src/system/grid.h"
#include "src/system/system.h"

typedef int pfs_system_fn(const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err);

/* Fills a grid; the arena lives until the rows are whole. */
typedef int pfs_system_fill_fn(struct pfs_grid *grid, const struct pfs_system *system, struct pfs_arena *arena,
                               struct pfs_err *err);
int pfs_system_make(const struct pfs_field *field, size_t columns, pfs_system_fill_fn *fill,
                    const struct pfs_system *system, struct pfs_rows **out, struct pfs_err *err);
#define PFS_FIELDS(list) (list), sizeof(list) / sizeof(*(list))

/* schemas.c */
pfs_system_fn pfs_system_aggregation_fields, pfs_system_options, pfs_system_schemas;
/* history.c */
pfs_system_fn pfs_system_branches, pfs_system_consumers, pfs_system_snapshots, pfs_system_tags;
/* files.c */
pfs_system_fn pfs_system_file_key_ranges, pfs_system_files;
/* sums.c */
pfs_system_fn pfs_system_buckets, pfs_system_partitions;
/* lists.c */
pfs_system_fn pfs_system_manifests, pfs_system_statistics, pfs_system_table_indexes;
/* scans.c */
pfs_system_fn pfs_system_audit_log, pfs_system_binlog, pfs_system_ro;
/* tracking.c */
pfs_system_fn pfs_system_row_tracking;
