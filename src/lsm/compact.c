/* compact.c - one job: which of its files stay as they are, which are rewritten, and what becomes of the old ones.
 *
 * A file that overlaps nothing and is large enough only changes its level, under its name: DELETE at the old level, ADD
 * at the new one. Small ones are gathered with their neighbours until a large one ends the stretch, so that a rewrite
 * makes large files and touches no large one for the sake of a small one. Whatever a job has made is remembered at once
 * in `made` and `changelog`: one place takes it back when a later step fails. */
#include "src/lsm/compact.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "src/file/deletions.h"
#include "src/lsm/internal.h"

/* ---- a compactor ---- */

/* changelog-producer.row-deduplicate: an update that changes none of the compared columns is no change. */
static int read_compared(struct pfs_compactor *c, struct pfs_err *err)
{
    const struct pfs_schema *schema = c->config.state->schema;
    const char *ignored = pfs_options_get(&schema->options, "changelog-producer.row-deduplicate-ignore-fields");
    struct pfs_arena arena;
    const char **name;
    int32_t count;
    int rc;

    c->compared = pfs_alloc_array((size_t)schema->columns, sizeof(*c->compared));
    if (c->compared == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a compaction");
    for (int32_t i = 0; i < schema->columns; i++)
        c->compared[i] = true;
    if (ignored == NULL)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_options_list(ignored, &arena, &name, &count, err);
    for (int32_t i = 0; rc == 0 && i < count; i++) {
        int32_t column = pfs_schema_find(schema, pfs_str(name[i]));

        if (column >= 0)
            c->compared[column] = false;
    }
    pfs_arena_done(&arena);
    return rc;
}

static int read_producer(struct pfs_compactor *c, struct pfs_err *err)
{
    const struct pfs_options *o = &c->config.state->schema->options;
    const char *producer = pfs_options_get(o, "changelog-producer");
    bool dedup;

    c->lookup = producer != NULL && strcasecmp(producer, "lookup") == 0;
    c->changes = c->lookup || (producer != NULL && strcasecmp(producer, "full-compaction") == 0);
    c->changes &= !c->config.silent;
    if (!c->changes)
        return 0;
    PFS_TRY(pfs_options_bool(o, "changelog-producer.row-deduplicate", false, &dedup, err));
    return dedup ? read_compared(c, err) : 0;
}

/* What is to be found above the output: where the newest record alone decides, the old one need not be read. */
static void read_finding(struct pfs_compactor *c)
{
    const struct pfs_schema *schema = c->config.state->schema;
    bool first = schema->engine == PFS_FIRST_ROW;
    bool newest = schema->engine == PFS_DEDUPLICATE && pfs_options_get(&schema->options, "sequence.field") == NULL;

    if (!schema->lookup_mode)
        return;
    c->merges_found = !first && !newest;
    c->finds = c->merges_found || first || schema->deletion_vectors || (c->lookup && c->changes);
}

/* What rows are read and written with. */
static int choose_columns(struct pfs_compactor *c, struct pfs_err *err)
{
    const struct pfs_schema *schema = c->config.state->schema;

    PFS_TRY(pfs_evolved_is_on(schema, &c->evolved, err));
    if (c->evolved) {
        PFS_TRY(pfs_evolved_narrow(schema, &c->arena, &c->column, &c->narrow, err));
        c->schema = &c->narrow;
        c->columns = c->narrow.columns;
        return 0;
    }
    c->schema = schema;
    c->columns = schema->columns;
    c->column = pfs_arena_array(&c->arena, (size_t)schema->columns, sizeof(*c->column));
    if (c->column == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a compaction");
    for (int32_t i = 0; i < schema->columns; i++)
        c->column[i] = i;
    return 0;
}

static int fill(struct pfs_compactor *c, struct pfs_err *err)
{
    const struct pfs_state *state = c->config.state;
    const struct pfs_schema *schema = state->schema;

    PFS_TRY(choose_columns(c, err));
    /* Those that were switched off count for no row, and stay with their files: they may be switched on again. */
    for (int64_t i = 0; i < state->indexes && c->vectors == NULL; i++)
        if (strcmp(state->index[i].type, PFS_VECTORS) == 0)
            PFS_TRY(pfs_deletions_open(state->store, state->external, state->store_table, schema, state->index,
                                       state->indexes, &c->vectors, err));
    c->deletions = schema->deletion_vectors ? c->vectors : NULL;
    if (c->evolved) /* their ids are those of the entry */
        return 0;
    if (schema->primary_keys == 0)
        return pfs_options_bool(&schema->options, "row-tracking.enabled", false, &c->row_ids, err);
    PFS_TRY(pfs_pick_rules_read(schema, &c->rules, err));
    PFS_TRY(read_producer(c, err));
    read_finding(c);
    return pfs_engine_open(schema, c->column, schema->columns, &c->engine, err);
}

int pfs_compactor_open(const struct pfs_compactor_config *config, struct pfs_compactor **out, struct pfs_err *err)
{
    struct pfs_compactor *c = pfs_zalloc(sizeof(*c));
    int rc;

    assert(config->state != NULL);
    if (c == NULL)
        return pfs_fail(err, ENOMEM, "no memory for a compaction");
    pfs_arena_init(&c->arena, PFS_ARENA_LIMIT);
    c->config = *config;
    c->config.state = pfs_state_ref(config->state);
    rc = fill(c, err);
    if (rc < 0) {
        pfs_compactor_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void pfs_compactor_close(struct pfs_compactor *compactor)
{
    if (compactor == NULL)
        return;
    pfs_engine_close(compactor->engine);
    pfs_deletions_close(compactor->vectors);
    pfs_state_unref(compactor->config.state);
    pfs_arena_done(&compactor->arena);
    pfs_free(compactor->compared);
    pfs_free(compactor);
}

/* ---- one job ---- */

struct work {
    const struct pfs_compactor *c;
    const struct pfs_compact_job *job;
    struct pfs_budget budget;
    struct pfs_arena *arena;
    struct pfs_compacted *out;
    struct pfs_bitmap **mark; /* a place each upper file; NULL = no deletion vectors */
    int64_t adds_room, mades_room, changelogs_room;
};

/* The list has room for each file of the job once, and sections share no file. */
static void remember_delete(struct work *w, const struct pfs_manifest_entry *entry)
{
    struct pfs_manifest_entry *d = &w->out->deleted[w->out->deletes];

    assert(w->out->deletes < w->job->files);
    assert(!entry->deleted);
    w->out->deletes++;
    *d = *entry;
    d->deleted = true;
}

static int append(struct work *w, struct pfs_manifest_entry **list, int64_t *count, int64_t *room,
                  const struct pfs_manifest_entry *entry, struct pfs_err *err)
{
    assert(*count <= *room);
    if (*count == *room) {
        int64_t more = *room == 0 ? 1 : *room * 2; /* mostly one file, of very many buckets */
        struct pfs_manifest_entry *grown = pfs_arena_array(w->arena, (size_t)more, sizeof(*grown));

        if (grown == NULL)
            return pfs_arena_full(w->arena, err);
        for (int64_t i = 0; i < *count; i++)
            grown[i] = (*list)[i];
        *list = grown;
        *room = more;
    }
    (*list)[(*count)++] = *entry;
    return 0;
}

static void report(const struct work *w, int64_t rows)
{
    if (w->c->config.progress != NULL)
        w->c->config.progress(w->c->config.context, rows);
}

static void remove_file(const struct pfs_compactor *c, const struct pfs_manifest_entry *entry)
{
    const struct pfs_state *state = c->config.state;

    pfs_data_remove(&(struct pfs_data_place){state->store, state->store_table, state->schema, state->external}, entry);
}

/* New files that cannot be remembered are removed at once. One that got into `added` alone goes here too, and is not in
 * `made`: what is undone later is undone once. */
static int keep_made(struct work *w, const struct pfs_rewritten *made, struct pfs_err *err)
{
    struct pfs_compacted *out = w->out;
    int64_t entries = 0, changelogs = 0;
    int rc = 0;

    for (; rc == 0 && entries < made->entries; entries += rc == 0) {
        rc = append(w, &out->added, &out->adds, &w->adds_room, &made->entry[entries], err);
        if (rc == 0)
            rc = append(w, &out->made, &out->mades, &w->mades_room, &made->entry[entries], err);
    }
    for (; rc == 0 && changelogs < made->changelogs; changelogs += rc == 0)
        rc = append(w, &out->changelog, &out->changelogs, &w->changelogs_room, &made->changelog[changelogs], err);
    while (entries < made->entries)
        remove_file(w->c, &made->entry[entries++]);
    while (changelogs < made->changelogs)
        remove_file(w->c, &made->changelog[changelogs++]);
    return rc;
}

/* The rows are those that the entries tell of: what was read is one file, and none is missing, or ids would be others'.
 */
static int number_rows(const struct work *w, const struct pfs_rewritten *made, struct pfs_err *err)
{
    const struct pfs_data_file *first = &w->job->file[0].entry->file,
                               *last = &w->job->file[w->job->files - 1].entry->file;
    int64_t rows = last->first_row_id - first->first_row_id + last->rows;

    if (made->entries == 1 && made->entry->file.rows == rows) {
        pfs_evolved_number(w->job, made->entry);
        return 0;
    }
    for (int64_t i = 0; i < made->entries; i++)
        remove_file(w->c, &made->entry[i]);
    return pfs_fail(err, EIO, "the files from %s on have not as many rows as they have row ids", first->name);
}

static int rewrite(struct work *w, const struct pfs_section *section, int32_t sections, struct pfs_err *err)
{
    struct pfs_rewritten made = {0};

    PFS_TRY(pfs_rewrite(w->c, w->job, section, sections, false, w->budget, w->mark, w->arena, &made, err));
    if (w->c->evolved)
        PFS_TRY(number_rows(w, &made, err));
    for (int32_t i = 0; i < sections; i++)
        for (int32_t k = 0; k < section[i].files; k++)
            remember_delete(w, section[i].file[k].entry);
    return keep_made(w, &made, err);
}

/* A file that moves is new where it goes: its rows are changes, and what there was of its keys is marked. */
static int tell_changes(struct work *w, const struct pfs_section *section, struct pfs_err *err)
{
    struct pfs_rewritten made = {0};

    PFS_TRY(pfs_rewrite(w->c, w->job, section, 1, true, w->budget, w->mark, w->arena, &made, err));
    assert(made.entries == 0);
    return keep_made(w, &made, err);
}

/* Deletes end at the top level, and what is too old ends anywhere. A count of deletes that is not known counts. */
static int must_rewrite(const struct work *w, const struct pfs_manifest_entry *entry, bool *out, struct pfs_err *err)
{
    const struct pfs_compactor *c = w->c;
    bool marks = c->config.state->schema->deletion_vectors;

    *out = c->rules.rewrite_all || (!marks && pfs_file_marks(c->config.state, entry) > 0);
    if (w->job->to_top)
        *out |= entry->file.delete_rows != 0;
    return *out ? 0 : pfs_file_is_old(c->config.state, entry, c->config.now_ms, out, err);
}

/* A level-0 file that moves in lookup mode: are its rows others then (spec lsm 7)? Where each key is visible once,
 * deletes end; below the top, values are merged with those of the levels over the output. */
static int changes_on_the_way(const struct work *w, const struct pfs_manifest_entry *entry, bool *out,
                              struct pfs_err *err)
{
    const struct pfs_schema *schema = w->c->config.state->schema;
    bool newest = schema->engine == PFS_DEDUPLICATE && !w->c->merges_found;

    PFS_TRY(pfs_data_formats_differ(schema, 0, w->job->level, out, err));
    *out |= schema->deletion_vectors && entry->file.delete_rows != 0;
    *out |= !w->job->to_top && !newest;
    return 0;
}

static int move(struct work *w, const struct pfs_section *section, bool told, struct pfs_err *err)
{
    struct pfs_manifest_entry moved = *section->file->entry;

    assert(section->files == 1);
    if (told)
        PFS_TRY(tell_changes(w, section, err));
    else
        report(w, moved.file.rows);
    if (moved.file.level == w->job->level)
        return 0;
    moved.file.level = w->job->level;
    remember_delete(w, section->file->entry);
    return append(w, &w->out->added, &w->out->adds, &w->adds_room, &moved, err);
}

static int upgrade(struct work *w, const struct pfs_section *section, struct pfs_err *err)
{
    const struct pfs_manifest_entry *entry = section->file->entry;
    bool must, risen = w->c->config.state->schema->lookup_mode && entry->file.level == 0;
    bool told = pfs_writes_changes(w->c, w->job) && pfs_is_news(w->c, w->job, entry);

    assert(section->files == 1);
    PFS_TRY(must_rewrite(w, entry, &must, err));
    if (!must && risen)
        PFS_TRY(changes_on_the_way(w, entry, &must, err));
    if (must)
        return rewrite(w, section, 1, err);
    return move(w, section, told || (risen && w->mark != NULL), err);
}

static int end_pending(struct work *w, const struct pfs_section *pending, int32_t count, struct pfs_err *err)
{
    if (count == 0)
        return 0;
    return count == 1 && pending->files == 1 ? upgrade(w, pending, err) : rewrite(w, pending, count, err);
}

/* Sections that wait to be rewritten together stand side by side: [pending, i). */
static int by_sections(struct work *w, struct pfs_err *err)
{
    struct pfs_section *section;
    int32_t sections, pending = 0;

    PFS_TRY(pfs_plan_sections(w->job->file, w->job->files, w->arena, &section, &sections, err));
    for (int32_t i = 0; i < sections; i++) {
        if (section[i].files > 1 || section[i].file->entry->file.size < w->c->rules.small_bytes)
            continue;
        PFS_TRY(end_pending(w, &section[pending], i - pending, err));
        PFS_TRY(upgrade(w, &section[i], err));
        pending = i + 1;
    }
    assert(pending <= sections);
    return end_pending(w, &section[pending], sections - pending, err);
}

static int one_by_one(struct work *w, struct pfs_err *err)
{
    for (int32_t i = 0; i < w->job->files; i++) {
        struct pfs_section section = {1, &w->job->file[i]};

        PFS_TRY(rewrite(w, &section, 1, err));
    }
    return 0;
}

int pfs_compact_run(const struct pfs_compactor *compactor, const struct pfs_compact_job *job, struct pfs_budget budget,
                    struct pfs_arena *arena, struct pfs_compacted *out, struct pfs_err *err)
{
    struct pfs_section whole = {job->files, job->file};
    struct pfs_compacted made = {.deleted = pfs_arena_array(arena, (size_t)job->files, sizeof(*made.deleted))};
    struct work w = {.c = compactor, .job = job, .budget = budget, .arena = arena, .out = &made};
    struct pfs_bitmap **mark = pfs_arena_array(arena, (size_t)job->uppers, sizeof(struct pfs_bitmap *));
    int rc;

    assert(job->files > 0);
    assert(job->order == NULL || compactor->engine == NULL);
    assert(!job->alone || compactor->engine != NULL);
    assert(job->uppers == 0 || compactor->config.state->schema->lookup_mode);
    if (made.deleted == NULL || mark == NULL)
        return pfs_arena_full(arena, err);
    w.mark = compactor->config.state->schema->deletion_vectors && job->uppers > 0 ? mark : NULL;
    if (compactor->engine == NULL)
        rc = rewrite(&w, &whole, 1, err);
    else
        rc = job->alone ? one_by_one(&w, err) : by_sections(&w, err);
    if (rc == 0)
        rc = pfs_vectors_make(compactor, job, mark, arena, &made, err);
    for (int32_t i = 0; i < job->uppers; i++)
        pfs_bitmap_free(mark[i]);
    assert(made.mades <= made.adds);
    if (rc < 0)
        pfs_compact_undo(compactor, &made);
    else
        *out = made;
    return rc;
}

void pfs_compact_undo(const struct pfs_compactor *compactor, const struct pfs_compacted *done)
{
    for (int64_t i = 0; i < done->mades; i++)
        remove_file(compactor, &done->made[i]);
    for (int64_t i = 0; i < done->changelogs; i++)
        remove_file(compactor, &done->changelog[i]);
    if (done->vectors)
        pfs_deletions_remove(compactor->config.state->store, compactor->config.state->store_table,
                             compactor->config.state->schema, &done->index);
}
