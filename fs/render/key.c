/* key.c - the finder of key/: one row, looked for when its name is. Rows that are acknowledged and in no snapshot yet
 * are merged into it: a reader of keys does not wait for commits. */
#include "fs/render/render.h"

#include <assert.h>
#include <time.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/mem.h"
#include "src/condition/condition.h"
#include "src/ingest/recent.h"
#include "src/lookup/lookup.h"

#define COMMIT_TRIES 40
#define COMMIT_WAIT_NS 250000

/* The text of the row that was found. */
struct found {
    struct pfs_buf text;
};

static void release(void *context)
{
    struct found *f = context;

    pfs_buf_done(&f->text);
    pfs_free(f);
}

static int begin(void *context, const struct pfs_mark *from, const struct pfs_cancel *cancel, void **pass,
                 struct pfs_err *err)
{
    (void)from;
    (void)cancel;
    (void)err;
    assert(from == NULL); /* the text has one step, and no mark */
    *pass = context;
    return 0;
}

static int step(void *pass, struct pfs_sink *sink, struct pfs_err *err)
{
    const struct found *f = pass;

    return pfs_sink_write(sink, pfs_buf_slice(&f->text), err);
}

static void end(void *pass)
{
    (void)pass;
}

/* ---- looking for it ---- */

/* What is looked for: the same for every state that is tried. */
struct wanted {
    const struct pfs_looking *looking;
    const struct pfs_schema *schema;
    struct pfs_column *key;
    int32_t columns;
    int32_t *column;
    struct pfs_arena *arena;
};

static int want(const struct pfs_looking *looking, const struct pfs_schema *schema, struct pfs_arena *arena,
                struct wanted *out, struct pfs_err *err)
{
    *out = (struct wanted){.looking = looking, .schema = schema, .arena = arena};
    PFS_TRY(pfs_place_columns(looking->place, schema, arena, &out->column, &out->columns, err));
    return pfs_place_key(looking->place, schema, arena, &out->key, err);
}

/* With a header, as the view of all rows has it. */
static int print_found(struct found *f, const struct wanted *w, const struct pfs_batch *row, struct pfs_err *err)
{
    enum pfs_text format = w->looking->place->format;
    struct pfs_field *field = pfs_arena_array(w->arena, (size_t)row->columns, sizeof(*field));

    if (field == NULL)
        return pfs_arena_full(w->arena, err);
    for (int32_t i = 0; i < row->columns; i++)
        field[i] = w->schema->field[w->column[i]];
    pfs_text_header(format, field, row->columns, &f->text);
    PFS_TRY(pfs_text_print(format, field, row, &f->text, err));
    return pfs_buf_check(&f->text, err);
}

/* The state's row: 1, or 0: it has none. With `all` all columns, else the wanted ones. */
static int look(const struct wanted *w, struct pfs_state *state, bool all, struct pfs_batch *row, struct pfs_err *err)
{
    const struct pfs_looking *looking = w->looking;
    struct pfs_lookup_want want = {.state = state,
                                   .columns = all ? -1 : w->columns,
                                   .column = w->column,
                                   .partitions = looking->place->specs,
                                   .locals = looking->locals,
                                   .budget = looking->budget};
    struct pfs_partition_value *partition;
    struct pfs_lookup *lookup;
    bool found;
    int rc;

    PFS_TRY(pfs_place_partitions(looking->place, w->schema, w->arena, &partition, err));
    PFS_TRY(pfs_place_condition(looking->place, w->schema, w->arena, &want.condition, err));
    want.partition = partition;
    PFS_TRY(pfs_lookup_open(&want, &lookup, err));
    rc = pfs_lookup_rows(lookup, w->key, 1, w->arena, row, &found, err);
    pfs_lookup_close(lookup);
    return rc < 0 ? rc : found;
}

/* The row of a state with those that wait merged in. What a path refines a commit has to settle first: a condition is
 * about the merged row. */
static int look_with(struct found *f, const struct wanted *w, struct pfs_state *state,
                     const struct pfs_recent_rows *recent, struct pfs_err *err)
{
    struct pfs_batch base, merged, row = {1, w->columns, NULL};
    int rc;

    if (w->looking->place->specs > 0 || w->looking->place->wheres > 0 || w->looking->place->selects > 0 ||
        state->fallback != NULL)
        return -EAGAIN;
    rc = look(w, state, true, &base, err);
    if (rc < 0)
        return rc;
    assert(base.columns == w->schema->columns);
    base.rows = rc;
    PFS_TRY(pfs_recent_merge(recent, &base, w->arena, &merged, err));
    if (merged.rows == 0)
        return -ENOENT;
    assert(merged.rows == 1);
    row.column = pfs_arena_array(w->arena, (size_t)w->columns, sizeof(*row.column));
    if (row.column == NULL)
        return pfs_arena_full(w->arena, err);
    for (int32_t i = 0; i < w->columns; i++)
        row.column[i] = merged.column[w->column[i]];
    return print_found(f, w, &row, err);
}

/* Nothing waits: the state's row is all there is. */
static int look_alone(struct found *f, const struct wanted *w, struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_batch row;
    int rc = look(w, state, false, &row, err);

    return rc < 0 ? rc : rc == 0 ? -ENOENT : print_found(f, w, &row, err);
}

/* The newest state, and what waits beside it: a commit may come in between, and then they are looked for again. */
static int find_both(const struct wanted *w, struct pfs_state **state, struct pfs_recent_rows **recent,
                     struct pfs_err *err)
{
    const struct timespec moment = {.tv_nsec = COMMIT_WAIT_NS};

    for (int i = 0; i < COMMIT_TRIES; i++) {
        int rc;

        if (i > 0)
            (void)nanosleep(&moment, NULL);
        rc = pfs_recent_find(w->looking->ingest, w->looking->table, w->schema, w->key, recent, err);
        if (rc == -EINPROGRESS)
            continue;
        if (rc < 0)
            return rc;
        rc = pfs_table_state(w->looking->table, pfs_place_when(w->looking->place), state, err);
        if (rc < 0) { /* perhaps without a sentence: the table may be gone by now */
            pfs_recent_close(*recent);
            return rc;
        }
        if ((*state)->schema->id == w->schema->id &&
            (*recent == NULL || pfs_recent_fits(*recent, (*state)->exists ? (*state)->snapshot.id : 0)))
            return 0;
        pfs_recent_close(*recent);
        pfs_state_unref(*state);
    }
    return -EAGAIN;
}

/* What is merged in memory belongs to no snapshot: the text itself tells it apart. */
static int identify(const struct found *f, const struct pfs_looking *looking, const struct pfs_state *state, bool with,
                    struct pfs_shown *out, struct pfs_err *err)
{
    out->mtime_ms = state->exists ? state->snapshot.time_ms : 0;
    out->identity = pfs_arena_printf(looking->arena, "%s|%lld-%lld|%016llx", state->identity,
                                     (long long)state->schema->id, (long long)state->schema->time_ms,
                                     with ? (unsigned long long)pfs_hash64(f->text.at, f->text.len, 0) : 0ULL);
    return out->identity == NULL ? pfs_arena_full(looking->arena, err) : 0;
}

/* The state, what waits beside it, and the row of both. */
static int find_with(struct found *f, const struct wanted *w, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_recent_rows *recent;
    struct pfs_state *state;
    int rc;

    PFS_TRY(find_both(w, &state, &recent, err));
    rc = recent == NULL ? look_alone(f, w, state, err) : look_with(f, w, state, recent, err);
    if (rc == 0)
        rc = identify(f, w->looking, state, recent != NULL, out, err);
    pfs_recent_close(recent);
    pfs_state_unref(state);
    return rc;
}

/* The schema is the state's: a frozen place shows the columns of its time. */
static int find(struct found *f, const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_state *state;
    struct wanted w;
    int rc;

    PFS_TRY(pfs_table_state(looking->table, pfs_place_when(looking->place), &state, err));
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = want(looking, state->schema, &arena, &w, err);
    if (rc == 0 && looking->ingest != NULL) {
        rc = find_with(f, &w, out, err);
    } else if (rc == 0) {
        rc = look_alone(f, &w, state, err);
        if (rc == 0)
            rc = identify(f, looking, state, false, out, err);
    }
    pfs_arena_done(&arena);
    pfs_state_unref(state);
    return rc;
}

int pfs_find_key(const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct found *f = pfs_zalloc(sizeof(*f));
    int rc;

    if (f == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a row");
    pfs_buf_init(&f->text, PFS_BATCH_BYTES_MAX);
    rc = find(f, looking, out, err);
    if (rc < 0) {
        release(f);
        return rc;
    }
    out->source = (struct pfs_view_source){
        .begin = begin, .step = step, .end = end, .release = release, .context = f, .small = true};
    return 0;
}
