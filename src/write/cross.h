/* cross.h - tables whose primary key lacks partition columns, with buckets = -1: a key lives in one partition at a time
 * (spec lsm 10). Private to the suite.
 *
 * Where each key lives is read from the table's files, for one state, and then followed row by row. A row of a key that
 * lives elsewhere: deduplicate deletes it there and writes it here, partial-update and aggregation write it there, with
 * that partition's values, first-row drops it. Nothing of this is stored; readers need none of it. */
#pragma once

#include "src/write/internal.h"

struct pfs_cross;

bool pfs_cross_is(const struct pfs_schema *schema);

/* Reads the keys of all live files. Numbers of partitions are those of `w`, which outlives it. */
int pfs_cross_open(struct pfs_write *w, struct pfs_state *state, struct pfs_cross **out, struct pfs_err *err);
void pfs_cross_close(struct pfs_cross *cross); /* NULL allowed */

/* The rows as they are to be written: *out is allocated, with partitions, and buckets instead of hashes. */
int pfs_cross_apply(struct pfs_cross *cross, const struct pfs_routed *in, struct pfs_routed **out, struct pfs_err *err);
