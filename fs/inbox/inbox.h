/* inbox.h - a writing handle: bytes -> rows -> a transaction (src/ingest/ingest.h).
 *
 * States: OPEN (takes bytes) -> FLUSHED (what was complete is acknowledged; more may come) -> SEALED (released) or
 * FAILED (a row was refused or the journal failed: every later call gives the same errno, without the sentence that the
 * first one was told, and nothing that was not flushed is kept). Rows are parsed, typed and checked inside write.
 * flush answers when all complete rows are durable; a last line without newline counts at release if it is a whole row,
 * and is acknowledged as such by the flush before.
 *
 * A writer that dies by a signal has not closed: what no flush acknowledged while it lived goes, but for the complete
 * rows of an appending handle. Told by an interrupted flush, or by the process's flags.
 *
 * Bytes that begin with PAR1 are Parquet files: staged, and read when a flush or the release finds them whole. A flush
 * that finds the beginning of one is -EINVAL, and more of it may come; so is the release, and then nothing is kept.
 *
 * Bytes are taken in the order in which they arrive; with O_APPEND offsets are ignored, without it contiguous offsets
 * stream and a gap is -EINVAL (a Parquet file's may come in any order, but for the first four). A write is taken whole
 * or not at all. Threads: one handle, any thread; calls on a handle are serialised inside. write parses on the caller's
 * thread; flush and release answer when the journal is synced; what reads files goes to the pool.
 */
#pragma once

#include "base/pool.h"
#include "fs/inbox/errors.h"
#include "fs/view/request.h"
#include "src/ingest/ingest.h"

struct pfs_inbox;

struct pfs_inbox_config {
    struct pfs_ingest *ingest;
    struct pfs_table *table;         /* a reference is taken */
    const struct pfs_schema *schema; /* of the rows; NULL = the table's newest */
    struct pfs_pool *pool;
    struct pfs_errors *errors; /* outlives the handle */
    const char *path;          /* in the mount, for what requests are told; copied; NULL = no path is told */
    const char *spool_dir;     /* where Parquet files are staged; outlives the handle; NULL = /var/tmp */
    const struct pfs_clock *clock;
    int format;                 /* enum pfs_text, or -1: told by the first byte */
    enum pfs_envelope envelope; /* inbox.debezium, .canal, .maxwell */
    const char *user;           /* inbox@user:n; NULL = anonymous */
    int64_t identifier;         /* with user */
    bool overwrite;             /* the rows replace what is there */
    bool skip;                  /* on-error = skip */
    int32_t partitions;         /* partition/<k>=<v>/inbox: implied values, copied */
    const struct pfs_partition_value *partition;
    bool append; /* O_APPEND */
    bool row;    /* for one write, it seems, as the last handles were: its rows are kept though more are refused */
};

int pfs_inbox_open(const struct pfs_inbox_config *config, struct pfs_inbox **out, struct pfs_err *err);

struct pfs_table *pfs_inbox_table(const struct pfs_inbox *inbox); /* borrowed */
bool pfs_inbox_appends(const struct pfs_inbox *inbox);            /* opened so, and for rows that are nobody's own */

/* Answers before it returns: len taken, or -errno. */
void pfs_inbox_write(struct pfs_inbox *inbox, struct pfs_request *request, uint64_t off, struct pfs_slice bytes);
/* Answers a write that is not taken: the handle has failed. */
void pfs_inbox_refuse(struct pfs_inbox *inbox, struct pfs_request *request, const struct pfs_err *why);
/* 0 or -errno. With `closes` also the errno of a last line that is no whole row: the handle has not failed then, more
 * of the line may come. */
void pfs_inbox_flush(struct pfs_inbox *inbox, struct pfs_request *request, bool closes);
/* Hands the transaction over; always answers 0 or the error (which nobody may hear: it is in errors.jsonl as well).
 * drop: the writer is known to have died. Afterwards only close is legal. */
void pfs_inbox_release(struct pfs_inbox *inbox, struct pfs_request *request, bool drop);

/* The file system ends while the handle is open, and nobody is inside: what was flushed is handed over, of an append
 * the whole rows that came since too; of an overwrite nothing when rows came since, since it is not complete. Later
 * calls fail. */
void pfs_inbox_end(struct pfs_inbox *inbox);

void pfs_inbox_close(struct pfs_inbox *inbox); /* NULL allowed; without a release the writer counts as dead */

/* It was flushed a moment ago and its release is about to come, with something that only that completes: readers hold
 * back a moment. */
bool pfs_inbox_unfinished(struct pfs_inbox *inbox);
