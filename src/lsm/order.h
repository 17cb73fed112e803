/* order.h - rows of an append table in another order: that rows which are asked for together lie together (spec lsm
 * 11).
 *
 *   order     by the first column, then the second, ...; nulls first
 *   zorder    by the bits of all columns in turn: near in the order is near in each column, mostly
 *   hilbert   along a curve that never jumps
 *
 * For the last two a value is a word of 64 bits that compares like it: numbers from the lowest bit, strings their first
 * 8 bytes; null is 0. Which order it is tells nobody but the statistics. Beyond the budget sorted runs are put aside
 * and merged. Threads: one reader, one thread.
 */
#pragma once

#include "base/budget.h"
#include "base/cancel.h"
#include "format/reader.h"

#define PFS_ORDER_STRATEGIES(X) X(PLAIN, "order") X(ZORDER, "zorder") X(HILBERT, "hilbert")

enum pfs_order_strategy {
#define X(id, name) PFS_ORDER_##id,
    PFS_ORDER_STRATEGIES(X)
#undef X
};

#define PFS_ORDER_COLUMNS_MAX 16

struct pfs_order {
    enum pfs_order_strategy strategy;
    int32_t columns;                       /* from 1 to PFS_ORDER_COLUMNS_MAX */
    int32_t column[PFS_ORDER_COLUMNS_MAX]; /* places in the batches; no nested types */
};

/* -EINVAL with Paimon's sentence: a curve through one column. */
int pfs_order_check(const struct pfs_order *order, struct pfs_err *err);

/* Of each row, bytes that compare as the order says: a VARBINARY column. */
int pfs_order_keys(const struct pfs_order *order, const struct pfs_batch *batch, struct pfs_arena *arena,
                   struct pfs_column *out, struct pfs_err *err);

/* Takes `in`, also on failure; all its rows, equal ones in the order in which they came. The first batch comes when all
 * were read. -ECANCELED once the flag is set. */
int pfs_order_open(const struct pfs_order *order, struct pfs_budget budget, const struct pfs_cancel *cancel,
                   struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err);
