#include "src/write/shift.h"

#include "base/limits.h"

struct turn { /* a batch: read by one turn, written by the next */
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t rows; /* 0 = the end, < 0 = an error */
    struct pfs_err err;
};

struct shifting {
    const struct pfs_shift *shift;
    struct turn turn[2];
    int full; /* the turn that holds rows to write; the other one is read into */
};

static void read_turn(struct shifting *s, struct turn *t)
{
    const struct pfs_shift *shift = s->shift;
    const int64_t *old;
    int64_t *number;

    pfs_arena_reset(&t->arena);
    t->rows = pfs_reader_next(shift->from, &t->arena, &t->batch, &t->err);
    if (t->rows <= 0)
        return;
    old = t->batch.column[shift->number_column].values;
    number = pfs_arena_array(&t->arena, (size_t)t->rows, sizeof(*number));
    if (number == NULL) {
        t->rows = pfs_arena_full(&t->arena, &t->err);
        return;
    }
    for (int64_t i = 0; i < t->rows; i++)
        number[i] = old[i] + shift->shift;
    t->batch.column[shift->number_column].values = number;
}

static void write_turn(struct shifting *s, struct turn *t)
{
    int rc = pfs_data_writer_add(s->shift->to, &t->batch, &t->err);

    t->rows = rc < 0 ? rc : 0;
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
    while (s.turn[s.full].rows > 0) {
        pfs_pool_run(shift->pool, 2, stage, &s);
        if (s.turn[s.full].rows < 0) /* it was not written: that comes before what is wrong with the next one */
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
