/* merging.c - few manifests instead of many (spec manifests 4.1).
 *
 * full     the bytes of small manifests and of those with DELETEs pass manifest.full-compaction-threshold-size: they
 *          become one again, without what is no longer live
 * minor    neighbours are joined where together they reach the target size; at the end of the list where there are
 *          manifest.merge-min-count of them. There we differ from Paimon: a manifest at the front that is much larger
 *          than all behind it is left alone, or each merge would write the whole list again
 *
 * Nothing is read when nothing is merged. Order is kept: an ADD stands before its DELETE.
 *
 * What is merged may become more manifests than it was, when the target size was lowered or the codec changed since:
 * the list of results grows. A merge outlives a lost race: when the rival's list still begins with the manifests that
 * were merged, the result is used again; else it is removed, for nobody names it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/commit/internal.h"

#define LEFT_ALONE 4 /* times the bytes behind it */

struct walk {
    struct pfs_attempt *attempt;
    int64_t min_count, full_bytes;
    struct pfs_manifest_file *out;
    int64_t outs, room;
    bool merged;
};

static int put_out(struct walk *w, const struct pfs_manifest_file *item, struct pfs_err *err)
{
    struct pfs_arena *arena = w->attempt->arena;

    assert(w->outs <= w->room);
    if (w->outs == w->room) {
        int64_t room = w->room == 0 ? 16 : w->room * 2;
        struct pfs_manifest_file *more = pfs_arena_array(arena, (size_t)room, sizeof(*more));

        if (more == NULL)
            return pfs_arena_full(arena, err);
        for (int64_t i = 0; i < w->outs; i++)
            more[i] = w->out[i];
        w->out = more;
        w->room = room;
    }
    w->out[w->outs++] = *item;
    return 0;
}

/* ---- merging some of them ---- */

static int load_all(struct pfs_attempt *a, const struct pfs_manifest_file *item, int64_t count,
                    const struct pfs_manifest_entry ***entry, int64_t **counts, int64_t *deletes, struct pfs_err *err)
{
    *entry = pfs_arena_array(a->arena, (size_t)count, sizeof(**entry));
    *counts = pfs_arena_array(a->arena, (size_t)count, sizeof(**counts));
    *deletes = 0;
    if (*entry == NULL || *counts == NULL)
        return pfs_arena_full(a->arena, err);
    for (int64_t i = 0; i < count; i++) {
        struct pfs_manifest_entry *list;

        PFS_TRY(
            pfs_manifest_load(a->commit->store, a->commit->table, item[i].name, a->arena, &list, &(*counts)[i], err));
        (*entry)[i] = list;
        for (int64_t k = 0; k < (*counts)[i]; k++)
            *deletes += list[k].deleted;
    }
    return 0;
}

/* The DELETEs that meet no ADD: they are what would be live if each kind were the other. */
static int leftovers(struct pfs_attempt *a, const struct pfs_manifest_entry **entry, const int64_t *counts,
                     int64_t arrays, const struct pfs_manifest_entry ***out, int64_t *count, struct pfs_err *err)
{
    const struct pfs_manifest_entry **turned = pfs_arena_array(a->arena, (size_t)arrays, sizeof(*turned));

    if (turned == NULL)
        return pfs_arena_full(a->arena, err);
    for (int64_t i = 0; i < arrays; i++) {
        struct pfs_manifest_entry *copy = pfs_arena_array(a->arena, (size_t)counts[i], sizeof(*copy));

        if (copy == NULL)
            return pfs_arena_full(a->arena, err);
        for (int64_t k = 0; k < counts[i]; k++) {
            copy[k] = entry[i][k];
            copy[k].deleted = !copy[k].deleted;
        }
        turned[i] = copy;
    }
    return pfs_manifest_combine(turned, counts, arrays, a->arena, out, count, NULL, err);
}

/* Writes one or several manifests that mean the same as `count` of them. */
static int merge(struct walk *w, const struct pfs_manifest_file *item, int64_t count, struct pfs_err *err)
{
    struct pfs_attempt *a = w->attempt;
    const struct pfs_manifest_entry **entry, **live, **rest = NULL;
    struct pfs_manifest_entry *all;
    struct pfs_manifest_file *made;
    int64_t *counts, lives, rests = 0, deletes, mades;

    PFS_TRY(load_all(a, item, count, &entry, &counts, &deletes, err));
    PFS_TRY(pfs_manifest_combine(entry, counts, count, a->arena, &live, &lives, &rests, err));
    if (rests > 0)
        PFS_TRY(leftovers(a, entry, counts, count, &rest, &rests, err));
    all = pfs_arena_array(a->arena, (size_t)(lives + rests), sizeof(*all));
    if (all == NULL)
        return pfs_arena_full(a->arena, err);
    for (int64_t i = 0; i < lives; i++)
        all[i] = *live[i];
    for (int64_t i = 0; i < rests; i++) {
        all[lives + i] = *rest[i];
        all[lives + i].deleted = true;
    }
    PFS_TRY(pfs_attempt_put_manifests(a, all, lives + rests, &made, &mades, err));
    for (int64_t i = 0; i < mades; i++)
        PFS_TRY(put_out(w, &made[i], err));
    w->merged = true;
    return 0;
}

static int merge_or_keep(struct walk *w, const struct pfs_manifest_file *item, int64_t count, bool merges,
                         struct pfs_err *err)
{
    if (merges && count > 1)
        return merge(w, item, count, err);
    for (int64_t i = 0; i < count; i++)
        PFS_TRY(put_out(w, &item[i], err));
    return 0;
}

/* ---- which ones ---- */

static bool must_change(const struct walk *w, const struct pfs_manifest_file *f)
{
    return f->deleted > 0 || f->size < w->attempt->target_bytes;
}

/* A large manifest without DELETEs may hold files that others delete: it stays only when there are none. */
static int full(struct walk *w, const struct pfs_manifest_file *item, int64_t count, bool *taken, struct pfs_err *err)
{
    struct pfs_manifest_file *changed = pfs_arena_array(w->attempt->arena, (size_t)count, sizeof(*changed));
    int64_t bytes = 0, deletes = 0, changes = 0;

    assert(w->outs == 0);
    *taken = false;
    for (int64_t i = 0; i < count; i++) {
        bytes += must_change(w, &item[i]) ? item[i].size : 0;
        deletes += item[i].deleted;
    }
    if (bytes < w->full_bytes)
        return 0;
    if (changed == NULL)
        return pfs_arena_full(w->attempt->arena, err);
    for (int64_t i = 0; i < count; i++) {
        if (must_change(w, &item[i]) || deletes > 0)
            changed[changes++] = item[i];
        else
            PFS_TRY(put_out(w, &item[i], err));
    }
    assert(changes <= count);
    if (changes < 2) {
        w->outs = 0;
        return 0;
    }
    *taken = true;
    return merge(w, changed, changes, err);
}

static int minor(struct walk *w, const struct pfs_manifest_file *item, int64_t count, struct pfs_err *err)
{
    int64_t from = 0, bytes = 0, behind;

    assert(w->outs == 0);
    assert(!w->merged);
    for (int64_t i = 0; i < count; i++) {
        bytes += item[i].size;
        if (bytes < w->attempt->target_bytes)
            continue;
        PFS_TRY(merge_or_keep(w, item + from, i + 1 - from, true, err));
        from = i + 1;
        bytes = 0;
    }
    behind = bytes;
    while (from < count && item[from].size > LEFT_ALONE * (behind - item[from].size)) {
        behind -= item[from].size;
        PFS_TRY(merge_or_keep(w, item + from++, 1, false, err));
    }
    assert(from <= count);
    return merge_or_keep(w, item + from, count - from, count - from >= w->min_count, err);
}

/* ---- what was merged, over attempts ---- */

static int copy_files(struct pfs_merging *m, const struct pfs_manifest_file *in, int64_t count,
                      struct pfs_manifest_file **out, struct pfs_err *err)
{
    struct pfs_manifest_file *list = pfs_arena_array(&m->arena, (size_t)count, sizeof(*list));

    if (list == NULL)
        return pfs_arena_full(&m->arena, err);
    for (int64_t i = 0; i < count; i++) {
        struct pfs_stats *stats = &list[i].partitions;
        int64_t *nulls = pfs_arena_array(&m->arena, (size_t)in[i].partitions.columns, sizeof(*nulls));

        list[i] = in[i];
        list[i].name = pfs_arena_string(&m->arena, pfs_str(in[i].name));
        if (list[i].name == NULL || nulls == NULL || !pfs_arena_copy(&m->arena, in[i].partitions.min, &stats->min) ||
            !pfs_arena_copy(&m->arena, in[i].partitions.max, &stats->max))
            return pfs_arena_full(&m->arena, err);
        for (int64_t k = 0; k < stats->columns; k++)
            nulls[k] = in[i].partitions.nulls[k];
        stats->nulls = nulls;
    }
    *out = list;
    return 0;
}

static int remember(struct pfs_merging *m, const struct walk *w, const struct pfs_manifest_file *item, int64_t count,
                    struct pfs_err *err)
{
    struct pfs_made *made = NULL;

    assert(m->froms == 0); /* what was remembered is forgotten first */
    for (const struct pfs_made *at = m->made; at != NULL; at = at->next) {
        struct pfs_made *copy = pfs_arena_zalloc(&m->arena, sizeof(*copy));

        if (copy == NULL || (copy->path = pfs_arena_string(&m->arena, pfs_str(at->path))) == NULL)
            return pfs_arena_full(&m->arena, err);
        copy->next = made;
        made = copy;
    }
    PFS_TRY(copy_files(m, item, count, &m->from, err));
    PFS_TRY(copy_files(m, w->out, w->outs, &m->to, err));
    m->made = made;
    m->froms = count;
    m->tos = w->outs;
    return 0;
}

static void forget(struct pfs_merging *m, struct pfs_store *store)
{
    pfs_made_remove(store, &m->made);
    pfs_merging_keep(m);
    assert(m->made == NULL);
}

void pfs_merging_keep(struct pfs_merging *merging)
{
    merging->made = NULL;
    merging->froms = merging->tos = 0;
    pfs_arena_reset(&merging->arena);
}

void pfs_merging_done(struct pfs_merging *merging, struct pfs_store *store)
{
    pfs_made_remove(store, &merging->made);
    pfs_arena_done(&merging->arena);
}

/* Does the list begin with what was merged? Rivals that only added put theirs behind it. */
static bool still_fits(const struct pfs_merging *m, const struct pfs_manifest_file *item, int64_t count)
{
    if (m->froms == 0 || m->froms > count)
        return false;
    for (int64_t i = 0; i < m->froms; i++)
        if (strcmp(m->from[i].name, item[i].name) != 0)
            return false;
    return true;
}

static int merge_anew(struct walk *w, struct pfs_merging *m, const struct pfs_manifest_file *item, int64_t count,
                      struct pfs_err *err)
{
    struct pfs_attempt *a = w->attempt;
    struct pfs_made **keeper = a->keeper;
    bool taken;
    int rc;

    assert(m->made == NULL);
    a->keeper = &m->made;
    rc = full(w, item, count, &taken, err);
    if (rc == 0 && !taken)
        rc = minor(w, item, count, err);
    a->keeper = keeper;
    if (rc == 0 && w->merged)
        rc = remember(m, w, item, count, err);
    if (rc < 0) /* the names of what was made lie in the attempt's arena */
        forget(m, a->commit->store);
    return rc;
}

int pfs_merging_apply(struct pfs_attempt *a, const struct pfs_manifest_file *item, int64_t count,
                      struct pfs_manifest_file **out, int64_t *outs, struct pfs_err *err)
{
    const struct pfs_options *o = &a->commit->schema->options;
    struct pfs_merging *m = a->commit->merging;
    struct walk w = {.attempt = a};

    assert(count >= 0);
    assert(m->froms > 0 || m->tos == 0);
    PFS_TRY(pfs_options_int(o, "manifest.merge-min-count", 30, &w.min_count, err));
    PFS_TRY(pfs_options_bytes(o, "manifest.full-compaction-threshold-size", 16 << 20, &w.full_bytes, err));
    if (still_fits(m, item, count)) {
        for (int64_t i = 0; i < m->tos; i++)
            PFS_TRY(put_out(&w, &m->to[i], err));
        for (int64_t i = m->froms; i < count; i++)
            PFS_TRY(put_out(&w, &item[i], err));
    } else {
        forget(m, a->commit->store);
        PFS_TRY(merge_anew(&w, m, item, count, err));
    }
    *out = w.out;
    *outs = w.outs;
    return 0;
}
