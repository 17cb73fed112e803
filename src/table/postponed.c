/* postponed.c - rows of the postpone bucket get real buckets (spec lsm 9, buckets 7).
 *
 *   bucket-postpone/ of a partition, in the order of writing -> routed, sorted, merged -> level 0 of bucket-0 ... N - 1
 *
 * N is the partition's number of buckets, or postpone.default-bucket-num where it has none yet. Partitions that share N
 * share a write. The files are sorted by that number, by partition, then in the order of writing. */
#include "src/table/postponed.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "src/file/file.h"
#include "src/table/internal.h"
#include "src/write/write.h"

#define BUCKETS_MAX 65536 /* of a partition: each is a directory with a file at least */

struct placing {
    const struct pfs_placing_want *want;
    struct pfs_state *state;
    struct pfs_placed *to;
    int32_t *buckets; /* of each file's partition */
};

/* ---- which files, in which order ---- */

/* The counter at the end of "data--u-<user>-s-<id>-w-<uuid>-<n>.<extension>"; *prefix: how long what stands before is.
 */
static long counter_of(const char *name, size_t *prefix)
{
    const char *dash = strrchr(name, '-');

    *prefix = dash == NULL ? strlen(name) : (size_t)(dash - name);
    return dash == NULL ? 0 : strtol(dash + 1, NULL, 10);
}

/* Files of one writer in the order of their counters, where their times do not tell. */
static int compare_names(const char *a, const char *b)
{
    size_t before_a, before_b;
    long x = counter_of(a, &before_a), y = counter_of(b, &before_b);

    if (before_a != before_b || memcmp(a, b, before_a) != 0)
        return 0;
    return (x > y) - (x < y);
}

struct ordered { /* to be sorted; equal ones stay as the manifests have them */
    const struct pfs_manifest_entry *file;
    int32_t buckets;
    int64_t at;
};

static int compare_files(const void *left, const void *right)
{
    const struct ordered *a = left, *b = right;
    const struct pfs_data_file *x = &a->file->file, *y = &b->file->file;
    int by;

    if (a->buckets != b->buckets)
        return a->buckets < b->buckets ? -1 : 1;
    by = pfs_slice_compare(a->file->partition, b->file->partition);
    if (by == 0 && x->creation_time_ms != y->creation_time_ms)
        by = x->creation_time_ms < y->creation_time_ms ? -1 : 1;
    if (by == 0)
        by = compare_names(x->name, y->name);
    return by != 0 ? by : (a->at > b->at) - (a->at < b->at);
}

/* What the partition's real files were written with; 0 = there are none. */
static int32_t buckets_of(const struct pfs_state *state, struct pfs_slice partition)
{
    for (int64_t i = 0; i < state->files; i++) {
        const struct pfs_manifest_entry *e = state->file[i];

        if (e->bucket >= 0 && e->total_buckets > 0 && pfs_slice_eq(e->partition, partition))
            return e->total_buckets;
    }
    return 0;
}

static int default_buckets(const struct pfs_schema *schema, int32_t *out, struct pfs_err *err)
{
    int64_t buckets;

    PFS_TRY(pfs_options_int(&schema->options, "postpone.default-bucket-num", 1, &buckets, err));
    if (buckets < 1 || buckets > BUCKETS_MAX)
        return pfs_fail(err, EINVAL, "postpone.default-bucket-num = %lld must be from 1 to %d", (long long)buckets,
                        BUCKETS_MAX);
    *out = (int32_t)buckets;
    return 0;
}

static int list_files(struct placing *p, struct pfs_err *err)
{
    struct pfs_state *s = p->state;
    struct pfs_placed *to = p->to;
    struct ordered *found = pfs_arena_array(&to->arena, (size_t)s->files, sizeof(*found));
    int32_t otherwise;

    to->gone = pfs_arena_array(&to->arena, (size_t)s->files, sizeof(struct pfs_manifest_entry *));
    p->buckets = pfs_arena_array(&to->arena, (size_t)s->files, sizeof(*p->buckets));
    if (found == NULL || to->gone == NULL || p->buckets == NULL)
        return pfs_arena_full(&to->arena, err);
    PFS_TRY(default_buckets(s->schema, &otherwise, err));
    for (int64_t i = 0; i < s->files; i++) {
        const struct pfs_manifest_entry *e = s->file[i];
        bool same = to->gones > 0 && pfs_slice_eq(found[to->gones - 1].file->partition, e->partition);
        int32_t buckets;

        if (e->bucket != PFS_POSTPONE_BUCKET)
            continue;
        buckets = same ? found[to->gones - 1].buckets : buckets_of(s, e->partition);
        found[to->gones] = (struct ordered){e, buckets > 0 ? buckets : otherwise, to->gones};
        to->gones++;
    }
    qsort(found, (size_t)to->gones, sizeof(*found), compare_files);
    for (int64_t i = 0; i < to->gones; i++) {
        to->gone[i] = found[i].file;
        p->buckets[i] = found[i].buckets;
    }
    return 0;
}

/* ---- rows ---- */

static int copy_entries(struct pfs_arena *arena, const struct pfs_manifest_entry *from, int64_t count,
                        struct pfs_manifest_entry **to, int64_t *entries, struct pfs_err *err)
{
    struct pfs_manifest_entry *all = pfs_arena_array(arena, (size_t)(*entries + count), sizeof(*all));

    if (all == NULL)
        return pfs_arena_full(arena, err);
    if (*entries > 0)
        memcpy(all, *to, (size_t)*entries * sizeof(*all));
    *to = all;
    for (int64_t i = 0; i < count; i++) {
        PFS_TRY(pfs_manifest_entry_copy(&from[i], arena, &all[*entries], err));
        ++*entries;
    }
    return 0;
}

/* What cannot be remembered is removed at once. */
static int keep_made(struct placing *p, const struct pfs_write_files *made, struct pfs_err *err)
{
    const struct pfs_data_place place = {p->want->parts.store, p->want->parts.root, p->state->schema,
                                         p->state->external};
    struct pfs_placed *to = p->to;
    int64_t entries = to->entries, changelogs = to->changelogs;
    int rc = copy_entries(&to->arena, made->entry, made->entries, &to->entry, &to->entries, err);

    if (rc == 0)
        rc = copy_entries(&to->arena, made->changelog, made->changelogs, &to->changelog, &to->changelogs, err);
    if (rc == 0)
        return 0;
    to->entries = entries;
    to->changelogs = changelogs;
    for (int64_t i = 0; i < made->entries; i++)
        pfs_data_remove(&place, &made->entry[i]);
    for (int64_t i = 0; i < made->changelogs; i++)
        pfs_data_remove(&place, &made->changelog[i]);
    return rc;
}

/* Files [from, end), whose partitions have the same number of buckets, through one write. */
static int place_some(struct placing *p, int64_t from, int64_t end, struct pfs_write *write, struct pfs_err *err)
{
    struct pfs_write_files made;

    for (int64_t i = from; i < end; i++) {
        if (pfs_cancelled(p->want->cancel))
            return pfs_fail(err, ECANCELED, "cancelled");
        PFS_TRY(pfs_write_add_postponed(write, p->to->gone[i], p->state, err));
    }
    PFS_TRY(pfs_write_spill(write, p->state, &made, err)); /* they are ours from here on */
    assert(made.indexes == 0);
    return keep_made(p, &made, err);
}

static int place_group(struct placing *p, int64_t from, int64_t end, struct pfs_err *err)
{
    const struct pfs_table_parts *parts = &p->want->parts;
    struct pfs_schema schema = *p->state->schema;
    const struct pfs_write_config config = {.store = parts->store,
                                            .table = parts->root,
                                            .schema = &schema,
                                            .schemas = parts->schemas,
                                            .external = p->state->external,
                                            .memory_bytes = p->want->memory_bytes,
                                            .clock = parts->clock,
                                            .pool = parts->pool};
    struct pfs_write *write;
    int rc;

    schema.buckets = p->buckets[from];
    PFS_TRY(pfs_schema_supported(&schema, true, err));
    PFS_TRY(pfs_write_open(&config, &write, err));
    rc = place_some(p, from, end, write, err);
    pfs_write_close(write);
    return rc;
}

static int place_rows(struct placing *p, struct pfs_err *err)
{
    for (int64_t from = 0, end; from < p->to->gones; from = end) {
        for (end = from; end < p->to->gones && p->buckets[end] == p->buckets[from]; end++)
            ;
        PFS_TRY(place_group(p, from, end, err));
    }
    return 0;
}

/* ---- doors ---- */

int pfs_postponed_place(const struct pfs_placing_want *want, struct pfs_state *state, struct pfs_placed *out,
                        struct pfs_err *err)
{
    struct placing p = {.want = want, .state = state, .to = out};
    int rc;

    *out = (struct pfs_placed){0};
    pfs_arena_init(&out->arena, PFS_ARENA_LIMIT);
    rc = list_files(&p, err);
    if (rc == 0)
        rc = place_rows(&p, err);
    if (rc < 0)
        pfs_placed_done(want, state, out, PFS_PLACED_UNDO);
    return rc < 0 ? pfs_state_failure(state, rc, err) : 0;
}

/* Is it there under that name still, at whatever level? */
static bool is_needed(const struct pfs_placed *p, const struct pfs_manifest_entry *file)
{
    for (int64_t i = 0; i < p->changes; i++)
        if (!p->change[i].deleted && strcmp(p->change[i].file.name, file->file.name) == 0)
            return true;
    return false;
}

void pfs_placed_done(const struct pfs_placing_want *want, const struct pfs_state *state, struct pfs_placed *placed,
                     enum pfs_placed_end end)
{
    const struct pfs_data_place place = {want->parts.store, want->parts.root, state->schema, state->external};

    for (int64_t i = 0; i < placed->entries && end != PFS_PLACED_KEEP; i++)
        if (end == PFS_PLACED_UNDO || !is_needed(placed, &placed->entry[i]))
            pfs_data_remove(&place, &placed->entry[i]);
    for (int64_t i = 0; i < placed->changelogs && end == PFS_PLACED_UNDO; i++)
        pfs_data_remove(&place, &placed->changelog[i]);
    pfs_arena_done(&placed->arena);
    *placed = (struct pfs_placed){0};
}

static bool is_among(const struct pfs_manifest_entry *entry, int64_t entries, const char *name)
{
    for (int64_t i = 0; i < entries; i++)
        if (strcmp(entry[i].file.name, name) == 0)
            return true;
    return false;
}

int pfs_placed_combine(struct pfs_placed *placed, const struct pfs_manifest_entry *entry, int64_t entries,
                       struct pfs_err *err)
{
    struct pfs_placed *p = placed;

    p->change = pfs_arena_array(&p->arena, (size_t)(p->gones + p->entries + entries), sizeof(*p->change));
    if (p->change == NULL)
        return pfs_arena_full(&p->arena, err);
    for (int64_t i = 0; i < p->gones; i++) {
        p->change[p->changes] = *p->gone[i];
        p->change[p->changes++].deleted = true;
    }
    for (int64_t i = 0; i < entries; i++) /* what came and went in one step was never there */
        if (entry[i].deleted && !is_among(p->entry, p->entries, entry[i].file.name))
            p->change[p->changes++] = entry[i];
    for (int64_t i = 0; i < p->entries; i++)
        if (!is_among(entry, entries, p->entry[i].file.name))
            p->change[p->changes++] = p->entry[i];
    for (int64_t i = 0; i < entries; i++)
        if (!entry[i].deleted)
            p->change[p->changes++] = entry[i];
    return 0;
}

uint64_t pfs_placed_sum(const struct pfs_state *state)
{
    uint64_t sum = 0;

    for (int64_t i = 0; i < state->files; i++)
        if (state->file[i]->bucket >= 0)
            sum += pfs_hash64(state->file[i]->file.name, strlen(state->file[i]->file.name), 0) | 1;
    return sum;
}
