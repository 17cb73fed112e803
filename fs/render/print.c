/* print.c - batches printed in order, a piece of text (or of a Parquet file) a step.
 *
 * Two tasks at a time: while one batch is printed, the next one is read. Each half has an arena of its own; they change
 * places after every round. A pass that begins at a mark opens the rows at its piece and skips those that were printed
 * before it.
 */
#include "fs/render/pass.h"

#include <assert.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/parquet/parquet.h"

#define BLOCK_ROWS 512
#define SKIP_BATCHES 16    /* a step */
#define PARQUET_BATCHES 64 /* a step: a row group is written when it is full, which may be much later */
#define PARQUET_GROUP_BYTES ((int64_t)16 << 20)

struct half {
    struct pfs_arena arena;
    struct pfs_rows_place place;
    struct pfs_batch batch;
    int64_t rows;  /* of the batch; 0 = nothing to print */
    int32_t split; /* of the batch: a place in front of it may still be in the one before */
    struct pfs_err err;
};

/* What a Parquet file is appended to. */
struct text_file {
    struct pfs_file base; /* first */
    struct pfs_buf *text;
};

struct pump {
    struct pfs_pass pass; /* first */
    const struct pfs_print *print;
    const struct pfs_field *field; /* of the columns that are printed */
    int32_t columns;
    uint64_t given; /* bytes of the text that went out */
    struct pfs_rows *rows;
    struct pfs_rows_place next; /* of rows that do not tell: where they are */
    int64_t skip;               /* rows of the first piece that were printed before */
    struct half half[2];
    int reading; /* which half the next batch goes to; the other one is printed */
    struct pfs_buf text;
    struct text_file file;
    struct pfs_writer *writer; /* of a Parquet file, until its end; else NULL */
    int printed;               /* result of the printing */
    struct pfs_err print_err;
};

/* Whatever of it was made. */
static void end_pump(struct pfs_pass *pass)
{
    struct pump *p = (struct pump *)pass;

    pfs_blocks_close(p->pass.blocks);
    pfs_writer_close(p->writer);
    pfs_rows_close(p->rows);
    for (int i = 0; i < 2; i++)
        pfs_arena_done(&p->half[i].arena);
    pfs_buf_done(&p->text);
    pfs_free(p);
}

/* The one operation of a file that a Parquet writer needs here. */
static int append(struct pfs_file *file, const void *at, size_t len, struct pfs_err *err)
{
    struct text_file *f = (struct text_file *)file;

    pfs_buf_put(f->text, at, len);
    file->size += len;
    return pfs_buf_check(f->text, err);
}

/* A Parquet file has no places to begin at: its passes leave no marks. */
static int begin_parquet(struct pump *p, struct pfs_err *err)
{
    static const struct pfs_store_ops ops = {.append = append};
    struct pfs_parquet_write write = {.columns = p->rows->columns,
                                      .fields = p->rows->field,
                                      .codec = PFS_CODEC_ZSTD,
                                      .row_group_bytes = PARQUET_GROUP_BYTES};

    p->file = (struct text_file){.base = {.ops = &ops}, .text = &p->text};
    return pfs_parquet_create(&p->file.base, &write, &p->writer, err);
}

static int step_pump(struct pfs_pass *pass, struct pfs_sink *sink, struct pfs_err *err);

/* What is printed: all that the rows have, or without the key that they carry. */
static int begin_text(struct pump *p, const struct pfs_cancel *cancel, struct pfs_err *err)
{
    const struct pfs_print *print = p->print;

    pfs_text_header(print->format, p->field, p->columns, &p->text);
    return print->by_key == NULL ? 0 : print->by_key->open(print->context, cancel, &p->pass.blocks, err);
}

/* At a mark there is no header, and blocks are not noted: only a whole text is indexed. */
static int begin(void *context, const struct pfs_mark *from, const struct pfs_cancel *cancel, void **pass,
                 struct pfs_err *err)
{
    const struct pfs_print *print = context;
    struct pump *p = pfs_zalloc(sizeof(*p));
    int rc;

    if (p == NULL)
        return pfs_fail(err, ENOMEM, "no memory to print rows");
    p->pass.step = step_pump;
    p->pass.end = end_pump;
    p->print = print;
    pfs_buf_init(&p->text, PFS_BATCH_BYTES_MAX);
    for (int i = 0; i < 2; i++)
        pfs_arena_init(&p->half[i].arena, PFS_BATCH_BYTES_MAX);
    rc = print->open(print->context, cancel, &p->rows, err);
    if (rc == 0) {
        p->field = print->by_key != NULL ? print->field : p->rows->field;
        p->columns = print->by_key != NULL ? print->columns : p->rows->columns;
    }
    if (rc == 0 && print->parquet) {
        rc = begin_parquet(p, err);
    } else if (rc == 0 && from == NULL) {
        rc = begin_text(p, cancel, err);
    } else if (rc == 0) {
        p->skip = from->row;
        if (p->rows->seek != NULL)
            rc = p->rows->seek(p->rows, from->piece, err);
    }
    if (rc < 0) {
        end_pump(&p->pass);
        return rc;
    }
    *pass = &p->pass;
    return 0;
}

/* ---- a round ---- */

int pfs_print_rows(const struct pfs_print *print, const struct pfs_field *field, struct pfs_pass *pass,
                   const struct pfs_print_rows *rows, uint64_t off, struct pfs_arena *arena, struct pfs_buf *text,
                   struct pfs_err *err)
{
    const struct pfs_batch *batch = rows->batch;
    int32_t columns = print->by_key != NULL ? print->columns : batch->columns;
    struct pfs_batch some = {batch->rows, columns, batch->column};

    assert(columns <= batch->columns);
    if (pass->blocks == NULL)
        return pfs_text_print(print->format, field, &some, text, err);
    some.column = pfs_arena_array(arena, (size_t)columns, sizeof(*some.column));
    if (some.column == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t from = 0; from < batch->rows; from += BLOCK_ROWS) {
        some.rows = batch->rows - from < BLOCK_ROWS ? batch->rows - from : BLOCK_ROWS;
        for (int32_t i = 0; i < columns; i++)
            PFS_TRY(pfs_column_slice(&batch->column[i], from, some.rows, arena, &some.column[i], err));
        if (pass->blocks != NULL && (from > 0 || !rows->inside) &&
            pfs_blocks_note(pass->blocks, rows->split, batch, print->key, from, off + text->len, NULL) < 0) {
            pfs_blocks_close(pass->blocks);
            pass->blocks = NULL;
        }
        PFS_TRY(pfs_text_print(print->format, field, &some, text, err));
    }
    return 0;
}

/* Into an arena that the batch before has left: what was printed of it lies in the text. */
static void read_batch(struct pump *p, struct half *h)
{
    pfs_arena_reset(&h->arena);
    h->place = p->rows->tell != NULL ? p->rows->tell(p->rows) : p->next;
    h->rows = pfs_reader_next(p->rows->reader, &h->arena, &h->batch, &h->err);
    if (h->rows <= 0)
        return;
    p->next.row += h->rows;
    h->split = p->rows->tell != NULL ? (int32_t)(p->rows->tell(p->rows).piece >> 32) : 0;
}

static int print_half(struct pump *p, struct half *h)
{
    if (p->writer != NULL)
        return pfs_writer_write(p->writer, &h->batch, &p->print_err);
    return pfs_print_rows(p->print, p->field, &p->pass, &(struct pfs_print_rows){h->split, &h->batch, false}, p->given,
                          &h->arena, &p->text, &p->print_err);
}

/* Index 0 reads, 1 prints; without a pool one after the other. */
static void step_half(void *context, int index)
{
    struct pump *p = context;
    struct half *h = &p->half[p->reading ^ index];

    assert(index == 0 || index == 1);
    if (index == 0)
        read_batch(p, h);
    else if (h->rows > 0)
        p->printed = print_half(p, h);
}

static int failed_batch(const struct half *h, struct pfs_err *err)
{
    assert(h->rows < 0);
    *err = h->err;
    return (int)h->rows;
}

/* ---- skipping ---- */

/* Leaves the rows from `from` on in the half's batch. */
static int cut(struct half *h, int64_t from, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(&h->arena, (size_t)h->batch.columns, sizeof(*column));

    assert(from >= 0);
    assert(from < h->rows);
    if (column == NULL)
        return pfs_arena_full(&h->arena, err);
    for (int32_t i = 0; i < h->batch.columns; i++)
        PFS_TRY(pfs_column_slice(&h->batch.column[i], from, h->rows - from, &h->arena, &column[i], err));
    h->batch.column = column;
    h->rows = h->batch.rows = h->rows - from;
    h->place.row += from;
    return 0;
}

/* Rows that were printed before the mark are read and left: a piece is the least that rows can be sought by. 1: go on
 * skipping or printing. */
static int skip_some(struct pump *p, struct pfs_err *err)
{
    for (int i = 0; i < SKIP_BATCHES && p->skip > 0; i++) {
        struct half *h = &p->half[p->reading];

        read_batch(p, h);
        if (h->rows < 0)
            return failed_batch(h, err);
        if (h->rows == 0)
            return pfs_fail(err, EIO, "%lld rows are missing that were there before", (long long)p->skip);
        if (h->rows <= p->skip) {
            p->skip -= h->rows;
            h->rows = 0;
            continue;
        }
        PFS_TRY(cut(h, p->skip, err));
        p->skip = 0;
        p->reading ^= 1;
    }
    return 1;
}

/* Rounds until there is a chunk of text; the first of a step leaves a mark, since its text begins a write. */
static int step_pump(struct pfs_pass *pass, struct pfs_sink *sink, struct pfs_err *err)
{
    struct pump *p = (struct pump *)pass;

    if (p->skip > 0)
        return skip_some(p, err);
    for (int round = 0;; round++) {
        struct half *h = &p->half[p->reading];
        const struct half *printed = &p->half[p->reading ^ 1];

        if (round == 0 && p->writer == NULL && p->text.len == 0 && printed->rows > 0)
            pfs_sink_mark(sink, printed->place.piece, printed->place.row);
        pfs_pool_run(p->print->pool, 2, step_half, p);
        if (p->printed < 0) {
            *err = p->print_err;
            return p->printed;
        }
        if (h->rows < 0)
            return failed_batch(h, err);
        p->reading ^= 1;
        if (h->rows == 0 && p->writer != NULL)
            PFS_TRY(pfs_writer_finish(p->writer, err));
        if (p->text.len >= PFS_PRINT_CHUNK || h->rows == 0 || (p->writer != NULL && round >= PARQUET_BATCHES)) {
            PFS_TRY(pfs_sink_write(sink, pfs_buf_slice(&p->text), err));
            p->given += p->text.len;
            pfs_buf_clear(&p->text);
            if (h->rows > 0)
                return 1;
            if (p->pass.blocks != NULL)
                pfs_blocks_end(p->pass.blocks, p->given);
            p->pass.done = true;
            return 0;
        }
    }
}

/* ---- the source ---- */

static int step(void *pass, struct pfs_sink *sink, struct pfs_err *err)
{
    struct pfs_pass *p = pass;

    return p->step(p, sink, err);
}

static void end(void *pass)
{
    struct pfs_pass *p = pass;

    p->end(p);
}

static int patch(void *context, const void *index, const struct pfs_spool_base *text, const struct pfs_cancel *cancel,
                 void **pass, struct pfs_err *err)
{
    struct pfs_pass *p;
    int rc = pfs_print_patch(context, index, text, cancel, &p, err);

    if (rc > 0)
        *pass = p;
    return rc;
}

/* Only of a whole text: blocks of a part would let the next version end where this one was given up. */
static void *take_index(void *pass)
{
    struct pfs_pass *p = pass;
    struct pfs_blocks *blocks = p->done ? p->blocks : NULL;

    if (p->done)
        p->blocks = NULL;
    return blocks;
}

static void drop_index(void *index)
{
    pfs_blocks_close(index);
}

static void hold(void *context, bool held)
{
    struct pfs_print *print = context;

    print->hold(print->context, held);
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
    *out = (struct pfs_view_source){.begin = begin,
                                    .step = step,
                                    .end = end,
                                    .release = release,
                                    .hold = print->hold != NULL ? hold : NULL,
                                    .context = own,
                                    .small = print->small,
                                    .slow = print->slow,
                                    .lasting = print->lasting};
    if (print->by_key != NULL) {
        assert(own->series != NULL);
        assert(own->key != NULL);
        out->series = own->series;
        out->patch = patch;
        out->index = take_index;
        out->drop = drop_index;
    }
    return 0;
}
