/* blob_fuzz.c - blob files: an answer or a sentence, values that are whole, and ranges that give the rows they name. */
#include <stdlib.h>

#include "format/blob.h"

static volatile uint64_t sink;

static int64_t read_all(struct pfs_file *file, const struct pfs_row_range *range, int32_t ranges, int32_t batch_rows)
{
    static const struct pfs_field field = {.name = "b", .type = {.kind = PFS_BLOB, .nullable = true}};
    const struct pfs_file_read read = {
        .columns = 1, .fields = &field, .range = range, .ranges = ranges, .batch_rows = batch_rows};
    struct pfs_reader *reader = NULL;
    struct pfs_arena arena = {0};
    struct pfs_batch batch;
    struct pfs_err err = {0};
    int64_t total = 0, rows = pfs_blob_open(file, &read, &reader, &err);

    while (rows == 0 && (rows = pfs_reader_next(reader, &arena, &batch, &err)) > 0) {
        for (int64_t i = 0; i < rows; i++) {
            struct pfs_slice v = pfs_column_bytes(&batch.column[0], i);

            for (size_t k = 0; k < v.len; k++)
                sink += v.at[k];
            if (!pfs_column_present(&batch.column[0], i) && v.len != 0)
                abort();
        }
        total += rows;
        rows = 0;
        pfs_arena_reset(&arena);
    }
    if (rows < 0 && (err.text[0] == '\0' || err.code != -rows))
        abort();
    pfs_reader_close(reader);
    pfs_arena_done(&arena);
    return rows < 0 ? rows : total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct pfs_row_range ranges[] = {{1, 3}, {5, 6}};
    struct pfs_store *store;
    struct pfs_file *file;

    if (pfs_store_open_memory(&store, NULL) < 0)
        return 0;
    if (pfs_store_create(store, "f", &file, NULL) == 0) {
        (void)pfs_file_append(file, data, size, NULL);
        pfs_file_close(file);
        if (pfs_store_open(store, "f", &file, NULL) == 0) {
            int64_t all = read_all(file, NULL, 0, 0), some = read_all(file, ranges, 2, 2);

            if (all >= 0 && some != (all > 3 ? 2 : all > 1 ? all - 1 : 0) + (all > 5))
                abort();
            pfs_file_close(file);
        }
    }
    pfs_store_close(store);
    return 0;
}
