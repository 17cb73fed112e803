/* key.c - the finder of key/: one row, looked for when its name is. */
#include "fs/render/render.h"

#include "base/limits.h"
#include "base/mem.h"
#include "src/condition/condition.h"
#include "src/lookup/lookup.h"

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

static int print_found(struct found *f, const struct pfs_looking *looking, const struct pfs_schema *schema,
                       const int32_t *column, const struct pfs_batch *row, struct pfs_arena *scratch,
                       struct pfs_err *err)
{
    enum pfs_text format = looking->place->format;
    struct pfs_field *field = pfs_arena_array(scratch, (size_t)row->columns, sizeof(*field));

    if (field == NULL)
        return pfs_arena_full(scratch, err);
    for (int32_t i = 0; i < row->columns; i++)
        field[i] = schema->field[column[i]];
    pfs_text_header(format, field, row->columns, &f->text);
    PFS_TRY(pfs_text_print(format, field, row, &f->text, err));
    return pfs_buf_check(&f->text, err);
}

static int look(struct found *f, const struct pfs_looking *looking, struct pfs_state *state, struct pfs_arena *scratch,
                struct pfs_err *err)
{
    const struct pfs_place *place = looking->place;
    struct pfs_lookup_want want = {
        .state = state, .partitions = place->specs, .locals = looking->locals, .budget = looking->budget};
    struct pfs_partition_value *partition;
    struct pfs_lookup *lookup;
    struct pfs_column *key;
    struct pfs_batch row;
    int32_t *column;
    bool found;
    int rc;

    PFS_TRY(pfs_place_columns(place, state->schema, scratch, &column, &want.columns, err));
    PFS_TRY(pfs_place_partitions(place, state->schema, scratch, &partition, err));
    PFS_TRY(pfs_place_key(place, state->schema, scratch, &key, err));
    PFS_TRY(pfs_place_condition(place, state->schema, scratch, &want.condition, err));
    want.column = column;
    want.partition = partition;
    PFS_TRY(pfs_lookup_open(&want, &lookup, err));
    rc = pfs_lookup_rows(lookup, key, 1, scratch, &row, &found, err);
    pfs_lookup_close(lookup);
    if (rc == 0 && !found)
        return -ENOENT;
    return rc < 0 ? rc : print_found(f, looking, state->schema, column, &row, scratch, err);
}

static int find(struct found *f, const struct pfs_looking *looking, struct pfs_shown *out, struct pfs_err *err)
{
    struct pfs_arena scratch;
    struct pfs_state *state;
    int rc;

    PFS_TRY(pfs_table_state(looking->table, pfs_place_when(looking->place), &state, err));
    pfs_arena_init(&scratch, PFS_ARENA_LIMIT);
    rc = look(f, looking, state, &scratch, err);
    pfs_arena_done(&scratch);
    out->mtime_ms = state->exists ? state->snapshot.time_ms : 0;
    out->identity = pfs_arena_printf(looking->arena, "%s|%lld-%lld", state->identity, (long long)state->schema->id,
                                     (long long)state->schema->time_ms);
    pfs_state_unref(state);
    if (rc == 0 && out->identity == NULL)
        rc = pfs_arena_full(looking->arena, err);
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
