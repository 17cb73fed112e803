/* write.c - the rows of one transaction: held in memory, written out when the budget or a commit asks for it.
 *
 * Rows that are in memory are written anew for each attempt, so that numbers and buckets fit the state of that attempt.
 * Rows that the budget forced out (spilled) are files already; they fit as long as their buckets have not moved on
 * (same next sequence number, same hash index). When one has, the file is read back and written with higher numbers.
 */
#include "src/write/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/write/group.h"
#include "src/write/internal.h"

#define MEMORY_DEFAULT ((size_t)64 << 20)

/* ---- life ---- */

static int open_engine(struct pfs_write *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->config.schema;

    w->column = pfs_alloc_array((size_t)schema->columns, sizeof(*w->column));
    if (w->column == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    for (int32_t i = 0; i < schema->columns; i++)
        w->column[i] = i;
    if (schema->primary_keys == 0)
        return 0;
    return pfs_engine_open(schema, w->column, schema->columns, &w->engine, err);
}

int pfs_write_open(const struct pfs_write_config *config, struct pfs_write **out, struct pfs_err *err)
{
    struct pfs_write *w;
    int rc;

    PFS_TRY(pfs_schema_supported(config->schema, true, err));
    w = pfs_zalloc(sizeof(*w));
    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    w->config = *config;
    if (w->config.memory_bytes == 0)
        w->config.memory_bytes = MEMORY_DEFAULT;
    pfs_partitions_init(&w->partitions);
    pfs_arena_init(&w->arena, PFS_MANIFEST_BYTES_MAX);
    rc = pfs_gate_init(&w->gate, config->schema, err);
    if (rc == 0)
        rc = open_engine(w, err);
    if (rc < 0) {
        pfs_write_close(w);
        return rc;
    }
    *out = w;
    return 0;
}

static void drop_rows(struct pfs_write *w)
{
    for (int32_t i = 0; i < w->batches; i++)
        pfs_routed_free(w->routed[i]);
    w->batches = 0;
    w->bytes = 0;
}

/* Takes back the outputs from `from` on and the index files: they are in no snapshot. */
static void take_back(struct pfs_write *w, int32_t from)
{
    pfs_outputs_cut(w, &w->outputs, from, true);
    for (int32_t i = 0; i < w->index_paths; i++)
        (void)pfs_store_unlink(w->config.store, w->index_path[i], NULL);
    w->index_paths = 0;
}

static void close_assigners(struct pfs_write *w)
{
    for (int32_t i = 0; i < w->assigners; i++)
        pfs_assigner_close(w->assigner[i]);
    pfs_free(w->assigner);
    w->assigner = NULL;
    w->assigners = 0;
    pfs_state_unref(w->assigned);
    w->assigned = NULL;
}

void pfs_write_close(struct pfs_write *write)
{
    if (write == NULL)
        return;
    pfs_write_empty(write);
    pfs_outputs_done(&write->outputs);
    pfs_outputs_done(&write->old);
    pfs_engine_close(write->engine);
    pfs_partitions_done(&write->partitions);
    pfs_arena_done(&write->arena);
    pfs_free(write->routed);
    pfs_free(write->column);
    pfs_free(write);
}

int64_t pfs_write_rows(const struct pfs_write *write)
{
    return write->rows;
}

void pfs_write_empty(struct pfs_write *w)
{
    take_back(w, 0);
    pfs_outputs_cut(w, &w->old, 0, false);
    w->spilled = 0;
    w->rows = 0;
    drop_rows(w);
    close_assigners(w);
}

void pfs_write_committed(struct pfs_write *write)
{
    for (int32_t i = 0; i < write->old.count; i++)
        pfs_output_remove_files(write, write->old.output[i]);
    pfs_outputs_cut(write, &write->outputs, 0, false);
    write->index_paths = 0;
    pfs_write_empty(write);
}

/* ---- buckets of rows ---- */

static int open_assigners(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_assigner **more;

    if (w->assigned == NULL)
        w->assigned = pfs_state_ref(state);
    if (w->assigners == w->partitions.count)
        return 0;
    more = pfs_realloc(w->assigner, (size_t)w->partitions.count * sizeof(*more));
    if (more == NULL)
        return pfs_fail(err, ENOMEM, "no memory for %d partitions", w->partitions.count);
    w->assigner = more;
    while (w->assigners < w->partitions.count) {
        PFS_TRY(pfs_assigner_open(w->assigned, w->partitions.bytes[w->assigners], &w->assigner[w->assigners], err));
        w->assigners++;
    }
    return 0;
}

static int bucket_of(void *context, int32_t partition, int32_t hash, int32_t *bucket, struct pfs_err *err)
{
    struct pfs_write *w = context;
    const struct pfs_schema *schema = w->config.schema;

    if (w->assigner != NULL)
        return pfs_assigner_bucket(w->assigner[partition], hash, bucket, err);
    *bucket = schema->buckets > 1 ? pfs_bucket_of(&w->gate, hash) : 0;
    return 0;
}

/* ---- writing one bucket ---- */

struct flush { /* what the tasks of one flush share */
    struct pfs_write *write;
    struct pfs_state *state;
    struct pfs_group *group;
    struct pfs_output **output;
};

/* A partition keeps the number of buckets that it was written with; only a rewrite changes it. */
static int check_buckets(const struct pfs_state *state, struct pfs_slice partition, struct pfs_err *err)
{
    int32_t now = state->schema->buckets;

    for (int64_t i = 0; now > 0 && i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];

        if (e->total_buckets > 0 && e->total_buckets != now && pfs_slice_eq(e->partition, partition))
            return pfs_fail(err, EINVAL,
                            "the partition was written with %d buckets and the table has %d now; overwrite it first",
                            e->total_buckets, now);
    }
    return 0;
}

static const struct pfs_type number_type = {.kind = PFS_BIGINT};

/* The bucket's rows as one key-value batch: columns gathered, numbers given in order of arrival, kinds last. */
static int gather(struct pfs_write *w, const struct pfs_group *g, int64_t base, struct pfs_arena *arena,
                  struct pfs_batch *out, struct pfs_err *err)
{
    int32_t columns = w->config.schema->columns;
    const struct pfs_batch **source = pfs_arena_array(arena, (size_t)w->batches, sizeof(*source));
    struct pfs_column *column = pfs_arena_array(arena, (size_t)columns + 2, sizeof(*column));
    int64_t *number = pfs_arena_alloc(arena, (size_t)g->rows * sizeof(*number));

    if (source == NULL || column == NULL || number == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < w->batches; i++)
        source[i] = &w->routed[i]->batch;
    for (int32_t i = 0; i <= columns; i++)
        PFS_TRY(
            pfs_column_gather(source, i, g->range, g->ranges, g->rows, arena, &column[i == columns ? i + 1 : i], err));
    for (int64_t i = 0; i < g->rows; i++)
        number[i] = base + i;
    column[columns] = (struct pfs_column){.type = &number_type, .values = number};
    *out = (struct pfs_batch){g->rows, columns + 2, column};
    return 0;
}

static int sort_and_merge(struct pfs_write *w, const struct pfs_batch *in, struct pfs_arena *arena,
                          struct pfs_batch *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->config.schema;
    struct pfs_merge merge = {.engine = w->engine, .key = schema->trimmed_key, .keys = schema->trimmed_keys};

    if (w->engine == NULL) { /* an append table: the columns alone, as they came */
        *out = (struct pfs_batch){in->rows, schema->columns, in->column};
        return 0;
    }
    return pfs_merge_buffer(&merge, in, 1, arena, out, err);
}

static int write_rows(const struct pfs_write *w, const struct pfs_data_write *to, const struct pfs_batch *rows,
                      struct pfs_output *o, struct pfs_err *err)
{
    struct pfs_data_writer *writer;
    int rc;

    (void)w;
    PFS_TRY(pfs_data_writer_open(to, &writer, err));
    rc = pfs_data_writer_add(writer, rows, err);
    if (rc == 0)
        rc = pfs_data_writer_finish(writer, &o->arena, &o->entry, &o->entries, err);
    pfs_data_writer_close(writer);
    return rc;
}

static int flush_group(struct pfs_write *w, const struct pfs_group *g, struct pfs_output *o, struct pfs_err *err)
{
    struct pfs_data_write to = pfs_output_target(w, w->partitions.bytes[g->partition], g->bucket, o->base);
    struct pfs_batch in, merged;
    struct pfs_arena arena;
    int rc;

    pfs_arena_init(&arena, 0);
    rc = gather(w, g, o->base, &arena, &in, err);
    if (rc == 0)
        rc = sort_and_merge(w, &in, &arena, &merged, err);
    if (rc == 0)
        rc = write_rows(w, &to, &merged, o, err);
    pfs_arena_done(&arena);
    return rc;
}

static void flush_task(void *context, int index)
{
    struct flush *f = context;
    struct pfs_output *o = f->output[index];

    o->rc = flush_group(f->write, &f->group[index], o, &o->err);
}

/* ---- flushing ---- */

/* Sorts the rows in memory into buckets and writes these, in parallel. */
static int flush(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    struct flush f = {.write = w, .state = state};
    int32_t first = w->outputs.count;
    struct pfs_arena arena;
    int64_t groups = 0;
    int rc = 0;

    if (w->batches == 0)
        return 0;
    pfs_arena_init(&arena, 0);
    if (pfs_write_is_dynamic(w->config.schema))
        rc = open_assigners(w, state, err);
    if (rc == 0)
        rc = pfs_group_rows((const struct pfs_routed *const *)w->routed, w->batches, bucket_of, w, &arena, &f.group,
                            &groups, err);
    for (int64_t i = 0; rc == 0 && i < groups; i++) {
        struct pfs_slice partition = w->partitions.bytes[f.group[i].partition];
        int64_t base = pfs_output_base(w, state, partition, f.group[i].bucket, w->outputs.count);
        struct pfs_output *o;

        rc = check_buckets(state, partition, err);
        if (rc == 0)
            rc = pfs_outputs_add(&w->outputs, &o, err);
        if (rc == 0) {
            o->base = base;
            o->next = base + f.group[i].rows;
        }
    }
    if (rc == 0) {
        f.output = w->outputs.output + first;
        pfs_pool_run(w->config.pool, (int)groups, flush_task, &f);
        for (int64_t i = 0; rc == 0 && i < groups; i++) {
            rc = f.output[i]->rc;
            if (rc < 0 && err != NULL)
                *err = f.output[i]->err;
        }
    }
    pfs_arena_done(&arena);
    if (rc < 0)
        take_back(w, first);
    return rc;
}

static int keep_routed(struct pfs_write *w, struct pfs_routed *r, struct pfs_err *err)
{
    if (w->batches == w->batches_room) {
        int32_t room = w->batches_room == 0 ? 64 : w->batches_room * 2;
        struct pfs_routed **more = pfs_realloc(w->routed, (size_t)room * sizeof(struct pfs_routed *));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a write");
        w->routed = more;
        w->batches_room = room;
    }
    w->routed[w->batches++] = r;
    w->rows += r->batch.rows;
    w->bytes += r->bytes;
    return 0;
}

/* All rows in memory become files. */
static int spill(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    take_back(w, w->spilled);
    PFS_TRY(flush(w, state, err));
    w->spilled = w->outputs.count;
    drop_rows(w);
    return 0;
}

int pfs_write_add_routed(struct pfs_write *w, struct pfs_routed *r, struct pfs_state *state, struct pfs_err *err)
{
    int rc = r->batch.rows > 0 ? keep_routed(w, r, err) : 0;

    if (rc < 0 || r->batch.rows == 0) {
        pfs_routed_free(r);
        return rc;
    }
    return w->bytes > w->config.memory_bytes ? spill(w, state, err) : 0;
}

int pfs_write_add(struct pfs_write *write, struct pfs_arena *arena, const struct pfs_batch *batch,
                  struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_routed *r = pfs_zalloc(sizeof(*r));
    int rc;

    if (r == NULL) {
        pfs_arena_done(arena);
        return pfs_fail(err, ENOMEM, "no memory for a batch");
    }
    rc = pfs_route(&write->gate, &write->partitions, arena, batch, r, err);
    if (rc < 0) {
        pfs_routed_free(r);
        return rc;
    }
    return pfs_write_add_routed(write, r, state, err);
}

/* ---- spilled files that no longer fit ---- */

static bool same_index(const struct pfs_state *a, const struct pfs_state *b)
{
    const char *x = a->exists ? a->snapshot.index_manifest : NULL, *y = b->exists ? b->snapshot.index_manifest : NULL;

    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

static int fit_spilled(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    if (w->spilled > 0 && w->assigned != NULL && !same_index(w->assigned, state))
        return pfs_fail(err, EBUSY,
                        "another writer changed the table's hash index while this large transaction was "
                        "written; write it again");
    return pfs_outputs_fit(w, state, err);
}

/* ---- preparing a commit ---- */

static int save_index(struct pfs_write *w, struct pfs_write_files *out, struct pfs_err *err)
{
    struct pfs_index_entry *entry;
    const char *dir;
    int32_t changed = 0, count = 0;

    for (int32_t i = 0; i < w->assigners; i++)
        changed += pfs_assigner_changed(w->assigner[i]);
    if (changed == 0)
        return 0;
    entry = pfs_arena_array(&w->arena, (size_t)changed, sizeof(*entry));
    w->index_path = pfs_arena_array(&w->arena, (size_t)changed, sizeof(*w->index_path));
    dir = pfs_arena_printf(&w->arena, "%s/index", w->config.table);
    if (entry == NULL || w->index_path == NULL || dir == NULL)
        return pfs_arena_full(&w->arena, err);
    for (int32_t i = 0; i < w->assigners; i++) {
        int32_t saved;
        int rc = pfs_assigner_save(w->assigner[i], &w->arena, entry + count, &saved, err);

        for (int32_t k = 0; k < saved; k++) {
            const char *path = pfs_arena_printf(&w->arena, "%s/%s", dir, entry[count + k].name);

            if (path != NULL)
                w->index_path[w->index_paths++] = path;
        }
        PFS_TRY(rc);
        count += saved;
    }
    out->index = entry;
    out->indexes = count;
    return pfs_store_sync_dir(w->config.store, dir, err);
}

static int list_entries(struct pfs_write *w, struct pfs_write_files *out, struct pfs_err *err)
{
    struct pfs_manifest_entry *entry;
    int64_t count = 0;

    for (int32_t i = 0; i < w->outputs.count; i++)
        count += w->outputs.output[i]->entries;
    entry = pfs_arena_array(&w->arena, (size_t)count, sizeof(*entry));
    if (entry == NULL)
        return pfs_arena_full(&w->arena, err);
    out->entry = entry;
    for (int32_t i = 0; i < w->outputs.count; i++)
        for (int64_t k = 0; k < w->outputs.output[i]->entries; k++)
            entry[out->entries++] = w->outputs.output[i]->entry[k];
    return 0;
}

int pfs_write_prepare(struct pfs_write *write, struct pfs_state *state, struct pfs_write_files *out,
                      struct pfs_err *err)
{
    struct pfs_write_files files = {0};

    take_back(write, write->spilled);
    pfs_arena_reset(&write->arena);
    PFS_TRY(fit_spilled(write, state, err));
    if (write->spilled == 0)
        close_assigners(write);
    PFS_TRY(flush(write, state, err));
    PFS_TRY(save_index(write, &files, err));
    PFS_TRY(list_entries(write, &files, err));
    *out = files;
    return 0;
}

int pfs_write_spill(struct pfs_write *write, struct pfs_state *state, struct pfs_write_files *out, struct pfs_err *err)
{
    struct pfs_write_files files = {0};

    PFS_TRY(spill(write, state, err));
    pfs_arena_reset(&write->arena);
    PFS_TRY(list_entries(write, &files, err));
    for (int32_t i = 0; i < write->outputs.count; i++)
        write->outputs.output[i]->listed = true;
    *out = files;
    return 0;
}
