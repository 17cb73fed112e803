/* ingest.h - rows from any number of writers into tables, each acknowledged row exactly once: with catalog.h and
 * table.h a front door of src/.
 *
 *   transaction (one writing handle): add batches -> flush: journal, one sync, acknowledged -> seal
 *   table: sealed transactions wait; a commit makes one snapshot of those that are alike, in the order of sealing
 *
 * Rows of a transaction wait in memory until a flush puts them in the journal; from then on they are there only, and a
 * commit reads them back: the same code finishes them after a crash. Above 8 MiB (or its share of the budget) a
 * transaction's rows become level-0 files during add, synced, and the journal holds the names (pfs_write_spill).
 * A transaction with level-0 files, or with an identifier of its own (inbox@user:n), is a snapshot by itself.
 *
 * Before publishing, an intent is journaled; a transaction is retired when a later snapshot contains its files, or 60 s
 * after publishing with the snapshot still ours (architecture, Durability). Foreign journals are taken over at open and
 * at each commit interval. Rows that can never be committed (table gone, column type incompatible) are set aside in
 * <warehouse>/.paimonfs/rejected/ and reported.
 *
 * A handle of `append` whose writer never flushes is flushed by the background thread when it has brought nothing for a
 * second, or after `commit_interval_ms` while it is small: a pipeline that follows something shows up.
 *
 * A background thread commits each table `commit_interval_ms` after its oldest sealed (or flushed and idle, append
 * only) transaction. Readers call pfs_ingest_commit, which has effect at most twice a second a table, and at once for a
 * few that come after a pause: later ones join the next tick. Threads: any; one transaction, one thread at a time,
 * but for pfs_transaction_flush_soon.
 */
#pragma once

#include "base/cancel.h"
#include "src/table/catalog.h"
#include "src/table/table.h"

struct pfs_ingest;
struct pfs_caretaker;

struct pfs_ingest_config {
    struct pfs_catalog *catalog;     /* borrowed; outlives */
    struct pfs_pool *pool;           /* borrowed */
    struct pfs_caretaker *caretaker; /* told of every commit, asked whether writers are held; borrowed; NULL = none */
    const struct pfs_clock *clock;
    size_t memory_bytes;        /* budget of all transactions together; 0 = 256 MiB */
    int64_t commit_interval_ms; /* 0 = 10 s */
    int64_t idle_ms;            /* 0 = 5 s */
    bool background;            /* false (CLI): nothing is committed but by close or pfs_ingest_commit */
    bool write_only;            /* others compact, also what tables in lookup mode want at each commit */
    const char *user;           /* commit user of anonymous transactions; NULL = a new UUID */
    /* About rows that were acknowledged and have trouble: for errors.jsonl and the log. May be NULL. Names NULL: of
     * tables that are not known. */
    void (*report)(void *context, const char *database, const char *table, const char *branch,
                   const struct pfs_err *why);
    /* A snapshot was made: whoever follows the table need not wait. On the thread that commits. May be NULL. */
    void (*committed)(void *context);
    void *context;
};

int pfs_ingest_open(const struct pfs_ingest_config *config, struct pfs_ingest **out, struct pfs_err *err);
/* Commits what is sealed or acknowledged, waits for it; what cannot be committed now stays in the journal for the next
 * process and is the error's sentence. Frees in any case. */
int pfs_ingest_close(struct pfs_ingest *ingest, struct pfs_err *err);

/* May a writer of the table go on? 0, or -EBUSY with the sentence: its runs, its commits or the journal have to catch
 * up first. For a bounded time whoever has rows waits, and asks again; then they are refused. Cheap. */
int pfs_ingest_check(struct pfs_ingest *ingest, struct pfs_table *table, struct pfs_err *err);

struct pfs_transaction;

struct pfs_transaction_config {
    struct pfs_table *table;         /* a reference is taken */
    const struct pfs_schema *schema; /* of the rows; NULL = the table's newest */
    const char *user;                /* inbox@user:n; NULL = anonymous */
    int64_t identifier;
    bool append;                           /* ">>": what was flushed may be committed before the seal */
    const struct pfs_overwrite *overwrite; /* INSERT OVERWRITE at the seal; copied; NULL = none */
};

int pfs_transaction_open(struct pfs_ingest *ingest, const struct pfs_transaction_config *config,
                         struct pfs_transaction **out, struct pfs_err *err);
/* What rows must look like; lives as long as the transaction. */
const struct pfs_schema *pfs_transaction_schema(const struct pfs_transaction *transaction);
/* Its columns for a pfs_text_parse: their defaults are spelled as it reads values. */
const struct pfs_field *pfs_transaction_fields(const struct pfs_transaction *transaction);

/* Does the table take these rows, of pfs_transaction_add to come? -EINVAL with the sentence: a kind that it does not
 * know, or something that its merge engine does not take back. Nothing changes; who leaves rows out asks. */
int pfs_transaction_ask(struct pfs_transaction *transaction, const struct pfs_batch *batch, struct pfs_err *err);
/* The rows as JSON lines, with their kinds. */
int pfs_transaction_spell(const struct pfs_transaction *transaction, const struct pfs_batch *batch, struct pfs_buf *out,
                          struct pfs_err *err);
/* Takes the arena's content as pfs_write_add does. -EBUSY when the journal is full; -ENOSPC when the store has no room
 * for the rows and their snapshot. After a failure nothing that was not acknowledged is kept, and every call gives the
 * same errno.
 */
int pfs_transaction_add(struct pfs_transaction *transaction, struct pfs_arena *arena, const struct pfs_batch *batch,
                        struct pfs_err *err);
/* The row of a last line without newline, at a flush: acknowledged, and taken back by pfs_transaction_untail. */
int pfs_transaction_tail(struct pfs_transaction *transaction, struct pfs_arena *arena, const struct pfs_batch *batch,
                         struct pfs_err *err);
int pfs_transaction_untail(struct pfs_transaction *transaction, struct pfs_err *err);

/* A row was refused: nothing that was not acknowledged is kept; only seal is legal afterwards. */
void pfs_transaction_abandon(struct pfs_transaction *transaction);

/* Its writer does not come to its end: what a numbered one has acknowledged is perhaps the beginning of its batch. A
 * repetition that begins with the same rows brings the rest; one that does not is set aside, and reported. Before seal;
 * what is dropped, or failed, is cut off as well. */
void pfs_transaction_cut(struct pfs_transaction *transaction);

typedef void pfs_ingest_done_fn(void *context, int rc, const struct pfs_err *err);

/* Will flush and seal write files, on the caller? */
bool pfs_transaction_is_heavy(struct pfs_transaction *transaction);
/* Acknowledges all that was added: durable when done says 0. Nothing new: at once. */
void pfs_transaction_flush(struct pfs_transaction *transaction, pfs_ingest_done_fn *done, void *context);
/* A flush is about to follow, of a handle of `append`: it begins now, and nobody is told; of a failure the flush tells.
 * Only where several share syncs; with `alone` where none do, and the calling thread expects to see to it by itself.
 * The reference, which keeps the transaction when it is sealed meanwhile, is given back. */
struct pfs_transaction *pfs_transaction_ref(struct pfs_transaction *transaction);
void pfs_transaction_flush_soon(struct pfs_transaction *transaction, bool alone);
/* Complete: flushes and hands over to the table. The transaction is gone when done is called, unless a reference is
 * held. drop: what was not acknowledged goes; of an overwrite everything. */
void pfs_transaction_seal(struct pfs_transaction *transaction, bool drop, pfs_ingest_done_fn *done, void *context);

/* Commits what waits for the table: sealed transactions, and flushed ones of `append`. For readers (soon: at most twice
 * a second has effect, later ones join the next), statements, tags (now). Of a table its branches are committed too:
 * one of them may be what it falls back on. done: 0, or why not. */
enum pfs_ingest_when { PFS_INGEST_SOON, PFS_INGEST_NOW };
void pfs_ingest_commit(struct pfs_ingest *ingest, struct pfs_table *table, enum pfs_ingest_when when,
                       pfs_ingest_done_fn *done, void *context);
/* The same for all tables, now, waiting on the caller. */
int pfs_ingest_commit_all(struct pfs_ingest *ingest, struct pfs_err *err);
/* After statements: what was published and is gone since, because one of them wanted it, is not kept for a commit. */
void pfs_ingest_look(struct pfs_ingest *ingest);
/* Is there nothing to commit? Cheap; readers ask first. */
bool pfs_ingest_idle(struct pfs_ingest *ingest, struct pfs_table *table);
/* Has another engine put its snapshot in the place of one that was published here, as it seems? Then there is something
 * to commit. For readers who have looked at the table: what they saw may lack rows that were acknowledged. One stat(2)
 * in the minute after a commit, no I/O else. */
bool pfs_ingest_is_doubtful(struct pfs_ingest *ingest, struct pfs_table *table);
/* Of a table, for status.json: rows and bytes acknowledged and not in a snapshot. */
void pfs_ingest_pending(struct pfs_ingest *ingest, struct pfs_table *table, int64_t *rows, int64_t *bytes);
