/* overwrite.c - what an OVERWRITE replaces: DELETEs of the live files of the partitions in question, then the new files
 * (spec commit 4).
 *
 * Which partitions go is decided anew for each state that an attempt stands on: rows that a rival adds to one of them
 * meanwhile go too. Index entries of what goes are left out with it, or a deletion vector would name a file that is not
 * there. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/binrow.h"
#include "src/commit/internal.h"

struct replacing {
    const struct pfs_state *state;
    const struct pfs_schema *schema;
    struct pfs_change *change;
    enum pfs_overwrite_kind kind;
    struct pfs_arena *arena;
    struct pfs_slice *partition; /* DYNAMIC: those of the new files, sorted */
    int64_t partitions;
    struct pfs_slice last; /* what was asked for before, and the answer */
    bool last_goes, any_last;
};

/* A serialised partition as one-row columns. */
static int parse_partition(const struct pfs_schema *schema, struct pfs_slice row, struct pfs_arena *arena,
                           struct pfs_column **out, struct pfs_err *err)
{
    size_t count = (size_t)schema->partition_keys;
    const struct pfs_type **type = pfs_arena_array(arena, count, sizeof(*type));

    *out = pfs_arena_array(arena, count, sizeof(**out));
    if (type == NULL || *out == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < count; i++)
        type[i] = &schema->field[schema->partition_key[i]].type;
    return pfs_binrow_parse(row, type, (int32_t)count, arena, *out, err);
}

static int by_bytes(const void *a, const void *b)
{
    return pfs_slice_compare(*(const struct pfs_slice *)a, *(const struct pfs_slice *)b);
}

/* ---- does a partition go? ---- */

static bool is_named(const struct pfs_schema *schema, const struct pfs_overwrite *spec, const struct pfs_column *row)
{
    for (int32_t i = 0; i < spec->columns; i++)
        for (int32_t k = 0; k < schema->partition_keys; k++) {
            bool present = pfs_column_present(&spec->value[i], 0);

            if (schema->partition_key[k] != spec->column[i])
                continue;
            if (present != pfs_column_present(&row[k], 0) ||
                (present && pfs_value_compare(&spec->value[i], 0, &row[k], 0) != 0))
                return false;
        }
    return true;
}

static int is_named_by_any(const struct replacing *r, struct pfs_slice partition, bool *out, struct pfs_err *err)
{
    struct pfs_column *row;

    assert(r->kind == PFS_OVERWRITE_STATIC);
    PFS_TRY(parse_partition(r->schema, partition, r->arena, &row, err));
    *out = false;
    for (const struct pfs_overwrite *s = &r->change->overwrite; s != NULL && !*out; s = s->also)
        *out = is_named(r->schema, s, row);
    return 0;
}

static int goes(struct replacing *r, struct pfs_slice partition, bool *out, struct pfs_err *err)
{
    if (r->any_last && pfs_slice_eq(partition, r->last)) {
        *out = r->last_goes;
        return 0;
    }
    switch (r->kind) {
    case PFS_OVERWRITE_NONE:
        *out = false;
        break;
    case PFS_OVERWRITE_ALL:
        *out = true;
        break;
    case PFS_OVERWRITE_DYNAMIC:
        *out = bsearch(&partition, r->partition, (size_t)r->partitions, sizeof(partition), by_bytes) != NULL;
        break;
    case PFS_OVERWRITE_STATIC:
        PFS_TRY(is_named_by_any(r, partition, out, err));
        break;
    }
    r->last = partition;
    r->last_goes = *out;
    r->any_last = true;
    return 0;
}

static int list_partitions(struct replacing *r, struct pfs_err *err)
{
    r->partition = pfs_arena_array(r->arena, (size_t)r->change->entries, sizeof(*r->partition));
    if (r->partition == NULL)
        return pfs_arena_full(r->arena, err);
    for (int64_t i = 0; i < r->change->entries; i++)
        r->partition[i] = r->change->entry[i].partition;
    r->partitions = r->change->entries;
    if (r->partitions > 0)
        qsort(r->partition, (size_t)r->partitions, sizeof(*r->partition), by_bytes);
    return 0;
}

static int check_inside(struct replacing *r, struct pfs_err *err)
{
    for (int64_t i = 0; i < r->change->entries; i++) {
        bool inside;

        PFS_TRY(goes(r, r->change->entry[i].partition, &inside, err));
        if (!inside)
            return pfs_fail(err, EINVAL, "new rows do not belong to the partition that is overwritten");
    }
    return 0;
}

/* ---- new files go to the top level ---- */

struct upgrading {
    const struct pfs_schema *schema;
    struct pfs_arena *arena;
    int rc; /* the first failure of a comparison */
};

static int by_place(const struct pfs_manifest_entry *a, const struct pfs_manifest_entry *b)
{
    return a->bucket != b->bucket ? (a->bucket < b->bucket ? -1 : 1) : pfs_slice_compare(a->partition, b->partition);
}

static int by_place_and_key(const void *a, const void *b, void *context)
{
    const struct pfs_manifest_entry *x = a, *y = b;
    struct upgrading *u = context;
    int order = by_place(x, y);

    if (order == 0 && u->rc == 0)
        u->rc = pfs_key_row_compare(u->schema, x->file.min_key, y->file.min_key, u->arena, &order, NULL);
    return order;
}

/* Files of one write are one run when their key ranges are disjoint: then nothing has to be merged in the bucket. The
 * entries are put in another order. */
static int upgrade(struct replacing *r, struct pfs_manifest_entry *entry, int64_t entries, struct pfs_err *err)
{
    const struct pfs_options *o = &r->schema->options;
    struct upgrading u = {.schema = r->schema, .arena = r->arena};
    static const char *const urgencies[] = {"radical", "gentle", NULL};
    int64_t trigger, levels;
    int urgency;
    bool wanted;

    PFS_TRY(pfs_options_bool(o, "overwrite-upgrade", true, &wanted, err));
    PFS_TRY(pfs_options_int(o, "num-sorted-run.compaction-trigger", 5, &trigger, err));
    PFS_TRY(pfs_options_int(o, "num-levels", trigger < INT32_MAX ? trigger + 1 : INT32_MAX, &levels, err));
    PFS_TRY(pfs_options_enum(o, "lookup-compact", urgencies, 0, &urgency, err));
    if (!wanted || r->schema->primary_keys == 0 || entries == 0 || levels < 2 || levels > INT32_MAX)
        return 0;
    if (r->schema->lookup_mode && !r->schema->write_only && urgency == 0)
        return 0; /* the compaction that follows does it */
    for (int64_t i = 0; i < entries; i++)
        if (entry[i].deleted || entry[i].bucket < 0 || entry[i].file.level != 0)
            return 0;
    qsort_r(entry, (size_t)entries, sizeof(*entry), by_place_and_key, &u);
    if (u.rc < 0)
        return pfs_fail(err, -u.rc, "a new file's keys cannot be read");
    for (int64_t i = 1; i < entries; i++) {
        int order = -1;

        if (by_place(&entry[i - 1], &entry[i]) == 0)
            PFS_TRY(pfs_key_row_compare(r->schema, entry[i - 1].file.max_key, entry[i].file.min_key, r->arena, &order,
                                        err));
        if (order >= 0)
            return 0;
    }
    for (int64_t i = 0; i < entries; i++) {
        assert(entry[i].file.level == 0);
        entry[i].file.level = (int32_t)(levels - 1);
    }
    return 0;
}

/* ---- the delta ---- */

static int replace_files(struct replacing *r, struct pfs_err *err)
{
    struct pfs_change *c = r->change;
    struct pfs_manifest_entry *all = pfs_arena_array(r->arena, (size_t)(r->state->files + c->entries), sizeof(*all));
    int64_t count = 0;

    if (all == NULL)
        return pfs_arena_full(r->arena, err);
    for (int64_t i = 0; i < r->state->files; i++) {
        bool is_gone;

        if (r->state->file[i]->bucket < 0 && r->schema->buckets != -2) /* postponed rows are not in the table yet */
            continue;
        PFS_TRY(goes(r, r->state->file[i]->partition, &is_gone, err));
        if (!is_gone)
            continue;
        all[count] = *r->state->file[i];
        all[count++].deleted = true;
    }
    assert(count <= r->state->files);
    if (c->entries > 0)
        memcpy(all + count, c->entry, (size_t)c->entries * sizeof(*all));
    PFS_TRY(upgrade(r, all + count, c->entries, err));
    c->entry = all;
    c->entries += count;
    return 0;
}

static int keep_indexes(struct replacing *r, const struct pfs_index_entry **index, int64_t *indexes,
                        struct pfs_err *err)
{
    struct pfs_index_entry *kept = pfs_arena_array(r->arena, (size_t)r->state->indexes, sizeof(*kept));

    if (kept == NULL)
        return pfs_arena_full(r->arena, err);
    *indexes = 0;
    for (int64_t i = 0; i < r->state->indexes; i++) {
        bool is_gone;

        PFS_TRY(goes(r, r->state->index[i].partition, &is_gone, err));
        if (!is_gone)
            kept[(*indexes)++] = r->state->index[i];
    }
    assert(*indexes <= r->state->indexes);
    *index = kept;
    return 0;
}

int pfs_overwrite_apply(const struct pfs_state *state, struct pfs_change *change, struct pfs_arena *arena,
                        const struct pfs_index_entry **index, int64_t *indexes, struct pfs_err *err)
{
    struct replacing r = {.state = state, .schema = state->schema, .change = change, .arena = arena};

    assert(change->overwrite.kind <= PFS_OVERWRITE_STATIC);
    assert(change->overwrite.also == NULL || change->overwrite.kind == PFS_OVERWRITE_STATIC);
    *index = state->index;
    *indexes = state->indexes;
    r.kind = change->overwrite.kind;
    if (r.kind == PFS_OVERWRITE_NONE)
        return 0;
    if (r.kind != PFS_OVERWRITE_STATIC && state->schema->partition_keys == 0)
        r.kind = PFS_OVERWRITE_ALL;
    if (r.kind == PFS_OVERWRITE_DYNAMIC)
        PFS_TRY(list_partitions(&r, err));
    else
        change->even_empty = true;
    if (r.kind == PFS_OVERWRITE_STATIC)
        PFS_TRY(check_inside(&r, err));
    change->kind = PFS_COMMIT_OVERWRITE;
    change->changelogs = 0;
    PFS_TRY(replace_files(&r, err));
    return keep_indexes(&r, index, indexes, err);
}
