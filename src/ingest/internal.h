/* internal.h - how rows wait: pieces in the journal, parts of one snapshot, the queue of a table. Private to
 * src/ingest.
 *
 *   transaction (a handle) --add--> rows held in memory --flush--> piece: one record of the journal
 *   part: the pieces that become visible together; its journal number is a transaction of the journal
 *   seal, or a split of an append handle: the part goes to the end of the table's queue under the next order
 *   a worker takes parts from the front, a group of plain ones or one by itself, publishes them, and keeps them as a
 *   publication until the snapshot is surely there to stay; then they are retired
 *
 * A part is in a snapshot under (commit user, identifier); the identifier is the order of the group's last part, so
 * that a replay can tell from a table's snapshots alone what was committed. An intent in the journal names the group.
 *
 * Locks, in order: transaction.lock (the handle's rows and its current part) and ingest.sealing (orders), both held
 * while a record is appended; ingest.lock (all lists and counts below; never held across I/O). A part that was pushed
 * belongs to the worker.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "format/compress.h"
#include "src/commit/publish.h"
#include "src/ingest/fill.h"
#include "src/ingest/ingest.h"
#include "src/journal/journal.h"
#include "src/journal/record.h"

#define PFS_PART_BYTES_MAX ((int64_t)8 << 20)   /* rows of a part that has no level-0 files */
#define PFS_GROUP_BYTES_MAX ((int64_t)48 << 20) /* of one snapshot of several parts */

/* ---- pieces and parts (part.c) ---- */

enum pfs_piece_state { PFS_PIECE_WRITTEN, PFS_PIECE_DURABLE, PFS_PIECE_LOST };

struct pfs_piece { /* a record with rows or names of files */
    atomic_int refs, state;
    enum pfs_journal_kind kind; /* ROWS, TAIL, FILES */
    uint64_t number;            /* the part's that it was written for */
    struct pfs_place_in_journal place;
};

struct pfs_source { /* a foreign journal that parts are replayed from */
    int32_t refs;   /* parts, guarded by ingest.lock */
    struct pfs_foreign *foreign;
    bool stays; /* something of it could not be understood: it is kept */
};

struct pfs_slot;

struct pfs_part {
    struct pfs_part *next;
    struct pfs_slot *slot;
    struct pfs_source *source; /* NULL = our own journal */
    struct pfs_arena arena;    /* user, overwrite */
    uint64_t number;           /* in its journal */
    int64_t order;
    const struct pfs_schema *schema; /* that rows were parsed with; NULL: of a table that is gone or another one now */
    struct pfs_schemas *schemas;     /* keeps it: the slot's table may be another one of that name */
    struct pfs_slice schema_json;    /* of a replayed part: when `schema` is NULL this is what is known */
    struct pfs_piece **piece;
    int32_t pieces, room;
    bool begun;         /* the journal knows of it */
    uint64_t continues; /* the part whose last line this one takes over; 0 = none */
    bool tail;          /* the tail of the last piece counts */
    int64_t rows, bytes, time_ms;
    const char *user; /* of its own; NULL = the journal's */
    int64_t identifier;
    struct pfs_commit_moment began; /* of `user`: when the first of its rows came */
    bool cut;                       /* of `user`: its writer did not come to its end, as far as is known */
    int64_t given;                  /* of `user`: the rows that are in files; 0 = not known */
    bool alone;                     /* a snapshot by itself */
    bool files;                     /* a piece holds the names of files */
    struct pfs_write *write;        /* that made them, if it is still there */
    bool tail_added;                /* to `write` */
    const struct pfs_overwrite *overwrite;
    int64_t group;                            /* parts that were tried together stay together; 0 = not tried */
    int64_t seen;                             /* the newest snapshot before it was first tried */
    uint64_t intent;                          /* number of its intents in our journal; 0 = none */
    struct pfs_place_in_journal tried;        /* the last of them */
    bool unclear;                             /* a snapshot may name the files of `write` */
    struct pfs_recent *recent, **recent_last; /* rows in memory; older first. Until the part is pushed */
    int32_t kept;                             /* pieces whose rows are among them */
};

struct pfs_publication { /* a snapshot of ours that may still be replaced */
    struct pfs_publication *next;
    struct pfs_part *parts;
    char user[PFS_NAME_BYTES_MAX + 1];
    char file[PFS_NAME_BYTES_MAX + 1]; /* one of its new files; "" = not known */
    int64_t identifier, snapshot;
    uint64_t intent;
    enum pfs_commit_kind kind;
    int64_t made_ms, made_wall_ms; /* monotonic; time of day */
    struct pfs_file *held;         /* the snapshot's file, whatever becomes of its name; NULL = not had */
    bool seen;                     /* it stood, when its file was: */
    struct pfs_stat file_seen;
};

struct pfs_committing { /* one who waits for the queue */
    struct pfs_committing *next;
    int64_t pushed; /* all parts up to this one */
    pfs_ingest_done_fn *done;
    void *context;
};

struct pfs_hashed { /* a schema that was met before: the hash of its JSON */
    const struct pfs_schema *schema;
    int64_t id, time_ms;
    uint64_t hash;
};

struct pfs_slot { /* a table's waiting rows; lives as long as the ingest. Guarded by ingest.lock */
    struct pfs_slot *next;
    struct pfs_ingest *ingest;
    char *database, *table_name, *branch;
    struct pfs_table *table;              /* while anything is under way; NULL: to be opened */
    struct pfs_transaction *transactions; /* open */
    struct pfs_part *first, **last;       /* the queue */
    int64_t pushed, popped;               /* parts so far; equal = empty */
    int64_t alones;                       /* of the queue: snapshots to come, at least */
    int64_t overwrites;                   /* of the queue, and of what is being committed */
    int64_t rows, bytes;                  /* of pieces that are in no snapshot */
    int64_t waiting_since_ms;             /* of the oldest piece; 0 = none. Monotonic, as all below */
    int64_t ran_ms;                       /* end of the last run */
    int64_t paced_ms;                     /* of commits, had there been one a tick: ahead of now after a burst */
    int64_t tick_ms;                      /* readers wait for a run then; 0 = none */
    int64_t retry_ms;                     /* after a failure: not before; 0 = no failure */
    int32_t failures;
    int64_t commit_ms; /* what a snapshot takes, as of the last ones */
    int64_t held_ms;   /* since when the queue waits for a compaction; 0 = it does not */
    bool running;
    bool again;                               /* asked for while running */
    struct pfs_recent *recent, **recent_last; /* rows in memory of parts that are in no snapshot, in their order */
    int64_t unkept;                           /* the last part pushed that has rows elsewhere */
    bool lost;                                /* a sync failed: what is in memory may not be what will be committed */
    bool attempted;                           /* since the last pop a snapshot was tried, */
    int64_t attempted_after;                  /* after that one */
    struct pfs_committing *waiters;
    struct pfs_publication *publications;
    bool doubted;             /* one of them may have been replaced: a run is to look */
    bool published;           /* since the last upkeep began */
    int64_t published_as;     /* identifier of that commit */
    bool keeping;             /* an upkeep is queued or runs */
    struct pfs_table *upkeep; /* the table that it is about: a reference */
    struct pfs_hashed hashed;
    int32_t schema_segment; /* of the journal where the schema was written; -1 = none */
    uint64_t schema_hash;   /* of its text */
};

struct pfs_ingest {
    struct pfs_ingest_config config;
    struct pfs_store *store;
    struct pfs_journal *journal;
    char user[96];
    pthread_mutex_t sealing; /* orders and seals go together; between transaction.lock and lock */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a run ended */
    pthread_cond_t sooner;  /* the background thread is wanted before wakes_ms */
    int64_t wakes_ms;       /* when it looks again by itself */
    pthread_t thread;
    bool has_thread, closing;
    int32_t hurried; /* those who want all committed, whatever the runs are */
    struct pfs_slot *slots;
    int64_t order; /* the last one given */
    int64_t acks;  /* flushes of all transactions that brought rows */
    int64_t foreign_ms;
    int64_t told_ms; /* when others were told of what is read here */
    struct pfs_generators generators;
    atomic_llong held_bytes; /* of all transactions, in memory */
    atomic_llong recent_bytes;
    atomic_ullong room;   /* in the store, when it was asked last */
    atomic_llong room_ms; /* monotonic; 0 = never */
    atomic_int open;      /* transactions */
    atomic_int big;       /* those that write files */
};

/* A piece with one reference; release drops one. */
struct pfs_piece *pfs_piece_new(enum pfs_journal_kind kind, uint64_t number, struct pfs_place_in_journal place);
void pfs_piece_release(struct pfs_piece *piece);

struct pfs_part *pfs_part_new(struct pfs_slot *slot, struct pfs_err *err);
void pfs_part_free(struct pfs_part *part);                                             /* NULL allowed */
int pfs_part_add(struct pfs_part *part, struct pfs_piece *piece, struct pfs_err *err); /* takes the piece, if it can */
/* Forgets pieces that a failed sync lost; what is not known to be durable is synced first. */
void pfs_part_settle(struct pfs_ingest *ingest, struct pfs_part *part);
/* Forgets pieces whose rows the files of a later one hold: each FILES record lists all files so far. */
void pfs_part_drop_replaced(struct pfs_part *part);
/* The body of a piece's record, in the arena. */
int pfs_part_read(struct pfs_ingest *ingest, const struct pfs_part *part, const struct pfs_piece *piece,
                  struct pfs_arena *arena, struct pfs_slice *out, struct pfs_err *err);
/* Calls `each` for every batch of rows of a part without files, in order, its tail last; the batch is the part's
 * schema's columns and the row kind, and lives in the arena, which `each` may take the content of. */
typedef int pfs_part_rows_fn(void *context, struct pfs_arena *arena, const struct pfs_batch *batch,
                             struct pfs_err *err);
int pfs_part_rows(struct pfs_ingest *ingest, const struct pfs_part *part, pfs_part_rows_fn *each, void *context,
                  struct pfs_err *err);
/* The same of a record's body. */
int pfs_body_rows(const struct pfs_schema *schema, struct pfs_slice body, bool tail, pfs_part_rows_fn *each,
                  void *context, struct pfs_err *err);
/* The same of one piece. */
int pfs_piece_rows(struct pfs_ingest *ingest, const struct pfs_part *part, int32_t index, pfs_part_rows_fn *each,
                   void *context, struct pfs_err *err);
/* The files of a part that has some, in the arena; without indexes. */
int pfs_part_files(struct pfs_ingest *ingest, const struct pfs_part *part, struct pfs_arena *arena,
                   struct pfs_write_files *out, struct pfs_err *err);
/* Says in the journal that nothing is to be done for it any more, and frees it. */
void pfs_part_retire(struct pfs_ingest *ingest, struct pfs_part *part);
/* They stay in their journal, for the next process. */
void pfs_parts_leave(struct pfs_ingest *ingest, struct pfs_part *parts);
void pfs_source_release(struct pfs_ingest *ingest, struct pfs_source *source); /* by one part */

/* ---- queues (ingest.c) ---- */

int pfs_slot_get(struct pfs_ingest *ingest, const struct pfs_part_name *name, struct pfs_slot **out,
                 struct pfs_err *err);
struct pfs_slot *pfs_slot_find(struct pfs_ingest *ingest, struct pfs_table *table); /* NULL = nobody wrote to it */
/* Is what waits there seen by readers of the table: its own rows, or, of no branch, those of any branch? */
bool pfs_slot_concerns(const struct pfs_slot *slot, const struct pfs_table *table);
/* As pfs_ingest_commit, of this slot alone. */
void pfs_slot_commit_for(struct pfs_slot *slot, enum pfs_ingest_when when, pfs_ingest_done_fn *done, void *context);
/* Puts a part that has its order and pieces at the end of its table's queue. Lock held. */
void pfs_slot_push(struct pfs_slot *slot, struct pfs_part *part);
/* Parts that were taken off and committed once go to its front, in their order: they are to be committed again. */
void pfs_slot_return(struct pfs_slot *slot, struct pfs_part *parts);
/* The background thread is to look no later than that. Lock held. */
void pfs_ingest_want(struct pfs_ingest *ingest, int64_t at_ms);
void pfs_slot_note_rows(struct pfs_slot *slot, int64_t rows, int64_t bytes); /* journaled; lock held */
void pfs_ingest_report(struct pfs_ingest *ingest, const struct pfs_slot *slot, const struct pfs_err *why);

/* ---- transactions (transaction.c, flush.c) ---- */

struct pfs_held { /* a batch in memory */
    struct pfs_arena arena;
    struct pfs_batch batch;
};

struct pfs_transaction {
    struct pfs_ingest *ingest;
    struct pfs_slot *slot;
    struct pfs_table *table;
    struct pfs_transaction *next; /* of the slot. Guarded by ingest.lock, as the next two */
    int32_t refs;
    int64_t flushed_ms; /* monotonic; 0 = there is nothing to split off */
    /* Of rows of `append` that no flush has acknowledged: when the first and the last one came; 0 = there are none. */
    int64_t fresh_ms, fed_ms;
    bool heavy;   /* some of them are files already. Guarded by ingest.lock too */
    bool flushed; /* rows were acknowledged. Guarded by it as well */
    /* In the order of acknowledgements: how many there had been when this one was opened, and the last one of its own,
     * which came at acked_ms; 0 = none. Guarded by ingest.lock. */
    int64_t opened, acked, acked_ms;
    atomic_bool more; /* rows came since */
    struct pfs_arena arena;
    const char *user;
    int64_t identifier;
    bool append;
    const struct pfs_overwrite *overwrite;
    const struct pfs_schema *schema;
    const struct pfs_field *fields; /* its columns, with defaults as an inbox takes them */
    struct pfs_filling filling;
    pthread_mutex_t lock; /* guards all below */
    struct pfs_held *held;
    int32_t helds;
    size_t held_bytes;
    int64_t held_rows;
    struct pfs_arena spare;            /* empty, for the next rows: its block, small, was that of held ones */
    struct pfs_buf tail;               /* the frame of a last line without newline; empty = none */
    bool tail_new;                     /* it is not in the journal yet */
    struct pfs_write *write;           /* rows on their way to files; NULL = none */
    struct pfs_state *state;           /* that they are written for */
    int64_t write_rows;                /* added and not in the journal */
    struct pfs_part *part;             /* what is in the journal; NULL = nothing */
    bool sealed;
    bool cut;                          /* its writer does not come to its end */
    bool is_new;                       /* its number was not in the table when its files were looked at first */
    struct pfs_piece *newest;          /* of this handle, whatever became of its part */
    const struct pfs_schema *bucketed; /* the newest one that `rescale` is about; NULL = not looked at */
    struct pfs_rescale *rescale;       /* partitions that take no rows; NULL = there are none */
    struct pfs_trial *trial;           /* what a commit would refuse is not acknowledged */
    bool minds;                        /* rows of the part, or held ones, that may not go with others */
    struct pfs_err failed;
};

/* Nothing is kept that was not acknowledged; every later call gives the same. transaction.lock held, as below. */
int pfs_transaction_fail(struct pfs_transaction *t, int rc, struct pfs_err *err);
int pfs_transaction_failed(const struct pfs_transaction *t, struct pfs_err *err); /* 0, or how */
void pfs_transaction_drop_held(struct pfs_transaction *t);
/* Hands over what was flushed, of a handle of `append` or with `all`. */
void pfs_transaction_split(struct pfs_transaction *t, bool all);
/* Before what `t` has is handed over: what all others of `append` have flushed is, since it was acknowledged before.
 * Its lock is not held, since theirs are taken. */
void pfs_transaction_let_flushed_first(struct pfs_transaction *t);
void pfs_transaction_unref(struct pfs_transaction *t); /* lock not held */
enum pfs_codec pfs_codec_for_bytes(size_t bytes);      /* of frames in the journal */

/* ---- defaults.c ---- */

/* The schema's columns, with default values in the words of pfs_text_parse. In the arena, or the schema's own. */
int pfs_defaults_spell(const struct pfs_schema *schema, struct pfs_arena *arena, const struct pfs_field **out,
                       struct pfs_err *err);

/* ---- rehearse.c ---- */

/* Rows of a batch that nobody has been told of: -EINVAL when no commit would take them. */
int pfs_transaction_try(struct pfs_transaction *t, const struct pfs_batch *batch, struct pfs_err *err);
/* The body of a ROWS or TAIL record that is about to be journaled, together with what the part has: one snapshot. What
 * cannot go with earlier rows of a handle of `append` is split off from them. */
int pfs_transaction_rehearse(struct pfs_transaction *t, struct pfs_slice body, struct pfs_err *err);

/* Splits what handles of `append` have flushed off into the queue; with `all` of every handle. */
void pfs_slot_split(struct pfs_slot *slot, bool all);
/* When rows that nobody flushes are to be flushed: their writer holds the file open and rests, or goes on for longer
 * than readers want to wait (who copies a large file is not cut in between). 0 = there are none. Lock held. */
int64_t pfs_slot_fresh_ms(const struct pfs_slot *slot);
/* Flushes what is due then. */
void pfs_slot_flush_fresh(struct pfs_slot *slot);
/* Monotonic time of the last flush of a handle that has something to split off; 0 = none has. Lock held. */
int64_t pfs_slot_flushed_ms(const struct pfs_slot *slot);

/* The slot's open transactions in the order of their last flushes: referenced; the array is the caller's to pfs_free.
 * NULL: there are none, or no memory (then nobody waits for it either: *count is 0). */
struct pfs_transaction **pfs_slot_list_open(struct pfs_slot *slot, size_t *count);

/* ---- rows in memory (recent.c) ---- */

struct pfs_recent;

/* What was journaled just now as the part's newest piece stays in memory, if there is room: its body is taken. The
 * transaction's lock held. */
void pfs_recent_keep(struct pfs_transaction *t, struct pfs_buf *body);
/* Of a part that gets the number slot->pushed. Lock held, as the next. */
void pfs_recent_push(struct pfs_slot *slot, struct pfs_part *part);
/* Takes those off the list that were committed (slot->popped); to be dropped without the lock. */
struct pfs_recent *pfs_recent_pop(struct pfs_slot *slot);
void pfs_recent_drop(struct pfs_recent *list); /* NULL allowed */

/* ---- numbered batches that were cut off (beginning.c) ---- */

struct pfs_beginning { /* rows of a batch from its first one on; zeroed: none */
    int64_t rows;      /* -1: not known */
    uint64_t hash;     /* 0: not known, they are in files */
};

/* Adds rows of the batch until there are `most`. The batch is the schema's columns and the row kind. */
int pfs_beginning_add(struct pfs_beginning *given, const struct pfs_schema *schema, const struct pfs_batch *batch,
                      int64_t most, struct pfs_err *err);
/* The first rows of a part without files, at most `most`, and how many it has. */
int pfs_part_beginning(struct pfs_ingest *ingest, const struct pfs_part *part, int64_t most,
                       struct pfs_beginning *first, int64_t *rows, struct pfs_err *err);
/* As properties of a snapshot, and out of them: false = they say nothing of it. */
#define PFS_BEGINNING_TEXT 80
void pfs_beginning_print(const struct pfs_beginning *given, char out[static PFS_BEGINNING_TEXT]);
bool pfs_beginning_parse(const char *properties, struct pfs_beginning *out);

/* The newest snapshot of the number: 1, with what is there, if it says that it was cut off; 0. */
int pfs_beginning_find(const struct pfs_table_parts *at, const char *user, int64_t identifier,
                       struct pfs_beginning *out, struct pfs_err *err);
/* -EEXIST with the sentence: a repetition cannot be taken. */
int pfs_beginning_differs(const char *user, int64_t identifier, struct pfs_err *err);

/* ---- commits (commit.c) ---- */

/* Publishes the parts (one, or several plain ones of one source); takes them on success: they are published, retired or
 * set aside. Bare -EAGAIN: one of them is bad, they are to be tried one by one; or others, of a snapshot that was
 * replaced, have to go first: pfs_slot_check brings those. */
int pfs_slot_commit(struct pfs_slot *slot, struct pfs_part *parts, struct pfs_err *err);
/* ---- snapshots that may be replaced (published.c) ---- */

/* Is the table, whose newest schema that is, the one that the part's rows were parsed for? 1; 0: it was made anew
 * since; or an error. */
int pfs_part_is_for(struct pfs_table *table, const struct pfs_schema *newest, const struct pfs_part *part,
                    struct pfs_err *err);
/* The parts of a snapshot that is there to stay, or that are set aside; takes them. intent: 0 = none. */
void pfs_parts_retire(struct pfs_ingest *ingest, struct pfs_part *parts, uint64_t intent);
void pfs_publication_hold(struct pfs_publication *publication, struct pfs_table *table); /* just made: opens its file */
void pfs_publication_free(struct pfs_publication *publication);                          /* without its parts */
/* Does what is to be published stand on a snapshot that has taken the place of one of ours? For the slot's run. */
bool pfs_slot_is_overtaking(struct pfs_slot *slot, struct pfs_table *table, const struct pfs_state *state);
/* Not for the run: is one of the newest publications another snapshot by now? Then the slot is doubted. */
bool pfs_slot_doubt(struct pfs_slot *slot);
/* For the run. Looks whether publications stand: retires those that do and are old enough (or, with `all`, whatever
 * their age), puts parts of replaced ones back to the front of the queue: true when there are such. */
bool pfs_slot_check(struct pfs_slot *slot, bool all);
/* The snapshot after `seen` that `user` committed as `identifier`: 1 yes, durably; 0 no; *gap: some of those since have
 * expired.
 */
int pfs_commit_find(struct pfs_store *store, const char *meta, const char *user, int64_t identifier, int64_t seen,
                    int64_t *id, bool *gap, struct pfs_err *err);

/* ---- after commits (upkeep.c) ---- */

/* Is there a snapshot that no upkeep followed yet? Then it is claimed, and pfs_slot_keep_up has to follow, without the
 * lock. Lock held. */
bool pfs_slot_wants_upkeep(struct pfs_slot *slot);
void pfs_slot_keep_up(struct pfs_slot *slot);

/* ---- rows that can never be committed (reject.c) ---- */

int pfs_part_reject(struct pfs_ingest *ingest, struct pfs_part *part, const struct pfs_err *why, struct pfs_err *err);

/* ---- what others left (replay.c) ---- */

/* After a commit: pfs_table_settle, a few times. Whatever comes out, the rows are committed: a failure is reported, and
 * made up for by the next commit. */
void pfs_ingest_settle(struct pfs_ingest *ingest, struct pfs_slot *slot, const struct pfs_settle *settle);

/* ---- taken.c ---- */

struct pfs_taken_want {
    const char *user;
    int64_t identifier;
    int64_t seen; /* snapshots after that one are looked at */
    const char *const *file;
    int64_t files;
};

/* Has the compaction that belongs to a commit (pfs_table_settle) taken one of its files away? 1, 0, -errno. */
int pfs_commit_taken(const struct pfs_table_parts *at, const struct pfs_taken_want *want, struct pfs_err *err);

struct pfs_asking { /* about an intent whose identifier no snapshot after `seen` has */
    const char *user;
    int64_t identifier, seen;
    bool gap;               /* some of those snapshots have expired */
    struct pfs_slice files; /* as the intent names them */
    const struct pfs_schema *schema;
};

/* 1: it was committed all the same: a later snapshot stands on its files (its own may have been replaced) or, with a
 * gap, all files are gone; 0: it was not; -EUCLEAN: nobody can tell. */
int pfs_commit_ask(struct pfs_table *table, const struct pfs_asking *ask, struct pfs_arena *arena, struct pfs_err *err);

/* Takes over the journals of processes that are gone: their parts go to the queues. */
int pfs_ingest_replay(struct pfs_ingest *ingest, struct pfs_err *err);
