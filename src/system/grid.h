/* grid.h - rows made in memory, value after value: what system tables are built in. Private to the suite.
 *
 * A grid is filled straight down: each pfs_grid_... call gives the next value of the current row, a row ends with its
 * last column. Failures (no memory) are sticky and told by pfs_grid_rows. Threads: one grid, one thread.
 */
#pragma once

#include "format/rows.h"

struct pfs_grid;
struct pfs_cell; /* the values of a column, or of what a list holds */

/* The types of a grid's columns, for tables of fields. */
#define PFS_STRING_TYPE                                                 \
    {                                                                   \
        .kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX \
    }
#define PFS_INT_TYPE                      \
    {                                     \
        .kind = PFS_INT, .nullable = true \
    }
#define PFS_BIGINT_TYPE                      \
    {                                        \
        .kind = PFS_BIGINT, .nullable = true \
    }
#define PFS_BOOLEAN_TYPE                      \
    {                                         \
        .kind = PFS_BOOLEAN, .nullable = true \
    }
#define PFS_MOMENT_TYPE                                         \
    {                                                           \
        .kind = PFS_TIMESTAMP, .nullable = true, .precision = 3 \
    }

/* `field` outlives the rows; kinds: VARCHAR, BOOLEAN, INT, BIGINT, TIMESTAMP(3), ARRAY and ROW of them. */
int pfs_grid_open(const struct pfs_field *field, int32_t columns, struct pfs_grid **out, struct pfs_err *err);
void pfs_grid_close(struct pfs_grid *grid); /* NULL allowed */

void pfs_grid_null(struct pfs_grid *grid);
void pfs_grid_text(struct pfs_grid *grid, const char *text); /* NULL = null */
void pfs_grid_bytes(struct pfs_grid *grid, struct pfs_slice text);
void pfs_grid_buf(struct pfs_grid *grid, struct pfs_buf *text); /* its bytes; clears it for the next value */
/* BOOLEAN, INT, BIGINT, TIMESTAMP(3) (milliseconds); INT64_MIN (an absent number of metadata) is null. */
void pfs_grid_number(struct pfs_grid *grid, int64_t number);
void pfs_grid_exactly(struct pfs_grid *grid, int64_t number); /* INT64_MIN is a number like others */
/* A list of `count` elements, which the caller puts into the answer's cell. */
struct pfs_cell *pfs_grid_list(struct pfs_grid *grid, int64_t count);

void pfs_cell_null(struct pfs_cell *cell);
void pfs_cell_text(struct pfs_cell *cell, const char *text);
void pfs_cell_number(struct pfs_cell *cell, int64_t number);
/* A ROW: the cell of its first field; the others follow (pfs_cell_at), each to be given one value. */
struct pfs_cell *pfs_cell_row(struct pfs_cell *cell);
struct pfs_cell *pfs_cell_at(struct pfs_cell *first, int32_t index);

int64_t pfs_grid_count(const struct pfs_grid *grid); /* whole rows so far */

/* The rows; takes the grid, on failure too. */
int pfs_grid_rows(struct pfs_grid *grid, struct pfs_rows **out, struct pfs_err *err);
