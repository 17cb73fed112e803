/* shift.c - numbers of rows are made the bucket's, on the way from a merge to a file.
 *
 * Runs are numbered from 0, for the number that a bucket goes on with is not known before the attempt that writes it.
 * The column of numbers alone is new; all others are those of the batch. Two turns take rows in and out at once, as in
 * run.c; a turn is several batches, for the writer is quick with some and slow with others. */
#include "src/write/shift.h"

#include <assert.h>

#include "base/limits.h"

#define TOGETHER 6 /* batches a turn: pages end with some and not with others, and whoever is through waits */
#define TURN_BYTES ((size_t)8 << 20)

struct turn { /* read by one turn, written by the next */
    struct pfs_arena arena;
    struct pfs_batch batch[TOGETHER];
    int batches;
    int64_t rows; /* of the last batch that was asked for: 0 = the end, < 0 = an error */
    struct pfs_err err;
};

struct shifting {
    const struct pfs_shift *shift;
    struct turn turn[2];
    int full;   /* the turn that holds rows to write; the other one is read into */
    bool ended; /* there is nothing more to read, or no way to */
};

static int64_t read_batch(const struct pfs_shift *shift, struct pfs_arena *arena, struct pfs_batch *out,
                          struct pfs_err *err)
{
    int64_t rows = pfs_reader_next(shift->from, arena, out, err), *number;
    const int64_t *old;

    if (rows <= 0)
        return rows;
    assert(shift->number_column >= 0);
    assert(shift->number_column < out->columns);
    old = out->column[shift->number_column].values;
    number = pfs_arena_array(arena, (size_t)rows, sizeof(*number));
    if (number == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++)
        number[i] = old[i] + shift->shift;
    out->column[shift->number_column].values = number;
    return rows;
}

static void read_turn(struct shifting *s, struct turn *t)
{
    assert(t->batches == 0);
    pfs_arena_reset(&t->arena); /* what it keeps is less */
    t->rows = 0;
    while (!s->ended && t->batches < TOGETHER && t->arena.used_bytes < TURN_BYTES) {
        t->rows = read_batch(s->shift, &t->arena, &t->batch[t->batches], &t->err);
        t->batches += t->rows > 0;
        s->ended = t->rows <= 0;
    }
    assert(t->batches > 0 || s->ended);
}

static void write_turn(struct shifting *s, struct turn *t)
{
    int rc = 0;

    for (int i = 0; i < t->batches && rc == 0; i++)
        rc = pfs_data_writer_add(s->shift->to, &t->batch[i], &t->err);
    if (rc < 0)
        t->rows = rc;
    t->batches = 0;
}

static void stage(void *context, int index)
{
    struct shifting *s = context;

    if (index == 0)
        write_turn(s, &s->turn[s->full]);
    else
        read_turn(s, &s->turn[1 - s->full]);
}

int pfs_shift_rows(const struct pfs_shift *shift, struct pfs_err *err)
{
    struct shifting s = {.shift = shift};
    int64_t rows;

    pfs_arena_init(&s.turn[0].arena, SIZE_MAX);
    pfs_arena_init(&s.turn[1].arena, SIZE_MAX);
    read_turn(&s, &s.turn[0]);
    while (s.turn[s.full].batches > 0) {
        pfs_pool_run(shift->pool, 2, stage, &s);
        if (s.turn[s.full].rows < 0) /* of this turn: that comes before what is wrong with the next one */
            break;
        s.full = 1 - s.full;
    }
    rows = s.turn[s.full].rows;
    if (rows < 0 && err != NULL)
        *err = s.turn[s.full].err;
    pfs_arena_done(&s.turn[0].arena);
    pfs_arena_done(&s.turn[1].arena);
    return (int)rows;
}
