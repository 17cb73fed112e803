/* buffer.c - rows that are not sorted: a write buffer sorted by key and merged.
 *
 * Sorted are pairs of (prefix, place): a radix sort by bytes that leaves out those in which all keys agree, stable, so
 * that rows of one key stay in order of arrival. Where prefixes are equal and not the whole key, the full keys decide.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/merge/assembly.h"
#include "src/merge/internal.h"
#include "src/merge/merge.h"

struct place {
    uint64_t prefix;
    int32_t source, row;
};

struct sorting {
    const struct pfs_keys *keys; /* of each batch */
    struct place *place;
    int64_t count;
};

static bool sorted_already(const struct sorting *s)
{
    for (int64_t i = 1; i < s->count; i++)
        if (s->place[i].prefix < s->place[i - 1].prefix)
            return false;
    return true;
}

static int radix_sort(struct sorting *s, struct pfs_arena *arena, struct pfs_err *err)
{
    int64_t(*counts)[256] = pfs_arena_array(arena, 8, sizeof(*counts));
    struct place *from = s->place, *to = pfs_arena_alloc(arena, (size_t)s->count * sizeof(*to));

    if (counts == NULL || to == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < s->count; i++)
        for (int b = 0; b < 8; b++)
            counts[b][from[i].prefix >> (8 * b) & 255]++;
    for (int b = 0; b < 8; b++) {
        struct place *swap = from;
        int64_t sum = 0;

        if (counts[b][from[0].prefix >> (8 * b) & 255] == s->count)
            continue;
        for (int v = 0; v < 256; v++) {
            int64_t c = counts[b][v];

            counts[b][v] = sum;
            sum += c;
        }
        for (int64_t i = 0; i < s->count; i++)
            to[counts[b][from[i].prefix >> (8 * b) & 255]++] = from[i];
        from = to;
        to = swap;
    }
    s->place = from;
    return 0;
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

/* Rows with one prefix, by their full keys. */
static void settle_ties(struct sorting *s)
{
    for (int64_t i = 0, end; i < s->count; i = end) {
        for (end = i + 1; end < s->count && s->place[end].prefix == s->place[i].prefix; end++)
            ;
        if (end - i > 1)
            qsort_r(s->place + i, (size_t)(end - i), sizeof(*s->place), compare_places, s);
    }
}

static int collect(const struct pfs_merge *merge, const struct pfs_batch *in, int32_t count, struct pfs_arena *arena,
                   struct sorting *s, struct pfs_err *err)
{
    struct pfs_keys *keys = pfs_arena_array(arena, (size_t)count, sizeof(*keys));
    int64_t rows = 0;

    if (keys == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++) {
        PFS_TRY(pfs_keys_of(&in[i], merge->key, merge->keys, arena, &keys[i], err));
        rows += in[i].rows;
    }
    s->keys = keys;
    s->place = pfs_arena_alloc(arena, (size_t)rows * sizeof(*s->place));
    if (s->place == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++)
        for (int64_t k = 0; k < in[i].rows; k++)
            s->place[s->count++] = (struct place){keys[i].prefix[k], i, (int32_t)k};
    return 0;
}

static void assemble(const struct sorting *s, struct pfs_assembly *a)
{
    for (int64_t i = 0, end; i < s->count; i = end) {
        const struct place *p = &s->place[i];

        for (end = i + 1;
             end < s->count && s->place[end].prefix == p->prefix && compare_keys(s, &s->place[end], p) == 0; end++)
            ;
        if (end - i == 1) {
            pfs_assembly_stretch(a, p->source, p->row, 1);
            continue;
        }
        pfs_assembly_group(a);
        for (int64_t k = i; k < end; k++)
            pfs_assembly_record(a, s->place[k].source, s->place[k].row);
    }
}

int pfs_merge_buffer(const struct pfs_merge *merge, const struct pfs_batch *in, int32_t count, struct pfs_arena *arena,
                     struct pfs_batch *out, struct pfs_err *err)
{
    const struct pfs_batch **source = pfs_arena_array(arena, (size_t)count, sizeof(*source));
    struct pfs_assembly a = {0};
    struct sorting s = {0};
    int rc;

    if (source == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < count; i++)
        source[i] = &in[i];
    PFS_TRY(collect(merge, in, count, arena, &s, err));
    if (s.count > 0 && !sorted_already(&s))
        PFS_TRY(radix_sort(&s, arena, err));
    if (s.count > 0 && !s.keys[0].exact)
        settle_ties(&s);
    assemble(&s, &a);
    rc = pfs_assembly_build(&a, merge->engine, merge->engine->columns + 2, source, count, true, arena, out, err);
    pfs_assembly_done(&a);
    return rc;
}
