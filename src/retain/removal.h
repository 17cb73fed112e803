/* removal.h - files that go together: gathered by reading, then removed in one sweep. Private to the suite.
 *
 * What cannot be read adds nothing to the list. Functions fail for want of memory only, but for keep and live, which
 * tell what must not be removed: without their answer nothing of that kind may go. Threads: one. */
#pragma once

#include "src/retain/nameset.h"
#include "src/retain/retain.h"
#include "src/retain/tagged.h"

struct pfs_doomed { /* a file that goes */
    struct pfs_store *store;
    const char *path;
};

struct pfs_removal {
    const struct pfs_retain *at;
    struct pfs_arena arena;
    struct pfs_nameset keep;   /* names of manifests, lists, index files and statistics that stay */
    struct pfs_nameset shared; /* names of data files that other branches need */
    struct pfs_nameset listed; /* paths that are on one of the lists */
    struct pfs_doomed *data, *metadata;
    int64_t datas, data_room, metadatas, metadata_room;
    const char **dir; /* bucket directories that files go from */
    int64_t dirs, dir_room;
};

void pfs_removal_init(struct pfs_removal *r, const struct pfs_retain *at);
void pfs_removal_done(struct pfs_removal *r);

/* Does `rc` tell that something could not be read? Then err is cleared, and life goes on. */
bool pfs_removal_unread(int rc, struct pfs_err *err);

/* Names of the data files that are live in the snapshot; an error when that cannot be told. */
int pfs_removal_live(const struct pfs_retain *at, const struct pfs_snapshot *snapshot, struct pfs_nameset *out,
                     struct pfs_err *err);
/* What the metadata of the snapshot consists of stays. */
int pfs_removal_keep(struct pfs_removal *r, const struct pfs_snapshot *snapshot, struct pfs_err *err);
/* The same of what may be gone already in part: metadata that is not there names nothing. */
int pfs_removal_keep_rest(struct pfs_removal *r, const struct pfs_snapshot *snapshot, struct pfs_err *err);
/* Is the manifest or list there? Yes when that cannot be told. */
bool pfs_removal_has_metadata(const struct pfs_retain *at, const char *name);
/* The metadata of the tagged snapshots that may share some with [from, end): the last one not after `from`, and those
 * up to `end`. */
int pfs_removal_keep_tags(struct pfs_removal *r, const struct pfs_tagged *tagged, int64_t from, int64_t end,
                          struct pfs_err *err);
/* What other branches name stays: data files and metadata. For tables with branches. */
int pfs_removal_share(struct pfs_removal *r, struct pfs_err *err);

/* Data files that a manifest list DELETEs and does not ADD again, with what belongs to them; not those of `stay` (may
 * be NULL). appended_stay: files that no compaction made stay. */
int pfs_removal_unused(struct pfs_removal *r, const char *list, const struct pfs_nameset *stay, bool appended_stay,
                       struct pfs_err *err);
/* Files that a manifest list ADDs: a changelog's. */
int pfs_removal_added(struct pfs_removal *r, const char *list, struct pfs_err *err);
/* Data files that are live in the snapshot, with what belongs to them; not those of `stay`. */
int pfs_removal_living(struct pfs_removal *r, const struct pfs_snapshot *snapshot, const struct pfs_nameset *stay,
                       struct pfs_err *err);
/* The manifest list and its manifests, but for what is kept. */
int pfs_removal_list(struct pfs_removal *r, const char *list, struct pfs_err *err);
/* Index manifest, index files and statistics of the snapshot, but for what is kept. */
int pfs_removal_indexes(struct pfs_removal *r, const struct pfs_snapshot *snapshot, struct pfs_err *err);

/* Removes the data files, then bucket and partition directories that are empty if those go too, then the metadata. What
 * does not go is an orphan. */
void pfs_removal_run(struct pfs_removal *r, bool clean_directories);
