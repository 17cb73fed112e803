/* slices.c - comparing bit-sliced numbers with a constant, from the highest bit down: rows that were equal so far leave
 * the race at the first bit in which they differ. */
#include <assert.h>

#include "format/fileindex/index.h"

void pfs_slices_done(struct pfs_slices *slices)
{
    pfs_bitmap_free(slices->exists);
    for (int32_t i = 0; i < slices->count; i++)
        pfs_bitmap_free(slices->slice[i]);
    *slices = (struct pfs_slices){0};
}

int pfs_bitmap_copy(const struct pfs_bitmap *in, struct pfs_bitmap **out, struct pfs_err *err)
{
    PFS_AUTO(bitmap) copy = NULL;

    PFS_TRY(pfs_bitmap_new(&copy, err));
    PFS_TRY(pfs_bitmap_or(copy, in, err));
    *out = copy;
    copy = NULL;
    return 0;
}

/* One bit of the constant: `equal` loses the rows that differ here, `apart` gets them when they fall on its side. */
static int step(const struct pfs_bitmap *slice, bool bit, bool below, struct pfs_bitmap *equal,
                struct pfs_bitmap *apart, struct pfs_err *err)
{
    PFS_AUTO(bitmap) leave = NULL;

    assert(slice != NULL);
    PFS_TRY(pfs_bitmap_copy(equal, &leave, err));
    if (bit) {
        PFS_TRY(pfs_bitmap_andnot(leave, slice, err)); /* 0 where the constant has 1: below */
        PFS_TRY(pfs_bitmap_and(equal, slice, err));
    } else {
        PFS_TRY(pfs_bitmap_and(leave, slice, err)); /* 1 where it has 0: above */
        PFS_TRY(pfs_bitmap_andnot(equal, slice, err));
    }
    return bit == below ? pfs_bitmap_or(apart, leave, err) : 0;
}

int pfs_slices_compare(const struct pfs_slices *slices, enum pfs_compare how, uint64_t number, struct pfs_bitmap **out,
                       struct pfs_err *err)
{
    bool below = how == PFS_LT || how == PFS_LE, above = how == PFS_GT || how == PFS_GE;
    PFS_AUTO(bitmap) equal = NULL;
    PFS_AUTO(bitmap) apart = NULL;

    assert(how <= PFS_GE && how != PFS_NE);
    assert(slices->exists != NULL);
    assert(slices->count >= 0 && slices->count <= PFS_SLICES_MAX);
    PFS_TRY(pfs_bitmap_new(&apart, err));
    if (slices->count < 64 && number >> slices->count != 0) { /* above all of them */
        PFS_TRY(below ? pfs_bitmap_or(apart, slices->exists, err) : 0);
        *out = apart;
        apart = NULL;
        return 0;
    }
    PFS_TRY(pfs_bitmap_copy(slices->exists, &equal, err));
    for (int32_t i = slices->count - 1; i >= 0; i--) {
        bool bit = (number >> i & 1) != 0;

        if (below || above)
            PFS_TRY(step(slices->slice[i], bit, below, equal, apart, err));
        else
            PFS_TRY(bit ? pfs_bitmap_and(equal, slices->slice[i], err)
                        : pfs_bitmap_andnot(equal, slices->slice[i], err));
    }
    if (how != PFS_LT && how != PFS_GT)
        PFS_TRY(pfs_bitmap_or(apart, equal, err));
    *out = apart;
    apart = NULL;
    return 0;
}
