/* fileindex.h - file indexes: the container beside or inside a data file's metadata, and its index types bloom-filter,
 * bitmap, bsi and range-bitmap (spec indexes 5): the front door of the suite.
 *
 * Answers one question: which rows of the file may have a column that compares so with a literal? The answer may hold
 * too many rows, never too few. Unknown index types and versions answer "all". Damaged bytes are -EIO: the caller reads
 * without the index then. Threads: immutable after parse.
 */
#pragma once

#include "format/batch.h"
#include "format/bitmap.h"

struct pfs_fileindex;

/* Over the container's bytes (borrowed until close). */
int pfs_fileindex_parse(struct pfs_slice container, struct pfs_fileindex **out, struct pfs_err *err);
void pfs_fileindex_close(struct pfs_fileindex *index); /* NULL allowed */

enum pfs_compare { /* a column compared with a literal; the last two have none */
                   PFS_EQ,
                   PFS_NE,
                   PFS_LT,
                   PFS_LE,
                   PFS_GT,
                   PFS_GE,
                   PFS_IS_NULL,
                   PFS_IS_NOT_NULL
};

enum pfs_index_answer { PFS_INDEX_ALL, PFS_INDEX_NONE, PFS_INDEX_SOME };

/* `column`: its name in the file's schema; `literal`: one row of the column's type (NULL for the last two), `rows`: of
 * the file. SOME: *some (made new, the caller's) has the rows that may match. Several indexes on one column are
 * combined. */
int pfs_fileindex_test(const struct pfs_fileindex *index, const char *column, const struct pfs_type *type,
                       enum pfs_compare how, const struct pfs_column *literal, int64_t rows,
                       enum pfs_index_answer *answer, struct pfs_bitmap **some, struct pfs_err *err);

/* Rows by several answers. `some` is owned while answer is SOME, else NULL. */
struct pfs_index_rows {
    enum pfs_index_answer answer;
    struct pfs_bitmap *some;
};

void pfs_index_rows_done(struct pfs_index_rows *rows);
/* a := a and b, a or b; takes b, also on failure. -ENOMEM. */
int pfs_index_rows_and(struct pfs_index_rows *a, struct pfs_index_rows *b, struct pfs_err *err);
int pfs_index_rows_or(struct pfs_index_rows *a, struct pfs_index_rows *b, struct pfs_err *err);
