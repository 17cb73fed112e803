/* write.c - the rows of one transaction: held in memory, written out when the budget or a commit asks for it.
 *
 * Rows that are in memory or in sorted runs are written anew for each attempt, so that numbers and buckets fit the
 * state of that attempt. Rows that are in files only (spilled) fit as long as their buckets have not moved on (same
 * next sequence number, same hash index). When one has, the file is read back and written with higher numbers.
 */
#include "src/write/write.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/meta/names.h"
#include "src/write/cross.h"

#define MEMORY_DEFAULT ((size_t)64 << 20)
#define OUTPUTS_MANY 10000 /* of small pieces of memory each */

/* ---- life ---- */

static int open_engine(struct pfs_write *w, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->config.schema;
    const char *producer = pfs_options_get(&schema->options, "changelog-producer");

    w->column = pfs_alloc_array((size_t)schema->columns, sizeof(*w->column));
    if (w->column == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    for (int32_t i = 0; i < schema->columns; i++)
        w->column[i] = i;
    w->keyed = schema->primary_keys > 0;
    w->postponed = schema->buckets == PFS_POSTPONE_BUCKET;
    if (!w->keyed || w->postponed)
        return 0;
    w->input = producer != NULL && strcasecmp(producer, "input") == 0 && !w->config.overwrite;
    PFS_TRY(pfs_options_bool(&schema->options, "write-buffer-spillable", true, &w->spillable, err));
    w->spillable = w->spillable && !w->input && !pfs_cross_is(schema);
    return pfs_engine_open(schema, w->column, schema->columns, &w->engine, err);
}

/* The handle that names it may go before the write does. */
static int copy_user(struct pfs_write *w, const char *user, struct pfs_err *err)
{
    if (user == NULL)
        return 0;
    w->user = pfs_strdup(user);
    w->config.user = w->user;
    return w->user == NULL ? pfs_fail(err, ENOMEM, "no memory for a write") : 0;
}

/* What a commit will need, before a row is acknowledged. */
static int check_commit(const struct pfs_options *o, struct pfs_err *err)
{
    static const char *const keys[] = {"commit.max-retries", "commit.timeout", "commit.min-retry-wait",
                                       "commit.max-retry-wait"};
    const char *codec;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (pfs_options_get(o, keys[i]) != NULL)
            PFS_TRY(pfs_option_check(keys[i], pfs_options_get(o, keys[i]), err));
    PFS_TRY(pfs_name_check_data_dir(o, err));
    return pfs_manifest_codec(o, &codec, err);
}

int pfs_write_open(const struct pfs_write_config *config, struct pfs_write **out, struct pfs_err *err)
{
    struct pfs_write *w;
    int rc;

    PFS_TRY(pfs_schema_supported(config->schema, true, err));
    PFS_TRY(pfs_data_write_check(config->schema, config->external, err));
    PFS_TRY(check_commit(&config->schema->options, err));
    w = pfs_zalloc(sizeof(*w));
    if (w == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    w->config = *config;
    w->config.user = NULL;
    if (w->config.memory_bytes == 0)
        w->config.memory_bytes = MEMORY_DEFAULT;
    pfs_partitions_init(&w->partitions);
    pfs_arena_init(&w->arena, PFS_MANIFEST_BYTES_MAX);
    rc = copy_user(w, config->user, err);
    if (rc == 0)
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

/* Takes back the outputs from `from` on and the index files: they are in no snapshot. */
static void take_back(struct pfs_write *w, int32_t from)
{
    assert(from >= 0);
    assert(from <= w->outputs.count);
    pfs_outputs_cut(w, &w->outputs, from, true);
    for (int32_t i = 0; i < w->index_paths; i++)
        (void)pfs_store_unlink(w->config.store, w->index_path[i], NULL);
    w->index_paths = 0;
    w->prepared = false;
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

static void close_cross(struct pfs_write *w)
{
    pfs_cross_close(w->cross);
    w->cross = NULL;
    pfs_state_unref(w->crossed);
    w->crossed = NULL;
}

static void drop_rows(struct pfs_write *w)
{
    pfs_hold_clear(&w->hold);
    pfs_runs_close(w->runs);
    w->runs = NULL;
}

void pfs_write_empty(struct pfs_write *w)
{
    (void)pfs_aside_settle(w, NULL);
    pfs_err_clear(&w->failed);
    take_back(w, 0);
    pfs_outputs_cut(w, &w->old, 0, false);
    pfs_numbers_done(&w->numbers);
    w->spilled = 0;
    w->rows = 0;
    w->broken = false;
    drop_rows(w);
    close_assigners(w);
    close_cross(w);
}

void pfs_write_close(struct pfs_write *write)
{
    if (write == NULL)
        return;
    pfs_write_empty(write);
    pfs_hold_done(&write->hold);
    pfs_outputs_done(&write->outputs);
    pfs_outputs_done(&write->old);
    pfs_engine_close(write->engine);
    pfs_partitions_done(&write->partitions);
    pfs_arena_done(&write->arena);
    pfs_free(write->column);
    pfs_free(write->user);
    pfs_free(write);
}

int64_t pfs_write_rows(const struct pfs_write *write)
{
    return write->rows;
}

/* The lists are cut without their files, which are the snapshot's now, before the write is emptied as if nothing had
 * been committed. */
void pfs_write_committed(struct pfs_write *write)
{
    bool many = write->outputs.count >= OUTPUTS_MANY;

    for (int32_t i = 0; i < write->old.count; i++)
        pfs_output_remove_files(write, write->old.output[i]);
    pfs_outputs_cut(write, &write->outputs, 0, false);
    write->index_paths = 0;
    pfs_write_empty(write);
    if (many)
        pfs_mem_trim();
}

/* ---- adding ---- */

static int check_broken(const struct pfs_write *w, struct pfs_err *err)
{
    return w->broken ? pfs_fail(err, EIO, "this write failed before and cannot go on") : 0;
}

static int settle(struct pfs_write *w, struct pfs_err *err)
{
    PFS_TRY(check_broken(w, err));
    return pfs_aside_settle(w, err);
}

/* Rows in memory and runs become files, which are what there is of them. */
static int spill_files(struct pfs_write *w, struct pfs_state *state, bool stay_open, struct pfs_err *err)
{
    int rc;

    take_back(w, w->spilled);
    if (w->spilled == 0)
        close_cross(w);
    rc = pfs_flush_files(w, state, stay_open, err);
    if (rc < 0) {
        w->broken = w->broken || pfs_outputs_are_open(w) || w->cross != NULL;
        return rc;
    }
    w->spilled = w->outputs.count;
    drop_rows(w);
    return 0;
}

/* The budget is used up. Where there is no room for runs the rows become files at once. */
static int relieve(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    assert(w->hold.count > 0);
    if (!w->spillable)
        return spill_files(w, state, true, err);
    if (pfs_aside_can(w))
        return pfs_aside_begin(w, state, err);
    PFS_TRY(pfs_flush_runs(w, &w->hold, state, err));
    pfs_hold_clear(&w->hold);
    return 0;
}

/* Half of it is sorted while the other half fills. */
static size_t hold_most(const struct pfs_write *w)
{
    return pfs_aside_can(w) ? w->config.memory_bytes / 2 : w->config.memory_bytes;
}

int pfs_write_add_routed(struct pfs_write *w, struct pfs_routed *r, struct pfs_state *state, struct pfs_err *err)
{
    int64_t rows = r->batch.rows;

    assert(r->batch.columns == w->config.schema->columns + 1);
    assert(w->config.schema->partition_keys == 0 || r->partition != NULL || rows == 0);
    if (rows == 0) {
        pfs_routed_free(r);
        return 0;
    }
    if (w->prepared)
        take_back(w, w->spilled);
    PFS_TRY(pfs_hold_add(&w->hold, r, w->engine != NULL, err));
    w->rows += rows;
    return w->hold.bytes > hold_most(w) ? relieve(w, state, err) : 0;
}

int pfs_write_add(struct pfs_write *write, struct pfs_arena *arena, const struct pfs_batch *batch,
                  struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_routed *r = pfs_zalloc(sizeof(*r));
    int rc;

    assert(batch->columns == write->config.schema->columns + 1);
    if (r == NULL) {
        pfs_arena_done(arena);
        return pfs_fail(err, ENOMEM, "no memory for a batch");
    }
    rc = pfs_route(&write->gate, &write->partitions, arena, batch, r, err);
    if (rc == 0)
        rc = check_broken(write, err);
    if (rc == 0 && r->batch.rows > 0)
        rc = pfs_write_try(write, &r->batch, err);
    if (rc < 0) {
        pfs_routed_free(r);
        return rc;
    }
    return pfs_write_add_routed(write, r, state, err);
}

/* ---- preparing a commit ---- */

static bool same_index(const struct pfs_state *a, const struct pfs_state *b)
{
    const char *x = a->exists ? a->snapshot.index_manifest : NULL, *y = b->exists ? b->snapshot.index_manifest : NULL;

    return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
}

/* Keys were assigned to buckets by a hash index that has changed meanwhile: what was sorted by it is added again. */
static int assign_again(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    if (w->assigned == NULL || w->config.overwrite || same_index(w->assigned, state))
        return 0;
    take_back(w, w->spilled);
    close_assigners(w);
    return w->spilled > 0 || w->runs != NULL ? pfs_write_add_again(w, state, err) : 0;
}

/* Rows that are files already were sent to where their keys lived in that state. Rows in memory are sent anew. */
static int check_homes(struct pfs_write *w, const struct pfs_state *state, struct pfs_err *err)
{
    if (w->cross == NULL || w->config.overwrite || strcmp(w->crossed->identity, state->identity) == 0)
        return 0;
    if (w->spilled > 0)
        return pfs_fail(err, EBUSY,
                        "another writer changed the table, whose keys move between partitions, while this large "
                        "transaction was written; write it again");
    take_back(w, 0);
    return 0;
}

/* Would the files of the last attempt be the same for this state? Those that were spilled are looked at before, and
 * answered for by `prepared` when one of them was replaced. */
static int fits(struct pfs_write *w, struct pfs_state *state, bool *out, struct pfs_err *err)
{
    *out = w->prepared;
    assert(w->spilled <= w->outputs.count);
    for (int32_t i = w->spilled; *out && i < w->outputs.count; i++) {
        const struct pfs_output *o = w->outputs.output[i];
        int64_t base;

        PFS_TRY(pfs_output_base(w, state, o->number, o->bucket, w->spilled, &base, err));
        *out = base == o->base;
    }
    return 0;
}

/* The directories that got index files; many of them lie in one. */
static int sync_index(struct pfs_write *w, const struct pfs_index_entry *entry, int32_t count, struct pfs_err *err)
{
    const char *last = "", *dir;

    for (int32_t i = 0; i < count; i++, last = dir) {
        PFS_TRY(pfs_name_index_dir(w->config.table, w->config.schema, entry[i].partition, entry[i].bucket, &w->arena,
                                   &dir, err));
        if (strcmp(dir, last) != 0)
            PFS_TRY(pfs_store_sync_dir(w->config.store, dir, err));
    }
    return 0;
}

static int save_index(struct pfs_write *w, struct pfs_write_files *out, struct pfs_err *err)
{
    struct pfs_index_entry *entry;
    int32_t changed = 0;

    for (int32_t i = 0; i < w->assigners; i++)
        changed += pfs_assigner_changed(w->assigner[i]);
    if (changed == 0)
        return 0;
    assert(w->index_paths == 0); /* those of the last attempt were taken back */
    entry = pfs_arena_array(&w->arena, (size_t)changed, sizeof(*entry));
    w->index_path = pfs_arena_array(&w->arena, (size_t)changed, sizeof(*w->index_path));
    if (entry == NULL || w->index_path == NULL)
        return pfs_arena_full(&w->arena, err);
    for (int32_t i = 0; i < w->assigners; i++) {
        int32_t saved;
        int rc = pfs_assigner_save(w->assigner[i], &w->arena, entry + w->index_paths, w->index_path + w->index_paths,
                                   &saved, err);

        w->index_paths += saved;
        PFS_TRY(rc);
    }
    assert(w->index_paths == changed);
    out->index = entry;
    out->indexes = w->index_paths;
    return sync_index(w, entry, w->index_paths, err);
}

static int list_entries(struct pfs_write *w, struct pfs_write_files *out, struct pfs_err *err)
{
    struct pfs_manifest_entry *entry, *changelog;
    int64_t entries = 0, changelogs = 0;

    for (int32_t i = 0; i < w->outputs.count; i++) {
        entries += w->outputs.output[i]->entries;
        changelogs += w->outputs.output[i]->changelogs;
    }
    entry = pfs_arena_array(&w->arena, (size_t)entries, sizeof(*entry));
    changelog = pfs_arena_array(&w->arena, (size_t)changelogs, sizeof(*changelog));
    if (entry == NULL || changelog == NULL)
        return pfs_arena_full(&w->arena, err);
    out->entry = entry;
    out->changelog = changelog;
    for (int32_t i = 0; i < w->outputs.count; i++) {
        const struct pfs_output *o = w->outputs.output[i];

        assert(o->writer == NULL);
        for (int64_t k = 0; k < o->entries; k++)
            entry[out->entries++] = o->entry[k];
        for (int64_t k = 0; k < o->changelogs; k++)
            changelog[out->changelogs++] = o->changelog[k];
    }
    assert(out->entries == entries);
    assert(out->changelogs == changelogs);
    return 0;
}

/* Steps in their order: what is on its way arrives; keys get the buckets of this state; files that were spilled get
 * numbers above it; and what is still held is written, unless the last attempt's files are as good. Each step leaves
 * rows where the next attempt finds them again. */
int pfs_write_prepare(struct pfs_write *write, struct pfs_state *state, struct pfs_write_files *out,
                      struct pfs_err *err)
{
    struct pfs_write_files files = {0};
    bool same;

    PFS_TRY(settle(write, err));
    PFS_TRY(assign_again(write, state, err));
    PFS_TRY(check_homes(write, state, err));
    if (pfs_outputs_are_open(write) || (write->spilled > 0 && write->cross != NULL))
        PFS_TRY(spill_files(write, state, false, err));
    PFS_TRY(pfs_outputs_fit(write, state, err));
    PFS_TRY(fits(write, state, &same, err));
    if (!same) {
        take_back(write, write->spilled);
        if (write->spilled == 0 && write->runs == NULL)
            close_assigners(write);
        if (write->spilled == 0)
            close_cross(write);
        PFS_TRY(pfs_outputs_copy_changelogs(write, state, err));
        PFS_TRY(pfs_flush_files(write, state, false, err));
        pfs_arena_reset(&write->arena);
        PFS_TRY(save_index(write, &files, err));
        PFS_TRY(list_entries(write, &files, err));
        write->prepared = true;
        write->files = files;
    }
    *out = write->files;
    return 0;
}

int pfs_write_spill(struct pfs_write *write, struct pfs_state *state, struct pfs_write_files *out, struct pfs_err *err)
{
    struct pfs_write_files files = {0};

    PFS_TRY(settle(write, err));
    PFS_TRY(spill_files(write, state, false, err));
    pfs_arena_reset(&write->arena);
    PFS_TRY(list_entries(write, &files, err));
    for (int32_t i = 0; i < write->outputs.count; i++)
        write->outputs.output[i]->listed = true;
    *out = files;
    return 0;
}
