/* step.c - which files hold the changes of a snapshot, by producer and kind of commit (spec changelog 1, 4, 5). */
#include "src/changelog/step.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "src/scan/manifests.h"

void pfs_step_init(struct pfs_step *step)
{
    *step = (struct pfs_step){0};
    pfs_arena_init(&step->arena, PFS_MANIFEST_BYTES_MAX);
}

static void clear(struct pfs_step *step)
{
    assert(step->manifests == 0 || step->manifest != NULL);
    for (int64_t i = 0; i < step->manifests; i++)
        pfs_decoded_unref(step->manifest[i]);
    step->manifests = step->adds = step->removes = 0;
}

void pfs_step_done(struct pfs_step *step)
{
    clear(step);
    pfs_arena_done(&step->arena);
}

/* ---- what is taken from a snapshot ---- */

enum taken { NOTHING, DELTA, CHANGELOG, OVERWRITE /* the delta's removals, too */ };

static int has_producer(const struct pfs_schema *schema, bool *out, struct pfs_err *err)
{
    static const char *const names[] = {"none", "input", "full-compaction", "lookup", NULL};
    int producer;

    PFS_TRY(pfs_options_enum(&schema->options, "changelog-producer", names, 0, &producer, err));
    *out = producer != 0 && schema->primary_keys > 0;
    return 0;
}

/* A stream leaves overwrites out unless it is told to show them. */
static int take_overwrite(const struct pfs_schema *schema, enum taken *out, struct pfs_err *err)
{
    bool all = false, added = false;

    if (schema->primary_keys > 0)
        PFS_TRY(pfs_options_bool(&schema->options, "streaming-read-overwrite", false, &all, err));
    else
        PFS_TRY(pfs_options_bool(&schema->options, "streaming-read-append-overwrite", false, &added, err));
    if (all || added)
        *out = all ? OVERWRITE : DELTA;
    return 0;
}

/* Where the table has a producer its changelog tells all, and a delta would tell it twice. Without one the rows that
 * were appended are the changes; what a compaction writes is what was there. */
static int choose(const struct pfs_changes_want *want, const struct pfs_snapshot *s, enum taken *out,
                  struct pfs_err *err)
{
    const struct pfs_schema *schema = want->state->schema;
    bool producer, stream = want->mode == PFS_CHANGES_STREAM;

    PFS_TRY(has_producer(schema, &producer, err));
    if (want->mode == PFS_CHANGES_DELTA || want->mode == PFS_CHANGES_CHANGELOG)
        producer = want->mode == PFS_CHANGES_CHANGELOG;
    if (producer)
        *out = s->changelog_list != NULL && (stream || s->kind != PFS_COMMIT_OVERWRITE) ? CHANGELOG : NOTHING;
    else
        *out = s->kind == PFS_COMMIT_APPEND ? DELTA : NOTHING;
    return stream && s->kind == PFS_COMMIT_OVERWRITE ? take_overwrite(schema, out, err) : 0;
}

/* A batch read leaves level 0 out where deletion vectors or first-row are used, an incremental one too: of deltas, and
 * of changelogs that the writer made (those of compactions have the level of their output). Nor does it see what waits
 * in the postpone bucket, of which a stream is told. */
static bool is_hidden(const struct pfs_changes_want *want, enum taken taken, const struct pfs_manifest_entry *e)
{
    const struct pfs_schema *schema = want->state->schema;

    if (want->mode == PFS_CHANGES_STREAM || schema->primary_keys == 0)
        return false;
    return e->bucket == PFS_POSTPONE_BUCKET || ((taken == DELTA || taken == CHANGELOG) && e->file.level == 0 &&
                                                (schema->deletion_vectors || schema->engine == PFS_FIRST_ROW));
}

/* ---- files ---- */

static int load_snapshot(struct pfs_step *step, const struct pfs_changes_want *want, int64_t id, struct pfs_err *err)
{
    int rc;

    if (want->own) { /* only then: ids are used again after a rollback */
        step->snapshot = want->state->snapshot;
        return 0;
    }
    rc = pfs_changes_snapshot(want->state->store, want->meta, id, &step->arena, &step->snapshot, err);
    return rc == -ENOENT ? -ESTALE : rc;
}

static int load_manifests(struct pfs_step *step, const struct pfs_changes_want *want, const char *list,
                          struct pfs_err *err)
{
    struct pfs_manifest_file *file;
    int64_t count;

    PFS_TRY(
        pfs_manifest_list_load(want->state->store, want->state->store_table, list, &step->arena, &file, &count, err));
    step->manifest = pfs_arena_array(&step->arena, (size_t)count, sizeof(*step->manifest));
    if (step->manifest == NULL)
        return pfs_arena_full(&step->arena, err);
    for (int64_t i = 0; i < count; i++) {
        PFS_TRY(pfs_manifests_get(want->manifests, file[i].name, &step->manifest[i], err));
        step->manifests++; /* one by one: what is referenced so far is let go, also when the next one fails */
    }
    return 0;
}

/* In the order of the manifests inside a bucket: files of one commit are told in the order that they were written in,
 * so that a stream sees the changes of a key as they happened. */
static int compare_files(const void *left, const void *right, void *context)
{
    const struct pfs_change_file *a = left, *b = right;
    const struct pfs_schema *schema = context;
    int order = pfs_scan_partition_compare(a->partition, b->partition, schema->partition_keys);

    if (order != 0)
        return order;
    if (a->entry->bucket != b->entry->bucket)
        return a->entry->bucket < b->entry->bucket ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int take_entry(struct pfs_step *step, const struct pfs_changes_want *want, enum taken taken,
                      const struct pfs_manifest_entry *e, int64_t order, struct pfs_err *err)
{
    struct pfs_column *value;

    if (e->deleted ? taken != OVERWRITE : is_hidden(want, taken, e))
        return 0;
    PFS_TRY(pfs_scan_partition_values(want->state, e->partition, &step->arena, &value, err));
    if (!pfs_scan_partition_matches(want->state->schema, value, want->partition, want->partitions))
        return 0;
    if (e->deleted)
        step->removed[step->removes++] = e;
    else
        step->added[step->adds++] = (struct pfs_change_file){e, value, order};
    return 0;
}

static int take_files(struct pfs_step *step, const struct pfs_changes_want *want, enum taken taken, struct pfs_err *err)
{
    int64_t entries = 0, order = 0;

    for (int64_t i = 0; i < step->manifests; i++)
        entries += step->manifest[i]->entries;
    step->added = pfs_arena_array(&step->arena, (size_t)entries, sizeof(*step->added));
    step->removed = pfs_arena_array(&step->arena, (size_t)entries, sizeof(*step->removed));
    if (step->added == NULL || step->removed == NULL)
        return pfs_arena_full(&step->arena, err);
    for (int64_t i = 0; i < step->manifests; i++)
        for (int64_t k = 0; k < step->manifest[i]->entries; k++)
            PFS_TRY(take_entry(step, want, taken, &step->manifest[i]->entry[k], order++, err));
    assert(step->adds + step->removes <= entries);
    qsort_r(step->added, (size_t)step->adds, sizeof(*step->added), compare_files,
            (void *)(uintptr_t)want->state->schema);
    return 0;
}

int pfs_step_load(struct pfs_step *step, const struct pfs_changes_want *want, int64_t id, struct pfs_err *err)
{
    const struct pfs_snapshot *s = &step->snapshot;
    enum taken taken;

    clear(step);
    pfs_arena_reset(&step->arena);
    step->snapshot = (struct pfs_snapshot){0};
    PFS_TRY(load_snapshot(step, want, id, err));
    PFS_TRY(choose(want, s, &taken, err));
    if (taken == NOTHING)
        return 0;
    PFS_TRY(load_manifests(step, want, taken == CHANGELOG ? s->changelog_list : s->delta_list, err));
    return take_files(step, want, taken, err);
}
