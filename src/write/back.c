/* back.c - rows that are files already, added to a write once more: of another process, of another write, or because
 * they were assigned to buckets of a state that is gone.
 *
 * They have passed the gate when they came first, and do not pass it again: a kind from rowkind.field or a row that
 * ignore-delete would drop was decided then. What they lose is their numbers, which they get anew in the order in which
 * they are added: earlier files before later ones, files before runs, runs before rows in memory. */
#include <assert.h>
#include <errno.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/write/internal.h"

static const struct pfs_type kind_type = {.kind = PFS_TINYINT};

/* The table's columns and the kind: what routing takes. The numbers are given anew. */
static int as_input(struct pfs_write *w, struct pfs_arena *arena, struct pfs_batch *batch, struct pfs_err *err)
{
    int32_t columns = w->config.schema->columns;
    struct pfs_column *column = pfs_arena_array(arena, (size_t)columns + 1, sizeof(*column));

    assert(batch->columns == columns + (w->keyed ? 2 : 0));
    if (column == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < columns; i++)
        column[i] = batch->column[i];
    if (w->keyed)
        column[columns] = batch->column[columns + 1];
    else
        column[columns] =
            (struct pfs_column){.type = &kind_type, .values = pfs_arena_zalloc(arena, (size_t)batch->rows)};
    if (column[columns].values == NULL)
        return pfs_arena_full(arena, err);
    *batch = (struct pfs_batch){batch->rows, columns + 1, column};
    return 0;
}

static int add_batch(struct pfs_write *w, struct pfs_arena *arena, struct pfs_batch *batch, struct pfs_state *state,
                     struct pfs_err *err)
{
    struct pfs_routed *r;
    int rc;

    PFS_TRY(as_input(w, arena, batch, err));
    r = pfs_zalloc(sizeof(*r));
    if (r == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a batch");
    rc = pfs_route_again(&w->gate, &w->partitions, arena, batch, r, err);
    if (rc < 0) {
        pfs_routed_free(r);
        return rc;
    }
    return pfs_write_add_routed(w, r, state, err);
}

/* All rows of a reader of key-value batches. */
static int add_rows(struct pfs_write *w, struct pfs_reader *reader, struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t rows;

    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    while ((rows = pfs_reader_next(reader, &arena, &batch, err)) > 0) {
        rows = add_batch(w, &arena, &batch, state, err);
        if (rows < 0)
            break;
    }
    pfs_arena_done(&arena);
    pfs_reader_close(reader);
    return (int)rows;
}

/* The rows of a file, with what `count` - 1 others hold of them. */
static int add_files(struct pfs_write *w, const struct pfs_manifest_entry *entry, int64_t count,
                     struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_data_read read = {.store = w->config.store,
                                 .table = w->config.table,
                                 .schema = w->config.schema,
                                 .schemas = w->config.schemas,
                                 .columns = w->config.schema->columns,
                                 .column = w->column,
                                 .key_value = w->keyed,
                                 .external = w->config.external};
    struct pfs_reader *reader;

    PFS_TRY(pfs_data_open_made(&read, entry, count, &reader, err));
    return add_rows(w, reader, state, err);
}

int pfs_write_add_postponed(struct pfs_write *write, const struct pfs_manifest_entry *entry, struct pfs_state *state,
                            struct pfs_err *err)
{
    assert(entry->bucket == PFS_POSTPONE_BUCKET && !entry->deleted);
    assert(write->config.schema->buckets > 0); /* they get a real one */
    return add_files(write, entry, 1, state, err);
}

int pfs_write_add_output(struct pfs_write *w, const struct pfs_output *output, struct pfs_state *state,
                         struct pfs_err *err)
{
    bool raw = output->changelogs > 0;
    const struct pfs_manifest_entry *entry = raw ? output->changelog : output->entry;
    int64_t entries = raw ? output->changelogs : output->entries;

    for (int64_t i = 0, count; i < entries; i += count) {
        count = pfs_data_together(&entry[i], entries - i);
        PFS_TRY(add_files(w, &entry[i], count, state, err));
    }
    return 0;
}

/* Rows of runs that may belong to another write. */
static int add_runs(struct pfs_write *w, struct pfs_runs *runs, struct pfs_state *state, struct pfs_err *err)
{
    for (int32_t i = 0; i < pfs_runs_count(runs); i++) {
        const struct pfs_run_list *list = pfs_runs_at(runs, i);

        for (int32_t k = 0; k < list->count; k++) {
            struct pfs_reader *reader;

            PFS_TRY(pfs_run_open(runs, &list->run[k], &reader, err));
            PFS_TRY(add_rows(w, reader, state, err));
        }
    }
    return 0;
}

/* ---- files of others ---- */

static int copy_list(const struct pfs_manifest_entry *from, int64_t count, struct pfs_output *o,
                     struct pfs_manifest_entry **to, int64_t *copied, struct pfs_err *err)
{
    *to = pfs_arena_array(&o->arena, (size_t)count, sizeof(**to));
    if (*to == NULL)
        return pfs_arena_full(&o->arena, err);
    for (; *copied < count; ++*copied)
        PFS_TRY(pfs_manifest_entry_copy(&from[*copied], &o->arena, &(*to)[*copied], err));
    return 0;
}

/* An output of listed files. */
static int copy_files(const struct pfs_write_files *files, struct pfs_output *o, struct pfs_err *err)
{
    assert(files->entries > 0);
    o->listed = true;
    PFS_TRY(copy_list(files->entry, files->entries, o, &o->entry, &o->entries, err));
    PFS_TRY(copy_list(files->changelog, files->changelogs, o, &o->changelog, &o->changelogs, err));
    for (int64_t i = 0; i < o->entries; i++) {
        const struct pfs_data_file *f = &o->entry[i].file;

        o->base = i == 0 || f->min_sequence < o->base ? f->min_sequence : o->base;
        o->next = i == 0 || f->max_sequence >= o->next ? f->max_sequence + 1 : o->next;
    }
    for (int64_t i = 0; i < o->changelogs; i++) { /* rows that were merged away had the numbers around */
        const struct pfs_data_file *f = &o->changelog[i].file;

        o->base = f->min_sequence < o->base ? f->min_sequence : o->base;
        o->next = f->max_sequence >= o->next ? f->max_sequence + 1 : o->next;
    }
    return 0;
}

static int64_t count_of_bucket(const struct pfs_manifest_entry *entry, int64_t entries,
                               const struct pfs_manifest_entry *of)
{
    int64_t i = 0;

    while (i < entries && entry[i].bucket == of->bucket && pfs_slice_eq(entry[i].partition, of->partition))
        i++;
    return i;
}

/* Files of one sorted run have numbers that lie among each other's; all numbers of the next run are greater. Runs are
 * kept apart: when they get other numbers each is written as one file, in the order of its keys. */
static int64_t made_together(const struct pfs_manifest_entry *entry, int64_t entries)
{
    int64_t least = INT64_MAX, together = entries;

    for (int64_t i = entries; i > 1; i--) {
        int64_t most = INT64_MIN;

        least = entry[i - 1].file.min_sequence < least ? entry[i - 1].file.min_sequence : least;
        for (int64_t k = 0; k < i - 1; k++)
            most = entry[k].file.max_sequence > most ? entry[k].file.max_sequence : most;
        together = least > most ? i - 1 : together;
    }
    assert(entries == 0 || together > 0);
    return together;
}

/* Consecutive files of one bucket that were made together, and the changelog that was made with them: both lists have
 * the order in which they were made. */
static struct pfs_write_files take_first(struct pfs_write_files *files)
{
    struct pfs_write_files first = {.entry = files->entry, .changelog = files->changelog};
    int64_t changelogs = count_of_bucket(files->changelog, files->changelogs, files->entry), most = INT64_MIN;

    assert(files->entries > 0);
    first.entries = made_together(files->entry, count_of_bucket(files->entry, files->entries, files->entry));
    for (int64_t i = 0; i < first.entries; i++)
        most = files->entry[i].file.max_sequence > most ? files->entry[i].file.max_sequence : most;
    while (first.changelogs < changelogs && files->changelog[first.changelogs].file.min_sequence <= most)
        first.changelogs++;
    assert(first.entries > 0); /* or adopting would never end */
    assert(first.entries <= files->entries);
    files->entry += first.entries;
    files->entries -= first.entries;
    files->changelog += first.changelogs;
    files->changelogs -= first.changelogs;
    return first;
}

int pfs_write_adopt(struct pfs_write *write, const struct pfs_write_files *files, struct pfs_state *state,
                    struct pfs_err *err)
{
    bool again = pfs_write_is_dynamic(write->config.schema);
    struct pfs_write_files left = *files;

    if (write->hold.count > 0 || write->aside != NULL || write->runs != NULL)
        return pfs_fail(err, EINVAL, "files are adopted before rows are added");
    while (left.entries > 0) {
        const struct pfs_write_files first = take_first(&left);
        struct pfs_output *o;
        int32_t number;

        PFS_TRY(pfs_partitions_number(&write->partitions, first.entry->partition, &number, err));
        PFS_TRY(pfs_outputs_add(write, again ? &write->old : &write->outputs, number, first.entry->bucket, &o, err));
        write->spilled = write->outputs.count;
        PFS_TRY(copy_files(&first, o, err));
        for (int64_t i = 0; i < first.entries && !again; i++)
            write->rows += pfs_data_file_is_aside(&first.entry[i].file) ? 0 : first.entry[i].file.rows;
        if (again)
            PFS_TRY(pfs_write_add_output(write, o, state, err));
    }
    return 0;
}

/* ---- rows of another write ---- */

/* Numbers of partitions become those of `into`. */
static int renumber_partitions(struct pfs_write *into, const struct pfs_write *from, struct pfs_routed *r,
                               struct pfs_err *err)
{
    int32_t *number, last = -1, mine = 0;

    if (r->partition == NULL)
        return 0;
    number = pfs_arena_array(&r->arena, (size_t)r->batch.rows, sizeof(*number));
    if (number == NULL)
        return pfs_arena_full(&r->arena, err);
    for (int64_t i = 0; i < r->batch.rows; i++) {
        if (r->partition[i] != last) {
            last = r->partition[i];
            assert(last < from->partitions.count);
            PFS_TRY(pfs_partitions_number(&into->partitions, from->partitions.bytes[last], &mine, err));
        }
        number[i] = mine;
    }
    r->partition = number;
    return 0;
}

static int take_batch(struct pfs_write *into, struct pfs_write *from, struct pfs_routed *r, struct pfs_state *state,
                      struct pfs_err *err)
{
    int32_t number;
    int rc = 0;

    if (from->config.schema->partition_keys == 0 && from->partitions.count > 0)
        rc = pfs_partitions_number(&into->partitions, from->partitions.bytes[0], &number, err);
    if (rc == 0)
        rc = renumber_partitions(into, from, r, err);
    if (rc < 0) {
        pfs_routed_free(r);
        return rc;
    }
    r->joined = 0;
    return pfs_write_add_routed(into, r, state, err);
}

static int take_outputs(struct pfs_write *into, struct pfs_write *from, struct pfs_state *state, struct pfs_err *err)
{
    int rc = 0;

    for (int32_t i = 0; rc == 0 && i < from->spilled; i++)
        rc = pfs_write_add_output(into, from->outputs.output[i], state, err);
    return rc;
}

/* Listed files stay until `into` is committed. */
static int take_listed(struct pfs_write *into, struct pfs_outputs *from, int32_t count, struct pfs_err *err)
{
    for (int32_t i = 0; i < count; i++)
        if (from->output[i]->listed)
            PFS_TRY(pfs_outputs_keep(&into->old, from->output[i], err));
    return 0;
}

int pfs_write_take(struct pfs_write *into, struct pfs_write *from, struct pfs_state *state, struct pfs_err *err)
{
    int rc = pfs_aside_settle(from, err);
    struct pfs_hold hold = from->hold;

    assert(into != from);
    assert(into->config.schema->columns == from->config.schema->columns);
    assert(from->aside == NULL);
    if (rc == 0 && pfs_outputs_are_open(from))
        rc = pfs_outputs_finish(from, err);
    from->hold = (struct pfs_hold){0};
    if (rc == 0)
        rc = take_outputs(into, from, state, err);
    if (rc == 0)
        rc = add_runs(into, from->runs, state, err);
    for (int32_t i = 0; i < hold.count; i++)
        if (rc == 0)
            rc = take_batch(into, from, hold.routed[i], state, err);
        else
            pfs_routed_free(hold.routed[i]);
    pfs_free(hold.routed);
    if (rc == 0)
        rc = take_listed(into, &from->outputs, from->spilled, err);
    if (rc == 0)
        rc = take_listed(into, &from->old, from->old.count, err);
    pfs_write_empty(from);
    return rc;
}

/* ---- rows whose buckets are out of date ---- */

/* All that the write has is taken out of it and added from the front: what fails half-way has lost rows, and the write
 * is broken. Listed files stay, for a journal names them; the others go once their rows are elsewhere. */

int pfs_write_add_again(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    struct pfs_outputs outputs = w->outputs;
    struct pfs_runs *runs = w->runs;
    struct pfs_hold hold = w->hold;
    int64_t rows = w->rows;
    int rc = 0;

    assert(w->aside == NULL);
    assert(!w->prepared);
    w->outputs = (struct pfs_outputs){0};
    w->runs = NULL;
    w->hold = (struct pfs_hold){0};
    w->spilled = 0;
    for (int32_t i = 0; rc == 0 && i < outputs.count; i++)
        rc = pfs_write_add_output(w, outputs.output[i], state, err);
    if (rc == 0)
        rc = add_runs(w, runs, state, err);
    for (int32_t i = 0; i < hold.count; i++)
        if (rc == 0)
            rc = pfs_write_add_routed(w, hold.routed[i], state, err);
        else
            pfs_routed_free(hold.routed[i]);
    if (rc == 0)
        rc = take_listed(w, &outputs, outputs.count, err);
    w->broken = w->broken || rc < 0;
    pfs_outputs_cut(w, &outputs, 0, true);
    pfs_outputs_done(&outputs);
    pfs_runs_close(runs);
    pfs_free(hold.routed);
    w->rows = rows;
    return rc;
}
