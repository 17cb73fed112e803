/* read.c - the reading door: lines up the columns of a file into batches.
 *
 * A batch never reaches over the end of a row group. Within one, each column goes through its pages by itself. */
#include "base/limits.h"
#include "base/mem.h"
#include "format/parquet/column.h"
#include "format/parquet/parquet.h"

#define WINDOW_BYTES_MAX ((size_t)1 << 20) /* read ahead for a column */
#define WINDOW_BYTES_MIN ((size_t)64 << 10)
#define WINDOWS_BYTES ((size_t)16 << 20) /* of all columns together, while that leaves each its least */

struct parquet_reader {
    struct pfs_reader base;
    const struct pfs_file_read *read;
    struct pfs_arena arena; /* the footer */
    struct pfs_pq_footer footer;
    int32_t group;
    int64_t group_left; /* rows */
    int64_t batch_rows;
    uint32_t *index; /* scratch for a batch */
    struct pfs_pq_column *column;
};

static struct parquet_reader *reader_of(struct pfs_reader *base)
{
    return (struct parquet_reader *)base;
}

static void reader_close(struct pfs_reader *base)
{
    struct parquet_reader *r = reader_of(base);

    for (int32_t i = 0; r->column != NULL && i < r->read->columns; i++)
        pfs_pq_column_done(&r->column[i]);
    pfs_free(r->column);
    pfs_free(r->index);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

/* Rows of the next batch: 0 at the end of the file. */
static int64_t next_rows(struct parquet_reader *r, struct pfs_err *err)
{
    int64_t rows;

    while (r->group_left == 0) {
        if (r->group + 1 >= r->footer.groups)
            return 0;
        r->group_left = r->footer.group[++r->group].rows;
    }
    rows = r->group_left < r->batch_rows ? r->group_left : r->batch_rows;
    for (int32_t i = 0; i < r->read->columns; i++)
        if (pfs_pq_column_limit(&r->column[i], r->group, &rows, err) < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
    return rows;
}

static int64_t reader_next(struct pfs_reader *base, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct parquet_reader *r = reader_of(base);
    struct pfs_column *columns;
    int64_t rows;

    if (pfs_cancelled(r->read->cancel))
        return pfs_fail(err, ECANCELED, "cancelled");
    if (r->group < 0)
        for (int32_t i = 0; i < r->read->columns; i++)
            pfs_pq_ahead_start(r->column[i].ahead);
    rows = next_rows(r, err);
    if (rows <= 0)
        return rows;
    columns = pfs_arena_array(arena, (size_t)r->read->columns, sizeof(*columns));
    if (columns == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < r->read->columns; i++)
        if (pfs_pq_column_next(&r->column[i], r->group, rows, r->index, arena, &columns[i], err) < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
    r->group_left -= rows;
    *out = (struct pfs_batch){.rows = rows, .columns = r->read->columns, .column = columns};
    return rows;
}

static const struct pfs_reader_ops reader_ops = {.next = reader_next, .close = reader_close};

static size_t window_bytes(int32_t columns)
{
    size_t each = WINDOWS_BYTES / (size_t)(columns > 0 ? columns : 1);

    return each < WINDOW_BYTES_MIN ? WINDOW_BYTES_MIN : each > WINDOW_BYTES_MAX ? WINDOW_BYTES_MAX : each;
}

static int open_column(struct parquet_reader *r, struct pfs_file *file, int32_t at, struct pfs_err *err)
{
    const struct pfs_field *field = &r->read->fields[at];
    const struct pfs_pq_node *node = pfs_pq_footer_find(&r->footer, pfs_str(field->name));
    struct pfs_pq_ahead *ahead = NULL;
    struct pfs_pq_source source;

    if (node == NULL && (r->read->missing_ok == NULL || !r->read->missing_ok[at]))
        return pfs_fail(err, EIO, "it is not in the file");
    if (node != NULL) {
        pfs_pq_source_init(&source, file, &r->footer, node, window_bytes(r->read->columns));
        PFS_TRY(pfs_pq_ahead_open(&source, r->read->pool, &ahead, err));
    }
    return pfs_pq_column_init(&r->column[at], field, node, ahead, err);
}

static int open_all(struct parquet_reader *r, struct pfs_file *file, struct pfs_err *err)
{
    PFS_TRY(pfs_pq_footer_load(file, &r->arena, &r->footer, err));
    r->batch_rows = r->read->batch_rows > 0 ? r->read->batch_rows : PFS_BATCH_ROWS;
    r->index = pfs_alloc_array((size_t)r->batch_rows + 16, sizeof(*r->index));
    r->column = pfs_alloc_array((size_t)r->read->columns, sizeof(*r->column));
    if (r->index == NULL || r->column == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d columns", r->read->columns);
    for (int32_t i = 0; i < r->read->columns; i++)
        if (open_column(r, file, i, err) < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
    return 0;
}

int pfs_parquet_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out,
                     struct pfs_err *err)
{
    struct parquet_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    r->base.ops = &reader_ops;
    r->read = read;
    r->group = -1;
    pfs_arena_init(&r->arena, 0);
    rc = open_all(r, file, err);
    if (rc < 0) {
        reader_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return 0;
}

int64_t pfs_parquet_rows(const struct pfs_reader *reader)
{
    return ((const struct parquet_reader *)reader)->footer.rows;
}
