/* buffer.c - rows that are not sorted: a write buffer sorted by key, then merged a batch at a time.
 *
 * Sorted are pairs of (prefix, place): a radix sort by bytes that leaves out those in which all keys agree, stable, so
 * that rows of one key stay in order of arrival. Where prefixes are equal and not the whole key, the next eight bytes
 * take the prefix's place, and so on down to the end of the keys.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "src/merge/assembly.h"
#include "src/merge/internal.h"
#include "src/merge/merge.h"

#define FEW 24         /* rows that are not worth a radix sort */
#define DEPTH_MAX 1024 /* bytes of a key that are sorted by words: each word is a level of recursion */

struct place {
    uint64_t prefix;
    int32_t source, row;
};

struct sorting {
    const struct pfs_keys *keys; /* of each batch */
    struct place *place, *spare;
    int64_t count;
};

/* What comes in the order of its keys, as many writers send it, costs one look. */
static bool sorted_already(const struct place *place, int64_t count)
{
    for (int64_t i = 1; i < count; i++)
        if (place[i].prefix < place[i - 1].prefix)
            return false;
    return true;
}

/* Sorts `count` places by prefix; `spare` has as many. The answer is in `place`. */
static void radix_sort(struct place *place, struct place *spare, int64_t count)
{
    int64_t counts[8][256] = {{0}};
    struct place *from = place, *to = spare;

    assert(count > 0);
    for (int64_t i = 0; i < count; i++)
        for (int b = 0; b < 8; b++)
            counts[b][from[i].prefix >> (8 * b) & 255]++;
    for (int b = 0; b < 8; b++) {
        struct place *swap = from;
        int64_t sum = 0;

        if (counts[b][from[0].prefix >> (8 * b) & 255] == count)
            continue;
        for (int v = 0; v < 256; v++) {
            int64_t c = counts[b][v];

            counts[b][v] = sum;
            sum += c;
        }
        for (int64_t i = 0; i < count; i++)
            to[counts[b][from[i].prefix >> (8 * b) & 255]++] = from[i];
        from = to;
        to = swap;
    }
    if (from != place)
        memcpy(place, from, (size_t)count * sizeof(*place));
}

static struct pfs_slice full_key(const struct sorting *s, const struct place *p)
{
    const struct pfs_keys *k = &s->keys[p->source];

    assert(!k->exact); /* else there are no bytes */
    return pfs_slice_of(k->bytes + k->offset[p->row], k->offset[p->row + 1] - k->offset[p->row]);
}

static int compare_keys(const struct sorting *s, const struct place *a, const struct place *b)
{
    return pfs_keys_compare(&s->keys[a->source], a->row, &s->keys[b->source], b->row);
}

static int compare_places(const void *left, const void *right, void *context)
{
    const struct place *a = left, *b = right;
    int order = compare_keys(context, a, b);

    if (order != 0)
        return order;
    return a->source != b->source ? (a->source < b->source ? -1 : 1) : (a->row < b->row ? -1 : a->row > b->row);
}

static void settle_ties(struct sorting *s, int64_t from, int64_t to, size_t depth);

/* Rows [from, to) agree in the first `depth` bytes, zero filled: by what comes behind. */
static void settle(struct sorting *s, int64_t from, int64_t to, size_t depth)
{
    size_t shortest = SIZE_MAX, longest = 0;

    assert(to - from > 1);
    assert(to <= s->count);
    assert(depth % 8 == 0); /* whole words were compared */
    for (int64_t i = from; i < to; i++) {
        size_t len = full_key(s, &s->place[i]).len;

        shortest = len < shortest ? len : shortest;
        longest = len > longest ? len : longest;
    }
    if (shortest == longest && longest <= depth)
        return; /* one key, in order of arrival */
    if (shortest < depth || to - from < FEW || depth > DEPTH_MAX) {
        qsort_r(s->place + from, (size_t)(to - from), sizeof(*s->place), compare_places, s);
        return;
    }
    for (int64_t i = from; i < to; i++) {
        struct pfs_slice key = full_key(s, &s->place[i]);

        s->place[i].prefix = pfs_key_word(key.at + depth, key.len - depth);
    }
    if (!sorted_already(s->place + from, to - from))
        radix_sort(s->place + from, s->spare, to - from);
    settle_ties(s, from, to, depth + 8);
}

/* Rows with one prefix, by the rest of their keys. */
static void settle_ties(struct sorting *s, int64_t from, int64_t to, size_t depth)
{
    for (int64_t i = from, end; i < to; i = end) {
        for (end = i + 1; end < to && s->place[end].prefix == s->place[i].prefix; end++)
            ;
        if (end - i > 1)
            settle(s, i, end, depth);
    }
}

/* ---- sorting ---- */

static int sort_places(const struct pfs_sort *in, struct sorting *s, struct pfs_arena *arena, struct pfs_err *err)
{
    s->place = pfs_arena_alloc(arena, (size_t)in->rows * sizeof(*s->place));
    if (s->place == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < in->ranges; i++) {
        const struct pfs_range *r = &in->range[i];
        const uint64_t *prefix = s->keys[r->source].prefix + r->from;

        for (int32_t k = 0; k < r->len; k++)
            s->place[s->count++] = (struct place){prefix[k], r->source, r->from + k};
    }
    assert(s->count == in->rows); /* there is room for so many */
    if (s->count == 0 || (s->keys[0].exact && sorted_already(s->place, s->count)))
        return 0;
    s->spare = pfs_alloc_array((size_t)s->count, sizeof(*s->spare));
    if (s->spare == NULL)
        return pfs_fail(err, ENOMEM, "no memory to sort %lld rows", (long long)s->count);
    if (!sorted_already(s->place, s->count))
        radix_sort(s->place, s->spare, s->count);
    if (!s->keys[0].exact)
        settle_ties(s, 0, s->count, 8);
    pfs_free(s->spare);
    return 0;
}

int pfs_sort_keys(const struct pfs_merge *merge, const struct pfs_batch *batch, struct pfs_arena *arena,
                  struct pfs_keys *out, struct pfs_err *err)
{
    return pfs_keys_of(batch, merge->key, merge->keys, arena, out, err);
}

/* ---- reading what is sorted ---- */

struct sorted {
    struct pfs_reader reader;
    struct pfs_merge merge;
    struct pfs_sort in;
    struct sorting sorting;
    int64_t at; /* places given out */
    struct pfs_assembly assembly, raw;
    struct pfs_arena arena;
};

/* Rows of one key went through the same words, so their prefixes are equal still. */
static int64_t end_of_key(const struct sorting *s, int64_t from)
{
    const struct place *first = &s->place[from];
    bool exact = s->keys[0].exact;
    int64_t end = from + 1;

    while (end < s->count && s->place[end].prefix == first->prefix &&
           (exact || compare_keys(s, &s->place[end], first) == 0))
        end++;
    return end;
}

static void add_key(struct pfs_assembly *a, const struct place *p, int64_t count)
{
    if (count == 1) {
        pfs_assembly_stretch(a, p->source, p->row, 1);
        return;
    }
    pfs_assembly_group(a);
    for (int64_t i = 0; i < count; i++)
        pfs_assembly_record(a, p[i].source, p[i].row);
}

/* Every record of the keys in `raw`, as the engine orders them. */
static int order_records(struct sorted *s, struct pfs_arena *arena, struct pfs_err *err)
{
    struct pfs_groups groups = {.source = s->in.source,
                                .sources = s->in.sources,
                                .groups = s->raw.groups,
                                .start = s->raw.start,
                                .record = s->raw.record,
                                .flush = true};
    const struct pfs_record *record;

    if (s->raw.full)
        return pfs_fail(err, ENOMEM, "no memory for a merge");
    s->raw.start[s->raw.groups] = s->raw.records;
    PFS_TRY(pfs_engine_order(s->merge.engine, &groups, arena, &record, err));
    for (int64_t i = 0; i < s->raw.records; i++)
        pfs_assembly_stretch(&s->assembly, record[i].source, record[i].row, 1);
    return 0;
}

static int64_t sorted_next(struct pfs_reader *self, struct pfs_arena *arena, struct pfs_batch *out, struct pfs_err *err)
{
    struct sorted *s = (struct sorted *)self;
    struct pfs_assembly *a = s->in.unmerged ? &s->raw : &s->assembly;

    if (s->at == s->sorting.count)
        return 0;
    pfs_assembly_clear(&s->assembly);
    pfs_assembly_clear(&s->raw);
    while (s->at < s->sorting.count && (s->in.unmerged ? a->records : a->rows) < s->in.batch_rows) {
        int64_t end = end_of_key(&s->sorting, s->at);

        if (s->in.unmerged) {
            pfs_assembly_group(a);
            for (int64_t i = s->at; i < end; i++)
                pfs_assembly_record(a, s->sorting.place[i].source, s->sorting.place[i].row);
        } else {
            add_key(a, s->sorting.place + s->at, end - s->at);
        }
        s->at = end;
    }
    if (s->in.unmerged)
        PFS_TRY(order_records(s, arena, err));
    PFS_TRY(pfs_assembly_build(&s->assembly, s->merge.engine, s->merge.engine->columns + 2, s->in.source, s->in.sources,
                               true, arena, out, err));
    assert(out->rows > 0);
    return out->rows;
}

static void sorted_close(struct pfs_reader *self)
{
    struct sorted *s = (struct sorted *)self;

    pfs_assembly_done(&s->assembly);
    pfs_assembly_done(&s->raw);
    pfs_arena_done(&s->arena);
    pfs_free(s);
}

static const struct pfs_reader_ops sorted_ops = {sorted_next, sorted_close};

int pfs_sort_open(const struct pfs_merge *merge, const struct pfs_sort *sort, struct pfs_reader **out,
                  struct pfs_err *err)
{
    struct sorted *s = pfs_zalloc(sizeof(*s));
    int rc;

    assert(merge->engine != NULL);
    assert(sort->rows == 0 || sort->keys != NULL);
    assert(sort->batch_rows >= 0);
    if (s == NULL)
        return pfs_fail(err, ENOMEM, "no memory to sort");
    s->reader.ops = &sorted_ops;
    s->merge = *merge;
    s->in = *sort;
    if (s->in.batch_rows == 0)
        s->in.batch_rows = PFS_BATCH_ROWS;
    s->sorting.keys = sort->keys;
    pfs_arena_init(&s->arena, SIZE_MAX);
    rc = sort_places(&s->in, &s->sorting, &s->arena, err);
    if (rc < 0) {
        sorted_close(&s->reader);
        return rc;
    }
    *out = &s->reader;
    return 0;
}

/* ---- all at once ---- */

int pfs_merge_buffer(const struct pfs_merge *merge, const struct pfs_batch *in, int32_t count, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err)
{
    const struct pfs_batch **source = pfs_arena_array(arena, (size_t)count, sizeof(*source));
    struct pfs_keys *keys = pfs_arena_array(arena, (size_t)count, sizeof(*keys));
    struct pfs_range *range = pfs_arena_array(arena, (size_t)count, sizeof(*range));
    struct pfs_sort sort = {.source = source, .sources = count, .keys = keys, .range = range, .ranges = count};
    struct pfs_reader *reader;
    int64_t rows;

    if (source == NULL || keys == NULL || range == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++) {
        source[i] = &in[i];
        assert(in[i].columns == merge->engine->columns + 2);
        range[i] = (struct pfs_range){i, 0, (int32_t)in[i].rows};
        sort.rows += in[i].rows;
        PFS_TRY(pfs_sort_keys(merge, &in[i], arena, &keys[i], err));
    }
    sort.batch_rows = INT32_MAX;
    PFS_TRY(pfs_sort_open(merge, &sort, &reader, err));
    rows = pfs_reader_next(reader, arena, out, err);
    pfs_reader_close(reader);
    if (rows == 0) {
        size_t columns = (size_t)merge->engine->columns + 2;

        *out = (struct pfs_batch){0, (int32_t)columns, pfs_arena_array(arena, columns, sizeof(*out->column))};
        if (out->column == NULL)
            return pfs_arena_full(arena, err);
    }
    return rows < 0 ? (int)rows : 0;
}
