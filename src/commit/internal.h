/* internal.h - what the files of this room share: one attempt with the files that it made, and the steps before it.
 * Private to the room.
 *
 * An attempt's facts live in its arena; the names of what it made are kept so that a lost race can take them back
 * (invariant 3). Merged manifests outlive an attempt: a rival that only added files leaves them right. */
#pragma once

#include "base/uuid.h"
#include "src/commit/publish.h"

struct pfs_made { /* a file, for removal */
    struct pfs_made *next;
    const char *path;
};

struct pfs_attempt {
    const struct pfs_commit *commit;
    const struct pfs_snapshot *base; /* NULL: the first snapshot */
    struct pfs_arena *arena;
    char uuid[PFS_UUID_TEXT];
    int manifests, lists; /* counters of names */
    int64_t target_bytes; /* manifest.target-file-size */
    const char *codec;    /* manifest.compression */
    struct pfs_made *made, **keeper;
};

/* ---- files.c ---- */

/* "<kind>-<uuid>-<number>"; NULL with the sentence when there is no room. */
const char *pfs_attempt_name(struct pfs_attempt *a, const char *kind, int number, struct pfs_err *err);
/* Writes manifest/<name>, synced; the directory is synced once by the caller. */
int pfs_attempt_put(struct pfs_attempt *a, const char *name, const struct pfs_buf *bytes, struct pfs_err *err);
/* Removes the files of the list, ignoring failures: they are orphans then. */
void pfs_made_remove(struct pfs_store *store, struct pfs_made **made);
/* The entries as one manifest, or as several of the target size; none for no entries. */
int pfs_attempt_put_manifests(struct pfs_attempt *a, const struct pfs_manifest_entry *entry, int64_t entries,
                              struct pfs_manifest_file **out, int64_t *count, struct pfs_err *err);
int pfs_attempt_put_list(struct pfs_attempt *a, const struct pfs_manifest_file *item, int64_t count, const char **name,
                         int64_t *size, struct pfs_err *err);

/* ---- merging.c ---- */

struct pfs_merging {
    struct pfs_arena arena; /* of the lists below */
    struct pfs_manifest_file *from, *to;
    int64_t froms, tos;    /* 0 of `from`: nothing was merged */
    struct pfs_made *made; /* no snapshot names them yet */
};

/* The base list made of these manifests: merged where that pays (spec manifests 4.1), else as they are. */
int pfs_merging_apply(struct pfs_attempt *a, const struct pfs_manifest_file *item, int64_t count,
                      struct pfs_manifest_file **out, int64_t *outs, struct pfs_err *err);
/* A snapshot names the files, or may: they stay. */
void pfs_merging_keep(struct pfs_merging *merging);
/* Removes what was not kept. */
void pfs_merging_done(struct pfs_merging *merging, struct pfs_store *store);

/* ---- doubts.c ---- */

struct pfs_doubt { /* an attempt */
    struct pfs_doubt *next;
    int64_t id; /* of the snapshot that it may have published */
    const char *delta_list;
    struct pfs_made *made;
    bool refused; /* the file system has said that it would not */
    bool absent;  /* it was looked for afterwards, and was not there */
};

struct pfs_doubts {
    struct pfs_arena arena;
    struct pfs_doubt *first; /* the newest */
};

/* What an attempt has made, which failed with `rc` and may have published `made`. -ENOMEM: nothing is noted. */
int pfs_doubts_add(struct pfs_doubts *doubts, const struct pfs_attempt *attempt, const struct pfs_snapshot *made,
                   int rc);
/* The store answers again, and the newest one's snapshot is not there. */
void pfs_doubts_absent(struct pfs_doubts *doubts);
/* Removes what no snapshot can name any more. */
void pfs_doubts_done(struct pfs_doubts *doubts, struct pfs_store *store, const char *meta);

/* ---- commit.c ---- */

/* Of the same partition, bucket and type: the newer one replaces the older one. */
bool pfs_index_same_place(const struct pfs_index_entry *a, const struct pfs_index_entry *b);

/* ---- overwrite.c ---- */

/* Replaces change->entry by DELETEs of what goes, then the new files; *index: the index entries that stay. */
int pfs_overwrite_apply(const struct pfs_state *state, struct pfs_change *change, struct pfs_arena *arena,
                        const struct pfs_index_entry **index, int64_t *indexes, struct pfs_err *err);

/* ---- conflict.c ---- */

/* Does the change fit the state (spec commit 3)? -EBUSY with what is in the way. index: the state's entries that stay
 * before those of the change replace some. */
int pfs_conflict_check(const struct pfs_state *state, const struct pfs_change *change,
                       const struct pfs_index_entry *index, int64_t indexes, struct pfs_arena *arena,
                       struct pfs_err *err);
/* Orders serialised keys of the table: < 0, 0, > 0 in *out. */
int pfs_key_row_compare(const struct pfs_schema *schema, struct pfs_slice a, struct pfs_slice b,
                        struct pfs_arena *arena, int *out, struct pfs_err *err);
