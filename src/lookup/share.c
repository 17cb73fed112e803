/* share.c - which partition and bucket a key is in, as far as it tells; keys sorted by that, then by themselves. */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "format/binrow.h"
#include "src/lookup/internal.h"

/* ---- what keys tell ---- */

/* Where the columns stand in the primary key; false: not all of them do. */
static int find_in_key(struct pfs_lookup *l, const int32_t *column, int32_t count, int32_t **out, bool *all,
                       struct pfs_err *err)
{
    const struct pfs_schema *schema = l->state->schema;
    int32_t *place = pfs_arena_array(&l->arena, (size_t)count, sizeof(*place));

    if (place == NULL)
        return pfs_arena_full(&l->arena, err);
    *all = true;
    for (int32_t i = 0; i < count; i++) {
        while (place[i] < schema->primary_keys && schema->primary_key[place[i]] != column[i])
            place[i]++;
        *all &= place[i] < schema->primary_keys;
    }
    *out = place;
    return 0;
}

/* Was the file written with a bucket key of the same types? Others may have been hashed otherwise. */
static bool hashes_alike(const struct pfs_state *state, const struct pfs_data_file *file)
{
    const struct pfs_schema *schema = state->schema, *old = schema;

    if (file->schema_id == schema->id)
        return true;
    if (pfs_schemas_get(state->schemas, file->schema_id, &old, NULL) < 0 || old->bucket_keys != schema->bucket_keys)
        return false;
    for (int32_t i = 0; i < old->bucket_keys; i++) {
        const struct pfs_field *a = &old->field[old->bucket_key[i]], *b = &schema->field[schema->bucket_key[i]];

        if (a->id != b->id || !pfs_type_equal(&a->type, &b->type, false))
            return false;
    }
    return true;
}

/* The number of buckets that all files of the partition agree on. Rescaled ones may disagree (spec lsm 10). */
static void learn_buckets(struct pfs_lookup *l, struct pfs_lookup_partition *p, const struct pfs_split *split)
{
    for (int32_t i = 0; i < split->files; i++) {
        const struct pfs_manifest_entry *e = split->file[i].entry;

        if (p->buckets == 0)
            p->buckets = e->total_buckets;
        if (e->total_buckets != p->buckets || !hashes_alike(l->state, &e->file))
            p->buckets = -1;
    }
}

static bool same_partition(const struct pfs_split *a, const struct pfs_split *b)
{
    return pfs_slice_eq(a->partition, b->partition);
}

int pfs_lookup_learn(struct pfs_lookup *lookup, struct pfs_err *err)
{
    const struct pfs_schema *schema = lookup->state->schema;
    const char *function = pfs_options_get(&schema->options, "bucket-function.type");
    const struct pfs_plan *plan = lookup->plan;
    bool known, trimmed;

    PFS_TRY(find_in_key(lookup, schema->trimmed_key, schema->trimmed_keys, &lookup->trimmed, &trimmed, err));
    PFS_TRY(find_in_key(lookup, schema->partition_key, schema->partition_keys, &lookup->parted, &known, err));
    if (!known)
        lookup->parted = NULL;
    PFS_TRY(find_in_key(lookup, schema->bucket_key, schema->bucket_keys, &lookup->hashed, &known, err));
    if (!known || schema->buckets <= 0 || (function != NULL && strcasecmp(function, "default") != 0))
        lookup->hashed = NULL;
    assert(lookup->partitions == 0);
    lookup->partition = pfs_arena_array(&lookup->arena, (size_t)plan->splits, sizeof(*lookup->partition));
    lookup->partition_of = pfs_arena_array(&lookup->arena, (size_t)plan->splits, sizeof(*lookup->partition_of));
    if (lookup->partition == NULL || lookup->partition_of == NULL)
        return pfs_arena_full(&lookup->arena, err);
    for (int32_t i = 0; i < plan->splits; i++) {
        const struct pfs_split *s = &plan->split[i];

        if (i == 0 || !same_partition(s, s - 1))
            lookup->partition[lookup->partitions++].value = s->value;
        lookup->partition_of[i] = lookup->partitions - 1;
        learn_buckets(lookup, &lookup->partition[lookup->partitions - 1], s);
    }
    return trimmed ? 0 : pfs_fail(err, EINVAL, "the table's files are not sorted by its primary key");
}

/* ---- sharing out ---- */

struct item {
    uint64_t prefix;
    int32_t partition, bucket;
    int64_t row;
};

static int compare_items(const void *left, const void *right, void *context)
{
    const struct item *a = left, *b = right;

    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    if (a->bucket != b->bucket)
        return a->bucket < b->bucket ? -1 : 1;
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    return pfs_keys_compare(context, a->row, context, b->row);
}

/* By halving: a table may have more partitions than a batch has keys. The key's partition, -1 = any, -2 = none that is
 * there. Partitions are in order of their values, NULL first. */
static int find_partition(const struct pfs_lookup *l, const struct pfs_column *value, struct pfs_column *one,
                          int64_t row, struct pfs_arena *arena, int32_t *out, struct pfs_err *err)
{
    int32_t low = 0, high = l->partitions, count = l->state->schema->partition_keys;

    assert(count > 0);
    for (int32_t i = 0; i < count; i++)
        PFS_TRY(pfs_column_slice(&value[i], row, 1, arena, &one[i], err));
    while (low < high) {
        int32_t middle = low + (high - low) / 2;

        if (pfs_scan_partition_compare(l->partition[middle].value, one, count) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low < l->partitions && pfs_scan_partition_compare(l->partition[low].value, one, count) == 0 ? low : -2;
    return 0;
}

/* A table without partitions has one, the only one there is. Keys that do not name theirs may be in any. */
static int share_partitions(struct pfs_lookup *l, const struct pfs_column *key, int64_t rows, struct item *item,
                            struct pfs_err *err)
{
    size_t count = (size_t)l->state->schema->partition_keys;
    struct pfs_column *value = pfs_arena_array(&l->found, count, sizeof(*value));
    struct pfs_column *one = pfs_arena_array(&l->found, count, sizeof(*one));

    if (value == NULL || one == NULL)
        return pfs_arena_full(&l->found, err);
    for (size_t i = 0; i < count && l->parted != NULL; i++)
        value[i] = key[l->parted[i]];
    for (int64_t i = 0; i < rows; i++) {
        struct item *at = &item[i];

        at->row = i;
        at->partition = -1;
        if (count > 0 && l->parted != NULL)
            PFS_TRY(find_partition(l, value, one, i, &l->found, &at->partition, err));
        else if (count == 0)
            at->partition = l->partitions > 0 ? 0 : -2;
    }
    return 0;
}

/* Is any hash worth computing? With one bucket each, keys are all in the first. */
static bool tells_buckets(const struct pfs_lookup *l)
{
    bool tells = false;

    for (int32_t i = 0; i < l->partitions && l->hashed != NULL; i++)
        tells |= l->partition[i].buckets > 1;
    return tells;
}

/* As writers hash: |hash % buckets|, where all files of the partition agree on the number. */
static int share_buckets(struct pfs_lookup *l, const struct pfs_column *key, int64_t rows, struct item *item,
                         struct pfs_err *err)
{
    int32_t keys = l->state->schema->bucket_keys;
    const struct pfs_column **column = pfs_arena_array(&l->found, (size_t)keys, sizeof(*column));
    int32_t *hash = pfs_arena_array(&l->found, (size_t)rows, sizeof(*hash));
    struct pfs_buf scratch = {0};
    int rc;

    for (int64_t i = 0; i < rows; i++)
        item[i].bucket = -1;
    if (!tells_buckets(l))
        return 0;
    if (column == NULL || hash == NULL)
        return pfs_arena_full(&l->found, err);
    for (int32_t i = 0; i < keys; i++)
        column[i] = &key[l->hashed[i]];
    rc = pfs_binrow_hash_batch(column, keys, rows, &scratch, hash, err);
    pfs_buf_done(&scratch);
    for (int64_t i = 0; i < rows && rc == 0; i++) {
        int32_t buckets = item[i].partition >= 0 ? l->partition[item[i].partition].buckets : 0;
        int32_t rest = buckets > 0 ? hash[i] % buckets : -1;

        item[i].bucket = buckets > 0 && rest < 0 ? -rest : rest;
    }
    return rc;
}

/* Keys that are there at all, to the front: those with a null, or of no partition, go. */
static int64_t drop_hopeless(const struct pfs_lookup *l, const struct pfs_column *key, int64_t rows, struct item *item,
                             const struct pfs_keys *keys)
{
    int64_t n = 0;

    for (int64_t i = 0; i < rows; i++) {
        bool hope = item[i].partition != -2;

        for (int32_t k = 0; k < l->state->schema->primary_keys; k++)
            hope &= pfs_column_present(&key[k], i);
        if (hope) {
            item[n] = item[i];
            item[n++].prefix = keys->prefix[i];
        }
    }
    return n;
}

/* The sorted items' keys side by side, each once. */
static int list_keys(struct pfs_lookup *l, const struct item *item, int64_t items, const struct pfs_keys *keys,
                     struct pfs_lookup_keys *out, struct pfs_err *err)
{
    struct pfs_arena *arena = &l->found;
    uint64_t *prefix = pfs_arena_array(arena, (size_t)items, sizeof(*prefix));
    uint32_t *offset = pfs_arena_array(arena, (size_t)items + 1, sizeof(*offset));
    uint8_t *bytes = keys->exact || items == 0 ? NULL : pfs_arena_alloc(arena, keys->offset[out->rows]);
    int64_t n = 0;

    out->partition = pfs_arena_array(arena, (size_t)items, sizeof(*out->partition));
    out->bucket = pfs_arena_array(arena, (size_t)items, sizeof(*out->bucket));
    if (prefix == NULL || offset == NULL || out->partition == NULL || out->bucket == NULL ||
        (bytes == NULL && !keys->exact && items > 0))
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < items; i++) {
        int64_t row = item[i].row;

        assert(row >= 0 && row < out->rows);
        if (i == 0 || compare_items(&item[i - 1], &item[i], (void *)(uintptr_t)keys) != 0) {
            prefix[n] = item[i].prefix;
            out->partition[n] = item[i].partition;
            out->bucket[n] = item[i].bucket;
            if (!keys->exact) {
                uint32_t len = keys->offset[row + 1] - keys->offset[row];

                if (len > 0)
                    memcpy(bytes + offset[n], keys->bytes + keys->offset[row], len);
                offset[n + 1] = offset[n] + len;
            }
            n++;
        }
        out->distinct[row] = (int32_t)(n - 1);
    }
    assert(n <= items);
    out->count = n;
    out->key = (struct pfs_keys){.prefix = prefix, .exact = keys->exact};
    if (!keys->exact) {
        out->key.offset = offset;
        out->key.bytes = bytes;
    }
    return 0;
}

int pfs_lookup_share(struct pfs_lookup *lookup, const struct pfs_column *key, int64_t rows, struct pfs_lookup_keys *out,
                     struct pfs_err *err)
{
    const struct pfs_schema *schema = lookup->state->schema;
    struct pfs_arena *arena = &lookup->found;
    struct item *item = pfs_arena_array(arena, (size_t)rows, sizeof(*item));
    struct pfs_batch batch = {rows, schema->primary_keys, (struct pfs_column *)(uintptr_t)key};
    struct pfs_keys keys;
    int64_t items;

    *out = (struct pfs_lookup_keys){.rows = rows};
    out->distinct = pfs_arena_array(arena, (size_t)rows, sizeof(*out->distinct));
    if (item == NULL || out->distinct == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++)
        out->distinct[i] = -1;
    PFS_TRY(pfs_keys_of(&batch, lookup->trimmed, schema->trimmed_keys, arena, &keys, err));
    PFS_TRY(share_partitions(lookup, key, rows, item, err));
    PFS_TRY(share_buckets(lookup, key, rows, item, err));
    items = drop_hopeless(lookup, key, rows, item, &keys);
    qsort_r(item, (size_t)items, sizeof(*item), compare_items, &keys);
    return list_keys(lookup, item, items, &keys, out, err);
}

/* The first key that is not before that partition and bucket. */
static int64_t first_of(const struct pfs_lookup_keys *keys, int32_t partition, int32_t bucket)
{
    int64_t low = 0, high = keys->count;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (keys->partition[middle] < partition ||
            (keys->partition[middle] == partition && keys->bucket[middle] < bucket))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void pfs_lookup_of_split(const struct pfs_lookup *lookup, const struct pfs_lookup_keys *keys, int32_t split,
                         struct pfs_lookup_group out[2])
{
    int32_t partition = lookup->parted != NULL ? lookup->partition_of[split] : -1;
    int32_t bucket = lookup->plan->split[split].bucket; /* not below 0: what is postponed is in no plan */

    out[0] = (struct pfs_lookup_group){first_of(keys, partition, bucket), first_of(keys, partition, bucket + 1)};
    out[1] = (struct pfs_lookup_group){first_of(keys, partition, -1), first_of(keys, partition, 0)};
    assert(out[0].from <= out[0].to && out[1].from <= out[1].to);
    assert(out[1].to <= out[0].from); /* any bucket is -1, which sorts first */
}
