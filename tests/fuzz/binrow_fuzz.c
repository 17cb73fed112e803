/* binrow_fuzz.c - serialised rows: the first byte counts the fields, one byte each chooses their types, then the row.
 * What parses prints as a row that parses to the same bytes again. */
#include <stdlib.h>

#include "format/binrow.h"

#define FIELDS_MAX 70

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pfs_field text_field = {.name = "s", .type = {.kind = PFS_VARCHAR, .nullable = true, .length = 10}};
static struct pfs_field pair[] = {{.name = "key", .type = {.kind = PFS_INT}},
                                  {.name = "value", .type = {.kind = PFS_DECIMAL, .nullable = true, .precision = 38}}};
static struct pfs_field row_field = {.name = "element",
                                     .type = {.kind = PFS_ROW, .nullable = true, .children = 2, .child = pair}};

static const struct pfs_type kinds[] = {
    {.kind = PFS_BOOLEAN, .nullable = true},
    {.kind = PFS_TINYINT, .nullable = true},
    {.kind = PFS_SMALLINT, .nullable = true},
    {.kind = PFS_INT, .nullable = true},
    {.kind = PFS_BIGINT, .nullable = true},
    {.kind = PFS_FLOAT, .nullable = true},
    {.kind = PFS_DOUBLE, .nullable = true},
    {.kind = PFS_DECIMAL, .nullable = true, .precision = 10, .scale = 2},
    {.kind = PFS_DECIMAL, .nullable = true, .precision = 38, .scale = 10},
    {.kind = PFS_VARCHAR, .nullable = true, .length = PFS_LENGTH_MAX},
    {.kind = PFS_VARBINARY, .nullable = true, .length = PFS_LENGTH_MAX},
    {.kind = PFS_DATE, .nullable = true},
    {.kind = PFS_TIMESTAMP, .nullable = true, .precision = 3},
    {.kind = PFS_TIMESTAMP, .nullable = true, .precision = 6},
    {.kind = PFS_TIMESTAMP_LTZ, .nullable = true, .precision = 9},
    {.kind = PFS_VARIANT, .nullable = true},
    {.kind = PFS_ARRAY, .nullable = true, .children = 1, .child = &text_field},
    {.kind = PFS_MAP, .nullable = true, .children = 2, .child = pair},
    {.kind = PFS_MULTISET, .nullable = true, .children = 1, .child = &text_field},
    {.kind = PFS_ARRAY, .nullable = true, .children = 1, .child = &row_field},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pfs_type *types[FIELDS_MAX];
    struct pfs_column columns[FIELDS_MAX], again[FIELDS_MAX];
    const struct pfs_column *pointers[FIELDS_MAX];
    struct pfs_arena arena;
    struct pfs_buf first = {0}, second = {0};
    struct pfs_err err = {0};
    int32_t count, hash, hash_of_batch;

    if (size < 1)
        return 0;
    count = data[0] % (FIELDS_MAX + 1);
    if (size < 1 + (size_t)count)
        return 0;
    for (int32_t i = 0; i < count; i++) {
        types[i] = &kinds[data[1 + i] % (sizeof(kinds) / sizeof(kinds[0]))];
        pointers[i] = &columns[i];
    }
    pfs_arena_init(&arena, 64 << 20);
    if (pfs_binrow_parse(pfs_slice_of(data + 1 + count, size - 1 - (size_t)count), types, count, &arena, columns,
                         &err) == 0) {
        if (pfs_binrow_print(pointers, count, 0, true, &first, &err) != 0 ||
            pfs_binrow_parse(pfs_buf_slice(&first), types, count, &arena, again, &err) != 0 ||
            pfs_binrow_hash(pointers, count, 0, &second, &hash, &err) != 0 ||
            pfs_binrow_hash_batch(pointers, count, 1, &second, &hash_of_batch, &err) != 0 || hash != hash_of_batch)
            abort();
        for (int32_t i = 0; i < count; i++)
            pointers[i] = &again[i];
        pfs_buf_clear(&second);
        if (pfs_binrow_print(pointers, count, 0, true, &second, &err) != 0 ||
            !pfs_slice_eq(pfs_buf_slice(&first), pfs_buf_slice(&second)))
            abort();
    } else if (err.code == 0 || err.text[0] == '\0') {
        abort();
    }
    pfs_buf_done(&first);
    pfs_buf_done(&second);
    pfs_arena_done(&arena);
    return 0;
}
