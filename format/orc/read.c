/* read.c - the reading door: lines up the columns of a file into batches.
 *
 * A batch never reaches over the end of a stripe or of a wanted range. Rows that are not wanted are passed over by
 * stripes (their bytes are not read), then by row groups (each column is set to its place by the row index), and what
 * is left by decoding into memory that is dropped: a column's place within a row group is known to nobody.
 *
 * How many rows a batch has is agreed on: each column with heads is asked how many of its strings and lists fit, in
 * turn, and each may lower the number for all. Heads that were decoded for more rows than were taken wait for the next
 * batch.
 */
#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/orc/orc.h"
#include "format/orc/stripe.h"

#define WINDOW_BYTES_MAX ((size_t)1 << 20) /* read at once from a stream */
#define WINDOW_BYTES_MIN ((size_t)64 << 10)
#define WINDOWS_BYTES ((size_t)16 << 20)  /* of all columns together, while that leaves each its least */
#define TEXT_BYTES ((int64_t)256 << 20)   /* strings of a batch, shared by the columns */
#define TEXT_BYTES_MIN ((int64_t)1 << 20) /* of a column, however many there are */

struct orc_reader {
    struct pfs_reader base;
    const struct pfs_file_read *read;
    struct pfs_arena arena;   /* the tail and the columns */
    struct pfs_arena dropped; /* rows that are skipped */
    struct pfs_orc_tail tail;
    struct pfs_orc_source source;
    struct pfs_orc_cursor cursor;
    uint32_t stripe; /* of the cursor, once it is in one */
    int64_t row;     /* the columns stand before it */
    int64_t done;    /* all wanted rows before it were handed out */
    int32_t range;
    int64_t batch_rows;
    struct pfs_orc_column *column;
};

static struct orc_reader *reader_of(struct pfs_reader *base)
{
    return (struct orc_reader *)base;
}

static void reader_close(struct pfs_reader *base)
{
    struct orc_reader *r = reader_of(base);

    for (int32_t i = 0; r->column != NULL && i < r->read->columns; i++)
        pfs_orc_column_done(&r->column[i]);
    pfs_orc_cursor_done(&r->cursor);
    pfs_arena_done(&r->dropped);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

/* The next wanted rows; false at the end. */
static bool next_range(struct orc_reader *r, struct pfs_row_range *out)
{
    int32_t ranges = r->read->range == NULL ? 1 : r->read->ranges;

    for (; r->range < ranges; r->range++) {
        struct pfs_row_range range = {0, r->tail.rows};

        if (r->read->range != NULL)
            range = r->read->range[r->range];
        out->from = range.from > r->done ? range.from : r->done;
        out->to = range.to < r->tail.rows ? range.to : r->tail.rows;
        if (out->from < out->to)
            return true;
    }
    return false;
}

/* Makes heads ready and lowers *rows to what a batch can have. */
static int ready_rows(struct orc_reader *r, int64_t *rows, struct pfs_err *err)
{
    int64_t bytes = TEXT_BYTES / (r->read->columns > 0 ? r->read->columns : 1);

    for (int32_t i = 0; i < r->read->columns; i++) {
        struct pfs_orc_column *column = &r->column[i];

        if (!pfs_orc_column_has_heads(column))
            continue;
        if (pfs_orc_column_prepared(column) == 0 && pfs_orc_column_prepare(column, NULL, *rows, err) < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
        pfs_orc_column_limit(column, bytes > TEXT_BYTES_MIN ? bytes : TEXT_BYTES_MIN, rows);
        assert(*rows > 0);
        assert(*rows <= pfs_orc_column_prepared(column));
    }
    return 0;
}

/* All columns go on by so many rows, together. */
static int take_rows(struct orc_reader *r, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                     struct pfs_err *err)
{
    for (int32_t i = 0; i < r->read->columns; i++)
        if (pfs_orc_column_take(&r->column[i], NULL, rows, arena, &out[i], err) < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
    r->row += rows;
    return 0;
}

static int drop_rows(struct orc_reader *r, int64_t until, struct pfs_err *err)
{
    assert(r->row <= until);
    while (r->row < until) {
        int64_t rows = until - r->row < r->batch_rows ? until - r->row : r->batch_rows;
        struct pfs_column *out;

        if (pfs_cancelled(r->read->cancel))
            return pfs_fail(err, ECANCELED, "cancelled");
        pfs_arena_reset(&r->dropped);
        out = pfs_arena_array(&r->dropped, (size_t)r->read->columns, sizeof(*out));
        if (out == NULL)
            return pfs_arena_full(&r->dropped, err);
        PFS_TRY(ready_rows(r, &rows, err));
        PFS_TRY(take_rows(r, rows, &r->dropped, out, err));
        assert(r->row <= until);
    }
    return 0;
}

static int enter_stripe(struct orc_reader *r, int64_t row, struct pfs_err *err)
{
    const struct pfs_orc_stripe *stripe = &r->tail.stripe[r->stripe];

    assert(row >= stripe->first); /* never back */
    assert(row < r->tail.rows);
    while (row >= stripe->first + stripe->rows) /* below the sum of all, so one is found */
        stripe = &r->tail.stripe[++r->stripe];
    assert(r->stripe < r->tail.stripes);
    if (stripe == r->cursor.stripe)
        return 0;
    if (pfs_orc_cursor_enter(&r->cursor, stripe, &r->source, r->column, r->read->columns, err) < 0)
        return pfs_wrap(err, "stripe %u", r->stripe);
    r->row = stripe->first;
    return 0;
}

/* Moves the columns before `row`: over stripes and row groups for nothing, over the rest by decoding. */
static int move_to(struct orc_reader *r, int64_t row, struct pfs_err *err)
{
    int64_t first, group, stride = r->tail.index_stride;

    PFS_TRY(enter_stripe(r, row, err));
    assert(r->row <= row);
    first = r->cursor.stripe->first;
    group = stride == 0 ? 0 : (row - first) / stride;
    if (stride > 0 && group > (r->row - first) / stride) {
        int moved = pfs_orc_cursor_seek(&r->cursor, (size_t)group, r->column, r->read->columns, err);

        if (moved < 0)
            return pfs_wrap(err, "stripe %u", r->stripe);
        if (moved > 0)
            r->row = first + group * stride;
    }
    return drop_rows(r, row, err);
}

static int64_t reader_next(struct pfs_reader *base, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct orc_reader *r = reader_of(base);
    struct pfs_row_range range;
    struct pfs_column *columns;
    int64_t rows;

    if (pfs_cancelled(r->read->cancel))
        return pfs_fail(err, ECANCELED, "cancelled");
    if (!next_range(r, &range))
        return 0;
    rows = range.to - range.from < r->batch_rows ? range.to - range.from : r->batch_rows;
    columns = pfs_arena_array(arena, (size_t)r->read->columns, sizeof(*columns));
    if (columns == NULL)
        return pfs_arena_full(arena, err);
    if (r->read->columns > 0) {
        int64_t end;

        PFS_TRY(move_to(r, range.from, err));
        end = r->cursor.stripe->first + r->cursor.stripe->rows;
        assert(r->row == range.from);
        assert(range.from < end);
        rows = rows < end - range.from ? rows : end - range.from;
        PFS_TRY(ready_rows(r, &rows, err));
        PFS_TRY(take_rows(r, rows, arena, columns, err));
    }
    r->done = range.from + rows;
    *out = (struct pfs_batch){.rows = rows, .columns = r->read->columns, .column = columns};
    return rows;
}

static const struct pfs_reader_ops reader_ops = {.next = reader_next, .close = reader_close};

static size_t window_bytes(int32_t columns)
{
    size_t each = WINDOWS_BYTES / (size_t)(columns > 0 ? columns : 1);

    return each < WINDOW_BYTES_MIN ? WINDOW_BYTES_MIN : each > WINDOW_BYTES_MAX ? WINDOW_BYTES_MAX : each;
}

static int open_column(struct orc_reader *r, int32_t at, struct pfs_err *err)
{
    const struct pfs_field *field = &r->read->fields[at];
    const struct pfs_orc_type *root = &r->tail.type[0];
    struct pfs_slice name = pfs_str(field->name);

    for (uint32_t i = 0; i < root->children; i++)
        if (pfs_slice_eq(root->name[i], name))
            return pfs_orc_column_init(&r->column[at], &r->tail, root->child[i], &field->type, &r->arena, err);
    if (r->read->missing_ok == NULL || !r->read->missing_ok[at])
        return pfs_fail(err, EIO, "it is not in the file");
    pfs_orc_column_absent(&r->column[at], &field->type);
    return 0;
}

static int open_all(struct orc_reader *r, struct pfs_file *file, struct pfs_err *err)
{
    PFS_TRY(pfs_orc_tail_load(file, &r->arena, &r->tail, err));
    r->source = (struct pfs_orc_source){file, r->tail.codec, r->tail.block_bytes, window_bytes(r->read->columns)};
    r->batch_rows = r->read->batch_rows > 0 ? r->read->batch_rows : PFS_BATCH_ROWS;
    pfs_orc_cursor_init(&r->cursor, file, &r->tail);
    r->column = pfs_arena_array(&r->arena, (size_t)r->read->columns, sizeof(*r->column));
    if (r->column == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int32_t i = 0; i < r->read->columns; i++)
        if (open_column(r, i, err) < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
    return 0;
}

int pfs_orc_open(struct pfs_file *file, const struct pfs_file_read *read, struct pfs_reader **out, struct pfs_err *err)
{
    struct orc_reader *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    r->base.ops = &reader_ops;
    r->read = read;
    pfs_arena_init(&r->arena, 0);
    pfs_arena_init(&r->dropped, PFS_BATCH_BYTES_MAX);
    rc = open_all(r, file, err);
    if (rc < 0) {
        reader_close(&r->base);
        return rc;
    }
    *out = &r->base;
    return 0;
}

int64_t pfs_orc_rows(const struct pfs_reader *reader)
{
    return ((const struct orc_reader *)reader)->tail.rows;
}
