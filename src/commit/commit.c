/* commit.c - one attempt: everything that the new snapshot names is written and synced, then its file appears.
 *
 *   base list     all manifests of the snapshot before, merged where that pays
 *   delta list    manifests of what this commit adds and deletes
 *   changelog list, index manifest   where there are any
 *   snapshot-<n>  by a rename that replaces nothing: the one step that others can see
 *
 * Names are made anew for each attempt, so that two attempts, of one process or of two, never write one file. What an
 * attempt has made hangs on its list until the outcome is known: lost or failed before the rename, it is removed; after
 * it, done or unclear, it stays. */
#include "src/commit/commit.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "src/commit/internal.h"

/* ---- the base list ---- */

/* Base list of the new snapshot: everything that the one before had, base and delta, merged where that pays. */
static int put_base_list(struct pfs_attempt *a, struct pfs_snapshot *out, struct pfs_err *err)
{
    const struct pfs_commit *c = a->commit;
    struct pfs_manifest_file *base = NULL, *delta = NULL, *all;
    int64_t bases = 0, deltas = 0, count;

    if (a->base != NULL) {
        PFS_TRY(pfs_manifest_list_load(c->store, c->table, a->base->base_list, a->arena, &base, &bases, err));
        PFS_TRY(pfs_manifest_list_load(c->store, c->table, a->base->delta_list, a->arena, &delta, &deltas, err));
    }
    count = bases + deltas;
    all = pfs_arena_array(a->arena, (size_t)count, sizeof(*all));
    if (all == NULL)
        return pfs_arena_full(a->arena, err);
    for (int64_t i = 0; i < count; i++)
        all[i] = i < bases ? base[i] : delta[i - bases];
    if (c->merging != NULL)
        PFS_TRY(pfs_merging_apply(a, all, count, &all, &count, err));
    assert(count >= 0);
    assert(bases + deltas > 0 || count == 0);
    return pfs_attempt_put_list(a, all, count, &out->base_list, &out->base_list_size, err);
}

/* ---- the index manifest ---- */

bool pfs_index_same_place(const struct pfs_index_entry *a, const struct pfs_index_entry *b)
{
    return a->bucket == b->bucket && strcmp(a->type, b->type) == 0 && pfs_slice_eq(a->partition, b->partition);
}

static int by_place(const void *left, const void *right)
{
    const struct pfs_index_entry *a = *(const struct pfs_index_entry *const *)left;
    const struct pfs_index_entry *b = *(const struct pfs_index_entry *const *)right;
    int order = pfs_slice_compare(a->partition, b->partition);

    if (order == 0)
        order = (a->bucket > b->bucket) - (a->bucket < b->bucket);
    return order != 0 ? order : strcmp(a->type, b->type);
}

/* The full list: the one before, without what is replaced, then what is new (spec indexes 2). */
static int list_indexes(struct pfs_attempt *a, const struct pfs_index_entry *live, int64_t lives,
                        struct pfs_index_entry **out, int64_t *count, struct pfs_err *err)
{
    const struct pfs_commit *c = a->commit;
    size_t changes = (size_t)c->indexes;
    struct pfs_index_entry *all = pfs_arena_array(a->arena, (size_t)lives + changes, sizeof(*all));
    const struct pfs_index_entry **change = pfs_arena_array(a->arena, changes, sizeof(struct pfs_index_entry *));

    if (all == NULL || change == NULL)
        return pfs_arena_full(a->arena, err);
    for (size_t k = 0; k < changes; k++)
        change[k] = &c->index[k];
    if (changes > 0)
        qsort(change, changes, sizeof(struct pfs_index_entry *), by_place);
    *count = 0;
    for (int64_t i = 0; i < lives; i++) {
        const struct pfs_index_entry *key = &live[i];

        if (changes == 0 || bsearch(&key, change, changes, sizeof(struct pfs_index_entry *), by_place) == NULL)
            all[(*count)++] = live[i];
    }
    for (int64_t k = 0; k < c->indexes; k++)
        if (c->index[k].name != NULL)
            all[(*count)++] = c->index[k];
    assert(*count <= lives + c->indexes);
    *out = all;
    return 0;
}

static int put_index(struct pfs_attempt *a, const struct pfs_index_entry *live, int64_t lives, struct pfs_snapshot *out,
                     struct pfs_err *err)
{
    struct pfs_index_entry *all;
    struct pfs_buf bytes = {0};
    int64_t count;
    int rc;

    out->index_manifest = a->base != NULL ? a->base->index_manifest : NULL; /* invariant 4 */
    if (a->commit->indexes == 0 && !a->commit->index_changes)
        return 0;
    PFS_TRY(list_indexes(a, live, lives, &all, &count, err));
    out->index_manifest = NULL;
    if (count == 0)
        return 0;
    out->index_manifest = pfs_attempt_name(a, "index-manifest", 0, err);
    if (out->index_manifest == NULL)
        return -ENOMEM;
    rc = pfs_index_manifest_print(all, count, a->codec, &bytes, err);
    if (rc == 0)
        rc = pfs_attempt_put(a, out->index_manifest, &bytes, err);
    pfs_buf_done(&bytes);
    return rc;
}

/* ---- row tracking (spec commit 6) ---- */

static bool writes_row_ids(const struct pfs_data_file *f)
{
    for (int64_t i = 0; i < f->write_columns; i++)
        if (strcmp(f->write_column[i], "_ROW_ID") == 0)
            return true;
    return false;
}

struct tracking {
    int64_t next;
    int64_t main_from;  /* first id of the last file of rows */
    int64_t aside_next; /* of the files that stand beside it: blobs and vectors of one column follow each other */
    const char *aside;  /* that column */
};

static void track_aside(struct tracking *t, struct pfs_data_file *f)
{
    const char *column = f->write_columns > 0 ? f->write_column[0] : "";

    if (t->aside == NULL || strcmp(t->aside, column) != 0)
        t->aside_next = t->main_from;
    t->aside = column;
    f->first_row_id = t->aside_next;
    t->aside_next += f->rows;
}

/* All new rows are of this snapshot, also those of a writer's second file, whose numbers do not begin at 0. */
static void track(struct tracking *t, struct pfs_data_file *f, int64_t snapshot)
{
    bool is_new = f->source == 0 && f->first_row_id == PFS_NO_NUMBER && !writes_row_ids(f);

    if (f->min_sequence == 0 || is_new)
        f->min_sequence = f->max_sequence = snapshot;
    if (!is_new)
        return;
    if (pfs_data_file_is_aside(f)) {
        track_aside(t, f);
        return;
    }
    t->aside = NULL;
    t->main_from = f->first_row_id = t->next;
    t->next += f->rows;
}

/* The delta as it is written; with row tracking, new files get their ids, which depend on the snapshot before. */
static int delta_of(struct pfs_attempt *a, const struct pfs_manifest_entry **out, int64_t *next_row_id,
                    struct pfs_err *err)
{
    const struct pfs_commit *c = a->commit;
    struct tracking t = {.next = a->base != NULL && a->base->next_row_id != PFS_NO_NUMBER ? a->base->next_row_id : 0};
    struct pfs_manifest_entry *copy;
    bool tracked;

    PFS_TRY(pfs_options_bool(&c->schema->options, "row-tracking.enabled", false, &tracked, err));
    *out = c->entry;
    *next_row_id = t.next;
    if (!tracked || c->entries == 0)
        return 0;
    copy = pfs_arena_array(a->arena, (size_t)c->entries, sizeof(*copy));
    if (copy == NULL)
        return pfs_arena_full(a->arena, err);
    memcpy(copy, c->entry, (size_t)c->entries * sizeof(*copy));
    for (int64_t i = 0; i < c->entries; i++)
        if (!copy[i].deleted)
            track(&t, &copy[i].file, a->base != NULL ? a->base->id + 1 : 1);
    assert(a->base == NULL || a->base->next_row_id == PFS_NO_NUMBER || t.next >= a->base->next_row_id);
    *out = copy;
    *next_row_id = t.next;
    return 0;
}

/* ---- one attempt ---- */

static int64_t sum_rows(const struct pfs_manifest_entry *entry, int64_t entries)
{
    int64_t sum = 0;

    for (int64_t i = 0; i < entries; i++)
        sum += entry[i].deleted ? -entry[i].file.rows : entry[i].file.rows;
    return sum;
}

/* Statistics are of a schema: those that were gathered under another one do not count (invariant 4 has its limit). */
static void fill_snapshot(const struct pfs_attempt *a, struct pfs_snapshot *out)
{
    const struct pfs_commit *c = a->commit;
    const struct pfs_snapshot *base = a->base;

    assert(out->base_list != NULL);
    assert(out->delta_list != NULL);
    assert((out->changelog_list != NULL) == (c->changelogs > 0));
    out->id = base != NULL ? base->id + 1 : 1;
    out->schema_id = c->schema->id;
    out->commit_user = c->user;
    out->commit_identifier = c->identifier;
    out->kind = c->kind;
    out->time_ms = pfs_clock_now_ms(c->clock);
    out->delta_records = sum_rows(c->entry, c->entries);
    out->total_records = out->delta_records;
    if (base != NULL && base->total_records != PFS_NO_NUMBER)
        out->total_records += base->total_records;
    out->changelog_records = c->changelogs > 0 ? sum_rows(c->changelog, c->changelogs) : PFS_NO_NUMBER;
    out->watermark = base != NULL ? base->watermark : PFS_NO_NUMBER;
    out->has_watermark = base != NULL && base->has_watermark;
    out->statistics = base != NULL && base->schema_id == c->schema->id ? base->statistics : NULL;
    out->properties_json = c->properties;
}

/* Everything that the snapshot names, durable (invariant 1). */
static int prepare(struct pfs_attempt *a, const struct pfs_index_entry *live, int64_t lives, struct pfs_snapshot *out,
                   struct pfs_err *err)
{
    const struct pfs_commit *c = a->commit;
    const char *dir = pfs_arena_printf(a->arena, "%s/manifest", c->table);
    const struct pfs_manifest_entry *entry;
    struct pfs_manifest_file *file;
    int64_t files;

    if (dir == NULL)
        return pfs_arena_full(a->arena, err);
    pfs_uuid_make(a->uuid);
    PFS_TRY(pfs_manifest_codec(&c->schema->options, &a->codec, err));
    PFS_TRY(pfs_options_bytes(&c->schema->options, "manifest.target-file-size", 8 << 20, &a->target_bytes, err));
    PFS_TRY(delta_of(a, &entry, &out->next_row_id, err));
    PFS_TRY(put_base_list(a, out, err));
    PFS_TRY(pfs_attempt_put_manifests(a, entry, c->entries, &file, &files, err));
    PFS_TRY(pfs_attempt_put_list(a, file, files, &out->delta_list, &out->delta_list_size, err));
    out->changelog_list = NULL;
    out->changelog_list_size = PFS_NO_NUMBER;
    if (c->changelogs > 0) {
        PFS_TRY(pfs_attempt_put_manifests(a, c->changelog, c->changelogs, &file, &files, err));
        PFS_TRY(pfs_attempt_put_list(a, file, files, &out->changelog_list, &out->changelog_list_size, err));
    }
    PFS_TRY(put_index(a, live, lives, out, err));
    return pfs_store_sync_dir(c->store, dir, err);
}

/* A table or branch that was moved meanwhile shall not get its directory back: publishing a file makes those above it.
 */
static int check_there(const struct pfs_attempt *a, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(a->arena, "%s/snapshot", a->commit->meta);
    struct pfs_stat st;
    int rc;

    if (path == NULL)
        return pfs_arena_full(a->arena, err);
    if (a->base == NULL)
        return 0;
    rc = pfs_store_stat(a->commit->store, path, &st, err);
    return rc == -ENOENT ? pfs_fail(err, ENOENT, "%s has been moved or dropped", a->commit->meta) : rc;
}

int pfs_commit_try(const struct pfs_commit *commit, const struct pfs_snapshot *base,
                   const struct pfs_index_entry *base_index, int64_t base_indexes, struct pfs_arena *arena,
                   struct pfs_snapshot *out, bool *unclear, struct pfs_err *err)
{
    struct pfs_attempt a = {.commit = commit, .base = base, .arena = arena};
    struct pfs_snapshot made = {0};
    bool named;
    int rc;

    assert(commit->user != NULL);
    assert(commit->entries >= 0);
    assert(base_index != NULL || base_indexes == 0);
    if (unclear != NULL)
        *unclear = false;
    a.keeper = &a.made;
    rc = prepare(&a, base_index, base_indexes, &made, err);
    if (rc == 0)
        rc = check_there(&a, err);
    if (rc < 0) {
        pfs_made_remove(commit->store, &a.made); /* invariant 3: nothing names them */
        return rc;
    }
    fill_snapshot(&a, &made);
    rc = pfs_snapshot_publish(commit->store, commit->meta, &made, &named, err);
    if (rc == -EEXIST || (rc < 0 && !named)) {
        pfs_made_remove(commit->store, &a.made);
        return rc == -EEXIST ? PFS_COMMIT_LOST : rc;
    }
    if (rc < 0) { /* invariant 5 */
        if (unclear != NULL)
            *unclear = true;
        if (commit->doubts != NULL)
            (void)pfs_doubts_add(commit->doubts, &a, &made, rc);
        return err != NULL && err->code != 0
                   ? pfs_wrap(err, "snapshot %lld may or may not be there", (long long)made.id)
                   : rc;
    }
    *out = made;
    return PFS_COMMIT_DONE;
}

/* ---- what was committed ---- */

static uint64_t hash_of(const struct pfs_snapshot *s)
{
    return pfs_hash64(s->delta_list, strlen(s->delta_list), 0); /* a name that no other snapshot has */
}

int pfs_commit_moment(struct pfs_store *store, const char *meta, struct pfs_commit_moment *out, struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    int64_t latest;
    int rc = pfs_snapshot_latest_id(store, meta, &latest, err);

    *out = (struct pfs_commit_moment){0};
    if (rc < 0)
        return rc == -ENOENT ? 0 : rc;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(store, meta, latest, &arena, &snapshot, NULL, err);
    if (rc == 0)
        *out = (struct pfs_commit_moment){latest, hash_of(&snapshot)};
    pfs_arena_done(&arena);
    return rc == -ENOENT ? 0 : rc; /* rolled back meanwhile: nothing is said of any other one */
}

/* Up to which snapshot all were there at that moment; 0 when it is another one now, or gone with those before it. */
static int last_of(struct pfs_store *store, const char *meta, const struct pfs_commit_moment *moment, int64_t *out,
                   struct pfs_err *err)
{
    struct pfs_snapshot snapshot;
    struct pfs_arena arena;
    int rc = 0;

    *out = moment == NULL ? INT64_MAX : 0;
    if (moment == NULL || moment->id == 0)
        return 0;
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    rc = pfs_snapshot_load(store, meta, moment->id, &arena, &snapshot, NULL, err);
    if (rc == 0 && hash_of(&snapshot) == moment->hash)
        *out = moment->id;
    pfs_arena_done(&arena);
    return rc == -ENOENT ? 0 : rc;
}

/* Beyond a user's newest snapshot, how many more are looked at for one that landed behind a later number. */
#define LATE_LANDINGS_MAX 64

int pfs_commit_known(struct pfs_store *store, const char *meta, const char *user, int64_t identifier,
                     const struct pfs_commit_moment *given, struct pfs_err *err)
{
    struct pfs_arena arena;
    int64_t latest, earliest, last, left = INT64_MAX;
    int known = 0, rc = pfs_snapshot_latest_id(store, meta, &latest, err);

    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return rc;
    PFS_TRY(last_of(store, meta, given, &last, err));
    rc = pfs_snapshot_earliest_id(store, meta, &earliest, err);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t id = latest; rc == 0 && known == 0 && left > 0 && id >= earliest; id--, left--) {
        struct pfs_snapshot snapshot;

        pfs_arena_reset(&arena);
        rc = pfs_snapshot_load(store, meta, id, &arena, &snapshot, NULL, err); /* -ENOENT: it expired meanwhile */
        if (rc < 0 || strcmp(snapshot.commit_user, user) != 0)
            continue;
        known = snapshot.commit_identifier == identifier || (snapshot.commit_identifier > identifier && id <= last);
        left = left < LATE_LANDINGS_MAX ? left : LATE_LANDINGS_MAX;
    }
    pfs_arena_done(&arena);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (known == 1) /* somebody else's snapshot, as this attempt sees it: it may not be durable yet */
        PFS_TRY(pfs_snapshot_sync(store, meta, err));
    return known;
}
