/* run.c - runs as lists of frames, each in memory or in the scratch file.
 *
 * While one batch is packed the next one is read, on the pool; whoever is through waits for the other. Memory is
 * reserved for what a frame takes and given back with it, under the lock that appending takes too: parts of a flush
 * write their runs at the same time. The file has no name and only grows: the space of runs that were merged comes back
 * when it is closed. */
#include "src/write/run.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/frame.h"

struct pfs_runs {
    struct pfs_file *file;
    pthread_mutex_t lock; /* appending; guards `free_bytes` */
    size_t free_bytes;    /* of memory */
    const struct pfs_type **type;
    int32_t columns; /* of key-value batches */
    struct pfs_run_list *list;
    int32_t count, room;
};

static const struct pfs_type number_type = {.kind = PFS_BIGINT}, kind_type = {.kind = PFS_TINYINT};

int pfs_runs_open(const struct pfs_schema *schema, const char *dir, size_t memory_bytes, struct pfs_runs **out,
                  struct pfs_err *err)
{
    struct pfs_runs *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    pthread_mutex_init(&r->lock, NULL);
    r->free_bytes = memory_bytes;
    r->columns = schema->columns + 2;
    r->type = pfs_alloc_array((size_t)r->columns, sizeof(struct pfs_type *));
    rc = r->type == NULL ? pfs_fail(err, ENOMEM, "no memory for a write") : pfs_store_scratch(dir, &r->file, err);
    if (rc < 0) {
        pfs_runs_close(r);
        return rc;
    }
    for (int32_t i = 0; i < schema->columns; i++)
        r->type[i] = &schema->field[i].type;
    r->type[schema->columns] = &number_type;
    r->type[schema->columns + 1] = &kind_type;
    *out = r;
    return 0;
}

/* Memory for a frame of about so many bytes: false = there is none. */
static bool reserve(struct pfs_runs *runs, size_t bytes)
{
    bool fits;

    pthread_mutex_lock(&runs->lock);
    fits = bytes <= runs->free_bytes;
    if (fits)
        runs->free_bytes -= bytes;
    pthread_mutex_unlock(&runs->lock);
    return fits;
}

static void give_back(struct pfs_runs *runs, size_t bytes)
{
    pthread_mutex_lock(&runs->lock);
    runs->free_bytes += bytes;
    pthread_mutex_unlock(&runs->lock);
}

static bool has_free(struct pfs_runs *runs, size_t bytes)
{
    bool fits = reserve(runs, bytes);

    if (fits)
        give_back(runs, bytes);
    return fits;
}

void pfs_run_done(struct pfs_run *run)
{
    assert(run->frames == 0 || run->runs != NULL);
    for (int32_t i = 0; i < run->frames; i++)
        if (run->frame[i].bytes != NULL) {
            pfs_free(run->frame[i].bytes);
            give_back(run->runs, run->frame[i].len);
        }
    pfs_free(run->frame);
    *run = (struct pfs_run){0};
}

void pfs_run_list_clear(struct pfs_run_list *list)
{
    while (list->count > 0)
        pfs_run_done(&list->run[--list->count]);
}

void pfs_runs_close(struct pfs_runs *runs)
{
    if (runs == NULL)
        return;
    for (int32_t i = 0; i < runs->count; i++) {
        pfs_run_list_clear(&runs->list[i]);
        pfs_free(runs->list[i].run);
    }
    pfs_file_close(runs->file);
    pthread_mutex_destroy(&runs->lock);
    pfs_free(runs->list);
    pfs_free(runs->type);
    pfs_free(runs);
}

/* ---- buckets ---- */

int32_t pfs_runs_count(const struct pfs_runs *runs)
{
    return runs == NULL ? 0 : runs->count;
}

struct pfs_run_list *pfs_runs_at(struct pfs_runs *runs, int32_t index)
{
    assert(index >= 0);
    assert(index < pfs_runs_count(runs));
    return &runs->list[index];
}

/* The first list that is not before (partition, bucket). */
static int32_t place_of(const struct pfs_runs *runs, int32_t partition, int32_t bucket)
{
    int32_t from = 0, to = runs->count;

    while (from < to) {
        int32_t mid = from + (to - from) / 2;
        const struct pfs_run_list *l = &runs->list[mid];

        if (l->partition < partition || (l->partition == partition && l->bucket < bucket))
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

static bool is_there(const struct pfs_runs *runs, int32_t at, int32_t partition, int32_t bucket)
{
    return at < runs->count && runs->list[at].partition == partition && runs->list[at].bucket == bucket;
}

struct pfs_run_list *pfs_runs_find(struct pfs_runs *runs, int32_t partition, int32_t bucket)
{
    int32_t at = runs == NULL ? 0 : place_of(runs, partition, bucket);

    return runs != NULL && is_there(runs, at, partition, bucket) ? &runs->list[at] : NULL;
}

int pfs_runs_need(struct pfs_runs *runs, int32_t partition, int32_t bucket, struct pfs_err *err)
{
    int32_t at = place_of(runs, partition, bucket);

    assert(partition >= 0);
    assert(at <= runs->count);
    if (is_there(runs, at, partition, bucket))
        return 0;
    if (runs->count == runs->room) {
        int32_t room = runs->room == 0 ? 16 : runs->room * 2;
        struct pfs_run_list *more = pfs_realloc(runs->list, (size_t)room * sizeof(*more));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a write");
        runs->list = more;
        runs->room = room;
    }
    memmove(runs->list + at + 1, runs->list + at, (size_t)(runs->count - at) * sizeof(*runs->list));
    runs->list[at] = (struct pfs_run_list){.partition = partition, .bucket = bucket};
    runs->count++;
    return 0;
}

/* ---- writing ---- */

static int make_room(struct pfs_run *run, struct pfs_err *err)
{
    if (run->frames == run->room) {
        int32_t room = run->room == 0 ? 32 : run->room * 2;
        struct pfs_run_frame *more = pfs_realloc(run->frame, (size_t)room * sizeof(*more));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a write");
        run->frame = more;
        run->room = room;
    }
    return 0;
}

static int append(struct pfs_runs *runs, struct pfs_slice bytes, struct pfs_run *run, struct pfs_err *err)
{
    uint64_t at;
    int rc;

    pthread_mutex_lock(&runs->lock);
    at = pfs_file_size(runs->file);
    rc = pfs_file_append(runs->file, bytes.at, bytes.len, err);
    pthread_mutex_unlock(&runs->lock);
    if (rc < 0)
        return pfs_wrap(err, "a temporary file");
    assert(run->frames < run->room);
    run->frame[run->frames++] = (struct pfs_run_frame){NULL, at, bytes.len};
    return 0;
}

/* False: there is no memory for it. */
static bool keep(struct pfs_runs *runs, struct pfs_slice bytes, struct pfs_run *run)
{
    uint8_t *kept;

    if (!reserve(runs, bytes.len))
        return false;
    kept = pfs_alloc(bytes.len);
    if (kept == NULL) {
        give_back(runs, bytes.len);
        return false;
    }
    memcpy(kept, bytes.at, bytes.len);
    assert(run->frames < run->room);
    run->frame[run->frames++] = (struct pfs_run_frame){kept, 0, bytes.len};
    return true;
}

struct turn { /* a batch: read by one turn, packed by the next */
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t rows; /* 0 = the end, < 0 = an error */
    struct pfs_err err;
};

struct packing {
    struct pfs_runs *runs;
    struct pfs_reader *rows;
    struct pfs_run *run;
    struct pfs_buf bytes;
    struct turn turn[2];
    int full; /* the turn that holds rows to pack; the other one is read into */
};

static void read_turn(struct packing *p, struct turn *t)
{
    pfs_arena_reset(&t->arena);
    t->rows = pfs_reader_next(p->rows, &t->arena, &t->batch, &t->err);
}

static int put(struct packing *p, const struct turn *t, struct pfs_err *err)
{
    bool fits = has_free(p->runs, t->arena.used_bytes);

    PFS_TRY(make_room(p->run, err));
    pfs_buf_clear(&p->bytes);
    PFS_TRY(pfs_frame_put(&t->batch, fits ? PFS_CODEC_NONE : PFS_CODEC_LZ4, &p->bytes, err));
    if (fits && keep(p->runs, pfs_buf_slice(&p->bytes), p->run))
        return 0;
    return append(p->runs, pfs_buf_slice(&p->bytes), p->run, err);
}

static void pack_turn(struct packing *p, struct turn *t)
{
    int rc;

    assert(t->rows > 0);
    rc = put(p, t, &t->err);
    t->rows = rc < 0 ? rc : 0;
}

static void stage(void *context, int index)
{
    struct packing *p = context;

    if (index == 0)
        pack_turn(p, &p->turn[p->full]);
    else
        read_turn(p, &p->turn[1 - p->full]);
}

int pfs_run_write(struct pfs_runs *runs, struct pfs_reader *rows, struct pfs_pool *pool, struct pfs_run *out,
                  struct pfs_err *err)
{
    struct packing p = {.runs = runs, .rows = rows, .run = out};
    int64_t rc;

    *out = (struct pfs_run){.runs = runs};
    pfs_arena_init(&p.turn[0].arena, PFS_BATCH_BYTES_MAX);
    pfs_arena_init(&p.turn[1].arena, PFS_BATCH_BYTES_MAX);
    read_turn(&p, &p.turn[0]);
    while (p.turn[p.full].rows > 0) {
        pfs_pool_run(pool, 2, stage, &p);
        if (p.turn[p.full].rows < 0) /* it was not packed: that comes before what is wrong with the next one */
            break;
        p.full = 1 - p.full;
    }
    rc = p.turn[p.full].rows;
    if (rc < 0 && err != NULL)
        *err = p.turn[p.full].err;
    pfs_arena_done(&p.turn[0].arena);
    pfs_arena_done(&p.turn[1].arena);
    pfs_buf_done(&p.bytes);
    if (rc < 0)
        pfs_run_done(out);
    return (int)rc;
}

int pfs_run_list_add(struct pfs_run_list *list, struct pfs_run *run, struct pfs_err *err)
{
    if (list->count == list->room) {
        int32_t room = list->room == 0 ? 8 : list->room * 2;
        struct pfs_run *more = pfs_realloc(list->run, (size_t)room * sizeof(*more));

        if (more == NULL) {
            pfs_run_done(run);
            return pfs_fail(err, ENOMEM, "no memory for a write");
        }
        list->run = more;
        list->room = room;
    }
    list->run[list->count++] = *run;
    return 0;
}

/* ---- reading ---- */

struct run_reader {
    struct pfs_reader reader;
    struct pfs_runs *runs;
    const struct pfs_run *run;
    int32_t next;
    struct pfs_buf bytes;
};

static int64_t run_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct run_reader *r = (struct run_reader *)self;
    const struct pfs_run_frame *frame;
    size_t used;
    uint8_t *to = NULL;

    assert(r->next <= r->run->frames);
    if (r->next == r->run->frames)
        return 0;
    frame = &r->run->frame[r->next++];
    if (frame->bytes == NULL) {
        pfs_buf_clear(&r->bytes);
        to = pfs_buf_reserve(&r->bytes, frame->len);
        if (to == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a write");
        PFS_TRY(pfs_file_pread(r->runs->file, frame->at, to, frame->len, err));
    }
    PFS_TRY(pfs_frame_get(pfs_slice_of(frame->bytes != NULL ? frame->bytes : to, frame->len), r->runs->type,
                          r->runs->columns, arena, out, &used, err));
    return out->rows;
}

static void run_close(struct pfs_reader *self)
{
    struct run_reader *r = (struct run_reader *)self;

    pfs_buf_done(&r->bytes);
    pfs_free(r);
}

static const struct pfs_reader_ops run_ops = {run_next, run_close};

int pfs_run_open(struct pfs_runs *runs, const struct pfs_run *run, struct pfs_reader **out, struct pfs_err *err)
{
    struct run_reader *r = pfs_zalloc(sizeof(*r));

    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    r->reader.ops = &run_ops;
    r->runs = runs;
    r->run = run;
    *out = &r->reader;
    return 0;
}
