/* table.h - one open table (or a branch of it): its newest state, time travel, appending. With catalog.h the front door
 * of src/ for fs/ and tools/.
 *
 * A table has one reference-counted current state (snapshot + manifests), replaced whole; asking for it costs three
 * stats when nothing changed. Commits of this process are serialised a table; other engines may commit at any time.
 *
 * Locks, in the order in which they are taken (none but the first three is held across I/O that writes):
 *   0 table.upkeep   one thread at a time expires what has had its time, or changes tags, branches and history
 *   0 table.compact  one compaction at a time of a table in lookup mode; not together with the other one
 *   1 table.commit   one commit at a time; guards nothing else
 *   2 table.state    guards the pointer to the current state
 *   3 schemas, manifests: each cache's own
 * Threads: any.
 */
#pragma once

#include "src/changelog/changelog.h"
#include "src/check/check.h"
#include "src/commit/publish.h"
#include "src/lsm/compact.h"
#include "src/meta/schema_change.h"
#include "src/scan/diff.h"
#include "src/scan/leases.h"
#include "src/scan/scan.h"
#include "src/scan/state.h"
#include "src/table/shape.h"
#include "src/write/write.h"

struct pfs_table;

struct pfs_table *pfs_table_ref(struct pfs_table *table);
void pfs_table_unref(struct pfs_table *table); /* NULL allowed */

const char *pfs_table_database(const struct pfs_table *table);
const char *pfs_table_name(const struct pfs_table *table);
const char *pfs_table_branch(const struct pfs_table *table); /* NULL = main */

/* LATEST: the newest snapshot. READ: what a read shows that names no version: the newest, unless options that are
 * stored in the table pin reads to another one (scan.snapshot-id and its neighbours, src/meta/start.h). */
enum pfs_when_kind { PFS_WHEN_LATEST, PFS_WHEN_READ, PFS_WHEN_SNAPSHOT, PFS_WHEN_TIME, PFS_WHEN_TAG };

struct pfs_when {
    enum pfs_when_kind kind;
    int64_t number;  /* SNAPSHOT: id; TIME: milliseconds since 1970 UTC */
    const char *tag; /* TAG */
};

/* The state then; of other times with the columns of that time, under the options of today. Bare -ENOENT: no such
 * snapshot or tag, nothing that old, or the table itself is gone. LATEST of a table without a snapshot is a state that
 * does not exist (state->exists false). READ: -EIO with the sentence when what the options name is not there, -EINVAL
 * when they do not go together, or ask for changes. */
int pfs_table_state(struct pfs_table *table, struct pfs_when when, struct pfs_state **out, struct pfs_err *err);

/* What a read without a version gives: a state (READ), or, when the table's options ask for it, what changed between
 * two bounds (incremental-between and its neighbours): logged changes as incremental/ shows them, or the difference of
 * two states as diff/. Texts in the arena. -EIO, -EINVAL as pfs_table_state; -EOPNOTSUPP. */
struct pfs_reading {
    enum { PFS_READING_STATE, PFS_READING_CHANGES, PFS_READING_DIFF } kind;
    const char *from, *to; /* ids, or tags with "tag:" in front; the first one exclusive */
    enum pfs_changes_mode mode;
};
int pfs_table_reading(struct pfs_table *table, struct pfs_arena *arena, struct pfs_reading *out, struct pfs_err *err);

/* What rooms that read a table's history by themselves stand on: borrowed, valid while the table is referenced. */
struct pfs_table_parts {
    struct pfs_store *store;
    const char *root, *meta; /* directories: of the main table; with snapshot/ and tag/ (a branch: the branch's) */
    struct pfs_schemas *schemas;
    struct pfs_manifests *manifests;
    struct pfs_pool *pool; /* may be NULL */
    const struct pfs_clock *clock;
    const struct pfs_external *external; /* NULL = files outside of the warehouse are refused */
    struct pfs_holds *holds;             /* NULL = none */
    struct pfs_leases *leases;           /* what others read; NULL = nobody does */
    bool read_only;
    size_t memory_bytes; /* of the whole warehouse; 0 = not said */
};
struct pfs_table_parts pfs_table_parts(const struct pfs_table *table);

/* The newest schema (also without a snapshot); lives as long as the table. */
int pfs_table_schema(struct pfs_table *table, const struct pfs_schema **out, struct pfs_err *err);
/* The same as of the last look, for who got the table from pfs_catalog_table just now: that took one. */
int pfs_table_schema_seen(struct pfs_table *table, const struct pfs_schema **out, struct pfs_err *err);

/* The schema then; TIME is LATEST here. Errors as pfs_table_state. */
int pfs_table_schema_at(struct pfs_table *table, struct pfs_when when, const struct pfs_schema **out,
                        struct pfs_err *err);
/* The files as Paimon wrote them, one line end added: of that schema; of a SNAPSHOT or TAG. */
int pfs_table_schema_json(struct pfs_table *table, struct pfs_when when, struct pfs_buf *out, struct pfs_err *err);
int pfs_table_snapshot_json(struct pfs_table *table, struct pfs_when when, struct pfs_buf *out, struct pfs_err *err);

/* ALTER TABLE: publishes the schema after all of the changes; when somebody else published one meanwhile, they are made
 * to that one. -EINVAL with Paimon's sentence for what is refused, -EBUSY when others keep being quicker. */
int pfs_table_alter(struct pfs_table *table, const struct pfs_schema_change *change, int32_t changes,
                    struct pfs_err *err);

/* Rows for this table; memory_bytes 0 = the default. -EOPNOTSUPP with the feature's name when it cannot be written. */
int pfs_table_write_open(struct pfs_table *table, size_t memory_bytes, struct pfs_write **out, struct pfs_err *err);
/* The same as somebody wants it; zeroed: as above. */
struct pfs_table_writing {
    const struct pfs_schema *schema; /* of the rows; NULL = the newest */
    size_t memory_bytes;
    const char *user; /* of the commit: files may be named after it */
    bool overwrite;   /* what is there will be replaced: see pfs_write_config */
};
int pfs_table_write_open_as(struct pfs_table *table, const struct pfs_table_writing *writing, struct pfs_write **out,
                            struct pfs_err *err);
/* Does an older schema say another number of buckets than that one? Then partitions may have been written with it. */
int pfs_table_rescaled(struct pfs_table *table, const struct pfs_schema *schema, bool *out, struct pfs_err *err);
/* Can rows of that schema be written at all? 0, or why not. */
int pfs_table_write_check(struct pfs_table *table, const struct pfs_schema *schema, struct pfs_err *err);

/* Commits the write's rows as one APPEND snapshot of `user` and `identifier` and waits until it is durable; retries
 * lost races with the newest state (commit.max-retries). Nothing to write: success without a snapshot, *id = 0. With
 * once, an identifier that this user has committed already is success too (*id = 0); the write still holds its rows
 * then, and is to be closed. On failure it holds them too, unless the outcome is unclear, which the sentence tells. */
int pfs_table_commit(struct pfs_table *table, struct pfs_write *write, const char *user, int64_t identifier, bool once,
                     int64_t *id, struct pfs_err *err);

/* pfs_publish (src/commit/publish.h) under the table's commit lock; store, directories, clock and `newest` are the
 * table's, whatever `publish` says. -EROFS on a read-only mount. */
int pfs_table_publish(struct pfs_table *table, const struct pfs_publish *publish, int64_t *id, bool *unclear,
                      struct pfs_err *err);

/* One OVERWRITE snapshot each, also when there was nothing to remove (spec timetravel 8.1): without any row; without
 * those of the partitions that `specs` (STATIC, a chain by `also`) name. Files stay for older snapshots. */
int pfs_table_truncate(struct pfs_table *table, struct pfs_err *err);
int pfs_table_drop_partitions(struct pfs_table *table, const struct pfs_overwrite *specs, struct pfs_err *err);

/* ---- compaction (spec lsm 3 to 5, 9) ---- */

struct pfs_compact_want {
    bool full;        /* every run to the top level; else what a writer would pick now */
    bool fresh;       /* only buckets with files of level 0 */
    bool silent;      /* no changelog of it */
    const char *user; /* of the snapshot, with `identifier`; NULL = one made up */
    int64_t identifier;
    int32_t specs;                     /* partitions that match one of them; 0 = all */
    const struct pfs_jobs_spec *spec;  /* borrowed */
    const struct pfs_condition *where; /* partitions for which it is true; of partition columns alone. NULL = all */
    int64_t idle_ms;                   /* partitions that got no rows for so long; 0 = all */
    bool one_bucket;                   /* `bucket` alone */
    int32_t bucket;
    const struct pfs_order *order; /* all rows of append tables without buckets are put in that order, by a snapshot of
                                      kind OVERWRITE; -EINVAL for others. NULL = they stay as they are */
    struct pfs_budget budget; /* of all buckets together; 0 bytes = a quarter of the warehouse's; no place to spill:
                                 /var/tmp */
    int64_t bytes_max; /* of inputs: the largest buckets first, one at least; what is beyond waits for the next call. 0
                          = no limit */
    bool quiet;        /* one bucket at a time, on a thread of low priority: readers and writers keep their speed */
    bool once;         /* when somebody else took the same files: -EBUSY, and no plan anew */
    const struct pfs_cancel *cancel;
    /* Rows of the inputs that are done, of all; one call at a time, from any thread. NULL = none. */
    void (*progress)(void *context, int64_t done, int64_t rows);
    void *context;
};

/* What was done. */
struct pfs_compact_result {
    int64_t snapshot;         /* 0 = there was nothing to do */
    int64_t seen;             /* the one that was compacted */
    int64_t removed, added;   /* files; one that only moved to another level counts in both */
    int64_t old_rows, rows;   /* of them */
    int64_t old_bytes, bytes; /* of them */
    int64_t left;             /* jobs that bytes_max put off */
};

/* Compacts the newest state and publishes it as one COMPACT snapshot. When somebody else took the same files meanwhile
 * it is planned again, a few times. Works also on a table that is write-only. -EOPNOTSUPP with the sentence: tables
 * that cannot be compacted yet; -ECANCELED; -EROFS. */
int pfs_table_compact(struct pfs_table *table, const struct pfs_compact_want *want, struct pfs_compact_result *out,
                      struct pfs_err *err);

/* Commits since the last full compaction, for full-compaction.delta-commits; zeroed: not counted yet. */
struct pfs_commits {
    int64_t seen; /* up to this snapshot */
    int64_t count;
};

/* The file indexes of all live files made anew as the table's options ask for them today (src/file/file.h), of the
 * partitions that match one of the specs (0 = all), and published as one COMPACT snapshot: the same files, indexed
 * otherwise. *files: how many; 0 = none has an index or shall have one, and there is no snapshot. Errors as above. */
int pfs_table_rewrite_indexes(struct pfs_table *table, const struct pfs_jobs_spec *spec, int32_t specs, int64_t *files,
                              struct pfs_err *err);

/* What a writer of the table would do after its commit. */
struct pfs_backlog {
    struct pfs_shape shape;
    int64_t snapshot;       /* that was looked at */
    int64_t trigger, stop;  /* runs that a bucket may have: before it is compacted, before writers wait; 0 = no runs */
    int64_t jobs;           /* buckets to compact */
    bool full;              /* to the top, by full-compaction.delta-commits */
    struct pfs_err why_not; /* it is left alone, and why; code 0 = it is not */
};

/* Looks at the newest state. batch: as a writer that ends, which leaves append tables without buckets to others. */
int pfs_table_backlog(struct pfs_table *table, bool batch, struct pfs_commits *commits, struct pfs_backlog *out,
                      struct pfs_err *err);

/* ---- what a table lets go of (src/retain, spec commit 8) ---- */

struct pfs_expire_want { /* PFS_NO_NUMBER: as the table's options say */
    int64_t most, least; /* snapshots to keep */
    int64_t before_ms;   /* instant: older ones go */
    int64_t deletes;     /* at most so many */
};

/* Also on a table that is write-only. *expired: how many went. -EINVAL when the limits contradict each other. */
int pfs_table_expire_snapshots(struct pfs_table *table, const struct pfs_expire_want *want, int64_t *expired,
                               struct pfs_err *err);

/* Long-lived changelogs. before_ms PFS_NO_NUMBER: however old. all: every one of them. */
int pfs_table_expire_changelogs(struct pfs_table *table, const struct pfs_expire_want *want, bool all, int64_t *expired,
                                struct pfs_err *err);
/* Tags that have outlived their time to live, and with before_ms (an instant; PFS_NO_NUMBER = none) those created
 * before it. Their names, in the arena. */
int pfs_table_expire_tags(struct pfs_table *table, int64_t before_ms, struct pfs_arena *arena, const char ***names,
                          int64_t *count, struct pfs_err *err);

/* Partitions that are older than partition.expiration-time and its neighbours in `options` (the table's, or changed)
 * say. What they were, in the arena. -EINVAL: they say nothing, or there are no partitions. */
int pfs_table_expire_partitions(struct pfs_table *table, const struct pfs_options *options, struct pfs_arena *arena,
                                const char ***names, int64_t *count, struct pfs_err *err);

/* All of that by the table's options alone, also on a table that is write-only: tags, partitions and consumers that
 * have had their time, then snapshots, then changelogs, however many. *gone: how many went, also on failure. progress
 * (may be NULL) is told of snapshots. */
struct pfs_expired {
    int64_t snapshots, changelogs, tags, partitions, consumers;
};
int pfs_table_expire(struct pfs_table *table, void (*progress)(void *context, int64_t done, int64_t whole),
                     void *context, struct pfs_expired *gone, struct pfs_err *err);

/* Files of the main table older than an instant that nothing names any more (src/retain/retain.h), all branches looked
 * at. dry: they are only counted. */
int pfs_table_remove_orphans(struct pfs_table *table, int64_t before_ms, bool dry, int64_t *files, int64_t *bytes,
                             struct pfs_err *err);

/* Is everything that the table's history names there, whole and consistent (src/check/check.h)? `want` says deep,
 * cancel, found, progress and context; the rest is the table's. Of the main table files that nothing names are counted
 * too. */
int pfs_table_check(struct pfs_table *table, const struct pfs_check *want, struct pfs_check_sum *out,
                    struct pfs_err *err);

/* Makes the automatic tags that are due, and drops tags that have outlived their time. Also on a table that is
 * write-only. */
int pfs_table_create_tags(struct pfs_table *table, struct pfs_err *err);

/* What a writer of Paimon does after each commit, when the table is not write-only: what has had its time goes. Costs a
 * few stats when nothing is due. A call while another thread is at it returns at once, and that one
 * looks again. identifier: of the commit. */
int pfs_table_maintain(struct pfs_table *table, int64_t identifier, struct pfs_err *err);

/* After a commit: what the table's mode demands of its writers before the commit counts as done. In lookup mode (spec
 * lsm 7) level 0 moves up, which gives the changelog, the deletion vectors and the rows that readers see, as a COMPACT
 * snapshot of the same user and identifier. Level-0 files that another writer, or one that died, left behind move too.
 * Nothing for other tables, write-only ones and bucket = -2. The commit stands whatever comes out; errors are those of
 * pfs_table_compact, and the next commit makes up for it. */
struct pfs_settle {
    const char *user;
    int64_t identifier;
    bool overwrite; /* it was an OVERWRITE: no changelog tells of it */
};
int pfs_table_settle(struct pfs_table *table, const struct pfs_settle *settle, struct pfs_err *err);

/* Ids of snapshots, names of tags and branches, in order. */
int pfs_table_snapshots(struct pfs_table *table, struct pfs_arena *arena, int64_t **ids, int64_t *count,
                        struct pfs_err *err);
int pfs_table_tags(struct pfs_table *table, struct pfs_arena *arena, const char ***names, int64_t *count,
                   struct pfs_err *err);

int pfs_table_branches(struct pfs_table *table, struct pfs_arena *arena, const char ***names, int64_t *count,
                       struct pfs_err *err);

/* Tags a snapshot (0 = the newest; -ENOENT with a sentence when it is not there and no tag has it) for as long as the
 * table's options say; bare -EEXIST. -EINVAL: see pfs_tag_check_name. put: for retained_ms
 * (PFS_NO_NUMBER = as the options say); with replace a tag that is there (bare -ENOENT) is moved to the snapshot, and
 * is there without end when it is not said how long. delete: bare -ENOENT; files that only the tag needed go with it.
 * rename: bare -ENOENT, -EEXIST. */
int pfs_table_tag_create(struct pfs_table *table, const char *name, int64_t snapshot, struct pfs_err *err);
struct pfs_tag_want {
    int64_t snapshot, retained_ms;
    bool replace;
};
int pfs_table_tag_put(struct pfs_table *table, const char *name, const struct pfs_tag_want *want, struct pfs_err *err);
int pfs_table_tag_delete(struct pfs_table *table, const char *name, struct pfs_err *err);
int pfs_table_tag_rename(struct pfs_table *table, const char *from, const char *to, struct pfs_err *err);

/* Branches. create: of all schemas, or of a tag (NULL = none); bare -EEXIST. delete: bare -ENOENT; only_empty:
 * -ENOTEMPTY when it has a snapshot of its own; -EBUSY when the table's reads look at it. rename: bare -ENOENT,
 * -EEXIST. fast_forward: the table gets the branch's snapshots, schemas and tags in place of its own from there on;
 * bare -ENOENT. Names that Paimon refuses: -EINVAL with its sentence. */
int pfs_table_branch_create(struct pfs_table *table, const char *name, const char *tag, struct pfs_err *err);
int pfs_table_branch_delete(struct pfs_table *table, const char *name, bool only_empty, struct pfs_err *err);
int pfs_table_branch_rename(struct pfs_table *table, const char *from, const char *to, struct pfs_err *err);
int pfs_table_fast_forward(struct pfs_table *table, const char *branch, struct pfs_err *err);

/* Goes back: later snapshots, changelogs and tags go. *from, *to: ids of the newest snapshot before and after. A
 * snapshot that has expired is had from a tag. Bare -ENOENT: nothing that is meant. */
struct pfs_rollback_want {
    enum { PFS_ROLLBACK_SNAPSHOT, PFS_ROLLBACK_TAG, PFS_ROLLBACK_TIME, PFS_ROLLBACK_WATERMARK } kind;
    int64_t number; /* SNAPSHOT: id; TIME, WATERMARK: milliseconds, the last one not after */
    const char *tag;
};
int pfs_table_rollback(struct pfs_table *table, const struct pfs_rollback_want *want, int64_t *from, int64_t *to,
                       struct pfs_err *err);
/* The first snapshot, or tag on one that has expired, whose time (watermark: whose watermark) is not before `from`;
 * bare -ENOENT. */
int pfs_table_first_snapshot(struct pfs_table *table, bool watermark, int64_t from, struct pfs_arena *arena,
                             struct pfs_snapshot *out, struct pfs_err *err);

/* Consumers: the next snapshot that each wants to read. create: at the newest snapshot, so that what comes is read; one
 * that is there stays as it is. move: from `seen` to `next`, and nothing when it stands elsewhere by now. set, delete,
 * position: bare -ENOENT when there is none. put: as set, and makes one that is not there. */
int pfs_table_consumers(struct pfs_table *table, struct pfs_arena *arena, const char ***names, int64_t *count,
                        struct pfs_err *err);
int pfs_table_consumer(struct pfs_table *table, const char *name, int64_t *next, struct pfs_err *err);
int pfs_table_consumer_create(struct pfs_table *table, const char *name, struct pfs_err *err);
int pfs_table_consumer_move(struct pfs_table *table, const char *name, int64_t seen, int64_t next, struct pfs_err *err);
int pfs_table_consumer_set(struct pfs_table *table, const char *name, int64_t next, struct pfs_err *err);
int pfs_table_consumer_put(struct pfs_table *table, const char *name, int64_t next, struct pfs_err *err);
int pfs_table_consumer_delete(struct pfs_table *table, const char *name, struct pfs_err *err);

/* A JSON object that says how the table is: snapshot, schema, files and runs a bucket, bytes, unsupported features. */
int pfs_table_status(struct pfs_table *table, struct pfs_buf *out, struct pfs_err *err);

/* ---- system tables (spec system-tables) ---- */

/* What a system table is read from: it outlives the table's handle and keeps what it saw of it. */
struct pfs_table_system;

/* The system table of that name (Paimon's, any case) as of `when`, which some of them do not look at. Bare -ENOENT: no
 * such system table, no such snapshot or tag. */
int pfs_table_system_open(struct pfs_table *table, const char *name, struct pfs_when when,
                          struct pfs_table_system **out, struct pfs_err *err);
void pfs_table_system_close(struct pfs_table_system *system); /* NULL allowed */

/* Text that changes when the rows may have changed; lives as long as `system`. time_ms: of the snapshot, 0 = none. */
const char *pfs_table_system_identity(const struct pfs_table_system *system);
int64_t pfs_table_system_time_ms(const struct pfs_table_system *system);
/* Expected rows are few: its size may be asked for lightly. */
bool pfs_table_system_is_small(const struct pfs_table_system *system);

int pfs_table_system_rows(const struct pfs_table_system *system, struct pfs_budget budget,
                          const struct pfs_cancel *cancel, struct pfs_rows **out, struct pfs_err *err);

/* The names that a listing shows: those made of metadata alone. NULL past the last one. */
const char *pfs_table_system_listed(int index);
