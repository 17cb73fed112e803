/* kinds.c - two letters a row, in one run of bytes. */
#include "src/scan/kinds.h"

#include <assert.h>
#include <string.h>

const struct pfs_field pfs_kind_field = {
    .id = -1, .name = "_kind", .type = {.kind = PFS_VARCHAR, .length = PFS_LENGTH_MAX}};

int pfs_kinds_print(const int8_t *kind, int64_t rows, struct pfs_arena *arena, struct pfs_column *out,
                    struct pfs_err *err)
{
    static const char names[] = "+I-U+U-D"; /* by code */
    int32_t *offsets = pfs_arena_array(arena, (size_t)rows + 1, sizeof(*offsets));
    char *text = pfs_arena_alloc(arena, (size_t)rows * 2);
    uint8_t codes = 0;

    assert(rows <= INT32_MAX / 2); /* offsets are of 32 bits */
    if (offsets == NULL || text == NULL)
        return pfs_arena_full(arena, err);
    for (int64_t i = 0; i < rows; i++)
        codes |= (uint8_t)kind[i]; /* 0 to 3 are all numbers of two bits: any other one sets a higher bit */
    if (codes > 3)
        return pfs_fail(err, EIO, "a row has a kind that is none");
    for (int64_t i = 0; i < rows; i++) {
        memcpy(text + i * 2, names + kind[i] * 2, 2);
        offsets[i + 1] = (int32_t)(i + 1) * 2;
    }
    *out = (struct pfs_column){.type = &pfs_kind_field.type, .offsets = offsets, .values = text};
    return 0;
}
