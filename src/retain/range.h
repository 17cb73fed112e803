/* range.h - snapshots or changelogs that go, some at a time. Private to the suite. */
#pragma once

#include "src/retain/removal.h"
#include "src/retain/tagged.h"

struct pfs_range { /* all of it for one call of `expire` */
    const struct pfs_retain *at;
    const struct pfs_retention *how;
    const struct pfs_tagged *tagged;
    struct pfs_removal removal;
    struct pfs_tag_files tag_files;
    struct pfs_snapshot *snapshot; /* those that were loaded, ascending */
    int64_t snapshots;
};

/* [from, end) is to go. */
typedef int pfs_range_expire_fn(struct pfs_range *range, int64_t from, int64_t end, int64_t *expired,
                                struct pfs_err *err);

int pfs_range_each(const struct pfs_retain *at, const struct pfs_retention *how, int64_t from, int64_t end,
                   pfs_range_expire_fn *expire, int64_t *expired, struct pfs_err *err);

/* Loads those of [from, end) that are there. */
int pfs_range_load(struct pfs_range *range, bool changelogs, int64_t from, int64_t end, struct pfs_err *err);
/* Removes the file <meta>/<directory>/<directory>-<id> of each of the first `count`, oldest first, and syncs the
 * directory. publish_changelog: it becomes a long-lived changelog before. */
int pfs_range_remove(struct pfs_range *range, const char *directory, int64_t count, bool publish_changelog,
                     struct pfs_err *err);
