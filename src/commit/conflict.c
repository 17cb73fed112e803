/* conflict.c - does a change still fit the newest state? (spec commit 3)
 *
 * The live files of the changed partitions and the delta are sorted by identity: what follows upon what is then seen
 * between neighbours. Only partitions that the delta touches are looked at, and key ranges only where it adds.
 *
 *   buckets    all files of a partition are spread over one number of buckets
 *   files      each DELETE meets a live file, each ADD none: what is live afterwards goes on
 *   keys       files of one level above 0 share no key
 *   row ids    data evolution, of compactions: files that share rows share all of them, but for blobs
 *   vectors    no deletion vector names a file that is gone
 *
 * An APPEND that only adds new files of level 0 fits any state, and is not checked. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/binrow.h"
#include "src/commit/internal.h"
#include "src/meta/names.h"

struct item {
    const struct pfs_manifest_entry *entry;
    int64_t place; /* 0: live before; else its place in the delta */
};

struct check {
    const struct pfs_state *state;
    const struct pfs_change *change;
    struct pfs_arena *arena;
    struct item *item;
    int64_t items;
    int rc; /* of a comparison of keys */
};

int pfs_key_row_compare(const struct pfs_schema *schema, struct pfs_slice a, struct pfs_slice b,
                        struct pfs_arena *arena, int *out, struct pfs_err *err)
{
    size_t count = (size_t)schema->trimmed_keys;
    const struct pfs_type **type = pfs_arena_array(arena, count, sizeof(*type));
    struct pfs_column *x = pfs_arena_array(arena, count, sizeof(*x)), *y = pfs_arena_array(arena, count, sizeof(*y));

    if (type == NULL || x == NULL || y == NULL)
        return pfs_arena_full(arena, err);
    for (size_t i = 0; i < count; i++)
        type[i] = &schema->field[schema->trimmed_key[i]].type;
    PFS_TRY(pfs_binrow_parse(a, type, (int32_t)count, arena, x, err));
    PFS_TRY(pfs_binrow_parse(b, type, (int32_t)count, arena, y, err));
    *out = 0;
    for (size_t i = 0; i < count && *out == 0; i++)
        if (pfs_column_present(&x[i], 0) && pfs_column_present(&y[i], 0))
            *out = pfs_value_compare(&x[i], 0, &y[i], 0);
    return 0;
}

/* ---- gathering ---- */

static int by_bytes(const void *a, const void *b)
{
    return pfs_slice_compare(*(const struct pfs_slice *)a, *(const struct pfs_slice *)b);
}

static int compare_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? (a != NULL) - (b != NULL) : strcmp(a, b);
}

static int by_place(const struct pfs_manifest_entry *a, const struct pfs_manifest_entry *b)
{
    int order = pfs_slice_compare(a->partition, b->partition);

    if (order == 0 && a->bucket != b->bucket)
        order = a->bucket < b->bucket ? -1 : 1;
    if (order == 0 && a->file.level != b->file.level)
        order = a->file.level < b->file.level ? -1 : 1;
    return order;
}

static int by_identity(const struct pfs_manifest_entry *a, const struct pfs_manifest_entry *b)
{
    int order = by_place(a, b);

    if (order == 0)
        order = strcmp(a->file.name, b->file.name);
    if (order == 0 && a->file.extra_files != b->file.extra_files)
        order = a->file.extra_files < b->file.extra_files ? -1 : 1;
    for (int64_t i = 0; order == 0 && i < a->file.extra_files; i++)
        order = strcmp(a->file.extra_file[i], b->file.extra_file[i]);
    if (order == 0)
        order = pfs_slice_compare(a->file.embedded_index, b->file.embedded_index);
    return order != 0 ? order : compare_text(a->file.external_path, b->file.external_path);
}

static int item_order(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = by_identity(x->entry, y->entry);

    return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static int gather(struct check *c, struct pfs_err *err)
{
    const struct pfs_change *d = c->change;
    struct pfs_slice *changed = pfs_arena_array(c->arena, (size_t)d->entries, sizeof(*changed));
    int64_t partitions = 0;

    assert(d->entries > 0);
    c->item = pfs_arena_array(c->arena, (size_t)(c->state->files + d->entries), sizeof(*c->item));
    if (c->item == NULL || changed == NULL)
        return pfs_arena_full(c->arena, err);
    for (int64_t i = 0; i < d->entries; i++) {
        if (i == 0 || !pfs_slice_eq(d->entry[i].partition, d->entry[i - 1].partition))
            changed[partitions++] = d->entry[i].partition;
        c->item[c->items++] = (struct item){&d->entry[i], i + 1};
    }
    qsort(changed, (size_t)partitions, sizeof(*changed), by_bytes);
    for (int64_t i = 0; i < c->state->files; i++)
        if (bsearch(&c->state->file[i]->partition, changed, (size_t)partitions, sizeof(*changed), by_bytes) != NULL)
            c->item[c->items++] = (struct item){c->state->file[i], 0};
    assert(partitions <= d->entries);
    assert(c->items <= c->state->files + d->entries);
    qsort(c->item, (size_t)c->items, sizeof(*c->item), item_order);
    return 0;
}

/* ---- the checks ---- */

static const char *where(const struct check *c, const struct pfs_manifest_entry *e)
{
    const char *path;

    if (pfs_name_bucket("", c->state->schema, e->partition, e->bucket, c->arena, &path, NULL) < 0)
        return "a bucket";
    return path[0] == '/' ? path + 1 : path;
}

/* All files of a partition are spread over the same number of buckets. */
static int check_buckets(const struct check *c, struct pfs_err *err)
{
    const struct pfs_manifest_entry *first = NULL;

    if (c->change->kind == PFS_COMMIT_OVERWRITE)
        return 0;
    for (int64_t i = 0; i < c->items; i++) {
        const struct pfs_manifest_entry *e = c->item[i].entry;

        if (e->total_buckets <= 0)
            continue;
        if (first == NULL || !pfs_slice_eq(first->partition, e->partition))
            first = e;
        if (first->total_buckets != e->total_buckets)
            return pfs_fail(err, EBUSY,
                            "%s: files for %d buckets meet files for %d; the partition is to be overwritten",
                            where(c, e), (int)e->total_buckets, (int)first->total_buckets);
    }
    return 0;
}

/* Walks each identity through its ADDs and DELETEs; what is live at its end stays in the list. */
static int check_files(struct check *c, struct pfs_err *err)
{
    int64_t kept = 0;

    for (int64_t i = 0; i < c->items;) {
        const struct pfs_manifest_entry *e = c->item[i].entry;
        struct item live = {0};

        for (; i < c->items && by_identity(e, c->item[i].entry) == 0; i++) {
            const struct item *it = &c->item[i];

            if (!it->entry->deleted && live.entry != NULL)
                return pfs_fail(err, EBUSY, "%s: file %s is there already", where(c, e), e->file.name);
            if (it->entry->deleted && live.entry == NULL)
                return pfs_fail(err, EBUSY, "%s: file %s was removed by another commit meanwhile", where(c, e),
                                e->file.name);
            live = it->entry->deleted ? (struct item){0} : *it;
        }
        if (live.entry != NULL)
            c->item[kept++] = live;
        assert(kept <= i); /* what is kept is written over what was looked at */
    }
    c->items = kept;
    return 0;
}

static int by_key(const void *a, const void *b, void *context)
{
    const struct item *x = a, *y = b;
    struct check *c = context;
    int order = 0;

    if (c->rc == 0)
        c->rc = pfs_key_row_compare(c->state->schema, x->entry->file.min_key, y->entry->file.min_key, c->arena, &order,
                                    NULL);
    return order;
}

/* The items of one level of a bucket; they are put in another order. */
static int check_run(struct check *c, struct item *item, int64_t items, struct pfs_err *err)
{
    assert(items > 0);
    assert(item->entry->file.level > 0);
    qsort_r(item, (size_t)items, sizeof(*item), by_key, c);
    if (c->rc < 0)
        return pfs_fail(err, -c->rc, "%s: the keys of a file cannot be read", where(c, item->entry));
    for (int64_t i = 1; i < items; i++) {
        const struct pfs_data_file *a = &item[i - 1].entry->file, *b = &item[i].entry->file;
        int order;

        PFS_TRY(pfs_key_row_compare(c->state->schema, a->max_key, b->min_key, c->arena, &order, err));
        if (order >= 0)
            return pfs_fail(err, EBUSY, "%s: the keys of %s and %s overlap in level %d", where(c, item->entry), a->name,
                            b->name, (int)a->level);
    }
    return 0;
}

/* Files of one level above 0 are one sorted run. */
static int check_keys(struct check *c, struct pfs_err *err)
{
    int64_t to;

    assert(c->rc == 0);
    if (c->state->schema->primary_keys == 0)
        return 0;
    for (int64_t from = 0; from < c->items; from = to) {
        bool adds = false;

        for (to = from; to < c->items && by_place(c->item[from].entry, c->item[to].entry) == 0; to++)
            adds |= c->item[to].place > 0;
        if (adds && c->item[from].entry->file.level > 0)
            PFS_TRY(check_run(c, c->item + from, to - from, err));
    }
    return 0;
}

static int by_row_id(const void *a, const void *b)
{
    const struct pfs_data_file *x = &((const struct item *)a)->entry->file;
    const struct pfs_data_file *y = &((const struct item *)b)->entry->file;

    return (x->first_row_id > y->first_row_id) - (x->first_row_id < y->first_row_id);
}

/* A column that somebody updated while its rows were put together with others would belong to half a file. Puts the
 * items in another order. */
static int check_row_ids(struct check *c, struct pfs_err *err)
{
    const struct pfs_data_file *last = NULL;
    bool evolves;

    PFS_TRY(pfs_options_bool(&c->state->schema->options, "data-evolution.enabled", false, &evolves, err));
    if (!evolves || c->change->kind != PFS_COMMIT_COMPACT)
        return 0;
    qsort(c->item, (size_t)c->items, sizeof(*c->item), by_row_id);
    for (int64_t i = 0; i < c->items; i++) {
        const struct pfs_data_file *f = &c->item[i].entry->file;

        if (f->first_row_id < 0 || f->rows <= 0 || pfs_data_file_is_aside(f))
            continue;
        if (last != NULL && f->first_row_id - last->first_row_id < last->rows &&
            (f->first_row_id != last->first_row_id || f->rows != last->rows))
            return pfs_fail(err, EBUSY, "%s: files %s and %s share some of their rows, but not all",
                            where(c, c->item[i].entry), last->name, f->name);
        last = f;
    }
    return 0;
}

/* ---- deletion vectors ---- */

static int by_bucket_and_name(const void *a, const void *b)
{
    const struct pfs_manifest_entry *x = *(const struct pfs_manifest_entry *const *)a;
    const struct pfs_manifest_entry *y = *(const struct pfs_manifest_entry *const *)b;
    int order = pfs_slice_compare(x->partition, y->partition);

    if (order == 0 && x->bucket != y->bucket)
        order = x->bucket < y->bucket ? -1 : 1;
    return order != 0 ? order : strcmp(x->file.name, y->file.name);
}

/* Files that the delta removes and does not add again (in another level), sorted. */
static int list_gone(const struct check *c, const struct pfs_manifest_entry ***out, int64_t *count, struct pfs_err *err)
{
    const struct pfs_change *d = c->change;
    const struct pfs_manifest_entry **all = pfs_arena_array(c->arena, (size_t)d->entries, sizeof(*all));
    int64_t to;

    if (all == NULL)
        return pfs_arena_full(c->arena, err);
    for (int64_t i = 0; i < d->entries; i++)
        all[i] = &d->entry[i];
    qsort(all, (size_t)d->entries, sizeof(*all), by_bucket_and_name);
    *count = 0;
    for (int64_t from = 0; from < d->entries; from = to) {
        bool added = false;

        for (to = from; to < d->entries && by_bucket_and_name(&all[from], &all[to]) == 0; to++)
            added |= !all[to]->deleted;
        if (!added)
            all[(*count)++] = all[from];
        assert(*count <= to);
    }
    *out = all;
    return 0;
}

static int check_vector(const struct check *c, const struct pfs_index_entry *index,
                        const struct pfs_manifest_entry *const *gone, int64_t gones, struct pfs_err *err)
{
    struct pfs_manifest_entry wanted = {.partition = index->partition, .bucket = index->bucket};
    const struct pfs_manifest_entry *key = &wanted;

    for (int64_t v = 0; v < index->vectors; v++) {
        wanted.file.name = index->vector[v].file;
        if (bsearch(&key, gone, (size_t)gones, sizeof(*gone), by_bucket_and_name) != NULL)
            return pfs_fail(err, EBUSY, "%s: file %s is removed, its deletion vector is not", where(c, key),
                            wanted.file.name);
    }
    return 0;
}

/* The vectors that are live after the change name no file that it removes. */
static int check_vectors(const struct check *c, const struct pfs_index_entry *index, int64_t indexes,
                         struct pfs_err *err)
{
    const struct pfs_change *d = c->change;
    const struct pfs_manifest_entry **gone;
    int64_t gones;

    PFS_TRY(list_gone(c, &gone, &gones, err));
    for (int64_t i = 0; gones > 0 && i < indexes + d->indexes; i++) {
        const struct pfs_index_entry *e = i < indexes ? &index[i] : &d->index[i - indexes];
        bool replaced = e->name == NULL || strcmp(e->type, "DELETION_VECTORS") != 0;

        for (int64_t k = 0; k < d->indexes && !replaced && i < indexes; k++)
            replaced = pfs_index_same_place(e, &d->index[k]);
        if (!replaced)
            PFS_TRY(check_vector(c, e, gone, gones, err));
    }
    return 0;
}

static bool needs_check(const struct pfs_change *d)
{
    if (d->kind != PFS_COMMIT_APPEND || d->check)
        return true;
    for (int64_t i = 0; i < d->entries; i++)
        if (d->entry[i].deleted)
            return true;
    for (int64_t i = 0; i < d->indexes; i++)
        if (strcmp(d->index[i].type, "DELETION_VECTORS") == 0)
            return true;
    return false;
}

int pfs_conflict_check(const struct pfs_state *state, const struct pfs_change *change,
                       const struct pfs_index_entry *index, int64_t indexes, struct pfs_arena *arena,
                       struct pfs_err *err)
{
    struct check c = {.state = state, .change = change, .arena = arena};

    assert(indexes >= 0);
    assert(change->entry != NULL || change->entries == 0);
    if (!needs_check(change) || change->entries == 0)
        return 0;
    PFS_TRY(gather(&c, err));
    PFS_TRY(check_buckets(&c, err));
    PFS_TRY(check_files(&c, err));
    PFS_TRY(check_keys(&c, err));
    PFS_TRY(check_row_ids(&c, err));
    return check_vectors(&c, index, indexes, err);
}
