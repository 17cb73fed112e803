/* fileindex_fuzz.c - index type, column type, operator, rows and a literal, then the index's own bytes (or, for index
 * type 7, a whole container). An answer or a sentence; an answer has rows of the file alone. */
#include <stdlib.h>

#include "format/fileindex/fileindex.h"

#define HEAD 14
#define BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"bloom-filter", "bitmap", "bsi", "range-bitmap"};

static const struct pfs_type kinds[] = {
    {.kind = PFS_INT, .nullable = true},
    {.kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX},
    {.kind = PFS_BIGINT, .nullable = true},
    {.kind = PFS_TINYINT, .nullable = true},
    {.kind = PFS_DOUBLE, .nullable = true},
    {.kind = PFS_FLOAT, .nullable = true},
    {.kind = PFS_SMALLINT, .nullable = true},
    {.kind = PFS_BOOLEAN, .nullable = true},
    {.kind = PFS_TIMESTAMP, .nullable = true, .precision = 9},
    {.kind = PFS_TIMESTAMP, .nullable = true, .precision = 3},
    {.kind = PFS_DECIMAL, .nullable = true, .precision = 10, .scale = 2},
    {.kind = PFS_VARBINARY, .nullable = true, .length = PFS_LENGTH_MAX},
    {.kind = PFS_DECIMAL, .nullable = true, .precision = 38, .scale = 2},
    {.kind = PFS_ARRAY, .nullable = true},
};

static void ask(const struct pfs_fileindex *index, const struct pfs_type *type, enum pfs_compare how, int64_t rows,
                const uint8_t *literal)
{
    _Alignas(16) uint8_t value[16] = {0};
    int32_t offsets[] = {0, (int32_t)(literal[0] % 9)};
    struct pfs_column one = {.type = type, .values = value, .offsets = offsets};
    enum pfs_index_answer answer;
    struct pfs_bitmap *some = NULL;
    struct pfs_err err = {0};
    uint64_t beyond;

    memcpy(value, literal, 8);
    if (type->kind == PFS_BOOLEAN)
        value[0] &= 1;
    if (pfs_fileindex_test(index, "a", type, how, &one, rows, &answer, &some, &err) < 0) {
        if (err.text[0] == '\0')
            abort();
    } else if (answer == PFS_INDEX_SOME) {
        if (pfs_bitmap_count(some) == 0 || pfs_bitmap_values(some, (uint64_t)rows, UINT64_MAX, &beyond, 1) != 0)
            abort();
    }
    pfs_bitmap_free(some);
}

static size_t container(unsigned which, const uint8_t *body, size_t size, uint8_t *out)
{
    static const uint8_t front[] = {0, 5, 0x4e, 0x4e, 0xd0, 0x1a, 0x35, 0xae, 0,   0, 0, 1, 0, 0,
                                    0, 0, 0,    0,    0,    1,    0,    1,    'a', 0, 0, 0, 1};
    size_t len = strlen(names[which]), at = sizeof(front);

    memcpy(out, front, at);
    out[at++] = 0;
    out[at++] = (uint8_t)len;
    memcpy(out + at, names[which], len);
    at += len;
    pfs_put_be32(out + at, (uint32_t)at + 12);
    pfs_put_be32(out + at + 4, (uint32_t)size);
    pfs_put_be32(out + at + 8, 0);
    memcpy(out + at + 12, body, size);
    return at + 12 + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pfs_type *type;
    struct pfs_fileindex *index = NULL;
    struct pfs_err err = {0};
    size_t body, len;
    uint8_t *bytes;

    if (size < HEAD || size > BYTES_MAX)
        return 0;
    type = &kinds[data[1] % (sizeof(kinds) / sizeof(kinds[0]))];
    body = size - HEAD;
    bytes = malloc(body + 100);
    if (data[0] == 7) {
        memcpy(bytes, data + HEAD, body);
        len = body;
    } else {
        len = container(data[0] % 4, data + HEAD, body, bytes);
    }
    bytes = realloc(bytes, len == 0 ? 1 : len);
    if (pfs_fileindex_parse(pfs_slice_of(bytes, len), &index, &err) < 0) {
        if (err.text[0] == '\0')
            abort();
    } else {
        ask(index, type, data[2] % 8, (int64_t)data[3] << 8 | data[4], data + 6);
    }
    pfs_fileindex_close(index);
    free(bytes);
    return 0;
}
