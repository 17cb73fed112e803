/* handles.h - what a handle asks of its transaction, waited for. */
#pragma once

#include "src/ingest/ingest.h"
#include "tests/unit/ingest/answer.h"

static int flush(struct pfs_transaction *t)
{
    struct answer a;

    prepare(&a);
    pfs_transaction_flush(t, done, &a);
    return await(&a);
}

__attribute__((unused)) static int seal(struct pfs_transaction *t)
{
    struct answer a;

    prepare(&a);
    pfs_transaction_seal(t, false, done, &a);
    return await(&a);
}
