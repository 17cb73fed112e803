/* snapshot.h - snapshots and tags: parse, print, find, publish (spec metadata 2 and 3, layout 4 and 5).
 *
 * Facts, parsed into an arena and then only read. `table` is the directory whose snapshot/ and tag/ are meant (a
 * branch: the branch's). Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/store.h"

#define PFS_COMMIT_KINDS(X) X(APPEND, "APPEND") X(COMPACT, "COMPACT") X(OVERWRITE, "OVERWRITE") X(ANALYZE, "ANALYZE")

enum pfs_commit_kind {
#define X(id, name) PFS_COMMIT_##id,
    PFS_COMMIT_KINDS(X)
#undef X
};

#define PFS_BATCH_IDENTIFIER INT64_MAX /* commitIdentifier of batch jobs */
#define PFS_NO_NUMBER INT64_MIN        /* an optional number that is absent */

struct pfs_snapshot {
    int64_t id, schema_id;
    const char *base_list, *delta_list, *changelog_list;          /* names in manifest/; changelog_list may be NULL */
    int64_t base_list_size, delta_list_size, changelog_list_size; /* PFS_NO_NUMBER = not recorded */
    const char *index_manifest;                                   /* NULL = none */
    const char *commit_user;
    int64_t commit_identifier;
    enum pfs_commit_kind kind;
    int64_t time_ms;
    int64_t total_records, delta_records, changelog_records; /* PFS_NO_NUMBER = absent */
    int64_t watermark;                                       /* PFS_NO_NUMBER = absent, or has_watermark */
    bool has_watermark;                                      /* the file has it, be it INT64_MIN ("none") */
    const char *statistics;                                  /* NULL = none */
    const char *properties_json;                             /* the object's text, carried forward; NULL = none */
    int64_t next_row_id;                                     /* PFS_NO_NUMBER = absent */
};

/* -EIO with a sentence for anything that is no snapshot; unknown members are ignored. Also reads tags. */
int pfs_snapshot_parse(struct pfs_slice json, struct pfs_arena *arena, struct pfs_snapshot *out, struct pfs_err *err);
int pfs_snapshot_print(const struct pfs_snapshot *snapshot, struct pfs_buf *out, struct pfs_err *err);

/* Bare -ENOENT when it is not there. stat (may be NULL) is the file's, for identity checks. */
int pfs_snapshot_load(struct pfs_store *store, const char *table, int64_t id, struct pfs_arena *arena,
                      struct pfs_snapshot *out, struct pfs_stat *stat, struct pfs_err *err);

/* Of its file, as pfs_snapshot_load's; bare -ENOENT when it is not there. */
int pfs_snapshot_stat(struct pfs_store *store, const char *table, int64_t id, struct pfs_stat *out);

/* The newest and the oldest id, by hint and then by listing (spec layout 4); bare -ENOENT without any snapshot. */
int pfs_snapshot_latest_id(struct pfs_store *store, const char *table, int64_t *out, struct pfs_err *err);
int pfs_snapshot_earliest_id(struct pfs_store *store, const char *table, int64_t *out, struct pfs_err *err);

/* All ids, ascending, in the arena. Without a snapshot directory: 0 of them. */
int pfs_snapshot_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, int64_t **ids,
                      int64_t *count, struct pfs_err *err);

/* Long-lived changelogs, changelog/changelog-<id>: what is kept of snapshots that have expired (spec metadata 5). Same
 * facts, same errors; what their base list names may be gone. */
int pfs_changelog_load(struct pfs_store *store, const char *table, int64_t id, struct pfs_arena *arena,
                       struct pfs_snapshot *out, struct pfs_err *err);
int pfs_changelog_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, int64_t **ids,
                       int64_t *count, struct pfs_err *err);

/* Writes changelog/changelog-<id>, over one that is there (durable when it returns 0), and its LATEST hint. */
int pfs_changelog_publish(struct pfs_store *store, const char *table, const struct pfs_snapshot *snapshot,
                          struct pfs_err *err);

/* The newest snapshot whose time is not after `time_ms`; bare -ENOENT when all are younger. Ids with gaps are allowed.
 */
int pfs_snapshot_at_time(struct pfs_store *store, const char *table, int64_t time_ms, struct pfs_arena *arena,
                         struct pfs_snapshot *out, struct pfs_err *err);

/* Publishes snapshot-<id> without replacing (durable when it returns 0), then the LATEST hint, whose failure is
 * ignored. Bare -EEXIST: the race was lost. After another failure *named says whether it may be there all the same. */
int pfs_snapshot_publish(struct pfs_store *store, const char *table, const struct pfs_snapshot *snapshot, bool *named,
                         struct pfs_err *err);
/* The same of a tag's snapshot that may have expired, without the hint: without its changelog, where that went with it.
 * `table`: the main
 * table's directory, `meta`: where the snapshot belongs. */
int pfs_snapshot_restore(struct pfs_store *store, const char *table, const char *meta,
                         const struct pfs_snapshot *snapshot, struct pfs_err *err);
/* Whoever made the snapshots may have died before their names were durable: they are afterwards. */
int pfs_snapshot_sync(struct pfs_store *store, const char *table, struct pfs_err *err);

/* Tags. load: bare -ENOENT; find: also for what cannot be a tag's name. list: names sorted, in the arena. create
 * (below): bare -EEXIST, unless it may replace; the tag is durable when it returns 0. remove: bare -ENOENT. rename:
 * bare -ENOENT or -EEXIST. Names: not blank, no '/', not beginning with '.': -EINVAL.
 */
int pfs_tag_find(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                 struct pfs_snapshot *out, struct pfs_err *err);
int pfs_tag_load(struct pfs_store *store, const char *table, const char *name, struct pfs_arena *arena,
                 struct pfs_snapshot *out, struct pfs_stat *stat, struct pfs_err *err);
int pfs_tag_list(struct pfs_store *store, const char *table, struct pfs_arena *arena, const char ***names,
                 int64_t *count, struct pfs_err *err);
int pfs_tag_remove(struct pfs_store *store, const char *table, const char *name, struct pfs_err *err);
int pfs_tag_rename(struct pfs_store *store, const char *table, const char *from, const char *to, struct pfs_err *err);

/* Is it still there, under its id or as a tag? Whoever misses one of its files asks: an expired snapshot, or one that
 * was rolled back, takes its files with it. When that cannot be told, it is. */
bool pfs_snapshot_is_held(struct pfs_store *store, const char *table, const struct pfs_snapshot *snapshot);

/* How long a tag is to live; both PFS_NO_NUMBER without a time-to-live. */
struct pfs_tag_life {
    int64_t created_ms;  /* wall clock of who made it, as if UTC */
    int64_t retained_ms; /* from then on */
};
/* life NULL: without end. */
int pfs_tag_create(struct pfs_store *store, const char *table, const char *name, const struct pfs_snapshot *snapshot,
                   const struct pfs_tag_life *life, bool replace, struct pfs_err *err);
/* The two members, to stand behind those of a snapshot. */
void pfs_tag_life_print(const struct pfs_tag_life *life, struct pfs_buf *out);
int pfs_tag_life_parse(struct pfs_slice json, struct pfs_tag_life *out, struct pfs_err *err);
int pfs_tag_life_load(struct pfs_store *store, const char *table, const char *name, struct pfs_tag_life *out,
                      struct pfs_err *err);
