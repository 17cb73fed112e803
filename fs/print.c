/* print.c - batches printed in order.
 *
 * Two tasks at a time: while one batch is printed, the next one is read. Each half has an arena of its own; they change
 * places after every step.
 */
#include "fs/print.h"

#include "base/limits.h"
#include "base/mem.h"

#define CHUNK ((size_t)256 << 10)

struct half {
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t rows; /* of the batch; 0 = nothing to print */
    struct pfs_err err;
};

struct pump {
    const struct pfs_print *print;
    struct pfs_rows *rows;
    struct half half[2];
    int reading; /* which half the next batch goes to; the other one is printed */
    struct pfs_buf text;
    int printed; /* result of the printing */
    struct pfs_err print_err;
};

static void step(void *context, int index)
{
    struct pump *p = context;
    struct half *h = &p->half[p->reading ^ index];

    if (index == 0) {
        pfs_arena_reset(&h->arena);
        h->rows = pfs_reader_next(p->rows->reader, &h->arena, &h->batch, &h->err);
    } else if (h->rows > 0) {
        p->printed = pfs_text_print(p->print->format, p->rows->field, &h->batch, &p->text, &p->print_err);
    }
}

static int pump_all(struct pump *p, struct pfs_sink *sink, struct pfs_err *err)
{
    for (;;) {
        struct half *h = &p->half[p->reading];

        pfs_pool_run(p->print->pool, 2, step, p);
        if (p->printed < 0) {
            *err = p->print_err;
            return p->printed;
        }
        if (h->rows < 0) {
            *err = h->err;
            return (int)h->rows;
        }
        if (p->text.len >= CHUNK || h->rows == 0) {
            PFS_TRY(pfs_sink_write(sink, pfs_buf_slice(&p->text), err));
            pfs_buf_clear(&p->text);
        }
        if (h->rows == 0)
            return 0;
        if (pfs_cancelled(pfs_sink_cancel(sink)))
            return -ECANCELED;
        p->reading ^= 1;
    }
}

static int render(void *context, struct pfs_sink *sink, struct pfs_err *err)
{
    const struct pfs_print *print = context;
    struct pump p = {.print = print};
    int rc;

    PFS_TRY(print->open(print->context, pfs_sink_cancel(sink), &p.rows, err));
    pfs_buf_init(&p.text, PFS_BATCH_BYTES_MAX);
    for (int i = 0; i < 2; i++)
        pfs_arena_init(&p.half[i].arena, PFS_BATCH_BYTES_MAX);
    pfs_text_header(print->format, p.rows->field, p.rows->columns, &p.text);
    rc = pump_all(&p, sink, err);
    pfs_rows_close(p.rows);
    for (int i = 0; i < 2; i++)
        pfs_arena_done(&p.half[i].arena);
    pfs_buf_done(&p.text);
    return rc;
}

static void release(void *context)
{
    struct pfs_print *print = context;

    print->release(print->context);
    pfs_free(print);
}

int pfs_print_source(const struct pfs_print *print, struct pfs_view_source *out, struct pfs_err *err)
{
    struct pfs_print *own = pfs_zalloc(sizeof(*own));

    if (own == NULL) {
        print->release(print->context);
        return pfs_fail(err, ENOMEM, "no memory for a view");
    }
    *own = *print;
    *out = (struct pfs_view_source){render, release, own, print->small};
    return 0;
}
