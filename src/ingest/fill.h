/* fill.h - columns that are given a number where a row brings none (numbers.h). Private to src/ingest.
 *
 * Table option `paimonfs.fields.<column>.generator` = sequence | snowflake. The column is a BIGINT (a sequence may be
 * an INT) that may be null, and its first value stays: an append table, merge-engine first-row, or the aggregate
 * function first_value or first_non_null_value. Rows of kind +I and +U with a null get a number when they are taken,
 * before they are in the journal: a row keeps it, whatever happens. */
#pragma once

#include <pthread.h>

#include "src/ingest/numbers.h"
#include "src/table/catalog.h"
#include "src/table/table.h"

struct pfs_generators { /* all that this process uses; zeroed + a mutex: empty */
    pthread_mutex_t lock;
    struct pfs_generator *first;
    const struct pfs_clock *clock;
};

void pfs_generators_init(struct pfs_generators *all, const struct pfs_clock *clock);
void pfs_generators_done(struct pfs_generators *all);

struct pfs_filled {
    int32_t column;
    struct pfs_numbers *numbers; /* lives as long as the generators */
};

struct pfs_filling {
    int32_t columns;
    struct pfs_filled *column;
};

/* What the table's options say, in the arena. -EINVAL with the sentence. */
int pfs_filling_open(struct pfs_generators *all, struct pfs_table *table, const struct pfs_schema *schema,
                     struct pfs_arena *arena, struct pfs_filling *out, struct pfs_err *err);

/* Gives numbers to the rows of a batch, whose columns are the schema's and the row kind; what changes is made in its
 * arena. */
int pfs_fill(const struct pfs_filling *filling, struct pfs_arena *arena, struct pfs_batch *batch, struct pfs_err *err);
