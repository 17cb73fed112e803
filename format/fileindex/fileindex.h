/* fileindex.h - file indexes: the container beside or inside a data file's metadata, and its index types bloom-filter,
 * bitmap, bsi and range-bitmap (spec indexes 5): the front door of the suite.
 *
 * Answers one question: which rows of the file may have a column that compares so with a literal? The answer may hold
 * too many rows, never too few. Unknown index types and versions answer "all". Damaged bytes are -EIO: the caller reads
 * without the index then. Threads: immutable after parse.
 *
 * The other way round it makes a container of the rows of a new data file, with the bytes that Paimon makes (values of
 * a bitmap index in their order, where Java has them in that of a hash table).
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

/* `column`: its name in the file's schema; `literal`: one row of the column's type, not null (for the last two not
 * looked at), `rows`: of the file. SOME: *some (made new, the caller's) has the rows that may match. Several indexes on
 * one column are combined. */
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

/* ---- writing ---- */

/* Name and which types may have it. */
#define PFS_INDEX_TYPES(X)   \
    X(BLOOM, "bloom-filter") \
    X(BITMAP, "bitmap")      \
    X(BSI, "bsi")            \
    X(RANGE, "range-bitmap")

enum pfs_index_type {
#define X(id, name) PFS_INDEX_##id,
    PFS_INDEX_TYPES(X)
#undef X
};

/* -EINVAL for a name that is none of them. */
int pfs_index_type_parse(struct pfs_slice name, enum pfs_index_type *out, struct pfs_err *err);

struct pfs_index_write { /* one index of one column */
    const char *column;  /* as the container names it */
    const struct pfs_type *type;
    enum pfs_index_type index;
    int32_t items;       /* bloom: values that it is made for; 0 = 1,000,000 */
    double wrong;        /* bloom: share of false answers; 0 = 0.1 */
    int32_t version;     /* bitmap: 1 or 2; 0 = 2 */
    int32_t block_bytes; /* bitmap: of a block, range bitmap: of a chunk; 0 = 16 KiB */
};

struct pfs_fileindex_writer;

/* What `index` points to is borrowed. Indexes of one column stand together. -EINVAL: a type that the index cannot have,
 * named, or parameters without sense. Threads: one writer, one thread. */
int pfs_fileindex_writer_open(const struct pfs_index_write *index, int32_t count, struct pfs_fileindex_writer **out,
                              struct pfs_err *err);
/* Rows of the file, in order: column[i] is what index i is over (the same column may come twice). */
int pfs_fileindex_writer_add(struct pfs_fileindex_writer *writer, const struct pfs_column *const *column, int64_t rows,
                             struct pfs_err *err);
/* Appends the container. The writer is only closed after that. */
int pfs_fileindex_writer_finish(struct pfs_fileindex_writer *writer, struct pfs_buf *out, struct pfs_err *err);
void pfs_fileindex_writer_close(struct pfs_fileindex_writer *writer); /* NULL allowed */
