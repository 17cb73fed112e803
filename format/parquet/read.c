/* read.c - the reading door: lines up the columns of a file into batches.
 *
 * A batch takes rows of one row group, from as many of the wanted ranges as it needs. Within a row group each column
 * goes through its pages by itself. */
#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/parquet/nested.h"
#include "format/parquet/parquet.h"

#define WINDOW_BYTES_MAX ((size_t)1 << 20) /* read ahead for a column */
#define WINDOW_BYTES_MIN ((size_t)16 << 10)
#define WINDOWS_BYTES ((size_t)16 << 20) /* of all columns together, while that leaves each its least */

/* One of the two. */
struct part {
    struct pfs_pq_column flat;
    struct pfs_pq_nested *nested; /* NULL = flat */
};

struct parquet_reader {
    struct pfs_reader base;
    const struct pfs_file_read *read;
    struct pfs_arena arena; /* the footer */
    struct pfs_pq_footer footer;
    struct pfs_row_range whole; /* the file, when all rows are wanted */
    const struct pfs_row_range *range;
    int32_t ranges;
    int32_t at;  /* range that has the next row */
    int64_t row; /* of the file; rows before it are done */
    int32_t group;
    bool started;
    int64_t batch_rows;
    struct pfs_row_range *piece; /* scratch: rows of a batch, counted within the group */
    uint32_t *index;             /* scratch for a batch */
    struct part *part;
};

static struct parquet_reader *reader_of(struct pfs_reader *base)
{
    return (struct parquet_reader *)base;
}

static void reader_close(struct pfs_reader *base)
{
    struct parquet_reader *r = reader_of(base);

    for (int32_t i = 0; r->part != NULL && i < r->read->columns; i++) {
        pfs_pq_column_done(&r->part[i].flat);
        pfs_pq_nested_close(r->part[i].nested);
    }
    pfs_free(r->part);
    pfs_free(r->index);
    pfs_free(r->piece);
    pfs_arena_done(&r->arena);
    pfs_free(r);
}

static void start(struct parquet_reader *r)
{
    r->started = true;
    for (int32_t i = 0; i < r->read->columns; i++)
        if (r->part[i].nested != NULL)
            pfs_pq_nested_start(r->part[i].nested);
        else
            pfs_pq_ahead_start(r->part[i].flat.ahead);
}

/* Goes to the group of the next row; false at the end. */
static bool find_group(struct parquet_reader *r)
{
    while (r->at < r->ranges && (r->range[r->at].to <= r->row || r->range[r->at].to == r->range[r->at].from))
        r->at++;
    if (r->at == r->ranges)
        return false;
    if (r->row < r->range[r->at].from)
        r->row = r->range[r->at].from;
    assert(r->row < r->footer.rows); /* ranges were held against it, and row groups add up to it */
    while (r->footer.group[r->group].first + r->footer.group[r->group].rows <= r->row)
        r->group++;
    assert(r->group < r->footer.groups);
    return true;
}

/* The next `most` rows at most, of one group, as pieces; how many. */
static int64_t cut_pieces(const struct parquet_reader *r, int64_t most, int32_t *pieces)
{
    const struct pfs_pq_group *group = &r->footer.group[r->group];
    int64_t rows = 0, from = r->row;

    assert(most > 0);
    *pieces = 0;
    for (int32_t at = r->at; at < r->ranges && rows < most; at++) {
        int64_t to = r->range[at].to;

        if (to == r->range[at].from)
            continue;
        from = r->range[at].from > from ? r->range[at].from : from;
        to = to < group->first + group->rows ? to : group->first + group->rows;
        to = to - from < most - rows ? to : from + (most - rows);
        if (from >= to)
            break;
        r->piece[(*pieces)++] = (struct pfs_row_range){from - group->first, to - group->first};
        rows += to - from;
        from = to;
    }
    assert(rows > 0);
    assert(*pieces <= rows); /* none is empty, so that `piece` has room for all */
    return rows;
}

/* Lowers *rows to what all columns think right. */
static int limit(struct parquet_reader *r, int64_t first, int64_t *rows, struct pfs_err *err)
{
    for (int32_t i = 0; i < r->read->columns; i++) {
        struct part *part = &r->part[i];
        int rc = part->nested != NULL ? pfs_pq_nested_limit(part->nested, r->group, first, rows, err)
                                      : pfs_pq_column_limit(&part->flat, r->group, first, rows, r->index, err);

        if (rc < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
    }
    return 0;
}

static int64_t reader_next(struct pfs_reader *base, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct parquet_reader *r = reader_of(base);
    struct pfs_column *columns;
    int32_t pieces;
    int64_t rows, most;

    if (pfs_cancelled(r->read->cancel))
        return pfs_fail(err, ECANCELED, "cancelled");
    if (!r->started)
        start(r);
    if (!find_group(r))
        return 0;
    rows = most = cut_pieces(r, r->batch_rows, &pieces);
    PFS_TRY(limit(r, r->piece[0].from, &most, err));
    assert(most > 0);
    if (most < rows)
        rows = cut_pieces(r, most, &pieces);
    columns = pfs_arena_array(arena, (size_t)r->read->columns, sizeof(*columns));
    if (columns == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < r->read->columns; i++) {
        struct part *part = &r->part[i];
        int rc =
            part->nested != NULL
                ? pfs_pq_nested_next(part->nested, r->group, r->piece, pieces, rows, r->index, arena, &columns[i], err)
                : pfs_pq_column_next(&part->flat, r->group, r->piece, pieces, rows, r->index, arena, &columns[i], err);

        if (rc < 0)
            return pfs_wrap(err, "column %s", r->read->fields[i].name);
    }
    r->row = r->footer.group[r->group].first + r->piece[pieces - 1].to;
    *out = (struct pfs_batch){.rows = rows, .columns = r->read->columns, .column = columns};
    return rows;
}

static const struct pfs_reader_ops reader_ops = {.next = reader_next, .close = reader_close};

/* The columns share what is read ahead, down to a least that a read is worth. */
static size_t window_bytes(const struct pfs_file_read *read, int32_t leaves)
{
    size_t all = read->ahead_bytes > 0 ? read->ahead_bytes : WINDOWS_BYTES;
    size_t each = all / (size_t)(leaves > 0 ? leaves : 1);

    return each < WINDOW_BYTES_MIN ? WINDOW_BYTES_MIN : each > WINDOW_BYTES_MAX ? WINDOW_BYTES_MAX : each;
}

/* `source` is the model of all columns' sources: its node changes from one to the next, and each gets a copy. */
static int open_column(struct parquet_reader *r, struct pfs_pq_source *source, int32_t at, struct pfs_err *err)
{
    const struct pfs_field *field = &r->read->fields[at];
    const struct pfs_pq_nested_open open = {.source = source, .pool = r->read->pool, .arena = &r->arena};
    struct pfs_pq_ahead *ahead = NULL;

    source->node = pfs_pq_footer_find(&r->footer, pfs_str(field->name));
    if (source->node == NULL && (r->read->missing_ok == NULL || !r->read->missing_ok[at]))
        return pfs_fail(err, EIO, "it is not in the file");
    if (source->node != NULL && !pfs_pq_is_flat(source->node, &field->type))
        return pfs_pq_nested_open(&open, source->node, &field->type, &r->part[at].nested, err);
    if (source->node != NULL)
        PFS_TRY(pfs_pq_ahead_open(source, r->read->pool, &ahead, err));
    return pfs_pq_column_init(&r->part[at].flat, &field->type, source->node, ahead, err);
}

/* Leaves below the wanted columns, as many as may be read. */
static int32_t count_leaves(const struct parquet_reader *r)
{
    int64_t leaves = 0;

    for (int32_t i = 0; i < r->read->columns; i++) {
        const struct pfs_pq_node *node = pfs_pq_footer_find(&r->footer, pfs_str(r->read->fields[i].name));

        leaves += node == NULL ? 0 : node->next - (int32_t)(node - r->footer.node);
    }
    return leaves < INT32_MAX ? (int32_t)leaves : INT32_MAX;
}

/* Ranges are the caller's, who may have them from a deletion vector or an index: a wrong one is an error, not a crash.
 */
static int check_ranges(const struct parquet_reader *r, struct pfs_err *err)
{
    for (int32_t i = 0; i < r->ranges; i++) {
        const struct pfs_row_range *range = &r->range[i];

        if (range->from < (i > 0 ? range[-1].to : 0) || range->to < range->from || range->to > r->footer.rows)
            return pfs_fail(err, EIO, "rows %lld to %lld are wanted of %lld", (long long)range->from,
                            (long long)range->to, (long long)r->footer.rows);
    }
    return 0;
}

/* Whatever was made before a failure is let go of by reader_close, which takes a reader in any state. */
static int open_all(struct parquet_reader *r, struct pfs_file *file, struct pfs_err *err)
{
    struct pfs_pq_source source;

    PFS_TRY(pfs_pq_footer_load(file, &r->arena, &r->footer, err));
    r->whole.to = r->footer.rows;
    r->range = r->read->range != NULL ? r->read->range : &r->whole;
    r->ranges = r->read->range != NULL ? r->read->ranges : 1;
    PFS_TRY(check_ranges(r, err));
    r->batch_rows = r->read->batch_rows > 0 ? r->read->batch_rows : PFS_BATCH_ROWS;
    r->index =
        pfs_alloc_array((size_t)(r->batch_rows > PFS_PQ_PIECE ? r->batch_rows : PFS_PQ_PIECE) + 16, sizeof(*r->index));
    r->piece = pfs_alloc_array((size_t)(r->batch_rows < r->ranges ? r->batch_rows : r->ranges) + 1, sizeof(*r->piece));
    r->part = pfs_alloc_array((size_t)r->read->columns, sizeof(*r->part));
    if (r->index == NULL || r->piece == NULL || r->part == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d columns", r->read->columns);
    pfs_pq_source_init(&source, file, &r->footer, NULL, r->range, r->ranges, window_bytes(r->read, count_leaves(r)));
    for (int32_t i = 0; i < r->read->columns; i++)
        if (open_column(r, &source, i, err) < 0)
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
