/* journal.h - the log of what is acknowledged and not yet surely in a snapshot (docs/DESIGN.md, "Durability").
 *
 * One journal a process and warehouse, in <warehouse>/.paimonfs/: segments "journal-<uuid>-<n>", each begun with a
 * header (magic, version, host name, boot id, process id, commit user) and held under an OFD lock as long as the
 * process lives. A segment is a sequence of records: length, xxhash64, kind, number of the transaction, body. Records
 * are only appended. A segment is removed when every transaction that has a record in it is retired, oldest segment
 * first. A new one begins at 64 MiB, and after a sync that failed: a file whose sync failed is never written or synced
 * again.
 *
 * What a transaction's records mean is the business of src/ingest.h; the journal keeps them, makes them durable in one
 * sync that all who wait share, finds them again, and hands over what dead processes left.
 *
 * Errors: -EBUSY when more than `limit_bytes` wait to be retired; -ENOSPC, -EIO from the store. Threads: any.
 */
#pragma once

#include "base/arena.h"
#include "base/clock.h"
#include "base/store.h"

enum pfs_journal_kind {
    PFS_JOURNAL_BEGIN,     /* database, table, branch, schema id, commit user, identifier, flags */
    PFS_JOURNAL_ROWS,      /* a frame (format/frame.h) of the table's columns and the row kind */
    PFS_JOURNAL_TAIL,      /* the same of a last line without newline: counts when the transaction is sealed after it */
    PFS_JOURNAL_UNTAIL,    /* more of that line came: the TAIL before counts no more */
    PFS_JOURNAL_FILES,     /* manifest entries of level-0 files that hold rows of the transaction */
    PFS_JOURNAL_SEAL,      /* complete; what follows is its way into a snapshot */
    PFS_JOURNAL_INTENT,    /* user, identifier, snapshot id seen, entries about to be published; also names the other
                              transactions that go with it */
    PFS_JOURNAL_PUBLISHED, /* snapshot id */
    PFS_JOURNAL_RETIRED,   /* nothing is to be done any more */
    PFS_JOURNAL_KINDS
};

struct pfs_journal;

struct pfs_journal_config {
    struct pfs_store *store; /* of the warehouse */
    const struct pfs_clock *clock;
    const char *user;       /* commit user of transactions without one of their own */
    uint64_t segment_bytes; /* 0 = 64 MiB */
    uint64_t limit_bytes;   /* 0 = 4 GiB */
};

/* No file is made before the first record. */
int pfs_journal_open(const struct pfs_journal_config *config, struct pfs_journal **out, struct pfs_err *err);
/* Removes its segments when all is retired; else they stay for whoever comes next. NULL allowed. */
void pfs_journal_close(struct pfs_journal *journal);

/* Where a record lies. Places ascend. */
struct pfs_place_in_journal {
    int32_t segment;
    uint64_t at, len; /* of the body */
};

uint64_t pfs_journal_transaction(struct pfs_journal *journal); /* a new number, never used before by this journal */

/* Appends a record; not durable yet. */
int pfs_journal_add(struct pfs_journal *journal, uint64_t transaction, enum pfs_journal_kind kind,
                    struct pfs_slice body, struct pfs_place_in_journal *out, struct pfs_err *err);

/* Waits until all that was added before the call is durable: one sync serves all who wait. Should it fail, everything
 * that was not durable yet is lost for the journal: its transactions fail (every later call for one gives -EIO). */
int pfs_journal_sync(struct pfs_journal *journal, struct pfs_err *err);
/* The same without waiting: `done` is called once, perhaps before the return, on the thread that synced. */
typedef void pfs_journal_done_fn(void *context, int rc, const struct pfs_err *err);
void pfs_journal_sync_later(struct pfs_journal *journal, pfs_journal_done_fn *done, void *context);

/* The body of a record, in the arena. -EIO: damaged. */
int pfs_journal_read(struct pfs_journal *journal, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err);

uint64_t pfs_journal_bytes(const struct pfs_journal *journal); /* not retired yet */

/* ---- what others left ---- */

struct pfs_journal_record {
    uint64_t transaction;
    enum pfs_journal_kind kind;
    struct pfs_place_in_journal place;
};

struct pfs_foreign; /* the journal of a process that is gone; ours to finish, under its lock */

/* Tries the locks of all other journals of the directory; the ones that were had. A record that ends early or does not
 * match its hash ends its segment there (a crash in the middle of an append), later segments count nevertheless. */
int pfs_journal_take(struct pfs_journal *journal, struct pfs_foreign ***out, int32_t *count, struct pfs_err *err);
const char *pfs_foreign_user(const struct pfs_foreign *foreign);
/* All records, in the order of writing; they live as long as `foreign`. */
const struct pfs_journal_record *pfs_foreign_records(const struct pfs_foreign *foreign, int64_t *count);
int pfs_foreign_read(struct pfs_foreign *foreign, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err);
/* finished: everything in it is retired or carried over: its segments are removed. Else they stay, unlocked. */
void pfs_foreign_close(struct pfs_foreign *foreign, bool finished);
