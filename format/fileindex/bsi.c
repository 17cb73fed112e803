/* bsi.c - the bit-sliced index: 1 | i32 rows | has values from 0 up [slices] | has values below 0 [slices of their
 * absolute values]. Slices: 1 | i64 least | i64 greatest | rows that have one | i32 count | a bitmap a bit of (value -
 * least), lowest bit first.
 *
 * Values below 0 are kept by their absolute value, so what compares as less there is greater here: questions are
 * mirrored. A row is in one half at most; one that is in none is null. */
#include <assert.h>

#include "format/fileindex/index.h"

struct half {
    struct pfs_slices slices;
    uint64_t least;
    bool there;
};

static int take_bitmap(struct pfs_cursor *c, struct pfs_bitmap **out, struct pfs_err *err)
{
    size_t used;

    assert(*out == NULL);
    if (c->bad)
        return pfs_index_damaged(err, "bit slices are cut off");
    PFS_TRY(pfs_bitmap_parse32(pfs_slice_of(c->in.at + c->pos, pfs_left(c)), &used, out, err));
    (void)pfs_skip(c, used);
    return 0;
}

/* On failure what was read is in `half`, for the caller to free. */
static int take_half(struct pfs_cursor *c, struct half *half, struct pfs_err *err)
{
    uint32_t count;

    half->there = pfs_take_u8(c) != 0;
    if (!half->there)
        return 0;
    if (pfs_take_u8(c) != 1)
        return pfs_index_damaged(err, "bit slices are of an unknown version");
    half->least = pfs_take_be64(c);
    (void)pfs_take_be64(c);
    PFS_TRY(take_bitmap(c, &half->slices.exists, err));
    count = pfs_take_be32(c);
    if (c->bad || count > PFS_SLICES_MAX)
        return pfs_index_damaged(err, "bit slices are too many");
    for (uint32_t i = 0; i < count; i++) {
        PFS_TRY(take_bitmap(c, &half->slices.slice[i], err));
        half->slices.count++; /* with each one: so many are freed after a failure */
    }
    return 0;
}

/* Adds to `to` the rows of the half whose (absolute) value compares so with `number`. Slices are of what a value lies
 * above the least one: below that no slice has to be looked at. */
static int add(const struct half *half, enum pfs_compare how, uint64_t number, struct pfs_bitmap *to,
               struct pfs_err *err)
{
    PFS_AUTO(bitmap) some = NULL;

    assert(how <= PFS_GE && how != PFS_NE);
    if (!half->there)
        return 0;
    if (number < half->least)
        return how == PFS_GT || how == PFS_GE ? pfs_bitmap_or(to, half->slices.exists, err) : 0;
    PFS_TRY(pfs_slices_compare(&half->slices, how, number - half->least, &some, err));
    return pfs_bitmap_or(to, some, err);
}

static int add_all(const struct half *half, struct pfs_bitmap *to, struct pfs_err *err)
{
    return half->there ? pfs_bitmap_or(to, half->slices.exists, err) : 0;
}

static enum pfs_compare mirror(enum pfs_compare how)
{
    return how == PFS_LT ? PFS_GT : how == PFS_LE ? PFS_GE : how == PFS_GT ? PFS_LT : how == PFS_GE ? PFS_LE : how;
}

/* One half is asked; the other one lies below or above the number as a whole. */
static int compare(const struct half *positive, const struct half *negative, enum pfs_compare how, int64_t number,
                   struct pfs_bitmap *to, struct pfs_err *err)
{
    bool below = how == PFS_LT || how == PFS_LE, above = how == PFS_GT || how == PFS_GE;

    assert(how <= PFS_GE && how != PFS_NE);
    if (number >= 0) {
        PFS_TRY(below ? add_all(negative, to, err) : 0);
        return add(positive, how, (uint64_t)number, to, err);
    }
    PFS_TRY(above ? add_all(positive, to, err) : 0);
    return add(negative, mirror(how), 0 - (uint64_t)number, to, err);
}

/* What is no comparison with a number is answered by existence: null is who is in neither half. */
static int answer(const struct pfs_probe *probe, const struct half *positive, const struct half *negative,
                  struct pfs_bitmap *to, struct pfs_err *err)
{
    PFS_AUTO(bitmap) not_them = NULL;

    if (probe->how == PFS_NE || probe->how == PFS_IS_NULL || probe->how == PFS_IS_NOT_NULL) {
        PFS_TRY(add_all(positive, to, err));
        PFS_TRY(add_all(negative, to, err));
        if (probe->how == PFS_IS_NULL)
            return pfs_bitmap_flip(to, (uint64_t)probe->rows, err);
        if (probe->how == PFS_IS_NOT_NULL)
            return 0;
        PFS_TRY(pfs_bitmap_new(&not_them, err));
        PFS_TRY(compare(positive, negative, PFS_EQ, probe->key.number, not_them, err));
        return pfs_bitmap_andnot(to, not_them, err);
    }
    return compare(positive, negative, probe->how, probe->key.number, to, err);
}

int pfs_bsi_ask(const struct pfs_probe *probe, struct pfs_index_rows *out, struct pfs_err *err)
{
    struct pfs_cursor c = pfs_cursor_of(probe->index);
    struct half positive = {0}, negative = {0};
    struct pfs_bitmap *some = NULL;
    int version = pfs_take_u8(&c), rc = 0;
    uint32_t rows = pfs_take_be32(&c);

    out->answer = PFS_INDEX_ALL;
    if (version != 1 || probe->form.floating || probe->form.width == 0 || probe->type->kind == PFS_BOOLEAN)
        return 0;
    if (c.bad || (int64_t)rows != probe->rows)
        return pfs_index_damaged(err, "bit slices are of another number of rows");
    rc = take_half(&c, &positive, err);
    if (rc == 0)
        rc = take_half(&c, &negative, err);
    if (rc == 0 && c.bad)
        rc = pfs_index_damaged(err, "bit slices are cut off");
    if (rc == 0)
        rc = pfs_bitmap_new(&some, err);
    if (rc == 0)
        rc = answer(probe, &positive, &negative, some, err);
    if (rc == 0) {
        *out = (struct pfs_index_rows){PFS_INDEX_SOME, some};
        some = NULL;
    }
    pfs_bitmap_free(some);
    pfs_slices_done(&positive.slices);
    pfs_slices_done(&negative.slices);
    return rc;
}
