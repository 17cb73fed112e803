/* stream.c - the growing text of changes: a header, then the rows of each commit.
 *
 * The schema and the columns are those of when the stream began. What was rendered last is looked at again before the
 * next commit is: when that snapshot is another one now (a rollback used its id again), the stream is over.
 */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "fs/render/render.h"

#define CHUNK ((size_t)256 << 10)

struct growing {
    struct pfs_table *table;
    struct pfs_state *state; /* what the schema is of */
    struct pfs_arena arena;
    struct pfs_pool *pool;
    struct pfs_budget budget;
    enum pfs_text format;
    int32_t columns;
    int32_t *column;
    int32_t partitions;
    struct pfs_partition_value *partition;
    const struct pfs_condition *condition;
    pthread_mutex_t lock; /* guards the next two, of which grow alone changes the first */
    int64_t next;         /* snapshot */
    bool held;            /* it is kept from being expired */
    struct pfs_stat last; /* of the file of the one before; inode 0 = none was rendered */
    bool headed;
    struct pfs_rows *rows;  /* of the snapshot `next`, being printed */
    struct pfs_stat opened; /* its file */
    struct pfs_arena batch;
    struct pfs_buf text;
};

static void close_rows(struct growing *g)
{
    pfs_rows_close(g->rows);
    g->rows = NULL;
    pfs_arena_reset(&g->batch);
}

/* ---- what is to come ---- */

/* Under the number of what is to come: expiry asks for the oldest that somebody counts on. Lock held. */
static void keep(const struct growing *g, bool kept)
{
    const char *meta = pfs_table_parts(g->table).meta;

    if (g->state->holds == NULL)
        return;
    if (kept)
        pfs_holds_take(g->state->holds, meta, g->next);
    else
        pfs_holds_let(g->state->holds, meta, g->next);
}

static void hold(void *context, bool held)
{
    struct growing *g = context;

    pthread_mutex_lock(&g->lock);
    assert(g->held != held); /* in pairs */
    keep(g, held);
    g->held = held;
    pthread_mutex_unlock(&g->lock);
}

/* The snapshot is rendered: the one after it is what is to come. */
static void step_on(struct growing *g)
{
    pthread_mutex_lock(&g->lock);
    if (g->held)
        keep(g, false);
    g->next++;
    if (g->held)
        keep(g, true);
    pthread_mutex_unlock(&g->lock);
}

static void release(void *context)
{
    struct growing *g = context;

    if (g->held)
        keep(g, false);
    pthread_mutex_destroy(&g->lock);

    close_rows(g);
    pfs_state_unref(g->state);
    pfs_table_unref(g->table);
    pfs_buf_done(&g->text);
    pfs_arena_done(&g->batch);
    pfs_arena_done(&g->arena);
    pfs_free(g);
}

static int open_rows(struct growing *g, const struct pfs_cancel *cancel, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(g->table);
    const struct pfs_changes_want want = {.state = g->state,
                                          .meta = parts.meta,
                                          .manifests = parts.manifests,
                                          .mode = PFS_CHANGES_STREAM,
                                          .from = g->next,
                                          .to = g->next,
                                          .snapshot = true,
                                          .columns = g->columns,
                                          .column = g->column,
                                          .partitions = g->partitions,
                                          .partition = g->partition,
                                          .condition = g->condition,
                                          .budget = g->budget,
                                          .cancel = cancel,
                                          .pool = g->pool};

    return pfs_changes_rows(&want, &g->rows, err);
}

/* ---- growing ---- */

/* It is the stream's from here on, also after a failure: the step is taken back as a whole. */
static int put_text(struct growing *g, struct pfs_stream *stream, struct pfs_err *err)
{
    int rc = pfs_stream_put(stream, pfs_buf_slice(&g->text), err);

    pfs_buf_clear(&g->text);
    return rc;
}

/* The header needs the names of the columns alone: no snapshot is read for it. */
static int put_header(struct growing *g, struct pfs_stream *stream, struct pfs_err *err)
{
    PFS_TRY(open_rows(g, NULL, err));
    pfs_text_header(g->format, g->rows->field, g->rows->columns, &g->text);
    close_rows(g);
    PFS_TRY(pfs_buf_check(&g->text, err));
    PFS_TRY(put_text(g, stream, err));
    g->headed = true;
    return PFS_GROWN_STEP;
}

/* Prints a piece of the snapshot that is open. */
static int put_rows(struct growing *g, struct pfs_stream *stream, struct pfs_err *err)
{
    for (;;) {
        struct pfs_batch batch;
        int64_t rows;

        assert(g->rows != NULL);
        pfs_arena_reset(&g->batch);
        rows = pfs_reader_next(g->rows->reader, &g->batch, &batch, err);
        if (rows < 0)
            return (int)rows;
        if (rows > 0)
            PFS_TRY(pfs_text_print(g->format, g->rows->field, &batch, &g->text, err));
        if (rows == 0 || g->text.len >= CHUNK)
            PFS_TRY(put_text(g, stream, err));
        if (rows == 0) {
            close_rows(g);
            g->last = g->opened;
            step_on(g);
            return PFS_GROWN_STEP;
        }
        if (g->text.len == 0)
            return PFS_GROWN_PART;
    }
}

/* The file of a snapshot, zeroed when it has expired. */
static int stat_snapshot(const struct growing *g, int64_t id, struct pfs_stat *out, struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(g->table);
    char path[4096];
    int rc;

    *out = (struct pfs_stat){0};
    if (snprintf(path, sizeof(path), "%s/snapshot/snapshot-%lld", parts.meta, (long long)id) >= (int)sizeof(path))
        return pfs_fail(err, ENAMETOOLONG, "%s is too long", parts.meta);
    rc = pfs_store_stat(parts.store, path, out, err);
    return rc == -ENOENT ? 0 : rc;
}

/* Is the snapshot that was rendered last the one of its id still, or has it expired? Its file says so, whatever
 * `newest` is: that may be a look at the table that began before ours. */
static int check_last(const struct growing *g, int64_t newest, bool *same, struct pfs_err *err)
{
    struct pfs_stat now;

    *same = newest >= g->next - 1;
    if (g->last.inode == 0)
        return 0;
    PFS_TRY(stat_snapshot(g, g->next - 1, &now, err));
    *same = now.inode == 0 ? newest >= g->next
                           : now.inode == g->last.inode && now.ctime_ns == g->last.ctime_ns && now.size == g->last.size;
    return 0;
}

/* The newest state says whether there is more; each snapshot in between is opened by its own number. */
static int open_next(struct growing *g, struct pfs_stream *stream, struct pfs_err *err)
{
    struct pfs_state *newest;
    int64_t id, time_ms;
    bool same;

    PFS_TRY(pfs_table_state(g->table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &newest, err));
    id = newest->exists ? newest->snapshot.id : 0;
    time_ms = newest->exists ? newest->snapshot.time_ms : 0;
    pfs_state_unref(newest);
    PFS_TRY(check_last(g, id, &same, err));
    if (!same)
        return PFS_GROWN_OVER;
    if (id < g->next)
        return PFS_GROWN_NOTHING;
    assert(g->rows == NULL);
    PFS_TRY(stat_snapshot(g, g->next, &g->opened, err));
    PFS_TRY(open_rows(g, pfs_stream_cancel(stream), err));
    pfs_stream_stamp(stream, time_ms);
    return PFS_GROWN_PART;
}

/* One call is a piece of one commit: others have their turn in between. */
static int grow(void *context, struct pfs_stream *stream, struct pfs_err *err)
{
    struct growing *g = context;
    int rc;

    if (!g->headed)
        return put_header(g, stream, err);
    rc = g->rows == NULL ? open_next(g, stream, err) : PFS_GROWN_PART;
    if (rc == PFS_GROWN_PART)
        rc = put_rows(g, stream, err);
    if (rc < 0) {
        pfs_buf_clear(&g->text);
        close_rows(g);
    }
    if (rc == -ESTALE && (err == NULL || err->code == 0))
        return pfs_fail(err, ESTALE, "snapshot %lld expired before it was read", (long long)g->next);
    return rc;
}

/* ---- finding ---- */

/* What the text will be made of. The key says what it begins with: when the oldest change that is kept or the columns
 * are others, another text begins. */
static int find(struct growing *g, const struct pfs_looking *looking, bool from_now, const char **key,
                struct pfs_err *err)
{
    struct pfs_table_parts parts = pfs_table_parts(g->table);
    const struct pfs_place *place = looking->place;
    int64_t first = 1, last = 0;
    int rc;

    PFS_TRY(pfs_table_state(g->table, (struct pfs_when){.kind = PFS_WHEN_LATEST}, &g->state, err));
    rc = pfs_changes_range(parts.store, parts.meta, &first, &last, err);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    PFS_TRY(pfs_place_columns(place, g->state->schema, &g->arena, &g->column, &g->columns, err));
    PFS_TRY(pfs_place_partitions(place, g->state->schema, &g->arena, &g->partition, err));
    PFS_TRY(pfs_place_condition(place, g->state->schema, &g->arena, &g->condition, err));
    g->partitions = place->specs;
    g->next = from_now ? last + 1 : first;
    g->headed = place->format != PFS_TEXT_CSV;
    *key = pfs_arena_printf(looking->arena, "%s|%d|%lld|%lld-%lld", place->path, (int)place->format, (long long)first,
                            (long long)g->state->schema->id, (long long)g->state->schema->time_ms);
    return *key == NULL ? pfs_arena_full(looking->arena, err) : 0;
}

int pfs_find_stream(const struct pfs_looking *looking, bool from_now, const char **key, struct pfs_stream_source *out,
                    struct pfs_err *err)
{
    struct growing *g = pfs_zalloc(sizeof(*g));
    int rc;

    if (g == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a stream");
    pthread_mutex_init(&g->lock, NULL);
    pfs_arena_init(&g->arena, PFS_ARENA_LIMIT);
    pfs_arena_init(&g->batch, PFS_BATCH_BYTES_MAX);
    pfs_buf_init(&g->text, PFS_BATCH_BYTES_MAX);
    g->table = pfs_table_ref(looking->table);
    g->pool = looking->pool;
    g->budget = looking->budget;
    g->format = looking->place->format;
    rc = find(g, looking, from_now, key, err);
    if (rc < 0) {
        release(g);
        return rc;
    }
    *out = (struct pfs_stream_source){grow, release, g, hold};
    return 0;
}
