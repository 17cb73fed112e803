/* step.h - the files that hold the changes of one snapshot. Private to the suite. */
#pragma once

#include "src/changelog/changelog.h"

struct pfs_decoded;

struct pfs_change_file {
    const struct pfs_manifest_entry *entry;
    const struct pfs_column *partition; /* its values */
    int64_t order;                      /* in the manifests */
};

struct pfs_step {
    struct pfs_arena arena; /* facts of the step */
    struct pfs_snapshot snapshot;
    const struct pfs_decoded **manifest; /* referenced */
    int64_t manifests;
    struct pfs_change_file *added; /* rows as they are stored; in the order of partition, bucket, manifests */
    int64_t adds;
    const struct pfs_manifest_entry **removed; /* by an overwrite whose removals are shown; to be read merged, as -D */
    int64_t removes;
};

void pfs_step_init(struct pfs_step *step);
void pfs_step_done(struct pfs_step *step);
/* Bare -ESTALE: neither the snapshot nor its changelog is there. */
int pfs_step_load(struct pfs_step *step, const struct pfs_changes_want *want, int64_t id, struct pfs_err *err);
