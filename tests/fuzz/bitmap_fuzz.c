/* bitmap_fuzz.c - portable bitmaps: the first byte says 32 or 64 bits. What parses prints as what parses to the same
 * values, and the set operations agree with each other. */
#include <stdlib.h>

#include "format/bitmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool right)
{
    if (!right)
        abort();
}

/* Values a and b have in common, counted by walking a. */
static uint64_t common(const struct pfs_bitmap *a, const struct pfs_bitmap *b)
{
    uint64_t some[512], from = 0, sum = 0;
    int64_t n;

    while ((n = pfs_bitmap_values(a, from, UINT64_MAX, some, 512)) > 0) {
        for (int64_t i = 0; i < n; i++) {
            check(some[i] >= from && (i == 0 || some[i] > some[i - 1]));
            sum += pfs_bitmap_has(b, some[i]) ? 1 : 0;
        }
        from = some[n - 1] + 1;
    }
    return sum;
}

static void combine(struct pfs_bitmap *b)
{
    static const uint64_t rows = 100000;
    uint64_t count = pfs_bitmap_count(b), below[1];
    struct pfs_bitmap *other = NULL;

    check(pfs_bitmap_new(&other, NULL) == 0);
    check(pfs_bitmap_or(other, b, NULL) == 0 && pfs_bitmap_count(other) == count);
    check(pfs_bitmap_flip(other, rows, NULL) == 0);
    check(pfs_bitmap_values(other, rows, UINT64_MAX, below, 1) == 0);
    check(common(other, b) == 0);
    check(pfs_bitmap_and(other, b, NULL) == 0 && pfs_bitmap_count(other) == 0);
    check(pfs_bitmap_or(other, b, NULL) == 0 && pfs_bitmap_andnot(b, other, NULL) == 0);
    check(pfs_bitmap_count(b) == 0);
    pfs_bitmap_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_bitmap *b = NULL, *again = NULL;
    struct pfs_buf out = {0};
    struct pfs_err err = {0};
    size_t used = 0;
    bool wide;
    int rc;

    if (size < 1)
        return 0;
    wide = (data[0] & 1) != 0;
    rc = wide ? pfs_bitmap_parse64(pfs_slice_of(data + 1, size - 1), &used, &b, &err)
              : pfs_bitmap_parse32(pfs_slice_of(data + 1, size - 1), &used, &b, &err);
    if (rc < 0) {
        check(err.text[0] != '\0');
        return 0;
    }
    check(used <= size - 1);
    check((wide ? pfs_bitmap_print64(b, &out, NULL) : pfs_bitmap_print32(b, &out, NULL)) == 0);
    check((wide ? pfs_bitmap_parse64(pfs_buf_slice(&out), NULL, &again, NULL)
                : pfs_bitmap_parse32(pfs_buf_slice(&out), NULL, &again, NULL)) == 0);
    check(pfs_bitmap_count(b) == pfs_bitmap_count(again));
    if (pfs_bitmap_count(b) < 200000)
        check(common(b, again) == pfs_bitmap_count(b));
    combine(again);
    pfs_bitmap_free(b);
    pfs_bitmap_free(again);
    pfs_buf_done(&out);
    return 0;
}
