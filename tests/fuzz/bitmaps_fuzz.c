/* bitmaps_fuzz.c - CSV with bitmaps in its cells: the first byte chooses what is done, the second where the input is
 * cut in two. */
#include "fs/lines/bitmaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pfs_bitmaps_want wants[] = {
    {.verb = PFS_BITMAPS_CARDINALITY, .bitmap = "b"},
    {.verb = PFS_BITMAPS_UNION_COUNT, .bitmap = "b", .groups = "g"},
    {.verb = PFS_BITMAPS_UNION, .bitmap = "b", .groups = "g,h", .as = "c"},
    {.verb = PFS_BITMAPS_BUILD, .bitmap = "b", .groups = "g"},
    {.verb = PFS_BITMAPS_BUILD, .bitmap = "b", .wide = true},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_bitmaps *bitmaps;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    struct pfs_slice rest;
    size_t cut, consumed;

    if (size < 2)
        return 0;
    rest = pfs_slice_of(data + 2, size - 2);
    cut = data[1] < rest.len ? data[1] : rest.len;
    if (pfs_bitmaps_open(&wants[data[0] % 5], &bitmaps, &err) < 0)
        return 0;
    if (pfs_bitmaps_feed(bitmaps, pfs_slice_of(rest.at, cut), false, &out, &consumed, &err) == 0)
        (void)pfs_bitmaps_feed(bitmaps, pfs_slice_of(rest.at + consumed, rest.len - consumed), true, &out, &consumed,
                               &err);
    pfs_bitmaps_close(bitmaps);
    pfs_buf_done(&out);
    return 0;
}
