/* chain.h - files read one after the other as one reader: the files of a level, or of an append table. Private to the
 * suite. */
#pragma once

#include "src/file/deletions.h"
#include "src/scan/among.h"
#include "src/scan/plan.h"

struct pfs_chain {
    struct pfs_data_read read;
    struct pfs_deletions *deletions; /* NULL = the state has none */
    bool joined; /* data evolution: files next to each other that share row ids hold columns of the same rows */
    const struct pfs_pruner *pruner;     /* leaves out rows by file index; NULL = none, or rows that a merge may need */
    const struct pfs_among *among;       /* rows of these keys alone; NULL = all. Not with joined */
    const int32_t *key;                  /* with among: places of the trimmed key in the batches */
    const struct pfs_among_files *files; /* with among; NULL = none */
};

/* Opens each file when its turn comes, without its deleted rows. `chain` is copied, what it points to is borrowed. */
int pfs_chain_open(const struct pfs_chain *chain, const struct pfs_plan_file *const *file, int32_t files,
                   struct pfs_reader **out, struct pfs_err *err);
