/* gate.h - writers of a table that has fallen behind wait before their rows are taken. Private to fs/.
 *
 * Asked before each write to an inbox (pfs_ingest_check): while the table's runs, its commits or the journal have to
 * catch up the write is parked and asks again; after 10 s it is refused with -EBUSY and the sentence, and the handle
 * has failed as with a bad row. An interrupt ends the wait. Threads: any.
 */
#pragma once

#include "fs/tree/tree.h"

/* pfs_inbox_write, perhaps later; `bytes` live until the answer. */
void pfs_gate_write(struct pfs_tree *tree, struct pfs_request *request, struct pfs_handle *handle, uint64_t off,
                    struct pfs_slice bytes);
