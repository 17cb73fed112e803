/* render_key.c - the finder of key/: one row, looked for when its name is. */
#include "fs/render.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "format/binrow.h"
#include "src/condition/condition.h"

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

static int key_condition(const struct pfs_place *place, const struct pfs_schema *schema, const struct pfs_column *value,
                         struct pfs_arena *arena, const struct pfs_condition **out, struct pfs_err *err)
{
    const struct pfs_condition *key, *where;

    PFS_TRY(pfs_condition_equals(schema, schema->primary_key, value, schema->primary_keys, arena, &key, err));
    PFS_TRY(pfs_place_condition(place, schema, arena, &where, err));
    return pfs_condition_and(key, where, arena, out, err);
}

/* Prints the row; bare -ENOENT when there is none. */
static int print(struct found *f, enum pfs_text format, const struct pfs_rows *rows, struct pfs_arena *scratch,
                 struct pfs_err *err)
{
    struct pfs_batch batch;
    int64_t got = pfs_reader_next(rows->reader, scratch, &batch, err);

    if (got <= 0)
        return got < 0 ? (int)got : -ENOENT;
    if (got > 1) /* 0.0 and -0.0 are two keys, and equal */
        return pfs_fail(err, EOPNOTSUPP, "%lld keys are equal to this one", (long long)got);
    pfs_text_header(format, rows->field, rows->columns, &f->text);
    PFS_TRY(pfs_text_print(format, rows->field, &batch, &f->text, err));
    return pfs_buf_check(&f->text, err);
}

/* The hash of the bucket key, when every part of it is known and buckets are told by it. */
static int hash_key(const struct pfs_schema *schema, const struct pfs_column *key, int32_t *hash, bool *known,
                    struct pfs_err *err)
{
    const char *function = pfs_options_get(&schema->options, "bucket-function.type");
    const struct pfs_column *column[64];
    struct pfs_buf scratch = {0};
    int rc;

    *known = false;
    if (schema->buckets <= 0 || schema->bucket_keys > 64 || (function != NULL && strcmp(function, "default") != 0))
        return 0;
    for (int32_t i = 0; i < schema->bucket_keys; i++) {
        int32_t at = 0;

        while (at < schema->primary_keys && schema->primary_key[at] != schema->bucket_key[i])
            at++;
        if (at == schema->primary_keys)
            return 0;
        column[i] = &key[at];
    }
    rc = pfs_binrow_hash(column, schema->bucket_keys, 0, &scratch, hash, err);
    pfs_buf_done(&scratch);
    *known = rc == 0;
    return rc;
}

static int look(struct found *f, const struct pfs_looking *looking, struct pfs_state *state, struct pfs_arena *scratch,
                struct pfs_err *err)
{
    const struct pfs_place *place = looking->place;
    struct pfs_scan_want want = {
        .state = state, .partitions = place->specs, .budget = looking->budget, .pool = looking->pool};
    struct pfs_partition_value *partition;
    struct pfs_column *key;
    struct pfs_rows *rows;
    int32_t *column, hash;
    bool hashed;
    int rc;

    PFS_TRY(pfs_place_columns(place, state->schema, scratch, &column, &want.columns, err));
    PFS_TRY(pfs_place_partitions(place, state->schema, scratch, &partition, err));
    PFS_TRY(pfs_place_key(place, state->schema, scratch, &key, err));
    PFS_TRY(key_condition(place, state->schema, key, scratch, &want.condition, err));
    PFS_TRY(hash_key(state->schema, key, &hash, &hashed, err));
    want.bucket_hash = hashed ? &hash : NULL;
    want.column = column;
    want.partition = partition;
    PFS_TRY(pfs_scan_rows(&want, &rows, err));
    rc = print(f, place->format, rows, scratch, err);
    pfs_rows_close(rows);
    return rc;
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
