/* render.c - a scan's batches printed in order.
 *
 * Two tasks at a time: while one batch is printed, the next one is read. Each half has an arena and a buffer of its
 * own; they change places after every step. Splits follow one another, so that the text is the same every time.
 */
#include "fs/render.h"

#include "base/limits.h"
#include "base/mem.h"

#define SMALL_ROWS 20000 /* such a view is rendered among the urgent tasks */
#define CHUNK ((size_t)256 << 10)

struct source {
    struct pfs_state *state;
    struct pfs_arena arena;
    struct pfs_pool *pool;
    enum pfs_text format;
    int32_t columns;
    int32_t *column;
    struct pfs_field *field;
    int32_t partitions;
    struct pfs_partition_value *partition;
};

struct half {
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t rows; /* of the batch; 0 = nothing to print */
    struct pfs_err err;
};

struct render {
    const struct source *source;
    struct pfs_scan *scan;
    struct pfs_reader *reader; /* of the split being read */
    int32_t split;             /* the next one */
    struct half half[2];
    int reading; /* which half the next batch goes to; the other one is printed */
    struct pfs_buf text;
    int printed; /* result of the printing */
    struct pfs_err print_err;
};

/* The next batch of the scan, over the ends of splits. */
static int64_t read_next(struct render *r, struct half *h)
{
    for (;;) {
        int64_t rows;

        if (r->reader == NULL) {
            if (r->split == pfs_scan_splits(r->scan))
                return 0;
            PFS_TRY(pfs_scan_split(r->scan, r->split++, &r->reader, &h->err));
        }
        rows = pfs_reader_next(r->reader, &h->arena, &h->batch, &h->err);
        if (rows != 0)
            return rows;
        pfs_reader_close(r->reader);
        r->reader = NULL;
    }
}

static void step(void *context, int index)
{
    struct render *r = context;
    struct half *h = &r->half[r->reading ^ index];

    if (index == 0) {
        pfs_arena_reset(&h->arena);
        h->rows = read_next(r, h);
    } else if (h->rows > 0) {
        r->printed = pfs_text_print(r->source->format, r->source->field, &h->batch, &r->text, &r->print_err);
    }
}

static int pump(struct render *r, struct pfs_sink *sink, struct pfs_err *err)
{
    for (;;) {
        struct half *h = &r->half[r->reading];

        pfs_pool_run(r->source->pool, 2, step, r);
        if (r->printed < 0) {
            *err = r->print_err;
            return r->printed;
        }
        if (h->rows < 0) {
            *err = h->err;
            return (int)h->rows;
        }
        if (r->text.len >= CHUNK || h->rows == 0) {
            PFS_TRY(pfs_sink_write(sink, pfs_buf_slice(&r->text), err));
            pfs_buf_clear(&r->text);
        }
        if (h->rows == 0)
            return 0;
        if (pfs_cancelled(pfs_sink_cancel(sink)))
            return -ECANCELED;
        r->reading ^= 1;
    }
}

static int render(void *context, struct pfs_sink *sink, struct pfs_err *err)
{
    const struct source *s = context;
    struct render r = {.source = s};
    struct pfs_scan_want want = {.state = s->state,
                                 .columns = s->columns,
                                 .column = s->column,
                                 .partitions = s->partitions,
                                 .partition = s->partition,
                                 .cancel = pfs_sink_cancel(sink),
                                 .pool = s->pool};
    int rc;

    PFS_TRY(pfs_scan_open(&want, &r.scan, err));
    pfs_buf_init(&r.text, PFS_BATCH_BYTES_MAX);
    for (int i = 0; i < 2; i++)
        pfs_arena_init(&r.half[i].arena, PFS_BATCH_BYTES_MAX);
    pfs_text_header(s->format, s->field, s->columns, &r.text);
    rc = pump(&r, sink, err);
    pfs_reader_close(r.reader);
    pfs_scan_close(r.scan);
    for (int i = 0; i < 2; i++)
        pfs_arena_done(&r.half[i].arena);
    pfs_buf_done(&r.text);
    return rc;
}

static void release(void *context)
{
    struct source *s = context;

    pfs_state_unref(s->state);
    pfs_arena_done(&s->arena);
    pfs_free(s);
}

static int fill(struct source *s, const struct pfs_place *place, struct pfs_err *err)
{
    const struct pfs_schema *schema = s->state->schema;

    PFS_TRY(pfs_place_columns(place, schema, &s->arena, &s->column, &s->columns, err));
    PFS_TRY(pfs_place_partitions(place, schema, &s->arena, &s->partition, err));
    s->partitions = place->specs;
    s->format = place->format;
    s->field = pfs_arena_array(&s->arena, (size_t)s->columns, sizeof(*s->field));
    if (s->field == NULL)
        return pfs_arena_full(&s->arena, err);
    for (int32_t i = 0; i < s->columns; i++)
        s->field[i] = schema->field[s->column[i]];
    return 0;
}

int pfs_render_table(struct pfs_state *state, const struct pfs_place *place, struct pfs_pool *pool,
                     struct pfs_view_source *out, struct pfs_err *err)
{
    struct source *s = pfs_zalloc(sizeof(*s));
    int64_t rows = 0;
    int rc;

    if (s == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a view");
    pfs_arena_init(&s->arena, PFS_ARENA_LIMIT);
    s->state = pfs_state_ref(state);
    s->pool = pool;
    rc = fill(s, place, err);
    if (rc < 0) {
        release(s);
        return rc;
    }
    for (int64_t i = 0; i < state->files; i++)
        rows += state->file[i]->file.rows;
    *out = (struct pfs_view_source){render, release, s, rows <= SMALL_ROWS};
    return 0;
}
