/* same.c - pairs of rows compared, one column of one type at a time: a byte a pair, which each column may clear.
 *
 * Fixed widths are compared as integers of that width, and so floating point by bits: what was stored otherwise has
 * changed. Texts and nested values are looked at only while the pair is still the same in all columns before.
 */
#include "src/scan/same.h"

#include <assert.h>
#include <string.h>

static void same_presence(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair,
                          int64_t count, bool *same)
{
    if (a->valid == NULL && b->valid == NULL)
        return;
    for (int64_t i = 0; i < count; i++)
        same[i] &= pfs_column_present(a, pair[i].a) == pfs_column_present(b, pair[i].b);
}

/* A null row's value means nothing: the loops below skip pairs whose left side is null. */
#define SAME_FIXED(name, ctype)                                                                           \
    static void name(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair, \
                     int64_t count, bool *same)                                                           \
    {                                                                                                     \
        const ctype *x = a->values, *y = b->values;                                                       \
                                                                                                          \
        for (int64_t i = 0; i < count; i++)                                                               \
            same[i] &= x[pair[i].a] == y[pair[i].b] || !pfs_column_present(a, pair[i].a);                 \
    }

SAME_FIXED(same_1, uint8_t)
SAME_FIXED(same_2, uint16_t)
SAME_FIXED(same_4, uint32_t)
SAME_FIXED(same_8, uint64_t)

static void same_16(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair, int64_t count,
                    bool *same)
{
    const uint8_t *x = a->values, *y = b->values;

    for (int64_t i = 0; i < count; i++)
        same[i] &= memcmp(x + (size_t)pair[i].a * 16, y + (size_t)pair[i].b * 16, 16) == 0 ||
                   !pfs_column_present(a, pair[i].a);
}

static void same_bytes(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair,
                       int64_t count, bool *same)
{
    for (int64_t i = 0; i < count; i++)
        if (same[i] && pfs_column_present(a, pair[i].a))
            same[i] = pfs_slice_eq(pfs_column_bytes(a, pair[i].a), pfs_column_bytes(b, pair[i].b));
}

static bool same_value(const struct pfs_column *a, int32_t row_a, const struct pfs_column *b, int32_t row_b)
{
    const struct pfs_pair pair = {row_a, row_b};
    bool same = true;

    pfs_column_same(a, b, &pair, 1, &same);
    return same;
}

/* Lists and maps: as many elements, and each the same. */
static void same_list(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair,
                      int64_t count, bool *same)
{
    int32_t children = a->type->kind == PFS_ARRAY ? 1 : 2;

    for (int64_t i = 0; i < count; i++) {
        int32_t from_a, from_b, len;

        if (!same[i] || !pfs_column_present(a, pair[i].a))
            continue;
        from_a = a->offsets[pair[i].a];
        from_b = b->offsets[pair[i].b];
        len = a->offsets[pair[i].a + 1] - from_a;
        same[i] = len == b->offsets[pair[i].b + 1] - from_b;
        for (int32_t k = 0; same[i] && k < len; k++)
            for (int32_t c = 0; same[i] && c < children; c++)
                same[i] = same_value(&a->children[c], from_a + k, &b->children[c], from_b + k);
    }
}

/* The fields of a null ROW mean nothing. */
static void same_row(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair, int64_t count,
                     bool *same)
{
    for (int64_t i = 0; i < count; i++)
        for (int32_t c = 0; same[i] && pfs_column_present(a, pair[i].a) && c < a->type->children; c++)
            same[i] = same_value(&a->children[c], pair[i].a, &b->children[c], pair[i].b);
}

void pfs_column_same(const struct pfs_column *a, const struct pfs_column *b, const struct pfs_pair *pair, int64_t count,
                     bool *same)
{
    enum pfs_kind kind = a->type->kind;

    assert(kind == b->type->kind); /* both sides are read by one schema */
    assert(pfs_type_width(a->type) == pfs_type_width(b->type));
    assert(count >= 0);
    same_presence(a, b, pair, count, same);
    if (kind == PFS_ROW) {
        same_row(a, b, pair, count, same);
    } else if (pfs_kind_is_nested(kind)) {
        same_list(a, b, pair, count, same);
    } else if (pfs_kind_is_bytes(kind)) {
        same_bytes(a, b, pair, count, same);
    } else {
        switch (pfs_type_width(a->type)) {
        case 1:
            same_1(a, b, pair, count, same);
            break;
        case 2:
            same_2(a, b, pair, count, same);
            break;
        case 4:
            same_4(a, b, pair, count, same);
            break;
        case 8:
            same_8(a, b, pair, count, same);
            break;
        default:
            same_16(a, b, pair, count, same);
            break;
        }
    }
}
