/* sketch_fuzz.c - serialised bitmaps and sketches: the first byte chooses the function, the second says how many of the
 * rest, times 16, are the first value. A union is a value that unites with itself. */
#include <stdlib.h>

#include "format/sketch/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int union_fn(struct pfs_slice acc, struct pfs_slice in, struct pfs_arena *scratch, struct pfs_buf *out,
                     struct pfs_err *err);

static union_fn *const functions[] = {pfs_rbm32_union, pfs_rbm64_union, pfs_theta_union, pfs_hll_union};

/* Values that could be taken out of it go into it again. */
static void add_up(struct pfs_slice in, struct pfs_arena *arena)
{
    struct pfs_bitmap *bitmap, *again;
    struct pfs_buf bytes = {0};
    struct pfs_err err = {0};
    bool wide;

    if (pfs_bitmap_new(&bitmap, &err) < 0 || pfs_bitmap_new(&again, &err) < 0)
        abort();
    if (pfs_rbm_add_to(in, arena, bitmap, &wide, &err) == 0 && pfs_rbm64_print(bitmap, arena, &bytes, &err) == 0) {
        if ((pfs_rbm_add_to(pfs_buf_slice(&bytes), arena, again, &wide, &err) != 0 && err.code != ENOMEM) || !wide)
            abort();
        if (err.code == 0 && pfs_bitmap_count(again) != pfs_bitmap_count(bitmap))
            abort();
    }
    pfs_bitmap_free(bitmap);
    pfs_bitmap_free(again);
    pfs_buf_done(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_arena arena;
    struct pfs_buf once = {0}, twice = {0};
    struct pfs_err err = {0};
    union_fn *unite;
    size_t len;

    if (size < 2)
        return 0;
    unite = functions[data[0] % 4];
    len = (size_t)data[1] * 16 < size - 2 ? (size_t)data[1] * 16 : size - 2;
    pfs_arena_init(&arena, (size_t)256 << 20);
    if (unite(pfs_slice_of(data + 2, len), pfs_slice_of(data + 2 + len, size - 2 - len), &arena, &once, &err) == 0 &&
        unite(pfs_buf_slice(&once), pfs_buf_slice(&once), &arena, &twice, &err) != 0 && err.code != ENOMEM &&
        err.code != EOPNOTSUPP)
        abort();
    if (data[0] % 4 < 2)
        add_up(pfs_slice_of(data + 2, len), &arena);
    pfs_buf_done(&once);
    pfs_buf_done(&twice);
    pfs_arena_done(&arena);
    return 0;
}
