/* start.h - where batch reads of a table begin when its options say so: at a snapshot, a tag, a time ... instead of at
 * the newest snapshot (spec timetravel 3, changelog 4.2 and 5).
 *
 * Such options may be stored in the table, and then hold for every read that names no version itself; writers and
 * upkeep never ask. Facts and pure searches over metadata files. Threads: any.
 */
#pragma once

#include "src/meta/options.h"
#include "src/meta/snapshot.h"

enum pfs_start_kind {
    PFS_START_NEWEST,
    PFS_START_SNAPSHOT,  /* number: its id */
    PFS_START_TAG,       /* text: its name */
    PFS_START_VERSION,   /* text: a tag, watermark-<n>, or a snapshot's id, in this order */
    PFS_START_TIME,      /* number: milliseconds; the last snapshot not after */
    PFS_START_LOCAL,     /* number: the same as wall clock of this host, as if UTC */
    PFS_START_WATERMARK, /* number: the first snapshot whose watermark is not below */
    PFS_START_COMPACTED, /* the newest COMPACT snapshot; number > 0: whose identifier it divides */
    PFS_START_FILES,     /* number: milliseconds; of the newest snapshot the files that were made then or later */
    PFS_START_CREATED,   /* number: milliseconds; the first snapshot not before, else as FILES */
    PFS_START_CHANGES    /* what snapshots changed, and no state: incremental-between and its neighbours */
};

struct pfs_start {
    enum pfs_start_kind kind;
    const char *key;  /* the option that says so; NULL of NEWEST */
    const char *text; /* its value */
    int64_t number;
};

/* Lives as long as the options. -EINVAL with the sentence: they do not go together, or cannot be read. */
int pfs_start_of(const struct pfs_options *options, struct pfs_start *out, struct pfs_err *err);

/* Does it stand at a snapshot, as Paimon's time travel does, and not near to the newest? Then rows have the columns of
 * that time. */
bool pfs_start_travels(enum pfs_start_kind kind);

/* What a start comes to in a table as it is now. */
struct pfs_pin {
    bool exists;                  /* false: the table has no snapshot, and that is no mistake */
    bool travels;                 /* read by the columns that it was committed with; else by the newest */
    int64_t since_ms;             /* instant: files made before are left out; PFS_NO_NUMBER = none */
    struct pfs_snapshot snapshot; /* in the arena */
};

/* Of any kind but NEWEST and CHANGES. `meta`: the directory with snapshot/, changelog/ and tag/ (a branch: its own).
 * -ENOENT with Paimon's sentence when there is no such snapshot, tag or time. */
int pfs_start_find(const struct pfs_start *start, struct pfs_store *store, const char *meta, struct pfs_arena *arena,
                   struct pfs_pin *out, struct pfs_err *err);
