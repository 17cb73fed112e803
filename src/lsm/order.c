/* order.c - rows sorted by a key that is made for it: as many as the budget holds become a run, runs are put aside and
 * merged. The key is one more column behind those of the rows, and stays here.
 *
 *   chunk   batches with their keys, and a list of (first 8 bytes of the key, batch, row) that is what is sorted
 *   head    a run that was put aside: one batch of it in memory
 *   heap    heads that have rows, by their current key; equal keys by the number of the run, which is older first
 *
 * Rows of a key that is equal keep their order: in a chunk by their place, among runs by the run. */
#include "src/lsm/order.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/merge/key.h"
#include "src/scan/spill.h"

#define CHUNK_SHARE 2    /* of the budget, for rows that are being sorted; the rest is for where they go */
#define SPILLED_ROWS 512 /* of a batch of a run that is put aside: all runs are open at once */

struct row { /* of the chunk */
    uint64_t prefix;
    int32_t batch, row;
};

struct chunk {
    struct pfs_reader reader; /* first: gives the sorted rows */
    struct pfs_arena arena;
    struct pfs_batch *batch; /* with the key behind */
    const struct pfs_batch **source;
    struct pfs_keys *keys;
    int32_t batches, room;
    struct row *row;
    int64_t rows, given;
    int32_t batch_rows;
};

struct head { /* of a run that was put aside */
    struct pfs_reader *reader;
    struct pfs_arena arena;
    struct pfs_batch batch;
    struct pfs_keys keys;
    int64_t row;
};

struct ordered {
    struct pfs_reader reader; /* first */
    struct pfs_order order;
    struct pfs_budget budget;
    const struct pfs_cancel *cancel;
    struct pfs_reader *in;
    struct chunk chunk;
    bool sorted;
    const struct pfs_type **type; /* of the columns, the key too; once a batch was seen */
    int32_t columns;              /* without it */
    struct head *head;
    int32_t heads, heads_room;
    int32_t *heap; /* heads that have rows, the smallest first */
    int32_t heaped;
};

/* Room for `count` items. */
static int make_room(void *list, int64_t count, size_t size, struct pfs_err *err)
{
    void **at = list, *more = pfs_realloc(*at, (size_t)count * size);

    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory to sort rows");
    *at = more;
    return 0;
}

/* ---- a chunk ---- */

static int keep_batch(struct ordered *o, const struct pfs_batch *batch, struct pfs_err *err)
{
    struct chunk *c = &o->chunk;
    int32_t key = batch->columns;
    struct pfs_column *column;

    assert(c->batches <= c->room);
    assert(o->type == NULL || key == o->columns);
    if (c->batches == c->room) {
        int32_t room = c->room == 0 ? 64 : c->room * 2;

        PFS_TRY(make_room(&c->batch, room, sizeof(*c->batch), err));
        PFS_TRY(make_room(&c->keys, room, sizeof(*c->keys), err));
        PFS_TRY(make_room(&c->source, room, sizeof(*c->source), err));
        c->room = room;
    }
    column = pfs_arena_array(&c->arena, (size_t)key + 1, sizeof(*column));
    if (column == NULL)
        return pfs_arena_full(&c->arena, err);
    memcpy(column, batch->column, (size_t)key * sizeof(*column));
    PFS_TRY(pfs_order_keys(&o->order, batch, &c->arena, &column[key], err));
    c->batch[c->batches] = (struct pfs_batch){batch->rows, key + 1, column};
    PFS_TRY(pfs_keys_of(&c->batch[c->batches], &key, 1, &c->arena, &c->keys[c->batches], err));
    c->batches++;
    c->rows += batch->rows;
    return 0;
}

static int note_types(struct ordered *o, const struct pfs_batch *batch, struct pfs_err *err)
{
    if (o->type != NULL)
        return 0;
    o->type = pfs_alloc_array((size_t)batch->columns, sizeof(*o->type));
    if (o->type == NULL)
        return pfs_fail(err, ENOMEM, "no memory to sort rows");
    for (int32_t i = 0; i < batch->columns; i++)
        o->type[i] = batch->column[i].type;
    o->columns = batch->columns - 1;
    return 0;
}

/* 1: there may be more; 0: that was all. */
static int fill_chunk(struct ordered *o, struct pfs_err *err)
{
    struct chunk *c = &o->chunk;
    size_t most = o->budget.spill == NULL ? SIZE_MAX : o->budget.bytes / CHUNK_SHARE;

    pfs_arena_reset(&c->arena);
    c->batches = 0;
    c->rows = c->given = 0;
    do { /* one batch at least: a reset arena keeps a block */
        struct pfs_batch batch;
        int64_t rows = pfs_cancelled(o->cancel) ? -ECANCELED : pfs_reader_next(o->in, &c->arena, &batch, err);

        if (rows <= 0)
            return (int)rows;
        PFS_TRY(keep_batch(o, &batch, err));
        PFS_TRY(note_types(o, &c->batch[c->batches - 1], err));
    } while (c->arena.used_bytes + (size_t)c->rows * sizeof(struct row) < most);
    return 1;
}

static int compare_rows(const void *left, const void *right, void *context)
{
    const struct row *a = left, *b = right;
    const struct chunk *c = context;
    int order = (a->prefix > b->prefix) - (a->prefix < b->prefix);

    if (order == 0)
        order = pfs_keys_compare(&c->keys[a->batch], a->row, &c->keys[b->batch], b->row);
    if (order == 0)
        order = (a->batch > b->batch) - (a->batch < b->batch);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static int sort_chunk(struct chunk *c, struct pfs_err *err)
{
    struct row *to;

    PFS_TRY(make_room(&c->row, c->rows, sizeof(*c->row), err));
    to = c->row;
    for (int32_t i = 0; i < c->batches; i++) {
        c->source[i] = &c->batch[i];
        for (int32_t k = 0; k < c->batch[i].rows; k++)
            *to++ = (struct row){c->keys[i].prefix[k], i, k};
    }
    assert(to == c->row + c->rows);
    qsort_r(c->row, (size_t)c->rows, sizeof(*c->row), compare_rows, c);
    return 0;
}

static int gather(const struct pfs_batch *const *source, const struct pfs_range *range, int64_t rows, int32_t columns,
                  struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_column *column = pfs_arena_array(arena, (size_t)columns, sizeof(*column));

    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < columns; i++)
        PFS_TRY(pfs_column_gather(source, i, range, rows, rows, arena, &column[i], err));
    *out = (struct pfs_batch){rows, columns, column};
    return 0;
}

static int64_t chunk_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct chunk *c = (struct chunk *)self;
    struct pfs_range range[PFS_BATCH_ROWS];
    int64_t rows = 0;

    assert(c->batch_rows > 0);
    assert(c->batch_rows <= PFS_BATCH_ROWS);
    for (; rows < c->batch_rows && c->given < c->rows; rows++, c->given++)
        range[rows] = (struct pfs_range){c->row[c->given].batch, c->row[c->given].row, 1};
    if (rows > 0)
        PFS_TRY(gather(c->source, range, rows, c->batch->columns, arena, out, err));
    return rows;
}

static void chunk_keep(struct pfs_reader *self)
{
    (void)self;
}

static const struct pfs_reader_ops chunk_ops = {chunk_next, chunk_keep};

/* ---- runs ---- */

static int put_aside(struct ordered *o, struct pfs_err *err)
{
    const struct pfs_spill_want want = {o->budget.spill, o->type, o->columns + 1, o->cancel};

    assert(!o->sorted);
    assert(o->budget.spill != NULL);
    if (o->heads == o->heads_room) {
        int32_t room = o->heads_room == 0 ? 16 : o->heads_room * 2;

        PFS_TRY(make_room(&o->head, room, sizeof(*o->head), err));
        PFS_TRY(make_room(&o->heap, room, sizeof(*o->heap), err));
        o->heads_room = room;
    }
    o->chunk.batch_rows = SPILLED_ROWS;
    o->head[o->heads] = (struct head){0};
    pfs_arena_init(&o->head[o->heads].arena, PFS_BATCH_BYTES_MAX);
    PFS_TRY(pfs_spill_run(&want, &o->chunk.reader, &o->head[o->heads].reader, err));
    o->heads++;
    return 0;
}

/* 1: the head has a row; 0: its run is over. */
static int load_head(struct ordered *o, struct head *h, struct pfs_err *err)
{
    int64_t rows;

    pfs_arena_reset(&h->arena);
    h->row = 0;
    rows = pfs_reader_next(h->reader, &h->arena, &h->batch, err);
    if (rows <= 0)
        return (int)rows;
    PFS_TRY(pfs_keys_of(&h->batch, &o->columns, 1, &h->arena, &h->keys, err));
    return 1;
}

static bool goes_before(const struct ordered *o, int32_t a, int32_t b)
{
    int order = pfs_keys_compare(&o->head[a].keys, o->head[a].row, &o->head[b].keys, o->head[b].row);

    return order != 0 ? order < 0 : a < b;
}

static void sift_down(struct ordered *o, int32_t at)
{
    for (;;) {
        int32_t child = 2 * at + 1, first = at, held;

        assert(at == 0 || at < o->heaped);
        for (int32_t i = child; i < child + 2 && i < o->heaped; i++)
            if (goes_before(o, o->heap[i], o->heap[first]))
                first = i;
        if (first == at)
            return;
        held = o->heap[at];
        o->heap[at] = o->heap[first];
        o->heap[first] = held;
        at = first;
    }
}

/* All rows are in runs by now: the chunk's memory is given back before theirs is taken. */
static int begin_merge(struct ordered *o, struct pfs_err *err)
{
    assert(o->heads > 0);
    pfs_arena_done(&o->chunk.arena);
    pfs_arena_init(&o->chunk.arena, PFS_BATCH_BYTES_MAX);
    o->heaped = 0;
    for (int32_t i = 0; i < o->heads; i++) {
        int rc = load_head(o, &o->head[i], err);

        if (rc < 0)
            return rc;
        if (rc > 0)
            o->heap[o->heaped++] = i;
    }
    for (int32_t i = o->heaped / 2; i-- > 0;)
        sift_down(o, i);
    return 0;
}

/* Rows until a batch is full, or one of a head is used up: its rows have to be copied first. */
static int64_t merge_next(struct ordered *o, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct pfs_range range[PFS_BATCH_ROWS];
    const struct pfs_batch **source;
    bool used_up = false;
    int64_t rows = 0;
    int rc;

    while (rows < PFS_BATCH_ROWS && o->heaped > 0 && !used_up) {
        struct head *h = &o->head[o->heap[0]];

        assert(h->row < h->batch.rows);
        range[rows++] = (struct pfs_range){o->heap[0], (int32_t)h->row++, 1};
        used_up = h->row == h->batch.rows;
        if (!used_up)
            sift_down(o, 0);
    }
    if (rows == 0)
        return 0;
    source = pfs_arena_array(arena, (size_t)o->heads, sizeof(*source));
    if (source == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < o->heads; i++)
        source[i] = &o->head[i].batch;
    PFS_TRY(gather(source, range, rows, o->columns, arena, out, err));
    if (!used_up)
        return rows;
    rc = load_head(o, &o->head[o->heap[0]], err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        o->heap[0] = o->heap[--o->heaped];
    sift_down(o, 0);
    return rows;
}

/* ---- the reader ---- */

static int sort_all(struct ordered *o, struct pfs_err *err)
{
    int more;

    do {
        more = fill_chunk(o, err);
        if (more < 0)
            return more;
        if (o->chunk.rows == 0)
            break;
        PFS_TRY(sort_chunk(&o->chunk, err));
        if (more > 0 || o->heads > 0)
            PFS_TRY(put_aside(o, err));
    } while (more > 0);
    o->chunk.batch_rows = PFS_BATCH_ROWS;
    o->sorted = true;
    return o->heads > 0 ? begin_merge(o, err) : 0;
}

static int64_t ordered_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out,
                            struct pfs_err *err)
{
    struct ordered *o = (struct ordered *)self;
    int64_t rows;

    if (pfs_cancelled(o->cancel))
        return -ECANCELED;
    if (!o->sorted)
        PFS_TRY(sort_all(o, err));
    if (o->heads > 0)
        return merge_next(o, arena, out, err);
    rows = chunk_next(&o->chunk.reader, arena, out, err);
    if (rows > 0)
        out->columns--;
    return rows;
}

static void ordered_close(struct pfs_reader *self)
{
    struct ordered *o = (struct ordered *)self;

    for (int32_t i = 0; i < o->heads; i++) {
        pfs_reader_close(o->head[i].reader);
        pfs_arena_done(&o->head[i].arena);
    }
    pfs_reader_close(o->in);
    pfs_arena_done(&o->chunk.arena);
    pfs_free(o->chunk.batch);
    pfs_free(o->chunk.source);
    pfs_free(o->chunk.keys);
    pfs_free(o->chunk.row);
    pfs_free(o->type);
    pfs_free(o->head);
    pfs_free(o->heap);
    pfs_free(o);
}

/* Beside its share a chunk holds one batch more, the one that made it full. Rows that cannot be put aside stay together
 * up to an arena's ordinary ceiling. */
static size_t chunk_limit(const struct pfs_budget *budget)
{
    return budget->spill == NULL ? PFS_BATCH_BYTES_MAX : budget->bytes / CHUNK_SHARE + PFS_BATCH_BYTES_MAX;
}

static const struct pfs_reader_ops ordered_ops = {ordered_next, ordered_close};

int pfs_order_open(const struct pfs_order *order, struct pfs_budget budget, const struct pfs_cancel *cancel,
                   struct pfs_reader *in, struct pfs_reader **out, struct pfs_err *err)
{
    struct ordered *o = pfs_zalloc(sizeof(*o));

    assert(order->columns >= 1);
    assert(order->columns <= PFS_ORDER_COLUMNS_MAX);
    if (o == NULL) {
        pfs_reader_close(in);
        return pfs_fail(err, ENOMEM, "no memory to sort rows");
    }
    o->reader.ops = &ordered_ops;
    o->chunk.reader.ops = &chunk_ops;
    o->order = *order;
    o->budget = budget;
    o->cancel = cancel;
    o->in = in;
    pfs_arena_init(&o->chunk.arena, chunk_limit(&o->budget));
    *out = &o->reader;
    return 0;
}
