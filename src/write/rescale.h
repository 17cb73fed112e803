/* rescale.h - a table whose number of buckets was changed: its partitions keep the number that they were written with
 * until they are overwritten, and take no other rows (spec buckets 2).
 *
 * Who acknowledges rows before they are written asks here: their commit would have to refuse them. The state is looked
 * at by open alone. Threads: one.
 */
#pragma once

#include "format/batch.h"
#include "src/scan/state.h"

struct pfs_rescale;

/* `buckets`: the table's number now; rows come as of `schema`, which is borrowed. *out is NULL when no partition of the
 * state has another number, or the table has no fixed one. */
int pfs_rescale_open(const struct pfs_schema *schema, int32_t buckets, const struct pfs_state *state,
                     struct pfs_rescale **out, struct pfs_err *err);
/* -EINVAL with what to do when a row falls into such a partition. The batch: the schema's columns and the row kind. */
int pfs_rescale_check(struct pfs_rescale *rescale, const struct pfs_batch *batch, struct pfs_err *err);
void pfs_rescale_close(struct pfs_rescale *rescale); /* NULL allowed */

/* The sentence; returns -EINVAL. */
int pfs_rescale_refuse(int32_t before, int32_t now, struct pfs_err *err);
