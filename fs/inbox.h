/* inbox.h - a writing handle: bytes -> rows -> one commit.
 *
 * States: OPEN (takes bytes) -> FLUSHED (what was complete is committed; more may come) -> SEALED (released) or FAILED
 * (a row was refused or a commit failed: every later call gives the same errno, nothing that was not acknowledged is
 * kept). Rows are parsed, typed and checked inside write. flush commits and syncs all complete rows before it answers;
 * a last line without newline counts at release. An inbox@user:n handle commits once, at the first flush that has rows,
 * a last line without newline with it: bytes after that commit are refused.
 *
 * Bytes are taken in the order in which they arrive; with O_APPEND offsets are ignored, without it contiguous offsets
 * stream and a gap is -EINVAL. A write is taken whole or not at all. Threads: one handle, any thread; calls on a handle
 * are serialised inside. write parses on the caller's thread; flush and release work on the pool and answer later.
 */
#pragma once

#include "base/pool.h"
#include "format/text/text.h"
#include "fs/request.h"
#include "src/table.h"

struct pfs_inbox;
struct pfs_errors; /* the table's errors.jsonl, kept in memory */

/* errors.jsonl of one table: the newest refusals, at most 1 MiB of lines. Threads: any. */
int pfs_errors_open(struct pfs_errors **out, struct pfs_err *err);
void pfs_errors_close(struct pfs_errors *errors);
void pfs_errors_add(struct pfs_errors *errors, int64_t time_ms, uint32_t pid, const struct pfs_text_refusal *refusal,
                    const struct pfs_err *why); /* refusal NULL: about no row */
void pfs_errors_print(struct pfs_errors *errors, struct pfs_buf *out);

struct pfs_inbox_config {
    struct pfs_table *table; /* a reference is taken */
    struct pfs_pool *pool;
    struct pfs_errors *errors; /* outlives the handle */
    const struct pfs_clock *clock;
    int format;                                /* enum pfs_text, or -1: told by the first byte */
    enum pfs_envelope envelope;                /* inbox.debezium, .canal, .maxwell */
    const char *user;                          /* commit user; copied */
    bool once;                                 /* inbox@user:n */
    int64_t identifier;                        /* with once */
    int64_t (*next_identifier)(void *context); /* else: a new one for each commit */
    void *context;
    int32_t partitions; /* partition/<k>=<v>/inbox: implied values, copied */
    const struct pfs_partition_value *partition;
    bool append; /* O_APPEND */
};

int pfs_inbox_open(const struct pfs_inbox_config *config, struct pfs_inbox **out, struct pfs_err *err);

/* Answers before it returns: len taken, or -errno. */
void pfs_inbox_write(struct pfs_inbox *inbox, struct pfs_request *request, uint64_t off, struct pfs_slice bytes);
void pfs_inbox_flush(struct pfs_inbox *inbox, struct pfs_request *request); /* 0 or -errno */
/* Commits a last line without newline; always answers 0 or the error (which nobody may hear: it is in errors.jsonl as
 * well). drop: the writer died by a signal; what was not acknowledged goes. Afterwards only close is legal. */
void pfs_inbox_release(struct pfs_inbox *inbox, struct pfs_request *request, bool drop);

void pfs_inbox_close(struct pfs_inbox *inbox); /* NULL allowed */

/* Something of it waits for release: readers hold back a moment. */
bool pfs_inbox_unfinished(struct pfs_inbox *inbox);
