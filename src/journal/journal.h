/* journal.h - the log of what is acknowledged and not yet surely in a snapshot (docs/DESIGN.md, "Durability").
 *
 * One journal a process and warehouse, in <warehouse>/.paimonfs/: segments "journal-<uuid>-<n>", each begun with a
 * header (magic with version, process id, number, host name, boot id, commit user, hash) and locked as long as the
 * process lives (pfs_store_open_locked). Then records: length of the body, kind, number of the transaction, hash over
 * these and the body (seeded with the header's hash), body. Records are only appended. A segment is removed when every
 * transaction that has a record in it is durably retired, oldest segment first, so that no transaction outlives the
 * record that retired it. A new one begins at 64 MiB, after an append that failed, and after a sync that failed: a file
 * whose sync failed is never written or synced again, and the next segment begins with a record that says from where on
 * the old one does not count, whatever of it reached the disk after all, and with the SEALs that were lost so.
 *
 * What a transaction's records mean is the business of src/ingest/ingest.h; the journal keeps them, makes them durable
 * in one sync that all who wait share, finds them again, and hands over what dead processes left.
 *
 * Errors: -EBUSY when more than `limit_bytes` wait to be retired; -ENOSPC, -EIO from the store. Threads: any; records
 * of one transaction from one thread at a time.
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
    PFS_JOURNAL_FILES,     /* manifest entries of level-0 files that hold rows of the transaction; then, marked as
                              deleted, those of their changelog */
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

/* No file is made before the first record. -EAGAIN: no thread for it. */
int pfs_journal_open(const struct pfs_journal_config *config, struct pfs_journal **out, struct pfs_err *err);
/* Removes its segments when all is retired; else they stay for whoever comes next. NULL allowed. */
void pfs_journal_close(struct pfs_journal *journal);

/* Where a record lies. Places ascend. */
struct pfs_place_in_journal {
    int32_t segment;
    uint64_t at, len; /* of the body */
};

uint64_t pfs_journal_transaction(struct pfs_journal *journal); /* a new number (from 1), never used before by it */

/* Appends a record; not durable yet. -EBUSY is for what brings rows (BEGIN, ROWS, TAIL, FILES): what leads to their
 * retirement is always taken. -EFBIG: more than 1 GiB. After a failure (no space) the record is not there and all else
 * is as before: the caller may try again. RETIRED ends a transaction; one that failed is retired too, when its durable
 * records were carried over to another or nobody was promised anything. A RETIRED that cannot be written is, when the
 * next segment begins. `out` may be NULL. */
int pfs_journal_add(struct pfs_journal *journal, uint64_t transaction, enum pfs_journal_kind kind,
                    struct pfs_slice body, struct pfs_place_in_journal *out, struct pfs_err *err);
/* The same with a BEGIN in front, by one write: both are there, or neither. `out` is about the second one. */
int pfs_journal_add_begun(struct pfs_journal *journal, uint64_t transaction, struct pfs_slice begin,
                          enum pfs_journal_kind kind, struct pfs_slice body, struct pfs_place_in_journal *out,
                          struct pfs_err *err);

/* Waits until all that was added for the transaction (0 = for any) is durable: one sync serves all who wait. Should it
 * fail, everything that was not durable yet is lost for the journal, whoever added it: the transactions with a lost
 * record fail, each with -EIO from every later add (but RETIRED) and sync; this is why a sync names its transaction:
 * another's sync may have lost the record before. What was durable of them stays. */
int pfs_journal_sync(struct pfs_journal *journal, uint64_t transaction, struct pfs_err *err);
/* Who is to sync, where the last sync was quick; a slow one is the business of a thread of the journal's own. */
enum pfs_journal_lead {
    PFS_LEAD_THREAD, /* that thread */
    PFS_LEAD_HERE,   /* the caller, at once: nobody else is about to ask */
    PFS_LEAD_IDLE,   /* the caller, at an idle moment (base/idle.h) once all have asked who did the last time */
};

/* The same without waiting for another's sync: `done` is called once, perhaps before the return, on a thread that
 * holds no lock; it may add, not sync or close. That is the one that led, or a thread of the journal's own; or the
 * caller, when there is nothing to wait for. */
typedef void pfs_journal_done_fn(void *context, int rc, const struct pfs_err *err);
void pfs_journal_sync_later(struct pfs_journal *journal, uint64_t transaction, enum pfs_journal_lead by,
                            pfs_journal_done_fn *done, void *context);

/* Did the last sync serve more than one, or did another one wait meanwhile? */
bool pfs_journal_is_shared(struct pfs_journal *journal);

/* Is the record durable? Of a transaction that is not retired: false says, when none of its syncs is under way, that
 * the record was lost with one that failed. */
bool pfs_journal_is_durable(struct pfs_journal *journal, struct pfs_place_in_journal place);

/* The number of the segment that is written to now, which may end at any time; -1 = none is. */
int32_t pfs_journal_segment(struct pfs_journal *journal);

/* The body of a record, in the arena. -EIO: damaged, or lost with a failed sync. Reads while others add and sync. */
int pfs_journal_read(struct pfs_journal *journal, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err);

/* Of the segments that wait for a retirement; 0 when all is retired. */
uint64_t pfs_journal_bytes(struct pfs_journal *journal);

/* ---- what others left ---- */

struct pfs_journal_record {
    uint64_t transaction;
    enum pfs_journal_kind kind;
    struct pfs_place_in_journal place;
};

struct pfs_foreign; /* the journal of a process that is gone; ours to finish, under its lock */

/* Tries the locks of all other journals of the directory; the ones that were had (the array is the caller's to
 * pfs_free, each journal to close). A record that ends early or does not match its hash ends its segment there when no
 * record follows (a crash in the middle of an append); else it is damage, and those that follow count. Later segments
 * count in any case. A journal that cannot be read or that a later version
 * wrote is left alone, and is the error when no other one was had. A segment that was only begun is removed. */
int pfs_journal_take(struct pfs_journal *journal, struct pfs_foreign ***out, int32_t *count, struct pfs_err *err);
const char *pfs_foreign_user(const struct pfs_foreign *foreign);
/* All records, in the order of writing; they live as long as `foreign`. */
const struct pfs_journal_record *pfs_foreign_records(const struct pfs_foreign *foreign, int64_t *count);
int pfs_foreign_read(struct pfs_foreign *foreign, struct pfs_place_in_journal place, struct pfs_arena *arena,
                     struct pfs_slice *out, struct pfs_err *err);
/* Was there damage between its records? Then which, as a sentence. */
bool pfs_foreign_damage(const struct pfs_foreign *foreign, struct pfs_err *err);
/* finished: everything in it is retired or carried over: its segments are removed, oldest first (one that is damaged,
 * in its header or later, is renamed to "damaged-..." instead, for a person). Else they stay, unlocked. NULL allowed.
 */
void pfs_foreign_close(struct pfs_foreign *foreign, bool finished);

/* ---- what all say ---- */

typedef int pfs_journal_look_fn(void *context, enum pfs_journal_kind kind, struct pfs_slice body, struct pfs_err *err);

/* Calls `each` for every record of every journal of the warehouse, those of living processes too: for who must not
 * touch what an acknowledged row needs. No lock is taken; records that are added meanwhile may be missed. An error: a
 * journal cannot be read, or `each` gave one. */
int pfs_journal_look(struct pfs_store *store, pfs_journal_look_fn *each, void *context, struct pfs_err *err);
