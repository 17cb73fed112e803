/* output.c - files that a write has made: their numbers, and what happens when they no longer fit.
 *
 *   [0, spilled)       the only place of their rows; kept over attempts, written anew when their numbers are taken
 *   [spilled, count)   of the last attempt, made of rows that are still held: dropped before the next one
 *   old                replaced ones that a journal still names: they go when a snapshot holds their rows
 *
 * A file of an append table stays open while its write goes on. It is not a file yet then: no reader may be given its
 * entry, and a failure leaves nothing that could be used. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/write/internal.h"
#include "src/write/shift.h"

static int append(struct pfs_outputs *outputs, struct pfs_output **out, struct pfs_err *err)
{
    struct pfs_output *o;

    if (outputs->count == outputs->room) {
        int32_t room = outputs->room == 0 ? 16 : outputs->room * 2;
        struct pfs_output **more = pfs_realloc(outputs->output, (size_t)room * sizeof(struct pfs_output *));

        if (more == NULL)
            return pfs_fail(err, ENOMEM, "no memory for a write");
        outputs->output = more;
        outputs->room = room;
    }
    o = pfs_zalloc(sizeof(*o));
    if (o == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a write");
    pfs_arena_init_small(&o->arena, PFS_ARENA_LIMIT);
    o->number = o->earlier = -1;
    outputs->output[outputs->count++] = o;
    *out = o;
    return 0;
}

int pfs_outputs_add(const struct pfs_write *w, struct pfs_outputs *outputs, int32_t partition, int32_t bucket,
                    struct pfs_output **out, struct pfs_err *err)
{
    assert(partition >= 0);
    assert(partition < w->partitions.count);
    PFS_TRY(append(outputs, out, err));
    (*out)->number = partition;
    (*out)->partition = w->partitions.bytes[partition];
    (*out)->bucket = bucket;
    return 0;
}

int pfs_outputs_keep(struct pfs_outputs *old, struct pfs_output *from, struct pfs_err *err)
{
    struct pfs_output *kept;

    assert(from->writer == NULL);
    PFS_TRY(append(old, &kept, err));
    *kept = *from;
    kept->partition = pfs_slice_of(NULL, 0); /* it goes with its write */
    kept->number = kept->earlier = -1;
    from->arena = (struct pfs_arena){0};
    from->entry = from->changelog = NULL;
    from->entries = from->changelogs = 0;
    return 0;
}

void pfs_output_remove_files(struct pfs_write *w, const struct pfs_output *o)
{
    const struct pfs_data_place place = {w->config.store, w->config.table, w->config.schema, w->config.external};

    for (int64_t i = 0; i < o->entries; i++)
        pfs_data_remove(&place, &o->entry[i]);
    for (int64_t i = 0; i < o->changelogs; i++)
        pfs_data_remove(&place, &o->changelog[i]);
}

void pfs_outputs_cut(struct pfs_write *w, struct pfs_outputs *outputs, int32_t from, bool unlisted)
{
    assert(from >= 0);
    while (outputs->count > from) {
        struct pfs_output *o = outputs->output[--outputs->count];

        pfs_data_writer_close(o->writer);
        if (unlisted && !o->listed)
            pfs_output_remove_files(w, o);
        pfs_arena_done(&o->arena);
        pfs_free(o);
    }
    if (outputs->placed > outputs->count) {
        pfs_places_done(&outputs->newest);
        outputs->placed = 0;
    }
}

void pfs_outputs_done(struct pfs_outputs *outputs)
{
    assert(outputs->count == 0);
    pfs_free(outputs->output);
    pfs_places_done(&outputs->newest);
    *outputs = (struct pfs_outputs){0};
}

struct pfs_data_write pfs_output_target(const struct pfs_write *w, struct pfs_slice partition, int32_t bucket,
                                        int64_t base)
{
    const struct pfs_schema *schema = w->config.schema;

    return (struct pfs_data_write){.store = w->config.store,
                                   .table = w->config.table,
                                   .schema = schema,
                                   .partition = partition,
                                   .bucket = bucket,
                                   .total_buckets = schema->buckets,
                                   .first_number = base,
                                   .external = w->config.external,
                                   .user = w->config.user,
                                   .pool = w->config.pool,
                                   .clock = w->config.clock};
}

/* ---- those of one bucket ---- */

/* Each output leads to the one before of its bucket. */
static int place_all(struct pfs_outputs *outputs, struct pfs_err *err)
{
    for (; outputs->placed < outputs->count; outputs->placed++) {
        struct pfs_output *o = outputs->output[outputs->placed];
        int64_t *newest;

        assert(o->number >= 0);
        PFS_TRY(pfs_places_at(&outputs->newest, o->number, o->bucket, &newest, err));
        o->earlier = *newest == PFS_PLACE_FREE ? -1 : (int32_t)*newest;
        *newest = outputs->placed;
    }
    return 0;
}

static int32_t newest_of(const struct pfs_outputs *outputs, int32_t partition, int32_t bucket)
{
    int64_t newest = pfs_places_find(&outputs->newest, partition, bucket);

    assert(outputs->placed == outputs->count);
    return newest == PFS_PLACE_FREE ? -1 : (int32_t)newest;
}

int pfs_output_base(struct pfs_write *w, struct pfs_state *state, int32_t partition, int32_t bucket, int32_t outputs,
                    int64_t *out, struct pfs_err *err)
{
    assert(outputs >= 0);
    assert(outputs <= w->outputs.count);
    *out = PFS_POSTPONED_NUMBER;
    if (w->postponed)
        return 0;
    PFS_TRY(pfs_numbers_next(w, state, partition, bucket, out, err));
    PFS_TRY(place_all(&w->outputs, err));
    for (int32_t i = newest_of(&w->outputs, partition, bucket); i >= 0; i = w->outputs.output[i]->earlier)
        if (i < outputs && w->outputs.output[i]->next > *out)
            *out = w->outputs.output[i]->next;
    return 0;
}

/* ---- open for more rows ---- */

int pfs_outputs_open_writer(struct pfs_write *w, int32_t partition, int32_t bucket, struct pfs_output **out,
                            struct pfs_err *err)
{
    *out = NULL;
    if (w->engine != NULL)
        return 0;
    PFS_TRY(place_all(&w->outputs, err));
    for (int32_t i = newest_of(&w->outputs, partition, bucket); i >= 0; i = w->outputs.output[i]->earlier)
        if (w->outputs.output[i]->writer != NULL) {
            *out = w->outputs.output[i];
            return 0;
        }
    return 0;
}

int32_t pfs_outputs_open_count(const struct pfs_write *w)
{
    int32_t count = 0;

    for (int32_t i = 0; i < w->outputs.count; i++)
        count += w->outputs.output[i]->writer != NULL;
    return count;
}

bool pfs_outputs_are_open(const struct pfs_write *w)
{
    return pfs_outputs_open_count(w) > 0;
}

int pfs_output_finish(struct pfs_output *o, struct pfs_err *err)
{
    if (o->writer == NULL)
        return 0;
    PFS_TRY(pfs_data_writer_finish(o->writer, &o->arena, &o->entry, &o->entries, err));
    pfs_data_writer_close(o->writer);
    o->writer = NULL;
    return 0;
}

int pfs_outputs_finish(struct pfs_write *w, struct pfs_err *err)
{
    for (int32_t i = 0; i < w->outputs.count; i++)
        PFS_TRY(pfs_output_finish(w->outputs.output[i], err));
    return 0;
}

/* ---- files that no longer fit ---- */

/* Rows that have no numbers of their own. */
static int copy_rows(struct pfs_reader *from, struct pfs_data_writer *to, struct pfs_err *err)
{
    struct pfs_arena arena;
    struct pfs_batch batch;
    int64_t rows;

    pfs_arena_init(&arena, PFS_BATCH_BYTES_MAX);
    while ((rows = pfs_reader_next(from, &arena, &batch, err)) > 0) {
        rows = pfs_data_writer_add(to, &batch, err);
        if (rows < 0)
            break;
        pfs_arena_reset(&arena);
    }
    pfs_arena_done(&arena);
    return (int)rows;
}

/* Reads a file, and those beside it, back and writes its rows with other numbers. */
static int renumber(struct pfs_write *w, const struct pfs_manifest_entry *entry, int64_t count, int64_t shift,
                    struct pfs_data_writer *writer, struct pfs_err *err)
{
    const struct pfs_schema *schema = w->config.schema;
    struct pfs_data_read read = {.store = w->config.store,
                                 .table = w->config.table,
                                 .schema = schema,
                                 .schemas = w->config.schemas,
                                 .columns = schema->columns,
                                 .column = w->column,
                                 .key_value = w->keyed,
                                 .external = w->config.external};
    struct pfs_shift rows = {.to = writer, .number_column = schema->columns, .shift = shift, .pool = w->config.pool};
    struct pfs_reader *reader;
    int rc;

    PFS_TRY(pfs_data_open_made(&read, entry, count, &reader, err));
    rows.from = reader;
    rc = read.key_value ? pfs_shift_rows(&rows, err) : copy_rows(reader, writer, err);
    pfs_reader_close(reader);
    return rc;
}

/* The old files go at once, or when the write is committed if a journal names them. */
static int replace_output(struct pfs_write *w, struct pfs_output *o, struct pfs_output *fresh, struct pfs_err *err)
{
    assert(o->writer == NULL);
    assert(fresh->base > o->base);
    assert(fresh->number == o->number && fresh->earlier == o->earlier);
    if (o->listed) {
        PFS_TRY(pfs_outputs_keep(&w->old, o, err));
    } else {
        pfs_output_remove_files(w, o);
        pfs_arena_done(&o->arena);
    }
    *o = *fresh;
    return 0;
}

/* Files of `fresh` with the rows of `entry`, which are of `o`: numbers shifted so that they begin at its base. */
static int rewrite_files(struct pfs_write *w, const struct pfs_output *o, const struct pfs_manifest_entry *entry,
                         int64_t entries, bool changelog, struct pfs_output *fresh, struct pfs_err *err)
{
    struct pfs_data_write to = pfs_output_target(w, fresh->partition, fresh->bucket, fresh->base);
    struct pfs_data_writer *writer;
    int rc = 0;

    assert(fresh->bucket == o->bucket);
    assert(pfs_slice_eq(fresh->partition, o->partition));
    if (entries == 0)
        return 0;
    to.changelog = changelog;
    PFS_TRY(pfs_data_writer_open(&to, &writer, err));
    for (int64_t i = 0, count; rc == 0 && i < entries; i += count) {
        count = pfs_data_together(&entry[i], entries - i);
        rc = renumber(w, &entry[i], count, fresh->base - o->base, writer, err);
    }
    if (rc == 0)
        rc = changelog ? pfs_data_writer_finish(writer, &fresh->arena, &fresh->changelog, &fresh->changelogs, err)
                       : pfs_data_writer_finish(writer, &fresh->arena, &fresh->entry, &fresh->entries, err);
    pfs_data_writer_close(writer);
    return rc;
}

static int rewrite_output(struct pfs_write *w, struct pfs_output *o, int64_t base, struct pfs_err *err)
{
    struct pfs_output fresh = {.partition = o->partition,
                               .number = o->number,
                               .bucket = o->bucket,
                               .earlier = o->earlier,
                               .base = base,
                               .next = base + (o->next - o->base)};
    int rc;

    pfs_arena_init_small(&fresh.arena, PFS_ARENA_LIMIT);
    rc = rewrite_files(w, o, o->entry, o->entries, false, &fresh, err);
    if (rc == 0)
        rc = rewrite_files(w, o, o->changelog, o->changelogs, true, &fresh, err);
    if (rc == 0)
        rc = replace_output(w, o, &fresh, err);
    if (rc < 0) {
        pfs_output_remove_files(w, &fresh);
        pfs_arena_done(&fresh.arena);
    }
    return rc;
}

/* What the last prepare answered names files that are replaced here, and is no answer any more. */
int pfs_outputs_fit(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    assert(w->spilled <= w->outputs.count);
    for (int32_t i = 0; i < w->spilled; i++) {
        struct pfs_output *o = w->outputs.output[i];
        int64_t base;

        if (o->entries == 0)
            continue;
        PFS_TRY(pfs_output_base(w, state, o->number, o->bucket, i, &base, err));
        if (base <= o->base)
            continue;
        w->prepared = false;
        PFS_TRY(rewrite_output(w, o, base, err));
    }
    return 0;
}

/* Adopted files came without the rows that they were merged from. */
static int copy_changelog(struct pfs_write *w, const struct pfs_output *of, struct pfs_state *state,
                          struct pfs_err *err)
{
    struct pfs_output *o;

    PFS_TRY(pfs_outputs_add(w, &w->outputs, of->number, of->bucket, &o, err));
    o->base = of->base;
    PFS_TRY(rewrite_files(w, of, of->entry, of->entries, true, o, err));
    PFS_TRY(pfs_output_base(w, state, of->number, of->bucket, w->spilled, &o->base, err));
    o->next = o->base;
    return 0;
}

int pfs_outputs_copy_changelogs(struct pfs_write *w, struct pfs_state *state, struct pfs_err *err)
{
    for (int32_t i = 0; w->input && i < w->spilled; i++) {
        const struct pfs_output *o = w->outputs.output[i];

        if (o->entries > 0 && o->changelogs == 0)
            PFS_TRY(copy_changelog(w, o, state, err));
    }
    return 0;
}
