/* sieve.c - batches in, the rows that somebody chose out.
 *
 *   next batch -> select -> all rows stay:  handed on as it is
 *                           some stay:      gathered into the caller's arena
 *                           none stays:     dropped; from now on batches are pulled into `spare`, which is reset each
 *                                           time, until one has rows; those are gathered out of it, even all of them
 */
#include "format/sieve.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"

struct sieve {
    struct pfs_reader reader; /* first */
    struct pfs_reader *in;
    const struct pfs_sieve_ops *ops;
    void *self;
    int32_t columns;        /* -1 = all */
    struct pfs_arena spare; /* batches that come after one that lost all its rows */
};

/* Rows that lie side by side become one range: where few rows are left out the gather copies long stretches. */
static int64_t ranges_of(const int32_t *kept, int64_t rows, struct pfs_range *range)
{
    int64_t n = 0;

    for (int64_t i = 0; i < rows; i++) {
        if (n > 0 && range[n - 1].from + range[n - 1].len == kept[i])
            range[n - 1].len++;
        else
            range[n++] = (struct pfs_range){0, kept[i], 1};
    }
    return n;
}

static int gather(const struct pfs_batch *batch, const int32_t *kept, int64_t rows, struct pfs_arena *arena,
                  struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)batch->columns, sizeof(*column));
    struct pfs_range *range = pfs_arena_alloc(arena, (size_t)rows * sizeof(*range));
    int64_t ranges;

    assert(rows > 0 && rows <= batch->rows);
    assert(kept[0] >= 0);
    assert(kept[rows - 1] < batch->rows);
    assert(kept[rows - 1] - kept[0] >= rows - 1); /* ascending */
    if (column == NULL || range == NULL)
        return pfs_arena_full(arena, err);
    ranges = ranges_of(kept, rows, range);
    assert(ranges >= 1 && ranges <= rows);
    for (int32_t i = 0; i < batch->columns; i++)
        PFS_TRY(pfs_column_gather(&batch, i, range, ranges, rows, arena, &column[i], err));
    *out = (struct pfs_batch){rows, batch->columns, column};
    return 0;
}

/* One batch of `in` into `where`: the rows that stay, 0 when none does. *ended tells that there was no batch. */
static int64_t pull(struct sieve *s, struct pfs_arena *where, struct pfs_batch *batch, int32_t **kept, bool *ended,
                    struct pfs_err *err)
{
    int64_t rows = pfs_reader_next(s->in, where, batch, err);

    assert(rows <= INT32_MAX);
    *ended = rows == 0;
    if (rows <= 0)
        return rows;
    *kept = pfs_arena_alloc(where, (size_t)rows * sizeof(**kept));
    if (*kept == NULL)
        return pfs_arena_full(where, err);
    return s->ops->select(s->self, batch, where, *kept, err);
}

static int64_t sieve_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct sieve *s = (struct sieve *)self;
    struct pfs_arena *where = arena;
    struct pfs_batch batch;
    int32_t *kept = NULL;
    int64_t rows;
    bool ended;

    while ((rows = pull(s, where, &batch, &kept, &ended, err)) == 0 && !ended) {
        pfs_arena_reset(&s->spare);
        where = &s->spare;
    }
    if (rows > 0) {
        bool whole = rows == batch.rows && where == arena;

        assert(rows <= batch.rows);
        if (s->columns >= 0 && s->columns < batch.columns)
            batch.columns = s->columns;
        if (whole)
            *out = batch;
        else
            PFS_TRY(gather(&batch, kept, rows, arena, out, err));
    }
    pfs_arena_reset(&s->spare);
    return rows;
}

static void sieve_close(struct pfs_reader *self)
{
    struct sieve *s = (struct sieve *)self;

    pfs_reader_close(s->in);
    s->ops->close(s->self);
    pfs_arena_done(&s->spare);
    pfs_free(s);
}

static const struct pfs_reader_ops sieve_ops = {sieve_next, sieve_close};

int pfs_sieve_open(struct pfs_reader *in, const struct pfs_sieve_ops *ops, void *self, int32_t columns,
                   struct pfs_reader **out, struct pfs_err *err)
{
    struct sieve *s = pfs_zalloc(sizeof(*s));

    assert(in != NULL);
    assert(ops->select != NULL && ops->close != NULL);
    if (s == NULL) {
        pfs_reader_close(in);
        ops->close(self);
        return pfs_fail(err, ENOMEM, "no memory for a reader");
    }
    *s = (struct sieve){.reader = {&sieve_ops}, .in = in, .ops = ops, .self = self, .columns = columns};
    pfs_arena_init(&s->spare, PFS_BATCH_BYTES_MAX);
    *out = &s->reader;
    return 0;
}
