/* trial.h - would a commit take these rows? Asked before they are acknowledged: what no commit can take (a kind that
 * the table does not know, a delete that its engine does not accept) would stand in the way of all rows after it.
 *
 * The answer holds for rows that become one snapshot, whatever is in the table. Threads: one trial, one thread.
 */
#pragma once

#include "base/err.h"
#include "format/batch.h"
#include "src/meta/schema.h"

struct pfs_trial;

/* Does any of the rows, with their kinds as the last column, take something back? */
bool pfs_batch_retracts(const struct pfs_batch *batch);

int pfs_trial_open(const struct pfs_schema *schema, struct pfs_trial **out, struct pfs_err *err);
void pfs_trial_close(struct pfs_trial *trial); /* NULL allowed */

/* Rows as pfs_write_add takes them, each batch by itself: what they are called, what the engine makes of each alone and
 * of those with the same key. -EINVAL with the sentence. */
int pfs_trial_rows(const struct pfs_trial *trial, const struct pfs_batch *batch, struct pfs_err *err);
/* Could rows of the batch be refused together with others that are not? */
bool pfs_trial_minds(const struct pfs_trial *trial, const struct pfs_batch *batch);
/* All batches of one snapshot, in order; each has been asked about by itself. */
int pfs_trial_together(const struct pfs_trial *trial, const struct pfs_batch *batch, int32_t count,
                       struct pfs_err *err);
