/* skim.h - with on-error = skip: well-formed rows that the table does not take are left out, and the others go in.
 * Private to fs/. Threads: those of the transaction. */
#pragma once

#include "format/text/text.h"
#include "src/ingest/ingest.h"

struct pfs_skim {
    struct pfs_transaction *transaction; /* borrowed */
    /* Told of each row that is left out: its text is JSON, and where it stood in the input is not known. */
    void (*refused)(void *context, const struct pfs_text_refusal *refusal, const struct pfs_err *why);
    void *context;
};

/* As pfs_transaction_add, without the rows that pfs_transaction_ask refuses. */
int pfs_skim_add(const struct pfs_skim *skim, struct pfs_arena *arena, const struct pfs_batch *batch,
                 struct pfs_err *err);
