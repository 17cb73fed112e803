/* plan.h - which files a scan reads, grouped: partitions in order, buckets in order, sections of overlapping key ranges
 * in order (spec lsm 5). Private to the suite, and to who looks at how files lie; facts in the scan's arena. */
#pragma once

#include "src/merge/key.h"
#include "src/scan/prune.h"
#include "src/scan/scan.h"

struct pfs_plan_file {
    const struct pfs_manifest_entry *entry;
    struct pfs_keys min, max; /* one row each; primary-key tables only */
};

struct pfs_section { /* files whose key ranges overlap, directly or through others */
    int32_t files;
    const struct pfs_plan_file *file; /* by smallest key */
};

struct pfs_split {
    struct pfs_slice partition;
    const struct pfs_column *value; /* of the partition: one row a partition key */
    int32_t bucket;
    int64_t rows;
    int32_t files;
    struct pfs_plan_file *file; /* all of its files; append tables: in the order of reading */
    int32_t sections;
    struct pfs_section *section; /* primary-key tables */
};

struct pfs_plan {
    int32_t splits;
    struct pfs_split *split;
};

/* What `pruner` (NULL allowed) rules out is not in it. */
int pfs_plan_make(const struct pfs_scan_want *want, const struct pfs_pruner *pruner, struct pfs_arena *arena,
                  struct pfs_plan *out, struct pfs_err *err);

/* A serialised key, as its file's entry has the smallest and the greatest: one row of keys. */
int pfs_plan_bound(const struct pfs_schema *schema, struct pfs_slice row, struct pfs_arena *arena, struct pfs_keys *out,
                   struct pfs_err *err);

/* Sections of some files of a bucket, by smallest key (borrowed): a file starts a new one when its smallest key lies
 * beyond every key so far. */
int pfs_plan_sections(const struct pfs_plan_file *file, int32_t files, struct pfs_arena *arena,
                      struct pfs_section **out, int32_t *sections, struct pfs_err *err);

/* Is each key in one file of those that are read? Deletion vectors see to it, and first-row writes only keys that are
 * new (spec lsm 7). */
bool pfs_plan_has_single_keys(const struct pfs_scan_want *want);

/* Orders the splits of two plans of one table by partition and bucket. */
int pfs_split_compare(const struct pfs_split *a, const struct pfs_split *b, int32_t partition_keys);

/* The plan of a scan that is not read yet, for who leaves out what need not be read. */
struct pfs_plan *pfs_scan_plan(struct pfs_scan *scan);

/* The partitions of which a file is read, as serialised rows in the order of their bytes; conditions do not matter. */
int pfs_plan_existing(const struct pfs_scan_want *want, struct pfs_arena *arena, const struct pfs_slice **out,
                      int64_t *count, struct pfs_err *err);
