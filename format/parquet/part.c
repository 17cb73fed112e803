/* part.c - levels to offsets and validity, part by part from the root down.
 *
 * The rule of part.h, on an ARRAY<INT> whose three rows are [5, null], null and []:
 *
 *     R                0     1     0     0
 *     D                3     2     0     1     3: a value, 2: an item, null, 1: a list, empty, 0: no list
 *     slots of list    x           x     x     R at most 0
 *     valid            1           0     1     D at least 1
 *     items            x     x                 D at least 2: offsets 0 2 2 2
 *     valid            1     0                 D at least 3
 *
 * Each step is a loop over all entries without a branch on them. A slot is written whether it is one or not, and kept
 * by moving on: the loops store one place too far at most, for which there is room.
 *
 * Leaves of one column were filled from different streams, so that a damaged file can make them disagree on how many
 * slots there are. Every part counts its own and holds them against what its parent found: that is an error, all the
 * rest here follows from it.
 */
#include "format/parquet/part.h"

#include <assert.h>

static int disagree(struct pfs_err *err, int64_t found, int64_t want)
{
    return pfs_fail(err, EIO, "its levels give %lld values where there are %lld", (long long)found, (long long)want);
}

/* Definition levels of the entries that make a slot, the others left out; where none is, the leaf's own. */
static const uint8_t *slot_levels(const struct pfs_pq_part *part, int64_t *slots)
{
    const struct pfs_pq_leaf *leaf = part->shape;
    const uint8_t *definition = leaf->definition, *repetition = leaf->repetition;
    uint8_t *out = leaf->scratch, deepest = part->repetition, least = part->around;
    int64_t n = 0;

    assert(leaf->entries <= leaf->cap);
    assert(repetition != NULL || leaf->column.node->repetition_max == 0);
    if (leaf->column.node->repetition_max > deepest) {
        for (int64_t i = 0; i < leaf->entries; i++) {
            out[n] = definition[i];
            n += (repetition[i] <= deepest) & (definition[i] >= least);
        }
    } else if (least > 0) {
        for (int64_t i = 0; i < leaf->entries; i++) {
            out[n] = definition[i];
            n += definition[i] >= least;
        }
    } else {
        *slots = leaf->entries;
        return definition;
    }
    *slots = n;
    return out;
}

/* Validity of the part's slots: a bitmap with room to spread by, NULL when none is null. */
static int make_valid(const struct pfs_pq_part *part, int64_t slots, struct pfs_arena *arena, const uint8_t **out,
                      struct pfs_err *err)
{
    int64_t found;
    const uint8_t *levels = slot_levels(part, &found);
    uint8_t *bitmap;

    *out = NULL;
    if (found != slots)
        return disagree(err, found, slots);
    assert(part->definition >= part->around);
    if (part->definition == part->around) /* required: nothing can be absent here that is not so further out */
        return 0;
    bitmap = pfs_arena_alloc(arena, (size_t)slots / 8 + 17);
    if (bitmap == NULL)
        return pfs_arena_full(arena, err);
    memset(bitmap + slots / 8, 0, 17);
    if (pfs_pq_bits_reach(levels, slots, part->definition, bitmap) < slots)
        *out = bitmap;
    return 0;
}

/* Offsets of a list's slots into its items. Each entry writes where the next slot would begin and moves on when it
 * begins a slot: what stands there in the end was written by that slot's first entry. */
static int make_offsets(const struct pfs_pq_part *part, int64_t slots, struct pfs_arena *arena, const int32_t **out,
                        struct pfs_err *err)
{
    const struct pfs_pq_leaf *leaf = part->shape;
    const uint8_t *definition = leaf->definition, *repetition = leaf->repetition;
    uint8_t deepest = part->repetition, least = part->around, item = part->item_repetition,
            item_least = part->item_definition;
    int32_t *offsets = pfs_arena_alloc(arena, ((size_t)slots + 1) * sizeof(*offsets)), items = 0;
    int64_t n = 0;

    if (offsets == NULL)
        return pfs_arena_full(arena, err);
    assert(repetition != NULL); /* the leaf is below what repeats */
    assert(item > deepest);
    for (int64_t i = 0; i < leaf->entries; i++) {
        offsets[n] = items;
        n += (repetition[i] <= deepest) & (definition[i] >= least);
        items += (repetition[i] <= item) & (definition[i] >= item_least);
    }
    assert(n == slots); /* make_valid counted them */
    offsets[n] = items;
    *out = offsets;
    return 0;
}

/* Present values are at the front of the leaf's target. */
static int make_leaf(const struct pfs_pq_part *part, int64_t slots, struct pfs_arena *arena, struct pfs_column *out,
                     struct pfs_err *err)
{
    struct pfs_pq_target *t = &part->shape->target;
    int width = part->shape->column.plan.width;

    PFS_TRY(make_valid(part, slots, arena, &out->valid, err));
    if (out->valid == NULL && t->done != slots)
        return disagree(err, t->done, slots);
    assert(t->done <= slots); /* a value stands at the leaf's own level, which makes a slot */
    out->offsets = t->offsets;
    out->values = t->values;
    if (out->valid == NULL)
        return 0;
    if (t->offsets != NULL)
        pfs_pq_spread_offsets(t->offsets, out->valid, 0, slots, t->done);
    else
        pfs_pq_spread(t->values, width, out->valid, 0, slots, t->done);
    return 0;
}

/* Each slot that is not null: length of the value as le32, the value, the metadata. */
static int join_variant(const struct pfs_column *in, int64_t slots, struct pfs_arena *arena, struct pfs_column *out,
                        struct pfs_err *err)
{
    const int32_t *value = in[0].offsets, *metadata = in[1].offsets;
    int32_t *offsets = pfs_arena_alloc(arena, ((size_t)slots + 1) * sizeof(*offsets));
    int64_t total = (int64_t)value[slots] - value[0] + metadata[slots] - metadata[0] + 4 * slots;
    uint8_t *values;

    assert(value != NULL);
    assert(metadata != NULL);
    if (total > INT32_MAX)
        return pfs_fail(err, E2BIG, "variants of %lld bytes in one batch", (long long)total);
    values = pfs_arena_alloc(arena, (size_t)total + PFS_PQ_PAD);
    if (offsets == NULL || values == NULL)
        return pfs_arena_full(arena, err);
    offsets[0] = 0;
    for (int64_t i = 0; i < slots; i++) {
        size_t a = (size_t)(value[i + 1] - value[i]), b = (size_t)(metadata[i + 1] - metadata[i]);
        uint8_t *to = values + offsets[i];

        offsets[i + 1] = offsets[i];
        if (!pfs_column_present(out, i))
            continue;
        pfs_put_le32(to, (uint32_t)a);
        memcpy(to + 4, (const uint8_t *)in[0].values + value[i], a);
        memcpy(to + 4 + a, (const uint8_t *)in[1].values + metadata[i], b);
        offsets[i + 1] += (int32_t)(4 + a + b);
    }
    out->offsets = offsets;
    out->values = values;
    return 0;
}

/* A ROW hands its slots on as they are, null ones too; a list hands on its items. */
int pfs_pq_part_make(const struct pfs_pq_part *part, int64_t slots, struct pfs_arena *arena, struct pfs_column *out,
                     struct pfs_err *err)
{
    struct pfs_column made = {.type = part->type}, variant[2];
    int64_t below = slots;

    if (part->form == PFS_PQ_PART_MISSING)
        return pfs_column_nulls(part->type, slots, arena, out, err);
    if (part->form == PFS_PQ_PART_LEAF) {
        PFS_TRY(make_leaf(part, slots, arena, &made, err));
        *out = made;
        return 0;
    }
    PFS_TRY(make_valid(part, slots, arena, &made.valid, err));
    if (part->form == PFS_PQ_PART_LIST) {
        PFS_TRY(make_offsets(part, slots, arena, &made.offsets, err));
        below = made.offsets[slots];
    }
    assert(part->form != PFS_PQ_PART_VARIANT || part->children == 2);
    made.children = pfs_arena_array(arena, (size_t)part->children, sizeof(*made.children));
    if (made.children == NULL)
        return pfs_arena_full(arena, err);
    for (int32_t i = 0; i < part->children; i++)
        PFS_TRY(pfs_pq_part_make(&part->child[i], below, arena, &made.children[i], err));
    if (part->form == PFS_PQ_PART_VARIANT) {
        memcpy(variant, made.children, sizeof(variant));
        made.children = NULL;
        PFS_TRY(join_variant(variant, slots, arena, &made, err));
    }
    *out = made;
    return 0;
}
