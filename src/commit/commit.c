#include "src/commit/commit.h"

#include <stdio.h>
#include <string.h>

#include "base/uuid.h"
#include "format/binrow.h"

struct attempt {
    const struct pfs_commit *commit;
    const struct pfs_snapshot *base; /* NULL: the first snapshot */
    struct pfs_arena *arena;
    char uuid[PFS_UUID_TEXT];
    const char *made[4]; /* paths that this attempt created, for removal when the race is lost */
    int mades;
};

/* ---- files of one attempt ---- */

/* Writes manifest/<name>, synced; the directory is synced once by the caller. */
static int put_file(struct attempt *a, const char *name, const struct pfs_buf *bytes, struct pfs_err *err)
{
    const char *path = pfs_arena_printf(a->arena, "%s/manifest/%s", a->commit->table, name);
    struct pfs_file *file;
    int rc;

    if (path == NULL)
        return pfs_arena_full(a->arena, err);
    PFS_TRY(pfs_buf_check(bytes, err));
    rc = pfs_store_create(a->commit->store, path, &file, err);
    if (rc == -EEXIST)
        return pfs_fail(err, EEXIST, "%s is there already", path);
    if (rc < 0)
        return rc;
    a->made[a->mades++] = path;
    rc = pfs_file_append(file, bytes->at, bytes->len, err);
    if (rc == 0)
        rc = pfs_file_sync(file, err);
    pfs_file_close(file);
    return rc;
}

static void remove_made(struct attempt *a)
{
    while (a->mades > 0)
        (void)pfs_store_unlink(a->commit->store, a->made[--a->mades], NULL);
}

static const char *name_of(struct attempt *a, const char *kind, int number, struct pfs_err *err)
{
    const char *name = pfs_arena_printf(a->arena, "%s-%s-%d", kind, a->uuid, number);

    if (name == NULL)
        (void)pfs_arena_full(a->arena, err);
    return name;
}

/* ---- the facts of the delta manifest ---- */

static void widen(struct pfs_manifest_file *m, const struct pfs_manifest_entry *e, bool first)
{
    if (first || e->bucket < m->min_bucket)
        m->min_bucket = e->bucket;
    if (first || e->bucket > m->max_bucket)
        m->max_bucket = e->bucket;
    if (first || e->file.level < m->min_level)
        m->min_level = e->file.level;
    if (first || e->file.level > m->max_level)
        m->max_level = e->file.level;
    if (first || e->file.schema_id > m->schema_id)
        m->schema_id = e->file.schema_id;
    m->added += !e->deleted;
    m->deleted += e->deleted;
}

/* Ranges and null counts of the partition columns over all entries. */
static int partition_stats(struct attempt *a, struct pfs_stats *out, struct pfs_err *err)
{
    const struct pfs_schema *schema = a->commit->schema;
    int32_t count = schema->partition_keys;
    const struct pfs_type **types = pfs_arena_array(a->arena, (size_t)count, sizeof(*types));
    struct pfs_column *row = pfs_arena_array(a->arena, (size_t)count, sizeof(*row));
    struct pfs_column *bound[2];
    const struct pfs_column **list = pfs_arena_array(a->arena, (size_t)count, sizeof(*list));
    int64_t *nulls = pfs_arena_array(a->arena, (size_t)count, sizeof(*nulls));
    struct pfs_slice *bytes[] = {&out->min, &out->max};

    for (int b = 0; b < 2; b++)
        bound[b] = pfs_arena_array(a->arena, (size_t)count, sizeof(**bound));
    if (types == NULL || row == NULL || list == NULL || nulls == NULL || bound[0] == NULL || bound[1] == NULL)
        return pfs_arena_full(a->arena, err);
    for (int32_t i = 0; i < count; i++) {
        types[i] = &schema->field[schema->partition_key[i]].type;
        PFS_TRY(pfs_column_nulls(types[i], 1, a->arena, &bound[0][i], err));
        bound[1][i] = bound[0][i];
    }
    for (int64_t e = 0; e < a->commit->entries; e++) {
        const struct pfs_slice partition = a->commit->entry[e].partition;

        if (e > 0 && pfs_slice_eq(partition, a->commit->entry[e - 1].partition)) {
            for (int32_t i = 0; i < count; i++)
                nulls[i] += !pfs_column_present(&row[i], 0);
            continue;
        }
        PFS_TRY(pfs_binrow_parse(partition, types, count, a->arena, row, err));
        for (int32_t i = 0; i < count; i++) {
            if (!pfs_column_present(&row[i], 0)) {
                nulls[i]++;
                continue;
            }
            if (!pfs_column_present(&bound[0][i], 0) || pfs_value_compare(&row[i], 0, &bound[0][i], 0) < 0)
                bound[0][i] = row[i];
            if (!pfs_column_present(&bound[1][i], 0) || pfs_value_compare(&row[i], 0, &bound[1][i], 0) > 0)
                bound[1][i] = row[i];
        }
    }
    for (int b = 0; b < 2; b++) {
        struct pfs_buf text = {0};
        int rc;

        for (int32_t i = 0; i < count; i++)
            list[i] = &bound[b][i];
        rc = pfs_binrow_print(list, count, 0, true, &text, err);
        if (rc == 0 && !pfs_arena_copy(a->arena, pfs_buf_slice(&text), bytes[b]))
            rc = pfs_arena_full(a->arena, err);
        pfs_buf_done(&text);
        PFS_TRY(rc);
    }
    out->columns = count;
    out->nulls = nulls;
    return 0;
}

static int put_manifest(struct attempt *a, struct pfs_manifest_file *out, struct pfs_err *err)
{
    struct pfs_buf bytes = {0};
    int rc;

    *out = (struct pfs_manifest_file){.name = name_of(a, "manifest", 0, err), .has_ranges = true};
    if (out->name == NULL)
        return -ENOMEM;
    for (int64_t i = 0; i < a->commit->entries; i++)
        widen(out, &a->commit->entry[i], i == 0);
    PFS_TRY(partition_stats(a, &out->partitions, err));
    rc = pfs_manifest_print(a->commit->entry, a->commit->entries, &bytes, err);
    if (rc == 0)
        rc = put_file(a, out->name, &bytes, err);
    out->size = (int64_t)bytes.len;
    pfs_buf_done(&bytes);
    return rc;
}

static int put_list(struct attempt *a, int number, const struct pfs_manifest_file *item, int64_t count,
                    const char **name, int64_t *size, struct pfs_err *err)
{
    struct pfs_buf bytes = {0};
    int rc;

    *name = name_of(a, "manifest-list", number, err);
    if (*name == NULL)
        return -ENOMEM;
    rc = pfs_manifest_list_print(item, count, &bytes, err);
    if (rc == 0)
        rc = put_file(a, *name, &bytes, err);
    *size = (int64_t)bytes.len;
    pfs_buf_done(&bytes);
    return rc;
}

/* Base list of the new snapshot: everything that the one before had, base and delta (spec manifests 4.1: merging small
 * manifests is optional). */
static int put_base_list(struct attempt *a, struct pfs_snapshot *out, struct pfs_err *err)
{
    struct pfs_manifest_file *base = NULL, *delta = NULL, *all;
    int64_t bases = 0, deltas = 0;

    if (a->base != NULL) {
        PFS_TRY(pfs_manifest_list_load(a->commit->store, a->commit->table, a->base->base_list, a->arena, &base, &bases,
                                       err));
        PFS_TRY(pfs_manifest_list_load(a->commit->store, a->commit->table, a->base->delta_list, a->arena, &delta,
                                       &deltas, err));
    }
    all = pfs_arena_array(a->arena, (size_t)(bases + deltas), sizeof(*all));
    if (all == NULL)
        return pfs_arena_full(a->arena, err);
    for (int64_t i = 0; i < bases + deltas; i++)
        all[i] = i < bases ? base[i] : delta[i - bases];
    return put_list(a, 0, all, bases + deltas, &out->base_list, &out->base_list_size, err);
}

/* ---- the index manifest ---- */

static bool same_place(const struct pfs_index_entry *a, const struct pfs_index_entry *b)
{
    return a->bucket == b->bucket && strcmp(a->type, b->type) == 0 && pfs_slice_eq(a->partition, b->partition);
}

/* The full list: the one before, without what is replaced, then what is new (spec indexes 2). */
static int put_index(struct attempt *a, const struct pfs_index_entry *live, int64_t lives, struct pfs_snapshot *out,
                     struct pfs_err *err)
{
    const struct pfs_commit *c = a->commit;
    struct pfs_index_entry *all;
    struct pfs_buf bytes = {0};
    int64_t count = 0;
    int rc;

    out->index_manifest = a->base != NULL ? a->base->index_manifest : NULL;
    if (c->indexes == 0)
        return 0;
    all = pfs_arena_array(a->arena, (size_t)(lives + c->indexes), sizeof(*all));
    out->index_manifest = name_of(a, "index-manifest", 0, err);
    if (all == NULL || out->index_manifest == NULL)
        return pfs_arena_full(a->arena, err);
    for (int64_t i = 0; i < lives; i++) {
        bool replaced = false;

        for (int64_t k = 0; k < c->indexes && !replaced; k++)
            replaced = same_place(&live[i], &c->index[k]);
        if (!replaced)
            all[count++] = live[i];
    }
    memcpy(all + count, c->index, (size_t)c->indexes * sizeof(*all));
    count += c->indexes;
    rc = pfs_index_manifest_print(all, count, &bytes, err);
    if (rc == 0)
        rc = put_file(a, out->index_manifest, &bytes, err);
    pfs_buf_done(&bytes);
    return rc;
}

/* ---- one attempt ---- */

static void fill_snapshot(const struct attempt *a, struct pfs_snapshot *out)
{
    const struct pfs_commit *c = a->commit;
    const struct pfs_snapshot *base = a->base;
    int64_t delta = 0;

    for (int64_t i = 0; i < c->entries; i++)
        delta += c->entry[i].deleted ? -c->entry[i].file.rows : c->entry[i].file.rows;
    out->id = base != NULL ? base->id + 1 : 1;
    out->schema_id = c->schema->id;
    out->changelog_list = NULL;
    out->changelog_list_size = PFS_NO_NUMBER;
    out->commit_user = c->user;
    out->commit_identifier = c->identifier;
    out->kind = c->kind;
    out->time_ms = pfs_clock_now_ms(c->clock);
    out->delta_records = delta;
    out->total_records = delta;
    if (base != NULL && base->total_records != PFS_NO_NUMBER)
        out->total_records += base->total_records;
    out->changelog_records = PFS_NO_NUMBER;
    out->watermark = base != NULL ? base->watermark : PFS_NO_NUMBER;
    out->has_watermark = base != NULL && base->has_watermark;
    out->statistics = base != NULL && base->schema_id == c->schema->id ? base->statistics : NULL;
    out->properties_json = NULL;
    out->next_row_id = base != NULL && base->next_row_id != PFS_NO_NUMBER ? base->next_row_id : 0;
}

static int prepare(struct attempt *a, const struct pfs_index_entry *live, int64_t lives, struct pfs_snapshot *out,
                   struct pfs_err *err)
{
    struct pfs_manifest_file delta;
    const char *dir = pfs_arena_printf(a->arena, "%s/manifest", a->commit->table);

    if (dir == NULL)
        return pfs_arena_full(a->arena, err);
    pfs_uuid_make(a->uuid);
    PFS_TRY(put_manifest(a, &delta, err));
    PFS_TRY(put_base_list(a, out, err));
    PFS_TRY(put_list(a, 1, &delta, 1, &out->delta_list, &out->delta_list_size, err));
    PFS_TRY(put_index(a, live, lives, out, err));
    return pfs_store_sync_dir(a->commit->store, dir, err); /* invariant 1 */
}

int pfs_commit_try(const struct pfs_commit *commit, const struct pfs_snapshot *base,
                   const struct pfs_index_entry *base_index, int64_t base_indexes, struct pfs_arena *arena,
                   struct pfs_snapshot *out, bool *unclear, struct pfs_err *err)
{
    struct attempt a = {.commit = commit, .base = base, .arena = arena};
    struct pfs_snapshot made = {0};
    int rc;

    if (unclear != NULL)
        *unclear = false;
    rc = prepare(&a, base_index, base_indexes, &made, err);
    if (rc < 0) {
        remove_made(&a); /* invariant 3: nothing names them */
        return rc;
    }
    fill_snapshot(&a, &made);
    rc = pfs_snapshot_publish(commit->store, commit->meta, &made, err);
    if (rc == -EEXIST) {
        remove_made(&a);
        return PFS_COMMIT_LOST;
    }
    if (rc < 0) { /* invariant 5 */
        if (unclear != NULL)
            *unclear = true;
        return err != NULL && err->code != 0
                   ? pfs_wrap(err, "snapshot %lld may or may not be there", (long long)made.id)
                   : rc;
    }
    *out = made;
    return PFS_COMMIT_DONE;
}

int pfs_commit_known(struct pfs_store *store, const char *meta, const char *user, int64_t identifier,
                     struct pfs_err *err)
{
    struct pfs_arena arena;
    int64_t latest, earliest;
    int known = 0, rc = pfs_snapshot_latest_id(store, meta, &latest, err);

    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return rc;
    rc = pfs_snapshot_earliest_id(store, meta, &earliest, err);
    pfs_arena_init(&arena, PFS_ARENA_LIMIT);
    for (int64_t id = latest; rc == 0 && id >= earliest; id--) {
        struct pfs_snapshot snapshot;

        pfs_arena_reset(&arena);
        rc = pfs_snapshot_load(store, meta, id, &arena, &snapshot, NULL, err);
        if (rc == 0 && strcmp(snapshot.commit_user, user) == 0) {
            known = snapshot.commit_identifier >= identifier;
            break;
        }
        if (rc == -ENOENT) /* expired meanwhile: so is everything before it */
            break;
    }
    pfs_arena_done(&arena);
    return rc < 0 && rc != -ENOENT ? rc : known;
}
